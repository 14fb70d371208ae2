//! A child that runs: three threads for its streams, and its end.
//!
//! The threads wait on pipes and on nothing else; all of them end when the child's group is dead. A grandchild that has
//! left the group can hold a pipe open: then the thread of that pipe is let go after [`THREAD_LIMIT`].

use crate::error::shown;
use crate::lines::{End, read_line, skip_line};
use crate::{MAX_LINE, ProcessError, Program};
use std::io::{BufReader, Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Lines of a child that wait to be read; behind them its pipe fills up and it has to wait.
const LINES_WAITING: usize = 16;
/// A line on standard error is cut here.
const MAX_NOTE: usize = 2_000;
/// Lines on standard error that are logged in a second; more are counted.
const NOTES_PER_SECOND: u32 = 50;
/// How long the end of a killed process, and then of each thread, is waited for.
const KILL_LIMIT: Duration = Duration::from_secs(2);
const THREAD_LIMIT: Duration = Duration::from_millis(200);
/// After the streams were closed, the end of the process is waited for so long before it counts as living.
const CLOSED_LIMIT: Duration = Duration::from_millis(200);

/// What came from a child's standard output.
pub(crate) enum Heard {
    Line(Vec<u8>),
    TooLong,
    Closed,
}

/// A child with its threads.
pub(crate) struct Running {
    child: Child,
    requests: Option<SyncSender<Vec<u8>>>,
    pub lines: Option<Receiver<Heard>>,
    threads: Vec<JoinHandle<()>>,
    last_words: Arc<Mutex<String>>,
    over: bool,
}

impl Running {
    pub fn start(program: &Program) -> Result<Running, ProcessError> {
        let mut child = program.spawn()?;
        let (requests, to_write) = sync_channel::<Vec<u8>>(1);
        let (heard, lines) = sync_channel(LINES_WAITING);
        let last_words = Arc::new(Mutex::new(String::new()));
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut running = Running {
            child,
            requests: Some(requests),
            lines: Some(lines),
            threads: Vec::new(),
            last_words: Arc::clone(&last_words),
            over: false,
        };
        let name = program.name.clone();
        let mut thread = |work: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name("sigc-child".into()).stack_size(256 << 10).spawn(work);
            thread.map(|t| running.threads.push(t))
        };
        let started = [
            input.map(|mut input| {
                thread(Box::new(move || {
                    // A child that reads no more is noticed by what it does not answer.
                    while let Ok(request) = to_write.recv() {
                        if input.write_all(&request).and_then(|()| input.flush()).is_err() {
                            break;
                        }
                    }
                }))
            }),
            output.map(|output| thread(Box::new(move || listen(output, &heard)))),
            errors.map(|errors| thread(Box::new(move || note(errors, &name, &last_words)))),
        ];
        for result in started.into_iter().flatten() {
            if let Err(source) = result {
                running.kill();
                return Err(ProcessError::NotStarted { program: program.command[0].clone(), source });
            }
        }
        Ok(running)
    }

    /// Hands a request over; false if the child has not read the ones before.
    pub fn send(&self, request: Vec<u8>) -> bool {
        self.requests.as_ref().is_some_and(|r| r.try_send(request).is_ok())
    }

    /// No more requests: the child's standard input ends once it has read what was sent.
    pub fn no_more(&mut self) {
        self.requests = None;
    }

    /// Waits for the child's own end; `None` if it still lives then. Does not collect it.
    pub fn wait_until(&mut self, until: Instant) -> Option<String> {
        let mut pause = Duration::from_micros(500);
        loop {
            if let Some(how) = self.has_ended() {
                return Some(how);
            }
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// How it ended, if it has. On Unix it is not collected yet, so that its number, which is also that of its group,
    /// cannot be another's when the group is killed.
    #[cfg(unix)]
    fn has_ended(&mut self) -> Option<String> {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        let pid = Pid::from_child(&self.child);
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(pid), options) {
            Ok(Some(status)) => Some(match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => format!("exit status {code}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => "an unknown status".into(),
            }),
            Ok(None) => None,
            Err(e) => Some(format!("an unknown status ({e})")),
        }
    }

    #[cfg(not(unix))]
    fn has_ended(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(Some(status)) => Some(words(status)),
            Ok(None) => None,
            Err(e) => Some(format!("an unknown status ({e})")),
        }
    }

    /// Why nothing more comes from it: it ended, or closed its output and lives. Kills it in any case.
    pub fn why_closed(&mut self) -> ProcessError {
        let ended = self.wait_until(Instant::now() + CLOSED_LIMIT);
        self.kill();
        let last_words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match ended {
            Some(how) => ProcessError::Ended { how, last_words },
            None => ProcessError::Closed { last_words },
        }
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        #[cfg(unix)]
        self.signal(rustix::process::Signal::TERM);
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        // It may be gone already.
        let _ = rustix::process::kill_process_group(rustix::process::Pid::from_child(&self.child), signal);
    }

    /// Kills it and all that it started, collects it, and ends the threads. Does nothing the second time.
    pub fn kill(&mut self) -> Option<ExitStatus> {
        if std::mem::replace(&mut self.over, true) {
            return None;
        }
        #[cfg(unix)]
        self.signal(rustix::process::Signal::KILL);
        let _ = self.child.kill();
        let until = Instant::now() + KILL_LIMIT;
        let mut pause = Duration::from_micros(200);
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if Instant::now() < until => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(20));
                }
                Ok(None) | Err(_) => break None,
            }
        };
        self.requests = None;
        self.lines = None;
        for thread in self.threads.drain(..) {
            let until = Instant::now() + THREAD_LIMIT;
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_micros(200));
            }
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(not(unix))]
fn words(status: ExitStatus) -> String {
    status.code().map_or("an unknown status".into(), |code| format!("exit status {code}"))
}

/// Hands lines of standard output on, until it ends or nobody wants them.
fn listen(output: impl Read, heard: &SyncSender<Heard>) {
    let mut output = BufReader::with_capacity(64 << 10, output);
    let mut line = Vec::new();
    loop {
        let end = read_line(&mut output, MAX_LINE, &mut line);
        let what = match end {
            Ok(End::Whole) => Heard::Line(std::mem::take(&mut line)),
            Ok(End::Cut) => Heard::TooLong,
            Ok(End::Stream) | Err(_) => Heard::Closed,
        };
        let goes_on = matches!(what, Heard::Line(_));
        if heard.send(what).is_err() || !goes_on {
            return;
        }
    }
}

/// Logs lines of standard error, cut and counted.
fn note(errors: impl Read, name: &str, last_words: &Mutex<String>) {
    let mut errors = BufReader::with_capacity(8 << 10, errors);
    let mut line = Vec::new();
    let (mut second, mut logged, mut left_out) = (Instant::now(), 0, 0u64);
    loop {
        let Ok(end) = read_line(&mut errors, MAX_NOTE, &mut line) else { return };
        let text = shown_note(&line);
        if !text.is_empty() {
            *last_words.lock().unwrap_or_else(PoisonError::into_inner) = shown(&text);
            if second.elapsed() >= Duration::from_secs(1) {
                if left_out > 0 {
                    tracing::warn!(child = name, "{left_out} further lines of its standard error were left out");
                }
                (second, logged, left_out) = (Instant::now(), 0, 0);
            }
            if logged < NOTES_PER_SECOND {
                tracing::info!(child = name, "{text}");
                logged += 1;
            } else {
                left_out += 1;
            }
        }
        let rest = if end == End::Cut { skip_line(&mut errors) } else { Ok(end) };
        if !matches!(rest, Ok(End::Whole)) {
            return;
        }
    }
}

fn shown_note(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.trim_end().chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}
