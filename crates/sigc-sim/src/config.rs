//! What a simulated exchange is given: symbols, time, lags, limits and the script of faults.
//!
//! Times are venue time in milliseconds unless the name says `real`. Every default is the documented or measured
//! value of the real venue; where there is none, the assumption is named.

use crate::fault::Script;
use serde::{Deserialize, Serialize};
use sigc_market::{Interval, Symbol, Ts};
use std::net::SocketAddr;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;

/// One traded symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// As the venue spells it: `BTCUSDT`.
    pub symbol: Symbol,
    /// First instant it trades; absent = since the history begins.
    #[serde(default)]
    pub first: Option<Ts>,
}

impl From<Symbol> for Listing {
    fn from(symbol: Symbol) -> Listing {
        Listing { symbol, first: None }
    }
}

/// Everything about an exchange before it starts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// Prices, lags and random choices follow from it.
    pub seed: u64,
    /// What trades, on every venue.
    pub symbols: Vec<Listing>,
    /// Venue time at the start.
    pub start: Ts,
    /// Venue seconds per real second, 1 to 50,000.
    pub speed: f64,
    /// Bars are generated at this interval; coarser ones are made of them, finer ones are unknown to the venue.
    pub base: Interval,
    /// First bar of the history; absent = 120 days before `start`.
    pub history_from: Option<Ts>,
    /// True: each venue has prices of its own, as in reality. False: one truth for all.
    pub distinct_venues: bool,
    /// How long after the close the closing frame is sent: least and most. An assumption.
    pub close_lag_ms: (i64, i64),
    /// How long after the close REST still shows the state before it: least and most. An assumption.
    pub rest_lag_ms: (i64, i64),
    /// Time between forming frames of a futures stream.
    pub futures_frame_ms: i64,
    /// Time between forming frames of a spot stream.
    pub spot_frame_ms: i64,
    /// Time between forming frames of a Bybit stream.
    pub bybit_frame_ms: i64,
    /// Real time there must be between two forming frames of a stream, however high the speed.
    pub frame_real_ms: i64,
    /// Whether a bar without trades gets a closing frame.
    pub zero_bars_close: bool,
    /// What the venues allow.
    pub limits: Limits,
    /// What goes wrong, and when.
    pub faults: Script,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            symbols: Vec::new(),
            start: Ts(1_767_571_200_000), // 2026-01-05, a Monday
            speed: 1.0,
            base: Interval::new(1, 'm').expect("a minute is an interval"),
            history_from: None,
            distinct_venues: false,
            close_lag_ms: (50, 500),
            rest_lag_ms: (0, 3_000),
            futures_frame_ms: 250,
            spot_frame_ms: 2_000,
            bybit_frame_ms: 1_000,
            frame_real_ms: 20,
            zero_bars_close: true,
            limits: Limits::default(),
            faults: Script::default(),
        }
    }
}

impl Config {
    /// The default exchange with these symbols; names that are no symbols are left out.
    pub fn with_symbols<'a>(names: impl IntoIterator<Item = &'a str>) -> Config {
        let symbols = names.into_iter().filter_map(|name| Symbol::new(name).ok()).map(Listing::from).collect();
        Config { symbols, ..Config::default() }
    }

    /// Where the history begins, on the grid of the base interval.
    pub fn history_from(&self) -> Ts {
        let asked = self.history_from.unwrap_or(Ts(self.start.0 - 120 * DAY));
        self.base.open_of(self.base.index_of(asked))
    }

    /// Says what is wrong with it, if anything is.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(self.speed >= 1.0 && self.speed <= 50_000.0) {
            return Err(ConfigError::Speed(self.speed));
        }
        if self.history_from() > self.start {
            return Err(ConfigError::History);
        }
        for (name, (low, high)) in [("close_lag_ms", self.close_lag_ms), ("rest_lag_ms", self.rest_lag_ms)] {
            if low < 0 || high < low {
                return Err(ConfigError::Lag(name));
            }
        }
        let frames = [self.futures_frame_ms, self.spot_frame_ms, self.bybit_frame_ms, self.frame_real_ms];
        if frames.iter().any(|ms| *ms < 1) {
            return Err(ConfigError::Frame);
        }
        self.faults.check().map_err(ConfigError::Script)
    }
}

/// Why an exchange cannot be like that.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Outside 1 to 50,000.
    #[error("speed {0} is not within 1 and 50000")]
    Speed(f64),
    /// There would be no bar before the start.
    #[error("the history begins after the start")]
    History,
    /// Negative, or the least above the most.
    #[error("{0} must be two times, the smaller first, none negative")]
    Lag(&'static str),
    /// No time between frames.
    #[error("the time between frames must be at least 1 ms")]
    Frame,
    /// An entry of the script that cannot be.
    #[error("fault {0}")]
    Script(String),
}

/// What the venues allow.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Request weight per minute of futures.
    pub futures_weight: u32,
    /// Request weight per minute of spot.
    pub spot_weight: u32,
    /// Requests answered with 429 before the address is banned. An assumption.
    pub refusals_before_ban: u32,
    /// How long the first ban lasts; each later one twice as long, up to three days.
    pub ban_ms: i64,
    /// Streams on one Binance connection.
    pub streams: usize,
    /// Messages a futures connection may send in a second.
    pub futures_messages: u32,
    /// Messages, pings and pongs a spot connection may send in a second.
    pub spot_messages: u32,
    /// Time between pings of futures.
    pub futures_ping_ms: i64,
    /// How long futures waits for a pong.
    pub futures_pong_ms: i64,
    /// Time between pings of spot.
    pub spot_ping_ms: i64,
    /// How long spot waits for a pong.
    pub spot_pong_ms: i64,
    /// Real time a client always has to answer a ping: at high speed the venue's own limit is shorter than a
    /// scheduler's turn.
    pub pong_real_ms: i64,
    /// Life of a Binance connection.
    pub lifetime_ms: i64,
    /// Silence after which Bybit ends a connection.
    pub bybit_idle_ms: i64,
    /// Bybit REST requests in five seconds; more are answered with 403.
    pub bybit_burst: u32,
    /// How long the 403 lasts.
    pub bybit_ban_ms: i64,
    /// Bybit REST requests in one second; more are answered with `retCode` 10006. An assumption.
    pub bybit_per_second: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            futures_weight: 2_400,
            spot_weight: 6_000,
            refusals_before_ban: 10,
            ban_ms: 2 * MINUTE,
            streams: 1_024,
            futures_messages: 10,
            spot_messages: 5,
            futures_ping_ms: 3 * MINUTE,
            futures_pong_ms: 10 * MINUTE,
            spot_ping_ms: 20_000,
            spot_pong_ms: 60_000,
            pong_real_ms: 3_000,
            lifetime_ms: DAY,
            bybit_idle_ms: 10 * MINUTE,
            bybit_burst: 600,
            bybit_ban_ms: 10 * MINUTE,
            bybit_per_second: 400,
        }
    }
}
