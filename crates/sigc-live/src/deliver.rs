//! A sink's thread: reads the rows it is told to deliver from the journal, writes them, reports.
//!
//! Each sink has its own, so a sink that hangs holds up nobody else. Rows come from the journal, not from memory: a
//! sink that was down for a day needs no more memory than one that is on time.

use crate::spec::SinkSpec;
use sigc_journal::JournalReader;
use sigc_runtime::live::conductor::Event;
use sigc_runtime::live::outbox::{Delivery, Failure};
use sigc_runtime::{Record, SinkError, Subscription, Written};
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
            let result = rows(&reader, delivery, &subscriptions).and_then(|rows| {
                // Nothing of this batch may be for this sink.
                let new = match rows.is_empty() {
                    true => Written::default(),
                    false => sink.write(&rows).and_then(|w| sink.flush().map(|()| w)).map_err(|e| failure(&e))?,
                };
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
            if events.blocking_send(event).is_err() {
                break;
            }
        }
        let close_error = sink.close().err().map(|e| e.to_string());
        Delivered { name, written, close_error }
    })?;
    Ok((jobs_in, thread))
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
