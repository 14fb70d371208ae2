//! Bars from a seed: a geometric random walk whose volatility comes in clusters.
//!
//! The same seed, symbol and interval give the same bits on every machine: only `+ - * /` on floats, whole-number
//! arithmetic, and a generator of our own. Every bar draws the same number of random numbers, so asking for more bars
//! leaves the first ones as they were. The bars keep every rule that bar files are checked against.

use sigc_market::{Bar, Field, Interval, N_FIELDS, Symbol, Ts};

/// Price moves inside one bar; high and low come from them.
const STEPS: u32 = 4;
/// Volatility of a one-minute bar far from any cluster, as a share of the price.
const CALM: f64 = 0.0006;
/// How much of a bar's volatility is the previous bar's volatility, and how much the size of its move.
const PERSISTENCE: f64 = 0.88;
const SHOCK: f64 = 0.12;
/// Prices stay at least this many ticks above zero.
const FLOOR_TICKS: i64 = 100;

/// `n` bars from the first open time at or after `from`; all nine fields are there, none null.
///
/// Prices are whole ticks with six digits at the start; amounts are whole thousandths.
pub fn generate(seed: u64, symbol: &Symbol, interval: Interval, from: Ts, n: usize) -> Vec<Bar> {
    let mut rng = SplitMix64(seed ^ fnv1a(symbol.as_str()));
    let mut walk = Walk::new(&mut rng, interval);
    let aligned = interval.is_aligned(from);
    let first = interval.index_of(from) + i64::from(!aligned);
    (first..).take(n).map(|k| walk.bar(&mut rng, interval.open_of(k))).collect()
}

struct Walk {
    price: i64,
    /// Ticks per unit of price, a power of ten.
    scale: f64,
    calm: f64,
    volatility: f64,
    /// Thousandths of the base unit traded in a calm bar.
    usual_volume: f64,
}

impl Walk {
    fn new(rng: &mut SplitMix64, interval: Interval) -> Walk {
        let price = 100_000 + (rng.next() % 900_000) as i64;
        let scale = [1e1, 1e2, 1e3, 1e4, 1e5, 1e6][(rng.next() % 6) as usize];
        // Volatility grows with the root of time; a whole-number root is the same everywhere.
        let minutes_by_10k = (interval.max_millis() as u64) * 10_000 / 60_000;
        let calm = (CALM * (minutes_by_10k.isqrt() as f64) / 100.0).min(0.05);
        // About the same turnover for every symbol: cheap ones trade in larger amounts.
        let usual_volume = 5e8 * scale / price as f64;
        Walk { price, scale, calm, volatility: calm, usual_volume }
    }

    fn bar(&mut self, rng: &mut SplitMix64, open_time: Ts) -> Bar {
        let open = self.price;
        let (mut high, mut low, mut sum) = (open, open, 0);
        for _ in 0..STEPS {
            let step = self.volatility * 0.5; // the root of 1 / STEPS
            let share = step * rng.normal() + step * step * 0.5; // the last term keeps the expected log price level
            let moved = self.price as f64 * (1.0 + share.clamp(-0.2, 0.2));
            self.price = (nearest(moved)).clamp(FLOOR_TICKS, 1 << 50);
            high = high.max(self.price);
            low = low.min(self.price);
            sum += self.price;
        }
        let close = self.price;
        let moved = ((close - open) as f64 / open as f64).abs();
        let busy = self.volatility / self.calm;
        self.volatility =
            ((1.0 - PERSISTENCE - SHOCK * 0.8) * self.calm + PERSISTENCE * self.volatility + SHOCK * moved)
                .clamp(self.calm * 0.2, self.calm * 8.0);

        let volume = nearest(self.usual_volume * busy * (0.2 + rng.unit() * rng.unit() * 3.2)).max(1);
        let trades = 1 + nearest(80.0 * busy * (0.5 + rng.unit()));
        let taker = nearest(volume as f64 * (0.3 + 0.4 * rng.unit())).min(volume);
        let price = |ticks: i64| ticks as f64 / self.scale;
        let mean = sum as f64 / f64::from(STEPS) / self.scale;
        let mut values = [0.0; N_FIELDS];
        for (field, value) in [
            (Field::Open, price(open)),
            (Field::High, price(high)),
            (Field::Low, price(low)),
            (Field::Close, price(close)),
            (Field::Volume, volume as f64 / 1e3),
            (Field::QuoteVolume, volume as f64 / 1e3 * mean),
            (Field::Trades, trades as f64),
            (Field::TakerBuyVolume, taker as f64 / 1e3),
            (Field::TakerBuyQuoteVolume, taker as f64 / 1e3 * mean),
        ] {
            values[field.index()] = value;
        }
        Bar { open_time, values }
    }
}

/// The whole number nearest to a positive `x`.
fn nearest(x: f64) -> i64 {
    (x + 0.5) as i64
}

/// G. L. Steele, D. Lea, C. H. Flood, *Fast Splittable Pseudorandom Number Generators*, 2014.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1), 53 bits.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Near enough to a standard normal: the sum of twelve uniforms, mean 0, variance 1, within 6.
    fn normal(&mut self) -> f64 {
        (0..12).fold(-6.0, |sum, _| sum + self.unit())
    }
}

/// The FNV-1a hash of a name.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_its_published_numbers() {
        // The first outputs for seed 1234567, as listed with the reference code (rosettacode.org, Splitmix64).
        let mut rng = SplitMix64(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([rng.next(), rng.next(), rng.next()], expected);
    }

    #[test]
    fn fnv_gives_its_published_numbers() {
        // The test vectors of the FNV specification (RFC 9923): "" and "a" and "foobar".
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }
}
