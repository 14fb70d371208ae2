//! One connection for streams, from the first attempt to its end.
//!
//! [`run_link`] connects, subscribes, reads until something ends it, and says what. It never connects again: that is the
//! caller's single retry loop. Stays true while it runs:
//!
//! * The socket is always read and pings are answered at once, whatever the receiver of the events does.
//! * A closed bar that was read is delivered, in order. While the receiver is busy it waits in a queue; a receiver that
//!   falls too far behind ends the link, and what was queued is still delivered.
//! * Forming bars are not events. Of each stream the first frame is one, and [`LinkView`] shows the rest.
//! * Without any frame for [`silence_ms`](sigc_runtime::venue::Limits::silence_ms) the link is dead, even if the
//!   operating system has not noticed.
//!
//! Dropping the future closes the socket without a farewell and loses what was queued.

mod outbox;
mod socket;
mod view;

pub use view::{LinkView, StreamView};

use self::outbox::Outbox;
use self::socket::{Connected, Socket, connect, lost};
use super::clock::VenueClock;
use crate::pace::Pace;
use futures_util::StreamExt;
use sigc_market::{Bar, Interval, Symbol, Ts};
use sigc_runtime::venue::{Frame, Kline, Venue};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Faulty frames in a row after which the connection is given up.
const MAX_MALFORMED: u32 = 50;
/// Limit on writing a message; a socket that takes nothing for so long is dead.
const WRITE_MS: i64 = 10_000;
/// Limit on the farewell and on the delivery of what is queued once the link is told to stop.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a link is to do.
#[derive(Clone)]
pub struct LinkSpec {
    /// The venue.
    pub venue: &'static dyn Venue,
    /// Base address of its streams.
    pub url_base: String,
    /// The symbols, at most [`streams_per_link`](sigc_runtime::venue::Limits::streams_per_link).
    pub symbols: Vec<Symbol>,
    /// The interval of all of them; one that the venue offers.
    pub interval: Interval,
    /// Venue time per real time.
    pub pace: Pace,
    /// The venue's clock.
    pub clock: Arc<VenueClock>,
    /// Where the state of the link is shown; made with as many streams as there are symbols.
    pub view: Arc<LinkView>,
}

/// Something that happened on a link.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEvent {
    /// The connection stands; subscriptions follow.
    Connected,
    /// The venue has taken a subscription, which proves nothing.
    Acked {
        /// Positions in [`LinkSpec::symbols`].
        symbols: Range<usize>,
    },
    /// The venue has refused a subscription.
    Refused {
        /// Positions in [`LinkSpec::symbols`], if the venue says which message it means.
        symbols: Option<Range<usize>>,
        /// The venue's words.
        reason: String,
    },
    /// The first frame of a stream: it works.
    First {
        /// Position in [`LinkSpec::symbols`].
        symbol_index: usize,
        /// Open time of the bar in the frame, most likely the one still open.
        open_time: Ts,
        /// When it was received.
        received: Ts,
    },
    /// A closed bar. The venue may send one twice, and not at all.
    Closed {
        /// Position in [`LinkSpec::symbols`].
        symbol_index: usize,
        /// The bar.
        bar: Bar,
        /// When the venue sent it.
        sent: Option<Ts>,
        /// When it was received.
        received: Ts,
    },
    /// The venue is about to close the connection: open another now.
    Shutdown,
}

/// How a link ended.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkEnd {
    /// Why, for decisions and metrics.
    pub kind: EndKind,
    /// Why, for people.
    pub reason: String,
    /// The code the venue closed with, or that the protocol gives to a lost connection.
    pub code: Option<u16>,
    /// How long the connection stood, in the venue's time; zero if it never did.
    pub lived_ms: i64,
    /// Text frames read.
    pub frames: u64,
    /// True if a bar came: only then was the attempt a success.
    pub had_data: bool,
}

/// Why a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndKind {
    /// It was told to.
    Stopped,
    /// No connection came about.
    NotConnected,
    /// The venue answered the attempt with this HTTP status.
    Denied(u16),
    /// The venue closed the connection.
    Closed,
    /// The connection broke.
    Lost,
    /// No frame for too long, or a socket that takes nothing.
    Silent,
    /// A frame that breaks the protocol, is too large, or too many that cannot be read.
    Malformed,
    /// The receiver of the events is gone or too far behind.
    Unheard,
}

impl fmt::Display for EndKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EndKind::Stopped => "stopped",
            EndKind::NotConnected => "not_connected",
            EndKind::Denied(_) => "denied",
            EndKind::Closed => "closed",
            EndKind::Lost => "lost",
            EndKind::Silent => "silent",
            EndKind::Malformed => "malformed",
            EndKind::Unheard => "unheard",
        })
    }
}

/// Why and with which code, before the numbers are known.
type Ending = (EndKind, String, Option<u16>);

/// Runs a link until it ends, by itself or because `stop` became true or was dropped.
pub async fn run_link(spec: LinkSpec, events: mpsc::Sender<LinkEvent>, mut stop: watch::Receiver<bool>) -> LinkEnd {
    let url = spec.venue.stream_url(&spec.url_base);
    let opened = tokio::select! {
        biased;
        () = stopped(&mut stop) => Err((EndKind::Stopped, "stopped while connecting".to_owned(), None)),
        opened = connect(&url, spec.pace) => opened,
    };
    let socket = match opened {
        Ok(Connected(socket)) => socket,
        Err((kind, reason, code)) => return LinkEnd { kind, reason, code, lived_ms: 0, frames: 0, had_data: false },
    };
    let mut link = Link::new(spec, socket, events);
    let (kind, reason, code) = link.run(&mut stop).await;
    link.leave(kind, &mut stop).await;
    let lived_ms = link.spec.pace.venue_ms(link.born.elapsed());
    LinkEnd { kind, reason, code, lived_ms, frames: link.frames, had_data: link.had_data }
}

/// Returns when `stop` is true or its sender is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

struct Link {
    spec: LinkSpec,
    socket: Socket,
    outbox: Outbox,
    by_symbol: HashMap<Symbol, usize>,
    /// Whether a stream has had its first frame on this connection.
    begun: Vec<bool>,
    /// Symbols of the next subscription message.
    next_message: usize,
    next_id: u64,
    born: Instant,
    last_sent: Instant,
    last_frame: Instant,
    frames: u64,
    malformed: u32,
    had_data: bool,
    parsed: Vec<Frame>,
}

impl Link {
    fn new(spec: LinkSpec, socket: Socket, events: mpsc::Sender<LinkEvent>) -> Link {
        let now = Instant::now();
        let by_symbol = spec.symbols.iter().enumerate().map(|(i, s)| (s.clone(), i)).collect();
        let n = spec.symbols.len();
        Link {
            socket,
            outbox: Outbox::new(events, n),
            by_symbol,
            begun: vec![false; n],
            next_message: 0,
            next_id: 1,
            born: now,
            last_sent: now,
            last_frame: now,
            frames: 0,
            malformed: 0,
            had_data: false,
            parsed: Vec::new(),
            spec,
        }
    }

    async fn run(&mut self, stop: &mut watch::Receiver<bool>) -> Ending {
        let limits = *self.spec.venue.limits();
        let silence = self.spec.pace.watch(limits.silence_ms);
        let gap = self.spec.pace.wait(limits.message_gap_ms);
        // At high speeds the silence has a floor; pings far below it would only be noise.
        let heartbeat = self.spec.pace.wait(limits.heartbeat_ms).max(silence / 3);
        self.outbox.push(LinkEvent::Connected);
        // Reset where it is waited for: frames come too often for a timer each.
        let mut alive = std::pin::pin!(sleep_until(self.last_frame + silence));
        let mut send = std::pin::pin!(sleep_until(self.last_sent));
        loop {
            if self.outbox.is_full() {
                let n = self.outbox.len();
                return (EndKind::Unheard, format!("the receiver is {n} events behind"), None);
            }
            tokio::select! {
                biased;
                () = stopped(stop) => return (EndKind::Stopped, "stopped".to_owned(), None),
                heard = self.outbox.deliver(), if !self.outbox.is_empty() => {
                    if !heard {
                        return (EndKind::Unheard, "the receiver is gone".to_owned(), None);
                    }
                }
                () = send.as_mut() => {
                    let message = self.due(heartbeat);
                    if let Some(message) = message
                        && let Err(ending) = self.write(message).await
                    {
                        return ending;
                    }
                    let wait = if self.next_message < self.spec.symbols.len() { gap } else { heartbeat };
                    send.as_mut().reset(self.last_sent + wait);
                }
                () = alive.as_mut() => {
                    if let Some(ending) = self.watch(alive.as_mut(), silence) {
                        return ending;
                    }
                }
                message = self.socket.next() => {
                    self.last_frame = Instant::now();
                    if let Some(ending) = self.take(message).await {
                        return ending;
                    }
                }
            }
        }
    }

    /// The next subscription, or a heartbeat if nothing was sent for so long.
    fn due(&mut self, heartbeat: Duration) -> Option<Message> {
        let (venue, all) = (self.spec.venue, self.spec.symbols.len());
        if self.next_message < all {
            let range = self.message(self.next_message);
            self.next_message = range.end;
            let id = self.id();
            let symbols: Vec<&Symbol> = self.spec.symbols[range].iter().collect();
            return Some(Message::text(venue.subscribe(&symbols, self.spec.interval, id)));
        }
        if self.last_sent.elapsed() < heartbeat {
            return None;
        }
        let id = self.id();
        Some(venue.heartbeat(id).map_or_else(|| Message::Ping(Vec::new().into()), Message::text))
    }

    /// The symbols of the subscription message that begins with this one.
    fn message(&self, first: usize) -> Range<usize> {
        let most = self.spec.venue.limits().symbols_per_message.max(1);
        first..(first + most).min(self.spec.symbols.len())
    }

    /// The symbols of the subscription message with this number; messages are numbered from one, before any heartbeat.
    fn symbols_of(&self, id: u64) -> Option<Range<usize>> {
        let most = self.spec.venue.limits().symbols_per_message.max(1);
        let first = usize::try_from(id.checked_sub(1)?).ok()?.checked_mul(most)?;
        (first < self.spec.symbols.len()).then(|| self.message(first))
    }

    fn id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    async fn write(&mut self, message: Message) -> Result<(), Ending> {
        let limit = self.spec.pace.watch(WRITE_MS);
        self.last_sent = Instant::now();
        match timeout(limit, self.socket.write(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(lost(&e)),
            Err(_) => Err((EndKind::Silent, "the venue takes no messages".to_owned(), Some(1006))),
        }
    }

    fn watch(&self, alive: std::pin::Pin<&mut Sleep>, silence: Duration) -> Option<Ending> {
        let quiet = self.last_frame.elapsed();
        if quiet < silence {
            alive.reset(self.last_frame + silence);
            return None;
        }
        let ms = self.spec.pace.venue_ms(quiet);
        Some((EndKind::Silent, format!("no frame for {ms} ms"), Some(1006)))
    }

    /// Takes what the socket gave. A value is the end of the link.
    async fn take(&mut self, message: Option<Result<Message, Error>>) -> Option<Ending> {
        match message {
            Some(Ok(Message::Text(text))) => self.text(&text),
            Some(Ok(Message::Binary(bytes))) => match std::str::from_utf8(&bytes) {
                Ok(text) => self.text(text),
                Err(_) => self.text(""), // no venue sends any: counted as a faulty frame
            },
            // The answer is queued by the protocol; it leaves with the next write at the latest, so write now.
            Some(Ok(Message::Ping(_))) => {
                let limit = self.spec.pace.watch(WRITE_MS);
                match timeout(limit, self.socket.flush()).await {
                    Ok(Ok(())) => None,
                    Ok(Err(e)) => Some(lost(&e)),
                    Err(_) => Some((EndKind::Silent, "the venue takes no messages".to_owned(), Some(1006))),
                }
            }
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => None,
            Some(Ok(Message::Close(frame))) => Some(socket::closed(frame)),
            Some(Err(e)) => Some(lost(&e)),
            None => Some((EndKind::Lost, "the connection ended without a farewell".to_owned(), Some(1006))),
        }
    }

    fn text(&mut self, text: &str) -> Option<Ending> {
        self.frames += 1;
        let received = self.spec.clock.now();
        self.spec.view.saw_frame(received);
        let mut parsed = std::mem::take(&mut self.parsed);
        let read = self.spec.venue.read_frame(text, &mut parsed);
        match &read {
            Ok(()) => {
                self.malformed = 0;
                parsed.drain(..).for_each(|frame| self.frame(frame, received));
            }
            Err(e) => {
                self.spec.view.saw_malformed();
                if self.malformed == 0 {
                    tracing::warn!(venue = self.spec.venue.name(), error = %e, "a frame was skipped");
                }
                self.malformed += 1;
            }
        }
        self.parsed = parsed;
        let last = read.err()?;
        let n = self.malformed;
        (n >= MAX_MALFORMED)
            .then(|| (EndKind::Malformed, format!("{n} faulty frames in a row, the last: {last}"), None))
    }

    fn frame(&mut self, frame: Frame, received: Ts) {
        match frame {
            Frame::Kline(kline) => self.kline(kline, received),
            Frame::Ack { id } => {
                if let Some(symbols) = self.symbols_of(id) {
                    self.outbox.push(LinkEvent::Acked { symbols });
                }
            }
            Frame::Refused { id, reason } => {
                let symbols = id.and_then(|id| self.symbols_of(id));
                self.outbox.push(LinkEvent::Refused { symbols, reason });
            }
            Frame::Shutdown => self.outbox.push(LinkEvent::Shutdown),
            Frame::Pong | Frame::Other => {}
        }
    }

    fn kline(&mut self, kline: Kline, received: Ts) {
        let Kline { symbol, interval, bar, closed, sent } = kline;
        let ours = (interval == self.spec.interval).then(|| self.by_symbol.get(&symbol).copied()).flatten();
        let Some(symbol_index) = ours else {
            self.spec.view.saw_foreign();
            return;
        };
        self.had_data = true;
        self.spec.view.saw_kline(symbol_index, bar.open_time, received);
        if let Some(begun @ false) = self.begun.get_mut(symbol_index) {
            *begun = true;
            self.outbox.push(LinkEvent::First { symbol_index, open_time: bar.open_time, received });
        }
        if closed {
            self.outbox.push(LinkEvent::Closed { symbol_index, bar, sent, received });
        }
    }

    /// Says farewell where that makes sense, and delivers what is queued: for as long as it takes, or for a moment once
    /// the link is told to stop.
    async fn leave(&mut self, kind: EndKind, stop: &mut watch::Receiver<bool>) {
        let civil = matches!(kind, EndKind::Stopped | EndKind::Closed | EndKind::Malformed | EndKind::Unheard);
        let farewell = async {
            if civil {
                let _ = timeout(FAREWELL, self.socket.farewell()).await;
            }
        };
        let told = async {
            stopped(stop).await;
            tokio::time::sleep(FAREWELL).await;
        };
        let delivery = async {
            tokio::select! {
                biased;
                () = self.outbox.deliver_all() => {}
                () = told => {}
            }
        };
        tokio::join!(farewell, delivery);
    }
}
