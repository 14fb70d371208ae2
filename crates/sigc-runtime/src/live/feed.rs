//! One data step: all its symbols, the connections of their streams, and what is asked for.
//!
//! In go the events of sockets and requests with the time they came at; out come rows in order per symbol, and orders.
//! A symbol's trouble stays its own: a hole, a silent stream or an unknown name holds nobody else up. At most
//! [`MOST_REQUESTS`] requests are under way; who has waited longest is next.

use super::entry::BarFate;
use super::entry::Origin;
use super::intake::Release;
use super::link::{Link, LinkOrder};
use super::poll::{Outcome, PollEvent, PollPolicy, Poller, Tiers};
use super::splice::{Ask, Odd, Splice, Spliced, Terms};
use super::time::elapsed_ms;
use crate::venue::{ArchiveSpan, Limits, Refusal};
use sigc_market::{Bar, N_FIELDS, NULL, Ts};
use std::collections::BTreeSet;

/// Requests of one feed under way: enough to fill a connection pool, few enough to stop within a request's limit.
pub const MOST_REQUESTS: usize = 8;
/// Symbols of one polled feed under way: whoever carries out the orders asks for many symbols at once.
pub const MOST_POLLED: usize = 1_000;
/// How a polled feed asks. Many symbols share an answer, so only a really slow one says something of its symbols.
pub const POLICY: PollPolicy = PollPolicy {
    tiers: Tiers { hot_ms: 2_000, warm_ms: 5_000, cold_ms: 10_000 },
    idle_polls: 5,
    slow_ms: 5_000,
    degrade_ms: 60_000,
    alarm_percent: 5,
};

/// How bars come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Supply {
    /// Streams, repaired by requests.
    Streams(Limits),
    /// Requests only, as often as [`POLICY`] says while a row is wanted.
    Poll,
    /// The clock: every row exists and holds nothing.
    Clock,
}

/// Something that happened. Links are numbered by position, symbols by their place in the universe.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedEvent {
    /// A connection stands and its subscriptions are sent.
    Opened {
        /// The link.
        link: usize,
        /// Its connection.
        generation: u64,
    },
    /// The first frame of a stream on a connection.
    First {
        /// The link.
        link: usize,
        /// Its connection.
        generation: u64,
        /// The symbol.
        symbol: u32,
    },
    /// Streams of a connection showed frames since the last report.
    Heard {
        /// The symbols and when each was heard last.
        symbols: Vec<(u32, Ts)>,
    },
    /// A closing frame.
    Closed {
        /// The symbol.
        symbol: u32,
        /// Its bar.
        bar: Bar,
    },
    /// The venue announced the end of a connection.
    Shutdown {
        /// The link.
        link: usize,
        /// Its connection.
        generation: u64,
    },
    /// A connection ended.
    Ended {
        /// The link.
        link: usize,
        /// Its connection.
        generation: u64,
        /// Why, in words.
        reason: String,
    },
    /// The answer to [`FeedOrder::Fetch`].
    Rows {
        /// The symbol.
        symbol: u32,
        /// Ascending.
        bars: Vec<Bar>,
    },
    /// The answer to [`FeedOrder::Archive`]; `None` if there is no file that can be trusted.
    Archived {
        /// The symbol.
        symbol: u32,
        /// Ascending.
        bars: Option<Vec<Bar>>,
    },
    /// The venue refused a request.
    Refused {
        /// The symbol.
        symbol: u32,
        /// Why.
        refusal: Refusal,
    },
    /// A request failed otherwise.
    Failed {
        /// The symbol.
        symbol: u32,
        /// Why, in words.
        reason: String,
    },
    /// The venue's list does not have the symbol, or it ended.
    Gone {
        /// The symbol.
        symbol: u32,
        /// Why, in words.
        reason: String,
    },
    /// Time passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedOrder {
    /// Connect and subscribe to the link's symbols.
    StartLink {
        /// The link.
        link: usize,
        /// Its connection.
        generation: u64,
        /// The symbols.
        symbols: Vec<u32>,
    },
    /// Close a connection.
    StopLink {
        /// The link.
        link: usize,
        /// Its connection.
        generation: u64,
    },
    /// Ask for the bars that open from `from` to `to`, both included.
    Fetch {
        /// The symbol.
        symbol: u32,
        /// Open time of the first.
        from: Ts,
        /// Open time of the last.
        to: Ts,
    },
    /// Load an archive file.
    Archive {
        /// The symbol.
        symbol: u32,
        /// What it covers.
        span: ArchiveSpan,
    },
}

/// Something a person may want to know.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedNote {
    /// A connection ended; another attempt follows.
    LinkEnded {
        /// The link.
        link: usize,
        /// Why.
        reason: String,
        /// In a row without data.
        failures: u32,
    },
    /// A subscribed stream shows no frame: its bars are asked for.
    Silent {
        /// The symbol.
        symbol: u32,
    },
    /// The symbol is not asked for any more.
    Quarantined {
        /// The symbol.
        symbol: u32,
        /// Why.
        reason: String,
    },
    /// A request failed; it is tried again.
    RequestFailed {
        /// The symbol.
        symbol: u32,
        /// Why.
        reason: String,
    },
    /// Rows that the venue does not have, or that could not be had.
    Gap {
        /// The symbol.
        symbol: u32,
        /// The row.
        row: i64,
        /// [`BarFate::Absent`] or [`BarFate::Unrepaired`].
        unrepaired: bool,
    },
    /// Frames that cannot be: off the grid, or from the future.
    Nonsense {
        /// The symbol.
        symbol: u32,
        /// How many.
        n: u64,
    },
    /// Of the polls: a symbol's pace, a cycle that was not over in time.
    Poll(PollEvent),
}

/// What a step gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FeedOut {
    /// Rows, in order per symbol.
    pub released: Vec<(u32, Release)>,
    /// Bars that changed nothing.
    pub odd: Vec<(u32, Odd)>,
    /// What to do.
    pub orders: Vec<FeedOrder>,
    /// What to say.
    pub notes: Vec<FeedNote>,
}

/// The state of a data step.
#[derive(Debug, Clone)]
pub struct Feed {
    terms: Terms,
    supply: Supply,
    splices: Vec<Splice>,
    links: Vec<Link>,
    /// The symbols of each link, and the link of each symbol with its place there.
    members: Vec<Vec<u32>>,
    place: Vec<(usize, usize)>,
    /// When each symbol wants to be looked at.
    wakes: BTreeSet<(Ts, u32)>,
    wake_of: Vec<Option<Ts>>,
    in_flight: usize,
    /// The pace of a polled feed.
    poller: Option<Poller>,
    scratch: Spliced,
    link_orders: Vec<LinkOrder>,
}

impl Feed {
    /// A feed whose symbol `i` begins with row `starts[i].0`, resumed behind an earlier process's rows if `.1` says so.
    pub fn new(terms: Terms, supply: Supply, starts: &[(i64, bool)], now: Ts, seed: u64) -> Feed {
        let splices: Vec<Splice> = starts
            .iter()
            .enumerate()
            .map(|(i, &(next, resumed))| {
                let splice = Splice::new(terms, next, resumed, seed.wrapping_add(i as u64));
                if supply == Supply::Poll { splice.paced() } else { splice }
            })
            .collect();
        let all: Vec<u32> = (0..splices.len() as u32).collect();
        let (mut links, mut members) = (Vec::new(), Vec::new());
        if let Supply::Streams(limits) = supply {
            for (i, group) in all.chunks(limits.streams_per_link.max(1)).enumerate() {
                let first_at = Ts(now.0 + i as i64 * limits.connect_gap_ms);
                links.push(Link::new(group.len(), limits.lifetime_ms, first_at, seed ^ (i as u64) << 32));
                members.push(group.to_vec());
            }
        }
        let mut place = vec![(0, 0); splices.len()];
        for (l, group) in members.iter().enumerate() {
            group.iter().enumerate().for_each(|(i, &s)| place[s as usize] = (l, i));
        }
        let mut feed = Feed {
            terms,
            supply,
            wake_of: vec![None; splices.len()],
            splices,
            links,
            members,
            place,
            wakes: BTreeSet::new(),
            in_flight: 0,
            poller: (supply == Supply::Poll).then(|| Poller::new(&vec![0; starts.len()], POLICY, now)),
            scratch: Spliced::default(),
            link_orders: Vec::new(),
        };
        all.iter().for_each(|&s| feed.set_wake(s, Some(now)));
        feed
    }

    /// The symbols wait for each other: see [`Splice::awaited`].
    #[must_use]
    pub fn awaited(mut self) -> Feed {
        self.splices = self.splices.into_iter().map(Splice::awaited).collect();
        self
    }

    /// One symbol's sequence.
    pub fn splice(&self, symbol: u32) -> &Splice {
        &self.splices[symbol as usize]
    }

    /// How many symbols there are.
    pub fn n_symbols(&self) -> usize {
        self.splices.len()
    }

    /// The times of the source.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Links whose connection stands, and links in all.
    pub fn links_open(&self) -> (usize, usize) {
        (self.links.iter().filter(|l| l.is_open()).count(), self.links.len())
    }

    /// The pace of a feed that is polled.
    pub fn poller(&self) -> Option<&Poller> {
        self.poller.as_ref()
    }

    /// Requests under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes an event; time never goes backwards.
    pub fn handle(&mut self, event: FeedEvent, now: Ts, out: &mut FeedOut) {
        match event {
            FeedEvent::Opened { link, generation } => {
                if self.links.get_mut(link).is_some_and(|l| l.opened(generation, now)) {
                    for i in 0..self.members[link].len() {
                        let s = self.members[link][i];
                        if !self.splices[s as usize].hears(now) {
                            self.splices[s as usize].subscribed(now);
                        }
                        self.visit(s, now, out);
                    }
                }
            }
            FeedEvent::First { link, generation, symbol } => {
                let Some(&(_, i)) = self.place.get(symbol as usize) else { return };
                if self.links.get_mut(link).is_some_and(|l| l.heard(generation, i)) {
                    self.splices[symbol as usize].frame(now);
                    self.visit(symbol, now, out);
                }
            }
            FeedEvent::Heard { symbols } => {
                for (symbol, at) in symbols {
                    if let Some(splice) = self.splices.get_mut(symbol as usize) {
                        splice.frame(at.min(now));
                    }
                }
            }
            FeedEvent::Closed { symbol, bar } => {
                self.with(symbol, now, out, |splice, spliced| splice.closed(&bar, now, spliced));
            }
            FeedEvent::Shutdown { link, generation } => {
                if let Some(l) = self.links.get_mut(link) {
                    l.shutdown_announced(generation, now);
                }
            }
            FeedEvent::Ended { link, generation, reason } => self.link_ended(link, generation, reason, now, out),
            FeedEvent::Rows { symbol, bars } => {
                self.in_flight = self.in_flight.saturating_sub(1);
                let before = self.splices.get(symbol as usize).map(Splice::reached);
                let step = |splice: &mut Splice, spliced: &mut Spliced| splice.rows(&bars, now, spliced);
                self.with(symbol, now, out, step);
                let news = self.splices.get(symbol as usize).map(Splice::reached) > before;
                self.polled(symbol, if news { Outcome::News } else { Outcome::Nothing }, now, out);
            }
            FeedEvent::Archived { symbol, bars } => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.with(symbol, now, out, |splice, spliced| splice.archived(bars.as_deref(), now, spliced));
                self.polled(symbol, Outcome::News, now, out);
            }
            FeedEvent::Refused { symbol, refusal } => self.refused(symbol, refusal, now, out),
            FeedEvent::Failed { symbol, reason } => {
                self.in_flight = self.in_flight.saturating_sub(1);
                out.notes.push(FeedNote::RequestFailed { symbol, reason });
                self.with(symbol, now, out, |splice, spliced| splice.failed(None, now, spliced));
                self.polled(symbol, Outcome::Failed, now, out);
            }
            FeedEvent::Gone { symbol, reason } => self.quarantine(symbol, reason, out),
            FeedEvent::Tick => {}
        }
        self.due(now, out);
    }

    /// Declares the rows of a symbol that close by `by` and are not there, because others wait for them: also of a symbol
    /// that was given up, whose rows nobody asks for.
    pub fn give_up(&mut self, symbol: u32, by: Ts, now: Ts, out: &mut FeedOut) {
        let Some(splice) = self.splices.get_mut(symbol as usize) else { return };
        let to = self.terms.interval.last_closed(by) + 1;
        let ended = splice.is_ended();
        let mut spliced = std::mem::take(&mut self.scratch);
        splice.give_up(to, now, &mut spliced);
        self.hand_on(symbol, &mut spliced, !ended, out);
        self.scratch = spliced;
        self.visit(symbol, now, out);
    }

    /// When [`FeedEvent::Tick`] has something to do.
    pub fn wake_at(&self) -> Option<Ts> {
        // With all requests under way the symbols that are due wait for an answer, not for time.
        let symbols = if self.in_flight < self.most_requests() { self.wakes.first().map(|(at, _)| *at) } else { None };
        self.links.iter().filter_map(Link::wake_at).chain(symbols).min()
    }

    fn link_ended(&mut self, link: usize, generation: u64, reason: String, now: Ts, out: &mut FeedOut) {
        let Some(l) = self.links.get_mut(link) else { return };
        if !l.ended(generation, now) {
            return;
        }
        out.notes.push(FeedNote::LinkEnded { link, reason, failures: l.failures() });
        if !l.is_open() {
            for i in 0..self.members[link].len() {
                let s = self.members[link][i];
                self.splices[s as usize].unsubscribed();
                self.visit(s, now, out);
            }
        }
    }

    fn refused(&mut self, symbol: u32, refusal: Refusal, now: Ts, out: &mut FeedOut) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match refusal {
            Refusal::UnknownSymbol { .. } | Refusal::BadRequest { .. } => {
                self.quarantine(symbol, refusal.to_string(), out);
            }
            Refusal::TooMany { after_ms, .. } => {
                out.notes.push(FeedNote::RequestFailed { symbol, reason: refusal.to_string() });
                self.with(symbol, now, out, |splice, spliced| splice.failed(after_ms, now, spliced));
            }
            Refusal::Blocked { .. } | Refusal::Server { .. } => {
                out.notes.push(FeedNote::RequestFailed { symbol, reason: refusal.to_string() });
                self.with(symbol, now, out, |splice, spliced| splice.failed(None, now, spliced));
            }
        }
        self.polled(symbol, Outcome::Failed, now, out);
    }

    /// Tells the pace of an answer.
    fn polled(&mut self, symbol: u32, outcome: Outcome, now: Ts, out: &mut FeedOut) {
        let Some(poller) = &mut self.poller else { return };
        let Some((_, Some(asked))) = poller.turn(symbol) else { return };
        let events = poller.answered(symbol, now, elapsed_ms(asked, now), outcome);
        if outcome == Outcome::News {
            // There may be more where it came from; otherwise it is postponed to the next close.
            poller.hurry(symbol, now);
        }
        out.notes.extend(events.into_iter().map(FeedNote::Poll));
        self.visit(symbol, now, out);
    }

    fn most_requests(&self) -> usize {
        if self.supply == Supply::Poll { MOST_POLLED } else { MOST_REQUESTS }
    }

    fn quarantine(&mut self, symbol: u32, reason: String, out: &mut FeedOut) {
        let Some(splice) = self.splices.get_mut(symbol as usize) else { return };
        if !splice.is_ended() {
            splice.end();
            self.set_wake(symbol, None);
            out.notes.push(FeedNote::Quarantined { symbol, reason });
            let events = self.poller.as_mut().map(|p| p.quarantine(symbol)).unwrap_or_default();
            let known = |e: &PollEvent| matches!(e, PollEvent::Quarantined { .. });
            out.notes.extend(events.into_iter().filter(|e| !known(e)).map(FeedNote::Poll));
        }
    }

    /// Everything whose time has come.
    fn due(&mut self, now: Ts, out: &mut FeedOut) {
        for l in 0..self.links.len() {
            self.links[l].step(now, &mut self.link_orders);
            for order in self.link_orders.drain(..) {
                out.orders.push(match order {
                    LinkOrder::Start { generation } => {
                        let wanted = self.members[l].iter().filter(|&&s| !self.splices[s as usize].is_ended());
                        FeedOrder::StartLink { link: l, generation, symbols: wanted.copied().collect() }
                    }
                    LinkOrder::Stop { generation } => FeedOrder::StopLink { link: l, generation },
                });
            }
        }
        let due: Vec<u32> = self.wakes.iter().take_while(|(at, _)| *at <= now).map(|(_, s)| *s).collect();
        for s in due {
            self.with(s, now, out, |splice, spliced| splice.tick(now, spliced));
            self.ask(s, now, out);
        }
    }

    /// Asks for what a symbol wants. Only from [`Feed::due`], so that the one that waits longest comes first.
    fn ask(&mut self, symbol: u32, now: Ts, out: &mut FeedOut) {
        let interval = self.terms.interval;
        if self.in_flight >= self.most_requests() || self.supply == Supply::Clock {
            return;
        }
        if let Some(poller) = &self.poller
            && poller.turn(symbol).is_none_or(|(due, asked)| asked.is_some() || due > now)
        {
            return;
        }
        if let Some(ask) = self.splices[symbol as usize].ask(now) {
            self.in_flight += 1;
            if let Some(poller) = &mut self.poller {
                poller.take(symbol, now);
            }
            out.orders.push(match ask {
                Ask::Rows { from, to } => {
                    FeedOrder::Fetch { symbol, from: interval.open_of(from), to: interval.open_of(to) }
                }
                Ask::Archive { span, .. } => FeedOrder::Archive { symbol, span },
            });
            self.visit(symbol, now, out);
        }
    }

    /// Lets a symbol take a step, and hands on what came of it.
    fn with(&mut self, symbol: u32, now: Ts, out: &mut FeedOut, step: impl FnOnce(&mut Splice, &mut Spliced)) {
        let Some(splice) = self.splices.get_mut(symbol as usize) else { return };
        if splice.is_ended() {
            return;
        }
        let mut spliced = std::mem::take(&mut self.scratch);
        step(splice, &mut spliced);
        if self.supply == Supply::Clock {
            by_the_clock(splice, &self.terms, now, &mut spliced);
        }
        self.hand_on(symbol, &mut spliced, true, out);
        self.scratch = spliced;
        self.visit(symbol, now, out);
    }

    /// Hands on what came of a symbol's step; `tells` of its gaps.
    fn hand_on(&mut self, symbol: u32, spliced: &mut Spliced, tells: bool, out: &mut FeedOut) {
        for release in spliced.released.drain(..) {
            let unrepaired = release.fate == BarFate::Unrepaired;
            if tells && (unrepaired || release.fate == BarFate::Absent) {
                out.notes.push(FeedNote::Gap { symbol, row: release.row, unrepaired });
            }
            out.released.push((symbol, release));
        }
        out.odd.extend(spliced.odd.drain(..).map(|odd| (symbol, odd)));
        if spliced.nonsense > 0 {
            out.notes.push(FeedNote::Nonsense { symbol, n: std::mem::take(&mut spliced.nonsense) });
        }
    }

    /// Notes when to come back to a symbol, and what its stream is up to.
    fn visit(&mut self, symbol: u32, now: Ts, out: &mut FeedOut) {
        let splice = &mut self.splices[symbol as usize];
        if splice.fell_silent(now) {
            out.notes.push(FeedNote::Silent { symbol });
            let (l, _) = self.place[symbol as usize];
            if let Some(link) = self.links.get_mut(l) {
                link.silent(now);
            }
        }
        let wake = match self.supply {
            Supply::Clock => Some(self.terms.interval.close_of(splice.next())),
            Supply::Streams(_) => splice.wake_at(now),
            Supply::Poll => {
                let (asks, steps) = (splice.asks_at(now), splice.steps_at());
                let turn = asks.and_then(|at| self.postponed(symbol, at, out));
                [turn, steps].into_iter().flatten().min()
            }
        };
        self.set_wake(symbol, wake.filter(|_| !self.splices[symbol as usize].is_ended()));
    }

    /// When a polled symbol has its turn: not before its row is wanted.
    fn postponed(&mut self, symbol: u32, wanted: Ts, out: &mut FeedOut) -> Option<Ts> {
        let poller = self.poller.as_mut()?;
        out.notes.extend(poller.postpone(symbol, wanted).into_iter().map(FeedNote::Poll));
        let (due, asked) = poller.turn(symbol)?;
        // Under way in vain: its answer is being handled, and the turn comes with it.
        asked.is_none().then_some(due)
    }

    fn set_wake(&mut self, symbol: u32, at: Option<Ts>) {
        let old = std::mem::replace(&mut self.wake_of[symbol as usize], at);
        if let Some(old) = old {
            self.wakes.remove(&(old, symbol));
        }
        if let Some(at) = at {
            self.wakes.insert((at, symbol));
        }
    }
}

/// Every closed row, without values.
fn by_the_clock(splice: &mut Splice, terms: &Terms, now: Ts, spliced: &mut Spliced) {
    while splice.next() <= terms.last_closed(now) {
        let bar = Bar { open_time: terms.interval.open_of(splice.next()), values: [NULL; N_FIELDS] };
        let before = splice.next();
        splice.known(&bar, Origin::Poll, now, spliced);
        if splice.next() == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
