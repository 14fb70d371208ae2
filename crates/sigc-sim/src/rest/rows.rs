//! Which rows a request for bars gets.
//!
//! An answer is a view of the bars at one moment, with the bar in progress as the newest row. That moment is not now:
//! for some time after a close REST still shows the state before it, and a fault may make it older still.

use crate::fault::Fault;
use crate::market::{Forming, Values};
use crate::trouble::find;
use crate::venue::Venue;
use crate::world::World;
use sigc_market::{Interval, Symbol, Ts};

/// A time as a client gives it, brought into the range in which arithmetic on times is exact.
pub(crate) fn time(ms: i64) -> Ts {
    Ts(ms.clamp(0, 1 << 51))
}

/// A request for bars.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub venue: Venue,
    pub symbol: &'a Symbol,
    pub interval: Interval,
    /// First open time.
    pub start: Option<Ts>,
    /// Last open time.
    pub end: Option<Ts>,
    pub limit: usize,
    /// True: with more rows than the limit the oldest are given, as after a start time on Binance.
    pub oldest: bool,
}

/// The rows by ascending open time, as REST shows them now.
pub(crate) fn rows(world: &World, wanted: &Wanted<'_>) -> Vec<(i64, Values)> {
    let Wanted { venue, symbol, interval, limit, .. } = *wanted;
    let market = world.market(venue);
    let Some(listed) = market.first(symbol) else { return Vec::new() };
    let faults = world.troubles.snapshot();
    let now = world.clock.now();
    let stale =
        find(&faults, now, venue, Some(symbol), |f| if let Fault::StaleRest { ms } = f { Some(ms.0) } else { None });
    let view = seen_at(world, wanted, Ts(now.0 - stale.unwrap_or(0)));

    let floor = interval.index_of(listed.max(world.config.history_from()));
    let newest = interval.index_of(view);
    let low = wanted.start.map_or(floor, |ts| interval.index_of(ts) + i64::from(!interval.is_aligned(ts))).max(floor);
    let high = wanted.end.map_or(newest, |ts| interval.index_of(ts)).min(newest);
    let row = |k: i64, values: &Values| {
        let revised = world.revision(&faults, venue, symbol, interval, k, values).filter(|(from, _)| now >= *from);
        (k, revised.map_or(*values, |(_, other)| other))
    };
    let forming =
        || (high == newest && low <= newest).then(|| Forming::default().at(market, symbol, interval, view)).flatten();
    let last_closed = high.min(newest - 1);

    let mut found = Vec::new();
    let page = limit as i64;
    if wanted.oldest {
        let mut k = low;
        while k <= last_closed && found.len() < limit {
            let next = (k + page).min(last_closed + 1);
            let Some(series) = market.series(symbol, interval, k, next) else { return found };
            found.extend((k..next).filter_map(|k| series.get(k).map(|values| row(k, values))));
            k = next;
        }
        found.extend(forming());
        found.truncate(limit);
        return found;
    }
    found.extend(forming());
    let mut k = last_closed + 1;
    while k > low && found.len() < limit {
        let next = (k - page).max(low);
        let Some(series) = market.series(symbol, interval, next, k) else { break };
        found.extend((next..k).rev().filter_map(|k| series.get(k).map(|values| row(k, values))));
        k = next;
    }
    found.truncate(limit);
    found.reverse();
    found
}

/// The moment whose state is shown at `at`: just before the last close for a while after it.
fn seen_at(world: &World, wanted: &Wanted<'_>, at: Ts) -> Ts {
    let (symbol, interval) = (wanted.symbol, wanted.interval);
    let k = interval.index_of(at);
    let open = interval.open_of(k);
    let there = world.market(wanted.venue).series(symbol, interval, k - 1, k).is_some_and(|s| s.get(k - 1).is_some());
    if there && at.0 < open.0 + world.rest_lag(symbol, interval, k - 1) { Ts(open.0 - 1) } else { at }
}
