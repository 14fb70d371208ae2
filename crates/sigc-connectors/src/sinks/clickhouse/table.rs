//! Whether a table fits the records of a sink, and the statement that makes one that does.
//!
//! A table fits if every row can be written whole, to the bit, and is there once for a reader:
//!
//! - `symbol`, `ts`, `prediction`, the further columns and whatever tells the signals apart have columns that hold them;
//! - a column that records do not have has a default;
//! - the engine keeps rows as they are: a `MergeTree`, or a `ReplacingMergeTree` whose sorting key is the identity of a
//!   row and whose partition key follows from it.

use sigc_catalog::FieldKind;
use sigc_runtime::{Field, RecordSchema};

/// What identifies a row, in the order of the sorting key.
pub const IDENTITY: [&str; 5] = ["dag_name", "frame", "column", "symbol", "ts"];
/// Fields that follow from the identity: they may stand in a sorting key, too.
const FOLLOWS: [&str; 2] = ["kind", "open_time"];
/// The column of tables that [`create`] makes which decides which of two rows with one key stays: the one written first.
const VERSION: &str = "`version` UInt64 DEFAULT bitNot(toUInt64(toUnixTimestamp64Milli(now64(3))))";

/// A table as the server describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// `ReplacingMergeTree`
    pub engine: String,
    /// `ReplacingMergeTree(version) PARTITION BY ...`
    pub engine_full: String,
    /// `dag_name, frame, column, symbol, ts`
    pub sorting_key: String,
    /// `toYYYYMM(ts)`
    pub partition_key: String,
    /// Name, type, and kind of default; empty if it has none.
    pub columns: Vec<(String, String, String)>,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `DateTime64` of so many digits.
    Ticks {
        /// 3 to 9.
        digits: u32,
    },
    /// `DateTime`.
    Seconds,
    /// `String`.
    Text,
    /// `Float64`.
    Double,
    /// `Int64`; `UInt64` for a version.
    Long,
    /// `Bool` or `UInt8`.
    Byte,
}

/// A column that the sink writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Its type, as the server spells it.
    pub type_text: String,
    /// How a value is written.
    pub encoding: Encoding,
    /// A byte before the value says whether there is one.
    pub nullable: bool,
    /// The record's field; `None` for the version.
    pub field: Option<usize>,
}

/// How records go into a table that fits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// The columns, in the order they are written.
    pub slots: Vec<Slot>,
    /// Months that may go into one insert: a server takes at most 100 partitions at once.
    pub months: usize,
    /// What a person should know.
    pub notes: Vec<String>,
}

impl Layout {
    /// True if the table has this field of the records.
    pub fn has(&self, name: &str) -> bool {
        self.slots.iter().any(|s| s.name == name && s.field.is_some())
    }
}

/// What does not fit, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Everything that does not fit.
    pub reason: String,
    /// Statements.
    pub help: String,
}

/// How the records of `schema` go into the table `name`.
///
/// # Errors
/// All that does not fit.
pub fn fit(name: &str, schema: &RecordSchema, table: &Described) -> Result<Layout, Misfit> {
    let mut layout = Layout::default();
    let mut columns = ColumnFaults::default();
    let fields = schema.fields();
    for (i, field) in fields.iter().enumerate() {
        match table.columns.iter().find(|c| c.0 == field.name) {
            Some((name, type_text, default)) => match slot(i, field, name, type_text, default) {
                Ok(slot) => layout.slots.push(slot),
                Err(problem) => columns.wrong(field, problem),
            },
            None if is_needed(field, schema) => columns.missing(field),
            None => {}
        }
    }
    let mut reasons = Vec::new();
    for (column, type_text, default) in &table.columns {
        let known = fields.iter().any(|f| f.name == column.as_str());
        if known || !default.is_empty() || type_text.starts_with("Nullable(") {
            continue;
        }
        if version_of(table) == Some(column) && type_text == "UInt64" {
            let (name, type_text) = (column.clone(), type_text.clone());
            layout.slots.push(Slot { name, type_text, encoding: Encoding::Long, nullable: false, field: None });
        } else {
            columns.without_default(column, type_text);
        }
    }
    keys(schema, table, &mut layout, &mut reasons);
    if reasons.is_empty() && columns.reasons.is_empty() {
        layout.months = match table.partition_key.as_str() {
            "" | "tuple()" => usize::MAX,
            "toYYYYMM(ts)" => 50,
            _ => 1,
        };
        return Ok(layout);
    }
    let help = if reasons.is_empty() {
        let alter = |change: &String| format!("ALTER TABLE {} {change};", quoted(name));
        format!("change the table:\n{}", columns.changes.iter().map(alter).collect::<Vec<_>>().join("\n"))
    } else {
        format!("write to a table made by\n{}", create(name, schema))
    };
    columns.reasons.extend(reasons);
    Err(Misfit { reason: format!("the table does not fit: {}", columns.reasons.join("; ")), help })
}

/// A record cannot do without: what identifies it among the sink's, its value, what was asked for.
fn is_needed(field: &Field<'_>, schema: &RecordSchema) -> bool {
    let tells_apart = matches!(field.name, "frame" | "column") && schema.signals.len() > 1;
    field.on_request || tells_apart || matches!(field.name, "symbol" | "ts" | "prediction")
}

fn slot(i: usize, field: &Field<'_>, name: &str, type_text: &str, default: &str) -> Result<Slot, String> {
    if matches!(default, "MATERIALIZED" | "ALIAS") {
        return Err(format!("`{name}` is {default} and cannot be written"));
    }
    let fits = encoding(field.kind, type_text);
    let Some((encoding, nullable)) = fits else {
        return Err(format!("`{name}` is {type_text} and has to be {}", type_of(field)));
    };
    // An empty text stands for a null: no field that can be null is ever an empty text.
    if field.nullable && !nullable && encoding != Encoding::Text {
        return Err(format!("`{name}` is {type_text} and has to hold nulls: {}", type_of(field)));
    }
    Ok(Slot { name: name.into(), type_text: type_text.into(), encoding, nullable, field: Some(i) })
}

/// How a field is written into a column of this type, and whether a null has a place in it.
fn encoding(kind: FieldKind, type_text: &str) -> Option<(Encoding, bool)> {
    let inner = |outer: &str, text: &str| {
        text.strip_prefix(outer).and_then(|t| t.strip_prefix('(')).and_then(|t| t.strip_suffix(')')).map(str::to_owned)
    };
    let plain = inner("LowCardinality", type_text).unwrap_or_else(|| type_text.to_owned());
    let (plain, nullable) = match inner("Nullable", &plain) {
        Some(plain) => (plain, true),
        None => (plain, false),
    };
    let encoding = match kind {
        FieldKind::Time => match inner("DateTime64", &plain) {
            Some(args) => {
                let digits = args.split(',').next()?.trim().parse().ok()?;
                (3..=9).contains(&digits).then_some(Encoding::Ticks { digits })?
            }
            None if plain == "DateTime" || inner("DateTime", &plain).is_some() => Encoding::Seconds,
            None => return None,
        },
        FieldKind::Text if plain == "String" => Encoding::Text,
        FieldKind::Number if plain == "Float64" => Encoding::Double,
        FieldKind::Integer if plain == "Int64" => Encoding::Long,
        FieldKind::Bool if plain == "Bool" || plain == "UInt8" => Encoding::Byte,
        _ => return None,
    };
    Some((encoding, nullable))
}

/// The type of a field's column in a new table.
fn type_of(field: &Field<'_>) -> &'static str {
    match (field.kind, field.nullable) {
        (FieldKind::Time, false) => "DateTime64(3, 'UTC')",
        (FieldKind::Time, true) => "Nullable(DateTime64(3, 'UTC'))",
        (FieldKind::Text, false) => "LowCardinality(String)",
        (FieldKind::Text, true) => "LowCardinality(Nullable(String))",
        (FieldKind::Number, false) => "Float64",
        (FieldKind::Number, true) => "Nullable(Float64)",
        (FieldKind::Integer, false) => "Int64",
        (FieldKind::Integer, true) => "Nullable(Int64)",
        (FieldKind::Bool, false) => "Bool",
        (FieldKind::Bool, true) => "Nullable(Bool)",
    }
}

#[derive(Default)]
struct ColumnFaults {
    reasons: Vec<String>,
    /// What `ALTER TABLE` has to do.
    changes: Vec<String>,
}

impl ColumnFaults {
    fn missing(&mut self, field: &Field<'_>) {
        self.reasons.push(format!("column `{}` ({}) is missing", field.name, type_of(field)));
        self.changes.push(format!("ADD COLUMN {} {}", quoted_column(field.name), type_of(field)));
    }
    fn wrong(&mut self, field: &Field<'_>, problem: String) {
        self.reasons.push(problem);
        self.changes.push(format!("MODIFY COLUMN {} {}", quoted_column(field.name), type_of(field)));
    }
    fn without_default(&mut self, column: &str, type_text: &str) {
        self.reasons.push(format!("records have nothing for `{column}` ({type_text}), and it has no default"));
        self.changes.push(format!("MODIFY COLUMN {} {type_text} DEFAULT ...", quoted_column(column)));
    }
}

/// Whether the engine keeps each row once.
fn keys(schema: &RecordSchema, table: &Described, layout: &mut Layout, reasons: &mut Vec<String>) {
    let engine = table.engine.trim_start_matches("Replicated").trim_start_matches("Shared");
    if engine == "MergeTree" {
        layout.notes.push(format!(
            "the table is a {}: rows that come twice are found by asking it, and nothing removes one that slipped \
             through; a ReplacingMergeTree read with FINAL does",
            table.engine
        ));
        return;
    }
    if engine != "ReplacingMergeTree" {
        reasons.push(format!("its engine {} does not keep rows as they are written", table.engine));
        return;
    }
    let sorted = names_in(&table.sorting_key, table);
    let plain: Vec<&str> = table.sorting_key.split(',').map(|part| part.trim().trim_matches('`')).collect();
    for needed in ["symbol", "ts"] {
        if !plain.contains(&needed) {
            reasons.push(format!("its sorting key lacks `{needed}`: rows of different `{needed}` would become one"));
        }
    }
    for name in &sorted {
        if !IDENTITY.contains(name) && !FOLLOWS.contains(name) {
            reasons.push(format!("its sorting key has `{name}`, by which one row written twice would stay two"));
        }
    }
    let lacking: Vec<&str> = IDENTITY[..3].iter().copied().filter(|n| !sorted.contains(n)).collect();
    if schema.signals.len() > 1 && lacking.iter().any(|n| *n != "dag_name") {
        reasons.push("its sorting key lacks `frame` and `column`: signals of one time would become one row".into());
    } else if !lacking.is_empty() {
        let names = lacking.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
        layout.notes.push(format!(
            "the table's sorting key lacks {names}: no other pipeline may write into it, or rows replace each other"
        ));
    }
    for name in names_in(&table.partition_key, table) {
        let follows = sorted.contains(&name) || (FOLLOWS.contains(&name) && plain.contains(&"ts"));
        if !follows {
            reasons.push(format!(
                "it is partitioned by `{name}`, which does not follow from its sorting key: FINAL would miss a row \
                 written twice"
            ));
        }
    }
}

/// The column by which the engine decides which of two rows stays.
fn version_of(table: &Described) -> Option<&str> {
    if !table.engine.ends_with("ReplacingMergeTree") {
        return None;
    }
    let args = table.engine_full.split_once('(')?.1.split_once(')')?.0;
    // Replicated engines have a path and a replica's name before it.
    let args = args.split(',').map(|a| a.trim().trim_matches('`'));
    args.into_iter().find(|a| table.columns.iter().any(|c| c.0 == *a))
}

/// The table's columns that an expression names.
fn names_in<'a>(expression: &str, table: &'a Described) -> Vec<&'a str> {
    let words: Vec<&str> = expression.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).collect();
    table.columns.iter().map(|c| c.0.as_str()).filter(|name| words.contains(name)).collect()
}

/// The statement that makes a table for records of `schema`.
pub fn create(name: &str, schema: &RecordSchema) -> String {
    let column = |f: &Field<'_>| format!("  {} {},\n", quoted_column(f.name), type_of(f));
    let columns: String = schema.fields().iter().map(column).collect();
    let key = IDENTITY.map(|name| format!("`{name}`")).join(", ");
    format!(
        "CREATE TABLE IF NOT EXISTS {} (\n{columns}  {VERSION}\n)\nENGINE = ReplacingMergeTree(version)\n\
         PARTITION BY toYYYYMM(ts)\nORDER BY ({key})\nSETTINGS non_replicated_deduplication_window = 1000",
        quoted(name)
    )
}

/// A table's name, checked by the step, in back quotes.
pub fn quoted(name: &str) -> String {
    crate::sources::clickhouse::quoted(name)
}

/// Any column's name in back quotes.
pub fn quoted_column(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// A text in single quotes.
pub fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests;
