//! The JSON Schema of a pipeline file, made from the catalog: for editors and the YAML language server.

use serde_json::{Map, Value, json};
use sigc_catalog::{Catalog, Default, Info, Kind, ParamKind, Spec, Step};

/// The schema, draft 2020-12. Grids may stand for any parameter, so every parameter also takes `${expand.NAME}`.
pub fn schema(catalog: &Catalog) -> Value {
    let steps_of =
        |kind: Kind| -> Vec<Value> { catalog.steps().filter(|s| s.kind() == kind).map(|s| step(&s)).collect() };
    let entry = |kind: Kind| {
        json!({
            "type": "object", "required": [kind.key()], "additionalProperties": false,
            "properties": { kind.key(): if kind == Kind::Event { event() } else { json!({ "oneOf": steps_of(kind) }) } }
        })
    };
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sigc pipeline",
        "type": "object",
        "required": ["name", "signal_generation", "pipeline"],
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "description": "identifies the pipeline; travels with every row" },
            "using": {
                "type": "object", "additionalProperties": false,
                "properties": { "capabilities": {
                    "type": "array", "items": { "enum": catalog.capabilities() },
                    "description": "the packs whose steps may be used; all if left out"
                } }
            },
            "expand": {
                "type": "object",
                "description": "grids: `${expand.NAME}` in a step's params makes one step per value",
                "properties": { "zip": {
                    "type": "array", "items": { "type": "array", "items": { "type": "string" } },
                    "description": "groups of grids that advance together instead of multiplying"
                } },
                "additionalProperties": { "type": "array", "minItems": 1, "items": scalar }
            },
            "signal_generation": signal_generation(&steps_of(Kind::Sink)),
            "pipeline": {
                "type": "array", "minItems": 1,
                "items": { "oneOf": Kind::PIPELINE.map(entry) }
            }
        },
        "$defs": {
            "interval": {
                "type": "string", "pattern": "^[0-9]+[smhdwM]$",
                "description": "a count and a unit: 15m, 2h, 1d, 1w, 1M"
            }
        }
    })
}

/// An event: a name and a condition.
fn event() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    json!({
        "type": "object", "required": ["name", "when"], "additionalProperties": false,
        "properties": {
            "name": text("what `on` and `events` call it; also its column, true where it fires"),
            "when": text("a condition over columns of one frame: `rsi_14 < 30 and close > sma_20`"),
            "inputs": {
                "type": "object", "additionalProperties": false,
                "properties": { "frame": text("its frame, where the columns do not tell") }
            },
            "value": text("the column that its records carry; 1 if left out"),
            "on": on(),
            "params": { "type": ["object", "null"], "description": "fill `{name}` in the other keys; grids make one event per value" }
        }
    })
}

/// The events a step listens to.
fn on() -> Value {
    json!({
        "type": "array", "minItems": 1, "items": { "type": "string" },
        "description": "only rows in which one of these events fired count; null in the others"
    })
}

/// Sinks, each with a key that says what it gets.
fn with_which(sinks: &[Value], which: &str, schema: &Value) -> Vec<Value> {
    let mut sinks = sinks.to_vec();
    sinks.iter_mut().for_each(|s| s["properties"][which] = schema.clone());
    sinks
}

fn signal_generation(sinks: &[Value]) -> Value {
    let names = json!({ "type": "array", "minItems": 1, "items": { "type": "string" } });
    let events = with_which(sinks, "events", &names);
    let sinks = with_which(sinks, "prediction", &json!({ "anyOf": [{ "type": "string" }, names] }));
    let days = json!({ "anyOf": [{ "type": "number", "exclusiveMinimum": 0 }, { "const": "auto" }] });
    json!({
        "type": "object", "required": ["mode"], "additionalProperties": false,
        "anyOf": [{ "required": ["on_prediction"] }, { "required": ["on_event"] }],
        "properties": {
            "mode": { "const": "stream" },
            "warmup": { "anyOf": [
                { "const": "auto" }, { "type": "null" },
                { "type": "object", "additionalProperties": false, "properties": {
                    "lookback_days": days,
                    "tolerance": { "type": "number", "minimum": 1e-15, "maximum": 1e-2, "default": 1e-9 },
                    "catch_up": { "enum": ["emit", "mark", "skip"], "default": "emit" }
                } }
            ] },
            "scheduling": { "anyOf": [
                { "type": "null" },
                { "type": "object", "additionalProperties": false, "properties": {
                    "interval": { "$ref": "#/$defs/interval" },
                    "buffer_minutes": { "type": "number", "minimum": 0, "maximum": 1440 }
                } }
            ] },
            "on_prediction": { "type": "array", "minItems": 1, "items": { "oneOf": sinks } },
            "on_event": { "type": "array", "minItems": 1, "items": { "oneOf": events } }
        }
    })
}

/// One step: `using` is its name, the rest follows from its definition.
fn step(step: &Step) -> Value {
    let info = step.info();
    let mut properties = Map::new();
    properties.insert("using".into(), json!({ "const": info.name, "description": info.summary }));
    properties.insert("params".into(), params(info, step.kind() != Kind::Sink));
    let mut required = vec!["using"];
    if step.kind() == Kind::Sink {
        properties.insert("columns".into(), json!({ "type": "array", "items": { "type": "string" } }));
    } else {
        if step.kind() != Kind::Data {
            properties.insert("inputs".into(), json!({ "type": "object" }));
            required.push("inputs");
        }
        if !matches!(step.kind(), Kind::Data | Kind::Transform) {
            properties.insert("on".into(), on());
        }
        properties.insert("outputs".into(), outputs(step));
        required.push("outputs");
    }
    // A model's `model_ref` may stand under `inputs`, so its params are not required here.
    let needs = info.specs().any(|s| s.default == Default::Required) && step.kind() != Kind::Model;
    if needs {
        required.push("params");
    }
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
}

fn outputs(step: &Step) -> Value {
    let makes_frame = match step {
        Step::Data(_) => true,
        Step::Transform(t) => t.shape == sigc_catalog::Shape::Resample,
        _ => false,
    };
    if makes_frame {
        return json!({
            "type": "object", "required": ["frame"], "additionalProperties": false,
            "properties": { "frame": { "type": "string" } }
        });
    }
    let mut columns = vec![json!({ "type": "array", "minItems": 1, "items": { "type": "string" } })];
    if let Some(f) = step.composed() {
        let named: Map<String, Value> =
            f.outputs.iter().map(|o| (o.name.to_string(), json!({ "type": "string" }))).collect();
        columns.push(json!({ "type": "object", "additionalProperties": false, "properties": named }));
    }
    json!({
        "type": "object", "required": ["columns"], "additionalProperties": false,
        "properties": { "frame": { "type": "string" }, "columns": { "anyOf": columns } }
    })
}

fn params(info: &Info, grids: bool) -> Value {
    let mut properties = Map::new();
    for spec in info.specs() {
        properties.insert(spec.name.into(), param(spec, grids));
    }
    json!({ "type": ["object", "null"], "additionalProperties": false, "properties": properties })
}

fn param(spec: &Spec, grids: bool) -> Value {
    let text = json!({ "type": "string" });
    let own = match spec.kind {
        ParamKind::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        ParamKind::Number { min, max } => {
            let mut number = json!({ "type": "number" });
            if min.is_finite() {
                number["minimum"] = json!(min);
            }
            if max.is_finite() {
                number["maximum"] = json!(max);
            }
            number
        }
        ParamKind::Bool => json!({ "type": "boolean" }),
        ParamKind::Text | ParamKind::Path | ParamKind::Url | ParamKind::User => text,
        ParamKind::Secret => json!({ "type": "string", "pattern": "^\\$\\{(env|file)\\..+\\}$" }),
        // `null` is a word of its own where it is a choice.
        ParamKind::Choice(words) if words.contains(&"null") => {
            let mut all: Vec<Value> = words.iter().map(|w| json!(w)).collect();
            all.push(Value::Null);
            json!({ "enum": all })
        }
        ParamKind::Choice(words) => json!({ "enum": words }),
        ParamKind::Interval => json!({ "$ref": "#/$defs/interval" }),
        ParamKind::Symbols => json!({ "type": "array", "minItems": 1, "uniqueItems": true, "items": text }),
        ParamKind::Choices(words) => json!({ "type": "array", "uniqueItems": true, "items": { "enum": words } }),
        ParamKind::Texts => json!({ "type": "array", "minItems": 1, "items": text }),
        ParamKind::Variables => {
            let name = json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" });
            json!({ "type": "array", "uniqueItems": true, "items": name })
        }
        ParamKind::Weights => json!({ "type": "object", "additionalProperties": { "type": "number" } }),
    };
    let mut any = vec![own];
    if spec.nullable {
        any.push(json!({ "type": "null" }));
    }
    if grids {
        any.push(json!({ "type": "string", "pattern": "^\\$\\{expand\\.[A-Za-z_][A-Za-z0-9_]*\\}$" }));
    }
    let mut out = if any.len() == 1 { any.remove(0) } else { json!({ "anyOf": any }) };
    out["description"] = json!(spec.doc);
    if let Some(default) = spec.default.value() {
        out["default"] = default.to_json();
    }
    out
}
