//! `parquet`: rows of a run in a folder of parquet files.
//!
//! ```text
//! part-00000001.parquet    rows, whole from the moment the name is there
//! part-00000002.parquet
//! _open.jsonl              rows that are in no part yet, as `jsonl` writes them
//! ```
//!
//! A parquet file can be read only once its end is written, so a row cannot become durable by being appended to one.
//! Rows go to the side file first, which is synced with every flush; when enough have come together, they are written
//! to the next part, which gets its name when it is durable; then the side file is emptied. A crash between the two
//! leaves rows in both places; the keys tell when the folder is opened. Columns have the types of `columns`.

mod columns;
mod driver;
mod parts;
pub mod step;

pub use driver::{DRIVER, ParquetParts, Roll};
