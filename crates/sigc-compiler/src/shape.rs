//! The form of the file: which keys there are and what stands under them.
//!
//! Takes the tree, gives the parts of a pipeline where they belong. Unknown and missing keys are reported here; what
//! a step's `using` means is not looked at yet.

use crate::read::{self, is_nothing, known_keys, required};
use sigc_catalog::Kind;
use sigc_diag::{Diag, Diags, E0108, E0109, E0110, E0213, Span, Spanned, nearest};
use sigc_syntax::{Entry, Map, Node, Tree, Value};

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
    /// True if an entry could not be read at all: what seems to be missing may stand there.
    pub blind: bool,
    /// Where the key `pipeline` stands.
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
    /// Where its key stands.
    pub span: Span,
    /// `mode`
    pub mode: Option<Node>,
    /// `warmup`
    pub warmup: Option<Node>,
    /// `scheduling`
    pub scheduling: Option<Node>,
    /// `on_prediction`, then `on_event`
    pub sinks: Vec<SinkDecl>,
    /// True if a list of sinks was there, even if what it held was of no use.
    pub has_sinks: bool,
    /// The key of a list of sinks that was there and empty.
    pub empty_sinks: Option<Span>,
}

/// What a sink gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// `on_prediction`
    Prediction,
    /// `on_event`
    Event,
}

impl Trigger {
    /// Both, in the order in which their sinks are listed.
    pub const ALL: [Trigger; 2] = [Trigger::Prediction, Trigger::Event];

    /// The key under `signal_generation`.
    pub fn key(self) -> &'static str {
        match self {
            Trigger::Prediction => "on_prediction",
            Trigger::Event => "on_event",
        }
    }

    /// The key of an entry that says which of them: `prediction`, `events`.
    pub fn which(self) -> &'static str {
        match self {
            Trigger::Prediction => "prediction",
            Trigger::Event => "events",
        }
    }
}

/// One entry of `on_prediction` or `on_event`.
#[derive(Debug, Clone)]
pub struct SinkDecl {
    /// Under which key it stands.
    pub trigger: Trigger,
    /// `prediction` or `events`: which of them it gets.
    pub which: Option<Node>,
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
    /// `on`
    pub on: Option<Node>,
    /// What an event has instead of `using` and `outputs`.
    pub event: EventDecl,
    /// Where it stands.
    pub span: Span,
}

/// The keys of an event; all empty for the other kinds.
#[derive(Debug, Clone, Default)]
pub struct EventDecl {
    /// `name`
    pub name: Option<Node>,
    /// `when`
    pub when: Option<Node>,
    /// `value`
    pub value: Option<Node>,
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
    let top = &*known_keys(top, TOP, "a pipeline file", diags);
    let start = Span::new(root.span.start as usize, root.span.start as usize);
    let name =
        required(top, "name", start, "a pipeline file", "the name travels with every row: `name: my_signal`", diags)
            .and_then(|n| read::text(n, "`name`", diags));
    if let Some(name) = &name
        && let Err(diag) = sigc_syntax::name(&name.value, name.span)
    {
        diags.push(diag);
    }
    let capabilities = top.get("using").and_then(|e| capabilities(&e.value, diags));
    let (grids, zips) = top.get("expand").map(|e| grids(&e.value, diags)).unwrap_or_default();
    let help = "say how it runs and where predictions go: `signal_generation: {mode: stream, on_prediction: [...]}`";
    let key = |name: &str| top.get(name).map_or(start, |e| e.key.span);
    let signal = required(top, "signal_generation", start, "a pipeline file", help, diags)
        .map(|n| signal(key("signal_generation"), n, diags))
        .unwrap_or_default();
    let steps = required(top, "pipeline", start, "a pipeline file", "list the steps under `pipeline:`", diags);
    let pipeline = key("pipeline");
    let (steps, blind) = steps.map_or((Vec::new(), true), |n| steps_of(n, diags));
    Some(Shape { name, capabilities, grids, zips, signal, steps, blind, pipeline })
}

fn capabilities(node: &Node, diags: &mut Diags) -> Option<Vec<Spanned<String>>> {
    let map = read::map(node, "`using`", diags)?;
    let map = known_keys(map, &["capabilities"], "`using`", diags);
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

fn signal(at: Span, node: &Node, diags: &mut Diags) -> Signal {
    let mut signal = Signal { span: at, has_sinks: node.is_hole(), ..Signal::default() };
    let Some(map) = read::map(node, "`signal_generation`", diags) else {
        signal.has_sinks = true;
        return signal;
    };
    let keys = ["mode", "warmup", "scheduling", Trigger::ALL[0].key(), Trigger::ALL[1].key()];
    let map = known_keys(map, &keys, "`signal_generation`", diags);
    let help = "write `mode: stream`, the only mode there is";
    signal.mode = required(&map, "mode", at, "`signal_generation`", help, diags).cloned();
    signal.warmup = map.get("warmup").map(|e| e.value.clone());
    signal.scheduling = map.get("scheduling").map(|e| e.value.clone());
    for trigger in Trigger::ALL {
        let Some(list) = map.get(trigger.key()) else { continue };
        if is_nothing(&list.value) {
            signal.empty_sinks = Some(list.key.span);
            continue;
        }
        let what = format!("`{}`", trigger.key());
        let Some(items) = read::seq(&list.value, &what, diags) else {
            signal.has_sinks = true;
            continue;
        };
        signal.has_sinks |= !items.is_empty();
        if items.is_empty() {
            signal.empty_sinks = Some(list.key.span);
        }
        signal.sinks.extend(items.iter().filter_map(|item| sink(trigger, item, diags)));
    }
    signal
}

fn sink(trigger: Trigger, item: &Node, diags: &mut Diags) -> Option<SinkDecl> {
    let map = read::map(item, "a sink", diags)?;
    let map = &prediction_named(map, diags);
    let map = known_keys(map, &["using", "params", trigger.which(), "columns"], "a sink", diags);
    let at = map.keys().next().map_or(item.span, |k| k.span);
    let using = required(&map, "using", at, "a sink", "name the sink: `using: sinks.csv_append`", diags)
        .and_then(|n| read::text(n, "`using`", diags));
    let params = map.get("params").map(|e| params(&e.value, diags)).unwrap_or_default();
    let part = |key: &str| map.get(key).map(|e| e.value.clone()).filter(|n| !is_nothing(n));
    let (which, columns) = (part(trigger.which()), part("columns"));
    Some(SinkDecl { trigger, which, using, params, columns, span: item.span })
}

/// Reports a sink that names the prediction's column again, and gives the map without it.
fn prediction_named(map: &Map, diags: &mut Diags) -> Map {
    let names = ["column", "output_col"];
    let mut rest = map.clone();
    rest.entries.retain(|e| !names.contains(&e.key.value.as_str()));
    for key in map.keys().filter(|k| names.contains(&k.value.as_str())) {
        let help = "leave it out: the prediction is the model's `output_col`, or of several the one that `prediction: NAME` says; `columns: [...]` adds further ones";
        let message = format!("a sink has no key `{}`", key.value);
        diags.push(Diag::new(&E0108, key.span, message).here("not known here").help(help));
    }
    rest
}

/// The steps, and whether something of the list could not be read at all.
fn steps_of(node: &Node, diags: &mut Diags) -> (Vec<StepDecl>, bool) {
    let Some(list) = read::seq(node, "`pipeline`", diags) else { return (Vec::new(), true) };
    if list.len() > crate::expand::MAX_STEPS {
        diags.push(Diag::new(
            &E0213,
            node.span,
            format!("the pipeline has more than {} steps", crate::expand::MAX_STEPS),
        ));
        return (Vec::new(), true);
    }
    let (mut steps, mut blind) = (Vec::new(), false);
    for (index, item) in list.iter().enumerate() {
        match entry(index, item, diags) {
            Some(found) => steps.extend(found),
            None => blind = true,
        }
    }
    (steps, blind)
}

const KIND_HELP: &str = "an entry is one of `- data:`, `- transform:`, `- features:`, `- model:`, `- strategy:`, `- event:` with the step under it";

/// The step of one entry, several if the dashes of the further ones are missing. `None` if nothing can be told of it.
fn entry(index: usize, item: &Node, diags: &mut Diags) -> Option<Vec<StepDecl>> {
    let map = read::map(item, "a pipeline entry", diags)?;
    let known = |e: &Entry| Kind::PIPELINE.iter().any(|k| k.key() == e.key.value);
    let (first, rest) = match map.entries.as_slice() {
        [] => {
            diags.push(Diag::new(&E0110, item.span, "a pipeline entry has no step").here("empty").help(KIND_HELP));
            return None;
        }
        [one] => return step(index, item.span, one, diags).map(|s| s.into_iter().collect()),
        [first, rest @ ..] => (first, rest),
    };
    let outdented = known(first) && is_nothing(&first.value) && !rest.iter().any(known);
    let (key, kind) = (&rest[0].key, &first.key.value);
    let report = Diag::new(&E0110, key.span, "a pipeline entry holds one step");
    diags.push(if known(first) && !known(&rest[0]) {
        report
            .here(format!("beside `{kind}`"))
            .help(format!("indent `{}` further than `{kind}`, so that it stands under it", key.value))
    } else {
        report.here("a second step").help(format!("begin it with a dash: `- {}:`", key.value))
    });
    if outdented {
        let body = Node { span: item.span, value: Value::Map(Map { entries: rest.to_vec() }) };
        let whole = Entry { key: first.key.clone(), value: body };
        return step(index, item.span, &whole, diags).map(|s| s.into_iter().collect());
    }
    let steps = map.entries.iter().filter(|e| known(e)).map(|e| step(index, item.span, e, diags));
    steps.collect::<Option<Vec<_>>>().map(|s| s.into_iter().flatten().collect())
}

/// A kind's key and the step under it. `Some(None)` for what is known and takes no part, `None` if it is not known what
/// it would have made.
fn step(index: usize, span: Span, entry: &Entry, diags: &mut Diags) -> Option<Option<StepDecl>> {
    let kind = &entry.key;
    let kinds = Kind::PIPELINE.map(Kind::key);
    let mut found = Kind::PIPELINE.into_iter().find(|k| k.key() == kind.value);
    if found.is_none() {
        let mut diag = read::unknown_key(&E0108, kind, &kinds, "a pipeline entry");
        if nearest(&kind.value, kinds).is_none() {
            diag.help = Some(KIND_HELP.into());
        }
        diags.push(diag);
        // What is probably meant is checked on.
        found = nearest(&kind.value, kinds).and_then(|n| Kind::PIPELINE.into_iter().find(|k| k.key() == n));
    }
    let decl = StepDecl {
        index,
        kind: Spanned::new(found?, kind.span),
        using: None,
        inputs: None,
        outputs: None,
        params: Vec::new(),
        on: None,
        event: EventDecl::default(),
        span,
    };
    let what = format!("{} step", article(decl.kind.value));
    if is_nothing(&entry.value) {
        let key = if decl.kind.value == Kind::Event { "name" } else { "using" };
        diags.push(
            Diag::new(&E0109, kind.span, format!("{what} needs `{key}`"))
                .here("nothing under it")
                .help(format!("{}; the step's keys stand deeper than its kind", using_help(decl.kind.value))),
        );
        return None;
    }
    let body = read::map(&entry.value, &what, diags)?;
    Some(Some(step_body(decl, body, diags)))
}

fn step_body(mut decl: StepDecl, map: &Map, diags: &mut Diags) -> StepDecl {
    let kind = decl.kind.value;
    let what = format!("{} step", article(kind));
    let keys: &[&str] = match kind {
        Kind::Data | Kind::Transform => &["using", "inputs", "outputs", "params"],
        Kind::Event => &["name", "when", "inputs", "value", "on", "params"],
        _ => &["using", "inputs", "outputs", "params", "on"],
    };
    let map = known_keys(map, keys, &what, diags);
    let part = |key: &str| map.get(key).map(|e| e.value.clone()).filter(|n| !is_nothing(n));
    if kind == Kind::Event {
        for key in ["name", "when"] {
            required(&map, key, decl.kind.span, &what, &using_help(kind), diags);
        }
        decl.event = EventDecl { name: part("name"), when: part("when"), value: part("value") };
        decl.using = Some(Spanned::new("event".into(), decl.event.name.as_ref().map_or(decl.kind.span, |n| n.span)));
    } else {
        decl.using = required(&map, "using", decl.kind.span, &what, &using_help(kind), diags)
            .and_then(|n| read::text(n, "`using`", diags));
    }
    decl.on = part("on").filter(|_| keys.contains(&"on"));
    decl.inputs = part("inputs");
    decl.outputs = part("outputs");
    decl.params = part("params").map(|n| params(&n, diags)).unwrap_or_default();
    decl
}

/// "a `model`", "an `event`"
fn article(kind: Kind) -> String {
    let a = if kind == Kind::Event { "an" } else { "a" };
    format!("{a} `{}`", kind.key())
}

fn using_help(kind: Kind) -> String {
    let example = match kind {
        Kind::Event => return "name it and say when it fires: `event: {name: oversold, when: \"rsi_14 < 30\"}`".into(),
        Kind::Strategy => "strategies.threshold",
        Kind::Data => "data.binance_futures",
        Kind::Transform => "transforms.resample",
        Kind::Model => "models.linear",
        _ => "features.rsi",
    };
    format!("name the step: `using: {example}`")
}

fn params(node: &Node, diags: &mut Diags) -> Vec<ParamDecl> {
    if is_nothing(node) {
        return Vec::new();
    }
    let Some(map) = read::map(node, "`params`", diags) else { return Vec::new() };
    let decl = |e: &Entry| ParamDecl { name: e.key.clone(), value: e.value.clone(), grid: None };
    map.entries.iter().filter(|e| !matches!(e.value.value, Value::Hole)).map(decl).collect()
}
