//! What an ONNX graph takes and gives, read from the file without building it.
//!
//! Two kinds of things are refused here, in plain words, before the inference engine sees them:
//! what could make two runs differ (random operators), and what could take the program down
//! (weights in other files, absurd sizes).

use std::collections::HashSet;
use std::path::Path;

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, TensorProto, ValueInfoProto};

use crate::config::Config;
use crate::error::ModelError;
use crate::weights::le_floats;

/// Name of the input with the scaled window.
pub(crate) const WINDOW: &str = "window";
/// Name of the input with the symbol's index.
pub(crate) const SYMBOL_ID: &str = "symbol_id";
/// Name of the output.
pub(crate) const PREDICTION: &str = "prediction";

/// Operators whose result is not decided by their inputs.
const RANDOM: [&str; 6] =
    ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"];

/// Largest integer constant: sizes are built from such, and a damaged one would ask for all memory.
const MAX_INTEGER: u64 = 1 << 20;

/// Values that stand for "to the end" in slices.
const TO_THE_END: [u64; 4] =
    [i64::MAX as u64, i64::MIN.unsigned_abs(), i32::MAX as u64, i32::MIN.unsigned_abs() as u64];

/// The inputs that the graph needs, in the order in which [`WINDOW`] comes first.
pub(crate) fn check(path: &Path, model: &ModelProto, config: &Config) -> Result<Vec<&'static str>, ModelError> {
    let graph = model.graph.as_ref().ok_or_else(|| ModelError::onnx(path, "it holds no graph"))?;
    check_content(path, graph)?;

    let constants: HashSet<_> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let inputs: Vec<_> = graph.input.iter().filter(|i| !constants.contains(i.name.as_str())).collect();
    let mut wanted = vec![WINDOW];
    if config.symbols.is_some() {
        wanted.push(SYMBOL_ID);
    }
    let mut names: Vec<_> = inputs.iter().map(|i| i.name.as_str()).collect();
    names.sort_unstable_by_key(|name| std::cmp::Reverse(*name));
    if names != wanted {
        let message = format!("its inputs are {}, the JSON beside it asks for {}", quoted(&names), quoted(&wanted));
        return Err(ModelError::onnx(path, message));
    }
    for input in inputs {
        let float = input.name == WINDOW;
        let shape = [1, config.window, config.features.len()];
        let want = if float { &shape[..] } else { &shape[..1] };
        check_value(input, if float { DataType::Float } else { DataType::Int64 }, want)?;
    }

    let produced: HashSet<_> = graph.node.iter().flat_map(|n| &n.output).map(String::as_str).collect();
    let missing = graph.output.iter().find(|o| !produced.contains(o.name.as_str()));
    if let Some(output) = missing {
        return Err(ModelError::onnx(path, format!("no node gives its output `{}`", output.name)));
    }
    let prediction = graph.output.iter().find(|o| o.name == PREDICTION).ok_or_else(|| {
        let names: Vec<_> = graph.output.iter().map(|o| o.name.as_str()).collect();
        ModelError::onnx(path, format!("its outputs are {}, not `{PREDICTION}`", quoted(&names)))
    })?;
    let flat = dims(prediction).is_some_and(|d| d.len() == 1);
    check_value(prediction, DataType::Float, if flat { &[1] } else { &[1, 1] })?;
    Ok(wanted)
}

/// Type and shape of an input or output; open dimensions fit, and take the wanted size.
fn check_value(info: &ValueInfoProto, dtype: DataType, want: &[usize]) -> Result<(), ModelError> {
    let name = info.name.clone();
    let Some(Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
        return Err(ModelError::TensorDtype { name, want: word(dtype), got: "untyped".into() });
    };
    if tensor.elem_type != dtype as i32 {
        let got = DataType::try_from(tensor.elem_type);
        let got = got.map_or_else(|_| "unknown".to_owned(), |t| word(t).to_owned());
        return Err(ModelError::TensorDtype { name, want: word(dtype), got });
    }
    let Some(got) = dims(info) else { return Ok(()) };
    let fits = got.len() == want.len() && got.iter().zip(want).all(|(g, w)| *g == 0 || g == w);
    if fits { Ok(()) } else { Err(ModelError::TensorShape { name, want: want.to_vec(), got }) }
}

/// The shape, with 0 for an open dimension; `None` where the file does not state it.
fn dims(info: &ValueInfoProto) -> Option<Vec<usize>> {
    let Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    let dims = tensor.shape.as_ref()?.dim.iter().map(|d| match d.value {
        // A size that does not fit is not open, and fits no wanted one either.
        Some(dimension::Value::DimValue(n)) => usize::try_from(n).unwrap_or(usize::MAX),
        _ => 0,
    });
    Some(dims.collect())
}

fn check_content(path: &Path, graph: &GraphProto) -> Result<(), ModelError> {
    if !graph.sparse_initializer.is_empty() {
        return Err(ModelError::onnx(path, "it has sparse weights, which are not supported"));
    }
    graph.initializer.iter().try_for_each(|t| check_tensor(path, t))?;
    for node in &graph.node {
        if RANDOM.contains(&node.op_type.as_str()) {
            let message = format!("it uses `{}`, whose result is random", node.op_type);
            return Err(ModelError::onnx(path, message));
        }
        node.attribute.iter().try_for_each(|a| check_attribute(path, a))?;
    }
    Ok(())
}

fn check_attribute(path: &Path, attribute: &AttributeProto) -> Result<(), ModelError> {
    attribute.t.iter().chain(&attribute.tensors).try_for_each(|t| check_tensor(path, t))?;
    attribute.g.iter().chain(&attribute.graphs).try_for_each(|g| check_content(path, g))?;
    let mut integers = attribute.ints.iter().chain([&attribute.i]).copied();
    integers.try_for_each(|n| check_integer(path, &attribute.name, n))
}

fn check_tensor(path: &Path, tensor: &TensorProto) -> Result<(), ModelError> {
    let name = &tensor.name;
    if tensor.data_location == Some(DataLocation::External as i32) {
        let message = format!("tensor `{name}` lies in another file; save the model as one file");
        return Err(ModelError::onnx(path, message));
    }
    if tensor.data_type == DataType::Float as i32 {
        let raw = le_floats(&tensor.raw_data);
        if raw.iter().chain(&tensor.float_data).any(|v| v.is_nan()) {
            return Err(ModelError::NonFinite { what: format!("a value of tensor `{name}`") });
        }
    } else if tensor.data_type == DataType::Int64 as i32 {
        let raw = tensor.raw_data.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b));
        let mut all = raw.chain(tensor.int64_data.iter().copied());
        all.try_for_each(|n| check_integer(path, name, n))?;
    }
    Ok(())
}

fn check_integer(path: &Path, name: &str, n: i64) -> Result<(), ModelError> {
    let size = n.unsigned_abs();
    // The last position counts as well: `-MAX` is what a reversed slice ends with.
    if size <= MAX_INTEGER || TO_THE_END.contains(&size) {
        return Ok(());
    }
    Err(ModelError::onnx(path, format!("the integer {n} in `{name}` is too large")))
}

fn word(dtype: DataType) -> &'static str {
    match dtype {
        DataType::Float => "f32",
        DataType::Double => "f64",
        DataType::Float16 => "f16",
        DataType::Bfloat16 => "bf16",
        DataType::Int32 => "i32",
        DataType::Int64 => "i64",
        DataType::Bool => "bool",
        DataType::String => "text",
        _ => "other",
    }
}

fn quoted(names: &[&str]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{NodeProto, TensorShapeProto, TypeProto, tensor_shape_proto::Dimension, type_proto};

    use super::*;
    use crate::config::Raw;

    const JSON: &str = r#"{"kind": "any", "window": 5, "features": ["a", "b"]}"#;

    fn value(name: &str, dtype: DataType, dims: &[i64]) -> ValueInfoProto {
        let dim = |n: &i64| Dimension {
            denotation: String::new(),
            value: Some(match n {
                0 => dimension::Value::DimParam("batch".into()),
                n => dimension::Value::DimValue(*n),
            }),
        };
        let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
        let tensor = type_proto::Tensor { elem_type: dtype as i32, shape };
        let r#type = Some(TypeProto { denotation: String::new(), value: Some(Value::TensorType(tensor)) });
        ValueInfoProto { name: name.into(), r#type, doc_string: String::new() }
    }

    /// A graph that fits [`JSON`].
    fn graph() -> GraphProto {
        let node = NodeProto { op_type: "Any".into(), output: vec![PREDICTION.into()], ..NodeProto::default() };
        GraphProto {
            node: vec![node],
            input: vec![value(WINDOW, DataType::Float, &[0, 5, 2])],
            output: vec![value(PREDICTION, DataType::Float, &[0, 1])],
            ..GraphProto::default()
        }
    }

    fn checked(change: impl FnOnce(&mut GraphProto)) -> Result<Vec<&'static str>, String> {
        let mut graph = graph();
        change(&mut graph);
        let model = ModelProto { graph: Some(graph), ..ModelProto::default() };
        let path = Path::new("x.onnx");
        let raw = Raw::parse(path, JSON.as_bytes()).expect("valid");
        check(path, &model, &Config::new(path, &raw, "f32").expect("valid")).map_err(|e| e.to_string())
    }

    #[test]
    fn a_graph_that_fits_is_taken() {
        assert_eq!(checked(|_| {}), Ok(vec![WINDOW]));
        assert_eq!(checked(|g| g.output[0] = value(PREDICTION, DataType::Float, &[1])), Ok(vec![WINDOW]));
    }

    #[test]
    fn what_could_differ_or_do_harm_is_refused() {
        let tensor = |change: fn(&mut TensorProto)| {
            let mut tensor = TensorProto { name: "t".into(), ..TensorProto::default() };
            change(&mut tensor);
            checked(|g| g.initializer.push(tensor)).expect_err("refused")
        };
        let random = checked(|g| g.node[0].op_type = "RandomNormal".into());
        assert_eq!(random, Err("`x.onnx`: it uses `RandomNormal`, whose result is random".into()));
        let inner = GraphProto {
            node: vec![NodeProto { op_type: "Bernoulli".into(), ..NodeProto::default() }],
            ..GraphProto::default()
        };
        let nested =
            checked(|g| g.node[0].attribute.push(AttributeProto { g: Some(inner), ..AttributeProto::default() }));
        assert_eq!(nested, Err("`x.onnx`: it uses `Bernoulli`, whose result is random".into()));
        let external = tensor(|t| t.data_location = Some(DataLocation::External as i32));
        assert_eq!(external, "`x.onnx`: tensor `t` lies in another file; save the model as one file");
        let huge = tensor(|t| (t.data_type, t.int64_data) = (DataType::Int64 as i32, vec![i64::MAX, 1 << 21]));
        assert_eq!(huge, "`x.onnx`: the integer 2097152 in `t` is too large");
        let nan = tensor(|t| (t.data_type, t.float_data) = (DataType::Float as i32, vec![0.0, f32::NAN]));
        assert_eq!(nan, "a value of tensor `t` is not a finite number");
    }

    #[test]
    fn inputs_and_outputs_are_compared_by_name_type_and_shape() {
        for (change, message) in [
            (
                (|g| g.input[0] = value(WINDOW, DataType::Double, &[0, 5, 2])) as fn(&mut GraphProto),
                "`window` holds f64 values, it must hold f32",
            ),
            (
                |g| g.input[0] = value(WINDOW, DataType::Float, &[2, 5, 2]),
                "`window` has shape [2, 5, 2], the architecture needs [1, 5, 2]",
            ),
            (
                |g| g.input[0] = value("x", DataType::Float, &[0, 5, 2]),
                "`x.onnx`: its inputs are `x`, the JSON beside it asks for `window`",
            ),
            (
                |g| g.output[0] = value(PREDICTION, DataType::Float, &[0, 2]),
                "`prediction` has shape [0, 2], the architecture needs [1, 1]",
            ),
            (|g| g.node.clear(), "`x.onnx`: no node gives its output `prediction`"),
            (|g| g.output.clear(), "`x.onnx`: its outputs are none, not `prediction`"),
        ] {
            assert_eq!(checked(change), Err(message.into()));
        }
    }
}
