//! Rows held in memory, and how two sets of them are compared.

use super::{Check, is_exact};
use sigc_engine::{PanelSink, RowSink, Warm};
use sigc_market::Ts;
use sigc_plan::{ColumnId, FrameId, Plan, Signal};
use std::ops::Range;

/// All rows of a run, by symbol and frame.
pub(super) struct Table {
    /// Per frame, the columns that stand in it.
    columns: Vec<Vec<ColumnId>>,
    intervals: Vec<sigc_market::Interval>,
    /// Per symbol and frame.
    parts: Vec<Vec<Part>>,
}

/// The rows of one symbol and frame.
#[derive(Default, Clone)]
struct Part {
    first_row: i64,
    n_rows: usize,
    /// Row after row.
    cells: Vec<f64>,
    /// Per column, the row from which on all are warm; `i64::MAX` if the newest is not.
    warm_from: Vec<i64>,
}

impl Part {
    /// Notes for a column of rows `rows` that they are warm from `from` on.
    fn note(&mut self, column: usize, rows: std::ops::Range<i64>, from: i64) {
        let known = &mut self.warm_from[column];
        if from >= rows.end {
            *known = i64::MAX;
        } else if from > rows.start || *known == i64::MAX {
            *known = from.max(rows.start);
        }
    }
}

impl Table {
    /// For an engine that gives all columns of the plan.
    pub(super) fn new(plan: &Plan, n_symbols: usize) -> Table {
        let of = |f| (0..plan.columns.len()).map(ColumnId::new).filter(|&c| plan.column(c).frame == f).collect();
        let columns: Vec<Vec<ColumnId>> = (0..plan.frames.len()).map(FrameId::new).map(of).collect();
        let part = |columns: &Vec<ColumnId>| Part { warm_from: vec![i64::MAX; columns.len()], ..Part::default() };
        Table {
            intervals: plan.frames.iter().map(|f| f.interval).collect(),
            parts: vec![columns.iter().map(part).collect(); n_symbols],
            columns,
        }
    }

    /// The rows of some symbols, as the live driver hands them out.
    pub(super) fn of(&mut self, symbols: Range<usize>) -> Vec<OneSymbol<'_>> {
        let intervals = &self.intervals;
        self.parts[symbols].iter_mut().map(|parts| OneSymbol { parts, intervals }).collect()
    }

    pub(super) fn n_rows(&self) -> u64 {
        self.parts.iter().flatten().map(|p| p.n_rows as u64).sum()
    }

    fn row(&self, symbol: usize, f: usize, k: i64) -> Option<&[f64]> {
        let part = &self.parts[symbol][f];
        let i = usize::try_from(k - part.first_row).ok().filter(|&i| i < part.n_rows)?;
        let n = self.columns[f].len();
        Some(&part.cells[i * n..(i + 1) * n])
    }

    /// Every row of `self` up to `until` must be in `rows` with the same bits in `columns`, and no other; the same of
    /// their cells must be warm.
    pub(super) fn compare(
        &self,
        plan: &Plan,
        rows: &Table,
        symbol: usize,
        until: Option<Ts>,
        columns: &[ColumnId],
        check: &mut Check,
    ) {
        for (f, interval) in self.intervals.iter().enumerate() {
            let (mine, theirs) = (&self.parts[symbol][f], &rows.parts[symbol][f]);
            let positions = self.positions(f, columns);
            let n = mine.n_rows as i64;
            let wanted = until.map_or(n, |t| (interval.last_closed(t) - mine.first_row + 1).clamp(0, n));
            if theirs.n_rows as i64 != wanted {
                let what = format!("{} rows of `{}` instead of {wanted}", theirs.n_rows, plan.frames[f].name);
                differs(check, what);
            }
            let end = mine.first_row + wanted;
            for &i in positions.iter().filter(|_| wanted > 0) {
                let within = |from: i64| (from < end).then_some(from);
                let (a, b) = (within(mine.warm_from[i]), within(theirs.warm_from[i]));
                if a != b {
                    let open = |row: Option<i64>| row.map_or("never".into(), |k| interval.open_of(k).to_string());
                    let name = &plan.column(self.columns[f][i]).name;
                    let what = format!("`{}.{name}` is ready at {} in the batch", plan.frames[f].name, open(a));
                    differs(check, format!("{what}, here at {}", open(b)));
                }
            }
            for k in mine.first_row..mine.first_row + wanted {
                let (Some(a), Some(b)) = (self.row(symbol, f, k), rows.row(symbol, f, k)) else { continue };
                check.cells += positions.len() as u64;
                for &i in &positions {
                    if a[i].to_bits() != b[i].to_bits() {
                        differs(check, self.cell(plan, f, i, k, a[i], b[i]));
                    }
                }
            }
        }
    }

    /// Where some columns stand in a frame's rows.
    fn positions(&self, f: usize, columns: &[ColumnId]) -> Vec<usize> {
        (0..self.columns[f].len()).filter(|&i| columns.contains(&self.columns[f][i])).collect()
    }

    /// From the restart's instant on: exact columns have the same bits, recursive ones deviate by at most `limit` of
    /// the column's largest value. Columns of other frames than the signal's are compared where the restart has them:
    /// their own history may be longer than what the signal needs of them.
    pub(super) fn compare_settled(
        &self,
        plan: &Plan,
        rows: &Table,
        (symbol, at): (usize, Ts),
        limit: f64,
        columns: &[ColumnId],
        check: &mut Check,
    ) {
        for (f, interval) in self.intervals.iter().enumerate() {
            for i in self.positions(f, columns) {
                let exact = is_exact(plan, self.columns[f][i]);
                let scale = self.largest(symbol, f, i);
                let part = &rows.parts[symbol][f];
                for k in interval.last_closed(at).max(part.first_row)..part.first_row + part.n_rows as i64 {
                    let (Some(a), Some(b)) = (self.row(symbol, f, k), rows.row(symbol, f, k)) else { continue };
                    let (a, b) = (a[i], b[i]);
                    check.cells += 1;
                    if a.to_bits() == b.to_bits() {
                        continue;
                    }
                    let deviation = if a.is_nan() || b.is_nan() { f64::INFINITY } else { (a - b).abs() / scale };
                    if exact || deviation > limit {
                        differs(check, self.cell(plan, f, i, k, a, b));
                    } else {
                        check.worst = Some(check.worst.unwrap_or(0.0).max(deviation));
                    }
                }
            }
        }
        check.worst = check.worst.or(Some(0.0));
    }

    /// The signal's row that closes at `at` must be warm for it, or must not.
    pub(super) fn ready_at(
        &self,
        plan: &Plan,
        signal: &Signal,
        (symbol, at): (usize, Ts),
        wanted: bool,
        check: &mut Check,
    ) {
        let f = plan.frame_of(signal).index();
        let k = self.intervals[f].last_closed(at);
        let warm = |c| self.columns[f].iter().position(|x| *x == c).map(|i| self.parts[symbol][f].warm_from[i]);
        let ready = self.row(symbol, f, k).is_some() && signal.columns().all(|c| warm(c).is_some_and(|from| from <= k));
        check.cells += 1;
        if ready != wanted {
            let word = if wanted { "not ready" } else { "ready" };
            differs(check, format!("`{}` of `{}` is {word} at {at}", plan.signal_name(signal), plan.frames[f].name));
        }
    }

    fn largest(&self, symbol: usize, f: usize, i: usize) -> f64 {
        let n = self.columns[f].len();
        let cells = self.parts[symbol][f].cells.iter().skip(i).step_by(n).filter(|x| !x.is_nan());
        cells.fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()))
    }

    fn cell(&self, plan: &Plan, f: usize, i: usize, k: i64, a: f64, b: f64) -> String {
        let column = &plan.column(self.columns[f][i]).name;
        let text = |x: f64| if x.is_nan() { "null".into() } else { format!("{x:?}") };
        let open = self.intervals[f].open_of(k);
        format!("`{}.{column}` at {open}: {} in the batch, {} here", plan.frames[f].name, text(a), text(b))
    }
}

fn differs(check: &mut Check, what: String) {
    check.differing += 1;
    check.first.get_or_insert(what);
}

impl PanelSink for Table {
    fn block(
        &mut self,
        symbol: usize,
        frame: FrameId,
        first_row: i64,
        columns: &[&[f64]],
        warm_from: &[i64],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let part = &mut self.parts[symbol][frame.index()];
        let n = columns.first().map_or(0, |c| c.len());
        if part.n_rows == 0 {
            part.first_row = first_row;
        }
        part.n_rows += n;
        for i in 0..n {
            part.cells.extend(columns.iter().map(|c| c[i]));
        }
        for (column, &from) in warm_from.iter().enumerate() {
            part.note(column, first_row..first_row + n as i64, from);
        }
        Ok(())
    }
}

/// Takes the rows of one symbol.
pub(super) struct OneSymbol<'a> {
    parts: &'a mut Vec<Part>,
    intervals: &'a [sigc_market::Interval],
}

impl RowSink for OneSymbol<'_> {
    fn row(&mut self, frame: FrameId, open_time: Ts, cells: &[f64], warm: Warm<'_>) {
        let part = &mut self.parts[frame.index()];
        if part.n_rows == 0 {
            part.first_row = self.intervals[frame.index()].index_of(open_time);
        }
        let row = part.first_row + part.n_rows as i64;
        part.n_rows += 1;
        part.cells.extend_from_slice(cells);
        for (column, warm) in warm.iter().enumerate() {
            part.note(column, row..row + 1, if warm { row } else { i64::MAX });
        }
    }
}
