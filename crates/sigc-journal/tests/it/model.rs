//! A plain model of a journal, and a generator of batches that a run could make.

use sigc_journal::entry::{
    BarEntry, BarFate, BarId, Batch, CursorEntry, Oddity, OddityKind, Origin, Restored, RowEntry, RowFate,
    SnapshotEntry,
};
use sigc_journal::{Identity, SignalIdentity, SourceIdentity};
use sigc_market::{Bar, Interval, NULL, Symbol, Ts};
use sigc_plan::Label;
use sigc_runtime::Record;
use std::collections::BTreeMap;

/// A Monday at midnight, UTC.
pub const START: i64 = 1_704_067_200_000;

pub fn symbols(names: &[&str]) -> Vec<Symbol> {
    names.iter().map(|n| Symbol::new(n).expect("a symbol")).collect()
}

pub fn interval(text: &str) -> Interval {
    Interval::parse(text).expect("an interval")
}

/// Two sources whose universes have the same symbols in another order, and one symbol more in the second. Three
/// signals: two of the first source's symbols on rows of half an hour, one of the second's on its hours.
pub fn identity() -> Identity {
    let source = |frame: &str, text: &str, names: &[&str]| SourceIdentity {
        frame: frame.into(),
        using: "data.binance_futures".into(),
        interval: interval(text),
        symbols: symbols(names),
    };
    let signal = |name: &str, frame: &str, text: &str, sources: &[u16], extra: &[&str]| SignalIdentity {
        name: name.into(),
        frame: frame.into(),
        interval: interval(text),
        label: Label::Close,
        sources: sources.to_vec(),
        extra: extra.iter().map(|s| s.to_string()).collect(),
    };
    Identity {
        pipeline: "demo".into(),
        fingerprint: "0123456789abcdef0123456789abcdef".into(),
        sources: vec![
            source("fast", "15m", &["BTCUSDT", "ETHUSDT", "SOLUSDT"]),
            source("slow", "1h", &["SOLUSDT", "XRPUSDT", "BTCUSDT", "ETHUSDT"]),
        ],
        symbols: symbols(&["BTCUSDT", "ETHUSDT", "SOLUSDT"]),
        signals: vec![
            signal("score", "halves", "30m", &[0, 1], &["rsi", "atr"]),
            signal("rise", "halves", "30m", &[0], &[]),
            signal("slow_score", "slow", "1h", &[1], &["rsi"]),
        ],
        sinks: vec!["sinks.csv_append out.csv".into(), "sinks.jsonl -".into()],
    }
}

/// A small generator of numbers: xorshift64*, S. Vigna, *An experimental exploration of Marsaglia's xorshift
/// generators*.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }

    fn price(&mut self) -> f64 {
        self.below(1_000_000) as f64 / 37.0 + 1.0
    }
}

/// Everything that was committed, as plain maps. What a journal should give is worked out from the words of
/// [`Restored`], by looking at every entry.
#[derive(Clone)]
pub struct Model {
    pub identity: Identity,
    pub bars: BTreeMap<BarId, BarEntry>,
    pub rows: BTreeMap<((u16, u32), Ts), RowFate>,
    pub snapshots: BTreeMap<u32, SnapshotEntry>,
    pub cursors: Vec<u64>,
    pub oddities: Vec<Oddity>,
    pub last_seq: u64,
    pub emit_after: Option<Ts>,
}

impl Model {
    pub fn new(identity: Identity) -> Model {
        let cursors = vec![0; identity.sinks.len()];
        Model {
            identity,
            bars: BTreeMap::new(),
            rows: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            cursors,
            oddities: Vec::new(),
            last_seq: 0,
            emit_after: None,
        }
    }

    pub fn commit(&mut self, batch: &Batch) {
        self.bars.extend(batch.bars.iter().map(|e| (e.id, *e)));
        for row in &batch.rows {
            if let RowFate::Emitted { seq, .. } = row.fate {
                self.last_seq = seq;
            }
            self.rows.insert(((row.signal, row.symbol), row.open_time), row.fate.clone());
        }
        self.snapshots.extend(batch.snapshots.iter().map(|s| (s.symbol, s.clone())));
        for cursor in &batch.cursors {
            self.cursors[usize::from(cursor.sink)] = cursor.seq;
        }
        self.oddities.extend(&batch.oddities);
    }

    /// `None` if nothing was committed.
    pub fn restored(&self) -> Option<Restored> {
        let nothing = self.bars.is_empty()
            && self.rows.is_empty()
            && self.snapshots.is_empty()
            && self.oddities.is_empty()
            && self.emit_after.is_none();
        if nothing {
            return None;
        }
        let mut newest: BTreeMap<(u16, u32), BarId> = BTreeMap::new();
        for id in self.bars.keys() {
            newest.insert((id.source, id.symbol), *id);
        }
        let mut rows = BTreeMap::new();
        for (lane, ts) in self.rows.keys() {
            rows.insert(*lane, *ts);
        }
        let wanted = |e: &&BarEntry| {
            let source = &self.identity.sources[usize::from(e.id.source)];
            let name = &source.symbols[e.id.symbol as usize];
            let Some(lane) = self.identity.symbols.iter().position(|s| s == name) else { return false };
            let close = source.interval.close_of(e.id.row);
            self.snapshots.get(&(lane as u32)).is_none_or(|s| close > s.at)
        };
        Some(Restored {
            emit_after: self.emit_after,
            newest: newest.into_values().collect(),
            snapshots: self.snapshots.values().cloned().collect(),
            bars: self.bars.values().filter(wanted).copied().collect(),
            rows: rows.into_iter().collect(),
            last_seq: self.last_seq,
            cursors: self.cursors.iter().zip(0..).map(|(seq, sink)| CursorEntry { sink, seq: *seq }).collect(),
        })
    }

    /// The emitted rows behind a number.
    pub fn rows_after(&self, after: u64) -> Vec<(u64, Record)> {
        let emitted = self.rows.values().filter_map(|fate| match fate {
            RowFate::Emitted { seq, record } if *seq > after => Some((*seq, record.clone())),
            _ => None,
        });
        let mut rows: Vec<_> = emitted.collect();
        rows.sort_by_key(|(seq, _)| *seq);
        rows
    }

    /// A batch that may come next: some bars of some symbols, rows, snapshots, cursors and oddities.
    pub fn batch(&self, r: &mut Random) -> Batch {
        let mut batch = Batch::default();
        let identity = &self.identity;
        for (source, s) in identity.sources.iter().enumerate() {
            for symbol in 0..s.symbols.len() as u32 {
                let lane = |row| BarId { source: source as u16, symbol, row };
                let newest = self.bars.range(lane(i64::MIN)..=lane(i64::MAX)).next_back();
                let mut row = newest.map_or(s.interval.index_of(Ts(START)), |(id, _)| id.row + 1);
                for _ in 0..r.below(4) {
                    batch.bars.push(self.bar(lane(row), r));
                    row += 1;
                }
                if r.below(4) == 0 {
                    let kind = [OddityKind::Duplicate, OddityKind::Revised, OddityKind::Late][r.below(3) as usize];
                    batch.oddities.push(Oddity { id: lane(row - 1), kind, at: s.interval.close_of(row) });
                }
            }
        }
        let mut seq = self.last_seq;
        for symbol in 0..identity.symbols.len() as u32 {
            for (number, signal) in (0u16..).zip(&identity.signals) {
                let lane = (number, symbol);
                let newest = self.rows.range((lane, Ts(i64::MIN))..=(lane, Ts(i64::MAX))).next_back();
                let first = signal.interval.index_of(newest.map_or(Ts(START), |((_, t), _)| *t)) + 1;
                // One of the signals says little.
                let quiet = number == 1 && r.below(4) > 0;
                for k in first..first + r.below(3) as i64 {
                    batch.rows.push(self.row(lane, signal.interval.open_of(k), quiet, &mut seq, r));
                }
            }
            if r.below(3) == 0 {
                let before = self.snapshots.get(&symbol).map_or(START, |s| s.at.0);
                let at = Ts(before + 300_000 * r.below(12) as i64);
                let bytes = (0..r.below(600)).map(|_| r.next() as u8).collect();
                batch.snapshots.push(SnapshotEntry { symbol, at, bytes });
            }
        }
        for (sink, cursor) in self.cursors.iter().enumerate() {
            if r.below(2) == 0 {
                batch.cursors.push(CursorEntry { sink: sink as u16, seq: cursor + r.below(seq - cursor + 1) });
            }
        }
        batch
    }

    fn bar(&self, id: BarId, r: &mut Random) -> BarEntry {
        let interval = self.identity.sources[usize::from(id.source)].interval;
        let open_time = interval.open_of(id.row);
        let fate = match r.below(10) {
            0 => BarFate::Absent,
            1 => BarFate::Unrepaired,
            n => {
                let origin = [Origin::Stream, Origin::Rest, Origin::Archive, Origin::Poll][n as usize % 4];
                let mut bar = Bar::ohlcv(open_time, r.price(), r.price(), r.price(), r.price(), r.price());
                if n > 6 {
                    bar.values[7] = r.price();
                }
                BarFate::Taken { bar, origin }
            }
        };
        BarEntry { id, fate, at: Ts(interval.close_of(id.row).0 + r.below(3_000) as i64) }
    }

    fn row(&self, lane: (u16, u32), open_time: Ts, quiet: bool, seq: &mut u64, r: &mut Random) -> RowEntry {
        let (number, symbol) = lane;
        let signal = &self.identity.signals[usize::from(number)];
        let fate = match r.below(12) {
            _ if quiet => RowFate::Quiet,
            0 => RowFate::Warmup,
            1 => RowFate::Quiet,
            2 => RowFate::NullInput,
            3 => RowFate::ModelFailed,
            4 => RowFate::Skipped,
            n => {
                *seq += 1;
                let record = Record {
                    signal: number,
                    latency_ms: None,
                    symbol: self.identity.symbols[symbol as usize].clone(),
                    ts: signal.interval.close_of(signal.interval.index_of(open_time)),
                    open_time,
                    value: r.price() - 500.0,
                    extra: [r.price(), if n == 5 { NULL } else { -0.0 }][..signal.extra.len()].to_vec(),
                    caught_up: n == 6,
                };
                RowFate::Emitted { seq: *seq, record }
            }
        };
        RowEntry { signal: number, symbol, open_time, fate }
    }
}
