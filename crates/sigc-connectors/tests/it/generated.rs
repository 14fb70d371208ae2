//! Bars from a seed.

use crate::{file, interval, read, symbol};
use sigc_connectors::generate::generate;
use sigc_market::{Bar, Field, Ts};
use std::fmt::Write;

fn bars(seed: u64, name: &str, n: usize) -> Vec<Bar> {
    generate(seed, &symbol(name), interval("1m"), Ts(1_704_067_200_000), n)
}

#[test]
fn a_seed_and_a_symbol_give_one_series_however_long() {
    let long = bars(7, "BTCUSDT", 3_000);
    assert_eq!(bars(7, "BTCUSDT", 1_000), long[..1_000]);
    assert_ne!(bars(8, "BTCUSDT", 1_000), long[..1_000]);
    assert_ne!(bars(7, "ETHUSDT", 1_000), long[..1_000]);
    assert!(bars(7, "BTCUSDT", 0).is_empty());
}

#[test]
fn the_bits_are_the_same_everywhere() {
    // A hash of all bits, from a second implementation of the generator in Python. Whoever changes the generator
    // changes every file that was recorded with it.
    let hash = bars(1, "BTCUSDT", 500).iter().flat_map(|b| b.values).fold(0xcbf2_9ce4_8422_2325_u64, |h, v| {
        v.to_bits().to_le_bytes().iter().fold(h, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3))
    });
    assert_eq!(hash, 0x69ce_efc5_8cd1_c5d8, "{hash:#x}");
}

#[test]
fn generated_bars_pass_the_checks_of_bar_files() {
    for (every, n) in [("1m", 20_000), ("1d", 4_000), ("1M", 60)] {
        for name in ["AAA", "BBB", "CCC"] {
            let made = generate(3, &symbol(name), interval(every), Ts(1_704_067_200_001), n);
            assert!(made[0].open_time > Ts(1_704_067_200_001), "the first bar opens at or after the start");
            let mut csv = Field::ALL.map(Field::name).join(",");
            csv.insert_str(0, "open_time,");
            for bar in &made {
                write!(csv, "\n{}", bar.open_time).expect("a string takes everything");
                bar.values.iter().for_each(|v| write!(csv, ",{v}").expect("a string takes everything"));
            }
            let (_folder, path) = file(&format!("{name}.csv"), csv);
            let back = &read(&path, every).unwrap_or_else(|e| panic!("{every} {name}: {e}"))[0];
            assert_eq!(back.bars, made);
            assert!(back.notes.is_empty(), "no gaps, no nulls");
        }
    }
}

#[test]
fn volatility_comes_in_clusters() {
    // The sizes of neighbouring moves go together: their correlation is clearly above that of independent moves, whose
    // standard error over 20,000 bars is 0.007.
    let bars = bars(11, "BTCUSDT", 20_000);
    let sizes: Vec<f64> = bars.iter().map(|b| (b.get(Field::Close) / b.get(Field::Open) - 1.0).abs()).collect();
    let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
    let var = sizes.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>();
    let cov = sizes.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>();
    assert!(cov / var > 0.05, "{}", cov / var);
}
