//! Counts of everything that was ever stored, pruned or not.
//!
//! Entries go after a while; their counts stay, so the ledger still sums to every bar and row that was ever expected.
//! The writer keeps the counts in memory, and stores those that changed with each commit.

use crate::codec::{In, Out};
use crate::error::Trouble;
use crate::tables::{BAR_TALLY, CURSORS, KINDS, META, ODDITIES, ROW_CODES, ROW_TALLY, RUNS, lane_of, number_of};
use redb::{ReadTransaction, ReadableTable};
use sigc_market::Ts;
use std::collections::BTreeMap;

/// The stretch that has entries, in rows of a source or open times of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first that ever had one.
    pub first: i64,
    /// The newest.
    pub newest: i64,
    /// What lies before is pruned.
    pub kept_from: i64,
    /// Those that are still there.
    pub kept: u64,
}

/// An entry that goes on as long as the rows that come have its fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    /// Open time of its first row: its key.
    pub first: i64,
    /// The fate's code.
    pub code: u8,
}

/// Counts of one list of entries: `N` fates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally<const N: usize> {
    /// `None` before the first entry.
    pub span: Option<Span>,
    /// Of rows: the newest entry, if it goes on.
    pub open: Option<Open>,
    /// Bars or rows ever, by code of their fate.
    pub fates: [u64; N],
    /// Oddities ever, by code of their kind.
    pub oddities: [u64; KINDS.len()],
}

/// Of a source's symbol: four origins, absent, unrepaired.
pub(crate) type BarTally = Tally<6>;
/// Of a signal's symbol.
pub(crate) type RowTally = Tally<ROW_CODES>;

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Tally { span: None, open: None, fates: [0; N], oddities: [0; KINDS.len()] }
    }
}

impl<const N: usize> Tally<N> {
    /// Counts a bar or row.
    pub fn add(&mut self, at: i64, code: u8) {
        let span = self.span.get_or_insert(Span { first: at, newest: at, kept_from: at, kept: 0 });
        span.first = span.first.min(at);
        span.kept_from = span.kept_from.min(at);
        span.newest = span.newest.max(at);
        span.kept += 1;
        self.fates[usize::from(code)] += 1;
    }

    /// Bars or rows ever.
    pub fn total(&self) -> u64 {
        self.fates.iter().sum()
    }

    pub fn put(&self, table: &str, key: &[u8]) -> Vec<u8> {
        let mut out = Out::default().u8(u8::from(self.span.is_some()));
        if let Some(s) = self.span {
            out = out.i64(s.first).i64(s.newest).i64(s.kept_from).u64(s.kept);
        }
        out = out.u8(u8::from(self.open.is_some()));
        if let Some(open) = self.open {
            out = out.i64(open.first).u8(open.code);
        }
        out = self.fates.iter().chain(&self.oddities).fold(out, |out, n| out.u64(*n));
        out.seal(table, key)
    }

    pub fn get(table: &str, key: &[u8], stored: &[u8]) -> Result<Self, Trouble> {
        let mut value = In::open(table, key, stored)?;
        let mut tally = Tally::default();
        if value.u8()? == 1 {
            let (first, newest, kept_from) = (value.i64()?, value.i64()?, value.i64()?);
            tally.span = Some(Span { first, newest, kept_from, kept: value.u64()? });
        }
        if value.u8()? == 1 {
            tally.open = Some(Open { first: value.i64()?, code: value.u8()? });
        }
        for n in tally.fates.iter_mut().chain(&mut tally.oddities) {
            *n = value.u64()?;
        }
        value.end()?;
        Ok(tally)
    }
}

/// What the writer knows without reading: the counts, and how far everything has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub bars: BTreeMap<(u16, u32), BarTally>,
    /// By signal and symbol.
    pub rows: BTreeMap<(u16, u32), RowTally>,
    /// Instants of the snapshots.
    pub snapshots: BTreeMap<u32, Ts>,
    /// By the sink's position.
    pub cursors: Vec<u64>,
    pub last_seq: u64,
    pub emit_after: Option<Ts>,
    /// Numbers of the oddities that are kept: `first..next`.
    pub oddities: (u64, u64),
    /// Numbers of the runs that are kept: `first..next`.
    pub runs: (u64, u64),
}

impl Standing {
    /// Reads it, the snapshots aside; verifies the values on the way.
    pub fn read(txn: &ReadTransaction, sink_keys: &[String]) -> Result<Standing, Trouble> {
        let mut standing = Standing::default();
        for item in txn.open_table(BAR_TALLY)?.iter()? {
            let (key, value) = item?;
            let tally = Tally::get("bar_tally", key.value(), value.value())?;
            standing.bars.insert(lane_of(key.value())?, tally);
        }
        for item in txn.open_table(ROW_TALLY)?.iter()? {
            let (key, value) = item?;
            let tally = Tally::get("row_tally", key.value(), value.value())?;
            standing.rows.insert(lane_of(key.value())?, tally);
        }
        standing.cursors = cursors_in(txn, sink_keys)?;
        standing.last_seq = last_seq_in(txn)?;
        let meta = txn.open_table(META)?;
        if let Some(stored) = meta.get(EMIT_AFTER)? {
            standing.emit_after = Some(Ts(In::open("meta", EMIT_AFTER, stored.value())?.i64()?));
        }
        let numbers = |table| -> Result<(u64, u64), Trouble> {
            let table = txn.open_table(table)?;
            let ends = (table.first()?, table.last()?);
            match ends {
                (Some((first, _)), Some((last, _))) => Ok((number_of(first.value())?, number_of(last.value())? + 1)),
                _ => Ok((0, 0)),
            }
        };
        standing.oddities = numbers(ODDITIES)?;
        standing.runs = numbers(RUNS)?;
        Ok(standing)
    }

    /// True before the first entry.
    pub fn is_new(&self) -> bool {
        self.bars.is_empty() && self.rows.is_empty() && self.snapshots.is_empty() && self.emit_after.is_none()
    }
}

/// The cursors of the sinks with these keys.
pub(crate) fn cursors_in(txn: &ReadTransaction, sink_keys: &[String]) -> Result<Vec<u64>, Trouble> {
    let table = txn.open_table(CURSORS)?;
    let cursor = |key: &String| {
        let stored = table.get(key.as_bytes())?;
        let stored = stored.ok_or_else(|| Trouble::Damage("a sink has no cursor".into()))?;
        In::open("cursors", key.as_bytes(), stored.value())?.u64()
    };
    sink_keys.iter().map(cursor).collect()
}

/// The number of the newest emitted row.
pub(crate) fn last_seq_in(txn: &ReadTransaction) -> Result<u64, Trouble> {
    match txn.open_table(META)?.get(LAST_SEQ)? {
        Some(stored) => In::open("meta", LAST_SEQ, stored.value())?.u64(),
        None => Ok(0),
    }
}

/// Key in `meta`: number of the newest emitted row.
pub(crate) const LAST_SEQ: &[u8] = b"last_seq";
/// Key in `meta`: see [`crate::Journal::set_emit_after`].
pub(crate) const EMIT_AFTER: &[u8] = b"emit_after";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_come_back() {
        let mut tally = BarTally::default();
        assert_eq!(BarTally::get("t", b"k", &tally.put("t", b"k")).ok(), Some(tally));
        tally.add(5, 0);
        tally.add(4, 5);
        tally.oddities[2] = 9;
        assert_eq!(tally.span, Some(Span { first: 4, newest: 5, kept_from: 4, kept: 2 }));
        assert_eq!(tally.total(), 2);
        assert_eq!(BarTally::get("t", b"k", &tally.put("t", b"k")).ok(), Some(tally));
        assert!(RowTally::get("t", b"other", &tally.put("t", b"k")).is_err());
    }
}
