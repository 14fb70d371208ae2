//! The state of `W` lanes and the run of a program over it: what both drivers share.
//!
//! All cells lie in one block, slot after slot, each row `W` cells wide. A slot holds the history its consumers look
//! back on and, behind it, new rows; when it is full the history moves to its front. So every window is one slice
//! that ends at the newest row.
//!
//! A run covers the instants up to one: [`Machine::advance`] says which rows close, the driver writes the inputs of
//! the sources, [`Machine::run`] executes the steps in the plan's order, each over all its rows. It stops at a model
//! step and at one over the universe, which the driver answers, and goes on from there. Rows of a frame exist from the bucket in which its source
//! begins; the values of that cut bucket are masked.

use crate::cpu::Cpu;
use crate::ops::{aggregate, arg, extreme, linear, pair, present, quantile, rank, row, smooth, sum, trend, var};
use crate::program::{Kernel, ModelInfo, Operand, Program, Step};
use sigc_market::{NULL, Ts};
use sigc_plan::{CrossFn, ModelId};

/// Where the slots lie for runs of up to `tile` rows.
#[derive(Debug)]
pub(crate) struct Layout {
    places: Vec<Place>,
    /// Slots that hold one number, filled once.
    constants: Vec<(u32, f64)>,
    rows: usize,
    tile: usize,
    cpu: Cpu,
}

/// A slot's rows `base..limit` of the block; `base + history` rows are there before the first run.
#[derive(Debug, Clone, Copy)]
struct Place {
    base: u32,
    limit: u32,
    history: u32,
}

impl Layout {
    /// Room for the history, and as much again before it must move.
    pub(crate) fn new(program: &Program, tile: usize, cpu: Cpu) -> Layout {
        let mut rows = 0;
        let places = program.slots.iter().map(|slot| {
            let history = slot.history;
            // A few rows more than a short history, so that it does not move at every bar.
            let room = if history == 0 { tile as u32 } else { history.max(tile as u32).max(8) };
            let place = Place { base: rows, limit: rows + history + room, history };
            rows = place.limit;
            place
        });
        let places = places.collect();
        let constants = program.slots.iter().zip(0..).filter_map(|(slot, i)| Some((i, slot.constant?)));
        Layout { places, constants: constants.collect(), rows: rows as usize, tile, cpu }
    }
}

/// The rows of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rows {
    /// False before the source has begun.
    pub(crate) started: bool,
    /// The newest row.
    pub(crate) last: i64,
    /// When the next one closes.
    pub(crate) next_close: Ts,
    /// Rows of this run.
    pub(crate) count: usize,
}

impl Rows {
    const NONE: Rows = Rows { started: false, last: 0, next_close: Ts(i64::MAX), count: 0 };

    /// The first row of this run.
    pub(crate) fn first(&self) -> i64 {
        self.last + 1 - self.count as i64
    }
}

/// What a run has stopped at, for the driver to answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stop {
    /// A model.
    Model(ModelId),
    /// An op over the universe.
    Cross(Cross),
}

/// A step over the universe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cross {
    pub(crate) f: CrossFn,
    pub(crate) x: Operand,
    pub(crate) out: u32,
    pub(crate) frame: u32,
}

/// Where a run has got to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cursor {
    segment: usize,
    step: usize,
}

impl Cursor {
    /// The step behind the one that the run has stopped at: of two lanes the one with less is to be answered first.
    pub(crate) fn step(&self) -> usize {
        self.step
    }
}

/// The state of `W` lanes.
#[derive(Debug, Clone)]
pub(crate) struct Machine<const W: usize> {
    pub(crate) cells: Vec<[f64; W]>,
    /// Per slot, the row of the block behind its newest.
    pub(crate) ends: Vec<u32>,
    pub(crate) state: Vec<[f64; W]>,
    pub(crate) frames: Vec<Rows>,
    /// Per masked value and lane, its first row.
    firsts: Vec<[i64; W]>,
    /// Per masked value, the latest of them.
    latest: Vec<i64>,
    /// Per frame, the positions of the rows of its parent's run that close its own.
    closings: Vec<Vec<u32>>,
    /// Per join, the other frame's row for each row of the driver's run.
    joined: Vec<Vec<i64>>,
    /// Per frame, the newest row whose bars were not all to be had; see [`crate::Live::unrepaired`].
    pub(crate) broken: Vec<i64>,
}

impl<const W: usize> Machine<W> {
    /// Nothing known yet.
    pub(crate) fn new(program: &Program, layout: &Layout) -> Self {
        let mut cells = vec![[NULL; W]; layout.rows];
        let mut ends: Vec<u32> = layout.places.iter().map(|p| p.base + p.history).collect();
        for &(slot, x) in &layout.constants {
            let place = layout.places[slot as usize];
            cells[place.base as usize..place.limit as usize].fill([x; W]);
            ends[slot as usize] = place.limit;
        }
        Machine {
            cells,
            ends,
            state: vec![[NULL; W]; program.state_rows],
            frames: vec![Rows::NONE; program.frames.len()],
            firsts: vec![[i64::MAX; W]; program.masks.len()],
            latest: vec![i64::MAX; program.masks.len()],
            closings: vec![Vec::with_capacity(layout.tile); program.frames.len()],
            joined: vec![Vec::with_capacity(layout.tile); program.joins.len()],
            broken: vec![i64::MIN; program.frames.len()],
        }
    }

    /// Sets the first rows of the masked values of one lane; `i64::MAX` where it is not known yet.
    pub(crate) fn set_firsts(&mut self, lane: usize, first_of_mask: impl Fn(usize) -> i64) {
        for (m, firsts) in self.firsts.iter_mut().enumerate() {
            firsts[lane] = first_of_mask(m);
            self.latest[m] = firsts.iter().copied().max().unwrap_or(i64::MAX);
        }
    }

    /// A source begins with `first`; the frames made of it begin with the bucket that holds it.
    pub(crate) fn start(&mut self, program: &Program, source: usize, first: i64) {
        self.begin_at(program, source, first);
        for f in source + 1..program.frames.len() {
            let info = &program.frames[f];
            if let Some(p) = info.parent
                && program.root_of(f) == source
                && info.used
            {
                let child_open = program.frames[p].interval.open_of(self.frames[p].last + 1);
                self.begin_at(program, f, info.interval.index_of(child_open));
            }
        }
    }

    fn begin_at(&mut self, program: &Program, f: usize, first: i64) {
        let next_close = program.frames[f].interval.close_of(first);
        self.frames[f] = Rows { started: true, last: first - 1, next_close, count: 0 };
    }

    /// Closes every row up to `at`: at most a tile of them in any frame.
    pub(crate) fn advance(&mut self, program: &Program, at: Ts) {
        for (rows, info) in self.frames.iter_mut().zip(&program.frames) {
            rows.count = 0;
            if at >= rows.next_close {
                // A live run ends at this very close.
                let last = if at == rows.next_close { rows.last + 1 } else { info.interval.last_closed(at) };
                rows.count = (last - rows.last) as usize;
                rows.last = last;
                rows.next_close = info.interval.close_of(last + 1);
            }
        }
        for (f, info) in program.frames.iter().enumerate() {
            if let (Some(p), Rows { count: 1.., .. }) = (info.parent, self.frames[f]) {
                let (own, parent) = (self.frames[f], self.frames[p]);
                let closings = &mut self.closings[f];
                closings.clear();
                for row in own.first()..=own.last {
                    let position = if parent.count == 1 {
                        0
                    } else {
                        program.frames[p].interval.last_closed(info.interval.close_of(row)) - parent.first()
                    };
                    closings.push(position as u32);
                }
            }
        }
        for (joined, join) in self.joined.iter_mut().zip(&program.joins) {
            let (driver, other) = (self.frames[join.driver], self.frames[join.other]);
            let (driver_grid, other_grid) = (program.frames[join.driver].interval, program.frames[join.other].interval);
            joined.clear();
            for row in driver.first()..driver.first() + driver.count as i64 {
                let close = driver_grid.close_of(row);
                let row = if close == at { other.last } else { other_grid.last_closed(close) };
                // The row after the newest is not known yet, which reads as null.
                let apart = join.together && other_grid.close_of(row) != close;
                joined.push(if apart { other.last + 1 } else { row });
            }
        }
    }

    /// Room for `count` new rows of a slot; they become its newest. What they hold is left over.
    #[inline]
    pub(crate) fn append(&mut self, layout: &Layout, slot: usize, count: usize) -> &mut [[f64; W]] {
        let at = self.make_room(layout, slot, count);
        &mut self.cells[at..at + count]
    }

    #[inline(always)]
    fn make_room(&mut self, layout: &Layout, slot: usize, count: usize) -> usize {
        let Place { base, limit, history } = layout.places[slot];
        let mut end = self.ends[slot];
        if end + count as u32 > limit {
            end = self.move_history(base, end, history);
        }
        self.ends[slot] = end + count as u32;
        end as usize
    }

    #[inline(never)]
    fn move_history(&mut self, base: u32, end: u32, history: u32) -> u32 {
        if history > 0 {
            self.cells.copy_within((end - history) as usize..end as usize, base as usize);
        }
        base + history
    }

    /// The newest `count` rows of an operand.
    pub(crate) fn newest(&self, operand: Operand, count: usize) -> &[[f64; W]] {
        let end = (self.ends[operand.slot as usize] - operand.delay) as usize;
        &self.cells[end - count..end]
    }

    /// The newest `count` rows of a slot, to be written.
    pub(crate) fn newest_mut(&mut self, slot: usize, count: usize) -> &mut [[f64; W]] {
        let end = self.ends[slot] as usize;
        &mut self.cells[end - count..end]
    }

    /// Copies a model's window that ends `back` rows before the newest, row-major; false if a cell is null.
    pub(crate) fn window(&self, model: &ModelInfo, back: usize, lane: usize, to: &mut [f64]) -> bool {
        let width = model.inputs.len();
        let mut full = true;
        for (i, &input) in model.inputs.iter().enumerate() {
            let rows = &self.newest(input, model.window + back)[..model.window];
            for (row, cells) in rows.iter().enumerate() {
                to[row * width + i] = cells[lane];
                full &= !cells[lane].is_nan();
            }
        }
        full
    }

    /// Runs steps from the cursor on; stops behind a step that the driver has to answer.
    #[inline]
    pub(crate) fn run(&mut self, program: &Program, layout: &Layout, cursor: &mut Cursor) -> Option<Stop> {
        layout.cpu.run(self, program, layout, cursor)
    }

    /// [`Machine::run`], for [`Cpu::run`] to compile for each CPU.
    #[inline(always)]
    pub(crate) fn run_steps(&mut self, program: &Program, layout: &Layout, cursor: &mut Cursor) -> Option<Stop> {
        while let Some(segment) = program.segments.get(cursor.segment) {
            let count = self.frames[segment.frame as usize].count;
            if count > 0 {
                for at in cursor.step.max(segment.from as usize)..segment.to as usize {
                    let step = &program.steps[at];
                    let stop = match step.kernel {
                        Kernel::Model { model } => Some(Stop::Model(model)),
                        Kernel::Cross { f } => {
                            Some(Stop::Cross(Cross { f, x: step.operands[0], out: step.out, frame: step.frame }))
                        }
                        _ => None,
                    };
                    if stop.is_some() {
                        cursor.step = at + 1;
                        return stop;
                    }
                    if W > 1 || !self.execute_cell(layout, step) {
                        self.execute(layout, step, count);
                    }
                }
            }
            cursor.segment += 1;
        }
        None
    }

    /// One row-wise step of one lane and one row: the same functions without the slices around them. False for
    /// steps that need those.
    #[inline(always)]
    fn execute_cell(&mut self, layout: &Layout, step: &Step) -> bool {
        debug_assert_eq!(layout.tile, 1);
        let cell = |i: usize| {
            let Operand { slot, delay } = step.operands[i];
            self.cells[(self.ends[slot as usize] - delay) as usize - 1][0]
        };
        let y = match step.kernel {
            Kernel::Row1(f) => f.apply(cell(0)),
            Kernel::Row2(f) if step.mask.is_none() => f.apply(cell(0), cell(1)),
            _ => return false,
        };
        let at = self.make_room(layout, step.out as usize, 1);
        self.cells[at] = [y; W];
        true
    }

    /// One step over the rows of the run; `reads` of them in the operands' frame.
    #[inline(always)]
    fn execute(&mut self, layout: &Layout, step: &Step, reads: usize) {
        let rows = self.frames[step.frame as usize];
        let at = self.make_room(layout, step.out as usize, rows.count);
        let (before, rest) = self.cells.split_at_mut(layout.places[step.out as usize].base as usize);
        let at = at - before.len();
        let out = &mut rest[at..at + rows.count];
        let ends = &self.ends;
        let operand = |i: usize, back: u32| -> &[[f64; W]] {
            let Operand { slot, delay } = step.operands[i];
            let end = (ends[slot as usize] - delay) as usize;
            &before[end - reads - back as usize..end]
        };
        let state = &mut self.state[step.state as usize..(step.state + step.state_rows) as usize];
        match step.kernel {
            Kernel::Const(x) => out.fill([x; W]),
            Kernel::Row1(f) => row::row1(f, operand(0, 0), out),
            Kernel::Row2(f) => row::row2(f, operand(0, 0), operand(1, 0), out),
            Kernel::If => row::select(operand(0, 0), operand(1, 0), operand(2, 0), out),
            Kernel::Sum { n, divisor } => {
                sum::kernel(operand(0, n), rows.first(), n as usize, divisor, state, out);
            }
            Kernel::Extreme { n, least } => {
                extreme::kernel(operand(0, n), rows.first(), n as usize, least, state, out);
            }
            Kernel::Present { f, n, min_count } => {
                present::kernel(operand(0, n - 1), f, n as usize, min_count as usize, out);
            }
            Kernel::Var { n, ddof } => var::kernel(operand(0, n), rows.first(), n as usize, ddof, state, out),
            Kernel::Arg { n, least, ties } => arg::kernel(operand(0, n - 1), n as usize, least, ties, state, out),
            Kernel::Rank { n } => rank::kernel(operand(0, n - 1), n as usize, state, out),
            Kernel::Quantile { n, q } => quantile::kernel(operand(0, n), n as usize, q, state, out),
            Kernel::LinearMean { n } => linear::kernel(operand(0, n - 1), n as usize, out),
            Kernel::Slope { n } => trend::slope(operand(0, n - 1), n as usize, state, out),
            Kernel::RSquare { n } => trend::r_square(operand(0, n - 1), n as usize, state, out),
            Kernel::Pair { n, f } => {
                pair::kernel(f, operand(0, n - 1), operand(1, n - 1), n as usize, state, out);
            }
            Kernel::Smooth { alpha, seed, skip } => smooth::kernel(operand(0, 0), alpha, seed, skip, state, out),
            Kernel::Skip { n } => smooth::skip_kernel(operand(0, 0), n, state, out),
            Kernel::Aggregate { how, incomplete } => {
                let closings = &self.closings[step.frame as usize][..rows.count];
                aggregate::kernel(operand(0, 0), how, incomplete, closings, state, out);
                let broken = self.broken[step.frame as usize];
                if broken >= rows.first() && broken <= rows.last {
                    out[(broken - rows.first()) as usize] = [NULL; W];
                }
            }
            Kernel::AsOf { join, other } => {
                let Operand { slot, delay } = step.operands[0];
                let (base, end) = (layout.places[slot as usize].base, ends[slot as usize]);
                let other = self.frames[other as usize];
                for (out, &row) in out.iter_mut().zip(&self.joined[join as usize]) {
                    let back = other.last - row + i64::from(delay) + 1;
                    let known = other.started && back > i64::from(delay) && back <= i64::from(end - base);
                    *out = if known { before[(i64::from(end) - back) as usize] } else { [NULL; W] };
                }
            }
            // The driver answers these; `run` does not come here with one.
            Kernel::Cross { .. } | Kernel::Model { .. } => out.fill([NULL; W]),
        }
        if let Some(m) = step.mask
            && rows.first() < self.latest[m as usize]
        {
            for (row, cells) in (rows.first()..).zip(out) {
                for (cell, &first) in cells.iter_mut().zip(&self.firsts[m as usize]) {
                    *cell = if row < first { NULL } else { *cell };
                }
            }
        }
    }
}
