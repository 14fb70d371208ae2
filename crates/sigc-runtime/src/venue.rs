//! What a venue is to the runtime: texts to send, texts to read, and the limits it sets.
//!
//! A [`Venue`] does no I/O. It turns what is wanted into a request or a message, and what came back into bars, so that
//! the same code answers to a real socket, a recorded capture and a fuzzer. Every reader takes any bytes and gives a
//! value or an error, never a panic.

use sigc_market::{Bar, Interval, Symbol, Ts};

/// A venue's product: its addresses, messages and limits.
pub trait Venue: Send + Sync {
    /// The data step's name: `data.binance_futures`.
    fn name(&self) -> &'static str;

    /// What the venue allows.
    fn limits(&self) -> &Limits;

    /// How the venue writes an interval; `None` if it has no such bars.
    fn interval(&self, interval: Interval) -> Option<&'static str>;

    /// The address to connect to for streams, below the base address of the data step.
    fn stream_url(&self, base: &str) -> String;

    /// The message that subscribes to the bars of `symbols`; `id` comes back in the answer.
    fn subscribe(&self, symbols: &[&Symbol], interval: Interval, id: u64) -> String;

    /// A text to send every [`Limits::heartbeat_ms`], where the venue wants its heartbeat as a message.
    fn heartbeat(&self, id: u64) -> Option<String>;

    /// Reads a text frame into `frames`, which is cleared first.
    ///
    /// # Errors
    /// A frame that is not what the venue documents. The frame is to be skipped and counted.
    fn read_frame(&self, text: &str, frames: &mut Vec<Frame>) -> Result<(), WireError>;

    /// The request for the bars that open from `from` to `to`, both included, at most [`Limits::rows_per_request`].
    fn klines(&self, symbol: &Symbol, interval: Interval, from: Ts, to: Ts) -> Request;

    /// Reads the answer to [`Venue::klines`]: rows in ascending order, each once, the bar still open among them.
    ///
    /// # Errors
    /// A body that is not what the venue documents, rows off the grid.
    fn read_klines(&self, interval: Interval, body: &[u8]) -> Result<Vec<Bar>, WireError>;

    /// The request for the venue's clock.
    fn time(&self) -> Request;

    /// Reads the answer to [`Venue::time`].
    ///
    /// # Errors
    /// A body that is not what the venue documents.
    fn read_time(&self, body: &[u8]) -> Result<Ts, WireError>;

    /// The request for the list of symbols; `page` is what [`Instruments::next_page`] gave.
    fn instruments(&self, page: Option<&str>) -> Request;

    /// Reads the answer to [`Venue::instruments`].
    ///
    /// # Errors
    /// A body that is not what the venue documents.
    fn read_instruments(&self, body: &[u8]) -> Result<Instruments, WireError>;

    /// What an answer says beside its rows: how much of the limit is used, or why there are none.
    ///
    /// `header` looks a header up by its lower-case name. Called before any `read_...`, for every status.
    ///
    /// # Errors
    /// Whatever the venue refused, by what can be done about it.
    fn check(&self, status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Result<Used, Refusal>;

    /// The path of an archive file below the bulk base address, and of its checksum; `None` without archives.
    fn archive(&self, symbol: &Symbol, interval: Interval, span: ArchiveSpan) -> Option<String>;
}

/// What a venue allows, with the unit in the name. Sources: protocols of the venues, see each venue's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Streams on one connection.
    pub streams_per_link: usize,
    /// Symbols in one subscription message.
    pub symbols_per_message: usize,
    /// Least time between two messages on a connection.
    pub message_gap_ms: i64,
    /// Least time between two connection attempts of the process.
    pub connect_gap_ms: i64,
    /// A ping is sent after so long without any frame from us.
    pub heartbeat_ms: i64,
    /// A connection is dead after so long without any frame from the venue.
    pub silence_ms: i64,
    /// A connection is replaced when it is so old.
    pub lifetime_ms: i64,
    /// Rows asked for in one history request: the best rows per weight.
    pub rows_per_request: u32,
    /// Weight allowed per window until the venue says otherwise.
    pub weight_per_window: u32,
    /// Length of the window the weight counts in.
    pub window_ms: i64,
    /// A row is final if the venue's clock is so far past its close, even without a later row beside it.
    pub settle_ms: i64,
}

/// A GET request below the REST base address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Path and query, beginning with `/`.
    pub path: String,
    /// What it costs.
    pub weight: u32,
}

/// Something a stream said.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// A bar, maybe still open.
    Kline(Kline),
    /// A subscription was taken. That proves nothing: see [`crate::live::splice`].
    Ack {
        /// Of the message.
        id: u64,
    },
    /// A subscription was refused.
    Refused {
        /// Of the message, if the venue says.
        id: Option<u64>,
        /// The venue's words, shortened.
        reason: String,
    },
    /// The answer to a heartbeat message.
    Pong,
    /// The venue is about to close the connection: connect anew.
    Shutdown,
    /// Known to be of no interest, or of a kind this program does not know.
    Other,
}

/// A kline message.
#[derive(Debug, Clone, PartialEq)]
pub struct Kline {
    /// Its symbol.
    pub symbol: Symbol,
    /// Its interval.
    pub interval: Interval,
    /// Its values so far.
    pub bar: Bar,
    /// True if the venue says that the bar is final.
    pub closed: bool,
    /// When the venue sent it.
    pub sent: Option<Ts>,
}

/// One page of the venue's list of symbols.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instruments {
    /// The symbols, traded or not.
    pub listed: Vec<Instrument>,
    /// What to ask for next.
    pub next_page: Option<String>,
    /// Weight per window as the venue states it.
    pub weight_per_window: Option<u32>,
}

/// A symbol the venue lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrument {
    /// The symbol. Listed names that sigc has no spelling for are left out.
    pub symbol: Symbol,
    /// True if it is traded now.
    pub trading: bool,
    /// The venue's word for its state.
    pub status: String,
    /// When it was listed.
    pub listed_at: Option<Ts>,
    /// When it ends, if that is set.
    pub ends_at: Option<Ts>,
}

/// How much of the limit is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Weight in the current window, all clients of this address together.
    pub weight: Option<u32>,
}

/// Why an answer has no rows, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Over the limit: no request of this process until then.
    #[error("over the request limit{}", .after_ms.map(|ms| format!(", wait {} s", ms / 1_000)).unwrap_or_default())]
    TooMany {
        /// As the venue says.
        after_ms: Option<i64>,
        /// The venue has banned this address.
        banned: bool,
    },
    /// The venue does not know the symbol, or no longer serves it.
    #[error("the venue does not know the symbol: {reason}")]
    UnknownSymbol {
        /// The venue's words.
        reason: String,
    },
    /// The request is wrong: trying again gives the same answer.
    #[error("the venue refused the request: {reason}")]
    BadRequest {
        /// The venue's words.
        reason: String,
    },
    /// This address is not served: a firewall, or a region.
    #[error("the venue does not serve this address (status {status})")]
    Blocked {
        /// HTTP status.
        status: u16,
    },
    /// The venue's side failed: try again later.
    #[error("the venue failed (status {status}): {reason}")]
    Server {
        /// HTTP status.
        status: u16,
        /// Its words, shortened.
        reason: String,
    },
}

/// Why bytes are not what the venue documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON of another shape.
    #[error("{0}")]
    Shape(String),
    /// An open time off the grid, or a close time that does not fit.
    #[error("a bar off its grid: {0}")]
    OffGrid(String),
    /// A price or amount that cannot be one.
    #[error("a value that cannot be: {0}")]
    Value(String),
}

/// What an archive file covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveSpan {
    /// The UTC day that begins here.
    Day(Ts),
    /// The UTC month that begins here.
    Month(Ts),
}
