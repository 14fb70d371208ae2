//! One connection's worth of streams: connect, keep, renew, connect again.
//!
//! A connection that ends, for whatever reason and with whatever code, is made anew after a wait that grows while no
//! data come. One that grows old, or whose venue announces a shutdown, or whose streams are silent is renewed: the new
//! one is opened beside it, and the old one goes when every stream of the new one has shown a frame. What both bring
//! meanwhile is sorted out by [`super::intake`].

use super::retry::{Retry, RetryPolicy, SplitMix};
use sigc_market::Ts;

/// A renewed connection takes over after so long even if some stream shows no frame: the symbol may be suspended.
const TAKE_OVER_MS: i64 = 60_000;
/// Lifetimes are spread by a tenth, so that connections of one age do not end together.
const SPREAD: i64 = 10;
/// Renewals for silent streams, which may be silent for good.
const RENEWAL: RetryPolicy = RetryPolicy { first_ms: 60_000, cap_ms: 3_600_000 };

/// What is to be done about a connection. `generation` tells one connection of a link from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkOrder {
    /// Connect and subscribe.
    Start {
        /// The connection.
        generation: u64,
    },
    /// Close.
    Stop {
        /// The connection.
        generation: u64,
    },
}

#[derive(Debug, Clone)]
struct Connection {
    generation: u64,
    open_since: Option<Ts>,
    heard: Vec<bool>,
}

/// The connections of one group of streams.
#[derive(Debug, Clone)]
pub struct Link {
    n_streams: usize,
    lifetime_ms: i64,
    current: Option<Connection>,
    successor: Option<Connection>,
    generations: u64,
    retry: Retry,
    renewal: Retry,
    connect_at: Ts,
    renew_at: Option<Ts>,
    no_renewal_before: Ts,
}

impl Link {
    /// Connects at `first_at`.
    pub fn new(n_streams: usize, lifetime_ms: i64, first_at: Ts, seed: u64) -> Link {
        let spread = SplitMix(seed).below(lifetime_ms / SPREAD + 1);
        Link {
            n_streams,
            lifetime_ms: lifetime_ms - spread,
            current: None,
            successor: None,
            generations: 0,
            retry: Retry::new(RetryPolicy::NETWORK, seed),
            renewal: Retry::new(RENEWAL, seed ^ 1),
            connect_at: first_at,
            renew_at: None,
            no_renewal_before: Ts(i64::MIN),
        }
    }

    /// True if some connection is open.
    pub fn is_open(&self) -> bool {
        [&self.current, &self.successor].into_iter().flatten().any(|c| c.open_since.is_some())
    }

    /// Connections ended in a row without data.
    pub fn failures(&self) -> u32 {
        self.retry.failures()
    }

    /// The connection stands and its subscriptions are sent. False if it was given up meanwhile.
    pub fn opened(&mut self, generation: u64, now: Ts) -> bool {
        let lifetime = self.lifetime_ms;
        let Some(connection) = self.connection(generation) else { return false };
        connection.open_since = Some(now);
        self.renew_at = Some(Ts(now.0.saturating_add(lifetime)));
        true
    }

    /// A stream showed a frame. False if the connection was given up.
    pub fn heard(&mut self, generation: u64, stream: usize) -> bool {
        let Some(connection) = self.connection(generation) else { return false };
        if let Some(heard) = connection.heard.get_mut(stream) {
            *heard = true;
        }
        self.retry.succeeded();
        true
    }

    /// The venue is about to close the connection.
    pub fn shutdown_announced(&mut self, generation: u64, now: Ts) {
        if self.current.as_ref().is_some_and(|c| c.generation == generation) && self.successor.is_none() {
            self.renew_at = Some(now);
        }
    }

    /// Some stream is silent: renew the connection, but not over and over.
    pub fn silent(&mut self, now: Ts) {
        if self.successor.is_none() && now >= self.no_renewal_before {
            self.no_renewal_before = Ts(now.0.saturating_add(self.renewal.failed()));
            self.renew_at = Some(now);
        }
    }

    /// The connection ended. False if it was not one of ours any more.
    pub fn ended(&mut self, generation: u64, now: Ts) -> bool {
        if self.successor.as_ref().is_some_and(|c| c.generation == generation) {
            self.successor = None;
            self.renew_at = Some(Ts(now.0.saturating_add(self.retry.failed())));
            return true;
        }
        if self.current.as_ref().is_none_or(|c| c.generation != generation) {
            return false;
        }
        self.current = self.successor.take();
        if self.current.is_none() {
            self.connect_at = Ts(now.0.saturating_add(self.retry.failed()));
            self.renew_at = None;
        }
        true
    }

    /// What to do at `now`.
    pub fn step(&mut self, now: Ts, orders: &mut Vec<LinkOrder>) {
        if self.current.is_none() {
            if now >= self.connect_at {
                self.current = Some(self.start(orders));
            }
            return;
        }
        if self.successor.as_ref().is_some_and(|c| takes_over(c, now))
            && let Some(old) = std::mem::replace(&mut self.current, self.successor.take())
        {
            orders.push(LinkOrder::Stop { generation: old.generation });
        }
        if self.successor.is_none() && self.renew_at.is_some_and(|at| now >= at) {
            self.renew_at = None;
            self.successor = Some(self.start(orders));
        }
    }

    /// When [`Link::step`] has something to do.
    pub fn wake_at(&self) -> Option<Ts> {
        if self.current.is_none() {
            return Some(self.connect_at);
        }
        match &self.successor {
            Some(c) => c.open_since.map(|t| if all(c) { t } else { Ts(t.0 + TAKE_OVER_MS) }),
            None => self.renew_at,
        }
    }

    fn start(&mut self, orders: &mut Vec<LinkOrder>) -> Connection {
        self.generations += 1;
        orders.push(LinkOrder::Start { generation: self.generations });
        Connection { generation: self.generations, open_since: None, heard: vec![false; self.n_streams] }
    }

    fn connection(&mut self, generation: u64) -> Option<&mut Connection> {
        [&mut self.current, &mut self.successor].into_iter().flatten().find(|c| c.generation == generation)
    }
}

fn all(c: &Connection) -> bool {
    c.heard.iter().all(|h| *h)
}

fn takes_over(c: &Connection, now: Ts) -> bool {
    c.open_since.is_some_and(|t| all(c) || now.0 >= t.0.saturating_add(TAKE_OVER_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(link: &mut Link, now: i64) -> Vec<LinkOrder> {
        let mut out = Vec::new();
        link.step(Ts(now), &mut out);
        out
    }

    const START: fn(u64) -> LinkOrder = |generation| LinkOrder::Start { generation };
    const STOP: fn(u64) -> LinkOrder = |generation| LinkOrder::Stop { generation };

    #[test]
    fn an_old_connection_goes_when_every_stream_of_the_new_one_is_heard() {
        let mut link = Link::new(2, 1_000_000, Ts(0), 7);
        assert_eq!(orders(&mut link, 0), [START(1)]);
        assert!(link.opened(1, Ts(10)) && link.heard(1, 0) && link.heard(1, 1));
        assert_eq!(orders(&mut link, 899_000), []);
        let at = link.wake_at().expect("the end of its life");
        assert!((900_010..=1_000_010).contains(&at.0), "{at}");
        assert_eq!(orders(&mut link, at.0), [START(2)]);
        assert!(link.opened(2, Ts(at.0 + 5)) && link.heard(2, 1));
        assert_eq!(orders(&mut link, at.0 + 6), []);
        assert!(link.heard(2, 0));
        assert_eq!(orders(&mut link, at.0 + 7), [STOP(1)]);
        assert!(!link.heard(1, 0), "frames of the old one are late");
        assert!(!link.ended(1, Ts(at.0 + 8)), "and its end is no news");
        assert!(link.is_open());
    }

    #[test]
    fn waits_grow_until_data_come_and_every_end_leads_to_a_new_start() {
        let mut link = Link::new(1, i64::MAX / 4, Ts(0), 7);
        let (mut now, mut waits) = (0, Vec::new());
        for generation in 1..=12 {
            assert_eq!(orders(&mut link, now), [START(generation)]);
            assert!(link.ended(generation, Ts(now)));
            let at = link.wake_at().expect("a next attempt");
            waits.push(at.0 - now);
            now = at.0;
        }
        assert!(waits[0] <= 500 && waits[11] >= 30_000 && waits.iter().all(|w| *w <= 60_000), "{waits:?}");
        orders(&mut link, now);
        link.opened(13, Ts(now));
        link.heard(13, 0);
        link.ended(13, Ts(now));
        assert!(link.wake_at().expect("soon").0 - now <= 500);
    }

    #[test]
    fn a_current_connection_that_ends_during_renewal_is_replaced_by_its_successor() {
        let mut link = Link::new(1, 1_000_000, Ts(0), 7);
        orders(&mut link, 0);
        link.opened(1, Ts(0));
        link.shutdown_announced(1, Ts(5));
        assert_eq!(orders(&mut link, 5), [START(2)]);
        assert!(link.ended(1, Ts(6)));
        assert_eq!(orders(&mut link, 7), []);
        assert!(link.opened(2, Ts(8)) && link.is_open());
    }

    #[test]
    fn a_silent_stream_renews_once_and_then_rarely() {
        let mut link = Link::new(2, i64::MAX / 4, Ts(0), 7);
        orders(&mut link, 0);
        link.opened(1, Ts(0));
        let mut starts = 0;
        for now in (0..3_600_000).step_by(1_000) {
            link.silent(Ts(now));
            for order in orders(&mut link, now) {
                if let LinkOrder::Start { generation } = order {
                    starts += 1;
                    link.opened(generation, Ts(now));
                }
            }
        }
        assert!((2..=8).contains(&starts), "{starts}");
    }
}
