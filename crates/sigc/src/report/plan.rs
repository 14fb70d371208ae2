//! A plan as data: what `sigc plan --format json` prints, and what the other formats draw.

use serde::Serialize;
use sigc_compiler::Compiled;
use sigc_compiler::typed::{ColId, What};
use sigc_diag::{SourceFile, Span};
use sigc_plan::{Origin, SignalKind};

/// A pipeline's plan.
#[derive(Debug, Serialize)]
pub struct PlanReport {
    /// The pipeline's name.
    pub name: String,
    /// Over everything that can change a bit.
    pub fingerprint: String,
    /// What settling means.
    pub tolerance: f64,
    /// The frames in the order they are made.
    pub frames: Vec<FrameReport>,
    /// The data steps.
    pub sources: Vec<SourceReport>,
    /// The live steps in order.
    pub steps: Vec<StepReport>,
    /// What feeds what.
    pub edges: Vec<EdgeReport>,
    /// The functions over the universe, because of which its symbols wait for each other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub over_universe: Vec<&'static str>,
    /// How many ops.
    pub ops: OpsReport,
    /// The models.
    pub models: Vec<ModelReport>,
    /// What is emitted, in the order of the rows of one instant.
    pub signals: Vec<SignalReport>,
    /// Where rows go.
    pub sinks: Vec<SinkReport>,
}

/// A frame.
#[derive(Debug, Serialize)]
pub struct FrameReport {
    /// Its name.
    pub name: String,
    /// Length of a row.
    pub interval: String,
    /// The data step, or the frame it is made of.
    pub from: String,
    /// Closed rows needed before the first emission, at the worst instant.
    pub warmup_bars: i64,
    /// Its columns.
    pub columns: Vec<ColumnReport>,
}

/// A column.
#[derive(Debug, Serialize)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// `number` or `bool`.
    pub r#type: &'static str,
    /// Rows of its own frame before its first value.
    pub lookback: i64,
    /// Further rows until the tolerance holds.
    pub settle: i64,
    /// How sure that is.
    pub tier: &'static str,
    /// The step that makes it.
    pub step: String,
}

/// A data step.
#[derive(Debug, Serialize)]
pub struct SourceReport {
    /// Its frame.
    pub frame: String,
    /// The step's name.
    pub using: String,
    /// The universe.
    pub symbols: Vec<String>,
    /// Length of a bar.
    pub interval: String,
    /// Bars to fetch per symbol, alignment slack included.
    pub warmup_bars: i64,
    /// The same at the best instant, when every bucket has just closed.
    pub warmup_bars_aligned: i64,
    /// History requests for the whole universe; null where there is no venue to ask.
    pub requests: Option<u64>,
    /// Their weight against the venue's limit.
    pub weight: Option<u64>,
}

/// A step.
#[derive(Debug, Serialize)]
pub struct StepReport {
    /// Its name in this plan.
    pub id: String,
    /// The catalog's name.
    pub using: String,
    /// What it reads.
    pub inputs: Vec<String>,
    /// What it makes.
    pub outputs: Vec<String>,
    /// The events it listens to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
    /// When it fires, for an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Its parameters.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Where it stands.
    pub span: SpanReport,
}

/// A place in the file.
#[derive(Debug, Serialize)]
pub struct SpanReport {
    /// First place.
    pub start: PlaceReport,
    /// One past the last.
    pub end: PlaceReport,
}

/// Line and column from 1, byte offset from 0.
#[derive(Debug, Serialize)]
pub struct PlaceReport {
    /// Line.
    pub line: usize,
    /// Column in characters.
    pub column: usize,
    /// Byte.
    pub offset: usize,
}

/// One step feeds another.
#[derive(Debug, Serialize)]
pub struct EdgeReport {
    /// The maker.
    pub from: String,
    /// The reader.
    pub to: String,
}

/// Counts of ops.
#[derive(Debug, Serialize)]
pub struct OpsReport {
    /// In the plan.
    pub total: usize,
    /// Asked for again and found: how many were saved.
    pub shared: usize,
}

/// A model.
#[derive(Debug, Serialize)]
pub struct ModelReport {
    /// The catalog's name.
    pub using: String,
    /// Its inputs in order.
    pub inputs: Vec<String>,
    /// Rows it sees.
    pub window: u32,
    /// Fingerprint of the checkpoint; null while it is not there.
    pub checkpoint: Option<String>,
}

/// What is emitted.
#[derive(Debug, Serialize)]
pub struct SignalReport {
    /// `prediction` or `event`.
    pub kind: SignalKind,
    /// The event's name, or the prediction's column.
    pub name: String,
    /// The frame whose rows it has.
    pub frame: String,
    /// The value.
    pub column: String,
    /// The column that is true in its rows; null for all.
    pub when: Option<String>,
    /// The step it comes from.
    pub step: String,
    /// Further columns.
    pub columns: Vec<String>,
}

/// A sink.
#[derive(Debug, Serialize)]
pub struct SinkReport {
    /// The catalog's name.
    pub using: String,
    /// What it writes to.
    pub target: Option<String>,
    /// What it gets, by position among the signals.
    pub signals: Vec<usize>,
}

/// Makes the report of a pipeline without errors; `None` if there is no plan.
pub fn report(compiled: &Compiled, file: &SourceFile) -> Option<PlanReport> {
    let (plan, s) = (compiled.plan.as_ref()?, compiled.scheduled.as_ref()?);
    let typed = &s.dag.typed;
    let frame_name = |f: sigc_plan::FrameId| plan.frame(f).name.clone();
    let column_report = |i: usize| -> Option<ColumnReport> {
        let (c, need) = (&typed.columns[i], s.columns[i]?);
        Some(ColumnReport {
            name: c.name.clone(),
            r#type: c.r#type.name(),
            lookback: need.lookback,
            settle: need.settle,
            tier: need.tier.name(),
            step: typed.steps[c.step].id.clone(),
        })
    };
    let live = |f: sigc_plan::FrameId| s.dag.order.iter().any(|&i| typed.steps[i].makes_frame == Some(f));
    let frames = (0..plan.frames.len())
        .map(sigc_plan::FrameId::new)
        .filter(|&id| live(id))
        .map(|id| {
            let f = plan.frame(id);
            let from = match f.origin {
                Origin::Source { .. } => {
                    plan.sources.iter().find(|s| s.frame == id).map_or(String::new(), |s| s.using.clone())
                }
                Origin::Resample { of } => frame_name(of),
            };
            let columns = (0..typed.columns.len()).filter(|&i| typed.columns[i].frame == id).filter_map(column_report);
            FrameReport {
                name: f.name.clone(),
                interval: f.interval.to_string(),
                from,
                warmup_bars: s.needs.of(id).map_or(0, |n| n.rows),
                columns: columns.collect(),
            }
        })
        .collect();
    let sources = plan
        .sources
        .iter()
        .map(|source| {
            let need = s.needs.of(source.frame);
            let bars = need.map_or(0, |n| n.rows);
            let def = s.dag.order.iter().find_map(|&i| match &typed.steps[i].what {
                Some(What::Data(def)) if typed.steps[i].makes_frame == Some(source.frame) => Some(*def),
                _ => None,
            });
            let requests = def.and_then(|d| d.request).map(|(per_request, weight)| {
                let each = (bars as u64).div_ceil(u64::from(per_request));
                (each * source.symbols.len() as u64, each * source.symbols.len() as u64 * u64::from(weight))
            });
            SourceReport {
                frame: frame_name(source.frame),
                using: source.using.clone(),
                symbols: source.symbols.iter().map(ToString::to_string).collect(),
                interval: plan.frame(source.frame).interval.to_string(),
                warmup_bars: bars,
                warmup_bars_aligned: need.map_or(0, |n| n.least_rows),
                requests: requests.map(|r| r.0),
                weight: requests.map(|r| r.1),
            }
        })
        .collect();
    let steps = s.dag.order.iter().map(|&i| {
        let step = &typed.steps[i];
        let mut inputs: Vec<String> = step.reads.iter().map(|r| typed.qualified(r.value)).collect();
        inputs.extend(step.reads_frames.iter().filter(|_| step.reads.is_empty()).map(|&f| frame_name(f)));
        StepReport {
            id: step.id.clone(),
            using: step.using.value.clone(),
            inputs,
            outputs: step.makes.iter().map(|&c: &ColId| typed.qualified(c)).collect(),
            on: step.on.iter().map(|e| typed.qualified(e.value)).collect(),
            when: match &step.what {
                Some(What::Event { when, .. }) => Some(when.show(typed)),
                _ => None,
            },
            params: step.args.iter().flat_map(|a| a.iter()).map(|(k, v)| (k.to_string(), v.to_json())).collect(),
            span: span(file, step.span),
        }
    });
    let is_live = |i: &usize| s.dag.order.contains(i);
    let edges = s.dag.edges.iter().filter(|(a, b)| is_live(a) && is_live(b));
    let column_name = |c: sigc_plan::ColumnId| plan.column(c).name.clone();
    Some(PlanReport {
        name: plan.name.clone(),
        fingerprint: plan.fingerprint().to_string(),
        tolerance: plan.tolerance.0,
        frames,
        sources,
        steps: steps.collect(),
        edges: edges
            .map(|&(a, b)| EdgeReport { from: typed.steps[a].id.clone(), to: typed.steps[b].id.clone() })
            .collect(),
        over_universe: plan.cross_section().into_iter().map(sigc_plan::CrossFn::name).collect(),
        ops: OpsReport { total: plan.nodes.len(), shared: s.dag.graph.pushed() - s.nodes.len() },
        models: plan
            .models
            .iter()
            .map(|m| ModelReport {
                using: m.using.clone(),
                inputs: m.input_names.clone(),
                window: m.window,
                checkpoint: m.checkpoint.clone(),
            })
            .collect(),
        signals: typed
            .signals
            .iter()
            .zip(&plan.signals)
            .map(|(t, signal)| SignalReport {
                kind: signal.kind,
                name: plan.signal_name(signal).to_owned(),
                frame: frame_name(plan.frame_of(signal)),
                column: column_name(signal.column),
                when: signal.when.map(column_name),
                step: typed.steps[t.step(typed)].id.clone(),
                columns: signal.extra.iter().map(|&c| column_name(c)).collect(),
            })
            .collect(),
        sinks: typed
            .sinks
            .iter()
            .map(|s| SinkReport {
                using: s.def.info.name.into(),
                target: s.args.value(s.def.target).map(ToString::to_string),
                signals: s.gets.iter().map(|(i, _)| *i).collect(),
            })
            .collect(),
    })
}

fn span(file: &SourceFile, span: Span) -> SpanReport {
    let place = |offset: u32| {
        let at = file.line_col(offset as usize);
        PlaceReport { line: at.line, column: at.column, offset: offset as usize }
    };
    SpanReport { start: place(span.start), end: place(span.end) }
}
