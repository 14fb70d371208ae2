//! Sends a batch, and finds out what was stored.
//!
//! What must stay true:
//! - a message is accepted only behind the message that was last of its subject when it was made, and of each subject
//!   one message is on its way at a time. So a subject has its rows once and in order, whatever a server or a
//!   connection delivers late: a late message is either the next row of its subject, or it is refused;
//! - what is last of a subject is read from the stream before the first row and after anything that left it in doubt;
//! - a row that is not newer than the last of its subject is looked for among those before it. It is there, or it cannot
//!   be stored in order any more, and that is an error.
//!
//! Numbers of messages are not guessed to have several rows of one subject on their way at once: one message of
//! somebody else in the stream shifts them, and a guess that then fits by accident would leave a row out.

use crate::failure::Place;
use crate::message::{Stored, message, subject};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{Context, PublishError, PublishErrorKind};
use async_nats::jetstream::stream::{RawMessageError, RawMessageErrorKind, Stream};
use futures_util::{StreamExt, stream};
use sigc_connectors::sinks::nats::subject::{Cover, Template, cover};
use sigc_runtime::{Record, RecordSchema, SinkError, Written};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error as _;
use std::time::Duration;

/// Series that are written at once, each with one message on its way.
const AT_ONCE: usize = 512;
/// Attempts in a row of one message that find another last message of the subject.
const MOST_VAIN: u32 = 20;
/// The wait after such an attempt grows by this.
const VAIN: Duration = Duration::from_millis(5);

/// Where rows go.
pub(crate) struct Route<'a> {
    pub context: &'a Context,
    pub stream: &'a Stream,
    pub name: &'a str,
    pub template: &'a Template,
    pub schema: &'a RecordSchema,
    pub place: &'a Place,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    New,
    Duplicate,
    Conflict,
}

/// What is known of a subject.
#[derive(Debug, Default)]
struct Series {
    /// Its newest rows, newest first, without a gap; empty if the subject has none.
    rows: Vec<Stored>,
    /// `rows` begins with what is last of the subject.
    current: bool,
    /// The label of the newest row that the server confirmed.
    confirmed: Option<i64>,
}

/// What is known of a stream.
#[derive(Debug, Default)]
pub(crate) struct Known {
    series: RefCell<HashMap<String, Series>>,
    /// Rows of a batch that failed which are stored nevertheless: its next attempt leaves them out, so that a batch that
    /// takes longer than an attempt may take gets done.
    done: RefCell<HashMap<(String, i64), Fate>>,
}

/// A subject and its rows of a batch, in order.
type Group<'r> = (String, Vec<&'r Record>);

impl Known {
    /// After anything that leaves in doubt what is last of the subjects.
    pub fn doubt(&mut self) {
        self.series.get_mut().values_mut().for_each(|s| s.current = false);
    }

    /// Stores rows. `sent` is set once one may have reached the server.
    pub async fn write(&self, route: &Route<'_>, rows: &[Record], sent: &Cell<bool>) -> Result<Written, SinkError> {
        let groups = groups(route, rows)?;
        let stop = &Cell::new(false);
        let all = stream::iter(&groups).map(|group| async move {
            let result = self.write_series(route, group, sent, stop).await;
            stop.set(stop.get() || result.is_err());
            result
        });
        // The first error says what is wrong.
        let all = all.buffer_unordered(AT_ONCE);
        all.fold(Ok(()), |first: Result<(), SinkError>, next| async { first.and(next) }).await?;
        Ok(self.count(&groups))
    }

    /// Stores the rows of a series, one after the other.
    async fn write_series(
        &self,
        route: &Route<'_>,
        (subject, rows): &Group<'_>,
        sent: &Cell<bool>,
        stop: &Cell<bool>,
    ) -> Result<(), SinkError> {
        for row in rows {
            let key = (subject.clone(), row.ts.millis());
            if self.done.borrow().contains_key(&key) {
                continue;
            }
            if stop.get() {
                return Ok(());
            }
            let fate = self.store(route, subject, row, sent).await?;
            self.done.borrow_mut().insert(key, fate);
        }
        Ok(())
    }

    async fn store(
        &self,
        route: &Route<'_>,
        subject: &str,
        row: &Record,
        sent: &Cell<bool>,
    ) -> Result<Fate, SinkError> {
        let (mut vain, mut known_by_id) = (0, false);
        loop {
            if !self.is_current(subject) {
                let last = last_of(route, subject).await?;
                self.set_last(route, subject, last);
            }
            let last = self.last(subject);
            if let Some(last) = last
                && row.ts.millis() <= last.ts
            {
                return self.find(route, subject, row).await;
            }
            if known_by_id {
                // The server confirmed it moments ago, and somebody has taken it out since.
                return Ok(Fate::Duplicate);
            }
            let before = last.map_or(0, |l| l.sequence);
            sent.set(true);
            let published = async {
                let message = message(route.schema, row, route.name, before);
                route.context.send_publish(subject.to_owned(), message).await?.await
            };
            match published.await {
                Ok(ack) if !ack.duplicate => {
                    self.push(subject, Stored::new(row, ack.sequence, before));
                    return Ok(Fate::New);
                }
                Ok(_) => known_by_id = true,
                Err(e) if is_behind(&e) && vain < MOST_VAIN => {
                    // At once the first time: usually a message that was late has come.
                    tokio::time::sleep(VAIN * vain).await;
                    vain += 1;
                }
                Err(e) => {
                    self.with(subject, |s| s.current = false);
                    return Err(not_stored(route, subject, &e));
                }
            }
            self.with(subject, |s| s.current = false);
        }
    }

    /// What became of a row that is not newer than the last one of its subject.
    async fn find(&self, route: &Route<'_>, subject: &str, row: &Record) -> Result<Fate, SinkError> {
        let ts = row.ts.millis();
        loop {
            let (found, oldest) = self.with(subject, |s| {
                // Newest first: the part that is not newer than the row begins here.
                let i = s.rows.partition_point(|r| r.ts > ts);
                (s.rows.get(i).copied(), s.rows.last().copied())
            });
            let there = match (found, oldest) {
                (Some(there), _) => Some(there),
                (None, Some(oldest)) if oldest.before != 0 => match message_at(route, subject, oldest.before).await? {
                    Some(older) => {
                        self.with(subject, |s| s.rows.push(older));
                        continue;
                    }
                    // The stream has dropped what was before, so whether the row was there is not to be known. What is
                    // there is newer, so it was written or was never to be.
                    None => return Ok(Fate::Duplicate),
                },
                _ => None,
            };
            return match there {
                Some(there) if there.ts == ts && there.bits == row.value.to_bits() => Ok(Fate::Duplicate),
                Some(there) if there.ts == ts => {
                    let value = f64::from_bits(there.bits);
                    tracing::warn!(
                        sink = %route.place.sink,
                        first = format!("{} at {}: {value} is there, {} came", row.symbol, row.ts, row.value),
                        "a row is there with another value; what is there stays"
                    );
                    Ok(Fate::Conflict)
                }
                _ => Err(route.place.unfit(
                    format!("`{subject}` has later rows, and none of {}: a stream keeps its order", row.ts),
                    "give these rows a stream or a `subject` of their own, or purge the subject and write all of it",
                )),
            };
        }
    }

    fn with<T>(&self, subject: &str, work: impl FnOnce(&mut Series) -> T) -> T {
        let mut all = self.series.borrow_mut();
        match all.get_mut(subject) {
            Some(series) => work(series),
            None => work(all.entry(subject.to_owned()).or_default()),
        }
    }

    fn is_current(&self, subject: &str) -> bool {
        self.with(subject, |s| s.current)
    }

    fn last(&self, subject: &str) -> Option<Stored> {
        self.with(subject, |s| s.rows.first().copied())
    }

    /// Takes what was read as the last of a subject.
    fn set_last(&self, route: &Route<'_>, subject: &str, last: Option<Stored>) {
        let gone = self.with(subject, |s| {
            // Older rows stay as they were read if nothing came behind them.
            if s.rows.first() != last.as_ref() {
                s.rows = last.into_iter().collect();
            }
            s.current = true;
            let lost = s.confirmed.is_some_and(|c| last.is_none_or(|l| l.ts < c));
            lost.then(|| s.confirmed.take()).flatten()
        });
        if let Some(ts) = gone {
            let ts = sigc_market::Ts(ts);
            tracing::warn!(
                sink = %route.place.sink, subject, %ts,
                "a row that the server had confirmed is gone from the stream: it was purged, has aged out or was lost"
            );
        }
    }

    /// Takes a row that was just stored. Rows come in order, so older ones need not be known any longer.
    fn push(&self, subject: &str, stored: Stored) {
        self.with(subject, |s| {
            s.rows.clear();
            s.rows.push(stored);
            (s.current, s.confirmed) = (true, Some(stored.ts));
        });
    }

    /// Counts a batch whose rows are all stored.
    fn count(&self, groups: &[Group<'_>]) -> Written {
        let mut done = self.done.take();
        let mut written = Written::default();
        for (subject, rows) in groups {
            for row in rows {
                // A row that stands twice in a batch is there already the second time.
                match done.remove(&(subject.clone(), row.ts.millis())) {
                    Some(Fate::New) => written.new += 1,
                    Some(Fate::Conflict) => {
                        written.duplicates += 1;
                        written.conflicts += 1;
                    }
                    Some(Fate::Duplicate) | None => written.duplicates += 1,
                }
            }
        }
        written
    }
}

fn groups<'r>(route: &Route<'_>, rows: &'r [Record]) -> Result<Vec<Group<'r>>, SinkError> {
    let mut groups: Vec<Group<'r>> = Vec::new();
    let mut at: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let subject = subject(route.template, route.schema, row).ok_or_else(|| {
            route.place.unfit(format!("there is no signal {}", row.signal), "this is a fault of the program: report it")
        })?;
        let group = *at.entry(subject).or_insert_with_key(|subject| {
            groups.push((subject.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(row);
    }
    Ok(groups)
}

/// The subject has another last message than was expected, or one is just being stored.
fn is_behind(error: &PublishError) -> bool {
    // The others are said in a cluster while another message of the subject, or this one, is under way.
    let under_way = [
        ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT,
        ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT,
        ErrorCode::STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_NOT_READY,
    ];
    let said = error.source().and_then(|e| e.downcast_ref::<async_nats::jetstream::Error>());
    error.kind() == PublishErrorKind::WrongLastSequence || said.is_some_and(|e| under_way.contains(&e.error_code()))
}

fn not_stored(route: &Route<'_>, subject: &str, error: &PublishError) -> SinkError {
    let own = &route.stream.cached_info().config.subjects;
    if error.kind() == PublishErrorKind::StreamNotFound && cover(own, subject) == Cover::None {
        return route.place.unfit(
            format!("the stream `{}` takes `{}`, and a row goes to `{subject}`", route.name, own.join(", ")),
            format!("nats stream edit {} --subjects '{},{}'", route.name, own.join(","), route.template.all()),
        );
    }
    if is_behind(error) {
        let reason = format!("somebody else writes to `{subject}` all the time");
        return route.place.unavailable(reason, false);
    }
    route.place.not_stored(error)
}

/// The last row of a subject. The stream's leader is asked: a copy could be behind.
async fn last_of(route: &Route<'_>, subject: &str) -> Result<Option<Stored>, SinkError> {
    row_of(route, subject, route.stream.get_last_raw_message_by_subject(subject).await)
}

/// The row of a message by its number; `None` if it is not there any more.
async fn message_at(route: &Route<'_>, subject: &str, sequence: u64) -> Result<Option<Stored>, SinkError> {
    row_of(route, subject, route.stream.get_raw_message(sequence).await)
}

type Answer = Result<async_nats::jetstream::message::StreamMessage, RawMessageError>;

fn row_of(route: &Route<'_>, subject: &str, answer: Answer) -> Result<Option<Stored>, SinkError> {
    let error = match answer {
        Ok(message) => {
            let stored = Stored::read(&message).filter(|_| message.subject.as_str() == subject);
            return stored.map(Some).ok_or_else(|| {
                let reason = format!("message {} of `{subject}` is none of this sink's", message.sequence);
                route.place.unfit(reason, "give the rows another `subject`, which nobody else writes to")
            });
        }
        Err(error) => error,
    };
    match error.kind() {
        RawMessageErrorKind::NoMessageFound => Ok(None),
        RawMessageErrorKind::JetStream(e) if e.error_code() == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
        RawMessageErrorKind::JetStream(e) => Err(route.place.refused(&e)),
        kind => {
            let cause = error.source().map_or_else(|| kind.to_string(), ToString::to_string);
            Err(route.place.unavailable(format!("`{}` did not answer: {cause}", route.place.server), false))
        }
    }
}
