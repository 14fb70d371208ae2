//! What a model is to the engine.

use crate::PredictError;
use sigc_plan::ModelId;

/// Windows that are asked about together: enough for a model to go through its weights once for many, few enough to
/// stay in the cache beside them.
const TOGETHER: usize = 64;

/// A model that the engine asks for one number.
pub trait Predict: Send {
    /// The prediction of one symbol.
    ///
    /// `symbol` is the position in the universe. `window` is row-major `[window][inputs]`, oldest row first, without
    /// nulls. A number that is not finite counts as an error; after an error the cell is null and the run goes on.
    fn predict(&mut self, symbol: usize, window: &[f64]) -> Result<f64, PredictError>;

    /// Predicts once for a made-up but plausible window, before the first row: what cannot predict says so now, and the
    /// first row does not wait for what is prepared on first use.
    ///
    /// # Errors
    /// As [`Predict::predict`].
    fn rehearse(&mut self) -> Result<(), PredictError> {
        Ok(())
    }

    /// The predictions of several windows, asked at once because they are known at once: symbols that close together,
    /// rows of a history. A symbol may occur several times.
    ///
    /// `windows` holds one window per symbol, one after the other; an answer per symbol is appended to `answers`, in
    /// that order. What must stay true: each answer has the bits that [`Predict::predict`] gives, whoever is beside it.
    fn predict_many(&mut self, symbols: &[usize], windows: &[f64], answers: &mut Vec<Result<f64, PredictError>>) {
        let cells = (windows.len() / symbols.len().max(1)).max(1);
        answers.extend(symbols.iter().zip(windows.chunks_exact(cells)).map(|(&s, window)| self.predict(s, window)));
    }
}

/// Windows that wait to be asked about together; `P` says where an answer belongs.
#[derive(Debug, Clone)]
pub(crate) struct Batch<P> {
    symbols: Vec<usize>,
    windows: Vec<f64>,
    places: Vec<P>,
    answers: Vec<Result<f64, PredictError>>,
}

impl<P: Copy> Batch<P> {
    pub(crate) fn new() -> Batch<P> {
        Batch { symbols: Vec::new(), windows: Vec::new(), places: Vec::new(), answers: Vec::new() }
    }

    /// Adds a window of `cells` cells, if `fill` says that it is complete.
    pub(crate) fn add(&mut self, place: P, symbol: usize, cells: usize, fill: impl FnOnce(&mut [f64]) -> bool) {
        let from = self.windows.len();
        self.windows.resize(from + cells, 0.0);
        if fill(&mut self.windows[from..]) {
            self.symbols.push(symbol);
            self.places.push(place);
        } else {
            self.windows.truncate(from);
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.symbols.len() >= TOGETHER
    }

    /// Asks about all of them; `take` gets every answer with its place. What is not finite is refused.
    pub(crate) fn ask(&mut self, model: &mut dyn Predict, mut take: impl FnMut(P, Result<f64, PredictError>)) {
        if self.symbols.is_empty() {
            return;
        }
        match self.symbols.as_slice() {
            &[symbol] => self.answers.push(model.predict(symbol, &self.windows)),
            symbols => model.predict_many(symbols, &self.windows, &mut self.answers),
        }
        let missing = || Err(PredictError("the model gave fewer answers than it was asked for".to_owned()));
        self.answers.resize_with(self.symbols.len(), missing);
        for (&place, answer) in self.places.iter().zip(self.answers.drain(..)) {
            take(place, answer.and_then(checked));
        }
        self.symbols.clear();
        self.windows.clear();
        self.places.clear();
    }
}

/// Calls a model and refuses what is not finite.
pub(crate) fn ask(model: &mut dyn Predict, symbol: usize, window: &[f64]) -> Result<f64, PredictError> {
    model.predict(symbol, window).and_then(checked)
}

fn checked(y: f64) -> Result<f64, PredictError> {
    if y.is_finite() { Ok(y) } else { Err(PredictError("the model's output is not a finite number".to_owned())) }
}

/// Predictions that failed, and the last reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PredictFaults {
    /// How many failed.
    pub count: u64,
    /// Why the last one did.
    pub last: Option<PredictError>,
    /// The models that failed, each once.
    pub models: Vec<ModelId>,
}

impl PredictFaults {
    pub(crate) fn add(&mut self, model: ModelId, error: PredictError) {
        self.merge(PredictFaults { count: 1, last: Some(error), models: vec![model] });
    }

    /// Adds those of a later step.
    pub fn merge(&mut self, other: PredictFaults) {
        self.count += other.count;
        self.last = other.last.or(self.last.take());
        for model in other.models {
            if !self.models.contains(&model) {
                self.models.push(model);
            }
        }
    }
}
