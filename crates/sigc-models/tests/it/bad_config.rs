//! JSON and weights that do not fit each other: each is an error that names what is wrong.

use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sigc_models::{ModelError, OsFiles, ReadFiles, inspect_bilstm, load_bilstm};

use crate::support::{MemFiles, made, small_spec};

/// The message for the small checkpoint with `from` replaced by `to` in its JSON.
fn message(from: &str, to: &str) -> String {
    let files = made(&small_spec());
    let text = files.text("small.json");
    assert!(text.contains(from), "nothing to replace: {from}\n{text}");
    let files = files.with("small.json", text.replacen(from, to, 1));
    let inspected = inspect_bilstm(&files, Path::new(""), "small").expect_err("must be refused");
    let loaded = load_bilstm(&files, Path::new(""), "small").expect_err("must be refused");
    assert_eq!(inspected.to_string(), loaded.to_string());
    loaded.to_string()
}

#[test]
fn json_that_says_something_impossible() {
    let json = "`small.json`: ";
    let unsupported = "`small.json` describes ";
    for (from, to, expected) in [
        ("\"kind\": \"bilstm\"", "\"kind\": \"gru\"", format!("{unsupported}kind `gru`, which is not supported")),
        (
            "\"bidirectional\": true",
            "\"bidirectional\": false",
            format!("{unsupported}an LSTM that is not `bidirectional`, which is not supported"),
        ),
        (
            "linear(8->1)",
            "tanh(8->1)",
            format!("{unsupported}the head `tanh(8->1) on last step`, which is not supported"),
        ),
        ("\"kind\": \"bilstm\"", "\"kind\": \"bilstm_unified\"", format!("{json}`symbols` is missing")),
        ("\"hidden\": 4,", "", format!("{json}`hidden` is missing")),
        ("\"window\": 6", "\"window\": 0", format!("{json}`window` is 0, it must be 1 to 65536")),
        ("\"input\": 3", "\"input\": 4", format!("{json}`features` has 3 entries, the model takes 4 features")),
        ("\"mom_20\"", "\"rsi6\"", format!("{json}feature `rsi6` is listed twice")),
        ("50.0,", "", format!("{json}`feature_mean` of `BTCUSDT` has 2 entries, the model takes 3 features")),
        ("17.0", "0.0", format!("{json}the scale of `rsi6` for `BTCUSDT` is 0, it must be positive")),
        (
            "\"target_scale\": 0.005",
            "\"target_scale\": -1",
            format!("{json}the scale of `target` for `BTCUSDT` is -1, it must be positive"),
        ),
    ] {
        assert_eq!(message(from, to), expected);
    }
    for (from, to, part) in [
        ("\"ETHUSDT\"", "\"BTCUSDT\"", "`BTCUSDT` has two scalers"),
        ("17.0", "1e999", "number out of range"),
        ("17.0", "null", "invalid type: null"),
        ("{", "[", "expected"),
        ("\"window\": 6", "\"window\": -6", "invalid value"),
        ("\"window\": 6,", "", "missing field `window`"),
        ("\"features\": [", "\"features\": [], \"features\": [", "duplicate field `features`"),
    ] {
        let message = message(from, to);
        assert!(message.starts_with(json) && message.contains(part), "{message}");
    }
}

#[test]
fn weights_that_were_saved_with_another_json() {
    for (from, to, field) in [
        ("\"rsi6\",\n    \"mom_20\"", "\"mom_20\",\n    \"rsi6\"", "features"),
        ("\"window\": 6", "\"window\": 5", "window"),
        ("\"layers\": 2", "\"layers\": 1", "layers"),
    ] {
        let expected = format!("`small.safetensors` was saved with another `{field}` than the JSON beside it states");
        assert_eq!(message(from, to), expected);
    }
}

/// The small checkpoint with its tensors changed, and without the copy of the JSON.
fn rewritten(change: impl Fn(&str, Dtype, Vec<usize>, Vec<u8>) -> Option<(Dtype, Vec<usize>, Vec<u8>)>) -> String {
    let files = made(&small_spec());
    let old = files.0[Path::new("small.safetensors")].clone();
    let old = SafeTensors::deserialize(&old).expect("made by the test");
    let tensors: Vec<_> = old
        .iter()
        .filter_map(|(name, v)| {
            let new = change(name, v.dtype(), v.shape().to_vec(), v.data().to_vec())?;
            Some((name.to_owned(), new))
        })
        .collect();
    let views = tensors.iter().map(|(name, (dtype, shape, data))| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), data).expect("sizes fit"))
    });
    let bytes = safetensors::serialize(views, None).expect("in memory");
    let files: MemFiles = files.with("small.safetensors", bytes);
    load_bilstm(&files, Path::new(""), "small").expect_err("must be refused").to_string()
}

#[test]
fn weights_that_do_not_fit_the_architecture() {
    let missing = rewritten(|name, d, s, b| (name != "head.bias").then_some((d, s, b)));
    assert!(missing.starts_with("the weights have no tensor `head.bias`; they have: head.weight, "));
    assert!(missing.ends_with(" and 5 more"), "{missing}");

    let transposed = rewritten(|_, d, mut s, b| {
        s.reverse();
        Some((d, s, b))
    });
    assert_eq!(transposed, "`lstm.weight_ih_l0` has shape [3, 16], the architecture needs [16, 3]");

    let dtype = rewritten(|name, d, mut s, b| {
        if name != "head.bias" {
            return Some((d, s, b));
        }
        s[0] = 2;
        Some((Dtype::BF16, s, b))
    });
    assert_eq!(dtype, "`head.bias` holds bf16 values, it must hold f32");

    let nan = rewritten(|name, d, s, mut b| {
        if name == "lstm.bias_hh_l1_reverse" {
            b[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
        }
        Some((d, s, b))
    });
    assert_eq!(nan, "value 2 of tensor `lstm.bias_hh_l1_reverse` is not a finite number");
}

#[test]
fn a_layer_too_many_is_noticed() {
    let files = made(&small_spec());
    let shallow = files.text("small.json").replace("\"layers\": 2", "\"layers\": 1");
    // A `.pt` carries no copy of the JSON, so the tensors themselves must tell.
    let files = crate::pt::small_pt().with("small.json", shallow);
    let error = load_bilstm(&files, Path::new(""), "small").expect_err("layer 1 is left over");
    assert!(matches!(&error, ModelError::ExtraTensor { name } if name == "lstm.bias_hh_l1"), "{error}");
}

#[test]
fn only_regular_files_within_the_limit_are_read() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("file");
    std::fs::write(&path, [0; 9]).expect("temporary file");
    assert_eq!(OsFiles.read(&path, 9).expect("within the limit").len(), 9);
    let error = OsFiles.read(&path, 8).expect_err("one byte too many");
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
    assert!(OsFiles.read(dir.path(), 8).is_err());
    assert!(OsFiles.exists(&path) && !OsFiles.exists(dir.path()));
}
