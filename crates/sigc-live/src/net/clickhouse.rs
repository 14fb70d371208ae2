//! A ClickHouse table over HTTP: one query for many symbols, and the server's clock with every answer.
//!
//! A query is a POST request, because it grows with the symbols; user and password are headers, so no address holds
//! them. There is no second attempt here.

use super::clock::VenueClock;
use super::http::{Http, HttpError, NetworkFault};
use super::observe::{Observe, RequestKind, RequestOutcome, Unobserved};
use super::rest::FetchError;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sigc_connectors::clickhouse::answer::{Page, check};
use sigc_connectors::clickhouse::{Table, Wanted};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most bytes of an answer: [`ROWS_PER_QUERY`] rows have about a fifth of it.
const MAX_BODY: usize = 16 << 20;
/// Symbols in one query: the address, which holds them and their times, stays below 16 KiB.
pub const SYMBOLS_PER_QUERY: usize = 200;
/// Rows that one query asks for at most, unless a single symbol asks for more.
pub const ROWS_PER_QUERY: i64 = 20_000;

/// A table behind an address.
#[derive(Clone)]
pub struct Tables {
    table: Arc<Table>,
    url: String,
    headers: HeaderMap,
    http: Arc<Http>,
    clock: Arc<VenueClock>,
    observe: Arc<dyn Observe>,
}

/// Who asks. What is here is never shown.
#[derive(Clone, Default)]
pub struct Login {
    /// The user; the server's default user if there is none.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Tables {
    /// The table behind the address `url`, asked for by `login`; `clock` follows the server's.
    ///
    /// # Errors
    /// An address that is none, a user or password that cannot be sent.
    pub fn new(
        table: Table,
        url: &str,
        login: &Login,
        http: Arc<Http>,
        clock: Arc<VenueClock>,
    ) -> Result<Tables, HttpError> {
        let fault = |message: &str| HttpError::Network { what: NetworkFault::Address, message: message.to_owned() };
        let parsed = reqwest::Url::parse(url).map_err(|e| fault(&e.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(fault("the address does not begin with http:// or https://"));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-clickhouse-user", &login.user), ("x-clickhouse-key", &login.password)] {
            let Some(value) = value else { continue };
            let cannot = |_| {
                fault(if name.ends_with("key") { "the password cannot be sent" } else { "the user cannot be sent" })
            };
            let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(cannot)?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        let (table, url) = (Arc::new(table), url.to_owned());
        Ok(Tables { table, url, headers, http, clock, observe: Arc::new(Unobserved) })
    }

    /// Tells `observe` of every query.
    pub fn observed(self, observe: Arc<dyn Observe>) -> Tables {
        Tables { observe, ..self }
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The server's clock, set by every answer.
    pub fn clock(&self) -> &Arc<VenueClock> {
        &self.clock
    }

    /// The final bars of what is wanted, each symbol's in order; a symbol whose rows cannot be read has an error of
    /// its own.
    ///
    /// # Errors
    /// One attempt's failure.
    pub async fn klines(&self, wanted: &[Wanted<'_>]) -> Result<Page, FetchError> {
        self.fetch(RequestKind::Klines, wanted).await
    }

    /// Asks for nothing: sets the clock, and finds out whether the table and its columns are there. Gives the round
    /// trip.
    ///
    /// # Errors
    /// One attempt's failure.
    pub async fn probe(&self) -> Result<Duration, FetchError> {
        let begun = Instant::now();
        self.fetch(RequestKind::Time, &[]).await.map(|_| begun.elapsed())
    }

    async fn fetch(&self, kind: RequestKind, wanted: &[Wanted<'_>]) -> Result<Page, FetchError> {
        let begun = Instant::now();
        let result = self.ask(wanted).await;
        let ms = begun.elapsed().as_secs_f64() * 1_000.0;
        self.observe.request(kind, ms, result.as_ref().map_or_else(FetchError::outcome, |_| RequestOutcome::Ok));
        result
    }

    async fn ask(&self, wanted: &[Wanted<'_>]) -> Result<Page, FetchError> {
        let query = self.table.query(wanted);
        let answer = self.http.post(&self.url, &query.params, self.headers.clone(), query.text, MAX_BODY).await?;
        let header = |name: &str| answer.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        check(answer.status, &header, &answer.body)?;
        let page = self.table.read(wanted, &answer.body)?;
        // The server's time is that of the query's beginning, and the headers come after its end: a slow query sets the
        // clock back by half of what it took at most, and a quick one puts it right.
        self.clock.measured(page.now, answer.sent, answer.received);
        Ok(page)
    }
}
