//! The first walk: what every step makes.

use super::Resolver;
use crate::params::read_args;
use crate::read::{self, known_keys, list};
use crate::shape::StepDecl;
use crate::typed::{TColumn, TFrame, TOrigin, TStep, What};
use sigc_catalog::{
    Args, DataStep, Feature, GAP, INCOMPLETE, INTERVAL, Kind, LABEL, Shape, Step, TARGET_FREQ, UNIVERSE, Value,
};
use sigc_diag::{
    Applicability, Diag, Diags, E0109, E0205, E0210, E0222, E0223, E0225, E0230, E0301, E0308, Span, Spanned, W0203,
    nearest,
};
use sigc_market::{Field, Interval};
use sigc_plan::{FrameId, Gap, Incomplete, Label, Type};
use sigc_syntax::{Map, Node, column_name, frame_name, reference};
use std::borrow::Cow;

/// A column a step names: which output it is, its name and place.
pub(super) struct Named {
    pub output: usize,
    pub name: Spanned<String>,
}

impl Resolver<'_> {
    /// Adds the step, and its frame if it makes one.
    pub(super) fn declare_frame(&mut self, decl: &StepDecl, step: Option<Step>, diags: &mut Diags) {
        let args = step.and_then(|s| {
            // A model's `model_ref` may stand under `inputs`, as the first pipelines wrote it.
            let mut params = decl.params.clone();
            if let (Step::Model(_), Some(map)) = (s, decl.inputs.as_ref().and_then(Node::as_map)) {
                for e in map.entries.iter().filter(|e| s.info().param(&e.key.value).is_some()) {
                    let moved = crate::shape::ParamDecl { name: e.key.clone(), value: e.value.clone(), grid: None };
                    params.push(moved);
                }
            }
            read_args(s.info(), &params, decl.using.as_ref().map_or(decl.span, |u| u.span), diags)
        });
        let using = decl.using.clone().unwrap_or_else(|| Spanned::new(String::new(), decl.span));
        self.typed.steps.push(TStep {
            id: using.value.clone(),
            kind: decl.kind.value,
            using,
            span: decl.span,
            index: decl.index,
            what: None,
            reads: Vec::new(),
            reads_frames: Vec::new(),
            frame_at: None,
            makes: Vec::new(),
            makes_frame: None,
            args: if decl.kind.value == Kind::Event { Some(Args::new()) } else { args.clone() },
            on: Vec::new(),
        });
        match step {
            Some(Step::Data(def)) => self.declare_source(decl, def, args.as_ref(), diags),
            Some(Step::Transform(t)) if t.shape == Shape::Resample => {
                self.declare_resampled(decl, args.as_ref(), diags)
            }
            None => self.lose_frame(decl),
            _ => {}
        }
    }

    /// The frame of a step that is not resolved is not missing, only unknown.
    pub(super) fn lose_frame(&mut self, decl: &StepDecl) {
        let frame = decl.outputs.as_ref().and_then(Node::as_map).and_then(|m| m.get("frame"));
        match frame.map(|e| e.value.as_str()) {
            Some(Some(name)) => self.broken_frames.push(name.to_owned()),
            None if decl.kind.value != Kind::Data => {}
            _ => self.blind = true,
        }
    }

    /// Nor are its columns. Where their names cannot be told, its frame may have any.
    pub(super) fn lose_columns(&mut self, decl: &StepDecl) {
        if decl.kind.value == Kind::Event {
            return self.lose_event(decl.event.name.as_ref().and_then(Node::as_str));
        }
        let columns = decl.outputs.as_ref().and_then(Node::as_map).and_then(|m| m.get("columns")).map(|e| &e.value);
        let nodes: Vec<&Node> = match columns {
            Some(n) => match (n.as_seq(), n.as_map()) {
                (Some(items), _) => items.iter().collect(),
                (_, Some(map)) => map.entries.iter().map(|e| &e.value).collect(),
                _ => vec![n],
            },
            None => Vec::new(),
        };
        let names: Option<Vec<&str>> = nodes.iter().map(|n| n.as_str().filter(|t| !t.contains(['{', '}']))).collect();
        match (names, self.input_frame(decl)) {
            (Some(names), _) if !names.is_empty() => self.unmade.extend(names.into_iter().map(str::to_owned)),
            (_, Some(frame)) => self.open_frames.push(frame),
            (_, None) => self.blind |= decl.kind.value != Kind::Data,
        }
    }

    fn declare_source(&mut self, decl: &StepDecl, def: &'static DataStep, args: Option<&Args>, diags: &mut Diags) {
        if let Some(inputs) = &decl.inputs {
            diags.push(
                Diag::new(&sigc_diag::E0108, inputs.span, format!("`{}` takes no inputs", def.info.name))
                    .here("bars come from the venue")
                    .help("leave `inputs` out"),
            );
        }
        let Some((name, span)) = self.output_frame(decl, def.info.name, diags) else { return };
        let interval = args.map(|a| a.get(&INTERVAL));
        let symbols = args.map(|a| a.get(&UNIVERSE)).unwrap_or_default();
        let param_span =
            |name: &str| decl.params.iter().find(|p| p.name.value == name).map_or(decl.span, |p| p.value.span);
        if let Some(interval) = interval
            && !def.intervals.is_empty()
            && !def.intervals.contains(&interval.to_string().as_str())
        {
            let message = format!("`{}` has no bars of {interval}", def.info.name);
            diags.push(Diag::new(&E0308, param_span("interval"), message).here("not offered").help(format!(
                "offered: {}. A `transforms.resample` step makes longer ones",
                def.intervals.join(", ")
            )));
        }
        for symbol in &symbols {
            if let Some(respelt) = (def.respell)(symbol) {
                let at = symbol_span(decl, symbol.as_str()).unwrap_or_else(|| param_span("universe"));
                let message = format!("`{symbol}` does not look like a symbol of `{}`", def.info.name);
                diags.push(
                    Diag::new(&W0203, at, message)
                        .here("an unusual spelling")
                        .help(format!("the venue would spell it `{respelt}`"))
                        .fix(at, respelt.clone(), format!("write `{respelt}`"), Applicability::Guess),
                );
            }
        }
        // A step whose rows cannot be missing has no `gap`.
        let gap = match args.and_then(|a| a.value(GAP.name())).map(Value::to_string).as_deref() {
            Some("carry") => Gap::Carry,
            Some("halt") => Gap::Halt,
            Some("skip") => {
                diags.push(
                    Diag::new(&E0230, param_span("gap"), "`gap: skip` is not supported yet")
                        .here("not supported yet")
                        .help(
                            "`null` keeps missing bars as rows of nulls, `carry` repeats the last close, `halt` stops",
                        ),
                );
                Gap::Null
            }
            _ => Gap::Null,
        };
        for problem in args.map(def.check).unwrap_or_default() {
            let mut diag = Diag::new(&E0210, param_span(problem.param), problem.message).here("not possible");
            diag.help = problem.help;
            diags.push(diag);
        }
        let label = if args.is_some_and(|a| a.get(&LABEL) == "open") { Label::Open } else { Label::Close };
        let origin = TOrigin::Source { symbols, fields: def.fields.to_vec(), gap };
        let id = self.add_frame(TFrame { name: name.clone(), span, interval, origin, label });
        self.finish_frame(id, name, What::Data(def));
    }

    fn declare_resampled(&mut self, decl: &StepDecl, args: Option<&Args>, diags: &mut Diags) {
        let Some((name, span)) = self.output_frame(decl, "transforms.resample", diags) else { return };
        let interval = args.map(|a| a.get(&TARGET_FREQ));
        let incomplete = match args.map(|a| a.get(&INCOMPLETE)).as_deref() {
            Some("null") => Incomplete::Null,
            _ => Incomplete::Partial,
        };
        let origin = TOrigin::Resample { of: None };
        let id = self.add_frame(TFrame { name: name.clone(), span, interval, origin, label: Label::Close });
        self.finish_frame(id, name, What::Resample { incomplete });
    }

    fn finish_frame(&mut self, frame: FrameId, name: String, what: What) {
        if let Some(step) = self.typed.steps.last_mut() {
            step.makes_frame = Some(frame);
            step.id = name;
            step.what = Some(what);
        }
    }

    /// `outputs.frame` of a step that makes a frame, checked to be a new name.
    fn output_frame(&mut self, decl: &StepDecl, step: &str, diags: &mut Diags) -> Option<(String, Span)> {
        let at = decl.using.as_ref().map_or(decl.span, |u| u.span);
        let map = match &decl.outputs {
            Some(node) => read::map(node, "`outputs`", diags).map(Cow::Borrowed),
            None => Some(Cow::Owned(Map { entries: Vec::new() })),
        };
        let map = map.map(|m| known_keys(&m, &["frame"], &format!("`outputs` of `{step}`"), diags).into_owned());
        let name = map.as_ref().and_then(|m| match m.get("frame") {
            Some(entry) => read::text(&entry.value, "a frame's name", diags),
            None => {
                diags.push(
                    Diag::new(&E0109, at, format!("`{step}` needs `outputs.frame`"))
                        .here("makes a frame without a name")
                        .help("name the frame it makes: `outputs: {frame: ohlcv}`"),
                );
                None
            }
        });
        let Some(name) = name else {
            // References to a frame of any name may mean this one.
            self.blind = true;
            return None;
        };
        if let Err(diag) = frame_name(&name.value, name.span) {
            diags.push(diag);
            self.broken_frames.push(name.value);
            return None;
        }
        if let Some(other) = self.typed.frames.iter().find(|f| f.name == name.value) {
            diags.push(
                Diag::new(&E0205, name.span, format!("the frame `{}` is made twice", name.value))
                    .here("again here")
                    .label(other.span, "first here")
                    .help("give one of them another name"),
            );
            return None;
        }
        Some((name.value, name.span))
    }

    /// Ties a resampled frame to the frame it is made of.
    pub(super) fn link_frame(&mut self, i: usize, decl: &StepDecl, step: Option<Step>, diags: &mut Diags) {
        let Some(Step::Transform(t)) = step else { return };
        if t.shape != Shape::Resample {
            return;
        }
        let at = decl.using.as_ref().map_or(decl.span, |u| u.span);
        let Some(parent) = self.only_input_frame(decl, t.info.name, at, diags) else { return };
        self.typed.steps[i].frame_at = Some(parent.span);
        let Some(id) = self.typed.steps[i].makes_frame else { return };
        self.typed.steps[i].reads_frames.push(parent.value);
        let target = self.typed.frame(id).interval;
        let child = self.typed.frame(parent.value).interval;
        if let (Some(target), Some(child)) = (target, child)
            && !target.is_multiple_of(child)
        {
            let at = decl.params.iter().find(|p| p.name.value == "target_freq").map_or(decl.span, |p| p.value.span);
            let name = self.typed.frame(parent.value).name.clone();
            diags.push(
                Diag::new(&E0301, at, format!("{target} is not made of whole rows of `{name}` ({child})"))
                    .here(format!("not a multiple of {child}"))
                    .label(parent.span, format!("rows of {child}"))
                    .help(multiples_help(target, child)),
            );
            return;
        }
        let label = self.typed.frame(parent.value).label;
        let frame = &mut self.typed.frames[id.index()];
        frame.origin = TOrigin::Resample { of: Some(parent.value) };
        frame.label = label;
    }

    /// `inputs: {frame: F}` of a transform.
    fn only_input_frame(
        &mut self,
        decl: &StepDecl,
        step: &str,
        at: Span,
        diags: &mut Diags,
    ) -> Option<Spanned<FrameId>> {
        let map = match &decl.inputs {
            Some(node) => read::map(node, "`inputs`", diags)?,
            None => {
                diags.push(
                    Diag::new(&E0109, at, format!("`{step}` needs `inputs.frame`"))
                        .help("name the frame it reads: `inputs: {frame: ohlcv_15m}`"),
                );
                return None;
            }
        };
        let map = known_keys(map, &["frame"], &format!("`inputs` of `{step}`"), diags);
        let help = "name the frame it reads: `inputs: {frame: ohlcv_15m}`";
        let node = read::required(&map, "frame", at, &format!("`inputs` of `{step}`"), help, diags)?;
        let name = read::text(node, "a frame", diags)?;
        let frame = self.frame_named(&name.value, name.span, diags)?;
        Some(Spanned::new(frame, name.span))
    }

    /// Adds the columns a step makes.
    pub(super) fn declare_columns(&mut self, i: usize, decl: &StepDecl, step: Option<Step>, diags: &mut Diags) {
        // The frame of an event may follow from columns that are declared here: see `declare_events`.
        if decl.kind.value == Kind::Event {
            return;
        }
        match step {
            Some(Step::Data(_)) => self.declare_fields(i, diags),
            Some(Step::Transform(t)) if t.shape == Shape::Resample => self.declare_fields(i, diags),
            Some(Step::Feature(def) | Step::Strategy(def)) => {
                let frame = self.input_frame(decl);
                let named = self.named_outputs(decl, Some(def), diags);
                if let (Some(frame), Some(named)) = (frame, &named) {
                    self.check_output_frame(decl, frame, diags);
                    let outputs = named.iter().map(|n| n.output).collect();
                    self.typed.steps[i].what = Some(What::Feature { def, outputs });
                }
                self.declare_named(i, frame, named, |output| def.outputs[output].r#type, diags);
            }
            Some(Step::Transform(_) | Step::Model(_)) => {
                let frame = self.input_frame(decl);
                let named = self.named_outputs(decl, None, diags);
                self.declare_named(i, frame, named, |_| Type::Number, diags);
            }
            Some(Step::Sink(_)) | None => self.lose_columns(decl),
        }
    }

    /// Bar fields as columns of a source or resampled frame.
    fn declare_fields(&mut self, i: usize, diags: &mut Diags) {
        let Some(frame) = self.typed.steps[i].makes_frame else { return };
        let fields: Vec<Field> = match self.typed.source_of(frame).map(|s| &self.typed.frame(s).origin) {
            Some(TOrigin::Source { fields, .. }) => fields.clone(),
            _ => {
                self.open_frames.push(frame);
                return;
            }
        };
        let span = self.typed.frame(frame).span;
        for field in fields {
            let column =
                TColumn { frame, name: field.name().into(), r#type: Type::Number, step: i, span, field: Some(field) };
            if let Some(id) = self.add_column(column, diags) {
                self.typed.steps[i].makes.push(id);
            }
        }
    }

    fn declare_named(
        &mut self,
        i: usize,
        frame: Option<FrameId>,
        named: Option<Vec<Named>>,
        type_of: impl Fn(usize) -> Type,
        diags: &mut Diags,
    ) {
        let (frame, named) = match (frame, named) {
            (Some(frame), Some(named)) => (frame, named),
            (Some(frame), None) => return self.open_frames.push(frame),
            (None, Some(named)) => return self.unmade.extend(named.into_iter().map(|n| n.name.value)),
            (None, None) => {
                self.blind = true;
                return;
            }
        };
        let mut names = Vec::new();
        for n in named {
            let column = TColumn {
                frame,
                name: n.name.value.clone(),
                r#type: type_of(n.output),
                step: i,
                span: n.name.span,
                field: None,
            };
            names.push(n.name.value);
            if let Some(id) = self.add_column(column, diags) {
                self.typed.steps[i].makes.push(id);
            }
        }
        self.typed.steps[i].id = format!("{}.{}", self.typed.frame(frame).name, names.join("+"));
    }

    /// `outputs.frame` of a step that makes columns must be the frame it reads.
    fn check_output_frame(&self, decl: &StepDecl, frame: FrameId, diags: &mut Diags) {
        let written = decl.outputs.as_ref().and_then(Node::as_map).and_then(|m| m.get("frame"));
        if let Some(entry) = written
            && let Some(name) = entry.value.as_str()
            && name != self.typed.frame(frame).name
        {
            let own = &self.typed.frame(frame).name;
            diags.push(
                Diag::new(&E0225, entry.value.span, format!("a feature of `{own}` cannot write into `{name}`"))
                    .here("another frame")
                    .help(
                        "leave `frame` out: columns go to the frame of their inputs. `transforms.align` joins frames",
                    ),
            );
        }
    }

    /// The frame a step reads, as far as the first reference tells; silent, since the second walk reports.
    pub(super) fn input_frame(&self, decl: &StepDecl) -> Option<FrameId> {
        let map = decl.inputs.as_ref()?.as_map()?;
        let named = |name: &str| self.frame_ids.get(name).copied();
        if let Some(frame) = map.get("frame").and_then(|e| e.value.as_str()) {
            return named(frame);
        }
        let texts = map.entries.iter().flat_map(|e| match e.value.as_seq() {
            Some(items) => items.iter().collect::<Vec<_>>(),
            None => vec![&e.value],
        });
        texts.filter_map(|n| reference(n.as_str()?, n.span).ok()).find_map(|r| named(&r.frame.value))
    }

    /// The columns under `outputs.columns`: a list, or for features a map from output to column. `None` if the list
    /// could not be read whole.
    fn named_outputs(&self, decl: &StepDecl, feature: Option<&Feature>, diags: &mut Diags) -> Option<Vec<Named>> {
        let using = decl.using.as_ref()?;
        let what = format!("`{}`", using.value);
        let missing = |diags: &mut Diags| {
            diags.push(
                Diag::new(&E0109, using.span, format!("{what} needs `outputs.columns`"))
                    .here("makes a column without a name")
                    .help("name what it makes: `outputs: {columns: [my_column]}`"),
            );
        };
        let Some(outputs) = &decl.outputs else {
            missing(diags);
            return None;
        };
        let map = read::map(outputs, "`outputs`", diags)?;
        let map = known_keys(map, &["columns", "frame"], &format!("`outputs` of {what}"), diags);
        let Some(columns) = map.get("columns") else {
            missing(diags);
            return None;
        };
        let made: Vec<&str> = feature.map(|f| f.outputs.iter().map(|o| o.name).collect()).unwrap_or_default();
        let mut named = Vec::new();
        let mut whole = true;
        if let (Some(entries), Some(_)) = (columns.value.as_map(), feature) {
            for e in &entries.entries {
                let Some(output) = made.iter().position(|m| *m == e.key.value) else {
                    let diag = Diag::new(&E0223, e.key.span, format!("{what} has no output `{}`", e.key.value))
                        .here("not an output")
                        .help(format!("outputs: {}", list(&made)));
                    diags.push(match nearest(&e.key.value, made.iter().copied()) {
                        Some(near) => diag.fix(e.key.span, near, format!("write `{near}`"), Applicability::Guess),
                        None => diag,
                    });
                    whole = false;
                    continue;
                };
                match self.output_name(&e.value, diags) {
                    Some(name) => named.push(Named { output, name }),
                    None => whole = false,
                }
            }
        } else {
            let items = read::seq(&columns.value, "`outputs.columns`", diags)?;
            for (output, item) in items.iter().enumerate() {
                match self.output_name(item, diags) {
                    Some(name) => named.push(Named { output, name }),
                    None => whole = false,
                }
            }
            if feature.is_some() && made.len() != items.len() {
                let (makes, named) = (amount(made.len()), items.len());
                let are = if named == 1 { "is" } else { "are" };
                let message = format!("{what} makes {makes}, and {named} {are} named");
                let help = match made.as_slice() {
                    [_] => "name one column; a grid makes one step per value".to_string(),
                    _ => format!("say which is which: `columns: {{{}: my_name}}`; outputs: {}", made[0], list(&made)),
                };
                diags.push(Diag::new(&E0222, columns.value.span, message).here("does not fit").help(help));
                return None;
            }
        }
        if named.is_empty() && whole {
            diags.push(
                Diag::new(&E0222, columns.value.span, format!("{what} names no column"))
                    .here("empty")
                    .help("name what it makes: `columns: [my_column]`"),
            );
            return None;
        }
        whole.then_some(named)
    }

    fn output_name(&self, node: &Node, diags: &mut Diags) -> Option<Spanned<String>> {
        let name = read::text(node, "a column's name", diags)?;
        match column_name(&name.value, name.span) {
            Ok(()) => Some(name),
            Err(diag) => {
                diags.push(diag);
                None
            }
        }
    }
}

/// `one column`, `3 columns`
fn amount(columns: usize) -> String {
    if columns == 1 { "one column".into() } else { format!("{columns} columns") }
}

/// What a frame of rows of `child` can be resampled to, if not to `target`.
fn multiples_help(target: Interval, child: Interval) -> String {
    if target.max_millis() < child.max_millis() {
        return format!("rows cannot be made finer: take a source of {target} bars");
    }
    let some: Vec<String> = ["5m", "15m", "30m", "1h", "2h", "4h", "12h", "1d", "1w", "1M"]
        .into_iter()
        .filter(|t| Interval::parse(t).is_ok_and(|i| i.is_multiple_of(child)))
        .map(str::to_owned)
        .collect();
    if some.is_empty() {
        "take a source of finer bars".into()
    } else {
        format!("multiples of {child}: {}", some.join(", "))
    }
}

fn symbol_span(decl: &StepDecl, symbol: &str) -> Option<Span> {
    let universe = decl.params.iter().find(|p| p.name.value == "universe")?;
    universe.value.as_seq()?.iter().find(|n| n.as_str() == Some(symbol)).map(|n| n.span)
}
