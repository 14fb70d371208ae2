//! What the venue traded: every bar of every source, made from the seed.

use sigc_market::{Bar, Interval, Ts};
use sigc_runtime::live::retry::SplitMix;

/// The bars of one source and symbol by row; `None` where the venue has none.
#[derive(Debug, Clone)]
pub struct Truth {
    pub interval: Interval,
    pub first: i64,
    pub rows: Vec<Option<Bar>>,
}

impl Truth {
    /// Rows `first..last`; some are missing, in places several in a row, and the symbol may be listed later.
    pub fn new(rng: &mut SplitMix, interval: Interval, first: i64, last: i64, gaps: bool) -> Truth {
        let listed = if gaps && rng.below(6) == 0 { first + rng.below(last - first) / 3 } else { first };
        let mut missing_until = i64::MIN;
        let mut price = 100.0 + rng.below(1_000) as f64;
        let rows = (first..last).map(|row| {
            if gaps && rng.below(60) == 0 {
                missing_until = row + 1 + rng.below(4);
            }
            price += (rng.below(201) - 100) as f64 / 16.0;
            let p = price.max(1.0);
            let bar = Bar::ohlcv(interval.open_of(row), p, p + 1.0, p - 0.5, p + 0.25, rng.below(9) as f64);
            (row >= listed && row >= missing_until).then_some(bar)
        });
        Truth { interval, first, rows: rows.collect() }
    }

    /// The symbol is listed then, and not before.
    pub fn list_at(&mut self, at: Ts) {
        let unlisted = (self.interval.index_of(at) - self.first).max(0) as usize;
        self.rows.iter_mut().take(unlisted).for_each(|row| *row = None);
    }

    pub fn bar(&self, row: i64) -> Option<Bar> {
        usize::try_from(row - self.first).ok().and_then(|i| self.rows.get(i).copied().flatten())
    }

    /// The bar while it is still forming, of whatever the row will be.
    pub fn forming(&self, row: i64, rng: &mut SplitMix) -> Option<Bar> {
        let open = self.interval.open_of(row);
        let known = usize::try_from(row - self.first).ok()?;
        let p = match self.rows.get(known)? {
            Some(bar) => bar.values[0] + rng.below(9) as f64 / 32.0 + 0.015_625,
            None => return None,
        };
        Some(Bar::ohlcv(open, p, p, p, p, 0.5))
    }

    /// Some row from `row` on exists before the end.
    pub fn first_listed(&self) -> Option<i64> {
        self.rows.iter().position(Option::is_some).map(|i| self.first + i as i64)
    }

    pub fn closes_at(&self, row: i64) -> Ts {
        self.interval.close_of(row)
    }
}
