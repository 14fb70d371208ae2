//! The streams of one connection: which frames are due, in the order of venue time.
//!
//! One heap holds what is to come for all of them, three kinds of events: a look at the bar in progress, the close of a
//! bar, and the telling of a closed bar. The close only decides, by the faults in force, when and how often the bar
//! is told. Within a stream no frame of the next bar comes before the closing frame, unless that one is late by a
//! fault. A slow reader loses looks at bars in progress, never closed bars.

use super::Out;
use crate::dice::Dice;
use crate::fault::Fault;
use crate::frame::Told;
use crate::market::{Forming, Series, Values};
use crate::trouble::{Snapshot, find};
use crate::venue::Venue;
use crate::world::World;
use sigc_market::{Field, Interval, Symbol, Ts};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A bar closes.
    Close(i64),
    /// A closed bar is told; with its revised values if they are.
    Tell(i64, bool),
    /// The bar in progress is told.
    Look,
}

#[derive(Debug)]
struct Stream {
    name: String,
    symbol: Symbol,
    interval: Interval,
    spelled: String,
    continuous: bool,
    since: Ts,
    /// No look before this time, so that it does not overtake a closing frame.
    quiet_until: Ts,
    /// The bar that is told after its successor, which is not put off in turn.
    put_off: Option<i64>,
    series: Option<(u64, Arc<Series>)>,
    forming: Forming,
}

impl Stream {
    /// Row `k` of the truth.
    fn row(&mut self, world: &World, venue: Venue, k: i64) -> Option<Values> {
        let market = world.market(venue);
        let version = market.version();
        if let Some((_, series)) = self.series.as_ref().filter(|(v, _)| *v == version)
            && let Some(values) = series.get(k)
        {
            return Some(*values);
        }
        let series = market.series(&self.symbol, self.interval, k, k + 1)?;
        let values = series.get(k).copied();
        self.series = Some((version, series));
        values
    }
}

/// What a stream's name stands for.
#[derive(Debug, PartialEq, Eq)]
struct Meaning {
    symbol: Symbol,
    interval: Interval,
    spelled: String,
    continuous: bool,
}

/// All streams of a connection.
#[derive(Debug)]
pub(crate) struct Streams {
    venue: Venue,
    /// Whether frames carry the stream's name around them.
    pub combined: bool,
    /// A path without bars: every name is accepted and none sends anything.
    silent: bool,
    names: BTreeMap<String, u64>,
    live: HashMap<u64, Stream>,
    due: BinaryHeap<Reverse<(Ts, u64, Event)>>,
    last_id: u64,
    sent: i64,
}

impl Streams {
    pub fn new(venue: Venue, combined: bool, silent: bool) -> Streams {
        Streams {
            venue,
            combined,
            silent,
            names: BTreeMap::new(),
            live: HashMap::new(),
            due: BinaryHeap::new(),
            last_id: 0,
            sent: 0,
        }
    }

    /// The names subscribed to, the ones that mean nothing among them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// True if one of these symbols is among them.
    pub fn carries(&self, symbols: &[Symbol]) -> bool {
        self.live.values().any(|s| symbols.contains(&s.symbol))
    }

    /// True if the venue has such a stream.
    pub fn is_known(&self, world: &World, name: &str) -> bool {
        self.meaning(world, name).is_some()
    }

    fn meaning(&self, world: &World, name: &str) -> Option<Meaning> {
        let (symbol, spelled, continuous) = if self.venue.is_bybit() {
            let (spelled, symbol) = name.strip_prefix("kline.")?.split_once('.')?;
            (symbol.to_owned(), spelled, false)
        } else {
            let (symbol, kind) = name.split_once('@')?;
            if symbol.bytes().any(|b| b.is_ascii_uppercase()) {
                return None;
            }
            match (kind.strip_prefix("kline_"), kind.strip_prefix("continuousKline_")) {
                (Some(spelled), _) => (symbol.to_ascii_uppercase(), spelled, false),
                (None, Some(spelled)) if self.venue == Venue::Futures => {
                    (symbol.strip_suffix("_perpetual")?.to_ascii_uppercase(), spelled, true)
                }
                _ => return None,
            }
        };
        let symbol = Symbol::new(&symbol).ok()?;
        let interval = self.venue.interval(spelled)?;
        let market = world.market(self.venue);
        market.first(&symbol)?;
        market.has_interval(interval).then(|| Meaning { symbol, interval, spelled: spelled.to_owned(), continuous })
    }

    /// Adds a stream; a name that means nothing is kept and stays silent.
    pub fn subscribe(&mut self, world: &World, name: &str, now: Ts) {
        if self.names.contains_key(name) {
            return;
        }
        self.last_id += 1;
        let id = self.last_id;
        self.names.insert(name.to_owned(), id);
        let Some(meaning) = self.meaning(world, name).filter(|_| !self.silent) else { return };
        let Meaning { symbol, interval, spelled, continuous } = meaning;
        // The bar before may still be to be told.
        let k = interval.index_of(now) - 1;
        self.due.push(Reverse((now, id, Event::Close(k))));
        let phase = Dice::new(world.config.seed, "phase").with_text(name).between(1, self.period(world));
        self.due.push(Reverse((Ts(now.0 + phase), id, Event::Look)));
        let stream = Stream {
            name: name.to_owned(),
            symbol,
            interval,
            spelled,
            continuous,
            since: now,
            quiet_until: Ts(i64::MIN),
            put_off: None,
            series: None,
            forming: Forming::default(),
        };
        self.live.insert(id, stream);
    }

    /// Takes a stream away.
    pub fn unsubscribe(&mut self, name: &str) {
        if let Some(id) = self.names.remove(name) {
            self.live.remove(&id);
        }
    }

    /// When there is something to do next.
    pub fn next_due(&self) -> Option<Ts> {
        self.due.peek().map(|Reverse((ts, ..))| *ts)
    }

    /// Time between two looks at a bar in progress.
    fn period(&self, world: &World) -> i64 {
        let usual = match self.venue {
            Venue::Futures => world.config.futures_frame_ms,
            Venue::Spot => world.config.spot_frame_ms,
            Venue::BybitLinear | Venue::BybitSpot => world.config.bybit_frame_ms,
        };
        usual.max(world.clock.venue_ms(world.config.frame_real_ms))
    }

    /// Gives all frames due by `now`, at most `most` of them.
    pub fn emit(&mut self, world: &World, now: Ts, most: usize, out: &mut Vec<Out>) {
        let faults = world.troubles.snapshot();
        let period = self.period(world);
        while out.len() < most {
            let Some(Reverse((at, id, event))) = self.due.peek().copied().filter(|Reverse((at, ..))| *at <= now) else {
                return;
            };
            self.due.pop();
            let Some(mut stream) = self.live.remove(&id) else { continue };
            match event {
                Event::Close(k) => self.close(world, &faults, id, &mut stream, k),
                Event::Tell(k, revised) => self.tell(world, &faults, &mut stream, (at, k, revised), out),
                Event::Look if at < stream.quiet_until => {
                    self.due.push(Reverse((stream.quiet_until, id, Event::Look)));
                }
                Event::Look => {
                    self.look(world, &faults, &mut stream, at, out);
                    self.due.push(Reverse((Ts(at.0 + period).max(now), id, Event::Look)));
                }
            }
            self.live.insert(id, stream);
        }
    }

    /// Decides how the closed bar `k` will be told.
    fn close(&mut self, world: &World, faults: &Snapshot, id: u64, stream: &mut Stream, k: i64) {
        let (symbol, interval, venue) = (stream.symbol.clone(), stream.interval, self.venue);
        let close = interval.close_of(k);
        self.due.push(Reverse((interval.close_of(k + 1), id, Event::Close(k + 1))));
        let usual = close.0 + world.close_lag(&symbol, interval, k);
        let Some(values) = stream.row(world, venue, k) else { return };
        if values[Field::Trades.index()] == 0.0 && !world.config.zero_bars_close {
            return;
        }
        stream.quiet_until = Ts(usual + 1);
        let mut push = |ts: i64, event| {
            if ts > stream.since.0 {
                self.due.push(Reverse((Ts(ts), id, event)));
            }
        };
        if let Some((from, _)) = world.revision(faults, venue, &symbol, interval, k, &values) {
            push(from.0, Event::Tell(k, true));
        }
        if find(faults, close, venue, Some(&symbol), |f| matches!(f, Fault::NeverClose).then_some(())).is_some() {
            return;
        }
        let late = find(faults, close, venue, Some(&symbol), |f| match f {
            Fault::LateClose { ms } => Some(ms.0),
            _ => None,
        });
        let mut tell = usual + late.unwrap_or(0);
        if stream.put_off != Some(k - 1)
            && find(faults, close, venue, Some(&symbol), |f| matches!(f, Fault::Reorder).then_some(())).is_some()
        {
            stream.put_off = Some(k);
            let next = interval.close_of(k + 1).0 + world.close_lag(&symbol, interval, k + 1);
            tell = tell.max(next + 1);
        }
        push(tell, Event::Tell(k, false));
        let again = find(faults, close, venue, Some(&symbol), |f| match f {
            Fault::Dup { copies, after_ms } => Some((*copies, after_ms.0)),
            _ => None,
        });
        if let Some((copies, after)) = again {
            (1..=i64::from(copies)).for_each(|i| push(tell + i * after, Event::Tell(k, false)));
        }
    }

    fn tell(&mut self, world: &World, faults: &Snapshot, s: &mut Stream, told: (Ts, i64, bool), out: &mut Vec<Out>) {
        let (at, k, revised) = told;
        let Some(mut values) = s.row(world, self.venue, k) else { return };
        if revised {
            let Some((_, other)) = world.revision(faults, self.venue, &s.symbol, s.interval, k, &values) else {
                return;
            };
            values = other;
        }
        self.frame(world, faults, s, (k, &values, true, at), out);
    }

    fn look(&mut self, world: &World, faults: &Snapshot, s: &mut Stream, at: Ts, out: &mut Vec<Out>) {
        let market = world.market(self.venue);
        let Some((k, values)) = s.forming.at(market, &s.symbol, s.interval, at) else { return };
        self.frame(world, faults, s, (k, &values, false, at), out);
    }

    fn frame(
        &mut self,
        world: &World,
        faults: &Snapshot,
        s: &Stream,
        (k, values, closed, at): (i64, &Values, bool, Ts),
        out: &mut Vec<Out>,
    ) {
        let has = |pick: fn(&Fault) -> Option<f64>| {
            if faults.is_empty() { None } else { find(faults, at, self.venue, Some(&s.symbol), pick) }
        };
        if has(|f| matches!(f, Fault::Mute).then_some(0.0)).is_some() {
            return;
        }
        let strange = has(|f| matches!(f, Fault::UnknownFields).then_some(0.0)).is_some();
        let broken = has(|f| if let Fault::Malformed { share } = f { Some(*share) } else { None });
        self.sent += 1;
        let told = Told {
            symbol: s.symbol.as_str(),
            interval: &s.spelled,
            open: s.interval.open_of(k),
            close: s.interval.close_of(k),
            values,
            closed,
            event: at,
            strange,
        };
        let mut text = String::with_capacity(420);
        if self.venue.is_bybit() {
            told.bybit(&mut text, &s.name);
        } else if self.combined {
            text.extend([r#"{"stream":""#, &s.name, r#"","data":"#]);
            told.binance(&mut text, s.continuous);
            text.push('}');
        } else {
            told.binance(&mut text, s.continuous);
        }
        if strange && closed {
            out.push(Out::Text(format!(r#"{{"e":"somethingNew","E":{}}}"#, at.0)));
        }
        let count = if closed { &world.stats.closing_frames } else { &world.stats.forming_frames };
        count.one();
        let mut dice = Dice::new(world.config.seed, "broken").with(self.sent);
        out.push(match broken.filter(|share| dice.unit() < *share) {
            Some(_) => spoil(text, self.sent),
            None => Out::Text(text),
        });
    }
}

/// A frame that nobody can read, in one of four ways.
fn spoil(mut text: String, turn: i64) -> Out {
    match turn % 4 {
        0 => {
            text.truncate(text.len() / 2);
            Out::Text(text)
        }
        1 => Out::Text("<html><body>502 Bad Gateway</body></html>".to_owned()),
        2 => Out::Binary([&[0x1f, 0x8b, 0x08, 0x00], text.as_bytes()].concat()),
        _ => {
            let mut bytes = text.into_bytes();
            bytes[5] = 0xff;
            Out::NoText(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::fault::Entry;
    use crate::moment::Span;
    use serde_json::Value;

    const MINUTE: i64 = 60_000;

    fn world(faults: Vec<Entry>) -> World {
        let mut config = Config::with_symbols(["BTCUSDT", "ETHUSDT"]);
        config.history_from = Some(Ts(config.start.0 - 600 * MINUTE));
        config.faults.0 = faults;
        World::new(config)
    }

    /// The frames of a minute-stream over `minutes` from the start, as JSON with their times.
    fn run(world: &World, minutes: i64) -> Vec<Value> {
        let mut streams = Streams::new(Venue::Futures, false, false);
        let start = world.config.start;
        streams.subscribe(world, "btcusdt@kline_1m", start);
        let mut out = Vec::new();
        for turn in 1..=minutes * 1_200 {
            streams.emit(world, Ts(start.0 + turn * 50), usize::MAX, &mut out);
        }
        let read = |o: Out| match o {
            Out::Text(text) => serde_json::from_str(&text).unwrap_or(Value::Null),
            _ => Value::Null,
        };
        out.into_iter().map(read).collect()
    }

    /// Minutes of the closing frames relative to the start, in their order.
    fn closed(frames: &[Value]) -> Vec<i64> {
        let start = Config::default().start.0;
        let closing = frames.iter().filter(|f| f["k"]["x"] == true);
        closing.filter_map(|f| f["k"]["t"].as_i64()).map(|t| (t - start) / MINUTE).collect()
    }

    fn during(fault: Fault, from: i64, to: i64) -> Vec<Entry> {
        let start = Config::default().start.0;
        vec![Entry::from(fault).within(Ts(start + from * MINUTE), Ts(start + to * MINUTE))]
    }

    #[test]
    fn every_bar_is_told_once_after_its_close_and_before_the_next() {
        let frames = run(&world(Vec::new()), 4);
        // The first is the bar that closed at the moment of subscribing.
        assert_eq!(closed(&frames), [-1, 0, 1, 2]);
        let mut open = i64::MIN;
        for frame in &frames {
            let k = &frame["k"];
            let (t, e) = (k["t"].as_i64().expect("t"), frame["E"].as_i64().expect("E"));
            assert!(t >= open, "no look back");
            open = t;
            if k["x"] == true {
                let late = e - k["T"].as_i64().expect("T") - 1;
                assert!((50..=500).contains(&late), "{late}");
                open = t + MINUTE;
            }
        }
        assert!(frames.len() > 4 * 200, "{}", frames.len());
    }

    #[test]
    fn faults_of_closing_frames() {
        let late = Fault::LateClose { ms: Span(90_000) };
        assert_eq!(closed(&run(&world(during(late, 2, 3)), 6)), [-1, 0, 2, 1, 3, 4]);
        assert_eq!(closed(&run(&world(during(Fault::NeverClose, 2, 3)), 4)), [-1, 0, 2]);
        let dup = Fault::Dup { copies: 2, after_ms: Span(1) };
        assert_eq!(closed(&run(&world(during(dup, 2, 3)), 4)), [-1, 0, 1, 1, 1, 2]);
        assert_eq!(closed(&run(&world(during(Fault::Reorder, 2, 3)), 4)), [-1, 0, 2, 1]);
    }

    #[test]
    fn a_gap_has_no_frame_and_a_bar_without_trades_is_flat() {
        let start = Config::default().start.0;
        let at = |minute: i64| Ts(start + minute * MINUTE).into();
        let gap = Entry::from(Fault::Gap { from: at(1), to: at(3) });
        let frames = run(&world(vec![gap]), 5);
        assert_eq!(closed(&frames), [-1, 0, 3]);
        assert!(
            frames.iter().all(|f| !(start + MINUTE..start + 3 * MINUTE).contains(&f["k"]["t"].as_i64().expect("t")))
        );

        let zero = Entry::from(Fault::ZeroBar { from: at(1), to: at(2) });
        let frames = run(&world(vec![zero]), 3);
        let bar = |t: i64| frames.iter().find(|f| f["k"]["x"] == true && f["k"]["t"] == start + t * MINUTE);
        let (before, flat) = (&bar(0).expect("told")["k"], &bar(1).expect("told")["k"]);
        assert_eq!(
            (&flat["o"], &flat["h"], &flat["l"], &flat["c"]),
            (&before["c"], &before["c"], &before["c"], &before["c"])
        );
        assert_eq!((&flat["n"], &flat["f"], flat["v"].as_str()), (&0.into(), &(-1).into(), Some("0")));
    }

    #[test]
    fn a_revision_is_a_second_closing_frame_with_other_values() {
        let start = Config::default().start;
        let revise = Fault::Revise { t: start.into(), delta: 0.01, after_ms: Span(5_000), interval: None };
        let frames = run(&world(vec![revise.into()]), 3);
        assert_eq!(closed(&frames), [-1, 0, 0, 1]);
        let told: Vec<&Value> = frames.iter().filter(|f| f["k"]["x"] == true && f["k"]["t"] == start.0).collect();
        assert_ne!(told[0]["k"]["c"], told[1]["k"]["c"]);
        assert_eq!(told[1]["E"], start.0 + MINUTE + 5_000);
    }

    #[test]
    fn broken_strange_and_muted_frames() {
        let frames = run(&world(during(Fault::Malformed { share: 1.0 }, 1, 2)), 3);
        assert_eq!(closed(&frames), [-1, 1], "the frames of the second minute are broken, the closing one among them");
        assert!(frames.iter().filter(|f| f.is_null()).count() > 200);
        let frames = run(&world(during(Fault::UnknownFields, 0, 3)), 2);
        assert!(frames.iter().any(|f| f["e"] == "somethingNew"));
        assert!(frames.iter().filter(|f| f["e"] == "kline").all(|f| f.get("note").is_some()));
        assert!(run(&world(during(Fault::Mute, 0, 3)), 2).is_empty());
    }

    #[test]
    fn names_that_mean_nothing_are_kept_and_silent() {
        let world = world(Vec::new());
        let mut streams = Streams::new(Venue::Futures, true, false);
        for name in ["BTCUSDT@kline_1m", "nope@kline_1m", "btcusdt@kline_7m", "btcusdt@trade", "", "btcusdt@kline_1s"] {
            streams.subscribe(&world, name, world.config.start);
        }
        assert_eq!((streams.len(), streams.next_due()), (6, None));
        streams.subscribe(&world, "btcusdt_perpetual@continuousKline_1h", world.config.start);
        streams.subscribe(&world, "btcusdt_perpetual@continuousKline_1h", world.config.start);
        assert_eq!(streams.len(), 7);
        assert!(streams.next_due().is_some());
        streams.unsubscribe("btcusdt_perpetual@continuousKline_1h");
        let mut out = Vec::new();
        streams.emit(&world, Ts(world.config.start.0 + MINUTE), usize::MAX, &mut out);
        assert!(out.is_empty() && streams.next_due().is_none());
    }
}
