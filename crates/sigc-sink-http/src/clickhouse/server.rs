//! Queries and inserts, and what a server's answers mean for rows.

use crate::http::{Answer, Http, NoAnswer, Request};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sigc_connectors::clickhouse::answer::{Exception, exception_in};
use sigc_connectors::words;
use sigc_runtime::SinkError;
use std::time::Instant;

/// The most bytes of an answer: the keys of a batch of 10,000 rows are about a megabyte.
const MOST: usize = 64 << 20;

/// A server and the table on it.
pub(super) struct Server {
    http: Http,
    headers: HeaderMap,
    /// The sink, for messages.
    pub shown: String,
    /// What makes a table that fits, for messages.
    pub statement: String,
}

/// What went wrong with a query.
#[derive(Debug)]
pub(super) enum Fault {
    NoAnswer(NoAnswer),
    Exception {
        status: u16,
        exception: Exception,
    },
    /// An answer that no ClickHouse gives.
    Foreign {
        status: u16,
        words: String,
    },
}

impl Server {
    /// Nothing is sent.
    pub fn new(url: &str, user: Option<&str>, password: Option<&str>, table: &str) -> Result<Server, SinkError> {
        let refused = |reason: String| SinkError::Denied {
            sink: format!("clickhouse `{table}`"),
            reason,
            help: "write the address of the server's HTTP interface: `http://localhost:8123`".into(),
        };
        let http = Http::new(url).map_err(refused)?;
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-clickhouse-user", user), ("x-clickhouse-key", password)] {
            let Some(value) = value else { continue };
            let what = if name.ends_with("key") { "password" } else { "user" };
            let mut value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|_| refused(format!("`{what}` has characters that cannot be sent")))?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        let shown = format!("clickhouse `{table}` at {}", http.host());
        Ok(Server { http, headers, shown, statement: String::new() })
    }

    /// Asks, and gives the body of the answer.
    pub fn ask(&self, query: String, until: Instant) -> Result<Vec<u8>, Fault> {
        // Errors come with their status instead of behind half the rows.
        self.send(&[("wait_end_of_query", "1")], query.into_bytes(), until)
    }

    /// Asks, and gives the rows of an answer in `JSONCompactEachRow`, all of whose values are texts.
    pub fn rows(&self, query: String, until: Instant) -> Result<Vec<Vec<String>>, Fault> {
        let body = self.ask(query + " FORMAT JSONCompactEachRow", until)?;
        let lines = body.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let read = |line| serde_json::from_slice(line).map_err(|_| Fault::Foreign { status: 200, words: words(line) });
        lines.map(read).collect()
    }

    /// Inserts `body`: `query` names table, columns and format.
    pub fn insert(&self, query: &str, more: &[(&str, &str)], body: Vec<u8>, until: Instant) -> Result<(), Fault> {
        // Every setting that decides what an answer means is said, because servers differ in their defaults.
        let mut params =
            vec![("query", query), ("async_insert", "0"), ("insert_deduplicate", "1"), ("wait_end_of_query", "1")];
        params.extend_from_slice(more);
        self.send(&params, body, until).map(drop)
    }

    fn send(&self, query: &[(&str, &str)], body: Vec<u8>, until: Instant) -> Result<Vec<u8>, Fault> {
        let headers = self.headers.clone();
        let request = Request { method: Method::POST, query, headers, body, most: MOST };
        let answer = self.http.send(request, until).map_err(Fault::NoAnswer)?;
        if let Some(fault) = fault_of(&answer) {
            return Err(fault);
        }
        if answer.cut {
            let words = format!("an answer of more than {} MiB", MOST >> 20);
            return Err(Fault::Foreign { status: answer.status, words });
        }
        Ok(answer.body)
    }

    /// What a fault means for the rows that were to be stored.
    pub fn error(&self, fault: Fault) -> SinkError {
        let sink = self.shown.clone();
        match fault {
            Fault::NoAnswer(NoAnswer { unknown, reason }) => SinkError::Unavailable { sink, reason, unknown },
            Fault::Foreign { status: 401 | 403, words } => {
                SinkError::Denied { sink, reason: words, help: "check `user` and `password`".into() }
            }
            Fault::Foreign { status: status @ (408 | 429 | 500..), words } => {
                SinkError::Unavailable { sink, reason: format!("status {status}: {words}"), unknown: true }
            }
            Fault::Foreign { status, words } => SinkError::Denied {
                sink,
                reason: format!("what answers is no ClickHouse (status {status}): {words}"),
                help: "write the address of the server's HTTP interface: `http://localhost:8123`".into(),
            },
            Fault::Exception { status, exception } => self.exception(status, exception),
        }
    }

    fn exception(&self, status: u16, exception: Exception) -> SinkError {
        let (sink, reason) = (self.shown.clone(), exception.reason.clone());
        let denied = |help: &str| SinkError::Denied { sink: sink.clone(), reason: reason.clone(), help: help.into() };
        let unfit = |help: String| SinkError::Unfit { sink: sink.clone(), reason: reason.clone(), help };
        match exception.code {
            // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
            192 | 193 | 194 | 516 => denied("check `user` and `password`"),
            // READONLY, ACCESS_DENIED
            164 | 497 => denied("grant the user INSERT and SELECT on the table"),
            // UNKNOWN_DATABASE
            81 => unfit("make the database, or name another one in `table`".into()),
            // UNKNOWN_TABLE
            60 => unfit(format!("make the table, or write `create: true`:\n{}", self.statement)),
            // TOO_MANY_PARTS means a merge that lags behind, or, by its text, an insert of too many partitions.
            252 if reason.contains("for single INSERT") => {
                unfit("partition the table by month of `ts`, or make `batch_rows` smaller".into())
            }
            // Those of the insert's data: 16 NO_SUCH_COLUMN_IN_TABLE, 33 CANNOT_READ_ALL_DATA, 73 UNKNOWN_FORMAT,
            // 117 INCORRECT_DATA.
            16 | 33 | 73 | 117 => unfit(changed()),
            // UNKNOWN_SETTING
            115 => unfit("a server older than 22.2 cannot be written to; use a newer one".into()),
            _ if exception.lasts() => unfit(changed()),
            _ => SinkError::Unavailable { sink, reason: format!("status {status}: {reason}"), unknown: true },
        }
    }
}

fn changed() -> String {
    "the table was changed since it was looked at, or does not take such rows: run again to have it looked at".into()
}

fn fault_of(answer: &Answer) -> Option<Fault> {
    let status = answer.status;
    if let Some(exception) = exception_in(&|name| answer.header(name), &answer.body) {
        return Some(Fault::Exception { status, exception });
    }
    (!(200..300).contains(&status)).then(|| Fault::Foreign { status, words: words(&answer.body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, code: Option<&'static str>, body: &str) -> SinkError {
        let mut headers = HeaderMap::new();
        if let Some(code) = code {
            headers.insert("x-clickhouse-exception-code", HeaderValue::from_static(code));
        }
        let answer = Answer { status, headers, body: body.as_bytes().to_vec(), cut: false };
        let mut server =
            Server::new("http://u:secret@127.0.0.1:1/?secret", Some("me"), Some("hunter2"), "t").expect("an address");
        server.statement = "CREATE TABLE t".into();
        server.error(fault_of(&answer).expect("a fault"))
    }

    /// Answers of the engine 26.9.2.1, but for those of users and of other servers, which are by the documentation.
    #[test]
    fn answers_are_told_apart() {
        for (status, code, body, kind, said) in [
            (
                404,
                Some("60"),
                "Code: 60. DB::Exception: Table default.nope does not exist. (UNKNOWN_TABLE)",
                "E0542",
                "nope does not",
            ),
            (
                404,
                Some("81"),
                "Code: 81. DB::Exception: Database nodb does not exist. (UNKNOWN_DATABASE)",
                "E0542",
                "nodb",
            ),
            (
                500,
                Some("117"),
                "Code: 117. DB::Exception: Type of 'symbol' must be LowCardinality(String), not String: (while reading header): While executing BinaryRowInputFormat. (INCORRECT_DATA) (version 26.9.2.1)",
                "E0542",
                "must be",
            ),
            (
                500,
                Some("16"),
                "Code: 16. DB::Exception: No such column symbxl in table default.t (388e1a11-adaf-483c-aed4-b36117a9d2e6). (NO_SUCH_COLUMN_IN_TABLE)",
                "E0542",
                "symbxl",
            ),
            (
                500,
                Some("33"),
                "Code: 33. DB::Exception: Cannot read all data. Bytes read: 1. Bytes expected: 5: (at row 1)",
                "E0542",
                "Cannot read",
            ),
            (
                500,
                Some("252"),
                "Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100).",
                "E0542",
                "partitions",
            ),
            (
                500,
                Some("252"),
                "Code: 252. DB::Exception: Too many parts (3000). Merges are processing significantly slower than inserts.",
                "E0540",
                "Too many parts",
            ),
            (500, Some("241"), "Code: 241. DB::Exception: Memory limit (total) exceeded", "E0540", "Memory"),
            (403, Some("516"), "Code: 516. DB::Exception: me: Authentication failed", "E0541", "Authentication"),
            (403, Some("497"), "Code: 497. DB::Exception: me: Not enough privileges.", "E0541", "privileges"),
            (200, None, "Code: 241. DB::Exception: Memory limit exceeded", "E0540", "Memory"),
            (502, None, "<html><title>502 Bad Gateway</title>", "E0540", "502 Bad Gateway"),
            (401, None, "who?", "E0541", "who?"),
            (404, None, "<html>", "E0541", "no ClickHouse"),
            (302, None, "", "E0541", "status 302"),
        ] {
            let error = error(status, code, body);
            assert_eq!(error.code(), kind, "{body}");
            let text = format!("{error} {}", error.help());
            assert!(text.contains(said) && text.contains("clickhouse `t` at 127.0.0.1:1"), "{text}");
            assert!(!text.contains("secret") && !text.contains("hunter2"), "{text}");
        }
        assert!(error(404, Some("60"), "Code: 60. DB::Exception: x").help().contains("CREATE TABLE t"));
    }

    #[test]
    fn passwords_that_cannot_be_sent_are_not_shown() {
        let error = Server::new("http://x", None, Some("hun\nter2"), "t").err().expect("refused");
        assert!(error.to_string().contains("`password`") && !error.to_string().contains("ter2"));
    }
}
