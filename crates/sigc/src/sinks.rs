//! The sinks of a pipeline, opened.

use crate::failure::Failure;
use crate::run_failure::sink_failure;
use crate::terminal::Terminal;
use sigc_compiler::typed::{TSink, Typed};
use sigc_connectors::sinks::csv_append::step::{CSV_APPEND, KEY, PATH};
use sigc_connectors::sinks::csv_append::{CsvAppend, DedupColumn};
use sigc_plan::{ColumnId, Plan};
use sigc_runtime::replay::SinkSlot;
use sigc_runtime::{RecordSchema, Written};
use std::path::{Path, PathBuf};

/// Opens every sink of the pipeline, in order. With `marks` rows say whether they were caught up;
/// files go below the folder `apart`, if there is one.
pub fn open_sinks(
    plan: &Plan,
    typed: &Typed,
    marks: bool,
    apart: Option<&Path>,
    term: &mut Terminal,
) -> Result<Vec<SinkSlot>, Failure> {
    let name = |c: ColumnId| plan.column(c).name.clone();
    let mut slots = Vec::new();
    for sink in &typed.sinks {
        let schema = RecordSchema {
            dag_name: plan.name.clone(),
            frame: plan.frame(plan.emission_frame()).name.clone(),
            column: name(plan.emission.column),
            extra: sink.extra.iter().map(|&i| name(plan.emission.extra[i])).collect(),
            marks,
        };
        slots.push(SinkSlot {
            sink: open_sink(sink, &schema, apart, term)?,
            extra: sink.extra.clone(),
            written: Written::default(),
        });
    }
    Ok(slots)
}

fn open_sink(
    sink: &TSink,
    schema: &RecordSchema,
    apart: Option<&Path>,
    term: &mut Terminal,
) -> Result<Box<dyn sigc_runtime::Sink>, Failure> {
    if !std::ptr::eq(sink.def, &CSV_APPEND) {
        let message = format!("`{}` has no driver in this program", sink.def.info.name);
        return Err(Failure { code: None, message, help: None, exit: 1 });
    }
    let key = sink.args.get(&KEY).unwrap_or_else(|| vec!["ts".into(), "symbol".into()]);
    let key: Vec<DedupColumn> =
        key.iter().map(|k| if k == "ts" { DedupColumn::Ts } else { DedupColumn::Symbol }).collect();
    let path = sink.args.get(&PATH);
    let path = apart.map_or_else(|| PathBuf::from(&path), |folder| folder.join(&path));
    let csv = CsvAppend::open(&path, schema, &key).map_err(sink_failure)?;
    if let Some(repaired) = csv.repaired() {
        term.note(&format!("note: {repaired}"));
    }
    Ok(Box::new(csv))
}
