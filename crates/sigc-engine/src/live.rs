//! One symbol, one instant at a time.
//!
//! Reads the bars of one symbol as they close; gives the rows that close with them. A step names an instant and
//! promises that every bar closed by then is among what was given: a grid row that has none by then is a gap, and
//! becomes what its data step says. Nothing is changed by a step that is refused.

use crate::engine::{Engine, Inner};
use crate::machine::{Cross, Cursor, Machine, Stop};
use crate::ops::cross;
use crate::predict::ask;
use crate::program::ModelInfo;
use crate::source::{self, LONGEST_GAP, bar_cells, bar_error, gap_cells};
use crate::warmth::Settling;
use crate::{BarFault, EngineError, Predict, PredictFaults, Warm, Warmth};
use sigc_market::{Bar, NULL, Ts};
use sigc_plan::{ColumnId, FrameId, Gap, ModelId};
use std::sync::Arc;

/// Takes the rows of a step.
pub trait RowSink {
    /// One row that closed: instant by instant, frames in the plan's order. `cells` are the frame's output columns in
    /// the order asked for, null as NaN; `warm` says which of them may be used.
    fn row(&mut self, frame: FrameId, open_time: Ts, cells: &[f64], warm: Warm<'_>);
}

/// What a step did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Bars taken.
    pub bars: u64,
    /// Rows of sources that had no bar.
    pub gap_rows: u64,
    /// Rows handed to the sink.
    pub rows: u64,
    /// Predictions that failed; their cells are null.
    pub predict: PredictFaults,
}

/// One symbol of a running plan.
#[derive(Debug, Clone)]
pub struct Live {
    pub(crate) engine: Arc<Inner>,
    pub(crate) symbol: usize,
    pub(crate) machine: Machine<1>,
    pub(crate) settling: Settling,
    /// The instant of the last step.
    pub(crate) at: Option<Ts>,
    /// Per frame, the close of a source's newest row.
    pub(crate) closes: Vec<f64>,
    /// Per frame, its first row; `i64::MAX` while unknown.
    frame_firsts: Vec<i64>,
    cursors: Vec<usize>,
    expected: Vec<Option<i64>>,
    window: Vec<f64>,
    row: Vec<f64>,
}

impl Live {
    /// A lane without history. `symbol` is the position in the universe, which models are told.
    pub fn new(engine: &Engine, symbol: usize) -> Live {
        let engine = Arc::clone(&engine.inner);
        let frames = engine.program.frames.len();
        let widest = engine.program.frames.iter().map(|f| f.outputs.len()).max().unwrap_or(0);
        Live {
            machine: Machine::new(&engine.program, &engine.live),
            settling: Settling::new(&engine),
            at: None,
            closes: vec![NULL; frames],
            frame_firsts: vec![i64::MAX; frames],
            cursors: vec![0; frames],
            expected: vec![None; frames],
            window: vec![0.0; engine.largest_window()],
            row: Vec::with_capacity(widest),
            symbol,
            engine,
        }
    }

    /// Takes one bar, at the instant it closes: the whole step where a plan has one source.
    ///
    /// Of a plan with an op over the universe no symbol goes alone: see [`Together`](crate::Together).
    ///
    /// # Errors
    /// As [`Live::step`].
    pub fn push(
        &mut self,
        frame: FrameId,
        bar: &Bar,
        models: &mut [Box<dyn Predict>],
        out: &mut dyn RowSink,
    ) -> Result<Outcome, EngineError> {
        let info = self.engine.program.frames.get(frame.index()).ok_or(EngineError::NotASource(frame))?;
        let row = source::row_of(info.interval, bar.open_time)
            .map_err(|fault| bar_error(self.symbol, frame.index(), bar.open_time, fault))?;
        self.step(info.interval.close_of(row), &[(frame, *bar)], models, out)
    }

    /// Takes all bars that closed after the last step and by `at`, each source's in order, and computes every row
    /// that closed with them. Grid rows without a bar, between bars or up to `at`, become gaps once the source has
    /// begun. Models are called for warm rows only and stand at their ids.
    ///
    /// # Errors
    /// An instant that does not come after the last, a bar off its grid, out of order or not yet closed, a gap where
    /// the data step says `halt`, too few models, an op over a universe of more than this symbol. The lane is as it was
    /// before.
    pub fn step(
        &mut self,
        at: Ts,
        bars: &[(FrameId, Bar)],
        models: &mut [Box<dyn Predict>],
        out: &mut dyn RowSink,
    ) -> Result<Outcome, EngineError> {
        self.engine.check_models(models.len())?;
        if let Some(needed) = self.engine.program.universe.filter(|&n| n > 1) {
            return Err(EngineError::Universe { needed, given: 1 });
        }
        self.check(at, bars)?;
        let engine = Arc::clone(&self.engine);
        let mut outcome = Outcome::default();
        self.rewind(&engine, bars);
        while let Some(instant) = self.next_instant(&engine, bars).filter(|&t| t <= at) {
            self.open(&engine, bars, instant, &mut outcome);
            let mut cursor = Cursor::default();
            while let Some(stop) = self.machine.run(&engine.program, &engine.live, &mut cursor) {
                match stop {
                    Stop::Model(model) => self.predict(&engine, model, models, &mut outcome.predict),
                    Stop::Cross(step) => {
                        let alone = [self.crossed(&step)];
                        let mut y = [NULL];
                        cross::kernel(step.f, &alone, &mut Vec::new(), &mut y);
                        self.answer(&engine, step.out, y[0]);
                    }
                }
            }
            self.close(&engine, out, &mut outcome);
        }
        self.at = Some(at);
        Ok(outcome)
    }

    /// Begins an instant: its rows close, their inputs are written. Then the machine is run.
    pub(crate) fn open(&mut self, engine: &Inner, bars: &[(FrameId, Bar)], instant: Ts, outcome: &mut Outcome) {
        self.begin_sources(engine, bars, instant);
        self.machine.advance(&engine.program, instant);
        self.fill(engine, bars, outcome);
    }

    /// Ends an instant whose steps have all run.
    pub(crate) fn close(&mut self, engine: &Inner, out: &mut dyn RowSink, outcome: &mut Outcome) {
        self.settling.finish(engine, &self.machine, 0);
        self.deliver(engine, out, outcome);
    }

    /// The cell that an op over the universe reads of this lane.
    pub(crate) fn crossed(&self, step: &Cross) -> f64 {
        self.machine.newest(step.x, 1)[0][0]
    }

    /// Writes what a step that the machine stopped at has come to.
    pub(crate) fn answer(&mut self, engine: &Inner, slot: u32, y: f64) {
        self.machine.append(&engine.live, slot as usize, 1)[0] = [y];
    }

    /// The bar of a source's next row exists and could not be had. Its own row is what the data step says of gaps;
    /// every resampled row that it belongs to is null, whatever the resample step says, because it would be wrong
    /// without the bar. To be called before the step at the row's close.
    pub fn unrepaired(&mut self, frame: FrameId, row: i64) {
        let engine = Arc::clone(&self.engine);
        let frames = &engine.program.frames;
        let Some(source) = frames.get(frame.index()).filter(|i| i.parent.is_none()) else { return };
        let open = source.interval.open_of(row);
        for (f, info) in frames.iter().enumerate() {
            if info.parent.is_some() && engine.program.root_of(f) == frame.index() {
                self.machine.broken[f] = info.interval.index_of(open);
            }
        }
    }

    /// How far the lane is from having all output columns warm.
    pub fn warmth(&self) -> Warmth {
        self.settling.warmth(&self.engine, &self.machine, |_| true)
    }

    /// How far the lane is from having these output columns warm.
    pub fn warmth_of(&self, columns: &[ColumnId]) -> Warmth {
        self.settling.warmth(&self.engine, &self.machine, |c| columns.contains(&c))
    }

    /// The position in the universe.
    pub fn symbol(&self) -> usize {
        self.symbol
    }

    /// True if a source has had its first bar.
    pub fn has_begun(&self, frame: FrameId) -> bool {
        self.machine.frames.get(frame.index()).is_some_and(|rows| rows.started)
    }

    /// The instant of the last step.
    pub fn at(&self) -> Option<Ts> {
        self.at
    }

    /// Refuses what [`Live::step`] says, before anything is changed.
    pub(crate) fn check(&mut self, at: Ts, bars: &[(FrameId, Bar)]) -> Result<(), EngineError> {
        let before = self.at.unwrap_or(Ts(i64::MIN));
        if at <= before || !source::in_range(at) {
            return Err(EngineError::Instant { at, before });
        }
        let frames = &self.engine.program.frames;
        for (expected, rows) in self.expected.iter_mut().zip(&self.machine.frames) {
            *expected = rows.started.then_some(rows.last + 1);
        }
        for (frame, bar) in bars {
            let f = frame.index();
            let Some(info) = frames.get(f).filter(|i| i.parent.is_none()) else {
                return Err(EngineError::NotASource(*frame));
            };
            let fail = |fault| Err(bar_error(self.symbol, f, bar.open_time, fault));
            // The usual bar is the next one; only others cost a division.
            let next = self.expected[f].filter(|&k| info.interval.open_of(k) == bar.open_time);
            let row = match next.map_or_else(|| source::row_of(info.interval, bar.open_time), Ok) {
                Ok(row) => row,
                Err(fault) => return fail(fault),
            };
            let close = info.interval.close_of(row);
            match self.expected[f] {
                _ if close > at => return fail(BarFault::Open),
                Some(k) if row < k => return fail(BarFault::Order),
                None if close <= before => return fail(BarFault::Order),
                Some(k) => self.check_gap(f, k, row)?,
                None => {}
            }
            self.expected[f] = Some(row + 1);
        }
        for f in self.engine.program.sources() {
            if let Some(k) = self.expected[f] {
                // One comparison where nothing is missing; the division only behind it.
                if frames[f].interval.close_of(k) <= at {
                    self.check_gap(f, k, frames[f].interval.last_closed(at) + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Rows `from..to` of a source are missing.
    fn check_gap(&self, f: usize, from: i64, to: i64) -> Result<(), EngineError> {
        let info = &self.engine.program.frames[f];
        let fault = match info.gap {
            _ if to <= from => return Ok(()),
            Gap::Halt => BarFault::Missing,
            _ if to - from > LONGEST_GAP => BarFault::Far,
            _ => return Ok(()),
        };
        Err(bar_error(self.symbol, f, info.interval.open_of(from), fault))
    }

    /// Points every source at its first bar of the step.
    pub(crate) fn rewind(&mut self, engine: &Inner, bars: &[(FrameId, Bar)]) {
        for f in engine.program.sources() {
            self.cursors[f] = 0;
            self.skip_others(f, bars);
        }
    }

    fn skip_others(&mut self, f: usize, bars: &[(FrameId, Bar)]) {
        while bars.get(self.cursors[f]).is_some_and(|(frame, _)| frame.index() != f) {
            self.cursors[f] += 1;
        }
    }

    /// The next close of any source that has begun or begins in this step.
    pub(crate) fn next_instant(&self, engine: &Inner, bars: &[(FrameId, Bar)]) -> Option<Ts> {
        let closes = engine.program.sources().filter_map(|f| {
            let rows = self.machine.frames[f];
            if rows.started {
                return Some(rows.next_close);
            }
            let (_, bar) = bars.get(self.cursors[f])?;
            let interval = engine.program.frames[f].interval;
            Some(interval.close_of(interval.index_of(bar.open_time)))
        });
        closes.min()
    }

    /// Begins the sources whose first bar closes now.
    fn begin_sources(&mut self, engine: &Inner, bars: &[(FrameId, Bar)], instant: Ts) {
        let mut begun = false;
        for f in engine.program.sources() {
            if self.machine.frames[f].started {
                continue;
            }
            let Some((_, bar)) = bars.get(self.cursors[f]) else { continue };
            let interval = engine.program.frames[f].interval;
            let row = interval.index_of(bar.open_time);
            if interval.close_of(row) == instant {
                self.machine.start(&engine.program, f, row);
                self.settling.start(f, row);
                begun = true;
            }
        }
        if begun {
            self.set_firsts(engine);
        }
    }

    /// Derives the first rows from where the sources begin.
    pub(crate) fn set_firsts(&mut self, engine: &Inner) {
        let (frames, values) = engine.first_rows(&self.settling.starts);
        self.machine.set_firsts(0, |m| values[engine.program.masks[m].index()].unwrap_or(i64::MAX));
        for (to, first) in self.frame_firsts.iter_mut().zip(frames) {
            *to = first.unwrap_or(i64::MAX);
        }
    }

    /// Writes the inputs of the sources that close a row.
    fn fill(&mut self, engine: &Inner, bars: &[(FrameId, Bar)], outcome: &mut Outcome) {
        for f in engine.program.sources() {
            let (rows, info) = (self.machine.frames[f], &engine.program.frames[f]);
            if rows.count == 0 {
                continue;
            }
            let open = info.interval.open_of(rows.last);
            let cells = match bars.get(self.cursors[f]) {
                Some((_, bar)) if bar.open_time == open => {
                    let (cells, close) = bar_cells(bar);
                    self.closes[f] = close;
                    self.cursors[f] += 1;
                    self.skip_others(f, bars);
                    outcome.bars += 1;
                    cells
                }
                _ => {
                    outcome.gap_rows += 1;
                    gap_cells(info.gap, self.closes[f])
                }
            };
            for &(field, slot) in &info.inputs {
                self.machine.append(&engine.live, slot as usize, 1)[0] = [cells[field.index()]];
            }
        }
    }

    /// Answers a model step.
    fn predict(&mut self, engine: &Inner, id: ModelId, models: &mut [Box<dyn Predict>], faults: &mut PredictFaults) {
        let model = engine.model(id);
        let wanted = self.wants(engine, model);
        let window = &mut self.window[..model.cells()];
        let mut y = NULL;
        if wanted && self.machine.window(model, 0, 0, window) {
            match ask(&mut *models[id.index()], self.symbol, window) {
                Ok(value) => y = value,
                Err(error) => faults.add(id, error),
            }
        }
        self.answer(engine, model.out, y);
    }

    /// True if the newest row is one that a model is asked for: everything it reads has settled.
    pub(crate) fn wants(&mut self, engine: &Inner, model: &ModelInfo) -> bool {
        self.settling.observe(engine, &self.machine, 0, Some(model.value));
        self.machine.frames[model.frame].last >= self.settling.settled_first(engine, model.value)
    }

    /// Hands on the rows that closed.
    fn deliver(&mut self, engine: &Inner, out: &mut dyn RowSink, outcome: &mut Outcome) {
        for (f, info) in engine.program.frames.iter().enumerate() {
            let rows = self.machine.frames[f];
            if rows.count == 0 || info.outputs.is_empty() || rows.last < self.frame_firsts[f] {
                continue;
            }
            self.row.clear();
            for &(_, operand) in &info.outputs {
                self.row.push(self.machine.newest(operand, 1)[0][0]);
            }
            let warm = Warm::new(rows.last, self.settling.warm_from(info));
            out.row(FrameId::new(f), info.interval.open_of(rows.last), &self.row, warm);
            outcome.rows += 1;
        }
    }
}
