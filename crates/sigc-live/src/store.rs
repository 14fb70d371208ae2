//! The journal's thread: stores one batch after the other, and reports each.
//!
//! A disk that stalls stalls this thread and what has to be stored first, nothing else.

use sigc_journal::{Journal, RunEntry};
use sigc_runtime::live::conductor::Event;
use sigc_runtime::live::entry::Batch;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::mpsc::Sender;

/// What the thread is asked for.
pub(crate) enum Job {
    /// Store a batch, then report.
    Store(Batch),
    /// Write the run's entry.
    Run(RunEntry),
}

/// One batch is under way at a time; beside it there is room for the run's last entry.
const JOBS: usize = 2;

/// Starts the thread. It ends when the sender is dropped, and gives the journal back.
pub(crate) fn start(
    mut journal: Journal,
    events: Sender<Event>,
    observe: impl Fn(Stored) + Send + 'static,
) -> std::io::Result<(SyncSender<Job>, JoinHandle<Journal>)> {
    let (jobs_in, jobs): (_, Receiver<Job>) = sync_channel(JOBS);
    let thread = std::thread::Builder::new().name("sigc-journal".into()).spawn(move || {
        while let Ok(job) = jobs.recv() {
            let begun = Instant::now();
            match job {
                Job::Store(batch) => {
                    let entries = batch.bars.len() + batch.rows.len();
                    let result = journal.commit(&batch);
                    observe(Stored { seconds: begun.elapsed().as_secs_f64(), entries, works: result.is_ok() });
                    let event = match result {
                        Ok(()) => Event::Stored,
                        Err(e) => Event::NotStored { reason: e.to_string() },
                    };
                    if events.blocking_send(event).is_err() {
                        break;
                    }
                }
                Job::Run(run) => {
                    if let Err(e) = journal.set_run(&run) {
                        tracing::warn!(error = %e, "the run's entry could not be written");
                    }
                }
            }
        }
        journal
    })?;
    Ok((jobs_in, thread))
}

/// How a batch went.
pub(crate) struct Stored {
    pub seconds: f64,
    pub entries: usize,
    pub works: bool,
}
