//! Archives and their listing.

use crate::support::{DAY, HOUR, btc, config, get, http, interval, start};
use sha2::{Digest, Sha256};
use sigc_connectors::bars::{ReadOptions, read_bars};
use sigc_market::{Bar, Ts};
use sigc_sim::{Config, Entry, Fault, Running};
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// A file and its status.
async fn fetch(exchange: &Running, path: &str) -> (u16, Vec<u8>) {
    let answer = http().get(format!("{}{path}", exchange.bulk())).send().await.expect("an answer");
    (answer.status().as_u16(), answer.bytes().await.expect("a body").to_vec())
}

/// The one file within an archive.
fn unzip(bytes: Vec<u8>) -> (String, String) {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    assert_eq!(zip.len(), 1);
    let mut file = zip.by_index(0).expect("a file");
    let mut text = String::new();
    file.read_to_string(&mut text).expect("text");
    (file.name().expect("text").into_owned(), text)
}

/// The bars of an archive's lines, with the unit of its times as a divisor.
fn bars(text: &str, unit: i64) -> Vec<Bar> {
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), 12, "{line}");
        let number = |i: usize| cells[i].parse::<f64>().expect("a number");
        let values = [1, 2, 3, 4, 5, 7, 8, 9, 10].map(number);
        Bar { open_time: Ts(cells[0].parse::<i64>().expect("a time") / unit), values }
    };
    text.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())).map(line).collect()
}

/// A Monday at noon; the files of the Sunday before are there, those of the Monday are not.
fn noon() -> Config {
    let mut config = config(1.0);
    config.start = Ts(config.start.0 + DAY / 2);
    config
}

const SUNDAY: &str = "data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2026-01-04.zip";
const SPOT_SUNDAY: &str = "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2026-01-04.zip";

#[tokio::test]
async fn a_day_is_the_truth_and_fits_its_checksum() {
    let exchange = start(noon()).await;
    let monday = exchange.clock().start().0 - DAY / 2;
    let (status, bytes) = fetch(&exchange, SUNDAY).await;
    assert_eq!(status, 200);
    let (_, line) = fetch(&exchange, &format!("{SUNDAY}.CHECKSUM")).await;
    let sum: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(String::from_utf8(line).expect("text"), format!("{sum}  BTCUSDT-1h-2026-01-04.zip\n"));
    let archive = bytes.clone();
    let (name, text) = unzip(bytes);
    assert_eq!(name, "BTCUSDT-1h-2026-01-04.csv");
    assert!(text.starts_with("open_time,open,high,low,close,volume,close_time,quote_volume,count,"));
    let truth = exchange.truth(&btc(), interval("1h"), Ts(monday - DAY), Ts(monday));
    assert_eq!(bars(&text, 1), truth);
    // The reader behind `sigc backfill --bars` takes the archive as it is.
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(name.replace(".csv", ".zip")), archive).expect("written");
    let read = read_bars(folder.path(), &ReadOptions::all(interval("1h")), &mut |_| {}).expect("an archive");
    assert_eq!(read[0].bars, truth);
    exchange.stop().await;
}

#[tokio::test]
async fn spot_has_no_header_and_microseconds() {
    let exchange = start(noon()).await;
    let monday = exchange.clock().start().0 - DAY / 2;
    let (_, text) = unzip(fetch(&exchange, SPOT_SUNDAY).await.1);
    assert_eq!(bars(&text, 1_000), exchange.truth(&btc(), interval("1m"), Ts(monday - DAY), Ts(monday)));
    let first: Vec<&str> = text.lines().next().expect("a line").split(',').collect();
    assert_eq!((first[0].len(), &first[6][10..]), (16, "999999"));
    exchange.stop().await;
}

#[tokio::test]
async fn files_appear_in_the_morning() {
    let exchange = start(noon()).await;
    for (path, status) in [
        ("data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2026-01-05.zip", 404),
        ("data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-12-30.zip", 404),
        ("data/futures/um/daily/klines/NOPE/1h/NOPE-1h-2026-01-04.zip", 404),
        ("data/futures/um/daily/klines/BTCUSDT/1w/BTCUSDT-1w-2026-01-04.zip", 404),
        ("data/futures/um/daily/klines/BTCUSDT/1d/BTCUSDT-1d-2026-01-04.zip", 200),
        // The first Monday of January is this day.
        ("data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2025-12.zip", 404),
    ] {
        assert_eq!(fetch(&exchange, path).await.0, status, "{path}");
    }
    exchange.stop().await;
    let early = start(Config { start: Ts(noon().start.0 - 4 * HOUR), ..noon() }).await;
    assert_eq!(fetch(&early, SUNDAY).await.0, 404, "eight in the morning");
    early.stop().await;
    let long = Config { history_from: Some(Ts(noon().start.0 - 40 * DAY)), ..noon() };
    let exchange = start(long).await;
    let month = "data/futures/um/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-2025-12.zip";
    assert_eq!(bars(&unzip(fetch(&exchange, month).await.1).1, 1).len(), 31);
    exchange.stop().await;
}

#[tokio::test]
async fn faults_of_archives() {
    let exchange = start(noon()).await;
    exchange.inject(Entry::from(Fault::MissingZip { day: "2026-01-04".to_owned() }).of([btc()]));
    assert_eq!(fetch(&exchange, SUNDAY).await.0, 404);
    assert_eq!(fetch(&exchange, &SUNDAY.replace("01-04", "01-03")).await.0, 200);
    assert_eq!(fetch(&exchange, &SUNDAY.replace("BTC", "ETH")).await.0, 200);
    exchange.clear_all();

    exchange.inject(Fault::BadChecksum);
    let sum: String = Sha256::digest(fetch(&exchange, SUNDAY).await.1).iter().map(|b| format!("{b:02x}")).collect();
    let line = fetch(&exchange, &format!("{SUNDAY}.CHECKSUM")).await.1;
    assert!(!line.starts_with(sum.as_bytes()));
    exchange.clear_all();

    exchange.inject(Fault::NoHeader);
    exchange.inject(Fault::UsTimestamps);
    let (_, text) = unzip(fetch(&exchange, SUNDAY).await.1);
    assert_eq!(text.lines().next().map(|l| l.find(',')), Some(Some(16)));
    exchange.stop().await;
}

#[tokio::test]
async fn listings_have_folders_pages_and_files() {
    let exchange = start(noon()).await;
    let list = async |query: &str| -> String {
        let (status, body) = get(&format!("{}?delimiter=/&{query}", exchange.bulk_listing())).await;
        assert_eq!(status, 200);
        body.as_str().expect("text").to_owned()
    };
    let tags = |text: &str, tag: &str| -> Vec<String> {
        let open = format!("<{tag}>");
        text.split(&open).skip(1).filter_map(|part| part.split('<').next().map(str::to_owned)).collect()
    };
    let symbols = list("prefix=data/spot/daily/klines/").await;
    assert_eq!(tags(&symbols, "Prefix")[1..], ["data/spot/daily/klines/BTCUSDT/", "data/spot/daily/klines/ETHUSDT/"]);
    let folder = "data/futures/um/daily/klines/BTCUSDT/1h/";
    let all = list(&format!("prefix={folder}")).await;
    let keys = tags(&all, "Key");
    // Half a day of the first of January's neighbour, and every day up to Sunday.
    assert_eq!(
        keys.last().map(String::as_str),
        Some("data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2026-01-04.zip.CHECKSUM")
    );
    assert_eq!(tags(&all, "IsTruncated"), ["false"]);
    assert!(keys.len() >= 6 && keys.is_sorted());
    let (mut paged, mut marker) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("prefix={folder}&max-keys=3&marker={marker}")).await;
        paged.extend(tags(&page, "Key"));
        match tags(&page, "NextMarker").pop() {
            Some(next) => marker = next,
            None => break,
        }
    }
    assert_eq!(paged, keys);
    for key in keys.iter().filter(|k| k.ends_with(".zip")) {
        assert_eq!(fetch(&exchange, key).await.0, 200, "{key}");
    }
    exchange.stop().await;
}
