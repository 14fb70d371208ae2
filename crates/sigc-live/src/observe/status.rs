//! What a run leaves for whoever asks how it is: the beats of its loops, and a view of its state.
//!
//! A loop beats by an atomic of its own, so a beat costs nothing and a loop that hangs cannot hide it: the first beat is
//! the start, and health is computed when somebody asks. The view is built by the owner of the computation, about once
//! a second, and replaced whole; nobody who reads it can hold the owner up.

use serde::Serialize;
use sigc_market::Ts;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// A view older than this says nothing about readiness: the loop that replaces it every second hangs.
pub const STALE_VIEW: Duration = Duration::from_secs(10);
/// Notes that a view shows: the latest ones.
pub const MOST_NOTES: usize = 50;

/// The beats and the view of a run, shared by reference count.
#[derive(Debug)]
pub struct Status {
    begun: Instant,
    parts: Vec<Part>,
    view: RwLock<(Arc<StatusView>, Instant)>,
}

#[derive(Debug)]
struct Part {
    name: String,
    limit: Duration,
    /// Milliseconds after `begun`; [`ENDED`] if no beat is awaited.
    last: AtomicI64,
}

const ENDED: i64 = i64::MIN;

/// A part, by its place in the list [`Status::new`] was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartId(pub usize);

/// How long a part has been silent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beat {
    /// Its name.
    pub part: String,
    /// Since its last beat.
    pub silent_seconds: f64,
    /// How long it may be silent.
    pub limit_seconds: f64,
}

impl Beat {
    /// True if it is silent for longer than its limit.
    pub fn is_late(&self) -> bool {
        self.silent_seconds > self.limit_seconds
    }
}

impl Status {
    /// Every part with how long it may be silent; each beats now for the first time.
    pub fn new(parts: &[(&str, Duration)], view: StatusView) -> Status {
        let begun = Instant::now();
        let part = |&(name, limit): &(&str, Duration)| Part { name: name.to_owned(), limit, last: AtomicI64::new(0) };
        Status { begun, parts: parts.iter().map(part).collect(), view: RwLock::new((Arc::new(view), begun)) }
    }

    /// The part of that name.
    pub fn part(&self, name: &str) -> Option<PartId> {
        self.parts.iter().position(|p| p.name == name).map(PartId)
    }

    /// The part's loop has turned. A part that is not in the list is ignored; one that had ended is awaited again.
    pub fn beat(&self, part: PartId) {
        self.beat_at(part, Instant::now());
    }

    /// [`Status::beat`] at an instant; one before the start counts as the start.
    pub fn beat_at(&self, part: PartId, at: Instant) {
        if let Some(part) = self.parts.get(part.0) {
            let ms = at.saturating_duration_since(self.begun).as_millis();
            part.last.store(i64::try_from(ms).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }

    /// The part has ended as it should: no beat is awaited.
    pub fn ended(&self, part: PartId) {
        if let Some(part) = self.parts.get(part.0) {
            part.last.store(ENDED, Ordering::Relaxed);
        }
    }

    /// How long every awaited part has been silent.
    pub fn beats(&self, now: Instant) -> Vec<Beat> {
        let since_begun = now.saturating_duration_since(self.begun).as_millis() as i64;
        let beat = |p: &Part| {
            let last = p.last.load(Ordering::Relaxed);
            (last != ENDED).then(|| Beat {
                part: p.name.clone(),
                silent_seconds: since_begun.saturating_sub(last).max(0) as f64 / 1_000.0,
                limit_seconds: p.limit.as_secs_f64(),
            })
        };
        self.parts.iter().filter_map(beat).collect()
    }

    /// Time since [`Status::new`].
    pub fn uptime(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Replaces the view.
    pub fn show(&self, view: StatusView) {
        // What is replaced is dropped after the lock.
        let new = (Arc::new(view), Instant::now());
        let _old = std::mem::replace(&mut *self.view.write().unwrap_or_else(PoisonError::into_inner), new);
    }

    /// The view and its age.
    pub fn view(&self) -> (Arc<StatusView>, Duration) {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        (view.0.clone(), view.1.elapsed())
    }
}

/// Where a run is between its start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It loads history.
    #[default]
    Warmup,
    /// Rows come.
    Live,
    /// It ends: what is under way is finished.
    Draining,
}

/// The state of a run at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StatusView {
    /// The id of the run.
    pub run: String,
    /// Version of the program.
    pub version: String,
    /// The pipeline's file or name.
    pub pipeline: String,
    /// Of the plan.
    pub fingerprint: String,
    /// When the run started, on this machine's clock.
    #[serde(serialize_with = "iso")]
    pub started: Option<Ts>,
    /// The venue's clock.
    #[serde(serialize_with = "iso")]
    pub venue_time: Option<Ts>,
    /// Venue time per real time; 1 but for simulations.
    pub speed: f64,
    /// Where it is.
    pub phase: Phase,
    /// Until the last symbol is ready, as far as can be told.
    pub ready_in_seconds: Option<f64>,
    /// The data steps.
    pub sources: Vec<SourceView>,
    /// The symbols that rows are emitted for.
    pub symbols: Vec<SymbolView>,
    /// Rows that went to the sinks since the journal began.
    pub rows_emitted: u64,
    /// The signals.
    pub signals: Vec<SignalView>,
    /// The sinks.
    pub sinks: Vec<SinkView>,
    /// What is written down.
    pub journal: JournalView,
    /// The latest notes, the newest last.
    pub notes: VecDeque<NoteView>,
}

/// A data step.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// The length of its bars.
    pub interval: String,
    /// Connections that stand, and that there are to be.
    pub links_open: usize,
    /// Connections that there are to be.
    pub links: usize,
    /// Closed bars that are not there yet.
    pub missing_bars: i64,
    /// Requests under way.
    pub requests: usize,
    /// The venue asked for a pause.
    pub cooling: bool,
    /// Symbols that were given up.
    pub quarantined: usize,
}

/// A symbol that rows are emitted for.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SymbolView {
    /// Its name.
    pub symbol: String,
    /// It is warm for all its signals, and no closed bar is missing.
    pub ready: bool,
    /// Rows until it is warm for all its signals, of the frame that takes longest; `None` if that is not known yet.
    pub bars_needed: Option<u64>,
    /// How long the oldest bar it lacks has been closed.
    pub behind_ms: i64,
    /// Why it was given up.
    pub quarantined: Option<String>,
}

/// A signal.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SignalView {
    /// Its name.
    pub name: String,
    /// Its frame.
    pub frame: String,
    /// Rows that were emitted for it in this run.
    pub rows_emitted: u64,
    /// Open time of the newest of them.
    #[serde(serialize_with = "iso")]
    pub newest: Option<Ts>,
}

/// A sink.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SinkView {
    /// Its name.
    pub name: String,
    /// The last row it confirmed.
    pub cursor: u64,
    /// Rows it has not confirmed.
    pub backlog: u64,
    /// In a word: idle, waiting, writing, retrying, stopped.
    pub state: String,
    /// Why it failed last.
    pub last_error: Option<String>,
}

/// The journal.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct JournalView {
    /// Its file's size.
    pub bytes: Option<u64>,
    /// Entries that are not stored yet.
    pub unstored: usize,
    /// Why it failed last, if it has not stored since.
    pub last_error: Option<String>,
}

/// Something that was noted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoteView {
    /// When.
    #[serde(serialize_with = "iso_ts")]
    pub at: Ts,
    /// What, in words.
    pub text: String,
}

impl StatusView {
    /// Adds a note; the oldest goes.
    pub fn note(&mut self, at: Ts, text: impl Into<String>) {
        while self.notes.len() >= MOST_NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(NoteView { at, text: text.into() });
    }

    /// What keeps the run from being ready; empty if it is.
    pub fn unready(&self) -> Unready<'_> {
        let awaited = |s: &&SymbolView| s.quarantined.is_none();
        let why = match self.phase {
            Phase::Draining => Some("the run ends"),
            _ if self.symbols.is_empty() => Some("the run starts"),
            _ if !self.symbols.iter().any(|s| awaited(&s)) => Some("every symbol is quarantined"),
            _ => None,
        };
        let symbols: Vec<&SymbolView> = self.symbols.iter().filter(|s| awaited(s) && !s.ready).collect();
        let quarantined = self.symbols.iter().filter(|s| !awaited(s)).collect();
        Unready { why, symbols, quarantined, ready_in_seconds: self.ready_in_seconds }
    }
}

/// Why a run is not ready.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unready<'a> {
    /// What concerns the whole run.
    pub why: Option<&'static str>,
    /// Symbols that are awaited and not ready.
    pub symbols: Vec<&'a SymbolView>,
    /// Symbols that nobody waits for.
    pub quarantined: Vec<&'a SymbolView>,
    /// See [`StatusView::ready_in_seconds`].
    pub ready_in_seconds: Option<f64>,
}

impl Unready<'_> {
    /// True if nothing keeps it.
    pub fn is_ready(&self) -> bool {
        self.why.is_none() && self.symbols.is_empty()
    }
}

fn iso<S: serde::Serializer>(at: &Option<Ts>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}

fn iso_ts<S: serde::Serializer>(at: &Ts, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(ready: bool, quarantined: bool) -> SymbolView {
        SymbolView { ready, quarantined: quarantined.then(|| "unknown".to_owned()), ..SymbolView::default() }
    }

    #[test]
    fn silence_is_measured_from_the_start_and_ends_with_the_part() {
        let status = Status::new(
            &[("compute", Duration::from_secs(2)), ("journal", Duration::from_secs(5))],
            StatusView::default(),
        );
        let later = status.begun + Duration::from_secs(3);
        let late = |at| status.beats(at).into_iter().filter(Beat::is_late).map(|b| b.part).collect::<Vec<_>>();
        assert_eq!(late(later), ["compute"]);
        let compute = status.part("compute").expect("a part");
        status.beat_at(compute, later);
        status.beat_at(PartId(9), later);
        assert_eq!(late(later), [""; 0]);
        assert_eq!(late(status.begun + Duration::from_secs(6)), ["compute", "journal"]);
        status.ended(compute);
        assert_eq!(late(status.begun + Duration::from_secs(6)), ["journal"]);
        assert_eq!(status.part("nobody"), None);
    }

    #[test]
    fn ready_is_every_symbol_that_is_not_given_up() {
        let mut view = StatusView { symbols: vec![symbol(true, false), symbol(false, true)], ..StatusView::default() };
        assert!(view.unready().is_ready());
        view.symbols.push(symbol(false, false));
        assert_eq!((view.unready().is_ready(), view.unready().symbols.len()), (false, 1));
        view.symbols = vec![symbol(false, true)];
        assert_eq!(view.unready().why, Some("every symbol is quarantined"));
        view.symbols.clear();
        assert_eq!(view.unready().why, Some("the run starts"));
        view = StatusView { symbols: vec![symbol(true, false)], phase: Phase::Draining, ..StatusView::default() };
        assert_eq!(view.unready().why, Some("the run ends"));
    }

    #[test]
    fn notes_are_bounded() {
        let mut view = StatusView::default();
        (0..200).for_each(|i| view.note(Ts(i), format!("{i}")));
        assert_eq!((view.notes.len(), view.notes[0].at), (MOST_NOTES, Ts(150)));
    }
}
