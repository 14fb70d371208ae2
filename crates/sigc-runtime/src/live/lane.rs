//! One symbol's engine, and the bars of its sources on their way into it.
//!
//! Each source releases its rows in order, but sources run ahead of one another. A lane takes a step at an instant only
//! when every source has passed it, so that the engine's promise holds: all bars closed by then are among what it is
//! given. A source has passed all instants before the close of its next row: a row of minutes does not wait for the
//! hour to end. Sources that do not have the symbol are not waited for. Rows without a bar are steps too.
//!
//! Of a plan with ops over the universe no lane goes alone: all take a step together.

use super::entry::BarFate;
use sigc_engine::{Engine, EngineError, Live, Outcome, Predict, RowSink, SnapshotError, Turn};
use sigc_market::{Bar, Interval, Ts};
use sigc_plan::FrameId;
use std::collections::VecDeque;

/// Rows of one source that the engine has not seen.
#[derive(Debug, Clone)]
struct Queue {
    frame: FrameId,
    interval: Interval,
    rows: VecDeque<Waiting>,
    /// The close of the row that comes next; `None` before the first.
    next_close: Option<Ts>,
}

/// A row on its way.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    close: Ts,
    /// What became of its bar.
    fate: BarFate,
    /// When that was known.
    since: Ts,
}

/// A symbol in the engine.
#[derive(Debug, Clone)]
pub struct Lane {
    live: Live,
    /// By source; `None` for one that does not have the symbol.
    queues: Vec<Option<Queue>>,
    due: Vec<(FrameId, Bar)>,
}

impl Lane {
    /// A lane without history; `symbol` is its position. A source that does not have it is `None`.
    pub fn new(engine: &Engine, symbol: usize, sources: &[Option<(FrameId, Interval)>]) -> Lane {
        Lane::of(Live::new(engine, symbol), sources)
    }

    /// The lane a snapshot was taken of.
    ///
    /// # Errors
    /// Bytes that are no undamaged snapshot of this plan.
    pub fn restore(
        engine: &Engine,
        bytes: &[u8],
        sources: &[Option<(FrameId, Interval)>],
    ) -> Result<Lane, SnapshotError> {
        let mut lane = Lane::of(Live::restore(engine, bytes)?, sources);
        if let Some(at) = lane.live.at() {
            // Everything that closed by then is in the state, or was before the symbol was listed.
            for q in lane.queues.iter_mut().flatten() {
                q.next_close = Some(q.interval.close_of(q.interval.last_closed(at) + 1));
            }
        }
        Ok(lane)
    }

    fn of(live: Live, sources: &[Option<(FrameId, Interval)>]) -> Lane {
        let queue = |(frame, interval)| Queue { frame, interval, rows: VecDeque::new(), next_close: None };
        Lane { live, queues: sources.iter().map(|s| s.map(queue)).collect(), due: Vec::new() }
    }

    /// The engine's side.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Takes a source's next row, which was decided at `since`.
    pub fn push(&mut self, source: usize, row: i64, fate: &BarFate, since: Ts) {
        let Some(Some(queue)) = self.queues.get_mut(source) else { return };
        queue.rows.push_back(Waiting { close: queue.interval.close_of(row), fate: *fate, since });
        queue.next_close = Some(queue.interval.close_of(row + 1));
    }

    /// The symbol is not listed yet: a source's first row comes with `next` or later.
    pub fn pass_to(&mut self, source: usize, next: i64) {
        let Some(Some(queue)) = self.queues.get_mut(source) else { return };
        queue.next_close = queue.next_close.max(Some(queue.interval.close_of(next)));
    }

    /// The first instant that closes a row which is here, and when the first such row was decided.
    pub fn front(&self) -> Option<(Ts, Ts)> {
        let fronts = self.queues.iter().flatten().filter_map(|q| q.rows.front());
        fronts.map(|row| (row.close, row.since)).min()
    }

    /// The sources that have not passed an instant.
    pub fn behind(&self, at: Ts) -> impl Iterator<Item = usize> + '_ {
        let behind = move |q: &Option<Queue>| q.as_ref().is_some_and(|q| q.next_close.is_none_or(|next| next <= at));
        self.queues.iter().enumerate().filter(move |(_, q)| behind(q)).map(|(source, _)| source)
    }

    /// The next instant that every source has passed.
    pub fn next_instant(&self) -> Option<Ts> {
        let queues = || self.queues.iter().flatten();
        let open = queues().map(|q| q.next_close).min()??;
        queues().filter_map(|q| q.rows.front()).map(|row| row.close).min().filter(|&at| at < open)
    }

    /// Takes the step at `at`, which [`Lane::next_instant`] gave.
    ///
    /// # Errors
    /// What the engine refuses: a missing bar where the data step says `gap: halt`.
    pub fn step(
        &mut self,
        at: Ts,
        models: &mut [Box<dyn Predict>],
        out: &mut dyn RowSink,
    ) -> Result<Outcome, EngineError> {
        self.take_due(at);
        self.live.step(at, &self.due, models, out)
    }

    /// Its part in a step that the whole universe takes.
    pub fn turn<'a>(&'a mut self, at: Ts, out: &'a mut dyn RowSink) -> Turn<'a> {
        self.take_due(at);
        Turn::new(&mut self.live, &self.due, out)
    }

    fn take_due(&mut self, at: Ts) {
        self.due.clear();
        for queue in self.queues.iter_mut().flatten() {
            while let Some(Waiting { close, fate, .. }) = queue.rows.front().copied().filter(|row| row.close <= at) {
                queue.rows.pop_front();
                match fate {
                    BarFate::Taken { bar, .. } => self.due.push((queue.frame, bar)),
                    BarFate::Absent => {}
                    // One row closes with every step, so no second mark can come before this one has had its effect.
                    BarFate::Unrepaired => {
                        let row = queue.interval.index_of(Ts(close.0 - 1));
                        self.live.unrepaired(queue.frame, row);
                    }
                }
            }
        }
    }
}
