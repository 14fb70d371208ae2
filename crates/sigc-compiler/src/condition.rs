//! The conditions of events: formulas whose names are columns and whose types fit.
//!
//! `check` reads the tree of the grammar against a frame's columns; [`Condition::build`] composes it of the ops that
//! features are made of. Null propagates: a condition is null where a cell it reads is, `and` and `or` included, and
//! then the event does not fire.

use crate::typed::{ColId, Typed};
use sigc_diag::{Diag, Diags, E0243, Span, nearest};
use sigc_plan::{Op, Ops, Row1, Row2, Type, ValueId};
use sigc_syntax::{BinaryOp, Formula, FormulaKind, UnaryOp};

/// A formula that means something.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A column of the event's frame.
    Column(ColId),
    /// A number.
    Number(f64),
    /// A row-wise op of one operand.
    One(Row1, Box<Condition>),
    /// A row-wise op of two operands.
    Two(Row2, Box<Condition>, Box<Condition>),
    /// The row before.
    Prev(Box<Condition>),
}

/// The functions, as they are written.
const FUNCTIONS: [(&str, usize); 3] = [("prev", 1), ("crosses_above", 2), ("crosses_below", 2)];

/// Reads a condition; `column` finds what a name means, or reports that it means nothing. `None` if anything was
/// reported.
pub(crate) fn check(
    formula: &Formula,
    typed: &Typed,
    column: &mut dyn FnMut(&str, Span, &mut Diags) -> Option<ColId>,
    diags: &mut Diags,
) -> Option<Condition> {
    let mut reader = Reader { typed, column };
    let (condition, t) = reader.read(formula, diags)?;
    if t == Type::Number {
        let message = "a condition is true or false, and this is a number";
        let help = "compare it with something: `rsi_14 < 30`";
        diags.push(Diag::new(&E0243, formula.span, message).here("a number").help(help));
        return None;
    }
    Some(condition)
}

struct Reader<'a> {
    typed: &'a Typed,
    column: &'a mut dyn FnMut(&str, Span, &mut Diags) -> Option<ColId>,
}

impl Reader<'_> {
    fn read(&mut self, formula: &Formula, diags: &mut Diags) -> Option<(Condition, Type)> {
        match &formula.kind {
            FormulaKind::Number(x) => Some((Condition::Number(*x), Type::Number)),
            FormulaKind::Name(name) => {
                let id = (self.column)(name, formula.span, diags)?;
                Some((Condition::Column(id), self.typed.column(id).r#type))
            }
            FormulaKind::Unary(op, x) => {
                let (f, t, sign) = match op {
                    UnaryOp::Neg => (Row1::Neg, Type::Number, "-"),
                    UnaryOp::Not => (Row1::Not, Type::Bool, "not"),
                };
                let x = self.of_type(x, t, sign, diags)?;
                Some((Condition::One(f, x.into()), t))
            }
            FormulaKind::Binary(op, a, b) => self.binary(*op, a, b, diags),
            FormulaKind::Call { name, args } => self.call(&name.value, name.span, args, diags),
        }
    }

    fn binary(&mut self, op: BinaryOp, a: &Formula, b: &Formula, diags: &mut Diags) -> Option<(Condition, Type)> {
        let (f, takes, gives) = match op {
            BinaryOp::Add => (Row2::Add, Type::Number, Type::Number),
            BinaryOp::Sub => (Row2::Sub, Type::Number, Type::Number),
            BinaryOp::Mul => (Row2::Mul, Type::Number, Type::Number),
            BinaryOp::Div => (Row2::Div, Type::Number, Type::Number),
            BinaryOp::Lt => (Row2::Lt, Type::Number, Type::Bool),
            BinaryOp::Le => (Row2::Le, Type::Number, Type::Bool),
            BinaryOp::Gt => (Row2::Gt, Type::Number, Type::Bool),
            BinaryOp::Ge => (Row2::Ge, Type::Number, Type::Bool),
            BinaryOp::Eq => (Row2::Eq, Type::Number, Type::Bool),
            BinaryOp::Ne => (Row2::Ne, Type::Number, Type::Bool),
            BinaryOp::And => (Row2::And, Type::Bool, Type::Bool),
            BinaryOp::Or => (Row2::Or, Type::Bool, Type::Bool),
        };
        // Both sides are looked at, so that each fault is said.
        let (a, b) = (self.of_type(a, takes, op.symbol(), diags), self.of_type(b, takes, op.symbol(), diags));
        Some((Condition::Two(f, a?.into(), b?.into()), gives))
    }

    /// An operand that must be a number, or a condition.
    fn of_type(&mut self, x: &Formula, wanted: Type, sign: &str, diags: &mut Diags) -> Option<Condition> {
        let (condition, found) = self.read(x, diags)?;
        if found == wanted {
            return Some(condition);
        }
        let (takes, is, help) = match wanted {
            Type::Number => ("numbers", "a condition", "join conditions with `and`, `or` and `not`"),
            Type::Bool => ("conditions", "a number", "compare it with something: `rsi_14 < 30`"),
        };
        let message = format!("`{sign}` takes {takes}, and this is {is}");
        diags.push(Diag::new(&E0243, x.span, message).here(is).help(help));
        None
    }

    fn call(&mut self, name: &str, at: Span, args: &[Formula], diags: &mut Diags) -> Option<(Condition, Type)> {
        let Some((_, takes)) = FUNCTIONS.iter().find(|(f, _)| *f == name) else {
            let known = FUNCTIONS.map(|f| f.0);
            let diag = Diag::new(&E0243, at, format!("there is no function `{name}`")).here("not known");
            diags.push(match nearest(name, known) {
                Some(near) => diag.help(format!("did you mean `{near}`?")),
                None => diag.help(
                    "functions: `prev(x)`, `crosses_above(a, b)`, `crosses_below(a, b)`; anything else is a feature",
                ),
            });
            return None;
        };
        if args.len() != *takes {
            let whole = args.iter().fold(at, |span, a| span.to(a.span));
            let (s, are) = (if *takes == 1 { "" } else { "s" }, if args.len() == 1 { "is" } else { "are" });
            let message = format!("`{name}` takes {takes} argument{s}, and {} {are} given", args.len());
            let help = if *takes == 1 { "write `prev(close)`" } else { "write `crosses_above(close, sma_20)`" };
            diags.push(Diag::new(&E0243, whole, message).here("does not fit").help(help));
            return None;
        }
        if name == "prev" {
            let (x, t) = self.read(&args[0], diags)?;
            return Some((prev(x), t));
        }
        let mut number = |x| self.of_type(x, Type::Number, name, diags);
        let (a, b) = (number(&args[0]), number(&args[1]));
        let (a, b) = (a?, b?);
        // Over now, and not over in the row before.
        let (now, before) = if name == "crosses_above" { (Row2::Gt, Row2::Le) } else { (Row2::Lt, Row2::Ge) };
        let earlier = Condition::Two(before, prev(a.clone()).into(), prev(b.clone()).into());
        let crossing = Condition::Two(now, a.into(), b.into());
        Some((Condition::Two(Row2::And, crossing.into(), earlier.into()), Type::Bool))
    }
}

/// The row before; of a number, itself.
fn prev(x: Condition) -> Condition {
    match x {
        Condition::Number(_) => x,
        x => Condition::Prev(x.into()),
    }
}

impl Condition {
    /// The columns it reads, each once.
    pub fn columns(&self) -> Vec<ColId> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect(&self, to: &mut Vec<ColId>) {
        match self {
            Condition::Column(c) if !to.contains(c) => to.push(*c),
            Condition::Column(_) | Condition::Number(_) => {}
            Condition::One(_, x) | Condition::Prev(x) => x.collect(to),
            Condition::Two(_, a, b) => {
                a.collect(to);
                b.collect(to);
            }
        }
    }

    /// Adds its ops; `value` gives a column's. `None` if one has none.
    pub fn build(&self, g: &mut Ops<'_>, value: &dyn Fn(ColId) -> Option<ValueId>) -> Option<ValueId> {
        Some(match self {
            Condition::Column(c) => value(*c)?,
            Condition::Number(x) => g.constant(*x),
            Condition::One(f, x) => {
                let x = x.build(g, value)?;
                g.row1(*f, x)
            }
            Condition::Two(f, a, b) => {
                let (a, b) = (a.build(g, value)?, b.build(g, value)?);
                g.row2(*f, a, b)
            }
            Condition::Prev(x) => {
                let x = x.build(g, value)?;
                g.push(Op::Lag { x, n: 1 })
            }
        })
    }

    /// As text, every operation in parentheses.
    pub fn show(&self, typed: &Typed) -> String {
        let word = |f: &dyn std::fmt::Debug| format!("{f:?}").to_lowercase();
        match self {
            Condition::Column(c) => typed.qualified(*c),
            Condition::Number(x) => x.to_string(),
            Condition::One(f, x) => format!("({} {})", word(f), x.show(typed)),
            Condition::Two(f, a, b) => format!("({} {} {})", word(f), a.show(typed), b.show(typed)),
            Condition::Prev(x) => format!("(prev {})", x.show(typed)),
        }
    }
}
