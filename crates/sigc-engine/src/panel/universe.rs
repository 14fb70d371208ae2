//! A universe through the panel driver: every group takes the same tile, up to the same step.
//!
//! A group runs until an op over the universe and waits there; when all have come, the op is computed row by row over
//! the cells of all groups, and they go on. What is held is the state of every group and one tile of rows: as much as
//! the universe needs live, and no column of it. Threads share the groups between two such ops.

use super::group::{Group, Span, Tile};
use super::{PanelInput, PanelOptions};
use crate::engine::{Engine, LANES};
use crate::machine::Cross;
use crate::ops::cross;
use crate::{EngineError, Predict};

/// A thread's models.
type Models = Vec<Box<dyn Predict>>;

/// A group and its rows of the tile.
struct Part<'a> {
    group: Group<'a>,
    tile: Tile,
}

/// Computes all tiles; `deliver` gets those of one stretch of time group by group.
pub(super) fn run(
    engine: &Engine,
    inputs: &[PanelInput<'_>],
    models: &(dyn Fn() -> Models + Sync),
    options: PanelOptions,
    deliver: &mut dyn FnMut(&Tile) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let span = Span::of(&engine.inner, inputs)?;
    let mut parts = Vec::new();
    for lanes in inputs.chunks(LANES) {
        let group = Group::new(&engine.inner, lanes, options.only_warm_models, Some(span))?;
        parts.push(Part { group, tile: Tile::default() });
    }
    let threads = options.threads.clamp(1, parts.len().max(1));
    let mut models: Vec<Models> = (0..threads).map(|_| models()).collect();
    for set in &models {
        engine.inner.check_models(set.len())?;
    }
    let mut scratch = Scratch::default();
    while begin(&mut parts, &mut models)? {
        loop {
            let at = parts.iter().filter_map(|p| p.group.waits()).min_by_key(|(place, _)| *place);
            let Some((place, step)) = at else { break };
            let is_here = |p: &Part<'_>| p.group.waits().is_some_and(|(at, _)| at == place);
            scratch.cross(&step, &mut parts, is_here);
            each(&mut parts, &mut models, |part, models| {
                if is_here(part) {
                    part.group.run(models, &mut part.tile);
                }
                Ok(())
            })?;
        }
        each(&mut parts, &mut models, |part, _| {
            part.group.finish(&mut part.tile);
            Ok(())
        })?;
        for part in &parts {
            deliver(&part.tile)?;
        }
    }
    Ok(())
}

/// Begins a tile and runs it up to the first op over the universe; false if there is none.
fn begin(parts: &mut [Part<'_>], models: &mut [Models]) -> Result<bool, EngineError> {
    let mut more = false;
    for part in parts.iter_mut() {
        more |= part.group.begin(&mut part.tile)?;
    }
    if more {
        each(parts, models, |part, models| {
            part.group.run(models, &mut part.tile);
            Ok(())
        })?;
    }
    Ok(more)
}

/// Does something with every part, on as many threads as there are sets of models.
fn each<'a>(
    parts: &mut [Part<'a>],
    models: &mut [Models],
    work: impl Fn(&mut Part<'a>, &mut [Box<dyn Predict>]) -> Result<(), EngineError> + Sync,
) -> Result<(), EngineError> {
    if let [models] = models {
        return parts.iter_mut().try_for_each(|part| work(part, models));
    }
    let share = parts.len().div_ceil(models.len()).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let threads = parts
            .chunks_mut(share)
            .zip(models)
            .map(|(parts, models)| scope.spawn(move || parts.iter_mut().try_for_each(|part| work(part, models))));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().try_for_each(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Room for one row of the universe.
#[derive(Default)]
struct Scratch {
    cells: Vec<f64>,
    values: Vec<f64>,
    order: Vec<u32>,
}

impl Scratch {
    /// Computes an op over all groups that have come to it; the others have no row of its frame in this tile.
    fn cross(&mut self, step: &Cross, parts: &mut [Part<'_>], is_here: impl Fn(&Part<'_>) -> bool) {
        for part in parts.iter_mut().filter(|p| is_here(p)) {
            part.group.open_crossed(step);
        }
        let rows = || parts.iter().filter(|p| is_here(p)).filter_map(|p| p.group.rows(step.frame));
        let (Some(from), Some(to)) = (rows().map(|r| r.0).min(), rows().map(|r| r.1).max()) else { return };
        for row in from..=to {
            self.cells.clear();
            for part in parts.iter() {
                part.group.crossed(step, row, &mut self.cells);
            }
            self.values.resize(self.cells.len(), sigc_market::NULL);
            cross::kernel(step.f, &self.cells, &mut self.order, &mut self.values);
            let mut rest = self.values.as_slice();
            for part in parts.iter_mut() {
                let (values, others) = rest.split_at(part.group.n_lanes());
                rest = others;
                if is_here(part) {
                    part.group.take_crossed(step, row, values);
                }
            }
        }
    }
}
