//! Formulas over columns: `rsi14 < 30 and close > sma_20`.
//!
//! The grammar knows operators, names and calls; which functions there are, what a name means and what is a number or a
//! condition is the compiler's matter. So a new function is no change here.

use super::{Grammar, Place, column, refusal, shorten};
use chumsky::prelude::*;
use sigc_diag::{Diag, E0242, Span, Spanned};

/// Longest text.
const MOST_CHARS: usize = 2_000;
/// Parentheses within each other, calls included.
const DEEPEST: usize = 16;
/// What an operator stands beside, in messages.
const OPERAND: &str = "a column, a number or `(`";
/// Numbers, names, operators and calls.
const MOST_PARTS: usize = 200;

/// A formula and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    /// What it is.
    pub kind: FormulaKind,
    /// Where it stands in the file.
    pub span: Span,
}

/// What a formula is.
#[derive(Debug, Clone, PartialEq)]
pub enum FormulaKind {
    /// A finite number, not negative.
    Number(f64),
    /// `rsi14`, `ohlcv.close`, `model.prediction`: the frame, if any, is part of it.
    Name(String),
    /// An operator before its operand.
    Unary(UnaryOp, Box<Formula>),
    /// An operator between its operands.
    Binary(BinaryOp, Box<Formula>, Box<Formula>),
    /// `prev(close)`
    Call {
        /// The function.
        name: Spanned<String>,
        /// At least one.
        args: Vec<Formula>,
    },
}

/// Operators of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-x`
    Neg,
    /// `not x`
    Not,
}

/// Operators of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`
    Div,
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
    /// `a and b`
    And,
    /// `a or b`
    Or,
}

impl BinaryOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
        }
    }
}

impl Formula {
    /// The names in it, in the order written.
    pub fn names(&self) -> Vec<Spanned<&str>> {
        let mut names = Vec::new();
        self.walk(&mut |f| {
            if let FormulaKind::Name(name) = &f.kind {
                names.push(Spanned::new(name.as_str(), f.span));
            }
        });
        names
    }

    fn walk<'f>(&'f self, visit: &mut impl FnMut(&'f Formula)) {
        visit(self);
        match &self.kind {
            FormulaKind::Number(_) | FormulaKind::Name(_) => {}
            FormulaKind::Unary(_, x) => x.walk(visit),
            FormulaKind::Binary(_, a, b) => {
                a.walk(visit);
                b.walk(visit);
            }
            FormulaKind::Call { args, .. } => args.iter().for_each(|a| a.walk(visit)),
        }
    }
}

fn binary(a: Formula, (op, b): (BinaryOp, Formula)) -> Formula {
    let span = a.span.to(b.span);
    Formula { kind: FormulaKind::Binary(op, Box::new(a), Box::new(b)), span }
}

fn unary((op, at): (UnaryOp, Span), x: Formula) -> Formula {
    let span = at.to(x.span);
    Formula { kind: FormulaKind::Unary(op, Box::new(x)), span }
}

/// One of these signs or words.
fn operator<'a>(ops: &'static [BinaryOp]) -> Grammar<'a, BinaryOp> {
    let signs = ops.iter().map(|&op| match op {
        BinaryOp::And | BinaryOp::Or => text::ascii::keyword(op.symbol()).to(op).boxed(),
        _ => just(op.symbol()).to(op).boxed(),
    });
    choice(signs.collect::<Vec<_>>()).labelled("an operator").padded().boxed()
}

/// `left OP right OP right`, the leftmost first.
fn chain<'a>(operand: Grammar<'a, Formula>, ops: &'static [BinaryOp]) -> Grammar<'a, Formula> {
    operand.clone().foldl(operator(ops).then(operand).repeated(), binary).boxed()
}

fn grammar<'a>(place: Place) -> Grammar<'a, Formula> {
    recursive(|formula| {
        let formula = formula.boxed();
        let digits = any().filter(char::is_ascii_digit).repeated().at_least(1);
        let exponent = one_of("eE").then(one_of("+-").or_not()).then(digits);
        let number = digits
            .then(just('.').then(digits).labelled("the rest of a number").or_not())
            .then(exponent.labelled("the rest of a number").or_not())
            .to_slice()
            .try_map(|text: &str, span| match text.parse::<f64>() {
                Ok(x) if x.is_finite() => Ok(FormulaKind::Number(x)),
                _ => Err(Rich::custom(span, format!("`{text}` is too large for a number"))),
            })
            .boxed();
        let args = formula.clone().separated_by(just(',').labelled("`,`")).at_least(1).collect::<Vec<_>>();
        let args = args.delimited_by(just('(').labelled("`(`"), just(')').labelled("`)`"));
        let name = column()
            .try_map(|name: &str, span| match name {
                "and" | "or" | "not" => Err(Rich::custom(span, "a word of the language is no name")),
                _ => Ok(name.to_owned()),
            })
            .map_with(move |name, e| Spanned::new(name, place.part(e.span())))
            .then(args.or_not())
            .map(|(name, args)| match args {
                Some(args) => FormulaKind::Call { name, args },
                None => FormulaKind::Name(name.value),
            })
            .boxed();
        let spanned = number.or(name).map_with(move |kind, e| Formula { kind, span: place.part(e.span()) }).boxed();
        let inner = formula.delimited_by(just('(').labelled("`(`"), just(')').labelled("`)`"));
        let atom = spanned.or(inner).labelled(OPERAND).padded().boxed();

        let sign =
            |parser: Grammar<'a, UnaryOp>| parser.map_with(move |op, e| (op, place.part(e.span()))).padded().boxed();
        let minus = sign(just('-').to(UnaryOp::Neg).labelled("`-`").boxed());
        let signed = minus.repeated().foldr(atom, unary).labelled(OPERAND).boxed();
        let product = chain(signed, &[BinaryOp::Mul, BinaryOp::Div]);
        let sum = chain(product, &[BinaryOp::Add, BinaryOp::Sub]);
        let comparison =
            operator(&[BinaryOp::Le, BinaryOp::Lt, BinaryOp::Ge, BinaryOp::Gt, BinaryOp::Eq, BinaryOp::Ne]);
        let compared = sum
            .clone()
            .then(comparison.then(sum).or_not())
            .map(|(a, rest)| match rest {
                Some(rest) => binary(a, rest),
                None => a,
            })
            .boxed();
        let not = sign(text::ascii::keyword("not").to(UnaryOp::Not).labelled("`not`").boxed());
        let denied = not.repeated().foldr(compared, unary).boxed();
        let both = chain(denied, &[BinaryOp::And]);
        chain(both, &[BinaryOp::Or])
    })
    .then_ignore(end())
    .boxed()
}

/// Reads a formula.
///
/// # Errors
/// E0242 where the text is none, or goes beyond a limit.
pub fn formula(text: &str, at: Span) -> Result<Formula, Diag> {
    let place = Place::new(text, at);
    let too_much = |message: String| {
        let help = "make a part of it an event or a feature of its own, and read that one's column";
        Err(Diag::new(&E0242, at, message).here("too much for one condition").help(help))
    };
    let chars = text.chars().count();
    if chars > MOST_CHARS {
        return too_much(format!("the condition has {chars} characters, more than {MOST_CHARS}"));
    }
    if depth(text) > DEEPEST {
        return too_much(format!("the condition has more than {DEEPEST} parentheses within each other"));
    }
    match grammar(place).parse(text).into_result() {
        Ok(formula) => {
            let mut parts = 0;
            formula.walk(&mut |_| parts += 1);
            if parts > MOST_PARTS {
                return too_much(format!("the condition has {parts} parts, more than {MOST_PARTS}"));
            }
            Ok(formula)
        }
        Err(errors) => {
            let message = format!("`{}` is not a condition", shorten(text));
            let at = errors.first().map_or(0, |e| e.span().start);
            let (before, rest) = text.split_at_checked(at).unwrap_or((text, ""));
            let diag = refusal(&E0242, message, &errors, place).help(help(before, rest));
            let word = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
            Err(match word {
                "and" | "or" => diag.here(format!("`{word}` stands between two conditions")),
                "not" => diag.here("`not` stands before a condition"),
                _ => diag,
            })
        }
    }
}

fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// What to write instead: the slips of those who know other languages first.
fn help(before: &str, rest: &str) -> &'static str {
    if rest.starts_with(['&', '|']) {
        "write `and` and `or`"
    } else if rest.starts_with('!') || before.ends_with('!') {
        "write `not`, or `!=` between two values"
    } else if rest.starts_with('=') || before.ends_with('=') {
        "write `==` to compare"
    } else if rest.starts_with(['<', '>']) {
        "compare two at a time: `low < x and x < high`"
    } else {
        "compare columns and numbers, and join comparisons: `rsi14 < 30 and close > sma_20`"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Formula {
        formula(text, Span::new(100, 100 + text.len())).unwrap_or_else(|d| panic!("{text}: {d:?}"))
    }

    /// With every operation in parentheses.
    fn show(f: &Formula) -> String {
        match &f.kind {
            FormulaKind::Number(x) => x.to_string(),
            FormulaKind::Name(n) => n.clone(),
            FormulaKind::Unary(UnaryOp::Neg, x) => format!("(-{})", show(x)),
            FormulaKind::Unary(UnaryOp::Not, x) => format!("(not {})", show(x)),
            FormulaKind::Binary(op, a, b) => format!("({} {} {})", show(a), op.symbol(), show(b)),
            FormulaKind::Call { name, args } => {
                format!("{}({})", name.value, args.iter().map(show).collect::<Vec<_>>().join(", "))
            }
        }
    }

    #[test]
    fn operators_bind_as_in_arithmetic_and_logic() {
        for (text, want) in [
            ("a<1 or b<2 and c<3", "((a < 1) or ((b < 2) and (c < 3)))"),
            ("not a and b", "((not a) and b)"),
            ("not a < b", "(not (a < b))"),
            ("a - b - c", "((a - b) - c)"),
            ("a + b*c / d > -e", "((a + ((b * c) / d)) > (-e))"),
            ("(a + b) * c", "((a + b) * c)"),
            ("- -a", "(-(-a))"),
            ("prev( close ) >= 1.5e3", "(prev(close) >= 1500)"),
            ("crosses_above(f.close, sma_20)", "crosses_above(f.close, sma_20)"),
            ("nothing or android", "(nothing or android)"),
            (" model.prediction.1 != 2 ", "(model.prediction.1 != 2)"),
            ("a\n and b", "(a and b)"),
        ] {
            assert_eq!(show(&read(text)), want, "{text}");
        }
    }

    #[test]
    fn every_part_has_its_place() {
        let f = read("rsi14 < 30 and f.close > 1");
        assert_eq!(f.span, Span::new(100, 126));
        let names: Vec<(&str, Span)> = f.names().into_iter().map(|n| (n.value, n.span)).collect();
        assert_eq!(names, [("rsi14", Span::new(100, 105)), ("f.close", Span::new(115, 122))]);
        let quoted = formula("a < b", Span::new(0, 7)).unwrap();
        assert_eq!(quoted.names()[1].span, Span::new(5, 6));
    }

    #[test]
    fn refusals_point_at_the_fault() {
        for (text, at, said, help) in [
            ("a && b", 2, "expected", "`and`"),
            ("a = 1", 3, "expected `=`", "`==`"),
            ("a < b < c", 6, "expected", "two at a time"),
            ("a < ", 4, "expected a column, a number or `(`", "compare"),
            ("a and and b", 6, "stands between", "compare"),
            ("(a < 1", 6, "expected", "compare"),
            ("5m > 1", 1, "expected", "compare"),
            ("f()", 2, "expected", "compare"),
        ] {
            let diag = formula(text, Span::new(0, text.len())).unwrap_err();
            assert_eq!((diag.code.id, diag.span().start), ("E0242", at), "{text}: {diag:?}");
            assert!(diag.labels[0].text.contains(said), "{text}: {}", diag.labels[0].text);
            assert!(diag.help.as_deref().unwrap_or("").contains(help), "{text}: {:?}", diag.help);
        }
    }

    #[test]
    fn limits_hold_and_what_is_within_them_is_read() {
        let at = |t: &str| Span::new(0, t.len());
        let nested = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
        assert!(formula(&nested(16), at(&nested(16))).is_ok());
        let long = format!("a{}", " + a".repeat(99));
        assert!(formula(&long, at(&long)).is_ok());
        for bad in
            [nested(17), nested(5_000), format!("a{}", " + a".repeat(100)), "-".repeat(1_990) + "a", "a".repeat(2_001)]
        {
            assert_eq!(formula(&bad, at(&bad)).unwrap_err().code.id, "E0242", "{} characters", bad.len());
        }
    }
}
