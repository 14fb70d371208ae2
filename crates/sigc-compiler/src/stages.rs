//! Every stage as text, for `sigc plan --stage` and `sigc expand`.

use crate::Compiled;
use crate::expand::{Expanded, param_node};
use crate::shape::{SinkDecl, StepDecl, Trigger};
use crate::typed::What;
use sigc_catalog::Kind;
use sigc_diag::{Span, Spanned};
use sigc_plan::ValueId;
use sigc_syntax::{Entry, Map, Node, Scalar, ScalarStyle, Typed as YamlType, Value};
use std::fmt::Write;

/// The names of the stages, in order.
pub const STAGES: &[&str] = &["tree", "expanded", "typed", "dag", "schedule", "plan"];

/// One stage of a compilation as text; `None` if it was not reached, or there is none of that name.
pub fn print_stage(compiled: &Compiled, stage: &str, text: &str) -> Option<String> {
    match stage {
        "tree" => Some(sigc_syntax::print_tree(&compiled.tree, text)),
        "expanded" => compiled.expanded.as_ref().map(expanded_yaml),
        "typed" => compiled.typed.as_ref().map(print_typed),
        "dag" => compiled.dag.as_ref().map(print_dag),
        "schedule" => compiled.scheduled.as_ref().map(print_schedule),
        "plan" => compiled.plan.as_ref().map(ToString::to_string),
        _ => None,
    }
}

/// The pipeline after expansion as YAML that compiles to the same plan.
pub fn expanded_yaml(e: &Expanded) -> String {
    let mut top = Vec::new();
    if let Some(name) = &e.name {
        top.push(entry("name", text(&name.value)));
    }
    if let Some(list) = &e.capabilities {
        let items = list.iter().map(|c| text(&c.value)).collect();
        top.push(entry("using", map(vec![entry("capabilities", seq(items))])));
    }
    let s = &e.signal;
    let mut signal = Vec::new();
    let parts = [("mode", &s.mode), ("warmup", &s.warmup), ("scheduling", &s.scheduling)];
    signal.extend(parts.into_iter().filter_map(|(key, node)| Some(entry(key, node.clone()?))));
    for trigger in Trigger::ALL {
        let sinks: Vec<Node> = s.sinks.iter().filter(|d| d.trigger == trigger).map(sink_node).collect();
        if !sinks.is_empty() {
            signal.push(entry(trigger.key(), seq(sinks)));
        }
    }
    top.push(entry("signal_generation", map(signal)));
    top.push(entry("pipeline", seq(e.steps.iter().map(step_node).collect())));
    sigc_syntax::to_yaml(&map(top))
}

fn step_node(step: &StepDecl) -> Node {
    let mut body = Vec::new();
    if step.kind.value == Kind::Event {
        body.extend(step.event.name.clone().map(|n| entry("name", n)));
        body.extend(step.event.when.clone().map(|n| entry("when", n)));
    } else {
        body.extend(step.using.as_ref().map(|u| entry("using", text(&u.value))));
    }
    body.extend(step.inputs.clone().map(|n| entry("inputs", n)));
    body.extend(step.outputs.clone().map(|n| entry("outputs", n)));
    body.extend(step.event.value.clone().map(|n| entry("value", n)));
    body.extend(step.on.clone().map(|n| entry("on", n)));
    if !step.params.is_empty() {
        body.push(entry("params", map(step.params.iter().map(param_node).collect())));
    }
    map(vec![entry(step.kind.value.key(), map(body))])
}

fn sink_node(sink: &SinkDecl) -> Node {
    let mut body = Vec::new();
    body.extend(sink.using.as_ref().map(|u| entry("using", text(&u.value))));
    if !sink.params.is_empty() {
        body.push(entry("params", map(sink.params.iter().map(param_node).collect())));
    }
    body.extend(sink.which.clone().map(|n| entry(sink.trigger.which(), n)));
    body.extend(sink.columns.clone().map(|n| entry("columns", n)));
    map(body)
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: Spanned::new(key.into(), Span::default()), value }
}

fn map(entries: Vec<Entry>) -> Node {
    Node { span: Span::default(), value: Value::Map(Map { entries }) }
}

fn seq(items: Vec<Node>) -> Node {
    Node { span: Span::default(), value: Value::Seq(items) }
}

fn text(s: &str) -> Node {
    let scalar = Scalar { text: s.into(), style: ScalarStyle::Plain, typed: YamlType::Str };
    Node { span: Span::default(), value: Value::Scalar(scalar) }
}

/// Writing to a String cannot fail; this says so once.
macro_rules! line {
    ($out:expr, $($arg:tt)*) => { let _ = writeln!($out, $($arg)*); };
}

fn print_typed(t: &crate::typed::Typed) -> String {
    let mut out = String::new();
    line!(out, "pipeline {}", t.name);
    for f in &t.frames {
        let interval = f.interval.map_or("?".into(), |i| i.to_string());
        line!(out, "frame {} {interval}", f.name);
    }
    for (i, s) in t.steps.iter().enumerate() {
        let kind = match &s.what {
            None => "unresolved",
            Some(What::Data(_)) => "data",
            Some(What::Resample { .. }) => "resample",
            Some(What::Align) => "align",
            Some(What::Feature { .. }) if s.kind == Kind::Strategy => "strategy",
            Some(What::Feature { .. }) => "feature",
            Some(What::Model { .. }) => "model",
            Some(What::Event { .. }) => "event",
        };
        line!(out, "step {i} {kind} {}", s.using.value);
        for (name, value) in s.args.iter().flat_map(|a| a.iter()) {
            line!(out, "  {name} = {value}");
        }
        for r in &s.reads {
            line!(out, "  reads {}", t.qualified(r.value));
        }
        if let Some(What::Event { when, .. }) = &s.what {
            line!(out, "  when {}", when.show(t));
        }
        for e in &s.on {
            line!(out, "  on {}", t.qualified(e.value));
        }
        for &c in &s.makes {
            line!(out, "  makes {} ({})", t.qualified(c), t.column(c).r#type.name());
        }
    }
    for e in &t.signals {
        let more: Vec<String> = e.extra.iter().map(|&c| format!(", {}", t.qualified(c))).collect();
        let event = e.event.map(|c| format!("event {} ", t.column(c).name)).unwrap_or_default();
        line!(out, "emit {event}{}{}", t.qualified(e.column), more.concat());
    }
    out
}

fn print_dag(d: &crate::graph::Dag) -> String {
    let mut out = String::new();
    for &i in &d.order {
        line!(out, "step {i} {} ({})", d.typed.steps[i].id, d.typed.steps[i].using.value);
        for &(maker, _) in d.edges.iter().filter(|e| e.1 == i) {
            line!(out, "  after {}", d.typed.steps[maker].id);
        }
        for &c in &d.typed.steps[i].makes {
            if let Some(v) = d.values[c.0] {
                line!(out, "  {} = {v}", d.typed.qualified(c));
            }
        }
    }
    for (i, node) in d.graph.nodes().enumerate() {
        line!(out, "{} {}: {}", ValueId::new(i), d.frames[node.frame.index()].name, node.op);
    }
    out
}

fn print_schedule(s: &crate::schedule::Scheduled) -> String {
    let mut out = String::new();
    for n in &s.needs.0 {
        let f = &s.dag.frames[n.frame.index()];
        line!(out, "frame {} {}: {} bars, {} at best", f.name, f.interval, n.rows, n.least_rows);
    }
    for (i, need) in s.columns.iter().enumerate() {
        if let Some(n) = need {
            let name = s.dag.typed.qualified(crate::typed::ColId(i));
            line!(out, "column {name}: lookback {}, settle {}, {}", n.lookback, n.settle, n.tier.name());
        }
    }
    out
}
