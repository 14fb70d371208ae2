//! A venue's REST interface: history, the clock, the list of symbols.
//!
//! Every request passes the venue's gate, and every answer is shown to it before it is read. There is no second attempt
//! here.

use super::gate::Gate;
use super::http::{Answer, Http, HttpError, NetworkFault};
use super::observe::{Observe, RequestKind, RequestOutcome, Unobserved};
use sigc_market::{Bar, Interval, Symbol, Ts};
use sigc_runtime::venue::{Instrument, Refusal, Request, Venue, WireError};
use std::sync::Arc;
use std::time::Instant;

/// The most bytes of an answer. The longest known list of symbols has a third of it.
pub const MAX_BODY: usize = 16 << 20;
/// The most pages of a list of symbols: a venue that gives more repeats itself.
const MAX_PAGES: usize = 100;

/// A venue's REST interface at one address.
#[derive(Clone)]
pub struct Rest {
    venue: &'static dyn Venue,
    base: String,
    http: Arc<Http>,
    gate: Arc<Gate>,
    observe: Arc<dyn Observe>,
}

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The venue said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The answer is not what the venue documents.
    #[error("the answer cannot be read: {0}")]
    Wire(#[from] WireError),
    /// There is no answer.
    #[error("{what}: {message}")]
    Network {
        /// What failed.
        what: NetworkFault,
        /// How, in the words of the system.
        message: String,
    },
    /// The answer is larger than it may be.
    #[error("the answer is larger than {} MiB", limit >> 20)]
    TooLarge {
        /// The most bytes it may have.
        limit: usize,
    },
}

impl From<HttpError> for FetchError {
    fn from(e: HttpError) -> FetchError {
        match e {
            HttpError::Network { what, message } => FetchError::Network { what, message },
            HttpError::TooLarge { limit } => FetchError::TooLarge { limit },
        }
    }
}

impl FetchError {
    /// What a metric calls it.
    pub fn outcome(&self) -> RequestOutcome {
        match self {
            FetchError::Refused(_) => RequestOutcome::Refused,
            FetchError::Wire(_) | FetchError::TooLarge { .. } => RequestOutcome::Unreadable,
            FetchError::Network { .. } => RequestOutcome::Network,
        }
    }
}

/// What the venue lists, all pages together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The symbols, traded or not.
    pub listed: Vec<Instrument>,
    /// Weight per window as the venue states it; the gate has been told.
    pub weight_per_window: Option<u32>,
}

impl Rest {
    /// The interface of `venue` at `base`, whose requests pass `gate`.
    pub fn new(venue: &'static dyn Venue, base: &str, http: Arc<Http>, gate: Arc<Gate>) -> Rest {
        let base = base.trim_end_matches('/').to_owned();
        Rest { venue, base, http, gate, observe: Arc::new(Unobserved) }
    }

    /// Tells `observe` of every request.
    pub fn observed(self, observe: Arc<dyn Observe>) -> Rest {
        Rest { observe, ..self }
    }

    /// The venue.
    pub fn venue(&self) -> &'static dyn Venue {
        self.venue
    }

    /// The gate that requests pass.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The bars that open from `from` to `to`, both included, ascending, at most
    /// [`rows_per_request`](sigc_runtime::venue::Limits::rows_per_request); the bar still open is among them.
    ///
    /// # Errors
    /// One attempt's failure.
    pub async fn klines(&self, symbol: &Symbol, interval: Interval, from: Ts, to: Ts) -> Result<Vec<Bar>, FetchError> {
        let request = self.venue.klines(symbol, interval, from, to);
        self.fetch(RequestKind::Klines, request, |a| self.venue.read_klines(interval, &a.body)).await
    }

    /// Measures the venue's clock and sets the gate's.
    ///
    /// # Errors
    /// One attempt's failure.
    pub async fn sync_clock(&self) -> Result<Ts, FetchError> {
        let read = |a: &Answer| {
            let server = self.venue.read_time(&a.body)?;
            self.gate.clock().measured(server, a.sent, a.received);
            Ok(server)
        };
        self.fetch(RequestKind::Time, self.venue.time(), read).await
    }

    /// The venue's list of symbols. Where it states its limit, the gate keeps to that from now on.
    ///
    /// # Errors
    /// One attempt's failure, on any page.
    pub async fn instruments(&self) -> Result<Listing, FetchError> {
        let mut all = Listing::default();
        let mut page: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let request = self.venue.instruments(page.as_deref());
            let read = |a: &Answer| self.venue.read_instruments(&a.body);
            let mut read = self.fetch(RequestKind::Instruments, request, read).await?;
            all.listed.append(&mut read.listed);
            all.weight_per_window = all.weight_per_window.or(read.weight_per_window);
            if read.next_page.is_none() || read.next_page == page {
                if let Some(weight) = all.weight_per_window {
                    self.gate.set_limit(weight);
                }
                return Ok(all);
            }
            page = read.next_page;
        }
        Err(WireError::Shape(format!("a list of symbols of more than {MAX_PAGES} pages")).into())
    }

    async fn fetch<T>(
        &self,
        kind: RequestKind,
        request: Request,
        read: impl FnOnce(&Answer) -> Result<T, WireError>,
    ) -> Result<T, FetchError> {
        let pass = self.gate.pass(request.weight).await;
        let begun = Instant::now();
        let result = self.ask(&request, read).await;
        drop(pass);
        let ms = begun.elapsed().as_secs_f64() * 1_000.0;
        let outcome = result.as_ref().map_or_else(FetchError::outcome, |_| RequestOutcome::Ok);
        self.observe.request(kind, ms, outcome);
        result
    }

    async fn ask<T>(
        &self,
        request: &Request,
        read: impl FnOnce(&Answer) -> Result<T, WireError>,
    ) -> Result<T, FetchError> {
        let answer = self.http.get(&format!("{}{}", self.base, request.path), MAX_BODY).await?;
        let header = |name: &str| answer.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let checked = self.venue.check(answer.status, &header, &answer.body);
        self.gate.answered(&checked);
        if let Some(used) = checked?.weight {
            self.observe.used_weight(used, self.gate.stats().limit);
        }
        Ok(read(&answer)?)
    }
}
