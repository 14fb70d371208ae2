//! The shared PyTorch checkpoints against PyTorch's own outputs (`*_io.npz`, made by PyTorch
//! together with the checkpoints).

use std::path::Path;

use sigc_models::{ModelError, ModelKind, Predictor, inspect_bilstm, inspect_onnx, load_bilstm, load_onnx};

use crate::support::{MemFiles, npz, shared};

/// What an f32 engine may differ from PyTorch by; the fixtures' own notes state it.
const TOLERANCE: f64 = 1e-6;

const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

/// The checkpoint by way of each of its three files.
fn each_way(dir: &Path, stem: &str) -> Vec<(&'static str, Box<dyn Predictor>)> {
    let json = format!("{stem}.json");
    let load = |extension: &'static str| {
        let weights = format!("{stem}.{extension}");
        let files = MemFiles::from_dir(dir, &[&json, &weights]);
        let model = if extension == "onnx" {
            load_onnx(&files, Path::new(&weights))
        } else {
            load_bilstm(&files, Path::new(""), stem)
        };
        (extension, model.expect("a good checkpoint"))
    };
    ["pt", "safetensors", "onnx"].into_iter().map(load).collect()
}

/// Every window through the net alone, and again raw through the scaler.
fn compare(dir: &Path, stem: &str, symbol_of: impl Fn(usize) -> &'static str) -> usize {
    let io = dir.join(format!("{stem}_io.npz"));
    let (windows, expected) = (npz(&io, "window"), npz(&io, "prediction"));
    let exact = npz(&io, "prediction_f64");
    let text = std::fs::read_to_string(dir.join(format!("{stem}.json"))).expect("fixture");
    let json: serde_json::Value = serde_json::from_str(&text).expect("fixture");
    for (extension, mut model) in each_way(dir, stem) {
        for (i, window) in windows.chunks(30 * 12).enumerate() {
            let (symbol, at) = (symbol_of(i), format!("{stem}.{extension} window {i}"));
            let lane = model.lane(symbol).expect("listed");
            let scaled: Vec<f32> = window.iter().map(|x| *x as f32).collect();
            let got = model.predict_scaled(lane, &scaled).expect("finite");
            assert!((f64::from(got) - expected[i]).abs() < TOLERANCE, "{at}: {got} {}", expected[i]);

            let scaler = &json["scaler"][symbol];
            let number = |v: &serde_json::Value| v.as_f64().expect("fixture");
            let raw: Vec<f64> = (window.iter().enumerate())
                .map(|(k, x)| x * number(&scaler["feature_scale"][k % 12]) + number(&scaler["feature_mean"][k % 12]))
                .collect();
            let got = model.predict(lane, &raw).expect("finite");
            let scale = number(&scaler["target_scale"]);
            let want = exact[i] * scale + number(&scaler["target_mean"]);
            // Undoing the scaling in f64 and doing it again can move an input by one f32 step,
            // hence twice the tolerance of the net, in the unit of the target.
            assert!((got - want).abs() < 2.0 * TOLERANCE * scale, "{at}: {got} {want}");
            let again = model.predict(lane, &raw).expect("finite");
            assert_eq!(got.to_bits(), again.to_bits(), "{at}");
        }
    }
    expected.len()
}

#[test]
fn bilstm_agrees_with_pytorch() {
    let Some(dir) = shared() else { return };
    assert_eq!(compare(&dir, "bilstm", |_| "BTCUSDT"), 32);
}

#[test]
fn unified_agrees_with_pytorch() {
    let Some(dir) = shared() else { return };
    let ids = npz(&dir.join("unified_io.npz"), "symbol_id");
    assert_eq!(compare(&dir, "unified", |i| SYMBOLS[ids[i] as usize]), 24);
}

#[test]
fn manifests_state_what_the_fixtures_are() {
    let Some(dir) = shared() else { return };
    let files = sigc_models::OsFiles;
    let bilstm = inspect_bilstm(&files, &dir, "bilstm").expect("valid");
    assert_eq!((bilstm.kind, bilstm.window, bilstm.features.len()), (ModelKind::Bilstm, 30, 12));
    assert_eq!((bilstm.features[0].as_str(), bilstm.features[11].as_str()), ("rsi6", "rocp_1"));
    assert_eq!(bilstm.symbols, Some(vec!["BTCUSDT".to_owned()]));
    assert_eq!(bilstm.files, [dir.join("bilstm.json"), dir.join("bilstm.safetensors")]);

    let unified = inspect_bilstm(&files, &dir, "unified").expect("valid");
    assert_eq!(unified.kind, ModelKind::BilstmUnified);
    assert_eq!(unified.symbols, Some(SYMBOLS.map(String::from).to_vec()));

    let onnx = inspect_onnx(&files, &dir.join("unified.onnx")).expect("valid");
    assert_eq!((onnx.kind, onnx.window), (ModelKind::Onnx, 30));
    assert_eq!(onnx.features, unified.features);
    assert_eq!(onnx.symbols, unified.symbols);
    let mut fingerprints = [bilstm.fingerprint, unified.fingerprint, onnx.fingerprint];
    fingerprints.sort();
    assert!(fingerprints.windows(2).all(|pair| pair[0] != pair[1]));
}

/// The error for an ONNX file beside a JSON with `from` replaced by `to`.
fn onnx_error(dir: &Path, stem: &str, from: &str, to: &str) -> ModelError {
    let (json, onnx) = (format!("{stem}.json"), format!("{stem}.onnx"));
    let files = MemFiles::from_dir(dir, &[&json, &onnx]);
    let text = files.text(&json);
    assert!(text.contains(from), "nothing to replace: {from}");
    let files = files.with(&json, text.replacen(from, to, 1));
    inspect_onnx(&files, Path::new(&onnx)).expect_err("does not fit")
}

#[test]
fn a_graph_must_fit_its_json() {
    let Some(dir) = shared() else { return };
    let error = onnx_error(&dir, "bilstm", "\"window\": 30", "\"window\": 29");
    assert_eq!(error.to_string(), "`window` has shape [0, 30, 12], the architecture needs [1, 29, 12]");
    let error = onnx_error(&dir, "bilstm", "\"hidden\": 32", "\"symbols\": [\"BTCUSDT\"], \"hidden\": 32");
    let expected = "its inputs are `window`, the JSON beside it asks for `window`, `symbol_id`";
    assert_eq!(error.to_string(), format!("`bilstm.onnx`: {expected}"));
    let error = onnx_error(&dir, "unified", "\"SOLUSDT\"\n ]", "\"OTHER\"\n ]");
    assert_eq!(error.to_string(), "`unified.json`: `scaler` has `SOLUSDT`, which `symbols` does not list");
    let files = MemFiles::from_dir(&dir, &["bilstm.onnx"]);
    let error = inspect_onnx(&files, Path::new("bilstm.onnx")).expect_err("no JSON");
    assert!(matches!(error, ModelError::NotFound { path } if path == Path::new("bilstm.json")));
}

#[test]
fn a_nan_among_the_weights_of_a_graph_is_found() {
    let Some(dir) = shared() else { return };
    let files = MemFiles::from_dir(&dir, &["bilstm.json", "bilstm.onnx"]);
    let mut bytes = files.0[Path::new("bilstm.onnx")].clone();
    // The head's weights, found by their values in the safetensors twin.
    let twin = std::fs::read(dir.join("bilstm.safetensors")).expect("fixture");
    let twin = safetensors::SafeTensors::deserialize(&twin).expect("fixture");
    let head = twin.tensor("head.weight").expect("fixture").data().to_vec();
    let at = bytes.windows(head.len()).position(|part| part == head).expect("stored as it is");
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let error = load_onnx(&files.with("bilstm.onnx", bytes), Path::new("bilstm.onnx"));
    let error = error.expect_err("a NaN");
    assert!(matches!(error, ModelError::NonFinite { .. }), "{error}");
}
