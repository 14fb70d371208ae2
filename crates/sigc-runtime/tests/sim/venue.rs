//! How the venue tells of what it traded: streams that break and requests that fail, by chance.

use crate::truth::Truth;
use sigc_market::{Bar, Ts};
use sigc_runtime::live::retry::SplitMix;
use sigc_runtime::venue::Refusal;

/// How unkind a run is: one in so many, 0 for never.
#[derive(Debug, Clone)]
pub struct Unkind {
    pub drop_link: i64,
    pub freeze_link: i64,
    pub refuse_connect: i64,
    pub mute_stream: i64,
    pub late_close: i64,
    pub never_close: i64,
    pub twice: i64,
    pub revise: i64,
    pub early_close: i64,
    pub request_fails: i64,
    pub too_many: i64,
    pub rest_lag_ms: i64,
    pub gaps: bool,
    pub store_fails: i64,
    pub slow_store: i64,
    pub sink_fails: i64,
    pub sink_unknown: i64,
    pub slow_sink: i64,
    pub crash: i64,
    /// Requests for one symbol fail for a quarter of an hour.
    pub rest_down: bool,
    /// One symbol is taken off the venue's list.
    pub delist: bool,
    /// Our idea of the venue's clock is off by up to so much.
    pub skew_ms: i64,
}

impl Unkind {
    /// A world without faults.
    pub const NONE: Unkind = Unkind {
        drop_link: 0,
        freeze_link: 0,
        refuse_connect: 0,
        mute_stream: 0,
        late_close: 0,
        never_close: 0,
        twice: 0,
        revise: 0,
        early_close: 0,
        request_fails: 0,
        too_many: 0,
        rest_lag_ms: 0,
        gaps: false,
        store_fails: 0,
        slow_store: 0,
        sink_fails: 0,
        sink_unknown: 0,
        slow_sink: 0,
        crash: 0,
        rest_down: false,
        delist: false,
        skew_ms: 0,
    };

    /// Every kind of fault is in some runs often, in some rarely, in some never.
    pub fn new(rng: &mut SplitMix) -> Unkind {
        let mut one_in = |often: i64| match rng.below(4) {
            0 => 0,
            1 => often * 10,
            _ => often,
        };
        Unkind {
            drop_link: one_in(8),
            freeze_link: one_in(12),
            refuse_connect: one_in(3),
            mute_stream: one_in(8),
            late_close: one_in(5),
            never_close: one_in(6),
            twice: one_in(4),
            revise: one_in(10),
            early_close: one_in(10),
            request_fails: one_in(4),
            too_many: one_in(15),
            rest_lag_ms: one_in(3).min(4) * 1_000,
            gaps: one_in(1) > 0,
            store_fails: one_in(12),
            slow_store: one_in(15),
            sink_fails: one_in(4),
            sink_unknown: one_in(6),
            slow_sink: one_in(10),
            crash: one_in(40),
            rest_down: one_in(1) == 1,
            delist: one_in(1) == 10,
            skew_ms: one_in(1) * 80,
        }
    }
}

/// One in `n`, and never for 0.
pub fn hit(rng: &mut SplitMix, n: i64) -> bool {
    n > 0 && rng.below(n) == 0
}

/// A table's writer is so much later than a venue's answers.
const LATE: i64 = 10;

/// How long after its close a row shows in answers.
fn lag(seed: u64, source: usize, symbol: usize, row: i64, most: i64) -> i64 {
    SplitMix(seed ^ (source as u64) << 60 ^ (symbol as u64) << 50 ^ row as u64).below(most + 1)
}

/// The answer of the REST interface at `now`: rows in `from..=to`, the open one among them. Just after a close it is
/// still that of before: the row that closed is shown half built, as the last.
pub fn rest(seed: u64, truth: &Truth, at: (usize, usize), from: Ts, to: Ts, now: Ts, most_lag: i64) -> Vec<Bar> {
    let i = truth.interval;
    let mut last = i.index_of(now);
    while last > truth.first && now.0 < i.open_of(last).0 + lag(seed, at.0, at.1, last - 1, most_lag) {
        last -= 1;
    }
    let mut rng = SplitMix(seed ^ now.0 as u64);
    let (from, to) = (i.index_of(Ts(from.0 + i.max_millis() - 1)), i.index_of(to).min(last));
    (from..=to)
        .filter_map(|row| {
            if row == last { truth.bar(row).and_then(|_| truth.forming(row, &mut rng)) } else { truth.bar(row) }
        })
        .collect()
}

/// The answer of a table at `now`: final rows in `from..=to`, each written some time after its close, so that a later
/// one may be there first.
pub fn table(seed: u64, truth: &Truth, at: (usize, usize), from: Ts, to: Ts, now: Ts, most_lag: i64) -> Vec<Bar> {
    let i = truth.interval;
    let written = |row: i64| i.close_of(row).0 + lag(seed, at.0, at.1, row, most_lag * LATE) <= now.0;
    (i.index_of(from)..=i.index_of(to)).filter(|&row| written(row)).filter_map(|row| truth.bar(row)).collect()
}

/// Why a request failed.
pub fn refusal(rng: &mut SplitMix, unkind: &Unkind) -> Option<Result<Refusal, String>> {
    if hit(rng, unkind.too_many) {
        let after_ms = [None, Some(2_000), Some(20_000)][rng.below(3) as usize];
        return Some(Ok(Refusal::TooMany { after_ms, banned: rng.below(2) == 0 }));
    }
    if hit(rng, unkind.request_fails) {
        return Some(match rng.below(3) {
            0 => Ok(Refusal::Server { status: 503, reason: "<html>".into() }),
            1 => Err("truncated body".into()),
            _ => Err("timeout".into()),
        });
    }
    None
}
