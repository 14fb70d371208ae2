//! A record as a message.

use async_nats::HeaderMap;
use async_nats::jetstream::message::PublishMessage;
use sigc_connectors::sinks::json;
use sigc_connectors::sinks::nats::subject::{Template, token};
use sigc_runtime::{Record, RecordSchema};

/// The row's label in milliseconds: what tells how far a subject is.
pub(crate) const TS: &str = "Sigc-Ts";
/// The row's symbol, as a token of a subject.
pub(crate) const SYMBOL: &str = "Sigc-Symbol";
/// The bits of the prediction, in hex: a row that is there with another value is a conflict.
pub(crate) const BITS: &str = "Sigc-Bits";

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

/// The value's bits as text.
pub(crate) fn bits(value: f64) -> String {
    format!("{:016x}", value.to_bits())
}

/// The message, to be stored only behind `last` of its subject.
pub(crate) fn message(schema: &RecordSchema, row: &Record, stream: &str, last: u64) -> PublishMessage {
    let mut headers = HeaderMap::new();
    headers.insert(TS, row.ts.millis().to_string().as_str());
    headers.insert(SYMBOL, token(row.symbol.as_str()).as_str());
    headers.insert(BITS, bits(row.value).as_str());
    let mut body = Vec::with_capacity(256);
    json::push_record(&mut body, schema, row);
    PublishMessage::build()
        .headers(headers)
        .payload(body.into())
        .message_id(id(schema, row))
        .expected_stream(stream)
        .expected_last_subject_sequence(last)
}
