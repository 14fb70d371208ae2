//! No output shows a secret: standard output and error, logs, the journal's bytes and every other file of a run.

use std::path::Path;
use std::process::{Command, Output};

/// What is searched for: no part of it may come out, so each value holds it.
const SECRET: &str = "swordfish";

fn sigc(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigc"))
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("SIGC_TEST_PASSWORD", "swordfish-\"quoted\"")
        .env("SIGC_TEST_URL", "http://reader:swordfish%40x@127.0.0.1:9/a/path/of/swordfish?token=swordfish-token")
        .output()
        .expect("the program starts")
}

/// Every byte that a command has left: what it printed, and all files below the folder but those that hold secrets.
fn assert_hidden(folder: &Path, what: &[&str], out: &Output) {
    let shown = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|w| w == SECRET.as_bytes());
    assert!(!shown(&out.stdout), "{what:?}: {}", String::from_utf8_lossy(&out.stdout));
    assert!(!shown(&out.stderr), "{what:?}: {}", String::from_utf8_lossy(&out.stderr));
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.to_string_lossy().contains("holds-secrets") {
                assert!(!shown(&std::fs::read(&path).expect("readable")), "{what:?}: {}", path.display());
            }
        }
    }
}

const TAIL: &str = "
  - features: {using: features.rsi, inputs: {column: bars.close}, outputs: {columns: [rsi_14]}, params: {window: 14}}
  - model: {using: models.linear, inputs: {frame: bars}, outputs: {columns: [prediction]}, params: {weights: {rsi_14: 0.01}}}
";

/// A pipeline whose source has secrets, all of them from outside.
fn table(password: &str) -> String {
    format!(
        "name: table
signal_generation:
  mode: stream
  on_prediction:
    - {{using: sinks.csv_append, params: {{path: out.csv}}}}
pipeline:
  - data:
      using: data.clickhouse
      outputs: {{frame: bars}}
      params:
        universe: [BTCUSDT]
        interval: 1h
        table: klines
        url: ${{env.SIGC_TEST_URL}}
        user: reader
        password: {password}{TAIL}"
    )
}

/// A pipeline with a sink that gets a secret and tells it to whoever listens.
fn chatter(script: &str) -> String {
    format!(
        "name: chatter
signal_generation:
  mode: stream
  on_prediction:
    - using: sinks.process
      params: {{command: [python3, {script}], env: [SIGC_TEST_PASSWORD]}}
pipeline:
  - data:
      using: data.binance_futures
      outputs: {{frame: bars}}
      params: {{universe: [BTCUSDT], interval: 1m}}{TAIL}"
    )
}

/// It says its secret on standard error, and as the reason of a refusal: at the greeting, or of its first rows.
const TELLTALE: &str = "
import json, os, sys
secret = os.environ['SIGC_TEST_PASSWORD']
def say(m): print(json.dumps(m), flush=True)
print('the password is', secret, file=sys.stderr, flush=True)
sys.stdin.readline()
if len(sys.argv) > 1:
    say({'type': 'error', 'retry': False, 'message': 'I do not like ' + secret})
    sys.exit()
say({'type': 'ready', 'protocol': 1, 'version': secret})
for line in sys.stdin:
    m = json.loads(line)
    if m['type'] == 'close': break
    say({'type': 'error', 'id': m['id'], 'retry': False, 'message': 'no table for ' + secret})
";

#[test]
fn offline_commands_show_no_secret() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("written");
    write("holds-secrets.key", "swordfish-from-a-file\n");
    write("sound.yaml", &table("${file.holds-secrets.key}"));
    for password in [
        "swordfish",
        "'swordfish-${x}'",
        "swordfish-${env.A}",
        "\"swordfish\\q\"",
        "[swordfish]",
        "|\n          swordfish",
        "\"swordfish",
    ] {
        write("holds-secrets.yaml", &table(password));
        for command in [&["check"] as &[&str], &["plan"], &["expand"]] {
            for more in [
                &[] as &[&str],
                &["--format", "json"],
                &["--format", "sarif"],
                &["--stage", "tree"],
                &["--stage", "expanded"],
                &["--stage", "typed"],
            ] {
                let args = [command, &["holds-secrets.yaml"], more].concat();
                let out = sigc(dir.path(), &args);
                assert!(!out.status.success(), "{password} {args:?}");
                assert_hidden(dir.path(), &args, &out);
            }
        }
    }
    for args in [
        &["check", "sound.yaml"] as &[&str],
        &["plan", "sound.yaml"],
        &["plan", "sound.yaml", "--format", "json"],
        &["plan", "sound.yaml", "--format", "dot"],
        &["plan", "sound.yaml", "--format", "mermaid"],
        &["plan", "sound.yaml", "--format", "svg"],
        &["plan", "sound.yaml", "--stage", "tree"],
        &["plan", "sound.yaml", "--stage", "expanded"],
        &["plan", "sound.yaml", "--stage", "typed"],
        &["plan", "sound.yaml", "--stage", "plan"],
        &["expand", "sound.yaml"],
    ] {
        let out = sigc(dir.path(), args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        assert_hidden(dir.path(), args, &out);
    }
}

#[test]
fn runs_show_no_secret() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("written");
    write("telltale.py", TELLTALE);
    write("p.yaml", &chatter("telltale.py"));
    write("refused.yaml", &chatter("telltale.py, greeting"));
    let simulated = ["--simulate", "--speed", "600", "--allow-process", "--to-real-sinks", "--state", "state"];
    let args =
        [&["run", "p.yaml", "--until", "2026-01-05T00:30:00Z", "--log-level", "debug"] as &[&str], &simulated].concat();
    let out = sigc(dir.path(), &args);
    assert!(String::from_utf8_lossy(&out.stderr).contains("[redacted]"), "{}", String::from_utf8_lossy(&out.stderr));
    assert_hidden(dir.path(), &args, &out);
    assert!(dir.path().join("state/journal.redb").is_file());
    for args in [
        &["audit", "p.yaml", "--state", "state"] as &[&str],
        &["why", "p.yaml", "BTCUSDT", "2026-01-05T00:02:00Z", "--state", "state"],
    ] {
        assert_hidden(dir.path(), args, &sigc(dir.path(), args));
    }
    let other = [&simulated[..6], &["other-state"]].concat();
    let args = [&["run", "refused.yaml"] as &[&str], &other].concat();
    let out = sigc(dir.path(), &args);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("E0541") && said.contains("I do not like [redacted]"), "{said}");
    assert_hidden(dir.path(), &args, &out);
}
