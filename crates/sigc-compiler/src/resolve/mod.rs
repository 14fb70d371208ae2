//! Names become ids, parameters become values.
//!
//! Two walks over the steps. The first declares what every step makes (frames, columns), so that a reference to
//! something made further down is told apart from one to something that nobody makes. The second resolves what every
//! step reads. Order and cycles are the next stage's matter.

mod declare;
mod event;
mod inputs;
mod model;
mod signal;

use crate::expand::Expanded;
use crate::read::list;
use crate::shape::StepDecl;
use crate::typed::{ColId, TColumn, TFrame, Typed, Warmup};
use sigc_catalog::{Catalog, Host, Kind, Step};
use sigc_diag::{Applicability, Diag, Diags, E0111, E0201, E0202, E0203, E0206, E0219, E0220, Span, Spanned, nearest};
use sigc_plan::FrameId;
use sigc_syntax::{Formula, reference};
use std::collections::HashMap;

/// Resolves all names of a pipeline.
pub fn resolve(expanded: &Expanded, catalog: &Catalog, host: &dyn Host, diags: &mut Diags) -> Typed {
    let mut cx = Resolver {
        catalog,
        host,
        capabilities: expanded.capabilities.as_deref(),
        typed: Typed {
            name: expanded.name.as_ref().map(|n| n.value.clone()).unwrap_or_default(),
            frames: Vec::new(),
            columns: Vec::new(),
            steps: Vec::new(),
            partial: expanded.blind || !expanded.lost.is_empty(),
            warmup: Warmup { lookback_days: None, tolerance: signal::TOLERANCE, catch_up: Default::default() },
            scheduling: None,
            sinks: Vec::new(),
            signals: Vec::new(),
            signals_known: true,
        },
        frame_ids: HashMap::new(),
        column_ids: HashMap::new(),
        broken_frames: Vec::new(),
        open_frames: Vec::new(),
        unmade: Vec::new(),
        conditions: HashMap::new(),
        events: Vec::new(),
        lost_events: Vec::new(),
        blind: expanded.blind,
    };
    cx.check_capabilities(diags);
    let mut found = Vec::new();
    for decl in &expanded.steps {
        let step = cx.step_definition(decl, diags);
        cx.declare_frame(decl, step, diags);
        found.push(step);
    }
    for lost in &expanded.lost {
        cx.lose_frame(lost);
    }
    for (i, (decl, step)) in expanded.steps.iter().zip(&found).enumerate() {
        cx.link_frame(i, decl, *step, diags);
    }
    for (i, (decl, step)) in expanded.steps.iter().zip(&found).enumerate() {
        cx.declare_columns(i, decl, *step, diags);
    }
    for lost in &expanded.lost {
        cx.lose_columns(lost);
    }
    cx.declare_events(&expanded.steps, diags);
    for (i, (decl, step)) in expanded.steps.iter().zip(&found).enumerate() {
        cx.resolve_step(i, decl, *step, diags);
        cx.resolve_on(i, decl, diags);
    }
    signal::resolve(&mut cx, expanded, diags);
    cx.typed
}

/// What the walks share.
struct Resolver<'a> {
    catalog: &'a Catalog,
    host: &'a dyn Host,
    capabilities: Option<&'a [Spanned<String>]>,
    typed: Typed,
    frame_ids: HashMap<String, FrameId>,
    column_ids: HashMap<FrameId, HashMap<String, ColId>>,
    /// Names of frames whose declaration was of no use: references to them stay silent.
    broken_frames: Vec<String>,
    /// Frames with a column list that could not be read whole: unknown columns of them stay silent.
    open_frames: Vec<FrameId>,
    /// Columns of steps that could not be resolved: references to them stay silent.
    unmade: Vec<String>,
    /// The conditions that could be read, by step.
    conditions: HashMap<usize, Formula>,
    /// The events in the order written, by the columns that say when they fire.
    events: Vec<ColId>,
    /// Names of events that could not be resolved: references to them stay silent.
    lost_events: Vec<String>,
    /// True if a step could not be read at all: every unknown name stays silent.
    blind: bool,
}

impl Resolver<'_> {
    fn check_capabilities(&self, diags: &mut Diags) {
        let known = self.catalog.capabilities();
        for c in self.capabilities.unwrap_or_default() {
            if !known.contains(&c.value.as_str()) {
                let diag = Diag::new(&E0220, c.span, format!("there is no capability `{}`", c.value)).here("not known");
                diags.push(match nearest(&c.value, known.iter().copied()) {
                    Some(near) => diag.help(format!("did you mean `{near}`?")).fix(
                        c.span,
                        near,
                        format!("write `{near}`"),
                        Applicability::Guess,
                    ),
                    None => diag.help(format!("capabilities: {}", list(&known))),
                });
            }
        }
    }

    /// The definition `using` names, if it is of the entry's kind.
    fn step_definition(&self, decl: &StepDecl, diags: &mut Diags) -> Option<Step> {
        let using = decl.using.as_ref().filter(|_| decl.kind.value != Kind::Event)?;
        self.lookup(using, decl.kind.value, diags)
    }

    /// The definition of a name, checked for kind and capability.
    fn lookup(&self, using: &Spanned<String>, kind: Kind, diags: &mut Diags) -> Option<Step> {
        let Some(step) = self.catalog.get(&using.value) else {
            diags.push(self.unknown_step(using, kind));
            return None;
        };
        if step.kind() != kind {
            let message = if kind == Kind::Sink {
                format!("`{}` is not a sink", using.value)
            } else {
                format!("`{}` is not a `{}` step", using.value, kind.key())
            };
            let diag = Diag::new(&E0219, using.span, message).here("of another kind");
            diags.push(match step.kind() {
                Kind::Sink => diag.help("sinks stand under `signal_generation`: `on_prediction`, `on_event`"),
                other if kind == Kind::Sink => diag.help(format!(
                    "it stands under `pipeline`, as `- {}:`; a sink's name begins with `sinks.`",
                    other.key()
                )),
                other => diag.help(format!("write it as `- {}:`", other.key())),
            });
            return None;
        }
        let capability = step.info().capability;
        let known = self.catalog.capabilities();
        // A misspelt capability was reported as unknown.
        let meant = |c: &str| match known.contains(&c) {
            true => c == capability,
            false => nearest(c, known.iter().copied()) == Some(capability),
        };
        if let Some(listed) = self.capabilities
            && !listed.iter().any(|c| meant(&c.value))
        {
            let message = format!("`{}` belongs to the capability `{capability}`, which is not listed", using.value);
            let mut diag = Diag::new(&E0206, using.span, message)
                .here(format!("needs `{capability}`"))
                .help(format!("add `- {capability}` under `using.capabilities`, or leave `using` out to allow all"));
            if let Some(first) = listed.first() {
                diag = diag.label(first.span, "the list begins here");
            }
            diags.push(diag);
        }
        Some(step)
    }

    fn unknown_step(&self, using: &Spanned<String>, kind: Kind) -> Diag {
        let same_kind: Vec<&str> = self.catalog.steps().filter(|s| s.kind() == kind).map(|s| s.info().name).collect();
        let (code, noun) = if kind == Kind::Sink { (&sigc_diag::E0405, "sink") } else { (&E0201, "step") };
        let diag =
            Diag::new(code, using.span, format!("there is no {noun} `{}`", using.value)).here("not in the catalog");
        let near = nearest(&using.value, same_kind.iter().copied()).or_else(|| {
            // `rsi` for `features.rsi`.
            same_kind.iter().copied().find(|n| n.rsplit('.').next() == Some(using.value.as_str()))
        });
        match near {
            Some(near) => diag.help(format!("did you mean `{near}`?")).fix(
                using.span,
                near,
                format!("write `{near}`"),
                Applicability::Guess,
            ),
            None if same_kind.len() <= 12 => diag.help(format!("known: {}", list(&same_kind))),
            None => diag.help("`sigc features` lists all steps"),
        }
    }

    /// The frame of a name, or a report; silent for a frame whose declaration was reported.
    fn frame_named(&self, name: &str, span: Span, diags: &mut Diags) -> Option<FrameId> {
        let found = self.frame_ids.get(name).copied();
        if found.is_none() && !self.blind && !self.broken_frames.iter().any(|b| b == name) {
            let known: Vec<&str> = self.typed.frames.iter().map(|f| f.name.as_str()).collect();
            let diag = Diag::new(&E0202, span, format!("there is no frame `{name}`")).here("no step makes it");
            diags.push(match nearest(name, known.iter().copied()) {
                Some(near) => diag.help(format!("did you mean `{near}`?")).fix(
                    span,
                    near,
                    format!("write `{near}`"),
                    Applicability::Guess,
                ),
                None if known.is_empty() => diag.help("a data step makes one: `outputs: {frame: ohlcv}`"),
                None => diag.help(format!("frames of this pipeline: {}", list(&known))),
            });
        }
        found
    }

    /// The column `name` of a frame.
    fn column_in(&self, frame: FrameId, name: &str) -> Option<ColId> {
        self.column_ids.get(&frame)?.get(name).copied()
    }

    /// The column of a frame, or a report with the nearest.
    fn column_of(&self, frame: FrameId, name: &str, span: Span, diags: &mut Diags) -> Option<ColId> {
        let found = self.column_in(frame, name);
        if found.is_none() && !self.may_have(frame, |c| c == name) {
            diags.push(self.unknown_column(frame, name, span));
        }
        found
    }

    /// True if a step that could not be resolved may make a column of this frame with such a name.
    fn may_have(&self, frame: FrameId, fits: impl Fn(&str) -> bool) -> bool {
        self.blind || self.open_frames.contains(&frame) || self.unmade.iter().any(|name| fits(name))
    }

    fn unknown_column(&self, frame: FrameId, name: &str, span: Span) -> Diag {
        let f = self.typed.frame(frame);
        let known: Vec<&str> =
            self.typed.columns.iter().filter(|c| c.frame == frame).map(|c| c.name.as_str()).collect();
        let bar_field = sigc_market::Field::from_name(name).is_some();
        let diag = if bar_field {
            Diag::new(&sigc_diag::E0224, span, format!("the bars of `{}` have no `{name}`", f.name))
                .here("not given by this source")
        } else {
            Diag::new(&E0203, span, format!("frame `{}` has no column `{name}`", f.name))
                .here(format!("not a column of `{}`", f.name))
        }
        .label(f.span, format!("`{}` comes from here", f.name));
        match nearest(name, known.iter().copied()).filter(|_| !bar_field) {
            Some(near) => diag.help(format!("did you mean `{near}`? Columns here: {}", list(&known))).fix(
                span,
                near,
                format!("write `{near}`"),
                Applicability::Guess,
            ),
            None => diag.help(format!("columns here: {}", list(&known))),
        }
    }

    /// `frame.column` as an id, or a report.
    fn column_ref(&self, text: &Spanned<String>, diags: &mut Diags) -> Option<Spanned<ColId>> {
        match reference(&text.value, text.span) {
            Ok(r) => {
                let frame = self.frame_named(&r.frame.value, r.frame.span, diags)?;
                let id = self.column_of(frame, &r.column.value, r.column.span, diags)?;
                Some(Spanned::new(id, text.span))
            }
            Err(diag) => {
                // A bare word that is a frame, or a column of some frame, gets a better hint.
                let frames: Vec<&str> = self
                    .typed
                    .columns
                    .iter()
                    .filter(|c| c.name == text.value)
                    .map(|c| self.typed.frame(c.frame).name.as_str())
                    .collect();
                diags.push(match frames.first() {
                    Some(f) => Diag::new(&E0111, text.span, format!("`{}` does not say of which frame", text.value))
                        .here("a column is written `frame.column`")
                        .help(format!("write `{f}.{}`", text.value)),
                    None => diag,
                });
                None
            }
        }
    }

    /// Adds a frame.
    fn add_frame(&mut self, frame: TFrame) -> FrameId {
        let id = FrameId::new(self.typed.frames.len());
        self.frame_ids.insert(frame.name.clone(), id);
        self.typed.frames.push(frame);
        id
    }

    /// Adds a column; a name that is taken is reported.
    fn add_column(&mut self, column: TColumn, diags: &mut Diags) -> Option<ColId> {
        if let Some(other) = self.column_in(column.frame, &column.name) {
            self.typed.partial = true;
            let other_column = self.typed.column(other);
            let frame = &self.typed.frame(column.frame).name;
            let index = |step: usize| self.typed.steps[step].index;
            if index(other_column.step) == index(column.step) && other_column.step != column.step {
                let message = format!("every copy of this step makes the column `{frame}.{}`", column.name);
                diags.push(
                    Diag::new(&sigc_diag::E0216, column.span, message)
                        .here("the same name each time")
                        .help("put the parameter that changes into the name, such as `rsi{window}`"),
                );
            } else {
                let message = format!("the column `{frame}.{}` is made twice", column.name);
                diags.push(
                    Diag::new(&sigc_diag::E0204, column.span, message)
                        .here("again here")
                        .label(other_column.span, "first here")
                        .help("give one of them another name"),
                );
            }
            return None;
        }
        let id = ColId(self.typed.columns.len());
        self.column_ids.entry(column.frame).or_default().insert(column.name.clone(), id);
        self.typed.columns.push(column);
        Some(id)
    }
}
