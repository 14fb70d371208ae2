//! What must hold at the end of every run.

use crate::disk::{Disk, Shelf};
use crate::truth::Truth;
use sigc_engine::{Engine, Live, RowSink};
use sigc_market::Ts;
use sigc_plan::FrameId;
use sigc_plan::lookback::Until;
use sigc_runtime::live::conductor::HISTORY_MARGIN_ROWS;
use sigc_runtime::live::entry::{BarFate, BarId, Origin, RowFate};
use std::collections::BTreeMap;

/// The bars: every row from the first entry to `last`, each once, with the truth's bits, never before its close.
pub fn bars(disk: &Disk, truths: &[Vec<Truth>], end: Ts, may_give_up: bool, gone: Option<u32>) -> Result<u64, String> {
    let mut unrepaired = 0;
    for (source, of) in truths.iter().enumerate() {
        for (symbol, truth) in of.iter().enumerate() {
            let name = format!("source {source}, symbol {symbol}");
            let id = |row| BarId { source: source as u16, symbol: symbol as u32, row };
            let entries: Vec<_> = disk.bars.range(id(i64::MIN)..=id(i64::MAX)).map(|(_, e)| e).collect();
            let last = truth.interval.last_closed(end);
            let emit_after = disk.emit_after.ok_or("nothing was stored")?;
            // Entries begin with the first bar that closes after the start, or with the symbol's listing.
            let expected = truth.interval.index_of(emit_after);
            let listed = truth.first_listed().unwrap_or(i64::MAX);
            let (Some(first), Some(newest)) = (entries.first(), entries.last()) else {
                if listed > last || gone == Some(symbol as u32) {
                    continue;
                } else {
                    return Err(format!("{name}: no bar at all"));
                }
            };
            if first.id.row > expected.max(listed) {
                return Err(format!("{name}: begins with row {}, not {}", first.id.row, expected.max(listed)));
            }
            // That a row does not exist is known when a later one does.
            let ends = gone == Some(symbol as u32);
            if !ends && (newest.id.row + 1..=last).any(|row| truth.bar(row).is_some()) {
                return Err(format!("{name}: ends with row {}, not {last}", newest.id.row));
            }
            for (i, entry) in entries.iter().enumerate() {
                let row = entry.id.row;
                if row != first.id.row + i as i64 {
                    return Err(format!("{name}: row {} is missing", first.id.row + i as i64));
                }
                if entry.at < truth.closes_at(row) {
                    return Err(format!("{name}: row {row} was released at {} before its close", entry.at));
                }
                match (entry.fate, truth.bar(row)) {
                    (BarFate::Taken { bar, .. }, Some(true_bar)) if bar == true_bar => {}
                    (BarFate::Taken { bar, origin }, found) => {
                        return Err(format!("{name}: row {row} from {origin:?} is {bar:?}, the truth is {found:?}"));
                    }
                    (BarFate::Absent, None) => {}
                    (BarFate::Absent, Some(_)) => {
                        return Err(format!("{name}: row {row} exists and was called absent"));
                    }
                    (BarFate::Unrepaired, _) if may_give_up => unrepaired += 1,
                    (BarFate::Unrepaired, _) => return Err(format!("{name}: row {row} was given up")),
                }
            }
        }
    }
    Ok(unrepaired)
}

/// The rows: what a fresh engine gives over the same bars and gaps, each once and in order, at every sink.
pub fn rows(
    disk: &Disk,
    shelves: &[Shelf],
    engine: &Engine,
    truths: &[Vec<Truth>],
    skipped: bool,
    gone: Option<u32>,
) -> Result<u64, String> {
    let plan = engine.plan();
    let emit_after = disk.emit_after.ok_or("nothing was stored")?;
    let mut emitted = 0;
    for symbol in 0..truths[0].len() {
        let name = format!("symbol {symbol}");
        let mut instants: BTreeMap<Ts, Vec<(usize, i64, BarFate)>> = BTreeMap::new();
        for (source, truth) in truths.iter().map(|of| &of[symbol]).enumerate() {
            for (row, fate) in as_taken(disk, truth, source, symbol) {
                instants.entry(truth.closes_at(row)).or_default().push((source, row, fate));
            }
        }
        // A row can be computed when every source has passed its close.
        let passed = |source: usize| {
            let id = |row| BarId { source: source as u16, symbol: symbol as u32, row };
            let last = disk.bars.range(id(i64::MIN)..=id(i64::MAX)).next_back();
            last.map(|(id, _)| truths[source][symbol].closes_at(id.row))
        };
        let Some(safe) = (0..truths.len()).map(passed).min().flatten() else { continue };
        let mut live = Live::new(engine, symbol);
        let mut reference = Reference { frame: plan.emission_frame(), rows: Vec::new() };
        for (at, due) in instants.into_iter().filter(|(at, _)| *at <= safe) {
            let mut bars = Vec::new();
            for (source, row, fate) in due {
                let frame = plan.sources[source].frame;
                match fate {
                    BarFate::Taken { bar, .. } => bars.push((frame, bar)),
                    BarFate::Absent => {}
                    BarFate::Unrepaired => live.unrepaired(frame, row),
                }
            }
            live.step(at, &bars, &mut [], &mut reference).map_err(|e| e.to_string())?;
        }
        let interval = plan.frame(plan.emission_frame()).interval;
        let close = |open: Ts| interval.close_of(interval.index_of(open));
        let mine: Vec<_> = disk.rows.iter().filter(|r| r.symbol == symbol as u32).collect();
        if let Some(extra) = mine.iter().find(|m| !reference.rows.iter().any(|(open, ..)| *open == m.open_time)) {
            return Err(format!("{name}: row {} is none of the reference", extra.open_time));
        }
        // Without any bar in the margin before its history a symbol looks as if it had just been listed.
        let history = plan.structure().oldest(&plan.roots(), close(emit_after), Until::Settled);
        let young = (0..truths.len()).any(|source| {
            let first = history.frame(plan.sources[source].frame).unwrap_or(i64::MAX);
            let truth = &truths[source][symbol];
            (first - HISTORY_MARGIN_ROWS..=first).all(|row| truth.bar(row).is_none())
        });
        for (open, value, warm) in reference.rows.iter().filter(|(open, ..)| close(*open) > emit_after) {
            let Some(entry) = mine.iter().find(|r| r.open_time == *open) else {
                // A symbol that was taken off the list cannot load its history again after a crash.
                if gone == Some(symbol as u32) {
                    continue;
                }
                return Err(format!("{name}: row {open} has no fate"));
            };
            match &entry.fate {
                RowFate::Emitted { record, .. } if *warm && record.value.to_bits() == value.to_bits() => {
                    emitted += 1;
                    for (i, shelf) in shelves.iter().enumerate() {
                        let n = shelf.rows.iter().filter(|r| r.symbol == record.symbol && r.ts == record.ts).count();
                        if n != 1 {
                            return Err(format!("sink {i} has row {open} of {} {n} times", record.symbol));
                        }
                    }
                }
                RowFate::Skipped if skipped && *warm && !value.is_nan() => {}
                RowFate::NullInput if *warm && value.is_nan() => {}
                RowFate::Warmup if !warm || young => {}
                other => return Err(format!("{name}: row {open} is {other:?}, the reference {value} (warm: {warm})")),
            }
        }
    }
    for (i, shelf) in shelves.iter().enumerate() {
        if shelf.rows.len() != disk.records.len() {
            return Err(format!("sink {i} has {} rows of {}", shelf.rows.len(), disk.records.len()));
        }
        for (symbol, of) in by_symbol(shelf) {
            if !of.windows(2).all(|w| w[0] < w[1]) {
                return Err(format!("sink {i} has rows of {symbol} out of order"));
            }
        }
    }
    Ok(emitted)
}

fn by_symbol(shelf: &Shelf) -> BTreeMap<String, Vec<Ts>> {
    let mut map: BTreeMap<String, Vec<Ts>> = BTreeMap::new();
    for r in &shelf.rows {
        map.entry(r.symbol.to_string()).or_default().push(r.ts);
    }
    map
}

/// The truth before the first entry, then what the entries say: row by row, gaps included, from the first bar on.
fn as_taken(disk: &Disk, truth: &Truth, source: usize, symbol: usize) -> Vec<(i64, BarFate)> {
    let id = |row| BarId { source: source as u16, symbol: symbol as u32, row };
    let entries: Vec<_> = disk.bars.range(id(i64::MIN)..=id(i64::MAX)).map(|(_, e)| e).collect();
    let first = entries.first().map_or(i64::MAX, |e| e.id.row);
    let history = (truth.first..first.min(truth.first + truth.rows.len() as i64)).map(|row| {
        let taken = truth.bar(row).map(|bar| BarFate::Taken { bar, origin: Origin::Rest });
        (row, taken.unwrap_or(BarFate::Absent))
    });
    let all = history.chain(entries.iter().map(|e| (e.id.row, e.fate)));
    all.skip_while(|(_, fate)| !matches!(fate, BarFate::Taken { .. })).collect()
}

struct Reference {
    frame: FrameId,
    rows: Vec<(Ts, f64, bool)>,
}

impl RowSink for Reference {
    fn row(&mut self, frame: FrameId, open_time: Ts, cells: &[f64], warm: bool) {
        if frame == self.frame {
            self.rows.push((open_time, cells[0], warm));
        }
    }
}
