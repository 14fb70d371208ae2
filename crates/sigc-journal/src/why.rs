//! Why there is a row, or why there is none: one row of the ledger, for one signal, with all that led to it.

use crate::audit::{OddityLine, line};
use crate::error::{JournalError, Trouble};
use crate::identity::{Identity, SignalIdentity};
use crate::reader::{JournalReader, bars_in, oddities_in};
use crate::tables::{EMITTED, ROWS, RowMark, get_mark, get_record, number_key, row_fate, row_key, row_of};
use crate::tally::{RowTally, Standing};
use redb::ReadTransaction;
use sigc_market::{Symbol, Ts};
use sigc_plan::Label;
use sigc_runtime::live::entry::{BarFate, BarId, RowFate};

/// How far back gaps are looked for, in bars of each source, and how many are listed.
const LOOK_BACK: i64 = 2_000;
const GAPS: usize = 5;
const ODDITIES: usize = 20;

/// The answer for a signal, a symbol and an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// Position of the signal.
    pub signal: u16,
    /// The symbol.
    pub symbol: Symbol,
    /// First instant of the row.
    pub open_time: Ts,
    /// First instant after it.
    pub close_time: Ts,
    /// What became of it.
    pub answer: Answer,
    /// The bars it is made of, per source that the signal reads; of a slower source the newest that was closed.
    pub bars: Vec<BarSeen>,
    /// Which sinks have it; empty unless it was emitted.
    pub sinks: Vec<SinkHas>,
    /// The newest gaps at or before the row, newest first, if the row was not emitted.
    pub gaps: Vec<BarSeen>,
    /// What else was seen of its bars.
    pub oddities: Vec<OddityLine>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It has this entry.
    Fate(RowFate),
    /// It had an entry, which was pruned.
    Pruned {
        /// Rows from here on are kept.
        kept_from: Ts,
    },
    /// Rows before this one have entries, this one has not come.
    NotYet {
        /// The newest that has one.
        newest: Option<Ts>,
    },
    /// It lies before the first row of this journal.
    Before {
        /// The first.
        first: Ts,
    },
    /// It should have an entry and has none: a fault of sigc.
    Missing,
    /// No row opens or closes at the instant.
    OffGrid,
}

impl Answer {
    /// A sentence for the person on call.
    pub fn words(&self) -> String {
        match self {
            Answer::Fate(RowFate::Emitted { seq, .. }) => format!("it was emitted, as row {seq}"),
            Answer::Fate(RowFate::Warmup) => "not emitted: the history was not long enough yet".into(),
            Answer::Fate(RowFate::Quiet) => "not emitted: the condition of its `when` was not true".into(),
            Answer::Fate(RowFate::NullInput) => {
                "not emitted: a cell that it is made of is null, since a gap lies in some window".into()
            }
            Answer::Fate(RowFate::ModelFailed) => "not emitted: the model gave no number".into(),
            Answer::Fate(RowFate::Skipped) => {
                "not emitted: it closed while the process was down, and `warmup.catch_up` is `skip`".into()
            }
            Answer::Pruned { kept_from } => {
                format!("unknown: its entry was there and is pruned; rows from {kept_from} on are kept")
            }
            Answer::NotYet { newest: Some(newest) } => {
                format!("not computed yet: the newest row of the symbol opens at {newest}")
            }
            Answer::NotYet { newest: None } => "not computed yet: the symbol has no rows so far".into(),
            Answer::Before { first } => format!("never computed: the first row of this journal opens at {first}"),
            Answer::Missing => "it has no entry, though rows before and behind it do: this is a fault of sigc".into(),
            Answer::OffGrid => "no row opens or closes at this instant".into(),
        }
    }
}

/// A bar that should have come.
#[derive(Debug, Clone, PartialEq)]
pub struct BarSeen {
    /// The source's frame.
    pub frame: String,
    /// First instant of the bar.
    pub open_time: Ts,
    /// What became of it; `None` if it has no entry, or none any more.
    pub fate: Option<BarFate>,
    /// When its entry was made, by the venue's clock.
    pub at: Option<Ts>,
    /// From its close to its entry.
    pub latency_ms: Option<i64>,
}

/// A sink and an emitted row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkHas {
    /// The sink's text.
    pub sink: String,
    /// It confirmed the row.
    pub confirmed: bool,
    /// Rows it has to confirm before and with this one.
    pub backlog: u64,
}

/// Tells what became of the row of a signal and `symbol` whose label is `ts`. The other end of the row is taken, too,
/// where its label leads to nothing. `None` if the signal has no rows of the symbol.
///
/// # Errors
/// A damaged entry, a system that refuses.
pub fn why(reader: &JournalReader, signal: u16, symbol: &str, ts: Ts) -> Result<Option<Why>, JournalError> {
    reader.read(|txn, identity| {
        let Some(of) = identity.signals.get(usize::from(signal)) else { return Ok(None) };
        let named = |symbols: &[Symbol]| symbols.iter().position(|s| s.as_str() == symbol);
        let Some(position) = named(&identity.symbols).filter(|_| named(identity.universe(of)).is_some()) else {
            return Ok(None);
        };
        let standing = Standing::read(txn, &identity.sink_keys())?;
        let lane = (signal, position as u32);
        let tally = standing.rows.get(&lane).copied().unwrap_or_default();
        let row = Asked { txn, identity, of, lane, tally };
        let (k, answer) = row.find(ts)?;
        let mut why = Why {
            signal,
            symbol: identity.symbols[position].clone(),
            open_time: of.interval.open_of(k),
            close_time: of.interval.close_of(k),
            answer,
            bars: Vec::new(),
            sinks: Vec::new(),
            gaps: Vec::new(),
            oddities: Vec::new(),
        };
        if why.answer == Answer::OffGrid {
            return Ok(Some(why));
        }
        if let Answer::Fate(RowFate::Emitted { seq, .. }) = why.answer {
            let has = |(sink, cursor): (&String, &u64)| SinkHas {
                sink: sink.clone(),
                confirmed: *cursor >= seq,
                backlog: seq.saturating_sub(*cursor),
            };
            why.sinks = identity.sinks.iter().zip(&standing.cursors).map(has).collect();
        }
        trace(txn, identity, of, &mut why)?;
        Ok(Some(why))
    })
}

/// What is looked for.
struct Asked<'a> {
    txn: &'a ReadTransaction,
    identity: &'a Identity,
    of: &'a SignalIdentity,
    lane: (u16, u32),
    tally: RowTally,
}

impl Asked<'_> {
    /// The row that is meant, and its answer.
    fn find(&self, ts: Ts) -> Result<(i64, Answer), Trouble> {
        let k = self.of.interval.index_of(ts);
        if !self.of.interval.is_aligned(ts) {
            return Ok((k, Answer::OffGrid));
        }
        let (by_label, by_other) = match self.of.label {
            Label::Close => (k - 1, k),
            Label::Open => (k, k - 1),
        };
        let answer = self.answer(by_label)?;
        if matches!(answer, Answer::NotYet { .. } | Answer::Before { .. }) {
            let other = self.answer(by_other)?;
            if let Answer::Fate(_) = other {
                return Ok((by_other, other));
            }
        }
        Ok((by_label, answer))
    }

    fn answer(&self, k: i64) -> Result<Answer, Trouble> {
        let open_time = self.of.interval.open_of(k);
        match (self.mark(open_time)?, self.tally.span) {
            (Some(RowMark::Emitted(seq)), _) => {
                let stored = self.txn.open_table(EMITTED)?;
                let stored = stored.get(number_key(seq).as_slice())?;
                let stored = stored.ok_or_else(|| Trouble::Damage(format!("row {seq} is not there")))?;
                let record = get_record(seq, &self.identity.symbols, stored.value())?;
                Ok(Answer::Fate(RowFate::Emitted { seq, record }))
            }
            (Some(RowMark::Stretch { code, .. }), _) => match row_fate(code) {
                Some(fate) => Ok(Answer::Fate(fate)),
                None => Err(Trouble::Damage("a row's fate of no known kind".into())),
            },
            (None, None) => Ok(Answer::NotYet { newest: None }),
            (None, Some(span)) if open_time.0 > span.newest => Ok(Answer::NotYet { newest: Some(Ts(span.newest)) }),
            (None, Some(span)) if open_time.0 < span.first => Ok(Answer::Before { first: Ts(span.first) }),
            (None, Some(span)) if open_time.0 < span.kept_from => Ok(Answer::Pruned { kept_from: Ts(span.kept_from) }),
            (None, Some(_)) => Ok(Answer::Missing),
        }
    }

    /// The entry that the row is in: the last that begins by then, if it goes so far.
    fn mark(&self, open_time: Ts) -> Result<Option<RowMark>, Trouble> {
        let (low, high) = (row_key(self.lane, Ts(i64::MIN)), row_key(self.lane, open_time));
        let table = self.txn.open_table(ROWS)?;
        let Some(item) = table.range(low.as_slice()..=high.as_slice())?.next_back() else { return Ok(None) };
        let (key, value) = item?;
        let mark = get_mark(key.value(), value.value())?;
        let last = match mark {
            RowMark::Emitted(_) => row_of(key.value())?.1,
            RowMark::Stretch { last, .. } => last,
        };
        Ok((open_time <= last).then_some(mark))
    }
}

/// Adds the bars, gaps and oddities behind a row.
fn trace(txn: &ReadTransaction, identity: &Identity, of: &SignalIdentity, why: &mut Why) -> Result<(), Trouble> {
    let emitted = matches!(why.answer, Answer::Fate(RowFate::Emitted { .. }));
    let mut ids = Vec::new();
    for (source, s) in (0..).zip(&identity.sources).filter(|(i, _)| of.sources.contains(i)) {
        let Some(symbol) = s.symbols.iter().position(|name| *name == why.symbol) else { continue };
        let lane = (source, symbol as u32);
        let last = s.interval.index_of(why.close_time) - 1;
        let first = s.interval.index_of(why.open_time).min(last);
        let there = bars_in(txn, identity, lane, (first, last))?;
        for row in first..=last {
            let entry = there.iter().find(|e| e.id.row == row);
            why.bars.push(BarSeen {
                frame: s.frame.clone(),
                open_time: s.interval.open_of(row),
                fate: entry.map(|e| e.fate),
                at: entry.map(|e| e.at),
                latency_ms: entry.map(|e| e.at.0 - s.interval.close_of(row).0),
            });
            ids.push(BarId { source, symbol: lane.1, row });
        }
        if !emitted {
            let before = bars_in(txn, identity, lane, (last - LOOK_BACK, last))?;
            let gaps = before.iter().rev().filter(|e| !matches!(e.fate, BarFate::Taken { .. }));
            why.gaps.extend(gaps.take(GAPS).map(|e| BarSeen {
                frame: s.frame.clone(),
                open_time: s.interval.open_of(e.id.row),
                fate: Some(e.fate),
                at: Some(e.at),
                latency_ms: Some(e.at.0 - s.interval.close_of(e.id.row).0),
            }));
        }
    }
    why.gaps.sort_by_key(|g| std::cmp::Reverse(g.open_time));
    why.gaps.truncate(GAPS);
    let found = oddities_in(txn, ODDITIES, |o| ids.contains(&o.id))?;
    why.oddities = found.iter().filter_map(|o| line(identity, o)).collect();
    Ok(())
}
