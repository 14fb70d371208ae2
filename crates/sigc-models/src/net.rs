//! The bidirectional LSTM, one window at a time, on plain slices.
//!
//! A net this small is all overhead on a tensor library: 91 steps of a dozen tiny tensors each. The
//! loops here take a tenth of the time, and their sums run in one fixed order without fused
//! operations, so the processor's kind does not show in the result.
//!
//! Gates are in PyTorch's order i, f, g, o. The head reads the last time step of the top layer; for
//! the backward direction that is its *first* step, so the top layer's backward half is one step
//! long.

use crate::config::LstmSpec;
use crate::error::ModelError;
use crate::predictor::Net;
use crate::weights::Weights;

/// A BiLSTM ready to run, with room for what it computes on the way.
pub(crate) struct BilstmNet {
    features: usize,
    hidden: usize,
    /// Values per symbol, and the table; the symbol's row is appended to every row of the window.
    embedding: Option<(usize, Vec<f32>)>,
    /// Forward and backward, from the bottom layer up.
    layers: Vec<[Direction; 2]>,
    head_weight: Vec<f32>,
    head_bias: f32,
    state: State,
    /// Rows that enter a layer, and rows that leave it.
    rows: Vec<f32>,
    next: Vec<f32>,
}

/// One direction of one layer. The weights are transposed, so that a step adds whole rows.
struct Direction {
    input: usize,
    w_ih: Vec<f32>,
    w_hh: Vec<f32>,
    bias: Vec<f32>,
}

/// What one direction carries from row to row.
struct State {
    h: Vec<f32>,
    c: Vec<f32>,
    gates: Vec<f32>,
}

impl BilstmNet {
    /// `weights` have been checked against `spec`.
    pub(crate) fn new(spec: &LstmSpec, mut weights: Weights) -> Result<Self, ModelError> {
        let hidden = spec.hidden;
        let embedding = match spec.embedding {
            Some((_, width)) => Some((width, weights.take("embed.weight")?.values)),
            None => None,
        };
        let mut layers = Vec::with_capacity(spec.layers);
        for layer in 0..spec.layers {
            let input = if layer == 0 { spec.input() } else { 2 * hidden };
            let mut direction = |suffix: &str| -> Result<Direction, ModelError> {
                let mut take = |part| Ok(weights.take(&format!("lstm.{part}_l{layer}{suffix}"))?.values);
                let (w_ih, w_hh) = (take("weight_ih")?, take("weight_hh")?);
                let (b_ih, b_hh): (Vec<f32>, Vec<f32>) = (take("bias_ih")?, take("bias_hh")?);
                let bias = b_ih.iter().zip(&b_hh).map(|(a, b)| a + b).collect();
                Ok(Direction { input, w_ih: transposed(&w_ih, input), w_hh: transposed(&w_hh, hidden), bias })
            };
            layers.push([direction("")?, direction("_reverse")?]);
        }
        let head_weight = weights.take("head.weight")?.values;
        let head_bias = weights.take("head.bias")?.values[0];
        let state = State { h: vec![0.0; hidden], c: vec![0.0; hidden], gates: vec![0.0; 4 * hidden] };
        let (features, rows, next) = (spec.features, Vec::new(), Vec::new());
        Ok(Self { features, hidden, embedding, layers, head_weight, head_bias, state, rows, next })
    }
}

impl Net for BilstmNet {
    fn run(&mut self, symbol_id: usize, window: &[f32]) -> Result<f32, ModelError> {
        let Self { features, hidden, embedding, layers, head_weight, head_bias, state, rows, next } = self;
        let (features, hidden) = (*features, *hidden);
        rows.clear();
        for row in window.chunks_exact(features) {
            rows.extend_from_slice(row);
            if let Some((width, table)) = embedding {
                rows.extend_from_slice(&table[symbol_id * *width..][..*width]);
            }
        }
        let (top, below) = layers.split_last().expect("an architecture has at least one layer");
        for [forward, backward] in below {
            next.clear();
            next.resize(window.len() / features * 2 * hidden, 0.0);
            state.reset();
            for (x, y) in rows.chunks_exact(forward.input).zip(next.chunks_exact_mut(2 * hidden)) {
                y[..hidden].copy_from_slice(state.step(forward, x));
            }
            state.reset();
            for (x, y) in rows.chunks_exact(backward.input).zip(next.chunks_exact_mut(2 * hidden)).rev() {
                y[hidden..].copy_from_slice(state.step(backward, x));
            }
            std::mem::swap(rows, next);
        }
        let [forward, backward] = top;
        let mut y = *head_bias;
        state.reset();
        for x in rows.chunks_exact(forward.input) {
            state.step(forward, x);
        }
        add_products(&mut y, &head_weight[..hidden], &state.h);
        state.reset();
        if let Some(x) = rows.rchunks_exact(backward.input).next() {
            state.step(backward, x);
        }
        add_products(&mut y, &head_weight[hidden..], &state.h);
        Ok(y)
    }
}

impl State {
    fn reset(&mut self) {
        self.h.fill(0.0);
        self.c.fill(0.0);
    }

    /// One row further; gives the new output.
    fn step(&mut self, direction: &Direction, x: &[f32]) -> &[f32] {
        let Self { h, c, gates } = self;
        gates.copy_from_slice(&direction.bias);
        add_rows(gates, &direction.w_ih, x);
        add_rows(gates, &direction.w_hh, h);
        let hidden = h.len();
        let (i, rest) = gates.split_at(hidden);
        let (f, rest) = rest.split_at(hidden);
        let (g, o) = rest.split_at(hidden);
        for j in 0..hidden {
            c[j] = sigmoid(f[j]) * c[j] + sigmoid(i[j]) * tanh(g[j]);
            h[j] = sigmoid(o[j]) * tanh(c[j]);
        }
        h
    }
}

/// `sums += x * weights`, one row of weights per value of `x`. No sum waits for another one, so the
/// compiler can do several at once without changing their order.
fn add_rows(sums: &mut [f32], weights: &[f32], x: &[f32]) {
    for (x, row) in x.iter().zip(weights.chunks_exact(sums.len())) {
        for (sum, w) in sums.iter_mut().zip(row) {
            *sum += x * w;
        }
    }
}

fn add_products(sum: &mut f32, weights: &[f32], x: &[f32]) {
    for (w, x) in weights.iter().zip(x) {
        *sum += w * x;
    }
}

// Through f64, because the f32 functions of C libraries differ in their last bit.
fn sigmoid(x: f32) -> f32 {
    (1.0 / (1.0 + (-f64::from(x)).exp())) as f32
}

fn tanh(x: f32) -> f32 {
    f64::from(x).tanh() as f32
}

/// A row-major matrix of `width` columns, column by column.
fn transposed(matrix: &[f32], width: usize) -> Vec<f32> {
    let column = |k: usize| matrix.iter().skip(k).step_by(width).copied();
    (0..width).flat_map(column).collect()
}
