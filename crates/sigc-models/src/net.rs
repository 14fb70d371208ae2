//! The bidirectional LSTM on candle tensors, one window at a time.
//!
//! The batch is always 1, so no result depends on what else was asked in the same moment. Gates are
//! in PyTorch's order i, f, g, o. The head reads the last time step of the top layer; for the
//! backward direction that is its *first* step, so the top layer's backward half is one step long.

use candle_core::{D, Device, Result as CandleResult, Tensor};
use candle_nn::ops::sigmoid;

use crate::config::LstmSpec;
use crate::error::ModelError;
use crate::predictor::Net;
use crate::weights::{RawTensor, Weights};

/// A BiLSTM ready to run.
pub(crate) struct BilstmNet {
    features: usize,
    /// (symbols, width); its rows are appended to every row of the window.
    embedding: Option<Tensor>,
    layers: Vec<[Direction; 2]>,
    head_weight: Tensor,
    head_bias: Tensor,
}

/// One direction of one layer; the weights are transposed once, here.
struct Direction {
    hidden: usize,
    w_ih: Tensor,
    w_hh: Tensor,
    bias: Tensor,
}

impl BilstmNet {
    /// `weights` have been checked against `spec`.
    pub(crate) fn new(spec: &LstmSpec, mut weights: Weights) -> Result<Self, ModelError> {
        let embedding = match spec.embedding {
            Some(_) => Some(tensor(weights.take("embed.weight")?)?),
            None => None,
        };
        let mut layers = Vec::with_capacity(spec.layers);
        for layer in 0..spec.layers {
            let mut direction = |suffix: &str| {
                let mut take = |part| tensor(weights.take(&format!("lstm.{part}_l{layer}{suffix}"))?);
                let (w_ih, w_hh) = (take("weight_ih")?, take("weight_hh")?);
                let (b_ih, b_hh) = (take("bias_ih")?, take("bias_hh")?);
                Direction::new(spec.hidden, &w_ih, &w_hh, &b_ih, &b_hh).map_err(ModelError::run)
            };
            layers.push([direction("")?, direction("_reverse")?]);
        }
        let head_weight = tensor(weights.take("head.weight")?)?;
        let head_weight = transposed(&head_weight).map_err(ModelError::run)?;
        let head_bias = tensor(weights.take("head.bias")?)?;
        Ok(Self { features: spec.features, embedding, layers, head_weight, head_bias })
    }

    fn forward(&self, symbol_id: usize, window: &[f32]) -> CandleResult<f32> {
        let rows = window.len() / self.features;
        let mut x = Tensor::from_slice(window, (rows, self.features), &Device::Cpu)?;
        if let Some(table) = &self.embedding {
            let row = table.narrow(0, symbol_id, 1)?;
            let repeated = row.broadcast_as((rows, row.dim(1)?))?;
            x = Tensor::cat(&[&x, &repeated], 1)?;
        }
        let top = self.layers.len() - 1;
        for [forward, backward] in &self.layers[..top] {
            let ahead = forward.run(&x, 0..rows)?;
            let mut back = backward.run(&x, (0..rows).rev())?;
            back.reverse();
            x = Tensor::cat(&[Tensor::cat(&ahead, 0)?, Tensor::cat(&back, 0)?], 1)?;
        }
        let [forward, backward] = &self.layers[top];
        let ahead = forward.run(&x, 0..rows)?;
        let back = backward.run(&x.narrow(0, rows - 1, 1)?, 0..1)?;
        let last = Tensor::cat(&[&ahead[rows - 1], &back[0]], 1)?;
        let y = last.matmul(&self.head_weight)?.broadcast_add(&self.head_bias)?;
        y.flatten_all()?.get(0)?.to_scalar()
    }
}

impl Net for BilstmNet {
    fn run(&mut self, symbol_id: usize, window: &[f32]) -> Result<f32, ModelError> {
        self.forward(symbol_id, window).map_err(ModelError::run)
    }
}

impl Direction {
    fn new(
        hidden: usize,
        w_ih: &Tensor,
        w_hh: &Tensor,
        b_ih: &Tensor,
        b_hh: &Tensor,
    ) -> CandleResult<Self> {
        let bias = (b_ih + b_hh)?;
        Ok(Self { hidden, w_ih: transposed(w_ih)?, w_hh: transposed(w_hh)?, bias })
    }

    /// The outputs in the order of `steps`, which are rows of `x`.
    fn run(&self, x: &Tensor, steps: impl Iterator<Item = usize>) -> CandleResult<Vec<Tensor>> {
        // The inputs of all rows need no state, so they go through in one product.
        let inputs = x.matmul(&self.w_ih)?.broadcast_add(&self.bias)?;
        let mut h = Tensor::zeros((1, self.hidden), x.dtype(), &Device::Cpu)?;
        let mut c = h.clone();
        let mut outputs = Vec::new();
        for step in steps {
            let gates = (inputs.narrow(0, step, 1)? + h.matmul(&self.w_hh)?)?;
            let gate = |i: usize| gates.narrow(D::Minus1, i * self.hidden, self.hidden);
            let (i, f, g, o) =
                (sigmoid(&gate(0)?)?, sigmoid(&gate(1)?)?, gate(2)?.tanh()?, sigmoid(&gate(3)?)?);
            c = ((f * &c)? + (i * g)?)?;
            h = (o * c.tanh()?)?;
            outputs.push(h.clone());
        }
        Ok(outputs)
    }
}

fn tensor(raw: RawTensor) -> Result<Tensor, ModelError> {
    Tensor::from_vec(raw.values, raw.shape, &Device::Cpu).map_err(ModelError::run)
}

fn transposed(matrix: &Tensor) -> CandleResult<Tensor> {
    matrix.t()?.contiguous()
}
