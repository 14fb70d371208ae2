//! Chance that can be repeated: numbers that depend on a seed and on names, never on when they are drawn.
//!
//! A lag belongs to its symbol and bar. It is computed from them, not taken from a running generator, so the order
//! in which clients ask changes nothing.

/// A source of random numbers fixed by what was mixed into it.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice of a seed and a purpose.
    pub fn new(seed: u64, purpose: &str) -> Dice {
        Dice(seed).with_text(purpose)
    }

    /// The same dice told apart by a text (FNV-1a).
    pub fn with_text(self, text: &str) -> Dice {
        let hash = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01B3);
        Dice(text.bytes().fold(scramble(self.0) ^ 0xCBF2_9CE4_8422_2325, hash))
    }

    /// The same dice told apart by a number.
    pub fn with(self, number: i64) -> Dice {
        Dice(scramble(self.0 ^ scramble(number as u64)))
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        scramble(self.0)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `low..=high`; `low` if the range is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).max(0) as u64 + 1;
        low + (self.next() % span) as i64
    }
}

/// The output function of SplitMix64.
fn scramble(x: u64) -> u64 {
    let z = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_depend_on_names_and_stay_in_range() {
        let dice = |symbol: &str, bar| Dice::new(7, "lag").with_text(symbol).with(bar);
        assert_eq!(dice("A", 1).next(), dice("A", 1).next());
        assert_ne!(dice("A", 1).next(), dice("A", 2).next());
        assert_ne!(dice("A", 1).next(), dice("B", 1).next());
        let seen: Vec<i64> = (0..2_000).map(|bar| dice("A", bar).between(50, 500)).collect();
        assert!(seen.iter().all(|x| (50..=500).contains(x)));
        assert!(seen.iter().min() < Some(&60) && seen.iter().max() > Some(&490));
        assert_eq!(dice("A", 1).between(3, 3), 3);
    }
}
