//! Steps in order, each column with its ops.
//!
//! The steps and what they read of each other are a directed graph. Cycles are reported as paths, reads of something
//! made further down as such, and steps that feed nothing as dead. Then the live steps are built in order: every
//! feature adds its ops to one shared [`Graph`], where equal ops are kept once.

use crate::read::list;
use crate::typed::{ColId, TOrigin, TStep, Typed, Way, What};
use petgraph::algo::tarjan_scc;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::{Dfs, Reversed};
use sigc_catalog::{Args, DEADLINE_MS, Inputs, Kind};
use sigc_diag::{Diag, Diags, E0217, E0218, W0202};
use sigc_market::{Field, NULL};
use sigc_plan::{Aggregate, F64, Frame, FrameId, Graph, Incomplete, ModelId, ModelUse, Op, Origin, Row2, ValueId};
use std::collections::{HashMap, HashSet, VecDeque};

/// A pipeline as ops.
#[derive(Debug, Clone)]
pub struct Dag {
    /// The pipeline it was made from.
    pub typed: Typed,
    /// The frames, complete; ids as in `typed`.
    pub frames: Vec<Frame>,
    /// The live steps, in an order in which everything is made before it is read.
    pub order: Vec<usize>,
    /// Which step reads which: `(maker, reader)` by position, sorted.
    pub edges: Vec<(usize, usize)>,
    /// The ops of all live steps.
    pub graph: Graph,
    /// The models.
    pub models: Vec<ModelUse>,
    /// The value of every column of a live step.
    pub values: Vec<Option<ValueId>>,
    /// Per step that listens to events, whether one of them fired.
    pub masks: Vec<Option<ValueId>>,
    /// Which step makes each frame.
    makers: Vec<Option<usize>>,
}

/// Orders and builds the steps. `None` if the pipeline has holes or cycles, which were reported.
pub fn graph(typed: &Typed, diags: &mut Diags) -> Option<Dag> {
    let edges = edges(typed);
    let mut g: StableDiGraph<usize, ()> = StableDiGraph::new();
    let nodes: Vec<NodeIndex> = (0..typed.steps.len()).map(|i| g.add_node(i)).collect();
    for &(a, b) in &edges {
        g.add_edge(nodes[a], nodes[b], ());
    }
    let cyclic = report_cycles(typed, &g, &edges, diags);
    let backwards = report_order(typed, &edges, &cyclic, diags);
    let live = live_steps(typed, &g, &nodes);
    if let Some(live) = &live {
        report_dead(typed, live, diags);
    }
    let whole = typed.steps.iter().all(|s| s.what.is_some() && s.args.is_some()) && live.is_some();
    if backwards || !whole || cyclic.iter().any(|&c| c) {
        return None;
    }
    let frames = frames(typed)?;
    let live = live?;
    // Everything is made before it is read, so the order written is a topological order.
    let order: Vec<usize> = (0..typed.steps.len()).filter(|&i| live[i]).collect();
    let mut dag = Dag {
        typed: typed.clone(),
        makers: makers(typed),
        frames,
        order: order.clone(),
        edges,
        graph: Graph::new(),
        models: Vec::new(),
        values: vec![None; typed.columns.len()],
        masks: vec![None; typed.steps.len()],
    };
    for i in order {
        build(&mut dag, i)?;
    }
    Some(dag)
}

/// Which step makes each frame.
fn makers(typed: &Typed) -> Vec<Option<usize>> {
    let mut makers = vec![None; typed.frames.len()];
    for (i, step) in typed.steps.iter().enumerate() {
        if let Some(f) = step.makes_frame {
            makers[f.index()] = Some(i);
        }
    }
    makers
}

/// `(maker, reader)` for every column and frame that is read.
fn edges(typed: &Typed) -> Vec<(usize, usize)> {
    let makers = makers(typed);
    let mut edges = Vec::new();
    for (i, step) in typed.steps.iter().enumerate() {
        edges.extend(step.reads.iter().chain(&step.on).map(|r| (typed.column(r.value).step, i)));
        edges.extend(step.reads_frames.iter().filter_map(|f| Some((makers[f.index()]?, i))));
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Reports each cycle as a path; gives which steps are in one.
fn report_cycles(
    typed: &Typed,
    g: &StableDiGraph<usize, ()>,
    edges: &[(usize, usize)],
    diags: &mut Diags,
) -> Vec<bool> {
    let mut cyclic = vec![false; typed.steps.len()];
    for scc in tarjan_scc(g) {
        let members: Vec<usize> = scc.iter().map(|n| g[*n]).collect();
        let own = edges.binary_search(&(members[0], members[0])).is_ok();
        if members.len() == 1 && !own {
            continue;
        }
        members.iter().for_each(|&m| cyclic[m] = true);
        let path = cycle_through(*members.iter().min().unwrap_or(&0), &members, edges);
        let first = path[0];
        let names: Vec<String> = path.iter().chain([&first]).map(|&i| format!("`{}`", typed.steps[i].id)).collect();
        let step = &typed.steps[first];
        let message = if path.len() == 1 {
            format!("`{}` depends on itself", step.id)
        } else {
            format!("these steps depend on each other in a circle: {}", names.join(" -> "))
        };
        let mut diag = Diag::new(&E0218, step.using.span, message).here(format!("makes `{}`", step.id));
        for &i in &path[1..] {
            diag = diag.label(typed.steps[i].using.span, format!("makes `{}`", typed.steps[i].id));
        }
        let listens = path.iter().any(|&i| !typed.steps[i].on.is_empty());
        diags.push(diag.help(if listens {
            "let one of them read or listen to something that is made before it"
        } else {
            "read a column that is made before this one"
        }));
    }
    cyclic
}

/// A shortest cycle through `start` along the edges between `members`, makers before readers.
fn cycle_through(start: usize, members: &[usize], edges: &[(usize, usize)]) -> Vec<usize> {
    let members: HashSet<usize> = members.iter().copied().collect();
    let mut from: HashMap<usize, usize> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(a) = queue.pop_front() {
        let first = edges.partition_point(|e| e.0 < a);
        for &(_, b) in edges[first..].iter().take_while(|e| e.0 == a).filter(|e| members.contains(&e.1)) {
            if b == start {
                let mut path = vec![a];
                while let Some(&before) = from.get(&path[path.len() - 1]) {
                    path.push(before);
                }
                path.reverse();
                return path;
            }
            from.entry(b).or_insert_with(|| {
                queue.push_back(b);
                a
            });
        }
    }
    vec![start]
}

/// Reports reads of something that is made further down; true if there were any.
fn report_order(typed: &Typed, edges: &[(usize, usize)], cyclic: &[bool], diags: &mut Diags) -> bool {
    let mut found = false;
    for &(maker, reader) in edges.iter().filter(|(m, r)| m > r && !(cyclic[*m] && cyclic[*r])) {
        found = true;
        let (made, read) = (&typed.steps[maker], &typed.steps[reader]);
        let at = read.reads.iter().chain(&read.on).find(|r| typed.column(r.value).step == maker);
        let what = match at {
            Some(r) if made.kind == Kind::Event => format!("the event `{}`", typed.column(r.value).name),
            Some(r) => format!("the column `{}`", typed.qualified(r.value)),
            None => format!("the frame `{}`", made.id),
        };
        let span = at.map_or(read.frame_at.unwrap_or(read.using.span), |r| r.span);
        diags.push(
            Diag::new(&E0217, span, format!("{what} is read before it is made"))
                .here("read here")
                .label(made.using.span, "made here")
                .help("move the step that makes it above the step that reads it"),
        );
    }
    found
}

/// Which steps the emission needs; `None` while it is not known what is emitted.
fn live_steps(typed: &Typed, g: &StableDiGraph<usize, ()>, nodes: &[NodeIndex]) -> Option<Vec<bool>> {
    if !typed.signals_known || typed.signals.is_empty() {
        return None;
    }
    let mut live = vec![false; typed.steps.len()];
    let mut walk = Dfs::empty(Reversed(g));
    for id in typed.emitted() {
        walk.move_to(nodes[typed.column(id).step]);
        while let Some(n) = walk.next(Reversed(g)) {
            live[g[n]] = true;
        }
    }
    Some(live)
}

fn report_dead(typed: &Typed, live: &[bool], diags: &mut Diags) {
    // What a model with unresolved inputs would have read is not dead, only unknown.
    if typed.partial || typed.steps.iter().any(|s| s.what.is_none()) {
        return;
    }
    // The copies of one step stand at one place: one finding names them all.
    let dead: Vec<&TStep> = (0..typed.steps.len()).filter(|&i| !live[i]).map(|i| &typed.steps[i]).collect();
    for copies in dead.chunk_by(|a, b| a.index == b.index) {
        let names: Vec<&str> = copies.iter().map(|s| s.id.as_str()).collect();
        if copies[0].kind == Kind::Event {
            diags.push(
                Diag::new(&W0202, copies[0].using.span, format!("nothing that is emitted listens to the event {}", list(&names)))
                    .here("not used")
                    .help("write `on: [...]` with its name at a step, or send it with `signal_generation.on_event`; it is left out of the plan"),
            );
            continue;
        }
        let frame = if copies[0].makes_frame.is_some() { "the frame " } else { "" };
        diags.push(
            Diag::new(&W0202, copies[0].using.span, format!("nothing that is emitted uses {frame}{}", list(&names)))
                .here("not used")
                .help("remove the step, or let the model read what it makes; it is left out of the plan"),
        );
    }
}

/// The frames with everything known; `None` if something is not.
fn frames(typed: &Typed) -> Option<Vec<Frame>> {
    let frame = |f: &crate::typed::TFrame| {
        let origin = match f.origin {
            TOrigin::Source { gap, .. } => Origin::Source { gap },
            TOrigin::Resample { of } => Origin::Resample { of: of? },
        };
        Some(Frame { name: f.name.clone(), interval: f.interval?, origin, label: f.label })
    };
    typed.frames.iter().map(frame).collect()
}

/// Adds the ops of one step.
fn build(dag: &mut Dag, i: usize) -> Option<()> {
    let step: TStep = dag.typed.steps[i].clone();
    let args = step.args.as_ref()?;
    build_values(dag, &step, args)?;
    if step.on.is_empty() {
        return Some(());
    }
    // The ops keep their state over all rows; only what is shown follows the events.
    let frame = dag.typed.column(*step.makes.first()?).frame;
    let mask = mask(dag, frame, &step)?;
    dag.masks[i] = Some(mask);
    let null = dag.graph.on(frame).constant(NULL);
    for &c in &step.makes {
        let value = dag.values[c.0]?;
        dag.values[c.0] = Some(dag.graph.push(frame, Op::If(mask, value, null)));
    }
    Some(())
}

/// Whether one of the events a step listens to fired, in rows of the step's frame.
fn mask(dag: &mut Dag, frame: FrameId, step: &TStep) -> Option<ValueId> {
    let mut fired = Vec::new();
    for event in &step.on {
        let mut x = dag.values[event.value.0]?;
        match dag.typed.way(dag.typed.column(event.value).frame, frame)? {
            Way::Same => {}
            Way::Buckets(path) => {
                for on in path {
                    let op = Op::Aggregate { x, how: Aggregate::Max, incomplete: Incomplete::Partial };
                    x = dag.graph.push(on, op);
                }
            }
            Way::AtClose => x = dag.graph.push(frame, Op::AtClose { x }),
        }
        fired.push(x);
    }
    if let [one] = fired.as_slice() {
        return Some(*one);
    }
    // An event that cannot be told does not hide another one that fired.
    let no = dag.graph.push(frame, Op::Const(F64(0.0)));
    let mut ops = dag.graph.on(frame);
    let known: Vec<ValueId> = fired.into_iter().map(|x| ops.row2(Row2::Fill, x, no)).collect();
    known.into_iter().reduce(|a, b| ops.row2(Row2::Or, a, b))
}

/// What a step makes, in every row.
fn build_values(dag: &mut Dag, step: &TStep, args: &Args) -> Option<()> {
    match step.what.as_ref()? {
        What::Data(_) => {
            for &c in &step.makes {
                let (frame, field) = (dag.typed.column(c).frame, dag.typed.column(c).field?);
                let value = dag.graph.push(frame, Op::Input(field));
                dag.values[c.0] = Some(value);
            }
        }
        What::Resample { incomplete } => {
            let parent = dag.makers[step.reads_frames.first()?.index()]?;
            for &c in &step.makes {
                let (frame, field) = (dag.typed.column(c).frame, dag.typed.column(c).field?);
                let x = dag.values[column_with(&dag.typed, parent, field)?.0]?;
                let op = Op::Aggregate { x, how: aggregate_of(field), incomplete: *incomplete };
                dag.values[c.0] = Some(dag.graph.push(frame, op));
            }
        }
        What::Align => {
            for (read, &c) in step.reads.iter().zip(&step.makes) {
                let x = dag.values[read.value.0]?;
                dag.values[c.0] = Some(dag.graph.push(dag.typed.column(c).frame, Op::AsOf { x }));
            }
        }
        What::Feature { def, outputs } => {
            let values: Option<Vec<ValueId>> = step.reads.iter().map(|r| dag.values[r.value.0]).collect();
            let frame = dag.typed.column(step.reads.first()?.value).frame;
            let inputs = Inputs::new(def.roles, values?);
            let made = (def.build)(&mut dag.graph.on(frame), &inputs, args);
            for (&c, &output) in step.makes.iter().zip(outputs) {
                dag.values[c.0] = made.get(output).copied();
            }
        }
        What::Model { def, input_names, window, facts } => {
            let inputs: Option<Vec<ValueId>> = step.reads.iter().map(|r| dag.values[r.value.0]).collect();
            let frame = dag.typed.column(step.reads.first()?.value).frame;
            let model = ModelId::new(dag.models.len());
            dag.models.push(ModelUse {
                using: def.info.name.into(),
                inputs: inputs?,
                input_names: input_names.clone(),
                window: *window,
                checkpoint: facts.as_ref().map(|f| f.fingerprint.clone()),
                params: args
                    .iter()
                    // It changes no value: a journal goes on under another deadline.
                    .filter(|(name, _)| *name != DEADLINE_MS.name())
                    .map(|(name, value)| (name.to_string(), value.to_json()))
                    .collect(),
            });
            let value = dag.graph.push(frame, Op::Model { model });
            for &c in &step.makes {
                dag.values[c.0] = Some(value);
            }
        }
        What::Event { when, .. } => {
            let &own = step.makes.first()?;
            let (frame, values) = (dag.typed.column(own).frame, &dag.values);
            let fires = when.build(&mut dag.graph.on(frame), &|c| values[c.0])?;
            dag.values[own.0] = Some(fires);
        }
    }
    Some(())
}

fn column_with(typed: &Typed, maker: usize, field: Field) -> Option<ColId> {
    typed.steps[maker].makes.iter().copied().find(|&c| typed.column(c).field == Some(field))
}

/// How a bar's field is aggregated into a larger bar, as venues do it.
fn aggregate_of(field: Field) -> Aggregate {
    match field {
        Field::Open => Aggregate::First,
        Field::High => Aggregate::Max,
        Field::Low => Aggregate::Min,
        Field::Close => Aggregate::Last,
        Field::Volume | Field::QuoteVolume | Field::Trades | Field::TakerBuyVolume | Field::TakerBuyQuoteVolume => {
            Aggregate::Sum
        }
    }
}
