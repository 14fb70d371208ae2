//! The pipeline that the PyTorch checkpoint of `../shared/models` was trained for.

/// With a data step and a model step (its `using` and `params`); rows go to `out.csv`.
pub fn pipeline(data: &str, model: &str) -> String {
    PIPELINE.replace("DATA", data).replace("MODEL", model)
}

const PIPELINE: &str = r#"
name: fixture
expand:
  rsi: [6, 12, 24]
  ma: [5, 10, 20, 60]
  level: [10, 20, 60]
signal_generation:
  mode: stream
  on_prediction:
    - using: sinks.csv_append
      params: {path: out.csv, dedup_key: [ts, symbol]}
pipeline:
  - data:
      using: DATA
      outputs: {frame: f}
      params: {universe: [BTCUSDT], interval: 5m}
  - features:
      using: features.rsi
      inputs: {column: f.close}
      outputs: {columns: ["rsi{window}"]}
      params: {window: "${expand.rsi}"}
  - features:
      using: features.ma_rocp
      inputs: {column: f.close}
      outputs: {columns: ["ma{window}rocp"]}
      params: {window: "${expand.ma}", rocp_factor: 10}
  - features:
      using: features.level
      inputs: {frame: f}
      outputs: {columns: ["level{window}"]}
      params: {window: "${expand.level}", kind: resistance}
  - features:
      using: features.momentum
      inputs: {column: f.close}
      outputs: {columns: [mom_20]}
      params: {window: 20}
  - features:
      using: features.rocp
      inputs: {column: f.close}
      outputs: {columns: [rocp_1]}
      params: {window: 1}
  - model:
      MODEL
      inputs: {frame: f}
      outputs: {columns: [prediction]}
"#;
