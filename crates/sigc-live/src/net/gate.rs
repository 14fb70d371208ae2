//! The one way to a venue's request limit.
//!
//! All requests of a process to one venue pass its [`Gate`]: it holds them back until the [`Budget`] lets them through,
//! keeps the number under way small, spaces connection attempts, and stops everything while the venue says stop. A
//! waiting future can be dropped at any time; nothing is taken before it returns.

use super::clock::VenueClock;
use crate::pace::Pace;
use sigc_market::Ts;
use sigc_runtime::live::budget::Budget;
use sigc_runtime::venue::{Limits, Refusal, Used, Venue};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, sleep_until};

/// Requests under way at a time: enough to hide the round trip, few enough that a refusal finds few behind it.
pub const IN_FLIGHT: usize = 4;
/// The longest sleep before the budget is asked again: the venue's clock may have been set, or the limit raised.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// A venue's limit, shared by everything that asks the venue.
#[derive(Debug)]
pub struct Gate {
    budget: Mutex<Budget>,
    slots: Semaphore,
    waiting: AtomicUsize,
    /// When the next connection may be tried.
    next_connect: Mutex<Option<Instant>>,
    connect_gap: Duration,
    pace: Pace,
    clock: Arc<VenueClock>,
}

/// Leave to send one request. Held until its answer is there.
#[derive(Debug)]
pub struct Pass<'a> {
    _slot: SemaphorePermit<'a>,
}

/// How a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateStats {
    /// Weight used in the window, as the venue counts.
    pub used: u32,
    /// Weight allowed in a window.
    pub limit: u32,
    /// How often the venue said stop.
    pub refusals: u64,
    /// Until when no request may go.
    pub cooling_until: Option<Ts>,
    /// Requests that wait for their turn.
    pub waiting: usize,
    /// Requests that are under way.
    pub in_flight: usize,
}

impl Gate {
    /// A gate with a full budget.
    pub fn new(limits: &Limits, pace: Pace, clock: Arc<VenueClock>) -> Gate {
        Gate {
            budget: Mutex::new(Budget::new(limits)),
            slots: Semaphore::new(IN_FLIGHT),
            waiting: AtomicUsize::new(0),
            next_connect: Mutex::new(None),
            connect_gap: pace.wait(limits.connect_gap_ms),
            pace,
            clock,
        }
    }

    /// The venue's clock.
    pub fn clock(&self) -> &Arc<VenueClock> {
        &self.clock
    }

    /// Waits until a request of this weight may go. Dropping the future takes nothing from the budget.
    pub async fn pass(&self, weight: u32) -> Pass<'_> {
        let _waiting = Counted::new(&self.waiting);
        loop {
            let slot = self.slots.acquire().await.expect("the semaphore is never closed");
            // In a statement of its own, so that no lock is held across the sleep.
            let taken = self.budget().take(self.clock.now(), weight);
            match taken {
                Ok(()) => return Pass { _slot: slot },
                Err(until) => {
                    let wait = self.clock.until(until).clamp(Duration::from_millis(1), LONGEST_SLEEP);
                    drop(slot);
                    sleep(wait).await;
                }
            }
        }
    }

    /// Takes note of what an answer said; a refusal stops everything that has not passed yet.
    pub fn answered(&self, answer: &Result<Used, Refusal>) {
        self.budget().answered(self.clock.now(), answer);
    }

    /// The limit as the venue states it.
    pub fn set_limit(&self, weight: u32) {
        self.budget().set_limit(weight);
    }

    /// Waits for the next turn to open a connection: turns are a connect gap apart. Dropping the future gives up a turn.
    pub async fn connect_turn(&self) {
        let turn = {
            let mut next = self.next_connect.lock().unwrap_or_else(|e| e.into_inner());
            let now = Instant::now();
            let turn = next.map_or(now, |at| at.max(now));
            *next = Some(turn + self.connect_gap);
            turn
        };
        sleep_until(turn).await;
    }

    /// How the gate stands.
    pub fn stats(&self) -> GateStats {
        let budget = self.budget();
        let (used, limit) = budget.used();
        GateStats {
            used,
            limit,
            refusals: budget.refusals(),
            cooling_until: budget.cooling(self.clock.now()),
            waiting: self.waiting.load(Ordering::Relaxed),
            in_flight: IN_FLIGHT - self.slots.available_permits().min(IN_FLIGHT),
        }
    }

    /// Venue time per real time.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        // The budget is whole between any two statements, so a panic elsewhere has not broken it.
        self.budget.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Counts itself for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Counted<'a> {
        counter.fetch_add(1, Ordering::Relaxed);
        Counted(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The gates of a process: one for all products of an exchange that share a limit at an address.
#[derive(Debug, Default)]
pub struct Gates {
    gates: Mutex<HashMap<GateKey, Arc<Gate>>>,
}

/// Exchange, address, weight and window of the limit.
type GateKey = (String, String, u32, i64);

impl Gates {
    /// No gates yet.
    pub fn new() -> Gates {
        Gates::default()
    }

    /// The gate of a venue at a REST base address, made when it is first asked for.
    pub fn of(&self, venue: &dyn Venue, rest_base: &str, pace: Pace) -> Arc<Gate> {
        let limits = venue.limits();
        // `data.bybit_spot` and `data.bybit_linear` count against one limit of the address.
        let exchange = venue.name().split('_').next().unwrap_or_default().to_owned();
        let base = rest_base.trim_end_matches('/').to_ascii_lowercase();
        let key = (exchange, base, limits.weight_per_window, limits.window_ms);
        let mut gates = self.gates.lock().unwrap_or_else(|e| e.into_inner());
        let made = || Arc::new(Gate::new(limits, pace, Arc::new(VenueClock::new(pace))));
        Arc::clone(gates.entry(key).or_insert_with(made))
    }
}
