//! `data.files`: bars from files, of any venue and any interval.

use sigc_catalog::{DataStep, GAP, INTERVAL, Info, LABEL, UNIVERSE};
use sigc_market::Field;

pub(super) static FILES: DataStep = DataStep {
    info: Info {
        name: "data.files",
        capability: "shared",
        summary: "bars from files of any market",
        doc: "Open, high, low, close and volume from csv, csv.gz, zip or parquet. The files are named on the command \
              line: `--bars PATH`, `--replay PATH`.",
        params: &[&UNIVERSE, &INTERVAL, &GAP, &LABEL],
    },
    fields: &Field::OHLCV,
    intervals: &[],
    respell: |_| None,
    request: None,
    check: |_| Vec::new(),
};
