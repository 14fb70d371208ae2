//! The plainest way to put the same rows in the same place by the same client.

use crate::world::World;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use futures_util::{StreamExt, stream};
use sigc_market::Ts;
use sigc_runtime::Record;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;
use tokio_postgres::types::{ToSql, Type};

/// Requests at once, where the sink has several, too.
const AT_ONCE: usize = 16;

/// Writes rows without any guarantee.
pub struct Peer {
    runtime: Runtime,
    to: To,
}

enum To {
    Csv(File),
    Jsonl(File),
    ClickHouse { client: reqwest::Client, url: String },
    DynamoDb { client: aws_sdk_dynamodb::Client, table: String },
    Nats { context: async_nats::jetstream::Context, stream: String },
    Postgres { client: tokio_postgres::Client, insert: String },
}

impl Peer {
    /// `None` where the guarantee is not the sink's own (webhook, process) or the format has no plainer way (Parquet).
    pub fn new(world: &World, kind: &str, name: &str) -> Option<Peer> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
        let to = match kind {
            "csv_append" => To::Csv(File::create(world.path(name)).expect("a file")),
            "jsonl" => To::Jsonl(File::create(world.path(name)).expect("a file")),
            "clickhouse" => runtime.block_on(clickhouse(&world.clickhouse.address(), name)),
            "dynamodb" => runtime.block_on(dynamodb(&world.dynamodb.address(), name)),
            "nats" => runtime.block_on(nats(&world.nats.address(), name)),
            "postgres" => runtime.block_on(postgres(&world.postgres.address(), name)),
            _ => return None,
        };
        Some(Peer { runtime, to })
    }

    pub fn write(&mut self, rows: &[Record]) {
        let runtime = &self.runtime;
        match &mut self.to {
            To::Csv(file) => {
                let mut text = String::new();
                for r in rows {
                    let _ = writeln!(
                        text,
                        "{},{},{},{},{},prediction,bench,ohlcv,score,models.linear,1f,run,3",
                        r.ts, r.symbol, r.open_time, r.value, r.extra[0]
                    );
                }
                file.write_all(text.as_bytes()).expect("room");
            }
            To::Jsonl(file) => file.write_all(json(rows).as_bytes()).expect("room"),
            To::ClickHouse { client, url } => runtime.block_on(async {
                let answer = client.post(url.as_str()).body(json(rows)).send().await.expect("an answer");
                assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
            }),
            To::DynamoDb { client, table } => runtime.block_on(async {
                let put = |r: &Record| {
                    let text = |t: &str| AttributeValue::S(t.to_owned());
                    let number = |n: String| AttributeValue::N(n);
                    client
                        .put_item()
                        .table_name(table.as_str())
                        .item("pk", text(&format!("bench#ohlcv#score#{}", r.symbol)))
                        .item("sk", number(r.ts.millis().to_string()))
                        .item("symbol", text(r.symbol.as_str()))
                        .item("ts", number(r.ts.millis().to_string()))
                        .item("open_time", number(r.open_time.millis().to_string()))
                        .item("prediction", number(r.value.to_string()))
                        .item("rsi_14", number(r.extra[0].to_string()))
                        .item("plan", text("1f"))
                        .send()
                };
                let puts = rows.iter().map(put);
                stream::iter(puts).buffer_unordered(AT_ONCE).for_each(async |done| drop(done.expect("stored"))).await;
            }),
            To::Nats { context, stream } => runtime.block_on(async {
                let mut acks = Vec::with_capacity(rows.len());
                for r in rows {
                    let subject = format!("{stream}.{}", r.symbol);
                    acks.push(context.publish(subject, json(std::slice::from_ref(r)).into()).await.expect("sent"));
                }
                for ack in acks {
                    ack.await.expect("stored");
                }
            }),
            To::Postgres { client, insert } => runtime.block_on(async {
                let symbols: Vec<&str> = rows.iter().map(|r| r.symbol.as_str()).collect();
                let times: Vec<SystemTime> = rows.iter().map(|r| instant(r.ts)).collect();
                let opens: Vec<SystemTime> = rows.iter().map(|r| instant(r.open_time)).collect();
                let values: Vec<f64> = rows.iter().map(|r| r.value).collect();
                let extra: Vec<f64> = rows.iter().map(|r| r.extra[0]).collect();
                let params: [(&(dyn ToSql + Sync), Type); 5] = [
                    (&symbols, Type::TEXT_ARRAY),
                    (&times, Type::TIMESTAMPTZ_ARRAY),
                    (&opens, Type::TIMESTAMPTZ_ARRAY),
                    (&values, Type::FLOAT8_ARRAY),
                    (&extra, Type::FLOAT8_ARRAY),
                ];
                client.execute_typed(insert.as_str(), &params).await.expect("stored");
            }),
        }
    }
}

fn instant(ts: Ts) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ts.millis().unsigned_abs())
}

/// A line of JSON for each row.
fn json(rows: &[Record]) -> String {
    let mut text = String::new();
    for r in rows {
        let _ = writeln!(
            text,
            r#"{{"symbol":"{}","ts":"{}","open_time":"{}","prediction":{},"rsi_14":{},"kind":"prediction","dag_name":"bench","frame":"ohlcv","column":"score","model":"models.linear","plan":"1f","run_id":"run","latency_ms":3}}"#,
            r.symbol, r.ts, r.open_time, r.value, r.extra[0]
        );
    }
    text
}

async fn clickhouse(address: &str, table: &str) -> To {
    let client = reqwest::Client::new();
    let create = format!(
        "CREATE TABLE {table} (symbol String, ts DateTime64(3, 'UTC'), open_time DateTime64(3, 'UTC'), prediction Float64, \
         rsi_14 Nullable(Float64), kind String, dag_name String, frame String, column String, model String, plan String, \
         run_id String, latency_ms Int64) ENGINE = MergeTree ORDER BY (symbol, ts)"
    );
    let made = client.post(format!("http://{address}/")).body(create).send().await.expect("an answer");
    assert!(made.status().is_success(), "{}", made.text().await.unwrap_or_default());
    let query = format!("INSERT%20INTO%20{table}%20FORMAT%20JSONEachRow");
    To::ClickHouse { client, url: format!("http://{address}/?date_time_input_format=best_effort&query={query}") }
}

async fn dynamodb(address: &str, table: &str) -> To {
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(format!("http://{address}"))
        .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"))
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let mut create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, key, kind) in
        [("pk", KeyType::Hash, ScalarAttributeType::S), ("sk", KeyType::Range, ScalarAttributeType::N)]
    {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
        let key = KeySchemaElement::builder().attribute_name(name).key_type(key).build();
        create = create.attribute_definitions(attribute.expect("complete")).key_schema(key.expect("complete"));
    }
    create.send().await.expect("the table is made");
    To::DynamoDb { client, table: table.to_owned() }
}

async fn nats(address: &str, stream: &str) -> To {
    let client = async_nats::connect(format!("nats://{address}")).await.expect("it listens");
    let context = async_nats::jetstream::new(client);
    let config = async_nats::jetstream::stream::Config {
        name: stream.to_owned(),
        subjects: vec![format!("{stream}.>")],
        ..Default::default()
    };
    context.create_stream(config).await.expect("the stream is made");
    To::Nats { context, stream: stream.to_owned() }
}

async fn postgres(address: &str, table: &str) -> To {
    let url = format!("postgres://postgres@{address}/postgres");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("it listens");
    tokio::spawn(connection);
    let columns = "symbol text, ts timestamptz, open_time timestamptz, prediction float8, rsi_14 float8, kind text, \
                   dag_name text, frame text, \"column\" text, model text, plan text, run_id text, latency_ms bigint";
    client.batch_execute(&format!("CREATE TABLE {table} ({columns})")).await.expect("the table is made");
    let insert = format!(
        "INSERT INTO {table} SELECT *, 'prediction', 'bench', 'ohlcv', 'score', 'models.linear', '1f', 'run', 3 \
         FROM UNNEST($1, $2, $3, $4, $5)"
    );
    To::Postgres { client, insert }
}
