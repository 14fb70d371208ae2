//! Bulk files and their checksums.

use crate::web::{Reply, Web, serve};
use crate::{interval, symbol, venue};
use sha2::{Digest, Sha256};
use sigc_live::net::archive::{ArchiveError, Archives};
use sigc_live::net::http::Http;
use sigc_live::pace::Pace;
use sigc_market::{Bar, Field, Ts};
use sigc_runtime::venue::ArchiveSpan;
use std::io::Write;
use std::sync::Arc;
use tempfile::TempDir;

/// 2025-12-25T00:00:00Z.
const DAY: i64 = 1_766_620_800_000;
const HOUR: i64 = 3_600_000;
const PATH: &str = "/data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-12-25.zip";

/// Rows of hours as the venue writes them.
fn rows(hours: impl Iterator<Item = i64>, unit: i64) -> String {
    hours
        .map(|h| {
            let open = (DAY + h * HOUR) * unit;
            format!("{open},1.5,2,1,1.5,{},{},15,3,1,2,0\n", h.abs(), open + HOUR * unit - 1)
        })
        .collect()
}

fn zip(csv: &str) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    out.start_file("BTCUSDT-1h-2025-12-25.csv", zip::write::SimpleFileOptions::default()).expect("a file");
    out.write_all(csv.as_bytes()).expect("a vector takes every byte");
    out.finish().expect("a zip").into_inner()
}

fn checksum(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    format!("{hex}  BTCUSDT-1h-2025-12-25.zip\n")
}

/// A server with this file, under this checksum.
async fn server(zip: Vec<u8>, checksum: String) -> Web {
    let reply = move |path: &str| -> Reply {
        match path.strip_prefix(PATH) {
            Some("") => (200, vec![], zip.clone()),
            Some(".CHECKSUM") => (200, vec![], checksum.clone().into_bytes()),
            _ => (404, vec![], b"<Error><Code>NoSuchKey</Code></Error>".to_vec()),
        }
    };
    serve(reply).await
}

fn archives(web: &Web) -> (TempDir, Archives) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let archives = Archives::new(&web.base, folder.path(), Arc::new(Http::new(Pace::REAL)));
    (folder, archives)
}

async fn day(archives: &Archives) -> Result<Option<Vec<Bar>>, ArchiveError> {
    let span = ArchiveSpan::Day(Ts(DAY));
    archives.bars(venue("data.binance_futures"), &symbol("BTCUSDT"), interval("1h"), span).await
}

#[tokio::test]
async fn a_day_is_read_with_and_without_a_header_in_either_unit() {
    let header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n";
    for (head, unit) in [("", 1), (header, 1), ("", 1_000)] {
        let zip = zip(&format!("{head}{}", rows(0..24, unit)));
        let web = server(zip.clone(), checksum(&zip)).await;
        let (_folder, archives) = archives(&web);
        let bars = day(&archives).await.expect("sound").expect("there");
        assert_eq!((bars.len(), bars[0].open_time, bars[23].open_time), (24, Ts(DAY), Ts(DAY + 23 * HOUR)));
        let last = &bars[23];
        assert_eq!(
            (last.get(Field::Volume), last.get(Field::Trades), last.get(Field::TakerBuyQuoteVolume)),
            (23.0, 3.0, 2.0)
        );
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_no_error() {
    let web = serve(|_| (404, vec![], vec![])).await;
    let (_folder, archives) = archives(&web);
    assert!(day(&archives).await.expect("no error").is_none());
    let span = ArchiveSpan::Day(Ts(DAY));
    let bybit = archives.bars(venue("data.bybit_linear"), &symbol("BTCUSDT"), interval("1h"), span).await;
    assert!(bybit.expect("no error").is_none());
}

#[tokio::test]
async fn files_that_must_not_be_used_are_errors() {
    let sound = zip(&rows(0..24, 1));
    let web = server(sound.clone(), checksum(b"another file")).await;
    let (folder, archives_here) = archives(&web);
    let e = day(&archives_here).await.expect_err("another file");
    assert!(matches!(e, ArchiveError::Checksum { .. }), "{e}");
    assert!(std::fs::read_dir(folder.path()).expect("a folder").next().is_none(), "nothing was kept");

    for text in ["", "not a checksum", "<html>"] {
        let web = server(sound.clone(), text.to_owned()).await;
        let e = day(&archives(&web).1).await.expect_err("no checksum");
        assert!(matches!(e, ArchiveError::NoChecksum(_)), "{e}");
    }
    let half = sound[..sound.len() / 2].to_vec();
    for (bytes, reason) in [
        (half, ""),
        (zip(""), "empty"),
        (zip(&rows(-1..23, 1)), "1 of 24 rows are outside"),
        (zip(&rows(20..26, 1)), "2 of 6 rows are outside"),
        (zip(&rows(0..24, 1).replace("1.5", "nan")), "nan"),
        (zip(&rows(0..24, 1).replace(&DAY.to_string(), &(DAY + 14_788).to_string())), "no 1h bar opens then"),
    ] {
        let web = server(bytes.clone(), checksum(&bytes)).await;
        let e = day(&archives(&web).1).await.expect_err(reason);
        assert!(matches!(e, ArchiveError::Corrupt { .. }) && e.to_string().contains(reason), "{e}");
    }
    let web = serve(|_| (503, vec![], vec![])).await;
    assert!(matches!(day(&archives(&web).1).await, Err(ArchiveError::Status(503))));
    let sum = checksum(&sound);
    let large = serve(move |path| match path.ends_with("CHECKSUM") {
        true => (200, vec![], sum.clone().into_bytes()),
        false => (200, vec![], vec![0; sigc_live::net::archive::MAX_ZIP + 1]),
    })
    .await;
    let e = day(&archives(&large).1).await.expect_err("too large");
    assert_eq!(e.to_string(), "the answer is larger than 64 MiB");
}

#[tokio::test]
async fn a_kept_file_is_used_as_long_as_its_checksum_holds() {
    let zip = zip(&rows(0..24, 1));
    let web = server(zip.clone(), checksum(&zip)).await;
    let (folder, archives) = archives(&web);
    for _ in 0..2 {
        assert_eq!(day(&archives).await.expect("sound").map(|b| b.len()), Some(24));
    }
    let asked = |web: &Web| web.paths().iter().filter(|p| p.ends_with(".zip")).count();
    assert_eq!(asked(&web), 1);
    // Damaged on disk: fetched again.
    let kept = folder.path().join(&PATH[1..]);
    std::fs::write(&kept, b"damaged").expect("writable");
    assert_eq!(day(&archives).await.expect("sound").map(|b| b.len()), Some(24));
    assert_eq!((asked(&web), std::fs::read(&kept).expect("kept") == zip), (2, true));
    // No part files are left.
    let names = std::fs::read_dir(kept.parent().expect("a folder")).expect("a folder").count();
    assert_eq!(names, 1);
}
