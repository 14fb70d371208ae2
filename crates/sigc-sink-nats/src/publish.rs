//! Sends a batch, and finds out what was stored.
//!
//! What must stay true:
//! - a message is accepted only behind the message that was last of its subject when it was made, so for each subject
//!   the rows that are stored are the first ones of those that were sent, in order;
//! - what is last of a subject is read from the stream before the first row and after anything that left it in doubt;
//! - a row that is not newer than the last of its subject is there already.
//!
//! Several rows of one subject can be on their way at once: the sequence number of each is guessed to be the one behind
//! the row sent before. A wrong guess is refused by the server and costs a round trip, nothing else.

use crate::failure::Place;
use crate::message::{BITS, TS, bits, message, subject};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{Context, PublishErrorKind};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use futures_util::{StreamExt, TryStreamExt, stream};
use sigc_connectors::sinks::nats::subject::Template;
use sigc_runtime::{Record, RecordSchema, SinkError, Written};
use std::collections::HashMap;

/// Messages on their way at once; the server's answers to them fit into the client's buffers.
const IN_FLIGHT: usize = 1_000;
/// Requests for the last message of a subject at once.
const LOOK_UPS: usize = 64;
/// After a wrong guess so many batches go without guesses: somebody else writes to the stream.
const CAUTIOUS_BATCHES: u32 = 100;
/// Waves in a row that store nothing.
const MOST_VAIN: u32 = 5;

/// The last message of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Last {
    /// Its number in the stream; 0 if the subject has none.
    sequence: u64,
    /// Its row's label; the least if there is none.
    ts: i64,
    /// Its prediction's bits.
    bits: String,
}

/// What is known of a stream.
#[derive(Debug, Default)]
pub(crate) struct Known {
    last: HashMap<String, Last>,
    /// The number of the stream's last message, as far as it is known.
    sequence: u64,
    cautious: u32,
}

/// Where rows go.
pub(crate) struct Route<'a> {
    pub context: &'a Context,
    pub stream: &'a Stream,
    pub name: &'a str,
    pub template: &'a Template,
    pub schema: &'a RecordSchema,
    pub place: &'a Place,
}

impl Known {
    /// What is known of a stream whose last message has this number.
    pub fn of(sequence: u64) -> Known {
        Known { sequence, ..Known::default() }
    }

    /// Stores rows. `sent` is set once one may have reached the server.
    pub async fn write(&mut self, route: &Route<'_>, rows: &[Record], sent: &mut bool) -> Result<Written, SinkError> {
        let mut written = Written::default();
        let of = |row| subject(route.template, route.schema, row).map(|s| (row, s));
        let mut pending: Vec<(&Record, String)> = rows.iter().filter_map(of).collect();
        let mut vain = 0;
        self.cautious = self.cautious.saturating_sub(1);
        let mut guesses = self.cautious == 0;
        while !pending.is_empty() {
            self.look_up(route, &pending).await?;
            pending.retain(|(row, subject)| self.is_new(row, subject, &mut written));
            let (wave, rest) = self.wave(pending, guesses);
            if wave.is_empty() {
                break;
            }
            let n_new = written.new;
            pending = self.send(route, wave, &mut written, sent).await?;
            if !pending.is_empty() {
                (guesses, self.cautious) = (false, CAUTIOUS_BATCHES);
            }
            pending.extend(rest);
            vain = if written.new > n_new { 0 } else { vain + 1 };
            if vain > MOST_VAIN {
                let reason = format!("somebody else writes to the subjects of `{}`", route.name);
                return Err(route.place.unavailable(reason, true));
            }
        }
        Ok(written)
    }

    /// Reads the last messages of subjects that are not known.
    async fn look_up(&mut self, route: &Route<'_>, pending: &[(&Record, String)]) -> Result<(), SinkError> {
        let mut unknown: Vec<&str> =
            pending.iter().map(|(_, s)| s.as_str()).filter(|s| !self.last.contains_key(*s)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        let found: Vec<(String, Last)> = stream::iter(unknown)
            .map(async |subject| Ok::<_, SinkError>((subject.to_owned(), last_of(route, subject).await?)))
            .buffer_unordered(LOOK_UPS)
            .try_collect()
            .await?;
        self.last.extend(found);
        Ok(())
    }

    /// Whether a row is newer than the last of its subject; counts it otherwise.
    fn is_new(&self, row: &Record, subject: &str, written: &mut Written) -> bool {
        let Some(last) = self.last.get(subject) else { return true };
        let ts = row.ts.millis();
        if ts > last.ts {
            return true;
        }
        written.duplicates += 1;
        written.conflicts += usize::from(ts == last.ts && bits(row.value) != last.bits);
        false
    }

    /// The rows to send now, each with the number its subject's last message should have, and the rest.
    fn wave<'r>(
        &self,
        pending: Vec<(&'r Record, String)>,
        guesses: bool,
    ) -> (Vec<Ready<'r>>, Vec<(&'r Record, String)>) {
        let (mut wave, mut rest) = (Vec::new(), Vec::new());
        let mut guessed: HashMap<String, (u64, i64)> = HashMap::new();
        for (row, subject) in pending {
            let before = guessed.get(&subject).copied();
            let newer = before.is_none_or(|(_, ts)| row.ts.millis() > ts);
            let full = wave.len() >= IN_FLIGHT || (!guesses && before.is_some()) || !newer;
            if full {
                // No newer row of its subject goes before it: they wait as well, or it is a repetition.
                rest.push((row, subject));
                continue;
            }
            let expected = before.map_or_else(|| self.last.get(&subject).map_or(0, |l| l.sequence), |(n, _)| n);
            guessed.insert(subject.clone(), (self.sequence + wave.len() as u64 + 1, row.ts.millis()));
            wave.push(Ready { row, subject, expected });
        }
        (wave, rest)
    }

    /// Sends a wave and takes the answers; gives back the rows that were not stored because a guess was wrong.
    async fn send<'r>(
        &mut self,
        route: &Route<'_>,
        wave: Vec<Ready<'r>>,
        written: &mut Written,
        sent: &mut bool,
    ) -> Result<Vec<(&'r Record, String)>, SinkError> {
        let mut answers = Vec::with_capacity(wave.len());
        for ready in &wave {
            let message = message(route.schema, ready.row, route.name, ready.expected);
            *sent = true;
            answers.push(route.context.send_publish(ready.subject.clone(), message).await);
        }
        let mut again = Vec::new();
        let mut failed = None;
        for (ready, answer) in wave.into_iter().zip(answers) {
            let answer = match (answer, failed.is_some()) {
                (Ok(ack), false) => ack.await,
                (Err(e), false) => Err(e),
                // The first error says what is wrong; what became of the others is read from the stream.
                _ => {
                    self.last.remove(&ready.subject);
                    continue;
                }
            };
            match answer {
                Ok(ack) if !ack.duplicate => {
                    written.new += 1;
                    self.sequence = self.sequence.max(ack.sequence);
                    let last = Last { sequence: ack.sequence, ts: ready.row.ts.millis(), bits: bits(ready.row.value) };
                    self.last.insert(ready.subject, last);
                }
                // Known by its id. It may not be the last of its subject.
                Ok(_) => {
                    written.duplicates += 1;
                    self.last.remove(&ready.subject);
                }
                Err(e) if is_behind(&e) => {
                    self.last.remove(&ready.subject);
                    again.push((ready.row, ready.subject));
                }
                Err(e) => {
                    self.last.remove(&ready.subject);
                    failed = Some(route.place.not_stored(&e));
                }
            }
        }
        match failed {
            // The numbers behind the failure are in doubt.
            Some(error) => {
                for (_, subject) in again {
                    self.last.remove(&subject);
                }
                Err(error)
            }
            None => Ok(again),
        }
    }
}

/// A row on its way.
struct Ready<'r> {
    row: &'r Record,
    subject: String,
    expected: u64,
}

/// The subject has another last message than was expected, or one is just being stored.
fn is_behind(error: &async_nats::jetstream::context::PublishError) -> bool {
    use std::error::Error as _;
    // 10164: in a cluster, while another message of the subject is under way.
    let constant = |e: &async_nats::jetstream::Error| e.error_code() == ErrorCode(10_164);
    error.kind() == PublishErrorKind::WrongLastSequence
        || error.source().and_then(|e| e.downcast_ref::<async_nats::jetstream::Error>()).is_some_and(constant)
}

/// Asks the stream's leader: a copy could be behind.
async fn last_of(route: &Route<'_>, subject: &str) -> Result<Last, SinkError> {
    match route.stream.get_last_raw_message_by_subject(subject).await {
        Ok(message) => {
            let text = |name| message.headers.get(name).map(|v| v.as_str().to_owned());
            let ts = text(TS).and_then(|t| t.parse().ok()).ok_or_else(|| {
                let reason = format!("the last message of `{subject}` is no row: it has no `{TS}`");
                route.place.unfit(reason, "give the rows another `subject`, which nobody else writes to")
            })?;
            Ok(Last { sequence: message.sequence, ts, bits: text(BITS).unwrap_or_default() })
        }
        Err(error) => match error.kind() {
            LastRawMessageErrorKind::NoMessageFound => Ok(Last { sequence: 0, ts: i64::MIN, bits: String::new() }),
            LastRawMessageErrorKind::JetStream(e) if e.error_code() == ErrorCode::NO_MESSAGE_FOUND => {
                Ok(Last { sequence: 0, ts: i64::MIN, bits: String::new() })
            }
            LastRawMessageErrorKind::JetStream(e) => Err(route.place.refused(&e)),
            kind => Err(route.place.unavailable(format!("`{}` did not answer: {kind}", route.place.server), false)),
        },
    }
}
