//! The parts of a folder: what is in them, and how the next one is written.

use super::columns::Pending;
use crate::sinks::append::Identity;
use crate::sinks::table::{to_io, zstd_with};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use sigc_market::Ts;
use sigc_runtime::{RecordSchema, SinkError};
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What the parts of a folder are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// How many there are.
    pub parts: usize,
    /// Rows in them.
    pub rows: u64,
    /// The greatest number of one.
    pub last: u64,
}

/// Files of the folder that are parts, by name, and files that were to become one.
pub(super) fn list(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), SinkError> {
    let failed = |source| SinkError::Write { path: folder.into(), action: "read", source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), Vec::new())),
        Err(e) => return Err(failed(e)),
    };
    let (mut parts, mut unfinished) = (Vec::new(), Vec::new());
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.starts_with("part-") && name.ends_with(".parquet") {
            parts.push(path);
        } else if name.starts_with(".part-") && name.ends_with(".tmp") {
            unfinished.push(path);
        }
    }
    parts.sort();
    Ok((parts, unfinished))
}

/// Reads the keys of all parts; their columns must be those of `records`.
pub(super) fn read(
    parts: &[PathBuf],
    records: &RecordSchema,
    on_row: &mut dyn FnMut(Identity<'_>),
) -> Result<Found, SinkError> {
    let mut found = Found::default();
    for path in parts {
        // The decoder's own checks do not cover every broken file; nothing outlives this call.
        let rows = catch_unwind(AssertUnwindSafe(|| read_one(path, records, on_row)));
        found.rows += rows.unwrap_or_else(|_| Err(damaged(path, "its data are damaged")))?;
        found.parts += 1;
        found.last = found.last.max(number_of(path));
    }
    Ok(found)
}

/// The number in a part's name; 0 if somebody else named it.
fn number_of(path: &Path) -> u64 {
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    stem.strip_prefix("part-").and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn read_one(path: &Path, records: &RecordSchema, on_row: &mut dyn FnMut(Identity<'_>)) -> Result<u64, SinkError> {
    let wrong = |e: &dyn std::fmt::Display| damaged(path, &e.to_string());
    let file = File::open(path).map_err(|source| SinkError::Write { path: path.into(), action: "read", source })?;
    // The columns' own types say enough.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(|e| wrong(&e))?;
    let expected = super::columns::schema(records);
    let names = |s: &arrow_schema::Schema| s.fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>().join(",");
    let found = builder.schema().clone();
    if names(&found) != names(&expected) {
        return Err(SinkError::HeaderDiffers { path: path.into(), expected: names(&expected), found: names(&found) });
    }
    for (there, ours) in found.fields().iter().zip(expected.fields()) {
        let ours = match ours.data_type() {
            DataType::Dictionary(_, value) => value.as_ref(),
            other => other,
        };
        if there.data_type() != ours {
            let reason = format!("`{}` is of type {} there, and rows have {ours}", there.name(), there.data_type());
            return Err(damaged(path, &reason));
        }
    }
    let keys: Vec<usize> = ["ts", "symbol", "frame", "column"].iter().filter_map(|n| found.index_of(n).ok()).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), keys);
    let reader = builder.with_projection(mask).build().map_err(|e| wrong(&e))?;
    let mut rows = 0;
    for batch in reader {
        let batch = batch.map_err(|e| wrong(&e))?;
        let ts = batch.column(0).as_primitive::<TimestampMillisecondType>();
        let [symbol, frame, column] = [1, 2, 3].map(|i| batch.column(i).as_string::<i32>());
        for i in 0..batch.num_rows() {
            if ts.is_null(i) || symbol.is_null(i) {
                return Err(damaged(path, "a row has no time or no symbol"));
            }
            let text = |a: &arrow_array::StringArray| Cow::Owned(a.value(i).to_owned());
            let id = Identity { ts: Ts(ts.value(i)), symbol: text(symbol), frame: text(frame), column: text(column) };
            on_row(id);
        }
        rows += batch.num_rows() as u64;
    }
    Ok(rows)
}

fn damaged(path: &Path, reason: &str) -> SinkError {
    SinkError::Unfit {
        sink: format!("parquet `{}`", path.display()),
        reason: reason.to_owned(),
        help: "move this file out of the folder, or give the pipeline another `path`; without it sigc cannot tell \
               which rows are there"
            .to_owned(),
    }
}

/// Writes the part of a number whole: on an error there is no new part, and the same number can be written again.
pub(super) fn write(folder: &Path, number: u64, pending: &Pending, records: &RecordSchema) -> Result<(), SinkError> {
    let target = folder.join(format!("part-{number:08}.parquet"));
    let unfinished = folder.join(format!(".part-{number:08}.tmp"));
    let written = write_to(&unfinished, pending, records)
        .and_then(|()| std::fs::rename(&unfinished, &target))
        .and_then(|()| sync_folder(folder));
    written.map_err(|source| {
        std::fs::remove_file(&unfinished).ok();
        SinkError::Write { path: target, action: "write to", source }
    })
}

fn write_to(path: &Path, pending: &Pending, records: &RecordSchema) -> io::Result<()> {
    let batch = pending.batch().map_err(io::Error::other)?;
    let time = |ts: Option<Ts>| ts.map(|t| t.to_string()).unwrap_or_default();
    let metadata = [
        ("sigc.pipeline", records.dag_name.clone()),
        ("sigc.fingerprint", records.plan.clone()),
        ("sigc.rows", pending.rows().to_string()),
        ("sigc.first_ts", time(pending.first())),
        ("sigc.last_ts", time(pending.last())),
    ];
    let metadata: Vec<(String, String)> = metadata.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    let file = File::create(path)?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(zstd_with(&metadata))).map_err(to_io)?;
    writer.write(&batch).map_err(to_io)?;
    writer.finish().map_err(to_io)?;
    writer.inner().sync_all()
}

/// Makes the names of a folder durable, where the system can.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|f| f.sync_all()) {
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}
