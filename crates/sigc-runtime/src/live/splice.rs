//! One symbol of one source: history, stream and repairs spliced into one sequence without a hole.
//!
//! There is one rule, and start, reconnect and restart are cases of it: every row from the next one on whose close has
//! passed by the venue's clock is wanted. The stream brings it, or at the close deadline it is asked for. So a start
//! asks for the history while the stream already fills up behind it, a reconnect asks for what closed meanwhile, and a
//! lost closing frame is asked for like a hole of one row. No live close is waited for to anchor anything.
//!
//! A row of an answer counts as final if a later row stands beside it: the venue goes on to the next bar only when this
//! one is done. Without a later row it takes [`Terms::lonely_ms`], for just after a close an answer may show the state
//! before it. A table leaves out what is not final ([`Terms::settled`]), so there every row of an answer counts. A row
//! that an answer leaves out between others does not exist at the venue; a young one is asked for twice before that is
//! believed, and a table's is waited for as long as it is young.

use super::entry::{BarFate, OddityKind, Origin};
use super::intake::{Intake, Release, Seen};
use super::retry::{Retry, RetryPolicy};
use crate::venue::ArchiveSpan;
use sigc_market::{Bar, Interval, Ts};

const DAY_MS: i64 = 86_400_000;
/// Archives are worth their download from so many full requests on.
const ARCHIVE_FROM_REQUESTS: i64 = 6;
/// A day's file is there this long after the day (protocols B4: about 08:30 UTC).
const DAY_FILE_MS: i64 = 10 * 3_600_000;
/// A month's file is there this long after the month (protocols B4: the first Monday).
const MONTH_FILE_MS: i64 = 8 * DAY_MS;
/// Waits between answers that did not have the row: hot, warm, cold.
const POLL_MS: [i64; 5] = [1_000, 2_000, 3_000, 5_000, 10_000];

/// The times of a source, in milliseconds of the venue's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Length of a bar.
    pub interval: Interval,
    /// The close deadline: a row whose closing frame has not come so long after its close is asked for.
    pub grace_ms: i64,
    /// Without a living stream a row is asked for so long after its close.
    pub settle_ms: i64,
    /// So long after its close a row is final even if the venue shows no later one. Until then it is young: that an
    /// answer does not have it proves little.
    pub lonely_ms: i64,
    /// Answers hold final rows only, and their writer may be late with one that others have overtaken.
    pub settled: bool,
    /// A hole that cannot be filled so long is declared, for the sake of the bars behind it.
    pub repair_ms: i64,
    /// A subscribed stream must show a first frame so soon.
    pub first_frame_ms: i64,
    /// A stream without any frame for so long is mute.
    pub mute_ms: i64,
    /// Rows in one request.
    pub rows_per_request: i64,
    /// The venue keeps archive files.
    pub archive: bool,
    /// Rows that close later are of no interest: the run ends there.
    pub until: Ts,
}

impl Terms {
    /// The latest close that matters at `now`.
    pub(super) fn horizon(&self, now: Ts) -> Ts {
        now.min(self.until)
    }

    /// The newest row that is wanted at `now`.
    pub(super) fn last_closed(&self, now: Ts) -> i64 {
        self.interval.last_closed(self.horizon(now))
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Rows `from..=to`.
    Rows {
        /// First row.
        from: i64,
        /// Last row; the one behind the wanted ones, where there is one.
        to: i64,
    },
    /// An archive file.
    Archive {
        /// What it covers.
        span: ArchiveSpan,
        /// The first instant behind it.
        end: Ts,
    },
}

/// Where the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Off,
    Waiting { since: Ts, told: bool },
    On { last: Ts, told: bool },
}

/// A bar that changed nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Odd {
    /// Its row.
    pub row: i64,
    /// What it is.
    pub kind: OddityKind,
}

/// What a step gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spliced {
    /// Rows in order.
    pub released: Vec<Release>,
    /// Bars that changed nothing.
    pub odd: Vec<Odd>,
    /// Bars that cannot be: off the grid, from the future.
    pub nonsense: u64,
}

/// The sequence of one symbol.
#[derive(Debug, Clone)]
pub struct Splice {
    terms: Terms,
    intake: Intake,
    stream: Stream,
    in_flight: Option<(Ask, Ts)>,
    not_before: Ts,
    /// Rows before it were asked for and are not there; a later row proves that they do not exist.
    scanned: i64,
    /// Rows that one answer left out: from, behind, when.
    suspect: Option<(i64, i64, Ts)>,
    /// Since when the row `next` is asked for.
    hole: Option<(i64, Ts)>,
    fruitless: usize,
    retry: Retry,
    archive_from: Ts,
    live: bool,
    ended: bool,
    /// Somebody else sees to the waits between fruitless answers.
    paced: bool,
    /// Others wait for it row by row.
    awaited: bool,
    /// Since when a row has been waited for together with one before it that was declared.
    vain: Option<(i64, Ts)>,
}

impl Splice {
    /// A sequence that begins with row `next`; `resumed` if an earlier process released the rows before it.
    pub fn new(terms: Terms, next: i64, resumed: bool, seed: u64) -> Splice {
        let intake = if resumed { Intake::resumed(terms.interval, next) } else { Intake::new(terms.interval, next) };
        Splice {
            terms,
            intake,
            stream: Stream::Off,
            in_flight: None,
            not_before: Ts(i64::MIN),
            scanned: next,
            suspect: None,
            hole: None,
            fruitless: 0,
            retry: Retry::new(RetryPolicy::NETWORK, seed),
            archive_from: Ts(i64::MIN),
            live: false,
            ended: false,
            paced: false,
            awaited: false,
            vain: None,
        }
    }

    /// Leaves the waits between fruitless answers to somebody else: see [`super::poll`].
    #[must_use]
    pub fn paced(self) -> Splice {
        Splice { paced: true, ..self }
    }

    /// Others wait for its rows: what was not there before its first bar is passed over as soon as that is sure, not when
    /// that bar comes.
    #[must_use]
    pub fn awaited(self) -> Splice {
        Splice { awaited: true, ..self }
    }

    /// Since when the row that is released next is asked for in vain.
    pub fn asked_since(&self) -> Option<Ts> {
        let next = self.intake.next();
        [self.vain, self.hole].into_iter().flatten().find(|(row, _)| *row == next).map(|(_, since)| since)
    }

    /// Declares the rows before `to` that are not there: others go on without them. Also after [`Splice::end`].
    pub fn give_up(&mut self, to: i64, now: Ts, out: &mut Spliced) {
        let since = self.asked_since();
        self.intake.give_up(to, BarFate::Unrepaired, self.terms.horizon(now), &mut out.released);
        let next = self.intake.next();
        self.scanned = next;
        // Who was waited for in vain is not waited for anew with every row.
        self.vain = since.filter(|_| next == to).map(|since| (next, since));
        self.live |= next > self.terms.last_closed(now);
    }

    /// The row that is released next.
    pub fn next(&self) -> i64 {
        self.intake.next()
    }

    /// How far the sequence has come: the row that is released next, and the row up to which it was asked for in vain.
    pub fn reached(&self) -> (i64, i64) {
        (self.intake.next(), self.scanned)
    }

    /// True once a row was released.
    pub fn begun(&self) -> bool {
        self.intake.begun()
    }

    /// True once every row up to the present was released.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// True if every row that closed more than `slack_ms` ago was released.
    pub fn is_continuous(&self, now: Ts, slack_ms: i64) -> bool {
        self.ended || (self.live && self.intake.next() > self.terms.last_closed(Ts(now.0 - slack_ms)))
    }

    /// How long the oldest row that is still missing has been closed; 0 if none is.
    pub fn behind_ms(&self, now: Ts) -> i64 {
        let now = self.terms.horizon(now);
        if self.ended { 0 } else { (now.0 - self.terms.interval.close_of(self.intake.next()).0).max(0) }
    }

    /// Rows that are closed and not released.
    pub fn missing(&self, now: Ts) -> i64 {
        (self.terms.last_closed(now) + 1 - self.intake.next()).max(0)
    }

    /// Nothing is wanted any more: the venue does not have the symbol.
    pub fn end(&mut self) {
        self.ended = true;
        self.in_flight = None;
    }

    /// True after [`Splice::end`].
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The stream is subscribed; that proves nothing yet.
    pub fn subscribed(&mut self, now: Ts) {
        self.stream = Stream::Waiting { since: now, told: false };
    }

    /// The stream's connection has ended.
    pub fn unsubscribed(&mut self) {
        self.stream = Stream::Off;
    }

    /// Any frame of the stream.
    pub fn frame(&mut self, now: Ts) {
        self.stream = match self.stream {
            Stream::On { last, told } => Stream::On { last: last.max(now), told: told && last >= now },
            _ => Stream::On { last: now, told: false },
        };
    }

    /// True if the stream shows frames.
    pub fn hears(&self, now: Ts) -> bool {
        matches!(self.stream, Stream::On { last, .. } if now.0 - last.0 < self.terms.mute_ms)
    }

    /// True, once per silence, if the stream owes a first frame or has fallen mute.
    pub fn fell_silent(&mut self, now: Ts) -> bool {
        let (since, limit, told) = match &mut self.stream {
            Stream::Off => return false,
            Stream::Waiting { since, told } => (*since, self.terms.first_frame_ms, told),
            Stream::On { last, told } => (*last, self.terms.mute_ms, told),
        };
        let silent = !*told && now.0 - since.0 >= limit && !self.ended;
        *told |= silent;
        silent
    }

    /// A closing frame.
    pub fn closed(&mut self, bar: &Bar, now: Ts, out: &mut Spliced) {
        self.frame(now);
        self.known(bar, Origin::Stream, now, out);
    }

    /// A bar that is known without asking.
    pub fn known(&mut self, bar: &Bar, origin: Origin, now: Ts, out: &mut Spliced) {
        self.take(bar, origin, now, out);
        self.intake.release(self.terms.horizon(now), &mut out.released);
        self.settle(now, out);
    }

    /// Time passes.
    pub fn tick(&mut self, now: Ts, out: &mut Spliced) {
        self.intake.release(self.terms.horizon(now), &mut out.released);
        self.settle(now, out);
    }

    /// What to ask for now; the answer must be brought to [`Splice::rows`] or [`Splice::failed`].
    pub fn ask(&mut self, now: Ts) -> Option<Ask> {
        let at = self.ask_at(now)?;
        if now < at {
            return None;
        }
        let last = self.terms.last_closed(now);
        let (next, end) = (self.intake.next(), self.hole_end(last));
        if self.scanned < next || self.scanned > end {
            self.scanned = next;
        }
        let ask = self.archive(now, end).unwrap_or_else(|| {
            let to = self.scanned.saturating_add(self.terms.rows_per_request.max(2) - 1);
            Ask::Rows { from: self.scanned, to: to.min(end) }
        });
        self.in_flight = Some((ask, now));
        if self.hole.is_none_or(|(row, _)| row != next) {
            self.hole = Some((next, now));
        }
        Some(ask)
    }

    /// When [`Splice::ask`] or [`Splice::tick`] has something to do; `None` while an answer is awaited.
    pub fn wake_at(&self, now: Ts) -> Option<Ts> {
        [self.asks_at(now), self.steps_at()].into_iter().flatten().min()
    }

    /// When something is to be asked for; `None` while an answer is awaited.
    pub fn asks_at(&self, now: Ts) -> Option<Ts> {
        self.ask_at(now).or_else(|| {
            // Nothing is missing: the next row's deadline, if it is not brought before.
            let idle = self.in_flight.is_none() && !self.ended;
            idle.then(|| Ts(self.terms.interval.close_of(self.intake.next()).0.saturating_add(self.wait_ms(now))))
        })
    }

    /// When [`Splice::tick`] has something to do without any answer.
    pub fn steps_at(&self) -> Option<Ts> {
        let gives_up = self.gives_up_at();
        let silence = match self.stream {
            Stream::Waiting { since, told: false } => Some(Ts(since.0 + self.terms.first_frame_ms)),
            Stream::On { last, told: false } => Some(Ts(last.0 + self.terms.mute_ms)),
            _ => None,
        };
        [self.intake.wake_at(), gives_up, silence].into_iter().flatten().min()
    }

    /// The answer to [`Ask::Rows`]: ascending rows, the open one perhaps among them.
    pub fn rows(&mut self, bars: &[Bar], now: Ts, out: &mut Spliced) {
        let Some((Ask::Rows { from, to }, asked)) = self.in_flight.take() else { return };
        self.retry.succeeded();
        let interval = self.terms.interval;
        let row = |bar: &Bar| interval.index_of(bar.open_time);
        let before = self.intake.next();
        let newest = bars.iter().map(row).filter(|r| (from..=to).contains(r)).max();
        for bar in bars.iter().filter(|b| (from..=to).contains(&row(b))) {
            let lonely =
                self.terms.settled || asked.0 >= interval.close_of(row(bar)).0.saturating_add(self.terms.lonely_ms);
            if lonely || Some(row(bar)) < newest {
                self.take(bar, if self.terms.settled { Origin::Poll } else { Origin::Rest }, now, out);
            }
        }
        self.intake.release(self.terms.horizon(now), &mut out.released);
        if newest.is_none() {
            self.pass_unlisted(from, to, asked, now, out);
        }
        match newest {
            Some(newest) => self.believe_absent(newest, asked, now, out),
            // Nothing in this piece of a long hole: look behind it. A piece with rows that were young when it was asked
            // for proves nothing, and is asked for again.
            None if to < self.hole_end(self.terms.last_closed(now))
                && asked.0 >= interval.close_of(to).0.saturating_add(self.terms.lonely_ms) =>
            {
                self.scanned = to + 1;
            }
            None => self.scanned = self.intake.next(),
        }
        let progress = self.intake.next() > before || (newest.is_none() && self.scanned > from);
        self.answered(progress, now, out);
    }

    /// The answer to [`Ask::Archive`]; `None` if there is no such file, or none that can be trusted.
    pub fn archived(&mut self, bars: Option<&[Bar]>, now: Ts, out: &mut Spliced) {
        let Some((Ask::Archive { end, .. }, _)) = self.in_flight.take() else { return };
        self.archive_from = end;
        for bar in bars.unwrap_or_default() {
            if self.terms.interval.index_of(bar.open_time) >= self.intake.next() {
                self.take(bar, Origin::Archive, now, out);
            }
        }
        self.intake.release(self.terms.horizon(now), &mut out.released);
        self.answered(true, now, out);
    }

    /// An answer did not come, or said no for now; `wait_ms` if it said for how long.
    pub fn failed(&mut self, wait_ms: Option<i64>, now: Ts, out: &mut Spliced) {
        let Some((ask, _)) = self.in_flight.take() else { return };
        if let Ask::Archive { end, .. } = ask {
            // Requests can bring the same rows.
            self.archive_from = end;
        }
        let wait = self.retry.failed().max(wait_ms.unwrap_or(0));
        self.not_before = Ts(now.0.saturating_add(wait));
        self.settle(now, out);
    }

    fn answered(&mut self, progress: bool, now: Ts, out: &mut Spliced) {
        if progress || self.paced {
            self.fruitless = 0;
            self.not_before = now;
        } else {
            let wait = POLL_MS[self.fruitless.min(POLL_MS.len() - 1)];
            self.fruitless = self.fruitless.saturating_add(1);
            self.not_before = Ts(now.0 + wait);
        }
        self.settle(now, out);
    }

    fn take(&mut self, bar: &Bar, origin: Origin, now: Ts, out: &mut Spliced) {
        match self.intake.offer(bar, origin, now) {
            Seen::New => {}
            // A row that was asked for as a proof of the ones before it is no duplicate.
            Seen::Odd(OddityKind::Duplicate) if origin != Origin::Stream => {}
            Seen::Odd(kind) => out.odd.push(Odd { row: self.terms.interval.index_of(bar.open_time), kind }),
            Seen::Nonsense => out.nonsense += 1,
        }
    }

    /// Rows before `newest` that no answer has do not exist, once that is sure.
    fn believe_absent(&mut self, newest: i64, asked: Ts, now: Ts, out: &mut Spliced) {
        let next = self.intake.next();
        let young = |row: i64| asked.0 - self.terms.interval.close_of(row).0 < self.terms.lonely_ms;
        let confirmed = |row: i64| {
            !self.terms.settled
                && self.suspect.is_some_and(|(from, behind, at)| {
                    (from..behind).contains(&row) && now.0 - at.0 >= self.terms.settle_ms
                })
        };
        // Rows are young from some row on; waiting rows among them are passed over when their turn comes.
        let doubtful = (next..newest).rev().take_while(|&r| young(r)).filter(|&r| !confirmed(r)).last();
        self.intake.give_up(doubtful.unwrap_or(newest), BarFate::Absent, self.terms.horizon(now), &mut out.released);
        let next = self.intake.next();
        self.scanned = next;
        match self.suspect {
            _ if next >= newest => self.suspect = None,
            Some((from, behind, _)) if from <= next && newest <= behind => {}
            _ => self.suspect = Some((next, newest, now)),
        }
    }

    /// An answer to `from..=to` without any bar: of rows that were not young then, a symbol without a first bar has none.
    fn pass_unlisted(&mut self, from: i64, to: i64, asked: Ts, now: Ts, out: &mut Spliced) {
        if !self.awaited || self.intake.begun() || from > self.intake.next() {
            return;
        }
        let old = |row: &i64| asked.0 - self.terms.interval.close_of(*row).0 >= self.terms.lonely_ms;
        if let Some(last) = (from..=to).take_while(old).last() {
            self.intake.give_up(last + 1, BarFate::Absent, self.terms.horizon(now), &mut out.released);
        }
    }

    /// When the hole is declared for the sake of what waits behind it. History is waited for as long as it takes.
    fn gives_up_at(&self) -> Option<Ts> {
        let (row, since) = self.hole.filter(|(row, _)| *row == self.intake.next())?;
        let behind = self.intake.first_waiting().filter(|&w| w > row)?;
        (self.live && behind > row && !self.ended).then(|| Ts(since.0.saturating_add(self.terms.repair_ms)))
    }

    fn settle(&mut self, now: Ts, out: &mut Spliced) {
        if self.gives_up_at().is_some_and(|at| now >= at)
            && let Some(behind) = self.intake.first_waiting()
        {
            self.intake.give_up(behind, BarFate::Unrepaired, self.terms.horizon(now), &mut out.released);
        }
        self.live |= self.intake.next() > self.terms.last_closed(now);
    }

    /// The row behind the first hole.
    fn hole_end(&self, last_closed: i64) -> i64 {
        self.intake.first_waiting().map_or(last_closed + 1, |w| w.min(last_closed + 1))
    }

    fn wait_ms(&self, now: Ts) -> i64 {
        if self.hears(now) { self.terms.grace_ms } else { self.terms.settle_ms }
    }

    /// When what is missing is asked for; `None` if nothing is missing, or an answer is awaited.
    fn ask_at(&self, now: Ts) -> Option<Ts> {
        if self.ended || self.in_flight.is_some() {
            return None;
        }
        let next = self.intake.next();
        let end = self.hole_end(self.terms.last_closed(now));
        if next >= end {
            return None;
        }
        // A later bar is there already: this one is not merely late.
        let overtaken = self.intake.first_waiting().is_some();
        let wait = if overtaken { self.terms.settle_ms } else { self.wait_ms(now) };
        Some(Ts(self.terms.interval.close_of(next).0.saturating_add(wait)).max(self.not_before))
    }

    /// The archive file that holds the next row, where the hole is long enough for one.
    fn archive(&self, now: Ts, end: i64) -> Option<Ask> {
        let interval = self.terms.interval;
        let open = interval.open_of(self.scanned);
        let requests = (end - self.scanned) / self.terms.rows_per_request.max(1);
        if !self.terms.archive || requests < ARCHIVE_FROM_REQUESTS || open < self.archive_from {
            return None;
        }
        let hole_end = interval.open_of(end);
        let month = Interval::MONTH.index_of(open);
        let (month_open, month_end) = (Interval::MONTH.open_of(month), Interval::MONTH.close_of(month));
        if month_end <= hole_end && now.0 >= month_end.0 + MONTH_FILE_MS {
            return Some(Ask::Archive { span: ArchiveSpan::Month(month_open), end: month_end });
        }
        let day_open = Ts(open.0 - open.0.rem_euclid(DAY_MS));
        let day_end = Ts(day_open.0 + DAY_MS);
        let whole_days = interval.millis().is_some_and(|ms| ms < DAY_MS);
        if whole_days && day_end <= hole_end && now.0 >= day_end.0 + DAY_FILE_MS {
            return Some(Ask::Archive { span: ArchiveSpan::Day(day_open), end: day_end });
        }
        None
    }
}

#[cfg(test)]
mod tests;
