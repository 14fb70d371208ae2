//! The reference interpreter: whole columns in memory, one op after the other, one row after the other.
//!
//! Slow and obvious. It uses the definitions of `ops` only, computes every value of the plan and masks every value
//! before its first row, so the drivers can be held against it bit for bit.

use crate::ops::{aggregate, cross, define_window, pair, row, smooth};
use crate::predict::ask;
use crate::source::{bar_cells, bar_error, gap_cells, row_of};
use crate::{BarFault, EngineError, Predict, PredictFaults};
use sigc_market::{Bar, N_FIELDS, NULL, Ts};
use sigc_plan::lookback::Until;
use sigc_plan::{CrossFn, FrameId, Gap, Op, Origin, Plan, ValueId};

/// Every column of one symbol.
#[derive(Debug, Clone)]
pub struct Reference {
    /// First row and number of rows, per frame; `None` without any.
    frames: Vec<Option<(i64, usize)>>,
    /// Per value, the cells of its frame's rows.
    values: Vec<Vec<f64>>,
    settled: Vec<Option<i64>>,
    /// Predictions that failed.
    pub predict: PredictFaults,
}

impl Reference {
    /// The cells of a value, from its frame's first row on.
    pub fn value(&self, v: ValueId) -> &[f64] {
        &self.values[v.index()]
    }

    /// The first row of a frame and how many there are.
    pub fn rows(&self, f: FrameId) -> Option<(i64, usize)> {
        self.frames[f.index()]
    }

    /// The row from which on a value is exact or settled; `None` if that is not reached.
    pub fn settled_first(&self, v: ValueId) -> Option<i64> {
        self.settled[v.index()]
    }
}

/// Which rows a model is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// All whose window has no null.
    All,
    /// Those of them whose window has settled.
    Warm,
}

/// Computes every value of a plan over all bars of one symbol, up to the latest close among them or `until`.
///
/// # Errors
/// As the drivers: a plan that is not well formed, a bar off its grid or out of order, a gap where the data step says
/// `halt`, an op over a universe of more than this symbol.
pub fn interpret(
    plan: &Plan,
    symbol: usize,
    bars: &[(FrameId, &[Bar])],
    until: Option<Ts>,
    models: &mut [Box<dyn Predict>],
    ask_for: Ask,
) -> Result<Reference, EngineError> {
    let needed = plan.symbols().len();
    if needed > 1 && !plan.cross_section().is_empty() {
        return Err(EngineError::Universe { needed, given: 1 });
    }
    let mut one = interpret_all(plan, &[(symbol, bars)], until, models, ask_for)?;
    Ok(one.remove(0))
}

/// Computes every value of a plan over all bars of all symbols of its universe, in its order, each up to the latest close
/// among all of them or `until`: the definition of ops over the universe.
///
/// # Errors
/// As [`interpret`].
pub fn interpret_universe(
    plan: &Plan,
    symbols: &[&[(FrameId, &[Bar])]],
    until: Option<Ts>,
    models: &mut [Box<dyn Predict>],
    ask_for: Ask,
) -> Result<Vec<Reference>, EngineError> {
    let (needed, given) = (plan.symbols().len(), symbols.len());
    if needed != given {
        return Err(EngineError::Universe { needed, given });
    }
    let symbols: Vec<_> = symbols.iter().copied().enumerate().collect();
    interpret_all(plan, &symbols, until, models, ask_for)
}

/// A position in the universe and the bars of each source.
type SymbolBars<'a> = (usize, &'a [(FrameId, &'a [Bar])]);

fn interpret_all(
    plan: &Plan,
    symbols: &[SymbolBars<'_>],
    until: Option<Ts>,
    models: &mut [Box<dyn Predict>],
    ask_for: Ask,
) -> Result<Vec<Reference>, EngineError> {
    plan.verify()?;
    // Where symbols are read together, all of them are complete up to one instant.
    let mut end = until;
    if until.is_none() && symbols.len() > 1 {
        for &(symbol, bars) in symbols {
            end = end.max(Some(SourceRows::read(plan, symbol, bars, None)?.end));
        }
    }
    let lane = |&(symbol, bars): &SymbolBars<'_>| Lane::new(plan, symbol, bars, end);
    let mut lanes = symbols.iter().map(lane).collect::<Result<Vec<_>, _>>()?;
    for (i, node) in plan.nodes.iter().enumerate() {
        let v = ValueId::new(i);
        let columns = match node.op {
            Op::Cross { x, f } => (0..lanes.len()).map(|own| cross_column(plan, &lanes, own, v, x, f)).collect(),
            op => {
                let column = |lane: &mut Lane| lane.column(plan, v, op, models, ask_for);
                lanes.iter_mut().map(column).collect::<Result<Vec<_>, _>>()?
            }
        };
        for (lane, column) in lanes.iter_mut().zip(columns) {
            lane.take(plan, v, column);
        }
    }
    Ok(lanes.into_iter().map(|lane| lane.r).collect())
}

/// One symbol on its way through the ops.
struct Lane {
    symbol: usize,
    sources: SourceRows,
    /// First rows of the values.
    firsts: Vec<Option<i64>>,
    /// Where each smoother has settled.
    smoothers: Vec<(ValueId, Option<i64>)>,
    r: Reference,
}

/// An op over the universe, for one of its symbols.
fn cross_column(plan: &Plan, lanes: &[Lane], own: usize, v: ValueId, x: ValueId, f: CrossFn) -> Vec<f64> {
    let rows = lanes[own].r.frames[plan.nodes[v.index()].frame.index()];
    let value = |k: i64| {
        let cells: Vec<f64> = lanes.iter().map(|lane| lane.r.cell(plan, x, k)).collect();
        cross::define(f, &cells, own)
    };
    rows.map_or(Vec::new(), |(first, n)| (first..first + n as i64).map(value).collect())
}

impl Lane {
    fn new(plan: &Plan, symbol: usize, bars: &[(FrameId, &[Bar])], until: Option<Ts>) -> Result<Lane, EngineError> {
        let sources = SourceRows::read(plan, symbol, bars, until)?;
        let (frame_firsts, firsts) = plan.structure().first_rows(&sources.starts, Until::FirstValue, |_| None);
        let rows_of = |f: usize| {
            let last = plan.frames[f].interval.last_closed(sources.end);
            frame_firsts[f].filter(|&first| first <= last).map(|first| (first, (last - first + 1) as usize))
        };
        let r = Reference {
            frames: (0..plan.frames.len()).map(rows_of).collect(),
            values: Vec::new(),
            settled: Vec::new(),
            predict: PredictFaults::default(),
        };
        Ok(Lane { symbol, sources, firsts, smoothers: Vec::new(), r })
    }

    fn settled(&self, plan: &Plan, v: ValueId) -> Option<i64> {
        let seen = |v: ValueId| self.smoothers.iter().find(|s| s.0 == v).map(|s| s.1);
        plan.structure().first_rows(&self.sources.starts, Until::Settled, seen).1[v.index()]
    }

    /// The cells of an op over one symbol.
    fn column(
        &mut self,
        plan: &Plan,
        v: ValueId,
        op: Op,
        models: &mut [Box<dyn Predict>],
        ask_for: Ask,
    ) -> Result<Vec<f64>, EngineError> {
        let frame = plan.nodes[v.index()].frame;
        let Some((first, n)) = self.r.frames[frame.index()] else { return Ok(Vec::new()) };
        let rows = first..first + n as i64;
        let r = &self.r;
        Ok(match op {
            Op::Input(field) => rows.map(|k| self.sources.cell(frame, k)[field.index()]).collect(),
            Op::Smooth { x, alpha, seed, skip } => {
                let mut state = smooth::Smoother::default();
                rows.map(|k| state.step(r.cell(plan, x, k), alpha.0, seed, skip)).collect()
            }
            Op::Skip { x, n: hidden } => {
                let mut seen = 0;
                rows.map(|k| smooth::skip_step(&mut seen, r.cell(plan, x, k), hidden)).collect()
            }
            Op::Model { model } => {
                let spec = &plan.models[model.index()];
                let given = models.len();
                let id = model;
                let model =
                    models.get_mut(id.index()).ok_or(EngineError::Models { needed: plan.models.len(), given })?;
                let settled = self.settled(plan, v);
                let mut faults = PredictFaults::default();
                let mut column = Vec::with_capacity(n);
                for k in rows {
                    let from = k + 1 - i64::from(spec.window);
                    let window: Vec<f64> = (from..=k)
                        .flat_map(|k| spec.inputs.iter().map(move |&x| (x, k)))
                        .map(|(x, k)| r.cell(plan, x, k))
                        .collect();
                    let wanted = ask_for == Ask::All || settled.is_some_and(|s| k >= s);
                    column.push(if wanted && window.iter().all(|x| !x.is_nan()) {
                        ask(&mut **model, self.symbol, &window).unwrap_or_else(|error| {
                            faults.add(id, error);
                            NULL
                        })
                    } else {
                        NULL
                    });
                }
                self.r.predict.merge(faults);
                column
            }
            op => rows.map(|k| r.stateless(plan, v, op, k)).collect(),
        })
    }

    /// Keeps a column, unknown cells masked.
    fn take(&mut self, plan: &Plan, v: ValueId, column: Vec<f64>) {
        let node = &plan.nodes[v.index()];
        let rows = self.r.frames[node.frame.index()];
        let first = self.firsts[v.index()];
        let masked = column.into_iter().enumerate().map(|(k, x)| {
            let row = rows.map_or(0, |(first, _)| first) + k as i64;
            if first.is_some_and(|first| row >= first) { x } else { NULL }
        });
        self.r.values.push(masked.collect());
        if let Op::Smooth { x, alpha, seed, skip } = node.op {
            // Non-null inputs from the row on at which the input has settled.
            let settle = sigc_plan::reach::settle(alpha, plan.tolerance.0);
            let needed = u64::from(skip) + u64::from(seed) + u64::from(settle);
            let from = self.r.settled[x.index()];
            let last = rows.map_or(i64::MIN, |(first, n)| first + n as i64 - 1);
            let r = &self.r;
            let mut inputs = from.into_iter().flat_map(|from| from..=last).filter(|&k| !r.cell(plan, x, k).is_nan());
            let settled = inputs.nth(needed as usize - 1);
            self.smoothers.push((v, settled));
        }
        let settled = self.settled(plan, v);
        self.r.settled.push(settled);
    }
}

impl Reference {
    /// A cell; null outside the rows there are.
    fn cell(&self, plan: &Plan, v: ValueId, row: i64) -> f64 {
        let frame = plan.nodes[v.index()].frame;
        match self.frames[frame.index()] {
            Some((first, n)) if (first..first + n as i64).contains(&row) => {
                self.values[v.index()][(row - first) as usize]
            }
            _ => NULL,
        }
    }

    fn stateless(&self, plan: &Plan, v: ValueId, op: Op, k: i64) -> f64 {
        let cell = |x: ValueId, row: i64| self.cell(plan, x, row);
        let window = |x: ValueId, n: u32| -> Vec<f64> { (k + 1 - i64::from(n)..=k).map(|row| cell(x, row)).collect() };
        let interval_of = |v: ValueId| plan.frame(plan.nodes[v.index()].frame).interval;
        let own = interval_of(v);
        match op {
            Op::Const(x) => crate::ops::finite(x.0),
            Op::Row1(f, x) => f.apply(cell(x, k)),
            Op::Row2(f, a, b) => f.apply(cell(a, k), cell(b, k)),
            Op::If(c, a, b) => row::choose(cell(c, k), cell(a, k), cell(b, k)),
            Op::Lag { x, n } => cell(x, k - i64::from(n)),
            Op::Window { x, n, min_count, f } => define_window(f, min_count as usize, &window(x, n), k),
            Op::Pair { x, y, n, f } => pair::define(f, &window(x, n), &window(y, n)),
            Op::Aggregate { x, how, incomplete } => {
                let child = interval_of(x);
                let bucket = child.index_of(own.open_of(k))..child.index_of(own.close_of(k));
                let cells: Vec<f64> = bucket.map(|row| cell(x, row)).collect();
                aggregate::define(how, incomplete, &cells)
            }
            Op::AsOf { x } => cell(x, interval_of(x).last_closed(own.close_of(k))),
            Op::AtClose { x } => {
                let (other, close) = (interval_of(x), own.close_of(k));
                let row = other.last_closed(close);
                if other.close_of(row) == close { cell(x, row) } else { NULL }
            }
            // Not of one symbol's cells alone, or not without state: done before.
            Op::Input(_) | Op::Smooth { .. } | Op::Skip { .. } | Op::Cross { .. } | Op::Model { .. } => NULL,
        }
    }
}

/// The grid rows of the sources, gaps filled.
struct SourceRows {
    starts: Vec<Option<i64>>,
    rows: Vec<Vec<[f64; N_FIELDS]>>,
    end: Ts,
}

impl SourceRows {
    fn read(plan: &Plan, symbol: usize, bars: &[(FrameId, &[Bar])], until: Option<Ts>) -> Result<Self, EngineError> {
        let mut end = until.unwrap_or(Ts(i64::MIN));
        for (f, bars) in bars {
            let frame = plan.frames.get(f.index()).filter(|f| matches!(f.origin, Origin::Source { .. }));
            let interval = frame.ok_or(EngineError::NotASource(*f))?.interval;
            let mut before = None;
            for bar in *bars {
                let fail = |fault| bar_error(symbol, f.index(), bar.open_time, fault);
                let row = row_of(interval, bar.open_time).map_err(fail)?;
                if before.is_some_and(|b| row <= b) {
                    return Err(fail(BarFault::Order));
                }
                before = Some(row);
                if until.is_none() {
                    end = end.max(interval.close_of(row));
                }
            }
        }
        let mut read =
            SourceRows { starts: vec![None; plan.frames.len()], rows: vec![Vec::new(); plan.frames.len()], end };
        for (f, bars) in bars.iter().filter(|(_, bars)| !bars.is_empty()) {
            let frame = plan.frame(*f);
            let Origin::Source { gap } = frame.origin else { continue };
            let first = frame.interval.index_of(bars[0].open_time);
            read.starts[f.index()] = Some(first);
            let (mut rest, mut close) = (*bars, NULL);
            for row in first..=frame.interval.last_closed(end) {
                let open = frame.interval.open_of(row);
                if let Some((bar, after)) = rest.split_first()
                    && bar.open_time == open
                {
                    let (cells, c) = bar_cells(bar);
                    read.rows[f.index()].push(cells);
                    (close, rest) = (c, after);
                } else if gap == Gap::Halt {
                    return Err(bar_error(symbol, f.index(), open, BarFault::Missing));
                } else {
                    read.rows[f.index()].push(gap_cells(gap, close));
                }
            }
        }
        Ok(read)
    }

    fn cell(&self, frame: FrameId, row: i64) -> [f64; N_FIELDS] {
        let first = self.starts[frame.index()].expect("a frame with rows has begun");
        self.rows[frame.index()][(row - first) as usize]
    }
}
