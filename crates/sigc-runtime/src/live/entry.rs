//! What a run writes down: the journal's words.
//!
//! Every expected bar of every source, and for every signal every row of its frame, ends as exactly one entry. A row
//! is written down before any sink sees it; a cursor moves when its sink has confirmed. One [`Batch`] is stored whole
//! or not at all, so after a crash the entries agree with each other.
//!
//! What became of a row is said for each signal: the same row can be emitted for one, quiet for another, and too early
//! for a third. Symbols are counted by their position in [`sigc_plan::Plan::symbols`], signals by theirs in
//! [`sigc_plan::Plan::signals`].

use crate::Record;
use sigc_market::{Bar, Ts};

/// A source's bar by position: the source in the plan, the symbol in that source's universe, the row on the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BarId {
    /// Position in [`sigc_plan::Plan::sources`].
    pub source: u16,
    /// Position in the source's universe.
    pub symbol: u32,
    /// Number of the row: [`sigc_market::Interval::index_of`] its open time.
    pub row: i64,
}

/// What became of an expected bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BarFate {
    /// It was taken.
    Taken {
        /// Its values.
        bar: Bar,
        /// Where it came from.
        origin: Origin,
    },
    /// The venue shows later bars but not this one.
    Absent,
    /// It could not be had before the deadline.
    Unrepaired,
}

/// Where a bar came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A stream's closing frame.
    Stream,
    /// A request.
    Rest,
    /// An archive file.
    Archive,
    /// A table that is polled, a file, or the clock.
    Poll,
}

/// An expected bar and its fate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BarEntry {
    /// Which bar.
    pub id: BarId,
    /// What became of it.
    pub fate: BarFate,
    /// When, by the venue's clock.
    pub at: Ts,
}

/// What became of a row for a signal.
#[derive(Debug, Clone, PartialEq)]
pub enum RowFate {
    /// It goes to the sinks.
    Emitted {
        /// Its number: 1 for the first row of a journal, no number twice, none left out.
        seq: u64,
        /// The row, with all further columns of the signal.
        record: Record,
    },
    /// The history was not long enough yet.
    Warmup,
    /// The signal's `when` is false: there is nothing to say.
    Quiet,
    /// A cell that the value or its `when` is made of is null: a gap lies in some window.
    NullInput,
    /// A model that the value is made of gave no number.
    ModelFailed,
    /// It closed while the process was down, and `warmup.catch_up` is `skip`.
    Skipped,
}

/// A row of a signal's frame and its fate.
#[derive(Debug, Clone, PartialEq)]
pub struct RowEntry {
    /// Position of the signal.
    pub signal: u16,
    /// Position of the symbol.
    pub symbol: u32,
    /// First instant of the row.
    pub open_time: Ts,
    /// What became of it.
    pub fate: RowFate,
}

/// The state of a symbol's lane after it took everything up to an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// Position of the symbol.
    pub symbol: u32,
    /// The instant of the lane's last step.
    pub at: Ts,
    /// [`sigc_engine::Live::snapshot`].
    pub bytes: Vec<u8>,
}

/// How far a sink has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorEntry {
    /// Position of the sink in the pipeline.
    pub sink: u16,
    /// The last row it confirmed; 0 before the first.
    pub seq: u64,
}

/// Something that was seen and changed nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Oddity {
    /// Which bar.
    pub id: BarId,
    /// What was seen.
    pub kind: OddityKind,
    /// When, by the venue's clock.
    pub at: Ts,
}

/// Kinds of [`Oddity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OddityKind {
    /// The same bar again, with the same values.
    Duplicate,
    /// The same bar again, with other values, after it was taken.
    Revised,
    /// A bar after its gap was declared.
    Late,
}

/// Entries that are stored together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Bars, in the order they were taken.
    pub bars: Vec<BarEntry>,
    /// Rows, in the order they were computed: those of a signal and symbol one behind the other, none left out.
    pub rows: Vec<RowEntry>,
    /// Lanes.
    pub snapshots: Vec<SnapshotEntry>,
    /// Cursors.
    pub cursors: Vec<CursorEntry>,
    /// Oddities.
    pub oddities: Vec<Oddity>,
}

impl Batch {
    /// True if there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.bars.is_empty()
            && self.rows.is_empty()
            && self.snapshots.is_empty()
            && self.cursors.is_empty()
            && self.oddities.is_empty()
    }
}

/// What a journal remembers when a run starts again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Restored {
    /// When rows began to be emitted: rows that closed by then are history.
    pub emit_after: Option<Ts>,
    /// The newest row of every source and symbol that has an entry: what comes next is the one behind it.
    pub newest: Vec<BarId>,
    /// The newest lane of every symbol.
    pub snapshots: Vec<SnapshotEntry>,
    /// Entries of bars that close after the snapshot of their symbol, by id. Sources of several universes count by
    /// the name of the symbol, which the opener of the journal knows.
    pub bars: Vec<BarEntry>,
    /// Open time of the newest row that has an entry, by signal and symbol.
    pub rows: Vec<((u16, u32), Ts)>,
    /// The number of the newest emitted row.
    pub last_seq: u64,
    /// Cursors of the sinks.
    pub cursors: Vec<CursorEntry>,
}
