//! What must hold at the end of every run.

use crate::disk::{Disk, Shelf};
use crate::truth::Truth;
use sigc_engine::{Engine, Live, RowSink, Together, Turn, Warm};
use sigc_market::{Bar, Ts};
use sigc_plan::lookback::Until;
use sigc_plan::{ColumnId, FrameId, Plan, Signal};
use sigc_runtime::live::conductor::HISTORY_MARGIN_ROWS;
use sigc_runtime::live::entry::{BarFate, BarId, Origin, RowFate};
use std::collections::{BTreeMap, HashMap};

/// Which rows may be declared as not to be had.
#[derive(Debug, Clone, Copy)]
pub struct MayGiveUp {
    /// Any: requests fail for a long time.
    pub all: bool,
    /// Such as are not there at all.
    pub absent: bool,
    /// Those of a symbol.
    pub gone: Option<u32>,
}

/// The bars: every row from the first entry to `last`, each once, with the truth's bits, never before its close.
pub fn bars(disk: &Disk, truths: &[Vec<Truth>], end: Ts, may: MayGiveUp, gone: Option<u32>) -> Result<u64, String> {
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
            // The first bar of all may not have been to be had: then the symbol begins with the next.
            let tolerated = (may.all && listed >= expected) || may.gone == Some(symbol as u32);
            if first.id.row > expected.max(listed) && !tolerated {
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
                    (BarFate::Unrepaired, _) if may.all || may.gone == Some(symbol as u32) => unrepaired += 1,
                    (BarFate::Unrepaired, None) if may.absent => unrepaired += 1,
                    (BarFate::Unrepaired, _) => return Err(format!("{name}: row {row} was given up")),
                }
            }
        }
    }
    Ok(unrepaired)
}

/// What became of the rows.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub emitted: u64,
    pub quiet: u64,
    pub skipped: u64,
}

/// The rows of every signal: what a fresh engine gives over the same bars and gaps, each once and in order, at every
/// sink.
pub fn rows(
    disk: &Disk,
    shelves: &[Shelf],
    engine: &Engine,
    truths: &[Vec<Truth>],
    skipped: bool,
    gone: Option<u32>,
    settled: Ts,
) -> Result<Counts, String> {
    let plan = engine.plan();
    let emit_after = disk.emit_after.ok_or("nothing was stored")?;
    let mut counts = Counts::default();
    let mut fates: HashMap<(u16, u32, Ts), &RowFate> = HashMap::new();
    for row in &disk.rows {
        fates.insert((row.signal, row.symbol, row.open_time), &row.fate);
    }
    let symbols = plan.symbols();
    let universe = if engine.is_over_universe() { Some(universe(disk, engine, truths, gone)?) } else { None };
    // A symbol that is not listed is waited for up to a minute.
    let all_listed = !engine.is_over_universe() || (0..symbols.len()).all(|s| has_entries(disk, s));
    let owed_by = if all_listed { Ts(i64::MAX) } else { settled };
    for (i, symbol) in symbols.iter().enumerate() {
        let reference = match &universe {
            Some(all) => all[i].clone(),
            None => match reference(disk, engine, truths, i)? {
                Some(rows) => rows,
                None => continue,
            },
        };
        for (s, signal) in plan.signals.iter().enumerate() {
            let name = format!("signal {s} of symbol {i}");
            let interval = plan.frame(plan.frame_of(signal)).interval;
            let close = |open: Ts| interval.close_of(interval.index_of(open));
            let expected: Vec<(Ts, Expected)> = reference
                .iter()
                .filter(|r| r.frame == plan.frame_of(signal) && close(r.open) > emit_after)
                .map(|r| (r.open, r.expected(engine, signal)))
                .collect();
            let mine = disk.rows.iter().filter(|r| (usize::from(r.signal), r.symbol as usize) == (s, i));
            if let Some(extra) = mine.into_iter().find(|m| !expected.iter().any(|(open, _)| *open == m.open_time)) {
                return Err(format!("{name}: row {} is none of the reference", extra.open_time));
            }
            let young = is_young(plan, signal, truths, i, close(emit_after));
            for (open, expected) in expected {
                let Some(fate) = fates.get(&(s as u16, i as u32, open)) else {
                    // A symbol that was taken off the list cannot load its history again after a crash.
                    if gone == Some(i as u32) || close(open) > owed_by {
                        continue;
                    }
                    return Err(format!("{name}: row {open} has no fate"));
                };
                match (fate, &expected) {
                    (RowFate::Emitted { record, .. }, Expected::Value(cells)) => {
                        let given = [record.value].into_iter().chain(record.extra.iter().copied()).map(f64::to_bits);
                        if !given.eq(cells.iter().map(|x| x.to_bits())) {
                            return Err(format!("{name}: row {open} is {record:?}, the reference {cells:?}"));
                        }
                        counts.emitted += 1;
                        let key = (s as u16, symbol.clone(), close(open));
                        if let Some(sink) = shelves.iter().position(|shelf| !shelf.keys.contains(&key)) {
                            return Err(format!("sink {sink} does not have {name}, row {open}"));
                        }
                    }
                    (RowFate::Skipped, Expected::Value(_)) if skipped => counts.skipped += 1,
                    (RowFate::Quiet, Expected::Quiet) => counts.quiet += 1,
                    (RowFate::NullInput, Expected::Null) | (RowFate::Warmup, Expected::Cold) => {}
                    (RowFate::Warmup, _) if young => {}
                    (other, _) => return Err(format!("{name}: row {open} is {other:?}, the reference {expected:?}")),
                }
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
    Ok(counts)
}

/// The rows that a fresh engine gives for a symbol; `None` if a source has no entry of it.
fn reference(
    disk: &Disk,
    engine: &Engine,
    truths: &[Vec<Truth>],
    symbol: usize,
) -> Result<Option<Vec<ReferenceRow>>, String> {
    let plan = engine.plan();
    let mut instants: BTreeMap<Ts, Vec<(usize, i64, BarFate)>> = BTreeMap::new();
    // A row is computed when every source that has the symbol has passed its close: the row it stands in ends later.
    let mut open = Some(Ts(i64::MAX));
    for (source, truth) in truths.iter().enumerate().filter_map(|(s, of)| Some((s, of.get(symbol)?))) {
        for (row, fate) in as_taken(disk, truth, source, symbol) {
            instants.entry(truth.closes_at(row)).or_default().push((source, row, fate));
        }
        let id = |row| BarId { source: source as u16, symbol: symbol as u32, row };
        let last = disk.bars.range(id(i64::MIN)..=id(i64::MAX)).next_back();
        open = open.min(last.map(|(id, _)| truth.closes_at(id.row + 1)));
    }
    let Some(open) = open else { return Ok(None) };
    let mut live = Live::new(engine, symbol);
    let mut rows = Reference(Vec::new());
    for (at, due) in instants.into_iter().filter(|(at, _)| *at < open) {
        let mut bars = Vec::new();
        for (source, row, fate) in due {
            let frame = plan.sources[source].frame;
            match fate {
                BarFate::Taken { bar, .. } => bars.push((frame, bar)),
                BarFate::Absent => {}
                BarFate::Unrepaired => live.unrepaired(frame, row),
            }
        }
        live.step(at, &bars, &mut [], &mut rows).map_err(|e| e.to_string())?;
    }
    Ok(Some(rows.0))
}

/// What closes of a symbol at an instant: source, row, fate.
type Due = Vec<(usize, i64, BarFate)>;

fn has_entries(disk: &Disk, symbol: usize) -> bool {
    disk.bars.keys().any(|id| id.symbol as usize == symbol)
}

/// The rows that fresh engines give for symbols that are ranked against each other. A symbol without an entry is not
/// listed yet.
fn universe(
    disk: &Disk,
    engine: &Engine,
    truths: &[Vec<Truth>],
    gone: Option<u32>,
) -> Result<Vec<Vec<ReferenceRow>>, String> {
    let plan = engine.plan();
    let n = plan.symbols().len();
    let sources = |symbol: usize| truths.iter().enumerate().filter_map(move |(s, of)| Some((s, of.get(symbol)?)));
    // A row is computed when every source of every symbol has passed its close.
    let passed = |symbol: usize| {
        let of = |(source, truth): (usize, &Truth)| {
            let id = |row| BarId { source: source as u16, symbol: symbol as u32, row };
            let last = disk.bars.range(id(i64::MIN)..=id(i64::MAX)).next_back();
            last.map(|(id, _)| truth.closes_at(id.row + 1))
        };
        sources(symbol).filter_map(of).min()
    };
    let others = (0..n).filter(|&s| gone != Some(s as u32)).filter_map(passed).min();
    let open = others.or_else(|| (0..n).filter_map(passed).min()).unwrap_or(Ts(i64::MAX));
    let has_part = |s: usize| passed(s).is_some();
    let mut instants: BTreeMap<Ts, Vec<Due>> = BTreeMap::new();
    for symbol in (0..n).filter(|&s| has_part(s)) {
        for (source, truth) in sources(symbol) {
            for (row, fate) in as_taken(disk, truth, source, symbol) {
                let due = instants.entry(truth.closes_at(row)).or_insert_with(|| vec![Vec::new(); n]);
                due[symbol].push((source, row, fate));
            }
        }
    }
    let mut lanes: Vec<Live> = (0..n).map(|s| Live::new(engine, s)).collect();
    let mut rows: Vec<Reference> = (0..n).map(|_| Reference(Vec::new())).collect();
    let mut together = Together::new(engine);
    for (at, due) in instants.into_iter().filter(|(at, _)| *at < open) {
        let mut bars: Vec<Vec<(FrameId, Bar)>> = vec![Vec::new(); n];
        for (symbol, due) in due.into_iter().enumerate() {
            for (source, row, fate) in due {
                let frame = plan.sources[source].frame;
                match fate {
                    BarFate::Taken { bar, .. } => bars[symbol].push((frame, bar)),
                    BarFate::Absent => {}
                    BarFate::Unrepaired => lanes[symbol].unrepaired(frame, row),
                }
            }
        }
        let parts = lanes.iter_mut().zip(&bars).zip(&mut rows);
        let mut turns: Vec<Turn<'_>> = parts.map(|((live, bars), rows)| Turn::new(live, bars, rows)).collect();
        together.step(at, &mut turns, &mut []).map_err(|e| e.to_string())?;
    }
    Ok(rows.into_iter().map(|r| r.0).collect())
}

/// Without any bar in the margin before its history a symbol looks as if it had just been listed.
fn is_young(plan: &Plan, signal: &Signal, truths: &[Vec<Truth>], symbol: usize, first_close: Ts) -> bool {
    let history = plan.structure().oldest(&plan.roots_of(signal), first_close, Until::Settled);
    truths.iter().enumerate().filter_map(|(s, of)| Some((s, of.get(symbol)?))).any(|(source, truth)| {
        let Some(first) = history.frame(plan.sources[source].frame) else { return false };
        (first - HISTORY_MARGIN_ROWS..=first).all(|row| truth.bar(row).is_none())
    })
}

/// What a sink has of each symbol: closes and signals, in the order they came.
fn by_symbol(shelf: &Shelf) -> BTreeMap<String, Vec<(Ts, u16)>> {
    let mut map: BTreeMap<String, Vec<(Ts, u16)>> = BTreeMap::new();
    for r in &shelf.rows {
        map.entry(r.symbol.to_string()).or_default().push((r.ts, r.signal));
    }
    map
}

/// The truth up to the start, then what the entries say: row by row, gaps included, from the first bar on.
fn as_taken(disk: &Disk, truth: &Truth, source: usize, symbol: usize) -> Vec<(i64, BarFate)> {
    let id = |row| BarId { source: source as u16, symbol: symbol as u32, row };
    let entries: Vec<_> = disk.bars.range(id(i64::MIN)..=id(i64::MAX)).map(|(_, e)| e).collect();
    // Entries that begin later are those of a symbol that was listed later.
    let started = disk.emit_after.map_or(i64::MAX, |at| truth.interval.index_of(at));
    let first = entries.first().map_or(started, |e| e.id.row.min(started));
    let history = (truth.first..first.min(truth.first + truth.rows.len() as i64)).map(|row| {
        let taken = truth.bar(row).map(|bar| BarFate::Taken { bar, origin: Origin::Rest });
        (row, taken.unwrap_or(BarFate::Absent))
    });
    let all = history.chain(entries.iter().map(|e| (e.id.row, e.fate)));
    all.skip_while(|(_, fate)| !matches!(fate, BarFate::Taken { .. })).collect()
}

/// What is to be said of a row, worked out from the words of [`Signal`].
#[derive(Debug)]
pub enum Expected {
    Cold,
    Quiet,
    Null,
    /// The value, then the further columns.
    Value(Vec<f64>),
}

#[derive(Debug, Clone)]
pub struct ReferenceRow {
    pub frame: FrameId,
    pub open: Ts,
    pub cells: Vec<f64>,
    pub warm: Vec<bool>,
}

impl ReferenceRow {
    pub fn expected(&self, engine: &Engine, signal: &Signal) -> Expected {
        let plan = engine.plan();
        let of_frame: Vec<ColumnId> =
            engine.outputs().iter().copied().filter(|c| plan.column(*c).frame == self.frame).collect();
        let at = |c: ColumnId| of_frame.iter().position(|x| *x == c).expect("an output");
        if signal.columns().any(|c| !self.warm[at(c)]) {
            return Expected::Cold;
        }
        let cell = |c: ColumnId| self.cells[at(c)];
        let when = signal.when.map_or(1.0, cell);
        if when.is_nan() || (when == 1.0 && cell(signal.column).is_nan()) {
            return Expected::Null;
        }
        if when != 1.0 {
            return Expected::Quiet;
        }
        Expected::Value([signal.column].iter().chain(&signal.extra).map(|c| cell(*c)).collect())
    }
}

pub struct Reference(pub Vec<ReferenceRow>);

impl RowSink for Reference {
    fn row(&mut self, frame: FrameId, open: Ts, cells: &[f64], warm: Warm<'_>) {
        self.0.push(ReferenceRow { frame, open, cells: cells.to_vec(), warm: warm.iter().collect() });
    }
}
