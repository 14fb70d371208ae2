//! `sigc schema`: the JSON Schema of pipeline files, and of records.

use crate::catalog::catalog;
use crate::cli::Schema;
use crate::failure::Outcome;
use crate::terminal::Terminal;
use serde_json::{Map, Value, json};
use sigc_catalog::{FIELDS_BEFORE_COLUMNS, FieldKind, RECORD, RecordField};

/// The schema as it stands in `grammar/`.
pub fn text() -> String {
    let schema = sigc_compiler::schema::schema(&catalog());
    serde_json::to_string_pretty(&schema).expect("a JSON value prints") + "\n"
}

/// A JSON Schema of one record as JSON sinks write it. Further columns that a pipeline asks for are numbers or null.
pub fn records() -> String {
    let last = RECORD.len() - 1;
    let properties: Map<String, Value> = RECORD.iter().map(|f| (f.name.into(), property(f))).collect();
    let required: Vec<&str> = RECORD[..last].iter().map(|f| f.name).collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A record of sigc: one row of one signal",
        "description": format!(
            "What makes a record unique is dag_name, frame, column, symbol and ts. The columns that `columns:` asks for \
             stand behind `{}` in files; their names are their own.",
            RECORD[FIELDS_BEFORE_COLUMNS - 1].name
        ),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": { "type": ["number", "null"], "description": "a column that `columns:` asks for" },
    });
    serde_json::to_string_pretty(&schema).expect("a JSON value prints") + "\n"
}

fn property(field: &RecordField) -> Value {
    let (r#type, format) = match field.kind {
        FieldKind::Time => ("string", Some("date-time")),
        FieldKind::Text => ("string", None),
        FieldKind::Number => ("number", None),
        FieldKind::Integer => ("integer", None),
        FieldKind::Bool => ("boolean", None),
    };
    let mut property = Map::new();
    let r#type = if field.nullable { json!([r#type, "null"]) } else { json!(r#type) };
    property.insert("type".into(), r#type);
    if let Some(format) = format {
        property.insert("format".into(), format.into());
    }
    property.insert("description".into(), field.doc.into());
    property.into()
}

/// Prints it.
pub fn run(args: &Schema, term: &mut Terminal) -> Outcome {
    term.print(&if args.records { records() } else { text() });
    Ok(0)
}
