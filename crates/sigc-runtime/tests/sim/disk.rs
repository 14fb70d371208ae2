//! What survives a crash: the journal's entries and the sinks' rows.
//!
//! A plain second implementation of what `sigc_runtime::live::entry` says of a journal.

use sigc_market::{Interval, Symbol, Ts};
use sigc_runtime::Record;
use sigc_runtime::live::entry::{BarEntry, BarId, Batch, CursorEntry, Restored, RowEntry, RowFate, SnapshotEntry};
use std::collections::{BTreeMap, HashSet};

#[derive(Debug, Default)]
pub struct Disk {
    pub emit_after: Option<Ts>,
    pub bars: BTreeMap<BarId, BarEntry>,
    /// In the order they were stored.
    pub rows: Vec<RowEntry>,
    /// By signal and symbol.
    pub newest: BTreeMap<(u16, u32), Ts>,
    pub records: Vec<Record>,
    pub snapshots: BTreeMap<u32, SnapshotEntry>,
    pub cursors: BTreeMap<u16, u64>,
    pub odd: u64,
    pub intervals: Vec<Interval>,
    /// So many symbols are ranked against each other: their states are of one instant.
    pub universe: Option<usize>,
}

impl Disk {
    /// Stores a batch whole.
    pub fn store(&mut self, batch: &Batch) -> Result<(), String> {
        for entry in &batch.bars {
            if let Some(before) = self.bars.insert(entry.id, *entry) {
                return Err(format!("{:?} has two fates: {:?} and {:?}", entry.id, before.fate, entry.fate));
            }
        }
        for row in &batch.rows {
            let before = self.newest.insert((row.signal, row.symbol), row.open_time);
            if before.is_some_and(|t| t >= row.open_time) {
                let (signal, symbol) = (row.signal, row.symbol);
                return Err(format!("row {} of signal {signal}, symbol {symbol} comes twice or late", row.open_time));
            }
            if let RowFate::Emitted { seq, record } = &row.fate {
                if *seq != self.records.len() as u64 + 1 {
                    return Err(format!("row number {seq} after {}", self.records.len()));
                }
                if record.signal != row.signal || record.open_time != row.open_time {
                    return Err(format!("row number {seq} is another row's"));
                }
                self.records.push(record.clone());
            }
            self.rows.push(row.clone());
        }
        if let (Some(n), Some(first)) = (self.universe, batch.snapshots.first())
            && (batch.snapshots.len() != n || batch.snapshots.iter().any(|s| s.at != first.at))
        {
            return Err(format!("{} states of {n} symbols at {}", batch.snapshots.len(), first.at));
        }
        for s in &batch.snapshots {
            self.snapshots.insert(s.symbol, s.clone());
        }
        for c in &batch.cursors {
            let cursor = self.cursors.entry(c.sink).or_default();
            if c.seq < *cursor || c.seq > self.records.len() as u64 {
                return Err(format!("cursor of sink {} from {cursor} to {}", c.sink, c.seq));
            }
            *cursor = c.seq;
        }
        self.odd += batch.oddities.len() as u64;
        Ok(())
    }

    /// What a new process finds; nothing if nothing was ever stored.
    pub fn restored(&self) -> Option<Restored> {
        self.emit_after?;
        let newest: BTreeMap<(u16, u32), i64> = self.bars.keys().map(|id| ((id.source, id.symbol), id.row)).collect();
        let behind = |e: &&BarEntry| {
            let close = self.intervals[usize::from(e.id.source)].close_of(e.id.row);
            self.snapshots.get(&e.id.symbol).is_none_or(|s| close > s.at)
        };
        Some(Restored {
            emit_after: self.emit_after,
            newest: newest.into_iter().map(|((source, symbol), row)| BarId { source, symbol, row }).collect(),
            snapshots: self.snapshots.values().cloned().collect(),
            bars: self.bars.values().filter(behind).copied().collect(),
            rows: self.newest.iter().map(|(&of, &open)| (of, open)).collect(),
            last_seq: self.records.len() as u64,
            cursors: self.cursors.iter().map(|(&sink, &seq)| CursorEntry { sink, seq }).collect(),
        })
    }
}

/// A sink that recognises its rows: keyed by signal, symbol and label.
#[derive(Debug, Default)]
pub struct Shelf {
    pub rows: Vec<Record>,
    pub keys: HashSet<(u16, Symbol, Ts)>,
    pub duplicates: u64,
}

impl Shelf {
    pub fn write(&mut self, rows: &[Record]) {
        for row in rows {
            if self.keys.insert((row.signal, row.symbol.clone(), row.ts)) {
                self.rows.push(row.clone());
            } else {
                self.duplicates += 1;
            }
        }
    }
}
