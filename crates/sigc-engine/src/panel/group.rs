//! A group of lanes: its bars in, its tiles out.

use super::{PanelInput, PanelStats};
use crate::engine::{Inner, LANES, TILE};
use crate::machine::{Cross, Cursor, Machine, Stop};
use crate::ops::finite;
use crate::predict::Batch;
use crate::program::FrameInfo;
use crate::source::{self, LONGEST_GAP, bar_cells, bar_error, gap_cells};
use crate::warmth::Settling;
use crate::{BarFault, EngineError, Predict};
use sigc_market::{Bar, Interval, N_FIELDS, NULL, Ts};
use sigc_plan::{Gap, ModelId};

/// Rows of one run, ready for the sink.
#[derive(Debug, Default)]
pub(crate) struct Tile {
    pub(crate) cells: Vec<f64>,
    pub(crate) warm_from: Vec<i64>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) stats: PanelStats,
}

/// One symbol's rows of one frame: `rows` cells per column from `cells` on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    pub(crate) symbol: usize,
    pub(crate) frame: usize,
    pub(crate) first_row: i64,
    pub(crate) rows: usize,
    pub(crate) cells: usize,
    /// Where the first warm row of each column stands.
    pub(crate) warm_from: usize,
}

/// One symbol of a group.
struct Lane<'a> {
    symbol: usize,
    settling: Settling,
    /// Per frame, the first row; `i64::MAX` if there is none.
    firsts: Vec<i64>,
    /// Per frame, the last row; `i64::MIN` if there is none.
    lasts: Vec<i64>,
    sources: Vec<SourceBars<'a>>,
}

/// The bars of one source that are still to come.
struct SourceBars<'a> {
    frame: usize,
    rest: &'a [Bar],
    first: i64,
    last: i64,
    close: f64,
}

/// Up to [`LANES`] symbols on their way through time.
pub(crate) struct Group<'a> {
    engine: &'a Inner,
    machine: Machine<LANES>,
    lanes: Vec<Lane<'a>>,
    only_warm_models: bool,
    /// Earliest start of each source over the lanes, until it has begun.
    starts: Vec<Option<i64>>,
    /// The source frame whose rows make a tile.
    finest: usize,
    next_row: i64,
    end: Ts,
    cursor: Cursor,
    /// The op over the universe that the run waits at.
    waits: Option<Cross>,
    batch: Batch<(usize, usize)>,
}

/// The instants that a run covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first open time; `None` without any bar.
    pub(crate) from: Option<Ts>,
    /// The end, up to which all sources are complete.
    pub(crate) end: Ts,
}

impl Span {
    /// From the first bar to the last close.
    pub(crate) fn of(engine: &Inner, inputs: &[PanelInput<'_>]) -> Result<Span, EngineError> {
        let mut span = Span { from: None, end: Ts(i64::MIN) };
        for input in inputs {
            for &(frame, bars) in input.bars {
                let info = engine.program.frames.get(frame.index()).filter(|i| i.parent.is_none());
                let (Some(info), Some(first), Some(last)) = (info, bars.first(), bars.last()) else { continue };
                let row_of = |bar: &Bar| {
                    let row = source::row_of(info.interval, bar.open_time);
                    row.map_err(|fault| bar_error(input.symbol_index, frame.index(), bar.open_time, fault))
                };
                row_of(first)?;
                if info.used {
                    span.from = Some(span.from.map_or(first.open_time, |t| t.min(first.open_time)));
                }
                span.end = span.end.max(info.interval.close_of(row_of(last)?));
            }
        }
        Ok(span)
    }
}

impl<'a> Group<'a> {
    /// Over the bars of up to [`LANES`] symbols; each of them up to its own end, or to that of the universe.
    pub(crate) fn new(
        engine: &'a Inner,
        inputs: &[PanelInput<'a>],
        only_warm_models: bool,
        universe: Option<Span>,
    ) -> Result<Group<'a>, EngineError> {
        let frames = &engine.program.frames;
        let until = universe.map(|span| span.end);
        let lanes = inputs.iter().map(|i| Lane::new(engine, i, until)).collect::<Result<Vec<_>, _>>()?;
        let mut starts = vec![None; frames.len()];
        for source in lanes.iter().flat_map(|l| &l.sources) {
            let start: &mut Option<i64> = &mut starts[source.frame];
            *start = Some(start.map_or(source.first, |s| s.min(source.first)));
        }
        let finest = engine.program.sources().min_by_key(|&f| frames[f].interval.max_millis()).unwrap_or(0);
        let opens = (0..frames.len()).filter_map(|f| starts[f].map(|row| frames[f].interval.open_of(row)));
        let ends = lanes.iter().flat_map(|l| l.sources.iter().map(|s| frames[s.frame].interval.close_of(s.last)));
        let own = Span { from: opens.min(), end: ends.max().unwrap_or(Ts(i64::MIN)) };
        let Span { from, end } = universe.unwrap_or(own);
        let grid = frames.get(finest).map(|f| f.interval);
        let next_row = grid.zip(from).map_or(0, |(grid, open)| grid.index_of(open));
        let mut machine = Machine::new(&engine.program, &engine.panel);
        for (l, lane) in lanes.iter().enumerate() {
            let (_, values) = engine.first_rows(&lane.settling.starts);
            machine.set_firsts(l, |m| values[engine.program.masks[m].index()].unwrap_or(i64::MAX));
        }
        for l in lanes.len()..LANES {
            machine.set_firsts(l, |_| i64::MIN);
        }
        let (cursor, waits, batch) = (Cursor::default(), None, Batch::new());
        Ok(Group { engine, machine, lanes, only_warm_models, starts, finest, next_row, end, cursor, waits, batch })
    }

    /// Computes the next tile; false if there is none.
    pub(crate) fn next(&mut self, models: &mut [Box<dyn Predict>], tile: &mut Tile) -> Result<bool, EngineError> {
        if !self.begin(tile)? {
            return Ok(false);
        }
        self.run(models, tile);
        self.finish(tile);
        Ok(true)
    }

    /// Begins the next tile; false if there is none.
    pub(crate) fn begin(&mut self, tile: &mut Tile) -> Result<bool, EngineError> {
        let engine = self.engine;
        tile.warm_from.clear();
        tile.blocks.clear();
        tile.stats = PanelStats::default();
        let Some(grid) = engine.program.frames.get(self.finest).map(|f| f.interval) else { return Ok(false) };
        if grid.open_of(self.next_row) >= self.end {
            return self.check_all_taken().map(|()| false);
        }
        let until = grid.open_of(self.next_row + TILE as i64).min(self.end);
        self.next_row += TILE as i64;
        for f in 0..self.starts.len() {
            if let Some(row) = self.starts[f]
                && engine.program.frames[f].interval.close_of(row) <= until
            {
                self.machine.start(&engine.program, f, row);
                self.starts[f] = None;
            }
        }
        self.machine.advance(&engine.program, until);
        self.fill(&mut tile.stats)?;
        self.cursor = Cursor::default();
        Ok(true)
    }

    /// Runs the steps of the tile up to one over the universe, or to the end.
    pub(crate) fn run(&mut self, models: &mut [Box<dyn Predict>], tile: &mut Tile) {
        let engine = self.engine;
        self.waits = None;
        while let Some(stop) = self.machine.run(&engine.program, &engine.panel, &mut self.cursor) {
            match stop {
                Stop::Model(model) => self.predict(model, models, &mut tile.stats),
                Stop::Cross(step) => {
                    self.waits = Some(step);
                    return;
                }
            }
        }
    }

    /// Ends the tile: its rows are handed over.
    pub(crate) fn finish(&mut self, tile: &mut Tile) {
        for (l, lane) in self.lanes.iter_mut().enumerate() {
            lane.settling.finish(self.engine, &self.machine, l);
        }
        self.collect(tile);
    }

    /// The op over the universe that the run waits at, and its place among the steps.
    pub(crate) fn waits(&self) -> Option<(usize, Cross)> {
        self.waits.map(|step| (self.cursor.step(), step))
    }

    /// First and last row of a frame in this tile.
    pub(crate) fn rows(&self, frame: u32) -> Option<(i64, i64)> {
        let rows = self.machine.frames[frame as usize];
        (rows.count > 0).then(|| (rows.first(), rows.last))
    }

    /// What an op over the universe reads of each symbol in one row; null where a symbol has no such row.
    pub(crate) fn crossed(&self, step: &Cross, row: i64, to: &mut Vec<f64>) {
        let (f, rows) = (step.frame as usize, self.machine.frames[step.frame as usize]);
        let here = rows.count > 0 && (rows.first()..=rows.last).contains(&row);
        let cells = here.then(|| self.machine.newest(step.x, rows.count)[(row - rows.first()) as usize]);
        for (l, lane) in self.lanes.iter().enumerate() {
            let has = (lane.firsts[f]..=lane.lasts[f]).contains(&row);
            to.push(cells.filter(|_| has).map_or(NULL, |cells| cells[l]));
        }
    }

    /// Makes room for what an op over the universe comes to.
    pub(crate) fn open_crossed(&mut self, step: &Cross) {
        let rows = self.machine.frames[step.frame as usize];
        self.machine.append(&self.engine.panel, step.out as usize, rows.count).fill([NULL; LANES]);
    }

    /// Writes one row of it.
    pub(crate) fn take_crossed(&mut self, step: &Cross, row: i64, values: &[f64]) {
        let rows = self.machine.frames[step.frame as usize];
        if rows.count > 0 && (rows.first()..=rows.last).contains(&row) {
            let at = (row - rows.first()) as usize;
            let to = &mut self.machine.newest_mut(step.out as usize, rows.count)[at];
            // Lanes without a symbol do as the first one: see `fill`.
            *to = [values[0]; LANES];
            to[..values.len()].copy_from_slice(values);
        }
    }

    /// How many symbols it has.
    pub(crate) fn n_lanes(&self) -> usize {
        self.lanes.len()
    }

    /// A bar that is left over was not in order.
    fn check_all_taken(&self) -> Result<(), EngineError> {
        for lane in &self.lanes {
            if let Some((source, bar)) = lane.sources.iter().find_map(|s| Some((s, s.rest.first()?))) {
                return Err(bar_error(lane.symbol, source.frame, bar.open_time, BarFault::Order));
            }
        }
        Ok(())
    }

    /// Writes the inputs of all lanes, gaps filled.
    fn fill(&mut self, stats: &mut PanelStats) -> Result<(), EngineError> {
        let (engine, machine) = (self.engine, &mut self.machine);
        for f in engine.program.sources() {
            let (rows, info) = (machine.frames[f], &engine.program.frames[f]);
            if rows.count == 0 {
                continue;
            }
            for &(_, slot) in &info.inputs {
                machine.append(&engine.panel, slot as usize, rows.count).fill([NULL; LANES]);
            }
            for (l, lane) in self.lanes.iter_mut().enumerate() {
                let Some(source) = lane.sources.iter_mut().find(|s| s.frame == f) else { continue };
                let (from, to) = (rows.first().max(source.first), rows.last.min(source.last));
                if from > to {
                    continue;
                }
                let (skip, n) = ((from - rows.first()) as usize, (to - from + 1) as usize);
                let Some(bars) = source.take_gapless(info.interval, from, n) else {
                    let cells = source.take(info, from, n, stats);
                    let cells = cells.map_err(|(open_time, fault)| bar_error(lane.symbol, f, open_time, fault))?;
                    for &(field, slot) in &info.inputs {
                        let to = &mut machine.newest_mut(slot as usize, rows.count)[skip..];
                        for (to, cells) in to.iter_mut().zip(&cells) {
                            to[l] = cells[field.index()];
                        }
                    }
                    continue;
                };
                stats.bars += n as u64;
                for &(field, slot) in &info.inputs {
                    let to = &mut machine.newest_mut(slot as usize, rows.count)[skip..];
                    for (to, bar) in to.iter_mut().zip(bars) {
                        to[l] = finite(bar.values[field.index()]);
                    }
                }
            }
            // Lanes without a symbol do as the first one, so that they are at no other stage of a seed.
            for &(_, slot) in &info.inputs {
                for row in machine.newest_mut(slot as usize, rows.count) {
                    let first = row[0];
                    row[self.lanes.len()..].fill(first);
                }
            }
        }
        Ok(())
    }

    /// Answers a model step for every lane and row.
    fn predict(&mut self, id: ModelId, models: &mut [Box<dyn Predict>], stats: &mut PanelStats) {
        let engine = self.engine;
        let (model, predict) = (engine.model(id), &mut *models[id.index()]);
        let rows = self.machine.frames[model.frame];
        let out = model.out as usize;
        self.machine.append(&engine.panel, out, rows.count).fill([NULL; LANES]);
        let (machine, batch) = (&mut self.machine, &mut self.batch);
        let mut ask = |machine: &mut Machine<LANES>, batch: &mut Batch<(usize, usize)>| {
            batch.ask(predict, |(i, l), y| match y {
                Ok(y) => machine.newest_mut(out, rows.count)[i][l] = y,
                Err(error) => stats.predict.add(id, error),
            });
        };
        for (l, lane) in self.lanes.iter_mut().enumerate() {
            lane.settling.observe(engine, machine, l, Some(model.value));
            let from = if self.only_warm_models { lane.settling.settled_first(engine, model.value) } else { i64::MIN };
            let to = lane.lasts[model.frame];
            for (i, row) in (rows.first()..=rows.last).enumerate() {
                if row >= from && row <= to {
                    let back = rows.count - 1 - i;
                    batch.add((i, l), lane.symbol, model.cells(), |to| machine.window(model, back, l, to));
                }
                if batch.is_full() {
                    ask(machine, batch);
                }
            }
        }
        ask(machine, batch);
    }

    /// Turns the outputs from rows of lanes into columns of symbols.
    fn collect(&self, tile: &mut Tile) {
        let mut used = 0;
        for (f, info) in self.engine.program.frames.iter().enumerate() {
            let rows = self.machine.frames[f];
            if rows.count == 0 || info.outputs.is_empty() {
                continue;
            }
            let firsts = tile.blocks.len();
            for lane in &self.lanes {
                let (from, to) = (rows.first().max(lane.firsts[f]), rows.last.min(lane.lasts[f]));
                let n = if from <= to { (to - from + 1) as usize } else { 0 };
                let warm_from = tile.warm_from.len();
                let (symbol, cells) = (lane.symbol, used);
                tile.blocks.push(Block { symbol, frame: f, first_row: from, rows: n, cells, warm_from });
                used += n * info.outputs.len();
                tile.warm_from.extend(lane.settling.warm_from(info));
            }
            // Every cell in use is written below: an old tile's need not be cleared.
            tile.cells.resize(tile.cells.len().max(used), NULL);
            for (c, &(_, operand)) in info.outputs.iter().enumerate() {
                let source = self.machine.newest(operand, rows.count);
                for (l, block) in tile.blocks[firsts..].iter().enumerate().filter(|(_, b)| b.rows > 0) {
                    let skip = (block.first_row - rows.first()) as usize;
                    let to = &mut tile.cells[block.cells + c * block.rows..][..block.rows];
                    for (to, from) in to.iter_mut().zip(&source[skip..]) {
                        *to = from[l];
                    }
                }
            }
            tile.blocks.retain(|b| b.rows > 0);
        }
    }
}

impl<'a> SourceBars<'a> {
    /// The next `n` bars, if they are the rows from `from` on without a gap.
    fn take_gapless(&mut self, interval: Interval, from: i64, n: usize) -> Option<&'a [Bar]> {
        let (bars, rest) = self.rest.split_at_checked(n)?;
        if !bars.iter().zip(from..).all(|(bar, row)| bar.open_time == interval.open_of(row)) {
            return None;
        }
        self.rest = rest;
        self.close = bar_cells(&bars[n - 1]).1;
        Some(bars)
    }

    /// The cells of `n` rows, gaps filled; refuses a gap where the data step halts, and a bar that is no later row.
    fn take(
        &mut self,
        info: &FrameInfo,
        from: i64,
        n: usize,
        stats: &mut PanelStats,
    ) -> Result<Vec<[f64; N_FIELDS]>, (Ts, BarFault)> {
        let mut cells = Vec::with_capacity(n);
        for row in from..from + n as i64 {
            let open = info.interval.open_of(row);
            match self.rest.split_first() {
                Some((bar, rest)) if bar.open_time == open => {
                    let (bar, close) = bar_cells(bar);
                    (self.rest, self.close) = (rest, close);
                    stats.bars += 1;
                    cells.push(bar);
                }
                next => {
                    if let Some((bar, _)) = next {
                        match source::row_of(info.interval, bar.open_time) {
                            Err(fault) => return Err((bar.open_time, fault)),
                            Ok(k) if k < row => return Err((bar.open_time, BarFault::Order)),
                            Ok(k) if k - row > LONGEST_GAP => return Err((open, BarFault::Far)),
                            Ok(_) => {}
                        }
                    }
                    if info.gap == Gap::Halt {
                        return Err((open, BarFault::Missing));
                    }
                    stats.gap_rows += 1;
                    cells.push(gap_cells(info.gap, self.close));
                }
            }
        }
        Ok(cells)
    }
}

impl<'a> Lane<'a> {
    fn new(engine: &Inner, input: &PanelInput<'a>, until: Option<Ts>) -> Result<Lane<'a>, EngineError> {
        let frames = &engine.program.frames;
        let symbol = input.symbol_index;
        let mut settling = Settling::new(engine);
        let mut sources: Vec<SourceBars<'a>> = Vec::new();
        let mut end = Ts(i64::MIN);
        for &(frame, bars) in input.bars {
            let f = frame.index();
            let Some(info) = frames.get(f).filter(|i| i.parent.is_none()) else {
                return Err(EngineError::NotASource(frame));
            };
            let (Some(first), Some(last)) = (bars.first(), bars.last()) else { continue };
            let row_of = |bar: &Bar| {
                source::row_of(info.interval, bar.open_time).map_err(|fault| bar_error(symbol, f, bar.open_time, fault))
            };
            let (first, last) = (row_of(first)?, row_of(last)?);
            end = end.max(info.interval.close_of(last));
            if info.used {
                settling.start(f, first);
                sources.push(SourceBars { frame: f, rest: bars, first, last, close: NULL });
            }
        }
        // Complete up to the lane's end: what is missing there is a gap as well.
        end = until.map_or(end, |until| end.max(until));
        for source in &mut sources {
            let interval = frames[source.frame].interval;
            let last = interval.last_closed(end);
            if last - source.last > LONGEST_GAP {
                let open_time = interval.open_of(source.last + 1);
                return Err(bar_error(symbol, source.frame, open_time, BarFault::Far));
            }
            source.last = source.last.max(last);
        }
        let (firsts, _) = engine.first_rows(&settling.starts);
        let last_of = |i: Interval| if sources.is_empty() { i64::MIN } else { i.last_closed(end) };
        let lasts = frames.iter().map(|f| last_of(f.interval)).collect();
        Ok(Lane {
            symbol,
            firsts: firsts.into_iter().map(|f| f.unwrap_or(i64::MAX)).collect(),
            lasts,
            settling,
            sources,
        })
    }
}
