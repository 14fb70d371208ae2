//! Several symbols, one instant at a time.
//!
//! Takes lanes and the bars of each; gives the rows that close with them, instant by instant, lanes in the order given.
//! Every lane runs until a step that it cannot answer alone, and waits there for the others of its instant: a model is
//! then asked once with all their windows, an op over the universe computed once over all their cells. Which lanes are
//! taken together changes no bit, but for an op over the universe: it needs all of it, or is refused.
//!
//! A lane without a row at an instant (its source has not begun) takes no part in what is computed over the universe.

use crate::engine::{Engine, Inner};
use crate::live::Live;
use crate::machine::{Cross, Cursor, Stop};
use crate::ops::cross;
use crate::predict::Batch;
use crate::{EngineError, Outcome, Predict, RowSink};
use sigc_market::{Bar, NULL, Ts};
use sigc_plan::{FrameId, ModelId};
use std::sync::Arc;

/// One lane's part in a step.
pub struct Turn<'a> {
    /// The lane.
    pub live: &'a mut Live,
    /// Its bars: see [`Live::step`].
    pub bars: &'a [(FrameId, Bar)],
    /// Takes its rows.
    pub out: &'a mut dyn RowSink,
    /// What the step did.
    pub outcome: Outcome,
}

impl<'a> Turn<'a> {
    /// A lane's part before the step.
    pub fn new(live: &'a mut Live, bars: &'a [(FrameId, Bar)], out: &'a mut dyn RowSink) -> Turn<'a> {
        Turn { live, bars, out, outcome: Outcome::default() }
    }
}

/// Steps lanes together; keeps only room for what it computes on the way.
#[derive(Debug, Clone)]
pub struct Together {
    engine: Arc<Inner>,
    runs: Vec<Run>,
    batch: Batch<usize>,
    cells: Vec<f64>,
    values: Vec<f64>,
    order: Vec<u32>,
}

/// How far a lane has come with the steps of an instant.
#[derive(Debug, Clone, Copy)]
struct Run {
    lane: usize,
    cursor: Cursor,
    stop: Option<Stop>,
}

impl Together {
    /// For lanes of an engine.
    pub fn new(engine: &Engine) -> Together {
        Together {
            engine: Arc::clone(&engine.inner),
            runs: Vec::new(),
            batch: Batch::new(),
            cells: Vec::new(),
            values: Vec::new(),
            order: Vec::new(),
        }
    }

    /// Takes a step with every lane: see [`Live::step`]. Where an op is over the universe the lanes are all of it, in
    /// its order.
    ///
    /// # Errors
    /// As [`Live::step`] for any of the lanes, part of a universe, lanes of a universe that are not at one instant.
    /// All lanes are as they were before.
    pub fn step(&mut self, at: Ts, turns: &mut [Turn<'_>], models: &mut [Box<dyn Predict>]) -> Result<(), EngineError> {
        let engine = Arc::clone(&self.engine);
        engine.check_models(models.len())?;
        if engine.program.universe.is_some() {
            engine.check_universe(turns.iter().map(|t| t.live.symbol()))?;
            let reached = |t: &Turn<'_>| t.live.at().unwrap_or(Ts(i64::MIN));
            let first = turns.first().map_or(Ts(i64::MIN), reached);
            if let Some(other) = turns.iter().map(reached).find(|&other| other != first) {
                return Err(EngineError::Apart { first, other });
            }
        }
        for turn in turns.iter_mut() {
            turn.live.check(at, turn.bars)?;
        }
        for turn in turns.iter_mut() {
            turn.live.rewind(&engine, turn.bars);
        }
        while self.open(&engine, at, turns) {
            self.run(&engine, turns, models);
            for run in &self.runs {
                let turn = &mut turns[run.lane];
                turn.live.close(&engine, turn.out, &mut turn.outcome);
            }
        }
        for turn in turns {
            turn.live.at = Some(at);
        }
        Ok(())
    }

    /// Begins the next instant in the lanes that have one; false if there is none.
    fn open(&mut self, engine: &Inner, at: Ts, turns: &mut [Turn<'_>]) -> bool {
        let next = |t: &Turn<'_>| t.live.next_instant(engine, t.bars);
        let Some(instant) = turns.iter().filter_map(next).min().filter(|&t| t <= at) else { return false };
        self.runs.clear();
        for (lane, turn) in turns.iter_mut().enumerate() {
            if turn.live.next_instant(engine, turn.bars) == Some(instant) {
                turn.live.open(engine, turn.bars, instant, &mut turn.outcome);
                self.runs.push(Run { lane, cursor: Cursor::default(), stop: None });
            }
        }
        true
    }

    /// Runs the steps of the instant.
    fn run(&mut self, engine: &Inner, turns: &mut [Turn<'_>], models: &mut [Box<dyn Predict>]) {
        for run in &mut self.runs {
            let machine = &mut turns[run.lane].live.machine;
            run.stop = machine.run(&engine.program, &engine.live, &mut run.cursor);
        }
        // Steps stand in one order for all lanes: nobody comes back to the earliest one that somebody waits at.
        let waiting = |runs: &[Run]| runs.iter().filter(|r| r.stop.is_some()).map(|r| r.cursor.step()).min();
        while let Some(step) = waiting(&self.runs) {
            let is_here = |run: &Run| run.stop.is_some() && run.cursor.step() == step;
            match self.runs.iter().find(|r| is_here(r)).and_then(|r| r.stop) {
                Some(Stop::Model(model)) => self.predict(engine, model, is_here, turns, models),
                Some(Stop::Cross(step)) => self.cross(engine, &step, is_here, turns),
                None => return,
            }
            for run in self.runs.iter_mut().filter(|r| is_here(r)) {
                let machine = &mut turns[run.lane].live.machine;
                run.stop = machine.run(&engine.program, &engine.live, &mut run.cursor);
            }
        }
    }

    /// Asks a model about all lanes that wait for it.
    fn predict(
        &mut self,
        engine: &Inner,
        id: ModelId,
        is_here: impl Fn(&Run) -> bool,
        turns: &mut [Turn<'_>],
        models: &mut [Box<dyn Predict>],
    ) {
        let (model, predict) = (engine.model(id), &mut models[id.index()]);
        let batch = &mut self.batch;
        for run in self.runs.iter().filter(|r| is_here(r)) {
            let live = &mut *turns[run.lane].live;
            let wanted = live.wants(engine, model);
            live.answer(engine, model.out, NULL);
            if wanted {
                batch.add(run.lane, live.symbol, model.cells(), |to| live.machine.window(model, 0, 0, to));
            }
            if batch.is_full() {
                answer(batch, &mut **predict, id, model.out, turns);
            }
        }
        answer(batch, &mut **predict, id, model.out, turns);
    }

    /// Computes an op over the universe: those that are not here have no row.
    fn cross(&mut self, engine: &Inner, step: &Cross, is_here: impl Fn(&Run) -> bool, turns: &mut [Turn<'_>]) {
        let here = || self.runs.iter().filter(|r| is_here(r));
        self.cells.clear();
        self.cells.extend(here().map(|run| turns[run.lane].live.crossed(step)));
        self.values.clear();
        self.values.resize(self.cells.len(), NULL);
        cross::kernel(step.f, &self.cells, &mut self.order, &mut self.values);
        for (run, &y) in here().zip(&self.values) {
            turns[run.lane].live.answer(engine, step.out, y);
        }
    }
}

/// Brings the answers of a batch to their lanes, which hold a null in their place.
fn answer(batch: &mut Batch<usize>, predict: &mut dyn Predict, id: ModelId, slot: u32, turns: &mut [Turn<'_>]) {
    batch.ask(predict, |lane, y| match y {
        Ok(y) => turns[lane].live.machine.newest_mut(slot as usize, 1)[0] = [y],
        Err(error) => turns[lane].outcome.predict.add(id, error),
    });
}
