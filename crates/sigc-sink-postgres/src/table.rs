//! What a table is, and how records go into it.
//!
//! Everything that would keep a row out, or let one in twice, is found here before the first row: a column that is not
//! there or would change a value, a column that must be filled and is not, no unique index over exactly the key, a right
//! that is missing.

use crate::failure::Place;
use sigc_catalog::FieldKind;
use sigc_connectors::sinks::postgres::step::{KEY_COLUMNS, MAX_NAME, TableName, quoted};
use sigc_runtime::{RecordSchema, SinkError};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

/// How a value is sent for a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `timestamptz`
    Instant,
    /// `timestamp`: in UTC.
    Clock,
    /// `bigint`: milliseconds since 1970.
    Millis,
    /// `text`, `varchar`
    Text,
    /// `double precision`
    Double,
    /// `bigint`
    Integer,
    /// `boolean`
    Bool,
}

impl Shape {
    /// For a field and the type of its column.
    fn of(kind: FieldKind, column_type: &Type, modifier: i32) -> Option<Shape> {
        match (kind, column_type) {
            // A modifier is how many digits of a second are kept.
            (FieldKind::Time, &Type::TIMESTAMPTZ) if !(0..3).contains(&modifier) => Some(Shape::Instant),
            (FieldKind::Time, &Type::TIMESTAMP) if !(0..3).contains(&modifier) => Some(Shape::Clock),
            (FieldKind::Time, &Type::INT8) => Some(Shape::Millis),
            (FieldKind::Text, &Type::TEXT | &Type::VARCHAR) => Some(Shape::Text),
            (FieldKind::Number, &Type::FLOAT8) => Some(Shape::Double),
            (FieldKind::Integer, &Type::INT8) => Some(Shape::Integer),
            (FieldKind::Bool, &Type::BOOL) => Some(Shape::Bool),
            _ => None,
        }
    }

    /// The type of the array that carries the values.
    pub fn array(self) -> Type {
        match self {
            Shape::Instant | Shape::Clock => Type::TIMESTAMPTZ_ARRAY,
            Shape::Millis | Shape::Integer => Type::INT8_ARRAY,
            Shape::Text => Type::TEXT_ARRAY,
            Shape::Double => Type::FLOAT8_ARRAY,
            Shape::Bool => Type::BOOL_ARRAY,
        }
    }

    /// The column's value, where the array's is `name`.
    fn in_array(self, name: &str) -> String {
        match self {
            Shape::Clock => format!("{name} AT TIME ZONE 'UTC'"),
            _ => name.to_owned(),
        }
    }
}

/// What columns can hold a field without changing its values.
fn accepted(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Time => "timestamptz, timestamp (in UTC) or bigint (milliseconds)",
        FieldKind::Text => "text or varchar",
        FieldKind::Number => "double precision",
        FieldKind::Integer => "bigint",
        FieldKind::Bool => "boolean",
    }
}

/// The type of a column that is made.
fn made(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Time => "timestamptz",
        FieldKind::Text => "text",
        FieldKind::Number => "double precision",
        FieldKind::Integer => "bigint",
        FieldKind::Bool => "boolean",
    }
}

/// A field that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Position in [`RecordSchema::fields`].
    pub field: usize,
    /// How its values are sent.
    pub shape: Shape,
}

/// How records go into a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fit {
    /// The fields that are written, in order.
    pub written: Vec<Written>,
    /// Stores what is not there; gives the number of rows stored.
    pub insert: String,
    /// How many rows are there, and how many of them with another prediction.
    pub compare: String,
}

impl Fit {
    fn new(name: &TableName, schema: &RecordSchema, written: Vec<Written>) -> Fit {
        let fields = schema.fields();
        let table = name.quoted();
        let arrays: Vec<String> = (1..=written.len()).map(|i| format!("${i}")).collect();
        let aliases: Vec<String> = (0..written.len()).map(|i| format!("c{i}")).collect();
        let columns: Vec<String> = written.iter().map(|w| quoted(fields[w.field].name)).collect();
        let values: Vec<String> =
            written.iter().zip(&aliases).map(|(w, alias)| w.shape.in_array(&format!("r.{alias}"))).collect();
        let rows = format!("UNNEST({}) WITH ORDINALITY AS r({}, n)", arrays.join(", "), aliases.join(", "));
        let key: Vec<String> = KEY_COLUMNS.iter().map(|k| quoted(k)).collect();
        let insert = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {rows} ORDER BY r.n ON CONFLICT ({}) DO NOTHING",
            columns.join(", "),
            values.join(", "),
            key.join(", ")
        );
        let of = |name: &str| columns.iter().position(|c| *c == quoted(name));
        let same = KEY_COLUMNS.iter().filter_map(|k| of(k).map(|i| format!("t.{} = {}", quoted(k), values[i])));
        let prediction = of("prediction").map_or_else(String::new, |i| values[i].clone());
        // Bits, not numbers: 0 and -0 are two values.
        let compare = format!(
            "SELECT count(*), count(*) FILTER (WHERE float8send(t.\"prediction\") <> float8send({prediction})) FROM \
             {rows} JOIN {table} AS t ON {}",
            same.collect::<Vec<_>>().join(" AND ")
        );
        Fit { written, insert, compare }
    }
}

/// The statement that makes a table that fits.
pub(crate) fn create_statement(name: &TableName, schema: &RecordSchema) -> String {
    let column = |f: &sigc_runtime::Field<'_>| {
        format!("  {} {}{}", quoted(f.name), made(f.kind), if f.nullable { "" } else { " NOT NULL" })
    };
    let mut lines: Vec<String> = schema.fields().iter().map(column).collect();
    let key: Vec<String> = KEY_COLUMNS.iter().map(|k| quoted(k)).collect();
    lines.push(format!("  PRIMARY KEY ({})", key.join(", ")));
    format!("CREATE TABLE {} (\n{}\n);", name.quoted(), lines.join(",\n"))
}

/// A column as the catalog knows it.
struct Column {
    name: String,
    column_type: Option<Type>,
    type_name: String,
    modifier: i32,
    /// It has to be given a value.
    needs_value: bool,
    /// It makes its own values: generated, or an identity that takes none.
    makes_own: bool,
    may_insert: bool,
    may_select: bool,
}

/// Whether the table is there.
pub(crate) enum Found {
    /// It is, and takes records.
    Fits(Box<Fit>),
    /// It is not.
    Missing,
    /// It does not take records.
    No(SinkError),
}

/// Looks at the table.
pub(crate) async fn look(
    client: &Client,
    name: &TableName,
    schema: &RecordSchema,
    place: Place<'_>,
) -> Result<Found, tokio_postgres::Error> {
    let quoted_name = name.quoted();
    let found = client
        .query_typed(
            "SELECT c.oid, c.relkind::text, current_user::text, \
             pg_catalog.current_setting('transaction_read_only') FROM pg_catalog.pg_class c \
             WHERE c.oid = pg_catalog.to_regclass($1)",
            &[(&quoted_name, Type::TEXT)],
        )
        .await?;
    let Some(table) = found.first() else { return Ok(Found::Missing) };
    let (oid, kind, user): (u32, &str, &str) = (table.get(0), table.get(1), table.get(2));
    if table.get::<_, &str>(3) == "on" {
        let reason = format!("`{}` takes no rows now: it is a standby, or read-only", place.server);
        return Ok(Found::No(place.unavailable(reason, false)));
    }
    if !matches!(kind, "r" | "p") {
        let help = format!("name a table, or make one:\n{}", create_statement(name, schema));
        return Ok(Found::No(place.unfit(format!("{} is no table but a view or the like", name.quoted()), help)));
    }
    let rows = client
        .query_typed(
            "SELECT a.attname::text, a.atttypid, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypmod, \
             a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', \
             a.attgenerated <> '' OR a.attidentity = 'a', \
             pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'INSERT'), \
             pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') \
             FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped \
             ORDER BY a.attnum",
            &[(&oid, Type::OID)],
        )
        .await?;
    let columns: Vec<Column> = rows.iter().map(column_of).collect();
    // `ON CONFLICT` needs an index that is checked at once, over the columns themselves and all rows.
    let unique = client
        .query_typed(
            "SELECT ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(num, pos) \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num WHERE k.pos <= i.indnkeyatts \
             ORDER BY 1) FROM pg_catalog.pg_index i WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid \
             AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL",
            &[(&oid, Type::OID)],
        )
        .await?;
    let unique: Vec<Vec<String>> = unique.iter().map(|r| r.get(0)).collect();
    Ok(match fit(name, schema, &columns, &unique, user, place) {
        Ok(fit) => Found::Fits(Box::new(fit)),
        Err(error) => Found::No(error),
    })
}

fn column_of(row: &Row) -> Column {
    Column {
        name: row.get(0),
        column_type: Type::from_oid(row.get(1)),
        type_name: row.get(2),
        modifier: row.get(3),
        needs_value: row.get(4),
        makes_own: row.get(5),
        may_insert: row.get(6),
        may_select: row.get(7),
    }
}

/// Goes through what does not fit; one error says all of a kind.
fn fit(
    name: &TableName,
    schema: &RecordSchema,
    columns: &[Column],
    unique: &[Vec<String>],
    user: &str,
    place: Place<'_>,
) -> Result<Fit, SinkError> {
    let table = name.quoted();
    let fields = schema.fields();
    if let Some(long) = fields.iter().find(|f| f.name.len() > MAX_NAME) {
        let reason = format!("the column `{}` has a name of more than {MAX_NAME} bytes", long.name);
        return Err(place.unfit(reason, "give the pipeline's column a shorter name"));
    }
    let (mut written, mut missing, mut misfits, mut own) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (i, field) in fields.iter().enumerate() {
        let needed =
            field.on_request || matches!(field.name, "prediction" | "caught_up") || KEY_COLUMNS.contains(&field.name);
        let Some(column) = columns.iter().find(|c| c.name == field.name) else {
            if needed {
                missing.push(format!("ADD COLUMN {} {}", quoted(field.name), made(field.kind)));
            }
            continue;
        };
        if column.makes_own {
            own.push(field.name);
        }
        match column.column_type.as_ref().and_then(|t| Shape::of(field.kind, t, column.modifier)) {
            Some(shape) => written.push(Written { field: i, shape }),
            None => misfits.push(format!(
                "{} is {} and has to be {}",
                quoted(field.name),
                column.type_name,
                accepted(field.kind)
            )),
        }
        // A record's null has no place in it.
        if field.nullable && column.needs_value {
            misfits.push(format!("{} is NOT NULL and can be null in a record", quoted(field.name)));
        }
    }
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().filter_map(|m| m.split(' ').nth(2)).collect();
        let reason = format!("{table} lacks the {} {}", plural("column", names.len()), names.join(", "));
        let help = format!("ALTER TABLE {table} {};", missing.join(", "));
        return Err(place.unfit(reason, help));
    }
    if !misfits.is_empty() {
        let help = format!("other types would change values; a table that fits:\n{}", create_statement(name, schema));
        return Err(place.unfit(format!("{table}: {}", misfits.join("; ")), help));
    }
    if !own.is_empty() {
        let reason = format!("{table} makes the values of {} itself", own.join(", "));
        return Err(place.unfit(reason, format!("a table that fits:\n{}", create_statement(name, schema))));
    }
    let unfilled: Vec<String> = columns
        .iter()
        .filter(|c| c.needs_value && !fields.iter().any(|f| f.name == c.name))
        .map(|c| quoted(&c.name))
        .collect();
    if !unfilled.is_empty() {
        let (n, all) = (unfilled.len(), unfilled.join(", "));
        let reason = format!("a record has no value for the {} {all} of {table}, NOT NULL", plural("column", n));
        let drops: Vec<String> = unfilled.iter().map(|c| format!("ALTER COLUMN {c} DROP NOT NULL")).collect();
        let help = format!("give them a default, or let them be null: ALTER TABLE {table} {};", drops.join(", "));
        return Err(place.unfit(reason, help));
    }
    let mut key: Vec<&str> = KEY_COLUMNS.to_vec();
    key.sort_unstable();
    let has_key = unique.iter().any(|index| {
        let mut index: Vec<&str> = index.iter().map(String::as_str).collect();
        index.sort_unstable();
        index == key
    });
    if !has_key {
        let key: Vec<String> = KEY_COLUMNS.iter().map(|k| quoted(k)).collect();
        let key = key.join(", ");
        let reason = format!("{table} has no unique index over exactly ({key}), so a row could come twice");
        return Err(place.unfit(reason, format!("CREATE UNIQUE INDEX ON {table} ({key});")));
    }
    rights(name, schema, columns, &written, user, place)?;
    Ok(Fit::new(name, schema, written))
}

/// What is written may be written, and what is compared may be read.
fn rights(
    name: &TableName,
    schema: &RecordSchema,
    columns: &[Column],
    written: &[Written],
    user: &str,
    place: Place<'_>,
) -> Result<(), SinkError> {
    let fields = schema.fields();
    let of = |w: &Written| columns.iter().find(|c| c.name == fields[w.field].name);
    let reads = |c: &&Column| KEY_COLUMNS.contains(&c.name.as_str()) || c.name == "prediction";
    let insert = written.iter().filter_map(of).all(|c| c.may_insert);
    let select = columns.iter().filter(reads).all(|c| c.may_select);
    let lacking = match (insert, select) {
        (true, true) => return Ok(()),
        (false, true) => "INSERT",
        (true, false) => "SELECT",
        (false, false) => "INSERT and SELECT",
    };
    let (table, user_name) = (name.quoted(), quoted(user));
    let help = format!(
        "GRANT INSERT, SELECT ON {table} TO {user_name}; SELECT is needed to tell rows that are there from new ones"
    );
    Err(place.denied(format!("the user {user_name} has no right to {lacking} on {table}"), help))
}

fn plural(word: &str, n: usize) -> String {
    if n == 1 { word.to_owned() } else { format!("{word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigc_runtime::SignalName;

    fn schema() -> RecordSchema {
        let name = SignalName { is_event: false, frame: "f".into(), column: "p".into(), model: None };
        RecordSchema {
            dag_name: "d".into(),
            plan: "1f".into(),
            run_id: None,
            signals: vec![name],
            extra: vec!["say \"x\"".into()],
            marks: false,
        }
    }

    #[test]
    fn types_that_would_change_a_value_are_refused() {
        for (kind, column_type, modifier, wanted) in [
            (FieldKind::Time, Type::TIMESTAMPTZ, -1, Some(Shape::Instant)),
            (FieldKind::Time, Type::TIMESTAMPTZ, 3, Some(Shape::Instant)),
            (FieldKind::Time, Type::TIMESTAMPTZ, 0, None),
            (FieldKind::Time, Type::TIMESTAMP, -1, Some(Shape::Clock)),
            (FieldKind::Time, Type::INT8, -1, Some(Shape::Millis)),
            (FieldKind::Time, Type::DATE, -1, None),
            (FieldKind::Number, Type::FLOAT4, -1, None),
            (FieldKind::Number, Type::NUMERIC, -1, None),
            (FieldKind::Text, Type::BPCHAR, 12, None),
            (FieldKind::Integer, Type::INT4, -1, None),
        ] {
            assert_eq!(Shape::of(kind, &column_type, modifier), wanted, "{column_type}");
        }
    }

    #[test]
    fn names_are_quoted_wherever_they_stand() {
        let name = TableName::parse("m.signals").expect("a name");
        let text = create_statement(&name, &schema());
        assert!(text.starts_with("CREATE TABLE \"m\".\"signals\" (\n  \"ts\" timestamptz NOT NULL,"), "{text}");
        assert!(text.contains("  \"say \"\"x\"\"\" double precision,\n"), "{text}");
        assert!(text.ends_with("PRIMARY KEY (\"dag_name\", \"frame\", \"column\", \"symbol\", \"ts\")\n);"), "{text}");
        let schema = schema();
        let shape = |kind| match kind {
            FieldKind::Time => Shape::Clock,
            FieldKind::Text => Shape::Text,
            FieldKind::Number => Shape::Double,
            FieldKind::Integer => Shape::Integer,
            FieldKind::Bool => Shape::Bool,
        };
        let written =
            schema.fields().iter().enumerate().map(|(field, f)| Written { field, shape: shape(f.kind) }).collect();
        let fit = Fit::new(&name, &schema, written);
        assert!(
            fit.insert.contains("\"say \"\"x\"\"\"") && fit.insert.contains("r.c0 AT TIME ZONE 'UTC'"),
            "{}",
            fit.insert
        );
        assert!(fit.compare.contains("t.\"ts\" = r.c0 AT TIME ZONE 'UTC'"), "{}", fit.compare);
    }
}
