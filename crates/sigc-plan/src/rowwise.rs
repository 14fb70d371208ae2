//! The meaning of the row-wise ops on single cells: the engine's kernels and the constant folder share it.

use crate::{Row1, Row2};
use sigc_market::NULL;

/// The finite number itself, else null.
#[inline(always)]
pub(crate) fn finite(x: f64) -> f64 {
    if x.is_finite() { x } else { NULL }
}

/// 1 or 0, null if either cell is null.
#[inline(always)]
fn truth(a: f64, b: f64, is: bool) -> f64 {
    if a.is_nan() || b.is_nan() {
        NULL
    } else if is {
        1.0
    } else {
        0.0
    }
}

impl Row1 {
    /// The result for one cell.
    #[inline(always)]
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Row1::Neg => finite(-x),
            Row1::Abs => finite(x.abs()),
            Row1::Ln => finite(x.ln()),
            Row1::Exp => finite(x.exp()),
            Row1::Sqrt => finite(x.sqrt()),
            Row1::Sign => {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    finite(x.abs())
                }
            }
            Row1::Not => truth(x, x, x == 0.0),
        }
    }
}

impl Row2 {
    /// The result for two cells.
    #[inline(always)]
    pub fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Row2::Add => finite(a + b),
            Row2::Sub => finite(a - b),
            Row2::Mul => finite(a * b),
            Row2::Div => finite(a / b),
            // Selects, not `f64::max`: its result for -0 and 0 is not defined.
            Row2::Greatest => {
                if a.is_nan() || b.is_nan() {
                    NULL
                } else if b > a {
                    b
                } else {
                    a
                }
            }
            Row2::Least => {
                if a.is_nan() || b.is_nan() {
                    NULL
                } else if b < a {
                    b
                } else {
                    a
                }
            }
            // IEEE gives 1 for pow(1, NaN) and pow(NaN, 0); a null operand is null here.
            Row2::Pow => {
                if a.is_nan() || b.is_nan() {
                    NULL
                } else {
                    finite(a.powf(b))
                }
            }
            Row2::Lt => truth(a, b, a < b),
            Row2::Le => truth(a, b, a <= b),
            Row2::Gt => truth(a, b, a > b),
            Row2::Ge => truth(a, b, a >= b),
            Row2::Eq => truth(a, b, a == b),
            Row2::Ne => truth(a, b, a != b),
            Row2::And => truth(a, b, a != 0.0 && b != 0.0),
            Row2::Or => truth(a, b, a != 0.0 || b != 0.0),
            Row2::Fill => {
                if a.is_nan() {
                    b
                } else {
                    a
                }
            }
        }
    }
}
