//! The truth: every bar of every symbol, and the bar that is still forming.
//!
//! Bars come from `generate` at the base interval, once from the first bar of the history, and are folded into coarser
//! ones: first open, highest high, lowest low, last close, sums. So all intervals of a symbol agree. Faults that
//! change the truth (no bar, a bar without trades) are applied to base bars, before anything is folded.
//!
//! Nothing is generated before it is asked for. A [`Series`] holds the rows that were asked for and some more to both
//! sides; it is shared, and replaced when a row outside it is wanted or when the truth changes ([`Market::version`]).

use sigc_connectors::generate::generate;
use sigc_market::{Bar, Field, Interval, N_FIELDS, Symbol, Ts};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The fields of a bar in the order of [`Field::ALL`].
pub(crate) type Values = [f64; N_FIELDS];

/// Marks a row that does not exist.
const ABSENT: Values = [f64::NAN; N_FIELDS];
/// Rows kept before the oldest one asked for, at least.
const ROWS_BEFORE: i64 = 2_000;

/// A stretch of rows of one symbol and interval.
#[derive(Debug)]
pub(crate) struct Series {
    first: i64,
    rows: Vec<Values>,
    /// Decimal digits of its prices.
    digits: i32,
    version: u64,
}

impl Series {
    /// Row `k`, if it exists and is within the stretch.
    pub fn get(&self, k: i64) -> Option<&Values> {
        let row = self.rows.get(usize::try_from(k - self.first).ok()?)?;
        (!row[0].is_nan()).then_some(row)
    }

    fn end(&self) -> i64 {
        self.first + self.rows.len() as i64
    }

    fn covers(&self, low: i64, high: i64) -> bool {
        low >= self.first && high <= self.end()
    }
}

/// A change of the truth over base bars that open in `from..to`.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    /// The symbols it is for; `None` = all.
    pub symbols: Option<Vec<Symbol>>,
    pub from: Ts,
    pub to: Ts,
    pub what: Change,
}

/// What becomes of the bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// They do not exist.
    Absent,
    /// They have no trades: all prices are the close before, all amounts zero.
    Flat,
}

#[derive(Debug)]
struct Shelf {
    first: Ts,
    series: Mutex<HashMap<Interval, Arc<Series>>>,
}

/// All bars of one set of symbols.
#[derive(Debug)]
pub(crate) struct Market {
    seed: u64,
    base: Interval,
    history_from: Ts,
    start: Ts,
    /// How far beyond what is asked for rows are made.
    ahead_ms: i64,
    shelves: HashMap<Symbol, Shelf>,
    edits: RwLock<Vec<Edit>>,
    version: AtomicU64,
}

impl Market {
    /// A market of these symbols, each with the first instant it trades.
    pub fn new(
        seed: u64,
        base: Interval,
        history_from: Ts,
        start: Ts,
        ahead_ms: i64,
        symbols: impl IntoIterator<Item = (Symbol, Ts)>,
    ) -> Market {
        let shelf = |first| Shelf { first, series: Mutex::default() };
        Market {
            seed,
            base,
            history_from,
            start,
            ahead_ms,
            shelves: symbols.into_iter().map(|(symbol, first)| (symbol, shelf(first))).collect(),
            edits: RwLock::default(),
            version: AtomicU64::new(0),
        }
    }

    /// True if there are bars of this interval.
    pub fn has_interval(&self, interval: Interval) -> bool {
        interval == self.base || interval.is_multiple_of(self.base)
    }

    /// The first instant a symbol trades; `None` if it is unknown.
    pub fn first(&self, symbol: &Symbol) -> Option<Ts> {
        self.shelves.get(symbol).map(|shelf| shelf.first)
    }

    /// Grows when the truth changes.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Changes the truth.
    pub fn edit(&self, edit: Edit) {
        self.edits.write().unwrap_or_else(PoisonError::into_inner).push(edit);
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// A series that holds the rows `low..high` as far as they exist; `None` if symbol or interval is unknown.
    pub fn series(&self, symbol: &Symbol, interval: Interval, low: i64, high: i64) -> Option<Arc<Series>> {
        let shelf = self.shelves.get(symbol)?;
        if !self.has_interval(interval) {
            return None;
        }
        let floor = interval.index_of(self.history_from.max(shelf.first));
        let (low, high) = (low.max(floor), high.max(floor));
        let version = self.version();
        let mut kept = shelf.series.lock().unwrap_or_else(PoisonError::into_inner);
        let old = kept.get(&interval).filter(|s| s.version == version);
        if let Some(series) = old.filter(|s| s.covers(low, high)) {
            return Some(series.clone());
        }
        // Each replacement at least doubles the reach to its side, so that paging through a history stays cheap.
        let (mut first, mut end) = (low, high.max(low + 1));
        if let Some(old) = old {
            let span = old.end() - old.first;
            first = if low < old.first { low - span } else { old.first };
            end = end.max(old.end());
        }
        if old.is_none_or(|old| high > old.end()) {
            let since_start = (interval.open_of(end).0 - self.start.0).max(0);
            let ahead = self.ahead_ms.max(since_start);
            end = interval.index_of(Ts(interval.open_of(end).0 + ahead)) + 1;
        }
        first = (first.min(low - ROWS_BEFORE)).max(floor);
        let series = Arc::new(self.build(symbol, shelf.first, interval, first, end, version));
        kept.insert(interval, series.clone());
        Some(series)
    }

    /// The bars that open in `from..to`.
    pub fn bars(&self, symbol: &Symbol, interval: Interval, from: Ts, to: Ts) -> Vec<Bar> {
        let low = interval.index_of(from) + i64::from(!interval.is_aligned(from));
        let high = interval.index_of(to) + i64::from(!interval.is_aligned(to));
        let Some(series) = self.series(symbol, interval, low, high) else { return Vec::new() };
        (low.max(series.first)..high)
            .filter_map(|k| series.get(k).map(|values| Bar { open_time: interval.open_of(k), values: *values }))
            .collect()
    }

    fn build(&self, symbol: &Symbol, listed: Ts, interval: Interval, first: i64, end: i64, version: u64) -> Series {
        let edits: Vec<Edit> = {
            let all = self.edits.read().unwrap_or_else(PoisonError::into_inner);
            let ours = |e: &&Edit| e.symbols.as_ref().is_none_or(|s| s.contains(symbol));
            all.iter().filter(ours).cloned().collect()
        };
        let mut rows = vec![ABSENT; usize::try_from(end - first).unwrap_or(0)];
        let mut digits = 0;
        let mut last_close = f64::NAN;
        let n = self.base.index_of(interval.open_of(end)) - self.base.index_of(self.history_from);
        for mut bar in generate(self.seed, symbol, self.base, self.history_from, usize::try_from(n).unwrap_or(0)) {
            let at = bar.open_time;
            let change = edits.iter().rev().find(|e| e.from <= at && at < e.to).map(|e| e.what);
            if at < listed || change == Some(Change::Absent) {
                continue;
            }
            digits = digits.max(decimals(bar.get(Field::Close)));
            if change == Some(Change::Flat) {
                let price = if last_close.is_nan() { bar.get(Field::Open) } else { last_close };
                bar.values = [0.0; N_FIELDS];
                bar.values[..4].fill(price);
            }
            last_close = bar.get(Field::Close);
            if let Ok(i) = usize::try_from(interval.index_of(at) - first) {
                fold(&mut rows[i], &bar.values);
            }
        }
        Series { first, rows, digits, version }
    }
}

/// Adds a bar to the coarser one it is part of.
fn fold(sum: &mut Values, bar: &Values) {
    if sum[0].is_nan() {
        *sum = *bar;
        return;
    }
    sum[1] = sum[1].max(bar[1]);
    sum[2] = sum[2].min(bar[2]);
    sum[3] = bar[3];
    for i in Field::Volume.index()..N_FIELDS {
        sum[i] += bar[i];
    }
}

/// Decimal digits of a price, at most 8.
fn decimals(price: f64) -> i32 {
    (0..8).find(|d| round(price, *d) == price).unwrap_or(8)
}

fn round(x: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (x * scale).round() / scale
}

/// The bar in progress of one symbol and interval, cheap to ask again and again as time goes on.
#[derive(Debug, Default)]
pub(crate) struct Forming {
    base: Option<Arc<Series>>,
    /// The bar that `sum` is of.
    bar: i64,
    /// The base bar to add next.
    next: i64,
    sum: Option<Values>,
}

impl Forming {
    /// The bar that holds `at`, as far as it has come; `None` if there has been none so far.
    pub fn at(&mut self, market: &Market, symbol: &Symbol, interval: Interval, at: Ts) -> Option<(i64, Values)> {
        let (k, now) = (interval.index_of(at), market.base.index_of(at));
        let current = self.base.as_ref().is_some_and(|s| s.version == market.version() && s.covers(now, now + 1));
        if !current || k != self.bar || now < self.next {
            let first = market.base.index_of(interval.open_of(k));
            if !current {
                self.base = Some(market.series(symbol, market.base, first, now + 1)?);
            }
            (self.bar, self.next, self.sum) = (k, first, None);
        }
        let base = self.base.as_ref()?;
        let add = |sum: Option<Values>, bar: &Values| {
            let mut sum = sum.unwrap_or(ABSENT);
            fold(&mut sum, bar);
            Some(sum)
        };
        while self.next < now {
            if let Some(bar) = base.get(self.next) {
                self.sum = add(self.sum, bar);
            }
            self.next += 1;
        }
        let open = market.base.open_of(now);
        let length = market.base.close_of(now).0 - open.0;
        let done = (at.0 - open.0) as f64 / length as f64;
        let whole = match base.get(now) {
            Some(bar) => add(self.sum, &part(bar, done, base.digits)),
            None => self.sum,
        };
        whole.map(|values| (k, values))
    }
}

/// A bar of which the share `done` has passed. The price goes from the open over both extremes to the close, so
/// it stays within the bar and touches all of it; amounts grow evenly and stay below the final ones.
fn part(bar: &Values, done: f64, digits: i32) -> Values {
    let [open, high, low, close, ..] = *bar;
    let done = done.clamp(0.001, 0.999);
    let turns = if close >= open { [open, low, high, close] } else { [open, high, low, close] };
    let (leg, within) = ((done * 3.0) as usize, (done * 3.0).fract());
    let price = round(turns[leg] + (turns[leg + 1] - turns[leg]) * within, digits).clamp(low, high);
    let passed = &turns[..=leg];
    let mut values = [0.0; N_FIELDS];
    values[0] = open;
    values[1] = passed.iter().fold(price, |a, b| a.max(*b));
    values[2] = passed.iter().fold(price, |a, b| a.min(*b));
    values[3] = price;
    for i in Field::Volume.index()..N_FIELDS {
        values[i] = (bar[i] * done * 1e3).floor() / 1e3;
    }
    let trades = Field::Trades.index();
    values[trades] = if bar[trades] > 0.0 { (bar[trades] * done).floor().max(1.0) } else { 0.0 };
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn i(text: &str) -> Interval {
        Interval::parse(text).expect("listed")
    }

    fn market() -> (Market, Symbol) {
        let symbol = Symbol::new("BTCUSDT").expect("a symbol");
        let (from, start) = (Ts(480_000 * HOUR), Ts(480_100 * HOUR));
        (Market::new(3, i("1m"), from, start, HOUR, [(symbol.clone(), from)]), symbol)
    }

    #[test]
    fn coarser_bars_are_made_of_the_base_bars() {
        let (market, symbol) = market();
        let (from, to) = (Ts(480_010 * HOUR), Ts(480_012 * HOUR));
        let minutes = generate(3, &symbol, i("1m"), Ts(480_000 * HOUR), 12 * 60);
        assert_eq!(market.bars(&symbol, i("1m"), from, to), minutes[600..720]);
        let hours = market.bars(&symbol, i("1h"), from, to);
        assert_eq!(hours.len(), 2);
        for (hour, minutes) in hours.iter().zip(minutes[600..720].chunks(60)) {
            assert_eq!(hour.get(Field::Open), minutes[0].get(Field::Open));
            assert_eq!(hour.get(Field::Close), minutes[59].get(Field::Close));
            let highest = minutes.iter().map(|b| b.get(Field::High)).fold(0.0, f64::max);
            assert_eq!(hour.get(Field::High), highest);
            let volume: f64 = minutes.iter().map(|b| b.get(Field::Volume)).sum();
            assert_eq!(hour.get(Field::Volume), volume);
        }
    }

    #[test]
    fn what_was_asked_for_first_does_not_matter() {
        let (a, symbol) = market();
        let (b, _) = market();
        for hours in [99, 3, 120, 50, 1] {
            let (from, to) = (Ts((480_000 + hours) * HOUR), Ts((480_001 + hours) * HOUR));
            a.bars(&symbol, i("5m"), from, to);
        }
        let all = (Ts(479_000 * HOUR), Ts(480_130 * HOUR));
        assert_eq!(a.bars(&symbol, i("5m"), all.0, all.1), b.bars(&symbol, i("5m"), all.0, all.1));
        assert_eq!(b.bars(&symbol, i("5m"), all.0, all.1).len(), 130 * 12);
    }

    #[test]
    fn edits_make_bars_absent_or_flat_in_every_interval() {
        let (market, symbol) = market();
        let t = |minutes: i64| Ts(480_010 * HOUR + minutes * 60_000);
        let before = market.bars(&symbol, i("1m"), t(0), t(120));
        market.edit(Edit { symbols: None, from: t(5), to: t(60), what: Change::Absent });
        market.edit(Edit { symbols: None, from: t(60), to: t(120), what: Change::Flat });
        let minutes = market.bars(&symbol, i("1m"), t(0), t(120));
        assert_eq!(minutes.len(), 65);
        assert_eq!(minutes[..5], before[..5]);
        let hours = market.bars(&symbol, i("1h"), t(0), t(120));
        let close = before[4].get(Field::Close);
        assert_eq!(hours[0].get(Field::Close), close);
        assert_eq!(hours[1].values, [close, close, close, close, 0.0, 0.0, 0.0, 0.0, 0.0]);
        market.edit(Edit { symbols: None, from: t(0), to: t(60), what: Change::Absent });
        assert_eq!(market.bars(&symbol, i("1h"), t(0), t(60)), []);
    }

    #[test]
    fn a_forming_bar_stays_within_the_final_one_and_never_is_it() {
        let (market, symbol) = market();
        let mut forming = Forming::default();
        let final_bar = market.bars(&symbol, i("15m"), Ts(480_020 * HOUR), Ts(480_020 * HOUR + 1))[0];
        for second in 0..900 {
            let at = Ts(480_020 * HOUR + second * 1_000);
            let (k, values) = forming.at(&market, &symbol, i("15m"), at).expect("a bar");
            assert_eq!(i("15m").open_of(k), final_bar.open_time);
            assert_eq!(Forming::default().at(&market, &symbol, i("15m"), at).expect("a bar").1, values);
            let bar = Bar { open_time: at, values };
            assert_eq!(bar.get(Field::Open), final_bar.get(Field::Open));
            assert!(bar.get(Field::High) <= final_bar.get(Field::High));
            assert!(bar.get(Field::Low) >= final_bar.get(Field::Low));
            assert!((bar.get(Field::Low)..=bar.get(Field::High)).contains(&bar.get(Field::Close)));
            assert!(bar.get(Field::Volume) < final_bar.get(Field::Volume));
            assert!(bar.get(Field::Trades) >= 1.0);
        }
    }

    /// A hundred and twenty days of minutes are made when first asked for; it must not be felt.
    #[test]
    fn a_long_history_is_made_quickly() {
        let symbol = Symbol::new("BTCUSDT").expect("a symbol");
        let (from, start) = (Ts(480_000 * HOUR), Ts(482_880 * HOUR));
        let market = Market::new(3, i("1m"), from, start, HOUR, [(symbol.clone(), from)]);
        let began = std::time::Instant::now();
        let hours = market.bars(&symbol, i("1h"), from, start);
        assert_eq!(hours.len(), 2_880);
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn unknown_symbols_and_finer_intervals_have_no_series() {
        let (market, symbol) = market();
        assert!(market.series(&Symbol::new("NOPE").expect("a symbol"), i("1m"), 0, 1).is_none());
        assert!(market.series(&symbol, i("1s"), 0, 1).is_none());
        assert!(market.series(&symbol, i("1M"), 0, 1).is_some());
    }
}
