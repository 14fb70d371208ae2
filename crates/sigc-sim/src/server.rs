//! Accepts connections, answers requests, lets scripted faults happen.
//!
//! One task owns everything: the listener, the tasks of the connections, and the list of what is to happen next. When
//! it ends, all of them end with it.

use crate::fault::Fault;
use crate::http::{Request, Response, read_request};
use crate::route::{Route, route};
use crate::stats::Open;
use crate::trouble::Armed;
use crate::venue::Venue;
use crate::world::World;
use crate::ws::session;
use crate::{bulk, control, rest};
use sigc_market::Ts;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A connection without a request for this long is closed.
const IDLE: Duration = Duration::from_secs(75);
/// A client that does not take its answer is dropped.
const SLOW_READER: Duration = Duration::from_secs(10);
/// Connections the system may hold before they are accepted.
const BACKLOG: u32 = 1_024;
/// Pause after a failed accept: out of file descriptors, mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A bound port. It stays ours while nobody listens on it, so that it can refuse and be opened again.
pub(crate) struct Port {
    addr: SocketAddr,
    /// Bound, never listening: keeps others from taking the port.
    #[cfg(unix)]
    _kept: TcpSocket,
    listener: Option<TcpListener>,
}

impl Port {
    /// Binds and listens.
    pub fn open(addr: SocketAddr) -> io::Result<Port> {
        #[cfg(unix)]
        let (kept, addr) = {
            let kept = bound(addr)?;
            let addr = kept.local_addr()?;
            (kept, addr)
        };
        let listener = bound(addr)?.listen(BACKLOG)?;
        Ok(Port {
            addr: listener.local_addr()?,
            #[cfg(unix)]
            _kept: kept,
            listener: Some(listener),
        })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Listens, or refuses.
    fn set_open(&mut self, open: bool) {
        if !open {
            self.listener = None;
        } else if self.listener.is_none() {
            self.listener = bound(self.addr).and_then(|socket| socket.listen(BACKLOG)).ok();
        }
    }

    /// The next connection. Dropping it loses none.
    async fn accept(&self) -> io::Result<TcpStream> {
        match &self.listener {
            Some(listener) => listener.accept().await.map(|(stream, _)| stream),
            None => std::future::pending().await,
        }
    }
}

fn bound(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

/// Runs an exchange until `stop` is told or dropped.
pub(crate) async fn run(world: Arc<World>, mut port: Port, mut stop: oneshot::Receiver<()>) {
    let mut tasks = JoinSet::new(); // dropped on return: no connection outlives this call
    let mut director = Director::new(&world);
    let mut n_accepted = 0;
    loop {
        port.set_open(!director.act(&world));
        let wait = director.wait(&world);
        tokio::select! {
            _ = &mut stop => break,
            accepted = port.accept() => match accepted {
                Ok(stream) => {
                    n_accepted += 1;
                    tasks.spawn(connection(world.clone(), stream, n_accepted));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            () = world.injected.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    drop(port);
    tasks.shutdown().await;
}

/// Lets faults happen at their times, and keeps skew and refusal as the faults in force have them.
struct Director {
    /// Everything up to here has happened.
    done: Ts,
}

impl Director {
    fn new(world: &World) -> Director {
        Director { done: Ts(world.config.start.0 - 1) }
    }

    /// Lets happen what is due; says whether connections are refused now.
    fn act(&mut self, world: &World) -> bool {
        let faults = world.troubles.snapshot();
        let simulation = world.clock.simulation();
        let skew = faults.iter().filter(|f| f.holds(simulation)).find_map(|f| match f.fault {
            Fault::Skew { ms } => Some(ms.0),
            _ => None,
        });
        world.clock.set_skew(skew.unwrap_or(0));
        let now = world.clock.now();
        for fault in faults.iter().filter(|f| f.fault.is_blow()) {
            if fault.next_start(self.done).is_some_and(|ts| ts <= now) && fault.spend() {
                world.stats.faults.one();
                // Without a receiver there is no connection to strike.
                let _ = world.blows.send(fault.clone());
            }
        }
        self.done = now;
        faults.iter().any(|f| f.fault == Fault::Refuse && f.holds(now))
    }

    /// Real time until the next act.
    fn wait(&self, world: &World) -> Duration {
        let faults = world.troubles.snapshot();
        let next = |wanted: fn(&Fault) -> bool, done: Ts| {
            let edges = |f: &Arc<Armed>| [f.next_start(done), f.next_end(done)];
            let next = faults.iter().filter(|f| wanted(&f.fault)).flat_map(edges).flatten().min();
            next.unwrap_or(Ts(i64::MAX))
        };
        let by_venue = next(|f| f.is_blow() || *f == Fault::Refuse, self.done);
        // The skew of the venue's clock must be timed by the other one.
        let skew = next(|f| matches!(f, Fault::Skew { .. }), world.clock.simulation());
        let wait = world.clock.real_until(by_venue).min(world.clock.real_until_simulation(skew));
        wait.max(Duration::from_millis(1))
    }
}

/// Serves one connection: requests, or a WebSocket.
async fn connection(world: Arc<World>, mut stream: TcpStream, number: u64) {
    let _open = Open::new(&world.stats.connections, &world.stats.connections_ended);
    let mut blows = world.blows.subscribe();
    // Small frames must not wait for their acknowledgement; without it they are late, not wrong.
    let _ = stream.set_nodelay(true);
    let mut rest = Vec::new();
    loop {
        let Some(request) = next_request(&mut stream, &mut rest, &mut blows).await else { return };
        let path = route(&request);
        if let (Route::Stream(opening), true) = (&path, request.wants_socket()) {
            let Some(key) = request.header("sec-websocket-key") else { return };
            let accept = derive_accept_key(key.as_bytes());
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            if stream.write_all(head.as_bytes()).await.is_ok() {
                session::run(&world, stream, rest, opening.clone(), number, blows).await;
            }
            return;
        }
        let keep = request.header("connection").is_none_or(|v| !v.eq_ignore_ascii_case("close"));
        let response = answer(&world, &path, &request);
        let writing = response.write(&mut stream, request.method != "HEAD", keep);
        if !matches!(timeout(SLOW_READER, writing).await, Ok(Ok(()))) || !keep {
            return;
        }
    }
}

/// The next request; `None` when the connection is over, by the client or by a fault.
async fn next_request(
    stream: &mut TcpStream,
    rest: &mut Vec<u8>,
    blows: &mut broadcast::Receiver<Arc<Armed>>,
) -> Option<Request> {
    let mut reading = pin!(timeout(IDLE, read_request(stream, rest)));
    loop {
        tokio::select! {
            read = &mut reading => return read.ok()?.ok()?,
            blow = blows.recv() => match blow {
                // A request's venue is not known before it came: only faults for all strike.
                Ok(blow) if blow.venue.is_none() && blow.symbols.is_none() => match blow.fault {
                    Fault::DropTcp => return None,
                    Fault::Freeze { .. } => std::future::pending().await,
                    _ => {}
                },
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            },
        }
    }
}

fn answer(world: &World, path: &Route, request: &Request) -> Response {
    let faulty = |venue| rest::fault(world, venue, request);
    match path {
        Route::Binance(venue, what) => {
            faulty(*venue).unwrap_or_else(|| rest::binance::answer(world, *venue, what, request))
        }
        Route::Bybit(what) => {
            let venue = rest::bybit::venue_of(request).unwrap_or(Venue::BybitLinear);
            faulty(venue).unwrap_or_else(|| rest::bybit::answer(world, what, request))
        }
        Route::Archive(key) => {
            world.stats.bulk.one();
            let venue = bulk::venue_of(key);
            faulty(venue).unwrap_or_else(|| bulk::answer(world, key))
        }
        Route::Listing => {
            world.stats.bulk.one();
            faulty(Venue::Futures).unwrap_or_else(|| bulk::listing::answer(world, request))
        }
        Route::Sim(what) => control::answer(world, what, request),
        Route::Stream(_) => Response::text(400, "this path is a WebSocket"),
        Route::Nowhere => {
            world.stats.other.one();
            Response::text(404, "<html><body><h1>404 Not found</h1></body></html>")
        }
    }
}
