//! How much history a value needs, exactly.
//!
//! Rows of a frame are numbered by `open_time / interval`. For an instant, let `last(f)` be the newest closed row of
//! frame `f`. Starting from the wanted values at `last`, one walk backwards over the ops keeps for each value the
//! oldest row that is needed (`lo`): a window of n subtracts n - 1, a lag n subtracts n, several users take the
//! smallest, and between frames the grids decide. A frame needs the smallest `lo` of its values, and hands it to the
//! frame it is resampled from: a row must exist to carry a value. The need of a source is `last - lo + 1` rows; the
//! worst instant over one period of all grids is what must be fetched by count.
//!
//! Exact, not only sufficient: every strict op is null when a cell of its reach is unknown, so with one row less
//! some op on the path that attains `lo`, and so every op after it, is not ready. Source: features.md section 6.
//!
//! [`Structure::first_rows`] is the same rule read forwards: from where a history starts to the first row of every value.

use crate::{Frame, FrameId, ModelUse, Node, Op, Origin, Tier, ValueId, reach::reach};
use serde::{Deserialize, Serialize};
use sigc_market::{Interval, Ts};

/// Marks a value or frame that nothing asks for.
const NOT_NEEDED: i64 = i64::MAX;
/// 2020-01-01: four years from here hold every sequence of month lengths.
const MONTHS_FROM: i64 = 2020 * 12;
const MONTHS: i64 = 48;
/// Up to so many instants of a period are all tried; beyond, those beside a frame's boundary, where the worst lie.
const ALL_INSTANTS: i64 = 4_096;

/// What the walk reads: frames, ops and models.
#[derive(Debug, Clone, Copy)]
pub struct Structure<'a> {
    /// The frames.
    pub frames: &'a [Frame],
    /// The ops in topological order.
    pub nodes: &'a [Node],
    /// The models.
    pub models: &'a [ModelUse],
    /// What settling means: `warmup.tolerance`.
    pub tolerance: f64,
}

/// Whether recursive states must have settled, or only have their first value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The first value.
    FirstValue,
    /// Within the tolerance of any longer history.
    Settled,
}

/// The oldest rows needed at one instant.
#[derive(Debug, Clone)]
pub struct Oldest {
    frames: Vec<i64>,
    values: Vec<i64>,
    via: Vec<Option<ValueId>>,
}

impl Oldest {
    /// The oldest needed row of a frame; `None` if the frame is not needed.
    pub fn frame(&self, f: FrameId) -> Option<i64> {
        Some(self.frames[f.index()]).filter(|&lo| lo != NOT_NEEDED)
    }

    /// The oldest needed row of a value; `None` if the value is not needed.
    pub fn value(&self, v: ValueId) -> Option<i64> {
        Some(self.values[v.index()]).filter(|&lo| lo != NOT_NEEDED)
    }
}

/// Rows of one frame that must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// The frame.
    pub frame: FrameId,
    /// Closed rows needed at the worst instant.
    pub rows: i64,
    /// The least over all instants: what suffices at the best moment.
    pub least_rows: i64,
    /// An instant at which `rows` is attained.
    pub at: Ts,
}

/// What a set of values needs, frame by frame; frames not needed are absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Needs(pub Vec<Need>);

impl Needs {
    /// The need of one frame.
    pub fn of(&self, frame: FrameId) -> Option<&Need> {
        self.0.iter().find(|n| n.frame == frame)
    }
}

/// One op on the path that sets a lookback, from the wanted value down to the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathStep {
    /// The value.
    pub value: ValueId,
    /// The oldest row of it that is needed, counted back from the newest: 0 is the newest.
    pub rows_back: i64,
    /// Rows its op reads before the current one.
    pub back: u32,
    /// Rows its op settles.
    pub settle: u32,
}

impl Structure<'_> {
    fn interval(&self, f: FrameId) -> Interval {
        self.frames[f.index()].interval
    }

    /// The frame whose bars a frame is made of in the end.
    pub fn source_of(&self, mut f: FrameId) -> FrameId {
        while let Origin::Resample { of } = self.frames[f.index()].origin {
            f = of;
        }
        f
    }

    /// What a value's op reads of its operands, cross-frame edges left out.
    fn operands(&self, node: &Node) -> Vec<ValueId> {
        match node.op {
            Op::Model { model } => self.models[model.index()].inputs.clone(),
            op => op.operands().collect(),
        }
    }

    fn back_and_settle(&self, node: &Node) -> (u32, u32) {
        match node.op {
            Op::Model { model } => (self.models[model.index()].window - 1, 0),
            op => {
                let r = reach(&op, self.tolerance);
                (r.back, r.settle)
            }
        }
    }

    /// The oldest rows needed at instant `at`, so that every root has its newest closed row.
    pub fn oldest(&self, roots: &[ValueId], at: Ts, until: Until) -> Oldest {
        let mut o = Oldest {
            frames: vec![NOT_NEEDED; self.frames.len()],
            values: vec![NOT_NEEDED; self.nodes.len()],
            via: vec![None; self.nodes.len()],
        };
        for &root in roots {
            let last = self.interval(self.nodes[root.index()].frame).last_closed(at);
            o.values[root.index()] = last.min(o.values[root.index()]);
        }
        for i in (0..self.nodes.len()).rev() {
            let lo = o.values[i];
            if lo == NOT_NEEDED {
                continue;
            }
            let node = &self.nodes[i];
            let own = self.interval(node.frame);
            let f = node.frame.index();
            o.frames[f] = o.frames[f].min(lo);
            let (back, settle) = self.back_and_settle(node);
            let settle = if until == Until::Settled { settle } else { 0 };
            for x in self.operands(node) {
                let other = self.interval(self.nodes[x.index()].frame);
                let needed = match node.op {
                    Op::Aggregate { .. } => other.index_of(own.open_of(lo)),
                    // A row at whose close none of the other frame does needs no less than the next one that has one.
                    Op::AsOf { .. } | Op::AtClose { .. } => other.last_closed(own.close_of(lo)),
                    _ => lo - i64::from(back) - i64::from(settle),
                };
                if needed < o.values[x.index()] {
                    o.values[x.index()] = needed;
                    o.via[x.index()] = Some(ValueId::new(i));
                }
            }
        }
        // Derived frames come after the frames they are made of.
        for f in (0..self.frames.len()).rev() {
            if let Origin::Resample { of } = self.frames[f].origin
                && o.frames[f] != NOT_NEEDED
            {
                let first_child = self.interval(of).index_of(self.frames[f].interval.open_of(o.frames[f]));
                o.frames[of.index()] = o.frames[of.index()].min(first_child);
            }
        }
        o
    }

    /// What the roots need of every frame, at the worst and at the best instant.
    pub fn needs(&self, roots: &[ValueId], until: Until) -> Needs {
        let mut needs: Vec<Option<Need>> = vec![None; self.frames.len()];
        for at in self.instants(roots) {
            let o = self.oldest(roots, at, until);
            for (f, slot) in needs.iter_mut().enumerate() {
                let frame = FrameId::new(f);
                let Some(lo) = o.frame(frame) else { continue };
                let rows = self.interval(frame).last_closed(at) - lo + 1;
                match slot {
                    None => *slot = Some(Need { frame, rows, least_rows: rows, at }),
                    Some(n) => {
                        if rows > n.rows {
                            (n.rows, n.at) = (rows, at);
                        }
                        n.least_rows = n.least_rows.min(rows);
                    }
                }
            }
        }
        Needs(needs.into_iter().flatten().collect())
    }

    /// Rows of its own frame before a value's first row, at the worst phase.
    pub fn lookback(&self, v: ValueId, until: Until) -> i64 {
        let frame = self.nodes[v.index()].frame;
        // Only closes of its own frame count: between them there is no new row to wait for.
        let interval = self.interval(frame);
        self.instants(&[v])
            .into_iter()
            .filter(|&at| interval.is_aligned(at))
            .filter_map(|at| Some(interval.last_closed(at) - self.oldest(&[v], at, until).frame(frame)?))
            .max()
            .unwrap_or(0)
    }

    /// [`Structure::lookback`] and [`Structure::tier`] of every value by one walk forwards, so that a plan of thousands
    /// of columns takes no longer than it must. `None` where the phase matters (something is joined) and
    /// [`Structure::lookback`] has to be asked.
    pub fn lookbacks(&self, until: Until) -> Vec<(Option<i64>, Tier)> {
        let mut plain: Vec<Option<i64>> = Vec::with_capacity(self.nodes.len());
        let mut tiers: Vec<Tier> = Vec::with_capacity(self.nodes.len());
        for node in self.nodes {
            let (back, settle) = self.back_and_settle(node);
            let own = i64::from(back) + if until == Until::Settled { i64::from(settle) } else { 0 };
            let operands = self.operands(node);
            let most = operands.iter().try_fold(0, |most, x| Some(most.max(plain[x.index()]?)));
            plain.push(match node.op {
                Op::AsOf { .. } | Op::AtClose { .. } => None,
                Op::Aggregate { .. } => most.filter(|&rows| rows == 0),
                _ => most.map(|rows| rows + own),
            });
            let own_tier = reach(&node.op, self.tolerance).tier;
            tiers.push(operands.iter().map(|x| tiers[x.index()]).fold(own_tier, Tier::max));
        }
        plain.into_iter().zip(tiers).collect()
    }

    /// The least sure tier on any path to a value.
    pub fn tier(&self, v: ValueId) -> Tier {
        let mut needed = vec![false; self.nodes.len()];
        needed[v.index()] = true;
        let mut tier = Tier::Exact;
        for i in (0..=v.index()).rev() {
            if needed[i] {
                tier = tier.max(reach(&self.nodes[i].op, self.tolerance).tier);
                for x in self.operands(&self.nodes[i]) {
                    needed[x.index()] = true;
                }
            }
        }
        tier
    }

    /// The path that attains the need of the source below `root` at its worst instant, from the root down.
    pub fn path(&self, root: ValueId, until: Until) -> Vec<PathStep> {
        let needs = self.needs(&[root], until);
        let frame = self.nodes[root.index()].frame;
        let Some(need) = needs.of(self.source_of(frame)).or_else(|| needs.of(frame)) else { return Vec::new() };
        let o = self.oldest(&[root], need.at, until);
        // The value of the source whose oldest row starts earliest in time, then back up along `via`.
        let Some(start) = (0..self.nodes.len())
            .filter(|&i| o.values[i] != NOT_NEEDED && self.operands(&self.nodes[i]).is_empty())
            .min_by_key(|&i| self.interval(self.nodes[i].frame).open_of(o.values[i]))
        else {
            return Vec::new();
        };
        let mut steps = Vec::new();
        let mut at = Some(ValueId::new(start));
        while let Some(v) = at {
            let node = &self.nodes[v.index()];
            let (back, settle) = self.back_and_settle(node);
            let settle = if until == Until::Settled { settle } else { 0 };
            let rows_back = self.interval(node.frame).last_closed(need.at) - o.values[v.index()];
            steps.push(PathStep { value: v, rows_back, back, settle });
            at = o.via[v.index()];
        }
        steps.reverse();
        steps
    }

    /// The first row of every frame and value when the sources' histories start at the given rows.
    ///
    /// `starts` has an entry per frame, used for sources only; `None` means no bar yet. `settled` may name the row at
    /// which a recursive op was seen to settle; without, the static count of `until` is used. `None` in the answer
    /// means that it cannot be told yet.
    pub fn first_rows(
        &self,
        starts: &[Option<i64>],
        until: Until,
        settled: impl Fn(ValueId) -> Option<Option<i64>>,
    ) -> (Vec<Option<i64>>, Vec<Option<i64>>) {
        let mut frames: Vec<Option<i64>> = Vec::with_capacity(self.frames.len());
        for (f, frame) in self.frames.iter().enumerate() {
            frames.push(match frame.origin {
                Origin::Source { .. } => starts[f],
                Origin::Resample { of } => {
                    frames[of.index()].map(|k| first_at_or_after(frame.interval, self.interval(of).open_of(k)))
                }
            });
        }
        let mut values: Vec<Option<i64>> = Vec::with_capacity(self.nodes.len());
        for (i, node) in self.nodes.iter().enumerate() {
            let own = self.interval(node.frame);
            let (back, settle) = self.back_and_settle(node);
            let settle = if until == Until::Settled { settle } else { 0 };
            let mut first = frames[node.frame.index()];
            for x in self.operands(node) {
                let other = self.interval(self.nodes[x.index()].frame);
                let known = values[x.index()].map(|k| match node.op {
                    Op::Aggregate { .. } => first_at_or_after(own, other.open_of(k)),
                    Op::AsOf { .. } | Op::AtClose { .. } => first_closing_at_or_after(own, other.close_of(k)),
                    _ => k + i64::from(back) + i64::from(settle),
                });
                first = first.zip(known).map(|(a, b)| a.max(b));
            }
            if let Some(seen) = settled(ValueId::new(i)) {
                first = seen;
            }
            values.push(first);
        }
        (frames, values)
    }

    /// The instants to try: closes of the finest needed frame over one period of all needed grids.
    fn instants(&self, roots: &[ValueId]) -> Vec<Ts> {
        let needed = self.needed_frames(roots);
        let intervals: Vec<Interval> = needed.iter().map(|&f| self.interval(f)).collect();
        let Some(finest) = intervals.iter().copied().min_by_key(|i| i.max_millis()) else { return Vec::new() };
        let (from, to) = if intervals.iter().any(|i| i.is_month()) {
            (Interval::MONTH.open_of(MONTHS_FROM), Interval::MONTH.open_of(MONTHS_FROM + MONTHS))
        } else {
            let period = intervals.iter().filter_map(|i| i.millis()).fold(1, lcm);
            // A whole period, begun where weeks begin as well.
            let from = Interval::WEEK.open_of(2_600);
            (from, Ts(from.0 + period))
        };
        let (first, end) = (finest.index_of(from), finest.index_of(to));
        if end - first <= ALL_INSTANTS {
            return (first..end).map(|k| finest.close_of(k)).collect();
        }
        let mut instants: Vec<Ts> = Vec::new();
        for interval in intervals.iter().filter(|&&i| i != finest) {
            for k in interval.index_of(from)..=interval.index_of(to) {
                let row = finest.index_of(interval.open_of(k));
                instants.extend([row - 2, row - 1, row].map(|r| finest.close_of(r)));
            }
        }
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    fn needed_frames(&self, roots: &[ValueId]) -> Vec<FrameId> {
        let mut values = vec![false; self.nodes.len()];
        let mut frames = vec![false; self.frames.len()];
        for r in roots {
            values[r.index()] = true;
        }
        for i in (0..self.nodes.len()).rev() {
            if values[i] {
                frames[self.nodes[i].frame.index()] = true;
                for x in self.operands(&self.nodes[i]) {
                    values[x.index()] = true;
                }
            }
        }
        for f in (0..self.frames.len()).rev() {
            if let (true, Origin::Resample { of }) = (frames[f], self.frames[f].origin) {
                frames[of.index()] = true;
            }
        }
        (0..self.frames.len()).filter(|&f| frames[f]).map(FrameId::new).collect()
    }
}

/// The first row that opens at `ts` or later.
fn first_at_or_after(interval: Interval, ts: Ts) -> i64 {
    let k = interval.index_of(ts);
    if interval.open_of(k) == ts { k } else { k + 1 }
}

/// The first row that closes at `ts` or later.
fn first_closing_at_or_after(interval: Interval, ts: Ts) -> i64 {
    first_at_or_after(interval, ts) - 1
}

fn lcm(a: i64, b: i64) -> i64 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}
