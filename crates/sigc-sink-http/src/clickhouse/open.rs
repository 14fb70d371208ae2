//! Looks at the table before the first row.

use super::server::{Fault, Server};
use super::sink::{ClickHouse, Parts};
use sigc_catalog::TIMEOUT_MS;
use sigc_connectors::sinks::clickhouse::rows::{FORMAT, header};
use sigc_connectors::sinks::clickhouse::step::{CREATE, PASSWORD, TABLE, URL, USER};
use sigc_connectors::sinks::clickhouse::table::{
    Described, Layout, Misfit, create, fit, quoted, quoted_column, quoted_text,
};
use sigc_market::Ts;
use sigc_runtime::{Opened, Opening, RecordSchema, SinkError};
use std::time::{Duration, Instant};

/// Opens the sink: the table fits, and the user may write and read it.
pub(super) fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    let Found { server, table, timeout, until } = look(opening)?;
    let table = match table {
        Some(table) => table,
        None if opening.args.get(&CREATE) => {
            server.ask(server.statement.clone(), until).map_err(|f| server.error(f))?;
            describe(&server, &name(opening), until)?.ok_or_else(|| missing(&server))?
        }
        None => return Err(missing(&server)),
    };
    let (layout, insert) = checked(opening, &server, &table, until)?;
    let newest = newest(&server, opening.schema, &layout, &name(opening), until)?;
    let notes = layout.notes.iter().map(|note| format!("{}: {note}", server.shown)).collect();
    let schema = opening.schema.clone();
    let table = quoted(&name(opening));
    let sink = ClickHouse::new(Parts { server, table, schema, layout, insert, newest, timeout });
    Ok(Opened { sink: Box::new(sink), notes })
}

/// As [`open`], and nothing is made.
pub(super) fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    let Found { server, table, until, .. } = look(opening)?;
    let Some(table) = table else {
        return match opening.args.get(&CREATE) {
            true => Ok(vec![format!("{}: it answers, and the table will be made", server.shown)]),
            false => Err(missing(&server)),
        };
    };
    let (layout, _) = checked(opening, &server, &table, until)?;
    newest(&server, opening.schema, &layout, &name(opening), until)?;
    let fields = layout.slots.iter().filter(|s| s.field.is_some()).count();
    let mut lines = vec![format!(
        "{}: a {} with columns for {fields} of {} fields, which can be written and read",
        server.shown,
        table.engine,
        opening.schema.fields().len()
    )];
    lines.extend(layout.notes);
    Ok(lines)
}

struct Found {
    server: Server,
    table: Option<Described>,
    timeout: Duration,
    until: Instant,
}

fn name(opening: &Opening<'_>) -> String {
    opening.args.get(&TABLE)
}

fn look(opening: &Opening<'_>) -> Result<Found, SinkError> {
    let args = opening.args;
    let name = name(opening);
    let mut server = Server::new(&args.get(&URL), args.get(&USER).as_deref(), args.get(&PASSWORD).as_deref(), &name)?;
    server.statement = create(&name, opening.schema);
    let timeout = Duration::from_millis(u64::from(args.get(&TIMEOUT_MS)));
    let until = Instant::now() + timeout;
    let table = describe(&server, &name, until)?;
    Ok(Found { server, table, timeout, until })
}

fn missing(server: &Server) -> SinkError {
    SinkError::Unfit {
        sink: server.shown.clone(),
        reason: "the table is not there".into(),
        help: format!("make it, or write `create: true`:\n{};", server.statement),
    }
}

/// The table as the server describes it; `None` if it is not there, or hidden from the user.
fn describe(server: &Server, name: &str, until: Instant) -> Result<Option<Described>, SinkError> {
    let (database, table) = match name.split_once('.') {
        Some((database, table)) => (quoted_text(database), table),
        None => ("currentDatabase()".into(), name),
    };
    let table = quoted_text(table);
    let ask = |query: String| server.rows(query, until).map_err(|f| server.error(f));
    let found = ask(format!(
        "SELECT engine, engine_full, sorting_key, partition_key FROM system.tables WHERE database = {database} AND \
         name = {table}"
    ))?;
    let Some([engine, engine_full, sorting_key, partition_key]) =
        found.into_iter().next().and_then(|row| <[String; 4]>::try_from(row).ok())
    else {
        return Ok(None);
    };
    let columns = ask(format!(
        "SELECT name, type, default_kind FROM system.columns WHERE database = {database} AND table = {table} ORDER BY \
         position"
    ))?;
    let columns = columns.into_iter().filter_map(|row| <[String; 3]>::try_from(row).ok()).map(<(_, _, _)>::from);
    Ok(Some(Described { engine, engine_full, sorting_key, partition_key, columns: columns.collect() }))
}

/// The table's layout and the insert into it, once the server has taken an insert of no rows.
fn checked(
    opening: &Opening<'_>,
    server: &Server,
    table: &Described,
    until: Instant,
) -> Result<(Layout, String), SinkError> {
    let name = name(opening);
    let layout = fit(&name, opening.schema, table).map_err(|Misfit { reason, help }| SinkError::Unfit {
        sink: server.shown.clone(),
        reason,
        help,
    })?;
    let columns = layout.slots.iter().map(|s| quoted_column(&s.name)).collect::<Vec<_>>().join(", ");
    let insert = format!("INSERT INTO {} ({columns}) FORMAT {FORMAT}", quoted(&name));
    server.insert(&insert, &[], header(&layout), until).map_err(|f| server.error(f))?;
    Ok((layout, insert))
}

/// The label of the pipeline's newest row in the table.
fn newest(
    server: &Server,
    schema: &RecordSchema,
    layout: &Layout,
    name: &str,
    until: Instant,
) -> Result<Option<Ts>, SinkError> {
    let of_pipeline = of_pipeline(schema, layout);
    let rows = server
        .rows(
            format!(
                "SELECT toString(count()), toString(toUnixTimestamp64Milli(toDateTime64(max(ts), 3, 'UTC'))) FROM {} \
                 WHERE {of_pipeline}",
                quoted(name)
            ),
            until,
        )
        .map_err(|f| server.error(f))?;
    match rows.first().map(Vec::as_slice) {
        Some([count, _]) if count == "0" => Ok(None),
        Some([_, newest]) if newest.parse::<i64>().is_ok() => Ok(newest.parse().ok().map(Ts)),
        _ => Err(server.error(Fault::Foreign { status: 200, words: "no newest row".into() })),
    }
}

/// The condition on rows of this pipeline.
pub(super) fn of_pipeline(schema: &RecordSchema, layout: &Layout) -> String {
    match layout.has("dag_name") {
        true => format!("dag_name = {}", quoted_text(&schema.dag_name)),
        false => "1".into(),
    }
}
