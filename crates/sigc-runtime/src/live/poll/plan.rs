//! Whether a poll plan can work, before it runs.

use std::fmt;

/// What is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollPlan {
    /// Symbols in a cycle.
    pub symbols: u32,
    /// Weight of a request.
    pub weight_each: u32,
    /// Weight that may be used in a window.
    pub limit_per_window: u32,
    /// Length of that window.
    pub window_ms: i64,
    /// Every symbol is to be asked once in this time.
    pub cycle_ms: i64,
    /// Requests sent together; 0 for all.
    pub batch: u32,
    /// Pause between two batches.
    pub batch_pause_ms: i64,
}

/// What a plan needs, and what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feasibility {
    /// What was planned.
    pub plan: PollPlan,
    /// Weight needed in a window.
    pub weight: u64,
    /// Batches in a cycle.
    pub batches: u32,
    /// Time in a cycle that is spent on pauses.
    pub pauses_ms: i64,
    /// How long a batch may take so that the cycle is kept; 0 if the pauses alone are too long.
    pub batch_may_take_ms: i64,
    /// The shortest cycle that the weight and the pauses allow.
    pub least_cycle_ms: i64,
    /// The most symbols that the weight allows in this cycle.
    pub most_symbols: u32,
}

/// Computes what a plan needs. Lengths below 1 ms are taken as 1 ms.
pub fn plan(plan: &PollPlan) -> Feasibility {
    let (window_ms, cycle_ms) = (wide(plan.window_ms.max(1)), wide(plan.cycle_ms.max(1)));
    let limit = u128::from(plan.limit_per_window);
    let per_cycle = u128::from(plan.symbols) * u128::from(plan.weight_each);
    let weight = (per_cycle * window_ms).div_ceil(cycle_ms);

    let by_weight = if per_cycle == 0 {
        0
    } else if limit == 0 {
        u128::MAX
    } else {
        (per_cycle * window_ms).div_ceil(limit)
    };
    let most = (limit * cycle_ms).checked_div(window_ms * u128::from(plan.weight_each)).unwrap_or(u128::MAX);

    let batch = if plan.batch == 0 { plan.symbols.max(1) } else { plan.batch };
    let batches = plan.symbols.div_ceil(batch);
    let pauses_ms = i64::from(batches.saturating_sub(1)).saturating_mul(plan.batch_pause_ms.max(0));
    let left_ms = plan.cycle_ms.saturating_sub(pauses_ms).max(0);

    Feasibility {
        plan: *plan,
        weight: u64::try_from(weight).unwrap_or(u64::MAX),
        batches,
        pauses_ms,
        batch_may_take_ms: left_ms / i64::from(batches.max(1)),
        least_cycle_ms: i64::try_from(by_weight).unwrap_or(i64::MAX).max(pauses_ms.saturating_add(i64::from(batches))),
        most_symbols: u32::try_from(most).unwrap_or(u32::MAX),
    }
}

impl Feasibility {
    /// True if the weight and the pauses fit into the cycle.
    pub fn is_feasible(&self) -> bool {
        self.weight <= u64::from(self.plan.limit_per_window) && (self.batch_may_take_ms > 0 || self.batches == 0)
    }
}

impl fmt::Display for Feasibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PollPlan { symbols, limit_per_window, window_ms, cycle_ms, .. } = self.plan;
        let weight = self.weight;
        write!(
            f,
            "{symbols} symbols every {cycle_ms} ms need {weight} of {limit_per_window} weight in {window_ms} ms"
        )?;
        if self.pauses_ms > 0 {
            write!(f, ", and {} batches with {} ms of pauses", self.batches, self.pauses_ms)?;
        }
        if self.is_feasible() {
            return write!(f, "; a batch may take {} ms", self.batch_may_take_ms);
        }
        if self.least_cycle_ms == i64::MAX {
            return write!(f, "; there is no weight at all");
        }
        write!(f, "; possible is a cycle of {} ms", self.least_cycle_ms)?;
        if self.weight > u64::from(limit_per_window) {
            write!(f, ", or {} symbols", self.most_symbols)?;
        }
        Ok(())
    }
}

fn wide(ms: i64) -> u128 {
    u128::from(ms.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORTED: PollPlan = PollPlan {
        symbols: 130,
        weight_each: 1,
        limit_per_window: 2_400,
        window_ms: 60_000,
        cycle_ms: 1_500,
        batch: 13,
        batch_pause_ms: 150,
    };

    #[test]
    fn the_plan_that_overran_is_refused_with_its_numbers() {
        let f = plan(&REPORTED);
        assert!(!f.is_feasible());
        assert_eq!((f.weight, f.batches, f.pauses_ms, f.batch_may_take_ms), (5_200, 10, 1_350, 15));
        assert_eq!((f.least_cycle_ms, f.most_symbols), (3_250, 60));
        let says = "130 symbols every 1500 ms need 5200 of 2400 weight in 60000 ms, and 10 batches with 1350 ms of \
                    pauses; possible is a cycle of 3250 ms, or 60 symbols";
        assert_eq!(f.to_string(), says);
    }

    #[test]
    fn what_is_called_possible_is_possible() {
        let f = plan(&REPORTED);
        for better in [
            PollPlan { cycle_ms: f.least_cycle_ms, ..REPORTED },
            PollPlan { symbols: f.most_symbols, ..REPORTED },
            PollPlan { weight_each: 0, ..REPORTED },
            PollPlan { symbols: 0, ..REPORTED },
        ] {
            assert!(plan(&better).is_feasible(), "{}", plan(&better));
        }
        for worse in [
            PollPlan { cycle_ms: f.least_cycle_ms - 1, ..REPORTED },
            PollPlan { symbols: f.most_symbols + 1, ..REPORTED },
            PollPlan { symbols: 60, batch: 1, ..REPORTED },
            PollPlan { limit_per_window: 0, ..REPORTED },
        ] {
            assert!(!plan(&worse).is_feasible(), "{}", plan(&worse));
        }
    }

    #[test]
    fn the_least_cycle_is_the_least() {
        for (limit_per_window, least) in [(2_400, 3_250), (2_300, 3_392), (1_000_000, 1_360)] {
            let p = PollPlan { limit_per_window, ..REPORTED };
            assert_eq!(plan(&p).least_cycle_ms, least);
            assert!(plan(&PollPlan { cycle_ms: least, ..p }).is_feasible());
            assert!(!plan(&PollPlan { cycle_ms: least - 1, ..p }).is_feasible());
        }
    }

    #[test]
    fn any_numbers_are_taken() {
        for ms in [i64::MIN, -1, 0, 1, i64::MAX] {
            for n in [0, 1, u32::MAX] {
                let p = PollPlan {
                    symbols: n,
                    weight_each: n,
                    limit_per_window: n / 2,
                    window_ms: ms,
                    cycle_ms: ms / 3,
                    batch: n / 5,
                    batch_pause_ms: ms,
                };
                assert!(!plan(&p).to_string().is_empty());
                assert!(!plan(&PollPlan { window_ms: i64::MAX, cycle_ms: 1, ..p }).to_string().is_empty());
            }
        }
    }
}
