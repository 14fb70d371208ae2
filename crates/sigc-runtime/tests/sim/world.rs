//! The clock, and the driver that carries out what a machine orders.

use crate::check;
use crate::disk::{Disk, Shelf};
use crate::original::{Bug, Original};
use crate::plans;
use crate::truth::Truth;
use crate::venue::{Unkind, hit, refusal, rest, table};
use sigc_engine::Engine;
use sigc_market::{Bar, Ts};
use sigc_runtime::live::conductor::{CatchUp, Conductor, Event, Note, Order, Out, Setup, SourceSetup};
use sigc_runtime::live::entry::{BarId, Batch, OddityKind, RowFate};
use sigc_runtime::live::feed::{FeedEvent, FeedNote, FeedOrder, Supply};
use sigc_runtime::live::outbox::{Batching, Failure};
use sigc_runtime::live::poll::PollEvent;
use sigc_runtime::live::retry::SplitMix;
use sigc_runtime::live::splice::Terms;
use sigc_runtime::venue::{Limits, Refusal};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// 2025-01-01, and how long a run lasts.
const START: Ts = Ts(1_735_689_600_000);
const BARS: i64 = 45;
/// After the last fault the run goes on so long, so that everything can come right.
const QUIET_MS: i64 = 420_000;
/// Limits small enough that a run sees them: links of two streams, a life of twenty minutes.
const LIMITS: Limits = Limits {
    streams_per_link: 2,
    symbols_per_message: 2,
    message_gap_ms: 250,
    connect_gap_ms: 500,
    heartbeat_ms: 20_000,
    silence_ms: 30_000,
    lifetime_ms: 1_200_000,
    rows_per_request: 5,
    weight_per_window: 2_400,
    window_ms: 60_000,
    settle_ms: 2_000,
};

/// Who is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Conductor,
    Original(Bug),
}

/// What the world does next.
#[derive(Debug, Clone)]
enum Happening {
    BarCloses { source: usize, row: i64 },
    Connected { link: LinkId, works: bool },
    Frame { link: LinkId, symbol: u32 },
    Closing { link: LinkId, symbol: u32, bar: Bar },
    LinkEnds { link: LinkId },
    Answer { source: usize, symbol: u32, from: Ts, to: Ts },
    Archive { source: usize, symbol: u32 },
    Stored { batch: Box<Batch>, works: bool },
    Written { sink: usize, after: u64, to: u64, outcome: Wrote },
    Crash,
    Starts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrote {
    All,
    Nothing,
    AllButUnknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LinkId {
    source: usize,
    link: usize,
    generation: u64,
    life: u32,
}

struct Connection {
    id: LinkId,
    symbols: Vec<u32>,
    muted: Vec<u32>,
    frozen: bool,
}

/// What a run saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals([u64; KINDS.len()]);

const KINDS: [&str; 21] = [
    "bars taken",
    "rows emitted",
    "quiet rows",
    "rows skipped",
    "crashes",
    "dropped links",
    "frozen links",
    "refused connections",
    "muted streams",
    "late closes",
    "lost closes",
    "repeated closes",
    "revised closes",
    "failed requests",
    "failed stores",
    "failed writes",
    "writes of unknown outcome",
    "absent bars",
    "bars given up",
    "delisted symbols",
    "poll overruns",
];

impl Totals {
    fn count(&mut self, what: &str, n: u64) {
        let i = KINDS.iter().position(|k| *k == what).expect("a kind of the list");
        self.0[i] += n;
    }
    pub fn add(&mut self, other: &Totals) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
    }
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS.into_iter().zip(self.0)
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.all().map(|(what, n)| format!("{n} {what}")).collect();
        f.write_str(&parts.join(", "))
    }
}

enum Machine {
    Conductor(Box<Conductor>),
    Original(Original),
}

pub struct World {
    seed: u64,
    rng: SplitMix,
    unkind: Unkind,
    now: Ts,
    quiet_from: Ts,
    queue: BinaryHeap<Reverse<(Ts, u64, usize)>>,
    happenings: Vec<Option<Happening>>,
    truths: Vec<Vec<Truth>>,
    connections: Vec<Connection>,
    machine: Option<Machine>,
    life: u32,
    subject: Subject,
    engine: Engine,
    catch_up: CatchUp,
    disk: Disk,
    original_marks: Vec<i64>,
    /// How far our idea of the venue's clock is off.
    skew: i64,
    /// The symbol whose requests fail, and the one that is delisted: from when to when.
    rest_down: Option<(u32, Ts, Ts)>,
    delisted: Option<(u32, Ts)>,
    /// It was given up before its history was there, and the others were ranked against what there was of it.
    amid_history: bool,
    shelves: Vec<Shelf>,
    totals: Totals,
    traced: bool,
}

impl World {
    /// One run. An error says what did not hold.
    pub fn run(seed: u64, subject: Subject, traced: bool) -> Result<Totals, String> {
        let mut rng = SplitMix(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5eed);
        let mut unkind = Unkind::new(&mut rng);
        let n_symbols = 1 + rng.below(3) as usize;
        let plan = if subject == Subject::Conductor { rng.below(plans::N_PLANS as i64) as usize } else { 0 };
        let engine = plans::engine(plan, n_symbols);
        if subject != Subject::Conductor {
            unkind = Unkind::NONE;
        }
        let sources = engine.plan().sources.clone();
        let truth = |rng: &mut SplitMix, source: usize| {
            let interval = engine.plan().frame(sources[source].frame).interval;
            let end = START.0 + BARS * 60_000 + QUIET_MS + 3_600_000;
            let (first, last) = (interval.index_of(Ts(START.0 - 90 * 60_000)), interval.index_of(Ts(end)));
            Truth::new(rng, interval, first, last, unkind.gaps)
        };
        let mut truths: Vec<Vec<Truth>> =
            (0..sources.len()).map(|s| sources[s].symbols.iter().map(|_| truth(&mut rng, s)).collect()).collect();
        let over_universe = engine.is_over_universe();
        if over_universe && rng.below(4) == 0 {
            // One is listed while the others wait for it.
            let (symbol, at) = (rng.below(n_symbols as i64) as usize, Ts(START.0 + rng.below(1_800_000)));
            truths.iter_mut().filter_map(|of| of.get_mut(symbol)).for_each(|truth| truth.list_at(at));
        }
        let start = Ts(START.0 + rng.below(120_000));
        let quiet_from = Ts(start.0 + BARS * 60_000);
        let some = |rng: &mut SplitMix| (rng.below(n_symbols as i64) as u32, Ts(start.0 + rng.below(BARS * 30_000)));
        let rest_down = unkind.rest_down.then(|| some(&mut rng)).map(|(s, at)| (s, at, Ts(at.0 + 900_000)));
        let delisted = unkind.delist.then(|| some(&mut rng));
        let mut world = World {
            now: start,
            quiet_from,
            queue: BinaryHeap::new(),
            happenings: Vec::new(),
            connections: Vec::new(),
            machine: None,
            life: 0,
            catch_up: [CatchUp::Emit, CatchUp::Mark, CatchUp::Skip][rng.below(3) as usize],
            disk: Disk {
                intervals: truths.iter().map(|t| t[0].interval).collect(),
                universe: over_universe.then_some(n_symbols),
                ..Disk::default()
            },
            original_marks: vec![i64::MIN; n_symbols],
            skew: 0,
            rest_down,
            delisted,
            amid_history: false,
            shelves: (0..1 + rng.below(2)).map(|_| Shelf::default()).collect(),
            totals: Totals::default(),
            engine,
            truths,
            unkind,
            seed,
            rng,
            subject,
            traced,
        };
        world.live()
    }

    fn live(&mut self) -> Result<Totals, String> {
        for source in 0..self.truths.len() {
            let row = self.truths[source][0].interval.index_of(self.now);
            self.at(self.truths[source][0].closes_at(row), Happening::BarCloses { source, row });
        }
        self.at(self.now, Happening::Starts);
        let end = Ts(self.quiet_from.0 + QUIET_MS + self.rng.below(60_000));
        loop {
            let next = self.queue.peek().map(|Reverse((at, _, _))| *at);
            let wake = self.wake_at();
            let at = [next, wake].into_iter().flatten().min().unwrap_or(end).max(self.now);
            if at >= end {
                break;
            }
            if at >= self.quiet_from {
                self.calm();
            }
            self.advance(at)?;
        }
        self.now = end;
        self.verdict(end)
    }

    fn verdict(&mut self, end: Ts) -> Result<Totals, String> {
        if self.machine.is_none() {
            return Err("the run ends while the process is down".into());
        }
        // What closed in the last moments may still be on its way: without a later bar a row takes `lonely_ms`.
        let settled = Ts(end.0 - 120_000);
        let gone = self.delisted.map(|(symbol, _)| symbol);
        let may_give_up = check::MayGiveUp {
            all: self.rest_down.is_some(),
            absent: self.engine.is_over_universe(),
            gone: gone.filter(|_| self.engine.is_over_universe()),
        };
        let unrepaired = check::bars(&self.disk, &self.truths, settled, may_give_up, gone)?;
        self.totals.count("bars given up", unrepaired);
        // Of history nothing is stored, so that nobody can tell how much of it there was.
        if self.subject == Subject::Conductor && !self.amid_history {
            let skipped = self.catch_up == CatchUp::Skip;
            // The last row may be stored and not yet written.
            self.flush()?;
            let n = check::rows(&self.disk, &self.shelves, &self.engine, &self.truths, skipped, gone, settled)?;
            self.totals.count("rows emitted", n.emitted);
            self.totals.count("quiet rows", n.quiet);
            self.totals.count("rows skipped", n.skipped);
        }
        self.totals.count("bars taken", self.disk.bars.len() as u64);
        Ok(self.totals.clone())
    }

    /// Ends the process in order: what is stored is delivered.
    fn flush(&mut self) -> Result<(), String> {
        for _ in 0..2_000 {
            let Some(Machine::Conductor(c)) = &mut self.machine else { return Ok(()) };
            let mut out = Out::default();
            c.drain(Ts(self.now.0 + self.skew), &mut out);
            if c.is_drained() {
                return Ok(());
            }
            self.carry_out(out.orders);
            let wake = self.wake_at();
            let next = self.queue.peek().map(|Reverse((at, _, _))| *at);
            let Some(at) = [next, wake].into_iter().flatten().min() else { break };
            self.advance(at.max(self.now))?;
        }
        Err("the run does not end: something is neither stored nor delivered".into())
    }

    /// Lets everything happen that happens by `at`.
    fn advance(&mut self, at: Ts) -> Result<(), String> {
        self.now = at;
        if self.wake_at().is_some_and(|w| w <= at) {
            self.tell(Event::Tick)?;
        }
        while let Some(Reverse((t, _, slot))) = self.queue.peek().copied()
            && t <= self.now
        {
            self.queue.pop();
            if let Some(happening) = self.happenings[slot].take() {
                self.happen(happening)?;
            }
        }
        Ok(())
    }

    fn at(&mut self, at: Ts, happening: Happening) {
        let slot = self.happenings.len();
        self.happenings.push(Some(happening));
        self.queue.push(Reverse((at, slot as u64, slot)));
    }

    fn after(&mut self, ms: i64, happening: Happening) {
        self.at(Ts(self.now.0 + ms), happening);
    }

    /// The last stretch is without faults.
    fn calm(&mut self) {
        self.unkind = Unkind { gaps: self.unkind.gaps, rest_lag_ms: self.unkind.rest_lag_ms, ..Unkind::NONE };
    }

    /// Half of the polled sources are tables, the others answer as a venue does.
    fn is_table(&self) -> bool {
        self.seed % 10 == 5
    }

    fn wake_at(&self) -> Option<Ts> {
        match &self.machine {
            Some(Machine::Conductor(c)) => c.wake_at().map(|at| Ts(at.0 - self.skew)),
            _ => None,
        }
    }

    fn trace(&self, what: impl FnOnce() -> String) {
        if self.traced {
            println!("{} {}", self.now, what());
        }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        self.trace(|| match &happening {
            Happening::Stored { works, batch } => {
                format!("Stored {works} {} bars {} rows", batch.bars.len(), batch.rows.len())
            }
            h => format!("{h:?}"),
        });
        match happening {
            Happening::Starts => self.start(),
            Happening::Crash => {
                self.crash();
                Ok(())
            }
            Happening::BarCloses { source, row } => {
                self.bar_closes(source, row);
                Ok(())
            }
            Happening::Connected { link, works } => self.connected(link, works),
            Happening::Frame { link, symbol } => {
                if !self.carries(link, symbol) {
                    return Ok(());
                }
                let LinkId { source, link, generation, .. } = link;
                self.tell(Event::Feed { source, event: FeedEvent::First { link, generation, symbol } })
            }
            Happening::Closing { link, symbol, bar } => {
                // Only a bar that was told before can be revised: the first values are the truth.
                let truth = &self.truths[link.source][symbol as usize];
                let row = truth.interval.index_of(bar.open_time);
                let id = BarId { source: link.source as u16, symbol, row };
                let revised = truth.bar(row) != Some(bar);
                let gone = self.delisted.is_some_and(|(s, at)| s == symbol && truth.closes_at(row) >= at);
                if !self.carries(link, symbol) || gone || (revised && !self.disk.bars.contains_key(&id)) {
                    return Ok(());
                }
                self.tell(Event::Feed { source: link.source, event: FeedEvent::Closed { symbol, bar } })
            }
            Happening::LinkEnds { link } => {
                self.connections.retain(|c| c.id != link);
                if link.life != self.life {
                    return Ok(());
                }
                let LinkId { source, link, generation, .. } = link;
                let reason = "gone".into();
                self.tell(Event::Feed { source, event: FeedEvent::Ended { link, generation, reason } })
            }
            Happening::Answer { source, symbol, from, to } => self.answer(source, symbol, from, to),
            Happening::Archive { source, symbol } => {
                self.tell(Event::Feed { source, event: FeedEvent::Archived { symbol, bars: None } })
            }
            Happening::Stored { batch, works } => {
                if works {
                    for entry in &batch.bars {
                        let interval = self.truths[usize::from(entry.id.source)][0].interval;
                        if interval.close_of(entry.id.row) > self.now {
                            return Err(format!("{:?} was taken before its close", entry.id));
                        }
                    }
                    self.disk.store(&batch)?;
                    self.tell(Event::Stored)
                } else {
                    self.totals.count("failed stores", 1);
                    self.tell(Event::NotStored { reason: "disk full".into() })
                }
            }
            Happening::Written { sink, after, to, outcome } => self.written(sink, after, to, outcome),
        }
    }

    fn start(&mut self) -> Result<(), String> {
        self.life += 1;
        self.skew = self.rng.below(2 * self.unkind.skew_ms + 1) - self.unkind.skew_ms;
        if let Subject::Original(bug) = self.subject {
            self.disk.emit_after.get_or_insert(self.now);
            let mut orders = Vec::new();
            let truth = &self.truths[0];
            let original =
                Original::new(bug, truth.len(), truth[0].interval, &self.original_marks, self.now, &mut orders);
            self.machine = Some(Machine::Original(original));
            self.carry_out(orders);
            return Ok(());
        }
        let plan = self.engine.plan();
        let source = |s: &sigc_plan::Source| SourceSetup {
            frame: s.frame,
            symbols: s.symbols.clone(),
            terms: Terms {
                interval: plan.frame(s.frame).interval,
                grace_ms: 5_000,
                settle_ms: 2_000,
                lonely_ms: 60_000,
                settled: self.is_table(),
                repair_ms: if self.rest_down.is_some() { 180_000 } else { 900_000 },
                first_frame_ms: 15_000,
                mute_ms: 90_000,
                rows_per_request: 5,
                archive: self.seed.is_multiple_of(2),
                until: Ts(i64::MAX),
            },
            supply: if self.seed.is_multiple_of(5) { Supply::Poll } else { Supply::Streams(LIMITS) },
        };
        let batching = Batching { most_rows: 3, delay_ms: 100, deadline_ms: 30_000 };
        let setup = Setup {
            engine: self.engine.clone(),
            models: Vec::new(),
            sources: plan.sources.iter().map(source).collect(),
            symbols: plan.symbols(),
            sinks: self.shelves.iter().map(|_| batching).collect(),
            catch_up: self.catch_up,
            lookback_ms: None,
            buffer_ms: 60_000,
            seed: self.seed + u64::from(self.life),
        };
        let conductor =
            Conductor::new(setup, self.disk.restored(), Ts(self.now.0 + self.skew)).map_err(|e| e.to_string())?;
        self.disk.emit_after.get_or_insert(conductor.emit_after());
        self.machine = Some(Machine::Conductor(Box::new(conductor)));
        self.tell(Event::Tick)
    }

    fn crash(&mut self) {
        if self.machine.take().is_none() {
            return;
        }
        self.totals.count("crashes", 1);
        self.connections.clear();
        // What the journal and the sinks were doing may be done or not; what was under way on the net is lost.
        for slot in 0..self.happenings.len() {
            let survives = self.rng.below(2) == 0 && self.subject == Subject::Conductor;
            match &self.happenings[slot] {
                Some(Happening::Stored { works: true, .. }) => {
                    if let (true, Some(Happening::Stored { batch, .. })) = (survives, self.happenings[slot].take()) {
                        self.disk.store(&batch).ok();
                    }
                }
                Some(Happening::Written { sink, after, to, outcome }) if *outcome != Wrote::Nothing && survives => {
                    // A prefix of the batch may be there.
                    let (sink, after, to) = (*sink, *after as usize, *to as usize);
                    let cut = after + self.rng.below((to - after) as i64 + 1) as usize;
                    self.shelves[sink].write(&self.disk.records[after..cut]);
                    self.happenings[slot] = None;
                }
                Some(Happening::BarCloses { .. }) | None => {}
                Some(_) => self.happenings[slot] = None,
            }
        }
        let down = if self.rng.below(3) == 0 { self.rng.below(200_000) } else { self.rng.below(20_000) };
        self.after(down, Happening::Starts);
    }

    fn tell(&mut self, event: Event) -> Result<(), String> {
        let mut orders = Vec::new();
        match &mut self.machine {
            None => return Ok(()),
            Some(Machine::Original(original)) => {
                let crashes = original.handle(event, self.now, &mut self.rng, &mut self.original_marks, &mut orders);
                self.carry_out(orders);
                if crashes {
                    self.crash();
                }
                return Ok(());
            }
            Some(Machine::Conductor(conductor)) => {
                let loaded = self.delisted.is_none_or(|(s, _)| has_history(conductor, s));
                let mut out = Out::default();
                conductor.handle(event, Ts(self.now.0 + self.skew), &mut out).map_err(|e| e.to_string())?;
                for note in &out.notes {
                    match note {
                        Note::Odd(odd) if odd.kind == OddityKind::Revised => self.totals.count("revised closes", 1),
                        Note::Odd(_) => self.totals.count("repeated closes", 1),
                        Note::Feed { note: FeedNote::Gap { unrepaired: false, .. }, .. } => {
                            self.totals.count("absent bars", 1)
                        }
                        Note::Feed { note: FeedNote::Quarantined { symbol, reason }, .. } => {
                            if self.delisted.map(|(s, _)| s) != Some(*symbol) {
                                return Err(format!("quarantined: {reason}"));
                            }
                            self.totals.count("delisted symbols", 1);
                            if self.engine.is_over_universe() && self.disk.snapshots.is_empty() {
                                self.amid_history = !loaded;
                            }
                        }
                        Note::Feed { note: FeedNote::Poll(PollEvent::Overrun(o)), .. } => {
                            if o.took_ms <= o.planned_ms {
                                return Err(format!("no overrun: {o:?}"));
                            }
                            self.totals.count("poll overruns", 1);
                        }
                        _ => {}
                    }
                }
                if self.traced {
                    for note in &out.notes {
                        println!("{}   {note:?}", self.now);
                    }
                    for row in &out.rows {
                        let fate = match &row.fate {
                            RowFate::Emitted { seq, .. } => format!("row number {seq}"),
                            other => format!("{other:?}"),
                        };
                        println!(
                            "{}   {} of signal {}, symbol {}: {fate}",
                            self.now, row.open_time, row.signal, row.symbol
                        );
                    }
                }
                orders = out.orders;
            }
        }
        self.carry_out(orders);
        if hit(&mut self.rng, self.unkind.crash * 20) {
            self.happenings.push(Some(Happening::Crash));
            let slot = self.happenings.len() - 1;
            self.queue.push(Reverse((self.now, slot as u64, slot)));
        }
        Ok(())
    }

    fn carry_out(&mut self, orders: Vec<Order>) {
        for order in orders {
            self.trace(|| match &order {
                Order::Store(_) => "  > Store".into(),
                o => format!("  > {o:?}"),
            });
            match order {
                Order::Feed { source, order } => self.feed_order(source, order),
                Order::Store(batch) => {
                    let ms = if hit(&mut self.rng, self.unkind.slow_store) { 5_000 } else { 1 + self.rng.below(20) };
                    let works = !hit(&mut self.rng, self.unkind.store_fails);
                    self.after(ms, Happening::Stored { batch: Box::new(batch), works });
                }
                Order::Deliver { sink, delivery } => {
                    let outcome = if hit(&mut self.rng, self.unkind.sink_fails) {
                        Wrote::Nothing
                    } else if hit(&mut self.rng, self.unkind.sink_unknown) {
                        Wrote::AllButUnknown
                    } else {
                        Wrote::All
                    };
                    let ms = if hit(&mut self.rng, self.unkind.slow_sink) { 40_000 } else { 1 + self.rng.below(30) };
                    self.after(ms, Happening::Written { sink, after: delivery.after, to: delivery.to, outcome });
                }
            }
        }
    }

    fn feed_order(&mut self, source: usize, order: FeedOrder) {
        match order {
            FeedOrder::StartLink { link, generation, symbols } => {
                let works = !hit(&mut self.rng, self.unkind.refuse_connect);
                let id = LinkId { source, link, generation, life: self.life };
                let muted = symbols.iter().copied().filter(|_| hit(&mut self.rng, self.unkind.mute_stream)).collect();
                self.connections.push(Connection { id, symbols, muted, frozen: false });
                let ms = 50 + self.rng.below(400);
                self.after(ms, Happening::Connected { link: id, works });
            }
            FeedOrder::StopLink { link, generation } => {
                self.connections.retain(|c| (c.id.source, c.id.link, c.id.generation) != (source, link, generation));
            }
            FeedOrder::Fetch { symbol, from, to } => {
                let slow = self.rng.below(10) == 0;
                let ms = 20 + self.rng.below(if slow { 8_000 } else { 300 });
                self.after(ms, Happening::Answer { source, symbol, from, to });
            }
            FeedOrder::Archive { symbol, .. } => self.after(100, Happening::Archive { source, symbol }),
        }
    }

    fn carries(&self, link: LinkId, symbol: u32) -> bool {
        self.connections.iter().any(|c| c.id == link && !c.frozen && !c.muted.contains(&symbol))
    }

    fn connected(&mut self, id: LinkId, works: bool) -> Result<(), String> {
        let Some(connection) = self.connections.iter().find(|c| c.id == id) else { return Ok(()) };
        let symbols = connection.symbols.clone();
        let LinkId { source, link, generation, .. } = id;
        if !works {
            self.totals.count("refused connections", 1);
            self.connections.retain(|c| c.id != id);
            let reason = "refused".into();
            return self.tell(Event::Feed { source, event: FeedEvent::Ended { link, generation, reason } });
        }
        self.totals.count("muted streams", connection.muted.len() as u64);
        for symbol in symbols {
            let ms = 30 + self.rng.below(2_000);
            self.after(ms, Happening::Frame { link: id, symbol });
        }
        self.tell(Event::Feed { source, event: FeedEvent::Opened { link, generation } })
    }

    /// The venue's side of a bar: its closing frames, and whatever goes wrong around them.
    fn bar_closes(&mut self, source: usize, row: i64) {
        let interval = self.truths[source][0].interval;
        self.at(interval.close_of(row + 1), Happening::BarCloses { source, row: row + 1 });
        let ids: Vec<(LinkId, Vec<u32>)> =
            self.connections.iter().filter(|c| c.id.source == source).map(|c| (c.id, c.symbols.clone())).collect();
        for (link, symbols) in ids {
            for symbol in symbols {
                let truth = &self.truths[source][symbol as usize];
                let next = truth.forming(row + 1, &mut self.rng);
                let Some(bar) = truth.bar(row) else { continue };
                let mut ms = 50 + self.rng.below(450);
                if hit(&mut self.rng, self.unkind.late_close) {
                    self.totals.count("late closes", 1);
                    ms += self.rng.below(28_000);
                }
                if hit(&mut self.rng, self.unkind.early_close) {
                    ms = 0;
                }
                if hit(&mut self.rng, self.unkind.never_close) {
                    self.totals.count("lost closes", 1);
                } else {
                    self.after(ms, Happening::Closing { link, symbol, bar });
                }
                if hit(&mut self.rng, self.unkind.twice) {
                    let later = ms + self.rng.below(70_000);
                    self.after(later, Happening::Closing { link, symbol, bar });
                }
                if hit(&mut self.rng, self.unkind.revise) {
                    let other = Bar::ohlcv(bar.open_time, 1.0, 2.0, 1.0, 2.0, 3.0);
                    let later = 35_000 + self.rng.below(70_000);
                    self.after(later, Happening::Closing { link, symbol, bar: other });
                }
                if next.is_some() {
                    self.after(500 + ms, Happening::Frame { link, symbol });
                }
            }
            if hit(&mut self.rng, self.unkind.drop_link) {
                self.totals.count("dropped links", 1);
                let ms = self.rng.below(60_000);
                self.after(ms, Happening::LinkEnds { link });
            } else if hit(&mut self.rng, self.unkind.freeze_link) {
                self.totals.count("frozen links", 1);
                if let Some(c) = self.connections.iter_mut().find(|c| c.id == link) {
                    c.frozen = true;
                }
                self.after(30_000, Happening::LinkEnds { link });
            }
        }
    }

    fn answer(&mut self, source: usize, symbol: u32, from: Ts, to: Ts) -> Result<(), String> {
        let gone = self.delisted.is_some_and(|(s, at)| s == symbol && self.now >= at);
        let down = self.rest_down.is_some_and(|(s, a, b)| s == symbol && (a..b).contains(&self.now));
        let event = match refusal(&mut self.rng, &self.unkind) {
            _ if gone => FeedEvent::Refused { symbol, refusal: Refusal::UnknownSymbol { reason: "gone".into() } },
            _ if down => FeedEvent::Failed { symbol, reason: "timeout".into() },
            Some(Ok(refusal)) => FeedEvent::Refused { symbol, refusal },
            Some(Err(reason)) => FeedEvent::Failed { symbol, reason },
            None => {
                let truth = &self.truths[source][symbol as usize];
                let at = (source, symbol as usize);
                let show = if self.is_table() { table } else { rest };
                FeedEvent::Rows {
                    symbol,
                    bars: show(self.seed, truth, at, from, to, self.now, self.unkind.rest_lag_ms),
                }
            }
        };
        if !matches!(event, FeedEvent::Rows { .. }) {
            self.totals.count("failed requests", 1);
        }
        self.tell(Event::Feed { source, event })
    }

    fn written(&mut self, sink: usize, after: u64, to: u64, outcome: Wrote) -> Result<(), String> {
        if outcome != Wrote::Nothing {
            self.shelves[sink].write(&self.disk.records[after as usize..to as usize]);
        }
        let not = |failure| Event::NotDelivered { sink, failure, reason: "no".into() };
        let event = match outcome {
            Wrote::All => Event::Delivered { sink, to },
            Wrote::Nothing => {
                self.totals.count("failed writes", 1);
                not(Failure::Retryable)
            }
            Wrote::AllButUnknown => {
                self.totals.count("writes of unknown outcome", 1);
                not(Failure::Unknown)
            }
        };
        self.tell(event)
    }
}

/// True if no source lacks a row of a symbol's history.
fn has_history(conductor: &Conductor, symbol: u32) -> bool {
    conductor.sources().iter().enumerate().all(|(i, source)| {
        let feed = conductor.feed(i);
        let next = |s: u32| source.terms.interval.close_of(feed.splice(s).next());
        (symbol as usize) >= feed.n_symbols() || next(symbol) > conductor.emit_after()
    })
}
