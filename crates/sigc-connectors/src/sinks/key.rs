//! `dedup_key` of sinks whose rows have one identity: symbol and label, within a pipeline, frame and column.

use sigc_catalog::{ArgProblem, Args, DEDUP_KEY, Param};

/// What makes a row unique; `[ts, symbol]` when left out.
pub(crate) const KEY: Param<Option<Vec<String>>> = DEDUP_KEY.optional();

/// The fault of the key, if it has one.
pub(crate) fn check(args: &Args) -> Option<ArgProblem> {
    let key = args.get(&KEY)?;
    let whole = ["ts", "symbol"].iter().all(|k| key.iter().any(|c| c == k));
    (!whole).then(|| ArgProblem {
        param: DEDUP_KEY.name(),
        message: "`dedup_key` without both `ts` and `symbol` would drop rows that are not the same".into(),
        help: Some("write `dedup_key: [ts, symbol]`, or leave it out".into()),
    })
}
