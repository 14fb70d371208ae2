//! Opens, looks, publishes.

use crate::failure::Place;
use crate::publish::{Known, Route};
use crate::stream::{Wanted, check, find, missing};
use async_nats::connection::State;
use async_nats::jetstream::context::{Context, ContextBuilder, CreateStreamErrorKind};
use async_nats::jetstream::stream::Stream;
use async_nats::{Client, ConnectOptions, Event, ServerError};
use sigc_catalog::{Args, TIMEOUT_MS};
use sigc_connectors::sinks::address;
use sigc_connectors::sinks::nats::step::{
    CA, CREATE, CREDENTIALS, DUPLICATE_WINDOW_S, NATS, NKEY, PASSWORD, REPLICAS, STREAM, SUBJECT, TLS, TOKEN, URL, USER,
};
use sigc_connectors::sinks::nats::subject::Template;
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, Sink, SinkError, Written};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The driver.
pub static DRIVER: Driver = Driver { step: &NATS, open, probe };

fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    let mut sink = Nats::new(opening)?;
    let create = opening.args.get(&CREATE);
    let notes = sink.attempt(async |p: &mut Parts, _| {
        let connected = p.connect().await?;
        let mut notes = Vec::new();
        let stream = match find(&connected.context, &p.wanted, &p.place).await? {
            Some(stream) => stream,
            None if create => {
                notes.push(format!("made the stream `{}` on `{}`", p.wanted.name, p.place.server));
                connected.context.create_stream(p.wanted.config()).await.map_err(|e| match e.kind() {
                    CreateStreamErrorKind::JetStream(e) => p.place.refused(&e),
                    kind => p.place.unavailable(format!("`{}` did not answer: {kind}", p.place.server), false),
                })?
            }
            None => return Err(missing(&p.wanted, &p.place)),
        };
        check(&stream.cached_info().config, &p.wanted, &p.schema, &p.place)?;
        p.known = Known::of(stream.cached_info().state.last_sequence);
        p.open = Some((connected, stream));
        Ok(notes)
    })?;
    Ok(Opened { sink: Box::new(sink), notes })
}

/// Does what [`open`] does, but makes no stream.
fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    let mut sink = Nats::new(opening)?;
    let create = opening.args.get(&CREATE);
    sink.attempt(async |p: &mut Parts, _| {
        let connected = p.connect().await?;
        let mut lines = vec![format!("`{}` lets this user in", p.place.server)];
        match find(&connected.context, &p.wanted, &p.place).await? {
            Some(stream) => {
                let info = stream.cached_info();
                check(&info.config, &p.wanted, &p.schema, &p.place)?;
                lines.push(format!(
                    "the stream `{}` keeps rows and has {} messages",
                    p.wanted.name, info.state.messages
                ));
            }
            None if create => lines.push(format!("the stream `{}` will be made", p.wanted.name)),
            None => return Err(missing(&p.wanted, &p.place)),
        }
        Ok(lines)
    })
}

/// Publishes rows, each once and in order per series.
struct Nats {
    /// `None` once it is closed.
    runtime: Option<Runtime>,
    timeout_ms: u32,
    parts: Parts,
}

struct Parts {
    url: String,
    options: Box<dyn Fn() -> Result<ConnectOptions, SinkError> + Send>,
    wanted: Wanted,
    schema: RecordSchema,
    place: Place,
    timeout: Duration,
    known: Known,
    open: Option<(Connected, Stream)>,
}

/// A connection.
struct Connected {
    client: Client,
    context: Context,
    /// The last permission that the server said is missing: it answers such a request in no other way.
    refusal: Arc<Mutex<Option<String>>>,
}

impl Nats {
    fn new(opening: &Opening<'_>) -> Result<Nats, SinkError> {
        let args = opening.args;
        let timeout_ms = args.get(&TIMEOUT_MS);
        let timeout = Duration::from_millis(u64::from(timeout_ms));
        let name = args.get(&STREAM);
        let place = Place { sink: format!("nats `{name}`"), server: address::shown(&args.get(&URL)) };
        let template = Template::parse(&args.get(&SUBJECT))
            .map_err(|reason| place.unfit(reason, "write `signals.{dag_name}.{frame}.{column}.{symbol}`"))?;
        let wanted = Wanted {
            name,
            template,
            window: Duration::from_secs(u64::from(args.get(&DUPLICATE_WINDOW_S))),
            replicas: args.get(&REPLICAS) as usize,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sigc-nats")
            .enable_all()
            .build()
            .map_err(|e| place.unavailable(format!("the system has no thread for it: {e}"), false))?;
        let (options_args, options_place) = (args.clone(), place.clone());
        let parts = Parts {
            url: args.get(&URL),
            options: Box::new(move || options(&options_args, &options_place, timeout)),
            wanted,
            schema: opening.schema.clone(),
            place,
            timeout,
            known: Known::default(),
            open: None,
        };
        Ok(Nats { runtime: Some(runtime), timeout_ms, parts })
    }

    /// One attempt, within the time it may take. `sent` is to be set once rows are on their way.
    fn attempt<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Parts, &mut bool) -> Result<T, SinkError>,
    ) -> Result<T, SinkError> {
        let Some(runtime) = &self.runtime else {
            return Err(self.parts.place.unavailable("it is closed".to_owned(), false));
        };
        let (parts, mut sent) = (&mut self.parts, false);
        let limit = Duration::from_millis(u64::from(self.timeout_ms));
        let result = runtime.block_on(async { tokio::time::timeout(limit, work(parts, &mut sent)).await.ok() });
        let mut result = result.unwrap_or_else(|| {
            let reason = format!("`{}` did not answer within {} ms", self.parts.place.server, self.timeout_ms);
            Err(self.parts.place.unavailable(reason, sent))
        });
        if let Err(error) = &mut result {
            let refusal = self.parts.open.as_ref().and_then(|(c, _)| c.refusal());
            if let (SinkError::Unavailable { .. }, Some(said)) = (&*error, refusal) {
                let help = "permit the user to publish to the rows' subjects and to `$JS.API.STREAM.>`, and to subscribe \
                            to `_INBOX.>`";
                *error = self.parts.place.denied(format!("`{}` says: {said}", self.parts.place.server), help);
            }
            // What is last of each subject is read again, over a new connection.
            self.parts.open = None;
            self.parts.known = Known::default();
        }
        result
    }
}

impl Connected {
    fn refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Parts {
    async fn connect(&self) -> Result<Connected, SinkError> {
        let refusal = Arc::new(Mutex::new(None));
        let heard = Arc::clone(&refusal);
        let options = (self.options)()?.event_callback(move |event| {
            if let Event::ServerError(ServerError::Other(said)) = event
                && said.to_lowercase().contains("permissions violation")
            {
                *heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
            }
            async {}
        });
        let servers: Vec<&str> = self.url.split(',').map(str::trim).collect();
        let client = options.connect(servers).await.map_err(|e| self.place.no_connection(&e))?;
        let context = ContextBuilder::new().timeout(self.timeout).ack_timeout(self.timeout).build(client.clone());
        Ok(Connected { client, context, refusal })
    }

    async fn write(&mut self, rows: &[Record], sent: &mut bool) -> Result<Written, SinkError> {
        if self.open.as_ref().is_some_and(|(c, _)| c.client.connection_state() != State::Connected) {
            self.open = None;
            self.known = Known::default();
        }
        if self.open.is_none() {
            let connected = self.connect().await?;
            let stream = find(&connected.context, &self.wanted, &self.place).await?;
            let stream = stream.ok_or_else(|| missing(&self.wanted, &self.place))?;
            check(&stream.cached_info().config, &self.wanted, &self.schema, &self.place)?;
            self.known = Known::of(stream.cached_info().state.last_sequence);
            self.open = Some((connected, stream));
        }
        let Some((connected, stream)) = &self.open else { return Ok(Written::default()) };
        let route = Route {
            context: &connected.context,
            stream,
            name: &self.wanted.name,
            template: &self.wanted.template,
            schema: &self.schema,
            place: &self.place,
        };
        self.known.write(&route, rows, sent).await
    }
}

fn options(args: &Args, place: &Place, timeout: Duration) -> Result<ConnectOptions, SinkError> {
    let mut options = ConnectOptions::new().name("sigc").connection_timeout(timeout).request_timeout(Some(timeout));
    if let (Some(user), Some(password)) = (args.get(&USER), args.get(&PASSWORD)) {
        options = options.user_and_password(user, password);
    }
    if let Some(token) = args.get(&TOKEN) {
        options = options.token(token);
    }
    if let Some(seed) = args.get(&NKEY) {
        options = options.nkey(seed);
    }
    if let Some(text) = args.get(&CREDENTIALS) {
        // The reason could repeat a part of the file.
        options = options.credentials(&text).map_err(|_| {
            place.denied("`credentials` is no credentials file".to_owned(), "write `${file.PATH}` of a `.creds` file")
        })?;
    }
    let url = args.get(&URL);
    let host = |one: &str| {
        let shown = address::shown(one);
        shown.rsplit_once(':').map_or(shown.clone(), |(host, _)| host.to_owned())
    };
    let local = url.split(',').all(|one| address::is_local(&host(one)));
    let tls = match args.get(&TLS).as_deref() {
        Some("disable") => false,
        Some(_) => true,
        None => !local || url.contains("tls://"),
    };
    if let Some(ca) = args.get(&CA) {
        options = options.add_root_certificates(ca.into());
    }
    Ok(options.require_tls(tls))
}

impl Sink for Nats {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        if rows.is_empty() {
            return Ok(Written::default());
        }
        self.attempt(async |parts: &mut Parts, sent: &mut bool| parts.write(rows, sent).await)
    }

    /// Every message of a batch is acknowledged when `write` returns.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<(), SinkError> {
        let Some(runtime) = self.runtime.take() else { return Ok(()) };
        if let Some((connected, _)) = self.parts.open.take() {
            let limit = Duration::from_millis(u64::from(self.timeout_ms));
            // Says goodbye; everything was acknowledged before.
            runtime.block_on(async { tokio::time::timeout(limit, connected.client.drain()).await.ok() });
        }
        runtime.shutdown_background();
        Ok(())
    }

    fn describe(&self) -> String {
        self.parts.place.sink.clone()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.parts.open = None;
        if let Some(runtime) = self.runtime.take() {
            // Waits for nobody: a sink may be dropped while an attempt hangs.
            runtime.shutdown_background();
        }
    }
}
