//! Rows to the receiver, in order, one request after the other.

use super::request::{Hidden, Verdict, batch_key, help, row_key, signature, verdict};
use crate::http::{Answer, Http, Request};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use sigc_catalog::TIMEOUT_MS;
use sigc_connectors::retry_after;
use sigc_connectors::sinks::json::push_record;
use sigc_connectors::sinks::webhook::step::{AUTH, AUTH_HEADER, FORMAT, SIGN_WITH, URL, WEBHOOK};
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, Sink, SinkError, Written};
use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The driver.
pub static DRIVER: Driver = Driver { step: &WEBHOOK, open, probe };

/// A request is not made larger by a further row than this: many receivers take a mebibyte.
const MOST_BODY: usize = 900 << 10;
/// Bytes of an answer that are read: enough for words.
const MOST_ANSWER: usize = 64 << 10;
/// A batch of many requests may take so much longer than one of them; the run gives it up later than that.
const MORE_FOR_BATCH: Duration = Duration::from_secs(10);
/// The longest pause that a receiver can ask for.
const LONGEST_PAUSE_MS: i64 = 3_600_000;

fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    Webhook::new(opening).map(Opened::plain)
}

/// Asks the address with HEAD: whatever answers is there. Whether it takes rows shows with the first one.
fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    let webhook = Webhook::new(opening)?;
    let request = Request {
        method: Method::HEAD,
        query: &[],
        headers: webhook.headers.clone(),
        body: Vec::new(),
        most: MOST_ANSWER,
    };
    let answer = webhook.http.send(request, Instant::now() + webhook.timeout).map_err(|e| SinkError::Unavailable {
        sink: webhook.describe(),
        reason: e.reason,
        unknown: false,
    })?;
    match answer.status {
        401 | 407 => Err(webhook.refused(&answer)),
        status => Ok(vec![format!("{}: it answers (HEAD: {status}); no row was sent", webhook.shown)]),
    }
}

/// An address that takes rows.
pub struct Webhook {
    http: Http,
    /// Those of every request.
    headers: HeaderMap,
    sign_with: Option<String>,
    schema: RecordSchema,
    /// Rows of a request at most.
    most_rows: usize,
    as_list: bool,
    timeout: Duration,
    shown: String,
    hidden: Hidden,
    /// Keys of the batch under way that the receiver has confirmed: another attempt goes on behind them.
    taken: HashSet<String>,
    /// The receiver asked not to be asked before.
    not_before: Option<Instant>,
}

impl Webhook {
    fn new(opening: &Opening<'_>) -> Result<Webhook, SinkError> {
        let args = opening.args;
        let refused =
            |reason: String, help: &str| SinkError::Denied { sink: "webhook".into(), reason, help: help.into() };
        let http = Http::new(&args.get(&URL))
            .map_err(|reason| refused(reason, "write an address such as `https://example.com/signals`"))?;
        let (auth, sign_with) = (args.get(&AUTH), args.get(&SIGN_WITH));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(auth) = &auth {
            let name = args.get(&AUTH_HEADER).parse::<HeaderName>();
            let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_str(auth)) else {
                return Err(refused(
                    "`auth` has characters that cannot be sent in a header".into(),
                    "check its source",
                ));
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let as_list = args.get(&FORMAT) == "array";
        Ok(Webhook {
            shown: format!("webhook at {}", http.host()),
            hidden: hidden(http.url(), auth.as_deref(), sign_with.as_deref()),
            http,
            headers,
            sign_with,
            schema: opening.schema.clone(),
            most_rows: if as_list { usize::MAX } else { 1 },
            as_list,
            timeout: Duration::from_millis(u64::from(args.get(&TIMEOUT_MS))),
            taken: HashSet::new(),
            not_before: None,
        })
    }

    /// Sends `body` under `key`; `Ok` once the receiver has confirmed it.
    fn post(&mut self, key: &str, body: Vec<u8>, until: Instant) -> Result<(), SinkError> {
        let mut headers = self.headers.clone();
        let text = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        headers.insert("idempotency-key", text(key));
        if let Some(secret) = &self.sign_with {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
            headers.insert("x-sigc-signature", text(&signature(secret.as_bytes(), &now, &body)));
            headers.insert("x-sigc-timestamp", text(&now));
        }
        let request = Request { method: Method::POST, query: &[], headers, body, most: MOST_ANSWER };
        let until = until.min(Instant::now() + self.timeout);
        let answer = self.http.send(request, until).map_err(|e| SinkError::Unavailable {
            sink: self.describe(),
            reason: e.reason,
            unknown: e.unknown,
        })?;
        match verdict(answer.status) {
            Verdict::Taken => Ok(()),
            Verdict::Never => Err(self.refused(&answer)),
            Verdict::Later { unknown } => {
                let mut reason = self.said(&answer);
                if let Some(ms) = retry_after(&|name| answer.header(name)).map(|ms| ms.clamp(0, LONGEST_PAUSE_MS)) {
                    self.not_before = Some(Instant::now() + Duration::from_millis(ms.unsigned_abs()));
                    reason += &format!("; it asks to wait {} s", ms.unsigned_abs().div_ceil(1_000));
                }
                Err(SinkError::Unavailable { sink: self.describe(), reason, unknown })
            }
        }
    }

    fn said(&self, answer: &Answer) -> String {
        format!("status {}: {}", answer.status, self.hidden.words(&answer.body))
    }

    fn refused(&self, answer: &Answer) -> SinkError {
        SinkError::Denied { sink: self.describe(), reason: self.said(answer), help: help(answer.status).into() }
    }

    /// The outbox tries again when it thinks fit; the receiver is not asked before the time it named.
    fn pause(&mut self) -> Result<(), SinkError> {
        let Some(until) = self.not_before else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.not_before = None;
            return Ok(());
        }
        let reason = format!("it asked for a pause that ends in {} s", left.as_secs() + 1);
        Err(SinkError::Unavailable { sink: self.describe(), reason, unknown: false })
    }
}

impl Sink for Webhook {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        self.pause()?;
        let until = Instant::now() + self.timeout + MORE_FOR_BATCH;
        let mut rest = rows.iter().peekable();
        let mut seen = HashSet::new();
        let mut written = Written::default();
        let mut record = Vec::new();
        while rest.peek().is_some() {
            let (mut keys, mut body) = (Vec::new(), Vec::new());
            while let Some(row) = rest.peek() {
                let Some(signal) = self.schema.signal(row) else {
                    return Err(SinkError::Unsupported {
                        sink: self.describe(),
                        reason: format!("a row is of signal {}, which the schema lacks", row.signal),
                        help: "please report this with the pipeline".into(),
                    });
                };
                let key = row_key(&self.schema.dag_name, signal, &row.symbol, row.ts);
                if !seen.contains(&key) && !self.taken.contains(&key) {
                    record.clear();
                    push_record(&mut record, &self.schema, row);
                    let full = keys.len() >= self.most_rows || body.len() + record.len() + 2 > MOST_BODY;
                    if full && !keys.is_empty() {
                        break;
                    }
                    body.push(if keys.is_empty() { b'[' } else { b',' });
                    body.extend_from_slice(&record);
                    seen.insert(key.clone());
                    keys.push(key);
                } else if self.taken.contains(&key) && seen.insert(key) {
                    // An attempt before this one brought it.
                    written.new += 1;
                } else {
                    written.duplicates += 1;
                }
                rest.next();
            }
            if keys.is_empty() {
                break;
            }
            let key = if self.as_list {
                body.push(b']');
                batch_key(&keys)
            } else {
                body.remove(0);
                keys[0].clone()
            };
            if Instant::now() >= until {
                return Err(SinkError::Unavailable {
                    sink: self.describe(),
                    reason: format!("it took {} of {} rows in the time of a batch", self.taken.len(), rows.len()),
                    unknown: false,
                });
            }
            self.post(&key, body, until)?;
            written.new += keys.len();
            self.taken.extend(keys);
        }
        self.taken.clear();
        Ok(written)
    }

    /// A row is the receiver's once it has answered 2xx.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }

    fn describe(&self) -> String {
        self.shown.clone()
    }
}

/// What of a sink's arguments a receiver may say back.
fn hidden(url: &Url, auth: Option<&str>, sign_with: Option<&str>) -> Hidden {
    let mut texts: Vec<String> = vec![url.as_str().into(), url.path().into(), url.username().into()];
    texts.extend(url.password().map(str::to_owned));
    texts.extend(url.path_segments().into_iter().flatten().map(str::to_owned));
    texts.extend(url.query().map(str::to_owned));
    texts.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    for secret in [auth, sign_with].into_iter().flatten() {
        texts.push(secret.to_owned());
        texts.extend(secret.split_whitespace().map(str::to_owned));
    }
    Hidden::new(texts)
}
