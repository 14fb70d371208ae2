//! From rows of files to the bars of each symbol.
//!
//! Readers push every row in file order. Each row is checked against its own bar's rules, the grid, and the row before
//! it of the same symbol and file; [`Collector::finish`] joins what several files gave, merges where they overlap
//! with equal rows, and finds gaps. Stays true: the bars of a [`SymbolBars`] have strictly rising open times.

use super::error::{At, BarsError, Place, ValueFault};
use super::files::BarFile;
use super::{BarsNote, ReadOptions, SymbolBars};
use sigc_market::{Bar, Field, N_FIELDS, Symbol, Ts};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Bars in a row whose distance is looked at to tell a wrong interval from one bar off the grid.
const SPACING_SAMPLE: u32 = 64;
/// Fewer bars than this are too few to say that a file has a coarser interval.
const COARSE_SAMPLE: usize = 16;
/// Gaps listed in a note; the others are counted.
const GAPS_SHOWN: usize = 3;

/// Makes a line or a row of its number.
pub(super) type Placed = fn(u64) -> At;

/// Number of a symbol in a [`Collector`].
pub(super) type SeriesId = usize;

pub(super) struct Collector<'a> {
    opts: &'a ReadOptions<'a>,
    series: Vec<Series>,
    by_name: HashMap<Symbol, SeriesId>,
    /// The files begun so far, each with whether its places are lines or rows.
    files: Vec<(Arc<Path>, Placed)>,
    fields: [bool; N_FIELDS],
}

struct Series {
    symbol: Symbol,
    fields: [bool; N_FIELDS],
    rows: Vec<Stored>,
    n_nulls: usize,
    first_null: Option<Ts>,
    /// First and last open time seen, inside the wanted time or not.
    held: Option<(Ts, Ts)>,
    run: Run,
}

/// The rows of one symbol in the current file.
#[derive(Default)]
struct Run {
    last: Option<(Ts, u64)>,
    /// Distances in milliseconds and how often each was seen.
    spacings: Vec<(i64, u32)>,
    /// The first row off the grid, and how many rows came since.
    off_grid: Option<(Ts, u64, u32)>,
}

struct Stored {
    bar: Bar,
    file: u32,
    row: u64,
}

impl<'a> Collector<'a> {
    pub fn new(opts: &'a ReadOptions<'a>) -> Collector<'a> {
        let mut c = Collector {
            opts,
            series: Vec::new(),
            by_name: HashMap::new(),
            files: Vec::new(),
            fields: [false; N_FIELDS],
        };
        for symbol in opts.symbols.unwrap_or_default() {
            c.series_of(symbol);
        }
        c
    }

    /// The number of a symbol; none if it is not asked for.
    pub fn wanted(&mut self, symbol: &Symbol) -> Option<SeriesId> {
        match self.opts.symbols {
            None => Some(self.series_of(symbol)),
            Some(_) => self.by_name.get(symbol).copied(),
        }
    }

    fn series_of(&mut self, symbol: &Symbol) -> SeriesId {
        if let Some(&id) = self.by_name.get(symbol) {
            return id;
        }
        self.series.push(Series {
            symbol: symbol.clone(),
            fields: [false; N_FIELDS],
            rows: Vec::new(),
            n_nulls: 0,
            first_null: None,
            held: None,
            run: Run::default(),
        });
        self.by_name.insert(symbol.clone(), self.series.len() - 1);
        self.series.len() - 1
    }

    /// Starts a file whose rows have these fields.
    pub fn begin(&mut self, file: &BarFile, place: Placed, fields: [bool; N_FIELDS]) {
        self.files.push((file.path.clone(), place));
        self.fields = fields;
    }

    /// Takes one row. `text` gives a field's cell as it stands in the file, for a message.
    pub fn push(
        &mut self,
        id: SeriesId,
        row: u64,
        open_time: Ts,
        values: [f64; N_FIELDS],
        text: &dyn Fn(Field) -> String,
    ) -> Result<(), BarsError> {
        if let Some((field, fault)) = fault_of(&values) {
            return Err(self.bad_value(id, row, field, text(field), fault));
        }
        let on_grid = self.opts.interval.is_aligned(open_time);
        let run = &mut self.series[id].run;
        if let Some((before, before_row)) = run.last {
            if open_time <= before {
                return Err(self.out_of_order(id, row, open_time, before, before_row));
            }
            let distance = open_time.0 - before.0;
            if let Some((_, n)) = run.spacings.iter_mut().find(|(d, _)| *d == distance) {
                *n += 1;
            } else if run.spacings.len() < SPACING_SAMPLE as usize {
                run.spacings.push((distance, 1));
            }
        }
        run.last = Some((open_time, row));
        if !on_grid || run.off_grid.is_some() {
            let (_, _, seen) = run.off_grid.get_or_insert((open_time, row, 0));
            *seen += 1;
            if *seen >= SPACING_SAMPLE {
                return self.check_grid(id);
            }
        }
        let series = &mut self.series[id];
        series.held = Some(match series.held {
            None => (open_time, open_time),
            Some((first, last)) => (first.min(open_time), last.max(open_time)),
        });
        if self.opts.from.is_some_and(|t| open_time < t) || self.opts.until.is_some_and(|t| open_time >= t) {
            return Ok(());
        }
        let file = (self.files.len() - 1) as u32;
        series.rows.push(Stored { bar: Bar { open_time, values }, file, row });
        Ok(())
    }

    /// Ends the current file.
    pub fn end(&mut self) -> Result<(), BarsError> {
        for id in 0..self.series.len() {
            self.check_grid(id)?;
            let run = std::mem::take(&mut self.series[id].run);
            if run.last.is_some() {
                let had = &mut self.series[id].fields;
                had.iter_mut().zip(self.fields).for_each(|(had, has)| *had |= has);
            }
        }
        Ok(())
    }

    /// A row off the grid: one odd row, or bars of a finer interval throughout?
    fn check_grid(&self, id: SeriesId) -> Result<(), BarsError> {
        let Series { symbol, run, .. } = &self.series[id];
        let Some((open_time, row, _)) = run.off_grid else { return Ok(()) };
        let interval = self.opts.interval;
        let most = run.spacings.iter().max_by_key(|(d, n)| (*n, -d)).copied();
        match most {
            Some((distance, n)) if distance < interval.max_millis() && (n > 1 || run.spacings.len() == 1) => {
                Err(BarsError::WrongInterval { place: self.at(row), interval, found: length(distance) })
            }
            _ => Err(BarsError::Misaligned { place: self.at(row), symbol: symbol.clone(), open_time, interval }),
        }
    }

    fn out_of_order(&self, id: SeriesId, row: u64, open_time: Ts, before: Ts, before_row: u64) -> BarsError {
        let (place, symbol) = (self.at(row), self.series[id].symbol.clone());
        if open_time == before {
            return BarsError::Duplicate { place, symbol, open_time, first: Box::new(self.at(before_row)) };
        }
        BarsError::Unsorted { place, symbol, open_time, before }
    }

    /// An error about one cell of the current file.
    pub fn bad_value(&self, id: SeriesId, row: u64, field: Field, text: String, fault: ValueFault) -> BarsError {
        let (symbol, column) = (self.series[id].symbol.clone(), field.name());
        BarsError::Value { place: self.at(row), symbol, column, text, fault }
    }

    /// A place in the current file.
    fn at(&self, row: u64) -> Place {
        self.place_in(self.files.len() - 1, row)
    }

    fn place_in(&self, file: usize, row: u64) -> Place {
        let (file, place) = &self.files[file];
        Place { file: file.clone(), at: place(row) }
    }

    /// The bars of every wanted symbol, or of every symbol found, by name.
    pub fn finish(mut self, path: &Path, left_out: &[BarFile]) -> Result<Vec<SymbolBars>, BarsError> {
        let mut known: Vec<Symbol> =
            self.series.iter().filter(|s| s.held.is_some()).map(|s| s.symbol.clone()).collect();
        known.sort();
        let order: Vec<SeriesId> = match self.opts.symbols {
            Some(symbols) => symbols.iter().map(|s| self.series_of(s)).collect(),
            None => known.iter().map(|s| self.series_of(s)).collect(),
        };
        let mut all = Vec::with_capacity(order.len());
        for id in order {
            let mut bars = self.join(id)?;
            if bars.bars.is_empty() && (self.opts.symbols.is_some() || known.len() == 1) {
                let (symbol, held) = (Some(bars.symbol), self.series[id].held);
                return Err(BarsError::NoBars { path: path.into(), symbol, known, held });
            }
            let others = left_out.iter().filter(|f| f.symbol.as_ref() == Some(&bars.symbol));
            bars.notes.extend(others.filter_map(|f| {
                f.interval.map(|interval| BarsNote::OtherInterval { file: f.path.to_path_buf(), interval })
            }));
            all.push(bars);
        }
        if all.iter().all(|b| b.bars.is_empty()) {
            return Err(BarsError::NoBars { path: path.into(), symbol: None, known, held: None });
        }
        all.retain(|b| !b.bars.is_empty());
        Ok(all)
    }

    fn join(&mut self, id: SeriesId) -> Result<SymbolBars, BarsError> {
        let mut rows = std::mem::take(&mut self.series[id].rows);
        let rising = rows.windows(2).all(|w| w[0].bar.open_time < w[1].bar.open_time);
        let mut n_merged = 0;
        if !rising {
            rows.sort_by_key(|r| r.bar.open_time); // stable: the earlier file's row comes first
            if let Some(w) = rows.windows(2).find(|w| w[0].bar.open_time == w[1].bar.open_time && w[0].bar != w[1].bar)
            {
                return Err(BarsError::Duplicate {
                    place: self.place_in(w[1].file as usize, w[1].row),
                    symbol: self.series[id].symbol.clone(),
                    open_time: w[1].bar.open_time,
                    first: Box::new(self.place_in(w[0].file as usize, w[0].row)),
                });
            }
            let before = rows.len();
            rows.dedup_by_key(|r| r.bar.open_time);
            n_merged = before - rows.len();
        }
        let first_file = rows.first().map_or(0, |r| r.file as usize);
        let series = &mut self.series[id];
        let fields: Vec<Field> = Field::ALL.into_iter().filter(|f| series.fields[f.index()]).collect();
        let bars: Vec<Bar> = rows.into_iter().map(|r| r.bar).collect();
        for bar in &bars {
            if fields.iter().any(|f| bar.get(*f).is_nan()) {
                series.n_nulls += 1;
                series.first_null.get_or_insert(bar.open_time);
            }
        }
        let mut notes = Vec::new();
        if let Some(first) = series.first_null {
            notes.push(BarsNote::NullCells { n_bars: series.n_nulls, first });
        }
        if n_merged > 0 {
            notes.push(BarsNote::Merged { n_bars: n_merged });
        }
        notes.extend(self.gaps(&bars, first_file)?);
        Ok(SymbolBars { symbol: self.series[id].symbol.clone(), fields, bars, notes })
    }

    /// The stretches of the grid between the first and the last bar where there are none.
    fn gaps(&self, bars: &[Bar], first_file: usize) -> Result<Option<BarsNote>, BarsError> {
        let interval = self.opts.interval;
        let (mut n_gaps, mut n_missing, mut first, mut common) = (0, 0, Vec::new(), 0);
        let mut before: Option<i64> = None;
        for bar in bars {
            let k = interval.index_of(bar.open_time);
            if let Some(last) = before {
                common = gcd(common, (k - last) as u64);
                if k > last + 1 {
                    n_gaps += 1;
                    n_missing += (k - last - 1) as u64;
                    if first.len() < GAPS_SHOWN {
                        first.push((interval.open_of(last + 1), bar.open_time));
                    }
                }
            }
            before = Some(k);
        }
        // Every distance a multiple of the same number of bars: these are bars of a coarser interval, not gaps.
        if common > 1 && bars.len() >= COARSE_SAMPLE {
            let found = length(bars.windows(2).map(|w| w[1].open_time.0 - w[0].open_time.0).min().unwrap_or(0));
            let file = self.files[first_file].0.clone();
            return Err(BarsError::WrongInterval { place: Place { file, at: At::File }, interval, found });
        }
        Ok((n_gaps > 0).then_some(BarsNote::Gaps { n_gaps, n_missing, first }))
    }
}

/// The first rule of a bar that these values break. A null breaks none.
fn fault_of(values: &[f64; N_FIELDS]) -> Option<(Field, ValueFault)> {
    let [open, high, low, close, ..] = *values;
    for field in Field::ALL {
        let v = values[field.index()];
        if v.is_infinite() {
            return Some((field, ValueFault::NotFinite));
        }
        let is_price = matches!(field, Field::Open | Field::High | Field::Low | Field::Close);
        if is_price && v <= 0.0 {
            return Some((field, ValueFault::PriceNotPositive));
        }
        if v < 0.0 {
            return Some((field, ValueFault::Negative));
        }
    }
    if high < low {
        return Some((Field::High, ValueFault::HighBelowLow));
    }
    // Comparisons with a null are false, so a null bound bounds nothing.
    for (field, v) in [(Field::Open, open), (Field::Close, close)] {
        if v < low || v > high {
            return Some((field, ValueFault::OutsideRange));
        }
    }
    None
}

/// A distance in the words of an interval where it is one.
fn length(millis: i64) -> String {
    match sigc_market::Interval::from_millis(millis) {
        Ok(i) => i.to_string(),
        Err(_) if millis % 1_000 == 0 => format!("{} s", millis / 1_000),
        Err(_) => format!("{millis} ms"),
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
