//! What can be wrong with bar files: E0501 to E0509.
//!
//! Every error names the file, the line or row where there is one, and the text that was found there.

use sigc_market::{Interval, Symbol, Ts};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// A file, and a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as it was given or found.
    pub file: Arc<Path>,
    /// Where in it.
    pub at: At,
}

/// Where in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The file as a whole.
    File,
    /// A line of text, counted from 1 (the header is line 1).
    Line(u64),
    /// A row of a table, counted from 1.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.file.display())?;
        match self.at {
            At::File => Ok(()),
            At::Line(n) => write!(f, ", line {n}"),
            At::Row(n) => write!(f, ", row {n}"),
        }
    }
}

/// Why a value cannot be part of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ValueFault {
    /// `nan`, `null`, `none` and the like spelled out.
    #[error("is a word for no value")]
    NullWord,
    /// Infinite, too large for a number, or a NaN.
    #[error("is not a finite number")]
    NotFinite,
    /// A price of zero or less.
    #[error("is not above zero")]
    PriceNotPositive,
    /// An amount or a count below zero.
    #[error("is below zero")]
    Negative,
    /// The high is below the low of the same bar.
    #[error("is below the low of its bar")]
    HighBelowLow,
    /// An open or close above the high or below the low of the same bar.
    #[error("is outside the low and high of its bar")]
    OutsideRange,
}

/// Why bars cannot be read.
#[derive(Debug, Error)]
pub enum BarsError {
    /// Nothing at this path.
    #[error("there is no file or folder `{}`", path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// A folder without a bar file.
    #[error("the folder `{}` holds no bar files", path.display())]
    NoFiles {
        /// The folder as given.
        path: PathBuf,
    },
    /// A column that every bar file has is not there.
    #[error("`{}` has no column {}", file.display(), quoted(missing))]
    MissingColumn {
        /// The file.
        file: Arc<Path>,
        /// The missing columns.
        missing: Vec<&'static str>,
        /// The columns that are there.
        found: Vec<String>,
        /// A column that may be meant by the first missing one.
        nearest: Option<String>,
    },
    /// The content is not what the file's name says, is cut short, or holds no number where one belongs.
    #[error("{place}: {reason}")]
    Unreadable {
        /// Where.
        place: Place,
        /// What was found.
        reason: String,
    },
    /// A row is older than the one before it.
    #[error("{place}: {symbol} at {open_time} comes after {before}")]
    Unsorted {
        /// The older row.
        place: Place,
        /// Its symbol.
        symbol: Symbol,
        /// Its open time.
        open_time: Ts,
        /// The open time of the row before it.
        before: Ts,
    },
    /// Two rows of one symbol and open time.
    #[error("{place}: {symbol} at {open_time} was there already in {first}")]
    Duplicate {
        /// The second row.
        place: Place,
        /// Its symbol.
        symbol: Symbol,
        /// Its open time.
        open_time: Ts,
        /// The first row.
        first: Box<Place>,
    },
    /// A number that no bar can have.
    #[error("{place}: {symbol}: {column} `{text}` {fault}")]
    Value {
        /// Where.
        place: Place,
        /// The row's symbol.
        symbol: Symbol,
        /// The column.
        column: &'static str,
        /// What the cell holds.
        text: String,
        /// What is wrong with it.
        fault: ValueFault,
    },
    /// An open time where no bar of the interval starts.
    #[error("{place}: {symbol} at {open_time}: no {interval} bar opens then")]
    Misaligned {
        /// Where.
        place: Place,
        /// The row's symbol.
        symbol: Symbol,
        /// Its open time.
        open_time: Ts,
        /// The interval that was asked for.
        interval: Interval,
    },
    /// Bars of another interval.
    #[error("{place}: the bars are {found} apart, and {interval} bars are wanted")]
    WrongInterval {
        /// The file, and the place where it shows.
        place: Place,
        /// The interval that was asked for.
        interval: Interval,
        /// The distance found, such as `1m`.
        found: String,
    },
    /// A wanted symbol has no bars.
    #[error("{}", no_bars(path, symbol.as_ref(), *held))]
    NoBars {
        /// The path as given.
        path: PathBuf,
        /// The symbol, unless there were no bars of any.
        symbol: Option<Symbol>,
        /// The symbols that do have bars.
        known: Vec<Symbol>,
        /// First and last open time of the symbol's bars if all of them lie outside the wanted time.
        held: Option<(Ts, Ts)>,
    },
}

impl BarsError {
    /// The code of the error's page.
    pub fn code(&self) -> &'static str {
        match self {
            BarsError::NotFound { .. } | BarsError::NoFiles { .. } => "E0501",
            BarsError::MissingColumn { .. } => "E0502",
            BarsError::Unreadable { .. } => "E0503",
            BarsError::Unsorted { .. } => "E0504",
            BarsError::Duplicate { .. } => "E0505",
            BarsError::Value { .. } => "E0506",
            BarsError::Misaligned { .. } => "E0507",
            BarsError::WrongInterval { .. } => "E0508",
            BarsError::NoBars { .. } => "E0509",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            BarsError::NotFound { .. } => "check the path; it is taken relative to the current folder".to_owned(),
            BarsError::NoFiles { .. } => {
                "files directly in the folder are read if their names end in .csv, .csv.gz, .zip or .parquet".to_owned()
            }
            BarsError::MissingColumn { missing, found, nearest, .. } => {
                let there = if found.is_empty() { "no columns".to_owned() } else { found.join(", ") };
                match (missing.first(), nearest) {
                    (Some(missing), Some(nearest)) => {
                        format!("rename `{nearest}` to `{missing}` if that is what it holds; the file has {there}")
                    }
                    _ => format!("the file has {there}"),
                }
            }
            BarsError::Unreadable { .. } => {
                "fetch or write the file again; a bar file is csv, csv.gz, zip (one csv inside) or parquet".to_owned()
            }
            BarsError::Unsorted { .. } => "sort each symbol's rows by open time, oldest first".to_owned(),
            BarsError::Duplicate { .. } => {
                "keep one of the rows; equal rows are merged only where two files overlap".to_owned()
            }
            BarsError::Value { fault: ValueFault::NullWord | ValueFault::NotFinite, .. } => {
                "leave the cell empty to say that there is no value".to_owned()
            }
            BarsError::Value { .. } => {
                "correct the row, remove it (a missing bar is a gap), or leave the cell empty (a null)".to_owned()
            }
            BarsError::Misaligned { interval, .. } => {
                format!(
                    "`open_time` is the first instant of a bar in UTC, on the grid of {interval}; check the time zone"
                )
            }
            BarsError::WrongInterval { found, .. } => {
                format!("give files of the interval, or declare {found} bars and resample them in the pipeline")
            }
            BarsError::NoBars { held: Some(_), .. } => "widen the time range, or give more files".to_owned(),
            BarsError::NoBars { known, .. } if known.is_empty() => "give files that hold bars".to_owned(),
            BarsError::NoBars { known, .. } => {
                let shown: Vec<&str> = known.iter().take(20).map(Symbol::as_str).collect();
                let more = if known.len() > shown.len() { ", ..." } else { "" };
                format!(
                    "bars are there of {}{more}; the symbol comes from a `symbol` column or the file name",
                    shown.join(", ")
                )
            }
        }
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

fn no_bars(path: &Path, symbol: Option<&Symbol>, held: Option<(Ts, Ts)>) -> String {
    let path = path.display();
    match (symbol, held) {
        (Some(s), Some((first, last))) => {
            format!("`{path}` has no bars of {s} in the wanted time, only from {first} to {last}")
        }
        (Some(s), None) => format!("`{path}` has no bars of {s}"),
        (None, _) => format!("`{path}` holds no bars"),
    }
}
