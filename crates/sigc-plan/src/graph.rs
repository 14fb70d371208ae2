//! The builder: ops in single-assignment form, each distinct one kept once.

use crate::rowwise::finite;
use crate::{CrossFn, F64, FrameId, Node, Op, PairFn, Row1, Row2, Type, ValueId, WindowFn};
use indexmap::IndexSet;

/// Ops in topological order: an operand's id is smaller than its user's. Pushing an op that is there already gives
/// the value it has; row-wise ops of constants are folded.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    nodes: IndexSet<Node>,
    types: Vec<Type>,
    pushed: usize,
}

impl Graph {
    /// No ops yet.
    pub fn new() -> Graph {
        Graph::default()
    }

    /// The ops in order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &Node> {
        self.nodes.iter()
    }

    /// One op.
    pub fn node(&self, id: ValueId) -> &Node {
        &self.nodes[id.index()]
    }

    /// What a value holds.
    pub fn type_of(&self, id: ValueId) -> Type {
        self.types[id.index()]
    }

    /// How many ops were asked for, shared ones counted each time.
    pub fn pushed(&self) -> usize {
        self.pushed
    }

    /// Adds an op to a frame, or finds it.
    pub fn push(&mut self, frame: FrameId, op: Op) -> ValueId {
        self.pushed += 1;
        let op = self.fold(op);
        let (index, new) = self.nodes.insert_full(Node { frame, op });
        if new {
            let t = op.type_of(|x| self.types[x.index()]);
            self.types.push(t);
        }
        ValueId::new(index)
    }

    fn fold(&self, op: Op) -> Op {
        let constant = |id: ValueId| match self.nodes[id.index()].op {
            Op::Const(F64(x)) => Some(x),
            _ => None,
        };
        // A null constant is kept as an op: `Const` holds numbers.
        let folded = match op {
            Op::Row1(f, x) => constant(x).map(|x| f.apply(x)),
            Op::Row2(f, a, b) => constant(a).zip(constant(b)).map(|(a, b)| f.apply(a, b)),
            _ => None,
        };
        match folded {
            Some(x) if x.is_finite() => Op::Const(F64(x)),
            _ => op,
        }
    }

    /// Ops of one frame: what a feature is built with.
    pub fn on(&mut self, frame: FrameId) -> Ops<'_> {
        Ops { graph: self, frame }
    }
}

/// Builds ops on one frame; the short names are the vocabulary features are written in.
pub struct Ops<'g> {
    graph: &'g mut Graph,
    frame: FrameId,
}

impl Ops<'_> {
    /// The frame whose rows carry the values.
    pub fn frame(&self) -> FrameId {
        self.frame
    }

    /// Any op.
    pub fn push(&mut self, op: Op) -> ValueId {
        self.graph.push(self.frame, op)
    }

    /// A constant; one that is not finite becomes 0 / 0, that is null in every row.
    pub fn constant(&mut self, x: f64) -> ValueId {
        if finite(x).is_finite() {
            return self.push(Op::Const(F64(x)));
        }
        let zero = self.push(Op::Const(F64(0.0)));
        self.push(Op::Row2(Row2::Div, zero, zero))
    }

    /// A row-wise op of one operand.
    pub fn row1(&mut self, f: Row1, x: ValueId) -> ValueId {
        self.push(Op::Row1(f, x))
    }

    /// A row-wise op of two operands.
    pub fn row2(&mut self, f: Row2, a: ValueId, b: ValueId) -> ValueId {
        self.push(Op::Row2(f, a, b))
    }

    /// `a + b`
    pub fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.row2(Row2::Add, a, b)
    }

    /// `a - b`
    pub fn sub(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.row2(Row2::Sub, a, b)
    }

    /// `a * b`
    pub fn mul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.row2(Row2::Mul, a, b)
    }

    /// `a / b`, null where b is 0
    pub fn div(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.row2(Row2::Div, a, b)
    }

    /// `k * x`; 1 leaves x as it is.
    pub fn scale(&mut self, k: f64, x: ValueId) -> ValueId {
        if k == 1.0 {
            return x;
        }
        let k = self.constant(k);
        self.mul(k, x)
    }

    /// `a / b`, and `flat` where `b` is 0.
    pub fn div_or(&mut self, a: ValueId, b: ValueId, flat: f64) -> ValueId {
        let ratio = self.div(a, b);
        let zero = self.constant(0.0);
        let is_zero = self.row2(Row2::Eq, b, zero);
        let flat = self.constant(flat);
        self.push(Op::If(is_zero, flat, ratio))
    }

    /// `x` n rows ago; 0 is `x` itself.
    pub fn lag(&mut self, x: ValueId, n: u32) -> ValueId {
        if n == 0 { x } else { self.push(Op::Lag { x, n }) }
    }

    /// `x - x[n]`
    pub fn delta(&mut self, x: ValueId, n: u32) -> ValueId {
        let before = self.lag(x, n);
        self.sub(x, before)
    }

    /// `x / x[n] - 1`
    pub fn rocp(&mut self, x: ValueId, n: u32) -> ValueId {
        let before = self.lag(x, n);
        let ratio = self.div(x, before);
        let one = self.constant(1.0);
        self.sub(ratio, one)
    }

    /// A strict window.
    pub fn window(&mut self, f: WindowFn, x: ValueId, n: u32) -> ValueId {
        self.push(Op::Window { x, n, min_count: n, f })
    }

    /// A window that asks for `min_count` non-null cells.
    pub fn window_min(&mut self, f: WindowFn, x: ValueId, n: u32, min_count: u32) -> ValueId {
        self.push(Op::Window { x, n, min_count, f })
    }

    /// Mean over the window.
    pub fn mean(&mut self, x: ValueId, n: u32) -> ValueId {
        self.window(WindowFn::Mean, x, n)
    }

    /// A window over two columns.
    pub fn pair(&mut self, f: PairFn, x: ValueId, y: ValueId, n: u32) -> ValueId {
        self.push(Op::Pair { x, y, n, f })
    }

    /// A function over the universe at each row.
    pub fn cross(&mut self, f: CrossFn, x: ValueId) -> ValueId {
        self.push(Op::Cross { x, f })
    }

    /// Exponential mean: alpha 2 / (n + 1), seeded by the mean of the first n.
    pub fn ema(&mut self, x: ValueId, n: u32) -> ValueId {
        self.push(Op::Smooth { x, alpha: F64(2.0 / (f64::from(n) + 1.0)), seed: n, skip: 0 })
    }

    /// Wilder mean: alpha 1 / n, seeded by the mean of the first n.
    pub fn wilder(&mut self, x: ValueId, n: u32) -> ValueId {
        self.push(Op::Smooth { x, alpha: F64(1.0 / f64::from(n)), seed: n, skip: 0 })
    }
}
