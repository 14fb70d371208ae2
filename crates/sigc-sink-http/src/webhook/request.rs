//! What is sent, and what an answer means.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use sigc_market::{Symbol, Ts};
use sigc_runtime::SignalName;
use std::fmt::Write;

/// What identifies a row in every process and for every receiver: the first half of SHA-256 over pipeline, kind, frame,
/// column, symbol and label (ISO 8601, as in the record), with zero bytes between them; 32 hexadecimal digits.
pub fn row_key(dag_name: &str, signal: &SignalName, symbol: &Symbol, ts: Ts) -> String {
    let kind = if signal.is_event { "event" } else { "prediction" };
    let ts = ts.to_string();
    let parts = [dag_name, kind, &signal.frame, &signal.column, symbol.as_str(), &ts];
    half(Sha256::digest(parts.join("\0")).as_ref())
}

/// The key of a request with several rows: over their keys, in order.
pub fn batch_key(rows: &[String]) -> String {
    half(Sha256::digest(rows.concat()).as_ref())
}

/// What `X-Sigc-Signature` holds: HMAC-SHA256 over the timestamp, a dot and the body.
pub fn signature(key: &[u8], timestamp: &str, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { unreachable!("a key of any length will do") };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("sha256={}", hex(mac.finalize().into_bytes().as_ref()))
}

fn half(bytes: &[u8]) -> String {
    hex(&bytes[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}"); // writing to a text cannot fail
        text
    })
}

/// What an answer's status means for the rows of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are stored.
    Taken,
    /// They may be taken later; `unknown` if they may have been stored already.
    Later { unknown: bool },
    /// The receiver will not take them.
    Never,
}

pub(super) fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Taken,
        // Too early, too many, and a request of the same key that is still being worked on.
        409 | 425 | 429 | 503 => Verdict::Later { unknown: false },
        408 | 500.. => Verdict::Later { unknown: true },
        _ => Verdict::Never,
    }
}

/// What to do about a refusal.
pub(super) fn help(status: u16) -> &'static str {
    match status {
        300..=399 => "redirects are not followed: write the address that takes the rows as `url`",
        401 | 403 | 407 => "check `auth`, `auth_header` and `sign_with`",
        404 | 405 | 410 => "check the path of `url`: it must take POST requests",
        413 => "make `batch_rows` smaller, or raise the receiver's limit",
        415 | 422 => "the receiver does not take these records: `sigc schema --records` lists their fields",
        _ => "mend the receiver, or take its `url` from the pipeline; the rows are kept until the run is started again",
    }
}

/// Texts that no message may hold.
pub(super) struct Hidden(Vec<String>);

/// Shorter texts say nothing, and would black out half of every message.
const SHORTEST: usize = 4;

impl Hidden {
    pub fn new(texts: impl IntoIterator<Item = String>) -> Hidden {
        let mut texts: Vec<String> = texts.into_iter().filter(|t| t.len() >= SHORTEST).collect();
        // The longest first: one may be part of another.
        texts.sort_by_key(|t| std::cmp::Reverse(t.len()));
        Hidden(texts)
    }

    /// A receiver's words for a message; it may say back what it was sent.
    pub fn words(&self, body: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(body).into_owned();
        for hidden in &self.0 {
            text = text.replace(hidden.as_str(), "***");
        }
        sigc_connectors::words(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_signatures_are_those_of_others() {
        let signal = SignalName { is_event: false, frame: "bars".into(), column: "score".into(), model: None };
        let symbol = Symbol::new("BTCUSDT").expect("a symbol");
        // python3: hashlib.sha256(b'demo\0prediction\0bars\0score\0BTCUSDT\x002025-12-26T13:00:00Z').hexdigest()[:32]
        let key = row_key("demo", &signal, &symbol, Ts(1_766_754_000_000));
        assert_eq!(key, "41ddf5df4e435c62b5f3d5b7f4e77d59");
        // hashlib.sha256((key + 'ff').encode()).hexdigest()[:32]
        assert_eq!(batch_key(&[key, "ff".into()]), "28a682af9edca563efc734bc956639f3");
        // hmac.new(b'secret', b'1766754000.[1]', 'sha256').hexdigest()
        assert_eq!(
            signature(b"secret", "1766754000", b"[1]"),
            "sha256=31f2977100a656dca303aead77f91ba8a366def3aeff1ec056e9a81f6bb38edc"
        );
        let event = SignalName { is_event: true, ..signal };
        assert_ne!(row_key("demo", &event, &symbol, Ts(0)), row_key("demo2", &event, &symbol, Ts(0)));
    }

    #[test]
    fn statuses_are_told_apart() {
        for (status, wanted) in [
            (200, Verdict::Taken),
            (204, Verdict::Taken),
            (301, Verdict::Never),
            (400, Verdict::Never),
            (401, Verdict::Never),
            (408, Verdict::Later { unknown: true }),
            (409, Verdict::Later { unknown: false }),
            (413, Verdict::Never),
            (425, Verdict::Later { unknown: false }),
            (429, Verdict::Later { unknown: false }),
            (500, Verdict::Later { unknown: true }),
            (503, Verdict::Later { unknown: false }),
            (504, Verdict::Later { unknown: true }),
            (100, Verdict::Never),
        ] {
            assert_eq!(verdict(status), wanted, "{status}");
        }
    }

    #[test]
    fn words_hide_what_was_sent() {
        let hidden = Hidden::new(["Bearer hunter2".into(), "hunter2".into(), "ok".into(), String::new()]);
        assert_eq!(hidden.words(b"ok: Bearer hunter2\n or hunter2?"), "ok: *** or ***?");
    }
}
