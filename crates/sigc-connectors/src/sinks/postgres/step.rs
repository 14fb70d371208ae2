//! `sinks.postgres`: parameters, and how its table is named.

use crate::sinks::address;
use sigc_catalog::{ArgProblem, Args, BATCH_DELAY_MS, BATCH_ROWS, DEDUP_KEY, Info, Param, Place, SinkStep, TIMEOUT_MS};

/// Where the server is.
pub const URL: Param<String> = Param::url(
    "url",
    "address of the database: `postgres://HOST:5432/DATABASE`, or all of it as `${env.NAME}`; hosts separated by commas \
     are tried in order",
);
/// Who writes.
pub const USER: Param<Option<String>> =
    Param::user("user", "the user who writes, in place of the address's").optional();
/// With what.
pub const PASSWORD: Param<Option<String>> =
    Param::secret("password", "the user's password: `${env.NAME}` or `${file.PATH}`").optional();
/// Where rows go.
pub const TABLE: Param<String> = Param::text(
    "table",
    "the table, as it is spelt in the database: `signals` or `market.signals`; `\"...\"` around a name with other \
     characters",
);
/// Whether it is made.
pub const CREATE: Param<bool> = Param::bool("create", "make the table if it is not there").default(false);
/// How the connection is protected.
pub const TLS: Param<Option<String>> = Param::choice(
    "tls",
    "`verify`: TLS with a certificate that is checked, the default unless the host is this machine; `disable`: none",
    address::TLS,
)
.optional();
/// Who signs the server's certificate.
pub const CA: Param<Option<String>> = Param::path(
    "ca",
    "a PEM file with the certificates that the server's must descend from, beside those of the system",
)
.optional();
/// What makes a row unique.
pub const KEY: Param<Option<Vec<String>>> = DEDUP_KEY.optional();

/// The columns that make a row unique, in the order of the index that serves readers best.
pub const KEY_COLUMNS: [&str; 5] = ["dag_name", "frame", "column", "symbol", "ts"];

/// The step.
pub static POSTGRES: SinkStep = SinkStep {
    info: Info {
        name: "sinks.postgres",
        capability: "shared",
        summary: "inserts rows into a PostgreSQL table, each once",
        doc: "One row per record; the columns have the names of a record's fields (`sigc schema --records`). The table \
              has `dag_name`, `frame`, `column`, `symbol` and `ts` with a primary key or unique index over exactly \
              these, `prediction`, and every further column asked for; `open_time`, `kind`, `model`, `plan`, `run_id` \
              and `latency_ms` are filled where the table has them. A batch is one transaction, and a row whose key is \
              there already is left as it is, so a batch whose answer was lost is simply sent again. Numbers keep \
              their bits.",
        params: &[&URL, &USER, &PASSWORD, &TABLE, &CREATE, &TLS, &CA, &KEY, &BATCH_ROWS, &BATCH_DELAY_MS, &TIMEOUT_MS],
    },
    check,
    target: "table",
    place: Place::Shared,
};

fn check(args: &Args) -> Vec<ArgProblem> {
    let schemes = ["postgres", "postgresql"];
    let url = args.get(&URL);
    // Only the first of several hosts has a scheme.
    let first = url.split_once(',').map_or(url.as_str(), |(first, _)| first);
    let mut problems: Vec<ArgProblem> =
        address::check(URL.name(), first, &schemes, "postgres://HOST:5432/DATABASE").into_iter().collect();
    if let Err(message) = TableName::parse(&args.get(&TABLE)) {
        problems.push(ArgProblem {
            param: TABLE.name(),
            message,
            help: Some("write `signals` or `market.signals`; put other names in `\"...\"`".into()),
        });
    }
    if args.get(&CA).is_some() && args.get(&TLS).as_deref() == Some("disable") {
        problems.push(ArgProblem {
            param: CA.name(),
            message: "`ca` says who signs the server's certificate, and `tls: disable` asks for none".into(),
            help: Some("leave one of them out".into()),
        });
    }
    problems.extend(address::check_key(args));
    problems
}

/// PostgreSQL cuts longer names off in silence.
pub const MAX_NAME: usize = 63;

/// A table's name, as it is spelt in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// Its schema; the user's search path decides otherwise.
    pub schema: Option<String>,
    /// The name.
    pub table: String,
}

impl TableName {
    /// Reads `table`, `schema.table`, either part in `"..."` with `""` for a quote.
    pub fn parse(text: &str) -> Result<TableName, String> {
        let (first, rest) = part(text)?;
        let (schema, table) = match rest.strip_prefix('.') {
            Some(rest) => {
                let (second, rest) = part(rest)?;
                if !rest.is_empty() {
                    return Err(format!("`{text}` has more than a schema and a table"));
                }
                (Some(first), second)
            }
            None if rest.is_empty() => (None, first),
            None => return Err(format!("`{text}` is no name of a table")),
        };
        Ok(TableName { schema, table })
    }

    /// As a statement names it.
    pub fn quoted(&self) -> String {
        let table = quoted(&self.table);
        self.schema.as_ref().map_or(table.clone(), |schema| format!("{}.{table}", quoted(schema)))
    }
}

/// A name as a statement writes it: any text is safe.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The first name of a text, and what follows it.
fn part(text: &str) -> Result<(String, &str), String> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(inside) => {
            let mut name = String::new();
            let mut rest = inside;
            loop {
                let Some((before, behind)) = rest.split_once('"') else {
                    return Err(format!("`{text}` has a quote that does not end"));
                };
                name.push_str(before);
                rest = behind;
                match rest.strip_prefix('"') {
                    Some(behind) => {
                        name.push('"');
                        rest = behind;
                    }
                    None => break,
                }
            }
            (name, rest)
        }
        None => {
            let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            if name.starts_with(|c: char| c.is_ascii_digit() || c == '$') {
                return Err(format!("`{text}` is no name of a table"));
            }
            (name.to_owned(), rest)
        }
    };
    if name.is_empty() || name.contains('\0') {
        return Err(format!("`{text}` is no name of a table"));
    }
    if name.len() > MAX_NAME {
        return Err(format!("`{name}` is longer than {MAX_NAME} bytes, which PostgreSQL would cut off"));
    }
    Ok((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_are_read_and_quoted() {
        for (text, wanted) in [
            ("signals", r#""signals""#),
            ("market.signals", r#""market"."signals""#),
            ("Signals", r#""Signals""#),
            (r#""my table""#, r#""my table""#),
            (r#"a."b.c""#, r#""a"."b.c""#),
            (r#""x"";drop table y;--""#, r#""x"";drop table y;--""#),
            ("größe", r#""größe""#),
        ] {
            assert_eq!(TableName::parse(text).map(|t| t.quoted()).as_deref(), Ok(wanted));
        }
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a.b.c",
            "a b",
            "a;drop table b",
            "a\"b\"",
            "\"a",
            "\"\"",
            "1a",
            "a--",
            "\"a\0\"",
            &"x".repeat(64),
        ] {
            assert!(TableName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
