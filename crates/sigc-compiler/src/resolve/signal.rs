//! `signal_generation`: mode, warmup, scheduling, sinks, and what is emitted.

use super::Resolver;
use crate::expand::Expanded;
use crate::params::{read_args, read_interval};
use crate::read::{self, known_keys};
use crate::shape::SinkDecl;
use crate::typed::{CatchUp, ColId, Scheduling, TEmission, TSink, Warmup};
use sigc_catalog::{DEDUP_KEY, Kind, ParamKind, RECORD, Step};
use sigc_diag::{
    Diag, Diags, E0210, E0225, E0302, E0305, E0306, E0401, E0403, E0404, E0406, E0411, E0413, E0414, Span, Spanned,
    W0301, W0302,
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
    emission(cx, expanded, diags);
    for decl in &signal.sinks {
        sink(cx, decl, diags);
    }
    if !signal.has_on_prediction && (!signal.span.is_empty() || signal.mode.is_some()) {
        let (at, here) = match signal.empty_on_prediction {
            Some(key) => (key, "no sinks under it"),
            None => (signal.span, "no `on_prediction` under it"),
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

fn emission(cx: &mut Resolver<'_>, expanded: &Expanded, diags: &mut Diags) {
    // Steps of unknown name count too, so that one misspelt model is not reported as no model.
    let models: Vec<(usize, Span)> = expanded
        .steps
        .iter()
        .enumerate()
        .filter(|(_, s)| s.kind.value == Kind::Model)
        .map(|(i, s)| (i, s.using.as_ref().map_or(s.span, |u| u.span)))
        .collect();
    match models.as_slice() {
        [] if expanded.blind || expanded.lost.iter().any(|s| s.kind.value == Kind::Model) => {}
        [] => diags.push(
            Diag::new(&E0401, expanded.pipeline, "the pipeline has no model step: there is nothing to emit")
                .here("no `- model:` in its list")
                .help("add one; `models.linear` needs no checkpoint"),
        ),
        [(i, span)] => {
            let wanted = cx.typed.steps[*i].args.as_ref().and_then(|a| a.value("output_col").map(|v| v.to_string()));
            let makes = &cx.typed.steps[*i].makes;
            let column = makes
                .iter()
                .copied()
                .find(|&c| wanted.as_deref().is_some_and(|w| cx.typed.column(c).name == w))
                .or(makes.first().copied());
            cx.typed.emission = column.map(|column| TEmission { column, extra: Vec::new(), span: *span });
        }
        [(_, first), .., (_, last)] => diags.push(
            Diag::new(&E0403, *last, format!("the pipeline has {} model steps", models.len()))
                .here("a further model")
                .label(*first, "the first one")
                .help("keep one: rows carry one prediction"),
        ),
    }
}

fn sink(cx: &mut Resolver<'_>, decl: &SinkDecl, diags: &mut Diags) {
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
    let extra = decl.columns.as_ref().map(|n| extra_columns(cx, n, diags)).unwrap_or_default();
    if let Some(args) = args {
        cx.typed.sinks.push(TSink { def, args, span: using.span, extra });
    }
}

/// `columns` of a sink, as positions in the emission's list.
fn extra_columns(cx: &mut Resolver<'_>, node: &Node, diags: &mut Diags) -> Vec<usize> {
    let Some(items) = read::seq(node, "`columns`", diags) else { return Vec::new() };
    let Some(emission) = cx.typed.emission.clone() else { return Vec::new() };
    let frame = cx.typed.column(emission.column).frame;
    let mut positions = Vec::new();
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
        positions.push(position(cx, id));
    }
    positions
}

fn position(cx: &mut Resolver<'_>, id: ColId) -> usize {
    let Some(emission) = cx.typed.emission.as_mut() else { return 0 };
    match emission.extra.iter().position(|&c| c == id) {
        Some(at) => at,
        None => {
            emission.extra.push(id);
            emission.extra.len() - 1
        }
    }
}

/// Two sinks on one target would write into each other.
fn check_targets(cx: &Resolver<'_>, diags: &mut Diags) {
    let target = |s: &TSink| s.args.value(s.def.target).map(|v| v.to_string());
    for (i, sink) in cx.typed.sinks.iter().enumerate() {
        let Some(path) = target(sink) else { continue };
        if let Some(other) = cx.typed.sinks[..i]
            .iter()
            .find(|o| o.def.info.name == sink.def.info.name && target(o).as_ref() == Some(&path))
        {
            diags.push(
                Diag::new(&E0413, sink.span, format!("two sinks write to `{path}`"))
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
    if let Some(emission) = &typed.emission {
        let frame = typed.frame(typed.column(emission.column).frame);
        if let Some(interval) = frame.interval
            && interval != wanted.value
        {
            let message = format!(
                "the model reads `{}`, so predictions come every {interval}, not every {}",
                frame.name, wanted.value
            );
            diags.push(
                Diag::new(&W0301, wanted.span, message)
                    .here("not the interval of the model's frame")
                    .label(emission.span, format!("rows of {interval}"))
                    .help(format!("write `interval: {interval}`")),
            );
        }
    }
}
