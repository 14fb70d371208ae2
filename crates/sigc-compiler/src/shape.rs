//! The form of the file: which keys there are and what stands under them.
//!
//! Takes the tree, gives the parts of a pipeline where they belong. Unknown and missing keys are reported here; what
//! a step's `using` means is not looked at yet.

use crate::read::{self, is_nothing, known_keys, required};
use sigc_catalog::Kind;
use sigc_diag::{Diag, Diags, E0110, E0213, E0230, Span, Spanned};
use sigc_syntax::{Map, Node, Tree, Value};

/// A pipeline file, part by part.
#[derive(Debug, Clone)]
pub struct Shape {
    /// `name`
    pub name: Option<Spanned<String>>,
    /// `using.capabilities`; `None` if every pack is allowed.
    pub capabilities: Option<Vec<Spanned<String>>>,
    /// `expand`, without `zip`.
    pub grids: Vec<Grid>,
    /// `expand.zip`: groups of grids that are paired.
    pub zips: Vec<Vec<Spanned<String>>>,
    /// `signal_generation`
    pub signal: Signal,
    /// The entries of `pipeline`.
    pub steps: Vec<StepDecl>,
    /// Where the pipeline list stands.
    pub pipeline: Span,
}

/// One entry of `expand`.
#[derive(Debug, Clone)]
pub struct Grid {
    /// Its name.
    pub name: Spanned<String>,
    /// Its values, scalars only.
    pub values: Vec<Node>,
    /// Where the list stands.
    pub span: Span,
}

/// `signal_generation`
#[derive(Debug, Clone, Default)]
pub struct Signal {
    /// Where it stands.
    pub span: Span,
    /// `mode`
    pub mode: Option<Node>,
    /// `warmup`
    pub warmup: Option<Node>,
    /// `scheduling`
    pub scheduling: Option<Node>,
    /// `on_prediction`
    pub sinks: Vec<SinkDecl>,
    /// True if `on_prediction` was there, even if what it held was of no use.
    pub has_on_prediction: bool,
}

/// One entry of `on_prediction`.
#[derive(Debug, Clone)]
pub struct SinkDecl {
    /// `using`
    pub using: Option<Spanned<String>>,
    /// `params`
    pub params: Vec<ParamDecl>,
    /// `columns`
    pub columns: Option<Node>,
    /// Where it stands.
    pub span: Span,
}

/// One entry of `pipeline`.
#[derive(Debug, Clone)]
pub struct StepDecl {
    /// Position in the list.
    pub index: usize,
    /// The kind's key with its place.
    pub kind: Spanned<Kind>,
    /// `using`
    pub using: Option<Spanned<String>>,
    /// `inputs`
    pub inputs: Option<Node>,
    /// `outputs`
    pub outputs: Option<Node>,
    /// `params`
    pub params: Vec<ParamDecl>,
    /// Where it stands.
    pub span: Span,
}

/// One parameter as written.
#[derive(Debug, Clone)]
pub struct ParamDecl {
    /// Its name.
    pub name: Spanned<String>,
    /// What is written.
    pub value: Node,
    /// The grid the value came from, after expansion.
    pub grid: Option<String>,
}

const TOP: &[&str] = &["name", "using", "expand", "signal_generation", "pipeline"];

/// Takes a file apart. `None` if there is no map at the top.
pub fn shape(tree: &Tree, diags: &mut Diags) -> Option<Shape> {
    let root = &tree.root;
    let top = read::map(root, "a pipeline file", diags)?;
    known_keys(top, TOP, "a pipeline file", diags);
    let start = Span::new(root.span.start as usize, root.span.start as usize);
    let name = required(top, "name", start, "a pipeline file", "the name travels with every row: `name: my_signal`", diags)
        .and_then(|n| read::text(n, "`name`", diags));
    if let Some(name) = &name
        && let Err(diag) = sigc_syntax::name(&name.value, name.span)
    {
        diags.push(diag);
    }
    let capabilities = top.get("using").and_then(|e| capabilities(&e.value, diags));
    let (grids, zips) = top.get("expand").map(|e| grids(&e.value, diags)).unwrap_or_default();
    let help = "say how it runs and where predictions go: `signal_generation: {mode: stream, on_prediction: [...]}`";
    let signal = required(top, "signal_generation", start, "a pipeline file", help, diags)
        .map(|n| signal(n, diags))
        .unwrap_or_default();
    let steps = required(top, "pipeline", start, "a pipeline file", "list the steps under `pipeline:`", diags);
    let pipeline = steps.map(|n| n.span).unwrap_or(start);
    let steps = steps.map(|n| steps_of(n, diags)).unwrap_or_default();
    Some(Shape { name, capabilities, grids, zips, signal, steps, pipeline })
}

fn capabilities(node: &Node, diags: &mut Diags) -> Option<Vec<Spanned<String>>> {
    let map = read::map(node, "`using`", diags)?;
    known_keys(map, &["capabilities"], "`using`", diags);
    let list = read::seq(&map.get("capabilities")?.value, "`capabilities`", diags)?;
    Some(list.iter().filter_map(|n| read::text(n, "a capability", diags)).collect())
}

fn grids(node: &Node, diags: &mut Diags) -> (Vec<Grid>, Vec<Vec<Spanned<String>>>) {
    let (mut grids, mut zips) = (Vec::new(), Vec::new());
    if is_nothing(node) {
        return (grids, zips);
    }
    let Some(map) = read::map(node, "`expand`", diags) else { return (grids, zips) };
    for entry in &map.entries {
        if entry.key.value == "zip" {
            let Some(groups) = read::seq(&entry.value, "`expand.zip`", diags) else { continue };
            for group in groups {
                let Some(names) = read::seq(group, "a group of `expand.zip`", diags) else { continue };
                zips.push(names.iter().filter_map(|n| read::text(n, "a grid's name", diags)).collect());
            }
            continue;
        }
        let Some(values) = read::seq(&entry.value, "a grid", diags) else { continue };
        let values = values.iter().filter(|v| {
            let scalar = v.as_scalar().is_some();
            if !scalar {
                read::wrong_type(v, "a grid's value", "one number or text", diags);
            }
            scalar
        });
        grids.push(Grid { name: entry.key.clone(), values: values.cloned().collect(), span: entry.value.span });
    }
    (grids, zips)
}

fn signal(node: &Node, diags: &mut Diags) -> Signal {
    let mut signal = Signal { span: node.span, has_on_prediction: node.is_hole(), ..Signal::default() };
    let Some(map) = read::map(node, "`signal_generation`", diags) else {
        signal.has_on_prediction = true;
        return signal;
    };
    known_keys(map, &["mode", "warmup", "scheduling", "on_prediction"], "`signal_generation`", diags);
    let help = "`mode: stream` is the only mode";
    signal.mode = required(map, "mode", node.span, "`signal_generation`", help, diags).cloned();
    signal.warmup = map.get("warmup").map(|e| e.value.clone());
    signal.scheduling = map.get("scheduling").map(|e| e.value.clone());
    let Some(on_prediction) = map.get("on_prediction") else { return signal };
    signal.has_on_prediction = true;
    if is_nothing(&on_prediction.value) {
        signal.has_on_prediction = false;
        return signal;
    }
    let Some(list) = read::seq(&on_prediction.value, "`on_prediction`", diags) else { return signal };
    signal.has_on_prediction = !list.is_empty();
    for item in list {
        let Some(map) = read::map(item, "a sink", diags) else { continue };
        known_keys(map, &["using", "params", "columns"], "a sink", diags);
        let using = required(map, "using", item.span, "a sink", "name the sink: `using: sinks.csv_append`", diags)
            .and_then(|n| read::text(n, "`using`", diags));
        let params = map.get("params").map(|e| params(&e.value, diags)).unwrap_or_default();
        let columns = map.get("columns").map(|e| e.value.clone());
        signal.sinks.push(SinkDecl { using, params, columns, span: item.span });
    }
    signal
}

fn steps_of(node: &Node, diags: &mut Diags) -> Vec<StepDecl> {
    let Some(list) = read::seq(node, "`pipeline`", diags) else { return Vec::new() };
    if list.len() > crate::expand::MAX_STEPS {
        diags.push(Diag::new(&E0213, node.span, format!("the pipeline has more than {} steps", crate::expand::MAX_STEPS)));
        return Vec::new();
    }
    list.iter().enumerate().filter_map(|(index, item)| step(index, item, diags)).collect()
}

fn step(index: usize, item: &Node, diags: &mut Diags) -> Option<StepDecl> {
    let map = read::map(item, "a pipeline entry", diags)?;
    let kinds = Kind::PIPELINE.map(Kind::key);
    let help = "an entry is one of `- data:`, `- transform:`, `- features:`, `- model:` with the step under it";
    let (kind, body) = match map.entries.as_slice() {
        [one] => (&one.key, &one.value),
        [] => {
            diags.push(Diag::new(&E0110, item.span, "a pipeline entry has no step").help(help));
            return None;
        }
        [first, second, ..] => {
            let known = |e: &sigc_syntax::Entry| kinds.contains(&e.key.value.as_str());
            let hint = if known(first) && !known(second) {
                format!("`{}` stands beside `{}`: indent it so that it stands under it", second.key.value, first.key.value)
            } else {
                help.into()
            };
            diags.push(
                Diag::new(&E0110, second.key.span, "a pipeline entry holds one step").here("a second key here").help(hint),
            );
            return None;
        }
    };
    let Some(found) = Kind::PIPELINE.into_iter().find(|k| k.key() == kind.value) else {
        if ["event", "strategy", "strategies"].contains(&kind.value.as_str()) {
            diags.push(
                Diag::new(&E0230, kind.span, format!("`{}` steps are not supported yet", kind.value))
                    .here("not supported yet")
                    .help("leave it out; the steps that run today are data, transform, features and model"),
            );
        } else {
            diags.push(read::unknown_key(&sigc_diag::E0108, kind, &kinds, "a pipeline entry"));
        }
        return None;
    };
    let decl = StepDecl {
        index,
        kind: Spanned::new(found, kind.span),
        using: None,
        inputs: None,
        outputs: None,
        params: Vec::new(),
        span: item.span,
    };
    if is_nothing(body) {
        let what = format!("a `{}` step", kind.value);
        diags.push(Diag::new(&sigc_diag::E0109, kind.span, format!("{what} needs `using`")).help(
            "indent the step's keys further than its kind, or name the step: `using: features.rsi`",
        ));
        return None;
    }
    let body_map = read::map(body, &format!("a `{}` step", kind.value), diags)?;
    Some(step_body(decl, body_map, body.span, diags))
}

fn step_body(mut decl: StepDecl, map: &Map, span: Span, diags: &mut Diags) -> StepDecl {
    let what = format!("a `{}` step", decl.kind.value.key());
    for entry in map.entries.iter().filter(|e| e.key.value == "on") {
        diags.push(
            Diag::new(&E0230, entry.key.span, "`on:` is not supported yet").here("not supported yet").help("leave it out"),
        );
    }
    known_keys(map, &["using", "inputs", "outputs", "params", "on"], &what, diags);
    decl.using = required(map, "using", span, &what, "name the step: `using: features.rsi`", diags)
        .and_then(|n| read::text(n, "`using`", diags));
    let part = |key: &str| map.get(key).map(|e| e.value.clone()).filter(|n| !is_nothing(n));
    decl.inputs = part("inputs");
    decl.outputs = part("outputs");
    decl.params = part("params").map(|n| params(&n, diags)).unwrap_or_default();
    decl
}

fn params(node: &Node, diags: &mut Diags) -> Vec<ParamDecl> {
    if is_nothing(node) {
        return Vec::new();
    }
    let Some(map) = read::map(node, "`params`", diags) else { return Vec::new() };
    let decl = |e: &sigc_syntax::Entry| ParamDecl { name: e.key.clone(), value: e.value.clone(), grid: None };
    map.entries.iter().filter(|e| !matches!(e.value.value, Value::Hole)).map(decl).collect()
}
