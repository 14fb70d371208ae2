//! The sinks of a pipeline, opened.

use crate::extension::extension;
use crate::failure::Failure;
use crate::run_failure::sink_failure;
use crate::secrets::Secrets;
use crate::terminal::Terminal;
use sigc_catalog::{Args, BATCH_DELAY_MS, BATCH_ROWS, ParamKind, Place, TIMEOUT_MS, Value};
use sigc_compiler::typed::{TSink, Typed};
use sigc_diag::Span;
use sigc_plan::{Plan, SignalKind};
use sigc_runtime::live::outbox::Batching;
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, SignalName, Sink, SinkError, Subscription, Written};
use std::path::{Path, PathBuf};

/// A sink's own timeouts end its attempts; this is added before the run gives an attempt up by itself.
const BEHIND_TIMEOUT_MS: i64 = 20_000;

/// The drivers this program was built with: those of files and processes, those with a client of their own, and those
/// of a program of one's own.
fn drivers() -> impl Iterator<Item = &'static Driver> {
    let own = extension().sinks.iter();
    let built = sigc_connectors::sinks::DRIVERS.iter().chain(CLIENTS.iter().copied().flatten());
    built.chain(own).copied()
}

/// The drivers with a client of their own, each crate behind a feature.
static CLIENTS: &[&[&Driver]] = &[
    #[cfg(feature = "dynamodb")]
    &[&sigc_sink_dynamodb::DRIVER],
    #[cfg(any(feature = "clickhouse", feature = "webhook"))]
    sigc_sink_http::DRIVERS,
    #[cfg(feature = "nats")]
    &[&sigc_sink_nats::DRIVER],
    #[cfg(feature = "postgres")]
    &[&sigc_sink_postgres::DRIVER],
];

/// How sinks are opened.
#[derive(Clone, Copy)]
pub struct Ways<'a> {
    /// The run's id; `None` in a replay.
    pub run_id: Option<&'a str>,
    /// Rows say whether they were caught up.
    pub marks: bool,
    /// The folder that files go to instead: nothing simulated gets into a real one.
    pub apart: Option<&'a Path>,
    /// Sinks that others read get the rows of a simulation, too.
    pub shared_too: bool,
    /// Child processes may be started.
    pub may_spawn: bool,
}

/// A sink of the pipeline, open.
pub struct OpenSink {
    /// The sink.
    pub sink: Box<dyn Sink>,
    /// What it gets.
    pub subscriptions: Vec<Subscription>,
    /// How its rows are put together.
    pub batching: Batching,
}

/// Opens every sink of the pipeline, all at once: what one waits for delays no other, nor their sum the run.
pub fn open_sinks(
    plan: &Plan,
    typed: &Typed,
    ways: Ways<'_>,
    secrets: &mut Secrets,
    term: &mut Terminal,
) -> Result<Vec<OpenSink>, Failure> {
    let mut closed = Vec::new();
    for sink in &typed.sinks {
        if ways.apart.is_some() && !ways.shared_too && sink.def.place == Place::Shared {
            closed.push(None);
            continue;
        }
        let (driver, args) = ready(sink, secrets)?;
        let (schema, apart) = (schema(plan, typed, sink, ways), ways.apart.map(Path::to_path_buf));
        closed.push(Some(Later { driver, args, schema, apart, may_spawn: ways.may_spawn, open: None }));
    }
    let opened: Vec<_> = std::thread::scope(|scope| {
        let open = |later: Later| {
            let result = later.open();
            (later, result)
        };
        let threads: Vec<_> = closed.into_iter().map(|later| later.map(|l| scope.spawn(move || open(l)))).collect();
        let joined =
            |t: std::thread::ScopedJoinHandle<'_, _>| t.join().unwrap_or_else(|p| std::panic::resume_unwind(p));
        threads.into_iter().map(|thread| thread.map(joined)).collect()
    });
    let mut open = Vec::new();
    for (sink, opened) in typed.sinks.iter().zip(opened) {
        let name = sink.def.info.name;
        let this: Box<dyn Sink> = match opened {
            None => {
                term.note(&format!("note: `{name}` gets no rows of a simulation; `--to-real-sinks` sends them"));
                Box::new(Nowhere(name))
            }
            Some((_, Ok(Opened { sink, notes }))) => {
                notes.iter().for_each(|note| term.note(&format!("note: {note}")));
                sink
            }
            // Its rows wait in the journal, like those of a sink that goes away later.
            Some((later, Err(error @ SinkError::Unavailable { .. }))) if ways.run_id.is_some() => {
                let (code, help) = (error.code(), error.help());
                term.note(&format!("warning[{code}]: {error}; its rows are kept until it is there\n  help: {help}"));
                Box::new(later)
            }
            Some((_, Err(error))) => return Err(sink_failure(error)),
        };
        open.push(OpenSink { sink: this, subscriptions: subscriptions(sink), batching: batching(&sink.args) });
    }
    Ok(open)
}

/// Looks whether every sink could be opened and its rows would fit, and changes nothing: a line for each thing that was
/// looked at, or what is wrong, by sink.
pub fn probe_sinks(plan: &Plan, typed: &Typed, ways: Ways<'_>, secrets: &mut Secrets) -> Vec<Probed> {
    let mut probe = |sink: &TSink| {
        let schema = schema(plan, typed, sink, ways);
        let (driver, args) = ready(sink, secrets)?;
        let opening = Opening { args: &args, schema: &schema, apart: ways.apart, may_spawn: ways.may_spawn };
        (driver.probe)(&opening).map_err(sink_failure)
    };
    typed.sinks.iter().map(|s| Probed { name: s.def.info.name, span: s.span, result: probe(s) }).collect()
}

/// What a probe of one sink found.
pub struct Probed {
    /// The step.
    pub name: &'static str,
    /// Its place in the file.
    pub span: Span,
    /// What was looked at, or what is wrong.
    pub result: Result<Vec<String>, Failure>,
}

/// The driver of a sink and its arguments, looked up.
fn ready(sink: &TSink, secrets: &mut Secrets) -> Result<(&'static Driver, Args), Failure> {
    let info = &sink.def.info;
    let driver = drivers().find(|d| std::ptr::eq(d.step, sink.def)).ok_or_else(|| {
        let short = info.name.rsplit('.').next().unwrap_or(info.name);
        sink_failure(SinkError::Unsupported {
            sink: format!("`{}`", info.name),
            reason: "this program was built without its client".into(),
            help: format!("install the released program, or build with `--features {short}`"),
        })
    })?;
    let mut args = sink.args.clone();
    for spec in info.specs().filter(|s| s.kind.comes_from_outside()) {
        if let Some(Value::Text(text)) = sink.args.value(spec.name) {
            args.insert(spec.name, Value::Text(secrets.resolve(text)?));
        }
    }
    for spec in info.specs().filter(|s| s.kind == ParamKind::Variables) {
        if let Some(Value::Texts(names)) = sink.args.value(spec.name) {
            names.iter().try_for_each(|name| secrets.variable(name))?;
        }
    }
    Ok((driver, args))
}

/// What a sink gets.
fn subscriptions(sink: &TSink) -> Vec<Subscription> {
    let signal = |i: usize| u16::try_from(i).expect("a pipeline has fewer columns than that");
    sink.gets.iter().map(|(i, extra)| Subscription { signal: signal(*i), extra: extra.clone() }).collect()
}

/// What the records of a sink are.
fn schema(plan: &Plan, typed: &Typed, sink: &TSink, ways: Ways<'_>) -> RecordSchema {
    let signal = |s: &sigc_plan::Signal| SignalName {
        is_event: s.kind == SignalKind::Event,
        frame: plan.frame(plan.frame_of(s)).name.clone(),
        column: plan.signal_name(s).to_owned(),
        model: s.model.clone(),
    };
    RecordSchema {
        dag_name: plan.name.clone(),
        plan: plan.fingerprint().to_string(),
        run_id: ways.run_id.map(str::to_owned),
        signals: plan.signals.iter().map(signal).collect(),
        extra: sink.columns.iter().map(|&c| typed.column(c).name.clone()).collect(),
        marks: ways.marks,
    }
}

/// How rows are put together for a sink; a step without these parameters is a file.
fn batching(args: &Args) -> Batching {
    let number = |name: &str, default: i64| match args.value(name) {
        Some(Value::Int(x)) => *x,
        _ => default,
    };
    Batching {
        most_rows: number(BATCH_ROWS.name(), 1_024) as usize,
        delay_ms: number(BATCH_DELAY_MS.name(), 0),
        deadline_ms: number(TIMEOUT_MS.name(), 10_000) + BEHIND_TIMEOUT_MS,
    }
}

/// A sink whose service was not there when the run began: it is opened by the first attempt that finds it.
struct Later {
    driver: &'static Driver,
    args: Args,
    schema: RecordSchema,
    apart: Option<PathBuf>,
    may_spawn: bool,
    open: Option<Box<dyn Sink>>,
}

impl Later {
    fn open(&self) -> Result<Opened, SinkError> {
        let (args, schema) = (&self.args, &self.schema);
        (self.driver.open)(&Opening { args, schema, apart: self.apart.as_deref(), may_spawn: self.may_spawn })
    }
}

impl Sink for Later {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        let sink = match &mut self.open {
            Some(sink) => sink,
            None => {
                let Opened { sink, notes } = self.open()?;
                notes.iter().for_each(|note| tracing::info!(sink = %sink.describe(), "{note}"));
                self.open.insert(sink)
            }
        };
        sink.write(rows)
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        self.open.as_mut().map_or(Ok(()), |sink| sink.flush())
    }
    fn close(self: Box<Self>) -> Result<(), SinkError> {
        self.open.map_or(Ok(()), |sink| sink.close())
    }
    fn describe(&self) -> String {
        self.open.as_ref().map_or_else(|| self.driver.step.info.name.to_owned(), |sink| sink.describe())
    }
}

/// In place of a sink that gets nothing of a simulation.
struct Nowhere(&'static str);

impl Sink for Nowhere {
    fn write(&mut self, _: &[Record]) -> Result<Written, SinkError> {
        Ok(Written::default())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
    fn close(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }
    fn describe(&self) -> String {
        format!("{} (simulated: nothing is sent)", self.0)
    }
}
