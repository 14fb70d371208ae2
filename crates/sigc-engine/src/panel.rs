//! Many symbols over many bars: groups of lanes side by side, a tile of rows at a time.
//!
//! Where no op is over the universe:
//! Reads the bars of each symbol; hands on, per symbol and frame, blocks of columns. Lanes of a group share a grid:
//! where one has not begun or has ended its inputs are null, and no row of it is handed on. Groups are independent,
//! so threads take them in rounds. Rows of one symbol come in order whatever the number of threads; symbols of one
//! round are interleaved by tile, in the order given. With such ops all groups go through a tile together, see
//! [`universe`], and each symbol is complete up to the last close of any.

mod columns;
mod group;
mod universe;

pub use columns::Columns;

use crate::engine::{Engine, LANES};
use crate::{EngineError, Predict, PredictFaults};
use group::{Group, Tile};
use sigc_market::Bar;
use sigc_plan::FrameId;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Tiles that a thread may be ahead of the sink: enough that neither waits for the other's every tile.
const TILES_AHEAD: usize = 4;

/// How to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PanelOptions {
    /// Threads that compute; 0 counts as 1, which is the caller's own.
    pub threads: usize,
    /// Asks models for warm rows only, as the live driver does; otherwise for every window without null.
    pub only_warm_models: bool,
}

impl Default for PanelOptions {
    fn default() -> Self {
        PanelOptions { threads: 1, only_warm_models: true }
    }
}

/// The bars of one symbol.
#[derive(Debug, Clone, Copy)]
pub struct PanelInput<'a> {
    /// The position in the universe, which models and the sink are told.
    pub symbol_index: usize,
    /// Each source's bars, oldest first. The latest close among them is the instant up to which all are complete; the
    /// latest close of any symbol where an op is over the universe.
    pub bars: &'a [(FrameId, &'a [Bar])],
}

/// Takes the rows of a panel, column by column.
pub trait PanelSink {
    /// Rows `first_row..` of one symbol and frame, behind those it was given before. `columns` are the frame's output
    /// columns in the order asked for, null as NaN; `warm_from` tells for each of them the first row whose cell may be
    /// used, which is behind the block's if there is none yet.
    ///
    /// # Errors
    /// Whatever keeps it from taking them; the run ends with it.
    fn block(
        &mut self,
        symbol_index: usize,
        frame: FrameId,
        first_row: i64,
        columns: &[&[f64]],
        warm_from: &[i64],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PanelStats {
    /// Bars taken.
    pub bars: u64,
    /// Rows of sources that had no bar.
    pub gap_rows: u64,
    /// Rows handed to the sink.
    pub rows: u64,
    /// Predictions that failed; their cells are null.
    pub predict: PredictFaults,
}

impl PanelStats {
    fn add(&mut self, other: PanelStats) {
        self.bars += other.bars;
        self.gap_rows += other.gap_rows;
        self.rows += other.rows;
        self.predict.merge(other.predict);
    }
}

/// Computes all rows of all symbols. `models` makes the plan's models, once per thread; `progress` is told bars done
/// and in total.
///
/// # Errors
/// Bars as [`Live::step`](crate::Live::step) refuses them, too few models, part of a universe where an op is over all of
/// it, a sink that fails. Rows handed on before stay handed on.
pub fn run_panel(
    engine: &Engine,
    inputs: &[PanelInput],
    models: &(dyn Fn() -> Vec<Box<dyn Predict>> + Sync),
    options: PanelOptions,
    sink: &mut dyn PanelSink,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<PanelStats, EngineError> {
    let total = inputs.iter().flat_map(|i| i.bars).map(|(_, bars)| bars.len()).sum();
    let mut delivery = Delivery { engine, sink, progress, total, stats: PanelStats::default() };
    if engine.is_over_universe() {
        engine.inner.check_universe(inputs.iter().map(|i| i.symbol_index))?;
        universe::run(engine, inputs, models, options, &mut |tile| delivery.take(tile))?;
        return Ok(delivery.stats);
    }
    let groups: Vec<&[PanelInput]> = inputs.chunks(LANES).collect();
    let threads = options.threads.clamp(1, groups.len().max(1));
    if threads == 1 {
        let mut models = models();
        engine.inner.check_models(models.len())?;
        let mut tile = Tile::default();
        for lanes in groups {
            let mut group = Group::new(&engine.inner, lanes, options.only_warm_models, None)?;
            while group.next(&mut models, &mut tile)? {
                delivery.take(&tile)?;
            }
        }
        return Ok(delivery.stats);
    }
    std::thread::scope(|scope| {
        let mut workers: Vec<Worker> = Vec::with_capacity(threads);
        for first in 0..threads {
            let (to, full) = sync_channel::<Message>(TILES_AHEAD);
            let (back, empty) = sync_channel::<Tile>(TILES_AHEAD + 2);
            let mine: Vec<&[PanelInput]> = groups.iter().copied().skip(first).step_by(threads).collect();
            scope.spawn(move || work(engine, &mine, models, options, &to, &empty));
            workers.push(Worker { full, back });
        }
        for round in groups.chunks(threads) {
            let mut open: Vec<&Worker> = workers.iter().take(round.len()).collect();
            while !open.is_empty() {
                let mut still = Vec::with_capacity(open.len());
                for worker in open {
                    match worker.full.recv() {
                        Ok(Message::Tile(tile)) => {
                            delivery.take(&tile)?;
                            // A full or closed way back only costs an allocation.
                            let _ = worker.back.try_send(tile);
                            still.push(worker);
                        }
                        Ok(Message::Failed(error)) => return Err(error),
                        Ok(Message::Done) | Err(_) => {}
                    }
                }
                open = still;
            }
        }
        Ok(delivery.stats)
    })
}

struct Worker {
    full: Receiver<Message>,
    back: SyncSender<Tile>,
}

enum Message {
    Tile(Tile),
    /// The group has no more rows.
    Done,
    Failed(EngineError),
}

/// Computes groups one after the other, until the receiver is gone.
fn work(
    engine: &Engine,
    groups: &[&[PanelInput]],
    models: &(dyn Fn() -> Vec<Box<dyn Predict>> + Sync),
    options: PanelOptions,
    to: &SyncSender<Message>,
    empty: &Receiver<Tile>,
) {
    let run = || -> Result<(), EngineError> {
        let mut models = models();
        engine.inner.check_models(models.len())?;
        for lanes in groups {
            let mut group = Group::new(&engine.inner, lanes, options.only_warm_models, None)?;
            loop {
                let mut tile = empty.try_recv().unwrap_or_default();
                let more = group.next(&mut models, &mut tile)?;
                let message = if more { Message::Tile(tile) } else { Message::Done };
                if to.send(message).is_err() {
                    return Ok(());
                }
                if !more {
                    break;
                }
            }
        }
        Ok(())
    };
    if let Err(error) = run() {
        let _ = to.send(Message::Failed(error));
    }
}

/// Hands tiles to the sink and counts.
struct Delivery<'a> {
    engine: &'a Engine,
    sink: &'a mut dyn PanelSink,
    progress: &'a mut dyn FnMut(usize, usize),
    total: usize,
    stats: PanelStats,
}

impl Delivery<'_> {
    fn take(&mut self, tile: &Tile) -> Result<(), EngineError> {
        let frames = &self.engine.inner.program.frames;
        let mut rows = 0;
        let mut columns: Vec<&[f64]> = Vec::new();
        for block in &tile.blocks {
            let width = frames[block.frame].outputs.len();
            columns.clear();
            columns.extend((0..width).map(|c| &tile.cells[block.cells + c * block.rows..][..block.rows]));
            let warm_from = &tile.warm_from[block.warm_from..][..width];
            self.sink
                .block(block.symbol, FrameId::new(block.frame), block.first_row, &columns, warm_from)
                .map_err(EngineError::Sink)?;
            rows += block.rows as u64;
        }
        self.stats.add(PanelStats { rows, ..tile.stats.clone() });
        (self.progress)(self.stats.bars as usize, self.total);
        Ok(())
    }
}
