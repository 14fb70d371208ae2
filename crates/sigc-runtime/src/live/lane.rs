//! One symbol's engine, and the bars of its sources on their way into it.
//!
//! Each source releases its rows in order, but sources run ahead of one another. A lane takes a step at an instant only
//! when every source has passed it, so that the engine's promise holds: all bars closed by then are among what it is
//! given. Rows without a bar are steps too.

use super::entry::BarFate;
use sigc_engine::{Engine, EngineError, Live, Outcome, Predict, RowSink, SnapshotError};
use sigc_market::{Bar, Interval, Ts};
use sigc_plan::FrameId;
use std::collections::VecDeque;

/// Rows of one source that the engine has not seen.
#[derive(Debug, Clone)]
struct Queue {
    frame: FrameId,
    interval: Interval,
    /// The close of each row, and what became of its bar.
    rows: VecDeque<(Ts, BarFate)>,
    /// The close of the newest row; `None` before the first.
    through: Option<Ts>,
}

/// A symbol in the engine.
#[derive(Debug, Clone)]
pub struct Lane {
    live: Live,
    queues: Vec<Queue>,
    due: Vec<(FrameId, Bar)>,
}

impl Lane {
    /// A lane without history; `symbol` is its place in the emission's universe.
    pub fn new(engine: &Engine, symbol: usize, sources: &[(FrameId, Interval)]) -> Lane {
        Lane::of(Live::new(engine, symbol), sources)
    }

    /// The lane a snapshot was taken of.
    ///
    /// # Errors
    /// Bytes that are no undamaged snapshot of this plan.
    pub fn restore(engine: &Engine, bytes: &[u8], sources: &[(FrameId, Interval)]) -> Result<Lane, SnapshotError> {
        let mut lane = Lane::of(Live::restore(engine, bytes)?, sources);
        if let Some(at) = lane.live.at() {
            // Everything that closed by then is in the state.
            lane.queues.iter_mut().for_each(|q| q.through = Some(at));
        }
        Ok(lane)
    }

    fn of(live: Live, sources: &[(FrameId, Interval)]) -> Lane {
        let queue =
            |&(frame, interval): &(FrameId, Interval)| Queue { frame, interval, rows: VecDeque::new(), through: None };
        Lane { live, queues: sources.iter().map(queue).collect(), due: Vec::new() }
    }

    /// The engine's side.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Takes a source's next row.
    pub fn push(&mut self, source: usize, row: i64, fate: &BarFate) {
        let Some(queue) = self.queues.get_mut(source) else { return };
        let close = queue.interval.close_of(row);
        queue.rows.push_back((close, *fate));
        queue.through = Some(close);
    }

    /// The next instant that every source has passed.
    pub fn next_instant(&self) -> Option<Ts> {
        let safe = self.queues.iter().map(|q| q.through).min()??;
        self.queues.iter().filter_map(|q| q.rows.front()).map(|(close, _)| *close).min().filter(|&at| at <= safe)
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
        self.due.clear();
        for queue in &mut self.queues {
            while let Some((close, fate)) = queue.rows.front().copied().filter(|(close, _)| *close <= at) {
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
        self.live.step(at, &self.due, models, out)
    }
}
