//! What is looked at before the first row, and what rows become.

use crate::world::{ODD, World, create, found, open, probe, row, rows, schema, wanted};
use sigc_catalog::Value;
use sigc_runtime::{SinkError, Written};

fn error(result: Result<Box<dyn sigc_runtime::Sink>, SinkError>) -> SinkError {
    result.map(|_| ()).expect_err("it does not fit")
}

#[test]
fn a_table_is_looked_at_before_the_first_row() {
    let world = World::start();
    let missing = error(world.open(&[]));
    let place = world.server.address();
    assert_eq!(missing.code(), "E0542");
    assert_eq!(
        missing.to_string(),
        format!("postgres `signals`: there is no table \"signals\" in the database of `{place}`")
    );
    // The statement of the help makes a table that fits.
    let help = missing.help();
    let statement = help.split_once("make it:\n").map(|(_, s)| s).expect("a statement");
    world.sql(statement);
    let lines = probe(&world.args(&[]), &schema()).expect("fits");
    assert_eq!(lines[1], "\"signals\" takes 13 of the 13 fields of a record, each row once");
    drop(world.open(&[]).expect("fits"));

    world.sql("ALTER TABLE signals DROP COLUMN \"rsi \"\"14\"\"\"");
    let lacks = error(world.open(&[]));
    assert!(lacks.to_string().contains("\"signals\" lacks the column"), "{lacks}");
    world.sql(&lacks.help());
    drop(world.open(&[]).expect("fits again"));

    world.sql("ALTER TABLE signals ALTER COLUMN prediction TYPE real");
    let narrow = error(world.open(&[]));
    assert!(narrow.to_string().contains("\"prediction\" is real and has to be double precision"), "{narrow}");
    world.sql("ALTER TABLE signals ALTER COLUMN prediction TYPE double precision");

    world.sql("ALTER TABLE signals ADD COLUMN desk text NOT NULL");
    let unfilled = error(world.open(&[]));
    assert!(unfilled.to_string().contains("no value for the column \"desk\""), "{unfilled}");
    world.sql(unfilled.help().split_once(": ").map(|(_, s)| s).expect("a statement"));
    drop(world.open(&[]).expect("fits again"));

    world.sql("ALTER TABLE signals DROP CONSTRAINT signals_pkey");
    let no_key = error(world.open(&[]));
    assert!(no_key.to_string().contains("no unique index over exactly"), "{no_key}");
    world.sql("CREATE UNIQUE INDEX part ON signals (dag_name, frame, \"column\", symbol, ts) WHERE prediction > 0");
    assert!(error(world.open(&[])).to_string().contains("no unique index"), "a part of the rows");
    world.sql(&no_key.help());
    drop(world.open(&[]).expect("fits again"));

    world.sql("CREATE USER poor; GRANT SELECT ON signals TO poor");
    let poor = Value::Text("poor".into());
    let denied = error(world.open(&[("user", poor.clone())]));
    assert_eq!(denied.code(), "E0541");
    assert!(denied.to_string().contains("the user \"poor\" has no right to INSERT on \"signals\""), "{denied}");
    world.sql(denied.help().split_once(';').map(|(s, _)| s).expect("a statement"));
    drop(world.open(&[("user", poor)]).expect("fits again"));

    world.sql("CREATE VIEW v AS SELECT * FROM signals");
    let view = error(world.open(&[("table", Value::Text("v".into()))]));
    assert!(view.to_string().contains("\"v\" is no table"), "{view}");
    let no_schema = error(world.open(&[("table", Value::Text("nowhere.t".into())), create()]));
    assert_eq!(no_schema.code(), "E0542", "{no_schema}");
    let nobody = error(world.open(&[("url", Value::Text("postgres://u:hunter2@127.0.0.1:1/x".into()))]));
    assert_eq!(nobody.code(), "E0540");
    assert!(!format!("{nobody} {nobody:?}").contains("hunter2"));
}

#[test]
fn rows_keep_their_bits_and_come_once() {
    let world = World::start();
    let mut sink = world.open(&[create()]).expect("made");
    let n = 10_000;
    let all = rows(0..n);
    for batch in all.chunks(700) {
        let written = sink.write(batch).expect("stored");
        assert_eq!(written, Written { new: batch.len(), duplicates: 0, conflicts: 0 });
    }
    sink.flush().expect("flushed");
    // Cut elsewhere, and a part of it new.
    let again = rows(n - 300..n + 5);
    assert_eq!(sink.write(&again).expect("stored"), Written { new: 5, duplicates: 300, conflicts: 0 });
    let mut other = row(2);
    assert_eq!(other.value.to_bits(), ODD[2].to_bits());
    other.value = 0.0; // -0 is there
    assert_eq!(sink.write(&[other]).expect("left alone"), Written { new: 0, duplicates: 1, conflicts: 1 });
    sink.close().expect("closed");
    assert_eq!(found(&world), wanted(n + 5));
    let text = world.sql("SELECT dag_name, kind, model, run_id, latency_ms FROM signals WHERE ts = 'epoch'::timestamptz + interval '2 min' AND symbol = 'BTC/USDT'");
    assert_eq!(text, "it's \"d\"; drop table signals;--|event||run|3");

    // Columns of other types, a table that drops rows, and one that is not public.
    world.sql(
        "CREATE SCHEMA \"My Schema\"; CREATE TABLE \"My Schema\".t (ts timestamp, symbol varchar(64), prediction float8, \
         dag_name text, frame text, \"column\" text, open_time bigint, \"rsi \"\"14\"\"\" float8, \
         UNIQUE (symbol, ts, frame, \"column\", dag_name))",
    );
    let table = ("table", Value::Text("\"My Schema\".t".into()));
    let mut sink = open(&world.args(std::slice::from_ref(&table)), &schema()).expect("fits");
    assert_eq!(sink.write(&rows(0..9)).expect("stored").new, 9);
    assert_eq!(sink.write(&rows(0..9)).expect("stored"), Written { new: 0, duplicates: 9, conflicts: 0 });
    assert_eq!(
        world.sql("SELECT count(*), max(ts), max(open_time) FROM \"My Schema\".t"),
        "9|1970-01-01 00:03:00|120000"
    );
    world.sql(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER no BEFORE INSERT ON \"My Schema\".t FOR EACH ROW EXECUTE FUNCTION no()",
    );
    let lost = sink.write(&rows(9..12)).expect_err("dropped");
    assert!(lost.to_string().contains("3 of 3 rows were taken and are not in the table"), "{lost}");
}
