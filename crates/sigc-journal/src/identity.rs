//! Whose journal it is.
//!
//! A journal holds the state of one plan over certain sources, for certain sinks. With any other it would give wrong
//! rows, so the identity is the first thing written and the first thing compared.

use serde::{Deserialize, Serialize};
use sigc_market::{Interval, Symbol};
use sigc_plan::lookback::Until;
use sigc_plan::{Label, Plan, Signal};
use std::collections::HashSet;
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
    /// The symbols that rows are emitted for: [`Plan::symbols`].
    pub symbols: Vec<Symbol>,
    /// The signals, in the order of the plan.
    pub signals: Vec<SignalIdentity>,
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

/// A signal of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalIdentity {
    /// What people call it: one of [`Plan::signal_names`].
    pub name: String,
    /// The frame whose rows it has.
    pub frame: String,
    /// Its interval.
    pub interval: Interval,
    /// Which end of a row its `ts` names.
    pub label: Label,
    /// Positions of the sources that it is made of, first the one that its frame comes from: it has rows for that one's
    /// symbols.
    pub sources: Vec<u16>,
    /// Names of the record's further columns.
    pub extra: Vec<String>,
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
        let signal = |(signal, name): (&Signal, String)| {
            let frame = plan.frame(plan.frame_of(signal));
            let root = plan.structure().source_of(plan.frame_of(signal));
            let needs = plan.structure().needs(&plan.roots_of(signal), Until::Settled);
            let reads = |s: &sigc_plan::Source| s.frame == root || needs.of(s.frame).is_some();
            let mut sources: Vec<u16> = (0u16..).zip(&plan.sources).filter(|(_, s)| reads(s)).map(|(i, _)| i).collect();
            sources.sort_by_key(|&i| plan.sources[usize::from(i)].frame != root);
            SignalIdentity {
                name,
                frame: frame.name.clone(),
                interval: frame.interval,
                label: frame.label,
                sources,
                extra: signal.extra.iter().map(|c| plan.column(*c).name.clone()).collect(),
            }
        };
        Identity {
            pipeline: plan.name.clone(),
            fingerprint: plan.fingerprint().to_string(),
            sources: plan.sources.iter().map(source).collect(),
            symbols: plan.symbols(),
            signals: plan.signals.iter().zip(plan.signal_names()).map(signal).collect(),
            sinks,
        }
    }

    /// The symbols that a signal has rows for.
    pub fn universe(&self, signal: &SignalIdentity) -> &[Symbol] {
        let source = signal.sources.first().and_then(|&i| self.sources.get(usize::from(i)));
        source.map_or(&[], |s| s.symbols.as_slice())
    }

    /// The signals and symbols that have rows, by position: signal after signal, in the order of the symbols.
    pub(crate) fn row_lanes(&self) -> Vec<(u16, u32)> {
        let mut lanes = Vec::new();
        for (number, signal) in (0u16..).zip(&self.signals) {
            let universe: HashSet<&Symbol> = self.universe(signal).iter().collect();
            lanes.extend((0u32..).zip(&self.symbols).filter(|(_, s)| universe.contains(s)).map(|(i, _)| (number, i)));
        }
        lanes
    }

    /// What differs from `other`, the sinks aside: they may change by [`crate::Options::allow_sink_change`].
    pub fn differences(&self, other: &Identity) -> Vec<Difference> {
        let sources = |i: &Identity| {
            let one = |s: &SourceIdentity| format!("{} {} {} {}", s.frame, s.using, s.interval, names(&s.symbols));
            i.sources.iter().map(one).collect::<Vec<_>>().join("; ")
        };
        let signals = |i: &Identity| {
            let one = |s: &SignalIdentity| {
                let label = match s.label {
                    Label::Close => "close",
                    Label::Open => "open",
                };
                let extra = s.extra.join(", ");
                let of: Vec<String> = s.sources.iter().map(u16::to_string).collect();
                format!("{} {} {} by {label} [{extra}] of {}", s.name, s.frame, s.interval, of.join(", "))
            };
            i.signals.iter().map(one).collect::<Vec<_>>().join("; ")
        };
        let parts = |i: &Identity| {
            [
                ("name", i.pipeline.clone()),
                ("sources", sources(i)),
                ("signals", signals(i)),
                ("symbols", names(&i.symbols)),
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
