//! A sink's thread: reads the rows it is told to deliver from the journal, writes them, reports.
//!
//! Each sink has its own, so a sink that hangs holds up nobody else. Rows come from the journal, not from memory: a
//! sink that was down for a day needs no more memory than one that is on time.
//!
//! A sink that panics is a sink that is stopped: it may be half-way through a change, so it is not asked again, nor closed;
//! its rows are kept in the journal, and the others go on.

use crate::spec::SinkSpec;
use sigc_journal::JournalReader;
use sigc_runtime::live::conductor::Event;
use sigc_runtime::live::outbox::{Delivery, Failure};
use sigc_runtime::{Record, SinkError, Subscription, Written};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::mpsc::Sender;

/// What a sink's thread took over its life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The sink.
    pub name: String,
    /// What it stored.
    pub written: Written,
    /// Why it could not be closed.
    pub close_error: Option<String>,
}

/// A batch that was written.
pub(crate) struct Wrote<'a> {
    pub rows: &'a [Record],
    pub seconds: f64,
}

/// Starts a sink's thread. It ends, and closes the sink, when the sender is dropped.
pub(crate) fn start(
    number: usize,
    spec: SinkSpec,
    reader: JournalReader,
    events: Sender<Event>,
    observe: impl Fn(Wrote<'_>) + Send + 'static,
) -> std::io::Result<(SyncSender<Delivery>, JoinHandle<Delivered>)> {
    // At most one delivery is under way.
    let (jobs_in, jobs): (_, Receiver<Delivery>) = sync_channel(1);
    let thread = std::thread::Builder::new().name(format!("sigc-sink-{number}")).spawn(move || {
        let SinkSpec { name, mut sink, subscriptions, .. } = spec;
        let mut written = Written::default();
        while let Ok(delivery) = jobs.recv() {
            let begun = Instant::now();
            let mut panicked = false;
            let result = rows(&reader, delivery, &subscriptions).and_then(|rows| {
                // Nothing of this batch may be for this sink.
                if rows.is_empty() {
                    return Ok((rows, Written::default()));
                }
                let write = || sink.write(&rows).and_then(|w| sink.flush().map(|()| w)).map_err(|e| failure(&e));
                let new = catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|panic| {
                    panicked = true;
                    Err((Failure::Refused, format!("the sink has a fault and panicked: {}", said(&*panic))))
                })?;
                Ok((rows, new))
            });
            let event = match result {
                Ok((rows, new)) => {
                    written.new += new.new;
                    written.duplicates += new.duplicates;
                    written.conflicts += new.conflicts;
                    observe(Wrote { rows: &rows, seconds: begun.elapsed().as_secs_f64() });
                    Event::Delivered { sink: number, to: delivery.to }
                }
                Err((failure, reason)) => Event::NotDelivered { sink: number, failure, reason },
            };
            let nobody_listens = events.blocking_send(event).is_err();
            if panicked {
                let close_error = Some("it has a fault and was not closed".to_owned());
                return Delivered { name, written, close_error };
            }
            if nobody_listens {
                break;
            }
        }
        let close_error = sink.close().err().map(|e| e.to_string());
        Delivered { name, written, close_error }
    })?;
    Ok((jobs_in, thread))
}

/// The words of a panic.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it does not say why")
}

/// The rows of a delivery as the sink's records.
fn rows(reader: &JournalReader, delivery: Delivery, wanted: &[Subscription]) -> Result<Vec<Record>, (Failure, String)> {
    let n = usize::try_from(delivery.to - delivery.after).unwrap_or(usize::MAX);
    let rows = reader.rows_after(delivery.after, n).map_err(|e| (Failure::Retryable, e.to_string()))?;
    if rows.len() != n {
        let reason = format!("the journal has {} of the {n} rows behind {}", rows.len(), delivery.after);
        return Err((Failure::Retryable, reason));
    }
    Ok(rows.into_iter().filter_map(|(_, r)| Subscription::pick(wanted, r)).collect())
}

/// Whether a sink may take its rows later, and why it did not take them.
fn failure(error: &SinkError) -> (Failure, String) {
    (error.failure(), format!("{error} [{}]", error.code()))
}
