//! The tasks of one data step: carry out what its feed orders, and bring back what comes of it.
//!
//! One task owns all others of the step. Told to stop, it closes the connections and gives up the requests; nothing of
//! it is left when it returns.

use crate::net::archive::Archives;
use crate::net::link::{EndKind, LinkEvent, LinkSpec, LinkView, run_link};
use crate::net::rest::{FetchError, Rest};
use crate::pace::Pace;
use crate::run::Observer;
use sigc_market::{Interval, Symbol, Ts};
use sigc_runtime::live::conductor::Event;
use sigc_runtime::live::feed::{FeedEvent, FeedOrder};
use sigc_runtime::live::listing::{Wanted, check};
use sigc_runtime::venue::ArchiveSpan;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Events of one connection that wait to be taken; the connection has a queue of its own behind it.
const LINK_EVENTS: usize = 256;
/// How often it is looked which streams were heard.
const HEARD_MS: i64 = 1_000;
/// The shortest time between two such looks, at any speed.
const LEAST_HEARD: Duration = Duration::from_millis(50);
/// How often the venue's clock is measured.
const CLOCK_MS: i64 = 60_000;
/// How often the venue's list of symbols is read.
const LISTING_MS: i64 = 300_000;
/// The shortest time between two housekeeping requests, at any speed.
const LEAST_HOUSEKEEPING: Duration = Duration::from_secs(2);
/// A symbol that ends within a week is worth a warning.
const SOON_MS: i64 = 7 * 86_400_000;

/// A data step at a venue.
#[derive(Clone)]
pub(crate) struct VenueSource {
    pub number: usize,
    pub symbols: Arc<Vec<Symbol>>,
    pub interval: Interval,
    pub rest: Rest,
    pub ws_base: String,
    pub archives: Option<Arc<Archives>>,
    pub pace: Pace,
    pub events: mpsc::Sender<Event>,
    pub observer: Arc<dyn Observer>,
}

/// A connection that is to run.
struct Running {
    stop: watch::Sender<bool>,
    view: Arc<LinkView>,
    symbols: Vec<u32>,
    /// When each stream was heard last, as far as it was reported.
    reported: Vec<Option<Ts>>,
}

/// What a task of the step was.
enum Done {
    Link((usize, u64)),
    Other,
}

impl VenueSource {
    /// Runs until `stop`, or until nobody gives orders any more.
    pub async fn run(self, mut orders: mpsc::Receiver<FeedOrder>, mut stop: watch::Receiver<bool>) {
        let mut links: HashMap<(usize, u64), Running> = HashMap::new();
        let mut tasks: JoinSet<Done> = JoinSet::new();
        let mut heard = ticks(self.pace.wait(HEARD_MS).max(LEAST_HEARD));
        let mut clock = ticks(self.pace.wait(CLOCK_MS).max(LEAST_HOUSEKEEPING));
        let mut listing = ticks(self.pace.wait(LISTING_MS).max(LEAST_HOUSEKEEPING));
        loop {
            tokio::select! {
                biased;
                () = told(&mut stop) => break,
                order = orders.recv() => match order {
                    Some(order) => self.carry_out(order, &mut links, &mut tasks),
                    None => break,
                },
                Some(done) = tasks.join_next(), if !tasks.is_empty() => match done {
                    Ok(Done::Link(key)) => drop(links.remove(&key)),
                    Ok(Done::Other) => {}
                    Err(e) => tracing::error!(error = %e, "a task of a data step failed"),
                },
                _ = heard.tick() => self.report_heard(&mut links).await,
                _ = clock.tick() => {
                    let rest = self.rest.clone();
                    tasks.spawn(async move {
                        if let Err(e) = rest.sync_clock().await {
                            tracing::warn!(error = %e, "the venue's clock could not be read");
                        }
                        Done::Other
                    });
                }
                _ = listing.tick() => {
                    let source = self.clone();
                    tasks.spawn(async move {
                        source.look_at_listing(None).await;
                        Done::Other
                    });
                }
            }
        }
        links.values().for_each(|link| link.stop.send_modify(|stop| *stop = true));
        // Connections say farewell within their own limit; requests are given up.
        while !links.is_empty() {
            match tasks.join_next().await {
                Some(Ok(Done::Link(key))) => drop(links.remove(&key)),
                Some(_) => {}
                None => break,
            }
        }
        tasks.shutdown().await;
    }

    fn carry_out(&self, order: FeedOrder, links: &mut HashMap<(usize, u64), Running>, tasks: &mut JoinSet<Done>) {
        match order {
            FeedOrder::StartLink { link, generation, symbols } => {
                let (stop, stopped) = watch::channel(false);
                let view = Arc::new(LinkView::new(symbols.len()));
                let reported = vec![None; symbols.len()];
                let running = Running { stop, view: Arc::clone(&view), symbols: symbols.clone(), reported };
                links.insert((link, generation), running);
                let source = self.clone();
                tasks.spawn(async move {
                    source.link(link, generation, symbols, view, stopped).await;
                    Done::Link((link, generation))
                });
            }
            FeedOrder::StopLink { link, generation } => {
                if let Some(running) = links.get(&(link, generation)) {
                    let _ = running.stop.send(true);
                }
            }
            FeedOrder::Fetch { symbol, from, to } => {
                let source = self.clone();
                tasks.spawn(async move {
                    source.fetch(symbol, from, to).await;
                    Done::Other
                });
            }
            FeedOrder::Archive { symbol, span } => {
                let source = self.clone();
                tasks.spawn(async move {
                    source.archive(symbol, span).await;
                    Done::Other
                });
            }
        }
    }

    /// One connection from its first attempt to its end.
    async fn link(
        &self,
        link: usize,
        generation: u64,
        symbols: Vec<u32>,
        view: Arc<LinkView>,
        mut stop: watch::Receiver<bool>,
    ) {
        tokio::select! {
            biased;
            () = told(&mut stop) => return,
            () = self.rest.gate().connect_turn() => {}
        }
        let spec = LinkSpec {
            venue: self.rest.venue(),
            url_base: self.ws_base.clone(),
            symbols: symbols.iter().map(|&s| self.symbols[s as usize].clone()).collect(),
            interval: self.interval,
            pace: self.pace,
            clock: Arc::clone(self.rest.gate().clock()),
            view,
        };
        let (events_in, mut events) = mpsc::channel(LINK_EVENTS);
        let forward = async {
            while let Some(event) = events.recv().await {
                let event = match event {
                    LinkEvent::Connected => {
                        self.observer.link_opened(self.number);
                        FeedEvent::Opened { link, generation }
                    }
                    LinkEvent::First { symbol_index, .. } => {
                        FeedEvent::First { link, generation, symbol: symbols[symbol_index] }
                    }
                    LinkEvent::Closed { symbol_index, bar, .. } => {
                        FeedEvent::Closed { symbol: symbols[symbol_index], bar }
                    }
                    LinkEvent::Shutdown => FeedEvent::Shutdown { link, generation },
                    LinkEvent::Refused { reason, .. } => {
                        tracing::warn!(link, %reason, "the venue refused a subscription");
                        continue;
                    }
                    LinkEvent::Acked { .. } => continue,
                };
                self.send(event).await;
            }
        };
        let (end, ()) = tokio::join!(run_link(spec, events_in, stop), forward);
        self.observer.link_ended(self.number, end.kind);
        // One that was told to stop has been replaced, or the run ends: nobody waits for the news.
        if end.kind != EndKind::Stopped {
            self.send(FeedEvent::Ended { link, generation, reason: end.reason }).await;
        }
    }

    async fn fetch(&self, symbol: u32, from: Ts, to: Ts) {
        let name = &self.symbols[symbol as usize];
        let event = match self.rest.klines(name, self.interval, from, to).await {
            Ok(bars) => FeedEvent::Rows { symbol, bars },
            Err(FetchError::Refused(refusal)) => FeedEvent::Refused { symbol, refusal },
            Err(e) => FeedEvent::Failed { symbol, reason: e.to_string() },
        };
        self.send(event).await;
    }

    async fn archive(&self, symbol: u32, span: ArchiveSpan) {
        let name = &self.symbols[symbol as usize];
        let bars = match &self.archives {
            None => None,
            Some(archives) => match archives.bars(self.rest.venue(), name, self.interval, span).await {
                Ok(bars) => bars,
                Err(e) => {
                    tracing::warn!(symbol = %name, error = %e, "an archive file is not used; requests take its place");
                    None
                }
            },
        };
        self.send(FeedEvent::Archived { symbol, bars }).await;
    }

    /// Compares the universe with the venue's list: who is not there, or ended, is not asked for any more.
    pub async fn look_at_listing(&self, needed_from: Option<Ts>) {
        let listing = match self.rest.instruments().await {
            Ok(listing) => listing,
            Err(e) => {
                tracing::warn!(error = %e, "the venue's list of symbols could not be read");
                return;
            }
        };
        let now = self.rest.gate().clock().now();
        let wanted = Wanted { now, soon_ms: SOON_MS, needed_from };
        for finding in check(&self.symbols, &listing.listed, &wanted) {
            if !finding.kind.is_fatal() {
                tracing::warn!(symbol = %finding.symbol, "{finding}");
                continue;
            }
            if let Some(symbol) = self.symbols.iter().position(|s| *s == finding.symbol) {
                self.send(FeedEvent::Gone { symbol: symbol as u32, reason: finding.to_string() }).await;
            }
        }
    }

    async fn report_heard(&self, links: &mut HashMap<(usize, u64), Running>) {
        let mut symbols = Vec::new();
        for running in links.values_mut() {
            for ((stream, reported), symbol) in
                running.view.streams().iter().zip(&mut running.reported).zip(&running.symbols)
            {
                if let Some(at) = stream.last_frame()
                    && reported.is_none_or(|before| at > before)
                {
                    *reported = Some(at);
                    symbols.push((*symbol, at));
                }
            }
        }
        if !symbols.is_empty() {
            self.send(FeedEvent::Heard { symbols }).await;
        }
    }

    /// Hands an event on; after the end of the run there is nobody to take it.
    async fn send(&self, event: FeedEvent) {
        let _ = self.events.send(Event::Feed { source: self.number, event }).await;
    }
}

/// A data step that needs no tasks: takes orders, of which there are none.
pub(crate) async fn idle(mut orders: mpsc::Receiver<FeedOrder>, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = told(&mut stop) => {}
        () = async { while orders.recv().await.is_some() {} } => {}
    }
}

/// Returns when `stop` is true or its sender is gone.
pub(crate) async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}
