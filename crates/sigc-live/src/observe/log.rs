//! The log of a run: structured lines to a folder, to stderr, or both.
//!
//! Every line carries the id of the run and its time in UTC. Whoever writes one only copies it into a bounded buffer;
//! a thread per place does the writing ([`pipe`]). Where the disk stalls or is full, lines are dropped and counted, and
//! the log says so when it can be written again. Files are bounded in size and number ([`files`]).
//!
//! The folder is made and checked before anything else happens: a log that cannot begin is an error here and nowhere
//! later.

pub mod files;
mod line;
pub mod pipe;

pub use files::FolderError;
pub use line::Format;

use super::redact::Redactor;
use files::Files;
use line::{Shape, Shaped};
use pipe::{Lines, MOST_WAITING, Pipe, PipeSpec, RETRY, Target};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Dispatch;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{self, JsonFields};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, Registry};

/// How long the end of a run waits for lines to be written.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// What is logged, how, and where to.
#[derive(Debug, Clone)]
pub struct LogSpec {
    /// The id that every line carries.
    pub run: String,
    /// Where files go; `None` for no files.
    pub folder: Option<PathBuf>,
    /// A level, or directives as `info,sigc_live=debug`.
    pub filter: String,
    /// For whom.
    pub format: Format,
    /// Lines go to stderr, too.
    pub stderr: bool,
    /// A file never grows larger.
    pub max_bytes: u64,
    /// There are never more files.
    pub keep: usize,
    /// What must not be in any line.
    pub redactor: Redactor,
}

impl LogSpec {
    /// Level `info`, for people, to stderr only.
    pub fn new(run: impl Into<String>) -> LogSpec {
        LogSpec {
            run: run.into(),
            folder: None,
            filter: "info".to_owned(),
            format: Format::Human,
            stderr: true,
            max_bytes: 16 << 20,
            keep: 8,
            redactor: Redactor::new(),
        }
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The filter cannot be read.
    #[error("`{filter}` is no log filter: {reason}; write a level as `info`, or `info,sigc_live=debug`")]
    Filter {
        /// As it was given.
        filter: String,
        /// Why.
        reason: String,
    },
    /// The system gives no thread.
    #[error("no thread for the log: {0}")]
    Thread(#[source] io::Error),
    /// The process has a log already.
    #[error("this process has a log already")]
    Already,
}

/// Keeps the log going; its end writes what waits, within a limit, and ends the threads.
#[derive(Debug)]
pub struct LogGuard {
    pipes: Vec<Pipe>,
    counts: LogCounts,
    file: Option<PathBuf>,
}

/// What became of the lines; clones count the same.
#[derive(Debug, Clone)]
pub struct LogCounts(Arc<[Lines]>);

/// Begins the log of the process.
///
/// # Errors
/// It cannot begin, or there is one.
pub fn init(spec: &LogSpec) -> Result<LogGuard, LogError> {
    let (dispatch, guard) = open(spec)?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| LogError::Already)?;
    Ok(guard)
}

/// A log that is not the one of the process: for [`tracing::dispatcher::with_default`].
///
/// # Errors
/// It cannot begin.
pub fn open(spec: &LogSpec) -> Result<(Dispatch, LogGuard), LogError> {
    let mut targets: Vec<Box<dyn Target>> = Vec::new();
    let mut file = None;
    if let Some(folder) = &spec.folder {
        let files = Files::open(folder, spec.max_bytes, spec.keep)?;
        file = Some(files.newest());
        targets.push(Box::new(files));
    }
    if spec.stderr {
        targets.push(Box::new(Stderr));
    }
    let (dispatch, mut guard) = open_on(spec, targets, RETRY)?;
    guard.file = file;
    Ok((dispatch, guard))
}

/// A log to other places than the ones `spec` names; what fails is tried again every `retry`.
///
/// # Errors
/// It cannot begin.
pub fn open_on(
    spec: &LogSpec,
    targets: Vec<Box<dyn Target>>,
    retry: Duration,
) -> Result<(Dispatch, LogGuard), LogError> {
    let filter = EnvFilter::builder()
        .parse(&spec.filter)
        .map_err(|e| LogError::Filter { filter: spec.filter.clone(), reason: e.to_string() })?;
    let shape = Shape { format: spec.format, run: spec.run.as_str().into(), redactor: spec.redactor.clone() };
    let mut pipes = Vec::new();
    for target in targets {
        let dropped = shape.clone();
        let pipe = PipeSpec {
            most_waiting: MOST_WAITING,
            retry,
            dropped_line: Box::new(move |n| {
                let message = format!("{n} log lines were dropped because they could not be written in time");
                dropped.line("WARN", module_path!(), &message, None)
            }),
            notice: Box::new(|text| {
                // Nobody is left to be told if that fails.
                let _ = writeln!(io::stderr(), "sigc: {text}");
            }),
        };
        pipes.push(Pipe::start(target, pipe).map_err(LogError::Thread)?);
    }
    let lines: Arc<[Lines]> = pipes.iter().map(Pipe::lines).collect();
    let out = Out(lines.clone());
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match spec.format {
        Format::Json => tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(Shaped { inner: format::format().json(), shape })
            .with_ansi(false)
            .with_writer(out)
            .boxed(),
        Format::Human => tracing_subscriber::fmt::layer()
            .event_format(Shaped { inner: format::format().with_ansi(false), shape })
            .with_ansi(false)
            .with_writer(out)
            .boxed(),
    };
    let dispatch = Dispatch::new(Registry::default().with(layer.with_filter(filter)));
    Ok((dispatch, LogGuard { pipes, counts: LogCounts(lines), file: None }))
}

impl LogGuard {
    /// What became of the lines.
    pub fn counts(&self) -> LogCounts {
        self.counts.clone()
    }

    /// The newest file, if lines go to files.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Waits until every line so far is written; false if that takes longer.
    pub fn flush(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        self.pipes.iter().all(|p| p.flush(until.saturating_duration_since(Instant::now())))
    }

    /// Writes what waits and ends the threads; false if that takes longer. Dropping the guard does the same within two
    /// seconds.
    pub fn close(mut self, limit: Duration) -> bool {
        self.shut(limit)
    }

    fn shut(&mut self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut all = true;
        for pipe in self.pipes.drain(..) {
            all &= pipe.close(until.saturating_duration_since(Instant::now()));
        }
        all
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.shut(CLOSE_LIMIT);
    }
}

impl LogCounts {
    /// Lines that were dropped, over all places.
    pub fn dropped(&self) -> u64 {
        self.0.iter().map(Lines::dropped).sum()
    }

    /// Lines that were written, over all places.
    pub fn written(&self) -> u64 {
        self.0.iter().map(Lines::written).sum()
    }

    /// True while some place cannot be written.
    pub fn is_failing(&self) -> bool {
        self.0.iter().any(Lines::is_failing)
    }
}

impl Target for Box<dyn Target> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (**self).write(bytes)
    }

    fn reopen(&mut self) -> io::Result<()> {
        (**self).reopen()
    }
}

/// The process's own.
struct Stderr;

impl Target for Stderr {
    fn name(&self) -> String {
        "stderr".to_owned()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }
}

/// Hands each line to every pipe. The formatter writes a line at once.
struct Out(Arc<[Lines]>);

struct OutLine<'a>(&'a [Lines]);

impl<'a> MakeWriter<'a> for Out {
    type Writer = OutLine<'a>;

    fn make_writer(&'a self) -> OutLine<'a> {
        OutLine(&self.0)
    }
}

impl Write for OutLine<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.iter().for_each(|lines| lines.push(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
