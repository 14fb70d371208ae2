//! Opens, looks, publishes.

use crate::address::Servers;
use crate::connection::Connection;
use crate::failure::Place;
use crate::message::largest;
use crate::publish::{Known, Route};
use crate::stream::{Sizes, Wanted, check, create, find, missing, refuses};
use async_nats::jetstream::stream::Stream;
use sigc_catalog::{Args, TIMEOUT_MS};
use sigc_connectors::sinks::address;
use sigc_connectors::sinks::nats::step::{CREATE, NATS, REPLICAS, STREAM, SUBJECT, URL};
use sigc_connectors::sinks::nats::subject::Template;
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, Sink, SinkError, Written};
use std::cell::Cell;
use std::time::Duration;
use tokio::time::Instant;

/// The driver.
pub static DRIVER: Driver = Driver { step: &NATS, open, probe };

fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    let mut sink = Nats::new(opening)?;
    let until = sink.parts.until();
    let connection = sink.parts.connect(until)?;
    let mut notes = Vec::new();
    let stream = sink.parts.run(&connection, until, sink.parts.ready(&connection, &mut notes))?;
    sink.open = Some((connection, stream));
    Ok(Opened { sink: Box::new(sink), notes })
}

/// Does what [`open`] does, but makes no stream.
fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    let parts = Nats::new(opening)?.parts;
    let until = parts.until();
    let connection = parts.connect(until)?;
    let mut lines = vec![format!("`{}` lets this user in", parts.place.server)];
    parts.run(&connection, until, async {
        let (context, wanted) = (&connection.context, &parts.wanted);
        let Some(stream) = find(context, wanted, &parts.place).await? else {
            if parts.args.get(&CREATE) {
                lines.push(format!("there is no stream `{}`; the run will make it", wanted.name));
                return Ok(());
            }
            return Err(missing(wanted, &parts.place));
        };
        let info = stream.cached_info();
        lines.push(format!("the stream `{}` keeps rows and has {} messages", wanted.name, info.state.messages));
        lines.extend(parts.fits(&connection, &stream).await?);
        lines.push("rows may be written: the server refused a message that it had to refuse".to_owned());
        Ok(())
    })?;
    Ok(lines)
}

/// Publishes rows, each once and in order per series.
struct Nats {
    parts: Parts,
    known: Known,
    open: Option<(Connection, Stream)>,
}

/// What stays the same.
struct Parts {
    args: Args,
    servers: Servers,
    wanted: Wanted,
    schema: RecordSchema,
    place: Place,
    timeout: Duration,
}

impl Nats {
    fn new(opening: &Opening<'_>) -> Result<Nats, SinkError> {
        let args = opening.args;
        let name = args.get(&STREAM);
        let url = args.get(&URL);
        let place = Place { sink: format!("nats `{name}`"), server: address::shown(&url) };
        let servers = Servers::read(&url, &place)?;
        let template = Template::parse(&args.get(&SUBJECT))
            .map_err(|reason| place.unfit(reason, "write `signals.{dag_name}.{frame}.{column}.{symbol}`"))?;
        let wanted = Wanted { name, template, replicas: args.get(&REPLICAS) as usize };
        let timeout = Duration::from_millis(u64::from(args.get(&TIMEOUT_MS)));
        let parts = Parts { args: args.clone(), servers, wanted, schema: opening.schema.clone(), place, timeout };
        Ok(Nats { parts, known: Known::default(), open: None })
    }
}

impl Parts {
    /// The end of an attempt that begins now.
    fn until(&self) -> Instant {
        Instant::now() + self.timeout
    }

    fn connect(&self, until: Instant) -> Result<Connection, SinkError> {
        Connection::open(&self.servers, &self.args, &self.place, self.timeout, until)
    }

    /// Work that stores no rows.
    fn run<T>(
        &self,
        connection: &Connection,
        until: Instant,
        work: impl Future<Output = Result<T, SinkError>>,
    ) -> Result<T, SinkError> {
        connection.run(&self.place, self.timeout, until, || false, work)
    }

    /// The stream, made where that is wanted.
    async fn ready(&self, connection: &Connection, notes: &mut Vec<String>) -> Result<Stream, SinkError> {
        let (context, wanted) = (&connection.context, &self.wanted);
        let stream = match find(context, wanted, &self.place).await? {
            Some(stream) => stream,
            None if self.args.get(&CREATE) => {
                let stream = create(context, wanted, &self.place).await?;
                notes.push(format!("made the stream `{}` on `{}`", wanted.name, self.place.server));
                stream
            }
            None => return Err(missing(wanted, &self.place)),
        };
        notes.extend(self.fits(connection, &stream).await?);
        Ok(stream)
    }

    /// Makes sure that the stream keeps rows and takes them.
    async fn fits(&self, connection: &Connection, stream: &Stream) -> Result<Vec<String>, SinkError> {
        let (wanted, schema, place) = (&self.wanted, &self.schema, &self.place);
        let info = stream.cached_info();
        let sizes = Sizes { most: largest(schema, &wanted.name), payload: connection.client.max_payload() };
        let notes = check(info, wanted, schema, sizes, place)?;
        refuses(&connection.context, &info.config, wanted, schema, place).await?;
        Ok(notes)
    }
}

impl Sink for Nats {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        if rows.is_empty() {
            return Ok(Written::default());
        }
        let (parts, until) = (&self.parts, self.parts.until());
        let (connection, stream) = match self.open.take().filter(|(c, _)| c.is_whole()) {
            Some(open) => open,
            None => {
                self.known.doubt();
                let connection = parts.connect(until)?;
                let stream = parts.run(&connection, until, parts.ready(&connection, &mut Vec::new()))?;
                (connection, stream)
            }
        };
        let (known, sent) = (&self.known, Cell::new(false));
        let route = Route {
            context: &connection.context,
            stream: &stream,
            name: &parts.wanted.name,
            template: &parts.wanted.template,
            schema: &parts.schema,
            place: &parts.place,
        };
        let work = known.write(&route, rows, &sent);
        let written = connection.run(&parts.place, parts.timeout, until, || sent.get(), work);
        match written {
            Ok(_) => self.open = Some((connection, stream)),
            // What is last of each subject is read again, over a new connection.
            Err(_) => self.known.doubt(),
        }
        written
    }

    /// Every message of a batch is confirmed when `write` returns.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<(), SinkError> {
        if let Some((connection, _)) = self.open.take() {
            connection.close(self.parts.timeout);
        }
        Ok(())
    }

    fn describe(&self) -> String {
        self.parts.place.sink.clone()
    }
}
