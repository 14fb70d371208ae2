//! Bars from files.
//!
//! Takes a path, a file or a folder of csv, csv.gz, zip (one csv inside) and parquet files; gives the bars of each
//! symbol, sorted and unique. Stays true: whatever is returned keeps every rule of a bar, lies on the grid of the
//! interval, and anything doubtful in a file is an error that names the line, never a silent repair.
//!
//! * Needed columns: `open_time`, `open`, `high`, `low`, `close`, `volume`; further ones where they are there:
//!   `quote_volume`, `trades`, `taker_buy_volume`, `taker_buy_quote_volume`, under the names exchanges give them. A csv
//!   without a header is read if it has the twelve columns of a Binance kline archive.
//! * The symbol comes from a `symbol` column or the file name (`BTCUSDT-1m-2024-01.zip`). Files of one symbol are
//!   joined; equal rows where they overlap are merged.
//! * An **empty cell** (in parquet a null) is a null and is counted in a note; `nan` and the like spelled out are errors.
//! * Missing bars are not errors: a note counts them. What they mean is the pipeline's gap policy.
//! * Rows of symbols that were not asked for are not looked at.

mod coarsen;
mod collect;
mod columns;
mod error;
mod files;
mod limits;
mod parquet;
mod text;
mod time;

pub use coarsen::coarsen;
pub use error::{At, BarsError, Place, ValueFault};
pub use limits::{MAX_LINE, MAX_UNPACKED};

use collect::Collector;
use files::{BarFile, Kind};
use sigc_market::{Bar, Field, Interval, Symbol, Ts};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Which bars to read.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// The interval the bars must have.
    pub interval: Interval,
    /// The symbols, each of which must have bars; `None` for all that are found.
    pub symbols: Option<&'a [Symbol]>,
    /// Leaves out bars that open before this instant.
    pub from: Option<Ts>,
    /// Leaves out bars that open at this instant or later.
    pub until: Option<Ts>,
}

impl ReadOptions<'_> {
    /// All bars of all symbols.
    pub fn all(interval: Interval) -> ReadOptions<'static> {
        ReadOptions { interval, symbols: None, from: None, until: None }
    }
}

/// The bars of one symbol.
#[derive(Debug, Clone)]
pub struct SymbolBars {
    /// The symbol.
    pub symbol: Symbol,
    /// The fields its files have; the others are null in every bar.
    pub fields: Vec<Field>,
    /// The bars by open time, at least one, no open time twice.
    pub bars: Vec<Bar>,
    /// What a reader of the bars should know.
    pub notes: Vec<BarsNote>,
}

/// Something worth knowing about a symbol's bars that is no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BarsNote {
    /// Bars with an empty cell in a column that the file has.
    NullCells {
        /// How many bars.
        n_bars: usize,
        /// The open time of the first.
        first: Ts,
    },
    /// Stretches between the first and the last bar without bars.
    Gaps {
        /// How many stretches.
        n_gaps: usize,
        /// How many bars are missing in all.
        n_missing: u64,
        /// The first few, each from the first missing open time to the next bar's.
        first: Vec<(Ts, Ts)>,
    },
    /// Rows that several files have, equal in all of them.
    Merged {
        /// How many rows were left out.
        n_bars: usize,
    },
    /// A file left out because its name tells another interval.
    OtherInterval {
        /// The file.
        file: PathBuf,
        /// The interval in its name.
        interval: Interval,
    },
}

impl fmt::Display for BarsNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BarsNote::NullCells { n_bars, first } => {
                write!(f, "{n_bars} bars with an empty cell, the first at {first}")
            }
            BarsNote::Gaps { n_gaps, n_missing, first } => {
                write!(f, "{n_missing} bars missing in {n_gaps} places: ")?;
                for (i, (from, until)) in first.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}{from} to {until}")?;
                }
                if *n_gaps > first.len() { f.write_str(", ...") } else { Ok(()) }
            }
            BarsNote::Merged { n_bars } => write!(f, "{n_bars} bars were in several files, equal in all"),
            BarsNote::OtherInterval { file, interval } => {
                write!(f, "`{}` left out: its name says {interval}", file.display())
            }
        }
    }
}

/// How far reading has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files finished.
    pub files_done: usize,
    /// Files to read.
    pub n_files: usize,
    /// Bytes on disk of the finished files.
    pub bytes_done: u64,
    /// Bytes on disk of all files to read.
    pub n_bytes: u64,
    /// Rows read so far.
    pub rows: u64,
}

/// Calls back every so many rows.
struct Ticker<'a> {
    state: Progress,
    report: &'a mut dyn FnMut(Progress),
}

impl Ticker<'_> {
    fn rows(&mut self, n: u64) {
        const EVERY: u64 = 1 << 16;
        let before = self.state.rows;
        self.state.rows += n;
        if before / EVERY != self.state.rows / EVERY {
            (self.report)(self.state);
        }
    }
}

/// Reads the bars of the wanted symbols, in the order of `opts.symbols`, else by name.
///
/// `path` is a file, or a folder whose bar files are read in the order of their names; folders inside it and hidden
/// files are left out. A file whose name tells another interval is left out with a note if the symbol has others.
/// `progress` is called after each file and now and then within one.
pub fn read_bars(
    path: &Path,
    opts: &ReadOptions<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<SymbolBars>, BarsError> {
    let (files, left_out) = files::of_interval(files::find(path)?, opts.interval, opts.symbols)?;
    let state = Progress { n_files: files.len(), n_bytes: files.iter().map(|f| f.bytes).sum(), ..Progress::default() };
    let mut ticker = Ticker { state, report: progress };
    let mut collector = Collector::new(opts);
    for file in &files {
        match file.kind {
            Kind::Parquet => parquet::read(file, &mut collector, &mut ticker)?,
            _ => text::read(file, &mut collector, &mut ticker)?,
        }
        ticker.state.files_done += 1;
        ticker.state.bytes_done += file.bytes;
        (ticker.report)(ticker.state);
    }
    collector.finish(path, &left_out)
}

/// The symbols of the bar files at `path`, each with a file that has it, sorted by symbol and file. Only a `symbol`
/// column is read; the bars are not checked.
pub fn list_symbols(path: &Path) -> Result<Vec<(Symbol, PathBuf)>, BarsError> {
    let mut all = BTreeSet::new();
    for file in files::find(path)? {
        let symbols = match file.kind {
            Kind::Parquet => parquet::symbols(&file)?,
            _ => text::symbols(&file)?,
        };
        all.extend(symbols.into_iter().map(|s| (s, file.path.to_path_buf())));
    }
    Ok(all.into_iter().collect())
}

/// The symbol of a file without a symbol column.
fn symbol_by_name(file: &BarFile) -> Result<Symbol, BarsError> {
    file.symbol
        .clone()
        .ok_or_else(|| file.unreadable("there is no `symbol` column, and the file name does not begin with a symbol"))
}
