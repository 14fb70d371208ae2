//! The ops: a small, closed set that features and formulas are composed of.
//!
//! A cell is a finite `f64` or null. Every op gives null where its exact result would not be finite. Windowed ops
//! are strict (null if any cell they read is null, unless `min_count` says otherwise); [`Op::Smooth`] and
//! [`Op::Skip`] pass over null rows. `features.md` sections 1 and 2 are the source of every rule.

use crate::FrameId;
use crate::{Incomplete, ModelId, ValueId};
use serde::{Deserialize, Serialize};
use sigc_market::Field;

/// A constant, equal and hashed by its bits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct F64(pub f64);

impl PartialEq for F64 {
    fn eq(&self, other: &F64) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}
impl Eq for F64 {}
impl std::hash::Hash for F64 {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// What a column holds. A bool is stored as 1 or 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// A number.
    Number,
    /// True or false.
    Bool,
}

impl Type {
    /// `number` or `bool`.
    pub fn name(self) -> &'static str {
        match self {
            Type::Number => "number",
            Type::Bool => "bool",
        }
    }
}

/// Row-wise ops of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row1 {
    /// `-x`
    Neg,
    /// `|x|`
    Abs,
    /// Natural logarithm.
    Ln,
    /// e to the x.
    Exp,
    /// Square root.
    Sqrt,
    /// -1, 0 or 1.
    Sign,
    /// 1 where x is 0, else 0.
    Not,
}

/// Row-wise ops of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row2 {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`; null where b is 0.
    Div,
    /// The larger; the first where they are equal.
    Greatest,
    /// The smaller; the first where they are equal.
    Least,
    /// `a` to the power `b`; null if either is null.
    Pow,
    /// `a < b`
    Lt,
    /// `a <= b`
    Le,
    /// `a > b`
    Gt,
    /// `a >= b`
    Ge,
    /// `a == b`
    Eq,
    /// `a != b`
    Ne,
    /// Both non-zero.
    And,
    /// One non-zero.
    Or,
    /// `a`, or `b` where `a` is null. Unknown cells stay null: see [`crate::reach`].
    Fill,
}

/// Which row wins among equal extremes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// The oldest.
    First,
    /// The newest.
    Last,
}

/// Functions of one column over a window of `n` rows, the current one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowFn {
    /// Sum.
    Sum,
    /// Mean.
    Mean,
    /// Least.
    Min,
    /// Greatest.
    Max,
    /// Variance with `n - ddof` in the denominator; 0 on a flat window.
    Var {
        /// Delta degrees of freedom.
        ddof: u32,
    },
    /// Position of the least, 1 = oldest.
    ArgMin(Ties),
    /// Position of the greatest, 1 = oldest.
    ArgMax(Ties),
    /// `(count below + (count equal + 1) / 2) / n` of the newest.
    Rank,
    /// Linear interpolation between order statistics at `h = q (n - 1)`.
    Quantile {
        /// 0 to 1.
        q: F64,
    },
    /// Mean with weights 1 for the oldest up to n for the newest.
    LinearMean,
    /// Slope of the least-squares line on 0..n-1; 0 on a flat window.
    Slope,
    /// Coefficient of determination of that line; null on a flat window.
    RSquare,
}

/// Functions of two columns over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairFn {
    /// Covariance, ddof 1; 0 where either is flat.
    Cov,
    /// Pearson correlation, kept in -1..1; null where either is flat.
    Corr,
}

/// Functions of one column over the universe at one row. Symbols whose cell is null take no part and stay null; so do
/// those without the row. What is summed is summed in the order of the universe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrossFn {
    /// `(count below + (count equal + 1) / 2) / count`: above 0 to 1, equal cells share their average rank.
    Rank,
    /// Place from the greatest, 1, to the least; equal cells in the order of the universe, so no place is shared.
    Order,
    /// How many take part.
    Count,
    /// Sum.
    Sum,
    /// Mean.
    Mean,
    /// Standard deviation, ddof 1; 0 where all are equal, null for a sole one.
    Std,
}

impl CrossFn {
    /// The name in formulas: `cs_rank`.
    pub fn name(self) -> &'static str {
        match self {
            CrossFn::Rank => "cs_rank",
            CrossFn::Order => "cs_order",
            CrossFn::Count => "cs_count",
            CrossFn::Sum => "cs_sum",
            CrossFn::Mean => "cs_mean",
            CrossFn::Std => "cs_std",
        }
    }
}

/// How the cells of a bucket become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// The first non-null.
    First,
    /// The last non-null.
    Last,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The sum, oldest first.
    Sum,
    /// How many are non-null.
    Count,
}

/// One operation. Operands are values with smaller ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// A field of the source's bar.
    Input(Field),
    /// The same in every row.
    Const(F64),
    /// Row-wise, one operand.
    Row1(Row1, ValueId),
    /// Row-wise, two operands.
    Row2(Row2, ValueId, ValueId),
    /// `a` where `c` is non-zero, else `b`; null where `c` is null. Only the chosen branch's null counts.
    If(ValueId, ValueId, ValueId),
    /// The value `n` rows ago, n >= 1.
    Lag {
        /// Operand.
        x: ValueId,
        /// Rows back.
        n: u32,
    },
    /// A function over the last `n` rows. Null unless at least `min_count` of them are non-null
    /// (`min_count == n` is the strict rule).
    Window {
        /// Operand.
        x: ValueId,
        /// Rows.
        n: u32,
        /// Non-null rows asked for, 1 to n. Below n only for sum, mean, var, min and max.
        min_count: u32,
        /// Which function.
        f: WindowFn,
    },
    /// A function of two columns over the last `n` rows, strict.
    Pair {
        /// First operand.
        x: ValueId,
        /// Second operand.
        y: ValueId,
        /// Rows.
        n: u32,
        /// Which function.
        f: PairFn,
    },
    /// Exponential smoothing `s += alpha (x - s)`. Null rows pass. The first `skip` non-null rows are left out; the
    /// mean of the next `seed` is the first value, placed at the last of them.
    Smooth {
        /// Operand.
        x: ValueId,
        /// Weight of the newest, 0 < alpha <= 1.
        alpha: F64,
        /// Rows of the seed mean, at least 1.
        seed: u32,
        /// Non-null rows before the seed.
        skip: u32,
    },
    /// Null in the first `n` non-null rows of `x`, then `x`.
    Skip {
        /// Operand.
        x: ValueId,
        /// Rows hidden.
        n: u32,
    },
    /// One cell per bucket of this value's (coarser) frame from `x` of its parent frame.
    Aggregate {
        /// Operand, in the parent frame.
        x: ValueId,
        /// How.
        how: Aggregate,
        /// What a null child does.
        incomplete: Incomplete,
    },
    /// The newest row of `x`, in another frame, that is closed when this row closes.
    AsOf {
        /// Operand, in the other frame.
        x: ValueId,
    },
    /// The row of `x`, in another frame, that closes when this row closes; null in rows at whose close none does.
    AtClose {
        /// Operand, in the other frame.
        x: ValueId,
    },
    /// A function over all symbols of the universe at this row.
    Cross {
        /// Operand.
        x: ValueId,
        /// Which function.
        f: CrossFn,
    },
    /// A model's output; null unless every cell of its window is non-null.
    Model {
        /// Which model; its inputs and window stand in the plan's list.
        model: ModelId,
    },
}

/// An op and the frame its value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Node {
    /// The frame whose rows carry the value.
    pub frame: FrameId,
    /// What computes it.
    pub op: Op,
}

impl Op {
    /// The operands in order; a model's inputs stand in the plan instead.
    pub fn operands(&self) -> impl Iterator<Item = ValueId> + use<> {
        let list: [Option<ValueId>; 3] = match *self {
            Op::Input(_) | Op::Const(_) | Op::Model { .. } => [None; 3],
            Op::Row1(_, x)
            | Op::Lag { x, .. }
            | Op::Window { x, .. }
            | Op::Smooth { x, .. }
            | Op::Skip { x, .. }
            | Op::Aggregate { x, .. }
            | Op::AsOf { x }
            | Op::AtClose { x }
            | Op::Cross { x, .. } => [Some(x), None, None],
            Op::Row2(_, a, b) => [Some(a), Some(b), None],
            Op::Pair { x, y, .. } => [Some(x), Some(y), None],
            Op::If(c, a, b) => [Some(c), Some(a), Some(b)],
        };
        list.into_iter().flatten()
    }

    /// The same op over other operands.
    #[must_use]
    pub fn map_operands(self, mut to: impl FnMut(ValueId) -> ValueId) -> Op {
        match self {
            Op::Input(_) | Op::Const(_) | Op::Model { .. } => self,
            Op::Row1(f, x) => Op::Row1(f, to(x)),
            Op::Row2(f, a, b) => Op::Row2(f, to(a), to(b)),
            Op::If(c, a, b) => Op::If(to(c), to(a), to(b)),
            Op::Lag { x, n } => Op::Lag { x: to(x), n },
            Op::Window { x, n, min_count, f } => Op::Window { x: to(x), n, min_count, f },
            Op::Pair { x, y, n, f } => Op::Pair { x: to(x), y: to(y), n, f },
            Op::Smooth { x, alpha, seed, skip } => Op::Smooth { x: to(x), alpha, seed, skip },
            Op::Skip { x, n } => Op::Skip { x: to(x), n },
            Op::Aggregate { x, how, incomplete } => Op::Aggregate { x: to(x), how, incomplete },
            Op::AsOf { x } => Op::AsOf { x: to(x) },
            Op::AtClose { x } => Op::AtClose { x: to(x) },
            Op::Cross { x, f } => Op::Cross { x: to(x), f },
        }
    }

    /// What its value holds; row-wise choices take their branches' type.
    pub fn type_of(&self, of: impl Fn(ValueId) -> Type) -> Type {
        match *self {
            Op::Row1(Row1::Not, _) => Type::Bool,
            Op::Row2(f, a, _) => match f {
                Row2::Lt | Row2::Le | Row2::Gt | Row2::Ge | Row2::Eq | Row2::Ne | Row2::And | Row2::Or => Type::Bool,
                Row2::Fill => of(a),
                _ => Type::Number,
            },
            Op::If(_, a, _) => of(a),
            Op::Lag { x, .. } | Op::Skip { x, .. } | Op::AsOf { x } | Op::AtClose { x } => of(x),
            Op::Aggregate { how: Aggregate::Sum | Aggregate::Count, .. } => Type::Number,
            Op::Aggregate { x, .. } => of(x),
            _ => Type::Number,
        }
    }
}
