//! Rows into the table, each once.

use super::open::of_pipeline;
use super::server::{Fault, Server};
use sha2::{Digest, Sha256};
use sigc_connectors::sinks::clickhouse::rows::{header, push_row};
use sigc_connectors::sinks::clickhouse::table::{Layout, quoted_text};
use sigc_market::Ts;
use sigc_runtime::{Cell, Record, RecordSchema, Sink, SinkError, Written};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Symbols that a question names; one about more is about all of them. A query's text may have 256 KiB.
const MOST_SYMBOLS: usize = 2_000;

/// A table that fits, open for rows.
pub struct ClickHouse {
    parts: Parts,
    header: Vec<u8>,
    /// Rows may be in the table that nobody has confirmed: set at the beginning and by every failure, and gone when a
    /// batch was found not to be there at all.
    doubt: bool,
    /// Query ids of this pipeline's inserts begin so.
    id_prefix: String,
    /// What tells this run's tokens from others': rows that were deleted on purpose can be written again by another.
    scope: String,
    n_inserts: u64,
}

/// What a sink is made of.
pub(super) struct Parts {
    pub server: Server,
    /// In back quotes.
    pub table: String,
    pub schema: RecordSchema,
    pub layout: Layout,
    /// `INSERT INTO ... FORMAT ...`
    pub insert: String,
    /// The newest row that was there when the sink was opened; a row behind it cannot be there.
    pub newest: Option<Ts>,
    pub timeout: Duration,
}

/// What identifies a row within the pipeline: its symbol, label, and position of its signal.
type Key<'a> = (&'a str, Ts, u16);

impl ClickHouse {
    pub(super) fn new(parts: Parts) -> ClickHouse {
        let opened = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let schema = &parts.schema;
        let of_pipeline = hex(&Sha256::digest(format!("{}\0{}", parts.table, schema.dag_name)));
        let run = schema.run_id.clone().unwrap_or_else(|| opened.to_string());
        ClickHouse {
            header: header(&parts.layout),
            doubt: true,
            id_prefix: format!("sigc-{}-", &of_pipeline[..16]),
            scope: format!("{}\0{run}", schema.plan),
            n_inserts: opened as u64,
            parts,
        }
    }

    fn error(&self, fault: Fault) -> SinkError {
        self.parts.server.error(fault)
    }

    /// Of `rows` those that are in the table, each with the bits of its value, in words.
    fn there(&self, rows: &[Record], until: Instant) -> Result<HashMap<(String, Ts, u16), String>, SinkError> {
        self.still_running(until)?;
        let query = self.question(rows);
        let answer = self.parts.server.rows(query, until).map_err(|f| self.error(f))?;
        let signals = &self.parts.schema.signals;
        let mut there = HashMap::new();
        for row in answer {
            let Ok([symbol, ts, frame, column, bits]) = <[String; 5]>::try_from(row) else { continue };
            let Ok(ts) = ts.parse().map(Ts) else { continue };
            let same = |s: &&sigc_runtime::SignalName| {
                (frame.is_empty() || s.frame == frame) && (column.is_empty() || s.column == column)
            };
            // A table without these columns is one of a single signal.
            for (i, _) in signals.iter().enumerate().filter(|(_, s)| same(s)) {
                there.entry((symbol.clone(), ts, i as u16)).or_insert_with(|| bits.clone());
            }
        }
        Ok(there)
    }

    /// An insert that nobody waits for any more may still be running: then it is too early to look for its rows.
    fn still_running(&self, until: Instant) -> Result<(), SinkError> {
        let query = format!(
            "SELECT toString(count()) FROM system.processes WHERE startsWith(query_id, {})",
            quoted_text(&self.id_prefix)
        );
        match self.parts.server.rows(query, until) {
            Ok(rows) if rows.first().and_then(|row| row.first()).is_some_and(|n| n != "0") => {
                Err(SinkError::Unavailable {
                    sink: self.describe(),
                    reason: "an insert whose answer was lost is still running; its end is waited for".into(),
                    unknown: true,
                })
            }
            Err(fault @ Fault::NoAnswer(_)) => Err(self.error(fault)),
            // A user who may not look there has one guard less.
            _ => Ok(()),
        }
    }

    /// The query for the keys among `rows` that are there.
    fn question(&self, rows: &[Record]) -> String {
        let Parts { table, schema, layout, .. } = &self.parts;
        let text = |name: &str| if layout.has(name) { format!("toString(`{name}`)") } else { "''".into() };
        let (from, to) = rows.iter().fold((i64::MAX, i64::MIN), |(from, to), r| (from.min(r.ts.0), to.max(r.ts.0)));
        let mut query = format!(
            "SELECT toString(symbol), toString(toUnixTimestamp64Milli(toDateTime64(ts, 3, 'UTC'))), {}, {}, \
             if(isNull(prediction), '', toString(reinterpretAsUInt64(assumeNotNull(prediction)))) FROM {table} WHERE {} \
             AND ts >= fromUnixTimestamp64Milli(toInt64({from}), 'UTC') \
             AND ts <= fromUnixTimestamp64Milli(toInt64({to}), 'UTC')",
            text("frame"),
            text("column"),
            of_pipeline(schema, layout),
        );
        let symbols: HashSet<&str> = rows.iter().map(|r| r.symbol.as_str()).collect();
        if symbols.len() <= MOST_SYMBOLS {
            let mut symbols: Vec<&str> = symbols.into_iter().collect();
            symbols.sort_unstable();
            query += " AND symbol IN (";
            for (i, symbol) in symbols.into_iter().enumerate() {
                query += if i > 0 { "," } else { "" };
                query += &quoted_text(symbol);
            }
            query += ")";
        }
        query
    }

    /// Inserts rows that are not there.
    fn insert(&mut self, rows: &[&Record], until: Instant) -> Result<(), SinkError> {
        let version = !(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64);
        let mut body = self.header.clone();
        let mut token = Sha256::new_with_prefix(&self.scope);
        let mut cells: Vec<Cell<'_>> = Vec::new();
        for row in rows {
            self.parts.schema.cells(row, &mut cells);
            push_row(&mut body, &self.parts.layout, &cells, version).map_err(|reason| SinkError::Unfit {
                sink: self.describe(),
                reason: format!("{reason} (`{}` at {})", row.symbol, row.ts),
                help: format!("write to a table made by\n{}", self.parts.server.statement),
            })?;
            let (symbol, ts, signal) = key(row);
            token.update(symbol.as_bytes());
            token.update([0]);
            token.update(ts.0.to_le_bytes());
            token.update(signal.to_le_bytes());
        }
        let token = hex(&token.finalize());
        self.n_inserts += 1;
        let id = format!("{}{:x}", self.id_prefix, self.n_inserts);
        let more = [("insert_deduplication_token", token.as_str()), ("query_id", id.as_str())];
        self.parts.server.insert(&self.parts.insert, &more, body, until).map_err(|f| self.error(f))
    }

    fn store(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        let until = Instant::now() + self.parts.timeout;
        let behind = |newest: Ts| rows.iter().any(|r| r.ts <= newest);
        let there = match self.doubt || self.parts.newest.is_some_and(behind) {
            true => self.there(rows, until)?,
            false => HashMap::new(),
        };
        let mut written = Written::default();
        let mut seen: HashSet<Key<'_>> = HashSet::new();
        let mut fresh: Vec<&Record> = Vec::new();
        for row in rows {
            let found = match there.is_empty() {
                true => None,
                false => there.get(&(row.symbol.as_str().to_owned(), row.ts, row.signal)),
            };
            if let Some(bits) = found {
                written.duplicates += 1;
                written.conflicts += usize::from(*bits != row.value.to_bits().to_string());
            } else if seen.insert(key(row)) {
                fresh.push(row);
            } else {
                written.duplicates += 1;
            }
        }
        for rows in by_month(fresh, self.parts.layout.months) {
            // A failure in the middle leaves the months before it stored.
            self.insert(&rows, until)?;
            written.new += rows.len();
        }
        self.doubt = self.doubt && !there.is_empty();
        Ok(written)
    }
}

impl Sink for ClickHouse {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        if rows.is_empty() {
            return Ok(Written::default());
        }
        let stored = self.store(rows);
        self.doubt |= stored.is_err();
        stored
    }

    /// Rows are the server's once it has answered: it keeps them as its own settings say (`fsync_after_insert`).
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }

    fn describe(&self) -> String {
        self.parts.server.shown.clone()
    }
}

fn key(row: &Record) -> Key<'_> {
    (row.symbol.as_str(), row.ts, row.signal)
}

/// Rows of at most so many months each, in order: a server takes an insert of at most 100 partitions.
fn by_month(rows: Vec<&Record>, months: usize) -> Vec<Vec<&Record>> {
    if months == usize::MAX {
        return if rows.is_empty() { Vec::new() } else { vec![rows] };
    }
    let mut groups: Vec<(HashSet<String>, Vec<&Record>)> = Vec::new();
    for row in rows {
        // `2025-12`
        let month: String = row.ts.to_string().chars().take(7).collect();
        match groups.last_mut() {
            Some((of, group)) if of.contains(&month) || of.len() < months => {
                of.insert(month);
                group.push(row);
            }
            _ => groups.push((HashSet::from([month]), vec![row])),
        }
    }
    groups.into_iter().map(|(_, rows)| rows).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}"); // writing to a text cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigc_market::Symbol;

    #[test]
    fn inserts_are_cut_by_month() {
        let row = |day: i64| Record {
            signal: 0,
            symbol: Symbol::new("A").expect("a symbol"),
            ts: Ts(day * 86_400_000),
            open_time: Ts(0),
            value: 0.0,
            extra: Vec::new(),
            caught_up: false,
            latency_ms: None,
        };
        // 1970: January has the days 0 to 30, February 31 to 58.
        let rows: Vec<Record> = [0, 30, 31, 58, 59, 31, 365].map(row).into();
        let sizes = |months| by_month(rows.iter().collect(), months).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(usize::MAX), [7]);
        assert_eq!(sizes(1), [2, 2, 1, 1, 1]);
        assert_eq!(sizes(2), [4, 2, 1]);
        assert!(by_month(Vec::new(), 1).is_empty() && by_month(Vec::new(), usize::MAX).is_empty());
    }
}
