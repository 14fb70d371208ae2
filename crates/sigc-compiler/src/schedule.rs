//! How much history every frame and column needs, and whether `lookback_days` gives it.

use crate::graph::Dag;
use crate::typed::{ColId, TOrigin};
use sigc_diag::{Applicability, Diag, Diags, E0303, N0301};
use sigc_plan::lookback::{Structure, Until};
use sigc_plan::{FrameId, Needs, Node, Tier, ValueId};

const DAY_MS: f64 = 86_400_000.0;
/// `lookback_days` beyond this multiple of the need, and by more than [`SPARE_DAYS`], gets a note.
const FAR_TOO_LARGE: f64 = 8.0;
const SPARE_DAYS: f64 = 7.0;

/// A DAG and the history it needs.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// The steps and ops.
    pub dag: Dag,
    /// The ops in order.
    pub nodes: Vec<Node>,
    /// What the emission needs of every frame: rows at the worst instant.
    pub needs: Needs,
    /// Per column of a live step.
    pub columns: Vec<Option<ColumnNeed>>,
}

/// The history of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnNeed {
    /// Rows of its own frame before its first value.
    pub lookback: i64,
    /// Further rows until the tolerance holds.
    pub settle: i64,
    /// How sure that is.
    pub tier: Tier,
}

impl Scheduled {
    /// What lookback reads.
    pub fn structure(&self) -> Structure<'_> {
        Structure {
            frames: &self.dag.frames,
            nodes: &self.nodes,
            models: &self.dag.models,
            tolerance: self.dag.typed.warmup.tolerance,
        }
    }

    /// The value of a column of a live step.
    pub fn value(&self, c: ColId) -> Option<ValueId> {
        self.dag.values[c.0]
    }

    /// The values an emission waits for.
    pub fn roots(&self) -> Vec<ValueId> {
        let typed = &self.dag.typed;
        let masks = typed.signals.iter().filter_map(|s| self.dag.masks[s.step(typed)]);
        typed.emitted().filter_map(|c| self.dag.values[c.0]).chain(masks).collect()
    }
}

/// Counts the history.
pub fn schedule(dag: &Dag, diags: &mut Diags) -> Scheduled {
    let nodes: Vec<Node> = dag.graph.nodes().copied().collect();
    let mut s = Scheduled { dag: dag.clone(), nodes, needs: Needs::default(), columns: Vec::new() };
    let structure = s.structure();
    let first = structure.lookbacks(Until::FirstValue);
    let settled = structure.lookbacks(Until::Settled);
    let need = |v: &ValueId| {
        let ((lookback, tier), (settled, _)) = (first[v.index()], settled[v.index()]);
        let lookback = lookback.unwrap_or_else(|| structure.lookback(*v, Until::FirstValue));
        let settled = settled.unwrap_or_else(|| structure.lookback(*v, Until::Settled));
        ColumnNeed { lookback, settle: settled - lookback, tier }
    };
    let columns = dag.values.iter().map(|v| v.as_ref().map(need)).collect();
    let needs = structure.needs(&s.roots(), Until::Settled);
    s.columns = columns;
    s.needs = needs;
    check_lookback_days(&s, diags);
    s
}

/// Days of history that the bars of a source span.
fn days(s: &Scheduled, frame: FrameId, rows: i64) -> f64 {
    rows as f64 * s.dag.frames[frame.index()].interval.max_millis() as f64 / DAY_MS
}

fn check_lookback_days(s: &Scheduled, diags: &mut Diags) {
    let Some(written) = &s.dag.typed.warmup.lookback_days else { return };
    let sources = s.needs.0.iter().filter(|n| matches!(s.dag.typed.frame(n.frame).origin, TOrigin::Source { .. }));
    let Some(worst) = sources.max_by(|a, b| days(s, a.frame, a.rows).total_cmp(&days(s, b.frame, b.rows))) else {
        return;
    };
    let frame = &s.dag.frames[worst.frame.index()];
    let need = days(s, worst.frame, worst.rows);
    let have = written.value.0;
    let whole_days = need.ceil();
    if have < need {
        let bars = (have * DAY_MS / frame.interval.max_millis() as f64).floor();
        let message = format!(
            "`lookback_days: {have}` gives {bars} bars of `{}` ({}), and the first prediction needs {}",
            frame.name, frame.interval, worst.rows
        );
        diags.push(
            Diag::new(&E0303, written.span, message)
                .here(format!("needs at least {whole_days} days"))
                .help("write `warmup: auto`, or leave `lookback_days` out, and the exact number is used; `sigc plan` shows where it comes from")
                .fix(written.span, format!("{whole_days}"), format!("write {whole_days}"), Applicability::Guess),
        );
    } else if have > FAR_TOO_LARGE * need && have > need + SPARE_DAYS {
        let message = format!(
            "`lookback_days: {have}` gives far more than is needed: {} bars of `{}` ({})",
            worst.rows, frame.name, frame.interval
        );
        diags.push(
            Diag::new(&N0301, written.span, message)
                .here(format!("{whole_days} days would do"))
                .help("leave `lookback_days` out, and the exact number is used"),
        );
    }
}
