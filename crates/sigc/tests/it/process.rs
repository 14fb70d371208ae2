//! `sinks.process` and `models.process` through the commands, with the Python programs of `examples/process`.

use crate::support::{csv, root, sigc, sigc_ok};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A folder with bars of the demo, `examples/process.yaml` and its programs.
fn place() -> tempfile::TempDir {
    static BARS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let demo = BARS.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a scratch folder");
        sigc_ok(dir.path(), &["demo", "--dir", "."]);
        dir
    });
    let dir = tempfile::tempdir().expect("a scratch folder");
    std::fs::create_dir_all(dir.path().join("examples")).expect("a folder");
    let copy = |from: PathBuf, to: &str| {
        let status = Command::new("cp").arg("-r").arg(from).arg(dir.path().join(to)).status();
        assert!(status.expect("cp runs").success());
    };
    copy(demo.path().join("bars"), "bars");
    copy(root().join("examples/process"), "examples/process");
    copy(root().join("examples/process.yaml"), "p.yaml");
    dir
}

fn edit(dir: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(dir.join("p.yaml")).expect("the pipeline");
    assert!(text.contains(from), "{from}");
    std::fs::write(dir.join("p.yaml"), text.replace(from, to)).expect("written");
}

/// What a reader of the database sees, by Python's own SQLite.
fn select(dir: &Path, query: &str) -> String {
    let code =
        "import sqlite3, sys\nfor row in sqlite3.connect('outputs/signals.sqlite').execute(sys.argv[1]): print(*row)";
    let out = Command::new("python3").args(["-c", code, query]).current_dir(dir).output().expect("python3");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text").trim().to_owned()
}

const RUN: &[&str] = &["run", "p.yaml", "--replay", "bars", "--allow-process"];

fn stderr(out: &std::process::Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// Rows reach the database once over two runs, and are what the model says: the expected value is computed here from
/// the RSI that a backfill writes.
#[test]
fn a_python_model_and_a_python_sink() {
    let dir = place();
    sigc_ok(dir.path(), &["check", "p.yaml", "--deny-warnings"]);
    sigc_ok(dir.path(), RUN);
    let rows: usize = select(dir.path(), "select count(*) from signals").parse().expect("a number");
    assert!(rows > 300, "{rows}");
    let first = select(dir.path(), "select * from signals order by symbol, ts");
    let again = sigc(dir.path(), RUN);
    assert!(again.status.success(), "{}", stderr(&again));
    assert!(stderr(&again).contains(&format!("0 new, {rows} were there already")), "{}", stderr(&again));
    assert_eq!(select(dir.path(), "select * from signals order by symbol, ts"), first);

    sigc_ok(dir.path(), &["backfill", "p.yaml", "--bars", "bars", "--out", "rows.csv", "--allow-process"]);
    let table = csv(&std::fs::read_to_string(dir.path().join("rows.csv")).expect("rows"));
    let btc: Vec<_> = table.iter().filter(|r| r["symbol"] == "BTCUSDT").collect();
    let rsi = |i: usize| btc[i]["rsi_14"].parse::<f64>().expect("a number");
    let last = btc.len() - 1;
    let wanted = (rsi(last - 2) + 2.0 * rsi(last - 1) + 3.0 * rsi(last)) / 6.0;
    let given: f64 = btc[last]["prediction"].parse().expect("a number");
    assert!((given - wanted).abs() < 1e-9, "{given} {wanted}");
    let stored = select(dir.path(), "select prediction from signals where symbol='BTCUSDT' order by ts desc limit 1");
    assert_eq!(
        stored.parse::<f64>().expect("a number").to_bits(),
        given.to_bits(),
        "live and batch have the same bits"
    );
}

#[test]
fn verify_compares_a_process_with_itself() {
    let dir = place();
    let few = ["--splits", "1", "--restarts", "1"];
    let args = [["verify", "p.yaml", "--bars", "bars"].as_slice(), &few, &["--allow-process"]].concat();
    sigc_ok(dir.path(), &args);
    // A model that remembers what it was asked is found out.
    let program = dir.path().join("examples/process/model.py");
    let text = std::fs::read_to_string(&program).expect("the model");
    let forgetful =
        text.replace("return sum(means)", "predict.n = getattr(predict, 'n', 0) + 1; return sum(means) + predict.n");
    std::fs::write(&program, forgetful).expect("written");
    let out = sigc(dir.path(), &args);
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    assert!(stderr(&out).contains("E0513"), "{}", stderr(&out));
}

/// A batch asks about many windows in one request; one that kills the process costs its own row only.
#[test]
fn a_batch_asks_about_many_windows_at_once() {
    let dir = place();
    let program = dir.path().join("examples/process/model.py");
    let text = std::fs::read_to_string(&program).expect("the model");
    let backfill = |out: &str| {
        let args = ["backfill", "p.yaml", "--bars", "bars", "--out", out, "--allow-process", "--threads", "1"];
        sigc_ok(dir.path(), &args);
        csv(&std::fs::read_to_string(dir.path().join(out)).expect("rows"))
    };
    let plain = backfill("plain.csv");
    // The same answers, and how many windows each request had.
    let noted = text.replace(
        "        values = [",
        "        open('requests.txt', 'a').write(f\"{len(message['windows'])}\\n\")\n        values = [",
    );
    assert_ne!(noted, text);
    std::fs::write(&program, &noted).expect("written");
    assert_eq!(backfill("noted.csv"), plain);
    let requests = std::fs::read_to_string(dir.path().join("requests.txt")).expect("requests");
    let sizes: Vec<usize> = requests.lines().map(|n| n.parse().expect("a number")).collect();
    assert_eq!(sizes.iter().max(), Some(&64), "{sizes:?}");
    assert!(sizes.iter().sum::<usize>() > 300, "{sizes:?}");

    // Row by row the same window again and again: it dies of one.
    let rsi: Vec<f64> = plain.iter().filter_map(|r| r["rsi_14"].parse().ok()).collect();
    let poison = rsi[rsi.len() / 2];
    let deadly =
        text.replace("    total = sum(", &format!("    if rows[-1][0] == {poison:?}: sys.exit(3)\n    total = sum("));
    std::fs::write(&program, deadly).expect("written");
    let left = backfill("deadly.csv");
    let without: Vec<_> = plain.iter().zip(&left).filter(|(a, b)| a["prediction"] != b["prediction"]).collect();
    assert!(without.iter().all(|(_, b)| b["prediction"].is_empty()));
    assert!((1..64).contains(&without.len()), "{} rows are without a prediction", without.len());
}

#[test]
fn nothing_is_started_without_leave() {
    let dir = place();
    for args in [
        vec!["run", "p.yaml", "--replay", "bars"],
        vec!["backfill", "p.yaml", "--bars", "bars", "--out", "r.csv"],
        vec!["verify", "p.yaml", "--bars", "bars"],
    ] {
        let out = sigc(dir.path(), &args);
        assert_eq!(out.status.code(), Some(1), "{args:?}");
        assert!(stderr(&out).contains("error[E0560]") && stderr(&out).contains("--allow-process"), "{}", stderr(&out));
    }
    // A sink alone has the code of sinks.
    let linear = "using: models.linear\n      inputs: {frame: ohlcv}\n      outputs: {columns: [prediction]}\n      params: {weights: {rsi_14: 1}}\n";
    let text = std::fs::read_to_string(dir.path().join("p.yaml")).expect("the pipeline");
    let (before, _) = text.split_once("using: models.process").expect("a model");
    std::fs::write(dir.path().join("p.yaml"), format!("{before}{linear}")).expect("written");
    let out = sigc(dir.path(), &["run", "p.yaml", "--replay", "bars"]);
    assert!(stderr(&out).contains("error[E0543]"), "{}", stderr(&out));
    assert!(!dir.path().join("outputs").exists());
}

#[test]
fn processes_that_cannot_be_used_have_coded_errors() {
    let cases = [
        ("version: weighted-mean-1", "version: other", "E0561", "is of version `weighted-mean-1`"),
        ("[python3, examples/process/model.py]", "[no-such-program]", "E0561", "there is no program"),
        ("[python3, examples/process/model.py]", "[python3, -c, 'print(1)']", "E0561", "a message is a JSON object"),
        ("window_size: 3", "window_size: 3\n        env: [SIGC_NOT_SET]", "E0531", "`SIGC_NOT_SET` is not set"),
        ("examples/process/sink.py, ", "no-such.py, ", "E0540", "No such file"),
        ("[python3, examples/process/sink.py", "[no-such-program", "E0542", "there is no program"),
    ];
    for (from, to, code, words) in cases {
        let dir = place();
        edit(dir.path(), from, to);
        let out = sigc(dir.path(), RUN);
        assert_eq!(out.status.code(), Some(1), "{to}");
        assert!(stderr(&out).contains(code) && stderr(&out).contains(words), "{to}: {}", stderr(&out));
    }
}

/// A process that ends in the middle is started again: for a model the row that it ends at has no prediction, for a
/// replay's sink the run ends with the code, and the next run has every row once.
#[test]
fn crashes_lose_nothing_that_was_confirmed() {
    let dir = place();
    let program = dir.path().join("examples/process/sink.py");
    let sound = std::fs::read_to_string(&program).expect("the sink");
    // The rows are stored, and the process ends before it says so.
    let crash = "if message['id'] == 1: os._exit(9)\n        say({\"type\": \"ack\"";
    std::fs::write(&program, sound.replace("say({\"type\": \"ack\"", crash)).expect("written");
    let out = sigc(dir.path(), RUN);
    assert_eq!(out.status.code(), Some(1));
    assert!(stderr(&out).contains("E0540") && stderr(&out).contains("exit status 9"), "{}", stderr(&out));
    std::fs::write(&program, sound).expect("written");
    sigc_ok(dir.path(), RUN);
    let rows = select(dir.path(), "select count(*) from signals");
    let keys = select(
        dir.path(),
        "select count(*) from (select distinct dag_name, frame, \"column\", symbol, ts from signals)",
    );
    assert_eq!(rows, keys);

    let model = dir.path().join("examples/process/model.py");
    let text = std::fs::read_to_string(&model).expect("the model");
    // It dies of one in some hundred windows, asked about alone or with others behind it.
    let crash = "if int(message['windows'][0]['rows'][-1][0] * 1e6) % 97 == 0: sys.exit(3)\n        values =";
    std::fs::write(&model, text.replace("values =", crash)).expect("written");
    std::fs::remove_dir_all(dir.path().join("outputs")).expect("there");
    let out = sigc(dir.path(), RUN);
    assert!(out.status.success(), "{}", stderr(&out));
    assert!(stderr(&out).contains("E0517") && stderr(&out).contains("exit status 3"), "{}", stderr(&out));
    let fewer: usize = select(dir.path(), "select count(*) from signals").parse().expect("a number");
    let all: usize = rows.parse().expect("a number");
    assert!(fewer < all && fewer > all * 9 / 10, "{fewer} of {all}");
}
