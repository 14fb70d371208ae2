//! What can go wrong between sigc and a child process.

use std::io;
use thiserror::Error;

/// Why a child process is of no use, or did not answer. Texts of the child itself are shortened, and free of control
/// characters.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// There is no such program.
    #[error("there is no program `{program}`")]
    NotFound {
        /// As it was asked for.
        program: String,
    },
    /// The system does not start it.
    #[error("`{program}` cannot be started: {source}")]
    NotStarted {
        /// As it was asked for.
        program: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A variable that it is to get is not set.
    #[error("the environment variable `{name}` is not set")]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// It did not answer in time.
    #[error("the process did not answer {what} within {ms} ms and was killed")]
    Deadline {
        /// What it was asked.
        what: &'static str,
        /// How long it had.
        ms: u128,
    },
    /// It is gone.
    #[error("the process ended with {how}{}", said(last_words))]
    Ended {
        /// Its exit status.
        how: String,
        /// Its last line on standard error; empty if there is none.
        last_words: String,
    },
    /// It lives, and cannot answer any more.
    #[error("the process closed its output without ending and was killed{}", said(last_words))]
    Closed {
        /// Its last line on standard error; empty if there is none.
        last_words: String,
    },
    /// What it sent is no message, or not the one that belongs there.
    #[error("the process broke the protocol and was killed: {0}")]
    Protocol(String),
    /// It refused.
    #[error("the process says: {message}")]
    Refused {
        /// In its own words.
        message: String,
        /// Another attempt may work.
        retry: bool,
    },
    /// Its version is not the one that was asked for.
    #[error("the process is of version `{found}`, and the pipeline names `{wanted}`")]
    Version {
        /// What the process says.
        found: String,
        /// What the pipeline says.
        wanted: String,
    },
    /// It failed a moment ago, and is being started again.
    #[error("the process is being started again after: {0}")]
    Restarting(String),
}

impl ProcessError {
    /// True if starting it again will not help: it is not there, of another version, or refuses for good.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            ProcessError::NotFound { .. }
                | ProcessError::NotStarted { .. }
                | ProcessError::NoVariable { .. }
                | ProcessError::Version { .. }
                | ProcessError::Refused { retry: false, .. }
        )
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            ProcessError::NotFound { .. } => {
                "`command` begins with a program on the PATH, or with the path of one from the working folder"
            }
            ProcessError::NotStarted { .. } => "make the file executable for this user, or name its interpreter first",
            ProcessError::NoVariable { .. } => "set it for the process, or take it out of `env`",
            ProcessError::Deadline { .. } => {
                "make the program faster or its deadline longer; it must flush its output after each line"
            }
            ProcessError::Ended { .. } | ProcessError::Closed { .. } => {
                "run the command by hand: it reads JSON lines until its input ends; its standard error is in the log"
            }
            ProcessError::Protocol(_) => {
                "docs/process.md has every message; anything that is not one goes to standard error"
            }
            ProcessError::Refused { .. } => "do what it says, then run again",
            ProcessError::Version { .. } => {
                "write the version that is meant into the pipeline, or install that version of the program"
            }
            ProcessError::Restarting(_) => "the log has what went wrong; nothing needs to be done if it was once",
        }
    }
}

fn said(last_words: &str) -> String {
    if last_words.is_empty() { String::new() } else { format!(", and said `{last_words}`") }
}

/// A text of the child in a message: at most 300 characters, no control characters.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 300;
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST * 8).collect();
    let plain = plain.trim();
    match plain.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &plain[..at]),
        None => plain.to_owned(),
    }
}
