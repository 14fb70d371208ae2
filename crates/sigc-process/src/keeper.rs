//! A program that is started again after it failed.
//!
//! Starting happens on a thread of its own, so that whoever asks waits no longer than their own deadline: the process
//! may need half a minute to load what it needs. The first time it is started again at once, then after waits that
//! double up to [`CAP`]; an answer ends the row of failures.

use crate::{Conversation, Message, ProcessError, Program};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// The second wait; the first one is none.
const FIRST: Duration = Duration::from_millis(100);
/// No wait is longer.
const CAP: Duration = Duration::from_secs(30);

/// Keeps one program running.
pub struct Keeper {
    program: Program,
    hello: Message,
    start_limit: Duration,
    version: Option<String>,
    state: State,
    failures: u32,
    restarts: u64,
}

enum State {
    Up(Box<Conversation>),
    /// A thread waits and starts it; dropping the sender ends the wait.
    Starting {
        result: Receiver<Result<Conversation, ProcessError>>,
        why: String,
        _stop: Sender<()>,
    },
}

impl Keeper {
    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// If it does not become ready within `start_limit`, or is not of this version.
    pub fn start(
        program: Program,
        hello: Message,
        start_limit: Duration,
        version: Option<String>,
    ) -> Result<Keeper, ProcessError> {
        let up = start(&program, hello.clone(), start_limit, version.as_deref())?;
        let state = State::Up(Box::new(up));
        Ok(Keeper { program, hello, start_limit, version, state, failures: 0, restarts: 0 })
    }

    /// How often it was started again.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// The process, if it is there within `limit`. What is done with it is reported by [`Keeper::went`].
    ///
    /// # Errors
    /// While it is being started again.
    pub fn get(&mut self, limit: Duration) -> Result<&mut Conversation, ProcessError> {
        let until = Instant::now() + limit;
        while let State::Starting { result, why, .. } = &self.state {
            match result.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Ok(up)) => {
                    self.restarts += 1;
                    self.state = State::Up(Box::new(up));
                }
                Ok(Err(error)) => {
                    tracing::warn!(child = self.program.name, "not started again: {error}");
                    self.start_again(&error);
                }
                Err(RecvTimeoutError::Timeout) => return Err(ProcessError::Restarting(why.clone())),
                Err(RecvTimeoutError::Disconnected) => {
                    let error = ProcessError::Restarting("the thread that starts it has failed".into());
                    self.start_again(&error);
                }
            }
        }
        match &mut self.state {
            State::Up(up) => Ok(up),
            State::Starting { why, .. } => Err(ProcessError::Restarting(why.clone())),
        }
    }

    /// Says how the last request went: after an error that killed the process it is started again.
    pub fn went<T>(&mut self, result: &Result<T, ProcessError>) {
        match result {
            Ok(_) => self.failures = 0,
            Err(error) if matches!(&self.state, State::Up(up) if !up.is_alive()) => {
                tracing::warn!(child = self.program.name, "{error}; it is started again");
                self.start_again(error);
            }
            Err(_) => {}
        }
    }

    fn start_again(&mut self, why: &ProcessError) {
        let wait = match self.failures {
            0 => Duration::ZERO,
            n => FIRST.saturating_mul(1 << (n - 1).min(20)).min(CAP),
        };
        self.failures = self.failures.saturating_add(1);
        let (program, hello, limit) = (self.program.clone(), self.hello.clone(), self.start_limit);
        let version = self.version.clone();
        let (done, result) = channel();
        let (stop, stopped) = channel::<()>();
        let work = move || {
            if let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
                // Nobody may want it any more; then it ends here.
                let _ = done.send(start(&program, hello, limit, version.as_deref()));
            }
        };
        if let Err(error) = std::thread::Builder::new().name("sigc-restart".into()).spawn(work) {
            tracing::warn!(child = self.program.name, "no thread to start it again: {error}");
        }
        self.state = State::Starting { result, why: why.to_string(), _stop: stop };
    }

    /// Ends the process in good order.
    ///
    /// # Errors
    /// As [`Conversation::close`].
    pub fn close(self) -> Result<(), ProcessError> {
        match self.state {
            State::Up(up) => up.close(),
            State::Starting { .. } => Ok(()),
        }
    }
}

fn start(
    program: &Program,
    hello: Message,
    limit: Duration,
    version: Option<&str>,
) -> Result<Conversation, ProcessError> {
    let mut up = Conversation::start(program, hello, limit)?;
    let Some(wanted) = version else { return Ok(up) };
    match up.ready().version.clone() {
        Some(found) if found == wanted => Ok(up),
        Some(found) => Err(ProcessError::Version { found: crate::error::shown(&found), wanted: wanted.to_owned() }),
        None => Err(up.broken("its `ready` names no `version`, which the pipeline asks for".into())),
    }
}
