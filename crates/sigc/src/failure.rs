//! What ends a command: a message in the user's words, a code with a page, and what to do.

use std::fmt;

/// Why a command stopped.
#[derive(Debug)]
pub struct Failure {
    /// The code whose page explains it, if it has one.
    pub code: Option<&'static str>,
    /// The fact.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The process's exit status.
    pub exit: u8,
}

/// What commands give: an exit status, or why they stopped.
pub type Outcome = Result<u8, Failure>;

impl Failure {
    /// A failure with a code.
    pub fn coded(code: &'static str, message: impl fmt::Display, help: impl Into<String>) -> Failure {
        let help = help.into();
        Failure { code: Some(code), message: message.to_string(), help: (!help.is_empty()).then_some(help), exit: 1 }
    }

    /// A mistake in the call itself: exit status 2.
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure { code: None, message: message.into(), help: Some(help.into()), exit: 2 }
    }

    /// Findings that were printed already.
    pub fn reported() -> Failure {
        Failure { code: None, message: String::new(), help: None, exit: 1 }
    }
}

impl fmt::Display for Failure {
    /// `error[E0501]: MESSAGE`, then the help and where to read more. Empty if everything was said before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            return Ok(());
        }
        match self.code {
            Some(code) => writeln!(f, "error[{code}]: {}", self.message)?,
            None => writeln!(f, "error: {}", self.message)?,
        }
        if let Some(help) = &self.help {
            writeln!(f, "  help: {help}")?;
        }
        if let Some(code) = self.code {
            writeln!(f, "  more: sigc explain {code}")?;
        }
        Ok(())
    }
}
