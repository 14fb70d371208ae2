//! One query at a time.

use crate::{server, symbol};
use sigc_catalog::Value;
use sigc_connectors::clickhouse::Wanted;
use sigc_connectors::clickhouse::step::{CLOSED_COLUMN, FINAL};
use sigc_live::net::rest::FetchError;
use sigc_market::{Bar, Field, Ts};
use sigc_runtime::venue::Refusal;
use std::time::{SystemTime, UNIX_EPOCH};

const MIN: i64 = 60_000;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

fn insert(table: &str, rows: &[(&str, &str, i64, &str, u64)]) -> String {
    let row = |(symbol, interval, open, close, version): &(&str, &str, i64, &str, u64)| {
        format!(
            "{{\"symbol\":\"{symbol}\",\"interval\":\"{interval}\",\"open_time\":\"{open}\",\"open\":1,\"high\":9,\
             \"low\":0.1,\"close\":{close},\"volume\":\"12.3450\",\"version\":{version}}}"
        )
    };
    format!("INSERT INTO {table} FORMAT JSONEachRow\n{}", rows.iter().map(row).collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn each_symbol_has_its_own_rows_and_the_last_version_counts() {
    let Some(server) = server() else { return };
    server.make("market.rows", "").await;
    let base = now() / MIN * MIN - 10 * MIN;
    let at = |i: i64| base + i * MIN;
    // One statement each, so that merging is left to FINAL.
    for rows in [
        vec![("A", "1m", at(0), "1", 1), ("A", "1m", at(2), "0.30000000000000004", 1), ("B", "1m", at(1), "1", 1)],
        vec![("A", "1m", at(1), "8.000000000000007", 1), ("A", "1m", at(0), "2", 2), ("A", "5m", at(0), "3", 1)],
        vec![("A", "1m", at(1), "8.000000000000007", 1), ("B", "1m", at(0), "5", 1), ("C", "1m", at(0), "5", 1)],
        vec![("A", "1m", at(10), "5", 1), ("A", "1m", at(11), "7", 1)],
    ] {
        server.execute(insert("market.rows", &rows)).await;
    }
    let tables = server.tables("market.rows", "1m", &[]);
    let (a, b, d) = (symbol("A"), symbol("B"), symbol("D"));
    let wanted = [
        Wanted { symbol: &a, from: Ts(at(0)), to: Ts(at(20)) },
        Wanted { symbol: &d, from: Ts(at(0)), to: Ts(at(20)) },
        Wanted { symbol: &b, from: Ts(at(1)), to: Ts(at(1)) },
    ];
    let page = tables.klines(&wanted).await.expect("an answer");
    assert!((page.now.0 - now()).abs() < 5_000);
    let closes = |bars: &[Bar]| -> Vec<(i64, f64)> {
        bars.iter().map(|b| ((b.open_time.0 - base) / MIN, b.get(Field::Close))).collect()
    };
    let bars: Vec<Vec<Bar>> = page.bars.into_iter().map(|b| b.expect("bars")).collect();
    // The bar of this minute is still open, and that of the next has not begun.
    assert_eq!(closes(&bars[0]), [(0, 2.0), (1, 8.000000000000007), (2, 0.30000000000000004)]);
    assert_eq!((closes(&bars[1]), closes(&bars[2])), (vec![], vec![(1, 1.0)]));
    assert_eq!(bars[0][0].get(Field::Volume).to_bits(), 12.345_f64.to_bits());
    assert_eq!(tables.clock().measurements(), 1);
    let few = [Wanted { symbol: &a, from: Ts(at(1)), to: Ts(at(1)) }];
    let page = tables.klines(&few).await.expect("an answer");
    assert_eq!(closes(page.bars[0].as_ref().expect("bars")), [(1, 8.000000000000007)]);
}

#[tokio::test]
async fn two_hundred_symbols_fit_into_one_query() {
    let Some(server) = server() else { return };
    server.make("market.many", "").await;
    let base = now() / MIN * MIN - 30 * MIN;
    let names: Vec<String> = (0..200).map(|i| format!("SYMBOL{i}USDT_251226")).collect();
    let rows: Vec<_> = names.iter().map(|n| (n.as_str(), "1m", base, "1", 1)).collect();
    server.execute(insert("market.many", &rows)).await;
    let symbols: Vec<_> = names.iter().map(|n| symbol(n)).collect();
    let wanted: Vec<_> =
        symbols.iter().map(|symbol| Wanted { symbol, from: Ts(base), to: Ts(base + 20 * MIN) }).collect();
    let page = server.tables("market.many", "1m", &[]).klines(&wanted).await.expect("an answer");
    assert!(page.bars.iter().all(|b| b.as_ref().is_ok_and(|b| b.len() == 1)));
}

#[tokio::test]
async fn a_closed_column_says_what_is_final() {
    let Some(server) = server() else { return };
    server.make("market.flagged", ", is_closed UInt8 DEFAULT version > 1").await;
    let base = now() / MIN * MIN - 10 * MIN;
    let rows = [("A", "1m", base, "1", 2), ("A", "1m", base + MIN, "1", 1), ("A", "1m", base + 2 * MIN, "1", 2)];
    server.execute(insert("market.flagged", &rows)).await;
    let tables = server.tables("market.flagged", "1m", &[(CLOSED_COLUMN.name(), Value::Text("is_closed".into()))]);
    let a = symbol("A");
    let wanted = [Wanted { symbol: &a, from: Ts(base), to: Ts(base + 9 * MIN) }];
    let page = tables.klines(&wanted).await.expect("an answer");
    let opens: Vec<i64> = page.bars[0].iter().flatten().map(|b| (b.open_time.0 - base) / MIN).collect();
    assert_eq!(opens, [0, 2]);
}

#[tokio::test]
async fn other_types_of_columns_are_read_too() {
    let Some(server) = server() else { return };
    server.execute("CREATE DATABASE IF NOT EXISTS market".into()).await;
    server.execute("DROP TABLE IF EXISTS market.plain".into()).await;
    server
        .execute(
            "CREATE TABLE market.plain (symbol String, interval String, open_time DateTime('Asia/Tokyo'), \
             open Decimal(18, 2), high Float32, low Decimal(38, 20), close Nullable(Float64), volume UInt32) \
             ENGINE = MergeTree ORDER BY (symbol, open_time)"
                .into(),
        )
        .await;
    server
        .execute(
            "INSERT INTO market.plain VALUES ('A', '1h', 1735689600, 1.25, 2.1, 0.1, 1.5, 7), \
             ('B', '1h', 1735689600, 1.25, 2.1, 0.1, NULL, 7), ('C', '1h', 1735689600, 1.25, inf, 0.1, nan, 7)"
                .into(),
        )
        .await;
    let tables = server.tables("market.plain", "1h", &[(FINAL.name(), Value::Bool(false))]);
    let symbols = [symbol("A"), symbol("B"), symbol("C")];
    let wanted =
        [0, 1, 2].map(|i| Wanted { symbol: &symbols[i], from: Ts(1_735_689_600_000), to: Ts(1_735_689_600_000) });
    match tables.klines(&wanted).await {
        Ok(page) => {
            let bar = page.bars[0].as_ref().expect("a bar")[0];
            assert_eq!(bar, Bar::ohlcv(Ts(1_735_689_600_000), 1.25, 2.1, 0.1, 1.5, 7.0));
            assert!(page.bars[1].is_err() && page.bars[2].is_err(), "{:?}", page.bars);
        }
        Err(e) => panic!("{e}"),
    }
}

#[tokio::test]
async fn what_never_works_is_told_from_what_may() {
    let Some(server) = server() else { return };
    server.make("market.there", "").await;
    assert!(server.tables("market.there", "1m", &[]).probe().await.is_ok());
    let refused = |r: Result<_, FetchError>| match r {
        Err(FetchError::Refused(Refusal::BadRequest { reason })) => reason,
        other => panic!("{other:?}"),
    };
    let reason = refused(server.tables("market.not_there", "1m", &[]).probe().await);
    assert!(reason.contains("60") && reason.contains("not_there"), "{reason}");
    let closed = [(CLOSED_COLUMN.name(), Value::Text("no_column".into()))];
    let reason = refused(server.tables("market.there", "1m", &closed).probe().await);
    assert!(reason.contains("47") && reason.contains("no_column"), "{reason}");
    server.execute("DROP TABLE IF EXISTS market.log".into()).await;
    server
        .execute("CREATE TABLE market.log (symbol String, interval String, open_time DateTime, open Float64, high Float64, low Float64, close Float64, volume Float64) ENGINE = MergeTree ORDER BY symbol".into())
        .await;
    let reason = refused(server.tables("market.log", "1m", &[]).probe().await);
    assert!(reason.contains("181"), "{reason}");
}
