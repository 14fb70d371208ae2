//! The tables of the file: their keys, and their entries as bytes.
//!
//! Keys are big-endian with the sign bit turned, so that their bytes sort like their numbers. A format is never
//! changed in place: another layout is another [`crate::FORMAT`].

use crate::codec::{In, Out};
use crate::error::Trouble;
use redb::TableDefinition;
use sigc_market::{Bar, N_FIELDS, NULL, Symbol, Ts};
use sigc_runtime::Record;
use sigc_runtime::live::entry::{BarEntry, BarFate, BarId, Oddity, OddityKind, Origin, RowFate, SnapshotEntry};

/// A table of sealed values.
pub(crate) type Sealed = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// The format, the identity, and what there is one of.
pub(crate) const META: Sealed = TableDefinition::new("meta");
/// Fates of bars by [`bar_key`].
pub(crate) const BARS: Sealed = TableDefinition::new("bars");
/// Counts of a source's symbol by [`lane_key`].
pub(crate) const BAR_TALLY: Sealed = TableDefinition::new("bar_tally");
/// Fates of rows by [`row_key`]: of an emitted one its number, of others how far the stretch goes that they are in.
pub(crate) const ROWS: Sealed = TableDefinition::new("rows");
/// Counts of a signal's rows of a symbol by [`lane_key`].
pub(crate) const ROW_TALLY: Sealed = TableDefinition::new("row_tally");
/// Emitted rows by [`number_key`] of their number.
pub(crate) const EMITTED: Sealed = TableDefinition::new("emitted");
/// The newest snapshot of a lane by [`symbol_key`].
pub(crate) const SNAPSHOTS: Sealed = TableDefinition::new("snapshots");
/// Cursors by the text of the sink.
pub(crate) const CURSORS: Sealed = TableDefinition::new("cursors");
/// Oddities by [`number_key`].
pub(crate) const ODDITIES: Sealed = TableDefinition::new("oddities");
/// Runs by [`number_key`].
pub(crate) const RUNS: Sealed = TableDefinition::new("runs");

/// All tables.
pub(crate) const ALL: [Sealed; 10] =
    [META, BARS, BAR_TALLY, ROWS, ROW_TALLY, EMITTED, SNAPSHOTS, CURSORS, ODDITIES, RUNS];

/// Turns the sign bit: the order of the bytes is then that of the numbers.
fn ordered(x: i64) -> [u8; 8] {
    ((x as u64) ^ (1 << 63)).to_be_bytes()
}

/// Key of [`BAR_TALLY`], by source, and of [`ROW_TALLY`], by signal.
pub(crate) fn lane_key(of: u16, symbol: u32) -> [u8; 6] {
    let mut key = [0; 6];
    key[..2].copy_from_slice(&of.to_be_bytes());
    key[2..].copy_from_slice(&symbol.to_be_bytes());
    key
}

/// Key of [`BARS`].
pub(crate) fn bar_key(id: BarId) -> [u8; 14] {
    let mut key = [0; 14];
    key[..6].copy_from_slice(&lane_key(id.source, id.symbol));
    key[6..].copy_from_slice(&ordered(id.row));
    key
}

/// Key of [`SNAPSHOTS`].
pub(crate) fn symbol_key(symbol: u32) -> [u8; 4] {
    symbol.to_be_bytes()
}

/// Key of [`ROWS`]: a signal and a symbol, and the open time of the first row.
pub(crate) fn row_key((signal, symbol): (u16, u32), open_time: Ts) -> [u8; 14] {
    let mut key = [0; 14];
    key[..6].copy_from_slice(&lane_key(signal, symbol));
    key[6..].copy_from_slice(&ordered(open_time.0));
    key
}

/// Key of [`EMITTED`], [`ODDITIES`] and [`RUNS`].
pub(crate) fn number_key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// A part of a key that must be there.
fn part<const N: usize>(key: &[u8], at: usize) -> Result<[u8; N], Trouble> {
    let bytes = key.get(at..at + N).and_then(|b| b.first_chunk::<N>());
    bytes.copied().ok_or_else(|| Trouble::Damage("a key is too short".into()))
}

/// The inverse of [`lane_key`].
pub(crate) fn lane_of(key: &[u8]) -> Result<(u16, u32), Trouble> {
    Ok((u16::from_be_bytes(part(key, 0)?), u32::from_be_bytes(part(key, 2)?)))
}

/// The inverse of [`bar_key`].
pub(crate) fn bar_of(key: &[u8]) -> Result<BarId, Trouble> {
    let (source, symbol) = lane_of(key)?;
    Ok(BarId { source, symbol, row: (u64::from_be_bytes(part(key, 6)?) ^ (1 << 63)) as i64 })
}

/// The inverse of [`symbol_key`].
pub(crate) fn symbol_of(key: &[u8]) -> Result<u32, Trouble> {
    Ok(u32::from_be_bytes(part(key, 0)?))
}

/// The inverse of [`row_key`].
pub(crate) fn row_of(key: &[u8]) -> Result<((u16, u32), Ts), Trouble> {
    Ok((lane_of(key)?, Ts((u64::from_be_bytes(part(key, 6)?) ^ (1 << 63)) as i64)))
}

/// The inverse of [`number_key`].
pub(crate) fn number_of(key: &[u8]) -> Result<u64, Trouble> {
    Ok(u64::from_be_bytes(part(key, 0)?))
}

/// Origins in the order of their codes.
pub(crate) const ORIGINS: [Origin; 4] = [Origin::Stream, Origin::Rest, Origin::Archive, Origin::Poll];
/// Kinds of oddities in the order of their codes.
pub(crate) const KINDS: [OddityKind; 3] = [OddityKind::Duplicate, OddityKind::Revised, OddityKind::Late];

const ABSENT: u8 = 4;
const UNREPAIRED: u8 = 5;

/// The code of a bar's fate: an origin's, [`ABSENT`] or [`UNREPAIRED`].
pub(crate) fn bar_code(fate: &BarFate) -> u8 {
    match fate {
        BarFate::Taken { origin, .. } => *origin as u8,
        BarFate::Absent => ABSENT,
        BarFate::Unrepaired => UNREPAIRED,
    }
}

/// A bar's values are stored without its nulls: the venues with five fields need half the space.
pub(crate) fn put_bar(entry: &BarEntry) -> Vec<u8> {
    let mut out = Out::default().u8(bar_code(&entry.fate)).i64(entry.at.0);
    if let BarFate::Taken { bar, .. } = &entry.fate {
        let there = (0..N_FIELDS).filter(|i| !bar.values[*i].is_nan());
        out = out.u32(there.clone().fold(0, |mask, i| mask | 1 << i));
        out = there.fold(out, |out, i| out.f64(bar.values[i]));
    }
    out.seal("bars", &bar_key(entry.id))
}

/// The inverse of [`put_bar`]; `open_time` follows from the key.
pub(crate) fn get_bar(id: BarId, open_time: Ts, stored: &[u8]) -> Result<BarEntry, Trouble> {
    let key = bar_key(id);
    let mut value = In::open("bars", &key, stored)?;
    let (code, at) = (value.u8()?, Ts(value.i64()?));
    let fate = match code {
        ABSENT => BarFate::Absent,
        UNREPAIRED => BarFate::Unrepaired,
        _ => {
            let origin = *ORIGINS.get(usize::from(code)).ok_or_else(|| value.malformed())?;
            let mask = value.u32()?;
            let mut values = [NULL; N_FIELDS];
            for (i, cell) in values.iter_mut().enumerate() {
                if mask & 1 << i != 0 {
                    *cell = value.f64()?;
                }
            }
            BarFate::Taken { bar: Bar { open_time, values }, origin }
        }
    };
    value.end()?;
    Ok(BarEntry { id, fate, at })
}

/// What is said of rows in [`ROWS`]; the records lie in [`EMITTED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowMark {
    /// One row, with its number.
    Emitted(u64),
    /// Rows one behind the other that share a fate, from that of the key to `last`.
    Stretch {
        /// A code of 1 to 5, see [`row_code`].
        code: u8,
        /// Open time of the last.
        last: Ts,
    },
}

/// The code of a row's fate, in the order of [`RowFate`].
pub(crate) fn row_code(fate: &RowFate) -> u8 {
    match fate {
        RowFate::Emitted { .. } => 0,
        RowFate::Warmup => 1,
        RowFate::Quiet => 2,
        RowFate::NullInput => 3,
        RowFate::ModelFailed => 4,
        RowFate::Skipped => 5,
    }
}

/// How many codes [`row_code`] has.
pub(crate) const ROW_CODES: usize = 6;

/// A fate by its code, the emitted one aside.
pub(crate) fn row_fate(code: u8) -> Option<RowFate> {
    [RowFate::Warmup, RowFate::Quiet, RowFate::NullInput, RowFate::ModelFailed, RowFate::Skipped]
        .get(usize::from(code).checked_sub(1)?)
        .cloned()
}

pub(crate) fn put_mark(key: &[u8], mark: RowMark) -> Vec<u8> {
    match mark {
        RowMark::Emitted(seq) => Out::default().u8(0).u64(seq),
        RowMark::Stretch { code, last } => Out::default().u8(code).i64(last.0),
    }
    .seal("rows", key)
}

pub(crate) fn get_mark(key: &[u8], stored: &[u8]) -> Result<RowMark, Trouble> {
    let mut value = In::open("rows", key, stored)?;
    let mark = match value.u8()? {
        0 => RowMark::Emitted(value.u64()?),
        code if usize::from(code) < ROW_CODES => RowMark::Stretch { code, last: Ts(value.i64()?) },
        _ => return Err(value.malformed()),
    };
    value.end()?;
    Ok(mark)
}

/// In place of a latency that nobody measured.
const NO_LATENCY: i64 = i64::MIN;

pub(crate) fn put_record(seq: u64, symbol: u32, record: &Record) -> Vec<u8> {
    let out = Out::default().u32(u32::from(record.signal)).u32(symbol).i64(record.ts.0).i64(record.open_time.0);
    let out = out
        .i64(record.latency_ms.unwrap_or(NO_LATENCY))
        .u8(u8::from(record.caught_up))
        .f64(record.value)
        .u32(record.extra.len() as u32);
    record.extra.iter().fold(out, |out, x| out.f64(*x)).seal("emitted", &number_key(seq))
}

/// The inverse of [`put_record`]; the symbol's name is looked up in `symbols`.
pub(crate) fn get_record(seq: u64, symbols: &[Symbol], stored: &[u8]) -> Result<Record, Trouble> {
    let key = number_key(seq);
    let mut value = In::open("emitted", &key, stored)?;
    let signal = u16::try_from(value.u32()?).map_err(|_| value.malformed())?;
    let symbol = symbols.get(value.u32()? as usize).ok_or_else(|| value.malformed())?.clone();
    let (ts, open_time) = (Ts(value.i64()?), Ts(value.i64()?));
    let latency_ms = Some(value.i64()?).filter(|ms| *ms != NO_LATENCY);
    let (caught_up, number) = (value.u8()? == 1, value.f64()?);
    let n = value.u32()?;
    let extra = (0..n).map(|_| value.f64()).collect::<Result<_, _>>()?;
    value.end()?;
    Ok(Record { signal, symbol, ts, open_time, value: number, extra, caught_up, latency_ms })
}

pub(crate) fn put_snapshot(entry: &SnapshotEntry) -> Vec<u8> {
    Out::default().i64(entry.at.0).bytes(&entry.bytes).seal("snapshots", &symbol_key(entry.symbol))
}

pub(crate) fn get_snapshot(key: &[u8], stored: &[u8]) -> Result<SnapshotEntry, Trouble> {
    let mut value = In::open("snapshots", key, stored)?;
    let at = Ts(value.i64()?);
    Ok(SnapshotEntry { symbol: symbol_of(key)?, at, bytes: value.rest().to_vec() })
}

pub(crate) fn put_oddity(number: u64, oddity: &Oddity) -> Vec<u8> {
    let out = Out::default().bytes(&bar_key(oddity.id)).u8(oddity.kind as u8).i64(oddity.at.0);
    out.seal("oddities", &number_key(number))
}

pub(crate) fn get_oddity(key: &[u8], stored: &[u8]) -> Result<Oddity, Trouble> {
    let value = In::open("oddities", key, stored)?;
    let malformed = value.malformed();
    let rest = value.rest();
    let (id, rest) = rest.split_at_checked(14).ok_or(malformed)?;
    let kind = rest.first().and_then(|code| KINDS.get(usize::from(*code)));
    let kind = *kind.ok_or_else(|| Trouble::Damage("an oddity of no known kind".into()))?;
    Ok(Oddity { id: bar_of(id)?, kind, at: Ts(i64::from_le_bytes(part(rest, 1)?)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_like_their_numbers() {
        let rows = [i64::MIN, -70_000, -1, 0, 1, 255, 256, i64::MAX];
        let ids = rows.map(|row| BarId { source: 1, symbol: 300, row });
        assert!(ids.windows(2).all(|w| bar_key(w[0]) < bar_key(w[1])));
        assert!(ids.iter().all(|id| bar_of(&bar_key(*id)).ok() == Some(*id)));
        assert!(bar_key(BarId { source: 0, symbol: u32::MAX, row: i64::MAX }) < bar_key(ids[0]));
        let lane = (3, 70_000);
        assert!(rows.iter().all(|t| row_of(&row_key(lane, Ts(*t))).ok() == Some((lane, Ts(*t)))));
        assert!(rows.windows(2).all(|w| row_key(lane, Ts(w[0])) < row_key(lane, Ts(w[1]))));
        assert!(row_key((2, u32::MAX), Ts(i64::MAX)) < row_key(lane, Ts(i64::MIN)));
    }

    #[test]
    fn entries_come_back() {
        let id = BarId { source: 2, symbol: 9, row: -4 };
        let bar = Bar::ohlcv(Ts(50), 1.0, 2.0, 0.5, -0.0, 3.5);
        let full = Bar { open_time: Ts(50), values: [1.5; N_FIELDS] };
        let fates = ORIGINS.iter().flat_map(|o| [bar, full].map(|bar| BarFate::Taken { bar, origin: *o }));
        for fate in fates.chain([BarFate::Absent, BarFate::Unrepaired]) {
            let entry = BarEntry { id, fate, at: Ts(77) };
            assert_eq!(get_bar(id, Ts(50), &put_bar(&entry)).ok(), Some(entry));
        }
        let symbols = [Symbol::new("A").expect("a symbol"), Symbol::new("B").expect("a symbol")];
        let record = Record {
            signal: 3,
            latency_ms: Some(-2),
            symbol: symbols[1].clone(),
            ts: Ts(60),
            open_time: Ts(50),
            value: -1.25,
            extra: vec![NULL, 3.0],
            caught_up: true,
        };
        assert_eq!(get_record(8, &symbols, &put_record(8, 1, &record)).ok(), Some(record));
        let oddity = Oddity { id, kind: OddityKind::Late, at: Ts(5) };
        assert_eq!(get_oddity(&number_key(3), &put_oddity(3, &oddity)).ok(), Some(oddity));
        let snapshot = SnapshotEntry { symbol: 4, at: Ts(-3), bytes: vec![1, 2, 3] };
        assert_eq!(get_snapshot(&symbol_key(4), &put_snapshot(&snapshot)).ok(), Some(snapshot));
        let key = row_key((0, 1), Ts(5));
        for mark in [RowMark::Emitted(9), RowMark::Stretch { code: 5, last: Ts(-8) }] {
            assert_eq!(get_mark(&key, &put_mark(&key, mark)).ok(), Some(mark));
        }
        assert_eq!(row_fate(5), Some(RowFate::Skipped));
        assert_eq!(row_fate(0), None);
    }
}
