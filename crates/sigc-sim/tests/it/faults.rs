//! Each fault, seen from outside. Those of single frames are tested where the frames are made.

use crate::support::{
    Client, DAY, HOUR, MINUTE, PATIENCE, btc, closed, config, eth, get, http, interval, of_row, start,
};
use serde_json::{Value, json};
use sigc_market::Ts;
use sigc_sim::{Config, Entry, Fault, Moment, Running, Script, Span, Venue};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

async fn minutes(exchange: &Running, symbol: &str) -> Client {
    let mut client = Client::connect(&format!("{}/ws/{symbol}@kline_1m", exchange.futures_ws())).await;
    client.json().await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drop_and_close_end_connections_of_a_symbol_only() {
    let exchange = start(config(200.0)).await;
    let (mut a, mut b) = (minutes(&exchange, "btcusdt").await, minutes(&exchange, "ethusdt").await);
    exchange.inject(Entry::from(Fault::DropTcp).of([btc()]));
    assert_eq!(a.end().await, None);
    b.json().await;
    let close = Fault::Close { code: 1008, reason: "Too many requests".to_owned() };
    exchange.inject(Entry::from(close.clone()).on(Venue::Spot));
    b.json().await;
    exchange.inject(close);
    assert_eq!(b.end().await, Some((1008, "Too many requests".to_owned())));
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_connection_is_open_and_silent() {
    let exchange = start(config(1_000.0)).await;
    let mut client = minutes(&exchange, "btcusdt").await;
    exchange.inject(Fault::Freeze { ms: Some(Span(10 * MINUTE)) });
    // What was under way may still come.
    while !client.is_silent(100).await {}
    client.say(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
    assert!(client.is_silent(100).await, "not even an answer");
    assert_eq!(exchange.counters().sockets_open, 1);
    assert_eq!(client.end().await, None, "after ten minutes of venue time the venue forgets it");
    minutes(&exchange, "btcusdt").await;
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusing_port_refuses_and_comes_back() {
    let exchange = start(config(100.0)).await;
    let id = exchange.inject(Fault::Refuse);
    let attempt = || TcpStream::connect(exchange.addr);
    while attempt().await.is_ok() {}
    let error = attempt().await.expect_err("refused");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    exchange.clear(id);
    let back = async {
        while attempt().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.expect("it listens again");
    minutes(&exchange, "btcusdt").await;
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_is_announced() {
    let exchange = start(config(600.0)).await;
    let mut client = Client::connect(&format!("{}/stream?streams=btcusdt@kline_1m", exchange.spot_ws())).await;
    client.json().await;
    exchange.inject(Fault::ServerShutdown { after_ms: Span(MINUTE) });
    let event = client.find(|f| f["stream"] == "!serverShutdown").await;
    assert_eq!(event["data"]["e"], "serverShutdown");
    assert_eq!(client.end().await.map(|(code, _)| code), Some(1001));
    assert!(exchange.clock().now().0 >= event["data"]["E"].as_i64().expect("a time") + MINUTE);
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_strikes_at_its_times() {
    let text = r#"[{"at":"+2m","fault":{"kind":"drop_tcp"}},
        {"every":"5m","from":"+5m","fault":{"kind":"close","code":1001}}]"#;
    let exchange = start(Config { faults: Script::from_json(text).expect("a script"), ..config(600.0) }).await;
    let opened = exchange.clock().start().0;
    for (minute, code) in [(2, None), (5, Some(1001)), (10, Some(1001))] {
        let mut client = minutes(&exchange, "btcusdt").await;
        assert_eq!(client.end().await.map(|(code, _)| code), code);
        let at = exchange.clock().now().0 - opened;
        assert!((minute * MINUTE..(minute + 3) * MINUTE).contains(&at), "{minute}: {at}");
    }
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_and_absent_closing_frames_are_there_in_rest() {
    let mut config = Config { rest_lag_ms: (0, 0), ..config(600.0) };
    let opened = config.start.0;
    config.faults = Script(vec![
        Entry::from(Fault::NeverClose).of([btc()]).within(Ts(opened + 2 * MINUTE), Ts(opened + 4 * MINUTE)),
    ]);
    let exchange = start(config).await;
    let mut client = minutes(&exchange, "btcusdt").await;
    let mut told = Vec::new();
    while told.last().is_none_or(|t| *t < opened + 4 * MINUTE) {
        told.extend(closed(&client.json().await).map(|bar| bar.open_time.0));
    }
    let missed = [opened + MINUTE, opened + 2 * MINUTE];
    assert!(told.contains(&opened) && told.contains(&(opened + 3 * MINUTE)), "{told:?}");
    assert!(!told.iter().any(|t| missed.contains(t)));
    let url = format!(
        "{}/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime={}&limit=2",
        exchange.futures_rest(),
        missed[0]
    );
    let rows: Vec<_> = get(&url).await.1.as_array().expect("rows").iter().map(of_row).collect();
    assert_eq!(rows, exchange.truth(&btc(), interval("1m"), Ts(missed[0]), Ts(missed[1] + 1)));
    exchange.stop().await;
}

#[tokio::test]
async fn a_gap_exists_nowhere_and_flat_bars_everywhere() {
    let mut config = Config { rest_lag_ms: (0, 0), ..config(1.0) };
    let opened = config.start.0;
    let at = |hours: i64| Moment::At(Ts(opened + hours * HOUR));
    config.faults = Script(vec![
        Entry::from(Fault::Gap { from: at(-5), to: at(-4) }).of([btc()]),
        Entry::from(Fault::ZeroBar { from: at(-3), to: at(-2) }).of([btc()]),
    ]);
    let exchange = start(config).await;
    let hours = |exchange: &Running, symbol: &sigc_market::Symbol| {
        exchange.truth(symbol, interval("1h"), Ts(opened - 6 * HOUR), Ts(opened))
    };
    let truth = hours(&exchange, &btc());
    let opens: Vec<i64> = truth.iter().map(|b| (b.open_time.0 - opened) / HOUR).collect();
    assert_eq!(opens, [-6, -4, -3, -2, -1]);
    assert_eq!(hours(&exchange, &eth()).len(), 6);
    let flat = truth[2].values;
    assert_eq!(
        flat,
        [truth[1].values[3], truth[1].values[3], truth[1].values[3], truth[1].values[3], 0.0, 0.0, 0.0, 0.0, 0.0]
    );
    let url = format!("{}/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=6", exchange.futures_rest());
    let rows: Vec<_> = get(&url).await.1.as_array().expect("rows").iter().map(of_row).collect();
    assert_eq!(rows[..5], truth);
    exchange.stop().await;
}

#[tokio::test]
async fn what_was_told_cannot_be_unmade_by_injection() {
    let exchange = start(config(1.0)).await;
    let opened = exchange.clock().start().0;
    let before = exchange.truth(&btc(), interval("1m"), Ts(opened - DAY), Ts(opened + MINUTE));
    exchange.inject(Fault::Gap { from: Moment::At(Ts(0)), to: Moment::AfterStart(10 * MINUTE) });
    assert_eq!(exchange.truth(&btc(), interval("1m"), Ts(opened - DAY), Ts(opened + 10 * MINUTE)), before);
    exchange.stop().await;
}

#[tokio::test]
async fn a_revision_changes_rest_but_not_the_truth() {
    let mut config = Config { rest_lag_ms: (0, 0), ..config(1.0) };
    let opened = config.start.0;
    let t = Moment::At(Ts(opened - HOUR));
    config.faults =
        Script(vec![Fault::Revise { t, delta: 0.5, after_ms: Span(1), interval: Some(interval("1h")) }.into()]);
    let exchange = start(config).await;
    exchange.reach(Ts(opened + 2)).await;
    let url = format!("{}/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=2", exchange.futures_rest());
    let row = of_row(&get(&url).await.1[0]);
    let truth = exchange.truth(&btc(), interval("1h"), Ts(opened - HOUR), Ts(opened))[0];
    assert_eq!(row.values[3], truth.values[3] * 1.5);
    assert_eq!(row.values[1], row.values[3], "the high holds the close");
    assert_eq!(row.values[4..], truth.values[4..]);
    exchange.stop().await;
}

#[tokio::test]
async fn stale_rest_shows_an_old_state() {
    let exchange = start(Config { rest_lag_ms: (0, 0), ..config(1.0) }).await;
    exchange.inject(Fault::StaleRest { ms: Span(90 * MINUTE) });
    let url = format!("{}/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=1", exchange.futures_rest());
    let row = of_row(&get(&url).await.1[0]);
    assert_eq!(row.open_time.0, exchange.clock().start().0 - 2 * HOUR);
    exchange.clear_all();
    assert_eq!(of_row(&get(&url).await.1[0]).open_time, exchange.clock().start());
    exchange.stop().await;
}

#[tokio::test]
async fn http_answers_by_fault_are_counted_out() {
    let exchange = start(config(1.0)).await;
    let url = format!("{}/fapi/v1/time", exchange.futures_rest());
    let body = "<html>maintenance</html>".to_owned();
    exchange.inject(Entry::from(Fault::Http { status: 503, body, retry_after: Some(7) }).times(1));
    let answer = http().get(&url).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().ok()), (503, Some("7")));
    assert_eq!(answer.text().await.expect("a body"), "<html>maintenance</html>");
    assert_eq!(get(&url).await.0, 200);
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delisted_symbol_falls_silent_and_is_listed_as_settling() {
    let mut config = config(600.0);
    config.faults = Script(vec![Entry::from(Fault::Delist { t: Moment::AfterStart(2 * MINUTE) }).of([btc()])]);
    let exchange = start(config).await;
    let mut client = minutes(&exchange, "btcusdt").await;
    client.find(|f| f["k"]["x"] == true && f["k"]["t"] == exchange.clock().start().0 + MINUTE).await;
    assert!(client.is_silent(300).await);
    let (_, info) = get(&format!("{}/fapi/v1/exchangeInfo", exchange.futures_rest())).await;
    let statuses: Vec<&str> = (0..2).map(|i| info["symbols"][i]["status"].as_str().expect("text")).collect();
    assert_eq!(statuses, ["SETTLING", "TRADING"]);
    assert_eq!(info["symbols"][0]["deliveryDate"], exchange.clock().start().0 + 2 * MINUTE);
    exchange.stop().await;
}

#[tokio::test]
async fn a_skewed_clock_is_ahead_and_never_runs_back() {
    let exchange = start(config(1.0)).await;
    let time = async || -> i64 {
        let (_, answer) = get(&format!("{}/fapi/v1/time", exchange.futures_rest())).await;
        answer["serverTime"].as_i64().expect("a time")
    };
    let id = exchange.inject(Fault::Skew { ms: Span(HOUR) });
    let skewed = async {
        while time().await < exchange.clock().start().0 + HOUR {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, skewed).await.expect("the clock jumps");
    let clock: Value = get(&format!("http://{}/sim/clock", exchange.addr)).await.1;
    assert!(clock["simulation"].as_i64().expect("a time") < exchange.clock().start().0 + HOUR);
    let ahead = time().await;
    exchange.clear(id);
    assert!(time().await >= ahead);
    exchange.stop().await;
}

#[tokio::test]
async fn a_scripted_skew_begins_and_ends_by_simulation_time() {
    let text = r#"[{"from":"+1m","to":"+2m","fault":{"kind":"skew","ms":"1h"}}]"#;
    let exchange = start(Config { faults: Script::from_json(text).expect("a script"), ..config(300.0) }).await;
    let started = exchange.clock().start().0;
    let passed = |ts: Ts| ts.0 - started;
    let until = async |minutes: i64| {
        while passed(exchange.clock().simulation()) < minutes * MINUTE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    until(1).await;
    tokio::time::sleep(Duration::from_millis(40)).await;
    assert!(passed(exchange.clock().now()) >= HOUR + MINUTE);
    until(3).await;
    let standing = exchange.clock().now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(exchange.clock().now(), standing, "it waits for simulation time to catch up");
    assert!((HOUR + MINUTE..HOUR + 4 * MINUTE).contains(&passed(standing)));
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_can_be_refused() {
    let exchange = start(config(100.0)).await;
    exchange.inject(Fault::AckRefuse);
    let mut client = Client::connect(&format!("{}/ws", exchange.futures_ws())).await;
    client.say(r#"{"method":"SUBSCRIBE","params":["btcusdt@kline_1m"],"id":1}"#).await;
    assert_eq!(client.json().await["error"]["code"], 2);
    assert!(client.is_silent(80).await);
    let mut client = Client::connect(&exchange.bybit_linear_ws()).await;
    client.say(r#"{"op":"subscribe","args":["kline.1.BTCUSDT"]}"#).await;
    assert_eq!(client.json().await["success"], false);
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_frames_of_every_kind_arrive() {
    let exchange = start(config(100.0)).await;
    let mut client = minutes(&exchange, "btcusdt").await;
    let id = exchange.inject(Fault::Malformed { share: 1.0 });
    let (mut cut, mut binary, mut no_text) = (false, false, false);
    let all = async {
        while !(cut && binary && no_text) {
            match client.next().await {
                Some(Ok(Message::Text(text))) => cut |= serde_json::from_str::<Value>(&text).is_err(),
                Some(Ok(Message::Binary(_))) => binary = true,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    // A text frame that is no text ends the connection at the client.
                    no_text = true;
                    client = Client::connect(&format!("{}/ws/btcusdt@kline_1m", exchange.futures_ws())).await;
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("every kind in time");
    exchange.clear(id);
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_come_in_over_http_too() {
    let exchange = start(config(100.0)).await;
    let mut client = minutes(&exchange, "btcusdt").await;
    let url = format!("http://{}/sim/fault", exchange.addr);
    let post = async |body: Value| {
        let answer = http().post(&url).body(body.to_string()).send().await.expect("an answer");
        answer.status().as_u16()
    };
    assert_eq!(post(json!({"kind": "nonsense"})).await, 400);
    assert_eq!(post(json!({"fault": {"kind": "close", "code": 1}})).await, 400);
    assert_eq!(post(json!({"fault": {"kind": "drop_tcp"}, "symbols": ["ETHUSDT"]})).await, 200);
    client.json().await;
    assert_eq!(post(json!({"kind": "drop_tcp"})).await, 200);
    assert_eq!(client.end().await, None);
    let (_, stats) = get(&format!("http://{}/sim/stats", exchange.addr)).await;
    assert_eq!((stats["sockets_open"].as_u64(), stats["faults"].as_u64()), (Some(0), Some(2)));
    tokio::time::sleep(Duration::from_millis(1)).await;
    exchange.stop().await;
}
