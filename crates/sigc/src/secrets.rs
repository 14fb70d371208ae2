//! `${env.NAME}` and `${file.PATH}` of addresses and secrets, looked up when a run begins.
//!
//! What was looked up is kept in one place only, so that nothing that is printed, logged or stored shows it.

use crate::failure::Failure;
use crate::load::plain;
use sigc_live::observe::redact::Redactor;

/// A secret's file is at most so long.
const MAX_FILE: u64 = 64 << 10;

/// What was looked up.
#[derive(Debug, Default)]
pub struct Secrets {
    redactor: Redactor,
}

impl Secrets {
    /// Nothing was looked up.
    pub fn new() -> Secrets {
        Secrets::default()
    }

    /// Hides what was looked up, and whatever is looked up later.
    pub fn redactor(&self) -> Redactor {
        self.redactor.clone()
    }

    /// The text, or what it stands for.
    ///
    /// # Errors
    /// A variable that is not set, a file that cannot be read. The error names it, not its content.
    pub fn resolve(&mut self, text: &str) -> Result<String, Failure> {
        let Some(name) = text.strip_prefix("${").and_then(|t| t.strip_suffix('}')) else { return Ok(text.to_owned()) };
        let value = if let Some(name) = name.strip_prefix("env.") {
            std::env::var(name).map_err(|_| {
                let help = format!("set `{name}` for the process, or write the value into the pipeline");
                Failure::coded("E0531", format!("the environment variable `{name}` is not set"), help)
            })?
        } else if let Some(path) = name.strip_prefix("file.") {
            read(path).map_err(|e| {
                Failure::coded(
                    "E0531",
                    format!("`{path}` cannot be read: {}", plain(&e)),
                    "make the file readable for this user",
                )
            })?
        } else {
            return Ok(text.to_owned());
        };
        let value = value.trim().to_owned();
        self.redactor.hide(&value);
        Ok(value)
    }
}

fn read(path: &str) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}
