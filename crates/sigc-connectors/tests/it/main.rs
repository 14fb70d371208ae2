//! Bar files to bars, rows to files, messages of venues to bars.

mod bars_checks;
mod bars_formats;
mod bars_real;
mod broken_bytes;
mod csv_append;
mod generated;
mod jsonl;
mod parquet_parts;
mod tables;
mod venue_answers;
mod venue_captures;
mod venue_frames;
mod venue_hostile;
mod venue_requests;

use sigc_connectors::bars::{BarsError, ReadOptions, SymbolBars, read_bars};
use sigc_market::{Interval, Symbol};
use sigc_runtime::venue::Venue;
use std::path::{Path, PathBuf};

fn interval(text: &str) -> Interval {
    Interval::parse(text).expect("tests name intervals that exist")
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).expect("tests name symbols that can exist")
}

/// Reads everything there is.
fn read(path: &Path, every: &str) -> Result<Vec<SymbolBars>, BarsError> {
    read_bars(path, &ReadOptions::all(interval(every)), &mut |_| {})
}

/// Reads these symbols.
fn read_some(path: &Path, every: &str, symbols: &[&str]) -> Result<Vec<SymbolBars>, BarsError> {
    let symbols: Vec<Symbol> = symbols.iter().map(|s| symbol(s)).collect();
    let opts = ReadOptions { symbols: Some(&symbols), ..ReadOptions::all(interval(every)) };
    read_bars(path, &opts, &mut |_| {})
}

/// A venue by the name of its data step.
fn venue(name: &str) -> &'static dyn Venue {
    sigc_connectors::venue(name).expect("tests name venues that exist")
}

const FUTURES: &str = "data.binance_futures";
const SPOT: &str = "data.binance_spot";
const LINEAR: &str = "data.bybit_linear";
const BYBIT_SPOT: &str = "data.bybit_spot";

/// A file in a folder of its own, which goes away with the guard.
fn file(name: &str, content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a small file");
    (folder, path)
}

/// Recorded bars, where the workspace has them beside it.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if !path.exists() {
        #[expect(clippy::print_stderr, reason = "says why a test had nothing to do")]
        {
            eprintln!("left out: no {}", path.display());
        }
        return None;
    }
    Some(path)
}
