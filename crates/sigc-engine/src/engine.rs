//! A plan made ready to run, shared by all its lanes.

use crate::EngineError;
use crate::cpu::Cpu;
use crate::machine::Layout;
use crate::program::{ModelInfo, Program, compile};
use sigc_plan::{ColumnId, Fingerprint, ModelId, Plan, ValueId};
use std::sync::Arc;

/// Symbols side by side in the panel driver, chosen by measurement.
pub(crate) const LANES: usize = 8;
/// Rows of the finest frame in one run of the panel driver.
pub(crate) const TILE: usize = 64;

/// A plan compiled for some of its columns. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) plan: Plan,
    pub(crate) program: Program,
    pub(crate) outputs: Vec<ColumnId>,
    pub(crate) live: Layout,
    pub(crate) panel: Layout,
    pub(crate) fingerprint: Fingerprint,
}

impl Engine {
    /// Compiles what `outputs` need, and nothing else: each column is computed, and waits to be warm, for itself.
    /// Signals are read from their columns, all of which [`Plan::signal_columns`] lists.
    ///
    /// # Errors
    /// A plan that is not well formed, a column that it does not have, windows beyond what one lane may hold.
    pub fn new(plan: &Plan, outputs: &[ColumnId]) -> Result<Engine, EngineError> {
        Engine::on(plan, outputs, Cpu::ask())
    }

    /// [`Engine::new`] with no instruction beyond what every CPU of the target has: slower, with the same bits, which
    /// is what tests use it for.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn baseline(plan: &Plan, outputs: &[ColumnId]) -> Result<Engine, EngineError> {
        Engine::on(plan, outputs, Cpu::BASELINE)
    }

    fn on(plan: &Plan, outputs: &[ColumnId], cpu: Cpu) -> Result<Engine, EngineError> {
        let program = compile(plan, outputs)?;
        let (live, panel) = (Layout::new(&program, 1, cpu), Layout::new(&program, TILE, cpu));
        let (plan, outputs, fingerprint) = (plan.clone(), outputs.to_vec(), plan.fingerprint());
        Ok(Engine { inner: Arc::new(Inner { plan, program, outputs, live, panel, fingerprint }) })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.inner.plan
    }

    /// True if some op is over the whole universe, so that no symbol can be run without the others.
    pub fn is_over_universe(&self) -> bool {
        self.inner.program.universe.is_some()
    }

    /// The wanted columns, in the order asked for.
    pub fn outputs(&self) -> &[ColumnId] {
        &self.inner.outputs
    }
}

impl Inner {
    /// Fails if a model that is needed was not given.
    pub(crate) fn check_models(&self, given: usize) -> Result<(), EngineError> {
        let needed = self.program.models.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        if given < needed { Err(EngineError::Models { needed, given }) } else { Ok(()) }
    }

    /// Fails if ops are over a universe and not all of it is here, each symbol at its place.
    pub(crate) fn check_universe(&self, mut symbols: impl ExactSizeIterator<Item = usize>) -> Result<(), EngineError> {
        let Some(needed) = self.program.universe else { return Ok(()) };
        let given = symbols.len();
        let whole = given == needed && (0..given).all(|s| symbols.next() == Some(s));
        if whole { Ok(()) } else { Err(EngineError::Universe { needed, given }) }
    }

    /// A model that some output needs.
    pub(crate) fn model(&self, id: ModelId) -> &ModelInfo {
        self.program.models[id.index()].as_ref().expect("a model step has its entry")
    }

    /// Cells of the largest model window.
    pub(crate) fn largest_window(&self) -> usize {
        self.program.models.iter().flatten().map(ModelInfo::cells).max().unwrap_or(0)
    }

    /// The first rows of frames and values of a lane whose sources begin at `starts`, as soon as they have a value.
    pub(crate) fn first_rows(&self, starts: &[Option<i64>]) -> (Vec<Option<i64>>, Vec<Option<i64>>) {
        self.plan.structure().first_rows(starts, sigc_plan::lookback::Until::FirstValue, |_: ValueId| None)
    }
}
