//! REST: rows, errors, weights.

use crate::support::{DAY, HOUR, MINUTE, btc, config, get, http, interval, of_row, start};
use serde_json::Value;
use sigc_market::Ts;
use sigc_sim::{Config, Running};

fn rows(answer: &Value) -> &Vec<Value> {
    answer.as_array().expect("rows")
}

async fn klines(exchange: &Running, query: &str) -> Value {
    let (status, answer) = get(&format!("{}/fapi/v1/klines?symbol=BTCUSDT&{query}", exchange.futures_rest())).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn rows_are_the_truth_and_the_last_one_is_open() {
    let exchange = start(Config { rest_lag_ms: (0, 0), ..config(1.0) }).await;
    let start = exchange.clock().start().0;
    let answer = klines(&exchange, "interval=1h&limit=5").await;
    let all = rows(&answer);
    let opens: Vec<i64> = all.iter().map(|r| (r[0].as_i64().expect("a time") - start) / HOUR).collect();
    assert_eq!(opens, [-4, -3, -2, -1, 0]);
    let told: Vec<_> = all[..4].iter().map(of_row).collect();
    assert_eq!(told, exchange.truth(&btc(), interval("1h"), Ts(start - 4 * HOUR), Ts(start)));
    assert_eq!(all[0][6].as_i64(), Some(start - 3 * HOUR - 1));
    let open = of_row(&all[4]);
    assert_ne!(open, exchange.truth(&btc(), interval("1h"), Ts(start), Ts(start + 1))[0]);
    exchange.stop().await;
}

#[tokio::test]
async fn times_are_inclusive_open_times() {
    let exchange = start(config(1.0)).await;
    let start = exchange.clock().start().0;
    let t = |minutes: i64| start - DAY + minutes * MINUTE;
    let opens = async |query: String| -> Vec<i64> {
        let answer = klines(&exchange, &query).await;
        rows(&answer).iter().map(|r| (r[0].as_i64().expect("a time") - t(0)) / MINUTE).collect()
    };
    assert_eq!(opens(format!("interval=1m&startTime={}&endTime={}", t(1), t(3) + 999)).await, [1, 2, 3]);
    assert_eq!(opens(format!("interval=1m&startTime={}&limit=2", t(1) + 1)).await, [2, 3]);
    assert_eq!(opens(format!("interval=1m&endTime={}&limit=2", t(1))).await, [0, 1]);
    assert_eq!(opens(format!("interval=1m&startTime={}&endTime={}&limit=2", t(1), t(9))).await, [1, 2]);
    assert_eq!(opens(format!("interval=1m&startTime={}", start + DAY)).await, [] as [i64; 0]);
    exchange.stop().await;
}

#[tokio::test]
async fn paging_gives_every_bar_once() {
    let exchange = start(config(1.0)).await;
    let from = exchange.clock().start().0 - 3 * DAY;
    let (mut bars, mut next) = (Vec::new(), from);
    loop {
        let answer = klines(&exchange, &format!("interval=1m&startTime={next}&limit=1500")).await;
        bars.extend(rows(&answer).iter().map(of_row));
        next = bars.last().expect("a row").open_time.0 + MINUTE;
        if rows(&answer).len() < 1_500 {
            break;
        }
    }
    bars.pop();
    let truth = exchange.truth(&btc(), interval("1m"), Ts(from), exchange.clock().start());
    assert!(bars.len() >= truth.len() - 1);
    assert_eq!(bars, truth[..bars.len()]);
    exchange.stop().await;
}

#[tokio::test]
async fn rest_lags_behind_the_close() {
    // For two seconds after the close the state before it stays visible.
    let mut config = Config { rest_lag_ms: (2_000, 2_000), ..config(1.0) };
    config.start = Ts(config.start.0 + HOUR);
    let exchange = start(config).await;
    let start = exchange.clock().start().0;
    let answer = klines(&exchange, "interval=1h&limit=2").await;
    let last = of_row(rows(&answer).last().expect("a row"));
    assert_eq!(last.open_time, Ts(start - HOUR), "the closed bar is still shown as the open one");
    assert_ne!(last, exchange.truth(&btc(), interval("1h"), Ts(start - HOUR), Ts(start))[0]);
    exchange.reach(Ts(start + 2_000)).await;
    let answer = klines(&exchange, "interval=1h&limit=2").await;
    assert_eq!(of_row(&rows(&answer)[0]), exchange.truth(&btc(), interval("1h"), Ts(start - HOUR), Ts(start))[0]);
    exchange.stop().await;
}

#[tokio::test]
async fn errors_have_their_codes() {
    let exchange = start(config(1.0)).await;
    let base = exchange.futures_rest();
    for (path, status, code) in [
        ("/fapi/v1/klines?symbol=NOPE&interval=1h", 400, -1121),
        ("/fapi/v1/klines?symbol=btcusdt&interval=1h", 400, -1121),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1s", 400, -1120),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=7m", 400, -1120),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=1501", 400, -1130),
        ("/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=1001", 400, -1130),
        ("/fapi/v1/klines?interval=1h", 400, -1102),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1h&startTime=x", 400, -1102),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1h&startTime=9&endTime=8", 400, -1023),
        ("/api/v3/exchangeInfo?symbol=NOPE", 400, -1121),
    ] {
        let (got, answer) = get(&format!("{base}{path}")).await;
        assert_eq!((got, answer["code"].as_i64()), (status, Some(code)), "{path}: {answer}");
    }
    assert_eq!(get(&format!("{base}/nowhere")).await.0, 404);
    let query = "pair=BTCUSDT&contractType=PERPETUAL&interval=1h&limit=3";
    assert_eq!(rows(&get(&format!("{base}/fapi/v1/continuousKlines?{query}")).await.1).len(), 3);
    exchange.stop().await;
}

#[tokio::test]
async fn absurd_parameters_do_no_harm() {
    let exchange = start(config(1.0)).await;
    let base = exchange.futures_rest();
    let (least, most) = (i64::MIN, i64::MAX);
    for query in [
        format!("startTime={least}&limit=1"),
        format!("endTime={least}"),
        format!("startTime={most}"),
        format!("endTime={most}&limit=1"),
    ] {
        for interval in ["1m", "1w", "1M"] {
            let (status, answer) =
                get(&format!("{base}/fapi/v1/klines?symbol=BTCUSDT&interval={interval}&{query}")).await;
            assert_eq!(status, 200, "{query}: {answer}");
            assert!(rows(&answer).len() <= 1);
        }
    }
    let (_, answer) =
        get(&format!("{base}/v5/market/kline?category=spot&symbol=BTCUSDT&interval=M&start={least}&end={most}")).await;
    assert_eq!(answer["retCode"], 0);
    let truth = format!("http://{}/sim/truth?symbol=BTCUSDT&interval=1d&from={least}&to={most}", exchange.addr);
    assert_eq!(get(&truth).await.0, 200);
    exchange.stop().await;
}

#[tokio::test]
async fn time_and_symbols_are_told() {
    let exchange = start(config(1.0)).await;
    let base = exchange.futures_rest();
    let (_, time) = get(&format!("{base}/fapi/v1/time")).await;
    assert!(time["serverTime"].as_i64().expect("a time") >= exchange.clock().start().0);
    assert_eq!(get(&format!("{base}/api/v3/ping")).await, (200, serde_json::json!({})));
    let (_, info) = get(&format!("{base}/fapi/v1/exchangeInfo")).await;
    assert_eq!(info["rateLimits"][0]["limit"], 2_400);
    assert_eq!((&info["symbols"][1]["symbol"], &info["symbols"][1]["status"]), (&"ETHUSDT".into(), &"TRADING".into()));
    assert_eq!(info["symbols"][1]["onboardDate"], exchange.clock().start().0 - 3 * DAY);
    let (_, info) = get(&format!("{base}/api/v3/exchangeInfo?symbol=BTCUSDT")).await;
    assert_eq!(info["symbols"].as_array().map(Vec::len), Some(1));
    exchange.stop().await;
}

#[tokio::test]
async fn weight_is_counted_by_address_and_excess_is_refused_then_banned() {
    let mut config = config(1.0);
    config.limits.futures_weight = 12;
    config.limits.refusals_before_ban = 2;
    let exchange = start(config).await;
    let url = format!("{}/fapi/v1/klines?symbol=BTCUSDT&interval=1h", exchange.futures_rest());
    let used = async |query: &str| {
        // A client of its own: the count is not the connection's.
        let answer = http().get(format!("{url}{query}")).send().await.expect("an answer");
        let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()?.parse::<i64>().ok());
        let told = (answer.status().as_u16(), header("x-mbx-used-weight-1m"), header("retry-after"));
        (told, serde_json::from_str::<Value>(&answer.text().await.expect("a body")).expect("JSON"))
    };
    assert_eq!(used("&limit=100").await.0, (200, Some(1), None));
    assert_eq!(used("&limit=499").await.0, (200, Some(3), None));
    assert_eq!(used("").await.0, (200, Some(8), None));
    let ((status, weight, retry), body) = used("").await;
    assert_eq!((status, weight, body["code"].as_i64()), (429, Some(13), Some(-1003)));
    assert!(retry.is_some_and(|s| (1..=60).contains(&s)));
    used("").await;
    let ((status, _, retry), body) = used("").await;
    assert_eq!((status, retry), (418, Some(120)));
    assert!(body["msg"].as_str().is_some_and(|m| m.contains("IP banned until 17")), "{body}");
    let spot = format!("{}/api/v3/klines?symbol=BTCUSDT&interval=1h", exchange.spot_rest());
    assert_eq!(get(&spot).await.0, 200, "spot has a count of its own");
    let counters = exchange.counters();
    assert_eq!((counters.too_many, counters.banned, counters.klines), (2, 1, 7));
    exchange.stop().await;
}

#[tokio::test]
async fn bybit_rows_are_newest_first() {
    let mut config = Config { rest_lag_ms: (0, 0), ..config(1.0) };
    config.limits.bybit_per_second = 1_000;
    let exchange = start(config).await;
    let start = exchange.clock().start().0;
    let ask = async |query: &str| {
        let url = format!("{}/v5/market/kline?category=linear&{query}", exchange.bybit_rest());
        get(&url).await.1
    };
    let answer = ask("symbol=BTCUSDT&interval=60&limit=3").await;
    assert_eq!((answer["retCode"].as_i64(), answer["result"]["symbol"].as_str()), (Some(0), Some("BTCUSDT")));
    let list = answer["result"]["list"].as_array().expect("rows");
    let opens: Vec<i64> = list.iter().map(|r| r[0].as_str().expect("text").parse().expect("a time")).collect();
    assert_eq!(opens, [start, start - HOUR, start - 2 * HOUR]);
    let truth = exchange.truth(&btc(), interval("1h"), Ts(start - HOUR), Ts(start))[0];
    let told: Vec<f64> = (1..7).map(|i| list[1][i].as_str().expect("text").parse().expect("a number")).collect();
    assert_eq!(told, truth.values[..6]);
    // Backwards, as clients page.
    let answer =
        ask(&format!("symbol=BTCUSDT&interval=60&limit=2&start={}&end={}", start - 9 * HOUR, opens[2] - 1)).await;
    assert_eq!(answer["result"]["list"][0][0], (start - 3 * HOUR).to_string());
    for query in ["symbol=NOPE&interval=60", "symbol=BTCUSDT&interval=1h", "symbol=BTCUSDT&interval=60&limit=1001"] {
        assert_eq!(ask(query).await["retCode"], 10001, "{query}");
    }
    let (_, info) = get(&format!("{}/v5/market/instruments-info?category=linear&limit=1", exchange.bybit_rest())).await;
    assert_eq!(
        (info["result"]["list"][0]["status"].as_str(), info["result"]["nextPageCursor"].as_str()),
        (Some("Trading"), Some("1"))
    );
    let (_, time) = get(&format!("{}/v5/market/time", exchange.bybit_rest())).await;
    assert!(time["result"]["timeNano"].as_str().is_some_and(|t| t.len() == 19));
    exchange.stop().await;
}

#[tokio::test]
async fn bybit_refuses_too_many_requests() {
    let mut config = config(1.0);
    (config.limits.bybit_per_second, config.limits.bybit_burst) = (3, 8);
    let exchange = start(config).await;
    let url = format!("{}/v5/market/time", exchange.bybit_rest());
    let mut told = Vec::new();
    for _ in 0..20 {
        let (status, answer) = get(&url).await;
        told.push(if status == 403 { 403 } else { answer["retCode"].as_i64().expect("a code") });
    }
    assert!(told.contains(&0) && told.contains(&10006) && told.contains(&403), "{told:?}");
    assert_eq!(told.last(), Some(&403));
    exchange.stop().await;
}
