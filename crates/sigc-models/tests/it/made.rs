//! Checkpoints made from a seed, against the plain reference.

use std::path::Path;

use sigc_models::fixture::{CheckpointSpec, write_checkpoint};
use sigc_models::{LaneId, ModelError, ModelKind, OsFiles, Scaler, inspect_bilstm, load_bilstm};

use crate::reference;
use crate::support::{made, small_spec, wave};

const HERE: &str = "";

/// f32 sums of a few dozen terms below 1, against f64.
const TOLERANCE: f64 = 1e-6;

#[test]
fn the_net_agrees_with_a_plain_lstm() {
    for (features, window, hidden, layers) in [(1, 1, 1, 1), (3, 6, 4, 2), (2, 9, 5, 1), (12, 30, 32, 2), (5, 7, 3, 3)]
    {
        let spec = CheckpointSpec {
            features: (0..features).map(|i| format!("f{i}")).collect(),
            symbols: Vec::new(),
            window,
            hidden,
            layers,
            ..small_spec()
        };
        let files = made(&spec);
        let tensors = reference::tensors(&files.0[Path::new("small.safetensors")]);
        let mut model = load_bilstm(&files, Path::new(HERE), "small").expect("valid");
        let window: Vec<f32> = wave(window * features).map(|x| (3.0 * x) as f32).collect();
        let expected = reference::predict(&tensors, layers, hidden, &window, features);
        let got = model.predict_scaled(LaneId(0), &window).expect("finite");
        assert!((f64::from(got) - expected).abs() < TOLERANCE, "{spec:?}: {got} {expected}");
        // No scaler: raw values go in as they are, and any symbol will do.
        let raw: Vec<f64> = window.iter().map(|x| f64::from(*x)).collect();
        let lane = model.lane("ANYTHING").expect("no scaler, so any symbol");
        assert_eq!(model.predict(lane, &raw).expect("finite"), f64::from(got));
    }
}

#[test]
fn each_lane_scales_with_its_own_scaler() {
    let spec = small_spec();
    let files = made(&spec);
    let tensors = reference::tensors(&files.0[Path::new("small.safetensors")]);
    let mut model = load_bilstm(&files, Path::new(HERE), "small").expect("valid");
    let raw: Vec<f64> = wave(18).enumerate().map(|(i, x)| [50.0, 0.0, 0.0][i % 3] + x).collect();
    for (symbol, s) in &spec.symbols {
        let scaled: Vec<f32> = raw
            .iter()
            .enumerate()
            .map(|(i, x)| ((x - s.feature_mean[i % 3]) / s.feature_scale[i % 3]) as f32)
            .collect();
        let y = reference::predict(&tensors, spec.layers, spec.hidden, &scaled, 3);
        let expected = y * s.target_scale + s.target_mean;
        let lane = model.lane(symbol).expect("listed");
        let got = model.predict(lane, &raw).expect("finite");
        assert!((got - expected).abs() < TOLERANCE * s.target_scale, "{symbol}: {got} {expected}");
        assert_eq!(got.to_bits(), model.predict(lane, &raw).expect("finite").to_bits());
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (one, two) = (made(&small_spec()), made(&small_spec()));
    assert_eq!(one.0, two.0);
    let other = made(&CheckpointSpec { seed: 8, ..small_spec() });
    assert_ne!(one.0[Path::new("small.safetensors")], other.0[Path::new("small.safetensors")]);
    assert_eq!(one.text("small.json"), other.text("small.json"));
}

#[test]
fn a_manifest_says_what_the_files_say() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let spec = small_spec();
    write_checkpoint(dir.path(), &spec).expect("valid");
    let manifest = inspect_bilstm(&OsFiles, dir.path(), "small").expect("valid");
    assert_eq!(manifest.kind, ModelKind::Bilstm);
    assert_eq!(manifest.features, spec.features);
    assert_eq!((manifest.window, manifest.dtype.as_str()), (6, "f32"));
    assert_eq!(manifest.symbols, Some(vec!["BTCUSDT".to_owned(), "ETHUSDT".to_owned()]));
    let paths = [dir.path().join("small.json"), dir.path().join("small.safetensors")];
    assert_eq!(manifest.files, paths);
    assert_eq!(manifest.fingerprint.len(), 64);
    let model = load_bilstm(&OsFiles, dir.path(), "small").expect("valid");
    assert_eq!(*model.manifest(), manifest);
}

#[test]
fn every_byte_counts_for_the_fingerprint() {
    let files = made(&small_spec());
    let fingerprint = |files: &_| inspect_bilstm(files, Path::new(HERE), "small").map(|m| m.fingerprint);
    let before = fingerprint(&files).expect("valid");
    let mut weights = files.0[Path::new("small.safetensors")].clone();
    *weights.last_mut().expect("not empty") ^= 1;
    let json = files.text("small.json").replace("0.005", "0.006");
    assert_ne!(before, fingerprint(&files.clone().with("small.safetensors", weights)).expect("valid"));
    assert_ne!(before, fingerprint(&files.with("small.json", json)).expect("valid"));
}

#[test]
fn the_strategy_names_the_files_and_model_is_the_fallback() {
    let spec = CheckpointSpec { strategy: "model".into(), ..small_spec() };
    let files = made(&spec);
    let here = Path::new(HERE);
    let found = inspect_bilstm(&files, here, "anything").expect("falls back to model.json");
    assert_eq!(found.files[0], Path::new("model.json"));
    // Weights without their JSON are a mistake, not a reason to take another model.
    let files = files.with("mine.pt", *b"");
    let error = inspect_bilstm(&files, here, "mine").expect_err("no mine.json");
    assert!(matches!(error, ModelError::NotFound { path } if path == Path::new("mine.json")));
    for name in ["", "../mine", "a/b", "a\\b", ".hidden"] {
        let error = inspect_bilstm(&files, here, name).expect_err("not a file name");
        assert!(matches!(error, ModelError::StrategyName { .. }), "{error}");
    }
}

#[test]
fn what_is_asked_is_checked() {
    let files = made(&small_spec());
    let mut model = load_bilstm(&files, Path::new(HERE), "small").expect("valid");
    let error = model.lane("SOLUSDT").expect_err("no scaler");
    assert_eq!(error.to_string(), "the model has no scaler for `SOLUSDT`; it knows: BTCUSDT, ETHUSDT");
    let lane = model.lane("BTCUSDT").expect("listed");
    let error = model.predict(lane, &[0.0; 17]).expect_err("one value short");
    assert_eq!(error.to_string(), "the model takes 6 rows of 3 features, 17 values were given");
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut window = [0.0; 18];
        window[7] = bad;
        let error = model.predict(lane, &window).expect_err("not finite");
        assert_eq!(error.to_string(), "`mom_20` in row 2 of the window is not a finite number");
    }
    let error = model.predict(lane, &[1e300; 18]).expect_err("too large for f32");
    assert_eq!(error.to_string(), "scaled `rsi6` in row 0 of the window is not a finite number");
    assert!(matches!(model.predict(LaneId(2), &[0.0; 18]), Err(ModelError::UnknownLane { lane: 2 })));
}

#[test]
fn impossible_specs_are_refused() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let short = vec![("BTCUSDT".to_owned(), Scaler::identity(2))];
    let mut zero = Scaler::identity(3);
    zero.target_scale = 0.0;
    for spec in [
        CheckpointSpec { strategy: "a/b".into(), ..small_spec() },
        CheckpointSpec { features: Vec::new(), symbols: Vec::new(), ..small_spec() },
        CheckpointSpec { layers: 0, ..small_spec() },
        CheckpointSpec { symbols: short, ..small_spec() },
        CheckpointSpec { symbols: vec![("BTCUSDT".to_owned(), zero)], ..small_spec() },
    ] {
        let error = write_checkpoint(dir.path(), &spec).expect_err("impossible");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}
