//! The compute owner: one thread that holds the conductor, and with it every decision and every number.
//!
//! Events come in by one bounded queue; orders go out to sources, the journal's thread and the sinks' threads. Nothing
//! else touches the engine, so there is no lock on the way of a bar.

use crate::deliver::Delivered;
use crate::net::clock::VenueClock;
use crate::pace::Pace;
use crate::store::Job;
use sigc_engine::EngineError;
use sigc_journal::Journal;
use sigc_market::Ts;
use sigc_runtime::live::conductor::{Conductor, Event, Note, Order, Out};
use sigc_runtime::live::entry::{BarEntry, RowEntry};
use sigc_runtime::live::feed::FeedOrder;
use sigc_runtime::live::outbox::Delivery;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Events taken before time and the stop are looked at again.
const EVENTS_PER_TURN: usize = 256;
/// The longest sleep: how often the state is shown to others.
const SHOWN_EVERY: Duration = Duration::from_millis(250);

/// Attempts at one batch after which the run gives up: the journal's file may have to be opened anew, which only a new
/// process does. They take about a minute.
const STORE_ATTEMPTS: u32 = 10;
/// How long the end of a run waits for the bars before it.
const PATIENCE_MS: i64 = 900_000;

/// Where the run stands, as the coordinator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Bars come in.
    Run,
    /// Intake has stopped: compute and store what is there.
    Drain,
    /// Deliver what is stored, then end.
    Deliver,
    /// End now.
    Abort,
}

/// What the owner has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reached {
    /// It runs.
    Running,
    /// The instant of `--until` has been computed.
    Until,
    /// The engine refused a bar: nothing more is taken.
    Failed,
    /// Everything taken in is computed and stored.
    Stored,
    /// Every sink has what is stored.
    Delivered,
}

/// What the owner holds.
pub(crate) struct Compute {
    pub conductor: Conductor,
    pub events: mpsc::Receiver<Event>,
    pub feeds: Vec<mpsc::Sender<FeedOrder>>,
    pub journal: SyncSender<Job>,
    pub journal_thread: JoinHandle<Journal>,
    pub sinks: Vec<SyncSender<Delivery>>,
    pub sink_threads: Vec<JoinHandle<Delivered>>,
    pub clock: Arc<VenueClock>,
    pub pace: Pace,
    pub until: Option<Ts>,
    pub phase: watch::Receiver<Phase>,
    pub reached: watch::Sender<Reached>,
    pub watcher: Box<dyn Watcher>,
    pub store_failures: u32,
}

/// Is told what happens, on the owner's thread: it must return at once.
pub trait Watcher: Send {
    /// Something a person may want to know.
    fn note(&mut self, conductor: &Conductor, note: &Note);
    /// A bar was decided.
    fn bar(&mut self, conductor: &Conductor, bar: &BarEntry);
    /// A row has its fate.
    fn row(&mut self, row: &RowEntry, now: Ts);
    /// Called a few times a second.
    fn show(&mut self, conductor: &Conductor, queued: usize, now: Ts);
    /// Took so long over one turn.
    fn turn(&mut self, took: Duration);
}

/// What ended a run from within.
#[derive(Debug, thiserror::Error)]
pub enum RunFailure {
    /// The engine refused a bar.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The journal does not store.
    #[error("the journal does not store: {0}")]
    Journal(String),
}

/// What is left when the owner has ended.
pub(crate) struct Ended {
    pub journal: JoinHandle<Journal>,
    pub jobs: SyncSender<Job>,
    pub sinks: Vec<JoinHandle<Delivered>>,
    pub failure: Option<RunFailure>,
    /// Rows that were emitted in this run.
    pub rows: u64,
    /// Rows that each sink has not confirmed.
    pub backlog: Vec<u64>,
    /// Entries that are not stored.
    pub unstored: usize,
}

impl Compute {
    /// Runs until the phase says so, on a runtime of its own thread.
    pub async fn run(mut self) -> Ended {
        let mut failure: Option<RunFailure> = None;
        let mut shown = tokio::time::interval(SHOWN_EVERY);
        shown.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut open = true;
        let mut first = true;
        loop {
            let now = self.clock.now();
            let wake = if std::mem::take(&mut first) {
                Duration::ZERO
            } else {
                let at = self.conductor.wake_at().unwrap_or(Ts(i64::MAX));
                self.pace.wait(at.0.saturating_sub(now.0)).min(SHOWN_EVERY)
            };
            let phase = *self.phase.borrow();
            if phase == Phase::Abort || (phase == Phase::Deliver && self.conductor.is_drained()) {
                break;
            }
            let mut out = Out::default();
            tokio::select! {
                biased;
                _ = self.phase.changed(), if phase != Phase::Abort => {
                    if *self.phase.borrow() >= Phase::Drain {
                        self.conductor.drain(self.clock.now(), &mut out);
                    }
                }
                _ = shown.tick() => {
                    let now = self.clock.now();
                    let queued = self.events.len();
                    self.watcher.show(&self.conductor, queued, now);
                }
                event = self.events.recv(), if open && !self.conductor.is_full() => {
                    match event {
                        Some(event) => self.take(event, &mut out, &mut failure),
                        None => open = false,
                    }
                }
                () = tokio::time::sleep(wake) => {
                    let now = self.clock.now();
                    if self.conductor.wake_at().is_some_and(|at| at <= now) {
                        self.handle(Event::Tick, now, &mut out, &mut failure);
                    }
                }
            }
            self.carry_out(out).await;
            self.look_where(failure.is_some());
        }
        let backlog = self.conductor.outboxes().iter().map(|o| o.backlog()).collect();
        self.reached.send_if_modified(|r| std::mem::replace(r, Reached::Delivered) != Reached::Delivered);
        drop(self.sinks);
        let (rows, unstored) = (self.conductor.emitted(), self.conductor.unstored());
        Ended {
            journal: self.journal_thread,
            jobs: self.journal,
            sinks: self.sink_threads,
            failure,
            rows,
            backlog,
            unstored,
        }
    }

    /// Takes an event and those behind it.
    fn take(&mut self, event: Event, out: &mut Out, failure: &mut Option<RunFailure>) {
        let begun = std::time::Instant::now();
        let now = self.clock.now();
        self.handle(event, now, out, failure);
        for _ in 1..EVENTS_PER_TURN {
            if self.conductor.is_full() {
                break;
            }
            let Ok(event) = self.events.try_recv() else { break };
            self.handle(event, now, out, failure);
        }
        self.watcher.turn(begun.elapsed());
    }

    fn handle(&mut self, event: Event, now: Ts, out: &mut Out, failure: &mut Option<RunFailure>) {
        // After a failure of the engine only the journal and the sinks go on.
        let of_feed = matches!(event, Event::Feed { .. } | Event::Tick);
        if of_feed && failure.is_some() {
            return;
        }
        match &event {
            Event::Stored => self.store_failures = 0,
            Event::NotStored { reason } => {
                self.store_failures += 1;
                if self.store_failures >= STORE_ATTEMPTS && failure.is_none() {
                    tracing::error!(reason, "the run ends: the journal does not store");
                    *failure = Some(RunFailure::Journal(reason.clone()));
                }
            }
            _ => {}
        }
        if let Err(e) = self.conductor.handle(event, now, out) {
            tracing::error!(error = %e, "the run ends: the engine refused a bar");
            *failure = Some(e.into());
        }
    }

    async fn carry_out(&mut self, mut out: Out) {
        let now = self.clock.now();
        for note in out.notes.drain(..) {
            self.watcher.note(&self.conductor, &note);
        }
        for bar in out.bars.drain(..) {
            self.watcher.bar(&self.conductor, &bar);
        }
        for row in out.rows.drain(..) {
            self.watcher.row(&row, now);
        }
        for order in out.orders.drain(..) {
            match order {
                // The task behind it does nothing but start others: it never makes us wait for long.
                Order::Feed { source, order } => {
                    let _ = self.feeds[source].send(order).await;
                }
                Order::Store(batch) => {
                    if self.journal.send(Job::Store(batch)).is_err() {
                        tracing::error!("the journal's thread has ended");
                    }
                }
                Order::Deliver { sink, delivery } => {
                    if self.sinks[sink].send(delivery).is_err() {
                        tracing::error!(sink, "the sink's thread has ended");
                    }
                }
            }
        }
    }

    /// Everything until then is there, or was waited for long enough.
    fn is_over(&self, until: Ts, now: Ts) -> bool {
        let missing = self.conductor.missing(now);
        if now >= until && missing > 0 && now.0 > until.0.saturating_add(PATIENCE_MS) {
            tracing::warn!(missing, "the run ends without some bars that close before its end");
            return true;
        }
        now >= until && missing == 0
    }

    /// Tells the coordinator how far the run has come.
    fn look_where(&mut self, failed: bool) {
        let phase = *self.phase.borrow();
        let now = self.clock.now();
        let reached = match phase {
            Phase::Run if failed => Reached::Failed,
            Phase::Run if self.until.is_some_and(|t| self.is_over(t, now)) => Reached::Until,
            Phase::Run | Phase::Abort => return,
            Phase::Drain if self.events.is_empty() && self.conductor.unstored() == 0 => Reached::Stored,
            Phase::Drain | Phase::Deliver => return,
        };
        self.reached.send_if_modified(|r| {
            let news = reached > *r;
            *r = reached.max(*r);
            news
        });
    }
}
