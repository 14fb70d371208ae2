//! `sigc verify`: the same bits by every way, on the user's own bars.

use super::backfill::{ModelPool, cores};
use crate::bars::read;
use crate::cli::Verify;
use crate::failure::{Failure, Outcome};
use crate::load::load_sound;
use crate::progress::Progress;
use crate::report::table::Table;
use crate::run_failure::engine_failure;
use crate::terminal::Terminal;
use sigc_runtime::verify::{Check, Options, Report, verify};

/// Compares batch, stream, splits, restarts and truncated bars; 1 if any bit differs.
pub fn run(args: &Verify, term: &mut Terminal) -> Outcome {
    let loaded = load_sound(&args.file, term)?;
    let Some(plan) = &loaded.compiled.plan else { return Err(Failure::reported()) };
    let recorded = read(plan, &args.bars, &args.recorded, term)?;
    let threads = cores();
    // The batch run takes a set per thread, the stream one per symbol.
    let pool = ModelPool::new(plan, &recorded.symbols, threads + recorded.symbols.len(), args.allow_process)?;
    let options = Options { splits: args.splits, restarts: args.restarts, seed: args.seed, threads };
    let progress = Progress::start(term, "verifying", 1);
    let report = verify(plan, &recorded.by_symbol(), &|| pool.take(plan), options, &mut |what, done, total| {
        progress.name(what);
        progress.of(total as u64);
        progress.at(done as u64);
    });
    drop(progress);
    let report = report.map_err(|e| engine_failure(e, &recorded.symbols, plan))?;
    term.print(&if args.json { json(&report, plan.fingerprint().to_string()) } else { human(&report) });
    match report.differing() {
        0 => Ok(0),
        n => Err(Failure::coded(
            "E0513",
            format!("{n} cells differ"),
            "this is a fault of sigc, not of the pipeline: please report it with the pipeline and the bars",
        )),
    }
}

fn human(report: &Report) -> String {
    let mut out = format!("batch: {} rows from {} bars, compared with\n", report.rows, report.bars);
    let mut table = Table::new(&["", "runs", "cells", "differing bits", "recursive columns deviate by at most"]);
    for c in &report.checks {
        let worst = c.worst.map_or("-".into(), |w| format!("{w:.1e} of their largest value"));
        table.row(&[c.name.into(), c.runs.to_string(), c.cells.to_string(), c.differing.to_string(), worst]);
    }
    out += &table.to_string();
    for c in &report.checks {
        if let Some(first) = &c.first {
            out += &format!("  first difference, {}: {first}\n", c.name);
        }
    }
    out
}

fn json(report: &Report, fingerprint: String) -> String {
    let check = |c: &Check| {
        serde_json::json!({
            "name": c.name, "runs": c.runs, "cells": c.cells, "differing": c.differing,
            "first_difference": c.first, "worst_deviation": c.worst,
        })
    };
    let value = serde_json::json!({
        "fingerprint": fingerprint, "bars": report.bars, "rows": report.rows, "differing": report.differing(),
        "checks": report.checks.iter().map(check).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&value).expect("a JSON value prints")
}
