//! One sink's way through the numbered rows.
//!
//! In goes which rows are in the journal and what became of the last attempt; out comes which rows to offer now. Rows
//! are numbered from 1 without holes, so a batch is a range and nothing is held here but numbers: an outbox costs the
//! same memory however far its sink is behind.
//!
//! What must stay true:
//! - at most one batch is under way, and it begins right behind the cursor;
//! - the cursor moves only when the sink has confirmed the batch, and never back;
//! - a batch that failed is offered again with the same rows, so that a key over the batch works as well as one per
//!   row. After a restart the batches may be cut elsewhere: a sink must recognise its rows, too;
//! - a row waits at most [`Batching::delay_ms`] before it is offered to a sink that has nothing else to do.
//!
//! An outbox knows nothing of other sinks: a sick one neither blocks nor repeats them.

use crate::live::retry::{Retry, RetryPolicy};
use crate::live::time::later;
use sigc_market::Ts;

/// How sinks are tried again: half a second, doubling to a minute.
pub const SINK: RetryPolicy = RetryPolicy { first_ms: 500, cap_ms: 60_000 };

/// While the process waits for its end, no wait between attempts is longer.
const DRAIN_CAP_MS: i64 = 2_000;

/// How rows are put together, and how long a sink may take over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Rows offered at once; at least 1 is used.
    pub most_rows: usize,
    /// How long a row may wait for others to fill a batch; 0 for none.
    pub delay_ms: i64,
    /// After so long an attempt is given up, its outcome unknown.
    pub deadline_ms: i64,
}

impl Batching {
    /// For a venue whose time passes `speed` times as fast: an attempt may take as long in real time.
    pub fn at(self, speed: f64) -> Batching {
        Batching { deadline_ms: (self.deadline_ms as f64 * speed) as i64, ..self }
    }
}

/// Rows to offer to the sink: those behind `after` up to and with `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The last row the sink has confirmed.
    pub after: u64,
    /// The last row of this batch.
    pub to: u64,
    /// 1 for the first attempt at this batch.
    pub attempt: u32,
}

/// Why an attempt was not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing was stored; another attempt may work.
    Retryable,
    /// It took too long or the connection broke: the rows may be stored or not.
    Unknown,
    /// The sink will never take these rows. It gets no more; the caller keeps the reason.
    Refused,
}

/// What an outbox is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxState {
    /// The sink has every row.
    Idle,
    /// Rows are there and wait for others, or for the caller to fetch them.
    Waiting,
    /// The sink has been offered rows and has not answered.
    Writing {
        /// When they were offered.
        since: Ts,
    },
    /// The last attempt failed.
    Retrying {
        /// Failures in a row.
        failures: u32,
        /// When to try again.
        until: Ts,
    },
    /// The sink refused its rows.
    Stopped,
}

/// One sink's cursor and what is under way.
#[derive(Debug, Clone)]
pub struct Outbox {
    batching: Batching,
    cursor: u64,
    committed: u64,
    /// No row behind the batch under way has been waiting for longer.
    waiting_since: Ts,
    batch: Option<Batch>,
    retry: Retry,
    stopped: bool,
    draining: bool,
}

/// The rows behind the cursor up to and with `to`, until the sink has them.
#[derive(Debug, Clone, Copy)]
struct Batch {
    to: u64,
    step: Step,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Offered { since: Ts },
    Failed { until: Ts },
}

impl Outbox {
    /// Goes on behind `cursor`, the last row the sink has confirmed; 0 if none. Outboxes of different seeds do not try
    /// again at the same moments.
    pub fn new(cursor: u64, batching: Batching, seed: u64) -> Outbox {
        Outbox {
            batching,
            cursor,
            committed: cursor,
            waiting_since: Ts(i64::MIN),
            batch: None,
            retry: Retry::new(SINK, seed),
            stopped: false,
            draining: false,
        }
    }

    /// Every row up to and with `seq` is in the journal.
    pub fn committed(&mut self, seq: u64, now: Ts) {
        if seq <= self.committed {
            return;
        }
        if self.committed == self.batch.map_or(self.cursor, |b| b.to) {
            self.waiting_since = now;
        }
        self.committed = seq;
    }

    /// The rows to offer now, if any. What is given counts as offered: an answer must follow.
    pub fn next(&mut self, now: Ts) -> Option<Delivery> {
        // A clock that was set back must not keep rows waiting.
        self.waiting_since = self.waiting_since.min(now);
        if self.stopped || self.ready_at()? > now {
            return None;
        }
        let to = match self.batch {
            Some(failed) => failed.to,
            None => self.committed.min(self.cursor.saturating_add(self.most_rows())),
        };
        self.batch = Some(Batch { to, step: Step::Offered { since: now } });
        Some(Delivery { after: self.cursor, to, attempt: self.retry.failures().saturating_add(1) })
    }

    /// The sink has confirmed the batch that ends with `to`, and everything of it is durable. True if the cursor moved.
    ///
    /// An answer that comes after its attempt was given up still counts, because the rows of a batch never change; an
    /// answer for any other batch is of the past and changes nothing.
    pub fn delivered(&mut self, to: u64) -> bool {
        let Some(batch) = self.batch.filter(|b| b.to == to && !self.stopped) else { return false };
        self.batch = None;
        self.cursor = batch.to;
        self.retry.succeeded();
        true
    }

    /// The attempt under way was not confirmed. Without one this changes nothing.
    pub fn failed(&mut self, now: Ts, failure: Failure) {
        let Some(batch) = &mut self.batch else { return };
        if !matches!(batch.step, Step::Offered { .. }) || self.stopped {
            return;
        }
        match failure {
            Failure::Retryable | Failure::Unknown => {
                let wait = self.retry.failed();
                let wait = if self.draining { wait.min(DRAIN_CAP_MS) } else { wait };
                batch.step = Step::Failed { until: later(now, wait) };
            }
            Failure::Refused => self.stopped = true,
        }
    }

    /// True if the attempt under way has passed its deadline: give it up, then report [`Failure::Unknown`].
    pub fn expired(&self, now: Ts) -> bool {
        matches!(self.state(), OutboxState::Writing { since } if later(since, self.deadline_ms()) <= now)
    }

    /// The process is about to end: rows no longer wait for others, and a failed batch is tried again at once.
    pub fn drain(&mut self, now: Ts) {
        self.draining = true;
        if let Some(Batch { step: Step::Failed { until }, .. }) = &mut self.batch {
            *until = (*until).min(now);
        }
    }

    /// When to look again: rows are ready, or an attempt has passed its deadline. `None` until something happens.
    pub fn wake_at(&self) -> Option<Ts> {
        match self.state() {
            OutboxState::Idle | OutboxState::Stopped => None,
            OutboxState::Writing { since } => Some(later(since, self.deadline_ms())),
            OutboxState::Waiting | OutboxState::Retrying { .. } => self.ready_at(),
        }
    }

    /// Rows in the journal that the sink has not confirmed.
    pub fn backlog(&self) -> u64 {
        self.committed.saturating_sub(self.cursor)
    }

    /// The last row the sink has confirmed.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// What is going on.
    pub fn state(&self) -> OutboxState {
        match self.batch {
            _ if self.stopped => OutboxState::Stopped,
            Some(Batch { step: Step::Offered { since }, .. }) => OutboxState::Writing { since },
            Some(Batch { step: Step::Failed { until }, .. }) => {
                OutboxState::Retrying { failures: self.retry.failures(), until }
            }
            None if self.backlog() > 0 => OutboxState::Waiting,
            None => OutboxState::Idle,
        }
    }

    /// When the next rows may be offered.
    fn ready_at(&self) -> Option<Ts> {
        match self.batch {
            Some(Batch { step: Step::Offered { .. }, .. }) => None,
            Some(Batch { step: Step::Failed { until }, .. }) => Some(until),
            None if self.backlog() == 0 => None,
            None if self.draining || self.backlog() >= self.most_rows() => Some(self.waiting_since),
            None => Some(later(self.waiting_since, self.batching.delay_ms.max(0))),
        }
    }

    fn most_rows(&self) -> u64 {
        self.batching.most_rows.max(1) as u64
    }

    fn deadline_ms(&self) -> i64 {
        self.batching.deadline_ms.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::retry::SplitMix;

    const B: Batching = Batching { most_rows: 10, delay_ms: 200, deadline_ms: 5_000 };

    fn outbox(cursor: u64) -> Outbox {
        Outbox::new(cursor, B, 1)
    }

    fn ends(d: Option<Delivery>) -> Option<(u64, u64)> {
        d.map(|d| (d.after, d.to))
    }

    #[test]
    fn rows_wait_for_a_full_batch_or_the_delay() {
        let mut o = outbox(0);
        assert_eq!((o.next(Ts(0)), o.wake_at(), o.state()), (None, None, OutboxState::Idle));
        o.committed(3, Ts(1_000));
        o.committed(4, Ts(1_150));
        assert_eq!((o.next(Ts(1_199)), o.wake_at(), o.state()), (None, Some(Ts(1_200)), OutboxState::Waiting));
        assert_eq!(o.next(Ts(1_200)), Some(Delivery { after: 0, to: 4, attempt: 1 }));
        assert_eq!(o.next(Ts(9_000)), None, "one batch at a time");
        o.committed(30, Ts(1_210));
        assert!(o.delivered(4));
        assert_eq!(ends(o.next(Ts(1_300))), Some((4, 14)), "a full batch does not wait");
        assert_eq!((o.cursor(), o.backlog()), (4, 26));
        assert!(o.delivered(14));
        assert_eq!(ends(o.next(Ts(1_301))), Some((14, 24)));
        assert!(o.delivered(24));
        assert_eq!((o.next(Ts(1_302)), o.wake_at()), (None, Some(Ts(1_410))), "six rows since 1210");
        assert_eq!(ends(o.next(Ts(1_410))), Some((24, 30)));
    }

    #[test]
    fn a_failed_batch_keeps_its_rows_and_waits() {
        let mut o = outbox(7);
        o.committed(9, Ts(0));
        assert_eq!(ends(o.next(Ts(200))), Some((7, 9)));
        o.committed(100, Ts(300));
        o.failed(Ts(400), Failure::Retryable);
        let OutboxState::Retrying { failures: 1, until } = o.state() else { panic!("{:?}", o.state()) };
        assert!((Ts(650)..=Ts(900)).contains(&until));
        assert_eq!((o.next(Ts(until.0 - 1)), o.wake_at()), (None, Some(until)));
        assert_eq!(o.next(until), Some(Delivery { after: 7, to: 9, attempt: 2 }));
        o.failed(until, Failure::Unknown);
        o.failed(until, Failure::Refused);
        assert!(matches!(o.state(), OutboxState::Retrying { failures: 2, .. }), "only one answer per attempt");
        assert!(o.delivered(9), "the answer that was given up on");
        assert_eq!(ends(o.next(Ts(10_000))), Some((9, 19)));
        assert!(!o.delivered(9) && !o.delivered(12) && !o.delivered(100));
        assert_eq!(o.cursor(), 9);
    }

    #[test]
    fn a_sink_that_hangs_is_given_up() {
        let mut o = outbox(0);
        o.committed(10, Ts(0));
        assert!(o.next(Ts(0)).is_some());
        assert_eq!((o.expired(Ts(4_999)), o.expired(Ts(5_000)), o.wake_at()), (false, true, Some(Ts(5_000))));
        o.failed(Ts(5_000), Failure::Unknown);
        assert!(!o.expired(Ts(99_000)));
        assert_eq!(ends(o.next(Ts(99_000))), Some((0, 10)));
    }

    #[test]
    fn a_refusal_stops_this_sink_for_good() {
        let mut o = outbox(0);
        o.committed(10, Ts(0));
        assert!(o.next(Ts(0)).is_some());
        o.failed(Ts(1), Failure::Refused);
        o.committed(20, Ts(2));
        o.drain(Ts(3));
        assert!(!o.delivered(10));
        assert_eq!((o.next(Ts(99_000)), o.wake_at(), o.state()), (None, None, OutboxState::Stopped));
        assert_eq!((o.cursor(), o.backlog(), o.expired(Ts(99_000))), (0, 20, false));
    }

    #[test]
    fn draining_waits_for_nothing() {
        let mut o = outbox(0);
        o.committed(1, Ts(0));
        o.drain(Ts(10));
        assert_eq!(ends(o.next(Ts(10))), Some((0, 1)));
        for i in 0..20 {
            o.failed(Ts(10_000 * i), Failure::Retryable);
            assert!(o.next(Ts(10_000 * i + DRAIN_CAP_MS)).is_some());
        }
        let mut o = outbox(0);
        o.committed(10, Ts(0));
        assert!(o.next(Ts(0)).is_some());
        o.failed(Ts(5), Failure::Retryable);
        o.drain(Ts(6));
        assert!(o.next(Ts(6)).is_some());
    }

    /// A sink that stores a row once, and a journal of the cursor that survives crashes.
    struct World {
        rng: SplitMix,
        now: Ts,
        seq: u64,
        saved: u64,
        stored: u64,
        outbox: Outbox,
        offered: Option<(u64, u64)>,
    }

    impl World {
        fn take(&mut self) {
            let wake = self.outbox.wake_at();
            let Some(d) = self.outbox.next(self.now) else {
                let due = wake.is_some_and(|t| t <= self.now) && !self.outbox.expired(self.now);
                assert!(!due, "woken for nothing");
                return;
            };
            assert!(wake.is_some_and(|t| t <= self.now), "rows before wake_at");
            assert!(d.after == self.outbox.cursor() && d.after < d.to && d.to <= self.seq);
            assert!(d.to - d.after <= B.most_rows as u64);
            match self.offered {
                Some(again) => assert_eq!(again, (d.after, d.to), "the same rows again"),
                None => assert_eq!(d.attempt, 1),
            }
            self.offered = Some((d.after, d.to));
        }

        /// The sink takes the first rows of the batch in order, leaving out those it has.
        fn store(&mut self, to: u64) {
            let (after, _) = self.offered.expect("something is under way");
            assert!(after <= self.stored, "a row was left out");
            self.stored = self.stored.max(to);
        }

        fn answer(&mut self) {
            let OutboxState::Writing { .. } = self.outbox.state() else { return };
            let (after, to) = self.offered.expect("something is under way");
            match self.rng.below(4) {
                0 => self.outbox.failed(self.now, Failure::Retryable),
                1 => {
                    let torn = after + self.rng.below((to - after) as i64 + 1) as u64;
                    self.store(torn);
                    self.outbox.failed(self.now, Failure::Unknown);
                }
                _ => {
                    self.store(to);
                    assert!(self.outbox.delivered(to));
                    assert!(!self.outbox.delivered(to));
                    self.offered = None;
                    if self.rng.below(2) == 0 {
                        self.saved = self.outbox.cursor();
                    }
                }
            }
        }

        fn crash(&mut self) {
            self.outbox = Outbox::new(self.saved, B, self.rng.next_u64());
            self.outbox.committed(self.seq, self.now);
            self.offered = None;
        }
    }

    #[test]
    fn every_row_is_stored_once_and_in_order_through_faults_and_crashes() {
        for seed in 0..2_000 {
            let outbox = Outbox::new(0, B, seed);
            let mut w = World { rng: SplitMix(seed), now: Ts(0), seq: 0, saved: 0, stored: 0, outbox, offered: None };
            for _ in 0..200 {
                w.now.0 += w.rng.below(400);
                match w.rng.below(12) {
                    0..4 => {
                        w.seq += w.rng.below(8) as u64;
                        w.outbox.committed(w.seq, w.now);
                    }
                    4..7 => w.take(),
                    7..10 => w.answer(),
                    10 => {
                        if w.outbox.expired(w.now) {
                            w.outbox.failed(w.now, Failure::Unknown);
                        }
                        let stale = w.rng.below(w.seq as i64 + 5) as u64;
                        if w.offered.is_none_or(|(_, to)| to != stale) {
                            assert!(!w.outbox.delivered(stale));
                        }
                    }
                    _ => w.crash(),
                }
                assert!(w.outbox.cursor() <= w.stored, "seed {seed}: the cursor is ahead of the sink");
            }
            // The sink is well again: everything arrives, and every wake-up leads to something.
            w.outbox.drain(w.now);
            while let Some(at) = w.outbox.wake_at() {
                w.now = w.now.max(at);
                if let OutboxState::Writing { .. } = w.outbox.state() {
                    let (_, to) = w.offered.take().expect("something is under way");
                    w.stored = w.stored.max(to);
                    assert!(w.outbox.delivered(to));
                } else {
                    w.take();
                    assert!(w.offered.is_some());
                }
            }
            assert_eq!((w.stored, w.outbox.cursor(), w.outbox.state()), (w.seq, w.seq, OutboxState::Idle));
        }
    }
}
