//! Starts the process, hands rows over, waits for their acknowledgement.

use super::step::{COMMAND, ENV, PROCESS};
use crate::sinks::json::push_record;
use serde_json::{Map, Value, json};
use sigc_catalog::{FieldKind, TIMEOUT_MS};
use sigc_process::{Conversation, Message, ProcessError, Program};
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, Sink, SinkError, Written};
use std::time::{Duration, Instant};

/// The driver.
pub static DRIVER: Driver = Driver { step: &PROCESS, open, probe };

/// The fields that tell a row from every other one.
const KEY: [&str; 5] = ["dag_name", "frame", "column", "symbol", "ts"];

fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    let mut sink = ProcessSink::new(opening)?;
    let version = sink.start(false, sink.timeout).map_err(|e| sink.not_started(e))?;
    tracing_note(&sink, version.as_deref());
    Ok(Opened::plain(sink))
}

/// Starts the process with a greeting that says it is only looked at, and ends it.
fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    let mut sink = ProcessSink::new(opening)?;
    let version = sink.start(true, sink.timeout).map_err(|e| sink.not_started(e))?;
    let line = match version {
        Some(version) => format!("{} answers, version `{version}`", sink.describe()),
        None => format!("{} answers", sink.describe()),
    };
    Box::new(sink).close()?;
    Ok(vec![line])
}

fn tracing_note(sink: &ProcessSink, version: Option<&str>) {
    tracing::info!(sink = sink.describe(), version, "the process is ready");
}

/// A sink that is a child process. It is started again by the next attempt after it failed; the run spaces attempts.
struct ProcessSink {
    program: Program,
    schema: RecordSchema,
    timeout: Duration,
    up: Option<Conversation>,
}

impl ProcessSink {
    fn new(opening: &Opening<'_>) -> Result<ProcessSink, SinkError> {
        let args = opening.args;
        let program = Program {
            name: PROCESS.info.name.to_owned(),
            command: args.get(&COMMAND),
            env: args.get(&ENV).unwrap_or_default(),
        };
        let timeout = Duration::from_millis(args.get(&TIMEOUT_MS).into());
        let sink = ProcessSink { program, schema: opening.schema.clone(), timeout, up: None };
        if !opening.may_spawn {
            return Err(SinkError::Unsupported {
                sink: sink.describe(),
                reason: "it is a child process, and the pipeline has no leave to start one".into(),
                help: "`--allow-process` gives it; read the `command` first: it runs as this user".into(),
            });
        }
        Ok(sink)
    }

    /// Starts the process; gives its version.
    fn start(&mut self, probe: bool, limit: Duration) -> Result<Option<String>, ProcessError> {
        let up = Conversation::start(&self.program, hello(&self.schema, probe), limit)?;
        let version = up.ready().version.clone();
        self.up = Some(up);
        Ok(version)
    }

    /// Why it could not be started, before any row: what a retry will not mend is refused.
    fn not_started(&self, error: ProcessError) -> SinkError {
        match error {
            ProcessError::Protocol(_) => self.unfit(&error),
            error => self.failed(error, false),
        }
    }

    fn unfit(&self, error: &ProcessError) -> SinkError {
        SinkError::Unfit { sink: self.describe(), reason: error.to_string(), help: error.help().to_owned() }
    }

    /// What an error means for rows; `sent` if they were handed over.
    fn failed(&self, error: ProcessError, sent: bool) -> SinkError {
        let (sink, reason, help) = (self.describe(), error.to_string(), error.help().to_owned());
        match error {
            ProcessError::Refused { retry: false, .. } => SinkError::Denied { sink, reason, help },
            // It said that it has stored none of them.
            ProcessError::Refused { retry: true, .. } => SinkError::Unavailable { sink, reason, unknown: false },
            error if error.is_final() => SinkError::Unfit { sink, reason, help },
            _ => SinkError::Unavailable { sink, reason, unknown: sent },
        }
    }

    /// Offers rows; the flag says whether they were handed over.
    fn offer(&mut self, rows: &[Record]) -> Result<Written, (ProcessError, bool)> {
        let until = Instant::now() + self.timeout;
        if self.up.as_ref().is_none_or(|up| !up.is_alive()) {
            let version = self.start(false, self.timeout).map_err(|e| (e, false))?;
            tracing_note(self, version.as_deref());
        }
        let Some(up) = &mut self.up else { return Ok(Written::default()) };
        let schema = &self.schema;
        let body = |out: &mut Vec<u8>| {
            out.extend_from_slice(b",\"rows\":[");
            for (i, row) in rows.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                push_record(out, schema, row);
            }
            out.push(b']');
        };
        let ack = up.ask("rows", "ack", body, until).map_err(|e| (e, true))?;
        written(&ack, rows.len()).map_err(|how| (up.broken(how), true))
    }
}

/// The numbers of an acknowledgement, which must be those of the rows.
fn written(ack: &Message, rows: usize) -> Result<Written, String> {
    let number = |name: &str| match ack.get(name) {
        None => Ok(None),
        Some(value) => match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
            Some(n) if n <= rows => Ok(Some(n)),
            _ => Err(format!("`{name}` of an `ack` is a number from 0 to {rows}, the rows it got")),
        },
    };
    let new = number("new")?.ok_or("an `ack` has no `new`")?;
    let duplicates = number("duplicates")?.unwrap_or(0);
    let conflicts = number("conflicts")?.unwrap_or(0);
    if new + duplicates != rows || conflicts > duplicates {
        return Err(format!("an `ack` counts {new} new and {duplicates} duplicate rows of {rows}"));
    }
    Ok(Written { new, duplicates, conflicts })
}

/// What the process is told before any row.
fn hello(schema: &RecordSchema, probe: bool) -> Map<String, Value> {
    let kind = |kind: FieldKind| match kind {
        FieldKind::Time => "time",
        FieldKind::Text => "text",
        FieldKind::Number => "number",
        FieldKind::Integer => "integer",
        FieldKind::Bool => "bool",
    };
    let fields: Vec<Value> = schema
        .fields()
        .iter()
        .map(|f| json!({ "name": f.name, "kind": kind(f.kind), "nullable": f.nullable }))
        .collect();
    let mut hello = Map::new();
    hello.insert("role".into(), "sink".into());
    hello.insert("probe".into(), probe.into());
    hello.insert("dag_name".into(), schema.dag_name.as_str().into());
    hello.insert("plan".into(), schema.plan.as_str().into());
    hello.insert("run_id".into(), schema.run_id.clone().into());
    hello.insert("fields".into(), fields.into());
    hello.insert("key".into(), KEY.map(Value::from).to_vec().into());
    hello
}

impl Sink for ProcessSink {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        if rows.is_empty() {
            return Ok(Written::default());
        }
        self.offer(rows).map_err(|(error, sent)| {
            if !matches!(error, ProcessError::Refused { .. }) {
                tracing::warn!(sink = self.describe(), "{error}");
            }
            self.failed(error, sent)
        })
    }

    /// An acknowledged row is stored: that is what the acknowledgement means.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<(), SinkError> {
        let Some(up) = self.up.take() else { return Ok(()) };
        // Its rows are acknowledged; how it ends cannot lose one.
        up.close().map_err(|e| self.failed(e, false))
    }

    fn describe(&self) -> String {
        format!("process `{}`", self.program.command.join(" "))
    }
}
