//! Recorded bars through the live driver to the sinks.
//!
//! Reads the bars of every symbol, oldest instant first and symbols in the order of the universe; gives each warm row
//! of the emission to every sink, in that order, once. The same bars give the same rows in the same order.

use crate::merge::Merge;
use crate::{Record, Sink, SinkError, Subscription, Written};
use sigc_engine::{Engine, EngineError, Live, Outcome, Predict, PredictFaults, RowSink};
use sigc_market::{Bar, Symbol, Ts};
use sigc_plan::{FrameId, Label, Plan};

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
    /// Rows emitted.
    pub rows: u64,
    /// Rows of the emission's frame before it was warm.
    pub warming: u64,
    /// Warm rows without a prediction: a cell the model reads is null, or the model failed.
    pub without_value: u64,
    /// Predictions that failed.
    pub predict: PredictFaults,
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
    /// An engine of the plan whose outputs are the emission's columns, the prediction first.
    pub engine: &'a Engine,
    /// The symbols, in the order of the universe.
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
    let mut rows = Rows {
        frame: plan.emission_frame(),
        plan,
        symbols,
        symbol: 0,
        pending: Vec::new(),
        summary: Summary::default(),
    };
    let mut due: Vec<(FrameId, Bar)> = Vec::new();
    while let Some(at) = lanes.iter().filter_map(|(_, merge)| merge.next_close()).min() {
        if until.is_some_and(|u| at > u) {
            break;
        }
        pace(at, rows.summary.bars);
        for (s, (live, merge)) in lanes.iter_mut().enumerate().filter(|(_, (_, m))| m.next_close() == Some(at)) {
            due.clear();
            merge.take(at, &mut due);
            rows.symbol = s;
            let outcome = live.step(at, &due, models, &mut rows)?;
            rows.count(outcome);
        }
        if rows.pending.len() >= ROWS_PER_WRITE {
            rows.write(sinks)?;
        }
    }
    rows.write(sinks)?;
    for slot in sinks {
        slot.sink.flush().map_err(|error| ReplayError::Sink { sink: slot.sink.describe(), error })?;
    }
    Ok(rows.summary)
}

/// Collects the rows to be written.
struct Rows<'a> {
    plan: &'a Plan,
    frame: FrameId,
    symbols: &'a [Symbol],
    symbol: usize,
    pending: Vec<Record>,
    summary: Summary,
}

impl RowSink for Rows<'_> {
    fn row(&mut self, frame: FrameId, open_time: Ts, cells: &[f64], warm: bool) {
        if frame != self.frame {
            return;
        }
        let Some((&value, extra)) = cells.split_first() else { return };
        if !warm {
            self.summary.warming += 1;
        } else if value.is_nan() {
            self.summary.without_value += 1;
        } else {
            self.summary.rows += 1;
            let frame = self.plan.frame(frame);
            let ts = match frame.label {
                Label::Close => frame.interval.close_of(frame.interval.index_of(open_time)),
                Label::Open => open_time,
            };
            let symbol = self.symbols[self.symbol].clone();
            let extra = extra.to_vec();
            self.pending.push(Record {
                signal: 0,
                symbol,
                ts,
                open_time,
                value,
                extra,
                caught_up: false,
                latency_ms: None,
            });
        }
    }
}

impl Rows<'_> {
    fn count(&mut self, outcome: Outcome) {
        self.summary.bars += outcome.bars;
        self.summary.gap_rows += outcome.gap_rows;
        self.summary.predict.count += outcome.predict.count;
        if outcome.predict.last.is_some() {
            self.summary.predict.last = outcome.predict.last;
        }
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
