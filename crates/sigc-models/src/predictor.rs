//! What every loaded model can do, and the half that all kinds share: lanes, scaling, checks.

use std::fmt;

use crate::error::ModelError;
use crate::manifest::Manifest;
use crate::scaler::Lanes;

/// One symbol's place in a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub u32);

/// A loaded model. It keeps no state from one call to the next: the same window gives the same bits.
pub trait Predictor: Send {
    /// What the model says about itself.
    fn manifest(&self) -> &Manifest;

    /// The lane of a symbol.
    ///
    /// # Errors
    /// [`ModelError::UnknownSymbol`] where the model has a scaler per symbol and none for this one.
    fn lane(&self, symbol: &str) -> Result<LaneId, ModelError>;

    /// The prediction for one window, in the unit of the target.
    ///
    /// `window` is row-major, oldest row first: `manifest().window` rows of all features, raw.
    ///
    /// # Errors
    /// [`ModelError::WindowSize`] for another number of values, [`ModelError::NonFinite`] for a NaN
    /// or an infinity in the window or as the result.
    fn predict(&mut self, lane: LaneId, window: &[f64]) -> Result<f64, ModelError>;

    /// Predicts once for a plausible window of the first symbol: what cannot predict says so before the first row, and
    /// whatever is prepared on first use is prepared.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    fn rehearse(&mut self) -> Result<(), ModelError>;

    /// The predictions for several windows, one per lane and one after the other in `windows`, appended to `out` in that
    /// order: the same bits as [`Predictor::predict`] gives for each.
    fn predict_many(&mut self, lanes: &[LaneId], windows: &[f64], out: &mut Vec<Result<f64, ModelError>>) {
        let cells = (windows.len() / lanes.len().max(1)).max(1);
        out.extend(lanes.iter().zip(windows.chunks_exact(cells)).map(|(&lane, window)| self.predict(lane, window)));
    }

    /// The net's own output for a window that is scaled already; for comparing the net alone.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    #[doc(hidden)]
    fn predict_scaled(&mut self, lane: LaneId, window: &[f32]) -> Result<f32, ModelError>;
}

impl fmt::Debug for dyn Predictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Predictor").field(self.manifest()).finish()
    }
}

/// The net of a model: scaled window in, standardised prediction out.
pub(crate) trait Net: Send {
    /// `window` has the size that the manifest states; `symbol_id` is inside the embedding.
    fn run(&mut self, symbol_id: usize, window: &[f32]) -> Result<f32, ModelError>;

    /// Several windows, one after the other; an answer for each, with the bits that it has alone.
    fn run_many(&mut self, symbol_ids: &[usize], windows: &[f32], out: &mut Vec<Result<f32, ModelError>>) {
        let cells = (windows.len() / symbol_ids.len().max(1)).max(1);
        out.extend(symbol_ids.iter().zip(windows.chunks_exact(cells)).map(|(&id, window)| self.run(id, window)));
    }
}

/// A net with its manifest and scalers.
pub(crate) struct ScaledNet<N> {
    manifest: Manifest,
    lanes: Lanes,
    net: N,
    scaled: Vec<f32>,
    /// Scaled windows that are asked about together, and whose they are.
    together: Vec<f32>,
    symbol_ids: Vec<usize>,
    answers: Vec<Result<f32, ModelError>>,
}

impl<N: Net> ScaledNet<N> {
    /// Runs the net once on a window of zeros, so that what cannot run fails here and not later.
    /// Its output may be anything: a graph that divides by the window's spread has none here.
    pub(crate) fn new(manifest: Manifest, lanes: Lanes, mut net: N) -> Result<Self, ModelError> {
        let scaled = vec![0.0; manifest.window * manifest.features.len()];
        net.run(0, &scaled)?;
        let (together, symbol_ids, answers) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { manifest, lanes, net, scaled, together, symbol_ids, answers })
    }

    fn check_size(&self, got: usize) -> Result<(), ModelError> {
        let (rows, features) = (self.manifest.window, self.manifest.features.len());
        if got == rows * features { Ok(()) } else { Err(ModelError::WindowSize { rows, features, got }) }
    }
}

impl<N: Net> Predictor for ScaledNet<N> {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn lane(&self, symbol: &str) -> Result<LaneId, ModelError> {
        self.lanes.find(symbol)
    }

    fn predict(&mut self, lane: LaneId, window: &[f64]) -> Result<f64, ModelError> {
        self.check_size(window.len())?;
        let (symbol_id, scaler) = self.lanes.get(lane)?;
        scaler.scale(window, &self.manifest.features, &mut self.scaled)?;
        let y = self.net.run(symbol_id, &self.scaled)?;
        scaler.denormalise(y)
    }

    fn rehearse(&mut self) -> Result<(), ModelError> {
        let lane = self.lanes.first();
        let window = self.lanes.plausible(lane, self.manifest.window)?;
        self.predict(lane, &window).map(drop)
    }

    fn predict_many(&mut self, lanes: &[LaneId], windows: &[f64], out: &mut Vec<Result<f64, ModelError>>) {
        let cells = (windows.len() / lanes.len().max(1)).max(1);
        self.together.clear();
        self.symbol_ids.clear();
        self.answers.clear();
        // A window that cannot be asked about fails alone.
        let mut scaled = Vec::with_capacity(lanes.len());
        for (&lane, window) in lanes.iter().zip(windows.chunks_exact(cells)) {
            let mut ready = || {
                self.check_size(window.len())?;
                let (symbol_id, scaler) = self.lanes.get(lane)?;
                scaler.scale(window, &self.manifest.features, &mut self.scaled)?;
                Ok((symbol_id, lane))
            };
            scaled.push(ready().map(|(symbol_id, lane)| {
                self.together.extend_from_slice(&self.scaled);
                self.symbol_ids.push(symbol_id);
                lane
            }));
        }
        self.net.run_many(&self.symbol_ids, &self.together, &mut self.answers);
        let mut answers = self.answers.drain(..);
        let lanes = &self.lanes;
        out.extend(scaled.into_iter().map(|asked| {
            let lane = asked?;
            let y = answers.next().expect("the net answers every window")?;
            lanes.get(lane)?.1.denormalise(y)
        }));
    }

    fn predict_scaled(&mut self, lane: LaneId, window: &[f32]) -> Result<f32, ModelError> {
        self.check_size(window.len())?;
        let (symbol_id, _) = self.lanes.get(lane)?;
        self.net.run(symbol_id, window)
    }
}
