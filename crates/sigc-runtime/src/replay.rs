//! Recorded bars through the live driver to the sinks.
//!
//! Reads the bars of every symbol; gives each row of each signal to every sink, once, in the order that
//! [`sigc_plan::Signal`] defines: oldest instant first, then by symbol, then by signal. The same bars give the same
//! rows in the same order. Symbols whose bars close together take the step together, so that models are asked about all of
//! them at once; where ops are over the universe every symbol takes every step.

use crate::merge::Merge;
use crate::signals::{Reader, Said, SignalRow, Signals};
use crate::{Record, Sink, SinkError, Subscription, Written};
use sigc_engine::{Engine, EngineError, Live, Outcome, Predict, PredictFaults, Together, Turn};
use sigc_market::{Bar, Symbol, Ts};
use sigc_plan::{FrameId, Plan};
use std::collections::BTreeMap;

/// Rows that wait to be written together: large enough to make writes cheap, small enough to follow a replay by eye.
const ROWS_PER_WRITE: usize = 1_024;

/// The bars of one symbol and source.
#[derive(Debug, Clone, Copy)]
pub struct Feed<'a> {
    /// Position of the symbol in the universe.
    pub symbol: usize,
    /// The source frame.
    pub frame: FrameId,
    /// Its bars by open time.
    pub bars: &'a [Bar],
}

/// A sink, and what it gets.
pub struct SinkSlot {
    /// The sink.
    pub sink: Box<dyn Sink>,
    /// What it gets.
    pub subscriptions: Vec<Subscription>,
    /// What it took so far.
    pub written: Written,
}

/// What a replay did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Bars taken.
    pub bars: u64,
    /// Grid rows without a bar.
    pub gap_rows: u64,
    /// What became of the rows of each signal.
    pub signals: Vec<Fates>,
    /// Predictions that failed.
    pub predict: PredictFaults,
}

/// What became of a signal's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fates {
    /// Emitted.
    pub emitted: u64,
    /// Not warm yet.
    pub warming: u64,
    /// Warm, and `when` is false.
    pub quiet: u64,
    /// Warm, and without a value: a cell that is needed is null, or a model failed.
    pub without_value: u64,
}

impl Summary {
    /// Rows of all signals.
    pub fn emitted(&self) -> u64 {
        self.signals.iter().map(|s| s.emitted).sum()
    }
}

/// Why a replay stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The engine refused a bar.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A sink refused rows.
    #[error("{sink}: {error}")]
    Sink {
        /// The sink.
        sink: String,
        /// Why.
        error: SinkError,
    },
}

/// What is replayed.
pub struct Replay<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// An engine of the plan whose outputs are [`Plan::signal_columns`].
    pub engine: &'a Engine,
    /// The symbols, in the order of [`Plan::symbols`].
    pub symbols: &'a [Symbol],
    /// Their bars.
    pub feeds: &'a [Feed<'a>],
    /// The last instant, if not all bars are wanted.
    pub until: Option<Ts>,
}

/// Runs the bars through the engine and gives the rows to the sinks. `pace` is called before each instant with it and
/// the number of bars done.
///
/// # Errors
/// The first bar or batch of rows that is refused ends the replay; rows that were written before stay written.
pub fn replay(
    what: &Replay<'_>,
    models: &mut [Box<dyn Predict>],
    sinks: &mut [SinkSlot],
    pace: &mut dyn FnMut(Ts, u64),
) -> Result<Summary, ReplayError> {
    let &Replay { plan, engine, symbols, feeds, until } = what;
    let bars = |s: usize| feeds.iter().filter(move |f| f.symbol == s).map(|f| (f.frame, f.bars));
    let mut lanes: Vec<(Live, Merge<'_>)> =
        (0..symbols.len()).map(|s| (Live::new(engine, s), Merge::new(plan, bars(s)))).collect();
    let signals = Signals::of(engine);
    let mut rows = Rows {
        symbols,
        signals: &signals,
        waiting: BTreeMap::new(),
        pending: Vec::new(),
        summary: Summary { signals: vec![Fates::default(); signals.len()], ..Summary::default() },
    };
    let mut due: Vec<Vec<(FrameId, Bar)>> = vec![Vec::new(); lanes.len()];
    let (mut together, all) = (Together::new(engine), engine.is_over_universe());
    while let Some(at) = lanes.iter().filter_map(|(_, merge)| merge.next_close()).min() {
        if until.is_some_and(|u| at > u) {
            break;
        }
        pace(at, rows.summary.bars);
        let mut readers: Vec<Reader<'_>> = lanes.iter().map(|_| Reader::new(&signals)).collect();
        let mut turns: Vec<Turn<'_>> = Vec::new();
        for (((live, merge), due), reader) in lanes.iter_mut().zip(&mut due).zip(&mut readers) {
            if all || merge.next_close() == Some(at) {
                due.clear();
                merge.take(at, due);
                turns.push(Turn::new(live, due, reader));
            }
        }
        together.step(at, &mut turns, models)?;
        turns.into_iter().for_each(|turn| rows.count(turn.outcome));
        for (s, reader) in readers.into_iter().enumerate() {
            reader.finish().into_iter().for_each(|row| rows.take(s, row));
        }
        // A symbol whose next bar comes behind a gap has rows of that gap still to come.
        let open = lanes.iter().filter(|(_, merge)| merge.next_close().is_some()).filter_map(|(live, _)| live.at());
        rows.release(open.min().unwrap_or(at));
        if rows.pending.len() >= ROWS_PER_WRITE {
            rows.write(sinks)?;
        }
    }
    rows.release(Ts(i64::MAX));
    rows.write(sinks)?;
    for slot in sinks {
        slot.sink.flush().map_err(|error| ReplayError::Sink { sink: slot.sink.describe(), error })?;
    }
    Ok(rows.summary)
}

/// Collects the rows to be written.
struct Rows<'a> {
    symbols: &'a [Symbol],
    signals: &'a Signals,
    /// By close, symbol and signal.
    waiting: BTreeMap<(Ts, usize, u16), Record>,
    pending: Vec<Record>,
    summary: Summary,
}

impl Rows<'_> {
    fn take(&mut self, symbol: usize, row: SignalRow) {
        let ts = self.signals.ts(&row);
        let SignalRow { close, signal, open_time, said } = row;
        let fates = &mut self.summary.signals[usize::from(signal)];
        match said {
            Said::Cold => fates.warming += 1,
            Said::Quiet => fates.quiet += 1,
            Said::Null => fates.without_value += 1,
            Said::Value { value, extra } => {
                fates.emitted += 1;
                let name = self.symbols[symbol].clone();
                let (caught_up, latency_ms) = (false, None);
                let record = Record { signal, symbol: name, ts, open_time, value, extra, caught_up, latency_ms };
                self.waiting.insert((close, symbol, signal), record);
            }
        }
    }

    /// No further row closes by then.
    fn release(&mut self, by: Ts) {
        while let Some(first) = self.waiting.first_entry().filter(|e| e.key().0 <= by) {
            self.pending.push(first.remove());
        }
    }

    fn count(&mut self, outcome: Outcome) {
        self.summary.bars += outcome.bars;
        self.summary.gap_rows += outcome.gap_rows;
        self.summary.predict.merge(outcome.predict);
    }

    fn write(&mut self, sinks: &mut [SinkSlot]) -> Result<(), ReplayError> {
        for slot in sinks {
            let picked = self.pending.iter().filter_map(|r| Subscription::pick(&slot.subscriptions, r.clone()));
            let records: Vec<Record> = picked.collect();
            if records.is_empty() {
                continue;
            }
            let written =
                slot.sink.write(&records).map_err(|error| ReplayError::Sink { sink: slot.sink.describe(), error })?;
            slot.written.new += written.new;
            slot.written.duplicates += written.duplicates;
            slot.written.conflicts += written.conflicts;
        }
        self.pending.clear();
        Ok(())
    }
}
