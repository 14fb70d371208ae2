//! Nested models, strategies, events and chains of them, from text to values: history against brute force, and rows
//! that were worked out by hand.

use sigc_catalog::NoFiles;
use sigc_compiler::{Compiled, compile};
use sigc_engine::reference::{Ask, Reference, interpret};
use sigc_engine::{Engine, Live, RowSink};
use sigc_market::{Bar, Interval, Ts};
use sigc_plan::lookback::Until;
use sigc_plan::{ColumnId, FrameId, Plan, SignalKind};

fn plan(text: &str) -> Plan {
    let Compiled { plan, diags, .. } = compile(text, &sigc::catalog::catalog(), &NoFiles);
    plan.unwrap_or_else(|| panic!("{:#?}", diags.sorted()))
}

fn example() -> Plan {
    let path = crate::support::root().join("examples/events.yaml");
    plan(&std::fs::read_to_string(path).expect("the example is there"))
}

/// A pipeline of one source of 15m bars named `q` and hours named `h`; every event goes to a sink.
fn pipeline(steps: &str) -> Plan {
    plan(&format!(
        "name: test
signal_generation:
  mode: stream
  on_event:
    - using: sinks.csv_append
      params: {{path: out.csv, dedup_key: [ts, symbol]}}
pipeline:
  - data:
      using: data.binance_futures
      outputs: {{frame: q}}
      params: {{universe: [BTCUSDT], interval: 15m}}
  - transform:
      using: transforms.resample
      inputs: {{frame: q}}
      outputs: {{frame: h}}
      params: {{target_freq: 1h}}
{steps}"
    ))
}

fn quarter() -> Interval {
    Interval::parse("15m").expect("an interval")
}

/// Bars of rows from `from` on with these closes; row 0 begins an hour.
fn bars(from: i64, closes: impl IntoIterator<Item = f64>) -> Vec<Bar> {
    let bar = |(k, close): (i64, f64)| Bar::ohlcv(quarter().open_of(k), close, close, close, close, 1.0);
    (from..).zip(closes).map(bar).collect()
}

/// A walk that crosses its means often: the same in every run.
fn walk(n: usize) -> Vec<f64> {
    let mut x = 7u64;
    let mut price = 100.0;
    let step = |_| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        price *= 1.0 + 0.02 * ((x >> 40) as f64 / (1u64 << 24) as f64 - 0.5);
        price
    };
    (0..n).map(step).collect()
}

fn models(plan: &Plan) -> Vec<Box<dyn sigc_engine::Predict>> {
    sigc::models::load_models(plan, &plan.sources[0].symbols, false).expect("linear models need no file")
}

fn run(plan: &Plan, bars: &[Bar]) -> Reference {
    interpret(plan, 0, &[(FrameId::new(0), bars)], None, &mut models(plan), Ask::All).expect("the test's bars")
}

/// The newest cell of a column.
fn newest(plan: &Plan, r: &Reference, column: &str) -> f64 {
    let (frame, name) = column.split_once('.').expect("frame.column");
    let c = plan.column(plan.find(frame, name).expect("the column is there"));
    r.value(c.value).last().copied().unwrap_or(f64::NAN)
}

/// The cells of a column by row number, nulls left out.
fn cells(plan: &Plan, r: &Reference, column: &str) -> Vec<(i64, f64)> {
    let (frame, name) = column.split_once('.').expect("frame.column");
    let c = plan.column(plan.find(frame, name).expect("the column is there"));
    let (first, _) = r.rows(c.frame).expect("the frame has rows");
    (first..).zip(r.value(c.value).iter().copied()).filter(|(_, x)| !x.is_nan()).collect()
}

/// With the history that was counted every column has the bits of a longer one; with a bar less it has none.
#[test]
fn history_adds_up_through_models_strategies_and_events() {
    let plan = example();
    let closes = walk(600);
    // An hour closes with the last bar, so that every frame has a new row.
    let at = quarter().close_of(399);
    assert!(Interval::parse("1h").expect("an interval").is_aligned(at));
    let long = bars(0, closes[..400].iter().copied());
    let want = run(&plan, &long);
    let mut exact = 0;
    for c in &plan.columns {
        let name = format!("{}.{}", plan.frame(c.frame).name, c.name);
        let oldest = plan.structure().oldest(&[c.value], at, Until::FirstValue);
        let lo = oldest.frame(FrameId::new(0)).expect("all come from the source");
        let got = run(&plan, &long[lo as usize..]);
        // What is recursive, or follows from it, has its first value then; the others have their bits.
        let (got, want) = (newest(&plan, &got, &name), newest(&plan, &want, &name));
        if plan.structure().tier(c.value) == sigc_plan::Tier::Exact {
            assert_eq!(got.to_bits(), want.to_bits(), "{name}: {got} instead of {want}");
            exact += usize::from(!want.is_nan());
        } else if ["rsi_14", "turned_up"].contains(&c.name.as_str()) {
            assert!(!got.is_nan(), "{name}");
        }
        let short = run(&plan, &long[lo as usize + 1..]);
        assert!(newest(&plan, &short, &name).is_nan(), "{name} is there with a bar less");
    }
    assert!(exact > 8, "{exact} columns were compared");
    // By hand: change 1, drift 1 + 3, outlook 4 + 2, position 6 + 23 rows of the hour before the first.
    let value = |name: &str| plan.column(plan.find("ohlcv_1h", name).expect("a column")).value;
    let rows =
        ["change", "drift", "outlook", "position"].map(|n| plan.structure().lookback(value(n), Until::FirstValue));
    assert_eq!(rows, [1, 4, 6, 29]);
}

/// What is emitted, in the order of its steps, each with the column that says in which rows.
#[test]
fn signals_stand_in_the_order_of_their_steps() {
    let plan = example();
    let name = |c: ColumnId| plan.column(c).name.as_str();
    let found: Vec<_> = plan
        .signals
        .iter()
        .map(|s| (plan.signal_name(s), s.model.as_deref(), name(s.column), s.when.map(name)))
        .collect();
    assert_eq!(
        found,
        [
            ("turned_up", None, "rsi_14", Some("turned_up")),
            ("position", Some("strategies.threshold"), "position", None),
            ("confirmed", None, "confirmed", Some("confirmed")),
            ("answer", Some("models.linear"), "answer", Some("on(confirmed)")),
        ]
    );
    assert_eq!(plan.signals[1].extra.iter().map(|&c| name(c)).collect::<Vec<_>>(), ["outlook"]);
    assert_eq!(plan.verify(), Ok(()));
}

/// A nested model's window against sums written out here.
#[test]
fn a_model_reads_a_model() {
    let plan = example();
    let closes = walk(200);
    let r = run(&plan, &bars(0, closes.iter().copied()));
    // Row k of the hour closes with bar 4 k + 3.
    let close = |k: usize| closes[4 * k + 3];
    let change = |k: usize| close(k) / close(k - 1) - 1.0;
    let drift = |k: usize| 100.0 * (k - 3..=k).map(change).sum::<f64>() / 4.0;
    let mean = |f: &dyn Fn(usize) -> f64, k: usize| (k - 2..=k).map(f).sum::<f64>() / 3.0;
    let got = cells(&plan, &r, "ohlcv_1h.outlook");
    assert_eq!(got.first().map(|c| c.0), Some(6));
    assert_eq!(got.len(), 50 - 6);
    for (k, x) in got {
        let want = 0.5 * mean(&drift, k as usize) + 20.0 * mean(&change, k as usize);
        assert!((x - want).abs() < 1e-12 * (1.0 + want.abs()), "row {k}: {x} instead of {want}");
    }
}

/// Where conditions hold, by hand from the closes.
#[test]
fn conditions_fire_where_they_hold() {
    let plan = pipeline(
        "  - event: {name: up, when: \"q.close > prev(q.close)\", value: close}
  - event: {name: over, when: \"crosses_above(q.close, 3)\"}
  - event: {name: under, when: \"crosses_below(q.close, 2 + 1)\"}
  - event: {name: either, when: \"not (q.close < 4 and q.close != -1) or up and close * 2 - 1 <= 3\"}
",
    );
    let r = run(&plan, &bars(0, [1.0, 3.0, 4.0, 4.0, 3.0, 2.0, 5.0, 2.0]));
    let fired =
        |name: &str| -> Vec<i64> { cells(&plan, &r, name).into_iter().filter(|c| c.1 != 0.0).map(|c| c.0).collect() };
    assert_eq!(fired("q.up"), [1, 2, 6]);
    assert_eq!(fired("q.over"), [2, 6]);
    // 4 to 3 is not below 3 yet, 3 to 2 is; so is 5 to 2.
    assert_eq!(fired("q.under"), [5, 7]);
    // 4 and more: rows 2, 3, 6; up and at most 2: none.
    assert_eq!(fired("q.either"), [2, 3, 6]);
    let kinds: Vec<(SignalKind, &str)> = plan.signals.iter().map(|s| (s.kind, plan.signal_name(s))).collect();
    let event = SignalKind::Event;
    assert_eq!(kinds, [(event, "up"), (event, "over"), (event, "under"), (event, "either")]);
    assert_eq!(plan.column(plan.signals[0].column).name, "close");
    assert_eq!(plan.signals[1].when, Some(plan.signals[1].column), "without `value` it is 1 where it fires");
}

/// Up the frames: in the row whose bucket holds one. Down: in the row that closes with it. By hand.
#[test]
fn events_travel_between_frames() {
    let plan = pipeline(
        "  - event: {name: jump, when: \"q.close > 10\"}
  - event: {name: hour, when: \"h.close > 0\", on: [jump]}
  - event: {name: back, when: \"q.close > 0\", on: [hour]}
  - event: {name: any, when: \"q.close > 0\", on: [hour, jump]}
",
    );
    // Hours: one with a jump in its middle, one without, one whose last quarter jumps.
    let closes = [1.0, 11.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 12.0, 1.0, 15.0];
    let r = run(&plan, &bars(0, closes));
    let rows = |name: &str| cells(&plan, &r, name).into_iter().map(|c| c.0).collect::<Vec<_>>();
    assert_eq!(rows("h.hour"), [0, 2], "null in the hour without one");
    assert_eq!(rows("q.back"), [3, 11], "the quarters that close with those hours");
    // `hour` is not known before row 3: with two events a row waits for both.
    assert_eq!(rows("q.any"), [3, 11, 13]);
    let any = plan.signals.iter().find(|s| plan.signal_name(s) == "any").expect("the event");
    assert_eq!(any.when.map(|c| plan.column(c).name.as_str()), Some("any"));
}

/// Rows of every frame as they come, by their bits.
struct Rows<'p>(&'p Plan, std::collections::BTreeMap<(usize, i64), Vec<u64>>);

impl RowSink for Rows<'_> {
    fn row(&mut self, frame: FrameId, open_time: Ts, cells: &[f64], _: sigc_engine::Warm<'_>) {
        let row = self.0.frame(frame).interval.index_of(open_time);
        self.1.insert((frame.index(), row), cells.iter().map(|x| x.to_bits()).collect());
    }
}

/// One bar after the other, whole columns at once, and a restart in the middle: the same bits. The example's only
/// recursive column is left out where the history is cut.
#[test]
fn a_stream_has_the_bits_of_the_batch() {
    let plan = example();
    let all: Vec<ColumnId> = (0..plan.columns.len()).map(ColumnId::new).collect();
    let history = bars(0, walk(400));
    let want = run(&plan, &history);
    let engine = Engine::new(&plan, &all).expect("the plan runs");
    let mut live = Live::new(&engine, 0);
    let (mut rows, mut models) = (Rows(&plan, Default::default()), models(&plan));
    for bar in &history {
        live.push(FrameId::new(0), bar, &mut models, &mut rows).expect("in order");
    }
    let mut compared = 0;
    for ((frame, row), got) in &rows.1 {
        let id = FrameId::new(*frame);
        let (first, _) = want.rows(id).expect("the frame has rows");
        let columns = all.iter().map(|c| plan.column(*c)).filter(|c| c.frame == id);
        for (c, got) in columns.zip(got) {
            // Before it is warm a model is not asked in a stream.
            let cell = want.value(c.value)[(row - first) as usize];
            if f64::from_bits(*got).is_nan() && *row < 360 {
                continue;
            }
            assert_eq!(*got, cell.to_bits(), "{}.{} row {row}", plan.frame(id).name, c.name);
            compared += 1;
        }
    }
    assert!(compared > 3_000, "{compared} cells");
}

/// One table may be written to on two servers, and not twice on one.
#[test]
fn a_target_is_a_place_on_a_server() {
    let codes = |first: &str, second: &str| {
        let text = format!(
            "name: test
signal_generation:
  mode: stream
  on_prediction:
    - using: sinks.postgres
      params: {{{first}}}
    - using: sinks.postgres
      params: {{{second}}}
pipeline:
  - data:
      using: data.binance_futures
      outputs: {{frame: q}}
      params: {{universe: [BTCUSDT], interval: 15m}}
  - model:
      using: models.linear
      inputs: {{frame: q}}
      outputs: {{columns: [p]}}
      params: {{weights: {{close: 1}}}}
"
        );
        let compiled = compile(&text, &sigc::catalog::catalog(), &NoFiles);
        compiled.diags.sorted().iter().map(|d| d.code.id.to_owned()).collect::<Vec<_>>()
    };
    let here = "url: 'postgres://here/db', table: t";
    assert_eq!(codes(here, here), ["E0413"]);
    assert_eq!(codes(here, "url: 'postgres://here/db', table: t, timeout_ms: 500"), ["E0413"]);
    assert_eq!(codes(here, "url: 'postgres://there/db', table: t"), [""; 0]);
    assert_eq!(codes(here, "url: 'postgres://here/db', table: u"), [""; 0]);
}
