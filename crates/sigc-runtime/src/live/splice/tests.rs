//! The rules of `splice`, one by one. The simulation in `tests/sim` holds them together.

use super::*;

const MINUTE: i64 = 60_000;
/// 2025-03-01T00:00:00Z.
const MARCH: i64 = 1_740_787_200_000;

fn terms(archive: bool) -> Terms {
    Terms {
        interval: Interval::new(1, 'm').expect("a minute"),
        grace_ms: 5_000,
        settle_ms: 2_000,
        lonely_ms: 60_000,
        settled: false,
        repair_ms: 600_000,
        first_frame_ms: 30_000,
        mute_ms: 120_000,
        rows_per_request: 500,
        archive,
        until: Ts(i64::MAX),
    }
}

fn bar(row: i64) -> Bar {
    Bar::ohlcv(Ts(row * MINUTE), 1.0, 1.0, 1.0, 1.0, row as f64)
}

fn bars(rows: impl IntoIterator<Item = i64>) -> Vec<Bar> {
    rows.into_iter().map(bar).collect()
}

fn released(out: &mut Spliced) -> Vec<i64> {
    std::mem::take(&mut out.released).iter().map(|r| r.row).collect()
}

/// A sequence that wants `first`, and the instant at which that row has just closed.
fn at_close(first: i64) -> (Splice, Ts, Spliced) {
    let splice = Splice::new(terms(false), first, true, 7);
    (splice, Ts((first + 1) * MINUTE), Spliced::default())
}

#[test]
fn a_living_stream_is_given_its_grace_and_a_dead_one_is_not() {
    let (mut splice, close, _) = at_close(100);
    assert_eq!(splice.ask(Ts(close.0 + 1_999)), None);
    assert!(splice.ask(Ts(close.0 + 2_000)).is_some());
    let (mut splice, close, _) = at_close(100);
    splice.subscribed(Ts(close.0 - 1_000));
    splice.frame(Ts(close.0 - 500));
    assert_eq!(splice.wake_at(close), Some(Ts(close.0 + 5_000)));
    assert_eq!(splice.ask(Ts(close.0 + 4_999)), None);
    // The row behind the wanted one is asked for as its proof.
    assert_eq!(splice.ask(Ts(close.0 + 5_000)), Some(Ask::Rows { from: 100, to: 101 }));
}

#[test]
fn the_last_row_of_an_answer_is_not_final() {
    let (mut splice, close, mut out) = at_close(100);
    splice.ask(Ts(close.0 + 2_000)).expect("due");
    // The venue still shows the state before the close: row 100 is the last one, half built.
    splice.rows(&bars([100]), Ts(close.0 + 2_100), &mut out);
    assert!(out.released.is_empty());
    splice.ask(Ts(close.0 + 3_100)).expect("a second after a fruitless answer");
    splice.rows(&bars([100, 101]), Ts(close.0 + 3_200), &mut out);
    assert_eq!(released(&mut out), [100]);
    // Nothing traded since: after a minute the row is final without a later one.
    let (mut splice, close, mut out) = at_close(100);
    splice.ask(Ts(close.0 + 60_000)).expect("due");
    splice.rows(&bars([100]), Ts(close.0 + 60_100), &mut out);
    assert_eq!(released(&mut out), [100]);
}

#[test]
fn a_young_row_is_missed_twice_before_it_is_absent_and_an_old_one_once() {
    let (mut splice, close, mut out) = at_close(100);
    splice.ask(Ts(close.0 + 2_000)).expect("due");
    splice.rows(&bars([101]), Ts(close.0 + 2_100), &mut out);
    assert!(out.released.is_empty());
    splice.ask(Ts(close.0 + 4_200)).expect("due");
    splice.rows(&bars([101]), Ts(close.0 + 4_300), &mut out);
    assert_eq!(out.released, [Release { row: 100, fate: BarFate::Absent }]);
    let (mut splice, close, mut out) = at_close(100);
    splice.ask(Ts(close.0 + 600_000)).expect("due");
    splice.rows(&bars([103, 104]), Ts(close.0 + 600_100), &mut out);
    // Row 104 closed six minutes ago and needs no later one.
    assert_eq!(released(&mut out), [100, 101, 102, 103, 104]);
}

#[test]
fn a_long_suspension_is_looked_behind_piece_by_piece() {
    let mut splice = Splice::new(terms(false), 1_000, true, 7);
    let (now, mut out) = (Ts(3_000 * MINUTE + 30_000), Spliced::default());
    let mut asked = Vec::new();
    // The venue has nothing from row 1,000 to row 2,599.
    while let Some(Ask::Rows { from, to }) = splice.ask(now) {
        asked.push((from, to));
        splice.rows(&bars((from..=to).filter(|r| (2_600..=3_000).contains(r))), now, &mut out);
    }
    assert_eq!(asked, [(1_000, 1_499), (1_500, 1_999), (2_000, 2_499), (2_500, 2_999), (2_999, 3_000)]);
    assert_eq!(released(&mut out), (1_000..3_000).collect::<Vec<_>>());
    assert!(splice.is_live());
}

/// Found by the simulation: a piece was empty because its last row had just closed; the answer came after the next
/// close, so it was scanned past, and a later answer made the row absent.
#[test]
fn an_empty_piece_with_young_rows_proves_nothing() {
    let mut splice = Splice::new(Terms { rows_per_request: 5, ..terms(false) }, 100, true, 7);
    let mut out = Spliced::default();
    let close = Ts(105 * MINUTE); // of row 104; the rows 100 to 103 do not exist
    splice.ask(Ts(close.0 + 100)).expect("due");
    splice.rows(&[], Ts(close.0 + MINUTE + 100), &mut out);
    let later = Ts(close.0 + 20 * MINUTE);
    assert_eq!(splice.ask(later), Some(Ask::Rows { from: 100, to: 104 }));
    splice.rows(&bars([104]), later, &mut out);
    let fates: Vec<bool> = out.released.iter().map(|r| r.fate == BarFate::Absent).collect();
    assert_eq!(fates, [true, true, true, true, false]);
}

#[test]
fn a_hole_is_given_up_only_for_bars_that_wait_behind_it() {
    let (mut splice, close, mut out) = at_close(100);
    splice.tick(close, &mut out);
    // Live: row 99 is released by the earlier process, and 100 was the next. Requests fail from now on.
    splice.ask(Ts(close.0 + 2_000)).expect("due");
    splice.rows(&bars([100, 101]), Ts(close.0 + 2_100), &mut out);
    assert!(splice.is_live());
    out = Spliced::default();
    let mut now = Ts(close.0 + MINUTE + 2_000);
    for _ in 0..40 {
        if splice.ask(now).is_some() {
            splice.failed(None, now, &mut out);
        }
        now = Ts(now.0 + 60_000);
    }
    assert!(out.released.is_empty(), "forty minutes without anything behind the hole");
    splice.closed(&bar(110), Ts(now.0 + 1), &mut out);
    assert_eq!(released(&mut out), (101..=110).collect::<Vec<_>>());
}

#[test]
fn archives_serve_long_holes_and_requests_what_they_lack() {
    let first = (MARCH - 45 * DAY_MS) / MINUTE;
    let mut splice = Splice::new(terms(true), first, false, 7);
    let (now, mut out) = (Ts(MARCH + 20 * 3_600_000), Spliced::default());
    // January is whole only from the 15th on, but the month's file is there; February's is not yet.
    let ask = splice.ask(now).expect("due");
    let Ask::Archive { span: ArchiveSpan::Month(open), end } = ask else { panic!("{ask:?}") };
    assert_eq!((open, end), (Ts(MARCH - 59 * DAY_MS), Ts(MARCH - 28 * DAY_MS)));
    let january = bars((first..end.0 / MINUTE).filter(|r| *r != first + 7));
    splice.archived(Some(&january), now, &mut out);
    // The row that the file lacks is asked for, with its neighbour as the proof.
    assert_eq!(splice.ask(now), Some(Ask::Rows { from: first + 7, to: first + 8 }));
    splice.rows(&bars([first + 8]), now, &mut out);
    let released = released(&mut out);
    assert_eq!((released.len() as i64, released[7]), (end.0 / MINUTE - first, first + 7));
    // Then day by day, and what no file has by requests.
    let ask = splice.ask(now).expect("due");
    assert!(matches!(ask, Ask::Archive { span: ArchiveSpan::Day(day), .. } if day == end), "{ask:?}");
    splice.archived(None, now, &mut out);
    assert_eq!(splice.ask(now), Some(Ask::Rows { from: end.0 / MINUTE, to: end.0 / MINUTE + 499 }));
}

#[test]
fn silence_is_told_once_per_silence() {
    let mut splice = Splice::new(terms(false), 100, true, 7);
    splice.subscribed(Ts(0));
    assert!(!splice.fell_silent(Ts(29_999)) && splice.fell_silent(Ts(30_000)) && !splice.fell_silent(Ts(31_000)));
    splice.frame(Ts(40_000));
    assert!(splice.hears(Ts(159_999)) && !splice.hears(Ts(160_000)));
    assert!(splice.fell_silent(Ts(160_000)) && !splice.fell_silent(Ts(170_000)));
    splice.frame(Ts(180_000));
    assert!(splice.fell_silent(Ts(300_000)));
}

/// Others wait for its rows: what an answer does not have a minute after its close was before the listing.
#[test]
fn rows_before_the_first_bar_are_passed_over_once_that_is_sure() {
    let (mut splice, close, mut out) =
        (Splice::new(terms(false), 100, false, 7).awaited(), 101 * MINUTE, Spliced::default());
    splice.ask(Ts(close + 2_000)).expect("due");
    splice.rows(&[], Ts(close + 2_100), &mut out);
    assert_eq!(splice.next(), 100, "just after the close an answer proves nothing");
    let at = splice.asks_at(Ts(close + 60_000)).expect("it is asked again").0.max(close + 60_000);
    splice.ask(Ts(at)).expect("due");
    splice.rows(&[], Ts(at + 100), &mut out);
    assert_eq!((splice.next(), splice.begun()), (101, false));
    splice.known(&bar(101), Origin::Stream, Ts(102 * MINUTE), &mut out);
    assert_eq!(released(&mut out), [101]);
    // By itself it takes the row when it comes, however late.
    let mut alone = Splice::new(terms(false), 100, false, 7);
    alone.ask(Ts(at)).expect("due");
    alone.rows(&[], Ts(at + 100), &mut out);
    assert_eq!(alone.next(), 100);
}

#[test]
fn rows_that_others_wait_for_are_declared_and_come_too_late_then() {
    let (splice, close, mut out) = at_close(100);
    let mut splice = splice.awaited();
    let asked = Ts(close.0 + 2_000);
    splice.ask(asked).expect("due");
    splice.failed(None, Ts(close.0 + 2_100), &mut out);
    assert_eq!(splice.asked_since(), Some(asked));
    splice.give_up(101, Ts(close.0 + 600_000), &mut out);
    assert_eq!(out.released, [Release { row: 100, fate: BarFate::Unrepaired }]);
    // The next row is not waited for from the beginning again.
    assert_eq!(splice.asked_since(), Some(asked));
    out.released.clear();
    splice.known(&bar(100), Origin::Rest, Ts(close.0 + 600_001), &mut out);
    assert_eq!(out.odd, [Odd { row: 100, kind: OddityKind::Late }]);
    splice.known(&bar(101), Origin::Rest, Ts(close.0 + 600_001), &mut out);
    assert_eq!(released(&mut out), [101]);
    assert_eq!(splice.asked_since(), None);
    // Also of a symbol that was given up; a bar that waits is taken.
    splice.known(&bar(103), Origin::Stream, Ts(close.0 + 700_000), &mut out);
    splice.end();
    splice.give_up(105, Ts(close.0 + 700_000), &mut out);
    let fates: Vec<bool> = out.released.iter().map(|r| r.fate == BarFate::Unrepaired).collect();
    assert_eq!((fates, splice.next()), (vec![true, false, true], 105));
}
