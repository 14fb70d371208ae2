//! The bidirectional LSTM, one window at a time or a few abreast, on plain slices.
//!
//! A net this small is all overhead on a tensor library: 91 steps of a dozen tiny tensors each. The
//! loops here take a tenth of the time, and their sums run in one fixed order without fused
//! operations, so the processor's kind does not show in the result.
//!
//! Windows that are asked about together run [`ABREAST`] at a time: each weight is loaded once for all of them. A window's
//! own sums run in the order they have alone, so its bits do not depend on who runs beside it.
//!
//! Gates are in PyTorch's order i, f, g, o. The head reads the last time step of the top layer; for
//! the backward direction that is its *first* step, so the top layer's backward half is one step
//! long.

use crate::config::LstmSpec;
use crate::error::ModelError;
use crate::predictor::Net;
use crate::weights::Weights;

/// Gates that are summed side by side: one row of a tile of weights.
const TILE: usize = 8;
/// Windows that run side by side: their sums of one tile fit the registers of any 64-bit machine.
const ABREAST: usize = 4;

/// A row of weights of one tile, or its sums.
type Gates = [f32; TILE];

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
    /// Rows that enter a layer, and rows that leave it; of a row each value of all windows, then the next value.
    rows: Vec<f32>,
    next: Vec<f32>,
}

/// One direction of one layer. The weights lie tile by tile, and in a tile by input, so that a step reads them in order.
/// Gates are padded to whole tiles.
struct Direction {
    input: usize,
    w_ih: Vec<Gates>,
    w_hh: Vec<Gates>,
    bias: Vec<Gates>,
}

/// What one direction carries from row to row: of each unit the values of all windows; of the gates one window's after
/// another's.
struct State {
    h: Vec<f32>,
    c: Vec<f32>,
    gates: Vec<Gates>,
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
                let bias: Vec<f32> = b_ih.iter().zip(&b_hh).map(|(a, b)| a + b).collect();
                Ok(Direction { input, w_ih: tiles(&w_ih, input), w_hh: tiles(&w_hh, hidden), bias: tiles(&bias, 1) })
            };
            layers.push([direction("")?, direction("_reverse")?]);
        }
        let head_weight = weights.take("head.weight")?.values;
        let head_bias = weights.take("head.bias")?.values[0];
        let state = State { h: Vec::new(), c: Vec::new(), gates: Vec::new() };
        let (features, rows, next) = (spec.features, Vec::new(), Vec::new());
        Ok(Self { features, hidden, embedding, layers, head_weight, head_bias, state, rows, next })
    }

    /// `W` windows side by side.
    fn forward<const W: usize>(&mut self, symbol_ids: [usize; W], windows: [&[f32]; W]) -> [f32; W] {
        let Self { features, hidden, embedding, layers, head_weight, head_bias, state, rows, next } = self;
        let (features, hidden) = (*features, *hidden);
        let n_rows = windows[0].len() / features;
        rows.clear();
        for row in 0..n_rows {
            for i in 0..features {
                rows.extend(windows.iter().map(|window| window[row * features + i]));
            }
            if let Some((width, table)) = embedding {
                for i in 0..*width {
                    rows.extend(symbol_ids.iter().map(|id| table[id * *width + i]));
                }
            }
        }
        let (top, below) = layers.split_last().expect("an architecture has at least one layer");
        for [forward, backward] in below {
            next.clear();
            next.resize(n_rows * 2 * hidden * W, 0.0);
            state.reset::<W>(hidden);
            for (x, y) in rows.chunks_exact(forward.input * W).zip(next.chunks_exact_mut(2 * hidden * W)) {
                y[..hidden * W].copy_from_slice(state.step::<W>(forward, x));
            }
            state.reset::<W>(hidden);
            for (x, y) in rows.chunks_exact(backward.input * W).zip(next.chunks_exact_mut(2 * hidden * W)).rev() {
                y[hidden * W..].copy_from_slice(state.step::<W>(backward, x));
            }
            std::mem::swap(rows, next);
        }
        let [forward, backward] = top;
        let mut y = [*head_bias; W];
        state.reset::<W>(hidden);
        for x in rows.chunks_exact(forward.input * W) {
            state.step::<W>(forward, x);
        }
        add_products(&mut y, &head_weight[..hidden], &state.h);
        state.reset::<W>(hidden);
        if let Some(x) = rows.rchunks_exact(backward.input * W).next() {
            state.step::<W>(backward, x);
        }
        add_products(&mut y, &head_weight[hidden..], &state.h);
        y
    }
}

impl Net for BilstmNet {
    fn run(&mut self, symbol_id: usize, window: &[f32]) -> Result<f32, ModelError> {
        let [y] = self.forward([symbol_id], [window]);
        Ok(y)
    }

    fn run_many(&mut self, symbol_ids: &[usize], windows: &[f32], out: &mut Vec<Result<f32, ModelError>>) {
        let cells = windows.len() / symbol_ids.len().max(1);
        let window = |i: usize| &windows[i * cells..][..cells];
        let (fours, rest) = symbol_ids.as_chunks::<ABREAST>();
        for (i, ids) in fours.iter().enumerate() {
            let ys = self.forward(*ids, std::array::from_fn(|w| window(i * ABREAST + w)));
            out.extend(ys.map(Ok));
        }
        for (i, id) in rest.iter().enumerate() {
            out.push(self.run(*id, window(fours.len() * ABREAST + i)));
        }
    }
}

impl State {
    /// Nothing seen yet, by any of `W` windows.
    fn reset<const W: usize>(&mut self, hidden: usize) {
        for values in [&mut self.h, &mut self.c] {
            values.clear();
            values.resize(hidden * W, 0.0);
        }
    }

    /// One row further; gives the new output.
    fn step<const W: usize>(&mut self, direction: &Direction, x: &[f32]) -> &[f32] {
        let Self { h, c, gates } = self;
        let (hidden, n_tiles) = (h.len() / W, direction.bias.len());
        gates.resize(n_tiles * W, [0.0; TILE]);
        let weights = direction.w_ih.chunks_exact(direction.input).zip(direction.w_hh.chunks_exact(hidden));
        for (tile, (bias, (w_ih, w_hh))) in direction.bias.iter().zip(weights).enumerate() {
            let mut sums = [*bias; W];
            add_rows(&mut sums, w_ih, x);
            add_rows(&mut sums, w_hh, h);
            for (w, sums) in sums.iter().enumerate() {
                gates[w * n_tiles + tile] = *sums;
            }
        }
        for (w, gates) in gates.chunks_exact(n_tiles).enumerate() {
            let (i, rest) = gates.as_flattened().split_at(hidden);
            let (f, rest) = rest.split_at(hidden);
            let (g, o) = rest.split_at(hidden);
            for j in 0..hidden {
                let (c, h) = (&mut c[j * W + w], &mut h[j * W + w]);
                *c = sigmoid(f[j]) * *c + sigmoid(i[j]) * tanh(g[j]);
                *h = sigmoid(o[j]) * tanh(*c);
            }
        }
        h
    }
}

/// `sums += x * weights`, one row of weights per value of `x`. No sum waits for another one, so the
/// compiler can do several at once without changing their order.
#[inline(always)]
fn add_rows<const W: usize>(sums: &mut [Gates; W], weights: &[Gates], x: &[f32]) {
    for (row, x) in weights.iter().zip(x.as_chunks::<W>().0) {
        for (sums, x) in sums.iter_mut().zip(x) {
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum += x * weight;
            }
        }
    }
}

fn add_products<const W: usize>(sums: &mut [f32; W], weights: &[f32], x: &[f32]) {
    for (weight, x) in weights.iter().zip(x.as_chunks::<W>().0) {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += weight * x;
        }
    }
}

// Through f64, because the f32 functions of C libraries differ in their last bit.
fn sigmoid(x: f32) -> f32 {
    (1.0 / (1.0 + (-f64::from(x)).exp())) as f32
}

fn tanh(x: f32) -> f32 {
    f64::from(x).tanh() as f32
}

/// A row-major matrix of `width` columns, one row per gate, as tiles: the weights of one input for the gates of a tile
/// side by side, zeros behind the last gate.
fn tiles(matrix: &[f32], width: usize) -> Vec<Gates> {
    let n_gates = matrix.len() / width;
    let weight = |gate: usize, column: usize| if gate < n_gates { matrix[gate * width + column] } else { 0.0 };
    let of_tile = |tile: usize| (0..width).map(move |column| std::array::from_fn(|l| weight(tile * TILE + l, column)));
    (0..n_gates.div_ceil(TILE)).flat_map(of_tile).collect()
}
