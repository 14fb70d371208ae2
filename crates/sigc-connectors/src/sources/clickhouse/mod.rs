//! `data.clickhouse`: bars of a ClickHouse table that somebody else fills.
//!
//! The table is asked again and again. One query asks for many symbols, for each from the first bar it lacks on, so a
//! symbol whose bars come late does not hold the others up and loses nothing. The server's own time comes with every
//! answer, and only what is final by it comes out of [`Table::read`]: a bar whose writer may still change it is not
//! shown at all.
//!
//! * [`step`] is the data step with its parameters.
//! * [`query`] writes the query; every value is bound as a parameter, and nothing is pasted.
//! * [`answer`] reads rows, and tells what may work later from what never will.
//!
//! Nothing here does I/O.

pub mod answer;
pub mod query;
pub mod step;

pub(crate) use query::{is_name, quoted};

use sigc_catalog::Args;
use sigc_market::{Interval, Symbol, Ts};

/// A table of bars, as a data step names it.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name, quoted.
    name: String,
    interval: Interval,
    /// Read through `FINAL`: of rows with one key the last.
    merged: bool,
    /// The column that says of a row that it is final, quoted.
    closed: Option<String>,
    settle_ms: i64,
    late_ms: i64,
}

/// Bars of one symbol that open from `from` to `to`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The symbol.
    pub symbol: &'a Symbol,
    /// Open time of the first.
    pub from: Ts,
    /// Open time of the last.
    pub to: Ts,
}

impl Table {
    /// The table of a data step whose arguments were checked.
    pub fn of(args: &Args) -> Table {
        let ms = |seconds: f64| (seconds * 1_000.0) as i64;
        Table {
            name: query::quoted(&args.get(&step::TABLE)),
            interval: args.get(&sigc_catalog::INTERVAL),
            merged: args.get(&step::FINAL),
            closed: args.get(&step::CLOSED_COLUMN).map(|name| query::quoted(&name)),
            settle_ms: ms(args.get(&step::SETTLE_SECONDS)),
            late_ms: ms(args.get(&step::LATE_SECONDS)),
        }
    }

    /// The length of its bars.
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// How long after its close a bar is final, if nothing says so before.
    pub fn settle_ms(&self) -> i64 {
        self.settle_ms
    }

    /// How long after its close a bar may still come, though a later one is there.
    pub fn late_ms(&self) -> i64 {
        self.late_ms
    }
}
