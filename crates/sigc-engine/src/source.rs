//! What a source's bars become before they are rows: checks, and the rows of gaps.

use crate::{BarFault, EngineError};
use sigc_market::{Bar, Field, Interval, N_FIELDS, NULL, Ts};
use sigc_plan::{FrameId, Gap};

/// Rows that one gap may have: half a year of seconds.
pub(crate) const LONGEST_GAP: i64 = 1 << 24;
/// Open times in `-LATEST..=LATEST`: 9,000 years each way, so that no sum of times overflows.
const LATEST: i64 = 1 << 48;

/// The row of a bar, if its open time can be one.
pub(crate) fn row_of(interval: Interval, open_time: Ts) -> Result<i64, BarFault> {
    if open_time.0.unsigned_abs() > LATEST as u64 {
        return Err(BarFault::Range);
    }
    let row = interval.index_of(open_time);
    if interval.open_of(row) == open_time { Ok(row) } else { Err(BarFault::Misaligned) }
}

/// True if instants near this one can be computed with.
pub(crate) fn in_range(at: Ts) -> bool {
    at.0.unsigned_abs() <= 2 * LATEST as u64
}

/// Names the bar at fault.
pub(crate) fn bar_error(symbol: usize, frame: usize, open_time: Ts, fault: BarFault) -> EngineError {
    EngineError::Bar { symbol, frame: FrameId::new(frame), open_time, fault }
}

/// The cells of a missing bar after one that closed at `close`.
pub(crate) fn gap_cells(gap: Gap, close: f64) -> [f64; N_FIELDS] {
    match gap {
        // A `Halt` gap is an error before it comes to a row.
        Gap::Null | Gap::Halt => [NULL; N_FIELDS],
        Gap::Carry => {
            let mut cells = [0.0; N_FIELDS];
            for field in [Field::Open, Field::High, Field::Low, Field::Close] {
                cells[field.index()] = close;
            }
            cells
        }
    }
}

/// The cells of a bar, and its close for the gaps after it.
pub(crate) fn bar_cells(bar: &Bar) -> ([f64; N_FIELDS], f64) {
    let cells = bar.values.map(crate::ops::finite);
    (cells, cells[Field::Close.index()])
}
