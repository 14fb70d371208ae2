//! Ops and plans as text: one line an op, readable and comparable.

use crate::{F64, Node, Op, Plan, ValueId};
use std::fmt::{self, Write};

impl fmt::Display for F64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The lower-case name of a unit-like enum value, as its serialized form spells it.
fn word<T: serde::Serialize>(x: &T) -> String {
    match serde_json::to_value(x) {
        Ok(serde_json::Value::String(s)) => s,
        Ok(serde_json::Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Input(field) => write!(f, "input {}", field.name()),
            Op::Const(x) => write!(f, "const {x}"),
            Op::Row1(g, x) => write!(f, "{} {x}", word(g)),
            Op::Row2(g, a, b) => write!(f, "{} {a} {b}", word(g)),
            Op::If(c, a, b) => write!(f, "if {c} {a} {b}"),
            Op::Lag { x, n } => write!(f, "lag {x} n={n}"),
            Op::Window { x, n, min_count, f: g } => {
                write!(f, "{} {x} n={n}", word(g))?;
                match g {
                    crate::WindowFn::Var { ddof } => write!(f, " ddof={ddof}")?,
                    crate::WindowFn::Quantile { q } => write!(f, " q={q}")?,
                    crate::WindowFn::ArgMin(t) | crate::WindowFn::ArgMax(t) => write!(f, " ties={}", word(t))?,
                    _ => {}
                }
                if min_count < n { write!(f, " min_count={min_count}") } else { Ok(()) }
            }
            Op::Pair { x, y, n, f: g } => write!(f, "{} {x} {y} n={n}", word(g)),
            Op::Smooth { x, alpha, seed, skip } => {
                write!(f, "smooth {x} alpha={alpha} seed={seed}")?;
                if *skip > 0 { write!(f, " skip={skip}") } else { Ok(()) }
            }
            Op::Skip { x, n } => write!(f, "skip {x} n={n}"),
            Op::Aggregate { x, how, incomplete } => {
                write!(f, "aggregate {x} {}", word(how))?;
                if *incomplete == crate::Incomplete::Null { write!(f, " incomplete=null") } else { Ok(()) }
            }
            Op::AsOf { x } => write!(f, "asof {x}"),
            Op::AtClose { x } => write!(f, "atclose {x}"),
            Op::Cross { x, f: g } => write!(f, "{} {x}", g.name()),
            Op::Model { model } => write!(f, "model {model}"),
        }
    }
}

/// `%7 ohlcv_2h: mean %3 n=20`, one line an op.
pub(crate) fn nodes(out: &mut String, nodes: &[Node], frame_name: impl Fn(crate::FrameId) -> String) {
    for (i, node) in nodes.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{} {}: {}", ValueId::new(i), frame_name(node.frame), node.op);
    }
}

impl fmt::Display for Plan {
    /// The whole plan: frames, sources, ops, models, columns, signals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan {} {}", self.name, self.fingerprint())?;
        for frame in &self.frames {
            writeln!(f, "frame {} {}", frame.name, frame.interval)?;
        }
        for s in &self.sources {
            let symbols: Vec<&str> = s.symbols.iter().map(|s| s.as_str()).collect();
            writeln!(f, "source {} {} [{}]", self.frame(s.frame).name, s.using, symbols.join(", "))?;
        }
        let mut text = String::new();
        nodes(&mut text, &self.nodes, |id| self.frame(id).name.clone());
        f.write_str(&text)?;
        for (i, m) in self.models.iter().enumerate() {
            let inputs: Vec<String> =
                m.inputs.iter().zip(&m.input_names).map(|(v, name)| format!("{name}={v}")).collect();
            writeln!(f, "model m{i} {} window={} [{}]", m.using, m.window, inputs.join(", "))?;
        }
        for c in &self.columns {
            writeln!(f, "column {}.{} = {} ({})", self.frame(c.frame).name, c.name, c.value, c.r#type.name())?;
        }
        for signal in &self.signals {
            let name =
                |c: crate::ColumnId| format!("{}.{}", self.frame(self.column(c).frame).name, self.column(c).name);
            let columns: Vec<String> = [signal.column].iter().chain(&signal.extra).map(|&c| name(c)).collect();
            let event = signal.name.iter().map(|n| format!("event {n} ")).collect::<String>();
            let when = signal.when.map(|c| format!(" when {}", name(c))).unwrap_or_default();
            writeln!(f, "emit {event}{}{when}", columns.join(", "))?;
        }
        Ok(())
    }
}
