//! From pipeline text to a plan, in stages.
//!
//! | stage | takes → gives |
//! | --- | --- |
//! | [`parse`](sigc_syntax::parse) | text → [`Tree`], every node with its place |
//! | [`shape`](mod@shape) | tree → [`Shape`](shape::Shape): the keys are known, the parts are where they belong |
//! | [`expand`](mod@expand) | shape → [`Expanded`](expand::Expanded): grids unrolled, templates filled, each step knows its origin |
//! | [`resolve`](mod@resolve) | expanded → [`Typed`](typed::Typed): names are ids, parameters are values |
//! | [`graph`](mod@graph) | typed → [`Dag`](graph::Dag): steps in order, each column with its ops |
//! | [`schedule`](mod@schedule) | DAG → [`Scheduled`](schedule::Scheduled): exact history per frame and column |
//! | [`trained`] | scheduled, and the models' manifests → findings alone |
//! | [`lower`](mod@lower) | scheduled → [`Plan`] |
//!
//! A stage reports what it finds and goes on; what it could not make sense of becomes a hole that stays silent in
//! the stages after it. The catalog is handed in: no stage names a step. Files are asked for through
//! [`Host`] only.

pub mod condition;
pub mod expand;
pub mod graph;
pub mod hidden;
pub mod lower;
mod params;
mod read;
pub mod resolve;
pub mod schedule;
pub mod schema;
pub mod shape;
pub mod stages;
pub mod trained;
pub mod typed;

use sigc_catalog::{Catalog, Host};
use sigc_diag::Diags;
use sigc_plan::Plan;
use sigc_syntax::Tree;

/// What a compilation gives: every stage's result as far as it got, and all findings.
#[derive(Debug)]
pub struct Compiled {
    /// The text with places.
    pub tree: Tree,
    /// The steps after expansion.
    pub expanded: Option<expand::Expanded>,
    /// Names resolved.
    pub typed: Option<typed::Typed>,
    /// Steps in order.
    pub dag: Option<graph::Dag>,
    /// History counted.
    pub scheduled: Option<schedule::Scheduled>,
    /// What the engine runs; there only if there are no errors.
    pub plan: Option<Plan>,
    /// All findings.
    pub diags: Diags,
}

/// Compiles a pipeline. Never fails half-way: look at [`Compiled::diags`], and at [`Compiled::plan`].
pub fn compile(text: &str, catalog: &Catalog, host: &dyn Host) -> Compiled {
    let mut diags = Diags::new();
    let tree = sigc_syntax::parse(text, &mut diags);
    compile_tree(tree, diags, catalog, host)
}

/// [`compile`] from a tree that was parsed before.
pub fn compile_tree(tree: Tree, mut diags: Diags, catalog: &Catalog, host: &dyn Host) -> Compiled {
    let shape = shape::shape(&tree, &mut diags);
    let expanded = shape.map(|s| expand::expand(s, catalog, &mut diags));
    let typed = expanded.as_ref().map(|e| resolve::resolve(e, catalog, host, &mut diags));
    let dag = typed.as_ref().and_then(|t| graph::graph(t, &mut diags));
    let scheduled = dag.as_ref().map(|d| schedule::schedule(d, &mut diags));
    if let Some(s) = &scheduled {
        trained::check(s, &mut diags);
    }
    let plan = match &scheduled {
        Some(s) if !diags.has_errors() => lower::lower(s),
        _ => None,
    };
    Compiled { tree, expanded, typed, dag, scheduled, plan, diags }
}
