//! How long things take: a histogram of milliseconds in fixed memory.
//!
//! In goes one number per event, for as long as the process runs; out come count, mean, percentiles and shares. Two
//! histograms can be merged. A percentile is within 2 % of the exact one, whatever the data; count, mean, least and
//! most are exact.
//!
//! Below 64 every millisecond has its bucket. Above, each doubling is cut into 32 buckets, and a bucket answers with
//! its middle: it is off by at most half a bucket, 1/64 of the value.

/// The largest value that is told from larger ones: eleven and a half days.
pub const MOST_MS: i64 = 1_000_000_000;

/// Buckets per doubling, as a power of two.
const BITS: u32 = 5;
/// The bucket of [`MOST_MS`], and one.
const N_BUCKETS: usize = bucket_of(MOST_MS as u64) + 1;

/// Counts of milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    buckets: Box<[u64; N_BUCKETS]>,
    count: u64,
    sum: u128,
    min: i64,
    max: i64,
}

/// The figures that a report shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Events.
    pub count: u64,
    /// The least.
    pub min_ms: i64,
    /// The mean.
    pub mean_ms: f64,
    /// Half of the events took no longer.
    pub p50_ms: i64,
    /// 95 of 100 took no longer.
    pub p95_ms: i64,
    /// 99 of 100 took no longer.
    pub p99_ms: i64,
    /// The most.
    pub max_ms: i64,
}

impl Default for Distribution {
    fn default() -> Distribution {
        Distribution { buckets: Box::new([0; N_BUCKETS]), count: 0, sum: 0, min: i64::MAX, max: 0 }
    }
}

impl Distribution {
    /// Nothing recorded yet.
    pub fn new() -> Distribution {
        Distribution::default()
    }

    /// Counts an event that took `ms`. A negative time counts as 0, one above [`MOST_MS`] as that.
    pub fn record(&mut self, ms: i64) {
        let ms = ms.clamp(0, MOST_MS);
        let bucket = &mut self.buckets[bucket_of(ms as u64)];
        *bucket = bucket.saturating_add(1);
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(ms as u128);
        self.min = self.min.min(ms);
        self.max = self.max.max(ms);
    }

    /// Adds the events of `other`.
    pub fn merge(&mut self, other: &Distribution) {
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets.iter()) {
            *bucket = bucket.saturating_add(*more);
        }
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Events recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The least; `None` before the first event, like all that follow.
    pub fn min(&self) -> Option<i64> {
        (self.count > 0).then_some(self.min)
    }

    /// The most.
    pub fn max(&self) -> Option<i64> {
        (self.count > 0).then_some(self.max)
    }

    /// The mean.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The least value that a share `q` of all events does not exceed: 0.99 for p99. A `q` outside 0 to 1 is taken as
    /// the nearer end, NaN as 0.
    pub fn p(&self, q: f64) -> Option<i64> {
        if self.count == 0 {
            return None;
        }
        // A float becomes the nearest whole number of the type, NaN becomes 0.
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        if rank == self.count {
            return Some(self.max);
        }
        let mut seen = 0_u64;
        for (i, n) in self.buckets.iter().enumerate() {
            seen = seen.saturating_add(*n);
            if seen >= rank {
                return Some(middle_of(i).clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }

    /// The share of events, 0 to 1, that took longer than `ms`; those within 2 % of `ms` may count either way.
    pub fn share_above(&self, ms: i64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        if ms < self.min || ms >= self.max {
            return Some(if ms < self.min { 1.0 } else { 0.0 });
        }
        let above = self.buckets.iter().enumerate().skip_while(|&(i, _)| middle_of(i) <= ms);
        let n = above.fold(0_u64, |sum, (_, n)| sum.saturating_add(*n));
        Some(n as f64 / self.count as f64)
    }

    /// The figures that a report shows.
    pub fn summary(&self) -> Option<Summary> {
        Some(Summary {
            count: self.count,
            min_ms: self.min()?,
            mean_ms: self.mean()?,
            p50_ms: self.p(0.50)?,
            p95_ms: self.p(0.95)?,
            p99_ms: self.p(0.99)?,
            max_ms: self.max()?,
        })
    }
}

/// The bucket of a value: the value itself below 64, then 32 for each doubling.
const fn bucket_of(ms: u64) -> usize {
    if ms < 1 << (BITS + 1) {
        return ms as usize;
    }
    let shift = ms.ilog2() - BITS;
    ((shift as usize) << BITS) + (ms >> shift) as usize
}

/// The middle of a bucket.
const fn middle_of(bucket: usize) -> i64 {
    if bucket < 1 << (BITS + 1) {
        return bucket as i64;
    }
    let shift = (bucket >> BITS) - 1;
    let first = (bucket - (shift << BITS)) << shift;
    (first + ((1 << shift) - 1) / 2) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::retry::SplitMix;

    /// Three shapes of data: even, spread over all magnitudes, and many of one value with a tail.
    fn data(seed: u64) -> Vec<i64> {
        let mut rng = SplitMix(seed);
        let n = 1 + rng.below(3_000);
        let most = 1 << (1 + rng.below(29));
        let one = |rng: &mut SplitMix| match seed % 3 {
            0 => rng.below(most),
            1 => rng.below(MOST_MS) >> rng.below(30),
            _ if rng.below(20) > 0 => 1_500,
            _ => 1_500 + rng.below(most),
        };
        (0..n).map(|_| one(&mut rng)).collect()
    }

    fn of(values: &[i64]) -> Distribution {
        let mut d = Distribution::new();
        values.iter().for_each(|&ms| d.record(ms));
        d
    }

    #[test]
    fn percentiles_are_within_two_percent_of_the_exact_ones() {
        for seed in 0..300 {
            let mut values = data(seed);
            let d = of(&values);
            values.sort_unstable();
            for q in [0.0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0] {
                let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
                let (exact, got) = (values[rank - 1], d.p(q).expect("not empty"));
                assert!((got - exact).abs() as f64 <= 0.02 * exact as f64, "seed {seed}, p{q}: {got} for {exact}");
            }
            let sum: i64 = values.iter().sum();
            assert_eq!(d.mean(), Some(sum as f64 / values.len() as f64));
            assert_eq!((d.min(), d.max()), (values.first().copied(), values.last().copied()));
            for ms in [0, 10, 63, 64, 1_499, 1_500, 100_000, MOST_MS] {
                let share =
                    |limit: f64| values.iter().filter(|&&v| v as f64 > limit).count() as f64 / values.len() as f64;
                let got = d.share_above(ms).expect("not empty");
                let (least, most) = (share(1.02 * ms as f64), share(0.98 * ms as f64));
                assert!((least..=most).contains(&got), "seed {seed}, above {ms}: {got} in {least}..={most}");
            }
        }
    }

    #[test]
    fn merging_is_recording_both() {
        for seed in 0..50 {
            let (a, b) = (data(seed), data(seed + 1_000));
            let mut merged = of(&a);
            merged.merge(&of(&b));
            assert_eq!(merged, of(&[a, b].concat()));
        }
        let mut d = of(&[3]);
        d.merge(&Distribution::new());
        assert_eq!(d, of(&[3]));
    }

    #[test]
    fn every_bucket_holds_its_middle_and_the_next_value_moves_on() {
        for i in 0..N_BUCKETS {
            assert_eq!(bucket_of(middle_of(i) as u64), i);
        }
        let mut last = 0;
        for ms in (0..200_000).chain((18..30).flat_map(|k| [(1 << k) - 1, 1 << k])) {
            let bucket = bucket_of(ms);
            assert!(bucket == last || bucket == last + 1 || ms > 200_000, "{ms}");
            last = bucket;
            assert!((middle_of(bucket) - ms as i64).unsigned_abs() * 64 <= ms);
        }
    }

    #[test]
    fn any_number_is_taken() {
        let empty = Distribution::new();
        assert_eq!((empty.p(0.5), empty.min(), empty.mean(), empty.share_above(1)), (None, None, None, None));
        assert_eq!((empty.max(), empty.summary()), (None, None));
        let d = of(&[i64::MIN, i64::MAX, 7]);
        assert_eq!((d.min(), d.p(0.5), d.max()), (Some(0), Some(7), Some(MOST_MS)));
        assert_eq!((d.p(f64::NAN), d.p(-1.0), d.p(9.0)), (Some(0), Some(0), Some(MOST_MS)));
        assert_eq!((d.share_above(-1), d.share_above(i64::MAX)), (Some(1.0), Some(0.0)));
        let s = of(&[10, 20, 30]).summary().expect("not empty");
        assert_eq!(
            (s.count, s.min_ms, s.mean_ms, s.p50_ms, s.p95_ms, s.p99_ms, s.max_ms),
            (3, 10, 20.0, 20, 30, 30, 30)
        );
    }
}
