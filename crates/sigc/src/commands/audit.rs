//! `sigc audit`: the ledger of a live run, summed up.

use crate::cli::Audit;
use crate::failure::{Failure, Outcome};
use crate::live::journal_failure;
use crate::load::load_sound;
use crate::report::table::Table;
use crate::terminal::Terminal;
use serde_json::{Value, json};
use sigc_journal::audit::{BarLine, OddityLine, RowLine, Stretch, audit};
use sigc_journal::entry::OddityKind;
use sigc_journal::{Identity, JournalReader, RunEntry, default_state_dir};
use sigc_market::Ts;
use std::path::Path;

/// Lines of a table; of more, only those that need a look are printed.
const LINES: usize = 40;
/// Oddities and runs that are printed; `--json` has all that are kept.
const NEWEST: usize = 10;

/// Sums up the journal; 1 if an expected bar has no entry.
pub fn run(args: &Audit, term: &mut Terminal) -> Outcome {
    let reader = open(&args.file, args.state.as_deref(), term)?;
    let sum = audit(&reader).map_err(journal_failure)?;
    term.print(&if args.json { print_json(&reader, &sum) } else { human(&reader, &sum, &args.file) });
    if sum.is_whole() {
        return Ok(0);
    }
    let message = match sum.missing() {
        0 => "the counts of the journal do not fit its entries".to_owned(),
        n => format!("{n} expected bars or rows have no entry"),
    };
    Err(Failure::coded("E0528", message, "this is a fault of sigc or of the disk: please report it with `--json`"))
}

/// The journal of the pipeline in `file`, for reading.
pub(super) fn open(file: &Path, state: Option<&Path>, term: &mut Terminal) -> Result<JournalReader, Failure> {
    let loaded = load_sound(file, term)?;
    let Some(plan) = &loaded.compiled.plan else { return Err(Failure::reported()) };
    let dir = state.map_or_else(|| default_state_dir(&plan.name), Path::to_owned);
    JournalReader::open(&dir, &Identity::of(plan, Vec::new())).map_err(journal_failure)
}

/// A time as people read it; a dash for none.
pub(super) fn time(ts: Option<Ts>) -> String {
    ts.map_or_else(|| "-".into(), |t| t.to_string())
}

/// The word for a kind of oddity.
pub(super) fn kind(kind: OddityKind) -> &'static str {
    match kind {
        OddityKind::Duplicate => "came again",
        OddityKind::Revised => "came again with other values",
        OddityKind::Late => "came after its gap was declared",
    }
}

fn human(reader: &JournalReader, sum: &sigc_journal::Audit, file: &Path) -> String {
    let identity = reader.identity();
    let mut out = format!("{} in `{}`\n", identity.pipeline, reader.path().display());
    let verdict = match (sum.is_whole(), sum.missing()) {
        (true, _) => "every expected bar and row is accounted for".to_owned(),
        (false, 0) => "THE COUNTS DO NOT FIT THE ENTRIES".to_owned(),
        (false, n) => format!("{n} EXPECTED BARS OR ROWS HAVE NO ENTRY"),
    };
    out += &format!("{verdict}\n\nbars, from the first to the newest\n");
    out += &bars(sum);
    for (number, signal) in (0u16..).zip(&identity.signals) {
        let lines: Vec<&RowLine> = sum.rows.iter().filter(|l| l.signal == number).collect();
        let emitted: u64 = lines.iter().map(|l| l.emitted).sum();
        let name = if identity.signals.len() > 1 { format!("`{}`: ", signal.name) } else { String::new() };
        out += &format!("\n{name}rows of `{}`, {emitted} emitted so far\n", signal.frame);
        out += &rows(&lines);
    }
    out += "\nsinks\n";
    let mut table = Table::new(&["sink", "confirmed", "yet to confirm"]);
    for s in &sum.sinks {
        table.row(&[s.sink.clone(), s.cursor.to_string(), s.backlog.to_string()]);
    }
    out += &table.to_string();
    out += &oddities(sum);
    out += &runs(&sum.runs);
    out += &next(sum, file);
    out
}

fn in_doubt(s: &Stretch) -> bool {
    s.missing > 0 || s.miscounted
}

fn bars(sum: &sigc_journal::Audit) -> String {
    let many = sum.bars.len() > LINES;
    let wanted = |l: &&BarLine| !many || in_doubt(&l.stretch) || l.absent + l.unrepaired > 0;
    let mut table = Table::new(&[
        "frame",
        "symbol",
        "first",
        "newest",
        "expected",
        "stream",
        "request",
        "archive",
        "polled",
        "absent",
        "unrepaired",
        "no entry",
    ]);
    let mut add = |frame: &str, symbol: &str, first, newest, counts: [u64; 8]| {
        let mut cells = vec![frame.to_owned(), symbol.to_owned(), time(first), time(newest)];
        cells.extend(counts.iter().map(u64::to_string));
        table.row(&cells);
    };
    let counts = |l: &BarLine| {
        let missing = l.stretch.missing;
        [l.stretch.expected, l.stream, l.rest, l.archive, l.poll, l.absent, l.unrepaired, missing]
    };
    if many {
        let mut frames: Vec<&str> = sum.bars.iter().map(|l| l.frame.as_str()).collect();
        frames.dedup();
        for frame in frames {
            let lines: Vec<&BarLine> = sum.bars.iter().filter(|l| l.frame == frame).collect();
            let first = lines.iter().filter_map(|l| l.stretch.first).min();
            let newest = lines.iter().filter_map(|l| l.stretch.newest).max();
            let total = lines.iter().fold([0; 8], |sum: [u64; 8], l| std::array::from_fn(|i| sum[i] + counts(l)[i]));
            add(frame, &format!("all {}", lines.len()), first, newest, total);
        }
    }
    let shown: Vec<&BarLine> = sum.bars.iter().filter(wanted).collect();
    for l in shown.iter().take(LINES) {
        add(&l.frame, l.symbol.as_str(), l.stretch.first, l.stretch.newest, counts(l));
    }
    let mut out = table.to_string();
    if many {
        out += &format!("  of {} lines, those with gaps; `--json` has all\n", sum.bars.len());
    }
    for l in sum.bars.iter().filter(|l| in_doubt(&l.stretch)) {
        let at: Vec<String> = l.stretch.missing_at.iter().take(NEWEST).map(Ts::to_string).collect();
        out += &format!("  NO ENTRY: {} {} at {}\n", l.frame, l.symbol, at.join(", "));
    }
    out
}

fn rows(lines: &[&RowLine]) -> String {
    let many = lines.len() > LINES;
    let mut table = Table::new(&[
        "symbol",
        "newest",
        "expected",
        "emitted",
        "warming up",
        "quiet",
        "null input",
        "model failed",
        "skipped",
        "no entry",
    ]);
    for l in lines {
        let troubled = in_doubt(&l.stretch) || l.null_input + l.model_failed + l.skipped > 0;
        if many && !troubled {
            continue;
        }
        let counts = [
            l.stretch.expected,
            l.emitted,
            l.warmup,
            l.quiet,
            l.null_input,
            l.model_failed,
            l.skipped,
            l.stretch.missing,
        ];
        let mut cells = vec![l.symbol.to_string(), time(l.stretch.newest)];
        cells.extend(counts.iter().map(u64::to_string));
        table.row(&cells);
    }
    let note = if many {
        format!("  of {} symbols, those with trouble; `--json` has all\n", lines.len())
    } else {
        String::new()
    };
    table.to_string() + &note
}

fn oddities(sum: &sigc_journal::Audit) -> String {
    let total = |count: fn(&BarLine) -> u64| sum.bars.iter().map(count).sum::<u64>();
    let (again, revised, late) = (total(|l| l.duplicate), total(|l| l.revised), total(|l| l.late));
    let mut out = format!(
        "\nseen and not applied: {again} bars came again, {revised} again with other values, {late} after their gap was declared\n"
    );
    // Duplicates are the venue's habit; the other two are what somebody may want to look into.
    let mut newest: Vec<&OddityLine> = sum.oddities.iter().filter(|o| o.kind != OddityKind::Duplicate).collect();
    newest.sort_by_key(|o| std::cmp::Reverse(o.at));
    if !newest.is_empty() {
        let mut table = Table::new(&["frame", "symbol", "bar", "what", "seen at"]);
        for o in newest.iter().take(NEWEST) {
            table.row(&[
                o.frame.clone(),
                o.symbol.to_string(),
                o.open_time.to_string(),
                kind(o.kind).into(),
                o.at.to_string(),
            ]);
        }
        out += &table.to_string();
    }
    out
}

fn runs(runs: &[RunEntry]) -> String {
    let mut out = format!("\nruns, the newest of {}\n", runs.len());
    let mut table = Table::new(&["run", "version", "began", "ended", "lasted", "why it ended"]);
    for r in runs.iter().rev().take(NEWEST) {
        let lasted = r.stopped.map_or_else(|| "-".into(), |t| lasted(t.0 - r.started.0));
        let why = r.end.clone().unwrap_or_else(|| "in progress, or a crash".into());
        table.row(&[r.id.clone(), r.version.clone(), r.started.to_string(), time(r.stopped), lasted, why]);
    }
    out += &table.to_string();
    out
}

/// What to do next, if there is something to look at.
fn next(sum: &sigc_journal::Audit, file: &Path) -> String {
    let mut out = String::new();
    if let Some(s) = sum.sinks.iter().max_by_key(|s| s.backlog).filter(|s| s.backlog > 100) {
        out += &format!("\nnext: `{}` is {} rows behind; see whether it can be reached\n", s.sink, s.backlog);
    }
    if let Some(l) = sum.rows.iter().find(|l| l.null_input + l.model_failed > 0) {
        let file = file.display();
        out += &format!("\nnext: `sigc why {file} {} TS` tells why the row labelled TS was not emitted\n", l.symbol);
    }
    out
}

/// A duration as people say it, in its two largest units.
fn lasted(ms: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")];
    let mut rest = ms.max(0);
    let mut words = Vec::new();
    for (unit, name) in units {
        if rest >= unit {
            words.push(format!("{} {name}", rest / unit));
            rest %= unit;
        }
    }
    words.truncate(2);
    if words.is_empty() { "0 s".into() } else { words.join(" ") }
}

fn print_json(reader: &JournalReader, sum: &sigc_journal::Audit) -> String {
    let identity = reader.identity();
    let iso = |ts: Option<Ts>| ts.map(|t| t.to_string());
    let stretch = |s: &Stretch, rest: Value| {
        let mut value = json!({
            "first": iso(s.first), "newest": iso(s.newest), "expected": s.expected, "missing": s.missing,
            "missing_at": s.missing_at.iter().map(Ts::to_string).collect::<Vec<_>>(),
            "kept": s.kept, "miscounted": s.miscounted,
        });
        if let (Some(all), Value::Object(rest)) = (value.as_object_mut(), rest) {
            all.extend(rest);
        }
        value
    };
    let bars = sum.bars.iter().map(|l| {
        stretch(
            &l.stretch,
            json!({
                "frame": l.frame, "symbol": l.symbol, "stream": l.stream, "rest": l.rest, "archive": l.archive,
                "poll": l.poll, "absent": l.absent, "unrepaired": l.unrepaired, "duplicate": l.duplicate,
                "revised": l.revised, "late": l.late,
            }),
        )
    });
    let rows = sum.rows.iter().map(|l| {
        stretch(
            &l.stretch,
            json!({
                "signal": identity.signals.get(usize::from(l.signal)).map(|s| &s.name),
                "symbol": l.symbol, "emitted": l.emitted, "warmup": l.warmup, "quiet": l.quiet,
                "null_input": l.null_input, "model_failed": l.model_failed, "skipped": l.skipped,
            }),
        )
    });
    let oddities = sum.oddities.iter().map(|o| {
        json!({
            "kind": format!("{:?}", o.kind).to_lowercase(), "frame": o.frame, "symbol": o.symbol,
            "open_time": o.open_time.to_string(), "at": o.at.to_string(),
        })
    });
    let runs = sum.runs.iter().map(|r| {
        json!({
            "id": r.id, "version": r.version, "started": r.started.to_string(), "stopped": iso(r.stopped),
            "end": r.end, "config": r.config,
        })
    });
    let sinks = sum.sinks.iter().map(|s| json!({"sink": s.sink, "cursor": s.cursor, "backlog": s.backlog}));
    let value = json!({
        "pipeline": identity.pipeline, "fingerprint": identity.fingerprint,
        "journal": reader.path().display().to_string(), "whole": sum.is_whole(), "missing": sum.missing(),
        "last_seq": sum.last_seq, "emit_after": iso(sum.emit_after), "bars": bars.collect::<Vec<_>>(),
        "rows": rows.collect::<Vec<_>>(), "sinks": sinks.collect::<Vec<_>>(),
        "oddities": oddities.collect::<Vec<_>>(), "runs": runs.collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&value).expect("a JSON value prints")
}

#[cfg(test)]
mod tests {
    use super::lasted;

    #[test]
    fn durations_read_like_words() {
        assert_eq!(lasted(0), "0 s");
        assert_eq!(lasted(950), "950 ms");
        assert_eq!(lasted(61_000), "1 min 1 s");
        assert_eq!(lasted(90_061_000), "1 d 1 h");
    }
}
