//! A simulated exchange over real sockets: Binance futures, Binance spot and Bybit on one port of this machine.
//!
//! Everything a client sees (frames, REST rows, archives) comes from one set of bars that a seed determines, told by a
//! clock that runs up to 50,000 times as fast as real time. The venues' habits that break naive clients are there:
//! acknowledgements that prove nothing, the open bar as the last row, REST that lags behind the stream, late closing
//! frames. On top of it a script makes things go wrong at given times.
//!
//! ```no_run
//! # async fn example() -> Result<(), sigc_sim::StartError> {
//! use sigc_sim::{Config, Exchange, Fault};
//!
//! let mut config = Config::with_symbols(["BTCUSDT", "ETHUSDT"]);
//! config.speed = 600.0;
//! let exchange = Exchange::start(config).await?;
//! let url = format!("{}/stream?streams=btcusdt@kline_1m", exchange.futures_ws());
//! exchange.inject(Fault::DropTcp);
//! exchange.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! * [`Config`] and [`Limits`] say what the exchange is like, [`Script`] and [`Fault`] what goes wrong.
//! * [`Exchange::start`] opens it; [`Running`] is the handle: addresses, clock, truth, faults, counters.
//! * Within: `market` has the bars, `world` what connections share, `ws` the streams, `rest` the requests, `bulk` the
//!   archives, `server` the port and the tasks. `route` lists all paths.

mod bulk;
mod clock;
mod config;
mod control;
mod dice;
mod fault;
mod frame;
mod gate;
mod http;
mod market;
mod moment;
mod random;
mod rest;
mod route;
mod server;
mod stats;
mod trouble;
mod truth;
mod venue;
mod world;
mod ws;

pub use clock::Clock;
pub use config::{Config, ConfigError, Limits, Listing};
pub use fault::{Entry, Fault, Script};
pub use moment::{Moment, Span};
pub use random::{Random, random};
pub use stats::Counters;
pub use venue::Venue;

use sigc_market::{Bar, Interval, Symbol, Ts};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use world::World;

/// Opens simulated exchanges.
#[derive(Debug)]
pub struct Exchange;

/// Why an exchange did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The port cannot be had.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Exchange {
    /// Opens an exchange; it serves until it is stopped or its handle is dropped.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        config.check()?;
        let asked = config.addr;
        let port = server::Port::open(asked).map_err(|source| StartError::Listen { addr: asked, source })?;
        let addr = port.addr();
        let world = Arc::new(World::new(config));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server::run(world.clone(), port, stopped));
        Ok(Running { addr, world, stop: Some(stop), task })
    }
}

/// A running exchange.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    world: Arc<World>,
    /// Dropping it stops the exchange.
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    /// Closes the port and all connections; none of its tasks and sockets is left when this returns.
    pub async fn stop(mut self) {
        self.stop.take();
        // The task panics only if one of its own parts does, and then it is over just the same.
        let _ = (&mut self.task).await;
    }

    /// Base URL of Binance futures REST.
    pub fn futures_rest(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Base URL of Binance futures streams: `/ws` and `/stream` follow.
    pub fn futures_ws(&self) -> String {
        format!("ws://{}/market", self.addr)
    }

    /// Base URL of the retired futures streams: subscriptions are acknowledged, no bar comes.
    pub fn retired_futures_ws(&self) -> String {
        format!("ws://{}/futures", self.addr)
    }

    /// Base URL of Binance spot REST.
    pub fn spot_rest(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Base URL of Binance spot streams: `/ws` and `/stream` follow.
    pub fn spot_ws(&self) -> String {
        format!("ws://{}", self.addr)
    }

    /// Base URL of Bybit REST.
    pub fn bybit_rest(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// URL of the Bybit linear stream.
    pub fn bybit_linear_ws(&self) -> String {
        format!("ws://{}/v5/public/linear", self.addr)
    }

    /// URL of the Bybit spot stream.
    pub fn bybit_spot_ws(&self) -> String {
        format!("ws://{}/v5/public/spot", self.addr)
    }

    /// Base URL of Binance's archives: `data/…` follows.
    pub fn bulk(&self) -> String {
        format!("http://{}/", self.addr)
    }

    /// URL of the archives' listing.
    pub fn bulk_listing(&self) -> String {
        format!("http://{}/data.binance.vision", self.addr)
    }

    /// The venue's clock.
    pub fn clock(&self) -> &Clock {
        &self.world.clock
    }

    /// Returns when the venue's clock shows `ts`.
    pub async fn reach(&self, ts: Ts) {
        while self.world.clock.now() < ts {
            self.world.clock.sleep_until(ts).await;
        }
    }

    /// The bars that open in `from..to`: what REST finally says, revisions aside. Bars still to come are among them,
    /// as they will be if no fault changes them.
    pub fn truth(&self, symbol: &Symbol, interval: Interval, from: Ts, to: Ts) -> Vec<Bar> {
        self.truth_at(Venue::Futures, symbol, interval, from, to)
    }

    /// The same for one venue; they differ only with [`Config::distinct_venues`].
    pub fn truth_at(&self, venue: Venue, symbol: &Symbol, interval: Interval, from: Ts, to: Ts) -> Vec<Bar> {
        self.world.market(venue).bars(symbol, interval, from, to)
    }

    /// Writes the truth of a venue as `SYMBOL-INTERVAL.csv` files for `sigc backfill --bars`; gives their paths.
    pub fn write_truth(
        &self,
        folder: &Path,
        venue: Venue,
        interval: Interval,
        from: Ts,
        to: Ts,
    ) -> std::io::Result<Vec<PathBuf>> {
        let symbols = self.world.config.symbols.iter().map(|l| l.symbol.clone());
        truth::write(self.world.market(venue), folder, symbols, interval, from, to)
    }

    /// Puts a fault in force now: what happens happens at once, what holds holds until it is cleared. An [`Entry`]
    /// says when and for whom. Changes of the truth begin with the next bar at the earliest. Gives its number.
    pub fn inject(&self, fault: impl Into<Entry>) -> u64 {
        self.world.inject(fault.into())
    }

    /// Ends a fault. What it did to the truth stays.
    pub fn clear(&self, id: u64) {
        self.world.troubles.clear(Some(id));
        self.world.injected.notify_one();
    }

    /// Ends all faults.
    pub fn clear_all(&self) {
        self.world.troubles.clear(None);
        self.world.injected.notify_one();
    }

    /// What it has done so far.
    pub fn counters(&self) -> Counters {
        self.world.stats.read()
    }
}
