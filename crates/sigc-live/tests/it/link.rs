//! One connection, from the first attempt to its end.

use crate::peer::{self, Peer, drain, minute, say, serve, text};
use crate::{fast, interval, symbol, venue};
use futures_util::{SinkExt, StreamExt};
use sigc_live::net::clock::VenueClock;
use sigc_live::net::link::{EndKind, LinkEnd, LinkEvent, LinkSpec, LinkView, run_link};
use sigc_live::pace::Pace;
use sigc_market::Ts;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

/// Nothing here takes longer unless it is broken.
const SOON: Duration = Duration::from_secs(10);

struct Running {
    events: mpsc::Receiver<LinkEvent>,
    stop: watch::Sender<bool>,
    view: Arc<LinkView>,
    task: JoinHandle<LinkEnd>,
}

impl Running {
    async fn next(&mut self) -> LinkEvent {
        timeout(SOON, self.events.recv()).await.expect("soon").expect("an event")
    }

    async fn end(self) -> LinkEnd {
        timeout(SOON, self.task).await.expect("soon").expect("no panic")
    }

    /// All events until the end.
    async fn rest(mut self) -> (Vec<LinkEvent>, LinkEnd) {
        let mut all = Vec::new();
        while let Some(event) = timeout(SOON, self.events.recv()).await.expect("soon") {
            all.push(event);
        }
        let end = self.end().await;
        (all, end)
    }
}

fn start_with(name: &str, base: &str, symbols: &[&str], capacity: usize, pace: Pace) -> Running {
    let view = Arc::new(LinkView::new(symbols.len()));
    let spec = LinkSpec {
        venue: venue(name),
        url_base: base.to_owned(),
        symbols: symbols.iter().map(|s| symbol(s)).collect(),
        interval: interval("1m"),
        pace,
        clock: Arc::new(VenueClock::new(pace)),
        view: view.clone(),
    };
    let (sender, events) = mpsc::channel(capacity);
    let (stop, stopped) = watch::channel(false);
    Running { events, stop, view, task: tokio::spawn(run_link(spec, sender, stopped)) }
}

fn start(base: &str, symbols: &[&str]) -> Running {
    start_with("data.binance_futures", base, symbols, 64, Pace::REAL)
}

fn closed_rows(events: &[LinkEvent]) -> Vec<(usize, i64)> {
    let row = |e: &LinkEvent| match e {
        LinkEvent::Closed { symbol_index, bar, .. } => Some((*symbol_index, bar.open_time.0 / 60_000)),
        _ => None,
    };
    events.iter().filter_map(row).collect()
}

async fn close_with(mut peer: Peer, code: u16, reason: &'static str) {
    text(&mut peer).await;
    say(&mut peer, minute("BTCUSDT", 7, true)).await;
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    peer.close(Some(frame)).await.expect("the link listens");
    drain(&mut peer).await;
}

#[tokio::test]
async fn every_close_ends_the_link_with_a_reason_and_the_bars_before_it() {
    for (code, said, reason) in [
        (1000, "", "the venue closed the connection with 1000: done"),
        (1001, "", "the venue closed the connection with 1001: going away"),
        (1008, "Too many requests", "the venue closed the connection with 1008: a rule was broken: Too many requests"),
        (4001, "x\n", "the venue closed the connection with 4001: x"),
    ] {
        let (base, server) = serve(move |peer| close_with(peer, code, said)).await;
        let (events, end) = start(&base, &["BTCUSDT"]).rest().await;
        assert_eq!((end.kind, end.code, end.reason.as_str()), (EndKind::Closed, Some(code), reason));
        assert_eq!((closed_rows(&events), end.had_data, end.frames), (vec![(0, 7)], true, 1));
        server.await.expect("the farewell was answered");
    }
    let (base, _server) = serve(|mut peer| async move { text(&mut peer).await }).await;
    let (_, end) = start(&base, &["BTCUSDT"]).rest().await;
    assert_eq!((end.kind, end.code, end.had_data), (EndKind::Lost, Some(1006), false));
    assert_eq!(end.reason, "the connection ended without a farewell");
}

#[tokio::test]
async fn subscriptions_first_frames_and_closed_bars_are_events_forming_bars_are_not() {
    let (base, server) = serve(|mut peer| async move {
        let asked = text(&mut peer).await;
        say(&mut peer, r#"{"result":null,"id":1}"#).await;
        for n in 0..1_000 {
            say(&mut peer, minute("ETHUSDT", 100 + n / 999, false)).await;
        }
        say(&mut peer, minute("BTCUSDT", 100, true)).await;
        say(&mut peer, minute("XRPUSDT", 100, true)).await; // not subscribed
        say(&mut peer, r#"{"error":{"code":2,"msg":"no"},"id":1}"#).await;
        say(&mut peer, r#"{"e":"serverShutdown","E":1}"#).await;
        peer.close(None).await.expect("the link listens");
        drain(&mut peer).await;
        asked
    })
    .await;
    let running = start(&base, &["BTCUSDT", "ETHUSDT"]);
    let view = running.view.clone();
    let (events, end) = running.rest().await;
    let asked = r#"{"method":"SUBSCRIBE","params":["btcusdt@kline_1m","ethusdt@kline_1m"],"id":1}"#;
    assert_eq!(server.await.expect("no panic"), asked);
    let kinds: Vec<String> =
        events.iter().map(|e| format!("{e:?}").chars().take_while(|c| c.is_alphabetic()).collect()).collect();
    assert_eq!(kinds, ["Connected", "Acked", "First", "First", "Closed", "Refused", "Shutdown"]);
    assert_eq!(events[1], LinkEvent::Acked { symbols: 0..2 });
    assert!(matches!(events[2], LinkEvent::First { symbol_index: 1, open_time: Ts(6_000_000), .. }));
    assert!(matches!(&events[4], LinkEvent::Closed { symbol_index: 0, sent: Some(Ts(6_059_999)), .. }));
    assert_eq!(events[5], LinkEvent::Refused { symbols: Some(0..2), reason: "no (code 2)".into() });
    assert_eq!((end.frames, end.code, view.frames(), view.foreign()), (1_005, Some(1005), 1_005, 1));
    let eth = &view.streams()[1];
    assert_eq!((eth.frames(), eth.newest_bar()), (1_000, Some(Ts(6_060_000))));
    assert!(eth.last_frame() <= view.last_frame() && eth.last_frame().is_some());
    assert!(end.lived_ms >= 0);
}

#[tokio::test]
async fn many_symbols_are_subscribed_in_spaced_messages() {
    let (base, server) = serve(|mut peer| async move {
        let mut at = Vec::new();
        for n in 1..=3 {
            let message = text(&mut peer).await;
            at.push(Instant::now());
            assert!(message.contains(&format!(r#""req_id":"{n}""#)), "{message}");
            say(&mut peer, format!(r#"{{"success":true,"ret_msg":"","req_id":"{n}","op":"subscribe"}}"#)).await;
        }
        let beat = text(&mut peer).await;
        assert!(beat.contains(r#""op":"ping""#), "{beat}");
        at
    })
    .await;
    let names: Vec<String> = (0..25).map(|i| format!("A{i}USDT")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // Ten per message, 250 ms apart: 50 ms at five times the speed.
    let mut running = start_with("data.bybit_linear", &base, &names, 64, Pace::new(5.0));
    let acks = [running.next().await, running.next().await, running.next().await, running.next().await];
    let range = |e: &LinkEvent| if let LinkEvent::Acked { symbols } = e { Some(symbols.clone()) } else { None };
    assert_eq!(acks.iter().filter_map(range).collect::<Vec<_>>(), [0..10, 10..20, 20..25]);
    let at = timeout(SOON, server).await.expect("soon").expect("no panic");
    assert!(at.windows(2).all(|w| w[1] - w[0] >= Duration::from_millis(40)), "{at:?}");
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_dead() {
    let (base, server) = serve(|mut peer| async move {
        text(&mut peer).await;
        say(&mut peer, minute("BTCUSDT", 7, false)).await;
        std::future::pending::<()>().await; // open, but nothing is read or written any more
    })
    .await;
    let begun = Instant::now();
    let (_, end) = start_with("data.binance_futures", &base, &["BTCUSDT"], 64, fast()).rest().await;
    assert_eq!((end.kind, end.code, end.had_data), (EndKind::Silent, Some(1006), true));
    assert!(end.reason.starts_with("no frame for "), "{}", end.reason);
    assert!(begun.elapsed() >= Duration::from_millis(400) && begun.elapsed() < Duration::from_secs(3));
    server.abort();
}

#[tokio::test]
async fn answered_pings_keep_a_quiet_connection_alive() {
    let (base, server) = serve(|mut peer| async move {
        let mut pings = 0;
        while pings < 5 {
            if let Some(Ok(Message::Ping(_))) = peer.next().await {
                pings += 1; // the answer leaves with the next read
            }
        }
    })
    .await;
    let begun = Instant::now();
    let (_, end) = start_with("data.binance_futures", &base, &["BTCUSDT"], 64, fast()).rest().await;
    // Five pings at a third of the silence each are longer than the silence.
    assert_eq!(end.kind, EndKind::Lost);
    assert!(begun.elapsed() >= Duration::from_millis(600), "{:?}", begun.elapsed());
    server.await.expect("no panic");
}

#[tokio::test]
async fn pings_are_answered_while_nobody_takes_the_bars_and_no_bar_is_lost() {
    let (base, server) = serve(|mut peer| async move {
        text(&mut peer).await;
        for k in 0..60 {
            say(&mut peer, minute("BTCUSDT", k, true)).await;
        }
        peer.send(Message::Ping("are you there".into())).await.expect("the link takes it");
        loop {
            if let Message::Pong(payload) = peer.next().await.expect("there").expect("a message") {
                assert_eq!(&payload[..], b"are you there");
                break;
            }
        }
        for k in 60..62 {
            say(&mut peer, minute("BTCUSDT", k, true)).await;
        }
        peer.close(None).await.expect("the link listens");
    })
    .await;
    let running = start_with("data.binance_futures", &base, &["BTCUSDT"], 1, Pace::REAL);
    timeout(SOON, server).await.expect("the pong came while the channel was full").expect("no panic");
    let (events, end) = running.rest().await;
    assert_eq!(end.kind, EndKind::Closed);
    assert_eq!(closed_rows(&events), (0..62).map(|k| (0, k)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_receiver_too_far_behind_ends_the_link_and_still_gets_every_bar_read() {
    let (base, server) = serve(|mut peer| async move {
        text(&mut peer).await;
        for k in 0..200 {
            if peer.send(Message::text(minute("BTCUSDT", k, true))).await.is_err() {
                return;
            }
        }
        drain(&mut peer).await;
    })
    .await;
    let running = start_with("data.binance_futures", &base, &["BTCUSDT"], 1, Pace::REAL);
    timeout(SOON, server).await.expect("the socket was read").expect("no panic");
    let (events, end) = running.rest().await;
    assert_eq!((end.kind, end.reason.as_str()), (EndKind::Unheard, "the receiver is 65 events behind"));
    let rows = closed_rows(&events);
    assert_eq!(rows, (0..rows.len() as i64).map(|k| (0, k)).collect::<Vec<_>>());
    assert!(rows.len() >= 60);
}

#[tokio::test]
async fn faulty_frames_are_skipped_and_too_many_in_a_row_end_the_link() {
    let (base, _server) = serve(|mut peer| async move {
        text(&mut peer).await;
        let whole = minute("BTCUSDT", 7, true);
        for _ in 0..49 {
            say(&mut peer, &whole[..200]).await;
        }
        peer.send(Message::binary(whole.clone().into_bytes())).await.expect("taken"); // text in a binary frame
        say(&mut peer, whole).await;
        for _ in 0..50 {
            say(&mut peer, "<html>").await;
        }
        drain(&mut peer).await;
    })
    .await;
    let running = start(&base, &["BTCUSDT"]);
    let view = running.view.clone();
    let (events, end) = running.rest().await;
    assert_eq!((end.kind, closed_rows(&events)), (EndKind::Malformed, vec![(0, 7), (0, 7)]));
    assert!(end.reason.starts_with("50 faulty frames in a row, the last: not JSON"), "{}", end.reason);
    assert_eq!(view.malformed(), 99);
}

#[tokio::test]
async fn an_oversized_message_ends_the_link() {
    let (base, _server) = serve(|mut peer| async move {
        text(&mut peer).await;
        let _ = peer.send(Message::text("x".repeat((1 << 20) + 1))).await;
        drain(&mut peer).await;
    })
    .await;
    let (_, end) = start(&base, &["BTCUSDT"]).rest().await;
    assert_eq!((end.kind, end.code), (EndKind::Malformed, Some(1009)), "{}", end.reason);
    assert!(end.reason.starts_with("a message is too large"), "{}", end.reason);
}

#[tokio::test]
async fn a_stop_says_farewell_and_waits_a_moment_only() {
    let (base, server) = serve(|mut peer| async move {
        text(&mut peer).await;
        say(&mut peer, minute("BTCUSDT", 7, true)).await;
        loop {
            if let Message::Close(frame) = peer.next().await.expect("there").expect("a message") {
                return frame.map(|f| u16::from(f.code));
            }
        }
    })
    .await;
    let mut running = start(&base, &["BTCUSDT"]);
    while !matches!(running.next().await, LinkEvent::Closed { .. }) {}
    running.stop.send(true).expect("the link listens");
    assert_eq!(timeout(SOON, server).await.expect("soon").expect("no panic"), Some(1000));
    assert_eq!(running.end().await.kind, EndKind::Stopped);

    // A peer that answers nothing, and a receiver that takes nothing.
    let (base, server) = serve(|mut peer| async move {
        text(&mut peer).await;
        for k in 0..50 {
            say(&mut peer, minute("BTCUSDT", k, true)).await;
        }
        std::future::pending::<()>().await;
    })
    .await;
    let running = start_with("data.binance_futures", &base, &["BTCUSDT"], 1, Pace::REAL);
    while running.view.frames() < 50 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    drop(running.stop); // a stop nobody can give any more is one
    let end = timeout(SOON, running.task).await.expect("soon").expect("no panic");
    assert_eq!(end.kind, EndKind::Stopped);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    server.abort();
}

#[tokio::test]
async fn attempts_that_fail_say_how() {
    // Nobody listens there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("ws://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let (events, end) = start(&base, &["BTCUSDT"]).rest().await;
    assert_eq!((events.len(), end.kind, end.lived_ms, end.had_data), (0, EndKind::NotConnected, 0, false));
    assert!(end.reason.contains("refused"), "{}", end.reason);

    let (_, end) = start("ws://no-such-host.invalid", &["BTCUSDT"]).rest().await;
    assert_eq!(end.kind, EndKind::NotConnected);
    assert!(end.reason.starts_with("cannot connect: "), "{}", end.reason);
    let (_, end) = start("http://127.0.0.1:1", &["BTCUSDT"]).rest().await;
    assert_eq!(end.kind, EndKind::NotConnected, "{}", end.reason);

    // Takes the connection and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("ws://{}", listener.local_addr().expect("bound"));
    let (_, end) = start_with("data.binance_futures", &base, &["BTCUSDT"], 8, fast()).rest().await;
    assert_eq!((end.kind, end.reason.as_str()), (EndKind::NotConnected, "cannot connect: no answer in time"));

    // A stop while connecting.
    let running = start(&base, &["BTCUSDT"]);
    running.stop.send(true).expect("the link listens");
    assert_eq!(running.end().await.kind, EndKind::Stopped);

    // A firewall's page instead of a stream.
    let web = crate::web::serve(|_| (403, vec![], b"<html>blocked</html>".to_vec())).await;
    let (_, end) = start(&web.base.replace("http://", "ws://"), &["BTCUSDT"]).rest().await;
    assert_eq!(end.kind, EndKind::Denied(403));
    assert_eq!(end.reason, "the venue answered with status 403 instead of a stream");
}

#[tokio::test]
async fn dropping_a_link_leaves_nothing_behind() {
    let (base, server) = serve(|mut peer| async move {
        text(&mut peer).await;
        drain(&mut peer).await; // ends when the socket is closed
    })
    .await;
    let mut running = start(&base, &["BTCUSDT"]);
    assert_eq!(running.next().await, LinkEvent::Connected);
    tokio::time::sleep(Duration::from_millis(50)).await;
    running.task.abort();
    timeout(SOON, server).await.expect("the socket was closed").expect("no panic");
    assert_eq!(running.events.recv().await, None);
    let _ = peer::minute("X", 0, false);
}
