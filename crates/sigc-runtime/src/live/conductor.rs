//! The whole run as one machine: feeds, lanes, what is written down, and the sinks' cursors.
//!
//! In go events with the time they came at, out come orders; a driver carries them out and brings the answers back.
//! Nothing here waits, and no symbol, source or sink waits for another but where a plan says so.
//!
//! Bars pass through in this order, and a crash between any two steps loses and repeats nothing:
//! feed (each row once) → lane (rows of the signals) → batch (stored whole) → outbox (rows the journal has) → sink.
//! What is stored and not confirmed by a sink is offered to it again; what is not stored is fetched again.
//!
//! Where ops read the whole universe, all its lanes take every step together; see `universe`.
//!
//! A symbol is one lane, whatever signals it has. Sources can have other universes: a lane takes the bars of those that
//! have its symbol, and has rows of the signals whose frames come from them.

mod universe;

use self::universe::Universe;
use super::barrier::{Barrier, BarrierEvent};
use super::entry::{BarEntry, BarFate, BarId};
use super::entry::{Batch, CursorEntry, Oddity, Restored, RowEntry, RowFate, SnapshotEntry};
use super::feed::{Feed, FeedEvent, FeedNote, FeedOrder, FeedOut, Supply};
use super::lane::Lane;
use super::outbox::{Batching, Delivery, Failure, Outbox, OutboxState};
use super::retry::{Retry, RetryPolicy};
use super::splice::Terms;
use crate::Record;
use crate::signals::{Reader, Said, SignalRow, Signals};
use sigc_engine::{Engine, EngineError, Outcome, Predict, PredictFaults, SnapshotError, Warmth};
use sigc_market::{Interval, Symbol, Ts};
use sigc_plan::lookback::{Oldest, Until};
use sigc_plan::{ColumnId, FrameId, Plan};
use std::collections::HashMap;

/// A lane's state is stored after so many of its steps: a restart replays at most as many bars.
const STEPS_PER_SNAPSHOT: u32 = 400;
/// Entries that wait for the journal before intake is to pause.
const MOST_PENDING: usize = 200_000;
/// Rows of history before the first one that is needed. If that one is a gap, a bar before it tells the gap from the
/// beginning of the symbol's life.
pub const HISTORY_MARGIN_ROWS: i64 = 16;
/// How a failed store is tried again.
const STORE: RetryPolicy = RetryPolicy { first_ms: 200, cap_ms: 10_000 };

/// What happens to rows that closed while the process was down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CatchUp {
    /// They are emitted late.
    #[default]
    Emit,
    /// They are emitted and marked.
    Mark,
    /// They are not emitted.
    Skip,
}

/// One data step of the run.
#[derive(Debug, Clone)]
pub struct SourceSetup {
    /// Its frame.
    pub frame: FrameId,
    /// Its universe.
    pub symbols: Vec<Symbol>,
    /// Its times.
    pub terms: Terms,
    /// How its bars come.
    pub supply: Supply,
}

/// Everything a run is made of.
pub struct Setup {
    /// An engine whose outputs are [`Plan::signal_columns`].
    pub engine: Engine,
    /// The plan's models by id.
    pub models: Vec<Box<dyn Predict>>,
    /// The data steps, in the order of the plan.
    pub sources: Vec<SourceSetup>,
    /// Symbols that rows are emitted for: [`Plan::symbols`].
    pub symbols: Vec<Symbol>,
    /// Batching per sink, in the order of the pipeline.
    pub sinks: Vec<Batching>,
    /// `warmup.catch_up`
    pub catch_up: CatchUp,
    /// `warmup.lookback_days`, if that is more than what is needed.
    pub lookback_ms: Option<i64>,
    /// `scheduling.buffer_minutes`: how long the rows of one bar time wait for each other.
    pub buffer_ms: i64,
    /// Of jitter.
    pub seed: u64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// To a data step.
    Feed {
        /// Its position.
        source: usize,
        /// What.
        event: FeedEvent,
    },
    /// The journal has the batch.
    Stored,
    /// The journal could not store the batch: nothing of it is there.
    NotStored {
        /// Why, in words.
        reason: String,
    },
    /// A sink has confirmed rows.
    Delivered {
        /// Its position.
        sink: usize,
        /// The last row.
        to: u64,
    },
    /// A sink has not confirmed rows.
    NotDelivered {
        /// Its position.
        sink: usize,
        /// What is known.
        failure: Failure,
        /// Why, in words.
        reason: String,
    },
    /// Time passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// For a data step.
    Feed {
        /// Its position.
        source: usize,
        /// What.
        order: FeedOrder,
    },
    /// Store a batch whole, then report. No further batch comes before.
    Store(Batch),
    /// Offer rows to a sink, then report. No further rows come before.
    Deliver {
        /// Its position.
        sink: usize,
        /// Which rows.
        delivery: Delivery,
    },
}

/// Something a person may want to know.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// Of a data step.
    Feed {
        /// Its position.
        source: usize,
        /// What.
        note: FeedNote,
    },
    /// Every symbol that is not quarantined has its history, and rows come.
    Ready,
    /// A symbol has its history.
    SymbolReady {
        /// Its position.
        symbol: u32,
    },
    /// A bar that changed nothing.
    Odd(Oddity),
    /// A model gave no number.
    ModelFailed {
        /// Its symbol.
        symbol: u32,
        /// Why.
        reason: String,
    },
    /// The universe of one bar time of a frame is complete, or who is missing.
    Barrier {
        /// A frame that signals are of.
        frame: FrameId,
        /// What.
        event: BarrierEvent,
    },
    /// The journal does not store; it is tried again.
    StoreFailed {
        /// Why.
        reason: String,
    },
    /// A sink does not take rows; they wait in the journal.
    SinkFailed {
        /// Its position.
        sink: usize,
        /// Why.
        reason: String,
        /// It will be offered nothing more.
        stopped: bool,
    },
    /// A sink has not answered within its limit.
    SinkStalled {
        /// Its position.
        sink: usize,
    },
}

/// What a step gave.
#[derive(Debug, Default)]
pub struct Out {
    /// What to do.
    pub orders: Vec<Order>,
    /// What to say.
    pub notes: Vec<Note>,
    /// Bars that were decided.
    pub bars: Vec<BarEntry>,
    /// Rows of the signals, with their fate.
    pub rows: Vec<RowEntry>,
}

/// Why a run cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// A stored lane cannot be read.
    #[error("the stored state of {symbol} cannot be used: {error}")]
    Snapshot {
        /// The symbol.
        symbol: Symbol,
        /// Why.
        error: SnapshotError,
    },
    /// The engine refuses stored bars.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The symbols of a plan that ranks them have states of several instants, or some have none.
    #[error("the stored states of the symbols are not of one instant")]
    Apart,
}

/// How far a lane has come with writing itself down.
#[derive(Debug, Clone, Default)]
struct Written {
    steps: u32,
    ready: bool,
    stored: bool,
    /// By signal, the open time of the newest row with an entry.
    newest_row: Vec<Option<Ts>>,
}

/// What is written down next.
#[derive(Debug, Default)]
struct Journalling {
    pending: Batch,
    /// The batch the driver is storing, kept until it says that it is there.
    storing: Option<Batch>,
    /// Bars that are not to be stored before the state of the universe is.
    held: Option<Vec<BarEntry>>,
    last_seq: u64,
    retry_at: Option<Ts>,
}

/// A run.
pub struct Conductor {
    engine: Engine,
    signals: Signals,
    models: Vec<Box<dyn Predict>>,
    sources: Vec<SourceSetup>,
    symbols: Vec<Symbol>,
    feeds: Vec<Feed>,
    lanes: Vec<Lane>,
    /// Where ops are over the universe.
    universe: Option<Universe>,
    written: Vec<Written>,
    /// Per source, the lane of each of its symbols.
    lane_of: Vec<Vec<Option<usize>>>,
    /// Per lane, its symbol's place in each source.
    place_of: Vec<Vec<Option<u32>>>,
    /// Per lane, the columns of the signals that it has rows of.
    columns_of: Vec<Vec<ColumnId>>,
    /// One for each frame that signals are of.
    barriers: Vec<(FrameId, Barrier)>,
    journal: Journalling,
    store_retry: Retry,
    outboxes: Vec<Outbox>,
    stalled: Vec<bool>,
    catch_up: CatchUp,
    /// Stored fates of rows that are fetched again, because their lane's state was not stored yet.
    decided: HashMap<BarId, BarFate>,
    /// Rows that closed by then are history.
    emit_after: Ts,
    /// Rows that closed by then closed while the process was down.
    started: Ts,
    ready: bool,
    history_from: Vec<Ts>,
    /// The number of the newest row of earlier runs.
    first_seq: u64,
    feed_out: FeedOut,
}

impl Conductor {
    /// A run that begins, or goes on from what a journal has.
    ///
    /// # Errors
    /// If the journal's state does not go with the plan.
    pub fn new(setup: Setup, restored: Option<Restored>, now: Ts) -> Result<Conductor, ResumeError> {
        let restored = restored.unwrap_or_default();
        let emit_after = restored.emit_after.unwrap_or(now);
        let signals = Signals::of(&setup.engine);
        let by_name: HashMap<&Symbol, usize> = setup.symbols.iter().enumerate().map(|(i, s)| (s, i)).collect();
        let lane_of: Vec<Vec<Option<usize>>> =
            setup.sources.iter().map(|s| s.symbols.iter().map(|x| by_name.get(x).copied()).collect()).collect();
        let place = |lane: usize, source: &SourceSetup| {
            source.symbols.iter().position(|s| *s == setup.symbols[lane]).map(|p| p as u32)
        };
        let place_of: Vec<Vec<Option<u32>>> =
            (0..setup.symbols.len()).map(|l| setup.sources.iter().map(|s| place(l, s)).collect()).collect();

        let frames = |lane: usize| -> Vec<Option<(FrameId, Interval)>> {
            let has = |(s, place): (&SourceSetup, &Option<u32>)| place.map(|_| (s.frame, s.terms.interval));
            setup.sources.iter().zip(&place_of[lane]).map(has).collect()
        };

        let nothing = Written { newest_row: vec![None; signals.len()], ..Written::default() };
        let mut written = vec![nothing; setup.symbols.len()];
        for ((signal, symbol), open) in &restored.rows {
            let newest = written.get_mut(*symbol as usize).and_then(|w| w.newest_row.get_mut(usize::from(*signal)));
            if let Some(newest) = newest {
                *newest = Some(*open);
            }
        }
        let mut lanes: Vec<Lane> = (0..setup.symbols.len()).map(|s| Lane::new(&setup.engine, s, &frames(s))).collect();
        let mut taken: Vec<Option<Ts>> = vec![None; lanes.len()];
        for snapshot in &restored.snapshots {
            let s = snapshot.symbol as usize;
            let Some(lane) = lanes.get_mut(s) else { continue };
            *lane = Lane::restore(&setup.engine, &snapshot.bytes, &frames(s))
                .map_err(|error| ResumeError::Snapshot { symbol: setup.symbols[s].clone(), error })?;
            taken[s] = Some(snapshot.at);
            written[s].stored = true;
        }

        let universe = Universe::of(&setup.engine);
        if universe.is_some() && taken.iter().any(|at| *at != taken[0]) {
            return Err(ResumeError::Apart);
        }

        let held = (universe.is_some() && taken.iter().all(Option::is_none)).then(Vec::new);

        // Where each sequence goes on: behind the lane's state and the stored bars, or where its history begins.
        let oldest = oldest_rows(&setup, emit_after, now);
        let history_from = setup.sources.iter().zip(&oldest).map(|(s, &row)| s.terms.interval.open_of(row)).collect();
        let has_begun = |lane: &Option<usize>, frame| lane.is_some_and(|l| lanes[l].live().has_begun(frame));
        let mut starts: Vec<Vec<(i64, bool)>> = Vec::new();
        for (i, source) in setup.sources.iter().enumerate() {
            let known = |lane: &Option<usize>| lane.and_then(|l| taken[l]);
            let begin = |lane: &Option<usize>| match known(lane) {
                // In step with others a lane has a state before its symbol is listed.
                Some(at) => {
                    (source.terms.interval.last_closed(at) + 1, universe.is_none() || has_begun(lane, source.frame))
                }
                None => (oldest[i], false),
            };
            starts.push(lane_of[i].iter().map(begin).collect());
        }
        let mut decided = HashMap::new();
        let mut stored = restored.bars;
        stored.sort_by_key(|b| b.id);
        for entry in &stored {
            let (i, s) = (usize::from(entry.id.source), entry.id.symbol as usize);
            let Some(start) = starts.get_mut(i).and_then(|s_| s_.get_mut(s)) else { continue };
            let known = lane_of[i][s].is_some_and(|l| taken[l].is_some());
            if known && !start.1 && entry.id.row >= start.0 {
                // Its first row: the symbol was listed after the state was stored.
                *start = (entry.id.row, true);
            }
            if !start.1 || entry.id.row != start.0 {
                // Rows before it are fetched anew, because no state that has them was stored, and this one with them.
                // Its fate stays.
                decided.insert(entry.id, entry.fate);
                continue;
            }
            start.0 += 1;
            if let Some(lane) = lane_of[i][s] {
                lanes[lane].push(i, entry.id.row, &entry.fate, entry.at);
            }
        }
        let feeds = setup
            .sources
            .iter()
            .zip(&starts)
            .enumerate()
            .map(|(i, (s, starts))| {
                let feed = Feed::new(s.terms, s.supply, starts, now, setup.seed ^ ((i as u64) << 48));
                if universe.is_some() { feed.awaited() } else { feed }
            })
            .collect();
        let cursor = |sink: usize| restored.cursors.iter().find(|c| usize::from(c.sink) == sink).map_or(0, |c| c.seq);
        let mut outboxes: Vec<Outbox> = setup
            .sinks
            .iter()
            .enumerate()
            .map(|(i, batching)| Outbox::new(cursor(i), *batching, setup.seed ^ ((i as u64) << 32)))
            .collect();
        outboxes.iter_mut().for_each(|o| o.committed(restored.last_seq, now));
        let mut conductor = Conductor {
            barriers: barriers(&setup, &place_of, now),
            columns_of: place_of.iter().map(|places| columns_of(&setup, places)).collect(),
            signals,
            stalled: vec![false; outboxes.len()],
            journal: Journalling { held, last_seq: restored.last_seq, ..Journalling::default() },
            store_retry: Retry::new(STORE, setup.seed),
            engine: setup.engine,
            models: setup.models,
            sources: setup.sources,
            symbols: setup.symbols,
            catch_up: setup.catch_up,
            started: now,
            ready: false,
            history_from,
            first_seq: restored.last_seq,
            feed_out: FeedOut::default(),
            decided,
            feeds,
            lanes,
            universe,
            written,
            lane_of,
            place_of,
            outboxes,
            emit_after,
        };
        let mut out = Out::default();
        let all: Vec<usize> = (0..conductor.lanes.len()).collect();
        conductor.advance(&all, now, &mut out)?;
        Ok(conductor)
    }

    /// When rows began to be emitted; to be stored with the first run.
    pub fn emit_after(&self) -> Ts {
        self.emit_after
    }

    /// Open time of the first bar that each source's history begins with, in the order of the sources. Recursive values
    /// have the same bits wherever they are computed from the same first bar.
    pub fn history_from(&self) -> &[Ts] {
        &self.history_from
    }

    /// The feed of a data step.
    pub fn feed(&self, source: usize) -> &Feed {
        &self.feeds[source]
    }

    /// The data steps.
    pub fn sources(&self) -> &[SourceSetup] {
        &self.sources
    }

    /// The symbols of all signals.
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// The name of a frame of the plan.
    pub fn frame_name(&self, frame: FrameId) -> &str {
        &self.engine.plan().frame(frame).name
    }

    /// The sinks' ways.
    pub fn outboxes(&self) -> &[Outbox] {
        &self.outboxes
    }

    /// True if intake is to pause until the journal has caught up.
    pub fn is_full(&self) -> bool {
        self.journal.pending.bars.len() + self.journal.pending.rows.len() >= MOST_PENDING
    }

    /// Entries that the journal does not have yet.
    pub fn unstored(&self) -> usize {
        let n = |b: &Batch| b.bars.len() + b.rows.len() + b.snapshots.len() + b.cursors.len();
        n(&self.journal.pending) + self.journal.storing.as_ref().map_or(0, n)
    }

    /// Rows that went to the journal in this run.
    pub fn emitted(&self) -> u64 {
        self.journal.last_seq - self.first_seq
    }

    /// True if a symbol's history is there, for all its signals, and no closed bar is missing.
    pub fn is_ready(&self, symbol: u32, now: Ts) -> bool {
        self.warmth(symbol) == Some(Warmth::Ready) && self.is_continuous(symbol, now)
    }

    /// True if the symbol was given up in some source.
    pub fn is_quarantined(&self, symbol: u32) -> bool {
        self.splices(symbol).any(super::splice::Splice::is_ended)
    }

    /// How far a symbol is from being warm for all its signals.
    pub fn warmth(&self, symbol: u32) -> Option<Warmth> {
        let lane = self.lanes.get(symbol as usize)?;
        Some(lane.live().warmth_of(&self.columns_of[symbol as usize]))
    }

    /// How long the oldest bar that a symbol lacks has been closed.
    pub fn behind_ms(&self, symbol: u32, now: Ts) -> i64 {
        self.splices(symbol).map(|s| s.behind_ms(now)).max().unwrap_or(0)
    }

    /// Closed bars that are not there yet, over all sources and symbols.
    pub fn missing(&self, now: Ts) -> i64 {
        let of = |f: &Feed| {
            (0..f.n_symbols() as u32)
                .map(|s| f.splice(s))
                .filter(|s| !s.is_ended())
                .map(|s| s.missing(now))
                .sum::<i64>()
        };
        self.feeds.iter().map(of).sum()
    }

    /// Takes an event.
    ///
    /// # Errors
    /// A bar that the engine refuses: the run is over. What was released before is stored and delivered all the same.
    pub fn handle(&mut self, event: Event, now: Ts, out: &mut Out) -> Result<(), EngineError> {
        let mut result = Ok(());
        match event {
            Event::Feed { source, event } => result = self.feed_event(source, event, now, out),
            Event::Stored => self.stored(now),
            Event::NotStored { reason } => {
                self.journal.retry_at = Some(Ts(now.0 + self.store_retry.failed()));
                out.notes.push(Note::StoreFailed { reason });
            }
            Event::Delivered { sink, to } => {
                if let Some(outbox) = self.outboxes.get_mut(sink)
                    && outbox.delivered(to)
                {
                    self.stalled[sink] = false;
                    self.journal.pending.cursors.retain(|c| usize::from(c.sink) != sink);
                    self.journal.pending.cursors.push(CursorEntry { sink: sink as u16, seq: to });
                }
            }
            Event::NotDelivered { sink, failure, reason } => {
                if let Some(outbox) = self.outboxes.get_mut(sink) {
                    outbox.failed(now, failure);
                    let stopped = outbox.state() == OutboxState::Stopped;
                    out.notes.push(Note::SinkFailed { sink, reason, stopped });
                }
            }
            Event::Tick => {
                for source in 0..self.feeds.len() {
                    if self.feeds[source].wake_at().is_some_and(|at| at <= now) {
                        let ticked = self.feed_event(source, FeedEvent::Tick, now, out);
                        result = result.and(ticked);
                    }
                }
                if self.universe.as_ref().and_then(|u| u.wake_at).is_some_and(|at| at <= now) {
                    let advanced = self.advance(&[], now, out);
                    result = result.and(advanced);
                }
            }
        }
        for (frame, barrier) in &mut self.barriers {
            out.notes.extend(barrier_notes(*frame, barrier.due(now)));
        }
        self.store(now, out);
        self.deliver(now, out);
        result
    }

    /// When [`Event::Tick`] has something to do.
    pub fn wake_at(&self) -> Option<Ts> {
        let feeds = self.feeds.iter().filter_map(Feed::wake_at);
        let barriers = self.barriers.iter().filter_map(|(_, b)| b.wake_at());
        let sinks =
            self.outboxes.iter().zip(&self.stalled).filter(|(_, stalled)| !**stalled).filter_map(|(o, _)| o.wake_at());
        let universe = self.universe.as_ref().and_then(|u| u.wake_at);
        feeds.chain(sinks).chain(self.journal.retry_at).chain(barriers).chain(universe).min()
    }

    /// The end is near: every lane's state is stored, and sinks are not waited for to fill their batches.
    pub fn drain(&mut self, now: Ts, out: &mut Out) {
        for lane in 0..self.lanes.len() {
            if self.written[lane].stored && self.written[lane].steps > 0 {
                self.snapshot(lane);
            }
        }
        self.outboxes.iter_mut().for_each(|o| o.drain(now));
        self.store(now, out);
        self.deliver(now, out);
    }

    /// True if everything is stored and every sink that still takes rows has them.
    pub fn is_drained(&self) -> bool {
        let delivered = |o: &Outbox| matches!(o.state(), OutboxState::Idle | OutboxState::Stopped);
        self.unstored() == 0 && self.outboxes.iter().all(delivered)
    }

    fn feed_event(&mut self, source: usize, event: FeedEvent, now: Ts, out: &mut Out) -> Result<(), EngineError> {
        let mut fed = std::mem::take(&mut self.feed_out);
        if let Some(feed) = self.feeds.get_mut(source) {
            feed.handle(event, now, &mut fed);
        }
        let mut touched: Vec<usize> = Vec::new();
        self.take_fed(source, &mut fed, now, out, &mut touched);
        self.feed_out = fed;
        self.advance(&touched, now, out)
    }

    /// Takes what a feed gave; `touched` are the lanes that got something of it.
    fn take_fed(&mut self, source: usize, fed: &mut FeedOut, now: Ts, out: &mut Out, touched: &mut Vec<usize>) {
        let interval = self.sources[source].terms.interval;
        for (symbol, mut release) in fed.released.drain(..) {
            let id = BarId { source: source as u16, symbol, row: release.row };
            if let Some(fate) = self.decided.remove(&id) {
                release.fate = fate;
            } else if interval.close_of(release.row) > self.emit_after {
                let entry = BarEntry { id, fate: release.fate, at: now };
                self.journal.held.as_mut().unwrap_or(&mut self.journal.pending.bars).push(entry);
                out.bars.push(entry);
            }
            if let Some(lane) = self.lane_of[source][symbol as usize] {
                self.lanes[lane].push(source, release.row, &release.fate, now);
                self.bar_arrived(source, interval.close_of(release.row), lane, now, out);
                if touched.last() != Some(&lane) {
                    touched.push(lane);
                }
            }
        }
        for (symbol, odd) in fed.odd.drain(..) {
            let oddity = Oddity { id: BarId { source: source as u16, symbol, row: odd.row }, kind: odd.kind, at: now };
            self.journal.pending.oddities.push(oddity);
            out.notes.push(Note::Odd(oddity));
        }
        for note in fed.notes.drain(..) {
            if let FeedNote::Quarantined { symbol, .. } = &note
                && let Some(lane) = self.lane_of[source][*symbol as usize]
            {
                for (frame, barrier) in &mut self.barriers {
                    out.notes.extend(barrier_notes(*frame, barrier.quarantine(lane as u32, now)));
                }
                touched.push(lane);
            }
            out.notes.push(Note::Feed { source, note });
        }
        out.orders.extend(fed.orders.drain(..).map(|order| Order::Feed { source, order }));
    }

    /// Takes every step that can be taken now that these lanes got something.
    fn advance(&mut self, touched: &[usize], now: Ts, out: &mut Out) -> Result<(), EngineError> {
        let mut result = Ok(());
        if let Some(mut universe) = self.universe.take() {
            let stepped = self.advance_universe(&mut universe, now, out);
            self.universe = Some(universe);
            if stepped.as_ref().is_ok_and(|stepped| *stepped) {
                (0..self.lanes.len()).for_each(|lane| self.look_ready(lane, now, out));
            } else {
                touched.iter().for_each(|&lane| self.look_ready(lane, now, out));
            }
            result = stepped.map(drop);
        } else {
            for &lane in touched {
                let advanced = self.advance_lane(lane, now, out);
                result = result.and(advanced);
            }
        }
        if !self.ready && (0..self.lanes.len()).all(|l| self.written[l].ready || self.is_quarantined(l as u32)) {
            self.ready = true;
            out.notes.push(Note::Ready);
        }
        result
    }

    /// Takes every step a lane can take.
    fn advance_lane(&mut self, lane: usize, now: Ts, out: &mut Out) -> Result<(), EngineError> {
        while let Some(at) = self.lanes[lane].next_instant() {
            let mut reader = Reader::new(&self.signals);
            let outcome = self.lanes[lane].step(at, &mut self.models, &mut reader)?;
            let rows = reader.finish();
            self.said(lane, &outcome, rows, now, out);
            if self.written[lane].stored && self.written[lane].steps >= STEPS_PER_SNAPSHOT {
                self.snapshot(lane);
            }
        }
        self.look_ready(lane, now, out);
        Ok(())
    }

    /// Takes what came of a lane's step.
    fn said(&mut self, lane: usize, outcome: &Outcome, rows: Vec<SignalRow>, now: Ts, out: &mut Out) {
        if let Some(error) = &outcome.predict.last {
            out.notes.push(Note::ModelFailed { symbol: lane as u32, reason: error.to_string() });
        }
        for row in rows {
            self.row(lane, row, &outcome.predict, now, out);
        }
        self.written[lane].steps += 1;
    }

    /// Says once that a symbol is ready. A lone lane's state is stored from then on: before, its history is fetched anew.
    fn look_ready(&mut self, lane: usize, now: Ts, out: &mut Out) {
        let symbol = lane as u32;
        let alone = self.universe.is_none();
        if alone && !self.written[lane].stored && self.splices(symbol).all(|s| s.begun() && s.is_live()) {
            self.snapshot(lane);
        }
        if !self.written[lane].ready && self.is_ready(symbol, now) {
            self.written[lane].ready = true;
            out.notes.push(Note::SymbolReady { symbol });
        }
    }

    fn row(&mut self, lane: usize, row: SignalRow, faults: &PredictFaults, now: Ts, out: &mut Out) {
        let ts = self.signals.ts(&row);
        let SignalRow { close, signal, open_time, said } = row;
        let newest = &mut self.written[lane].newest_row[usize::from(signal)];
        if close <= self.emit_after || newest.is_some_and(|newest| open_time <= newest) {
            return;
        }
        *newest = Some(open_time);
        let missed = close <= self.started && self.started > self.emit_after;
        let fate = match said {
            Said::Cold => RowFate::Warmup,
            Said::Quiet => RowFate::Quiet,
            Said::Null if self.signals.is_failure(signal, faults) => RowFate::ModelFailed,
            Said::Null => RowFate::NullInput,
            Said::Value { .. } if missed && self.catch_up == CatchUp::Skip => RowFate::Skipped,
            Said::Value { value, extra } => {
                self.journal.last_seq += 1;
                let symbol = self.symbols[lane].clone();
                let latency_ms = Some(now.0 - close.0);
                let record = Record { signal, symbol, ts, open_time, value, extra, caught_up: missed, latency_ms };
                RowFate::Emitted { seq: self.journal.last_seq, record }
            }
        };
        // Where all wait for all, who has no bar is told, and not who has no row.
        if close > self.started && !self.engine.is_over_universe() {
            let frame = self.signals.frame(signal);
            if let Some((_, barrier)) = self.barriers.iter_mut().find(|(f, _)| *f == frame) {
                out.notes.extend(barrier_notes(frame, barrier.arrived(close, lane as u32, now)));
            }
        }
        let entry = RowEntry { signal, symbol: lane as u32, open_time, fate };
        self.journal.pending.rows.push(entry.clone());
        out.rows.push(entry);
    }

    fn snapshot(&mut self, lane: usize) {
        let live = self.lanes[lane].live();
        let Some(at) = live.at() else { return };
        let symbol = lane as u32;
        let entry = SnapshotEntry { symbol, at, bytes: live.snapshot() };
        self.journal.pending.snapshots.retain(|s| s.symbol != symbol);
        self.journal.pending.snapshots.push(entry);
        self.written[lane].steps = 0;
        self.written[lane].stored = true;
    }

    fn store(&mut self, now: Ts, out: &mut Out) {
        let journal = &mut self.journal;
        if let Some(batch) = &journal.storing {
            if journal.retry_at.is_some_and(|at| now >= at) {
                journal.retry_at = None;
                out.orders.push(Order::Store(batch.clone()));
            }
        } else if !journal.pending.is_empty() {
            let batch = std::mem::take(&mut journal.pending);
            journal.storing = Some(batch.clone());
            out.orders.push(Order::Store(batch));
        }
    }

    fn stored(&mut self, now: Ts) {
        let Some(batch) = self.journal.storing.take() else { return };
        self.journal.retry_at = None;
        self.store_retry.succeeded();
        let newest = batch.rows.iter().rev().find_map(|r| match &r.fate {
            RowFate::Emitted { seq, .. } => Some(*seq),
            _ => None,
        });
        if let Some(seq) = newest {
            self.outboxes.iter_mut().for_each(|o| o.committed(seq, now));
        }
    }

    fn deliver(&mut self, now: Ts, out: &mut Out) {
        for (sink, outbox) in self.outboxes.iter_mut().enumerate() {
            if outbox.expired(now) && !std::mem::replace(&mut self.stalled[sink], true) {
                out.notes.push(Note::SinkStalled { sink });
            }
            if let Some(delivery) = outbox.next(now) {
                out.orders.push(Order::Deliver { sink, delivery });
            }
        }
    }

    /// The symbol's sequences in all sources.
    fn splices(&self, symbol: u32) -> impl Iterator<Item = &super::splice::Splice> {
        let places = self.place_of.get(symbol as usize).map(Vec::as_slice).unwrap_or_default();
        places.iter().zip(&self.feeds).filter_map(|(place, feed)| place.map(|p| feed.splice(p)))
    }

    fn is_continuous(&self, symbol: u32, now: Ts) -> bool {
        let places = self.place_of.get(symbol as usize).map(Vec::as_slice).unwrap_or_default();
        let behind = |(place, feed): (&Option<u32>, &Feed)| {
            place.is_some_and(|p| !feed.splice(p).is_continuous(now, 2 * feed.terms().grace_ms))
        };
        !places.iter().zip(&self.feeds).any(behind)
    }
}

/// Per source, the first row of history: what the first row of each signal needs, or more if asked for.
fn oldest_rows(setup: &Setup, emit_after: Ts, now: Ts) -> Vec<i64> {
    let plan: &Plan = setup.engine.plan();
    let needs = |signal: &sigc_plan::Signal| -> Oldest {
        let interval = plan.frame(plan.frame_of(signal)).interval;
        let first = interval.close_of(interval.index_of(emit_after));
        plan.structure().oldest(&plan.roots_of(signal), first, Until::Settled)
    };
    let needs: Vec<Oldest> = plan.signals.iter().map(needs).collect();
    let of = |source: &SourceSetup| {
        let interval = source.terms.interval;
        let needed = needs.iter().filter_map(|n| n.frame(source.frame)).min();
        let needed = needed.unwrap_or_else(|| interval.last_closed(now));
        let asked = setup.lookback_ms.map(|ms| interval.index_of(Ts(emit_after.0.saturating_sub(ms))));
        asked.map_or(needed, |a| a.min(needed)) - HISTORY_MARGIN_ROWS
    };
    setup.sources.iter().map(of).collect()
}

/// True if a lane with these places in the sources has rows of a frame.
fn has_rows(setup: &Setup, places: &[Option<u32>], frame: FrameId) -> bool {
    let root = setup.engine.plan().structure().source_of(frame);
    setup.sources.iter().zip(places).any(|(s, place)| s.frame == root && place.is_some())
}

/// The columns of the signals that a lane has rows of.
fn columns_of(setup: &Setup, places: &[Option<u32>]) -> Vec<ColumnId> {
    let plan = setup.engine.plan();
    let mine = plan.signals.iter().filter(|s| has_rows(setup, places, plan.frame_of(s)));
    mine.flat_map(sigc_plan::Signal::columns).collect()
}

/// A barrier for each frame that signals are of. Lanes that have no rows of it are not waited for.
fn barriers(setup: &Setup, place_of: &[Vec<Option<u32>>], now: Ts) -> Vec<(FrameId, Barrier)> {
    let plan = setup.engine.plan();
    let mut frames: Vec<FrameId> = plan.signals.iter().map(|s| plan.frame_of(s)).collect();
    frames.sort();
    frames.dedup();
    let make = |frame: FrameId| {
        let mut barrier = Barrier::new(place_of.len(), Some(setup.buffer_ms));
        for lane in (0..place_of.len()).filter(|&l| !has_rows(setup, &place_of[l], frame)) {
            barrier.quarantine(lane as u32, now);
        }
        (frame, barrier)
    };
    frames.into_iter().map(make).collect()
}

fn barrier_notes(frame: FrameId, events: Vec<BarrierEvent>) -> impl Iterator<Item = Note> {
    events.into_iter().map(move |event| Note::Barrier { frame, event })
}
