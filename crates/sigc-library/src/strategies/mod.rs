//! Positions from predictions.
//!
//! A strategy is a [`Feature`] under another kind: ops over columns, so that every driver runs it, and a restart gives
//! the same bits. What it remembers is a window of rows, never a state of its own. Each file holds one.

use sigc_catalog::Feature;

mod sign;
mod threshold;
mod top_k;
mod vol_scale;

/// All strategies, by name.
pub static STRATEGIES: &[&Feature] = &[&sign::SIGN, &threshold::THRESHOLD, &top_k::TOP_K, &vol_scale::VOL_SCALE];
