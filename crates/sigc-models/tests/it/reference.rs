//! A bidirectional LSTM in plain `f64` loops, after the equations in PyTorch's documentation of
//! `nn.LSTM`. Slow and obvious on purpose.

use std::collections::BTreeMap;

use safetensors::SafeTensors;

/// Tensors by name, as `f64`, row-major.
pub type Tensors = BTreeMap<String, Vec<f64>>;

pub fn tensors(safetensors: &[u8]) -> Tensors {
    let file = SafeTensors::deserialize(safetensors).expect("a checkpoint made by the test");
    let floats = |data: &[u8]| data.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect();
    file.iter().map(|(name, view)| (name.to_owned(), floats(view.data()))).collect()
}

/// Output of the head for rows of scaled features.
pub fn predict(w: &Tensors, layers: usize, hidden: usize, window: &[f32], features: usize) -> f64 {
    let mut rows: Vec<Vec<f64>> =
        window.chunks(features).map(|row| row.iter().map(|x| f64::from(*x)).collect()).collect();
    for layer in 0..layers {
        let ahead = direction(w, &format!("l{layer}"), hidden, &rows);
        rows.reverse();
        let mut back = direction(w, &format!("l{layer}_reverse"), hidden, &rows);
        back.reverse();
        rows = ahead.into_iter().zip(back).map(|(a, b)| [a, b].concat()).collect();
    }
    let last = rows.last().expect("a window has rows");
    dot(&w["head.weight"], last) + w["head.bias"][0]
}

fn direction(w: &Tensors, suffix: &str, hidden: usize, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let tensor = |part: &str| &w[&format!("lstm.{part}_{suffix}")];
    let (w_ih, w_hh) = (tensor("weight_ih"), tensor("weight_hh"));
    let (b_ih, b_hh) = (tensor("bias_ih"), tensor("bias_hh"));
    let (mut h, mut c) = (vec![0.0; hidden], vec![0.0; hidden]);
    let mut outputs = Vec::new();
    for x in rows {
        let width = x.len();
        let gates: Vec<f64> = (0..4 * hidden)
            .map(|g| dot(&w_ih[g * width..][..width], x) + b_ih[g] + dot(&w_hh[g * hidden..][..hidden], &h) + b_hh[g])
            .collect();
        for j in 0..hidden {
            let [i, f, g, o] = [0, 1, 2, 3].map(|k| gates[k * hidden + j]);
            c[j] = sigmoid(f) * c[j] + sigmoid(i) * g.tanh();
            h[j] = sigmoid(o) * c[j].tanh();
        }
        outputs.push(h.clone());
    }
    outputs
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
