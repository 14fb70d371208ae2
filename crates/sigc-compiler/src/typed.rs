//! The pipeline with names resolved: frames, columns and steps by id, parameters as values.

use crate::condition::Condition;
use sigc_catalog::{Args, DataStep, Feature, Kind, ModelFacts, ModelStep, SinkStep};
use sigc_diag::{Span, Spanned};
use sigc_market::{Field, Interval, Symbol};
use sigc_plan::{FrameId, Gap, Incomplete, Label, Type};

/// Position of a column in [`Typed::columns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColId(pub usize);

/// A pipeline whose names mean something. What could not be resolved is missing here and was reported.
#[derive(Debug, Clone)]
pub struct Typed {
    /// `name`
    pub name: String,
    /// The frames in the order they are made.
    pub frames: Vec<TFrame>,
    /// Every column that some step makes, bar fields included.
    pub columns: Vec<TColumn>,
    /// The steps in the order written.
    pub steps: Vec<TStep>,
    /// True if a step or column could not be read: what seems to be unused may be used there.
    pub partial: bool,
    /// `warmup`
    pub warmup: Warmup,
    /// `scheduling`
    pub scheduling: Option<Scheduling>,
    /// `on_prediction`, then `on_event`
    pub sinks: Vec<TSink>,
    /// What is emitted, in the order in which its steps stand in the pipeline.
    pub signals: Vec<TSignal>,
    /// False where it could not be told what a sink gets.
    pub signals_known: bool,
}

/// A frame.
#[derive(Debug, Clone)]
pub struct TFrame {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub span: Span,
    /// Length of a row; `None` where it could not be read.
    pub interval: Option<Interval>,
    /// Where it comes from.
    pub origin: TOrigin,
    /// Label of its rows.
    pub label: Label,
}

/// Where a frame comes from.
#[derive(Debug, Clone)]
pub enum TOrigin {
    /// A data step.
    Source {
        /// The symbols; empty where they could not be read.
        symbols: Vec<Symbol>,
        /// What a bar holds.
        fields: Vec<Field>,
        /// What a missing bar becomes.
        gap: Gap,
    },
    /// A resample step.
    Resample {
        /// The finer frame; `None` where it could not be resolved.
        of: Option<FrameId>,
    },
}

/// A column.
#[derive(Debug, Clone)]
pub struct TColumn {
    /// Its frame.
    pub frame: FrameId,
    /// Its name.
    pub name: String,
    /// What it holds.
    pub r#type: Type,
    /// The step that makes it, by position in [`Typed::steps`].
    pub step: usize,
    /// Where it is named.
    pub span: Span,
    /// The bar field, for columns of source and resampled frames.
    pub field: Option<Field>,
}

/// A step.
#[derive(Debug, Clone)]
pub struct TStep {
    /// Its name in plans: `ohlcv_2h.rsi6`, or the frame it makes.
    pub id: String,
    /// Its kind.
    pub kind: Kind,
    /// `using`
    pub using: Spanned<String>,
    /// Where it stands.
    pub span: Span,
    /// Position in the file's pipeline list.
    pub index: usize,
    /// What it does; `None` where it could not be resolved.
    pub what: Option<What>,
    /// The columns it reads, each with the place of the reference.
    pub reads: Vec<Spanned<ColId>>,
    /// The frames it reads.
    pub reads_frames: Vec<FrameId>,
    /// Where `inputs` names a frame.
    pub frame_at: Option<Span>,
    /// The columns it makes.
    pub makes: Vec<ColId>,
    /// The frame it makes.
    pub makes_frame: Option<FrameId>,
    /// Its arguments.
    pub args: Option<Args>,
    /// The events it listens to, by the columns that say when they fire; all rows count where there are none.
    pub on: Vec<Spanned<ColId>>,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum What {
    /// Bars.
    Data(&'static DataStep),
    /// Whole buckets.
    Resample {
        /// What a null child does.
        incomplete: Incomplete,
    },
    /// Columns as of each row's close: `reads` and `makes` pair up.
    Align,
    /// A feature or strategy: `reads` are its roles in order; `makes[i]` is output `outputs[i]`.
    Feature {
        /// Its definition.
        def: &'static Feature,
        /// Which output each made column is.
        outputs: Vec<usize>,
    },
    /// A model: `reads` are its inputs in the model's order.
    Model {
        /// Its definition.
        def: &'static ModelStep,
        /// Names of its inputs as the model knows them.
        input_names: Vec<String>,
        /// Rows of its window.
        window: u32,
        /// What the checkpoint says; `None` while it is not there.
        facts: Option<ModelFacts>,
    },
    /// An event.
    Event {
        /// When it fires.
        when: Condition,
        /// What its records carry; `None` for 1.
        value: Option<ColId>,
    },
}

/// `warmup`
#[derive(Debug, Clone, PartialEq)]
pub struct Warmup {
    /// `lookback_days`, if a number was asked for.
    pub lookback_days: Option<Spanned<f64Bits>>,
    /// `tolerance`
    pub tolerance: f64,
    /// `catch_up`
    pub catch_up: CatchUp,
}

/// A finite number that compares by its bits.
#[allow(non_camel_case_types, reason = "reads as the number it is")]
pub type f64Bits = sigc_plan::F64;

/// What happens to bars that closed while the process was down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CatchUp {
    /// They are emitted late.
    #[default]
    Emit,
    /// They are emitted and marked.
    Mark,
    /// They are not emitted.
    Skip,
}

/// `scheduling`
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduling {
    /// `interval`
    pub interval: Option<Spanned<Interval>>,
    /// `buffer_minutes`
    pub buffer_minutes: Option<f64>,
}

/// A sink.
#[derive(Debug, Clone)]
pub struct TSink {
    /// Its definition.
    pub def: &'static SinkStep,
    /// Its arguments.
    pub args: Args,
    /// Where it stands.
    pub span: Span,
    /// What it gets: positions in [`Typed::signals`], each with positions in [`TSignal::extra`].
    pub gets: Vec<(usize, Vec<usize>)>,
    /// Further columns of its records.
    pub columns: Vec<ColId>,
}

/// What is emitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TSignal {
    /// The event's own column; `None` for a prediction.
    pub event: Option<ColId>,
    /// The value.
    pub column: ColId,
    /// The union of its sinks' further columns, in the order first written.
    pub extra: Vec<ColId>,
}

impl TSignal {
    /// The step that says when it is there: an event, or the maker of the prediction.
    pub fn step(&self, typed: &Typed) -> usize {
        typed.column(self.event.unwrap_or(self.column)).step
    }
}

/// How a row of one frame knows of an event of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It is of the same frame.
    Same,
    /// The row is made of the event's rows: it fires if it did in any of them. The frames on the way, coarser and
    /// coarser, the row's own the last.
    Buckets(Vec<FrameId>),
    /// A row of the event's frame closes at the same instant, or it does not fire.
    AtClose,
}

impl Typed {
    /// One column.
    pub fn column(&self, id: ColId) -> &TColumn {
        &self.columns[id.0]
    }

    /// One frame.
    pub fn frame(&self, id: FrameId) -> &TFrame {
        &self.frames[id.index()]
    }

    /// `frame.column`
    pub fn qualified(&self, id: ColId) -> String {
        let c = self.column(id);
        format!("{}.{}", self.frame(c.frame).name, c.name)
    }

    /// The source frame below a frame; `None` where the chain is broken.
    pub fn source_of(&self, mut frame: FrameId) -> Option<FrameId> {
        for _ in 0..=self.frames.len() {
            match self.frame(frame).origin {
                TOrigin::Source { .. } => return Some(frame),
                TOrigin::Resample { of } => frame = of?,
            }
        }
        None
    }

    /// How rows of `frame` know of events of the frame `of`; `None` if such an event could fall between two rows.
    pub fn way(&self, of: FrameId, frame: FrameId) -> Option<Way> {
        if of == frame {
            return Some(Way::Same);
        }
        let mut path = vec![frame];
        while let TOrigin::Resample { of: Some(finer) } = self.frame(path[path.len() - 1]).origin
            && path.len() <= self.frames.len()
        {
            if finer == of {
                path.reverse();
                return Some(Way::Buckets(path));
            }
            path.push(finer);
        }
        let (event, row) = (self.frame(of).interval?, self.frame(frame).interval?);
        event.is_multiple_of(row).then_some(Way::AtClose)
    }

    /// The columns that an emission waits for, conditions apart.
    pub fn emitted(&self) -> impl Iterator<Item = ColId> + '_ {
        self.signals.iter().flat_map(|s| s.event.into_iter().chain([s.column]).chain(s.extra.iter().copied()))
    }

    /// The universe of a frame; empty where it could not be read.
    pub fn universe(&self, frame: FrameId) -> &[Symbol] {
        match self.source_of(frame).map(|f| &self.frame(f).origin) {
            Some(TOrigin::Source { symbols, .. }) => symbols,
            _ => &[],
        }
    }
}
