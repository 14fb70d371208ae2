//! Plans, bars and runs for the tests: a seeded source of randomness, hand-built and random plans, collected rows.

use sigc_engine::reference::{Ask, Reference, interpret, interpret_universe};
use sigc_engine::{
    Columns, Engine, Live, Outcome, PanelInput, PanelOptions, Predict, PredictError, RowSink, Together, Turn, Warm,
    run_panel,
};
use sigc_market::{Bar, Field, Interval, NULL, Symbol, Ts};
use sigc_plan::*;
use std::collections::BTreeMap;

/// A small seeded generator (Marsaglia's xorshift64*): the same cases in every run.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

pub fn interval(text: &str) -> Interval {
    Interval::parse(text).expect("the test's interval")
}

pub fn source(name: &str, every: &str, gap: Gap) -> Frame {
    Frame { name: name.into(), interval: interval(every), origin: Origin::Source { gap }, label: Label::Close }
}

pub fn resample(name: &str, every: &str, of: usize) -> Frame {
    let origin = Origin::Resample { of: FrameId::new(of) };
    Frame { name: name.into(), interval: interval(every), origin, label: Label::Close }
}

/// A plan over a graph; `columns` are its outputs, the last one is emitted.
pub fn plan(frames: Vec<Frame>, graph: &Graph, models: Vec<ModelUse>, columns: &[ValueId], tolerance: f64) -> Plan {
    let nodes: Vec<Node> = graph.nodes().copied().collect();
    let made: Vec<Column> = columns
        .iter()
        .enumerate()
        .map(|(i, &value)| Column {
            frame: nodes[value.index()].frame,
            name: format!("c{i}"),
            value,
            r#type: graph.type_of(value),
        })
        .collect();
    let sources = frames.iter().enumerate().filter(|(_, f)| matches!(f.origin, Origin::Source { .. }));
    let sources = sources.map(|(i, _)| Source {
        frame: FrameId::new(i),
        using: "data.files".into(),
        symbols: vec![Symbol::new("A").expect("a symbol")],
        fields: Field::ALL.to_vec(),
    });
    Plan {
        name: "test".into(),
        tolerance: F64(tolerance),
        sources: sources.collect(),
        frames,
        nodes,
        models,
        columns: made,
        signals: vec![Signal::prediction(ColumnId::new(columns.len() - 1), Vec::new())],
    }
}

pub fn all_columns(plan: &Plan) -> Vec<ColumnId> {
    (0..plan.columns.len()).map(ColumnId::new).collect()
}

/// What to build a random plan from.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub nodes: usize,
    /// Ops whose value depends on a finite reach only.
    pub finite: bool,
    /// Ops that are null if any cell of their reach is.
    pub strict: bool,
    pub models: bool,
    /// Ops over the universe.
    pub cross: bool,
}

const GRIDS: [&[&str]; 5] = [
    &["1m", "5m", "15m", "1h"],
    &["5m", "15m", "1h", "4h"],
    &["15m", "1h", "2h", "1d"],
    &["1h", "4h", "1d", "1w"],
    &["4h", "12h", "1d", "1w"],
];

/// A random plan: one or two sources, nested resamples, joins both ways, chains and branches of all ops.
pub fn random_plan(dice: &mut Dice, shape: Shape) -> Plan {
    let grid = dice.pick(&GRIDS);
    let gaps = [Gap::Null, Gap::Carry];
    let mut frames = vec![source("a", grid[0], dice.pick(&gaps))];
    if dice.chance(0.5) {
        frames.push(source("b", grid[dice.below(3)], dice.pick(&gaps)));
    }
    for (level, every) in grid.iter().enumerate().skip(1) {
        let finer: Vec<usize> =
            (0..frames.len()).filter(|&f| interval(every).is_multiple_of(frames[f].interval)).collect();
        if !finer.is_empty() && dice.chance(0.6) {
            frames.push(resample(&format!("r{level}"), every, dice.pick(&finer)));
        }
    }
    let mut g = Graph::new();
    let mut values: Vec<ValueId> = Vec::new();
    let mut models = Vec::new();
    for (f, frame) in frames.iter().enumerate() {
        if matches!(frame.origin, Origin::Source { .. }) {
            for field in [Field::Close, Field::High, Field::Volume] {
                values.push(g.push(FrameId::new(f), Op::Input(field)));
            }
        }
    }
    for (f, frame) in frames.iter().enumerate() {
        if let Origin::Resample { of } = frame.origin {
            let children: Vec<ValueId> = values.iter().copied().filter(|v| g.node(*v).frame == of).collect();
            for _ in 0..2 {
                let child = dice.pick(&children);
                let op = random_aggregate(dice, child, shape);
                values.push(g.push(FrameId::new(f), op));
            }
        }
    }
    for _ in 0..shape.nodes {
        let x = if dice.chance(0.6) {
            values[values.len() - 1 - dice.below(4.min(values.len()))]
        } else {
            dice.pick(&values)
        };
        let frame = g.node(x).frame;
        let same: Vec<ValueId> = values.iter().copied().filter(|v| g.node(*v).frame == frame).collect();
        let y = dice.pick(&same);
        let z = dice.pick(&same);
        let (to, op) = match dice.below(if shape.cross { 16 } else { 14 }) {
            0 => {
                let others: Vec<usize> = (0..frames.len()).filter(|&f| f != frame.index()).collect();
                if others.is_empty() {
                    continue;
                }
                let to = FrameId::new(dice.pick(&others));
                // Null where nothing closes, so it is not strict.
                (to, if !shape.strict && dice.chance(0.5) { Op::AtClose { x } } else { Op::AsOf { x } })
            }
            1 => {
                let coarser: Vec<usize> =
                    (0..frames.len()).filter(|&f| frames[f].origin == Origin::Resample { of: frame }).collect();
                if coarser.is_empty() {
                    continue;
                }
                (FrameId::new(dice.pick(&coarser)), random_aggregate(dice, x, shape))
            }
            2 if shape.models && models.len() < 2 => {
                models.push(ModelUse {
                    using: "models.test".into(),
                    inputs: vec![x, y],
                    input_names: vec!["x".into(), "y".into()],
                    window: 1 + dice.below(5) as u32,
                    checkpoint: None,
                    params: Default::default(),
                });
                (frame, Op::Model { model: ModelId::new(models.len() - 1) })
            }
            3 if !shape.finite => {
                let n = 1 + dice.below(12) as u32;
                let alpha = F64(if dice.chance(0.5) { 2.0 / (f64::from(n) + 1.0) } else { 1.0 / f64::from(n) });
                (frame, Op::Smooth { x, alpha, seed: n, skip: dice.pick(&[0, 0, 0, 2]) })
            }
            4 if !shape.finite => (frame, Op::Skip { x, n: 1 + dice.below(4) as u32 }),
            5 => (frame, Op::Lag { x, n: 1 + dice.below(9) as u32 }),
            6 => (frame, Op::Pair { x, y, n: 2 + dice.below(12) as u32, f: dice.pick(&[PairFn::Cov, PairFn::Corr]) }),
            7 => (
                frame,
                Op::Row2(dice.pick(&[Row2::Add, Row2::Sub, Row2::Mul, Row2::Div, Row2::Greatest, Row2::Least]), x, y),
            ),
            8 if !shape.strict => (frame, Op::If(x, y, z)),
            9 if !shape.strict => {
                let row2 = dice.pick(&[Row2::Fill, Row2::Lt, Row2::And, Row2::Or, Row2::Eq, Row2::Pow]);
                let y = if dice.chance(0.3) { g.push(frame, Op::Const(F64(1.5))) } else { y };
                (frame, Op::Row2(row2, x, y))
            }
            10 if !shape.strict => {
                (frame, Op::Row1(dice.pick(&[Row1::Neg, Row1::Abs, Row1::Ln, Row1::Sqrt, Row1::Sign, Row1::Not]), x))
            }
            14.. => (frame, Op::Cross { x, f: dice.pick(&CROSS) }),
            _ => {
                let n = 1 + dice.below(20) as u32;
                let (f, partial) = random_window(dice);
                let min_count =
                    if partial && !shape.strict && dice.chance(0.3) { 1 + dice.below(n as usize) as u32 } else { n };
                (frame, Op::Window { x, n, min_count, f })
            }
        };
        values.push(g.push(to, op));
    }
    // The newest values of each frame, and the newest of all for the emission.
    let newest = values[values.len() - 1];
    let mut columns: Vec<ValueId> = values.iter().rev().copied().filter(|&v| v != newest).take(8).collect();
    columns.push(newest);
    plan(frames, &g, models, &columns, 0.05)
}

/// All ops over the universe.
pub const CROSS: [CrossFn; 6] =
    [CrossFn::Rank, CrossFn::Order, CrossFn::Count, CrossFn::Sum, CrossFn::Mean, CrossFn::Std];

/// The plan with a universe of `n` symbols.
pub fn over(mut plan: Plan, n: usize) -> Plan {
    for source in &mut plan.sources {
        source.symbols = (0..n).map(|s| Symbol::new(&format!("S{s}")).expect("a symbol")).collect();
    }
    plan
}

fn random_aggregate(dice: &mut Dice, x: ValueId, shape: Shape) -> Op {
    let all = [Aggregate::First, Aggregate::Last, Aggregate::Min, Aggregate::Max, Aggregate::Sum, Aggregate::Count];
    let how = dice.pick(if shape.strict { &all[..5] } else { &all });
    let incomplete = dice.pick(&[Incomplete::Partial, Incomplete::Null]);
    Op::Aggregate { x, how, incomplete }
}

/// A window function, and whether it has a `min_count` form.
pub fn random_window(dice: &mut Dice) -> (WindowFn, bool) {
    let (plain, partial) = (
        [
            WindowFn::ArgMin(Ties::First),
            WindowFn::ArgMin(Ties::Last),
            WindowFn::ArgMax(Ties::First),
            WindowFn::ArgMax(Ties::Last),
            WindowFn::Rank,
            WindowFn::Quantile { q: F64(0.3) },
            WindowFn::LinearMean,
            WindowFn::Slope,
            WindowFn::RSquare,
        ],
        [
            WindowFn::Sum,
            WindowFn::Mean,
            WindowFn::Min,
            WindowFn::Max,
            WindowFn::Var { ddof: 1 },
            WindowFn::Var { ddof: 0 },
        ],
    );
    if dice.chance(0.5) { (dice.pick(&plain), false) } else { (dice.pick(&partial), true) }
}

/// What the bars of a random history are like.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub gaps: f64,
    pub nulls: f64,
    pub extremes: f64,
}

pub const CALM: Weather = Weather { gaps: 0.0, nulls: 0.0, extremes: 0.0 };
pub const ROUGH: Weather = Weather { gaps: 0.03, nulls: 0.02, extremes: 0.02 };

/// Bars of rows `from..to`: a walk with flat stretches, and what the weather brings. The first and last are there.
pub fn random_bars(dice: &mut Dice, every: Interval, from: i64, to: i64, weather: Weather) -> Vec<Bar> {
    let mut price: f64 = 100.0;
    let mut flat = 0;
    let mut bars = Vec::new();
    for row in from..to {
        if flat > 0 {
            flat -= 1;
        } else if dice.chance(0.02) {
            flat = dice.below(12);
        } else {
            price *= 1.0 + 0.02 * (dice.unit() - 0.5);
        }
        let (hi, volume) = (price * (1.0 + 0.01 * dice.unit()), 1e3 * dice.unit());
        if row != from && row != to - 1 && dice.chance(weather.gaps) {
            continue;
        }
        let mut bar = Bar::ohlcv(every.open_of(row), price, hi, price * 0.99, price, volume);
        for cell in &mut bar.values {
            if dice.chance(weather.nulls) {
                *cell = NULL;
            }
            if dice.chance(weather.extremes) {
                *cell = dice.pick(&[1e300, -1e300, 5e-324, -0.0, 0.0, 1e-310, f64::INFINITY, 1.0]);
            }
        }
        bars.push(bar);
    }
    bars
}

/// Per frame and row: the cells, and whether each is warm.
pub type Table = BTreeMap<(usize, i64), (Vec<u64>, Vec<bool>)>;

/// Cells as bits, so that nulls compare; a null that is not the canonical one differs.
pub fn bits(cells: &[f64]) -> Vec<u64> {
    cells.iter().map(|x| x.to_bits()).collect()
}

/// Collects rows by frame and row number.
pub struct Rows<'p> {
    pub plan: &'p Plan,
    pub table: Table,
}

impl RowSink for Rows<'_> {
    fn row(&mut self, frame: FrameId, open_time: Ts, cells: &[f64], warm: Warm<'_>) {
        let row = self.plan.frame(frame).interval.index_of(open_time);
        let before = self.table.insert((frame.index(), row), (bits(cells), warm.iter().collect()));
        assert!(before.is_none(), "row {row} of {frame} came twice");
    }
}

/// Takes rows and drops them.
pub struct Nowhere;

impl RowSink for Nowhere {
    fn row(&mut self, _: FrameId, _: Ts, _: &[f64], _: Warm<'_>) {}
}

/// A model with a plain answer: a weighted sum; it fails where the newest first input lies in a narrow band.
pub struct Weighted;

impl Predict for Weighted {
    fn predict(&mut self, symbol: usize, window: &[f64]) -> Result<f64, PredictError> {
        let newest = window[window.len() - 2];
        if newest.fract().abs() < 0.02 && newest != 0.0 {
            return Err(PredictError("out of its range".into()));
        }
        Ok(window.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * x).sum::<f64>() + symbol as f64)
    }
}

pub fn models(plan: &Plan) -> Vec<Box<dyn Predict>> {
    plan.models.iter().map(|_| Box::new(Weighted) as Box<dyn Predict>).collect()
}

/// The bars of one symbol by source frame.
pub type History = Vec<(FrameId, Vec<Bar>)>;

pub fn slices(history: &History) -> Vec<(FrameId, &[Bar])> {
    history.iter().map(|(f, bars)| (*f, bars.as_slice())).collect()
}

/// All bars by the instant they close, oldest first.
pub fn instants(plan: &Plan, history: &History) -> Vec<(Ts, Vec<(FrameId, Bar)>)> {
    let mut by_close: BTreeMap<Ts, Vec<(FrameId, Bar)>> = BTreeMap::new();
    for (f, bars) in history {
        let every = plan.frame(*f).interval;
        for bar in bars {
            by_close.entry(every.close_of(every.index_of(bar.open_time))).or_default().push((*f, *bar));
        }
    }
    by_close.into_iter().collect()
}

/// Runs a lane over a part of a history, `group` instants a step.
pub fn feed(
    live: &mut Live,
    plan: &Plan,
    steps: &[(Ts, Vec<(FrameId, Bar)>)],
    group: impl FnMut() -> usize,
    rows: &mut dyn RowSink,
) -> Outcome {
    let mut group = group;
    let mut models = models(plan);
    let mut total = Outcome::default();
    let mut rest = steps;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(group().clamp(1, rest.len()));
        let bars: Vec<(FrameId, Bar)> = now.iter().flat_map(|(_, bars)| bars.iter().copied()).collect();
        let done = live.step(now[now.len() - 1].0, &bars, &mut models, rows).expect("bars of the test are in order");
        total.rows += done.rows;
        total.bars += done.bars;
        total.gap_rows += done.gap_rows;
        total.predict.count += done.predict.count;
        rest = later;
    }
    total
}

/// A whole history, live, instant by instant.
pub fn run_live(plan: &Plan, outputs: &[ColumnId], symbol: usize, history: &History) -> Table {
    run_live_on(&Engine::new(plan, outputs).expect("the test's plan"), symbol, history)
}

/// The same on an engine of the caller's.
pub fn run_live_on(engine: &Engine, symbol: usize, history: &History) -> Table {
    let plan = engine.plan();
    let mut live = Live::new(engine, symbol);
    let mut rows = Rows { plan, table: Table::new() };
    feed(&mut live, plan, &instants(plan, history), || 1, &mut rows);
    rows.table
}

/// Many symbols through the panel driver; `histories` by symbol.
pub fn run_panels(
    plan: &Plan,
    outputs: &[ColumnId],
    histories: &[(usize, History)],
    options: PanelOptions,
) -> Vec<Table> {
    run_panels_on(&Engine::new(plan, outputs).expect("the test's plan"), histories, options)
}

/// The same on an engine of the caller's.
pub fn run_panels_on(engine: &Engine, histories: &[(usize, History)], options: PanelOptions) -> Vec<Table> {
    let (plan, outputs) = (engine.plan(), engine.outputs());
    let bars: Vec<_> = histories.iter().map(|(_, h)| slices(h)).collect();
    let inputs: Vec<PanelInput> =
        histories.iter().zip(&bars).map(|((symbol, _), bars)| PanelInput { symbol_index: *symbol, bars }).collect();
    let mut columns = Columns::new(engine);
    run_panel(engine, &inputs, &|| models(plan), options, &mut columns, &mut |_, _| {}).expect("the test's bars");
    histories.iter().map(|(symbol, _)| panel_table(plan, outputs, *symbol, &columns)).collect()
}

pub fn panel_table(plan: &Plan, outputs: &[ColumnId], symbol: usize, from: &Columns) -> Table {
    let mut table = Table::new();
    for f in (0..plan.frames.len()).map(FrameId::new) {
        let of_frame = || outputs.iter().filter(|c| plan.column(**c).frame == f);
        let columns: Vec<&[f64]> = of_frame().map(|c| from.column(symbol, *c)).collect();
        let Some((first, n)) = from.rows(symbol, f) else { continue };
        for k in 0..n {
            let row = first + k as i64;
            let cells: Vec<f64> = columns.iter().map(|c| c[k]).collect();
            let warm = of_frame().map(|c| from.warm_from(symbol, *c).is_some_and(|w| row >= w)).collect();
            table.insert((f.index(), row), (bits(&cells), warm));
        }
    }
    table
}

/// The reference's rows in the same form.
pub fn run_reference(plan: &Plan, outputs: &[ColumnId], symbol: usize, history: &History, ask: Ask) -> Table {
    let r = interpret(plan, symbol, &slices(history), None, &mut models(plan), ask).expect("the test's plan");
    reference_table(plan, outputs, &r)
}

pub fn reference_table(plan: &Plan, outputs: &[ColumnId], r: &Reference) -> Table {
    let mut table = Table::new();
    for f in 0..plan.frames.len() {
        let columns: Vec<ColumnId> = outputs.iter().copied().filter(|c| plan.column(*c).frame.index() == f).collect();
        let Some((first, n)) = r.rows(FrameId::new(f)).filter(|_| !columns.is_empty()) else { continue };
        let values: Vec<ValueId> = columns.iter().map(|c| plan.column(*c).value).collect();
        let warm_from: Vec<Option<i64>> = values.iter().map(|v| r.settled_first(*v)).collect();
        for k in 0..n {
            let cells: Vec<f64> = values.iter().map(|v| r.value(*v)[k]).collect();
            let row = first + k as i64;
            let warm = warm_from.iter().map(|from| from.is_some_and(|w| row >= w)).collect();
            table.insert((f, row), (bits(&cells), warm));
        }
    }
    table
}

/// The reference's rows of every symbol of a universe.
pub fn run_reference_universe(plan: &Plan, outputs: &[ColumnId], histories: &[History], ask: Ask) -> Vec<Table> {
    let bars: Vec<_> = histories.iter().map(slices).collect();
    let bars: Vec<&[(FrameId, &[Bar])]> = bars.iter().map(Vec::as_slice).collect();
    let all = interpret_universe(plan, &bars, None, &mut models(plan), ask).expect("the test's plan");
    all.iter().map(|r| reference_table(plan, outputs, r)).collect()
}

/// A universe by the live driver: so many instants a step as `group` says, and through snapshots behind some steps.
pub fn run_together(
    engine: &Engine,
    histories: &[History],
    mut group: impl FnMut() -> usize,
    mut restart: impl FnMut() -> bool,
) -> Vec<Table> {
    let plan = engine.plan();
    let mut by_close: BTreeMap<Ts, Vec<Vec<(FrameId, Bar)>>> = BTreeMap::new();
    for (s, history) in histories.iter().enumerate() {
        for (at, bars) in instants(plan, history) {
            by_close.entry(at).or_insert_with(|| vec![Vec::new(); histories.len()])[s].extend(bars);
        }
    }
    let steps: Vec<_> = by_close.into_iter().collect();
    let mut lanes: Vec<Live> = (0..histories.len()).map(|s| Live::new(engine, s)).collect();
    let mut rows: Vec<Rows<'_>> = histories.iter().map(|_| Rows { plan, table: Table::new() }).collect();
    let (mut together, mut models) = (Together::new(engine), models(plan));
    let mut rest = steps.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(group().clamp(1, rest.len()));
        let bars = |s: usize| now.iter().flat_map(|(_, by_symbol)| by_symbol[s].iter().copied()).collect();
        let bars: Vec<Vec<(FrameId, Bar)>> = (0..lanes.len()).map(bars).collect();
        let parts = lanes.iter_mut().zip(&bars).zip(&mut rows);
        let mut turns: Vec<Turn<'_>> = parts.map(|((live, bars), rows)| Turn::new(live, bars, rows)).collect();
        together.step(now[now.len() - 1].0, &mut turns, &mut models).expect("bars of the test are in order");
        if restart() {
            for live in &mut lanes {
                *live = Live::restore(engine, &live.snapshot()).expect("an untouched snapshot");
            }
        }
        rest = later;
    }
    rows.into_iter().map(|r| r.table).collect()
}

/// Fails with the first row that differs.
pub fn assert_same(got: &Table, want: &Table, what: &str, plan: &Plan) {
    for key in got.keys().chain(want.keys()) {
        if got.get(key) != want.get(key) {
            let show = |t: &Table| {
                t.get(key).map(|(c, w)| (c.iter().map(|b| f64::from_bits(*b)).collect::<Vec<_>>(), w.clone()))
            };
            panic!("{what}: frame {} row {}: {:?} instead of {:?}\n{plan}", key.0, key.1, show(got), show(want));
        }
    }
}

/// Starts and ends of the sources of a random history, overlapping.
pub fn random_history(dice: &mut Dice, plan: &Plan, rows: i64, weather: Weather) -> History {
    let finest = plan.frames.iter().map(|f| f.interval).min_by_key(|i| i.max_millis()).expect("a frame");
    // Around the epoch, so that row numbers of both signs occur.
    let from = dice.below(2_000) as i64 - 1_000;
    let mut history = History::new();
    for s in &plan.sources {
        let every = plan.frame(s.frame).interval;
        let ahead = dice.below(40) as i64;
        let (first, last) = (
            every.index_of(finest.open_of(from + ahead)),
            every.index_of(finest.open_of(from + rows - dice.below(3) as i64)),
        );
        history.push((s.frame, random_bars(dice, every, first, last.max(first + 1), weather)));
    }
    history
}
