//! The plan: what the engine runs.

use crate::lookback::{Structure, Until};
use crate::{ColumnId, CrossFn, F64, Fingerprint, Frame, FrameId, Needs, Node, Op, Origin, Type, ValueId};
use serde::{Deserialize, Serialize};
use sigc_market::{Field, Symbol};
use std::collections::HashSet;

/// Raised whenever the same ops would give other bits: a kernel's order of operations, a null rule.
const SEMANTICS: u32 = 1;

/// A compiled pipeline. Frames, columns and ops are in topological order; see [`Plan::verify`] for what must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The pipeline's name; travels with every row as `dag_name`.
    pub name: String,
    /// What settling means: `warmup.tolerance`.
    pub tolerance: F64,
    /// The frames, each after the one it is resampled from.
    pub frames: Vec<Frame>,
    /// The data steps, one per source frame.
    pub sources: Vec<Source>,
    /// The ops in single-assignment form: operands have smaller ids.
    pub nodes: Vec<Node>,
    /// The models.
    pub models: Vec<ModelUse>,
    /// The columns, in the order they are made.
    pub columns: Vec<Column>,
    /// What is emitted, in the order in which rows of one instant are. At least one.
    pub signals: Vec<Signal>,
}

/// A data step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its frame.
    pub frame: FrameId,
    /// The step's name: `data.binance_futures`.
    pub using: String,
    /// The universe, in the order written.
    pub symbols: Vec<Symbol>,
    /// What its bars hold.
    pub fields: Vec<Field>,
}

/// A model step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelUse {
    /// The step's name: `models.onnx`.
    pub using: String,
    /// The values it reads, in the model's order.
    pub inputs: Vec<ValueId>,
    /// Their columns' names.
    pub input_names: Vec<String>,
    /// Rows of the window, the current one included.
    pub window: u32,
    /// Fingerprint of the weights and scaler; `None` while the checkpoint is not there.
    pub checkpoint: Option<String>,
    /// Checked parameters, by name; no secrets.
    pub params: serde_json::Map<String, serde_json::Value>,
}

/// A column of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its frame.
    pub frame: FrameId,
    /// Its name; may contain dots.
    pub name: String,
    /// What computes it.
    pub value: ValueId,
    /// What it holds.
    pub r#type: Type,
}

/// What is emitted at most once per symbol and row of a frame.
///
/// It gives a row for a symbol of its universe (that of the source below its frame) and an open time of its frame when
///
/// 1. the row is warm for *this* signal: its value, its `when` and its further columns are exact or settled. Signals do
///    not wait for each other's history;
/// 2. `when` is absent or true. Where it is false the signal is quiet, where it is null nothing can be said;
/// 3. the value is not null.
///
/// Rows are ordered by the instant they close at, then by symbol in the order of [`Plan::symbols`], then by the position
/// of the signal in [`Plan::signals`]. A replay gives that order. A live run, where no symbol waits for another, gives
/// it for each symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// What kind of record it makes.
    pub kind: SignalKind,
    /// The event's name; `None` where the column's is meant.
    pub name: Option<String>,
    /// The step that makes the value: `models.onnx`; `None` for an event.
    pub model: Option<String>,
    /// The value.
    pub column: ColumnId,
    /// True in the rows that it is for; `None` for all. Of the same frame.
    pub when: Option<ColumnId>,
    /// More columns in the record, of the same frame.
    pub extra: Vec<ColumnId>,
}

/// Kinds of [`Signal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// A value per row, of a model or a strategy.
    Prediction,
    /// A condition came true.
    Event,
}

impl Signal {
    /// A prediction for every row.
    pub fn prediction(column: ColumnId, extra: Vec<ColumnId>) -> Signal {
        Signal { kind: SignalKind::Prediction, name: None, model: None, column, when: None, extra }
    }

    /// Everything that a row of it waits for: the value, the condition, the further columns.
    pub fn columns(&self) -> impl Iterator<Item = ColumnId> + '_ {
        [self.column].into_iter().chain(self.when).chain(self.extra.iter().copied())
    }
}

/// Why a plan is not well formed: a fault of the compiler, or a file that was tampered with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// An operand does not come before its user.
    #[error("value {0} has an operand that does not come before it")]
    Order(ValueId),
    /// An operand of another frame outside an op that joins frames.
    #[error("value {0} mixes rows of two frames")]
    Frames(ValueId),
    /// A parameter outside its range.
    #[error("value {0} has a parameter outside its range")]
    Parameter(ValueId),
    /// A signal whose columns are not all of one frame.
    #[error("signal {0} has columns of several frames")]
    Signal(usize),
    /// An id past the end of its list.
    #[error("the plan refers to something that is not in it")]
    Dangling,
}

impl Plan {
    /// What lookback reads.
    pub fn structure(&self) -> Structure<'_> {
        Structure { frames: &self.frames, nodes: &self.nodes, models: &self.models, tolerance: self.tolerance.0 }
    }

    /// One frame.
    pub fn frame(&self, id: FrameId) -> &Frame {
        &self.frames[id.index()]
    }

    /// One column.
    pub fn column(&self, id: ColumnId) -> &Column {
        &self.columns[id.index()]
    }

    /// The column of a frame by name.
    pub fn find(&self, frame: &str, column: &str) -> Option<ColumnId> {
        let found = self.columns.iter().position(|c| c.name == column && self.frame(c.frame).name == frame);
        found.map(ColumnId::new)
    }

    /// The frame of a signal's rows.
    pub fn frame_of(&self, signal: &Signal) -> FrameId {
        self.column(signal.column).frame
    }

    /// The name of a signal: an event's, or that of its column.
    pub fn signal_name<'a>(&'a self, signal: &'a Signal) -> &'a str {
        signal.name.as_deref().unwrap_or(&self.column(signal.column).name)
    }

    /// The ops that read every symbol at once, so that the plan does not shard by symbol; each kind once.
    pub fn cross_section(&self) -> Vec<CrossFn> {
        let mut found = Vec::new();
        for node in &self.nodes {
            if let Op::Cross { f, .. } = node.op
                && !found.contains(&f)
            {
                found.push(f);
            }
        }
        found
    }

    /// What tells each signal from the others where a person reads it: its name, behind its frame's where two signals
    /// have the same.
    pub fn signal_names(&self) -> Vec<String> {
        let names: Vec<&str> = self.signals.iter().map(|s| self.signal_name(s)).collect();
        let name = |(i, s): (usize, &Signal)| match names.iter().filter(|n| **n == names[i]).count() {
            1 => names[i].to_owned(),
            _ => format!("{}.{}", self.frame(self.frame_of(s)).name, names[i]),
        };
        self.signals.iter().enumerate().map(name).collect()
    }

    /// The columns of all signals, each once.
    pub fn signal_columns(&self) -> Vec<ColumnId> {
        let mut columns = Vec::new();
        for column in self.signals.iter().flat_map(Signal::columns) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }

    /// The symbols that a signal has rows for: the universe of the source that its frame comes from.
    pub fn universe(&self, signal: &Signal) -> &[Symbol] {
        let source = self.structure().source_of(self.frame_of(signal));
        self.sources.iter().find(|s| s.frame == source).map_or(&[], |s| s.symbols.as_slice())
    }

    /// The symbols of all signals, each once: the universe of the first signal, then what the next ones add to it.
    pub fn symbols(&self) -> Vec<Symbol> {
        let mut symbols: Vec<Symbol> = Vec::new();
        let mut known = HashSet::new();
        for symbol in self.signals.iter().flat_map(|s| self.universe(s)) {
            if known.insert(symbol) {
                symbols.push(symbol.clone());
            }
        }
        symbols
    }

    /// The values a signal waits for.
    pub fn roots_of(&self, signal: &Signal) -> Vec<ValueId> {
        signal.columns().map(|c| self.column(c).value).collect()
    }

    /// The values that the signals wait for.
    pub fn roots(&self) -> Vec<ValueId> {
        self.signals.iter().flat_map(|s| self.roots_of(s)).collect()
    }

    /// What the signals need of every frame, settled.
    pub fn needs(&self) -> Needs {
        self.structure().needs(&self.roots(), Until::Settled)
    }

    /// Over everything that can change a bit; names of columns and frames count, since rows carry them.
    pub fn fingerprint(&self) -> Fingerprint {
        let canonical = serde_json::to_vec(&(SEMANTICS, self)).expect("a plan has string keys and finite numbers only");
        Fingerprint::of(&canonical)
    }

    /// Checks what every stage after lowering relies on.
    pub fn verify(&self) -> Result<(), PlanError> {
        let frame_exists = |f: FrameId| f.index() < self.frames.len();
        for (i, frame) in self.frames.iter().enumerate() {
            if let Origin::Resample { of } = frame.origin
                && (of.index() >= i || !frame.interval.is_multiple_of(self.frames[of.index()].interval))
            {
                return Err(PlanError::Dangling);
            }
        }
        for (i, node) in self.nodes.iter().enumerate() {
            let id = ValueId::new(i);
            if !frame_exists(node.frame) {
                return Err(PlanError::Dangling);
            }
            let operands: Vec<ValueId> = match node.op {
                Op::Model { model } => self.models.get(model.index()).ok_or(PlanError::Dangling)?.inputs.clone(),
                op => op.operands().collect(),
            };
            if operands.iter().any(|x| x.index() >= i) {
                return Err(PlanError::Order(id));
            }
            let crosses = matches!(node.op, Op::Aggregate { .. } | Op::AsOf { .. } | Op::AtClose { .. });
            if operands.iter().any(|x| (self.nodes[x.index()].frame != node.frame) != crosses) {
                return Err(PlanError::Frames(id));
            }
            let in_range = match node.op {
                Op::Lag { n, .. } | Op::Skip { n, .. } => n >= 1,
                Op::Window { n, min_count, .. } => n >= 1 && (1..=n).contains(&min_count),
                Op::Pair { n, .. } => n >= 2,
                Op::Smooth { alpha, seed, .. } => alpha.0 > 0.0 && alpha.0 <= 1.0 && seed >= 1,
                Op::Const(x) => x.0.is_finite(),
                _ => true,
            };
            if !in_range {
                return Err(PlanError::Parameter(id));
            }
        }
        let dangling = self.sources.iter().any(|s| !frame_exists(s.frame))
            || self.columns.iter().any(|c| !frame_exists(c.frame) || c.value.index() >= self.nodes.len())
            || self.models.iter().any(|m| m.window == 0 || m.inputs.is_empty())
            || !(1..=usize::from(u16::MAX)).contains(&self.signals.len())
            || self.signals.iter().flat_map(Signal::columns).any(|c| c.index() >= self.columns.len());
        if dangling {
            return Err(PlanError::Dangling);
        }
        let strays = |s: &Signal| s.columns().any(|c| self.column(c).frame != self.frame_of(s));
        self.signals.iter().position(strays).map_or(Ok(()), |i| Err(PlanError::Signal(i)))
    }
}
