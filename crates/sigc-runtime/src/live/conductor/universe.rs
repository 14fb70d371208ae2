//! The lanes of a plan with ops over the universe: every step is taken by all of them.
//!
//! The next instant is the first that closes a row of any lane. It is taken when all sources of all lanes have passed
//! it, each row with its bar or as a declared gap, so no value depends on when bars came (decision 12). Who is waited
//! for:
//!
//! - a symbol that is not listed yet, until an answer shows that its row is not there;
//! - a symbol whose row is late, at most the repair deadline: it runs from when the row was first asked for, but not
//!   before another symbol had its own. Rows of the history are waited for as long as it takes;
//! - nobody who was given up: the rows such a symbol owes are gaps from the instant on that the others come to.
//!
//! The state of all lanes is stored together: with the first rows behind the history, and then as often as a lone
//! lane's. No bar is stored before the first state. So a restart begins with all lanes at one instant, and every bar and
//! row with a fate is behind it; a symbol whose history cannot be had any more after a crash has had no part in anything.

use super::{Conductor, FeedOut, Out, STEPS_PER_SNAPSHOT, barrier_notes};
use crate::live::lane::Lane;
use crate::signals::Reader;
use sigc_engine::{Engine, EngineError, Outcome, Predict, Together, Turn};
use sigc_market::Ts;

/// Steps all lanes at once.
pub(super) struct Universe {
    together: Together,
    /// When a row that all wait for is given up.
    pub(super) wake_at: Option<Ts>,
}

impl Universe {
    /// `None` for a plan whose lanes go each by itself.
    pub(super) fn of(engine: &Engine) -> Option<Universe> {
        engine.is_over_universe().then(|| Universe { together: Together::new(engine), wake_at: None })
    }

    /// Takes the step at `at` with every lane; one reader and one outcome per lane.
    fn step(
        &mut self,
        at: Ts,
        lanes: &mut [Lane],
        readers: &mut [Reader<'_>],
        models: &mut [Box<dyn Predict>],
    ) -> Result<Vec<Outcome>, EngineError> {
        let parts = lanes.iter_mut().zip(readers);
        let mut turns: Vec<Turn<'_>> = parts.map(|(lane, reader)| lane.turn(at, reader)).collect();
        self.together.step(at, &mut turns, models)?;
        Ok(turns.into_iter().map(|turn| turn.outcome).collect())
    }
}

/// The next instant, and who is behind it.
struct Front {
    at: Ts,
    /// When the first row that closes with it was decided.
    since: Ts,
    /// Lanes and sources that have not passed it.
    behind: Vec<(usize, usize)>,
}

impl Conductor {
    /// Takes every step that the universe can take; true if there was one.
    pub(super) fn advance_universe(
        &mut self,
        universe: &mut Universe,
        now: Ts,
        out: &mut Out,
    ) -> Result<bool, EngineError> {
        let mut stepped = false;
        universe.wake_at = None;
        while let Some(front) = self.front() {
            if front.behind.is_empty() {
                self.step_all(universe, front.at, now, out)?;
                stepped = true;
                continue;
            }
            let mut given_up = false;
            for &(lane, source) in &front.behind {
                match self.gives_up_at(lane, source, &front) {
                    Some(at) if at <= now => given_up |= self.give_up(lane, source, front.at, now, out),
                    at => universe.wake_at = [universe.wake_at, at].into_iter().flatten().min(),
                }
            }
            if !given_up {
                break;
            }
            // What was given up may have been all that was waited for, or may come before what was in front.
            universe.wake_at = None;
        }
        Ok(stepped)
    }

    fn front(&mut self) -> Option<Front> {
        for (lane, places) in self.lanes.iter_mut().zip(&self.place_of) {
            for (source, (place, feed)) in places.iter().zip(&self.feeds).enumerate() {
                if let Some(place) = place {
                    lane.pass_to(source, feed.splice(*place).next());
                }
            }
        }
        let (at, since) = self.lanes.iter().filter_map(Lane::front).min()?;
        let of = |(lane, l): (usize, &Lane)| l.behind(at).map(|source| (lane, source)).collect::<Vec<_>>();
        Some(Front { at, since, behind: self.lanes.iter().enumerate().flat_map(of).collect() })
    }

    /// When the row of a source that is waited for is given up; `None` if nobody knows yet.
    fn gives_up_at(&self, lane: usize, source: usize, front: &Front) -> Option<Ts> {
        let splice = self.feeds[source].splice(self.place_of[lane][source]?);
        if splice.is_ended() {
            return Some(front.since.max(front.at));
        }
        let is_history = front.at <= self.emit_after;
        let asked = splice.asked_since().filter(|_| splice.begun() && !is_history)?;
        Some(Ts(asked.max(front.since).0.saturating_add(self.feeds[source].terms().repair_ms)))
    }

    /// Declares what a source owes by then; false if there was nothing.
    fn give_up(&mut self, lane: usize, source: usize, by: Ts, now: Ts, out: &mut Out) -> bool {
        let Some(symbol) = self.place_of[lane][source] else { return false };
        let before = self.feeds[source].splice(symbol).next();
        let mut fed: FeedOut = std::mem::take(&mut self.feed_out);
        self.feeds[source].give_up(symbol, by, now, &mut fed);
        self.take_fed(source, &mut fed, now, out, &mut Vec::new());
        self.feed_out = fed;
        self.feeds[source].splice(symbol).next() > before
    }

    fn step_all(&mut self, universe: &mut Universe, at: Ts, now: Ts, out: &mut Out) -> Result<(), EngineError> {
        let mut readers: Vec<Reader<'_>> = self.lanes.iter().map(|_| Reader::new(&self.signals)).collect();
        let outcomes = universe.step(at, &mut self.lanes, &mut readers, &mut self.models)?;
        let rows: Vec<_> = readers.into_iter().map(Reader::finish).collect();
        for (lane, (outcome, rows)) in outcomes.into_iter().zip(rows).enumerate() {
            self.said(lane, &outcome, rows, now, out);
        }
        let first = if at > self.emit_after { self.journal.held.take() } else { None };
        let is_due = self.written.iter().all(|w| w.stored && w.steps >= STEPS_PER_SNAPSHOT);
        if first.is_some() || is_due {
            // In one batch with the rows of this step: behind a row with a fate there is always a state.
            self.journal.pending.bars.extend(first.unwrap_or_default());
            self.snapshot_all();
        }
        Ok(())
    }

    /// Tells the barriers of rows that close with a lane's bar, or its gap.
    pub(super) fn bar_arrived(&mut self, source: usize, close: Ts, lane: usize, now: Ts, out: &mut Out) {
        if !self.engine.is_over_universe() || close <= self.started {
            return;
        }
        let plan = self.engine.plan();
        for (frame, barrier) in &mut self.barriers {
            let interval = plan.frame(*frame).interval;
            let closes = interval.close_of(interval.last_closed(close)) == close;
            if closes && plan.structure().source_of(*frame) == self.sources[source].frame {
                out.notes.extend(barrier_notes(*frame, barrier.arrived(close, lane as u32, now)));
            }
        }
    }

    fn snapshot_all(&mut self) {
        for lane in 0..self.lanes.len() {
            self.snapshot(lane);
        }
    }
}
