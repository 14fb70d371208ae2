//! The sink: a batch is one request a row, several at once, those of one symbol in order.

use crate::classify::sink_error;
use crate::client::{Connected, connect};
use crate::item::{EXPIRES_AT, Item, LONGEST_KEY, VERSION, attributes, differs, expires_at, partition_key};
use crate::table::{self, Asked, KeyNames};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use futures_util::stream::{self, StreamExt};
use sigc_catalog::{Args, TIMEOUT_MS};
use sigc_connectors::sinks::dynamodb::step::{
    ACCESS_KEY_ID, CONCURRENCY, CREATE, DYNAMODB, ENDPOINT_URL, ON_CONFLICT, TABLE, TTL_DAYS,
};
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, Sink, SinkError, Written};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tokio::runtime::Runtime;

/// The driver.
pub static DRIVER: Driver = Driver { step: &DYNAMODB, open, probe };

fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    let (sink, notes) = DynamoDb::open(opening.args, opening.schema)?;
    Ok(Opened { sink: Box::new(sink), notes })
}

fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    let (args, runtime) = (opening.args, runtime(&name(opening.args))?);
    let sink = name(args);
    runtime.block_on(async {
        let Connected { client, region } = connect(&sink, args).await?;
        let table = args.get(&TABLE);
        let asked = asked(&sink, &table, &region, args);
        let Some(description) = table::describe(&client, asked).await? else {
            if args.get(&CREATE) {
                return Ok(vec![format!("there is no table `{table}` in {region}; the run will make it")]);
            }
            return Err(table::missing(asked));
        };
        let key = table::fits(&description, opening.schema, &reserved(args), asked)?;
        let mut lines = vec![format!("the table `{table}` in {region} fits: keys `{}` and `{}`", key.pk, key.sk)];
        if args.get(&TTL_DAYS).is_some() {
            lines.extend(table::expiry(&client, asked).await);
        }
        // A put would leave something behind.
        lines.push("whether rows may be written was not tried".into());
        Ok(lines)
    })
}

fn name(args: &Args) -> String {
    format!("dynamodb table `{}`", args.get(&TABLE))
}

fn asked<'a>(sink: &'a str, table: &'a str, region: &'a str, args: &Args) -> Asked<'a> {
    let (own_endpoint, own_keys) = (args.get(&ENDPOINT_URL).is_some(), args.get(&ACCESS_KEY_ID).is_some());
    Asked { sink, table, region, own_endpoint, own_keys }
}

/// Attributes that items have beside the fields of a record.
fn reserved(args: &Args) -> Vec<&'static str> {
    let version = (args.get(&ON_CONFLICT) == "replace").then_some(VERSION);
    version.into_iter().chain(args.get(&TTL_DAYS).map(|_| EXPIRES_AT)).collect()
}

/// The runtime of the client. The sink's own thread waits for it.
fn runtime(sink: &str) -> Result<Runtime, SinkError> {
    let built =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("sigc-dynamodb").enable_all().build();
    built.map_err(|e| SinkError::Unavailable { sink: sink.to_owned(), reason: e.to_string(), unknown: false })
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    New,
    Duplicate,
    Conflict,
}

/// What became of rows, by their keys.
type Fates = HashMap<(String, i64), Fate>;

/// Puts rows into a table, each once. It blocks; the client runs on a thread of its own.
pub struct DynamoDb {
    runtime: Runtime,
    name: String,
    args: Args,
    table: String,
    key: KeyNames,
    schema: RecordSchema,
    connected: Connected,
    timeout: Duration,
    /// With `on_conflict: replace`, when this sink was opened, in milliseconds.
    version: Option<i64>,
    /// Rows of a batch that failed which are stored nevertheless: its next attempt leaves them out, so that a batch
    /// that takes longer than an attempt may take gets done.
    done: Fates,
}

impl DynamoDb {
    /// Connects and makes sure of the table; the second value is what a person may want to know.
    pub fn open(args: &Args, schema: &RecordSchema) -> Result<(DynamoDb, Vec<String>), SinkError> {
        let name = name(args);
        let (table, timeout) = (args.get(&TABLE), Duration::from_millis(u64::from(args.get(&TIMEOUT_MS))));
        let reserved = reserved(args);
        if let Some(column) = schema.extra.iter().find(|c| reserved.contains(&c.as_str())) {
            return Err(SinkError::Unfit {
                sink: name,
                reason: format!("rows have a column `{column}`, and items have an attribute of that name"),
                help: "rename the column".into(),
            });
        }
        let runtime = runtime(&name)?;
        let mut notes = Vec::new();
        let (connected, key) = runtime.block_on(async {
            let connected = connect(&name, args).await?;
            let asked = asked(&name, &table, &connected.region, args);
            let key = ready(&connected, asked, args, schema, &reserved, &mut notes).await?;
            Ok((connected, key))
        })?;
        let version = (args.get(&ON_CONFLICT) == "replace").then(now_ms);
        let (args, schema, done) = (args.clone(), schema.clone(), HashMap::new());
        Ok((DynamoDb { runtime, name, args, table, key, schema, connected, timeout, version, done }, notes))
    }

    /// Puts the rows of one symbol in order. Stops at the first error, its own or that of another symbol.
    async fn put_all(&self, rows: &[(String, &Record)], shared: &Shared) -> Result<(), SinkError> {
        for (pk, row) in rows {
            if shared.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            match self.put(pk, row).await {
                Ok((fate, stored)) => shared.note(pk, row, fate, stored),
                Err(e) => {
                    shared.stop.store(true, Ordering::Relaxed);
                    return Err(e);
                }
            }
        }
        Ok(())
    }

    /// Puts a row; with a conflict, the item that is there.
    async fn put(&self, pk: &str, row: &Record) -> Result<(Fate, Option<Item>), SinkError> {
        let mut item = attributes(&self.schema, row);
        item.insert(self.key.pk.clone(), AttributeValue::S(pk.to_owned()));
        item.insert(self.key.sk.clone(), AttributeValue::N(row.ts.0.to_string()));
        if let Some(days) = self.args.get(&TTL_DAYS) {
            item.insert(EXPIRES_AT.into(), expires_at(row.ts, days));
        }
        let mut put = self
            .connected
            .client
            .put_item()
            .table_name(&self.table)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_names("#k", &self.key.pk);
        put = match self.version {
            None => put.condition_expression("attribute_not_exists(#k)"),
            Some(version) => {
                let version = AttributeValue::N(version.to_string());
                item.insert(VERSION.into(), version.clone());
                put.condition_expression("attribute_not_exists(#k) OR attribute_not_exists(#v) OR #v < :v")
                    .expression_attribute_names("#v", VERSION)
                    .expression_attribute_values(":v", version)
            }
        };
        match put.set_item(Some(item)).send().await {
            Ok(_) => Ok((Fate::New, None)),
            Err(error) => self.not_put(row, &error),
        }
    }

    /// A key that is there is a row that is stored; everything else is an error.
    fn not_put(&self, row: &Record, error: &SdkError<PutItemError>) -> Result<(Fate, Option<Item>), SinkError> {
        if let Some(PutItemError::ConditionalCheckFailedException(e)) = error.as_service_error() {
            let stored = e.item().cloned().unwrap_or_default();
            return Ok(match differs(&self.schema, row, &stored) {
                true => (Fate::Conflict, Some(stored)),
                false => (Fate::Duplicate, None),
            });
        }
        Err(sink_error(&self.name, error, self.args.get(&ACCESS_KEY_ID).is_some()))
    }

    /// Rows by symbol and signal, in order; what a failed attempt stored is left out.
    fn groups<'r>(&self, rows: &'r [Record]) -> Result<Vec<Vec<(String, &'r Record)>>, SinkError> {
        let mut groups: Vec<Vec<(String, &Record)>> = Vec::new();
        let mut at: HashMap<String, usize> = HashMap::new();
        for row in rows {
            let pk = partition_key(&self.schema, row);
            if pk.len() > LONGEST_KEY {
                return Err(SinkError::Unfit {
                    sink: self.name.clone(),
                    reason: format!(
                        "the partition key of `{}` has {} bytes, at most {LONGEST_KEY} fit",
                        row.symbol,
                        pk.len()
                    ),
                    help: "give the pipeline, its frames and columns shorter names".into(),
                });
            }
            let key = (pk, row.ts.0);
            if self.done.contains_key(&key) {
                continue;
            }
            let group = *at.entry(key.0.clone()).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[group].push((key.0, row));
        }
        Ok(groups)
    }
}

/// What the requests of a batch find out together: besides the fates, one conflict in words.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    found: Mutex<(Fates, Option<String>)>,
}

impl Shared {
    fn note(&self, pk: &str, row: &Record, fate: Fate, stored: Option<Item>) {
        let mut found = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The same key twice in a batch: the first one says what became of it.
        found.0.entry((pk.to_owned(), row.ts.0)).or_insert(fate);
        if let Some(stored) = stored {
            let there = stored.get("prediction").and_then(crate::item::read_number);
            let there = there.map_or("none".to_owned(), |x| x.to_string());
            found
                .1
                .get_or_insert_with(|| format!("{} at {}: {there} is there, {} came", row.symbol, row.ts, row.value));
        }
    }
}

/// Makes sure of the table, and makes it where that is wanted.
async fn ready(
    connected: &Connected,
    asked: Asked<'_>,
    args: &Args,
    schema: &RecordSchema,
    reserved: &[&str],
    notes: &mut Vec<String>,
) -> Result<KeyNames, SinkError> {
    let client = &connected.client;
    let mut made = false;
    let end = tokio::time::Instant::now() + Duration::from_millis(u64::from(args.get(&TIMEOUT_MS)));
    loop {
        let key = match table::describe(client, asked).await? {
            Some(description) => table::fits(&description, schema, reserved, asked),
            None if !args.get(&CREATE) => return Err(table::missing(asked)),
            None if made => Err(SinkError::Unavailable {
                sink: asked.sink.to_owned(),
                reason: "the table that was made is not there yet".into(),
                unknown: false,
            }),
            None => {
                table::create(client, asked).await?;
                made = true;
                notes.push(format!("made the table `{}` in {}", asked.table, asked.region));
                continue;
            }
        };
        match key {
            Ok(key) => {
                if args.get(&TTL_DAYS).is_some() {
                    if made {
                        table::enable_expiry(client, asked).await?;
                    } else {
                        notes.extend(table::expiry(client, asked).await);
                    }
                }
                return Ok(key);
            }
            Err(SinkError::Unavailable { .. }) if tokio::time::Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(e) => return Err(e),
        }
    }
}

impl Sink for DynamoDb {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        let (groups, shared) = (self.groups(rows)?, Shared::default());
        let at_once = self.args.get(&CONCURRENCY).max(1) as usize;
        let result = self.runtime.block_on(async {
            let puts = stream::iter(&groups).map(|group| self.put_all(group, &shared)).buffer_unordered(at_once);
            let all = puts.fold(Ok(()), |first: Result<(), SinkError>, next| async { first.and(next) });
            tokio::time::timeout(self.timeout, all).await.unwrap_or_else(|_| {
                let reason = format!("not all rows were confirmed within {} ms", self.timeout.as_millis());
                Err(SinkError::Unavailable { sink: self.name.clone(), reason, unknown: true })
            })
        });
        let (found, conflict) = shared.found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.done.extend(found);
        result?;
        let mut written = Written::default();
        // A row that stands twice in a batch is there already the second time.
        for row in rows {
            match self.done.remove(&(partition_key(&self.schema, row), row.ts.0)) {
                Some(Fate::New) => written.new += 1,
                Some(Fate::Conflict) => {
                    written.duplicates += 1;
                    written.conflicts += 1;
                }
                Some(Fate::Duplicate) | None => written.duplicates += 1,
            }
        }
        self.done.clear();
        if let Some(first) = conflict {
            tracing::warn!(
                sink = %self.name,
                conflicts = written.conflicts,
                first,
                "rows are there with other values; what is there stays"
            );
        }
        Ok(written)
    }

    /// What the service has confirmed is durable.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), SinkError> {
        // A request that hangs does not keep the process.
        self.runtime.shutdown_timeout(Duration::from_secs(1));
        Ok(())
    }

    fn describe(&self) -> String {
        self.name.clone()
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
