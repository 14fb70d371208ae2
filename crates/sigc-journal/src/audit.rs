//! The ledger summed up: is every expected bar and row accounted for?
//!
//! Expected are all rows of the grid from the first entry to the newest. Counts include what was pruned; entries that
//! are still there are read, checked and counted again, so a count that does not fit its entries is noticed.

use crate::error::{JournalError, Trouble};
use crate::identity::Identity;
use crate::reader::{JournalReader, oddities_in, runs_in};
use crate::run::RunEntry;
use crate::tables::{BARS, ROWS, RowMark, bar_of, get_bar, get_mark, row_of};
use crate::tally::{Span, Standing};
use redb::{ReadTransaction, ReadableTable};
use sigc_market::{Interval, Symbol, Ts};
use sigc_runtime::live::entry::{Oddity, OddityKind};
use std::collections::BTreeMap;

/// How many missing rows and how many oddities of each kind are listed.
pub const LISTED: usize = 100;

/// The sum of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// Each source's symbols, in the order of the plan.
    pub bars: Vec<BarLine>,
    /// Each signal's symbols, in the order of the plan.
    pub rows: Vec<RowLine>,
    /// Each sink.
    pub sinks: Vec<SinkLine>,
    /// The newest oddities, newest first, at most [`LISTED`] of each kind.
    pub oddities: Vec<OddityLine>,
    /// The number of the newest emitted row.
    pub last_seq: u64,
    /// When rows began to be emitted.
    pub emit_after: Option<Ts>,
    /// The runs, oldest first.
    pub runs: Vec<RunEntry>,
}

/// The stretch of a grid that has entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Opening of the first row that ever had an entry; `None` before the first.
    pub first: Option<Ts>,
    /// Opening of the newest.
    pub newest: Option<Ts>,
    /// Rows of the grid from the first to the newest.
    pub expected: u64,
    /// Those without an entry. Must be 0.
    pub missing: u64,
    /// The newest of the missing ones, as far as they are kept: where to look.
    pub missing_at: Vec<Ts>,
    /// Entries that are still there; the others were pruned.
    pub kept: u64,
    /// The entries that are there are not as many as the counts say. Must be false.
    pub miscounted: bool,
}

/// A source's symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarLine {
    /// The source's frame.
    pub frame: String,
    /// The symbol.
    pub symbol: Symbol,
    /// What is expected.
    pub stretch: Stretch,
    /// Taken from a stream's closing frames.
    pub stream: u64,
    /// Taken by request.
    pub rest: u64,
    /// Taken from archive files.
    pub archive: u64,
    /// Taken by polling.
    pub poll: u64,
    /// The venue does not have them.
    pub absent: u64,
    /// They could not be had in time.
    pub unrepaired: u64,
    /// Seen again with the same values.
    pub duplicate: u64,
    /// Seen again with other values.
    pub revised: u64,
    /// Seen after their gap was declared.
    pub late: u64,
}

/// A signal's symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLine {
    /// Position of the signal.
    pub signal: u16,
    /// The symbol.
    pub symbol: Symbol,
    /// What is expected.
    pub stretch: Stretch,
    /// Rows that go to the sinks.
    pub emitted: u64,
    /// Rows without enough history.
    pub warmup: u64,
    /// Rows in which the signal's `when` is false.
    pub quiet: u64,
    /// Rows with a gap in some window.
    pub null_input: u64,
    /// Rows a model gave no number for.
    pub model_failed: u64,
    /// Rows that closed while the process was down and were to be skipped.
    pub skipped: u64,
}

/// A sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkLine {
    /// Its text.
    pub sink: String,
    /// The last row it confirmed.
    pub cursor: u64,
    /// Rows it has yet to confirm.
    pub backlog: u64,
}

/// An oddity in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddityLine {
    /// The source's frame.
    pub frame: String,
    /// The symbol.
    pub symbol: Symbol,
    /// Opening of the bar.
    pub open_time: Ts,
    /// What was seen.
    pub kind: OddityKind,
    /// When.
    pub at: Ts,
}

impl Audit {
    /// Expected bars and rows that have no entry. Must be 0.
    pub fn missing(&self) -> u64 {
        self.stretches().map(|s| s.missing).sum()
    }

    /// True if every expected bar and row has its entry, and the counts fit the entries.
    pub fn is_whole(&self) -> bool {
        self.stretches().all(|s| s.missing == 0 && !s.miscounted)
    }

    fn stretches(&self) -> impl Iterator<Item = &Stretch> {
        self.bars.iter().map(|l| &l.stretch).chain(self.rows.iter().map(|l| &l.stretch))
    }
}

/// Sums up what a journal holds, as of one commit.
///
/// # Errors
/// A damaged entry, a system that refuses.
pub fn audit(reader: &JournalReader) -> Result<Audit, JournalError> {
    reader.read(|txn, identity| {
        let standing = Standing::read(txn, &identity.sink_keys())?;
        let mut kept_bars = kept_bars(txn, identity)?;
        let mut bars = Vec::new();
        for (source, s) in (0..).zip(&identity.sources) {
            for (symbol, name) in (0..).zip(&s.symbols) {
                let tally = standing.bars.get(&(source, symbol)).copied().unwrap_or_default();
                let kept = kept_bars.remove(&(source, symbol)).unwrap_or_default();
                let span = tally.span.map(|s| Rows { first: s.first, newest: s.newest, kept_from: s.kept_from });
                let [stream, rest, archive, poll, absent, unrepaired] = tally.fates;
                let [duplicate, revised, late] = tally.oddities;
                bars.push(BarLine {
                    frame: s.frame.clone(),
                    symbol: name.clone(),
                    stretch: stretch(s.interval, span, tally.total(), tally.span, &kept),
                    stream,
                    rest,
                    archive,
                    poll,
                    absent,
                    unrepaired,
                    duplicate,
                    revised,
                    late,
                });
            }
        }
        let mut kept_rows = kept_rows(txn, identity)?;
        let mut rows = Vec::new();
        for (signal, symbol) in identity.row_lanes() {
            let interval = identity.signals[usize::from(signal)].interval;
            let tally = standing.rows.get(&(signal, symbol)).copied().unwrap_or_default();
            let kept = kept_rows.remove(&(signal, symbol)).unwrap_or_default();
            let index = |ts| interval.index_of(Ts(ts));
            let span = tally.span.map(|s| Rows {
                first: index(s.first),
                newest: index(s.newest),
                kept_from: index(s.kept_from),
            });
            let [emitted, warmup, quiet, null_input, model_failed, skipped] = tally.fates;
            rows.push(RowLine {
                signal,
                symbol: identity.symbols[symbol as usize].clone(),
                stretch: stretch(interval, span, tally.total(), tally.span, &kept),
                emitted,
                warmup,
                quiet,
                null_input,
                model_failed,
                skipped,
            });
        }
        let sinks = identity.sinks.iter().zip(&standing.cursors).map(|(sink, cursor)| SinkLine {
            sink: sink.clone(),
            cursor: *cursor,
            backlog: standing.last_seq.saturating_sub(*cursor),
        });
        let mut oddities = Vec::new();
        for kind in crate::tables::KINDS {
            let newest = oddities_in(txn, LISTED, |o| o.kind == kind)?;
            oddities.extend(newest.iter().filter_map(|o| line(identity, o)));
        }
        Ok(Audit {
            bars,
            rows,
            sinks: sinks.collect(),
            oddities,
            last_seq: standing.last_seq,
            emit_after: standing.emit_after,
            runs: runs_in(txn)?.into_iter().map(|(_, run)| run).collect(),
        })
    })
}

/// A stretch in numbers of rows.
struct Rows {
    first: i64,
    newest: i64,
    kept_from: i64,
}

/// First and last numbers of rows that are there one behind the other.
type Range = (i64, i64);

/// `kept` is what is there, in order.
fn stretch(interval: Interval, rows: Option<Rows>, total: u64, counted: Option<Span>, kept: &[Range]) -> Stretch {
    let (Some(rows), Some(counted)) = (rows, counted) else {
        return Stretch { miscounted: !kept.is_empty(), ..Stretch::default() };
    };
    let expected = rows.newest.abs_diff(rows.first) + 1;
    let mut missing_at = Vec::new();
    let mut next = rows.newest;
    // From the newest back: the holes between two that are there.
    for (first, last) in kept.iter().rev().copied().chain([(rows.kept_from - 1, rows.kept_from - 1)]) {
        while next > last && missing_at.len() < LISTED {
            missing_at.push(interval.open_of(next));
            next -= 1;
        }
        next = first - 1;
    }
    let n_kept = kept.iter().map(|(first, last)| last.abs_diff(*first) + 1).sum();
    Stretch {
        first: Some(interval.open_of(rows.first)),
        newest: Some(interval.open_of(rows.newest)),
        expected,
        missing: expected.saturating_sub(total),
        missing_at,
        kept: n_kept,
        miscounted: n_kept != counted.kept || total > expected,
    }
}

/// Reads all bars, which checks them.
fn kept_bars(txn: &ReadTransaction, identity: &Identity) -> Result<BTreeMap<(u16, u32), Vec<Range>>, Trouble> {
    let mut kept: BTreeMap<_, Vec<Range>> = BTreeMap::new();
    for item in txn.open_table(BARS)?.iter()? {
        let (key, value) = item?;
        let id = bar_of(key.value())?;
        let source = identity.sources.get(usize::from(id.source));
        let interval = source.ok_or_else(|| Trouble::Damage("a bar of no source".into()))?.interval;
        get_bar(id, interval.open_of(id.row), value.value())?;
        kept.entry((id.source, id.symbol)).or_default().push((id.row, id.row));
    }
    Ok(kept)
}

/// Reads all rows' fates, which checks them.
fn kept_rows(txn: &ReadTransaction, identity: &Identity) -> Result<BTreeMap<(u16, u32), Vec<Range>>, Trouble> {
    let mut kept: BTreeMap<_, Vec<Range>> = BTreeMap::new();
    for item in txn.open_table(ROWS)?.iter()? {
        let (key, value) = item?;
        let (lane, first) = row_of(key.value())?;
        let last = match get_mark(key.value(), value.value())? {
            RowMark::Emitted(_) => first,
            RowMark::Stretch { last, .. } => last,
        };
        let signal = identity.signals.get(usize::from(lane.0));
        let interval = signal.ok_or_else(|| Trouble::Damage("a row of no signal".into()))?.interval;
        kept.entry(lane).or_default().push((interval.index_of(first), interval.index_of(last)));
    }
    Ok(kept)
}

/// An oddity in words; `None` if the identity does not know its bar.
pub(crate) fn line(identity: &Identity, oddity: &Oddity) -> Option<OddityLine> {
    let source = identity.sources.get(usize::from(oddity.id.source))?;
    Some(OddityLine {
        frame: source.frame.clone(),
        symbol: source.symbols.get(oddity.id.symbol as usize)?.clone(),
        open_time: source.interval.open_of(oddity.id.row),
        kind: oddity.kind,
        at: oddity.at,
    })
}
