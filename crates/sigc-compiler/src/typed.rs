//! The pipeline with names resolved: frames, columns and steps by id, parameters as values.

use sigc_catalog::{Args, DataStep, Feature, ModelFacts, ModelStep, SinkStep};
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
    /// `on_prediction`
    pub sinks: Vec<TSink>,
    /// The prediction and the further columns of a record; `None` where the model step could not be resolved.
    pub emission: Option<TEmission>,
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
    /// A feature: `reads` are its roles in order; `makes[i]` is output `outputs[i]`.
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
    /// Further columns of its records, by position in [`TEmission::extra`].
    pub extra: Vec<usize>,
}

/// What is emitted.
#[derive(Debug, Clone)]
pub struct TEmission {
    /// The prediction.
    pub column: ColId,
    /// The union of the sinks' further columns, in the order first written.
    pub extra: Vec<ColId>,
    /// Place of the model step.
    pub span: Span,
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

    /// The universe of a frame; empty where it could not be read.
    pub fn universe(&self, frame: FrameId) -> &[Symbol] {
        match self.source_of(frame).map(|f| &self.frame(f).origin) {
            Some(TOrigin::Source { symbols, .. }) => symbols,
            _ => &[],
        }
    }
}
