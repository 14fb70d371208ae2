//! `sigc features`: the catalog, as text or as the Markdown reference of the docs.

use crate::catalog::catalog;
use crate::cli::Features;
use crate::failure::{Failure, Outcome};
use crate::report::table::Table;
use crate::terminal::Terminal;
use sigc_catalog::{Default, Kind, Spec, Step};
use sigc_diag::nearest;
use std::fmt::Write;

/// Lists the steps, or shows one.
pub fn run(args: &Features, term: &mut Terminal) -> Outcome {
    let catalog = catalog();
    if args.markdown {
        term.print(&markdown());
        return Ok(0);
    }
    let Some(name) = &args.name else {
        let mut table = Table::new(&["step", "what it does", "parameters"]);
        for kind in KINDS {
            for step in catalog.steps().filter(|s| s.kind() == kind) {
                let params: Vec<&str> = step.info().specs().map(|s| s.name).collect();
                table.row(&[step.info().name, step.info().summary, &params.join(", ")]);
            }
        }
        term.print(&table.to_string());
        return Ok(0);
    };
    let found = catalog.get(name).or_else(|| catalog.get(&format!("features.{name}")));
    match found {
        Some(step) => {
            term.print(&page(&step));
            Ok(0)
        }
        None => {
            let names: Vec<&str> = catalog.steps().map(|s| s.info().name).collect();
            let near = nearest(name, names.iter().copied())
                .or_else(|| nearest(&format!("features.{name}"), names.iter().copied()));
            let help = near.map_or("`sigc features` lists all steps".into(), |n| format!("did you mean `{n}`?"));
            Err(Failure::usage(format!("there is no step `{name}`"), help))
        }
    }
}

const KINDS: [Kind; 6] = [Kind::Data, Kind::Transform, Kind::Features, Kind::Model, Kind::Strategy, Kind::Sink];

/// The reference of all steps, as it stands in `docs/`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Steps\n\nMade from the catalog by `sigc features --markdown`; every example below runs as a test.\n",
    );
    for (kind, title) in KINDS.into_iter().zip(["Data", "Transforms", "Features", "Models", "Strategies", "Sinks"]) {
        let _ = writeln!(out, "\n## {title}");
        for step in catalog().steps().filter(|s| s.kind() == kind) {
            let _ = write!(out, "\n### {}", page(&step));
        }
    }
    out
}

/// One step: what it does, parameters, inputs, outputs, examples.
fn page(step: &Step) -> String {
    let info = step.info();
    let mut out = format!("{}\n\n{}\n\n{}\n", info.name, sentence(info.summary), info.doc.trim());
    if info.specs().next().is_some() {
        out.push_str("\n| parameter | accepts | default | meaning |\n| --- | --- | --- | --- |\n");
        for s in info.specs() {
            let accepts = s.kind.describe() + if s.nullable { ", or null" } else { "" };
            let _ = writeln!(out, "| `{}` | {accepts} | {} | {} |", s.name, default(s), s.doc);
        }
    }
    if let Some(f) = step.composed() {
        let roles: Vec<String> = f.roles.iter().map(|r| format!("`{}`", r.name)).collect();
        let outputs: Vec<String> = f.outputs.iter().map(|o| format!("`{}`", o.name)).collect();
        let _ = writeln!(out, "\nReads {}; makes {}.", roles.join(", "), outputs.join(", "));
        for e in f.examples {
            let args: Vec<String> = e.args.iter().map(|(k, v)| format!("{k}: {v}")).collect();
            let _ = writeln!(out, "\nExample, {} (`{{{}}}`):\n\n```text", e.title, args.join(", "));
            for (name, cells) in e.input.iter().chain(e.output) {
                let cells: Vec<String> = cells.iter().map(|c| c.map_or("null".into(), |x| x.to_string())).collect();
                let _ = writeln!(out, "{name}: {}", cells.join(" "));
            }
            out.push_str("```\n");
        }
    }
    if let Step::Data(d) = step {
        let fields: Vec<&str> = d.fields.iter().map(|f| f.name()).collect();
        let _ = writeln!(out, "\nColumns: {}.", fields.join(", "));
        if !d.intervals.is_empty() {
            let _ = writeln!(out, "\nIntervals: {}.", d.intervals.join(", "));
        }
    }
    out
}

fn default(spec: &Spec) -> String {
    match spec.default {
        Default::Required => "required".into(),
        Default::Absent => "none".into(),
        other => other.value().map_or(String::new(), |v| format!("`{v}`")),
    }
}

fn sentence(summary: &str) -> String {
    let mut chars = summary.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().collect::<String>() + chars.as_str() + ".",
        None => String::new(),
    }
}
