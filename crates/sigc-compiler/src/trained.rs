//! What a model was trained on, against what the pipeline makes for it.
//!
//! In go the ops of a pipeline and what each model's manifest says; out come findings where they part. Fingerprints
//! decide ([`sigc_plan::inputs_print`]); the words beside them are for the reader. [`of_model`] is the same account of
//! this pipeline, in the form in which a backfill writes it into a manifest.

use crate::schedule::Scheduled;
use crate::typed::{ColId, TOrigin, TStep, Typed, What};
use sigc_catalog::{Feature, Trained, TrainedInput};
use sigc_diag::{Diag, Diags, E0415, E0416, Span, W0402};
use sigc_plan::{FrameId, Gap, Incomplete, ModelId, Op, inputs_print};

/// How many features deep an input is told in words.
const DEPTH: usize = 3;
/// How many inputs that differ are told in one message.
const SHOWN: usize = 3;

/// Compares every model with its manifest.
pub fn check(s: &Scheduled, diags: &mut Diags) {
    let typed = &s.dag.typed;
    for &i in &s.dag.order {
        let step = &typed.steps[i];
        let Some(What::Model { facts: Some(facts), .. }) = &step.what else { continue };
        let (Some(manifest), Some(model)) = (&facts.trained, model_of(s, step)) else { continue };
        let Some(made) = of_model(s, model) else { continue };
        // Other names, or the same in another order, are a finding of their own.
        if !facts.features.iter().flatten().eq(made.inputs.iter().map(|i| &i.name)) {
            continue;
        }
        let at = step.frame_at.or(step.reads.first().map(|r| r.span)).unwrap_or(step.using.span);
        compare(&step.using.value, manifest, &made, at, diags);
    }
}

/// What this pipeline makes for a model, as a manifest tells it. `None` if no step asks the model.
pub fn of_model(s: &Scheduled, model: ModelId) -> Option<Trained> {
    let typed = &s.dag.typed;
    let step = s.dag.order.iter().map(|&i| &typed.steps[i]).find(|step| model_of(s, step) == Some(model))?;
    let Some(What::Model { input_names, .. }) = &step.what else { return None };
    let print = inputs_print(&s.dag.frames, &s.nodes, &s.dag.models, model);
    let inputs = step.reads.iter().zip(input_names).zip(&print.each).map(|((read, name), &fingerprint)| TrainedInput {
        name: name.clone(),
        definition: definition(typed, read.value),
        fingerprint,
    });
    let frame = typed.column(step.reads.first()?.value).frame;
    Some(Trained { interval: typed.frame(frame).interval, fingerprint: Some(print.whole), inputs: inputs.collect() })
}

/// The model that a step asks.
fn model_of(s: &Scheduled, step: &TStep) -> Option<ModelId> {
    let Some(What::Model { .. }) = &step.what else { return None };
    let mut value = s.dag.values[step.makes.first()?.0]?;
    // `on:` puts a mask over the output.
    loop {
        match s.nodes[value.index()].op {
            Op::Model { model } => return Some(model),
            Op::If(_, x, _) => value = x,
            _ => return None,
        }
    }
}

fn compare(using: &str, manifest: &Trained, made: &Trained, at: Span, diags: &mut Diags) {
    if let (Some(trained), Some(here)) = (manifest.interval, made.interval)
        && trained != here
    {
        let message = format!("`{using}` was trained on rows of {trained}, and gets rows of {here}");
        diags.push(
            Diag::new(&E0416, at, message)
                .here(format!("rows of {here}"))
                .help(format!("give it a frame of {trained}, or train it on rows of {here}")),
        );
        return;
    }
    let (Some(trained), Some(here)) = (manifest.fingerprint, made.fingerprint) else {
        let message = format!("the manifest of `{using}` does not say what its inputs were computed by");
        let help = "nothing tells a changed feature from the one it was trained on; `sigc backfill --manifest` writes what is missing";
        diags.push(Diag::new(&W0402, at, message).here("cannot be compared").help(help));
        return;
    };
    if trained == here {
        return;
    }
    let message = format!("`{using}` was trained on other inputs than it gets: {}", differences(manifest, made));
    diags.push(
        Diag::new(&E0415, at, message)
            .here(format!("its manifest says {trained}, this pipeline makes {here}"))
            .help("make the inputs it was trained on, or train it again on a table of this pipeline (`sigc backfill`)"),
    );
}

/// Which inputs differ, both sides of each.
fn differences(manifest: &Trained, made: &Trained) -> String {
    let pairs = manifest.inputs.iter().zip(&made.inputs).filter(|(a, b)| a.fingerprint != b.fingerprint);
    let told: Vec<String> = pairs
        .map(|(was, is)| {
            if was.definition == is.definition {
                return format!("`{}`, {}, is computed in another way than it was", is.name, is.definition);
            }
            format!("`{}`: trained on {}, this pipeline makes {}", is.name, was.definition, is.definition)
        })
        .collect();
    match told.len() {
        0 => "the manifest does not say which one differs".into(),
        n if n <= SHOWN => told.join("; "),
        n => format!("{}; and {} more", told[..SHOWN].join("; "), n - SHOWN),
    }
}

/// A column in words: `rsi(close, 14) of 2h from 15m`.
fn definition(typed: &Typed, column: ColId) -> String {
    format!("{} of {}", expression(typed, column, DEPTH), rows(typed, typed.column(column).frame))
}

/// The rows of a frame in words.
fn rows(typed: &Typed, frame: FrameId) -> String {
    let interval = |f: FrameId| typed.frame(f).interval.map_or_else(|| "?".to_owned(), |i| i.to_string());
    let mut text = interval(frame);
    if let Some(source) = typed.source_of(frame) {
        if source != frame {
            text += &format!(" from {}", interval(source));
        }
        if let TOrigin::Source { gap: Gap::Carry, .. } = &typed.frame(source).origin {
            text += " with gaps carried";
        }
    }
    let makes = |s: &&TStep| s.makes_frame == Some(frame);
    if let Some(What::Resample { incomplete: Incomplete::Null }) =
        typed.steps.iter().find(makes).and_then(|s| s.what.as_ref())
    {
        text += " with incomplete buckets null";
    }
    text
}

fn expression(typed: &Typed, column: ColId, depth: usize) -> String {
    let c = typed.column(column);
    if let Some(field) = c.field {
        return field.name().to_owned();
    }
    let step = &typed.steps[c.step];
    match &step.what {
        _ if depth == 0 => c.name.clone(),
        Some(What::Align) => {
            let read =
                step.makes.iter().zip(&step.reads).find(|(made, _)| **made == column).map(|(_, read)| read.value);
            read.map_or_else(|| c.name.clone(), |read| format!("asof({})", definition(typed, read)))
        }
        Some(What::Feature { def, outputs }) => feature(typed, step, def, outputs, column, depth),
        Some(What::Model { .. }) => call(&step.using.value, &operands(typed, step, depth)),
        _ => c.name.clone(),
    }
}

fn feature(typed: &Typed, step: &TStep, def: &Feature, outputs: &[usize], column: ColId, depth: usize) -> String {
    let mut parts = operands(typed, step, depth);
    for (name, value) in step.args.iter().flat_map(|a| a.iter()) {
        let default = def.info.param(name).and_then(|p| p.default.value());
        if default.as_ref() != Some(value) || name == "window" {
            // The window is what everybody expects behind the column.
            parts.push(if name == "window" { value.to_string() } else { format!("{name}={value}") });
        }
    }
    let text = call(def.info.name.trim_start_matches("features."), &parts);
    let output = step.makes.iter().zip(outputs).find(|(made, _)| **made == column).map(|(_, output)| *output);
    match output.and_then(|o| def.outputs.get(o)) {
        Some(output) if def.outputs.len() > 1 => format!("{text}.{}", output.name),
        _ => text,
    }
}

fn operands(typed: &Typed, step: &TStep, depth: usize) -> Vec<String> {
    step.reads.iter().map(|r| expression(typed, r.value, depth - 1)).collect()
}

fn call(name: &str, parts: &[String]) -> String {
    format!("{name}({})", parts.join(", "))
}
