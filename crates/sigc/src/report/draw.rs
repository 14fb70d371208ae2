//! Plans as pictures: Graphviz text, Mermaid text, and SVG laid out from the Graphviz text.

use super::plan::{PlanReport, SinkReport};
use layout::backends::svg::SVGWriter;
use layout::gv::{DotParser, GraphBuilder};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What stands in a box: the step and what it makes.
fn boxes(plan: &PlanReport) -> Vec<(String, String, String)> {
    let warmup: BTreeMap<&str, (i64, &str)> =
        plan.frames.iter().map(|f| (f.name.as_str(), (f.warmup_bars, f.interval.as_str()))).collect();
    plan.steps
        .iter()
        .map(|s| {
            let second = match warmup.get(s.id.as_str()) {
                Some((bars, interval)) => format!("{interval}, {bars} bars"),
                None => s.using.clone(),
            };
            (s.id.clone(), s.id.clone(), second)
        })
        .collect()
}

fn number(plan: &PlanReport, id: &str) -> usize {
    plan.steps.iter().position(|s| s.id == id).unwrap_or(0)
}

/// The steps whose rows a sink gets, each once.
fn makers(plan: &PlanReport, sink: &SinkReport) -> Vec<usize> {
    let mut steps: Vec<usize> = sink.signals.iter().map(|&i| number(plan, &plan.signals[i].step)).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// Graphviz.
pub fn dot(plan: &PlanReport) -> String {
    let mut out = String::from("digraph pipeline {\n  rankdir=LR;\n  node [shape=box];\n");
    for (id, first, second) in boxes(plan) {
        let label = format!("{}\\n{}", escape(&first), escape(&second));
        let _ = writeln!(out, "  s{} [label=\"{label}\"];", number(plan, &id));
    }
    for e in &plan.edges {
        let _ = writeln!(out, "  s{} -> s{};", number(plan, &e.from), number(plan, &e.to));
    }
    for (i, sink) in plan.sinks.iter().enumerate() {
        let label = format!("{}\\n{}", escape(&sink.using), escape(sink.target.as_deref().unwrap_or("")));
        let _ = writeln!(out, "  sink{i} [label=\"{label}\"];");
        for step in makers(plan, sink) {
            let _ = writeln!(out, "  s{step} -> sink{i};");
        }
    }
    out + "}\n"
}

/// Mermaid.
pub fn mermaid(plan: &PlanReport) -> String {
    let mut out = String::from("flowchart LR\n");
    for (id, first, second) in boxes(plan) {
        let _ = writeln!(out, "  s{}[\"{}<br/>{}\"]", number(plan, &id), html(&first), html(&second));
    }
    for (i, sink) in plan.sinks.iter().enumerate() {
        let label = format!("{}<br/>{}", html(&sink.using), html(sink.target.as_deref().unwrap_or("")));
        let _ = writeln!(out, "  sink{i}[(\"{label}\")]");
    }
    for e in &plan.edges {
        let _ = writeln!(out, "  s{} --> s{}", number(plan, &e.from), number(plan, &e.to));
    }
    for (i, sink) in plan.sinks.iter().enumerate() {
        for step in makers(plan, sink) {
            let _ = writeln!(out, "  s{step} --> sink{i}");
        }
    }
    out
}

/// SVG, or why it could not be laid out.
pub fn svg(plan: &PlanReport) -> Result<String, String> {
    let text = dot(plan);
    let graph = DotParser::new(&text).process()?;
    let mut builder = GraphBuilder::new();
    builder.visit_graph(&graph);
    let mut graph = builder.get();
    let mut writer = SVGWriter::new();
    graph.do_it(false, false, false, &mut writer);
    Ok(writer.finalize())
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}
