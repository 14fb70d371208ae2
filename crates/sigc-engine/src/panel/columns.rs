//! A sink that keeps everything in memory.

use super::PanelSink;
use crate::Engine;
use sigc_plan::{ColumnId, FrameId};
use std::collections::BTreeMap;

/// All rows of all symbols, by symbol and frame.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    frames: BTreeMap<(usize, FrameId), FrameColumns>,
    places: BTreeMap<ColumnId, (FrameId, usize)>,
}

/// The rows of one symbol and frame.
#[derive(Debug, Clone, Default)]
struct FrameColumns {
    first_row: i64,
    columns: Vec<Vec<f64>>,
    warm_from: Vec<i64>,
}

impl Columns {
    /// For the outputs of an engine.
    pub fn new(engine: &Engine) -> Columns {
        let frames = engine.inner.program.frames.iter().enumerate();
        let places = frames.flat_map(|(f, info)| {
            let numbered = info.outputs.iter().enumerate();
            numbered.map(move |(place, (column, _))| (*column, (FrameId::new(f), place)))
        });
        Columns { frames: BTreeMap::new(), places: places.collect() }
    }

    /// The first row of a symbol's frame and how many there are; `None` without any.
    pub fn rows(&self, symbol_index: usize, frame: FrameId) -> Option<(i64, usize)> {
        self.frames.get(&(symbol_index, frame)).map(|f| (f.first_row, f.columns.first().map_or(0, Vec::len)))
    }

    /// A column of a symbol from its first row on, null as NaN; empty without rows.
    pub fn column(&self, symbol_index: usize, column: ColumnId) -> &[f64] {
        let found = self
            .places
            .get(&column)
            .and_then(|&(frame, place)| self.frames.get(&(symbol_index, frame)).map(|f| f.columns[place].as_slice()));
        found.unwrap_or(&[])
    }

    /// The first row of a symbol's column that is warm; `None` if no row is.
    pub fn warm_from(&self, symbol_index: usize, column: ColumnId) -> Option<i64> {
        let &(frame, place) = self.places.get(&column)?;
        let from = *self.frames.get(&(symbol_index, frame))?.warm_from.get(place)?;
        (from < i64::MAX).then_some(from)
    }
}

impl PanelSink for Columns {
    fn block(
        &mut self,
        symbol_index: usize,
        frame: FrameId,
        first_row: i64,
        columns: &[&[f64]],
        warm_from: &[i64],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let to = self.frames.entry((symbol_index, frame)).or_insert_with(|| FrameColumns {
            first_row,
            columns: vec![Vec::new(); columns.len()],
            warm_from: vec![i64::MAX; columns.len()],
        });
        for (to, cells) in to.columns.iter_mut().zip(columns) {
            to.extend_from_slice(cells);
        }
        for (to, from) in to.warm_from.iter_mut().zip(warm_from) {
            *to = (*to).min(*from);
        }
        Ok(())
    }
}
