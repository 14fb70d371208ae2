//! Cut and damaged files: an error or a prediction, never a panic.

use std::path::Path;

use sigc_models::{ModelError, Predictor, load_bilstm, load_onnx};

use crate::pt::small_pt;
use crate::support::{Lcg, MemFiles, made, shared, small_spec};

/// A flip can leave a valid file; then the model must still answer one way or the other.
fn try_out(loaded: Result<Box<dyn Predictor>, ModelError>) {
    if let Ok(mut model) = loaded {
        let manifest = model.manifest();
        let window = vec![0.5; manifest.window * manifest.features.len()];
        let symbol = manifest.symbols.as_ref().map_or_else(String::new, |s| s[0].clone());
        let lane = model.lane(&symbol).expect("listed");
        let _ = model.predict(lane, &window);
    }
}

fn cut(files: &MemFiles, name: &str, load: impl Fn(&MemFiles) -> Result<Box<dyn Predictor>, ModelError>) {
    let bytes = files.0[Path::new(name)].clone();
    load(files).expect("whole");
    for part in 0..20 {
        let cut = files.clone().with(name, &bytes[..bytes.len() * part / 20]);
        let error = load(&cut).expect_err("cut");
        assert!(!error.to_string().is_empty());
    }
    load(&files.clone().with(name, &bytes[..bytes.len() - 1])).expect_err("one byte short");
}

fn flip(
    files: &MemFiles,
    name: &str,
    (within, times): (usize, usize),
    load: impl Fn(&MemFiles) -> Result<Box<dyn Predictor>, ModelError>,
) {
    let bytes = files.0[Path::new(name)].clone();
    let mut random = Lcg(11);
    for _ in 0..times {
        let mut damaged = bytes.clone();
        for _ in 0..=random.below(3) {
            damaged[random.below(bytes.len().min(within))] ^= 1 << random.below(8);
        }
        try_out(load(&files.clone().with(name, damaged)));
    }
}

fn bilstm(files: &MemFiles) -> Result<Box<dyn Predictor>, ModelError> {
    load_bilstm(files, Path::new(""), "small")
}

#[test]
fn damaged_safetensors() {
    let files = made(&small_spec());
    cut(&files, "small.safetensors", bilstm);
    flip(&files, "small.safetensors", (usize::MAX, 300), bilstm);
    flip(&files, "small.safetensors", (1600, 300), bilstm);
}

#[test]
fn damaged_pt() {
    let files = small_pt();
    cut(&files, "small.pt", bilstm);
    flip(&files, "small.pt", (usize::MAX, 600), bilstm);
}

#[test]
fn damaged_json() {
    let files = made(&small_spec());
    // Without the line break at the end, whose loss would not matter.
    let text = files.text("small.json");
    let files = files.with("small.json", text.trim_end());
    cut(&files, "small.json", bilstm);
    flip(&files, "small.json", (usize::MAX, 600), bilstm);
}

#[test]
fn damaged_onnx() {
    let Some(dir) = shared() else { return };
    let files = MemFiles::from_dir(&dir, &["unified.json", "unified.onnx"]);
    let onnx = |files: &MemFiles| load_onnx(files, Path::new("unified.onnx"));
    cut(&files, "unified.onnx", onnx);
    flip(&files, "unified.onnx", (usize::MAX, 200), onnx);
}

#[test]
fn random_bytes_in_place_of_a_file() {
    let mut random = Lcg(5);
    for n in 0..200 {
        let noise: Vec<u8> = (0..n).map(|_| random.below(256) as u8).collect();
        let json = made(&small_spec()).0[Path::new("small.json")].clone();
        let files =
            MemFiles::default().with("small.json", json).with("small.pt", noise.clone()).with("small.onnx", noise);
        bilstm(&files).expect_err("noise");
        load_onnx(&files, Path::new("small.onnx")).expect_err("noise");
    }
}
