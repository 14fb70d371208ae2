//! Files that are made from the catalog: the JSON Schema and the reference of steps.

use crate::support::{assert_current, root, sigc_ok};

#[test]
fn the_schema_is_current() {
    let made = sigc_ok(&root(), &["schema"]);
    assert_current(&root().join("grammar/pipeline.schema.json"), &made);
}

#[test]
fn the_reference_of_steps_is_current() {
    let made = sigc_ok(&root(), &["features", "--markdown"]);
    assert_current(&root().join("docs/steps.md"), &made);
}

/// The schema accepts what the compiler accepts and refuses a misspelt key; a validator of its own judges.
#[test]
fn the_schema_fits_the_examples() {
    let schema: serde_json::Value = serde_json::from_str(&sigc_ok(&root(), &["schema"])).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    let mut n = 0;
    for entry in std::fs::read_dir(root().join("examples")).expect("examples/") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("readable");
        let value = as_json(&text);
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        let mut wrong = value.clone();
        wrong["pipelin"] = serde_json::Value::Null;
        assert!(!validator.is_valid(&wrong));
        n += 1;
    }
    assert!(n >= 4);
}

/// A pipeline file as JSON, through the project's own reader.
fn as_json(text: &str) -> serde_json::Value {
    let mut diags = sigc_diag::Diags::new();
    let tree = sigc_syntax::parse(text, &mut diags);
    assert!(!diags.has_errors());
    node(&tree.root)
}

fn node(n: &sigc_syntax::Node) -> serde_json::Value {
    use sigc_syntax::{Typed, Value};
    match &n.value {
        Value::Map(m) => m.entries.iter().map(|e| (e.key.value.clone(), node(&e.value))).collect(),
        Value::Seq(items) => items.iter().map(node).collect(),
        Value::Hole => serde_json::Value::Null,
        Value::Scalar(s) => match s.typed {
            Typed::Null => serde_json::Value::Null,
            Typed::Bool(b) => b.into(),
            Typed::Int(i) => i.into(),
            Typed::Float(x) => x.into(),
            Typed::Str => s.text.clone().into(),
        },
    }
}
