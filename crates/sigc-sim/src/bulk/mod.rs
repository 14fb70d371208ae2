//! Archives of bars, as they lie at `data.binance.vision`.
//!
//! One zip per symbol, interval and day, or month, with one CSV inside, and a checksum beside it. The archive of a day
//! appears at half past eight the next morning, that of a month at that time of the next month's first Monday.
//! Futures files have a header line and milliseconds, spot files have none and microseconds from 2025 on.
//! Archives hold the truth: gaps are gaps here too, revisions are not here.

pub(crate) mod key;
pub(crate) mod listing;

use crate::fault::Fault;
use crate::http::Response;
use crate::market::Values;
use crate::trouble::find;
use crate::venue::Venue;
use crate::world::World;
use key::Key;
use sha2::{Digest, Sha256};
use sigc_market::{Bar, Ts};
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const HEADER: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n";
/// 2025-01-01: spot files count in microseconds from here on.
const MICROSECONDS_FROM: Ts = Ts(1_735_689_600_000);

/// The market a path belongs to.
pub(crate) fn venue_of(key: &str) -> Venue {
    if key.starts_with("data/spot/") { Venue::Spot } else { Venue::Futures }
}

/// Answers a request for an archive or its checksum.
pub(crate) fn answer(world: &World, path: &str) -> Response {
    let (stem, is_checksum) = match path.strip_suffix(".CHECKSUM") {
        Some(stem) => (stem, true),
        None => (path, false),
    };
    let Some(key) = Key::parse(stem).filter(|key| is_there(world, key)) else {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
        return Response::xml(404, body);
    };
    let bytes = match archive(world, &key) {
        Ok(bytes) => bytes,
        Err(error) => return Response::text(500, error.to_string()),
    };
    if !is_checksum {
        return Response::bytes(bytes);
    }
    let mut sum = Sha256::digest(&bytes).to_vec();
    let now = world.clock.now();
    let bad = |f: &Fault| matches!(f, Fault::BadChecksum).then_some(());
    if find(&world.troubles.snapshot(), now, key.venue, Some(&key.symbol), bad).is_some() {
        sum[0] ^= 0xff;
    }
    let mut line = String::with_capacity(100);
    for byte in sum {
        let written = write!(line, "{byte:02x}");
        debug_assert!(written.is_ok(), "writing to a string");
    }
    Response::text(200, format!("{line}  {}\n", key.file()))
}

/// True if an archive has appeared and no fault hides it.
pub(crate) fn is_there(world: &World, key: &Key) -> bool {
    let market = world.market(key.venue);
    let (from, to) = key.range();
    let now = world.clock.now();
    let Some(first) = market.first(&key.symbol).filter(|_| market.has_interval(key.interval)) else { return false };
    if now < key.appears() || to <= first.max(world.config.history_from()) {
        return false;
    }
    let day_within = |day: &str| Ts::parse_iso(day).is_some_and(|day| from <= day && day < to);
    let hidden = |f: &Fault| matches!(f, Fault::MissingZip { day } if day_within(day)).then_some(());
    find(&world.troubles.snapshot(), now, key.venue, Some(&key.symbol), hidden).is_none()
}

/// The bytes of an archive; the same each time.
pub(crate) fn archive(world: &World, key: &Key) -> Result<Vec<u8>, zip::result::ZipError> {
    let (from, to) = key.range();
    let bars = world.market(key.venue).bars(&key.symbol, key.interval, from, to);
    let faults = world.troubles.snapshot();
    let now = world.clock.now();
    let has = |wanted: Fault| {
        let same = |f: &Fault| (*f == wanted).then_some(());
        find(&faults, now, key.venue, Some(&key.symbol), same).is_some()
    };
    let header = key.venue == Venue::Futures && !has(Fault::NoHeader);
    let micros = match key.venue {
        Venue::Spot => from >= MICROSECONDS_FROM,
        _ => has(Fault::UsTimestamps),
    };
    let mut text = String::from(if header { HEADER } else { "" });
    for Bar { open_time, values } in bars {
        let k = key.interval.index_of(open_time);
        line(&mut text, open_time, key.interval.close_of(k), &values, micros);
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    zip.start_file(format!("{}.csv", key.stem()), options)?;
    zip.write_all(text.as_bytes())?;
    Ok(zip.finish()?.into_inner())
}

fn line(out: &mut String, open: Ts, close: Ts, values: &Values, micros: bool) {
    let [o, h, l, c, v, q, n, taker, taker_quote] = *values;
    let (open, last) = if micros { (open.0 * 1_000, close.0 * 1_000 - 1) } else { (open.0, close.0 - 1) };
    let written = writeln!(out, "{open},{o},{h},{l},{c},{v},{last},{q},{},{taker},{taker_quote},0", n as i64);
    debug_assert!(written.is_ok(), "writing to a string");
}
