use super::*;
use sigc_runtime::SignalName;

fn schema(extra: &[&str], n_signals: usize) -> RecordSchema {
    let signal =
        |i| SignalName { is_event: false, frame: "bars".into(), column: format!("p{i}"), model: Some("m".into()) };
    RecordSchema {
        dag_name: "demo".into(),
        plan: "1f".into(),
        run_id: Some("r".into()),
        signals: (0..n_signals).map(signal).collect(),
        extra: extra.iter().map(|&e| e.to_owned()).collect(),
        marks: false,
    }
}

/// What a server (26.9) said of the table that [`create`] makes.
fn good(extra: &[&str]) -> Described {
    let column = |name: &str, ty: &str, default: &str| (name.to_owned(), ty.to_owned(), default.to_owned());
    let mut columns: Vec<_> = schema(extra, 1).fields().iter().map(|f| column(f.name, type_of(f), "")).collect();
    columns.push(column("version", "UInt64", "DEFAULT"));
    Described {
        engine: "ReplacingMergeTree".into(),
        engine_full: "ReplacingMergeTree(version) PARTITION BY toYYYYMM(ts) ORDER BY (dag_name, ...)".into(),
        sorting_key: "dag_name, frame, column, symbol, ts".into(),
        partition_key: "toYYYYMM(ts)".into(),
        columns,
    }
}

fn set(table: &mut Described, name: &str, ty: &str, default: &str) {
    match table.columns.iter_mut().find(|c| c.0 == name) {
        Some(column) => (column.1, column.2) = (ty.into(), default.into()),
        None => table.columns.push((name.into(), ty.into(), default.into())),
    }
}

#[test]
fn the_statement_says_everything() {
    let text = create("market.signals", &schema(&["rsi_14", "a`b"], 1));
    assert!(text.starts_with("CREATE TABLE IF NOT EXISTS `market`.`signals` (\n  `ts` DateTime64(3, 'UTC'),\n"));
    assert!(text.contains("  `rsi_14` Nullable(Float64),\n  `a\\`b` Nullable(Float64),\n  `kind` LowCardinality"));
    assert!(text.contains("ORDER BY (`dag_name`, `frame`, `column`, `symbol`, `ts`)\n"));
}

#[test]
fn a_table_of_its_own_fits() {
    let layout = fit("t", &schema(&["rsi"], 3), &good(&["rsi"])).expect("fits");
    assert_eq!(layout.slots.len(), 13);
    assert_eq!((layout.months, layout.notes.len()), (50, 0));
    assert!(layout.has("dag_name") && !layout.has("version"));
}

#[test]
fn a_version_without_a_default_is_filled() {
    let mut table = good(&[]);
    set(&mut table, "version", "UInt64", "");
    let layout = fit("t", &schema(&[], 1), &table).expect("fits");
    assert_eq!(layout.slots.last().map(|s| (s.name.as_str(), s.field)), Some(("version", None)));
    set(&mut table, "version", "DateTime", "");
    assert!(fit("t", &schema(&[], 1), &table).is_err());
    // A replicated engine has a path and a name first.
    table.engine = "ReplicatedReplacingMergeTree".into();
    table.engine_full = "ReplicatedReplacingMergeTree('/ch/{shard}/t', '{replica}', version) ORDER BY ts".into();
    set(&mut table, "version", "UInt64", "");
    assert!(fit("t", &schema(&[], 1), &table).is_ok());
}

#[test]
fn other_types_hold_the_same() {
    let mut table = good(&["rsi"]);
    for (name, ty) in [
        ("ts", "DateTime"),
        ("open_time", "DateTime64(9, 'Europe/Berlin')"),
        ("symbol", "String"),
        ("model", "LowCardinality(String)"),
        ("prediction", "Nullable(Float64)"),
    ] {
        set(&mut table, name, ty, "");
    }
    let layout = fit("t", &schema(&["rsi"], 1), &table).expect("fits");
    let encoding = |name: &str| layout.slots.iter().find(|s| s.name == name).map(|s| (s.encoding, s.nullable));
    assert_eq!(encoding("ts"), Some((Encoding::Seconds, false)));
    assert_eq!(encoding("open_time"), Some((Encoding::Ticks { digits: 9 }, false)));
    assert_eq!(encoding("prediction"), Some((Encoding::Double, true)));
}

#[test]
fn misfits_are_told_all_at_once_with_the_statements() {
    let mut table = good(&[]);
    table.columns.retain(|c| c.0 != "symbol");
    set(&mut table, "ts", "DateTime64(0)", "");
    set(&mut table, "prediction", "Float32", "");
    set(&mut table, "latency_ms", "Int64", "");
    set(&mut table, "desk", "String", "");
    table.sorting_key = "dag_name, frame, column, symbol, ts".into();
    let misfit = fit("db.t", &schema(&["rsi"], 1), &table).expect_err("nothing fits");
    assert_eq!(
        misfit.reason,
        "the table does not fit: `ts` is DateTime64(0) and has to be DateTime64(3, 'UTC'); column `symbol` \
         (LowCardinality(String)) is missing; `prediction` is Float32 and has to be Float64; column `rsi` \
         (Nullable(Float64)) is missing; `latency_ms` is Int64 and has to hold nulls: Nullable(Int64); records have \
         nothing for `desk` (String), and it has no default"
    );
    assert!(misfit.help.contains("ALTER TABLE `db`.`t` ADD COLUMN `rsi` Nullable(Float64);"), "{}", misfit.help);
    assert!(misfit.help.contains("ALTER TABLE `db`.`t` MODIFY COLUMN `prediction` Float64;"), "{}", misfit.help);
}

#[test]
fn engines_and_keys_that_lose_or_repeat_rows_are_refused() {
    let refused = |change: &dyn Fn(&mut Described), signals, said: &str| {
        let mut table = good(&[]);
        set(&mut table, "emitted_at", "DateTime", "DEFAULT");
        change(&mut table);
        let misfit = fit("t", &schema(&[], signals), &table).expect_err(said);
        assert!(misfit.reason.contains(said), "{}", misfit.reason);
        assert!(misfit.help.contains("CREATE TABLE"), "{}", misfit.help);
    };
    refused(&|t| t.engine = "SummingMergeTree".into(), 1, "engine SummingMergeTree does not keep rows");
    refused(&|t| t.engine = "Distributed".into(), 1, "engine Distributed");
    refused(&|t| t.sorting_key = "symbol".into(), 1, "sorting key lacks `ts`");
    refused(&|t| t.sorting_key = "symbol, toDate(ts)".into(), 1, "sorting key lacks `ts`");
    refused(&|t| t.sorting_key = "symbol, ts, run_id".into(), 1, "sorting key has `run_id`");
    refused(&|t| t.sorting_key = "symbol, ts".into(), 2, "lacks `frame` and `column`");
    // Measured (26.9): partitioned so, two copies of a row stayed two.
    refused(&|t| t.partition_key = "toYYYYMM(emitted_at)".into(), 1, "partitioned by `emitted_at`");

    let mut table = good(&[]);
    table.sorting_key = "symbol, ts".into();
    let layout = fit("t", &schema(&[], 1), &table).expect("one signal");
    assert!(layout.notes[0].contains("`dag_name`, `frame`, `column`"), "{:?}", layout.notes);
    table.engine = "ReplicatedMergeTree".into();
    assert!(fit("t", &schema(&[], 3), &table).expect("fits").notes[0].contains("is a ReplicatedMergeTree"));
    table.partition_key = "toYYYYMMDD(ts)".into();
    assert_eq!(fit("t", &schema(&[], 3), &table).expect("fits").months, 1);
}

#[test]
fn names_and_texts_cannot_end_their_quotes() {
    assert_eq!(quoted_column("a`b\\"), "`a\\`b\\\\`");
    assert_eq!(quoted_text("it's \\"), "'it\\'s \\\\'");
}
