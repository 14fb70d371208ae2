//! The faults in force: what a script comes to once the start is known, and what is injected later.
//!
//! Reading is cheap and frequent (every frame asks), so the list is one shared snapshot; writing replaces it.

use crate::fault::{Entry, Fault};
use crate::venue::Venue;
use sigc_market::{Symbol, Ts};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// How long a fault holds after `at` and each `every` if nothing is said.
const USUAL_LENGTH: i64 = 60_000;

/// A fault with its times resolved.
#[derive(Debug)]
pub(crate) struct Armed {
    pub id: u64,
    pub fault: Fault,
    pub symbols: Option<Vec<Symbol>>,
    pub venue: Option<Venue>,
    from: Ts,
    to: Ts,
    /// With it, the fault holds for `.1` at every multiple of `.0` since `from`.
    every: Option<(i64, i64)>,
    left: AtomicU32,
}

impl Armed {
    fn new(id: u64, entry: Entry, start: Ts) -> Armed {
        let length = entry.lasting.map(|span| span.0);
        let once = entry.at.map(|at| at.resolve(start));
        let from = once.or(entry.from.map(|from| from.resolve(start)));
        let to = match (once, entry.to) {
            (Some(at), _) => Ts(at.0.saturating_add(length.unwrap_or(USUAL_LENGTH))),
            (None, Some(to)) => to.resolve(start),
            (None, None) if entry.every.is_none() && length.is_some() => {
                Ts(from.unwrap_or(start).0.saturating_add(length.unwrap_or(USUAL_LENGTH)))
            }
            (None, None) => Ts(i64::MAX),
        };
        let every = entry.every.map(|every| (every.0, length.unwrap_or(USUAL_LENGTH)));
        let from = match (from, every) {
            (Some(from), _) => from,
            (None, Some(_)) => start,
            (None, None) => Ts(i64::MIN),
        };
        let left = AtomicU32::new(entry.times.unwrap_or(u32::MAX));
        Armed { id, fault: entry.fault, symbols: entry.symbols, venue: entry.venue, from, to, every, left }
    }

    /// True if it holds at `ts`.
    pub fn holds(&self, ts: Ts) -> bool {
        let within = self.from <= ts && ts < self.to;
        within && self.every.is_none_or(|(every, length)| (ts.0 - self.from.0) % every < length)
    }

    /// The first instant after `ts` at which it happens or begins to hold.
    pub fn next_start(&self, ts: Ts) -> Option<Ts> {
        let next = match self.every {
            _ if ts < self.from => self.from,
            Some((every, _)) => Ts(self.from.0 + ((ts.0 - self.from.0) / every + 1) * every),
            None => return None,
        };
        (next < self.to).then_some(next)
    }

    /// The first instant after `ts` at which it stops to hold.
    pub fn next_end(&self, ts: Ts) -> Option<Ts> {
        if !self.holds(ts) {
            return None;
        }
        let end = match self.every {
            Some((every, length)) => Ts(ts.0 - (ts.0 - self.from.0) % every + length),
            None => self.to,
        };
        Some(end.min(self.to))
    }

    /// True if it strikes this venue and symbol.
    pub fn strikes(&self, venue: Venue, symbol: Option<&Symbol>) -> bool {
        let ours = |all: &Vec<Symbol>| symbol.is_some_and(|symbol| all.contains(symbol));
        self.venue.is_none_or(|v| v == venue) && self.symbols.as_ref().is_none_or(ours)
    }

    /// Takes one of its `times`; false if it is spent.
    pub fn spend(&self) -> bool {
        let one_less = |left| match left {
            0 => None,
            u32::MAX => Some(u32::MAX),
            n => Some(n - 1),
        };
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }
}

/// One reading of all faults in force.
pub(crate) type Snapshot = Arc<Vec<Arc<Armed>>>;

/// Finds the first fault that holds at `ts` for this venue and symbol and of which `pick` makes something.
pub(crate) fn find<'a, T>(
    faults: &'a [Arc<Armed>],
    ts: Ts,
    venue: Venue,
    symbol: Option<&Symbol>,
    mut pick: impl FnMut(&'a Fault) -> Option<T>,
) -> Option<T> {
    let mut candidates = faults.iter().filter(|f| f.holds(ts) && f.strikes(venue, symbol));
    candidates.find_map(|f| pick(&f.fault).filter(|_| f.spend()))
}

/// All faults of an exchange.
#[derive(Debug)]
pub(crate) struct Troubles {
    start: Ts,
    armed: RwLock<Snapshot>,
}

impl Troubles {
    /// The faults of a script.
    pub fn new(script: Vec<Entry>, start: Ts) -> Troubles {
        let armed = script.into_iter().zip(1..).map(|(entry, id)| Arc::new(Armed::new(id, entry, start))).collect();
        Troubles { start, armed: RwLock::new(Arc::new(armed)) }
    }

    /// What holds, held and will hold.
    pub fn snapshot(&self) -> Snapshot {
        self.armed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds a fault; gives it back armed.
    pub fn add(&self, entry: Entry) -> Arc<Armed> {
        let mut armed = self.armed.write().unwrap_or_else(PoisonError::into_inner);
        let id = armed.last().map_or(1, |last| last.id + 1);
        let new = Arc::new(Armed::new(id, entry, self.start));
        let mut all = armed.to_vec();
        all.push(new.clone());
        *armed = Arc::new(all);
        new
    }

    /// Ends a fault, or all of them.
    pub fn clear(&self, id: Option<u64>) {
        let mut armed = self.armed.write().unwrap_or_else(PoisonError::into_inner);
        let kept = armed.iter().filter(|f| id.is_some_and(|id| f.id != id)).cloned().collect();
        *armed = Arc::new(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Span;

    fn armed(entry: Entry) -> Armed {
        Armed::new(1, entry, Ts(1_000_000))
    }

    #[test]
    fn times_are_kept() {
        let at = armed(Entry::from(Fault::NeverClose).at(Ts(5_000)));
        assert!(!at.holds(Ts(4_999)) && at.holds(Ts(5_000)) && at.holds(Ts(64_999)) && !at.holds(Ts(65_000)));
        assert_eq!((at.next_start(Ts(0)), at.next_start(Ts(5_000))), (Some(Ts(5_000)), None));
        assert_eq!(at.next_end(Ts(5_000)), Some(Ts(65_000)));

        let mut entry = Entry::from(Fault::DropTcp).lasting(10_000);
        entry.every = Some(Span(100_000));
        let every = armed(entry);
        assert!(every.holds(Ts(1_000_000)) && !every.holds(Ts(1_010_000)) && every.holds(Ts(1_109_999)));
        assert_eq!(every.next_start(Ts(1_000_000)), Some(Ts(1_100_000)));
        assert_eq!(every.next_end(Ts(1_105_000)), Some(Ts(1_110_000)));

        let always = armed(Entry::from(Fault::NeverClose));
        assert!(always.holds(Ts(-5)) && always.next_start(Ts(0)).is_none());
    }

    #[test]
    fn symbols_venues_and_counts_limit_a_fault() {
        let (a, b) = (Symbol::new("A").expect("a symbol"), Symbol::new("B").expect("a symbol"));
        let troubles = Troubles::new(Vec::new(), Ts(0));
        troubles.add(Entry::from(Fault::NeverClose).of([a.clone()]).on(Venue::Spot).times(2));
        let ask = |venue, symbol| {
            let never = |f: &Fault| matches!(f, Fault::NeverClose).then_some(());
            find(&troubles.snapshot(), Ts(0), venue, symbol, never).is_some()
        };
        assert!(!ask(Venue::Spot, Some(&b)) && !ask(Venue::Futures, Some(&a)) && !ask(Venue::Spot, None));
        assert!(ask(Venue::Spot, Some(&a)) && ask(Venue::Spot, Some(&a)) && !ask(Venue::Spot, Some(&a)));
        troubles.clear(None);
        assert!(troubles.snapshot().is_empty());
    }
}
