//! Lines, files, floods, and places that cannot be written.

use super::{LONG, until};
use serde_json::Value;
use sigc_live::observe::log::pipe::Target;
use sigc_live::observe::log::{Format, LogError, LogSpec, open, open_on};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tracing::dispatcher::with_default;
use tracing::{debug, info, info_span, warn};

/// Time between attempts at a place that failed.
const SOON: Duration = Duration::from_millis(20);

/// How the place behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Well,
    /// Takes a few bytes, then has no room.
    Full,
    /// Does not come back.
    Stalled,
}

/// A place that can be full, or hang.
#[derive(Clone)]
struct Place(Arc<(Mutex<State>, Condvar)>);

/// How it behaves and what it has.
type State = (Mood, Vec<u8>);

impl Place {
    fn new(mood: Mood) -> Place {
        Place(Arc::new((Mutex::new((mood, Vec::new())), Condvar::new())))
    }

    fn set(&self, mood: Mood) {
        self.0.0.lock().expect("a lock").0 = mood;
        self.0.1.notify_all();
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().expect("a lock").1.clone()).expect("utf-8")
    }
}

impl Target for Place {
    fn name(&self) -> String {
        "the place".to_owned()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.0.lock().expect("a lock");
        while state.0 == Mood::Stalled {
            state = self.0.1.wait(state).expect("a lock");
        }
        let n = match state.0 {
            Mood::Full if state.1.len() >= 100 => return Err(ErrorKind::StorageFull.into()),
            Mood::Full => bytes.len().min(7),
            _ => bytes.len(),
        };
        state.1.extend_from_slice(&bytes[..n]);
        Ok(n)
    }
}

fn json(run: &str) -> LogSpec {
    LogSpec { format: Format::Json, stderr: false, ..LogSpec::new(run) }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

fn read(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("sigc.log")).expect("a log")
}

#[test]
fn every_line_is_json_with_the_run_and_a_time_in_utc() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = LogSpec { folder: Some(folder.path().join("logs")), ..json("run \"7\"") };
    let (dispatch, guard) = open(&spec).expect("a log");
    with_default(&dispatch, || {
        let _span = info_span!("source", source = "data.x").entered();
        info!(symbol = "BTCUSDT", bars = 3, "taken");
        warn!("two\nlines and a \"quote\"");
        info!("{}", "x".repeat(100_000));
        debug!("below the level");
    });
    assert_eq!(guard.file(), Some(folder.path().join("logs/sigc.log").as_path()));
    assert!(guard.close(LONG));
    let lines = lines(&read(&folder.path().join("logs")));
    assert_eq!(lines.len(), 3);
    for line in &lines {
        assert_eq!(line["run"], "run \"7\"");
        let time = line["timestamp"].as_str().expect("a time");
        assert!(time.ends_with('Z') && sigc_market::Ts::parse_iso(time).is_some(), "{time}");
    }
    assert_eq!((&lines[0]["level"], &lines[0]["fields"]["message"]), (&"INFO".into(), &"taken".into()));
    assert_eq!((&lines[0]["fields"]["bars"], &lines[0]["fields"]["symbol"]), (&3.into(), &"BTCUSDT".into()));
    assert_eq!(lines[0]["span"]["source"], "data.x");
    assert_eq!(lines[1]["fields"]["message"], "two\nlines and a \"quote\"");
    assert!(lines[2]["fields"]["cut_from_bytes"].as_u64() > Some(100_000));
    assert!(lines[2].to_string().len() < 16 << 10);
}

#[test]
fn a_line_for_people_is_one_line() {
    let place = Place::new(Mood::Well);
    let spec = LogSpec { stderr: false, ..LogSpec::new("r1") };
    let (dispatch, guard) = open_on(&spec, vec![Box::new(place.clone())], SOON).expect("a log");
    with_default(&dispatch, || info!(bars = 3, "taken\n2026-01-01T00:00:00Z ERROR forged"));
    assert!(guard.close(LONG));
    let text = place.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains(" INFO ") && text.contains("bars=3") && text.ends_with(" run=r1\n"), "{text}");
}

#[test]
fn secrets_are_in_no_line() {
    for format in [Format::Json, Format::Human] {
        let place = Place::new(Mood::Well);
        let spec = LogSpec { format, ..json("r1") };
        let (dispatch, guard) = open_on(&spec, vec![Box::new(place.clone())], SOON).expect("a log");
        assert!(spec.redactor.hide("s3cr3t\"pw"));
        with_default(&dispatch, || {
            let _span = info_span!("sink", password = "s3cr3t\"pw").entered();
            info!(url = "http://u:s3cr3t%22pw@host", "connecting with s3cr3t\"pw");
            // A secret where the line is cut leaves no part of itself.
            info!("{}s3cr3t\"pw{}", "x".repeat(3_700), "y".repeat(100_000));
        });
        assert!(guard.close(LONG));
        assert!(!place.text().contains("s3cr3t"), "{}", place.text());
        assert!(place.text().contains("[redacted]"));
    }
}

#[test]
fn a_flood_stays_within_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec = LogSpec { folder: Some(folder.path().to_owned()), max_bytes: 64 << 10, keep: 3, ..json("r1") };
    let (dispatch, guard) = open(&spec).expect("a log");
    let threads: Vec<_> = (0..4)
        .map(|t| {
            let dispatch = dispatch.clone();
            std::thread::spawn(move || {
                with_default(&dispatch, || (0..5_000).for_each(|i| info!(t, i, "{}", "x".repeat(200))));
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().expect("no panic"));
    let counts = guard.counts();
    assert!(guard.close(LONG));
    assert_eq!(counts.written() + counts.dropped(), 20_000);
    let mut all = 0;
    for name in ["sigc.log", "sigc.1.log", "sigc.2.log"] {
        let text = std::fs::read_to_string(folder.path().join(name)).expect("a file");
        assert!(text.len() <= 64 << 10);
        all += lines(&text).len();
    }
    assert!(all > 300);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 4, "three files and the lock");
}

#[test]
fn a_full_disk_drops_counts_and_recovers() {
    let place = Place::new(Mood::Full);
    let (dispatch, guard) = open_on(&json("r1"), vec![Box::new(place.clone())], SOON).expect("a log");
    let counts = guard.counts();
    with_default(&dispatch, || {
        info!(i = 0, "before");
        until("the failure is seen", || counts.is_failing());
        // More than what may wait.
        (1..60_000).for_each(|i| info!(i, "{}", "x".repeat(60)));
    });
    let dropped = counts.dropped();
    assert!(dropped > 0 && !guard.flush(Duration::ZERO));
    place.set(Mood::Well);
    assert!(guard.flush(LONG) && !counts.is_failing());
    with_default(&dispatch, || info!(i = 60_000, "after"));
    assert!(guard.close(LONG));
    let lines = lines(&place.text());
    let (told, kept): (Vec<_>, Vec<_>) = lines.iter().partition(|l| l["fields"]["i"].is_null());
    // Each line that was kept is there once and in order, the torn one too.
    let numbers: Vec<_> = kept.iter().map(|l| l["fields"]["i"].as_u64().expect("a number")).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b));
    assert_eq!((numbers.first(), numbers.last()), (Some(&0), Some(&60_000)));
    assert_eq!((numbers.len() as u64, counts.dropped()), (60_001 - dropped, dropped));
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["run"], &told[0]["level"]), (&"r1".into(), &"WARN".into()));
    let text = told[0]["fields"]["message"].as_str().expect("a message");
    assert!(text.starts_with(&format!("{dropped} log lines were dropped")), "{text}");
}

#[test]
fn a_disk_that_hangs_holds_nobody_up() {
    let place = Place::new(Mood::Stalled);
    let well = Place::new(Mood::Well);
    let targets: Vec<Box<dyn Target>> = vec![Box::new(place.clone()), Box::new(well.clone())];
    let (dispatch, guard) = open_on(&json("r1"), targets, SOON).expect("a log");
    let begun = Instant::now();
    with_default(&dispatch, || (0..100).for_each(|i| info!(i, "{}", "x".repeat(1_000))));
    until("the other place has its lines", || well.text().lines().count() == 100);
    assert!(!guard.flush(Duration::from_millis(1)));
    assert!(!guard.close(Duration::from_millis(50)), "it hangs");
    assert!(begun.elapsed() < LONG);
    place.set(Mood::Well);
    until("what waited is written", || place.text().lines().count() == 100);
}

#[test]
fn a_place_that_stays_full_does_not_keep_the_run() {
    let place = Place::new(Mood::Full);
    let (dispatch, guard) = open_on(&json("r1"), vec![Box::new(place)], LONG).expect("a log");
    let counts = guard.counts();
    with_default(&dispatch, || (0..10).for_each(|i| info!(i, "{}", "x".repeat(200))));
    until("the failure is seen", || counts.is_failing());
    assert!(guard.close(LONG), "closing does not wait for the next attempt");
    assert_eq!((counts.written() + counts.dropped(), counts.dropped() >= 9), (10, true));
}

#[test]
fn a_log_that_cannot_begin_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "x").expect("written");
    let spec = LogSpec { folder: Some(folder.path().join("file/logs")), ..json("r1") };
    assert!(matches!(open(&spec), Err(LogError::Folder(_))));
    let spec = LogSpec { filter: "info,=,=".to_owned(), ..json("r1") };
    let error = open(&spec).expect_err("no filter");
    assert!(error.to_string().contains("`info,=,=` is no log filter"), "{error}");
}
