//! Builds features into plans and runs them through the reference interpreter.

use sigc_catalog::{Args, Feature, Inputs};
use sigc_engine::reference::{Ask, Reference, interpret};
use sigc_library::{features::FEATURES, strategies::STRATEGIES};
use sigc_market::{Bar, Field, Interval, NULL, Symbol, Ts};
use sigc_plan::{
    Column, ColumnId, F64, Frame, FrameId, Gap, Graph, Label, Node, Op, Origin, Plan, Signal, Source, ValueId,
};

/// The tolerance that settle counts are recorded for.
pub const TOLERANCE: f64 = 1e-9;

/// Everything that is composed of ops: features and strategies.
pub fn composed() -> impl Iterator<Item = &'static Feature> {
    FEATURES.iter().chain(STRATEGIES).copied()
}

/// The feature of a name.
pub fn feature(name: &str) -> Option<&'static Feature> {
    composed().find(|f| f.info.name == name)
}

/// Adds a feature to a frame; `values` fill its roles in order.
pub fn build(graph: &mut Graph, frame: FrameId, f: &Feature, args: &Args, values: Vec<ValueId>) -> Vec<ValueId> {
    let made = (f.build)(&mut graph.on(frame), &Inputs::new(f.roles, values), args);
    assert_eq!(made.len(), f.outputs.len(), "`{}` makes one value per output", f.info.name);
    made
}

/// The feature alone, its roles filled with the fields of a bar in their order.
pub fn build_alone(f: &Feature, args: &Args) -> (Graph, Vec<ValueId>) {
    let mut graph = Graph::new();
    let frame = FrameId::new(0);
    let inputs = f.roles.iter().zip(Field::ALL).map(|(_, field)| graph.push(frame, Op::Input(field))).collect();
    let outputs = build(&mut graph, frame, f, args, inputs);
    (graph, outputs)
}

/// A frame of bars whose gaps are rows of nulls.
pub fn source(interval: Interval) -> Frame {
    Frame { name: "bars".into(), interval, origin: Origin::Source { gap: Gap::Null }, label: Label::Close }
}

/// A plan of one symbol; `frames[0]` holds its bars.
pub fn plan(frames: Vec<Frame>, graph: &Graph, outputs: &[ValueId]) -> Plan {
    let nodes: Vec<Node> = graph.nodes().copied().collect();
    let column = |(i, &value): (usize, &ValueId)| Column {
        frame: nodes[value.index()].frame,
        name: format!("c{i}"),
        value,
        r#type: graph.type_of(value),
    };
    let plan = Plan {
        name: "test".into(),
        tolerance: F64(TOLERANCE),
        sources: vec![Source {
            frame: FrameId::new(0),
            using: "data.test".into(),
            symbols: vec![Symbol::new("TEST").expect("a plain symbol")],
            fields: Field::ALL.to_vec(),
        }],
        columns: outputs.iter().enumerate().map(column).collect(),
        models: Vec::new(),
        signals: vec![Signal::prediction(ColumnId::new(0), Vec::new())],
        frames,
        nodes,
    };
    plan.verify().expect("features build well-formed plans");
    plan
}

/// Runs a plan over the bars of its first frame.
pub fn run(plan: &Plan, bars: &[Bar]) -> Reference {
    interpret(plan, 0, &[(FrameId::new(0), bars)], None, &mut [], Ask::All).expect("test bars are well formed")
}

/// Bars of one hour, one per row of the columns, the fields in their order.
pub fn bars(columns: &[&[Option<f64>]]) -> Vec<Bar> {
    let hour = 3_600_000;
    let rows = columns.iter().map(|c| c.len()).max().unwrap_or(0);
    let bar = |row: usize| {
        let mut bar = Bar { open_time: Ts(row as i64 * hour), values: [NULL; sigc_market::N_FIELDS] };
        for (field, cells) in Field::ALL.into_iter().zip(columns) {
            bar.values[field.index()] = cells[row].unwrap_or(NULL);
        }
        bar
    };
    (0..rows).map(bar).collect()
}

/// The interval of [`bars`].
pub fn hour() -> Interval {
    Interval::new(1, 'h').expect("an hour divides the day")
}
