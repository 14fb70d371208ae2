//! What a model reads, as something that can be compared: training and running must feed it the same numbers.
//!
//! In goes a plan's model; out come a [`Fingerprint`] over everything that computes its inputs and one per input.
//! The part of the plan below the inputs is numbered anew in the order in which the inputs reach it, so that steps
//! the model does not read, the order of steps and the names of frames and steps leave it as it is. The inputs' own
//! names and their order count, because that is how a model knows them.
//!
//! Not part of it: symbols, venue, sinks, tolerance, the model's own weights and window. What is compared elsewhere
//! (the window, the interval as a number) has a finding of its own.

use crate::{Fingerprint, Frame, FrameId, Gap, ModelId, ModelUse, Node, Op, Origin, Plan, ValueId};
use serde::Serialize;
use std::collections::HashMap;

/// Raised whenever this form changes, or an op's meaning changes so much that models must be trained again.
const FORM: u32 = 1;

/// The fingerprints of what a model reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputsPrint {
    /// Of all inputs, with their names and order.
    pub whole: Fingerprint,
    /// Of each input alone, without its name, in the model's order.
    pub each: Vec<Fingerprint>,
}

impl Plan {
    /// The training fingerprint of a model: what its inputs are computed by.
    ///
    /// # Panics
    /// If the plan has no such model.
    pub fn inputs_fingerprint(&self, model: ModelId) -> InputsPrint {
        inputs_print(&self.frames, &self.nodes, &self.models, model)
    }
}

/// [`Plan::inputs_fingerprint`], before there is a plan.
///
/// # Panics
/// If there is no such model.
pub fn inputs_print(frames: &[Frame], nodes: &[Node], models: &[ModelUse], model: ModelId) -> InputsPrint {
    let of = &models[model.index()];
    let start = || Canonical {
        from: Parts { frames, nodes, models },
        values: HashMap::new(),
        frame_ids: HashMap::new(),
        model_ids: HashMap::new(),
        form: Form::default(),
    };
    let each = of.inputs.iter().map(|&x| start().print(&[("", x)])).collect();
    let named: Vec<(&str, ValueId)> =
        of.input_names.iter().map(String::as_str).zip(of.inputs.iter().copied()).collect();
    InputsPrint { whole: start().print(&named), each }
}

#[derive(Clone, Copy)]
struct Parts<'a> {
    frames: &'a [Frame],
    nodes: &'a [Node],
    models: &'a [ModelUse],
}

/// What is hashed, as JSON.
#[derive(Default, Serialize)]
struct Form<'a> {
    frames: Vec<FormFrame>,
    nodes: Vec<Node>,
    models: Vec<FormModel<'a>>,
}

#[derive(Serialize)]
struct FormFrame {
    interval: String,
    origin: Origin,
}

/// A model whose output is an input.
#[derive(Serialize)]
struct FormModel<'a> {
    using: &'a str,
    window: u32,
    checkpoint: Option<&'a str>,
    inputs: Vec<(&'a str, ValueId)>,
}

struct Canonical<'a> {
    from: Parts<'a>,
    values: HashMap<ValueId, ValueId>,
    frame_ids: HashMap<FrameId, FrameId>,
    model_ids: HashMap<ModelId, ModelId>,
    form: Form<'a>,
}

impl<'a> Canonical<'a> {
    fn print(mut self, inputs: &[(&str, ValueId)]) -> Fingerprint {
        let inputs: Vec<(&str, ValueId)> = inputs.iter().map(|&(name, x)| (name, self.value(x))).collect();
        let text = serde_json::to_vec(&(FORM, &self.form, inputs)).expect("string keys and finite numbers only");
        Fingerprint::of(&text)
    }

    /// The new number of a value; everything it is computed from is numbered before it.
    fn value(&mut self, root: ValueId) -> ValueId {
        // With a stack of its own: a chain of features may be as long as a file allows.
        let mut stack = vec![(root, false)];
        while let Some((id, operands_done)) = stack.pop() {
            if self.values.contains_key(&id) {
                continue;
            }
            let node = self.from.nodes[id.index()];
            if !operands_done {
                stack.push((id, true));
                let operands: Vec<ValueId> = match node.op {
                    Op::Model { model } => self.from.models[model.index()].inputs.clone(),
                    op => op.operands().collect(),
                };
                stack.extend(operands.into_iter().rev().map(|x| (x, false)));
                continue;
            }
            let frame = self.frame(node.frame);
            let op = match node.op {
                Op::Model { model } => Op::Model { model: self.model(model) },
                op => op.map_operands(|x| self.values[&x]),
            };
            self.values.insert(id, ValueId::new(self.form.nodes.len()));
            self.form.nodes.push(Node { frame, op });
        }
        self.values[&root]
    }

    fn frame(&mut self, id: FrameId) -> FrameId {
        if let Some(&known) = self.frame_ids.get(&id) {
            return known;
        }
        let frame = &self.from.frames[id.index()];
        let origin = match frame.origin {
            // A run that stops at a gap computes what one without gaps computes.
            Origin::Source { gap: Gap::Halt } => Origin::Source { gap: Gap::Null },
            Origin::Resample { of } => Origin::Resample { of: self.frame(of) },
            origin => origin,
        };
        let new = FrameId::new(self.form.frames.len());
        self.form.frames.push(FormFrame { interval: frame.interval.to_string(), origin });
        self.frame_ids.insert(id, new);
        new
    }

    /// Its inputs are numbered already.
    fn model(&mut self, id: ModelId) -> ModelId {
        if let Some(&known) = self.model_ids.get(&id) {
            return known;
        }
        let m = &self.from.models[id.index()];
        let inputs = m.input_names.iter().zip(&m.inputs).map(|(name, x)| (name.as_str(), self.values[x])).collect();
        let new = ModelId::new(self.form.models.len());
        self.form.models.push(FormModel {
            using: &m.using,
            window: m.window,
            checkpoint: m.checkpoint.as_deref(),
            inputs,
        });
        self.model_ids.insert(id, new);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Graph, Label, WindowFn};
    use sigc_market::{Field, Interval};

    fn frame(name: &str, interval: &str, origin: Origin) -> Frame {
        let interval = Interval::parse(interval).expect("an interval");
        Frame { name: name.into(), interval, origin, label: Label::Close }
    }

    /// Mean of the close and momentum of the high, over one source; `others` puts ops of no concern in front.
    fn world(n: u32, others: bool, names: [&str; 2], swapped: bool) -> InputsPrint {
        let source = Origin::Source { gap: Gap::Null };
        let mut frames = Vec::new();
        if others {
            frames.push(frame("unrelated", "1m", Origin::Source { gap: Gap::Carry }));
        }
        frames.push(frame(if others { "b" } else { "a" }, "1h", source));
        let f = FrameId::new(frames.len() - 1);
        let mut g = Graph::new();
        if others {
            let x = g.push(f, Op::Input(Field::Volume));
            g.on(f).mean(x, 3);
            g.push(FrameId::new(0), Op::Input(Field::Close));
        }
        let (mut close, mut high) = (None, None);
        for field in if swapped { [Field::High, Field::Close] } else { [Field::Close, Field::High] } {
            let x = g.push(f, Op::Input(field));
            *if field == Field::Close { &mut close } else { &mut high } = Some(x);
        }
        let (close, high) = (close.expect("pushed"), high.expect("pushed"));
        let a = g.on(f).window(WindowFn::Mean, close, n);
        let b = g.on(f).rocp(high, 2);
        let model = ModelUse {
            using: "models.onnx".into(),
            inputs: vec![a, b],
            input_names: names.map(str::to_owned).to_vec(),
            window: 3,
            checkpoint: None,
            params: serde_json::Map::new(),
        };
        let nodes: Vec<Node> = g.nodes().copied().collect();
        inputs_print(&frames, &nodes, &[model], ModelId::new(0))
    }

    #[test]
    fn what_the_model_does_not_read_changes_nothing() {
        let plain = world(5, false, ["x", "y"], false);
        assert_eq!(plain, world(5, true, ["x", "y"], false), "further ops, sources and frame names");
        assert_eq!(plain, world(5, false, ["x", "y"], true), "another order of steps");
    }

    #[test]
    fn what_it_reads_does() {
        let plain = world(5, false, ["x", "y"], false);
        let longer = world(6, false, ["x", "y"], false);
        assert_ne!(plain.whole, longer.whole);
        assert_ne!(plain.each[0], longer.each[0]);
        assert_eq!(plain.each[1], longer.each[1], "only the first input changed");
        let renamed = world(5, false, ["x", "z"], false);
        assert_ne!(plain.whole, renamed.whole);
        assert_eq!(plain.each, renamed.each, "a name is not part of what computes it");
    }

    /// Bars of the venue and bars made of smaller ones are not the same thing, nor are other answers to gaps.
    #[test]
    fn frames_count_by_interval_and_origin() {
        let print = |frames: &[Frame], f: usize| {
            let mut g = Graph::new();
            let x = g.push(FrameId::new(f), Op::Input(Field::Close));
            let model = ModelUse {
                using: "m".into(),
                inputs: vec![x],
                input_names: vec!["close".into()],
                window: 1,
                checkpoint: None,
                params: serde_json::Map::new(),
            };
            let nodes: Vec<Node> = g.nodes().copied().collect();
            inputs_print(frames, &nodes, &[model], ModelId::new(0)).whole
        };
        let source = |gap| Origin::Source { gap };
        let hour = print(&[frame("a", "1h", source(Gap::Null))], 0);
        assert_eq!(hour, print(&[frame("b", "1h", source(Gap::Halt))], 0));
        assert_ne!(hour, print(&[frame("a", "1h", source(Gap::Carry))], 0));
        assert_ne!(hour, print(&[frame("a", "2h", source(Gap::Null))], 0));
        let made = [frame("s", "5m", source(Gap::Null)), frame("a", "1h", Origin::Resample { of: FrameId::new(0) })];
        assert_ne!(hour, print(&made, 1));
    }
}
