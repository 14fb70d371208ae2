//! Opens, looks, inserts.

use crate::connect::{Connection, Target};
use crate::failure::Place;
use crate::rows::Arrays;
use crate::table::{Fit, Found, create_statement, look};
use sigc_catalog::TIMEOUT_MS;
use sigc_connectors::sinks::address;
use sigc_connectors::sinks::postgres::step::{CREATE, POSTGRES, TABLE, TableName, URL};
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, Sink, SinkError, Written};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::types::Type;

/// The driver.
pub static DRIVER: Driver = Driver { step: &POSTGRES, open, probe };

fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    let mut sink = Postgres::new(opening)?;
    let create = opening.args.get(&CREATE);
    let notes = sink.attempt(async |p: &mut Parts, _| {
        let mut notes = Vec::new();
        let place = p.place(false);
        let connection = p.target.connect().await.map_err(|e| place.failed(&e))?;
        let mut found = look(&connection.client, &p.table, &p.schema, place).await.map_err(|e| place.failed(&e))?;
        if matches!(found, Found::Missing) && create {
            notes.push(p.create(&connection).await?);
            found = look(&connection.client, &p.table, &p.schema, place).await.map_err(|e| place.failed(&e))?;
        }
        p.open = Some((connection, p.fits(found)?));
        Ok(notes)
    })?;
    Ok(Opened { sink: Box::new(sink), notes })
}

/// Does what [`open`] does, and asks for the right to make a table instead of making one.
fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    let mut sink = Postgres::new(opening)?;
    let create = opening.args.get(&CREATE);
    sink.attempt(async |p: &mut Parts, _| {
        let place = p.place(false);
        let failed = |e: tokio_postgres::Error| place.failed(&e);
        let connection = p.target.connect().await.map_err(failed)?;
        let protected = if p.target.is_plain() { "without TLS" } else { "by TLS" };
        let mut lines = vec![format!("`{}` lets this user in, {protected}", p.server)];
        let found = look(&connection.client, &p.table, &p.schema, place).await.map_err(failed)?;
        if matches!(found, Found::Missing) && create {
            let may = connection
                .client
                .query_typed_one(
                    "SELECT pg_catalog.has_schema_privilege(COALESCE($1, pg_catalog.current_schema()::text), 'CREATE')",
                    &[(&p.table.schema, Type::TEXT)],
                )
                .await
                .map_err(failed)?;
            if may.get::<_, Option<bool>>(0) != Some(true) {
                let reason = format!("there is no table {}, and this user may not make it", p.table.quoted());
                return Err(place.denied(reason, create_statement(&p.table, &p.schema)));
            }
            lines.push(format!("{} will be made", p.table.quoted()));
            return Ok(lines);
        }
        let fit = p.fits(found)?;
        let (n, all) = (fit.written.len(), p.schema.fields().len());
        lines.push(format!("{} takes {n} of the {all} fields of a record, each row once", p.table.quoted()));
        Ok(lines)
    })
}

/// Inserts rows, each once.
///
/// The table's unique index is what makes it so; the sink holds no state that a restart could lose. After an error the
/// connection is given up, the next attempt makes a new one and looks at the table again.
struct Postgres {
    /// `None` once it is closed.
    runtime: Option<Runtime>,
    timeout_ms: u32,
    parts: Parts,
}

struct Parts {
    target: Target,
    table: TableName,
    schema: RecordSchema,
    sink: String,
    server: String,
    timeout_ms: u32,
    open: Option<(Connection, Fit)>,
}

impl Postgres {
    fn new(opening: &Opening<'_>) -> Result<Postgres, SinkError> {
        let args = opening.args;
        let timeout_ms = args.get(&TIMEOUT_MS);
        let sink = format!("postgres `{}`", args.get(&TABLE));
        let server = address::shown(&args.get(&URL));
        let place = Place { sink: &sink, server: &server, sent: false };
        let table = TableName::parse(&args.get(&TABLE))
            .map_err(|reason| place.unfit(reason, "write `signals` or `market.signals`"))?;
        let target = Target::of(args, place, Duration::from_millis(u64::from(timeout_ms)))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sigc-postgres")
            .enable_all()
            .build()
            .map_err(|e| place.unavailable(format!("the system has no thread for it: {e}"), false))?;
        let schema = opening.schema.clone();
        let parts = Parts { target, table, schema, sink, server, timeout_ms, open: None };
        Ok(Postgres { runtime: Some(runtime), timeout_ms, parts })
    }

    /// One attempt, within the time it may take. `sent` is to be set once rows are on their way.
    fn attempt<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Parts, &mut bool) -> Result<T, SinkError>,
    ) -> Result<T, SinkError> {
        let Some(runtime) = &self.runtime else {
            return Err(self.parts.place(false).unavailable("it is closed".to_owned(), false));
        };
        let (parts, mut sent) = (&mut self.parts, false);
        let limit = Duration::from_millis(u64::from(self.timeout_ms));
        let result = runtime.block_on(async { tokio::time::timeout(limit, work(parts, &mut sent)).await.ok() });
        let result = result.unwrap_or_else(|| Err(self.parts.place(sent).timed_out(self.timeout_ms)));
        if result.is_err() {
            // Whatever is still under way on it is safe by the key; a new one starts clean.
            self.parts.open = None;
        }
        result
    }
}

impl Parts {
    fn place(&self, sent: bool) -> Place<'_> {
        Place { sink: &self.sink, server: &self.server, sent }
    }

    fn fits(&self, found: Found) -> Result<Fit, SinkError> {
        match found {
            Found::Fits(fit) => Ok(*fit),
            Found::No(error) => Err(error),
            Found::Missing => {
                let reason = format!("there is no table {} in the database of `{}`", self.table.quoted(), self.server);
                let make = create_statement(&self.table, &self.schema);
                Err(self.place(false).unfit(reason, format!("write `create: true`, or make it:\n{make}")))
            }
        }
    }

    async fn create(&self, connection: &Connection) -> Result<String, SinkError> {
        let place = self.place(false);
        let statement = create_statement(&self.table, &self.schema);
        match connection.client.batch_execute(&statement).await {
            Ok(()) => Ok(format!("made the table {} on `{}`", self.table.quoted(), self.server)),
            // Another run was faster; what it made is looked at next.
            Err(e) if e.code().is_some_and(|c| ["42P07", "23505"].contains(&c.code())) => {
                Ok(format!("the table {} was made by another run", self.table.quoted()))
            }
            Err(e) => Err(place.failed(&e)),
        }
    }

    async fn write(&mut self, rows: &[Record], sent: &mut bool) -> Result<Written, SinkError> {
        if self.open.is_none() {
            let place = self.place(false);
            let connection = self.target.connect().await.map_err(|e| place.failed(&e))?;
            let found =
                look(&connection.client, &self.table, &self.schema, place).await.map_err(|e| place.failed(&e))?;
            self.open = Some((connection, self.fits(found)?));
        }
        let place = self.place(true);
        let Some((Connection { client, .. }, fit)) = &self.open else { return Ok(Written::default()) };
        let arrays = Arrays::of(fit, &self.schema, rows);
        let params = arrays.params();
        *sent = true;
        // One round trip: the three are sent one behind the other. If the rows are refused, the commit is a rollback.
        let begin = begin(self.timeout_ms);
        let (begun, stored, committed) = tokio::join!(
            biased;
            client.batch_execute(&begin),
            client.execute_typed(&fit.insert, &params),
            client.batch_execute("COMMIT")
        );
        let failed = |e: tokio_postgres::Error| place.failed(&e);
        begun.map_err(failed)?;
        let new = usize::try_from(stored.map_err(failed)?).unwrap_or(usize::MAX);
        committed.map_err(failed)?;
        if new == rows.len() {
            return Ok(Written { new, duplicates: 0, conflicts: 0 });
        }
        // What was not stored has to be there.
        let compared = client.query_typed_one(&fit.compare, &params).await.map_err(failed)?;
        let (there, conflicts): (i64, i64) = (compared.get(0), compared.get(1));
        let lost = rows.len().saturating_sub(usize::try_from(there).unwrap_or(0));
        if lost > 0 {
            let reason = format!("{lost} of {} rows were taken and are not in the table", rows.len());
            let help = "a trigger, a rule or row security of the table drops or hides them: take it off";
            return Err(place.denied(reason, help));
        }
        let conflicts = usize::try_from(conflicts).unwrap_or(0);
        Ok(Written { new, duplicates: rows.len() - new, conflicts })
    }
}

/// Opens a transaction that the server ends by itself if this side goes silent, so that no lock of a lost connection
/// holds up the next attempt; and whose commit is durable even where the database's default is that it is not.
fn begin(timeout_ms: u32) -> String {
    format!(
        "BEGIN; SET LOCAL statement_timeout = {timeout_ms}; \
         SET LOCAL idle_in_transaction_session_timeout = {timeout_ms}; \
         SELECT pg_catalog.set_config('synchronous_commit', 'on', true) \
         WHERE pg_catalog.current_setting('synchronous_commit') = 'off'"
    )
}

impl Sink for Postgres {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        if rows.is_empty() {
            return Ok(Written::default());
        }
        self.attempt(async |parts: &mut Parts, sent: &mut bool| parts.write(rows, sent).await)
    }

    /// A batch is committed, and so durable, when `write` returns.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<(), SinkError> {
        let Some(runtime) = self.runtime.take() else { return Ok(()) };
        if let Some((connection, _)) = self.parts.open.take() {
            let limit = Duration::from_millis(u64::from(self.timeout_ms));
            // Says goodbye; a server that does not hear it notices by itself.
            runtime.block_on(async { tokio::time::timeout(limit, connection.close()).await.ok() });
        }
        runtime.shutdown_background();
        Ok(())
    }

    fn describe(&self) -> String {
        self.parts.sink.clone()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.parts.open = None;
        if let Some(runtime) = self.runtime.take() {
            // Waits for nobody: a sink may be dropped while an attempt hangs.
            runtime.shutdown_background();
        }
    }
}
