//! Start, stop, load.

use crate::support::{Client, DAY, PATIENCE, btc, closed, config, eth, get, interval, start};
use futures_util::StreamExt;
use sigc_connectors::bars::{ReadOptions, read_bars};
use sigc_market::Ts;
use sigc_sim::{Config, ConfigError, Exchange, Fault, Random, StartError, Venue, random};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// Sockets of this machine that hold the port and are not just fading out.
fn held(port: u16) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let local = format!(":{port:04X}");
    let alive = |line: &&str| {
        let mut words = line.split_whitespace().skip(1);
        let at_port = words.next().is_some_and(|addr| addr.ends_with(&local));
        // Listening, established, or closed by the other side only.
        at_port && words.nth(1).is_some_and(|state| ["0A", "01", "08"].contains(&state))
    };
    table.lines().filter(alive).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_after_a_stop() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for round in 0..3 {
        let before = tasks();
        let exchange = start(config(100.0)).await;
        let mut clients = Vec::new();
        for base in [exchange.futures_ws(), exchange.spot_ws()] {
            let mut client = Client::connect(&format!("{base}/ws/btcusdt@kline_1m")).await;
            client.json().await;
            clients.push(client);
        }
        exchange.inject(Fault::Freeze { ms: None });
        let half_open = tokio::net::TcpStream::connect(exchange.addr).await.expect("a connection");
        assert_eq!(get(&format!("{}/fapi/v1/time", exchange.futures_rest())).await.0, 200);
        assert!(!held(exchange.addr.port()).is_empty());
        let port = exchange.addr.port();
        exchange.stop().await;
        assert_eq!(held(port), [] as [String; 0], "round {round}");
        drop((clients, half_open));
        // The HTTP client's own tasks end by themselves.
        let fading = async {
            while tasks() > before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, fading).await.expect("no task is left");
    }
}

#[tokio::test]
async fn what_cannot_be_does_not_start() {
    let slow = Exchange::start(Config { speed: 0.5, ..config(1.0) }).await;
    assert!(matches!(slow, Err(StartError::Config(ConfigError::Speed(_)))));
    let first = start(config(1.0)).await;
    let lag = Config { close_lag_ms: (5, 1), ..config(1.0) };
    assert!(matches!(Exchange::start(lag).await, Err(StartError::Config(ConfigError::Lag("close_lag_ms")))));
    first.stop().await;
}

#[tokio::test]
async fn a_dropped_handle_stops_the_exchange() {
    let exchange = start(config(1.0)).await;
    let addr = exchange.addr;
    drop(exchange);
    let gone = async {
        while tokio::net::TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the port closes");
}

#[tokio::test]
async fn the_truth_is_written_and_served_the_same() {
    let exchange = start(config(1.0)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let to = exchange.clock().start();
    let from = Ts(to.0 - DAY);
    let files = exchange.write_truth(folder.path(), Venue::Futures, interval("15m"), from, to).expect("written");
    assert_eq!(files, ["BTCUSDT-15m.csv", "ETHUSDT-15m.csv"].map(|name| folder.path().join(name)));
    let text = std::fs::read_to_string(&files[1]).expect("readable");
    assert_eq!(text.lines().count(), 97);
    let query = format!("symbol=ETHUSDT&interval=15m&from={}&to={}", from.0, to);
    let (status, served) = get(&format!("http://{}/sim/truth?{query}", exchange.addr)).await;
    assert_eq!((status, served.as_str()), (200, Some(text.as_str())));
    let last: Vec<f64> =
        text.lines().last().expect("a line").split(',').map(|c| c.parse().expect("a number")).collect();
    let truth = exchange.truth(&eth(), interval("15m"), from, to);
    assert_eq!(last[1..], truth.last().expect("a bar").values);
    // The reader behind `sigc backfill --bars`.
    let read = read_bars(folder.path(), &ReadOptions::all(interval("15m")), &mut |_| {}).expect("bar files");
    assert_eq!(read[1].bars, truth);
    assert_eq!(get(&format!("http://{}/sim/truth?symbol=NOPE&interval=15m&from=1&to=2", exchange.addr)).await.0, 400);
    exchange.stop().await;
}

#[tokio::test]
async fn venues_can_have_prices_of_their_own() {
    let exchange = start(Config { distinct_venues: true, ..config(1.0) }).await;
    let to = exchange.clock().start();
    let of = |venue| exchange.truth_at(venue, &btc(), interval("1h"), Ts(to.0 - DAY), to);
    let all = Venue::ALL.map(of);
    assert!((0..4).all(|i| (0..i).all(|j| all[i] != all[j])));
    exchange.stop().await;
}

/// Six days of an hour's bars through random faults: whatever a client that only reconnects is told is the truth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_of_random_faults_never_tell_a_wrong_bar() {
    let mut config = config(50_000.0);
    config.rest_lag_ms = (0, 0);
    let (from, to) = (config.start, Ts(config.start.0 + 6 * DAY));
    let wanted =
        Random { from, to, mean_ms: 2 * 3_600_000, interval: interval("1h"), symbols: vec![btc()], change_truth: true };
    config.faults = random(11, &wanted);
    let exchange = start(config).await;
    let url = format!("{}/ws/btcusdt@kline_1h", exchange.futures_ws());
    let mut seen = std::collections::BTreeMap::new();
    while exchange.clock().now() < to {
        let Ok((mut socket, _)) = tokio_tungstenite::connect_async(&url).await else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        while let Ok(Some(Ok(message))) = tokio::time::timeout(Duration::from_millis(400), socket.next()).await {
            let Message::Text(text) = message else { continue };
            let Some(bar) = serde_json::from_str(&text).ok().as_ref().and_then(closed) else { continue };
            seen.entry(bar.open_time.0).or_insert(bar);
        }
    }
    let truth = exchange.truth(&btc(), interval("1h"), from, Ts(to.0 - DAY));
    let told: Vec<_> = truth.iter().filter(|bar| seen.get(&bar.open_time.0) == Some(bar)).collect();
    assert!(told.len() > truth.len() / 2, "{} of {}", told.len(), truth.len());
    assert!(seen.values().all(|bar| bar.open_time.0 >= to.0 - DAY || truth.contains(bar) || bar.open_time < from));
    assert!(exchange.counters().faults > 5);
    exchange.stop().await;
}

/// 500 symbols, 20,000 frames a second. The figures are printed; the limits are loose, for busy machines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "a measurement")]
async fn five_hundred_symbols_are_carried() {
    let names: Vec<String> = (0..500).map(|i| format!("S{i}USDT")).collect();
    let mut config = Config::with_symbols(names.iter().map(String::as_str));
    config.history_from = Some(Ts(config.start.0 - 3_600_000));
    config.futures_frame_ms = 25;
    config.start = Ts(config.start.0 + 59_000);
    let exchange = start(config).await;
    let opened = exchange.clock().start().0;
    let streams: Vec<String> = names.iter().map(|n| format!("{}@kline_1m", n.to_lowercase())).collect();
    let url = format!("{}/stream?streams={}", exchange.futures_ws(), streams.join("/"));
    let mut client = Client::connect(&url).await;
    let (began, mut frames, mut closing, mut latest) = (Instant::now(), 0_u64, 0, 0);
    while began.elapsed() < Duration::from_secs(4) {
        let Some(Ok(Message::Text(text))) = client.next().await else { continue };
        frames += 1;
        if text.contains("\"x\":true") {
            let frame: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            let event = frame["data"]["E"].as_i64().expect("a time");
            latest = latest.max(exchange.clock().now().0 - event);
            closing += i32::from(frame["data"]["k"]["t"].as_i64() == Some((opened / 60_000) * 60_000));
        }
    }
    let rate = frames as f64 / began.elapsed().as_secs_f64();
    println!("{rate:.0} frames/s, {closing} closing frames, latest {latest} ms after its time");
    assert_eq!(closing, 500);
    assert!(rate > 2_000.0, "{rate}");
    exchange.stop().await;
}
