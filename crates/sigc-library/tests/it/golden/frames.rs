//! Resampled and joined frames: the ops that the two transforms become, put together by hand.

use super::files::{Table, Tally, folder, manifest};
use crate::args::written;
use crate::run;
use serde_json::Value as Json;
use sigc_market::{Bar, Field, Interval, Ts};
use sigc_plan::{Aggregate, Frame, FrameId, Graph, Incomplete, Label, Op, Origin, Plan, Row2, ValueId};
use std::collections::HashMap;

/// Columns times symbols of the two files, and their cells.
const RESAMPLED: (usize, usize) = (65, 2_145);
const ALIGNED: (usize, usize) = (15, 5_994);

/// Holds a 1 in every bar of the file: a recorded row counts even if all its cells are null. Nothing else here reads
/// this field.
const LISTED: Field = Field::Trades;

fn fine() -> FrameId {
    FrameId::new(0)
}

fn coarse() -> FrameId {
    FrameId::new(1)
}

fn five_minutes() -> Interval {
    Interval::new(5, 'm').expect("five minutes divide the day")
}

fn plan(graph: &Graph, outputs: &[ValueId]) -> Plan {
    let hours = Frame {
        name: "hours".into(),
        interval: run::hour(),
        origin: Origin::Resample { of: fine() },
        label: Label::Close,
    };
    run::plan(vec![run::source(five_minutes()), hours], graph, outputs)
}

fn aggregate(graph: &mut Graph, field: Field, how: Aggregate, incomplete: Incomplete) -> ValueId {
    let x = graph.push(fine(), Op::Input(field));
    graph.push(coarse(), Op::Aggregate { x, how, incomplete })
}

/// The three features recorded on hourly closes.
fn on_closes(graph: &mut Graph, close: ValueId, column: &str) -> ValueId {
    let (name, pairs): (&str, &[(&str, &str)]) = match column {
        "rsi_6" => ("features.rsi", &[("window", "6")]),
        "sma_5" => ("features.sma", &[("window", "5")]),
        "ma_rocp_5_1_10" => ("features.ma_rocp", &[("window", "5"), ("rocp_factor", "10")]),
        other => panic!("an unknown column `{other}`"),
    };
    let f = run::feature(name).expect("the library has it");
    run::build(graph, coarse(), f, &written(f, pairs.iter().copied()), vec![close])[0]
}

fn bars_of(table: &Table, symbol: &str) -> Vec<Bar> {
    let mut bars = table.bars(symbol);
    bars.iter_mut().for_each(|bar| bar.values[LISTED.index()] = 1.0);
    bars
}

/// How the bucket's cell of a field is made.
fn how(field: Field) -> Aggregate {
    match field {
        Field::Open => Aggregate::First,
        Field::High => Aggregate::Max,
        Field::Low => Aggregate::Min,
        Field::Close => Aggregate::Last,
        _ => Aggregate::Sum,
    }
}

fn build(graph: &mut Graph, column: &str) -> ValueId {
    if let Some(field) = Field::from_name(column) {
        return aggregate(graph, field, how(field), Incomplete::Partial);
    }
    match column {
        "rows" => aggregate(graph, LISTED, Aggregate::Sum, Incomplete::Partial),
        "complete" => {
            let counts = Field::OHLCV.map(|f| aggregate(graph, f, Aggregate::Count, Incomplete::Partial));
            let least = counts.into_iter().reduce(|a, b| graph.on(coarse()).row2(Row2::Least, a, b));
            let mut g = graph.on(coarse());
            let twelve = g.constant(12.0);
            g.row2(Row2::Eq, least.expect("five fields"), twelve)
        }
        _ => match column.strip_suffix(".strict") {
            None => {
                let close = aggregate(graph, Field::Close, Aggregate::Last, Incomplete::Partial);
                on_closes(graph, close, column)
            }
            Some(column) => {
                // Recorded closes are null where any of the five fields is null in any row of the bucket.
                let all = Field::OHLCV.map(|field| aggregate(graph, field, how(field), Incomplete::Null));
                let sum = all.into_iter().reduce(|a, b| graph.on(coarse()).add(a, b)).expect("five fields");
                let mut g = graph.on(coarse());
                let there = g.row2(Row2::Eq, sum, sum);
                let close = g.push(Op::If(there, all[Field::Close.index()], sum));
                on_closes(graph, close, column)
            }
        },
    }
}

#[test]
fn resampled_rows_are_the_recorded_ones() {
    if folder().is_none() {
        return;
    }
    let mut graph = Graph::new();
    let entries = manifest("resampled.csv.gz");
    let values: Vec<ValueId> =
        entries.iter().map(|e| build(&mut graph, e["column"].as_str().expect("a name"))).collect();
    let plan = plan(&graph, &values);
    let (bars, want) = (Table::read("inputs/bars_5m.csv.gz"), Table::read("expected/resampled.csv.gz"));
    let mut tally = Tally::default();
    for symbol in bars.symbols() {
        let result = run::run(&plan, &bars_of(&bars, &symbol));
        let (first, rows) = result.rows(coarse()).expect("there are whole buckets");
        for (entry, &value) in entries.iter().zip(&values) {
            let want = want.column(&symbol, entry["column"].as_str().expect("a name"));
            let listed = |k: &i64| want.contains_key(&run::hour().open_of(*k));
            assert_eq!((first..first + rows as i64).filter(listed).count(), want.len(), "{symbol}: the same buckets");
            let cells = result.value(value);
            tally.compare(entry, &symbol, &want, |ts| {
                cells.get(usize::try_from(run::hour().index_of(ts) - first).ok()?).copied()
            });
        }
    }
    tally.finish("resampled", RESAMPLED.0, RESAMPLED.1);
}

/// Some hours of the recorded bars have no bar at all. Such an hour's row lies on the grid and holds nulls, so what is
/// joined from it is null; the recorded file lists no such row and joins the one before. Those cells are left out of
/// the comparison and held to be null.
#[test]
fn joined_columns_are_the_recorded_ones() {
    if folder().is_none() {
        return;
    }
    let mut graph = Graph::new();
    // Which bucket is seen follows from the grids; the values are joined.
    let (seen, joined): (Vec<_>, Vec<_>) =
        manifest("aligned.csv.gz").into_iter().partition(|e| e["column"] == "coarse_ts");
    let join = |e: &Json| {
        let x = build(&mut graph, e["column"].as_str().expect("a name"));
        graph.push(fine(), Op::AsOf { x })
    };
    let values: Vec<ValueId> = joined.iter().map(join).collect();
    let plan = plan(&graph, &values);
    let (bars, want) = (Table::read("inputs/bars_5m.csv.gz"), Table::read("expected/aligned.csv.gz"));
    let buckets = Table::read("expected/resampled.csv.gz");
    let (mut tally, mut empty) = (Tally::default(), 0);
    for symbol in bars.symbols() {
        let result = run::run(&plan, &bars_of(&bars, &symbol));
        let (first, _) = result.rows(fine()).expect("there are bars");
        let (first_hour, _) = result.rows(coarse()).expect("there are whole buckets");
        let row = |ts: Ts| five_minutes().index_of(ts);
        let bucket = |ts: Ts| {
            let hour = run::hour().last_closed(five_minutes().close_of(row(ts)));
            (hour >= first_hour).then(|| run::hour().open_of(hour))
        };
        let listed = buckets.column(&symbol, "rows");
        let without_bar = |ts: Ts| bucket(ts).is_some_and(|open| !listed.contains_key(&open));
        for (entry, &value) in joined.iter().zip(&values) {
            let cells = result.value(value);
            let got = |ts: Ts| cells.get(usize::try_from(row(ts) - first).ok()?).copied();
            let (left_out, want): (HashMap<_, _>, HashMap<_, _>) = want
                .column(&symbol, entry["column"].as_str().expect("a name"))
                .into_iter()
                .partition(|(ts, _)| without_bar(*ts));
            tally.compare(entry, &symbol, &want, got);
            empty += left_out.len();
            assert!(left_out.keys().all(|&ts| got(ts).is_some_and(f64::is_nan)), "{} of {symbol}", entry["column"]);
        }
        let mut opens = want.column(&symbol, "coarse_ts");
        opens.retain(|&ts, _| !without_bar(ts));
        tally.compare(&seen[0], &symbol, &opens, |ts| bucket(ts).map(|open| open.0 as f64));
    }
    println!("{empty} cells joined from hours without a bar");
    tally.finish("aligned", ALIGNED.0, ALIGNED.1);
}
