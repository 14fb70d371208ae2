//! Who ran, when, with what, and how it ended.

use crate::codec::{In, Out};
use crate::error::Trouble;
use serde::{Deserialize, Serialize};
use sigc_market::Ts;

/// A run of the pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEntry {
    /// Its id, as in its log lines.
    pub id: String,
    /// When it began, by the clock of this machine.
    pub started: Ts,
    /// When it ended; `None` while it runs, and for ever after a crash.
    pub stopped: Option<Ts>,
    /// Version of the program.
    pub version: String,
    /// The effective configuration. It is stored and printed as it is, so the caller must leave secrets out.
    pub config: serde_json::Value,
    /// Why it ended.
    pub end: Option<String>,
}

/// How many runs are kept.
pub(crate) const RUNS_KEPT: u64 = 100;

pub(crate) fn put_run(key: &[u8], run: &RunEntry) -> Result<Vec<u8>, Trouble> {
    let text = serde_json::to_vec(run).map_err(|e| Trouble::Contract(format!("a run's entry: {e}")))?;
    Ok(Out::default().bytes(&text).seal("runs", key))
}

pub(crate) fn get_run(key: &[u8], stored: &[u8]) -> Result<RunEntry, Trouble> {
    let text = In::open("runs", key, stored)?.rest();
    serde_json::from_slice(text).map_err(|e| Trouble::Damage(format!("a run's entry: {e}")))
}
