//! What every connection shares: configuration, clock, bars, faults, counters.

use crate::clock::Clock;
use crate::config::Config;
use crate::dice::Dice;
use crate::fault::{Entry, Fault};
use crate::gate::{BybitGate, Weight};
use crate::market::{Change, Edit, Market, Values};
use crate::stats::Stats;
use crate::trouble::{Armed, Troubles};
use crate::venue::Venue;
use sigc_market::{Interval, Symbol, Ts};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, broadcast};

/// Blows a connection may leave unread; one that lags this far behind is struck by the newest.
const BLOWS_KEPT: usize = 64;
/// Real seconds of bars made beyond what is asked for.
const AHEAD_REAL_MS: i64 = 600_000;
/// Least and most of it in venue time: a quarter of a day, 45 days.
const AHEAD_MS: (i64, i64) = (21_600_000, 3_888_000_000);

/// The shared state of an exchange.
#[derive(Debug)]
pub(crate) struct World {
    pub config: Config,
    pub clock: Clock,
    pub troubles: Troubles,
    pub stats: Stats,
    /// Faults that happen, told to every connection.
    pub blows: broadcast::Sender<Arc<Armed>>,
    /// Wakes the director when a fault was injected.
    pub injected: Notify,
    markets: [Arc<Market>; 4],
    futures: Mutex<Weight>,
    spot: Mutex<Weight>,
    bybit: Mutex<BybitGate>,
}

impl World {
    /// The state at the start. The script's changes of the truth are made here, before any bar exists.
    pub fn new(config: Config) -> World {
        let clock = Clock::new(config.start, config.speed);
        let history_from = config.history_from();
        let ahead = clock.venue_ms(AHEAD_REAL_MS).clamp(AHEAD_MS.0, AHEAD_MS.1);
        let market = |venue: Venue| {
            let seed = match (config.distinct_venues, venue) {
                (false, _) | (true, Venue::Futures) => config.seed,
                _ => Dice::new(config.seed, "venue").with(venue as i64).next(),
            };
            let symbols = config.symbols.iter().map(|l| (l.symbol.clone(), l.first.unwrap_or(history_from)));
            Arc::new(Market::new(seed, config.base, history_from, config.start, ahead, symbols))
        };
        let shared = market(Venue::Futures);
        let markets = Venue::ALL.map(|v| if config.distinct_venues { market(v) } else { shared.clone() });
        let world = World {
            clock,
            troubles: Troubles::new(config.faults.0.clone(), config.start),
            stats: Stats::default(),
            blows: broadcast::channel(BLOWS_KEPT).0,
            injected: Notify::new(),
            markets,
            futures: Mutex::new(Weight::new(config.limits.futures_weight, &config.limits)),
            spot: Mutex::new(Weight::new(config.limits.spot_weight, &config.limits)),
            bybit: Mutex::new(BybitGate::new(&config.limits)),
            config,
        };
        for entry in &world.config.faults.0 {
            world.change_truth(entry, None);
        }
        world
    }

    /// The bars of a venue.
    pub fn market(&self, venue: Venue) -> &Market {
        &self.markets[venue as usize]
    }

    /// The request weight of futures or spot.
    pub fn weight(&self, venue: Venue) -> MutexGuard<'_, Weight> {
        let weight = if venue == Venue::Spot { &self.spot } else { &self.futures };
        weight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bybit's counters.
    pub fn bybit_gate(&self) -> MutexGuard<'_, BybitGate> {
        self.bybit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the close of a bar to its closing frame.
    pub fn close_lag(&self, symbol: &Symbol, interval: Interval, k: i64) -> i64 {
        self.lag("close", self.config.close_lag_ms, symbol, interval, k)
    }

    /// From the close of a bar to the moment REST shows it closed.
    pub fn rest_lag(&self, symbol: &Symbol, interval: Interval, k: i64) -> i64 {
        self.lag("rest", self.config.rest_lag_ms, symbol, interval, k)
    }

    fn lag(&self, what: &str, (least, most): (i64, i64), symbol: &Symbol, interval: Interval, k: i64) -> i64 {
        let dice = Dice::new(self.config.seed, what).with_text(symbol.as_str());
        dice.with(interval.max_millis()).with(k).between(least, most)
    }

    /// Puts a fault in force now; gives its number.
    pub fn inject(&self, entry: Entry) -> u64 {
        self.stats.faults.one();
        let timed = entry.at.is_some() || entry.every.is_some() || entry.from.is_some();
        let blow = entry.fault.is_blow();
        self.change_truth(&entry, Some(self.clock.now()));
        let armed = self.troubles.add(entry);
        if blow && !timed && armed.spend() {
            // Without a receiver there is no connection to strike.
            let _ = self.blows.send(armed.clone());
        }
        self.injected.notify_one();
        armed.id
    }

    /// Changes the bars. What has opened by `now` stays as it was told.
    fn change_truth(&self, entry: &Entry, now: Option<Ts>) {
        let start = self.config.start;
        let (from, to, what) = match &entry.fault {
            Fault::Gap { from, to } => (from.resolve(start), to.resolve(start), Change::Absent),
            Fault::ZeroBar { from, to } => (from.resolve(start), to.resolve(start), Change::Flat),
            Fault::Delist { t } => (t.resolve(start), Ts(i64::MAX), Change::Absent),
            _ => return,
        };
        let base = self.config.base;
        let from = now.map_or(from, |now| from.max(base.open_of(base.index_of(now) + 1)));
        let edit = Edit { symbols: entry.symbols.clone(), from, to, what };
        if !self.config.distinct_venues {
            return self.markets[0].edit(edit);
        }
        for venue in Venue::ALL.into_iter().filter(|v| entry.venue.is_none_or(|only| only == *v)) {
            self.market(venue).edit(edit.clone());
        }
    }

    /// When a symbol was or will be delisted.
    pub fn delisted(&self, venue: Venue, symbol: &Symbol) -> Option<Ts> {
        let faults = self.troubles.snapshot();
        let times = faults.iter().filter(|f| f.strikes(venue, Some(symbol))).filter_map(|f| match f.fault {
            Fault::Delist { t } => Some(t.resolve(self.config.start)),
            _ => None,
        });
        times.min()
    }

    /// How a bar is told later, if a fault revises it: from when on, and its other values.
    pub fn revision(
        &self,
        faults: &[Arc<Armed>],
        venue: Venue,
        symbol: &Symbol,
        interval: Interval,
        k: i64,
        values: &Values,
    ) -> Option<(Ts, Values)> {
        let open = interval.open_of(k);
        faults.iter().filter(|f| f.strikes(venue, Some(symbol))).find_map(|f| match &f.fault {
            Fault::Revise { t, delta, after_ms, interval: only }
                if t.resolve(self.config.start) == open && only.is_none_or(|i| i == interval) =>
            {
                let mut other = *values;
                other[3] *= 1.0 + delta;
                other[1] = other[1].max(other[3]);
                other[2] = other[2].min(other[3]);
                Some((Ts(interval.close_of(k).0 + after_ms.0), other))
            }
            _ => None,
        })
    }
}
