//! The client that all requests share.
//!
//! It follows redirects within a host only, speaks to loopback addresses directly, and gives up: on a connection after
//! ten seconds, on an answer after thirty, on a body that grows too large as soon as it does. A message never holds an
//! address's path or query.

use crate::pace::Pace;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use sigc_connectors::causes;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Limit on a connection attempt.
pub const CONNECT_MS: i64 = 10_000;
/// Limit on a request with its answer.
pub const TOTAL_MS: i64 = 30_000;
/// Redirects within the host that are followed.
const MAX_REDIRECTS: usize = 3;

/// A client for addresses elsewhere, which may need a proxy, and one for loopback addresses, which must not have one.
#[derive(Debug)]
pub struct Http {
    pace: Pace,
    elsewhere: OnceLock<Client>,
    loopback: OnceLock<Client>,
}

/// An answer with its whole body.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Unpacked body.
    pub body: Vec<u8>,
    /// When the request was sent.
    pub sent: Instant,
    /// When the status and the headers were there.
    pub received: Instant,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing came back, or not all of it.
    #[error("{what}: {message}")]
    Network {
        /// What failed.
        what: NetworkFault,
        /// How, in the words of the system.
        message: String,
    },
    /// A body larger than it may be.
    #[error("the answer is larger than {} MiB", limit >> 20)]
    TooLarge {
        /// The most bytes it may have.
        limit: usize,
    },
}

/// What of a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NetworkFault {
    /// The address is none, or cannot be asked.
    #[error("no request can be made")]
    Address,
    /// No connection: name, route, port or TLS.
    #[error("cannot connect")]
    Connect,
    /// No answer within the limit.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke while sending or reading.
    #[error("the connection broke")]
    Read,
}

impl Http {
    /// Clients are made when they are first needed.
    pub fn new(pace: Pace) -> Http {
        Http { pace, elsewhere: OnceLock::new(), loopback: OnceLock::new() }
    }

    /// Asks for an address and reads the answer, whatever its status, up to `most` bytes. Dropping the future ends the
    /// request.
    ///
    /// # Errors
    /// No connection, no answer in time, a broken one, a body of more than `most` bytes.
    pub async fn get(&self, address: &str, most: usize) -> Result<Answer, HttpError> {
        let url = Url::parse(address).map_err(|e| no_address(e.to_string()))?;
        let client = self.client(&url).map_err(|e| no_address(causes(&e)))?;
        self.send(client.get(url), most).await
    }

    /// Sends a body to an address with `query` and `headers`, and reads the answer as [`Http::get`] does.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn post(
        &self,
        address: &str,
        query: &[(&'static str, String)],
        headers: HeaderMap,
        body: String,
        most: usize,
    ) -> Result<Answer, HttpError> {
        let mut url = Url::parse(address).map_err(|e| no_address(e.to_string()))?;
        url.query_pairs_mut().extend_pairs(query);
        let client = self.client(&url).map_err(|e| no_address(causes(&e)))?;
        self.send(client.post(url).headers(headers).body(body), most).await
    }

    async fn send(&self, request: RequestBuilder, most: usize) -> Result<Answer, HttpError> {
        let sent = Instant::now();
        let response = request.timeout(self.pace.watch(TOTAL_MS)).send().await.map_err(network)?;
        let received = Instant::now();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = body(response, most).await?;
        Ok(Answer { status, headers, body, sent, received })
    }

    fn client(&self, url: &Url) -> Result<&Client, reqwest::Error> {
        let loopback = is_loopback(url);
        let kept = if loopback { &self.loopback } else { &self.elsewhere };
        if let Some(client) = kept.get() {
            return Ok(client);
        }
        super::init();
        let builder = Client::builder()
            .user_agent(concat!("sigc/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.pace.watch(CONNECT_MS))
            .pool_idle_timeout(Duration::from_secs(60))
            .redirect(redirect::Policy::custom(within_host));
        let client = if loopback { builder.no_proxy() } else { builder }.build()?;
        Ok(kept.get_or_init(|| client))
    }
}

fn no_address(message: String) -> HttpError {
    HttpError::Network { what: NetworkFault::Address, message }
}

/// A redirect elsewhere is not followed; its status is the answer.
fn within_host(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let here = attempt.previous().first().is_some_and(|from| from.origin() == attempt.url().origin());
    if here && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

/// True for `localhost`, `127.0.0.0/8` and `::1`.
fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, HttpError> {
    let stated = response.content_length().unwrap_or(0);
    if stated > most as u64 {
        return Err(HttpError::TooLarge { limit: most });
    }
    let mut body = Vec::with_capacity(stated as usize);
    while let Some(chunk) = response.chunk().await.map_err(network)? {
        if body.len() + chunk.len() > most {
            return Err(HttpError::TooLarge { limit: most });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn network(e: reqwest::Error) -> HttpError {
    let what = match &e {
        e if e.is_builder() => NetworkFault::Address,
        e if e.is_connect() => NetworkFault::Connect,
        e if e.is_timeout() => NetworkFault::Timeout,
        _ => NetworkFault::Read,
    };
    // The address may hold a secret; the caller knows what it asked for.
    HttpError::Network { what, message: causes(&e.without_url()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_are_told() {
        for (text, loopback) in [
            ("http://127.0.0.1:8080/x", true),
            ("http://localhost/x", true),
            ("http://[::1]:80/x", true),
            ("https://fapi.binance.com", false),
            ("http://127.0.0.1.example.com", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(text).expect("an address")), loopback, "{text}");
        }
    }
}
