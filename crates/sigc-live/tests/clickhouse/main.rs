//! `data.clickhouse` against the real engine: `.ci/clickhouse` starts a server and names it in `SIGC_CLICKHOUSE_URL`.
//!
//! `queries` asks a table directly; `poll` runs a whole pipeline while somebody writes into the table late, out of order
//! and more than once. Sleeping is part of both: the server's clock is the real one.

mod poll;
mod queries;

use sigc_catalog::{Args, INTERVAL, Value};
use sigc_connectors::clickhouse::{Table, step};
use sigc_live::net::clickhouse::{Login, Tables};
use sigc_live::net::clock::VenueClock;
use sigc_live::net::http::Http;
use sigc_live::pace::Pace;
use sigc_market::{Interval, Symbol};
use std::sync::Arc;

/// The server; `None`, with a note, where none was started.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn server() -> Option<Server> {
    let Ok(url) = std::env::var("SIGC_CLICKHOUSE_URL") else {
        println!("skipped: SIGC_CLICKHOUSE_URL is not set; .ci/clickhouse sets it");
        return None;
    };
    Some(Server { url, http: Arc::new(Http::new(Pace::REAL)) })
}

struct Server {
    url: String,
    http: Arc<Http>,
}

impl Server {
    /// Runs a statement.
    async fn execute(&self, sql: String) {
        let answer = self.http.post(&self.url, &[], Default::default(), sql.clone(), 1 << 20).await.expect("an answer");
        assert_eq!(answer.status, 200, "{sql}: {}", String::from_utf8_lossy(&answer.body));
    }

    /// A new table of bars; the last version of a row counts.
    async fn make(&self, table: &str, extra: &str) {
        self.execute("CREATE DATABASE IF NOT EXISTS market".into()).await;
        self.execute(format!("DROP TABLE IF EXISTS {table}")).await;
        self.execute(format!(
            "CREATE TABLE {table} (symbol LowCardinality(String), interval LowCardinality(String), \
             open_time DateTime64(3, 'UTC'), open Float64, high Float64, low Float64, close Float64, \
             volume Decimal(18, 4), version UInt64 {extra}) \
             ENGINE = ReplacingMergeTree(version) PARTITION BY toYYYYMM(open_time) ORDER BY (interval, symbol, open_time)"
        ))
        .await;
    }

    /// The table of a data step with these parameters beside its name and interval.
    fn tables(&self, table: &str, interval: &str, more: &[(&'static str, Value)]) -> Tables {
        let mut args = Args::new();
        args.insert(INTERVAL.name(), Value::Interval(Interval::parse(interval).expect("an interval")));
        args.insert(step::TABLE.name(), Value::Text(table.into()));
        args.insert(step::FINAL.name(), Value::Bool(true));
        args.insert(step::SETTLE_SECONDS.name(), Value::Number(2.0));
        args.insert(step::LATE_SECONDS.name(), Value::Number(6.0));
        for (name, value) in more {
            args.insert(name, value.clone());
        }
        let login = Login { user: Some("default".into()), password: None };
        let clock = Arc::new(VenueClock::new(Pace::REAL));
        Tables::new(Table::of(&args), &self.url, &login, Arc::clone(&self.http), clock).expect("an address")
    }
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).expect("a symbol")
}
