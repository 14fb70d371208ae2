//! Streams: what is acknowledged, what is sent, what ends a connection.

use crate::support::{Client, MINUTE, btc, closed, config, eth, interval, start};
use futures_util::{SinkExt, StreamExt};
use sigc_market::Ts;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_is_acknowledged_and_shows_the_bar_in_progress_first() {
    let mut config = config(1.0);
    config.start = Ts(config.start.0 + 30 * MINUTE);
    let exchange = start(config).await;
    let mut client = Client::connect(&format!("{}/stream", exchange.futures_ws())).await;
    client
        .say(r#"{"method":"SUBSCRIBE","params":["btcusdt@kline_1h","nope@kline_1h","BTCUSDT@kline_1h"],"id":7}"#)
        .await;
    assert_eq!(client.json().await.to_string(), r#"{"result":null,"id":7}"#);
    let frame = client.json().await;
    assert_eq!(frame["stream"], "btcusdt@kline_1h");
    assert_eq!(frame["data"]["k"]["x"], false);
    assert_eq!(frame["data"]["k"]["t"], exchange.clock().start().0 - 30 * MINUTE);
    client.say(r#"{"method":"LIST_SUBSCRIPTIONS","id":8}"#).await;
    let list = client.find(|v| v.get("id").is_some()).await;
    assert_eq!(list["result"].as_array().map(Vec::len), Some(3));
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retired_and_wrong_paths_acknowledge_and_stay_silent() {
    let exchange = start(config(100.0)).await;
    let book = format!("ws://{}/public", exchange.addr);
    for base in [exchange.retired_futures_ws(), book] {
        let mut client = Client::connect(&format!("{base}/stream")).await;
        client.say(r#"{"method":"SUBSCRIBE","params":["btcusdt@kline_1m"],"id":1}"#).await;
        assert_eq!(client.json().await["id"], 1);
        assert!(client.is_silent(150).await, "{base}");
    }
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_closed_bar_comes_once_in_order_and_is_the_truth() {
    let exchange = start(config(2_000.0)).await;
    let base = exchange.futures_ws();
    let mut client = Client::connect(&format!("{base}/stream?streams=btcusdt@kline_1m/ethusdt@kline_5m")).await;
    let (mut minutes, mut fives, mut looks) = (Vec::new(), Vec::new(), 0);
    while minutes.len() < 40 {
        let frame = client.json().await;
        match (closed(&frame), frame["stream"].as_str()) {
            (Some(bar), Some("btcusdt@kline_1m")) => minutes.push(bar),
            (Some(bar), _) => fives.push(bar),
            (None, _) => looks += 1,
        }
    }
    assert!(looks > 10 && fives.len() >= 7, "{looks} {}", fives.len());
    let (first, last) = (minutes[0].open_time, minutes[39].open_time);
    assert_eq!(minutes, exchange.truth(&btc(), interval("1m"), first, Ts(last.0 + 1)));
    let (first, last) = (fives[0].open_time, fives[fives.len() - 1].open_time);
    assert_eq!(fives, exchange.truth(&eth(), interval("5m"), first, Ts(last.0 + 1)));
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_raw_spot_stream_has_bare_frames() {
    let exchange = start(config(3_000.0)).await;
    let mut client = Client::connect(&format!("{}/ws/btcusdt@kline_1m", exchange.spot_ws())).await;
    let frame = client.find(|f| f["k"]["x"] == true).await;
    assert_eq!((frame["e"].as_str(), frame["s"].as_str()), (Some("kline"), Some("BTCUSDT")));
    let (t, e) = (frame["k"]["t"].as_i64().expect("t"), frame["E"].as_i64().expect("E"));
    assert!((50..=500).contains(&(e - t - MINUTE)));
    client.say(r#"{"method":"UNSUBSCRIBE","params":["btcusdt@kline_1m"],"id":1}"#).await;
    client.find(|f| f["id"] == 1).await;
    assert!(client.is_silent(60).await);
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_messages_end_the_connection() {
    let exchange = start(config(1.0)).await;
    for (base, allowed) in [(exchange.futures_ws(), 10), (exchange.spot_ws(), 5)] {
        let mut client = Client::connect(&format!("{base}/ws")).await;
        // Twice as many and one, so that a second's end in between does not save it.
        for i in 0..=2 * allowed {
            let text = format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{i}}}"#);
            if client.0.feed(Message::text(text)).await.is_err() {
                break;
            }
        }
        let _ = client.0.flush().await;
        let mut answers = 0;
        let end = loop {
            match client.next().await {
                Some(Ok(Message::Text(_))) => answers += 1,
                Some(Ok(Message::Close(frame))) => break frame,
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        };
        let end = end.expect("a reason");
        assert_eq!((u16::from(end.code), end.reason.as_str()), (1008, "Too many requests"));
        assert!((allowed..=2 * allowed).contains(&answers), "{answers}");
    }
    assert_eq!(exchange.counters().closed_for_misuse, 2);
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_1025th_stream_ends_the_connection() {
    let exchange = start(config(1.0)).await;
    let names = |from: usize, to: usize| {
        let names: Vec<String> = (from..to).map(|i| format!("\"s{i}usdt@kline_1m\"")).collect();
        names.join(",")
    };
    let mut client = Client::connect(&format!("{}/stream", exchange.futures_ws())).await;
    client.say(&format!(r#"{{"method":"SUBSCRIBE","params":[{}],"id":1}}"#, names(0, 1_024))).await;
    assert_eq!(client.json().await["id"], 1);
    client.say(&format!(r#"{{"method":"SUBSCRIBE","params":[{}],"id":2}}"#, names(1_024, 1_025))).await;
    assert_eq!(client.json().await["error"]["code"], 2);
    assert_eq!(client.end().await, Some((1008, "Invalid request".to_owned())));
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_answers_pings_lives_and_one_that_does_not_is_dropped() {
    let mut config = config(2_000.0);
    config.limits.pong_real_ms = 300;
    let exchange = start(config).await;
    let url = format!("{}/ws", exchange.futures_ws());
    let mut polled = Client::connect(&url).await;
    // A raw client that completes the handshake and never answers.
    let mut deaf = tokio::net::TcpStream::connect(exchange.addr).await.expect("a connection");
    let hello = "GET /market/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut deaf, hello.as_bytes()).await.expect("written");
    let mut all = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut deaf, &mut all);
    let listening = async {
        let mut pings = 0;
        loop {
            if let Some(Ok(Message::Ping(_))) = polled.0.next().await {
                pings += 1;
            }
            if pings > 8 {
                return;
            }
        }
    };
    let both = async { tokio::join!(reading, listening) };
    let (read, ()) = tokio::time::timeout(Duration::from_secs(10), both).await.expect("both end");
    assert!(read.expect("an end of the stream") > 120);
    // The accept value for this key is the example of RFC 6455.
    assert!(String::from_utf8_lossy(&all).contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(exchange.counters().closed_for_silence, 1);
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_lives_a_day() {
    let exchange = start(config(50_000.0)).await;
    let opened = exchange.clock().now();
    let mut client = Client::connect(&format!("{}/ws", exchange.spot_ws())).await;
    assert!(client.end().await.is_some());
    let lived = exchange.clock().now().0 - opened.0;
    assert!(lived >= 86_400_000, "{lived}");
    exchange.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bybit_streams_confirm_closed_bars() {
    let exchange = start(config(3_000.0)).await;
    for (url, done) in [(exchange.bybit_linear_ws(), ""), (exchange.bybit_spot_ws(), "subscribe")] {
        let mut client = Client::connect(&url).await;
        client.say(r#"{"op":"subscribe","req_id":"a","args":["kline.1.NOPE"]}"#).await;
        assert_eq!(client.json().await["success"], false);
        client.say(r#"{"op":"subscribe","req_id":"b","args":["kline.1.BTCUSDT"]}"#).await;
        let answer = client.json().await;
        assert_eq!((answer["success"].as_bool(), answer["ret_msg"].as_str()), (Some(true), Some(done)));
        client.say(r#"{"op":"ping"}"#).await;
        client.find(|f| f["ret_msg"] == "pong").await;
        let frame = client.find(|f| f["data"][0]["confirm"] == true).await;
        assert_eq!((frame["topic"].as_str(), frame["type"].as_str()), (Some("kline.1.BTCUSDT"), Some("snapshot")));
        let bar = &frame["data"][0];
        let open = Ts(bar["start"].as_i64().expect("a time"));
        let truth = exchange.truth(&btc(), interval("1m"), open, Ts(open.0 + 1))[0];
        let names = ["open", "high", "low", "close", "volume", "turnover"];
        for (name, value) in names.into_iter().zip(truth.values) {
            let told: f64 = bar[name].as_str().expect("text").parse().expect("a number");
            assert_eq!(told.to_bits(), value.to_bits(), "{name}");
        }
    }
    exchange.stop().await;
}
