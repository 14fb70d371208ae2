//! A plan as tables, and the path that sets a column's history.

use super::plan::PlanReport;
use super::table::Table;
use sigc_compiler::Compiled;
use sigc_compiler::typed::ColId;
use sigc_market::Interval;
use sigc_plan::lookback::Until;
use sigc_plan::{Op, SignalKind, ValueId};
use std::fmt::Write;

/// The whole plan.
pub fn plan(p: &PlanReport) -> String {
    let mut out = format!("{}  fingerprint {}\n", p.name, p.fingerprint);
    let _ = writeln!(
        out,
        "\nHistory before the first row (recursive values within {:e} of their input's range)",
        p.tolerance
    );
    let mut frames = Table::new(&["frame", "interval", "made of", "bars", "time"]);
    for f in &p.frames {
        frames.row(&[&f.name, &f.interval, &f.from, &f.warmup_bars.to_string(), &span(f.warmup_bars, &f.interval)]);
    }
    let _ = writeln!(out, "{frames}");
    out.push_str("Fetch per symbol\n");
    let mut sources = Table::new(&["frame", "symbols", "bars", "on a bucket's close", "requests", "weight"]);
    for s in &p.sources {
        let number = |n: Option<u64>| n.map_or("-".into(), |n| n.to_string());
        sources.row(&[
            s.frame.clone(),
            s.symbols.len().to_string(),
            s.warmup_bars.to_string(),
            s.warmup_bars_aligned.to_string(),
            number(s.requests),
            number(s.weight),
        ]);
    }
    let _ = writeln!(out, "{sources}");
    out.push_str("Columns: bars before the first value, and until it has settled\n");
    let mut columns = Table::new(&["column", "lookback", "settle", "tier", "made by"]);
    for f in &p.frames {
        for c in f.columns.iter().filter(|c| c.step != f.name) {
            let using = p.steps.iter().find(|s| s.id == c.step).map_or("", |s| s.using.as_str());
            columns.row(&[
                format!("{}.{}", f.name, c.name),
                c.lookback.to_string(),
                c.settle.to_string(),
                c.tier.into(),
                using.into(),
            ]);
        }
    }
    let _ = writeln!(out, "{columns}");
    for m in &p.models {
        let _ = writeln!(out, "Model {} sees {} rows of {}", m.using, m.window, m.inputs.join(", "));
    }
    for (i, s) in p.signals.iter().enumerate() {
        let more = if s.columns.is_empty() { String::new() } else { format!(" with {}", s.columns.join(", ")) };
        let rows = match &s.when {
            Some(when) => format!("one row per symbol and bar where {when}"),
            None => "one row per symbol and bar".into(),
        };
        let what = match s.kind {
            SignalKind::Event => format!("event {} with the value {}.{}", s.name, s.frame, s.column),
            SignalKind::Prediction => format!("{}.{}", s.frame, s.column),
        };
        let _ = writeln!(out, "Emits {what}{more}, {rows}");
        for sink in p.sinks.iter().filter(|sink| sink.signals.contains(&i)) {
            let _ = writeln!(out, "  to {} {}", sink.using, sink.target.as_deref().unwrap_or(""));
        }
    }
    if !p.over_universe.is_empty() {
        let _ = writeln!(out, "Symbols wait for each other: {} over the universe", p.over_universe.join(", "));
    }
    let _ = writeln!(out, "Ops {}, and {} more were asked for and found shared", p.ops.total, p.ops.shared);
    out
}

/// `22.6 days` of rows.
fn span(rows: i64, interval: &str) -> String {
    let ms = Interval::parse(interval).map_or(0, |i| i.max_millis()) as f64 * rows as f64;
    match ms / 3_600_000.0 {
        h if h < 1.0 => format!("{:.0} minutes", ms / 60_000.0),
        h if h < 48.0 => format!("{h:.1} hours"),
        h => format!("{:.1} days", h / 24.0),
    }
}

/// Why a column needs the history it needs: `None` if there is no such column in the plan.
pub fn column(compiled: &Compiled, frame: &str, name: &str) -> Option<String> {
    let s = compiled.scheduled.as_ref()?;
    let typed = &s.dag.typed;
    let i = typed.columns.iter().position(|c| c.name == name && typed.frame(c.frame).name == frame)?;
    let (need, value) = (s.columns[i]?, s.value(ColId(i))?);
    let structure = s.structure();
    let mut out = format!(
        "{frame}.{name}: first value after {} rows of {frame}, settled after {} more ({})\n",
        need.lookback,
        need.settle,
        need.tier.name()
    );
    out.push_str("\nThe path that sets it, from the column down to the bars\n");
    let mut table = Table::new(&["value", "op", "reads back", "settles", "rows back in all", "of"]);
    for step in structure.path(value, Until::Settled) {
        let node = &s.nodes[step.value.index()];
        table.row(&[
            value_name(s, step.value),
            node.op.to_string(),
            step.back.to_string(),
            step.settle.to_string(),
            step.rows_back.to_string(),
            s.dag.frames[node.frame.index()].name.clone(),
        ]);
    }
    let _ = writeln!(out, "{table}");
    out.push_str("Bars needed of each frame, at the worst instant and on a bucket's close\n");
    let mut needs = Table::new(&["frame", "interval", "bars", "on a bucket's close"]);
    for n in &structure.needs(&[value], Until::Settled).0 {
        let f = &s.dag.frames[n.frame.index()];
        needs.row(&[f.name.clone(), f.interval.to_string(), n.rows.to_string(), n.least_rows.to_string()]);
    }
    let _ = writeln!(out, "{needs}");
    Some(out)
}

/// A column's name where the value is one, else its number.
fn value_name(s: &sigc_compiler::schedule::Scheduled, v: ValueId) -> String {
    let column = (0..s.dag.values.len()).find(|&i| s.dag.values[i] == Some(v));
    match (column, s.nodes[v.index()].op) {
        (Some(i), _) => s.dag.typed.qualified(ColId(i)),
        (None, Op::Model { .. }) => "the model".into(),
        (None, _) => v.to_string(),
    }
}
