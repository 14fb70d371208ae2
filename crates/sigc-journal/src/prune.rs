//! Letting go of what nobody needs any more.
//!
//! A bar goes when its symbol's snapshot covers it and newer ones fill `keep_bars`; a row when every sink has
//! confirmed it and newer ones fill `keep_rows`. Rows that are one entry go together. Each commit removes at most about twice what it brings, so a backlog
//! shrinks without ever making a commit slow.

use crate::commit::Draft;
use crate::error::Trouble;
use crate::tables::{BARS, EMITTED, ODDITIES, ROWS, RowMark, bar_key, bar_of, get_mark, number_key, row_key, row_of};
use crate::tally::Tally;
use redb::{ReadableTable, WriteTransaction};
use sigc_market::Ts;
use sigc_runtime::live::entry::{BarId, Batch};

/// Entries a commit may remove whatever it brings.
const AT_LEAST: usize = 256;

impl Draft<'_> {
    /// Removes what is due, within the budget of this batch.
    pub fn prune(&mut self, txn: &WriteTransaction, batch: &Batch) -> Result<(), Trouble> {
        let mut budget = AT_LEAST + 2 * (batch.bars.len() + batch.rows.len() + batch.oddities.len());
        self.prune_oddities(txn, &mut budget)?;
        self.prune_rows(txn, &mut budget)?;
        self.prune_bars(txn, &mut budget)
    }

    fn prune_oddities(&mut self, txn: &WriteTransaction, budget: &mut usize) -> Result<(), Trouble> {
        let keep = u64::from(self.journal.options.keep_oddities.max(1));
        let (first, next) = &mut self.changes.oddities;
        if *next - *first <= keep {
            return Ok(());
        }
        let mut table = txn.open_table(ODDITIES)?;
        while *next - *first > keep && *budget > 0 {
            table.remove(number_key(*first).as_slice())?;
            *first += 1;
            *budget -= 1;
        }
        Ok(())
    }

    fn prune_bars(&mut self, txn: &WriteTransaction, budget: &mut usize) -> Result<(), Trouble> {
        let keep = self.journal.options.keep_bars;
        let turn = self.changes.turn;
        let mut due = Vec::new();
        let before = &self.journal.standing.bars;
        let fresh = self.changes.bars.keys().filter(|k| !before.contains_key(k));
        for lane in before.range(turn..).chain(before.range(..turn)).map(|(k, _)| k).chain(fresh) {
            let Some(tally) = self.changes.bars.get(lane).or(before.get(lane)) else { continue };
            if let Some(end) = self.bars_end(*lane, tally, keep) {
                due.push((*lane, end));
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let mut table = txn.open_table(BARS)?;
        for (lane, end) in due {
            if *budget == 0 {
                self.changes.turn = lane;
                return Ok(());
            }
            let (source, symbol) = lane;
            let from = self.bar_tally(lane).span.map_or(end, |s| s.kept_from);
            let key = |row| bar_key(BarId { source, symbol, row });
            let (low, high) = (key(from), key(end));
            let mut keys = Vec::new();
            for item in table.range(low.as_slice()..high.as_slice())?.take(*budget) {
                keys.push(item?.0.value().to_vec());
            }
            for key in &keys {
                table.remove(key.as_slice())?;
            }
            let all = keys.len() < *budget;
            let behind = keys.last().map(|k| bar_of(k)).transpose()?.map(|id| id.row + 1);
            gone(self.bar_tally(lane), keys.len() as u64, if all { end } else { behind.unwrap_or(end) });
            *budget -= keys.len();
        }
        Ok(())
    }

    /// The row before which bars of a lane may go, if there are any.
    fn bars_end(&self, lane: (u16, u32), tally: &Tally<6>, keep: u32) -> Option<i64> {
        let span = tally.span.filter(|s| s.kept > u64::from(keep))?;
        let mut end = span.newest - i64::from(keep) + 1;
        if let Some(symbol) = self.journal.lanes.symbol(lane.0, lane.1) {
            // Bars that close after the snapshot are needed to go on from it.
            let at = self.snapshot_at(symbol)?;
            end = end.min(self.identity.sources[usize::from(lane.0)].interval.index_of(at));
        }
        (end > span.kept_from).then_some(end)
    }

    fn prune_rows(&mut self, txn: &WriteTransaction, budget: &mut usize) -> Result<(), Trouble> {
        let keep = self.journal.options.keep_rows;
        let confirmed = self.changes.cursors.iter().copied().min().unwrap_or(self.changes.last_seq);
        let before = &self.journal.standing.rows;
        let fresh = self.changes.rows.keys().filter(|k| !before.contains_key(k));
        let mut due = Vec::new();
        for lane in before.keys().chain(fresh) {
            let Some(tally) = self.changes.rows.get(lane).or(before.get(lane)) else { continue };
            let Some(span) = tally.span.filter(|s| s.kept > u64::from(keep)) else { continue };
            let Some(signal) = self.identity.signals.get(usize::from(lane.0)) else { continue };
            let end = signal.interval.open_of(signal.interval.index_of(Ts(span.newest)) - i64::from(keep) + 1);
            // The newest entry stays: what has one fate for long has nothing to let go of.
            let end = tally.open.map_or(end, |o| end.min(Ts(o.first)));
            if end.0 > span.kept_from {
                due.push((*lane, signal.interval, Ts(span.kept_from), end));
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let mut table = txn.open_table(ROWS)?;
        let mut emitted = txn.open_table(EMITTED)?;
        for (lane, interval, from, end) in due {
            if *budget == 0 {
                break;
            }
            let (low, high) = (row_key(lane, from), row_key(lane, end));
            let mut keys = Vec::new();
            let (mut rows, mut kept_from) = (0, end);
            for item in table.range(low.as_slice()..high.as_slice())? {
                let (key, value) = item?;
                let first = row_of(key.value())?.1;
                let (number, last) = match get_mark(key.value(), value.value())? {
                    RowMark::Emitted(seq) => (Some(seq), first),
                    RowMark::Stretch { last, .. } => (None, last),
                };
                if keys.len() >= *budget || last >= end || number.is_some_and(|seq| seq > confirmed) {
                    kept_from = first;
                    break;
                }
                rows += (interval.index_of(last) - interval.index_of(first) + 1).max(0) as u64;
                keys.push((key.value().to_vec(), number));
            }
            for (key, number) in &keys {
                table.remove(key.as_slice())?;
                if let Some(seq) = number {
                    emitted.remove(number_key(*seq).as_slice())?;
                }
            }
            gone(self.row_tally(lane), rows, kept_from.0);
            *budget -= keys.len();
        }
        Ok(())
    }
}

/// Notes that the oldest entries of a list went.
fn gone<const N: usize>(tally: &mut Tally<N>, n: u64, kept_from: i64) {
    if let Some(span) = &mut tally.span {
        span.kept = span.kept.saturating_sub(n);
        span.kept_from = kept_from;
    }
}
