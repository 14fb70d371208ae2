//! The plans of the simulation over recorded bars: a replay gives the rows that live runs are held to, and verification
//! finds no difference.

use crate::check::{Expected, Reference, ReferenceRow};
use crate::plans;
use crate::truth::Truth;
use sigc_engine::reference::{Ask, interpret_universe};
use sigc_engine::{Engine, Live};
use sigc_market::{Bar, Ts};
use sigc_plan::FrameId;
use sigc_runtime::live::retry::SplitMix;
use sigc_runtime::replay::{Feed, Replay, SinkSlot, replay};
use sigc_runtime::verify::{Options, SymbolBars, verify};
use sigc_runtime::{Record, Sink, SinkError, Subscription, Written};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const START: Ts = Ts(1_735_689_600_000);
const ROWS: i64 = 240;

/// Keeps what it gets.
struct Kept(Arc<Mutex<Vec<Record>>>);

impl Sink for Kept {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        self.0.lock().expect("nobody panics with it").extend_from_slice(rows);
        Ok(Written { new: rows.len(), ..Written::default() })
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
    fn close(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }
    fn describe(&self) -> String {
        "kept".into()
    }
}

/// Bars with gaps, by source and symbol; a source has none of symbols that it lacks.
fn recorded(engine: &Engine, seed: u64) -> Vec<(FrameId, Vec<Vec<Bar>>)> {
    let plan = engine.plan();
    let mut rng = SplitMix(seed);
    let mut of = |source: &sigc_plan::Source| {
        let interval = plan.frame(source.frame).interval;
        let (first, last) = (interval.index_of(START), interval.index_of(Ts(START.0 + ROWS * 60_000)));
        let bars = |symbol: &sigc_market::Symbol| {
            if !source.symbols.contains(symbol) {
                return Vec::new();
            }
            Truth::new(&mut rng, interval, first, last, true).rows.into_iter().flatten().collect()
        };
        (source.frame, plan.symbols().iter().map(bars).collect())
    };
    plan.sources.iter().map(&mut of).collect()
}

/// What each sink is to get: by close, symbol and signal. Of one symbol all instants are taken that any of its bars
/// closes at, as the live driver does.
fn expected(engine: &Engine, bars: &[(FrameId, Vec<Vec<Bar>>)]) -> BTreeMap<(Ts, usize, u16), Vec<u64>> {
    let plan = engine.plan();
    let mut rows = BTreeMap::new();
    let mut universe = engine.is_over_universe().then(|| defined(engine, bars)).into_iter().flatten();
    for symbol in 0..plan.symbols().len() {
        let mut instants: BTreeMap<Ts, Vec<(FrameId, Bar)>> = BTreeMap::new();
        for (frame, by_symbol) in bars {
            let interval = plan.frame(*frame).interval;
            for bar in &by_symbol[symbol] {
                let close = interval.close_of(interval.index_of(bar.open_time));
                instants.entry(close).or_default().push((*frame, *bar));
            }
        }
        let (mut live, mut reference) = (Live::new(engine, symbol), Reference(Vec::new()));
        if let Some(defined) = universe.next() {
            reference.0 = defined;
        } else {
            for (at, due) in instants {
                live.step(at, &due, &mut [], &mut reference).expect("in order");
            }
        }
        for row in &reference.0 {
            for (s, signal) in plan.signals.iter().enumerate().filter(|(_, s)| plan.frame_of(s) == row.frame) {
                if let Expected::Value(cells) = row.expected(engine, signal) {
                    let interval = plan.frame(row.frame).interval;
                    let close = interval.close_of(interval.index_of(row.open));
                    rows.insert((close, symbol, s as u16), cells.iter().map(|x| x.to_bits()).collect());
                }
            }
        }
    }
    rows
}

/// The rows of symbols that are ranked against each other, by the definition of their ops.
fn defined(engine: &Engine, bars: &[(FrameId, Vec<Vec<Bar>>)]) -> Vec<Vec<ReferenceRow>> {
    let plan = engine.plan();
    let of = |s: usize| bars.iter().map(|(f, by_symbol)| (*f, by_symbol[s].as_slice())).collect::<Vec<_>>();
    let symbols: Vec<Vec<(FrameId, &[Bar])>> = (0..plan.symbols().len()).map(of).collect();
    let symbols: Vec<&[(FrameId, &[Bar])]> = symbols.iter().map(Vec::as_slice).collect();
    let all = interpret_universe(plan, &symbols, None, &mut [], Ask::Warm).expect("sound bars");
    let rows = |r: &sigc_engine::reference::Reference| {
        let mut rows = Vec::new();
        for frame in (0..plan.frames.len()).map(FrameId::new) {
            let outputs = engine.outputs().iter().map(|c| plan.column(*c)).filter(|c| c.frame == frame);
            let values: Vec<_> = outputs.map(|c| c.value).collect();
            let Some((first, n)) = r.rows(frame) else { continue };
            rows.extend((0..n).map(|k| {
                let row = first + k as i64;
                ReferenceRow {
                    frame,
                    open: plan.frame(frame).interval.open_of(row),
                    cells: values.iter().map(|v| r.value(*v)[k]).collect(),
                    warm: values.iter().map(|v| r.settled_first(*v).is_some_and(|from| row >= from)).collect(),
                }
            }));
        }
        rows
    };
    all.iter().map(rows).collect()
}

#[test]
fn a_replay_gives_each_signal_its_rows_in_order() {
    for seed in 0..60 {
        let engine = plans::engine(seed as usize % plans::N_PLANS, 3);
        let (plan, bars) = (engine.plan(), recorded(&engine, seed));
        let symbols = plan.symbols();
        let mut feeds = Vec::new();
        for (frame, by_symbol) in &bars {
            feeds.extend(by_symbol.iter().enumerate().map(|(symbol, bars)| Feed { symbol, frame: *frame, bars }));
        }
        let all: Vec<Subscription> = plan
            .signals
            .iter()
            .enumerate()
            .map(|(i, s)| Subscription { signal: i as u16, extra: (0..s.extra.len()).collect() })
            .collect();
        // The second sink gets the last signal only, without its further columns.
        let last = vec![Subscription { signal: all.len() as u16 - 1, extra: Vec::new() }];
        let kept = [Arc::default(), Arc::default()];
        let mut sinks: Vec<SinkSlot> = kept
            .iter()
            .zip([all, last])
            .map(|(kept, subscriptions)| SinkSlot {
                sink: Box::new(Kept(Arc::clone(kept))),
                subscriptions,
                written: Written::default(),
            })
            .collect();
        let what = Replay { plan, engine: &engine, symbols: &symbols, feeds: &feeds, until: None };
        let summary = replay(&what, &mut [], &mut sinks, &mut |_, _| {}).expect("sound bars");
        let key = |r: &Record| (r.ts, symbols.iter().position(|s| *s == r.symbol).expect("a symbol"), r.signal);
        let cells = |r: &Record| [r.value].iter().chain(&r.extra).map(|x| x.to_bits()).collect::<Vec<_>>();
        let got = kept[0].lock().expect("nobody panics with it");
        let want = expected(&engine, &bars);
        assert!(want.len() > 100, "seed {seed}: {} rows", want.len());
        let pairs: Vec<_> = got.iter().map(|r| (key(r), cells(r))).collect();
        assert_eq!(pairs, want.into_iter().collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(summary.emitted(), got.len() as u64);
        let one = kept[1].lock().expect("nobody panics with it");
        let of_last: Vec<_> = got.iter().map(key).filter(|k| usize::from(k.2) == plan.signals.len() - 1).collect();
        assert_eq!(one.iter().map(key).collect::<Vec<_>>(), of_last);
        assert!(one.iter().all(|r| r.extra.is_empty()));
    }
}

#[test]
fn verification_covers_every_signal() {
    for plan in 0..plans::N_PLANS {
        let engine = plans::engine(plan, 3);
        let bars = recorded(&engine, 70 + plan as u64);
        let symbols: Vec<SymbolBars<'_>> = (0..engine.plan().symbols().len())
            .map(|s| bars.iter().map(|(f, b)| (*f, b[s].as_slice())).collect())
            .collect();
        let options = Options { splits: 6, restarts: 60, seed: 5, threads: 1 };
        let report = verify(engine.plan(), &symbols, &Vec::new, options, &mut |_, _, _| {}).expect("sound bars");
        assert_eq!(report.differing(), 0, "plan {plan}: {report:#?}");
        let restarts = |name: &str| report.checks.iter().find(|c| c.name == name).map_or(0, |c| c.runs);
        assert!(restarts("restarts from exactly the needed bars") >= 50, "plan {plan}: {report:#?}");
    }
}
