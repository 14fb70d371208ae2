//! `sigc why`: one row of a live run, and what led to it.

use super::audit::{kind, open, time};
use crate::cli::Why;
use crate::failure::{Failure, Outcome};
use crate::live::journal_failure;
use crate::report::table::Table;
use crate::terminal::Terminal;
use serde_json::{Value, json};
use sigc_diag::nearest;
use sigc_journal::entry::{BarFate, Origin, RowFate};
use sigc_journal::why::{Answer, BarSeen, why};
use sigc_journal::{Identity, JournalReader};
use sigc_market::{Field, Ts};

/// Prints what became of a row.
pub fn run(args: &Why, term: &mut Terminal) -> Outcome {
    let ts = instant(&args.ts)?;
    let reader = open(&args.file, args.state.as_deref(), term)?;
    let wanted = wanted(reader.identity(), args.signal.as_deref())?;
    let mut found = Vec::new();
    for signal in &wanted {
        found.extend(why(&reader, *signal, &args.symbol, ts).map_err(journal_failure)?);
    }
    let Some(first) = found.first() else { return Err(unknown(&args.symbol, reader.identity())) };
    if found.iter().all(|f| f.answer == Answer::OffGrid) {
        let help = format!("rows around it open at {} and {}", first.open_time, first.close_time);
        return Err(Failure::usage(format!("no row opens or closes at {ts}"), help));
    }
    // Of several signals, those that have a row there.
    found.retain(|f| f.answer != Answer::OffGrid);
    let text = match args.json {
        true if wanted.len() == 1 => pretty(&found.iter().map(|f| json_of(&reader, f)).next().unwrap_or_default()),
        true => pretty(&Value::Array(found.iter().map(|f| json_of(&reader, f)).collect())),
        false => found.iter().map(|f| human(&reader, f)).collect::<Vec<_>>().join("\n"),
    };
    term.print(&text);
    Ok(0)
}

/// The signals that are asked about: the named one, or all.
fn wanted(identity: &Identity, name: Option<&str>) -> Result<Vec<u16>, Failure> {
    let all = (0u16..).zip(&identity.signals);
    let Some(name) = name else { return Ok(all.map(|(i, _)| i).collect()) };
    let named = all.filter(|(_, s)| s.name == name).map(|(i, _)| i).collect::<Vec<_>>();
    if named.is_empty() {
        let known: Vec<&str> = identity.signals.iter().map(|s| s.name.as_str()).collect();
        let help = format!("signals: {}", known.join(", "));
        return Err(Failure::usage(format!("the pipeline has no signal `{name}`"), help));
    }
    Ok(named)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a JSON value prints")
}

fn instant(text: &str) -> Result<Ts, Failure> {
    let ts = Ts::parse_iso(text).or_else(|| text.parse().ok().map(Ts));
    ts.ok_or_else(|| {
        Failure::usage(format!("`{text}` is not an instant"), "write it as 2025-06-01T00:15:00Z, or in milliseconds")
    })
}

fn unknown(symbol: &str, identity: &Identity) -> Failure {
    let known: Vec<&str> = identity.symbols.iter().map(|s| s.as_str()).collect();
    let help = match nearest(symbol, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("symbols: {}", known.iter().take(20).copied().collect::<Vec<_>>().join(", ")),
    };
    Failure::usage(format!("nothing is emitted for `{symbol}`"), help)
}

fn human(reader: &JournalReader, why: &sigc_journal::Why) -> String {
    let identity = reader.identity();
    let signal = &identity.signals[usize::from(why.signal)];
    let name = if identity.signals.len() > 1 { format!(" for `{}`", signal.name) } else { String::new() };
    let mut out = format!(
        "{} `{}`{name}, the row from {} to {}\n{}\n",
        why.symbol,
        signal.frame,
        why.open_time,
        why.close_time,
        why.answer.words()
    );
    if let Answer::Fate(RowFate::Emitted { record, .. }) = &why.answer {
        out += &format!("  ts {}, prediction {}", record.ts, record.value);
        for (name, x) in signal.extra.iter().zip(&record.extra) {
            out += &if x.is_nan() { format!(", {name} null") } else { format!(", {name} {x}") };
        }
        out += if record.caught_up { ", caught up after the process was down\n" } else { "\n" };
        out += "\nsinks\n";
        let mut table = Table::new(&["sink", "has it"]);
        for s in &why.sinks {
            let has = if s.confirmed { "yes".into() } else { format!("not yet, {} to go", s.backlog) };
            table.row(&[s.sink.clone(), has]);
        }
        out += &table.to_string();
    }
    out += "\nits bars\n";
    out += &bars(&why.bars);
    if !why.gaps.is_empty() {
        out += "\nthe newest gaps up to there\n";
        out += &bars(&why.gaps);
    }
    if !why.oddities.is_empty() {
        out += "\nwhat else was seen of its bars\n";
        let mut table = Table::new(&["frame", "bar", "what", "seen at"]);
        for o in &why.oddities {
            table.row(&[o.frame.clone(), o.open_time.to_string(), kind(o.kind).into(), o.at.to_string()]);
        }
        out += &table.to_string();
    }
    out + &next(why)
}

fn bars(bars: &[BarSeen]) -> String {
    let mut table = Table::new(&["frame", "bar opens", "fate", "close", "written down", "after its close"]);
    for b in bars {
        let close = match &b.fate {
            Some(BarFate::Taken { bar, .. }) => bar.get(Field::Close).to_string(),
            _ => "-".into(),
        };
        let latency = b.latency_ms.map_or_else(|| "-".into(), |ms| format!("{:.3} s", ms as f64 / 1_000.0));
        table.row(&[b.frame.clone(), b.open_time.to_string(), fate(&b.fate).into(), close, time(b.at), latency]);
    }
    table.to_string()
}

fn fate(fate: &Option<BarFate>) -> &'static str {
    match fate {
        Some(BarFate::Taken { origin: Origin::Stream, .. }) => "taken from the stream",
        Some(BarFate::Taken { origin: Origin::Rest, .. }) => "taken by request",
        Some(BarFate::Taken { origin: Origin::Archive, .. }) => "taken from an archive",
        Some(BarFate::Taken { origin: Origin::Poll, .. }) => "taken by polling",
        Some(BarFate::Absent) => "absent: the venue does not have it",
        Some(BarFate::Unrepaired) => "unrepaired: not to be had in time",
        None => "no entry: not there yet, or pruned",
    }
}

fn next(why: &sigc_journal::Why) -> String {
    let step = match &why.answer {
        Answer::Fate(RowFate::Emitted { .. }) if why.sinks.iter().all(|s| s.confirmed) => return String::new(),
        Answer::Fate(RowFate::Emitted { .. }) => {
            "the sinks that lack it get it by themselves; see whether they can be reached"
        }
        Answer::Fate(RowFate::NullInput) => {
            "nothing to do: rows come again once the gap has left every window; `gap: carry` bridges gaps"
        }
        Answer::Fate(RowFate::Warmup) => {
            "nothing to do: rows come once the history is long enough; `sigc plan` shows how long"
        }
        Answer::Fate(RowFate::ModelFailed) => "see the run's log at this time for the model's error",
        Answer::Fate(RowFate::Skipped) => "`warmup.catch_up: emit` emits such rows after a restart",
        Answer::Fate(RowFate::Quiet) => "nothing to do: rows come where the condition is true",
        Answer::Before { .. } => "`sigc backfill` computes rows of the past",
        Answer::Pruned { .. } => "look for the row at the sinks",
        Answer::NotYet { .. } => "see whether its bars are there: `sigc audit` shows the newest of each symbol",
        Answer::Missing | Answer::OffGrid => "run `sigc audit`, and report what it prints",
    };
    format!("\nnext: {step}\n")
}

fn json_of(reader: &JournalReader, why: &sigc_journal::Why) -> Value {
    let seen = |b: &BarSeen| {
        let values = match &b.fate {
            Some(BarFate::Taken { bar, .. }) => {
                let cell = |f: Field| (f.name().to_owned(), json!(Some(bar.get(f)).filter(|x| !x.is_nan())));
                Value::Object(Field::ALL.into_iter().map(cell).collect())
            }
            _ => Value::Null,
        };
        let (word, origin) = match &b.fate {
            Some(BarFate::Taken { origin, .. }) => (Some("taken"), Some(format!("{origin:?}").to_lowercase())),
            Some(BarFate::Absent) => (Some("absent"), None),
            Some(BarFate::Unrepaired) => (Some("unrepaired"), None),
            None => (None, None),
        };
        json!({
            "frame": b.frame, "open_time": b.open_time.to_string(), "fate": word, "origin": origin, "values": values,
            "at": b.at.map(|t| t.to_string()), "latency_ms": b.latency_ms,
        })
    };
    let row = match &why.answer {
        Answer::Fate(RowFate::Emitted { seq, record }) => json!({
            "seq": seq, "ts": record.ts.to_string(), "value": record.value, "caught_up": record.caught_up,
            "extra": record.extra.iter().map(|x| Some(*x).filter(|x| !x.is_nan())).collect::<Vec<_>>(),
        }),
        _ => Value::Null,
    };
    let fate = match &why.answer {
        Answer::Fate(RowFate::Emitted { .. }) => "emitted",
        Answer::Fate(RowFate::Warmup) => "warmup",
        Answer::Fate(RowFate::Quiet) => "quiet",
        Answer::Fate(RowFate::NullInput) => "null_input",
        Answer::Fate(RowFate::ModelFailed) => "model_failed",
        Answer::Fate(RowFate::Skipped) => "skipped",
        Answer::Pruned { .. } => "pruned",
        Answer::NotYet { .. } => "not_yet",
        Answer::Before { .. } => "before_first",
        Answer::Missing => "missing",
        Answer::OffGrid => "off_grid",
    };
    let sinks = why.sinks.iter().map(|s| json!({"sink": s.sink, "confirmed": s.confirmed, "backlog": s.backlog}));
    let oddities = why.oddities.iter().map(|o| {
        json!({
            "kind": format!("{:?}", o.kind).to_lowercase(), "frame": o.frame, "open_time": o.open_time.to_string(),
            "at": o.at.to_string(),
        })
    });
    json!({
        "signal": reader.identity().signals.get(usize::from(why.signal)).map(|s| &s.name),
        "symbol": why.symbol, "open_time": why.open_time.to_string(), "close_time": why.close_time.to_string(),
        "fate": fate, "words": why.answer.words(), "row": row, "bars": why.bars.iter().map(seen).collect::<Vec<_>>(),
        "gaps": why.gaps.iter().map(seen).collect::<Vec<_>>(), "sinks": sinks.collect::<Vec<_>>(),
        "oddities": oddities.collect::<Vec<_>>(),
    })
}
