//! The bars of one symbol from several sources, instant by instant.

use sigc_market::{Bar, Ts};
use sigc_plan::{FrameId, Plan};

/// Bars still to come, each source's in order. What closes together is taken together.
#[derive(Debug, Clone)]
pub struct Merge<'a> {
    plan: &'a Plan,
    rest: Vec<(FrameId, &'a [Bar])>,
}

impl<'a> Merge<'a> {
    /// All bars of one symbol, by source.
    pub fn new(plan: &'a Plan, bars: impl IntoIterator<Item = (FrameId, &'a [Bar])>) -> Merge<'a> {
        Merge { plan, rest: bars.into_iter().collect() }
    }

    /// When the next bar of any source closes; `None` when all are taken.
    pub fn next_close(&self) -> Option<Ts> {
        self.rest.iter().filter_map(|(f, bars)| Some(close(self.plan, *f, bars.first()?))).min()
    }

    /// Appends the bars that close by `at` to `due`.
    pub fn take(&mut self, at: Ts, due: &mut Vec<(FrameId, Bar)>) {
        for (frame, bars) in &mut self.rest {
            let n = bars.iter().take_while(|b| close(self.plan, *frame, b) <= at).count();
            let (now, later) = bars.split_at(n);
            due.extend(now.iter().map(|b| (*frame, *b)));
            *bars = later;
        }
    }
}

/// When a bar of a source is closed.
pub(crate) fn close(plan: &Plan, frame: FrameId, bar: &Bar) -> Ts {
    let interval = plan.frame(frame).interval;
    interval.close_of(interval.index_of(bar.open_time))
}
