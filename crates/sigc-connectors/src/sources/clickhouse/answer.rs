//! What a ClickHouse server answers: the rows of the query, or an exception.
//!
//! A row that cannot be read is a fault of its symbol and not of the others. Whether a row is final is decided here,
//! with the server's time of the same answer:
//!
//! ```text
//! close <= now   and   the closed column says so, where there is one; otherwise
//!                      close + settle <= now   or   a later row of the symbol is there
//! ```

use super::super::wire::{Text, bar, in_order, time_text, values, wire_error, words};
use super::{Table, Wanted};
use serde::Deserialize;
use sigc_market::{Bar, Field, Ts};
use sigc_runtime::venue::{Refusal, WireError};
use std::collections::HashMap;

/// What a query brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The server's time, taken before it read the rows.
    pub now: Ts,
    /// The final bars of each symbol in the order they were asked for, ascending, each once.
    pub bars: Vec<Result<Vec<Bar>, WireError>>,
}

/// The columns of a row.
type Row<'a> = [Cell<'a>; 7];

/// A text, or a null of a column that allows it.
#[derive(Deserialize)]
struct Cell<'a>(#[serde(borrow)] Option<Text<'a>>);

impl Cell<'_> {
    /// The text; a null is one that is neither a number nor a time.
    fn text(&self) -> &str {
        self.0.as_ref().map_or("null", |text| &text.0)
    }
}

impl Table {
    /// Reads the answer to [`Table::query`] with the same `wanted`.
    ///
    /// # Errors
    /// A body that is not the query's format, rows of symbols that were not asked for, no time of the server.
    pub fn read(&self, wanted: &[Wanted<'_>], body: &[u8]) -> Result<Page, WireError> {
        let place: HashMap<&str, usize> = wanted.iter().enumerate().map(|(i, w)| (w.symbol.as_str(), i)).collect();
        let mut rows: Vec<Vec<Row<'_>>> = wanted.iter().map(|_| Vec::new()).collect();
        let mut now = None;
        for line in body.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
            let row: Row<'_> = serde_json::from_slice(line).map_err(|e| wire_error(&e))?;
            if row[0].text().is_empty() {
                now = Some(time_text(row[1].text())?);
            } else if let Some(&i) = place.get(row[0].text()) {
                rows[i].push(row);
            } else {
                let symbol = words(row[0].text().as_bytes());
                return Err(WireError::Shape(format!("a row of `{symbol}`, which was not asked for")));
            }
        }
        let Some(now) = now else { return Err(WireError::Shape("no time of the server".to_owned())) };
        let bars = rows.iter().map(|rows| self.bars(rows, now)).collect();
        Ok(Page { now, bars })
    }

    /// The final bars among a symbol's rows.
    fn bars(&self, rows: &[Row<'_>], now: Ts) -> Result<Vec<Bar>, WireError> {
        let opens: Vec<Ts> = rows.iter().map(|row| time_text(row[1].text())).collect::<Result<_, _>>()?;
        let newest = opens.iter().max().copied();
        let mut bars = Vec::with_capacity(rows.len());
        for (row, open) in rows.iter().zip(opens) {
            if self.is_final(open, newest, now) {
                let [_, _, o, h, l, c, v] = row;
                let values = values([
                    (Field::Open, o.text()),
                    (Field::High, h.text()),
                    (Field::Low, l.text()),
                    (Field::Close, c.text()),
                    (Field::Volume, v.text()),
                ])?;
                bars.push(bar(self.interval, open, None, values)?);
            }
        }
        in_order(bars)
    }

    fn is_final(&self, open: Ts, newest: Option<Ts>, now: Ts) -> bool {
        // A row off the grid ends with the bar it lies in; it is refused when it is read.
        let close = self.interval.close_of(self.interval.index_of(open));
        let settled = close.0.saturating_add(self.settle_ms) <= now.0;
        close <= now && (self.closed.is_some() || settled || newest.is_some_and(|newest| newest > open))
    }
}

/// Exceptions that the same query meets again however often it is asked: the table, its columns, the user or the
/// text. Everything else may pass: memory, limits, the network of a cluster.
const LASTING: &[u32] = &[
    27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
    36,  // BAD_ARGUMENTS
    43,  // ILLEGAL_TYPE_OF_ARGUMENT
    46,  // UNKNOWN_FUNCTION
    47,  // UNKNOWN_IDENTIFIER
    53,  // TYPE_MISMATCH
    60,  // UNKNOWN_TABLE
    62,  // SYNTAX_ERROR
    81,  // UNKNOWN_DATABASE
    115, // UNKNOWN_SETTING
    181, // ILLEGAL_FINAL
    192, // UNKNOWN_USER
    193, // WRONG_PASSWORD
    194, // REQUIRED_PASSWORD
    386, // NO_COMMON_TYPE
    456, // UNKNOWN_QUERY_PARAMETER
    457, // BAD_QUERY_PARAMETER
    497, // ACCESS_DENIED
    516, // AUTHENTICATION_FAILED
];
/// QUOTA_EXCEEDED: the server counts, and says stop.
const QUOTA: u32 = 201;

/// What an answer says beside its rows. `header` looks a header up by its lower-case name.
///
/// # Errors
/// The server's exception, by what can be done about it.
pub fn check(status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Result<(), Refusal> {
    let exception = exception_in(header, body);
    match (status, exception) {
        (200..=299, None) => Ok(()),
        (_, Some(Exception { code: QUOTA, .. })) | (429, _) => Err(Refusal::TooMany { after_ms: None, banned: false }),
        (_, Some(e)) if e.lasts() => Err(Refusal::BadRequest { reason: e.reason }),
        (_, Some(e)) => Err(Refusal::Server { status, reason: e.reason }),
        (408 | 500.., None) => Err(Refusal::Server { status, reason: words(body) }),
        (_, None) => Err(Refusal::BadRequest { reason: format!("status {status}: {}", words(body)) }),
    }
}

/// What a server says instead of doing what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Its number: 60 is a table that is not there.
    pub code: u32,
    /// The server's words, shortened.
    pub reason: String,
}

impl Exception {
    /// True if the same query meets it again however often it is asked.
    pub fn lasts(&self) -> bool {
        LASTING.contains(&self.code)
    }
}

/// The exception of an answer, if it is one. `header` looks a header up by its lower-case name.
pub fn exception_in(header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Option<Exception> {
    let code = header("x-clickhouse-exception-code").and_then(|code| code.trim().parse().ok());
    let (told, said) = exception(body).unzip();
    Some(Exception { code: code.or(told)?, reason: words(said.unwrap_or(body)) })
}

/// The code and the text of `Code: 60. DB::Exception: ...` at the beginning of a line: an exception after the first
/// rows stands behind them.
fn exception(body: &[u8]) -> Option<(u32, &[u8])> {
    body.split_inclusive(|&b| b == b'\n')
        .scan(0, |at, line| {
            let from = *at;
            *at += line.len();
            Some((from, line))
        })
        .find_map(|(from, line)| {
            let rest = line.strip_prefix(b"Code: ")?;
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            let code = std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()?;
            rest.get(digits..)?.starts_with(b". DB::Exception").then(|| (code, &body[from..]))
        })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sources::clickhouse::step::{CLOSED_COLUMN, FINAL, LATE_SECONDS, SETTLE_SECONDS, TABLE};
    use proptest::prelude::*;
    use sigc_catalog::{Args, INTERVAL, Value};
    use sigc_market::{Interval, Symbol};

    pub(in super::super) fn symbol(text: &str) -> Symbol {
        Symbol::new(text).expect("a symbol")
    }

    pub(in super::super) fn table(closed: Option<&str>) -> Table {
        let mut args = Args::new();
        args.insert(INTERVAL.name(), Value::Interval(Interval::parse("1m").expect("an interval")));
        args.insert(TABLE.name(), Value::Text("market.klines".into()));
        args.insert(FINAL.name(), Value::Bool(true));
        args.insert(SETTLE_SECONDS.name(), Value::Number(2.0));
        args.insert(LATE_SECONDS.name(), Value::Number(60.0));
        if let Some(closed) = closed {
            args.insert(CLOSED_COLUMN.name(), Value::Text(closed.into()));
        }
        Table::of(&args)
    }

    /// The answer at `now` with rows `(symbol, open time, close)`.
    fn answer(now: i64, rows: &[(&str, i64, &str)]) -> Vec<u8> {
        let mut body = format!("[\"\",\"{now}\",\"\",\"\",\"\",\"\",\"\"]\n");
        for (symbol, open, close) in rows {
            body += &format!("[\"{symbol}\",\"{open}\",\"1\",\"9\",\"0.5\",\"{close}\",\"3\"]\n");
        }
        body.into_bytes()
    }

    /// The open minutes of the bars of A and of B, asked for from 0 to 1000.
    fn minutes(table: &Table, body: &[u8]) -> [Result<Vec<i64>, WireError>; 2] {
        let (a, b) = (symbol("A"), symbol("B"));
        let wanted = [&a, &b].map(|symbol| Wanted { symbol, from: Ts(0), to: Ts(60_000_000) });
        let page = table.read(&wanted, body).expect("an answer");
        let opens = |bars: Vec<Bar>| bars.iter().map(|b| b.open_time.0 / 60_000).collect();
        let mut all = page.bars.into_iter().map(|bars| bars.map(opens));
        std::array::from_fn(|_| all.next().expect("one for each"))
    }

    const MIN: i64 = 60_000;

    #[test]
    fn a_row_is_final_by_the_servers_clock_or_by_a_later_row() {
        let t = table(None);
        let rows = [("A", MIN, "1"), ("A", 0, "1"), ("B", MIN, "1")];
        // B's last bar closed at 120 s and settles at 122 s.
        assert_eq!(minutes(&t, &answer(2 * MIN + 1_999, &rows)), [Ok(vec![0]), Ok(vec![])]);
        assert_eq!(minutes(&t, &answer(2 * MIN + 2_000, &rows)), [Ok(vec![0, 1]), Ok(vec![1])]);
        // An open row shows that the one before it is done, and is itself not shown.
        let rows = [("A", MIN, "1"), ("A", 2 * MIN, "1"), ("B", 2 * MIN, "1"), ("B", 3 * MIN, "1")];
        assert_eq!(minutes(&t, &answer(2 * MIN + 1, &rows)), [Ok(vec![1]), Ok(vec![])]);
    }

    #[test]
    fn a_closed_column_decides_alone_but_never_before_the_close() {
        let t = table(Some("is_closed"));
        let rows = [("A", MIN, "1"), ("B", MIN, "1")];
        assert_eq!(minutes(&t, &answer(2 * MIN - 1, &rows)), [Ok(vec![]), Ok(vec![])]);
        assert_eq!(minutes(&t, &answer(2 * MIN, &rows)), [Ok(vec![1]), Ok(vec![1])]);
    }

    #[test]
    fn a_bad_row_is_its_symbols_fault() {
        let t = table(None);
        for bad in ["nan", "inf", "-1", "", "1,5", "12"] {
            let [a, b] = minutes(&t, &answer(9 * MIN, &[("A", 0, bad), ("B", 0, "1")]));
            assert!(matches!(a, Err(WireError::Value(_))), "{bad}: {a:?}");
            assert_eq!(b, Ok(vec![0]));
        }
        let [a, b] = minutes(&t, &answer(9 * MIN, &[("A", 1, "1"), ("B", 0, "1"), ("B", 0, "1")]));
        assert!(matches!(a, Err(WireError::OffGrid(_))));
        assert_eq!(b, Ok(vec![0]), "the same row twice is one row");
        let [a, _] = minutes(&t, &answer(9 * MIN, &[("A", 0, "1"), ("A", 0, "2")]));
        assert!(matches!(a, Err(WireError::Shape(_))));
        let null =
            [answer(9 * MIN, &[("B", 0, "1")]), b"[\"A\",\"0\",\"1\",\"1\",null,\"1\",\"1\"]\n".to_vec()].concat();
        let [a, b] = minutes(&t, &null);
        assert!(matches!(a, Err(WireError::Value(_))) && b == Ok(vec![0]));
        // A bad row that is still open may become a good one.
        let [a, _] = minutes(&t, &answer(MIN + 1, &[("A", 0, "1"), ("A", MIN, "nan")]));
        assert_eq!(a, Ok(vec![0]));
    }

    #[test]
    fn numbers_are_read_to_the_nearest() {
        let (t, a) = (table(None), symbol("A"));
        let wanted = [Wanted { symbol: &a, from: Ts(0), to: Ts(0) }];
        for text in ["0.1", "8.000000000000007", "5e-324", "0.30000000000000004", "2.2250738585072011e-308"] {
            let body = format!(
                "[\"\",\"99999999\",\"\",\"\",\"\",\"\",\"\"]\n[\"A\",\"0\",\"{text}\",\"9\",\"5e-324\",\"1\",\"{text}\"]\n"
            );
            let page = t.read(&wanted, body.as_bytes()).expect("an answer");
            let bars = page.bars[0].clone().expect("a bar");
            assert_eq!(bars[0].get(Field::Open).to_bits(), text.parse::<f64>().expect("a number").to_bits());
        }
    }

    #[test]
    fn answers_of_another_form_are_refused() {
        let (t, a) = (table(None), symbol("A"));
        let wanted = [Wanted { symbol: &a, from: Ts(0), to: Ts(0) }];
        for body in [
            &b""[..],
            b"[]\n",
            b"{}\n",
            b"<html>",
            b"[\"A\",\"0\",\"1\",\"1\",\"1\",\"1\",\"1\"]\n",
            b"[\"\",\"x\",\"\",\"\",\"\",\"\",\"\"]\n",
            b"[\"\",\"1\",\"\",\"\",\"\",\"\",\"\"]\n[\"B\",\"0\",\"1\",\"1\",\"1\",\"1\",\"1\"]\n",
            b"[\"\",\"1\",\"\",\"\",\"\",\"\",\"\"]\n[null,\"0\",\"1\",\"1\",\"1\",\"1\",\"1\"]\n",
        ] {
            assert!(t.read(&wanted, body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn exceptions_are_told_apart_by_code() {
        let no_header = |_: &str| None;
        let gone = b"Code: 60. DB::Exception: Table market.klines does not exist. (UNKNOWN_TABLE) (version 26.9.2.1)\n";
        let busy = b"[\"\",\"1\"]\nCode: 241. DB::Exception: Memory limit exceeded\n";
        let header =
            |code: &'static str| move |name: &str| (name == "x-clickhouse-exception-code").then(|| code.to_owned());
        let kind = |r: Result<(), Refusal>| match r {
            Ok(()) => "ok",
            Err(Refusal::BadRequest { .. }) => "bad",
            Err(Refusal::Server { .. }) => "server",
            Err(Refusal::TooMany { .. }) => "too many",
            Err(_) => "other",
        };
        assert_eq!(kind(check(200, &no_header, b"[\"Code: 60. DB::Exception\"]\n")), "ok");
        assert_eq!(kind(check(404, &no_header, gone)), "bad");
        assert_eq!(kind(check(200, &no_header, gone)), "bad", "an exception inside a good answer");
        assert_eq!(kind(check(200, &no_header, busy)), "server");
        for code in ["27", "47", "60", "62", "516"] {
            assert_eq!(kind(check(500, &header(code), b"?")), "bad", "{code}");
        }
        for code in ["159", "209", "210", "241", "252", "999"] {
            assert_eq!(kind(check(400, &header(code), b"?")), "server", "{code}");
        }
        assert_eq!(kind(check(500, &header("201"), b"?")), "too many");
        for (status, what) in
            [(204, "ok"), (301, "bad"), (401, "bad"), (404, "bad"), (408, "server"), (429, "too many"), (502, "server")]
        {
            assert_eq!(kind(check(status, &no_header, b"<title>x</title>")), what, "{status}");
        }
        let Err(Refusal::BadRequest { reason }) = check(404, &no_header, gone) else { panic!("refused") };
        assert!(reason.starts_with("Code: 60. DB::Exception: Table market.klines"), "{reason}");
    }

    proptest! {
        /// Whatever comes back: bars that keep the rules of bars, or an error.
        #[test]
        fn any_bytes_end_in_bars_or_an_error(bytes: Vec<u8>, lines in proptest::collection::vec("(\\[\"A?\",\"[0-9]{0,18}\"(,\"[-0-9.einfa]{0,6}\"){5}\\]|.{0,30})", 0..6), status: u16) {
            let a = symbol("A");
            let wanted = [Wanted { symbol: &a, from: Ts(0), to: Ts(60_000) }];
            for body in [bytes, lines.join("\n").into_bytes()] {
                if let Err(refusal) = check(status, &|_| None, &body) {
                    prop_assert!(refusal.to_string().len() < 1_200);
                }
                if let Ok(page) = table(None).read(&wanted, &body) {
                    for bar in page.bars.into_iter().flatten().flatten() {
                        let i = table(None).interval;
                        prop_assert!(i.is_aligned(bar.open_time) && i.close_of(i.index_of(bar.open_time)) <= page.now);
                        prop_assert!(bar.get(Field::Low) > 0.0 && bar.get(Field::High).is_finite());
                        prop_assert!(bar.get(Field::Volume) >= 0.0);
                    }
                }
            }
        }
    }
}
