//! The proof behind "research and live give the same bits", on a user's own bars.
//!
//! One panel run over all bars is the yardstick. Then the same bars go through the live driver bar by bar; through the
//! live driver cut at random places, each time through a snapshot; through lanes started anew from exactly the history
//! that lookback says for one signal after the other, and from one bar less; and through panels whose bars end at
//! random instants. All columns are compared, by their bits. Columns with a recursive op have forgotten their seed only to the plan's tolerance after a restart,
//! so there their deviation is measured instead, against the largest value of the column.
//!
//! Models are asked in the first comparison only. In the others a stand-in answers, and everything that goes into the
//! models is compared.
//!
//! Symbols that are ranked against each other are run, cut, restarted and compared together, others each by itself.

mod table;

use crate::merge::{Merge, close};
use sigc_engine::{
    Engine, EngineError, Live, PanelInput, PanelOptions, Predict, PredictError, Together, Turn, run_panel,
};
use sigc_market::{Bar, Ts};
use sigc_plan::lookback::{Oldest, Until};
use sigc_plan::{ColumnId, FrameId, Op, Plan, Signal, Tier};
use std::ops::Range;
use table::Table;

/// After a restart a recursive column may deviate by so many times the tolerance, of the column's largest value: a
/// ratio of two settled states (rsi) moves by more than either state.
const GAIN: f64 = 1_000.0;
/// Instants run on after a restart.
const RUN_ON: usize = 64;
/// Rows before a restart's instant whose readiness is checked.
const ROWS_BEFORE: i64 = 100;
/// Tries to find a restart without a gap in its history.
const TRIES: usize = 50;

/// Makes the plan's models.
pub type MakeModels<'a> = &'a (dyn Fn() -> Vec<Box<dyn Predict>> + Sync);
/// The bars of each source, for one symbol.
pub type SymbolBars<'a> = Vec<(FrameId, &'a [Bar])>;

/// How much to try.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Random splits, and random truncations.
    pub splits: usize,
    /// Random restarts.
    pub restarts: usize,
    /// Seed of the random choices.
    pub seed: u64,
    /// Threads of the panel driver.
    pub threads: usize,
}

/// One comparison.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Check {
    /// What was compared with the panel run.
    pub name: &'static str,
    /// How many runs.
    pub runs: u64,
    /// Cells compared.
    pub cells: u64,
    /// Cells that differ, and rows that were not there or not ready when they should be.
    pub differing: u64,
    /// The first difference, in words.
    pub first: Option<String>,
    /// Largest deviation of recursive columns, as a share of the column's largest value.
    pub worst: Option<f64>,
}

/// All comparisons.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Bars read.
    pub bars: u64,
    /// Rows of the panel run, over all frames.
    pub rows: u64,
    /// The comparisons.
    pub checks: Vec<Check>,
}

impl Report {
    /// Cells that differ anywhere.
    pub fn differing(&self) -> u64 {
        self.checks.iter().map(|c| c.differing).sum()
    }
}

/// Compares everything; `progress` is told the name of each comparison and how far it has come.
///
/// # Errors
/// If the engine refuses the plan or a bar.
pub fn verify(
    plan: &Plan,
    symbols: &[SymbolBars<'_>],
    models: MakeModels<'_>,
    options: Options,
    progress: &mut dyn FnMut(&'static str, usize, usize),
) -> Result<Report, EngineError> {
    let all: Vec<ColumnId> = (0..plan.columns.len()).map(ColumnId::new).collect();
    let engine = Engine::new(plan, &all)?;
    progress("batch", 0, 1);
    let yardstick = panel(&engine, symbols, models, options.threads)?;
    let mut report = Report {
        bars: symbols.iter().flatten().map(|(_, b)| b.len() as u64).sum(),
        rows: yardstick.n_rows(),
        checks: Vec::new(),
    };
    let mut stream = Check { name: "stream", ..Check::default() };
    for group in groups(&engine, symbols.len()) {
        progress("stream", group.start, symbols.len());
        let mut rows = Table::new(plan, symbols.len());
        run_live(&engine, group.clone(), &symbols[group.clone()], None, &mut models(), &mut rows)?;
        stream.runs += group.len() as u64;
        for s in group {
            yardstick.compare(plan, &rows, s, None, &all, &mut stream);
        }
    }
    report.checks.push(stream);

    let plain = Unmodelled::new(plan, engine);
    let mut rng = SplitMix(options.seed);
    report.checks.push(plain.splits(symbols, &yardstick, options, &mut rng, progress)?);
    report.checks.extend(plain.restarts(symbols, &yardstick, options, &mut rng, progress)?);
    report.checks.push(plain.truncations(symbols, &yardstick, options, &mut rng, progress)?);
    Ok(report)
}

/// The plan with stand-ins for its models.
struct Unmodelled<'p> {
    plan: &'p Plan,
    engine: Engine,
    /// The columns that no model has a part in.
    columns: Vec<ColumnId>,
}

/// Answers every window with 0: what comes out is not compared.
struct StandIn;

impl Predict for StandIn {
    fn predict(&mut self, _: usize, _: &[f64]) -> Result<f64, PredictError> {
        Ok(0.0)
    }
}

impl<'p> Unmodelled<'p> {
    fn new(plan: &'p Plan, engine: Engine) -> Unmodelled<'p> {
        let mut modelled = vec![false; plan.nodes.len()];
        for (i, node) in plan.nodes.iter().enumerate() {
            modelled[i] = matches!(node.op, Op::Model { .. }) || node.op.operands().any(|x| modelled[x.index()]);
        }
        let columns: Vec<ColumnId> =
            (0..plan.columns.len()).map(ColumnId::new).filter(|&c| !modelled[plan.column(c).value.index()]).collect();
        Unmodelled { plan, engine, columns }
    }

    fn models(&self) -> Vec<Box<dyn Predict>> {
        self.plan.models.iter().map(|_| Box::new(StandIn) as Box<dyn Predict>).collect()
    }

    /// The symbols of a group by the live driver.
    fn live(
        &self,
        n_symbols: usize,
        group: Range<usize>,
        bars: &[SymbolBars<'_>],
        cut: Option<Ts>,
    ) -> Result<Table, EngineError> {
        let mut rows = Table::new(self.plan, n_symbols);
        run_live(&self.engine, group, bars, cut, &mut self.models(), &mut rows)?;
        Ok(rows)
    }

    fn splits(
        &self,
        symbols: &[SymbolBars<'_>],
        yardstick: &Table,
        options: Options,
        rng: &mut SplitMix,
        progress: &mut dyn FnMut(&'static str, usize, usize),
    ) -> Result<Check, EngineError> {
        let mut check = Check { name: "splits", ..Check::default() };
        for i in 0..options.splits {
            progress("splits", i, options.splits);
            check.runs += 1;
            for group in groups(&self.engine, symbols.len()) {
                let bars = &symbols[group.clone()];
                let cut = instants(self.plan, bars).nth(rng.below(n_bars(bars)));
                let rows = self.live(symbols.len(), group.clone(), bars, cut)?;
                for s in group {
                    yardstick.compare(self.plan, &rows, s, None, &self.columns, &mut check);
                }
            }
        }
        Ok(check)
    }

    /// Two checks: from exactly the needed bars, and from one bar less.
    fn restarts(
        &self,
        symbols: &[SymbolBars<'_>],
        yardstick: &Table,
        options: Options,
        rng: &mut SplitMix,
        progress: &mut dyn FnMut(&'static str, usize, usize),
    ) -> Result<[Check; 2], EngineError> {
        let mut exact = Check { name: "restarts from exactly the needed bars", ..Check::default() };
        let mut short = Check { name: "restarts from one bar less", ..Check::default() };
        for i in 0..options.restarts {
            progress("restarts", i, options.restarts);
            // Each signal in its turn: what is enough for one can be too little for another.
            let signal = &self.plan.signals[i % self.plan.signals.len()];
            let Some(r) = self.pick_restart(signal, symbols, rng) else { continue };
            exact.runs += 1;
            let rows = self.live(symbols.len(), r.group.clone(), &r.bars, None)?;
            rows.ready_at(self.plan, signal, (r.symbol, r.at), true, &mut exact);
            self.ready_as_counted(&rows, signal, &r, &mut exact);
            let limit = GAIN * self.plan.tolerance.0;
            let columns: Vec<ColumnId> =
                columns_below(self.plan, signal).into_iter().filter(|c| self.columns.contains(c)).collect();
            for s in r.group.clone() {
                yardstick.compare_settled(self.plan, &rows, (s, r.at), limit, &columns, &mut exact);
            }
            for &source in &r.binding {
                short.runs += 1;
                let mut fewer = r.bars.clone();
                for (_, bars) in fewer[r.symbol - r.group.start].iter_mut().filter(|(f, _)| *f == source) {
                    *bars = &bars[1..];
                }
                let rows = self.live(symbols.len(), r.group.clone(), &fewer, None)?;
                rows.ready_at(self.plan, signal, (r.symbol, r.at), false, &mut short);
            }
        }
        Ok([exact, short])
    }

    /// The rows before the restart's instant are ready exactly where lookback says that the same bars do: between two
    /// closes of a slower joined frame several rows can begin with the same bar.
    fn ready_as_counted(&self, rows: &Table, signal: &Signal, r: &Restart<'_>, check: &mut Check) {
        let (structure, roots) = (self.plan.structure(), self.plan.roots_of(signal));
        let interval = self.plan.frame(self.plan.frame_of(signal)).interval;
        let k = interval.last_closed(r.at);
        for at in (k - ROWS_BEFORE..k).map(|k| interval.close_of(k)) {
            let oldest = structure.oldest(&roots, at, Until::Settled);
            let enough = r.bars[r.symbol - r.group.start].iter().all(|&(f, bars)| {
                let of = self.plan.frame(f).interval;
                let first = bars.first().map(|b| of.index_of(b.open_time));
                oldest.frame(f).is_none_or(|lo| first.is_some_and(|first| first <= lo))
            });
            rows.ready_at(self.plan, signal, (r.symbol, at), enough, check);
        }
    }

    /// A symbol and an instant at which the history that a signal needs is there without a gap, also of the symbols
    /// that it is ranked against; of these some may not be listed yet.
    fn pick_restart<'a>(&self, signal: &Signal, symbols: &[SymbolBars<'a>], rng: &mut SplitMix) -> Option<Restart<'a>> {
        let (structure, roots) = (self.plan.structure(), self.plan.roots_of(signal));
        let interval = self.plan.frame(self.plan.frame_of(signal)).interval;
        (0..TRIES).find_map(|_| {
            let symbol = rng.below(symbols.len());
            let group = groups(&self.engine, symbols.len()).into_iter().find(|g| g.contains(&symbol))?;
            let mine = std::slice::from_ref(&symbols[symbol]);
            let near = instants(self.plan, mine).nth(rng.below(n_bars(mine)))?;
            let at = interval.close_of(interval.last_closed(near));
            let oldest = structure.oldest(&roots, at, Until::Settled);
            // All sources end together: a bar of one behind the last of another would make gaps of the other's rows.
            let shortest = symbols[symbol].iter().map(|(f, _)| self.plan.frame(*f).interval.max_millis()).min()?;
            let end = Ts(at.0.saturating_add(RUN_ON as i64 * shortest));
            let mut bars = Vec::new();
            for s in group.clone() {
                bars.push(self.history(&symbols[s], &oldest, s == symbol, (at, end))?);
            }
            // A source whose own oldest row some op reads: without it the row cannot be there.
            let binding = symbols[symbol].iter().map(|(f, _)| *f).filter(|&f| oldest.frame(f).is_some()).collect();
            Some(Restart { symbol, group, at, bars, binding })
        })
    }

    /// The bars of a symbol from the oldest that is needed at `at` up to `end`; `None` if there is a gap in what is needed,
    /// or nothing of one that must be `listed`.
    fn history<'a>(
        &self,
        bars: &SymbolBars<'a>,
        oldest: &Oldest,
        listed: bool,
        (at, end): (Ts, Ts),
    ) -> Option<SymbolBars<'a>> {
        let mut cut = Vec::new();
        for &(frame, all) in bars {
            let of = self.plan.frame(frame).interval;
            let last = closed(self.plan, frame, all, end);
            let needed = oldest.frame(frame).filter(|_| listed || last > 0);
            let Some(lo) = needed else {
                cut.push((frame, &all[..last]));
                continue;
            };
            let from = all.partition_point(|b| b.open_time < of.open_of(lo));
            let until = closed(self.plan, frame, all, at);
            let whole = until.checked_sub(from)? as i64 == of.last_closed(at) - lo + 1;
            if !whole || until == from {
                return None;
            }
            cut.push((frame, &all[from..last]));
        }
        Some(cut)
    }

    fn truncations<'a>(
        &self,
        symbols: &[SymbolBars<'a>],
        yardstick: &Table,
        options: Options,
        rng: &mut SplitMix,
        progress: &mut dyn FnMut(&'static str, usize, usize),
    ) -> Result<Check, EngineError> {
        let mut check = Check { name: "bars cut at an instant", ..Check::default() };
        for i in 0..options.splits {
            progress("truncation", i, options.splits);
            check.runs += 1;
            let s = rng.below(symbols.len());
            let mine = std::slice::from_ref(&symbols[s]);
            let Some(at) = instants(self.plan, mine).nth(rng.below(n_bars(mine))) else { continue };
            let until = |&(f, b): &(FrameId, &'a [Bar])| (f, &b[..closed(self.plan, f, b, at)]);
            let cut: Vec<SymbolBars<'_>> = symbols.iter().map(|bars| bars.iter().map(until).collect()).collect();
            let n_models = self.plan.models.len();
            let stand_ins = || (0..n_models).map(|_| Box::new(StandIn) as Box<dyn Predict>).collect();
            let rows = panel(&self.engine, &cut, &stand_ins, options.threads)?;
            for group in groups(&self.engine, symbols.len()) {
                // Where the cut falls into a gap, the missing rows are not known to be missing yet.
                let Some(known) = instants(self.plan, &cut[group.clone()]).last() else { continue };
                for symbol in group {
                    yardstick.compare(self.plan, &rows, symbol, Some(known), &self.columns, &mut check);
                }
            }
        }
        Ok(check)
    }
}

/// The columns that a signal reads, directly or not.
fn columns_below(plan: &Plan, signal: &Signal) -> Vec<ColumnId> {
    let mut needed = vec![false; plan.nodes.len()];
    plan.roots_of(signal).iter().for_each(|r| needed[r.index()] = true);
    for i in (0..plan.nodes.len()).rev() {
        if !needed[i] {
            continue;
        }
        match plan.nodes[i].op {
            Op::Model { model } => plan.models[model.index()].inputs.iter().for_each(|v| needed[v.index()] = true),
            op => op.operands().for_each(|v| needed[v.index()] = true),
        }
    }
    (0..plan.columns.len()).map(ColumnId::new).filter(|&c| needed[plan.column(c).value.index()]).collect()
}

/// Lanes to be started anew.
struct Restart<'a> {
    /// The symbol whose history is counted.
    symbol: usize,
    /// It, and the symbols that it is ranked against.
    group: Range<usize>,
    at: Ts,
    /// Of each symbol of the group.
    bars: Vec<SymbolBars<'a>>,
    /// The sources whose first bar is needed.
    binding: Vec<FrameId>,
}

/// All rows by the panel driver.
fn panel(
    engine: &Engine,
    symbols: &[SymbolBars<'_>],
    models: MakeModels<'_>,
    threads: usize,
) -> Result<Table, EngineError> {
    let inputs: Vec<PanelInput<'_>> =
        symbols.iter().enumerate().map(|(symbol_index, bars)| PanelInput { symbol_index, bars }).collect();
    let mut rows = Table::new(engine.plan(), symbols.len());
    let options = PanelOptions { threads, only_warm_models: true };
    run_panel(engine, &inputs, models, options, &mut rows, &mut |_, _| {})?;
    Ok(rows)
}

/// Symbols that are run together: all where ops are over the universe, else each by itself.
fn groups(engine: &Engine, n: usize) -> Vec<Range<usize>> {
    let size = if engine.is_over_universe() { n.max(1) } else { 1 };
    (0..n).step_by(size).map(|from| from..from + size).collect()
}

/// The symbols of a group by the live driver, instant by instant; through snapshots behind `cut`.
fn run_live(
    engine: &Engine,
    group: Range<usize>,
    bars: &[SymbolBars<'_>],
    cut: Option<Ts>,
    models: &mut [Box<dyn Predict>],
    rows: &mut Table,
) -> Result<(), EngineError> {
    let mut lanes: Vec<Live> = group.clone().map(|s| Live::new(engine, s)).collect();
    let mut merges: Vec<Merge<'_>> = bars.iter().map(|b| Merge::new(engine.plan(), b.iter().copied())).collect();
    let mut due: Vec<Vec<(FrameId, Bar)>> = vec![Vec::new(); lanes.len()];
    let mut together = Together::new(engine);
    while let Some(at) = merges.iter().filter_map(Merge::next_close).min() {
        for (merge, due) in merges.iter_mut().zip(&mut due) {
            due.clear();
            merge.take(at, due);
        }
        let mut sinks = rows.of(group.clone());
        if let ([live], [due], [sink]) = (lanes.as_mut_slice(), due.as_slice(), sinks.as_mut_slice()) {
            live.step(at, due, models, sink)?;
        } else {
            let parts = lanes.iter_mut().zip(&due).zip(&mut sinks);
            let mut turns: Vec<Turn<'_>> = parts.map(|((live, due), sink)| Turn::new(live, due, sink)).collect();
            together.step(at, &mut turns, models)?;
        }
        if cut == Some(at) {
            // A snapshot that cannot be read back leaves no rows behind the cut, and so is counted as a difference.
            for live in &mut lanes {
                match Live::restore(engine, &live.snapshot()) {
                    Ok(restored) => *live = restored,
                    Err(_) => return Ok(()),
                }
            }
        }
    }
    Ok(())
}

/// The closes of all bars of some symbols, in order, each once.
fn instants<'a>(plan: &'a Plan, symbols: &'a [SymbolBars<'a>]) -> impl Iterator<Item = Ts> + 'a {
    let mut merge = Merge::new(plan, symbols.iter().flatten().copied());
    let mut due = Vec::new();
    std::iter::from_fn(move || {
        let at = merge.next_close()?;
        due.clear();
        merge.take(at, &mut due);
        Some(at)
    })
}

/// How many bars of a source close by then.
fn closed(plan: &Plan, frame: FrameId, bars: &[Bar], by: Ts) -> usize {
    bars.partition_point(|b| close(plan, frame, b) <= by)
}

fn n_bars(symbols: &[SymbolBars<'_>]) -> usize {
    symbols.iter().flatten().map(|(_, b)| b.len()).max().unwrap_or(0).max(1)
}

/// Is the column exact, bit for bit, after a restart.
fn is_exact(plan: &Plan, c: ColumnId) -> bool {
    plan.structure().tier(plan.column(c).value) == Tier::Exact
}

/// Vigna's splitmix64: choices from a seed.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}
