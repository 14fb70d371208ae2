//! Rows per second of the sinks for files, synced after every batch or not. Printed, not judged.

use crate::jsonl::{row, schema};
use sigc_connectors::sinks::csv_append::{CsvAppend, DedupColumn};
use sigc_connectors::sinks::jsonl::Jsonl;
use sigc_connectors::sinks::parquet::{ParquetParts, Roll};
use sigc_runtime::{Record, Sink};
use std::path::Path;
use std::time::Instant;

const KEY: [DedupColumn; 2] = [DedupColumn::Ts, DedupColumn::Symbol];

fn sinks(folder: &Path, name: &str) -> [Box<dyn Sink>; 3] {
    let roll = Roll { rows: 50_000, minutes: 100_000 };
    let path = |kind: &str| folder.join(format!("{name}.{kind}"));
    [
        Box::new(CsvAppend::open(&path("csv"), &schema(), &KEY).expect("a new file")),
        Box::new(Jsonl::open(&path("jsonl"), &schema(), &KEY).expect("a new file")),
        Box::new(ParquetParts::open(&path("parts"), &schema(), roll).expect("a new folder").0),
    ]
}

#[test]
#[ignore = "measures"]
#[expect(clippy::print_stderr, reason = "what it is for")]
fn speed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (size, n) in [(1_usize, 2_000_i64), (100, 50_000), (1_000, 100_000)] {
        let rows: Vec<Record> = (0..n / 2).flat_map(|i| [row(i, "BTCUSDT"), row(i, "ETHUSDT")]).collect();
        for sync in [true, false] {
            for mut sink in sinks(folder.path(), &format!("{size}-{sync}")) {
                let begun = Instant::now();
                for batch in rows.chunks(size) {
                    sink.write(batch).expect("room");
                    if sync {
                        sink.flush().expect("durable");
                    }
                }
                let name = sink.describe().split(' ').next().unwrap_or_default().to_owned();
                sink.close().expect("closes");
                let speed = n as f64 / begun.elapsed().as_secs_f64();
                eprintln!("{name}, batches of {size}, synced {sync}: {speed:.0} rows/s");
            }
        }
    }
}
