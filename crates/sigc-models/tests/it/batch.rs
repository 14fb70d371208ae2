//! Windows that are asked about together get the bits that each has alone, and those of plain `f32` loops.

use std::path::Path;

use sigc_models::fixture::CheckpointSpec;
use sigc_models::{LaneId, ModelError, load_bilstm};

use crate::reference::tensors;
use crate::support::{made, small_spec, wave};

const HERE: &str = "";

/// The equations of `nn.LSTM` one gate at a time: a bias, the row's products in order, then those of the last output.
fn plain(files: &crate::support::MemFiles, spec: &CheckpointSpec, window: &[f32]) -> f32 {
    let all = tensors(&files.0[Path::new("small.safetensors")]);
    let tensor = |name: &str| all[name].iter().map(|x| *x as f32).collect::<Vec<f32>>();
    let hidden = spec.hidden;
    let mut rows: Vec<Vec<f32>> = window.chunks(spec.features.len()).map(<[f32]>::to_vec).collect();
    for layer in 0..spec.layers {
        let run = |suffix: &str, rows: &[Vec<f32>]| -> Vec<Vec<f32>> {
            let [w_ih, w_hh, b_ih, b_hh] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
                .map(|part| tensor(&format!("lstm.{part}_l{layer}{suffix}")));
            let (mut h, mut c) = (vec![0f32; hidden], vec![0f32; hidden]);
            let mut out = Vec::new();
            for x in rows {
                let gate = |g: usize| {
                    let mut sum = b_ih[g] + b_hh[g];
                    x.iter().enumerate().for_each(|(i, x)| sum += x * w_ih[g * x_len(rows) + i]);
                    h.iter().enumerate().for_each(|(i, h)| sum += h * w_hh[g * hidden + i]);
                    sum
                };
                let gates: Vec<f32> = (0..4 * hidden).map(gate).collect();
                let sigmoid = |x: f32| (1.0 / (1.0 + (-f64::from(x)).exp())) as f32;
                let tanh = |x: f32| f64::from(x).tanh() as f32;
                for j in 0..hidden {
                    let [i, f, g, o] = [0, 1, 2, 3].map(|k| gates[k * hidden + j]);
                    c[j] = sigmoid(f) * c[j] + sigmoid(i) * tanh(g);
                    h[j] = sigmoid(o) * tanh(c[j]);
                }
                out.push(h.clone());
            }
            out
        };
        let ahead = run("", &rows);
        let reversed: Vec<Vec<f32>> = rows.iter().rev().cloned().collect();
        let back = run("_reverse", &reversed);
        rows = ahead.into_iter().zip(back.into_iter().rev()).map(|(a, b)| [a, b].concat()).collect();
    }
    let last = rows.last().expect("a window has rows");
    let mut y = tensor("head.bias")[0];
    tensor("head.weight").iter().zip(last).for_each(|(w, x)| y += w * x);
    y
}

fn x_len(rows: &[Vec<f32>]) -> usize {
    rows[0].len()
}

#[test]
fn one_by_one_and_together_have_the_bits_of_plain_loops() {
    // Widths beside and at whole tiles of gates.
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
        let mut model = load_bilstm(&files, Path::new(HERE), "small").expect("valid");
        let cells = window * features;
        for n in [1, 2, 3, 4, 5, 9] {
            let windows: Vec<f64> = wave(n * cells).map(|x| f64::from((3.0 * x) as f32)).collect();
            let mut together = Vec::new();
            model.predict_many(&vec![LaneId(0); n], &windows, &mut together);
            assert_eq!(together.len(), n);
            for (window, got) in windows.chunks(cells).zip(together) {
                let got = got.expect("finite").to_bits();
                assert_eq!(got, model.predict(LaneId(0), window).expect("finite").to_bits(), "{n} windows of {spec:?}");
                let scaled: Vec<f32> = window.iter().map(|x| *x as f32).collect();
                assert_eq!(got, f64::from(plain(&files, &spec, &scaled)).to_bits(), "{spec:?}");
            }
        }
    }
}

#[test]
fn a_window_that_fails_fails_alone() {
    let mut model = load_bilstm(&made(&small_spec()), Path::new(HERE), "small").expect("valid");
    let lanes = [0, 1, 7, 0, 1, 0].map(LaneId);
    let mut windows: Vec<f64> = wave(18 * lanes.len()).collect();
    windows[18 * 3 + 5] = f64::INFINITY;
    let mut together = Vec::new();
    model.predict_many(&lanes, &windows, &mut together);
    assert_eq!(together.len(), lanes.len());
    for ((lane, window), got) in lanes.into_iter().zip(windows.chunks(18)).zip(together) {
        match (got, model.predict(lane, window)) {
            (Ok(got), Ok(alone)) => assert_eq!(got.to_bits(), alone.to_bits()),
            (Err(got), Err(alone)) => assert_eq!(got.to_string(), alone.to_string()),
            (got, alone) => panic!("{got:?} together, {alone:?} alone"),
        }
    }
    let mut none = Vec::new();
    model.predict_many(&[], &[], &mut none);
    assert!(none.is_empty());
    model.predict_many(&lanes[..1], &windows[..17], &mut none);
    assert!(matches!(none[0], Err(ModelError::WindowSize { .. })));
}
