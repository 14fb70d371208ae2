//! `signal_generation`: mode, warmup, scheduling, sinks, and what is emitted.

use super::Resolver;
use crate::expand::Expanded;
use crate::params::{read_args, read_interval};
use crate::read::{self, known_keys, list};
use crate::shape::{SinkDecl, Trigger};
use crate::typed::{CatchUp, ColId, Scheduling, TSignal, TSink, TStep, Typed, Warmup, What};
use sigc_catalog::{DEDUP_KEY, Kind, ParamKind, Place, RECORD, Step};
use sigc_diag::{
    Diag, Diags, E0203, E0210, E0225, E0240, E0302, E0305, E0306, E0401, E0403, E0404, E0406, E0411, E0413, E0414,
    Spanned, W0301, W0302, nearest,
};
use sigc_plan::F64;
use sigc_syntax::Node;

/// `warmup.tolerance` when it is not written.
pub(super) const TOLERANCE: f64 = 1e-9;
const TOLERANCE_RANGE: std::ops::RangeInclusive<f64> = 1e-15..=1e-2;
const MAX_DAYS: f64 = 36_525.0;

pub(super) fn resolve(cx: &mut Resolver<'_>, expanded: &Expanded, diags: &mut Diags) {
    let signal = &expanded.signal;
    if let Some(mode) = &signal.mode
        && mode.as_str() != Some("stream")
        && !mode.is_hole()
    {
        let message = match mode.as_scalar() {
            Some(s) => format!("there is no mode `{}`", s.text),
            None => "`mode` should be `stream`".into(),
        };
        diags.push(
            Diag::new(&E0305, mode.span, message)
                .here("not a mode")
                .help("write `mode: stream`; `sigc backfill` runs the same pipeline over history")
                .fix(mode.span, "stream", "write `stream`", sigc_diag::Applicability::Guess),
        );
    }
    if let Some(node) = &signal.warmup {
        cx.typed.warmup = warmup(node, diags);
    }
    if let Some(node) = &signal.scheduling {
        cx.typed.scheduling = scheduling(node, diags);
    }
    report_no_model(cx, expanded, diags);
    let candidates = candidates(cx, expanded);
    for decl in &signal.sinks {
        sink(cx, decl, candidates.as_deref(), diags);
    }
    order(&mut cx.typed);
    if !signal.has_sinks && (!signal.span.is_empty() || signal.mode.is_some()) {
        let (at, here) = match signal.empty_sinks {
            Some(key) => (key, "no sinks under it"),
            None => (signal.span, "no `on_prediction` and no `on_event` under it"),
        };
        diags.push(Diag::new(&E0404, at, "`signal_generation` has no sink: nothing would come out").here(here).help(
            "add `on_prediction: [{using: sinks.csv_append, params: {path: out.csv, dedup_key: [ts, symbol]}}]`",
        ));
    }
    check_targets(cx, diags);
    check_scheduling(cx, diags);
}

fn warmup(node: &Node, diags: &mut Diags) -> Warmup {
    let mut warmup = Warmup { lookback_days: None, tolerance: TOLERANCE, catch_up: CatchUp::Emit };
    if node.as_str() == Some("auto") || read::is_nothing(node) {
        return warmup;
    }
    let Some(map) = read::map(node, "`warmup`", diags) else { return warmup };
    let map = known_keys(map, &["lookback_days", "tolerance", "catch_up"], "`warmup`", diags);
    if let Some(e) = map.get("lookback_days").filter(|e| e.value.as_str() != Some("auto"))
        && let Some(days) = read::number(&e.value, "`lookback_days`", diags)
    {
        if days > 0.0 && days <= MAX_DAYS {
            warmup.lookback_days = Some(Spanned::new(F64(days), e.value.span));
        } else {
            let message = format!("`lookback_days` is more than 0 and at most {MAX_DAYS}, not {days}");
            diags.push(
                Diag::new(&E0210, e.value.span, message)
                    .here("out of range")
                    .help("leave it out and sigc derives the history that is needed"),
            );
        }
    }
    if let Some(e) = map.get("tolerance")
        && let Some(tolerance) = read::number(&e.value, "`tolerance`", diags)
    {
        if TOLERANCE_RANGE.contains(&tolerance) {
            warmup.tolerance = tolerance;
        } else {
            let message = format!("`tolerance` is from 1e-15 to 1e-2, not {tolerance:e}");
            diags.push(
                Diag::new(&E0306, e.value.span, message)
                    .here("out of range")
                    .help("1e-9 is the default: recursive features are then within a billionth of their input's range"),
            );
        }
    }
    if let Some(e) = map.get("catch_up") {
        match e.value.as_str() {
            Some("emit") => warmup.catch_up = CatchUp::Emit,
            Some("mark") => warmup.catch_up = CatchUp::Mark,
            Some("skip") => warmup.catch_up = CatchUp::Skip,
            other => {
                let found = other.map(|word| format!(", not `{word}`")).unwrap_or_default();
                diags.push(
                    Diag::new(&E0210, e.value.span, format!("`catch_up` is one of emit, mark, skip{found}"))
                        .here("not one of them")
                        .help("what happens to bars that closed while the process was down"),
                );
            }
        }
    }
    warmup
}

fn scheduling(node: &Node, diags: &mut Diags) -> Option<Scheduling> {
    if read::is_nothing(node) {
        return None;
    }
    let map = read::map(node, "`scheduling`", diags)?;
    let map = known_keys(map, &["interval", "buffer_minutes"], "`scheduling`", diags);
    let interval = map.get("interval").and_then(|e| match e.value.as_scalar() {
        Some(s) => Some(Spanned::new(read_interval(&s.text, e.value.span, diags)?, e.value.span)),
        None => {
            read::wrong_type(&e.value, "`scheduling.interval`", "an interval such as `15m`", diags);
            None
        }
    });
    let buffer_minutes = map.get("buffer_minutes").and_then(|e| {
        let minutes = read::number(&e.value, "`buffer_minutes`", diags)?;
        if !(0.0..=1_440.0).contains(&minutes) {
            let message = format!("`buffer_minutes` is from 0 to 1440, not {minutes}");
            diags.push(
                Diag::new(&E0210, e.value.span, message)
                    .here("out of range")
                    .help("how long to wait for symbols whose bar has not come yet"),
            );
            return None;
        }
        if let Some(interval) = &interval
            && minutes * 60_000.0 > interval.value.max_millis() as f64
        {
            let message = format!("`buffer_minutes` is longer than a row of {}", interval.value);
            diags.push(
                Diag::new(&W0302, e.value.span, message)
                    .here("longer than the interval")
                    .label(interval.span, "the interval")
                    .help("a row would still wait for laggards when the next one closes"),
            );
        }
        Some(minutes)
    });
    Some(Scheduling { interval, buffer_minutes })
}

/// A signal before its place is known: an event's own column, and the value.
type Key = (Option<ColId>, ColId);

/// The predictions a sink may mean where it does not say: outputs of models and strategies that no further feature,
/// transform, model or strategy reads. `None` while that cannot be told.
fn candidates(cx: &Resolver<'_>, expanded: &Expanded) -> Option<Vec<ColId>> {
    let typed = &cx.typed;
    let predicts = |kind: Kind| matches!(kind, Kind::Model | Kind::Strategy);
    let makers: Vec<&TStep> = typed.steps.iter().filter(|s| predicts(s.kind)).collect();
    let lost = expanded.blind || expanded.lost.iter().any(|s| predicts(s.kind.value));
    if lost || makers.iter().any(|s| s.makes.is_empty()) {
        return None;
    }
    let made = |s: &&TStep| -> Vec<ColId> {
        let wanted = s.args.as_ref().and_then(|a| a.value("output_col").map(|v| v.to_string()));
        let named = s.makes.iter().find(|&&c| wanted.as_deref() == Some(typed.column(c).name.as_str()));
        match s.kind {
            Kind::Model => named.or(s.makes.first()).copied().into_iter().collect(),
            _ => s.makes.clone(),
        }
    };
    let all: Vec<ColId> = makers.iter().flat_map(made).collect();
    // An event looks on, it does not go on with the number.
    let read = |c: &ColId| typed.steps.iter().any(|s| s.kind != Kind::Event && s.reads.iter().any(|r| r.value == *c));
    let unread: Vec<ColId> = all.iter().copied().filter(|c| !read(c)).collect();
    let unresolved = typed.steps.iter().any(|s| s.what.is_none());
    match (all.len(), unread.len()) {
        (1, _) if unresolved => Some(all),
        (_, 1) => Some(unread),
        _ if typed.partial || unresolved => None,
        _ => Some(unread),
    }
}

/// What a sink of `on_prediction` gets; `None` if that was reported or cannot be told.
fn predictions(
    cx: &Resolver<'_>,
    decl: &SinkDecl,
    candidates: Option<&[ColId]>,
    diags: &mut Diags,
) -> Option<Vec<Key>> {
    if let Some(node) = &decl.which {
        let one = [node.clone()];
        let items = node.as_seq().unwrap_or(&one);
        let mut found: Vec<Key> = Vec::new();
        let mut sound = !items.is_empty();
        if items.is_empty() {
            let help = "name at least one, or leave `prediction` out where there is only one";
            diags.push(Diag::new(&E0403, node.span, "`prediction` names no column").here("empty").help(help));
        }
        for item in items {
            let column = read::text(item, "a prediction", diags).and_then(|text| prediction_named(cx, &text, diags));
            match column {
                Some(c) if found.contains(&(None, c)) => sound &= repeated(item, diags),
                Some(c) => found.push((None, c)),
                None => sound = false,
            }
        }
        return sound.then_some(found);
    }
    let candidates = candidates?;
    let typed = &cx.typed;
    let at = decl.using.as_ref().map_or(decl.span, |u| u.span);
    match candidates {
        [one] => Some(vec![(None, *one)]),
        // That there is none at all was reported once.
        [] if !typed.steps.iter().any(|s| matches!(s.kind, Kind::Model | Kind::Strategy)) => None,
        [] => {
            let made: Vec<String> = typed
                .steps
                .iter()
                .filter(|s| matches!(s.kind, Kind::Model | Kind::Strategy))
                .flat_map(|s| s.makes.iter().map(|&c| typed.qualified(c)))
                .collect();
            let message = "every prediction is read by a further step, and the sink does not say which one it gets";
            let help = match made.first() {
                Some(first) => format!("predictions here: {}; write `prediction: {first}`", list(&made)),
                None => "write `prediction: frame.column`".into(),
            };
            diags.push(Diag::new(&E0403, at, message).here("gets which one?").help(help));
            None
        }
        several => {
            let names: Vec<String> = several.iter().map(|&c| typed.qualified(c)).collect();
            let message = format!("there are {} predictions, and the sink does not say which one it gets", names.len());
            let mut diag = Diag::new(&E0403, at, message).here("gets which one?");
            for &c in several.iter().take(4) {
                diag = diag.label(typed.column(c).span, format!("`{}`", typed.qualified(c)));
            }
            diags.push(diag.help(format!(
                "predictions here: {}; write `prediction: {}`, or several as `prediction: [{}]`",
                list(&names),
                names[0],
                names[..2].join(", ")
            )));
            None
        }
    }
}

/// Reports something that is listed twice.
fn repeated(item: &Node, diags: &mut Diags) -> bool {
    diags.push(Diag::new(&E0210, item.span, "this one is listed twice").here("again here").help("list it once"));
    false
}

/// A prediction by its name, or as `frame.column`.
fn prediction_named(cx: &Resolver<'_>, text: &Spanned<String>, diags: &mut Diags) -> Option<ColId> {
    let typed = &cx.typed;
    let made: Vec<ColId> = typed
        .steps
        .iter()
        .filter(|s| matches!(s.kind, Kind::Model | Kind::Strategy))
        .flat_map(|s| s.makes.iter().copied())
        .collect();
    let named: Vec<ColId> = made.iter().copied().filter(|&c| typed.column(c).name == text.value).collect();
    match named.as_slice() {
        [one] => return Some(*one),
        [first, second, ..] => {
            let frames = [*first, *second].map(|c| typed.qualified(c));
            diags.push(
                Diag::new(&E0403, text.span, format!("`{}` is a prediction of several frames", text.value))
                    .here("of which one?")
                    .help(format!("write `{}` or `{}`", frames[0], frames[1])),
            );
            return None;
        }
        [] => {}
    }
    let frame = text.value.split_once('.').filter(|(f, _)| cx.frame_ids.contains_key(*f));
    if frame.is_none() && !text.value.contains('.') && !cx.blind {
        if cx.unmade.contains(&text.value) || typed.partial {
            return None;
        }
        let names: Vec<&str> = made.iter().map(|&c| typed.column(c).name.as_str()).collect();
        let diag = Diag::new(&E0203, text.span, format!("no model or strategy makes a column `{}`", text.value))
            .here("not a prediction");
        diags.push(match nearest(&text.value, names.iter().copied()) {
            Some(near) => diag.help(format!("did you mean `{near}`? Predictions here: {}", list(&names))),
            None => diag.help(format!("predictions here: {}; any other column is `frame.column`", list(&names))),
        });
        return None;
    }
    Some(cx.column_ref(text, diags)?.value)
}

/// What a sink of `on_event` gets; `None` if that was reported or cannot be told.
fn events(cx: &Resolver<'_>, decl: &SinkDecl, diags: &mut Diags) -> Option<Vec<Key>> {
    let key = |&c: &ColId| {
        let value = match &cx.typed.steps[cx.typed.column(c).step].what {
            Some(What::Event { value, .. }) => value.unwrap_or(c),
            _ => c,
        };
        (Some(c), value)
    };
    let Some(node) = &decl.which else {
        if cx.events.is_empty() && cx.lost_events.is_empty() && !cx.blind {
            let at = decl.using.as_ref().map_or(decl.span, |u| u.span);
            let help = "add one: `- event: {name: oversold, when: \"rsi_14 < 30\"}`";
            diags.push(Diag::new(&E0240, at, "the pipeline has no event").here("would get nothing").help(help));
        }
        let known = !cx.events.is_empty() && cx.lost_events.is_empty();
        return known.then(|| cx.events.iter().map(key).collect());
    };
    let items = read::seq(node, "`events`", diags)?;
    let mut found: Vec<Key> = Vec::new();
    let mut sound = !items.is_empty();
    if items.is_empty() {
        let help = "name at least one, or leave `events` out for all";
        diags.push(Diag::new(&E0240, node.span, "`events` names no event").here("empty").help(help));
    }
    for item in items {
        let event = read::text(item, "an event", diags).and_then(|t| cx.event_named(&t, diags));
        match event.map(|e| key(&e)) {
            Some(e) if found.contains(&e) => sound &= repeated(item, diags),
            Some(e) => found.push(e),
            None => sound = false,
        }
    }
    sound.then_some(found)
}

/// Nothing predicts, and a sink waits for it.
fn report_no_model(cx: &Resolver<'_>, expanded: &Expanded, diags: &mut Diags) {
    let predicts = |kind: Kind| matches!(kind, Kind::Model | Kind::Strategy);
    let waits = |s: &SinkDecl| s.trigger == Trigger::Prediction && s.which.is_none();
    let steps = expanded.steps.iter().chain(&expanded.lost);
    if cx.blind || steps.into_iter().any(|s| predicts(s.kind.value)) || !expanded.signal.sinks.iter().any(waits) {
        return;
    }
    diags.push(
        Diag::new(&E0401, expanded.pipeline, "the pipeline has no model or strategy: there is nothing to emit")
            .here("no `- model:` in its list")
            .help("add one; `models.linear` needs no checkpoint"),
    );
}

fn sink(cx: &mut Resolver<'_>, decl: &SinkDecl, candidates: Option<&[ColId]>, diags: &mut Diags) {
    let keys = match decl.trigger {
        Trigger::Prediction => predictions(cx, decl, candidates, diags),
        Trigger::Event => events(cx, decl, diags),
    };
    cx.typed.signals_known &= keys.is_some();
    let keys = keys.unwrap_or_default();
    let columns = decl.columns.as_ref().map(|n| extra_columns(cx, n, &keys, diags)).unwrap_or_default();
    let signals = &mut cx.typed.signals;
    let gets = keys.iter().map(|&(event, column)| {
        let at = signals.iter().position(|s| (s.event, s.column) == (event, column)).unwrap_or_else(|| {
            signals.push(TSignal { event, column, extra: Vec::new() });
            signals.len() - 1
        });
        (at, columns.iter().map(|&c| place(&mut signals[at].extra, c)).collect())
    });
    let gets = gets.collect();

    let Some(using) = &decl.using else { return };
    let Some(Step::Sink(def)) = cx.lookup(using, Kind::Sink, diags) else { return };
    let args = read_args(&def.info, &decl.params, using.span, diags);
    if let Some(args) = &args {
        for problem in (def.check)(args) {
            let at = decl.params.iter().find(|p| p.name.value == problem.param).map_or(using.span, |p| p.value.span);
            let is_path = def.info.param(problem.param).is_some_and(|s| s.kind == ParamKind::Path);
            let code = if problem.param == DEDUP_KEY.name() {
                &E0406
            } else if is_path {
                &E0411
            } else {
                &E0210
            };
            let mut diag = Diag::new(code, at, problem.message);
            diag.help = problem.help;
            diags.push(diag);
        }
    }
    if let Some(args) = args {
        cx.typed.sinks.push(TSink { def, args, span: using.span, gets, columns });
    }
}

/// Where a column stands in a list, added behind the others if it is not there.
fn place(list: &mut Vec<ColId>, id: ColId) -> usize {
    list.iter().position(|&c| c == id).unwrap_or_else(|| {
        list.push(id);
        list.len() - 1
    })
}

/// `columns` of a sink: of the frame whose rows it gets.
fn extra_columns(cx: &Resolver<'_>, node: &Node, keys: &[Key], diags: &mut Diags) -> Vec<ColId> {
    let Some(items) = read::seq(node, "`columns`", diags) else { return Vec::new() };
    let frame_of = |key: &Key| cx.typed.column(key.1).frame;
    let Some(frame) = keys.first().map(frame_of) else { return Vec::new() };
    if let Some(other) = keys.iter().map(frame_of).find(|&f| f != frame) {
        let (a, b) = (&cx.typed.frame(frame).name, &cx.typed.frame(other).name);
        diags.push(
            Diag::new(&E0225, node.span, format!("this sink gets rows of `{a}` and of `{b}`: no column is in both"))
                .here("columns of which frame?")
                .help("write one sink for each frame, and say with `prediction` or `events` what each gets"),
        );
        return Vec::new();
    }
    let mut found = Vec::new();
    for item in items {
        let Some(text) = read::text(item, "a column", diags) else { continue };
        let own = cx.column_in(frame, &text.value);
        let qualified = text.value.split_once('.').filter(|(f, _)| cx.typed.frames.iter().any(|t| t.name == *f));
        let id = match (own, qualified) {
            (Some(id), _) => Some(id),
            (None, Some(_)) => cx.column_ref(&text, diags).map(|c| c.value),
            (None, None) => cx.column_of(frame, &text.value, text.span, diags),
        };
        let Some(id) = id else { continue };
        if let Some(field) = RECORD.iter().find(|f| f.name == cx.typed.column(id).name) {
            diags.push(
                Diag::new(&E0414, text.span, format!("every record has a field `{}` already", field.name))
                    .here("its name is taken")
                    .label(cx.typed.column(id).span, "the column is made here")
                    .help(format!("rename the column; the record's `{}` is {}", field.name, field.doc)),
            );
            continue;
        }
        if cx.typed.column(id).frame != frame {
            let message =
                format!("records are rows of `{}`, and this column is of another frame", cx.typed.frame(frame).name);
            diags.push(
                Diag::new(&E0225, text.span, message)
                    .here("of another frame")
                    .help("join it first with `transforms.align`"),
            );
            continue;
        }
        found.push(id);
    }
    found
}

/// Signals in the order in which their steps stand in the pipeline: that of their rows.
fn order(typed: &mut Typed) {
    let mut by_step: Vec<usize> = (0..typed.signals.len()).collect();
    by_step.sort_by_key(|&i| {
        let s = &typed.signals[i];
        (s.step(typed), s.event.is_some(), s.column)
    });
    let mut now = vec![0; by_step.len()];
    by_step.iter().enumerate().for_each(|(to, &from)| now[from] = to);
    typed.signals = by_step.iter().map(|&i| typed.signals[i].clone()).collect();
    for sink in &mut typed.sinks {
        sink.gets.iter_mut().for_each(|(signal, _)| *signal = now[*signal]);
        sink.gets.sort_unstable();
    }
}

/// Two sinks on one target would write into each other. Of a service, its address and whatever else names it count, too:
/// one table may be written to on two servers.
fn check_targets(cx: &Resolver<'_>, diags: &mut Diags) {
    let names_service =
        |s: &TSink, kind: &ParamKind| s.def.place == Place::Shared && matches!(kind, ParamKind::Url | ParamKind::Text);
    let place = |s: &TSink| {
        let named = s.def.info.specs().filter(|p| p.name == s.def.target || names_service(s, &p.kind));
        named.map(|p| s.args.value(p.name).map(ToString::to_string)).collect::<Vec<_>>()
    };
    for (i, sink) in cx.typed.sinks.iter().enumerate() {
        let Some(target) = sink.args.value(sink.def.target) else { continue };
        let same = |o: &&TSink| o.def.info.name == sink.def.info.name && place(o) == place(sink);
        if let Some(other) = cx.typed.sinks[..i].iter().find(same) {
            diags.push(
                Diag::new(&E0413, sink.span, format!("two sinks write to `{target}`"))
                    .here("this one")
                    .label(other.span, "and this one")
                    .help("give one of them another target"),
            );
        }
    }
}

fn check_scheduling(cx: &Resolver<'_>, diags: &mut Diags) {
    let typed = &cx.typed;
    let Some(wanted) = typed.scheduling.as_ref().and_then(|s| s.interval.as_ref()) else { return };
    let known: Vec<String> =
        typed.frames.iter().filter_map(|f| f.interval.map(|i| format!("{} ({i})", f.name))).collect();
    let unread = typed.frames.iter().any(|f| f.interval.is_none());
    if !typed.frames.iter().any(|f| f.interval == Some(wanted.value)) {
        if !unread && !typed.frames.is_empty() && !cx.blind && cx.broken_frames.is_empty() {
            diags.push(
                Diag::new(&E0302, wanted.span, format!("no frame of the pipeline has rows of {}", wanted.value))
                    .here("no such frame")
                    .help(format!("predictions follow a frame's rows: {}", known.join(", "))),
            );
        }
        return;
    }
    let frame_of = |s: &TSignal| typed.frame(typed.column(s.column).frame);
    if typed.signals.iter().any(|s| frame_of(s).interval == Some(wanted.value)) {
        return;
    }
    if let Some(signal) = typed.signals.first()
        && let Some(interval) = frame_of(signal).interval
    {
        let message = format!(
            "what is emitted are rows of `{}`, which come every {interval}, not every {}",
            frame_of(signal).name,
            wanted.value
        );
        diags.push(
            Diag::new(&W0301, wanted.span, message)
                .here("not the interval of that frame")
                .label(typed.steps[signal.step(typed)].using.span, format!("rows of {interval}"))
                .help(format!("write `interval: {interval}`")),
        );
    }
}
