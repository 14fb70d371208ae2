//! Reads the folder of recorded values: manifest, bars and expected columns.

use flate2::read::GzDecoder;
use serde_json::Value as Json;
use sigc_market::{Bar, Field, N_FIELDS, NULL, Ts};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// A recorded cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// Null.
    Null,
    /// A number.
    Number(f64),
    /// Hangs on rounding noise: not compared.
    Open,
}

/// The folder, if it is there.
pub fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/golden"));
    if folder.join("manifest.json").is_file() {
        return Some(folder);
    }
    println!("no recorded values at {}: nothing compared", folder.display());
    None
}

/// The columns of the manifest that stand in one file.
pub fn manifest(file: &str) -> Vec<Json> {
    let path = folder().expect("asked for after it was found").join("manifest.json");
    let text = std::fs::read_to_string(path).expect("the manifest is readable");
    let json: Json = serde_json::from_str(&text).expect("the manifest is JSON");
    let columns = json["columns"].as_array().expect("a list of columns");
    columns.iter().filter(|c| c["file"] == format!("expected/{file}")).cloned().collect()
}

/// A table of rows by time and symbol.
pub struct Table {
    header: Vec<String>,
    /// Open time, symbol, and the texts of all columns.
    pub rows: Vec<(Ts, String, Vec<String>)>,
}

impl Table {
    /// Reads a gzipped CSV whose first columns are `ts` and `symbol`; nothing in it is quoted.
    pub fn read(name: &str) -> Table {
        let path = folder().expect("asked for after it was found").join(name);
        let mut text = String::new();
        let file = File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        GzDecoder::new(file).read_to_string(&mut text).expect("the file is gzipped text");
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        let header = lines.next().expect("a header");
        assert_eq!(header[..2], ["ts", "symbol"]);
        let row = |cells: Vec<String>| (Ts(cells[0].parse().expect("milliseconds")), cells[1].clone(), cells);
        Table { header, rows: lines.map(row).collect() }
    }

    /// The symbols in the order they appear.
    pub fn symbols(&self) -> Vec<String> {
        let mut symbols: Vec<String> = Vec::new();
        for (_, symbol, _) in &self.rows {
            if !symbols.contains(symbol) {
                symbols.push(symbol.clone());
            }
        }
        symbols
    }

    /// A column of one symbol by open time.
    pub fn column(&self, symbol: &str, column: &str) -> HashMap<Ts, Cell> {
        let at = self.header.iter().position(|h| h == column).unwrap_or_else(|| panic!("no column `{column}`"));
        let rows = self.rows.iter().filter(|(_, s, _)| s == symbol);
        rows.map(|(ts, _, cells)| (*ts, cell(&cells[at]))).collect()
    }

    /// The bars of one symbol.
    pub fn bars(&self, symbol: &str) -> Vec<Bar> {
        let field = |name: &String| Field::from_name(name);
        let fields: Vec<Option<Field>> = self.header.iter().map(field).collect();
        let rows = self.rows.iter().filter(|(_, s, _)| s == symbol);
        rows.map(|(open_time, _, cells)| {
            let mut values = [NULL; N_FIELDS];
            for (field, text) in fields.iter().zip(cells) {
                if let (Some(field), Cell::Number(x)) = (field, field.map_or(Cell::Null, |_| cell(text))) {
                    values[field.index()] = x;
                }
            }
            Bar { open_time: *open_time, values }
        })
        .collect()
    }
}

fn cell(text: &str) -> Cell {
    match text {
        "" => Cell::Null,
        "~" => Cell::Open,
        number => Cell::Number(number.parse().expect("a number")),
    }
}

/// What was compared, and what did not agree.
#[derive(Default)]
pub struct Tally {
    /// Columns times symbols.
    pub columns: usize,
    /// Cells, nulls included.
    pub cells: usize,
    /// Numbers among them.
    pub numbers: usize,
    faults: Vec<String>,
    worst: f64,
}

impl Tally {
    /// Compares the cells of one column of one symbol: nulls exactly, numbers within the manifest's tolerance.
    ///
    /// `got` gives the cell at an open time, `None` where there is no such row.
    pub fn compare(&mut self, entry: &Json, symbol: &str, want: &HashMap<Ts, Cell>, got: impl Fn(Ts) -> Option<f64>) {
        let tolerance = &entry["tolerance"];
        let rtol = tolerance["rtol"].as_f64().expect("a tolerance");
        let atol = tolerance["atol"].as_f64().or_else(|| tolerance["atol"][symbol].as_f64()).expect("a tolerance");
        self.columns += 1;
        let mut first_fault: Option<(Ts, f64, Cell)> = None;
        for (&ts, &cell) in want {
            let got = got(ts).unwrap_or(NULL);
            let agrees = match cell {
                Cell::Open => continue,
                Cell::Null => got.is_nan(),
                Cell::Number(x) => {
                    self.numbers += 1;
                    let allowed = atol + rtol * x.abs();
                    if allowed > 0.0 && (got - x).abs() <= allowed {
                        self.worst = self.worst.max((got - x).abs() / allowed);
                    }
                    (got - x).abs() <= allowed
                }
            };
            self.cells += 1;
            if !agrees && first_fault.is_none_or(|(before, ..)| ts < before) {
                first_fault = Some((ts, got, cell));
            }
        }
        if let Some((ts, got, cell)) = first_fault {
            self.faults.push(format!("{} of {symbol} at {}: {got} instead of {cell:?}", entry["column"], ts.0));
        }
    }

    /// Says how much was compared; fails if anything did not agree or less was compared than expected.
    pub fn finish(self, what: &str, columns: usize, cells: usize) {
        println!(
            "{what}: {} columns, {} cells ({} numbers), worst deviation {:.3} of the tolerance",
            self.columns, self.cells, self.numbers, self.worst
        );
        assert!(self.faults.is_empty(), "{} columns differ:\n{}", self.faults.len(), self.faults.join("\n"));
        assert!(self.columns >= columns && self.cells >= cells, "{what}: fewer than {columns} columns, {cells} cells");
    }
}
