//! One batch becomes one transaction: the contract checked, the entries stored, old ones pruned.
//!
//! Everything is worked out on copies of the counts it touches. They replace the writer's own only after the
//! transaction is durable, so a batch that fails leaves no trace.

use crate::codec::Out;
use crate::error::Trouble;
use crate::identity::{Identity, SignalIdentity};
use crate::journal::Journal;
use crate::store::put_cursor;
use crate::tables::{
    BAR_TALLY, BARS, CURSORS, EMITTED, META, ODDITIES, ROW_TALLY, ROWS, RowMark, SNAPSHOTS, bar_code, bar_key,
    lane_key, number_key, put_bar, put_mark, put_oddity, put_record, put_snapshot, row_code, row_key, symbol_key,
};
use crate::tally::{BarTally, LAST_SEQ, Open, RowTally, Standing};
use redb::WriteTransaction;
use sigc_market::{Symbol, Ts};
use sigc_runtime::live::entry::{BarEntry, BarFate, BarId, Batch, RowEntry, RowFate};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Which of the pipeline's symbols the symbols of the sources are, by name.
pub(crate) struct Lanes {
    symbol_of: Vec<Vec<Option<u32>>>,
    /// The signals and symbols that have rows.
    pub rows: BTreeSet<(u16, u32)>,
    /// Where pruning goes on.
    pub turn: (u16, u32),
}

impl Lanes {
    pub fn new(identity: &Identity) -> Lanes {
        let position: HashMap<&Symbol, u32> = identity.symbols.iter().zip(0..).collect();
        let of = |symbols: &[Symbol]| symbols.iter().map(|s| position.get(s).copied()).collect();
        Lanes {
            symbol_of: identity.sources.iter().map(|s| of(&s.symbols)).collect(),
            rows: identity.row_lanes().into_iter().collect(),
            turn: (0, 0),
        }
    }

    /// The pipeline's symbol; `None` for one that nothing is emitted for.
    pub fn symbol(&self, source: u16, symbol: u32) -> Option<u32> {
        *self.symbol_of.get(usize::from(source))?.get(symbol as usize)?
    }
}

/// What a transaction changes in the writer's memory.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub bars: BTreeMap<(u16, u32), BarTally>,
    pub rows: BTreeMap<(u16, u32), RowTally>,
    pub snapshots: BTreeMap<u32, Ts>,
    pub cursors: Vec<u64>,
    pub last_seq: u64,
    pub oddities: (u64, u64),
    pub turn: (u16, u32),
}

impl Changes {
    pub fn apply(&self, standing: &mut Standing) {
        standing.bars.extend(self.bars.iter().map(|(k, v)| (*k, *v)));
        standing.rows.extend(self.rows.iter().map(|(k, v)| (*k, *v)));
        standing.snapshots.extend(self.snapshots.iter().map(|(k, v)| (*k, *v)));
        standing.cursors.clone_from(&self.cursors);
        standing.last_seq = self.last_seq;
        standing.oddities = self.oddities;
    }
}

/// A transaction in the making.
pub(crate) struct Draft<'a> {
    pub identity: &'a Identity,
    pub journal: &'a Journal,
    pub changes: Changes,
}

fn contradiction<T>(what: String) -> Result<T, Trouble> {
    Err(Trouble::Contract(what))
}

impl<'a> Draft<'a> {
    pub fn new(journal: &'a Journal) -> Draft<'a> {
        let standing = &journal.standing;
        let changes = Changes {
            cursors: standing.cursors.clone(),
            last_seq: standing.last_seq,
            oddities: standing.oddities,
            turn: journal.lanes.turn,
            ..Changes::default()
        };
        Draft { identity: &journal.identity, journal, changes }
    }

    /// The counts of a lane, to be changed.
    pub fn bar_tally(&mut self, lane: (u16, u32)) -> &mut BarTally {
        let before = self.journal.standing.bars.get(&lane);
        self.changes.bars.entry(lane).or_insert_with(|| before.copied().unwrap_or_default())
    }

    /// The counts of a signal's symbol, to be changed.
    pub fn row_tally(&mut self, lane: (u16, u32)) -> &mut RowTally {
        let before = self.journal.standing.rows.get(&lane);
        self.changes.rows.entry(lane).or_insert_with(|| before.copied().unwrap_or_default())
    }

    /// The instant of a symbol's newest snapshot.
    pub fn snapshot_at(&self, symbol: u32) -> Option<Ts> {
        self.changes.snapshots.get(&symbol).or(self.journal.standing.snapshots.get(&symbol)).copied()
    }

    /// Stores the entries of a batch.
    pub fn store(&mut self, txn: &WriteTransaction, batch: &Batch) -> Result<(), Trouble> {
        if !batch.bars.is_empty() {
            self.store_bars(txn, &batch.bars)?;
        }
        if !batch.rows.is_empty() {
            self.store_rows(txn, &batch.rows)?;
        }
        if !batch.snapshots.is_empty() {
            let mut table = txn.open_table(SNAPSHOTS)?;
            for entry in &batch.snapshots {
                self.known_symbol(entry.symbol)?;
                if self.snapshot_at(entry.symbol).is_some_and(|at| entry.at < at) {
                    return contradiction(format!("a snapshot of symbol {} goes back to {}", entry.symbol, entry.at));
                }
                table.insert(symbol_key(entry.symbol).as_slice(), put_snapshot(entry).as_slice())?;
                self.changes.snapshots.insert(entry.symbol, entry.at);
            }
        }
        for entry in &batch.cursors {
            let last = self.changes.last_seq;
            match self.changes.cursors.get_mut(usize::from(entry.sink)) {
                Some(cursor) if *cursor <= entry.seq && entry.seq <= last => *cursor = entry.seq,
                Some(cursor) => {
                    return contradiction(format!(
                        "the cursor of sink {} goes from {cursor} to {}, and the newest row is {last}",
                        entry.sink, entry.seq
                    ));
                }
                None => return contradiction(format!("there is no sink {}", entry.sink)),
            }
        }
        if !batch.oddities.is_empty() {
            let mut table = txn.open_table(ODDITIES)?;
            for oddity in &batch.oddities {
                self.known_bar(oddity.id)?;
                let number = self.changes.oddities.1;
                table.insert(number_key(number).as_slice(), put_oddity(number, oddity).as_slice())?;
                self.changes.oddities.1 += 1;
                self.bar_tally((oddity.id.source, oddity.id.symbol)).oddities[oddity.kind as usize] += 1;
            }
        }
        Ok(())
    }

    fn store_bars(&mut self, txn: &WriteTransaction, entries: &[BarEntry]) -> Result<(), Trouble> {
        let mut table = txn.open_table(BARS)?;
        for entry in entries {
            let id = entry.id;
            self.known_bar(id)?;
            if let BarFate::Taken { bar, .. } = &entry.fate {
                let open = self.identity.sources[usize::from(id.source)].interval.open_of(id.row);
                if bar.open_time != open {
                    return contradiction(format!("the bar of {id:?} opens at {}, not at {open}", bar.open_time));
                }
            }
            let tally = self.bar_tally((id.source, id.symbol));
            let pruned = tally.span.is_some_and(|s| s.first < s.kept_from && id.row < s.kept_from);
            if pruned || table.insert(bar_key(id).as_slice(), put_bar(entry).as_slice())?.is_some() {
                return contradiction(format!("a second fate of {id:?}"));
            }
            tally.add(id.row, bar_code(&entry.fate));
        }
        Ok(())
    }

    fn store_rows(&mut self, txn: &WriteTransaction, entries: &[RowEntry]) -> Result<(), Trouble> {
        let mut table = txn.open_table(ROWS)?;
        let mut emitted = txn.open_table(EMITTED)?;
        for entry in entries {
            let (signal, name) = self.known_row(entry.signal, entry.symbol)?;
            let row = format_args!("the row of {name} for `{}` at {}", signal.name, entry.open_time).to_string();
            if !signal.interval.is_aligned(entry.open_time) {
                return contradiction(format!("{row} is off the grid"));
            }
            if let RowFate::Emitted { seq, record } = &entry.fate {
                if *seq != self.changes.last_seq + 1 {
                    return contradiction(format!("{row} has number {seq} after {}", self.changes.last_seq));
                }
                let same = record.symbol == *name
                    && record.signal == entry.signal
                    && record.open_time == entry.open_time
                    && record.extra.len() == signal.extra.len();
                if !same {
                    return contradiction(format!("{row} does not go with its record"));
                }
                self.changes.last_seq = *seq;
                emitted.insert(number_key(*seq).as_slice(), put_record(*seq, entry.symbol, record).as_slice())?;
            }
            let (lane, code) = ((entry.signal, entry.symbol), row_code(&entry.fate));
            let tally = self.row_tally(lane);
            let newest = tally.span.map(|s| Ts(s.newest));
            if newest.is_some_and(|newest| entry.open_time <= newest) {
                return contradiction(format!("a second fate of {row}, or one that comes late"));
            }
            let mut first = entry.open_time;
            let mark = match &entry.fate {
                RowFate::Emitted { seq, .. } => RowMark::Emitted(*seq),
                _ => {
                    let next = |newest| signal.interval.close_of(signal.interval.index_of(newest));
                    let open = tally.open.filter(|o| o.code == code && newest.map(next) == Some(entry.open_time));
                    first = open.map_or(first, |o| Ts(o.first));
                    RowMark::Stretch { code, last: entry.open_time }
                }
            };
            tally.open = matches!(mark, RowMark::Stretch { .. }).then_some(Open { first: first.0, code });
            tally.add(entry.open_time.0, code);
            let key = row_key(lane, first);
            table.insert(key.as_slice(), put_mark(&key, mark).as_slice())?;
        }
        Ok(())
    }

    /// Stores what changed beside the entries.
    pub fn finish(&self, txn: &WriteTransaction) -> Result<(), Trouble> {
        let (changes, before) = (&self.changes, &self.journal.standing);
        if !changes.bars.is_empty() {
            let mut table = txn.open_table(BAR_TALLY)?;
            for ((source, symbol), tally) in &changes.bars {
                let key = lane_key(*source, *symbol);
                table.insert(key.as_slice(), tally.put("bar_tally", &key).as_slice())?;
            }
        }
        if !changes.rows.is_empty() {
            let mut table = txn.open_table(ROW_TALLY)?;
            for ((signal, symbol), tally) in &changes.rows {
                let key = lane_key(*signal, *symbol);
                table.insert(key.as_slice(), tally.put("row_tally", &key).as_slice())?;
            }
        }
        if changes.cursors != before.cursors {
            let mut table = txn.open_table(CURSORS)?;
            for (key, seq) in self.identity.sink_keys().iter().zip(&changes.cursors) {
                table.insert(key.as_bytes(), put_cursor(key, *seq).as_slice())?;
            }
        }
        if changes.last_seq != before.last_seq {
            let value = Out::default().u64(changes.last_seq).seal("meta", LAST_SEQ);
            txn.open_table(META)?.insert(LAST_SEQ, value.as_slice())?;
        }
        Ok(())
    }

    fn known_bar(&self, id: BarId) -> Result<(), Trouble> {
        let source = self.identity.sources.get(usize::from(id.source));
        match source.and_then(|s| s.symbols.get(id.symbol as usize)) {
            Some(_) => Ok(()),
            None => contradiction(format!("{id:?} is no bar of this pipeline")),
        }
    }

    fn known_symbol(&self, symbol: u32) -> Result<&'a Symbol, Trouble> {
        match self.identity.symbols.get(symbol as usize) {
            Some(name) => Ok(name),
            None => contradiction(format!("no rows are emitted for symbol {symbol}")),
        }
    }

    fn known_row(&self, signal: u16, symbol: u32) -> Result<(&'a SignalIdentity, &'a Symbol), Trouble> {
        match self.identity.signals.get(usize::from(signal)) {
            Some(of) if self.journal.lanes.rows.contains(&(signal, symbol)) => Ok((of, self.known_symbol(symbol)?)),
            _ => contradiction(format!("signal {signal} has no rows for symbol {symbol}")),
        }
    }
}
