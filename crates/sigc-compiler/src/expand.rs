//! Grids unrolled, templates filled.
//!
//! `${expand.NAME}` in a step's parameters turns the step into one per value; several grids in one step give their
//! product in the order the parameters are written, those named together in `expand.zip` advance together. Then
//! `{param}` in inputs and outputs is filled from the step's own parameter. Each step remembers where it came from.

use crate::read::list;
use crate::shape::{Grid, ParamDecl, Shape, Signal, StepDecl};
use sigc_catalog::{Catalog, ParamKind};
use sigc_diag::{Diag, Diags, E0211, E0212, E0213, E0214, E0215, E0216, Span, Spanned, W0201, nearest};
use sigc_syntax::{Entry, Interpolation, Map, Node, Scalar, ScalarStyle, Typed, Value, interpolation, template};
use std::collections::{BTreeSet, HashMap};

/// Steps after expansion, at most.
pub const MAX_STEPS: usize = 10_000;

/// A pipeline without grids.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// `name`
    pub name: Option<Spanned<String>>,
    /// `using.capabilities`
    pub capabilities: Option<Vec<Spanned<String>>>,
    /// `signal_generation`
    pub signal: Signal,
    /// The steps, in order; `index` still is the position in the file.
    pub steps: Vec<StepDecl>,
    /// Steps with grids of no use: they are not expanded, and what they would make is not missing.
    pub lost: Vec<StepDecl>,
    /// As [`Shape::blind`].
    pub blind: bool,
    /// Where the key `pipeline` stands.
    pub pipeline: Span,
}

/// Unrolls all grids.
pub fn expand(mut shape: Shape, catalog: &Catalog, diags: &mut Diags) -> Expanded {
    drop_repeats(&mut shape, diags);
    let mut used = BTreeSet::new();
    for grid in shape.grids.iter().filter(|g| g.values.is_empty()) {
        let message = format!("the grid `{}` has no values", grid.name.value);
        diags.push(Diag::new(&E0212, grid.span, message).here("empty").help("give it values or remove it"));
    }
    let zips = check_zips(&shape, diags);
    let (mut steps, mut lost) = (Vec::new(), Vec::new());
    for step in &shape.steps {
        let Some(instances) = instances(step, &shape.grids, &zips, catalog, &mut used, diags) else {
            lost.push(step.clone());
            continue;
        };
        if steps.len() + instances.len() > MAX_STEPS {
            let message = format!("the grids of this step make more than {MAX_STEPS} steps in all");
            let help = "use fewer values, or pair grids with `expand.zip` instead of multiplying them";
            diags.push(Diag::new(&E0213, step.span, message).help(help));
            lost.push(step.clone());
            continue;
        }
        steps.extend(instances.into_iter().map(|s| fill_templates(s, catalog, diags)));
    }
    for grid in shape.grids.iter().filter(|g| !shape.blind && !used.contains(g.name.value.as_str())) {
        let message = format!("no step uses the grid `{}`", grid.name.value);
        let help = format!("write `${{expand.{}}}` in a step's params, or remove the grid", grid.name.value);
        diags.push(Diag::new(&W0201, grid.name.span, message).here("not used").help(help));
    }
    Expanded {
        name: shape.name,
        capabilities: shape.capabilities,
        signal: shape.signal,
        steps,
        lost,
        blind: shape.blind,
        pipeline: shape.pipeline,
    }
}

/// Reports values that stand twice in a grid, and takes them out. Where grids are zipped, pairs may share a value.
fn drop_repeats(shape: &mut Shape, diags: &mut Diags) {
    let zipped: BTreeSet<&str> = shape.zips.iter().flatten().map(|name| name.value.as_str()).collect();
    for grid in shape.grids.iter_mut().filter(|g| !zipped.contains(g.name.value.as_str())) {
        let mut seen: HashMap<String, Span> = HashMap::new();
        grid.values.retain(|value| {
            let text = value.as_scalar().map(|s| s.text.clone()).unwrap_or_default();
            let Some(&first) = seen.get(&text) else {
                seen.insert(text, value.span);
                return true;
            };
            let message = format!("the grid `{}` has the value `{text}` twice", grid.name.value);
            let diag = Diag::new(&E0216, value.span, message).here("again here").label(first, "first here");
            diags.push(diag.help("remove one of them: both would make the same columns"));
            false
        });
    }
}

/// Groups of grids by index; unequal lengths are reported.
fn check_zips(shape: &Shape, diags: &mut Diags) -> Vec<Vec<usize>> {
    let mut groups = Vec::new();
    let mut grouped = BTreeSet::new();
    for group in &shape.zips {
        let mut indices: Vec<usize> = Vec::new();
        for name in group {
            match shape.grids.iter().position(|g| g.name.value == name.value) {
                Some(i) if grouped.insert(i) => indices.push(i),
                Some(_) => {
                    let message = format!("the grid `{}` is zipped twice", name.value);
                    let help = "a grid stands in one group: put all that advance together into it";
                    diags.push(Diag::new(&E0214, name.span, message).here("again here").help(help));
                }
                None => diags.push(unknown_grid(name, &shape.grids)),
            }
        }
        if let Some((&first, rest)) = indices.split_first() {
            let n = shape.grids[first].values.len();
            if let Some(&other) = rest.iter().find(|&&i| shape.grids[i].values.len() != n) {
                let (a, b) = (&shape.grids[first], &shape.grids[other]);
                let message = format!(
                    "`{}` has {} values and `{}` has {}: grids that are zipped are of equal length",
                    a.name.value,
                    n,
                    b.name.value,
                    b.values.len()
                );
                let help = "give both the same number of values, or leave the group out for all combinations";
                diags.push(
                    Diag::new(&E0214, b.span, message).here("this list").label(a.span, "and this one").help(help),
                );
            }
        }
        groups.push(indices);
    }
    groups
}

fn unknown_grid(name: &Spanned<String>, grids: &[Grid]) -> Diag {
    let known: Vec<&str> = grids.iter().map(|g| g.name.value.as_str()).collect();
    let diag = Diag::new(&E0211, name.span, format!("there is no grid `{}`", name.value)).here("not in `expand:`");
    match nearest(&name.value, known.iter().copied()) {
        Some(near) => diag.help(format!("did you mean `{near}`?")).fix(
            name.span,
            near,
            format!("write `{near}`"),
            sigc_diag::Applicability::Guess,
        ),
        None if known.is_empty() => diag.help("declare it at the top: `expand: {windows: [5, 10]}`"),
        None => diag.help(format!("grids of this file: {}", list(&known))),
    }
}

/// The copies of a step, one per combination of its grids' values. `None` if a grid is of no use.
fn instances(
    step: &StepDecl,
    grids: &[Grid],
    zips: &[Vec<usize>],
    catalog: &Catalog,
    used: &mut BTreeSet<String>,
    diags: &mut Diags,
) -> Option<Vec<StepDecl>> {
    // Which grid fills which parameter, in the order written.
    let mut fills: Vec<(usize, usize)> = Vec::new();
    let mut sound = true;
    let info = step.using.as_ref().and_then(|u| catalog.get(&u.value)).map(|s| s.info());
    let secrets: Vec<&str> =
        info.into_iter().flat_map(|i| i.specs().filter(|s| s.kind == ParamKind::Secret).map(|s| s.name)).collect();
    for (p, param) in step.params.iter().enumerate() {
        let Some(text) = param.value.as_str() else { continue };
        match interpolation(text, param.value.span) {
            Ok(Some(Interpolation::Expand(name))) => match grids.iter().position(|g| g.name.value == name.value) {
                Some(g) => {
                    used.insert(name.value.clone());
                    sound &= !grids[g].values.is_empty();
                    fills.push((p, g));
                }
                None => {
                    // The one that is probably meant is not unused.
                    used.extend(nearest(&name.value, grids.iter().map(|g| g.name.value.as_str())).map(str::to_owned));
                    diags.push(unknown_grid(&name, grids));
                    sound = false;
                }
            },
            Ok(_) => {}
            // What stands in place of a secret is reported without being shown, when parameters are read.
            Err(_) if secrets.contains(&param.name.value.as_str()) => {}
            Err(diag) => {
                diags.push(diag);
                sound = false;
            }
        }
    }
    let len = |g: usize| grids[g].values.len();
    let zips_fit = |g: usize| zips.iter().filter(|z| z.contains(&g)).flatten().all(|&other| len(other) == len(g));
    if !sound || !fills.iter().all(|&(_, g)| zips_fit(g)) {
        return None;
    }
    // Axes of the product: a grid that appears twice, or grids zipped together, are one axis.
    let mut axes: Vec<(usize, usize)> = Vec::new();
    let axis_of = |g: usize| zips.iter().position(|z| z.contains(&g)).map_or(g, |z| grids.len() + z);
    for &(_, g) in &fills {
        if !axes.iter().any(|&(axis, _)| axis == axis_of(g)) {
            axes.push((axis_of(g), len(g)));
        }
    }
    let total = axes.iter().try_fold(1usize, |n, &(_, len)| n.checked_mul(len)).filter(|&n| n <= MAX_STEPS);
    let Some(total) = total else {
        let all = axes.iter().fold(1u128, |n, &(_, len)| n.saturating_mul(len as u128));
        let message = format!("the grids of this step make {all} steps, more than {MAX_STEPS}");
        let help = "use fewer values, or pair grids with `expand.zip` instead of multiplying them";
        let [(first, g), rest @ ..] = fills.as_slice() else { return None };
        let words = |g: usize| format!("{} values", len(g));
        let diag = Diag::new(&E0213, step.params[*first].value.span, message).here(words(*g)).help(help);
        diags.push(rest.iter().fold(diag, |d, &(p, g)| d.label(step.params[p].value.span, words(g))));
        return None;
    };
    let mut copies = Vec::with_capacity(total);
    for i in 0..total {
        let mut copy = step.clone();
        for &(p, g) in &fills {
            // The last axis runs fastest.
            let position = axes.iter().rev().scan(i, |rest, &(axis, len)| {
                let at = *rest % len;
                *rest /= len;
                Some((axis, at))
            });
            let at = position.into_iter().find(|&(axis, _)| axis == axis_of(g)).map_or(0, |(_, at)| at);
            let from = &mut copy.params[p];
            from.grid = Some(grids[g].name.value.clone());
            // The value as in the grid, at the place where the step asks for it.
            from.value = Node { span: from.value.span, value: grids[g].values[at].value.clone() };
        }
        copies.push(copy);
    }
    Some(copies)
}

/// Fills `{param}` in the step's inputs and outputs.
fn fill_templates(mut step: StepDecl, catalog: &Catalog, diags: &mut Diags) -> StepDecl {
    let defaults: Vec<(&str, String)> = step
        .using
        .as_ref()
        .and_then(|u| catalog.get(&u.value))
        .map(|s| s.info().specs().filter_map(|p| Some((p.name, p.default.value()?.to_string()))).collect())
        .unwrap_or_default();
    let params = std::mem::take(&mut step.params);
    let lookup = |name: &str| {
        let written = params.iter().find(|p| p.name.value == name);
        match written {
            Some(p) => p.value.as_scalar().map(|s| s.text.clone()),
            None => defaults.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone()),
        }
    };
    let mut known: Vec<&str> = params.iter().map(|p| p.name.value.as_str()).collect();
    known.extend(defaults.iter().map(|(n, _)| *n).filter(|n| !params.iter().any(|p| p.name.value == *n)));
    step.inputs = step.inputs.map(|n| fill(n, &lookup, &known, diags));
    step.outputs = step.outputs.map(|n| fill(n, &lookup, &known, diags));
    for part in [&mut step.on, &mut step.event.name, &mut step.event.when, &mut step.event.value] {
        *part = part.take().map(|n| fill(n, &lookup, &known, diags));
    }
    step.params = params;
    step
}

fn fill(node: Node, lookup: &dyn Fn(&str) -> Option<String>, known: &[&str], diags: &mut Diags) -> Node {
    let span = node.span;
    let value = match node.value {
        Value::Seq(items) => Value::Seq(items.into_iter().map(|n| fill(n, lookup, known, diags)).collect()),
        Value::Map(map) => Value::Map(Map {
            entries: map
                .entries
                .into_iter()
                .map(|e| Entry { key: e.key, value: fill(e.value, lookup, known, diags) })
                .collect(),
        }),
        Value::Scalar(s) if s.typed == Typed::Str && s.text.contains(['{', '}']) => {
            match filled(&s.text, span, lookup, known) {
                Ok(text) => Value::Scalar(Scalar { text, style: ScalarStyle::Plain, typed: Typed::Str }),
                Err(diag) => {
                    diags.push(diag);
                    Value::Hole
                }
            }
        }
        other => other,
    };
    Node { span, value }
}

fn filled(text: &str, span: Span, lookup: &dyn Fn(&str) -> Option<String>, known: &[&str]) -> Result<String, Diag> {
    template(text, span)?.fill(lookup).map_err(|name| {
        let diag =
            Diag::new(&E0215, name.span, format!("the step has no parameter `{}` to fill the template", name.value))
                .here("not a parameter of this step");
        match nearest(&name.value, known.iter().copied()) {
            Some(near) => diag.help(format!("did you mean `{{{near}}}`?")),
            None if known.is_empty() => diag.help("the step has no parameters: write the column's name in full"),
            None => diag.help(format!("parameters of this step: {}", list(known))),
        }
    })
}

/// One parameter of an expanded step as the tree node it stands for.
pub(crate) fn param_node(param: &ParamDecl) -> Entry {
    Entry { key: param.name.clone(), value: param.value.clone() }
}
