//! Keeps secrets out of what a run writes about itself.
//!
//! The caller registers every password, key and token it knows of; whole lines are searched for them just before they
//! leave. It is the last defence and not the first: a secret should not reach a log line at all.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::sync::{Arc, PoisonError, RwLock};

/// A shorter secret hides nothing, but its replacement would make every line unreadable.
const LEAST_CHARS: usize = 4;
/// What stands in place of a secret.
const IN_PLACE: &str = "[redacted]";

/// The secrets of a run. Clones share them.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Vec<String>>>);

impl Redactor {
    /// Nothing is secret yet.
    pub fn new() -> Redactor {
        Redactor::default()
    }

    /// From now on `secret` is replaced, also where it is escaped as in JSON, in Rust's debug form or in a URL. False
    /// if it is too short to be one.
    pub fn hide(&self, secret: &str) -> bool {
        if secret.chars().count() < LEAST_CHARS {
            return false;
        }
        let mut forms = vec![secret.to_owned(), unquoted(&format!("{secret:?}")), percent_encoded(secret)];
        if let Ok(json) = serde_json::to_string(secret) {
            forms.push(unquoted(&json));
        }
        let mut secrets = self.0.write().unwrap_or_else(PoisonError::into_inner);
        secrets.append(&mut forms);
        // The longest first, so that a secret within another one leaves no rest of it.
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        true
    }

    /// The line without secrets.
    pub fn apply<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let secrets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut line = Cow::Borrowed(line);
        for secret in secrets.iter() {
            if line.contains(secret.as_str()) {
                line = Cow::Owned(line.replace(secret.as_str(), IN_PLACE));
            }
        }
        line
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor(..)")
    }
}

fn unquoted(text: &str) -> String {
    text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text).to_owned()
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_in_every_form() {
        let r = Redactor::new();
        assert!(r.hide("pa\"ss/wörd"));
        assert_eq!(r.apply("plain pa\"ss/wörd."), "plain [redacted].");
        assert_eq!(r.apply(r#"{"json":"pa\"ss/wörd"}"#), r#"{"json":"[redacted]"}"#);
        assert_eq!(r.apply("http://u:pa%22ss%2Fw%C3%B6rd@host"), "http://u:[redacted]@host");
        assert!(matches!(r.apply("nothing"), Cow::Borrowed("nothing")));
        assert_eq!(format!("{r:?}"), "Redactor(..)");
    }

    #[test]
    fn a_secret_within_a_secret_leaves_no_rest() {
        let r = Redactor::new();
        assert!(r.hide("hunter2") && r.clone().hide("hunter2-and-more"));
        assert_eq!(r.apply("hunter2-and-more, hunter2"), "[redacted], [redacted]");
        assert!(!r.hide("") && !r.hide("abc"), "too short");
        assert_eq!(r.apply("abc"), "abc");
    }
}
