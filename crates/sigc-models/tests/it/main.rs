//! Checkpoints and graphs in, predictions out, compared with values from elsewhere: PyTorch's own
//! outputs where the shared fixtures are present, a plain `f64` LSTM written here otherwise.

mod bad_config;
mod batch;
mod damage;
mod made;
mod pt;
mod reference;
mod shared;
mod support;
