//! Every recorded column whose feature is in the library, and the recorded chains of features.

use super::files::{Table, Tally, folder, manifest};
use crate::args::written;
use crate::run;
use serde_json::Value as Json;
use sigc_catalog::Feature;
use sigc_library::features::FEATURES;
use sigc_market::{Field, Interval};
use sigc_plan::lookback::{Structure, Until};
use sigc_plan::{FrameId, Graph, Node, Op, ValueId, WindowFn};

const FILE: &str = "features_5m.csv.gz";
/// What the file holds for this library: columns times symbols, and their cells.
const COLUMNS: usize = 940;
const CELLS: usize = 376_000;
const CHAINS: usize = 5;

fn frame() -> FrameId {
    FrameId::new(0)
}

fn five_minutes() -> Interval {
    Interval::new(5, 'm').expect("five minutes divide the day")
}

fn field(graph: &mut Graph, name: &str) -> ValueId {
    graph.push(frame(), Op::Input(Field::from_name(name).expect("a bar has such a field")))
}

/// The entry's parameters as they would be written.
fn params(entry: &Json) -> Vec<(String, String)> {
    let params = entry["params"].as_object().expect("a map");
    let text = |v: &Json| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    params.iter().map(|(k, v)| (k.clone(), text(v))).collect()
}

/// The value of one recorded column.
fn build(graph: &mut Graph, f: &Feature, entry: &Json) -> ValueId {
    let params = params(entry);
    let args = written(f, params.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    // By name where the feature names its roles after the bar's fields, else in the recorded order: x, y.
    let recorded: Vec<&str> = entry["inputs"].as_array().expect("a list").iter().filter_map(Json::as_str).collect();
    let by_name = f.roles.iter().all(|r| recorded.contains(&r.name));
    let names: Vec<&str> = if by_name { f.roles.iter().map(|r| r.name).collect() } else { recorded };
    assert_eq!(names.len(), f.roles.len(), "`{}` reads {names:?}", f.info.name);
    let values = names.into_iter().map(|name| field(graph, name)).collect();
    let made = run::build(graph, frame(), f, &args, values);
    made[f.outputs.iter().position(|o| entry["output"] == o.name).expect("the feature has the output")]
}

/// The recorded chains with their windows 14, 5 and 30, as compositions of features.
fn build_chain(graph: &mut Graph, entry: &Json) -> ValueId {
    let w: Vec<u32> =
        entry["params"]["w"].as_array().expect("a list").iter().map(|w| w.as_u64().unwrap() as u32).collect();
    let (close, volume) = (field(graph, "close"), field(graph, "volume"));
    let (high, low) = (field(graph, "high"), field(graph, "low"));
    let mut one = |name: &str, pairs: &[(&str, &str)], values: &[ValueId]| {
        let f = run::feature(name).expect("the library has it");
        run::build(graph, frame(), f, &written(f, pairs.iter().copied()), values.to_vec())[0]
    };
    let (w0, w1) = (w[0].to_string(), w[1].to_string());
    match entry["output"].as_str().expect("a name") {
        "sma_of_rsi" => {
            let rsi = one("features.rsi", &[("window", &w0)], &[close]);
            one("features.sma", &[("window", &w1)], &[rsi])
        }
        "zscore_of_diff" => {
            let diff = one("features.diff", &[("window", &w0)], &[close]);
            one("features.zscore", &[("window", &w1)], &[diff])
        }
        "corr_of_rocp_and_logvol" => {
            let change = one("features.rocp", &[], &[close]);
            let traded = one("features.log_return", &[("window", "2")], &[volume]);
            one("features.corr", &[("window", &w1)], &[change, traded])
        }
        "max_of_sma_minus_lag" => {
            let sma = one("features.sma", &[("window", &w0)], &[close]);
            let mut g = graph.on(frame());
            let (max, before) = (g.window(WindowFn::Max, sma, w[1]), g.lag(close, w[2]));
            g.sub(max, before)
        }
        "ema_of_level" => {
            let level = one("features.level", &[("window", &w0), ("kind", "support")], &[high, low, close]);
            one("features.ema", &[("window", &w1)], &[level])
        }
        other => panic!("an unknown chain `{other}`"),
    }
}

/// The recorded columns that this library can compute, as one plan.
fn recorded() -> (Vec<Json>, Graph, Vec<ValueId>) {
    let mut graph = Graph::new();
    let (mut entries, mut values) = (Vec::new(), Vec::new());
    for entry in manifest(FILE) {
        let name = entry["feature"].as_str().expect("a name");
        let value = match (name, run::feature(name)) {
            ("chain", _) => build_chain(&mut graph, &entry),
            (_, Some(f)) => build(&mut graph, f, &entry),
            _ => continue,
        };
        entries.push(entry);
        values.push(value);
    }
    (entries, graph, values)
}

#[test]
fn values_and_nulls_are_the_recorded_ones() {
    if folder().is_none() {
        return;
    }
    let (entries, graph, values) = recorded();
    assert_eq!(entries.iter().filter(|e| e["feature"] == "chain").count(), CHAINS);
    let plan = run::plan(vec![run::source(five_minutes())], &graph, &values);
    let (bars, want) = (Table::read("inputs/bars_5m.csv.gz"), Table::read(&format!("expected/{FILE}")));
    let mut tally = Tally::default();
    for symbol in bars.symbols() {
        let result = run::run(&plan, &bars.bars(&symbol));
        let (first, _) = result.rows(frame()).expect("there are bars");
        for (entry, &value) in entries.iter().zip(&values) {
            let want = want.column(&symbol, entry["column"].as_str().expect("a name"));
            let cells = result.value(value);
            tally.compare(entry, &symbol, &want, |ts| {
                cells.get(usize::try_from(five_minutes().index_of(ts) - first).ok()?).copied()
            });
        }
    }
    let recorded = |f: &&&Feature| entries.iter().any(|e| e["feature"] == f.info.name);
    let missing: Vec<&str> = FEATURES.iter().filter(|f| !recorded(f)).map(|f| f.info.name).collect();
    assert!(missing.is_empty(), "nothing is recorded for {missing:?}");
    println!("{} features, each with recorded values", FEATURES.len());
    tally.finish("features", COLUMNS, CELLS);
}

/// Also for macd: its slow average settles within 270 rows, and what is hidden before the signal line's first row
/// counts as lookback, so the sum is the recorded one.
#[test]
fn lookback_settle_and_tier_are_the_recorded_ones() {
    if folder().is_none() {
        return;
    }
    let (entries, graph, values) = recorded();
    let nodes: Vec<Node> = graph.nodes().copied().collect();
    let frames = [run::source(five_minutes())];
    let structure = Structure { frames: &frames, nodes: &nodes, models: &[], tolerance: run::TOLERANCE };
    let mut settled = 0;
    for (entry, &value) in entries.iter().zip(&values) {
        let column = &entry["column"];
        let lookback = entry["lookback"].as_i64().expect("a count");
        assert_eq!(structure.lookback(value, Until::FirstValue), lookback, "{column}: lookback");
        assert_eq!(structure.tier(value).name(), entry["tier"], "{column}: tier");
        // The chains' settle counts are not recorded.
        if let Some(settle) = entry["settle_1e9"].as_i64() {
            settled += i64::from(settle > 0);
            assert_eq!(structure.lookback(value, Until::Settled), lookback + settle, "{column}: settle");
        }
    }
    println!("lookbacks of {} columns, {settled} of them recursive", entries.len());
    assert!(settled > 10, "recursive columns are among the recorded ones");
}
