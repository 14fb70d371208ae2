//! From a plan to a flat list of steps over one contiguous block of cells.
//!
//! Reads a [`Plan`] and the wanted columns; gives the [`Program`]: only what those columns need, in the plan's order.
//! Every value has a [`Slot`]: rows of history that its neediest consumer looks back, and room for new rows behind
//! them. A lag is no step: its consumers read its operand further back ([`Operand::delay`]). What must stay true: an
//! operand's slot comes before its user's, so that one split of the block gives both.
//!
//! A model step and an op over the universe are steps at which a lane stops (see [`crate::machine`]): the driver answers
//! them, the latter once every lane of the universe has reached it.
//!
//! Room for more: a code generator would be another executor of the same steps.

use crate::ops::{aggregate, arg, block, pair, quantile, rank, smooth, trend, var};
use crate::{EngineError, ops};
use sigc_market::{Field, Interval};
use sigc_plan::{
    Aggregate, ColumnId, CrossFn, Gap, Incomplete, ModelId, Op, Origin, PairFn, Plan, PlanError, Row1, Row2, Ties,
    ValueId, WindowFn,
};

/// Rows of cells and state that one lane may hold: a gigabyte.
const MOST_ROWS: u64 = 1 << 27;

/// Reads `delay` rows back from the newest of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operand {
    pub(crate) slot: u32,
    pub(crate) delay: u32,
}

/// What a step computes; the parameters its kernel needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kernel {
    Const(f64),
    Row1(Row1),
    Row2(Row2),
    If,
    Sum { n: u32, divisor: f64 },
    Extreme { n: u32, least: bool },
    Present { f: WindowFn, n: u32, min_count: u32 },
    Var { n: u32, ddof: u32 },
    Arg { n: u32, least: bool, ties: Ties },
    Rank { n: u32 },
    Quantile { n: u32, q: f64 },
    LinearMean { n: u32 },
    Slope { n: u32 },
    RSquare { n: u32 },
    Pair { n: u32, f: PairFn },
    Smooth { alpha: f64, seed: u32, skip: u32 },
    Skip { n: u32 },
    Aggregate { how: Aggregate, incomplete: Incomplete },
    AsOf { join: u32, other: u32 },
    Cross { f: CrossFn },
    Model { model: ModelId },
}

impl Kernel {
    /// Rows before the first of a run that the kernel reads of its operands.
    pub(crate) fn back(&self) -> u32 {
        match *self {
            Kernel::Sum { n, .. } | Kernel::Extreme { n, .. } | Kernel::Var { n, .. } | Kernel::Quantile { n, .. } => n,
            Kernel::Present { n, .. }
            | Kernel::Arg { n, .. }
            | Kernel::Rank { n }
            | Kernel::LinearMean { n }
            | Kernel::Slope { n }
            | Kernel::RSquare { n }
            | Kernel::Pair { n, .. } => n - 1,
            // The row that was the newest before the run.
            Kernel::AsOf { .. } => 1,
            _ => 0,
        }
    }

    fn state_rows(&self) -> usize {
        match *self {
            Kernel::Sum { n, .. } | Kernel::Extreme { n, .. } => block::state_rows(n as usize),
            Kernel::Quantile { n, .. } => quantile::state_rows(n as usize),
            Kernel::Var { n, .. } => var::state_rows(n as usize),
            Kernel::Arg { .. } => arg::STATE,
            Kernel::Rank { .. } => rank::STATE,
            Kernel::Slope { .. } | Kernel::RSquare { .. } => trend::STATE,
            Kernel::Pair { .. } => pair::STATE,
            Kernel::Smooth { .. } => smooth::STATE,
            Kernel::Skip { .. } => smooth::SKIP_STATE,
            Kernel::Aggregate { .. } => aggregate::STATE,
            _ => 0,
        }
    }
}

/// One op to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) kernel: Kernel,
    pub(crate) operands: [Operand; 3],
    pub(crate) out: u32,
    /// The frame whose rows carry the value.
    pub(crate) frame: u32,
    pub(crate) state: u32,
    pub(crate) state_rows: u32,
    /// Its place among the masked values: its null rule could answer before the value is known.
    pub(crate) mask: Option<u32>,
}

/// Steps that run when one frame has new rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) frame: u32,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// A frame of the plan, as the drivers need it.
#[derive(Debug, Clone)]
pub(crate) struct FrameInfo {
    pub(crate) interval: Interval,
    /// The frame it is made of; `None` for a source.
    pub(crate) parent: Option<usize>,
    pub(crate) gap: Gap,
    /// False if no output needs it.
    pub(crate) used: bool,
    /// Fields that are read, with their slots.
    pub(crate) inputs: Vec<(Field, u32)>,
    /// Output columns.
    pub(crate) outputs: Vec<(ColumnId, Operand)>,
    /// Their values: what each waits for to be warm.
    pub(crate) roots: Vec<ValueId>,
    /// Outputs of the frames before this one.
    pub(crate) outputs_before: usize,
}

/// Rows of one frame looked up from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Join {
    pub(crate) driver: usize,
    pub(crate) other: usize,
    /// Only rows that close together count.
    pub(crate) together: bool,
}

/// A smoothing step, as warmth counts it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SmoothInfo {
    pub(crate) value: ValueId,
    pub(crate) x: ValueId,
    pub(crate) operand: Operand,
    pub(crate) frame: usize,
    /// Non-null inputs until it has settled.
    pub(crate) inputs: u64,
}

/// A model step.
#[derive(Debug, Clone)]
pub(crate) struct ModelInfo {
    pub(crate) out: u32,
    pub(crate) value: ValueId,
    pub(crate) frame: usize,
    pub(crate) window: usize,
    pub(crate) inputs: Vec<Operand>,
}

impl ModelInfo {
    /// Cells of its window.
    pub(crate) fn cells(&self) -> usize {
        self.window * self.inputs.len()
    }
}

/// A value's rows of history; 0 means that only the rows of a run are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) history: u32,
    /// Filled once and never written.
    pub(crate) constant: Option<f64>,
}

/// The compiled plan.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) steps: Vec<Step>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) frames: Vec<FrameInfo>,
    pub(crate) joins: Vec<Join>,
    /// Masked values.
    pub(crate) masks: Vec<ValueId>,
    pub(crate) smoothers: Vec<SmoothInfo>,
    /// By model id; `None` if no output needs it.
    pub(crate) models: Vec<Option<ModelInfo>>,
    pub(crate) state_rows: usize,
    /// Symbols of the universe, if some step is over all of them: then no lane can go without the others.
    pub(crate) universe: Option<usize>,
}

impl Program {
    /// The source frames that are read.
    pub(crate) fn sources(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.frames.len()).filter(|&f| self.frames[f].used && self.frames[f].parent.is_none())
    }

    /// The source a frame is made of in the end.
    pub(crate) fn root_of(&self, mut frame: usize) -> usize {
        while let Some(parent) = self.frames[frame].parent {
            frame = parent;
        }
        frame
    }
}

/// Compiles the plan for the wanted columns.
pub(crate) fn compile(plan: &Plan, outputs: &[ColumnId]) -> Result<Program, EngineError> {
    plan.verify()?;
    check_parameters(plan)?;
    if let Some(&c) = outputs.iter().find(|c| c.index() >= plan.columns.len()) {
        return Err(EngineError::UnknownColumn(c));
    }
    let roots: Vec<ValueId> = outputs.iter().map(|&c| plan.column(c).value).collect();
    let mut builder = Builder::new(plan, &roots);
    builder.take_histories(outputs);
    builder.build();
    let mut program = builder.program;
    for &c in outputs {
        let column = plan.column(c);
        let operand = builder.operands[column.value.index()].expect("outputs are needed");
        let frame = &mut program.frames[column.frame.index()];
        frame.outputs.push((c, operand));
        frame.roots.push(column.value);
    }
    let mut before = 0;
    for frame in &mut program.frames {
        frame.outputs_before = before;
        before += frame.outputs.len();
    }
    let rows = program.slots.iter().map(|s| 2 * u64::from(s.history) + 8).sum::<u64>() + program.state_rows as u64;
    if rows > MOST_ROWS {
        return Err(EngineError::TooLarge { rows, most: MOST_ROWS });
    }
    Ok(program)
}

/// What `Plan::verify` leaves to the reader of the parameters.
fn check_parameters(plan: &Plan) -> Result<(), PlanError> {
    for (i, node) in plan.nodes.iter().enumerate() {
        let ok = match node.op {
            Op::Window { n, min_count, f, .. } if min_count < n => {
                matches!(f, WindowFn::Sum | WindowFn::Mean | WindowFn::Min | WindowFn::Max | WindowFn::Var { .. })
            }
            Op::Window { f: WindowFn::Quantile { q }, .. } => (0.0..=1.0).contains(&q.0),
            Op::Input(_) => matches!(plan.frame(node.frame).origin, Origin::Source { .. }),
            Op::Aggregate { x, .. } => {
                let child = plan.nodes[x.index()].frame;
                plan.frame(node.frame).origin == Origin::Resample { of: child }
            }
            _ => true,
        };
        if !ok {
            return Err(PlanError::Parameter(ValueId::new(i)));
        }
    }
    Ok(())
}

/// The values an op reads.
fn reads(plan: &Plan, v: ValueId) -> Vec<ValueId> {
    match plan.nodes[v.index()].op {
        Op::Model { model } => plan.models[model.index()].inputs.clone(),
        op => op.operands().collect(),
    }
}

struct Builder<'p> {
    plan: &'p Plan,
    needed: Vec<bool>,
    /// Where the value is read from; `None` if it is not needed.
    operands: Vec<Option<Operand>>,
    program: Program,
}

impl<'p> Builder<'p> {
    /// Marks what the roots need, and gives every kept value a slot.
    fn new(plan: &'p Plan, roots: &[ValueId]) -> Self {
        let mut needed = vec![false; plan.nodes.len()];
        for r in roots {
            needed[r.index()] = true;
        }
        let mut used = vec![false; plan.frames.len()];
        for i in (0..plan.nodes.len()).rev() {
            if needed[i] {
                used[plan.nodes[i].frame.index()] = true;
                for x in reads(plan, ValueId::new(i)) {
                    needed[x.index()] = true;
                }
            }
        }
        for f in (0..plan.frames.len()).rev() {
            if let (true, Origin::Resample { of }) = (used[f], plan.frames[f].origin) {
                used[of.index()] = true;
            }
        }
        let mut slots = Vec::new();
        let mut operands: Vec<Option<Operand>> = vec![None; plan.nodes.len()];
        for i in (0..plan.nodes.len()).filter(|&i| needed[i]) {
            operands[i] = Some(match plan.nodes[i].op {
                Op::Lag { x, n } => {
                    let of = operands[x.index()].expect("operands come first");
                    Operand { slot: of.slot, delay: of.delay.saturating_add(n) }
                }
                op => {
                    let constant = if let Op::Const(x) = op { Some(x.0) } else { None };
                    slots.push(Slot { history: 0, constant });
                    Operand { slot: slots.len() as u32 - 1, delay: 0 }
                }
            });
        }
        let frames = plan.frames.iter().zip(used).map(|(frame, used)| {
            let (parent, gap) = match frame.origin {
                Origin::Source { gap } => (None, gap),
                Origin::Resample { of } => (Some(of.index()), Gap::Null),
            };
            let (inputs, outputs, roots) = (Vec::new(), Vec::new(), Vec::new());
            FrameInfo { interval: frame.interval, parent, gap, used, inputs, outputs, roots, outputs_before: 0 }
        });
        let program = Program {
            steps: Vec::new(),
            segments: Vec::new(),
            slots,
            frames: frames.collect(),
            joins: Vec::new(),
            masks: Vec::new(),
            smoothers: Vec::new(),
            models: vec![None; plan.models.len()],
            state_rows: 0,
            universe: None,
        };
        Builder { plan, needed, operands, program }
    }

    fn operand(&self, v: ValueId) -> Operand {
        self.operands[v.index()].expect("what a needed value reads is needed")
    }

    /// Gives every slot the history of its neediest consumer.
    fn take_histories(&mut self, outputs: &[ColumnId]) {
        let plan = self.plan;
        let mut wants: Vec<(Operand, u32)> = outputs.iter().map(|&c| (self.operand(plan.column(c).value), 0)).collect();
        for i in (0..plan.nodes.len()).filter(|&i| self.needed[i]) {
            let back = match plan.nodes[i].op {
                Op::Model { model } => plan.models[model.index()].window - 1,
                op => kernel_of(&op).map_or(0, |k| k.back()),
            };
            wants.extend(reads(plan, ValueId::new(i)).into_iter().map(|x| (self.operand(x), back)));
        }
        for (operand, back) in wants {
            let slot = &mut self.program.slots[operand.slot as usize];
            slot.history = slot.history.max(operand.delay.saturating_add(back));
        }
        // Constants that are read backwards are computed row by row: before the first row they are unknown.
        for slot in &mut self.program.slots {
            slot.constant = slot.constant.filter(|_| slot.history == 0);
        }
    }

    /// Emits the steps.
    fn build(&mut self) {
        for i in 0..self.plan.nodes.len() {
            if self.needed[i] {
                self.step(ValueId::new(i));
            }
        }
    }

    fn step(&mut self, v: ValueId) {
        let plan = self.plan;
        let node = &plan.nodes[v.index()];
        let own = self.operand(v);
        let frame = node.frame.index();
        let none = Operand { slot: 0, delay: 0 };
        let mut operands = [none; 3];
        for (to, x) in operands.iter_mut().zip(node.op.operands()) {
            *to = self.operand(x);
        }
        let mut driving = frame;
        match node.op {
            Op::Input(field) => {
                self.program.frames[frame].inputs.push((field, own.slot));
                return;
            }
            Op::Lag { .. } => return,
            Op::Const(_) if self.program.slots[own.slot as usize].constant.is_some() => return,
            Op::Aggregate { x, .. } => driving = plan.nodes[x.index()].frame.index(),
            Op::Smooth { x, alpha, seed, skip } => {
                let settle = sigc_plan::reach::settle(alpha, plan.tolerance.0);
                let inputs = u64::from(skip) + u64::from(seed) + u64::from(settle);
                self.program.smoothers.push(SmoothInfo { value: v, x, operand: operands[0], frame, inputs });
            }
            Op::Model { model } => {
                let spec = &plan.models[model.index()];
                let inputs = spec.inputs.iter().map(|&x| self.operand(x)).collect();
                let window = spec.window as usize;
                self.program.models[model.index()] = Some(ModelInfo { out: own.slot, value: v, frame, window, inputs });
            }
            Op::Cross { .. } => self.program.universe = Some(plan.symbols().len()),
            _ => {}
        }
        let mut kernel = kernel_of(&node.op).expect("inputs and lags are done above");
        if let (Kernel::AsOf { join, other }, Op::AsOf { x } | Op::AtClose { x }) = (&mut kernel, node.op) {
            let to = plan.nodes[x.index()].frame.index();
            let together = matches!(node.op, Op::AtClose { .. });
            (*join, *other) = (self.join(Join { driver: frame, other: to, together }), to as u32);
        }
        let mask = masked(&node.op).then(|| {
            self.program.masks.push(v);
            self.program.masks.len() as u32 - 1
        });
        let state = self.program.state_rows;
        self.program.state_rows += kernel.state_rows();
        let at = self.program.steps.len() as u32;
        self.program.steps.push(Step {
            kernel,
            operands,
            out: own.slot,
            frame: frame as u32,
            state: state as u32,
            state_rows: kernel.state_rows() as u32,
            mask,
        });
        match self.program.segments.last_mut() {
            Some(s) if s.frame == driving as u32 => s.to = at + 1,
            _ => self.program.segments.push(Segment { frame: driving as u32, from: at, to: at + 1 }),
        }
    }

    fn join(&mut self, join: Join) -> u32 {
        let joins = &mut self.program.joins;
        let at = joins.iter().position(|&j| j == join).unwrap_or_else(|| {
            joins.push(join);
            joins.len() - 1
        });
        at as u32
    }
}

/// True if nulls before the first rows of the operands do not make the value null before its own.
fn masked(op: &Op) -> bool {
    match *op {
        Op::Const(_)
        | Op::If(..)
        | Op::AsOf { .. }
        | Op::AtClose { .. }
        | Op::Aggregate { .. }
        | Op::Row2(Row2::Fill, ..) => true,
        Op::Window { n, min_count, .. } => min_count < n,
        _ => false,
    }
}

/// The kernel of an op; `None` for inputs, which the driver fills, and lags, which are read through.
fn kernel_of(op: &Op) -> Option<Kernel> {
    Some(match *op {
        Op::Input(_) | Op::Lag { .. } => return None,
        Op::Const(x) => Kernel::Const(ops::finite(x.0)),
        Op::Row1(f, _) => Kernel::Row1(f),
        Op::Row2(f, ..) => Kernel::Row2(f),
        Op::If(..) => Kernel::If,
        Op::Window { n, min_count, f, .. } if min_count < n => Kernel::Present { f, n, min_count },
        Op::Window { n, f, .. } => match f {
            WindowFn::Sum => Kernel::Sum { n, divisor: 1.0 },
            WindowFn::Mean => Kernel::Sum { n, divisor: f64::from(n) },
            WindowFn::Min => Kernel::Extreme { n, least: true },
            WindowFn::Max => Kernel::Extreme { n, least: false },
            WindowFn::Var { ddof } => Kernel::Var { n, ddof },
            WindowFn::ArgMin(ties) => Kernel::Arg { n, least: true, ties },
            WindowFn::ArgMax(ties) => Kernel::Arg { n, least: false, ties },
            WindowFn::Rank => Kernel::Rank { n },
            WindowFn::Quantile { q } => Kernel::Quantile { n, q: q.0 },
            WindowFn::LinearMean => Kernel::LinearMean { n },
            WindowFn::Slope => Kernel::Slope { n },
            WindowFn::RSquare => Kernel::RSquare { n },
        },
        Op::Pair { n, f, .. } => Kernel::Pair { n, f },
        Op::Smooth { alpha, seed, skip, .. } => Kernel::Smooth { alpha: alpha.0, seed, skip },
        Op::Skip { n, .. } => Kernel::Skip { n },
        Op::Aggregate { how, incomplete, .. } => Kernel::Aggregate { how, incomplete },
        Op::AsOf { .. } | Op::AtClose { .. } => Kernel::AsOf { join: 0, other: 0 },
        Op::Cross { f, .. } => Kernel::Cross { f },
        Op::Model { model } => Kernel::Model { model },
    })
}
