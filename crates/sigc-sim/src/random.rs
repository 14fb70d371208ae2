//! Schedules of faults from a seed.

use crate::dice::Dice;
use crate::fault::{Entry, Fault, Script};
use crate::moment::{Moment, Span};
use sigc_market::{Interval, Symbol, Ts};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// What a random schedule is made for.
#[derive(Debug, Clone)]
pub struct Random {
    /// The first instant of a fault.
    pub from: Ts,
    /// No fault begins from here on.
    pub to: Ts,
    /// Mean time between two faults.
    pub mean_ms: i64,
    /// The bars that may be missing, flat or revised.
    pub interval: Interval,
    /// Symbols that may be struck singly.
    pub symbols: Vec<Symbol>,
    /// Whether the truth may change: gaps and bars without trades. Symbols are never delisted.
    pub change_truth: bool,
}

/// A schedule of faults, the same for the same seed. Every kind occurs that a client can recover from.
pub fn random(seed: u64, wanted: &Random) -> Script {
    let mut dice = Dice::new(seed, "faults");
    let mut entries = Vec::new();
    let mut at = wanted.from.0;
    loop {
        // Uniform around the mean is enough: what matters is that every phase of a bar is met.
        at = at.saturating_add(dice.between(1, wanted.mean_ms.max(1) * 2));
        if at >= wanted.to.0 {
            return Script(entries);
        }
        entries.push(one(&mut dice, wanted, Ts(at)));
    }
}

fn one(dice: &mut Dice, wanted: &Random, at: Ts) -> Entry {
    let interval = wanted.interval;
    let k = interval.index_of(at);
    let bars = |from: i64, n: i64| (Moment::At(interval.open_of(from)), Moment::At(interval.open_of(from + n)));
    let (lasting, ms) = (dice.between(SECOND, 10 * MINUTE), Span(dice.between(SECOND, MINUTE)));
    let n_kinds = if wanted.change_truth { 19 } else { 17 };
    let fault = match dice.between(0, n_kinds - 1) {
        0 | 1 => Fault::DropTcp,
        2 => Fault::Freeze { ms: Some(Span(dice.between(MINUTE, 30 * MINUTE))) },
        3 => Fault::Close { code: 1008, reason: "Too many requests".to_owned() },
        4 => Fault::Close { code: [1000, 1001, 1011][dice.between(0, 2) as usize], reason: String::new() },
        5 => Fault::ServerShutdown { after_ms: ms },
        6 => Fault::Refuse,
        7 => Fault::LateClose { ms },
        8 => Fault::NeverClose,
        9 => Fault::Dup { copies: dice.between(1, 3) as u32, after_ms: Span(dice.between(1, 10 * SECOND)) },
        10 => Fault::Reorder,
        11 => Fault::StaleRest { ms },
        12 => Fault::Http { status: 503, body: "<html>503 Service Unavailable</html>".to_owned(), retry_after: None },
        13 => {
            let body = r#"{"code":-1003,"msg":"Too many requests."}"#.to_owned();
            Fault::Http { status: 429, body, retry_after: Some(dice.between(1, 5) as u64) }
        }
        14 => Fault::Malformed { share: 0.01 + dice.unit() * 0.5 },
        15 => Fault::UnknownFields,
        16 => Fault::Mute,
        17 => {
            let (from, to) = bars(k + 1, dice.between(1, 3));
            Fault::Gap { from, to }
        }
        _ => {
            let (from, to) = bars(k + 1, dice.between(1, 3));
            Fault::ZeroBar { from, to }
        }
    };
    let single = dice.between(0, 2) == 0 && !wanted.symbols.is_empty();
    let entry = Entry::from(fault).at(at).lasting(lasting);
    if !single || matches!(entry.fault, Fault::Refuse | Fault::StaleRest { .. } | Fault::Http { .. }) {
        return entry;
    }
    let symbol = wanted.symbols[dice.between(0, wanted.symbols.len() as i64 - 1) as usize].clone();
    entry.of([symbol])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::mem::discriminant;

    #[test]
    fn schedules_repeat_and_hold_every_kind() {
        let wanted = Random {
            from: Ts(0),
            to: Ts(1_000 * MINUTE),
            mean_ms: MINUTE,
            interval: Interval::new(1, 'm').expect("a minute"),
            symbols: vec![Symbol::new("A").expect("a symbol")],
            change_truth: true,
        };
        let script = random(5, &wanted);
        assert_eq!(script, random(5, &wanted));
        assert_ne!(script, random(6, &wanted));
        assert!(script.check().is_ok());
        assert!((700..1_300).contains(&script.0.len()), "{}", script.0.len());
        let kinds: HashSet<_> = script.0.iter().map(|e| discriminant(&e.fault)).collect();
        assert_eq!(kinds.len(), 16);
        let calm = random(5, &Random { change_truth: false, ..wanted });
        assert!(!calm.0.iter().any(|e| e.fault.changes_truth()));
    }
}
