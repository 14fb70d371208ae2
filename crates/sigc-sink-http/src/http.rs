//! One request and its answer, within a limit.
//!
//! Every client has a small runtime of its own, so that the sink's thread can block. Certificates are checked; a proxy
//! is taken from the environment, except for loopback addresses; a redirect is an answer like any other. No message
//! holds an address's user, path or query.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response, Url, redirect};
use sigc_connectors::causes;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Limit on a connection attempt.
const CONNECT: Duration = Duration::from_secs(10);
/// A connection that nothing was sent on for so long is not used again.
const IDLE: Duration = Duration::from_secs(30);
/// Addresses that do not begin so are not asked.
const SCHEMES: [&str; 2] = ["http", "https"];

/// A client for one address.
pub(crate) struct Http {
    /// `None` while it is dropped.
    runtime: Option<Runtime>,
    client: Client,
    url: Url,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The body was longer than asked for; the rest was not read.
    #[cfg_attr(not(feature = "clickhouse"), expect(dead_code, reason = "words are cut anyway"))]
    pub cut: bool,
}

impl Answer {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
    }
}

/// Why there is none.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    /// The request may have been carried out nevertheless.
    pub unknown: bool,
    pub reason: String,
}

/// What is asked of the address.
pub(crate) struct Request<'a> {
    pub method: Method,
    /// Names and values for the address, not encoded.
    pub query: &'a [(&'a str, &'a str)],
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Bytes of the answer that are read at most.
    pub most: usize,
}

impl Http {
    /// A client for `url`; nothing is sent.
    ///
    /// # Errors
    /// Why no request can be made, without the address.
    pub fn new(url: &str) -> Result<Http, String> {
        let url = Url::parse(url).map_err(|e| format!("`url` is no address: {e}"))?;
        if !SCHEMES.contains(&url.scheme()) || url.host_str().is_none() {
            return Err("`url` does not begin with http:// or https://".into());
        }
        // An error means that the process has chosen its cryptography already, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let builder = Client::builder()
            .user_agent(concat!("sigc/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .redirect(redirect::Policy::none());
        let builder = if is_loopback(&url) { builder.no_proxy() } else { builder };
        // A thread of its own notices a connection that the server closes between two requests.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sigc-sink-http")
            .enable_all()
            .build()
            .map_err(|e| format!("no thread for its requests: {e}"))?;
        let client = {
            let _inside = runtime.enter();
            builder.build().map_err(|e| causes(&e.without_url()))?
        };
        Ok(Http { runtime: Some(runtime), client, url })
    }

    /// The address without what may be secret: host and port.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The address.
    #[cfg(feature = "webhook")]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sends a request and reads its answer, until `until` at the latest.
    ///
    /// # Errors
    /// No connection, no answer in time, a broken one.
    pub fn send(&self, request: Request<'_>, until: Instant) -> Result<Answer, NoAnswer> {
        let Some(runtime) = &self.runtime else { unreachable!("taken by drop only") };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(NoAnswer { unknown: false, reason: "no time was left for the request".into() });
        }
        let mut url = self.url.clone();
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        let built = self.client.request(request.method, url).headers(request.headers).body(request.body).timeout(left);
        runtime.block_on(async {
            let response = built.send().await.map_err(no_answer)?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let (body, cut) = body(response, request.most).await.map_err(no_answer)?;
            Ok(Answer { status, headers, body, cut })
        })
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Open connections are let go of, whoever drops this.
            runtime.shutdown_background();
        }
    }
}

async fn body(mut response: Response, most: usize) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = most - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body, true));
        }
    }
    Ok((body, false))
}

fn no_answer(e: reqwest::Error) -> NoAnswer {
    let what = match &e {
        e if e.is_builder() => "no request can be made",
        e if e.is_connect() => "cannot connect",
        e if e.is_timeout() => "no answer in time",
        _ => "the connection broke",
    };
    let unknown = !(e.is_builder() || e.is_connect());
    NoAnswer { unknown, reason: format!("{what}: {}", causes(&e.without_url())) }
}

/// True for `localhost`, `127.0.0.0/8` and `::1`.
fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart_and_secrets_stay_out() {
        for (text, host, loopback) in [
            ("https://u:pw@ch.example.com:8443/x?token=s", "ch.example.com:8443", false),
            ("http://127.0.0.1:1/", "127.0.0.1:1", true),
            ("http://localhost/", "localhost", true),
            ("http://127.0.0.1.example.com/", "127.0.0.1.example.com", false),
        ] {
            let http = Http::new(text).expect("an address");
            assert_eq!((http.host().as_str(), is_loopback(&http.url)), (host, loopback));
        }
        for text in ["", "ch:8123", "ftp://secret@x/", "/secret"] {
            let reason = Http::new(text).err().expect("no address");
            assert!(!reason.contains("secret"), "{reason}");
        }
    }

    #[test]
    fn what_was_never_sent_is_known() {
        let http = Http::new("http://u:secret@127.0.0.1:1/secret?secret").expect("an address");
        let request =
            || Request { method: Method::POST, query: &[], headers: HeaderMap::new(), body: Vec::new(), most: 10 };
        let failed = http.send(request(), Instant::now() + Duration::from_secs(5)).expect_err("nothing listens");
        assert!(!failed.unknown && failed.reason.starts_with("cannot connect"), "{}", failed.reason);
        assert!(!failed.reason.contains("secret"), "{}", failed.reason);
        assert!(!http.send(request(), Instant::now()).expect_err("no time").unknown);
    }
}
