//! The derived lookback, against brute force: exactly enough history gives the value of any longer one, and with one
//! bar less of any source there is none.

use crate::world::*;
use sigc_engine::{Engine, Live, Warmth};
use sigc_market::{Field, Interval, Ts};
use sigc_plan::lookback::{Oldest, Until};
use sigc_plan::*;

const STRICT: Shape = Shape { nodes: 12, finite: true, strict: true, models: false, cross: false };

/// The signal's newest row by `at`, and whether it is warm, from histories that begin at the given rows.
fn newest(plan: &Plan, bars: &History, starts: &[(FrameId, i64)], at: Ts) -> Option<(f64, bool)> {
    let cut: History = starts
        .iter()
        .map(|(f, start)| {
            let every = plan.frame(*f).interval;
            let (_, all) = bars.iter().find(|(frame, _)| frame == f).expect("every source has bars");
            let from = all.partition_point(|b| b.open_time < every.open_of(*start));
            let to = all.partition_point(|b| every.close_of(every.index_of(b.open_time)) <= at);
            (*f, all[from..to.max(from)].to_vec())
        })
        .collect();
    let signal = &plan.signals[0];
    let table = run_live(plan, &plan.signal_columns(), 0, &cut);
    let frame = plan.frame_of(signal);
    let (cells, warm) = table.get(&(frame.index(), plan.frame(frame).interval.last_closed(at)))?;
    Some((f64::from_bits(cells[0]), warm[0]))
}

/// Long histories of all sources, ending at `at`, and where the need begins in each that is needed.
fn histories(dice: &mut Dice, plan: &Plan, oldest: &Oldest, at: Ts) -> (History, Vec<(FrameId, i64)>) {
    let needed: Vec<(FrameId, i64)> =
        plan.sources.iter().filter_map(|s| Some((s.frame, oldest.frame(s.frame)?))).collect();
    let interval = |f: FrameId| plan.frame(f).interval;
    let first = needed.iter().map(|(f, lo)| interval(*f).open_of(*lo)).min().expect("a source is needed");
    // A day and 40 rows more than needed.
    let bars = needed.iter().map(|&(f, _)| {
        let from = interval(f).index_of(Ts(first.0 - 86_400_000)) - 40;
        (f, random_bars(dice, interval(f), from, interval(f).last_closed(at) + 1, CALM))
    });
    (bars.collect(), needed)
}

/// A random instant at which some row of a needed frame closes.
fn random_instant(dice: &mut Dice, plan: &Plan) -> Ts {
    let finest: Interval = plan.frames.iter().map(|f| f.interval).min_by_key(|i| i.max_millis()).expect("a frame");
    finest.close_of(dice.below(40_000) as i64 - 10_000)
}

#[test]
fn lookback_is_neither_short_nor_long() {
    let (mut there, mut fell) = (0, 0);
    for seed in 0..400 {
        let mut dice = Dice::new(20_000 + seed);
        let plan = if seed < 12 { monthly(&mut dice) } else { random_plan(&mut dice, STRICT) };
        for _ in 0..2 {
            let at = random_instant(&mut dice, &plan);
            let oldest = plan.structure().oldest(&plan.roots(), at, Until::FirstValue);
            let (bars, needed) = histories(&mut dice, &plan, &oldest, at);
            let what = format!("seed {seed} at {at}");
            let long: Vec<(FrameId, i64)> = needed.iter().map(|(f, lo)| (*f, lo - 37)).collect();
            let (want, _) = newest(&plan, &bars, &long, at).expect("a long history has the row");
            let (got, warm) = newest(&plan, &bars, &needed, at).expect("the need has the row");
            assert_eq!(got.to_bits(), want.to_bits(), "{what}: {got} instead of {want}\n{plan}");
            assert!(warm, "{what}: not warm\n{plan}");
            there += usize::from(!want.is_nan());
            for short in 0..needed.len() {
                let mut starts = needed.clone();
                starts[short].1 += 1;
                if let Some((x, warm)) = newest(&plan, &bars, &starts, at) {
                    assert!(x.is_nan() && !warm, "{what}: {x} with a bar less of {}\n{plan}", starts[short].0);
                }
                fell += 1;
            }
        }
    }
    assert!(there > 500 && fell > 800, "{there} values, {fell} shortened histories");
}

/// Days and months from twelve-hour bars.
fn monthly(dice: &mut Dice) -> Plan {
    let frames = vec![source("h", "12h", Gap::Null), resample("d", "1d", 0), resample("m", "1M", 1)];
    let (hours, days, months) = (FrameId::new(0), FrameId::new(1), FrameId::new(2));
    let mut g = Graph::new();
    let x = g.push(hours, Op::Input(Field::Close));
    let n = 1 + dice.below(5) as u32;
    let x = g.on(hours).mean(x, n);
    let last = |x| Op::Aggregate { x, how: Aggregate::Last, incomplete: Incomplete::Partial };
    let daily = g.push(days, last(x));
    let change = g.on(days).rocp(daily, n);
    let monthly = g.push(months, last(change));
    let mean = g.on(months).mean(monthly, 1 + dice.below(4) as u32);
    let joined = g.push(hours, Op::AsOf { x: mean });
    let v = g.on(hours).mean(joined, n);
    plan(frames, &g, Vec::new(), &[dice.pick(&[v, mean])], 0.05)
}

#[test]
fn a_smoother_is_settled_exactly_when_it_says_so() {
    for seed in 0..120 {
        let mut dice = Dice::new(40_000 + seed);
        let hour = dice.chance(0.5);
        let frames = vec![source("a", "15m", Gap::Null), resample("h", "1h", 0)];
        let mut g = Graph::new();
        let mut x = g.push(FrameId::new(0), Op::Input(Field::Close));
        if hour {
            x = g.push(FrameId::new(1), Op::Aggregate { x, how: Aggregate::Last, incomplete: Incomplete::Partial });
        }
        let on = FrameId::new(usize::from(hour));
        let before = 1 + dice.below(6) as u32;
        let input = g.on(on).mean(x, before);
        let n = 1 + dice.below(15) as u32;
        let alpha = F64(if dice.chance(0.5) { 2.0 / (f64::from(n) + 1.0) } else { 1.0 / f64::from(n) });
        let smooth = g.push(on, Op::Smooth { x: input, alpha, seed: n, skip: dice.pick(&[0, 3]) });
        let v = g.on(on).lag(smooth, dice.below(3) as u32);
        let tolerance = dice.pick(&[1e-2, 1e-4, 1e-9]);
        let plan = plan(frames, &g, Vec::new(), &[v], tolerance);
        let at = random_instant(&mut dice, &plan);
        let oldest = plan.structure().oldest(&plan.roots(), at, Until::Settled);
        let (bars, needed) = histories(&mut dice, &plan, &oldest, at);
        let all: Vec<(FrameId, i64)> = needed.iter().map(|(f, _)| (*f, -1_000_000_000)).collect();
        let (want, _) = newest(&plan, &bars, &all, at).expect("a long history has the row");
        let (got, warm) = newest(&plan, &bars, &needed, at).expect("the need has the row");
        let closes = || bars[0].1.iter().map(|b| b.get(Field::Close));
        let range = closes().fold(f64::MIN, f64::max) - closes().fold(f64::MAX, f64::min);
        assert!((got - want).abs() <= tolerance * range, "seed {seed}: {got}, {want}, range {range}");
        assert!(warm, "seed {seed}: not warm with what it needs\n{plan}");
        let shorter: Vec<(FrameId, i64)> = needed.iter().map(|(f, lo)| (*f, lo + 1)).collect();
        let (_, warm) = newest(&plan, &bars, &shorter, at).unwrap_or((0.0, false));
        assert!(!warm, "seed {seed}: warm a bar early\n{plan}");
    }
}

#[test]
fn nulls_among_its_inputs_delay_a_smoother_and_the_report_counts_down() {
    let f = FrameId::new(0);
    let mut g = Graph::new();
    let x = g.push(f, Op::Input(Field::Close));
    // Two smoothers in a row: 3 + 4 inputs each at a tolerance of 1/16.
    let op = |x| Op::Smooth { x, alpha: F64(0.5), seed: 3, skip: 0 };
    let inner = g.push(f, op(x));
    let outer = g.push(f, op(inner));
    let plan = plan(vec![source("bars", "1m", Gap::Null)], &g, Vec::new(), &[outer], 0.0625);
    let engine = Engine::new(&plan, &all_columns(&plan)).expect("the test's plan");
    let every = plan.frames[0].interval;
    let mut live = Live::new(&engine, 0);
    assert_eq!(live.warmth(), Warmth::NotStarted);
    let mut rows = Rows { plan: &plan, table: Table::new() };
    let mut dice = Dice::new(3);
    let missing = [2, 5, 9];
    let bars = random_bars(&mut dice, every, 100, 130, CALM);
    let mut reports = Vec::new();
    for (k, bar) in bars.iter().enumerate() {
        if !missing.contains(&k) {
            live.push(f, bar, &mut [], &mut rows).expect("in order");
            reports.push((k, live.warmth()));
        }
    }
    // The inner one has taken 7 inputs at row 8 (two are missing); the outer takes its first settled one there and
    // its seventh at row 15 (one more is missing).
    let warm_from = rows.table.iter().find(|(_, (_, warm))| warm.last() == Some(&true)).map(|((_, row), _)| *row - 100);
    assert_eq!(warm_from, Some(15));
    assert_eq!(reports[0], (0, Warmth::Needs(12)), "13 rows without a null, one is there");
    assert!(reports.windows(2).all(|w| match (w[0].1, w[1].1) {
        (Warmth::Needs(a), Warmth::Needs(b)) => b <= a,
        (a, b) => b == Warmth::Ready || a == b,
    }));
    for (k, report) in reports {
        assert_eq!(report == Warmth::Ready, k >= 15, "row {k}: {report:?}");
    }
}

/// Columns wait each for itself, whatever the others of the frame and of the plan wait for.
#[test]
fn a_fast_column_does_not_wait_for_a_slow_one() {
    let (quarter, hour) = (FrameId::new(0), FrameId::new(1));
    let mut g = Graph::new();
    let x = g.push(quarter, Op::Input(Field::Close));
    let last = g.push(hour, Op::Aggregate { x, how: Aggregate::Last, incomplete: Incomplete::Partial });
    let fast = g.on(quarter).mean(x, 3);
    let slower = g.on(quarter).mean(x, 9);
    let slow = g.on(hour).mean(last, 4);
    let frames = vec![source("q", "15m", Gap::Null), resample("h", "1h", 0)];
    let plan = plan(frames, &g, Vec::new(), &[fast, slower, slow], 0.5);
    let engine = Engine::new(&plan, &all_columns(&plan)).expect("the test's plan");
    let [fast, slower, slow] = [0, 1, 2].map(ColumnId::new);
    let mut live = Live::new(&engine, 0);
    let mut rows = Rows { plan: &plan, table: Table::new() };
    let mut dice = Dice::new(8);
    for (k, bar) in random_bars(&mut dice, plan.frames[0].interval, 0, 20, CALM).iter().enumerate() {
        live.push(quarter, bar, &mut [], &mut rows).expect("in order");
        let needs = |n: usize| if k + 1 >= n { Warmth::Ready } else { Warmth::Needs((n - k - 1) as i64) };
        assert_eq!(live.warmth_of(&[fast]), needs(3), "row {k}");
        assert_eq!(live.warmth_of(&[slower]), needs(9), "row {k}");
        // The fourth hour closes with the sixteenth quarter.
        let hours = (k + 1) / 4;
        let want = if hours >= 4 { Warmth::Ready } else { Warmth::Needs(4 - hours as i64) };
        assert_eq!(live.warmth_of(&[slow]), want, "row {k}");
        assert_eq!(live.warmth() == Warmth::Ready, k + 1 >= 16, "row {k}");
    }
    for ((frame, row), (_, warm)) in &rows.table {
        let want = if *frame == 0 { vec![*row >= 2, *row >= 8] } else { vec![*row >= 3] };
        assert_eq!(*warm, want, "frame {frame}, row {row}");
    }
}
