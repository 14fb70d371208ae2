//! Events: what they are called, of which frame they are, when they fire, and who listens.

use super::Resolver;
use crate::condition;
use crate::read::{self, known_keys, list};
use crate::shape::StepDecl;
use crate::typed::{ColId, TColumn, What};
use sigc_catalog::Kind;
use sigc_diag::{
    Applicability, Diag, Diags, E0109, E0203, E0204, E0210, E0216, E0225, E0240, E0241, Span, Spanned, nearest,
};
use sigc_plan::{FrameId, Type};
use sigc_syntax::{Formula, Node, formula};

/// An event whose frame is not known yet.
struct Waiting<'d> {
    step: usize,
    decl: &'d StepDecl,
    name: Spanned<String>,
    condition: Formula,
}

impl Waiting<'_> {
    /// Where `inputs` names the frame.
    fn frame(&self) -> Option<&Node> {
        self.decl.inputs.as_ref()?.as_map()?.get("frame").map(|e| &e.value)
    }

    /// Every column it names.
    fn names(&self) -> Vec<Spanned<&str>> {
        let value = self.decl.event.value.as_ref().and_then(|n| Some(Spanned::new(n.as_str()?, n.span)));
        self.condition.names().into_iter().chain(value).collect()
    }
}

impl Resolver<'_> {
    /// Adds the column of every event. Its frame is that of the columns it reads, which may be those of other events:
    /// what is known of one may help the next.
    pub(super) fn declare_events(&mut self, decls: &[StepDecl], diags: &mut Diags) {
        let mut names: Vec<(Spanned<String>, usize)> = Vec::new();
        let mut waiting = Vec::new();
        for (step, decl) in decls.iter().enumerate().filter(|(_, d)| d.kind.value == Kind::Event) {
            let name = decl.event.name.as_ref().and_then(|n| read::text(n, "an event's name", diags));
            let name = name.filter(|n| match sigc_syntax::name(&n.value, n.span) {
                Ok(()) => true,
                Err(diag) => {
                    diags.push(diag);
                    false
                }
            });
            let condition = decl.event.when.as_ref().and_then(|n| read::text(n, "`when`", diags));
            let condition = condition.and_then(|text| match formula(&text.value, text.span) {
                Ok(condition) => Some(condition),
                Err(diag) => {
                    diags.push(diag);
                    None
                }
            });
            let (Some(name), Some(condition)) = (&name, condition) else {
                self.lose_event(name.as_ref().map(|n| n.value.as_str()));
                continue;
            };
            if let Some((first, other)) = names.iter().find(|(n, _)| n.value == name.value) {
                self.typed.partial = true;
                let copies = decls[*other].index == decl.index;
                diags.push(if copies {
                    Diag::new(&E0216, name.span, format!("every copy of this step makes the event `{}`", name.value))
                        .here("the same name each time")
                        .help("put the parameter that changes into the name, such as `below_{level}`")
                } else {
                    Diag::new(&E0204, name.span, format!("the event `{}` is made twice", name.value))
                        .here("again here")
                        .label(first.span, "first here")
                        .help("give one of them another name")
                });
                continue;
            }
            names.push((name.clone(), step));
            waiting.push(Waiting { step, decl, name: name.clone(), condition });
        }
        while !waiting.is_empty() {
            let before = waiting.len();
            for event in std::mem::take(&mut waiting) {
                match self.frame_of_event(&event) {
                    Some(frame) => self.declare_event(event, frame, diags),
                    None => waiting.push(event),
                }
            }
            if waiting.len() == before {
                break;
            }
        }
        for event in &waiting {
            self.report_frame(event, diags);
            self.lose_event(Some(&event.name.value));
        }
        self.events.sort_by_key(|&c| self.typed.column(c).step);
    }

    fn declare_event(&mut self, event: Waiting<'_>, frame: FrameId, diags: &mut Diags) {
        let Waiting { step, name, condition, .. } = event;
        let column =
            TColumn { frame, name: name.value.clone(), r#type: Type::Bool, step, span: name.span, field: None };
        self.typed.steps[step].id = format!("{}.{}", self.typed.frame(frame).name, name.value);
        match self.add_column(column, diags) {
            Some(id) => {
                self.typed.steps[step].makes.push(id);
                self.events.push(id);
                self.conditions.insert(step, condition);
            }
            None => self.lost_events.push(name.value),
        }
    }

    /// An event that could not be resolved is not missing, only unknown.
    pub(super) fn lose_event(&mut self, name: Option<&str>) {
        self.typed.partial = true;
        match name {
            Some(name) => {
                self.lost_events.push(name.to_owned());
                self.unmade.push(name.to_owned());
            }
            None => self.blind = true,
        }
    }

    /// The frames that a name may be a column of.
    fn frames_with(&self, name: &str) -> Vec<FrameId> {
        let qualified = name.split_once('.').and_then(|(f, _)| self.frame_ids.get(f).copied());
        let has = |f: &FrameId| Some(*f) == qualified || self.column_in(*f, name).is_some();
        (0..self.typed.frames.len()).map(FrameId::new).filter(has).collect()
    }

    /// The only frame that all names of an event fit.
    fn frame_of_event(&self, event: &Waiting<'_>) -> Option<FrameId> {
        if let Some(frame) = event.frame() {
            return self.frame_ids.get(frame.as_str()?).copied();
        }
        match self.common_frames(&event.names()).as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    fn common_frames(&self, names: &[Spanned<&str>]) -> Vec<FrameId> {
        let Some((first, rest)) = names.split_first() else { return Vec::new() };
        let mut common = self.frames_with(first.value);
        for name in rest {
            let with = self.frames_with(name.value);
            common.retain(|f| with.contains(f));
        }
        common
    }

    /// Why the frame of an event is not known.
    fn report_frame(&self, event: &Waiting<'_>, diags: &mut Diags) {
        let example = self.typed.frames.first().map_or("ohlcv", |f| f.name.as_str());
        if let Some(node) = event.frame() {
            if let Some(text) = read::text(node, "a frame", diags) {
                self.frame_named(&text.value, text.span, diags);
            }
            return;
        }
        let names = event.names();
        if self.blind || !self.open_frames.is_empty() || names.iter().any(|n| self.unmade.iter().any(|u| u == n.value))
        {
            return;
        }
        let Some(first) = names.first() else {
            diags.push(
                Diag::new(&E0109, event.condition.span, "an event that reads no column needs `inputs.frame`")
                    .here("rows of which frame?")
                    .help(format!("write `inputs: {{frame: {example}}}`")),
            );
            return;
        };
        let mut missing = false;
        for name in names.iter().filter(|n| self.frames_with(n.value).is_empty()) {
            missing = true;
            diags.push(self.nowhere(name));
        }
        if missing {
            return;
        }
        match self.common_frames(&names).as_slice() {
            [] => {
                let of = |name: &Spanned<&str>| {
                    let frames = self.frames_with(name.value);
                    frames.iter().map(|f| self.typed.frame(*f).name.clone()).collect::<Vec<_>>()
                };
                let apart = names.iter().find(|n| self.common_frames(&[(*first).clone(), (*n).clone()]).is_empty());
                let other = apart.unwrap_or(first);
                diags.push(
                    Diag::new(
                        &E0225,
                        other.span,
                        format!("the event `{}` reads columns of several frames", event.name.value),
                    )
                    .here(format!("of {}", list(&of(other))))
                    .label(first.span, format!("of {}", list(&of(first))))
                    .help("join them first with `transforms.align`, or make an event on each frame"),
                );
            }
            several => {
                let frames: Vec<&str> = several.iter().map(|f| self.typed.frame(*f).name.as_str()).collect();
                diags.push(
                    Diag::new(&E0109, first.span, format!("the event `{}` needs `inputs.frame`", event.name.value))
                        .here(format!("a column of {}", list(&frames)))
                        .help(format!("write `inputs: {{frame: {}}}`", frames[0])),
                );
            }
        }
    }

    /// "no frame has a column `x`"
    fn nowhere(&self, name: &Spanned<&str>) -> Diag {
        let mut known: Vec<&str> = self.typed.columns.iter().map(|c| c.name.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        let diag =
            Diag::new(&E0203, name.span, format!("no frame has a column `{}`", name.value)).here("no step makes it");
        match nearest(name.value, known.iter().copied()) {
            Some(near) => diag.help(format!("did you mean `{near}`? Columns: {}", list(&known))).fix(
                name.span,
                near,
                format!("write `{near}`"),
                Applicability::Guess,
            ),
            None => diag.help(format!("columns: {}", list(&known))),
        }
    }

    /// The second walk: what an event reads.
    pub(super) fn resolve_event(&mut self, i: usize, decl: &StepDecl, diags: &mut Diags) {
        let Some(&own) = self.typed.steps[i].makes.first() else { return };
        let Some(formula) = self.conditions.remove(&i) else { return };
        let frame = self.typed.column(own).frame;
        let mut frame_at = None;
        if let Some(node) = &decl.inputs {
            let Some(map) = read::map(node, "`inputs`", diags) else { return };
            let map = known_keys(map, &["frame"], "`inputs` of an event", diags);
            frame_at = map.get("frame").map(|e| e.value.span);
        }
        let mut reads: Vec<Spanned<ColId>> = Vec::new();
        let mut column = |name: &str, at: Span, diags: &mut Diags| {
            let id = self.event_column(frame, name, at, diags)?;
            if !reads.iter().any(|r| r.value == id) {
                reads.push(Spanned::new(id, at));
            }
            Some(id)
        };
        let when = condition::check(&formula, &self.typed, &mut column, diags);
        let value = decl.event.value.as_ref().map(|node| {
            let text = read::text(node, "`value`", diags)?;
            column(&text.value, text.span, diags)
        });
        let step = &mut self.typed.steps[i];
        step.reads = reads;
        step.frame_at = frame_at;
        step.reads_frames.extend(frame_at.map(|_| frame));
        step.what = match (when, value) {
            (Some(when), Some(Some(value))) => Some(What::Event { when, value: Some(value) }),
            (Some(when), None) => Some(What::Event { when, value: None }),
            _ => None,
        };
    }

    /// A column of an event's frame, with or without the frame's name before it.
    fn event_column(&self, frame: FrameId, name: &str, at: Span, diags: &mut Diags) -> Option<ColId> {
        if let Some(id) = self.column_in(frame, name) {
            return Some(id);
        }
        let Some((of, column)) = name.split_once('.').and_then(|(f, c)| Some((self.frame_ids.get(f).copied()?, c)))
        else {
            return self.column_of(frame, name, at, diags);
        };
        // The place of a quoted name with escapes is the whole text's.
        let part = if at.len() == name.len() { at.part(name.len() - column.len(), name.len()) } else { at };
        let id = self.column_of(of, column, part, diags)?;
        if of == frame {
            return Some(id);
        }
        let (own, other) = (&self.typed.frame(frame).name, &self.typed.frame(of).name);
        diags.push(
            Diag::new(&E0225, at, format!("the event is about rows of `{own}`, and this column is of `{other}`"))
                .here("of another frame")
                .help(
                    "join it first with `transforms.align`, or make an event on that frame and listen to it with `on`",
                ),
        );
        None
    }

    /// The event of a name, or a report.
    pub(super) fn event_named(&self, name: &Spanned<String>, diags: &mut Diags) -> Option<ColId> {
        let named = |c: &&ColId| self.typed.column(**c).name == name.value;
        let found = self.events.iter().find(named).copied();
        if found.is_none() && !self.blind && !self.lost_events.contains(&name.value) {
            let known: Vec<&str> = self.events.iter().map(|&c| self.typed.column(c).name.as_str()).collect();
            let diag =
                Diag::new(&E0240, name.span, format!("there is no event `{}`", name.value)).here("no step makes it");
            diags.push(match nearest(&name.value, known.iter().copied()) {
                Some(near) => diag.help(format!("did you mean `{near}`?")).fix(
                    name.span,
                    near,
                    format!("write `{near}`"),
                    Applicability::Guess,
                ),
                None if known.is_empty() => {
                    diag.help("an event step makes one: `- event: {name: oversold, when: \"rsi_14 < 30\"}`")
                }
                None => diag.help(format!("events of this pipeline: {}", list(&known))),
            });
        }
        found
    }

    /// `on`: the events a step listens to.
    pub(super) fn resolve_on(&mut self, i: usize, decl: &StepDecl, diags: &mut Diags) {
        let Some(node) = &decl.on else { return };
        let mut sound = true;
        let items = read::seq(node, "`on`", diags).unwrap_or_default();
        if items.is_empty() {
            sound = false;
            if node.as_seq().is_some() {
                let help = "name at least one, or leave `on` out: then every row counts";
                diags.push(Diag::new(&E0240, node.span, "`on` names no event").here("empty").help(help));
            }
        }
        let frame = self.typed.steps[i].makes.first().map(|&c| self.typed.column(c).frame);
        for item in items {
            let text = read::text(item, "an event", diags);
            let Some(event) = text.as_ref().and_then(|t| self.event_named(t, diags)) else {
                sound = false;
                continue;
            };
            if self.typed.steps[i].on.iter().any(|e| e.value == event) {
                let message = format!("the event `{}` is listed twice", self.typed.column(event).name);
                diags.push(Diag::new(&E0210, item.span, message).here("again here").help("list it once"));
                sound = false;
                continue;
            }
            if let Some(frame) = frame {
                sound &= self.check_way(event, frame, item.span, diags);
            }
            self.typed.steps[i].on.push(Spanned::new(event, item.span));
        }
        if !sound {
            self.typed.steps[i].what = None;
        }
    }

    /// Every event must be known in some row of the listener's frame.
    fn check_way(&self, event: ColId, frame: FrameId, at: Span, diags: &mut Diags) -> bool {
        let of = self.typed.column(event).frame;
        let (Some(fine), Some(coarse)) = (self.typed.frame(of).interval, self.typed.frame(frame).interval) else {
            return false;
        };
        if self.typed.way(of, frame).is_none() {
            let (name, own) = (&self.typed.frame(of).name, &self.typed.frame(frame).name);
            let message = format!(
                "`{}` is an event of `{name}` ({fine}), which has rows that close between two rows of `{own}` ({coarse})",
                self.typed.column(event).name
            );
            diags.push(
                Diag::new(&E0241, at, message)
                    .here(format!("would be missed on `{own}`"))
                    .label(self.typed.column(event).span, format!("an event of `{name}`"))
                    .help(format!("listen on a frame that is resampled from `{name}`, or make the event on `{own}`")),
            );
            return false;
        }
        if self.typed.source_of(of) != self.typed.source_of(frame) {
            self.check_universe(frame, of, at, diags);
        }
        true
    }
}
