//! `sinks.latest`: a folder with one JSON file per symbol, its newest row.
//!
//! A row that comes again changes nothing, and a file is replaced whole: whoever reads it sees a row, never half of
//! one.

use sigc_catalog::{ArgProblem, Args, Info, Param, Place, SinkStep};
use sigc_connectors::sinks::json::push_record;
use sigc_runtime::{Driver, Opened, Opening, Record, RecordSchema, Sink, SinkError, Written};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const FOLDER: Param<String> = Param::path("folder", "the folder of the files; it is made");

/// The step: pure facts, for `check`, `plan` and the docs.
pub static LATEST: SinkStep = SinkStep {
    info: Info {
        name: "sinks.latest",
        capability: "own",
        summary: "keeps the newest row of each symbol in a JSON file",
        doc: "`FOLDER/SYMBOL.json` is the newest record of the symbol. A file is replaced whole.",
        params: &[&FOLDER],
    },
    check,
    target: "folder",
    place: Place::File,
};

/// What opens it.
pub static DRIVER: Driver = Driver { step: &LATEST, open, probe };

fn check(args: &Args) -> Vec<ArgProblem> {
    let folder = args.get(&FOLDER);
    if Path::new(&folder).components().any(|c| c == std::path::Component::ParentDir) {
        return vec![ArgProblem {
            param: FOLDER.name(),
            message: format!("`{folder}` climbs out of its folder with `..`"),
            help: Some("write the path from the working folder, or an absolute one".into()),
        }];
    }
    Vec::new()
}

fn folder(opening: &Opening<'_>) -> PathBuf {
    let folder = opening.args.get(&FOLDER);
    // Rows of a simulation stay apart from real ones.
    opening.apart.map_or_else(|| PathBuf::from(&folder), |apart| apart.join(&folder))
}

fn open(opening: &Opening<'_>) -> Result<Opened, SinkError> {
    let folder = folder(opening);
    let failed = |source| SinkError::Write { path: folder.clone(), action: "make the folder", source };
    fs::create_dir_all(&folder).map_err(failed)?;
    Ok(Opened::plain(Latest { folder, schema: opening.schema.clone(), newest: HashMap::new() }))
}

fn probe(opening: &Opening<'_>) -> Result<Vec<String>, SinkError> {
    let folder = folder(opening);
    let there = if folder.is_dir() { "is there" } else { "will be made" };
    Ok(vec![format!("`{}` {there}", folder.display())])
}

struct Latest {
    folder: PathBuf,
    schema: RecordSchema,
    /// The `ts` in each symbol's file, as far as this run has written it.
    newest: HashMap<String, i64>,
}

impl Sink for Latest {
    fn write(&mut self, rows: &[Record]) -> Result<Written, SinkError> {
        let mut written = Written::default();
        for row in rows {
            let symbol = row.symbol.as_str();
            if self.newest.get(symbol).is_some_and(|ts| *ts >= row.ts.0) {
                written.duplicates += 1;
                continue;
            }
            let mut text = Vec::new();
            push_record(&mut text, &self.schema, row);
            text.push(b'\n');
            let path = self.folder.join(format!("{symbol}.json"));
            let beside = self.folder.join(format!(".{symbol}.tmp"));
            fs::write(&beside, &text).and_then(|()| fs::rename(&beside, &path)).map_err(|source| SinkError::Write {
                path,
                action: "write",
                source,
            })?;
            self.newest.insert(symbol.to_owned(), row.ts.0);
            written.new += 1;
        }
        Ok(written)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        for symbol in self.newest.keys() {
            let path = self.folder.join(format!("{symbol}.json"));
            let synced = fs::File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(|source| SinkError::Write { path, action: "flush", source })?;
        }
        Ok(())
    }

    fn close(mut self: Box<Self>) -> Result<(), SinkError> {
        self.flush()
    }

    fn describe(&self) -> String {
        format!("latest `{}`", self.folder.display())
    }
}
