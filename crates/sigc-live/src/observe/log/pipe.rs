//! From any thread to a slow place: a bounded buffer of lines and the thread that writes them.
//!
//! In go whole lines; they are copied and the caller goes on, whatever the place they are meant for is doing. What must
//! stay true:
//! - [`Lines::push`] never waits for the target, and a buffer is never larger than its bound;
//! - a line is written whole and once, or dropped and counted: after a failure the rest of a torn line comes first;
//! - a target that fails is reported once and tried again every [`RETRY`]; meanwhile lines gather until the buffer is
//!   full. That lines were dropped is written as a line of its own when there is room again.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes that may wait for a target: some ten thousand lines. As many again may be in the hands of its thread.
pub const MOST_WAITING: usize = 4 << 20;
/// A target that failed is tried again after so long.
pub const RETRY: Duration = Duration::from_secs(5);

/// A place that lines are written to, by one thread.
pub trait Target: Send + 'static {
    /// What it is called in a message.
    fn name(&self) -> String;

    /// Writes some of the first of `bytes`, which end with a line, and says how many.
    ///
    /// # Errors
    /// Nothing of `bytes` was written.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Called before writing is tried again after a failure.
    ///
    /// # Errors
    /// The target still cannot be written.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a pipe behaves.
pub struct PipeSpec {
    /// Bytes that may wait.
    pub most_waiting: usize,
    /// Time between attempts.
    pub retry: Duration,
    /// The line, with its end, that says how many lines were dropped.
    pub dropped_line: Box<dyn Fn(u64) -> String + Send>,
    /// Told once when the target fails and once when it can be written again.
    pub notice: Box<dyn FnMut(&str) + Send>,
}

/// A target, its buffer and its thread.
#[derive(Debug)]
pub struct Pipe {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    ended: Receiver<()>,
}

/// The end of a pipe that takes lines.
#[derive(Debug, Clone)]
pub struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    emptied: Condvar,
    most_waiting: usize,
    written: AtomicU64,
    dropped: AtomicU64,
    failing: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    lines: u64,
    /// Lines taken in since the start, and those of them that were written or given up.
    taken: u64,
    done: u64,
    closed: bool,
}

impl Pipe {
    /// Starts the thread that writes to `target`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(target: impl Target, spec: PipeSpec) -> io::Result<Pipe> {
        let shared = Arc::new(Shared { most_waiting: spec.most_waiting, ..Shared::default() });
        let (end, ended) = mpsc::channel::<()>();
        let writer = Writer { shared: shared.clone(), target, spec, hand: Vec::new(), lines: 0, reported: 0 };
        let run = move || {
            let _end = end; // dropped when the thread ends, also by a panic
            writer.run();
        };
        let thread = std::thread::Builder::new().name("sigc-log".to_owned()).spawn(run)?;
        Ok(Pipe { shared, thread: Some(thread), ended })
    }

    /// The end that takes lines.
    pub fn lines(&self) -> Lines {
        Lines(self.shared.clone())
    }

    /// Waits until everything pushed so far is written; false if that takes longer than `limit`.
    pub fn flush(&self, limit: Duration) -> bool {
        let waiting = self.shared.lock();
        let taken = waiting.taken;
        let (waiting, _) = self
            .shared
            .emptied
            .wait_timeout_while(waiting, limit, |w| w.done < taken)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.done >= taken
    }

    /// Takes no more lines, writes what waits and ends the thread. False if that takes longer than `limit`: the thread
    /// then hangs in a write and ends as soon as that returns.
    pub fn close(mut self, limit: Duration) -> bool {
        self.shut(limit)
    }

    fn shut(&mut self, limit: Duration) -> bool {
        let Some(thread) = self.thread.take() else { return true };
        self.shared.lock().closed = true;
        self.shared.filled.notify_all();
        // Nothing is ever sent: the channel closes with the thread.
        match self.ended.recv_timeout(limit) {
            Err(mpsc::RecvTimeoutError::Timeout) => false,
            _ => thread.join().is_ok(),
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.shut(Duration::from_secs(1));
    }
}

impl Lines {
    /// Takes a line that ends with a newline, or drops and counts it. After the pipe was closed it does nothing.
    pub fn push(&self, line: &[u8]) {
        let mut waiting = self.0.lock();
        if waiting.closed {
            return;
        }
        if waiting.bytes.len() + line.len() > self.0.most_waiting {
            drop(waiting);
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        waiting.lines += 1;
        waiting.taken += 1;
        drop(waiting);
        if was_empty {
            self.0.filled.notify_one();
        }
    }

    /// Lines that were dropped.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Lines that were written.
    pub fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    /// True while the target cannot be written.
    pub fn is_failing(&self) -> bool {
        self.0.failing.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Writer<T> {
    shared: Arc<Shared>,
    target: T,
    spec: PipeSpec,
    /// Taken from the buffer and not written yet; after a failure it may begin within a line.
    hand: Vec<u8>,
    lines: u64,
    /// Dropped lines that a line was written about.
    reported: u64,
}

impl<T: Target> Writer<T> {
    fn run(mut self) {
        while self.take() {
            if let Err(error) = self.write()
                && !self.outlast(&error)
            {
                break;
            }
            self.finish();
        }
        self.shared.failing.store(false, Ordering::Relaxed);
    }

    /// Waits for lines; false if none will come.
    fn take(&mut self) -> bool {
        let waiting = self.shared.lock();
        let nothing = |w: &mut Waiting| w.bytes.is_empty() && !w.closed;
        let mut waiting = self.shared.filled.wait_while(waiting, nothing).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut self.hand, &mut waiting.bytes);
        self.lines = std::mem::take(&mut waiting.lines);
        !self.hand.is_empty()
    }

    /// Writes everything in hand.
    fn write(&mut self) -> io::Result<()> {
        let mut from = 0;
        let mut result = Ok(());
        while from < self.hand.len() {
            match self.target.write(&self.hand[from..]) {
                Ok(0) => result = Err(io::Error::from(ErrorKind::WriteZero)),
                Ok(n) => from += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => result = Err(e),
            }
            if result.is_err() {
                break;
            }
        }
        self.hand.drain(..from.min(self.hand.len()));
        result
    }

    /// Tries until everything in hand is written; false if the pipe was closed meanwhile.
    fn outlast(&mut self, error: &io::Error) -> bool {
        self.shared.failing.store(true, Ordering::Relaxed);
        (self.spec.notice)(&format!(
            "{} cannot be written: {error}; log lines are kept as long as there is room, then dropped and counted; \
             tried again every {:.1} s",
            self.target.name(),
            self.spec.retry.as_secs_f64()
        ));
        loop {
            let closed = self.pause();
            if self.target.reopen().and_then(|()| self.write()).is_ok() {
                self.shared.failing.store(false, Ordering::Relaxed);
                let again = format!("{} can be written again", self.target.name());
                (self.spec.notice)(&again);
                return true;
            }
            if closed {
                let left = self.lines.min(self.hand.iter().filter(|b| **b == b'\n').count() as u64);
                let rest = std::mem::take(&mut self.shared.lock().lines);
                self.shared.written.fetch_add(self.lines - left, Ordering::Relaxed);
                self.shared.dropped.fetch_add(left + rest, Ordering::Relaxed);
                return false;
            }
        }
    }

    /// Waits until the next attempt is due; true if the pipe was closed.
    fn pause(&self) -> bool {
        let until = Instant::now() + self.spec.retry;
        let mut waiting = self.shared.lock();
        while !waiting.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            waiting = self.shared.filled.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Everything in hand is written: says so, and writes about lines that were dropped meanwhile.
    fn finish(&mut self) {
        self.hand.clear();
        self.shared.written.fetch_add(self.lines, Ordering::Relaxed);
        self.shared.lock().done += self.lines;
        self.shared.emptied.notify_all();
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        if dropped > self.reported {
            self.hand.extend_from_slice((self.spec.dropped_line)(dropped - self.reported).as_bytes());
            self.lines = 0;
            // What is left of it after a failure is written in front of the next lines.
            let mut waiting = self.shared.lock();
            self.hand.append(&mut waiting.bytes);
            std::mem::swap(&mut self.hand, &mut waiting.bytes);
            self.reported = dropped;
        }
    }
}
