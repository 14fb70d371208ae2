//! ONNX graphs: `X.onnx` with `X.json` beside it, or a folder of the registry.
//!
//! The JSON has the format of a checkpoint's; of its architecture only `features`, `window` and
//! `symbols` are read, because the graph holds the rest. The graph takes `window` (batch, window,
//! features) in `f32` and, where the JSON lists `symbols`, `symbol_id` (batch) in `i64`; it gives
//! `prediction` (batch, 1). The batch is fixed to 1 before the graph is optimised: tract cannot run
//! an LSTM with an open batch, and results must not depend on one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModelExt, IntoRunnable, IntoTValue, Tensor, TractError, TractResult,
    TypedRunnableModel, tvec,
};

use crate::config::{Config, Raw};
use crate::error::ModelError;
use crate::files::{MAX_JSON_BYTES, MAX_WEIGHTS_BYTES, ReadFiles, read};
use crate::manifest::{Manifest, ModelKind, fingerprint};
use crate::onnx_graph::{self, PREDICTION};
use crate::predictor::{Net, Predictor, ScaledNet};
use crate::registry::{MANIFEST, Place, folder, registered};
use crate::scaler::Lanes;

/// What the ONNX file and the JSON beside it say about the model.
///
/// # Errors
/// A missing or damaged file, or a graph whose inputs and outputs do not fit the JSON.
pub fn inspect_onnx(files: &dyn ReadFiles, model: &Path) -> Result<Manifest, ModelError> {
    Ok(OnnxFile::read(files, &beside(files, model))?.manifest)
}

/// [`inspect_onnx`] for a model of the registry.
///
/// # Errors
/// As [`inspect_onnx`].
pub fn inspect_onnx_of(files: &dyn ReadFiles, dir: &Path, model_ref: &str) -> Result<Manifest, ModelError> {
    Ok(OnnxFile::read(files, &in_registry(files, dir, model_ref)?)?.manifest)
}

/// The ONNX model, ready to predict.
///
/// # Errors
/// As [`inspect_onnx`], and where the graph cannot be built or run.
pub fn load_onnx(files: &dyn ReadFiles, model: &Path) -> Result<Box<dyn Predictor>, ModelError> {
    load(files, &beside(files, model))
}

/// [`load_onnx`] for a model of the registry.
///
/// # Errors
/// As [`load_onnx`].
pub fn load_onnx_of(files: &dyn ReadFiles, dir: &Path, model_ref: &str) -> Result<Box<dyn Predictor>, ModelError> {
    load(files, &in_registry(files, dir, model_ref)?)
}

/// `X.json` beside `X.onnx`, or else the manifest of its folder.
fn beside(files: &dyn ReadFiles, model: &Path) -> Place {
    let own = model.with_extension("json");
    let manifest = model.with_file_name(MANIFEST);
    let json = if !files.exists(&own) && files.exists(&manifest) { manifest } else { own };
    Place { json, weights: model.to_path_buf() }
}

fn in_registry(files: &dyn ReadFiles, dir: &Path, model_ref: &str) -> Result<Place, ModelError> {
    let missing = ModelError::NotFound { path: folder(dir, model_ref)?.join(MANIFEST) };
    let place = registered(files, dir, model_ref, &["onnx"])?.ok_or(missing)?;
    if files.exists(&place.weights) { Ok(place) } else { Err(ModelError::NotFound { path: place.weights }) }
}

fn load(files: &dyn ReadFiles, place: &Place) -> Result<Box<dyn Predictor>, ModelError> {
    let model = place.weights.as_path();
    let OnnxFile { manifest, lanes, proto, inputs } = OnnxFile::read(files, place)?;
    let shape = [1, manifest.window, manifest.features.len()];
    let plan = guarded(|| build(&proto, &inputs, shape)).map_err(|message| ModelError::onnx(model, message))?;
    let net = OnnxNet { plan, shape, symbol_id: inputs.len() > 1 };
    let net = ScaledNet::new(manifest, lanes, net).map_err(|e| match e {
        ModelError::Run { message } => ModelError::onnx(model, message),
        other => other,
    })?;
    Ok(Box::new(net))
}

/// A graph that fits its JSON.
struct OnnxFile {
    manifest: Manifest,
    lanes: Lanes,
    proto: ModelProto,
    inputs: Vec<&'static str>,
}

impl OnnxFile {
    fn read(files: &dyn ReadFiles, place: &Place) -> Result<Self, ModelError> {
        let Place { json: json_path, weights } = place.clone();
        let model = weights.as_path();
        let bytes = read(files, model, MAX_WEIGHTS_BYTES)?;
        let json = read(files, &json_path, MAX_JSON_BYTES)?;
        let raw = Raw::parse(&json_path, &json)?;
        let config = Config::new(&json_path, &raw, "f32")?;

        let parsed = guarded(|| tract_onnx::onnx().proto_model_for_read(&mut &bytes[..]));
        let proto = parsed.map_err(|e| ModelError::unreadable(model, format!("it is not an ONNX file ({e})")))?;
        let inputs = onnx_graph::check(model, &proto, &config)?;
        let manifest = Manifest {
            kind: ModelKind::Onnx,
            features: config.features,
            window: config.window,
            symbols: config.lanes.symbols(),
            dtype: "f32".to_owned(),
            fingerprint: fingerprint(&[b"onnx", &json, &bytes]),
            trained: config.trained,
            files: vec![json_path, model.to_path_buf()],
        };
        Ok(Self { manifest, lanes: config.lanes, proto, inputs })
    }
}

fn build(proto: &ModelProto, inputs: &[&str], window: [usize; 3]) -> TractResult<Arc<TypedRunnableModel>> {
    let mut model = tract_onnx::onnx().model_for_proto_model(proto)?;
    model.set_input_names(inputs)?;
    model.select_outputs_by_name([PREDICTION])?;
    model.set_input_fact(0, InferenceFact::dt_shape(DatumType::F32, window))?;
    if inputs.len() > 1 {
        model.set_input_fact(1, InferenceFact::dt_shape(DatumType::I64, [1]))?;
    }
    model.into_optimized()?.into_runnable()
}

struct OnnxNet {
    plan: Arc<TypedRunnableModel>,
    shape: [usize; 3],
    /// Whether the graph takes the symbol's index.
    symbol_id: bool,
}

impl OnnxNet {
    fn forward(&self, symbol_id: usize, window: &[f32]) -> TractResult<f32> {
        let mut inputs = tvec!(Tensor::from_shape(&self.shape, window)?.into_tvalue());
        if self.symbol_id {
            inputs.push(Tensor::from_shape(&[1], &[symbol_id as i64])?.into_tvalue());
        }
        let outputs = self.plan.run(inputs)?;
        let output = outputs[0].to_plain_array_view::<f32>()?;
        match (output.len(), output.first()) {
            (1, Some(y)) => Ok(*y),
            (n, _) => Err(TractError::msg(format!("`{PREDICTION}` has {n} values instead of one"))),
        }
    }
}

impl Net for OnnxNet {
    fn run(&mut self, symbol_id: usize, window: &[f32]) -> Result<f32, ModelError> {
        guarded(|| self.forward(symbol_id, window)).map_err(ModelError::run)
    }
}

/// Runs a step of the ONNX library, which panics on some damaged graphs instead of failing. What
/// the step was working on is dropped with it, so no half-changed value is seen afterwards.
fn guarded<T>(step: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(format!("{e:#}")),
        Err(panic) => Err(format!("the graph is damaged: {}", panic_text(&*panic))),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no details")
}
