//! What to start: a program, its arguments, and the little of our environment that it gets.

use crate::ProcessError;
use std::io;
use std::process::{Child, Command, Stdio};

/// What every child gets of the environment: enough to find programs, to write text and to keep time.
const PLAIN: &[&str] =
    &["PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SYSTEMROOT", "TEMP", "TMP"];

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Program {
    /// What to call it in logs and messages: the step's name.
    pub name: String,
    /// The program, then its arguments; never empty. No shell reads them.
    pub command: Vec<String>,
    /// Names of further environment variables that it gets.
    pub env: Vec<String>,
}

impl Program {
    /// Starts it in a process group of its own, all three streams piped.
    pub(crate) fn spawn(&self) -> Result<Child, ProcessError> {
        let (program, arguments) = self.command.split_first().ok_or_else(|| ProcessError::NotStarted {
            program: String::new(),
            source: io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"),
        })?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in PLAIN {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        for name in &self.env {
            let value = std::env::var_os(name).ok_or_else(|| ProcessError::NoVariable { name: name.clone() })?;
            command.env(name, value);
        }
        // Ctrl+C in a terminal is for us: we end our children in order. And whatever a child starts ends with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ProcessError::NotFound { program: program.clone() },
            _ => ProcessError::NotStarted { program: program.clone(), source },
        })
    }
}
