//! Whether a venue serves the symbols a run asks for.
//!
//! In go the universe and the venue's list of symbols, fresh or from a snapshot; out comes what a person should know
//! before the run starts, in the order of the universe. A symbol is checked once, however often it is asked for. An
//! unknown symbol comes with the listed one that looks most like it.

use crate::live::time::{elapsed_ms, later};
use crate::venue::Instrument;
use sigc_market::{Symbol, Ts};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Something about a symbol of the universe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The symbol as the universe spells it.
    pub symbol: Symbol,
    /// What was found.
    pub kind: FindingKind,
}

/// Kinds of [`Finding`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingKind {
    /// The venue does not list it.
    Unknown {
        /// A listed symbol that looks like it.
        nearest: Option<Symbol>,
    },
    /// It is listed, and not traded.
    NotTrading {
        /// The venue's word for its state.
        status: String,
    },
    /// Its trading ends soon.
    EndsSoon {
        /// When.
        at: Ts,
        /// Time left; 0 if that is over.
        in_ms: i64,
    },
    /// It has less history than the run needs.
    YoungerThan {
        /// When it was listed.
        listed_at: Ts,
        /// Open time of the first bar needed.
        needed_from: Ts,
    },
}

impl FindingKind {
    /// True if no bar can be expected: the symbol is to be quarantined.
    pub fn is_fatal(&self) -> bool {
        matches!(self, FindingKind::Unknown { .. } | FindingKind::NotTrading { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbol = &self.symbol;
        match &self.kind {
            FindingKind::Unknown { nearest: None } => write!(f, "the venue does not list `{symbol}`"),
            FindingKind::Unknown { nearest: Some(near) } => {
                write!(f, "the venue does not list `{symbol}`; did you mean `{near}`?")
            }
            FindingKind::NotTrading { status } => write!(f, "`{symbol}` is listed but not traded: {status}"),
            FindingKind::EndsSoon { at, .. } => write!(f, "trading of `{symbol}` ends at {at}"),
            FindingKind::YoungerThan { listed_at, needed_from } => {
                write!(f, "`{symbol}` is listed since {listed_at}, and bars are needed from {needed_from}")
            }
        }
    }
}

/// What to ask of a universe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The venue's clock.
    pub now: Ts,
    /// Trading that ends within this time is reported.
    pub soon_ms: i64,
    /// Open time of the first bar needed, if history is needed.
    pub needed_from: Option<Ts>,
}

/// Compares `universe` with what the venue lists.
pub fn check(universe: &[Symbol], listed: &[Instrument], wanted: &Wanted) -> Vec<Finding> {
    let by_name: HashMap<&Symbol, &Instrument> = listed.iter().map(|i| (&i.symbol, i)).collect();
    let mut seen = HashSet::new();
    let mut findings = Vec::new();
    for symbol in universe.iter().filter(|s| seen.insert(*s)) {
        let mut find = |kind| findings.push(Finding { symbol: symbol.clone(), kind });
        let Some(instrument) = by_name.get(symbol) else {
            find(FindingKind::Unknown { nearest: nearest(symbol, listed) });
            continue;
        };
        if !instrument.trading {
            find(FindingKind::NotTrading { status: instrument.status.clone() });
            continue;
        }
        if let Some(at) = instrument.ends_at.filter(|&at| at <= later(wanted.now, wanted.soon_ms)) {
            find(FindingKind::EndsSoon { at, in_ms: elapsed_ms(wanted.now, at) });
        }
        if let (Some(listed_at), Some(needed_from)) = (instrument.listed_at, wanted.needed_from)
            && listed_at > needed_from
        {
            find(FindingKind::YoungerThan { listed_at, needed_from });
        }
    }
    findings
}

/// The listed symbol that looks most like `symbol`, if any looks like it at all. Traded ones come first, then the
/// order of the alphabet.
fn nearest(symbol: &Symbol, listed: &[Instrument]) -> Option<Symbol> {
    let wanted = letters(symbol);
    let most = (wanted.len() / 3).clamp(1, 3);
    let near = listed.iter().filter_map(|i| {
        let found = letters(&i.symbol);
        // Contracts over many coins carry the number in front: `1000PEPEUSDT`.
        let coins = found.iter().take_while(|b| b.is_ascii_digit()).count();
        let multiple = coins > 0 && found.get(coins..) == Some(wanted.as_slice());
        let distance = if multiple { 1 } else { distance(&wanted, &found) };
        (distance <= most).then_some((distance, !i.trading, &i.symbol))
    });
    near.min_by(|a, b| (a.0, a.1, a.2.as_str()).cmp(&(b.0, b.1, b.2.as_str()))).map(|(_, _, s)| s.clone())
}

/// Letters and digits in capitals: `btc-usdt` and `BTCUSDT` are the same to a reader.
fn letters(symbol: &Symbol) -> Vec<u8> {
    symbol.as_str().bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase()).collect()
}

/// Letters to insert, drop, replace or swap with their neighbour to get from one text to the other.
///
/// F. J. Damerau, *A Technique for Computer Detection and Correction of Spelling Errors*, 1964; each letter is touched
/// once (optimal string alignment).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::retry::SplitMix;

    const DAY_MS: i64 = 86_400_000;
    const NOW: Ts = Ts(1_000 * DAY_MS);
    const WANTED: Wanted = Wanted { now: NOW, soon_ms: 7 * DAY_MS, needed_from: Some(Ts(900 * DAY_MS)) };

    fn symbol(text: &str) -> Symbol {
        Symbol::new(text).expect("a symbol")
    }

    fn instrument(text: &str) -> Instrument {
        Instrument { symbol: symbol(text), trading: true, status: "TRADING".to_owned(), listed_at: None, ends_at: None }
    }

    fn listed() -> Vec<Instrument> {
        vec![
            Instrument { trading: false, status: "SETTLING".to_owned(), ..instrument("XPLUSUSDT") },
            instrument("ETHUSDT"),
            Instrument { listed_at: Some(Ts(100 * DAY_MS)), ..instrument("BTCUSDT") },
            Instrument { listed_at: Some(Ts(950 * DAY_MS)), ..instrument("YOUNGUSDT") },
            Instrument { ends_at: Some(Ts(1_005 * DAY_MS)), ..instrument("OLDUSDT") },
            Instrument { ends_at: Some(Ts(999_999 * DAY_MS)), ..instrument("EVERUSDT") },
            instrument("1000PEPEUSDT"),
        ]
    }

    fn found(names: &[&str]) -> Vec<String> {
        let universe: Vec<_> = names.iter().map(|n| symbol(n)).collect();
        check(&universe, &listed(), &WANTED).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_sound_universe_has_no_findings() {
        assert_eq!(found(&["BTCUSDT", "ETHUSDT", "EVERUSDT", "1000PEPEUSDT"]), Vec::<String>::new());
        assert_eq!(check(&[], &listed(), &WANTED), vec![]);
    }

    #[test]
    fn every_finding_is_told_once_in_the_order_of_the_universe() {
        let says = found(&["OLDUSDT", "BTCUSTD", "XPLUSUSDT", "BTCUSTD", "YOUNGUSDT", "QQQ"]);
        assert_eq!(
            says,
            [
                "trading of `OLDUSDT` ends at 1972-10-02T00:00:00Z",
                "the venue does not list `BTCUSTD`; did you mean `BTCUSDT`?",
                "`XPLUSUSDT` is listed but not traded: SETTLING",
                "`YOUNGUSDT` is listed since 1972-08-08T00:00:00Z, and bars are needed from 1972-06-19T00:00:00Z",
                "the venue does not list `QQQ`",
            ]
        );
        let kinds = check(&[symbol("OLDUSDT"), symbol("QQQ")], &listed(), &WANTED);
        assert_eq!(kinds.iter().map(|f| f.kind.is_fatal()).collect::<Vec<_>>(), [false, true]);
        assert_eq!(kinds[0].kind, FindingKind::EndsSoon { at: Ts(1_005 * DAY_MS), in_ms: 5 * DAY_MS });
    }

    #[test]
    fn the_nearest_is_what_was_meant() {
        let near = |text: &str| nearest(&symbol(text), &listed()).map(|s| s.to_string());
        for (text, meant) in [
            ("btcusdt", Some("BTCUSDT")),
            ("BTC/USDT", Some("BTCUSDT")),
            ("ETHUSD", Some("ETHUSDT")),
            ("PEPEUSDT", Some("1000PEPEUSDT")),
            ("XPLUSDT", Some("XPLUSUSDT")),
            ("SOLUSDC", None),
            ("DOGEBTC", None),
            ("-", None),
        ] {
            assert_eq!(near(text).as_deref(), meant, "{text}");
        }
        let tie = [Instrument { trading: false, ..instrument("AAB") }, instrument("AAD"), instrument("AAC")];
        assert_eq!(nearest(&symbol("AAX"), &tie), Some(symbol("AAC")));
        assert_eq!(nearest(&symbol("AAX"), &[]), None);
    }

    #[test]
    fn distance_is_a_count_of_changes() {
        for (a, b, d) in [("", "", 0), ("A", "", 1), ("ABC", "ACB", 1), ("ABCD", "BADC", 2), ("KITTEN", "SITTING", 3)] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), d, "{a} {b}");
        }
        // k random changes are never counted as more than k, in either direction.
        for seed in 0..500 {
            let mut rng = SplitMix(seed);
            let a: Vec<u8> = (0..rng.below(12)).map(|_| b'A' + rng.below(4) as u8).collect();
            let (mut b, k) = (a.clone(), rng.below(4) as usize);
            for _ in 0..k {
                let at = rng.below(b.len() as i64) as usize;
                match rng.below(3) {
                    0 => b.insert(at, b'X'),
                    1 if !b.is_empty() => drop(b.remove(at)),
                    _ if !b.is_empty() => b[at] = b'Y',
                    _ => {}
                }
            }
            let d = distance(&a, &b);
            assert!(d <= k && d == distance(&b, &a) && (d == 0) == (a == b) && d >= a.len().abs_diff(b.len()));
        }
    }
}
