//! Missing bars, and bars that are refused.

use crate::world::*;
use sigc_engine::reference::{Ask, interpret};
use sigc_engine::{BarFault, Columns, Engine, EngineError, Live, PanelInput, PanelOptions, run_panel};
use sigc_market::{Bar, Field, NULL, Ts};
use sigc_plan::*;

fn frame() -> FrameId {
    FrameId::new(0)
}

/// Close, volume and a mean of two over one-minute bars.
fn small(gap: Gap) -> Plan {
    let mut g = Graph::new();
    let (x, v) = (g.push(frame(), Op::Input(Field::Close)), g.push(frame(), Op::Input(Field::Volume)));
    let open = g.push(frame(), Op::Input(Field::Open));
    let mean = g.on(frame()).mean(x, 2);
    plan(vec![source("bars", "1m", gap)], &g, Vec::new(), &[x, v, open, mean], 0.5)
}

fn bar(minute: i64, close: f64) -> Bar {
    Bar::ohlcv(Ts(minute * 60_000), close - 0.5, close + 1.0, close - 1.0, close, 10.0)
}

fn cells(table: &Table) -> Vec<Vec<f64>> {
    table.values().map(|(cells, _)| cells.iter().map(|b| f64::from_bits(*b)).collect()).collect()
}

#[test]
fn a_missing_bar_becomes_what_the_data_step_says() {
    let history = vec![(frame(), vec![bar(10, 5.0), bar(11, 6.0), bar(13, 8.0), bar(14, 9.0)])];
    let with = |gap: Gap| {
        let plan = small(gap);
        let live = run_live(&plan, &all_columns(&plan), 0, &history);
        let panel = run_panels(&plan, &all_columns(&plan), &[(0, history.clone())], PanelOptions::default());
        assert_same(&panel[0], &live, "panel", &plan);
        assert_same(&run_reference(&plan, &all_columns(&plan), 0, &history, Ask::Warm), &live, "reference", &plan);
        format!("{:?}", cells(&live))
    };
    let nan = NULL;
    let rows = |gap: [f64; 4], after: f64| {
        let all = [[5.0, 10.0, 4.5, nan], [6.0, 10.0, 5.5, 5.5], gap, [8.0, 10.0, 7.5, after], [9.0, 10.0, 8.5, 8.5]];
        format!("{:?}", all.map(|r| r.to_vec()).to_vec())
    };
    assert_eq!(with(Gap::Null), rows([nan; 4], nan));
    assert_eq!(with(Gap::Carry), rows([6.0, 0.0, 6.0, 6.0], 7.0));
}

#[test]
fn a_carried_null_close_stays_null() {
    let plan = small(Gap::Carry);
    let mut blank = bar(11, 1.0);
    blank.values[Field::Close.index()] = NULL;
    let table = run_live(&plan, &all_columns(&plan), 0, &vec![(frame(), vec![bar(10, 5.0), blank, bar(13, 8.0)])]);
    let carried = &cells(&table)[2];
    assert!(carried[0].is_nan() && carried[1] == 0.0 && carried[2].is_nan());
}

/// The fault of an error, and the minute of its bar.
fn fault<T: std::fmt::Debug>(result: Result<T, EngineError>) -> (BarFault, i64) {
    match result {
        Err(EngineError::Bar { symbol: 4, open_time, fault, .. }) => (fault, open_time.0.div_euclid(60_000)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn refused_bars_leave_a_lane_as_it_was() {
    let plan = small(Gap::Null);
    let engine = Engine::new(&plan, &all_columns(&plan)).expect("the test's plan");
    let mut live = Live::new(&engine, 4);
    let push = |live: &mut Live, bar: Bar| live.push(frame(), &bar, &mut [], &mut Nowhere);
    push(&mut live, bar(10, 5.0)).expect("the first bar");
    let before = live.snapshot();
    let misaligned = Bar { open_time: Ts(11 * 60_000 + 1), ..bar(11, 5.0) };
    assert_eq!(fault(push(&mut live, misaligned)), (BarFault::Misaligned, 11));
    assert_eq!(fault(push(&mut live, Bar { open_time: Ts(i64::MAX), ..bar(0, 1.0) })).0, BarFault::Range);
    assert_eq!(fault(push(&mut live, Bar { open_time: Ts(i64::MIN), ..bar(0, 1.0) })).0, BarFault::Range);
    assert_eq!(fault(push(&mut live, bar(100_000_000, 1.0))), (BarFault::Far, 11));
    let step = |live: &mut Live, minute: i64, bars: &[Bar]| {
        let bars: Vec<(FrameId, Bar)> = bars.iter().map(|b| (frame(), *b)).collect();
        live.step(Ts(minute * 60_000), &bars, &mut [], &mut Nowhere)
    };
    assert_eq!(fault(step(&mut live, 13, &[bar(10, 5.0)])), (BarFault::Order, 10));
    assert_eq!(fault(step(&mut live, 14, &[bar(12, 5.0), bar(11, 5.0)])), (BarFault::Order, 11));
    assert_eq!(fault(step(&mut live, 12, &[bar(12, 5.0)])), (BarFault::Open, 12));
    assert!(matches!(step(&mut live, 11, &[]), Err(EngineError::Instant { .. })));
    assert!(matches!(
        live.step(Ts(12 * 60_000), &[(FrameId::new(7), bar(11, 1.0))], &mut [], &mut Nowhere),
        Err(EngineError::NotASource(_))
    ));
    assert_eq!(live.snapshot(), before);
    let done = step(&mut live, 14, &[bar(12, 7.0)]).expect("in order");
    assert_eq!((done.bars, done.gap_rows, done.rows), (1, 2, 3), "minute 11 between bars, minute 13 by the instant");
}

#[test]
fn halt_refuses_a_gap_between_bars_and_before_the_instant() {
    let plan = small(Gap::Halt);
    let engine = Engine::new(&plan, &all_columns(&plan)).expect("the test's plan");
    let mut live = Live::new(&engine, 4);
    live.push(frame(), &bar(10, 5.0), &mut [], &mut Nowhere).expect("the first bar");
    assert_eq!(fault(live.push(frame(), &bar(12, 5.0), &mut [], &mut Nowhere)), (BarFault::Missing, 11));
    assert_eq!(fault(live.step(Ts(12 * 60_000), &[], &mut [], &mut Nowhere)), (BarFault::Missing, 11));
    live.push(frame(), &bar(11, 5.0), &mut [], &mut Nowhere).expect("the missing bar");
}

#[test]
fn the_panel_refuses_the_same_bars() {
    let run = |gap: Gap, bars: &[Bar]| {
        let plan = small(gap);
        let engine = Engine::new(&plan, &all_columns(&plan)).expect("the test's plan");
        let bars = [(frame(), bars)];
        let inputs = [PanelInput { symbol_index: 4, bars: &bars }];
        let mut columns = Columns::new(&engine);
        let live_bars = vec![(frame(), bars[0].1.to_vec())];
        let reference = interpret(&plan, 4, &slices(&live_bars), None, &mut [], Ask::All).map(|_| ());
        let panel = run_panel(&engine, &inputs, &Vec::new, PanelOptions::default(), &mut columns, &mut |_, _| {});
        (fault(panel), fault(reference).0)
    };
    let off = Bar { open_time: Ts(12 * 60_000 + 500), ..bar(12, 1.0) };
    let both = |fault: BarFault, minute: i64| ((fault, minute), fault);
    assert_eq!(run(Gap::Halt, &[bar(10, 5.0), bar(12, 6.0)]), both(BarFault::Missing, 11));
    assert_eq!(run(Gap::Null, &[bar(10, 5.0), off, bar(14, 6.0)]), both(BarFault::Misaligned, 12));
    assert_eq!(run(Gap::Null, &[bar(10, 5.0), bar(11, 5.0), bar(11, 6.0), bar(14, 6.0)]), both(BarFault::Order, 11));
    assert_eq!(run(Gap::Null, &[bar(10, 5.0), bar(19, 5.0), bar(14, 6.0)]).0.0, BarFault::Order);
    assert_eq!(run(Gap::Null, &[bar(19, 5.0), bar(14, 6.0)]).0.0, BarFault::Order);
}

#[test]
fn two_sources_wait_for_each_other_by_the_instant() {
    // A 1m driver joins a 5m source that comes a little later; the instant is what tells that nothing is missing.
    let mut g = Graph::new();
    let (a, b) = (FrameId::new(0), FrameId::new(1));
    let slow = g.push(b, Op::Input(Field::Close));
    let joined = g.push(a, Op::AsOf { x: slow });
    let plan = plan(vec![source("a", "1m", Gap::Null), source("b", "5m", Gap::Null)], &g, Vec::new(), &[joined], 0.5);
    let a_bars: Vec<Bar> = (0..12).filter(|k| *k != 10).map(|k| bar(k, k as f64)).collect();
    let b_bars = vec![bar(0, 100.0), bar(5, 200.0)];
    let table = run_live(&plan, &all_columns(&plan), 0, &vec![(a, a_bars), (b, b_bars)]);
    let got: Vec<f64> = cells(&table).into_iter().map(|c| c[0]).collect();
    let n = NULL;
    // The bar of 0:00 to 0:05 is known to the driver's row that closes at 0:05, row 4.
    let want = [n, n, n, n, 100.0, 100.0, 100.0, 100.0, 100.0, 200.0, 200.0, 200.0];
    assert_eq!(bits(&got), bits(&want));
}

/// An hour of four quarters with one missing: without a bar that the venue does not have it is the venue's own hour,
/// without a bar that could not be had it is null, and so is the day that holds it. Also through a snapshot.
#[test]
fn a_bar_that_could_not_be_had_makes_the_rows_above_it_null() {
    let (quarter, hour, day) = (FrameId::new(0), FrameId::new(1), FrameId::new(2));
    let mut g = Graph::new();
    let x = g.push(quarter, Op::Input(Field::Volume));
    let sum = |g: &mut Graph, frame, x| {
        g.push(frame, Op::Aggregate { x, how: Aggregate::Sum, incomplete: Incomplete::Partial })
    };
    let hourly = sum(&mut g, hour, x);
    let daily = sum(&mut g, day, hourly);
    let frames = vec![source("q", "15m", Gap::Null), resample("h", "1h", 0), resample("d", "1d", 1)];
    let plan = plan(frames, &g, Vec::new(), &[hourly, daily], 0.5);
    let engine = Engine::new(&plan, &all_columns(&plan)).expect("the plan runs");
    let missing = 5; // the second quarter of the second hour
    for (unrepaired, through_snapshot) in [(false, false), (true, false), (true, true)] {
        let mut live = Live::new(&engine, 0);
        let mut rows = Rows(Vec::new());
        for row in 0..96 {
            let bar = Bar::ohlcv(Ts(row * 900_000), 1.0, 1.0, 1.0, 1.0, 10.0);
            let bars: Vec<_> = if row == missing { Vec::new() } else { vec![(quarter, bar)] };
            if row == missing && unrepaired {
                live.unrepaired(quarter, row);
            }
            live.step(Ts((row + 1) * 900_000), &bars, &mut [], &mut rows).expect("in order");
            if row == missing && through_snapshot {
                live = Live::restore(&engine, &live.snapshot()).expect("its own snapshot");
            }
        }
        let of = |frame: FrameId, n: usize| rows.0.iter().filter(|r| r.0 == frame).nth(n).expect("a row").1;
        assert_eq!(of(hour, 0), 40.0);
        assert_eq!(of(hour, 1).is_nan(), unrepaired);
        assert!(unrepaired || of(hour, 1) == 30.0);
        assert_eq!(of(day, 0).is_nan(), unrepaired);
        assert!(unrepaired || of(day, 0) == 950.0);
    }
}

/// The first cell of every row, with its frame.
struct Rows(Vec<(FrameId, f64)>);

impl sigc_engine::RowSink for Rows {
    fn row(&mut self, frame: FrameId, _: Ts, cells: &[f64], _: sigc_engine::Warm<'_>) {
        self.0.push((frame, cells[0]));
    }
}
