//! Finer bars into larger ones, as venues make them.

use sigc_market::{Bar, Field, Interval, N_FIELDS, NULL};

/// Whole buckets of `to` from bars of `from`: open of the first, highest, lowest, close of the last, sums of what was
/// traded; null cells and missing bars are passed over, as a venue's own larger bar does. The first and the last
/// bucket are left out where the bars do not cover them.
pub fn coarsen(bars: &[Bar], from: Interval, to: Interval) -> Vec<Bar> {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return Vec::new() };
    let covered_from = first.open_time;
    let covered_until = from.close_of(from.index_of(last.open_time));
    let mut out: Vec<Bar> = Vec::new();
    for bar in bars {
        let k = to.index_of(bar.open_time);
        let open_time = to.open_of(k);
        if open_time < covered_from || to.close_of(k) > covered_until {
            continue;
        }
        match out.last_mut().filter(|b| b.open_time == open_time) {
            Some(bucket) => {
                for field in Field::ALL {
                    let i = field.index();
                    bucket.values[i] = join(field, bucket.values[i], bar.values[i]);
                }
            }
            None => {
                let mut values = [NULL; N_FIELDS];
                values.copy_from_slice(&bar.values);
                out.push(Bar { open_time, values });
            }
        }
    }
    out
}

/// The bucket's cell after one more bar.
fn join(field: Field, so_far: f64, next: f64) -> f64 {
    if next.is_nan() {
        return so_far;
    }
    if so_far.is_nan() {
        return next;
    }
    match field {
        Field::Open => so_far,
        Field::High => {
            if next > so_far {
                next
            } else {
                so_far
            }
        }
        Field::Low => {
            if next < so_far {
                next
            } else {
                so_far
            }
        }
        Field::Close => next,
        Field::Volume | Field::QuoteVolume | Field::Trades | Field::TakerBuyVolume | Field::TakerBuyQuoteVolume => {
            so_far + next
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigc_market::Ts;

    #[test]
    fn whole_buckets_only() {
        let i = |t: &str| Interval::parse(t).expect("an interval");
        // Minutes 1 to 10: the bucket of minutes 0 to 4 is cut, 5 to 9 is whole, 10 to 14 is not over.
        let bars: Vec<Bar> = (1..=10)
            .map(|m| Bar::ohlcv(Ts(m * 60_000), m as f64, m as f64 + 0.5, m as f64 - 0.5, m as f64 + 0.1, 1.0))
            .collect();
        let five = coarsen(&bars, i("1m"), i("5m"));
        assert_eq!(five, vec![Bar::ohlcv(Ts(300_000), 5.0, 9.5, 4.5, 9.1, 5.0)]);
        assert_eq!(coarsen(&[], i("1m"), i("5m")), vec![]);
    }
}
