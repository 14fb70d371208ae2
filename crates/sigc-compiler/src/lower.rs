//! The plan: live columns and the ops they need, renumbered.

use crate::schedule::Scheduled;
use crate::typed::{TOrigin, What};
use sigc_plan::{Column, ColumnId, F64, ModelUse, Node, Op, Plan, Signal, SignalKind, Source, Type, ValueId};

/// Lowers a pipeline without errors to its plan. `None` only where it is not clear what is emitted.
pub fn lower(s: &Scheduled) -> Option<Plan> {
    let typed = &s.dag.typed;
    if !typed.signals_known || typed.signals.is_empty() {
        return None;
    }
    let keep = reachable(s);
    let mut renumbered: Vec<Option<ValueId>> = vec![None; s.nodes.len()];
    let mut nodes: Vec<Node> = Vec::new();
    for (i, node) in s.nodes.iter().enumerate().filter(|(i, _)| keep[*i]) {
        let op = node.op.map_operands(|x| renumbered[x.index()].expect("operands come before their users"));
        renumbered[i] = Some(ValueId::new(nodes.len()));
        nodes.push(Node { frame: node.frame, op });
    }
    let to = |v: ValueId| renumbered[v.index()];
    let models: Option<Vec<ModelUse>> = s
        .dag
        .models
        .iter()
        .map(|m| Some(ModelUse { inputs: m.inputs.iter().map(|&v| to(v)).collect::<Option<_>>()?, ..m.clone() }))
        .collect();
    let mut columns: Vec<Column> = Vec::new();
    let mut ids = vec![None; typed.columns.len()];
    for (i, c) in typed.columns.iter().enumerate() {
        let Some(value) = s.dag.values[i].and_then(to) else { continue };
        ids[i] = Some(ColumnId::new(columns.len()));
        columns.push(Column { frame: c.frame, name: c.name.clone(), value, r#type: c.r#type });
    }
    let sources = s
        .dag
        .order
        .iter()
        .filter_map(|&i| match (&typed.steps[i].what, typed.steps[i].makes_frame) {
            (Some(What::Data(def)), Some(frame)) => match &typed.frame(frame).origin {
                TOrigin::Source { symbols, fields, .. } => Some(Source {
                    frame,
                    using: def.info.name.into(),
                    symbols: symbols.clone(),
                    fields: fields.clone(),
                }),
                TOrigin::Resample { .. } => None,
            },
            _ => None,
        })
        .collect();
    let mut signals = Vec::new();
    for t in &typed.signals {
        let step = t.step(typed);
        let column = ids[t.column.0]?;
        let extra: Option<Vec<ColumnId>> = t.extra.iter().map(|c| ids[c.0]).collect();
        signals.push(match t.event {
            Some(event) => Signal {
                kind: SignalKind::Event,
                name: Some(typed.column(event).name.clone()),
                when: ids[event.0],
                ..Signal::prediction(column, extra?)
            },
            None => {
                let model = typed.steps[step].using.value.clone();
                let mask = s.dag.masks[step].and_then(to);
                let when = mask.map(|mask| column_of(&mut columns, s, step, mask));
                Signal { model: Some(model), when, ..Signal::prediction(column, extra?) }
            }
        });
    }
    let plan = Plan {
        name: typed.name.clone(),
        tolerance: F64(typed.warmup.tolerance),
        frames: s.dag.frames.clone(),
        sources,
        nodes,
        models: models?,
        columns,
        signals,
    };
    debug_assert_eq!(plan.verify(), Ok(()));
    Some(plan)
}

/// The column that says whether one of the events a step listens to fired: the event's own, or one that is added.
fn column_of(columns: &mut Vec<Column>, s: &Scheduled, step: usize, mask: ValueId) -> ColumnId {
    let typed = &s.dag.typed;
    let step = &typed.steps[step];
    let frame = typed.column(step.makes[0]).frame;
    let found = columns.iter().position(|c| c.value == mask && c.frame == frame && c.r#type == Type::Bool);
    ColumnId::new(found.unwrap_or_else(|| {
        // No name in a pipeline has parentheses.
        let names: Vec<&str> = step.on.iter().map(|e| typed.column(e.value).name.as_str()).collect();
        let name = format!("on({})", names.join("+"));
        columns.push(Column { frame, name, value: mask, r#type: Type::Bool });
        columns.len() - 1
    }))
}

/// The ops that some column of a live step needs.
fn reachable(s: &Scheduled) -> Vec<bool> {
    let mut keep = vec![false; s.nodes.len()];
    s.dag.values.iter().chain(&s.dag.masks).flatten().for_each(|v| keep[v.index()] = true);
    for i in (0..s.nodes.len()).rev() {
        if !keep[i] {
            continue;
        }
        match s.nodes[i].op {
            Op::Model { model } => s.dag.models[model.index()].inputs.iter().for_each(|v| keep[v.index()] = true),
            op => op.operands().for_each(|v| keep[v.index()] = true),
        }
    }
    keep
}
