//! Signals, read from the rows of an engine.
//!
//! In go a plan's rows, frame by frame with the cells of its output columns; out comes what each signal of the plan
//! says of each row, in the order that [`sigc_plan::Signal`] defines. Replay and live runs read them here alike.

use sigc_engine::{Engine, PredictFaults, RowSink, Warm};
use sigc_market::{Interval, Ts};
use sigc_plan::{ColumnId, FrameId, Label, ModelId, Op, Plan, ValueId};

/// Where the cells of all signals stand.
#[derive(Debug, Clone)]
pub struct Signals {
    all: Vec<Place>,
    /// Per frame, its signals by position.
    of_frame: Vec<Vec<usize>>,
}

/// Where the cells of one signal stand in the rows of its frame.
#[derive(Debug, Clone)]
struct Place {
    frame: FrameId,
    interval: Interval,
    label: Label,
    value: usize,
    when: Option<usize>,
    extra: Vec<usize>,
    /// The models that the value is made of.
    models: Vec<ModelId>,
}

/// What a signal says of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Nothing yet: the row is not warm for it.
    Cold,
    /// Its `when` is false.
    Quiet,
    /// Its `when` or its value is null.
    Null,
    /// This.
    Value {
        /// The value.
        value: f64,
        /// The further columns.
        extra: Vec<f64>,
    },
}

/// A row of a signal.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalRow {
    /// When the row closed.
    pub close: Ts,
    /// Position of the signal in [`Plan::signals`].
    pub signal: u16,
    /// First instant of the row.
    pub open_time: Ts,
    /// What is said.
    pub said: Said,
}

impl Signals {
    /// The signals of an engine's plan.
    ///
    /// # Panics
    /// If the engine does not give all of [`Plan::signal_columns`].
    pub fn of(engine: &Engine) -> Signals {
        let plan = engine.plan();
        let place = |signal: &sigc_plan::Signal| {
            let frame = plan.frame_of(signal);
            let stands = |wanted: ColumnId| {
                let mut outputs = engine.outputs().iter().filter(|c| plan.column(**c).frame == frame);
                outputs.position(|c| *c == wanted).expect("the engine gives the columns of all signals")
            };
            Place {
                frame,
                interval: plan.frame(frame).interval,
                label: plan.frame(frame).label,
                value: stands(signal.column),
                when: signal.when.map(stands),
                extra: signal.extra.iter().map(|&c| stands(c)).collect(),
                models: models_below(plan, plan.column(signal.column).value),
            }
        };
        let all: Vec<Place> = plan.signals.iter().map(place).collect();
        let of = |f: usize| (0..all.len()).filter(|&s| all[s].frame.index() == f).collect();
        Signals { of_frame: (0..plan.frames.len()).map(of).collect(), all }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// True if there is none, which no plan allows.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The frame of a signal's rows.
    pub fn frame(&self, signal: u16) -> FrameId {
        self.all[usize::from(signal)].frame
    }

    /// What a row is labelled with.
    pub fn ts(&self, row: &SignalRow) -> Ts {
        match self.all[usize::from(row.signal)].label {
            Label::Close => row.close,
            Label::Open => row.open_time,
        }
    }

    /// True if a null value of the signal is due to a model that failed.
    pub fn is_failure(&self, signal: u16, faults: &PredictFaults) -> bool {
        faults.models.iter().any(|m| self.all[usize::from(signal)].models.contains(m))
    }
}

/// The models that a value is made of, directly or not.
fn models_below(plan: &Plan, value: ValueId) -> Vec<ModelId> {
    let mut needed = vec![false; plan.nodes.len()];
    needed[value.index()] = true;
    let mut models = Vec::new();
    for i in (0..plan.nodes.len()).rev().filter(|&i| i <= value.index()) {
        match plan.nodes[i].op {
            _ if !needed[i] => {}
            Op::Model { model } => {
                models.push(model);
                plan.models[model.index()].inputs.iter().for_each(|x| needed[x.index()] = true);
            }
            op => op.operands().for_each(|x| needed[x.index()] = true),
        }
    }
    models
}

/// Takes the rows of a step and keeps what the signals say.
pub struct Reader<'a> {
    signals: &'a Signals,
    rows: Vec<SignalRow>,
}

impl<'a> Reader<'a> {
    /// For one step.
    pub fn new(signals: &'a Signals) -> Reader<'a> {
        Reader { signals, rows: Vec::new() }
    }

    /// What was said, by instant and then by signal.
    pub fn finish(mut self) -> Vec<SignalRow> {
        self.rows.sort_by_key(|r| (r.close, r.signal));
        self.rows
    }
}

impl RowSink for Reader<'_> {
    fn row(&mut self, frame: FrameId, open_time: Ts, cells: &[f64], warm: Warm<'_>) {
        for &s in &self.signals.of_frame[frame.index()] {
            let place = &self.signals.all[s];
            let close = place.interval.close_of(place.interval.index_of(open_time));
            self.rows.push(SignalRow { close, signal: s as u16, open_time, said: place.read(cells, warm) });
        }
    }
}

impl Place {
    fn read(&self, cells: &[f64], warm: Warm<'_>) -> Said {
        let mut waits_for = [self.value].into_iter().chain(self.when).chain(self.extra.iter().copied());
        if !waits_for.all(|cell| warm.has(cell)) {
            return Said::Cold;
        }
        match self.when.map(|w| cells[w]) {
            Some(x) if x.is_nan() => return Said::Null,
            Some(0.0) => return Said::Quiet,
            _ => {}
        }
        let value = cells[self.value];
        if value.is_nan() {
            return Said::Null;
        }
        Said::Value { value, extra: self.extra.iter().map(|&e| cells[e]).collect() }
    }
}
