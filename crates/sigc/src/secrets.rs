//! `${env.NAME}` and `${file.PATH}` of addresses and secrets, looked up when a run begins.
//!
//! What was looked up is known to one redactor of the whole process, through which everything goes that this program
//! prints, logs or serves: also the words of an error from deep within a library, and of a panic.

use crate::failure::Failure;
use crate::load::plain;
use sigc_live::observe::redact::Redactor;
use std::borrow::Cow;
use std::sync::LazyLock;

/// A secret's file is at most so long.
const MAX_FILE: u64 = 64 << 10;

/// The process's one redactor.
static HIDDEN: LazyLock<Redactor> = LazyLock::new(Redactor::new);

/// A text without anything that was looked up.
pub fn redacted(text: &str) -> Cow<'_, str> {
    HIDDEN.apply(text)
}

/// Looks secrets up.
#[derive(Debug)]
pub struct Secrets {
    redactor: Redactor,
}

impl Default for Secrets {
    fn default() -> Secrets {
        Secrets { redactor: HIDDEN.clone() }
    }
}

impl Secrets {
    /// Whatever is looked up is hidden from now on.
    pub fn new() -> Secrets {
        Secrets::default()
    }

    /// Hides the value of an environment variable that a child process is to get.
    ///
    /// # Errors
    /// If it is not set.
    pub fn variable(&mut self, name: &str) -> Result<(), Failure> {
        self.resolve(&format!("${{env.{name}}}")).map(drop)
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
        self.hide(&value);
        Ok(value)
    }

    /// Hides a value, and the parts of an address that are secrets by themselves: libraries put an address's parts
    /// into their messages, or write it in another way.
    fn hide(&self, value: &str) {
        self.redactor.hide(value);
        for part in address_parts(value) {
            self.redactor.hide(part);
            if let Some(decoded) = percent_decoded(part) {
                self.redactor.hide(&decoded);
            }
        }
    }
}

/// User and password of an address, and its path and query, where tokens stand.
fn address_parts(value: &str) -> Vec<&str> {
    /// Shorter paths are names such as `/signals`.
    const LEAST_PATH: usize = 12;
    let Some((_, rest)) = value.split_once("://") else { return Vec::new() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let mut parts = Vec::new();
    if let Some((login, _)) = authority.rsplit_once('@') {
        parts.push(login);
        parts.extend(login.split_once(':').map(|(_, password)| password));
    }
    if path.len() >= LEAST_PATH {
        parts.push(path);
    }
    if let Some((_, query)) = path.split_once('?') {
        parts.extend(query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value));
    }
    parts
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let code = (first == b'%').then(|| behind.get(..2)).flatten();
        let code = code.and_then(|c| u8::from_str_radix(std::str::from_utf8(c).ok()?, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).ok().filter(|decoded| decoded != text)
}

fn read(path: &str) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_addresses() {
        assert_eq!(address_parts("http://u:p%40ss@host:80/a"), ["u:p%40ss", "p%40ss"]);
        assert_eq!(address_parts("nats://t0ken@host"), ["t0ken"]);
        assert_eq!(address_parts("https://hooks.example/services/T0/B0/xyz?k=v1"), ["/services/T0/B0/xyz?k=v1", "v1"]);
        assert!(address_parts("http://localhost:8123/signals").is_empty());
        assert!(address_parts("hunter2").is_empty());
        assert_eq!(percent_decoded("p%40ss%"), Some("p@ss%".into()));
        assert_eq!(percent_decoded("plain"), None);
    }
}
