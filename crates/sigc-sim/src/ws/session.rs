//! One connection: reads what the client says, sends what is due, keeps it alive, and ends it.
//!
//! There is one task per connection and none per stream. It sleeps until the next frame, ping or deadline is due, and
//! sends everything due by then in one write.

use super::streams::Streams;
use super::{Out, Reply, binance, bybit};
use crate::fault::Fault;
use crate::gate::Rate;
use crate::stats::Open;
use crate::trouble::Armed;
use crate::venue::Venue;
use crate::world::World;
use futures_util::{SinkExt, StreamExt};
use sigc_market::Ts;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// A client that takes nothing for this long is dropped.
const SLOW_READER: Duration = Duration::from_secs(10);
/// How long the venue waits for the answer to its close.
const GOODBYE: Duration = Duration::from_secs(1);
/// The shortest sleep between two writes: the timer's own resolution.
const TURN: Duration = Duration::from_millis(1);
/// Frames in one write; then the client is listened to again.
const FRAMES_PER_TURN: usize = 4_096;
/// Real time between two pings, however high the speed.
const PING_REAL_MS: i64 = 250;
/// Clients send subscriptions only.
const LONGEST_MESSAGE: usize = 1024 * 1024;

/// How a client came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opening {
    pub venue: Venue,
    /// Frames carry the stream's name around them.
    pub combined: bool,
    /// A path without bars.
    pub silent: bool,
    /// Streams named in the URL.
    pub names: Vec<String>,
}

/// How a connection ends.
enum End {
    /// Without a word: by the client, by an error, by a fault.
    Drop,
    /// It stays open and silent, for good or for so long.
    Freeze(Option<i64>),
    /// With a closing handshake.
    Close(u16, String),
}

/// Serves a connection until it ends. Dropping it drops the connection.
pub(crate) async fn run(
    world: &World,
    stream: TcpStream,
    rest: Vec<u8>,
    opening: Opening,
    conn: u64,
    blows: broadcast::Receiver<std::sync::Arc<Armed>>,
) {
    let _open = Open::new(&world.stats.sockets, &world.stats.sockets_ended);
    let config = WebSocketConfig::default()
        .max_message_size(Some(LONGEST_MESSAGE))
        .max_frame_size(Some(LONGEST_MESSAGE))
        .read_buffer_size(4 * 1024);
    let socket = WebSocketStream::from_partially_read(stream, rest, Role::Server, Some(config)).await;
    let mut session = Session::new(world, socket, &opening, conn);
    match session.talk(&opening.names, blows).await {
        End::Drop => {}
        End::Freeze(None) => std::future::pending().await,
        End::Freeze(Some(ms)) => {
            let until = Ts(world.clock.now().0.saturating_add(ms));
            while world.clock.now() < until {
                world.clock.sleep_until(until).await;
            }
        }
        End::Close(code, reason) => session.goodbye(code, reason).await,
    }
}

struct Session<'a> {
    world: &'a World,
    venue: Venue,
    conn: String,
    socket: WebSocketStream<TcpStream>,
    streams: Streams,
    messages: Rate,
    /// When the venue ends the connection by itself.
    until: Ts,
    next_ping: Ts,
    /// The oldest ping without a pong.
    unanswered: Option<(Ts, Instant)>,
    /// When something last went over the connection, for Bybit.
    active: (Ts, Instant),
}

impl<'a> Session<'a> {
    fn new(world: &'a World, socket: WebSocketStream<TcpStream>, opening: &Opening, conn: u64) -> Session<'a> {
        let (venue, limits, now) = (opening.venue, &world.config.limits, world.clock.now());
        let messages = match venue {
            Venue::Futures => limits.futures_messages,
            Venue::Spot => limits.spot_messages,
            Venue::BybitLinear | Venue::BybitSpot => u32::MAX,
        };
        let lifetime = if venue.is_bybit() { i64::MAX } else { limits.lifetime_ms };
        let mut session = Session {
            world,
            venue,
            conn: format!("c-{conn}"),
            socket,
            streams: Streams::new(venue, opening.combined, opening.silent),
            messages: Rate::new(messages),
            until: Ts(now.0.saturating_add(lifetime)),
            next_ping: Ts(i64::MAX),
            unanswered: None,
            active: (now, Instant::now()),
        };
        if let Some(every) = session.ping_every() {
            session.next_ping = Ts(now.0 + every);
        }
        session
    }

    /// Time between pings; Bybit sends none.
    fn ping_every(&self) -> Option<i64> {
        let limits = &self.world.config.limits;
        let every = match self.venue {
            Venue::Futures => limits.futures_ping_ms,
            Venue::Spot => limits.spot_ping_ms,
            Venue::BybitLinear | Venue::BybitSpot => return None,
        };
        Some(every.max(self.world.clock.venue_ms(PING_REAL_MS)))
    }

    async fn talk(&mut self, names: &[String], mut blows: broadcast::Receiver<std::sync::Arc<Armed>>) -> End {
        let world = self.world;
        let now = world.clock.now();
        names.iter().for_each(|name| self.streams.subscribe(world, name, now));
        if self.streams.len() > world.config.limits.streams && !self.venue.is_bybit() {
            world.stats.closed_for_misuse.one();
            return End::Close(1008, "Invalid request".to_owned());
        }
        let mut frames = Vec::new();
        loop {
            let now = world.clock.now();
            if let Some(end) = self.deadlines(now).await {
                return end;
            }
            frames.clear();
            self.streams.emit(world, now, FRAMES_PER_TURN, &mut frames);
            if !frames.is_empty() && self.send(frames.drain(..).map(message)).await.is_err() {
                return End::Drop;
            }
            let wake = self.next_wake();
            tokio::select! {
                heard = self.socket.next() => match heard {
                    Some(Ok(message)) => {
                        if let Some(end) = self.hear(message).await {
                            return end;
                        }
                    }
                    Some(Err(_)) | None => return End::Drop,
                },
                blow = blows.recv() => match blow {
                    Ok(blow) => {
                        if let Some(end) = self.struck(&blow).await {
                            return end;
                        }
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return End::Drop,
                },
                () = tokio::time::sleep(world.clock.real_until(wake).max(TURN)) => {}
            }
        }
    }

    fn next_wake(&self) -> Ts {
        let mut wake = self.until.min(self.next_ping);
        if let Some(due) = self.streams.next_due() {
            wake = wake.min(due);
        }
        // Deadlines of silence are looked at with every ping, and once a second for Bybit.
        if self.venue.is_bybit() { wake.min(Ts(self.world.clock.now().0 + 1_000)) } else { wake }
    }

    /// Pings, and ends what has lived or been silent too long.
    async fn deadlines(&mut self, now: Ts) -> Option<End> {
        let (world, limits) = (self.world, &self.world.config.limits);
        if now >= self.until {
            // Which code ends the 24 hours is documented nowhere.
            return Some(End::Close(1001, String::new()));
        }
        let too_long = |since: (Ts, Instant), ms: i64| {
            let real = Duration::from_millis(u64::try_from(limits.pong_real_ms).unwrap_or(0));
            now.0 - since.0.0 > ms && since.1.elapsed() > real
        };
        if self.venue.is_bybit() {
            return too_long(self.active, limits.bybit_idle_ms).then_some(End::Drop);
        }
        let patience = if self.venue == Venue::Spot { limits.spot_pong_ms } else { limits.futures_pong_ms };
        if self.unanswered.is_some_and(|since| too_long(since, patience)) {
            world.stats.closed_for_silence.one();
            return Some(End::Drop);
        }
        if now < self.next_ping {
            return None;
        }
        self.unanswered.get_or_insert((now, Instant::now()));
        self.next_ping = Ts(now.0 + self.ping_every().unwrap_or(i64::MAX / 2));
        let ping = Message::Ping(now.0.to_string().into_bytes().into());
        self.send([ping]).await.err().map(|()| End::Drop)
    }

    async fn hear(&mut self, message: Message) -> Option<End> {
        let world = self.world;
        let now = world.clock.now();
        world.stats.messages_in.one();
        let counts = match &message {
            Message::Text(_) | Message::Binary(_) => true,
            Message::Ping(_) | Message::Pong(_) => self.venue == Venue::Spot,
            _ => false,
        };
        if counts && !self.messages.allows(now) {
            world.stats.closed_for_misuse.one();
            return Some(End::Close(1008, "Too many requests".to_owned()));
        }
        self.active = (now, Instant::now());
        let text = match message {
            Message::Text(text) => text,
            Message::Pong(payload) => {
                // Only an echo of an open ping counts.
                let echoed = std::str::from_utf8(&payload).ok().and_then(|t| t.parse::<i64>().ok());
                if self.unanswered.is_some_and(|(since, _)| echoed.is_some_and(|ts| ts >= since.0 && ts <= now.0)) {
                    self.unanswered = None;
                }
                return None;
            }
            _ => return None,
        };
        let Reply { answer, close } = if self.venue.is_bybit() {
            bybit::answer(world, self.venue, &mut self.streams, &self.conn, &text, now)
        } else {
            binance::answer(world, self.venue, &mut self.streams, &text, now)
        };
        if let Some(answer) = answer
            && self.send([Message::text(answer)]).await.is_err()
        {
            return Some(End::Drop);
        }
        close.map(|reason| {
            world.stats.closed_for_misuse.one();
            End::Close(1008, reason.to_owned())
        })
    }

    /// What a fault that happens does to this connection.
    async fn struck(&mut self, blow: &Armed) -> Option<End> {
        let ours = blow.venue.is_none_or(|v| v == self.venue)
            && blow.symbols.as_ref().is_none_or(|symbols| self.streams.carries(symbols));
        if !ours {
            return None;
        }
        match &blow.fault {
            Fault::DropTcp => Some(End::Drop),
            Fault::Freeze { ms } => Some(End::Freeze(ms.map(|ms| ms.0))),
            Fault::Close { code, reason } => Some(End::Close(*code, reason.clone())),
            Fault::ServerShutdown { after_ms } => {
                let now = self.world.clock.now();
                self.until = self.until.min(Ts(now.0 + after_ms.0));
                let event = format!(r#"{{"e":"serverShutdown","E":{}}}"#, now.0);
                let text = if self.streams.combined {
                    format!(r#"{{"stream":"!serverShutdown","data":{event}}}"#)
                } else {
                    event
                };
                self.send([Message::text(text)]).await.err().map(|()| End::Drop)
            }
            _ => None,
        }
    }

    /// Sends all of it in as few writes as possible.
    async fn send(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), ()> {
        let socket = &mut self.socket;
        let sending = async {
            for message in messages {
                socket.feed(message).await?;
            }
            socket.flush().await
        };
        let sent = timeout(SLOW_READER, sending).await.map_err(|_| ())?.map_err(|_| ());
        self.active = (self.world.clock.now(), Instant::now());
        sent
    }

    async fn goodbye(&mut self, code: u16, reason: String) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        let farewell = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.next().await {}
            }
        };
        // A client that does not answer is dropped all the same.
        let _ = timeout(GOODBYE, farewell).await;
    }
}

fn message(out: Out) -> Message {
    match out {
        Out::Text(text) => Message::text(text),
        Out::Binary(bytes) => Message::Binary(bytes.into()),
        Out::NoText(bytes) => Message::Frame(Frame::message(bytes, OpCode::Data(Data::Text), true)),
    }
}
