//! Whose journal it is.
//!
//! A journal holds the state of one plan over certain sources, for certain sinks. With any other it would give wrong
//! rows, so the identity is the first thing written and the first thing compared.

use serde::{Deserialize, Serialize};
use sigc_market::{Interval, Symbol};
use sigc_plan::{Label, Plan};
use std::path::{Path, PathBuf};

/// What a journal belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The pipeline's name.
    pub pipeline: String,
    /// [`Plan::fingerprint`]: everything that can change a bit.
    pub fingerprint: String,
    /// The sources, in the order of the plan.
    pub sources: Vec<SourceIdentity>,
    /// The frame whose rows are emitted.
    pub emission_frame: String,
    /// Its interval.
    pub emission_interval: Interval,
    /// Which end of a row its `ts` names.
    pub emission_label: Label,
    /// The symbols of its rows.
    pub emission_symbols: Vec<Symbol>,
    /// Names of the record's further columns.
    pub extra: Vec<String>,
    /// One stable text for each sink, in the order of the pipeline, such as `sinks.csv_append out/signals.csv`; no
    /// secrets. A sink keeps its cursor as long as its text stays.
    pub sinks: Vec<String>,
}

/// A source of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceIdentity {
    /// Its frame.
    pub frame: String,
    /// The step: `data.binance_futures`.
    pub using: String,
    /// The length of its bars.
    pub interval: Interval,
    /// Its universe.
    pub symbols: Vec<Symbol>,
}

/// [`Difference::what`] of the sinks.
pub(crate) const SINKS: &str = "sinks";

/// A part of two identities that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which part.
    pub what: String,
    /// As the journal has it.
    pub journal: String,
    /// As the pipeline has it.
    pub pipeline: String,
}

impl Identity {
    /// The identity of a plan whose rows go to `sinks`.
    ///
    /// Rows are emitted for the universe of the source that the emission's frame comes from.
    pub fn of(plan: &Plan, sinks: Vec<String>) -> Identity {
        let source = |s: &sigc_plan::Source| {
            let frame = plan.frame(s.frame);
            SourceIdentity {
                frame: frame.name.clone(),
                using: s.using.clone(),
                interval: frame.interval,
                symbols: s.symbols.clone(),
            }
        };
        let emission = plan.frame(plan.emission_frame());
        let mut root = plan.emission_frame();
        while let sigc_plan::Origin::Resample { of } = plan.frame(root).origin {
            root = of;
        }
        let universe = plan.sources.iter().find(|s| s.frame == root).map(|s| s.symbols.clone());
        Identity {
            pipeline: plan.name.clone(),
            fingerprint: plan.fingerprint().to_string(),
            sources: plan.sources.iter().map(source).collect(),
            emission_frame: emission.name.clone(),
            emission_interval: emission.interval,
            emission_label: emission.label,
            emission_symbols: universe.unwrap_or_default(),
            extra: plan.emission().extra.iter().map(|c| plan.column(*c).name.clone()).collect(),
            sinks,
        }
    }

    /// What differs from `other`, the sinks aside: they may change by [`crate::Options::allow_sink_change`].
    pub fn differences(&self, other: &Identity) -> Vec<Difference> {
        let sources = |i: &Identity| {
            let one = |s: &SourceIdentity| format!("{} {} {} {}", s.frame, s.using, s.interval, names(&s.symbols));
            i.sources.iter().map(one).collect::<Vec<_>>().join("; ")
        };
        let emission = |i: &Identity| {
            let label = match i.emission_label {
                Label::Close => "close",
                Label::Open => "open",
            };
            let extra = i.extra.join(", ");
            format!("{} {} by {label} {} [{extra}]", i.emission_frame, i.emission_interval, names(&i.emission_symbols))
        };
        let parts = |i: &Identity| {
            [
                ("name", i.pipeline.clone()),
                ("sources", sources(i)),
                ("rows", emission(i)),
                ("fingerprint (formulas, parameters, model)", i.fingerprint.clone()),
            ]
        };
        let pairs = parts(self).into_iter().zip(parts(other)).filter(|(mine, theirs)| mine != theirs);
        pairs.map(|((what, journal), (_, pipeline))| Difference { what: what.into(), journal, pipeline }).collect()
    }

    /// The difference of the sinks, if there is one.
    pub fn sink_difference(&self, other: &Identity) -> Option<Difference> {
        let list = |i: &Identity| if i.sinks.is_empty() { "none".into() } else { i.sinks.join(", ") };
        (self.sinks != other.sinks).then(|| Difference {
            what: SINKS.into(),
            journal: list(self),
            pipeline: list(other),
        })
    }

    /// The keys of the sinks' cursors: their texts, a number behind those that occur again.
    pub(crate) fn sink_keys(&self) -> Vec<String> {
        let occurrence = |i: usize| self.sinks[..i].iter().filter(|s| **s == self.sinks[i]).count();
        let key = |i: usize| match occurrence(i) {
            0 => self.sinks[i].clone(),
            n => format!("{}\n{n}", self.sinks[i]),
        };
        (0..self.sinks.len()).map(key).collect()
    }
}

/// The first symbols, and how many there are.
fn names(symbols: &[Symbol]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = symbols.iter().take(SHOWN).map(Symbol::as_str).collect();
    if symbols.len() <= SHOWN {
        return shown.join(",");
    }
    let all: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    let digest = blake3::hash(all.join(",").as_bytes()).to_hex();
    format!("{},.. ({} symbols, digest {})", shown.join(","), symbols.len(), &digest[..8])
}

/// Where the journal of a pipeline is unless the caller says otherwise: `sigc-state/NAME` below the working folder.
/// Characters of the name other than letters, digits and `_ . -` become `_`.
pub fn default_state_dir(name: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' };
    let mut folder: String = name.chars().map(plain).collect();
    if folder.chars().all(|c| c == '.') {
        // Also the empty name: `.` and `..` would be other folders.
        folder = format!("_{folder}");
    }
    Path::new("sigc-state").join(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_folders_stay_below_the_working_folder() {
        let dir = |name: &str| default_state_dir(name).to_string_lossy().into_owned();
        assert_eq!(dir("btc-15m_v1.2"), "sigc-state/btc-15m_v1.2");
        assert_eq!(dir("../../etc/pass wd"), "sigc-state/.._.._etc_pass_wd");
        assert_eq!(dir(".."), "sigc-state/_..");
        assert_eq!(dir(""), "sigc-state/_");
        assert_eq!(dir("größe"), "sigc-state/gr__e");
    }
}
