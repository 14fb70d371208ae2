//! Features: compositions of ops over columns.

use crate::{ArgProblem, Args, Info};
use sigc_plan::{Ops, Type, ValueId};

/// A feature or strategy step. Its kernel is whatever ops `build` composes; nothing else computes it.
#[derive(Debug)]
pub struct Feature {
    /// Name, docs, parameters.
    pub info: Info,
    /// What it reads, in the order `build` gets it.
    pub roles: &'static [Role],
    /// What it makes, in the order `build` gives it.
    pub outputs: &'static [Output],
    /// Adds its ops to a frame and gives one value per output.
    pub build: fn(&mut Ops<'_>, &Inputs, &Args) -> Vec<ValueId>,
    /// Rows before the first value of each output, as the formula says: a check on what is derived from the ops.
    pub lookback: fn(&Args) -> Vec<u32>,
    /// Faults of the arguments, together and where the step stands.
    pub check: fn(&Args, Known) -> Vec<ArgProblem>,
    /// Worked examples; they run as tests and stand in the docs.
    pub examples: &'static [Example],
}

/// What is known of where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Known {
    /// Symbols in the universe of the frame that it reads; `None` where that could not be found out.
    pub n_symbols: Option<usize>,
}

/// One input of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// The key under `inputs:`; `inputs: {frame: f}` fills it from `f`'s column of this name.
    pub name: &'static str,
    /// True if `inputs: {column: f.c}` fills it as well.
    pub takes_column: bool,
}

impl Role {
    /// The role of a feature that reads one column: `inputs: {column: f.close}`.
    pub const COLUMN: Role = Role { name: "column", takes_column: true };

    /// A named role.
    pub const fn named(name: &'static str) -> Role {
        Role { name, takes_column: false }
    }

    /// A named role that a lone `column:` fills too.
    pub const fn or_column(name: &'static str) -> Role {
        Role { name, takes_column: true }
    }
}

/// One output of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// The key in an `outputs.columns` map.
    pub name: &'static str,
    /// What it holds.
    pub r#type: Type,
}

impl Output {
    /// The output of a feature that makes one column of numbers.
    pub const VALUE: Output = Output::number("value");

    /// A column of numbers.
    pub const fn number(name: &'static str) -> Output {
        Output { name, r#type: Type::Number }
    }
}

/// The values of a feature's roles, in the order of its definition.
#[derive(Debug, Clone)]
pub struct Inputs {
    roles: &'static [Role],
    values: Vec<ValueId>,
}

impl Inputs {
    /// One value per role.
    ///
    /// # Panics
    /// If the counts differ: the compiler fills every role before it builds.
    pub fn new(roles: &'static [Role], values: Vec<ValueId>) -> Inputs {
        assert_eq!(roles.len(), values.len(), "the compiler fills every role");
        Inputs { roles, values }
    }

    /// The value of the only role.
    pub fn column(&self) -> ValueId {
        self.values[0]
    }

    /// The value of a role.
    ///
    /// # Panics
    /// If the definition does not list the role.
    pub fn get(&self, role: &str) -> ValueId {
        let i = self.roles.iter().position(|r| r.name == role).expect("a feature asks for roles it lists");
        self.values[i]
    }
}

/// A worked example of a feature.
#[derive(Debug)]
pub struct Example {
    /// What it shows.
    pub title: &'static str,
    /// Arguments as written in YAML; the others keep their defaults.
    pub args: &'static [(&'static str, &'static str)],
    /// Cells by role; `None` is null.
    pub input: &'static [(&'static str, &'static [Option<f64>])],
    /// Cells by output.
    pub output: &'static [(&'static str, &'static [Option<f64>])],
}

impl Feature {
    /// For `check`: nothing to complain about.
    pub fn no_check(_: &Args, _: Known) -> Vec<ArgProblem> {
        Vec::new()
    }
}
