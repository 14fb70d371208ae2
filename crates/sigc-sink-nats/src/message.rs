//! A record as a message, and what a stored message says of its row.

use async_nats::HeaderMap;
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use sigc_connectors::sinks::json;
use sigc_connectors::sinks::nats::subject::{Template, token};
use sigc_market::{Symbol, Ts};
use sigc_runtime::{Record, RecordSchema};

/// The row's label in milliseconds: what tells how far a subject is.
pub(crate) const TS: &str = "Sigc-Ts";
/// The row's symbol, as a token of a subject.
pub(crate) const SYMBOL: &str = "Sigc-Symbol";
/// The bits of the prediction, in hex: a row that is there with another value is a conflict.
pub(crate) const BITS: &str = "Sigc-Bits";
/// The number of the message before it of its subject; 0 for the first: by this a subject is read backwards.
pub(crate) const BEFORE: &str = "Sigc-Before";

/// A stored row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its message's number in the stream.
    pub sequence: u64,
    /// The number of the message before it of its subject; 0 if there was none.
    pub before: u64,
    /// The row's label in milliseconds.
    pub ts: i64,
    /// The prediction's bits.
    pub bits: u64,
}

impl Stored {
    /// What a message says; `None` if it is no row of a sink.
    pub fn read(message: &StreamMessage) -> Option<Stored> {
        let text = |name| message.headers.get(name).map(|v| v.as_str().to_owned());
        Some(Stored {
            sequence: message.sequence,
            before: text(BEFORE)?.parse().ok()?,
            ts: text(TS)?.parse().ok()?,
            bits: u64::from_str_radix(&text(BITS)?, 16).ok()?,
        })
    }

    /// A row that was just stored behind `before`.
    pub fn new(row: &Record, sequence: u64, before: u64) -> Stored {
        Stored { sequence, before, ts: row.ts.millis(), bits: row.value.to_bits() }
    }
}

/// The subject of a record's series; `None` if the record is of no signal of the schema.
pub(crate) fn subject(template: &Template, schema: &RecordSchema, row: &Record) -> Option<String> {
    let signal = schema.signal(row)?;
    Some(template.subject(&schema.dag_name, &signal.frame, &signal.column, row.symbol.as_str()))
}

/// What identifies a row, for the server and for readers.
pub(crate) fn id(schema: &RecordSchema, row: &Record) -> String {
    let signal = schema.signal(row);
    let (frame, column) = signal.map_or(("", ""), |s| (s.frame.as_str(), s.column.as_str()));
    let names = [&schema.dag_name, frame, column, row.symbol.as_str()].map(token);
    format!("{}.{}", names.join("."), row.ts.millis())
}

/// The message, to be stored only behind message number `before` of its subject; 0 for the first of the subject.
pub(crate) fn message(schema: &RecordSchema, row: &Record, stream: &str, before: u64) -> PublishMessage {
    let (headers, body) = parts(schema, row, before);
    PublishMessage::build()
        .headers(headers)
        .payload(body.into())
        .message_id(id(schema, row))
        .expected_stream(stream)
        .expected_last_subject_sequence(before)
}

fn parts(schema: &RecordSchema, row: &Record, before: u64) -> (HeaderMap, Vec<u8>) {
    let mut headers = HeaderMap::new();
    headers.insert(TS, row.ts.millis().to_string().as_str());
    headers.insert(SYMBOL, token(row.symbol.as_str()).as_str());
    headers.insert(BITS, format!("{:016x}", row.value.to_bits()).as_str());
    headers.insert(BEFORE, before.to_string().as_str());
    let mut body = Vec::with_capacity(256);
    json::push_record(&mut body, schema, row);
    (headers, body)
}

/// Bytes of the largest message that rows of ordinary symbols give, headers included: what the limits of a stream and a
/// server are compared with.
pub(crate) fn largest(schema: &RecordSchema, stream: &str) -> usize {
    // The longest a number gets: a sign, 17 digits, a point and an exponent of three.
    let number = -2.225_073_858_507_201_4e-308;
    let of = |signal: usize| {
        let row = Record {
            signal: u16::try_from(signal).unwrap_or(u16::MAX),
            symbol: Symbol::new("ORDINARY1000SYMBOL").expect("letters and digits"),
            ts: Ts(4_102_444_800_000),
            open_time: Ts(4_102_444_800_000),
            value: number,
            extra: vec![number; schema.extra.len()],
            caught_up: false,
            latency_ms: Some(-86_400_000),
        };
        let (headers, body) = parts(schema, &row, 1 << 53);
        let more = [
            ("Nats-Msg-Id", id(schema, &row).len()),
            ("Nats-Expected-Stream", stream.len()),
            ("Nats-Expected-Last-Subject-Sequence", 16),
        ];
        let line = |name: &str, value: usize| name.len() + value + ": \r\n".len();
        let own: usize = headers
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |v| (name, v)))
            .fold(0, |sum, (name, v)| sum + line(<_ as AsRef<str>>::as_ref(name), v.as_str().len()));
        let more: usize = more.iter().map(|(name, value)| line(name, *value)).sum();
        "NATS/1.0\r\n\r\n".len() + own + more + body.len()
    };
    (0..schema.signals.len()).map(of).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigc_runtime::SignalName;

    fn schema() -> RecordSchema {
        let signal = |column: &str| SignalName {
            is_event: false,
            frame: "bars_1m".into(),
            column: column.into(),
            model: Some("models.linear".into()),
        };
        RecordSchema {
            dag_name: "my dag".into(),
            plan: "1f".into(),
            run_id: None,
            signals: vec![signal("score"), signal("a longer name.x")],
            extra: vec!["rsi".into()],
            marks: true,
        }
    }

    fn row(signal: u16, value: f64) -> Record {
        Record {
            signal,
            symbol: Symbol::new("BTC/USDT").expect("a symbol"),
            ts: Ts(1_735_689_660_000),
            open_time: Ts(1_735_689_600_000),
            value,
            extra: vec![1.5],
            caught_up: false,
            latency_ms: None,
        }
    }

    #[test]
    fn a_message_says_which_row_it_is() {
        let schema = schema();
        let template = Template::parse("s.{dag_name}.{frame}.{column}.{symbol}").expect("a template");
        let row = row(1, -0.0);
        let subject = subject(&template, &schema, &row).expect("a signal");
        assert_eq!(subject, "s.my%20dag.bars_1m.a%20longer%20name%2Ex.BTC%2FUSDT");
        assert_eq!(id(&schema, &row), "my%20dag.bars_1m.a%20longer%20name%2Ex.BTC%2FUSDT.1735689660000");

        let message = message(&schema, &row, "SIGNALS", 7).outbound_message(subject);
        let headers = message.headers.expect("headers");
        for (name, value) in [
            ("Sigc-Ts", "1735689660000"),
            ("Sigc-Symbol", "BTC%2FUSDT"),
            ("Sigc-Bits", "8000000000000000"),
            ("Sigc-Before", "7"),
            ("Nats-Msg-Id", id(&schema, &row).as_str()),
            ("Nats-Expected-Stream", "SIGNALS"),
            ("Nats-Expected-Last-Subject-Sequence", "7"),
        ] {
            assert_eq!(headers.get(name).map(|v| v.as_str()), Some(value), "{name}");
        }
        let body: serde_json::Value = serde_json::from_slice(&message.payload).expect("JSON");
        assert_eq!((&body["symbol"], &body["ts"]), (&"BTC/USDT".into(), &"2025-01-01T00:01:00Z".into()));
    }

    #[test]
    fn no_row_is_larger_than_the_largest() {
        let schema = schema();
        let most = largest(&schema, "SIGNALS");
        // Every line of the headers is `Name: value`, CR and LF, behind a line with the version and before an empty one.
        for (signal, value) in [(0, 0.1), (1, f64::MIN_POSITIVE), (1, -1.0 / 3.0)] {
            let message = message(&schema, &row(signal, value), "SIGNALS", 123_456).outbound_message("s");
            let headers = message.headers.expect("headers");
            let lines: usize =
                headers.iter().map(|(name, values)| format!("{name}: {}\r\n", values[0].as_str()).len()).sum();
            let size = "NATS/1.0\r\n\r\n".len() + lines + message.payload.len();
            assert!(size <= most && most < 2 * size, "{size} {most}");
        }
    }
}
