//! Symbols.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::fmt;

/// A symbol as the venue spells it: `BTCUSDT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Symbol(SmolStr);

/// Why a text is no symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// No characters.
    #[error("a symbol is empty")]
    Empty,
    /// More than 64 characters.
    #[error("a symbol is longer than 64 characters")]
    TooLong,
    /// A character other than a letter, a digit or one of `_-.:/`.
    #[error("a symbol has letters, digits and `_ - . : /` only")]
    Character,
}

impl Symbol {
    /// Checks and takes a symbol: 1 to 64 ASCII letters, digits and `_ - . : /`.
    pub fn new(text: &str) -> Result<Symbol, SymbolError> {
        if text.is_empty() {
            return Err(SymbolError::Empty);
        }
        if text.len() > 64 {
            return Err(SymbolError::TooLong);
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b)) {
            return Err(SymbolError::Character);
        }
        Ok(Symbol(SmolStr::new(text)))
    }

    /// As the venue spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
