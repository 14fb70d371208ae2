//! Rows held in memory, and how two sets of them are compared.

use super::{Check, is_exact};
use sigc_engine::{PanelSink, RowSink};
use sigc_market::Ts;
use sigc_plan::{ColumnId, FrameId, Plan};

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
    /// Row after row.
    cells: Vec<f64>,
    warm: Vec<bool>,
}

impl Table {
    /// For an engine that gives all columns of the plan.
    pub(super) fn new(plan: &Plan, n_symbols: usize) -> Table {
        let of = |f| (0..plan.columns.len()).map(ColumnId::new).filter(|&c| plan.column(c).frame == f).collect();
        let frames: Vec<FrameId> = (0..plan.frames.len()).map(FrameId::new).collect();
        Table {
            columns: frames.iter().map(|&f| of(f)).collect(),
            intervals: plan.frames.iter().map(|f| f.interval).collect(),
            parts: vec![vec![Part::default(); plan.frames.len()]; n_symbols],
        }
    }

    /// The rows of one symbol, as the live driver hands them out.
    pub(super) fn of(&mut self, symbol: usize) -> OneSymbol<'_> {
        OneSymbol { parts: &mut self.parts[symbol], intervals: &self.intervals }
    }

    pub(super) fn n_rows(&self) -> u64 {
        self.parts.iter().flatten().map(|p| p.warm.len() as u64).sum()
    }

    fn row(&self, symbol: usize, f: usize, k: i64) -> Option<(&[f64], bool)> {
        let part = &self.parts[symbol][f];
        let i = usize::try_from(k - part.first_row).ok().filter(|&i| i < part.warm.len())?;
        let n = self.columns[f].len();
        Some((&part.cells[i * n..(i + 1) * n], part.warm[i]))
    }

    /// Every row of `self` up to `until` must be in `rows` with the same bits in `columns`, and no other.
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
            let n = mine.warm.len() as i64;
            let wanted = until.map_or(n, |t| (interval.last_closed(t) - mine.first_row + 1).clamp(0, n));
            if theirs.warm.len() as i64 != wanted {
                let what = format!("{} rows of `{}` instead of {wanted}", theirs.warm.len(), plan.frames[f].name);
                differs(check, what);
            }
            for k in mine.first_row..mine.first_row + wanted {
                let (Some((a, warm)), Some((b, also_warm))) = (self.row(symbol, f, k), rows.row(symbol, f, k)) else {
                    continue;
                };
                if warm != also_warm {
                    differs(check, format!("readiness of `{}` at {}", plan.frames[f].name, interval.open_of(k)));
                }
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
    /// the column's largest value. Columns of other frames than the emission's are compared where the restart has
    /// them: their own history may be longer than what the emission needs of them.
    pub(super) fn compare_settled(
        &self,
        plan: &Plan,
        rows: &Table,
        (symbol, at): (usize, Ts),
        limit: f64,
        columns: &[ColumnId],
        check: &mut Check,
    ) {
        let needed = needed_columns(plan);
        for (f, interval) in self.intervals.iter().enumerate() {
            for i in self.positions(f, columns) {
                let c = self.columns[f][i];
                if !needed.contains(&c) {
                    continue;
                }
                let exact = is_exact(plan, c);
                let scale = self.largest(symbol, f, i);
                let part = &rows.parts[symbol][f];
                for k in interval.last_closed(at).max(part.first_row)..part.first_row + part.warm.len() as i64 {
                    let (Some((a, _)), Some((b, _))) = (self.row(symbol, f, k), rows.row(symbol, f, k)) else {
                        continue;
                    };
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

    /// The emission's row that closes at `at` must be warm, or must not.
    pub(super) fn ready_at(&self, plan: &Plan, symbol: usize, at: Ts, wanted: bool, check: &mut Check) {
        let f = plan.emission_frame().index();
        let row = self.row(symbol, f, self.intervals[f].last_closed(at));
        let ready = row.is_some_and(|(_, warm)| warm);
        check.cells += 1;
        if ready != wanted {
            let word = if wanted { "not ready" } else { "ready" };
            differs(check, format!("`{}` is {word} at {at}", plan.frames[f].name));
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

/// The columns that an emission reads, directly or not.
fn needed_columns(plan: &Plan) -> Vec<ColumnId> {
    let mut needed = vec![false; plan.nodes.len()];
    plan.roots().iter().for_each(|r| needed[r.index()] = true);
    for i in (0..plan.nodes.len()).rev() {
        if !needed[i] {
            continue;
        }
        match plan.nodes[i].op {
            sigc_plan::Op::Model { model } => {
                plan.models[model.index()].inputs.iter().for_each(|v| needed[v.index()] = true);
            }
            op => op.operands().for_each(|v| needed[v.index()] = true),
        }
    }
    (0..plan.columns.len()).map(ColumnId::new).filter(|&c| needed[plan.column(c).value.index()]).collect()
}

impl PanelSink for Table {
    fn block(
        &mut self,
        symbol: usize,
        frame: FrameId,
        first_row: i64,
        columns: &[&[f64]],
        warm: &[bool],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let part = &mut self.parts[symbol][frame.index()];
        if part.warm.is_empty() {
            part.first_row = first_row;
        }
        for (i, &w) in warm.iter().enumerate() {
            part.cells.extend(columns.iter().map(|c| c[i]));
            part.warm.push(w);
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
    fn row(&mut self, frame: FrameId, open_time: Ts, cells: &[f64], warm: bool) {
        let part = &mut self.parts[frame.index()];
        if part.warm.is_empty() {
            part.first_row = self.intervals[frame.index()].index_of(open_time);
        }
        part.cells.extend_from_slice(cells);
        part.warm.push(warm);
    }
}
