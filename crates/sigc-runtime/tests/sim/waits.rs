//! How long symbols that are ranked against each other wait for one of them: a row that does not come, a symbol that
//! is not listed yet, before and after a restart, and one that was given up.

use crate::disk::Disk;
use crate::plans;
use sigc_market::{Bar, Interval, Ts};
use sigc_runtime::live::conductor::{CatchUp, Conductor, Event, Order, Out, Setup, SourceSetup};
use sigc_runtime::live::entry::BarFate;
use sigc_runtime::live::feed::{FeedEvent, FeedOrder, Supply};
use sigc_runtime::live::splice::Terms;

const MIN: i64 = 60_000;
/// A minute that five minutes begin with, and the start of the run a second behind the close of its row.
const FIRST: i64 = 28_928_160;
const START: Ts = Ts((FIRST + 1) * MIN + 1_000);
const REPAIR_MS: i64 = 600_000;
const LONELY_MS: i64 = 60_000;

/// What a request for a row of a symbol finds at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Found {
    Bar,
    Nothing,
    Failure,
}

fn minute() -> Interval {
    Interval::new(1, 'm').expect("divides the day")
}

/// A run of two symbols, one minute after the other, asked for by requests that are answered at once.
struct Run {
    conductor: Conductor,
    disk: Disk,
    now: Ts,
    /// Row and time of the rows of the first signal that the first symbol has.
    rows: Vec<(i64, Ts)>,
    given_up: Vec<i64>,
}

impl Run {
    fn start(disk: Disk, now: Ts) -> Run {
        let engine = plans::engine(5, 2);
        let plan = engine.plan().clone();
        let terms = Terms {
            interval: minute(),
            grace_ms: 5_000,
            settle_ms: 2_000,
            lonely_ms: LONELY_MS,
            settled: false,
            repair_ms: REPAIR_MS,
            first_frame_ms: 15_000,
            mute_ms: 90_000,
            rows_per_request: 500,
            archive: false,
            until: Ts(i64::MAX),
        };
        let source = |s: &sigc_plan::Source| SourceSetup {
            frame: s.frame,
            symbols: s.symbols.clone(),
            terms,
            supply: Supply::Poll,
        };
        let setup = Setup {
            engine,
            models: Vec::new(),
            sources: plan.sources.iter().map(source).collect(),
            symbols: plan.symbols(),
            sinks: Vec::new(),
            catch_up: CatchUp::Emit,
            lookback_ms: None,
            buffer_ms: 60_000,
            seed: 3,
        };
        let conductor = Conductor::new(setup, disk.restored(), now).expect("the journal fits");
        let mut disk = disk;
        disk.intervals = vec![minute()];
        disk.universe = Some(2);
        disk.emit_after.get_or_insert(conductor.emit_after());
        Run { conductor, disk, now, rows: Vec::new(), given_up: Vec::new() }
    }

    /// Lets time pass up to `end`.
    fn until(&mut self, end: Ts, found: impl Fn(u32, i64, Ts) -> Found) {
        let mut event = Event::Tick;
        loop {
            let mut events = vec![std::mem::replace(&mut event, Event::Tick)];
            while let Some(event) = events.pop() {
                let mut out = Out::default();
                self.conductor.handle(event, self.now, &mut out).expect("the engine takes it");
                for bar in out.bars.iter().filter(|b| b.fate == BarFate::Unrepaired) {
                    self.given_up.push(bar.id.row);
                }
                let mine = out.rows.iter().filter(|r| (r.signal, r.symbol) == (0, 0));
                self.rows.extend(mine.map(|r| (minute().index_of(r.open_time), self.now)));
                for order in out.orders {
                    events.push(match order {
                        Order::Store(batch) => {
                            self.disk.store(&batch).expect("a sound batch");
                            Event::Stored
                        }
                        Order::Feed { source, order: FeedOrder::Fetch { symbol, from, to } } => {
                            Event::Feed { source, event: answer(symbol, from, to, self.now, &found) }
                        }
                        other => panic!("{other:?}"),
                    });
                }
            }
            let wake = self.conductor.wake_at().expect("there is always a next close");
            if wake > end {
                return;
            }
            assert!(wake > self.now || wake == self.now && event == Event::Tick, "it goes round in circles");
            self.now = wake.max(Ts(self.now.0 + 1));
        }
    }

    /// How long after its close each row came, in milliseconds.
    fn lags(&self) -> Vec<(i64, i64)> {
        self.rows.iter().map(|(row, at)| (*row, at.0 - minute().close_of(*row).0)).collect()
    }
}

/// Requests for closed rows of the second symbol fail from some row on.
fn fails(symbol: u32, row: i64, from: i64, now: Ts) -> Found {
    if symbol == 1 && row >= from && minute().close_of(row) <= now { Found::Failure } else { Found::Bar }
}

fn answer(symbol: u32, from: Ts, to: Ts, now: Ts, found: &impl Fn(u32, i64, Ts) -> Found) -> FeedEvent {
    let rows = minute().index_of(from)..=minute().index_of(to);
    let mut bars = Vec::new();
    for row in rows.filter(|&row| minute().open_of(row) <= now) {
        match found(symbol, row, now) {
            Found::Bar => bars.push(Bar::ohlcv(minute().open_of(row), 1.0, 1.0, 1.0, 1.0 + row as f64, 1.0)),
            Found::Nothing => {}
            Found::Failure => return FeedEvent::Failed { symbol, reason: "timeout".into() },
        }
    }
    FeedEvent::Rows { symbol, bars }
}

/// The others have their rows at once; from some row on the second symbol's requests fail. Each row comes when the
/// repair deadline of that row is over, not earlier, and the wait does not add up.
#[test]
fn a_row_that_does_not_come_is_given_up_after_the_repair_deadline() {
    let mut run = Run::start(Disk::default(), START);
    let fails_from = FIRST + 5;
    run.until(Ts((FIRST + 30) * MIN), |symbol, row, now| fails(symbol, row, fails_from, now));
    let lags = run.lags();
    assert!(lags.iter().map(|l| l.0).eq(FIRST + 1..FIRST + 1 + lags.len() as i64), "{lags:?}");
    for (row, lag) in lags {
        let waits = if row < fails_from { 0..=10_000 } else { REPAIR_MS..=REPAIR_MS + 10_000 };
        assert!(waits.contains(&lag), "row {row} came {lag} ms after its close");
    }
    assert!(run.given_up.len() > 12 && run.given_up.iter().all(|&row| row >= fails_from), "{:?}", run.given_up);
}

/// A symbol without any bar is waited for until an answer, a minute after the close, does not have the row; also behind
/// a restart. When it is listed its first bar counts.
#[test]
fn a_symbol_that_is_not_listed_yet_holds_the_others_up_for_a_minute() {
    let listed = FIRST + 20;
    let found = |symbol: u32, row: i64, _: Ts| if symbol == 1 && row < listed { Found::Nothing } else { Found::Bar };
    let mut run = Run::start(Disk::default(), START);
    run.until(Ts((FIRST + 10) * MIN), found);
    let mut lags = run.lags();
    let mut run = Run::start(std::mem::take(&mut run.disk), Ts(run.now.0 + 1_000));
    run.until(Ts((FIRST + 30) * MIN), found);
    lags.extend(run.lags());
    assert!(lags.iter().map(|l| l.0).eq(FIRST + 1..FIRST + 1 + lags.len() as i64), "{lags:?}");
    for (row, lag) in lags {
        // The forming bar of the next row proves that the last one before the listing is not there.
        let waits = if row < listed - 1 { LONELY_MS..=LONELY_MS + 15_000 } else { 0..=15_000 };
        assert!(waits.contains(&lag), "row {row} came {lag} ms after its close");
    }
    let first = run.disk.bars.keys().filter(|id| id.symbol == 1).map(|id| id.row).min();
    assert_eq!((first, run.given_up), (Some(listed), Vec::new()));
}

/// Who was given up is not waited for, and what it owes is written down.
#[test]
fn a_symbol_that_was_given_up_holds_nobody_up() {
    let mut run = Run::start(Disk::default(), START);
    let gone = FIRST + 5;
    let found = |symbol: u32, row: i64, now: Ts| fails(symbol, row, gone, now);
    run.until(Ts((gone + 1) * MIN + 30_000), found);
    let mut out = Out::default();
    let event = FeedEvent::Gone { symbol: 1, reason: "no longer traded".into() };
    let before = run.rows.len();
    run.conductor.handle(Event::Feed { source: 0, event }, run.now, &mut out).expect("the engine takes it");
    assert!(out.rows.iter().any(|r| minute().index_of(r.open_time) == gone), "{:?}", out.rows);
    for order in out.orders {
        let Order::Store(batch) = order else { panic!("{order:?}") };
        run.disk.store(&batch).expect("a sound batch");
    }
    run.conductor.handle(Event::Stored, run.now, &mut Out::default()).expect("nothing to compute");
    run.until(Ts((FIRST + 30) * MIN), found);
    let lags = run.lags().split_off(before);
    assert!(lags.len() > 20 && lags.iter().all(|(_, lag)| *lag <= 10_000), "{lags:?}");
    let owed = run.disk.bars.values().filter(|e| e.id.symbol == 1 && e.fate == BarFate::Unrepaired);
    assert!(owed.map(|e| e.id.row).eq(gone..gone + lags.len() as i64 + 1));
}
