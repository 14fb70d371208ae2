//! No output shows a secret: standard output and error, logs, the journal's bytes and every other file of a run.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output};

/// What is searched for: no part of it may come out, so each value holds it.
const SECRET: &str = "swordfish";

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigc"));
    command
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("SIGC_TEST_PASSWORD", "swordfish-\"quoted\"")
        .env("SIGC_TEST_DATABASE", "postgres://writer:swordfish-of-the-database@127.0.0.1:9/signals")
        .env("SIGC_TEST_URL", "http://reader:swordfish%40x@127.0.0.1:9/a/path/of/swordfish?token=swordfish-token");
    command
}

fn sigc(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("the program starts")
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

/// A pipeline with every sink that has a password, a key or a token, each at an address where nobody listens.
const SERVICES: &str = "name: services
signal_generation:
  mode: stream
  on_prediction:
    - using: sinks.clickhouse
      params: {url: 'http://127.0.0.1:9', user: reader, password: '${env.SIGC_TEST_PASSWORD}', table: rows}
    - using: sinks.dynamodb
      params:
        {table: rows, region: eu-central-1, endpoint_url: 'http://127.0.0.1:9', access_key_id: '${env.SIGC_TEST_PASSWORD}',
        secret_access_key: '${env.SIGC_TEST_PASSWORD}', session_token: '${env.SIGC_TEST_PASSWORD}'}
    - using: sinks.nats
      params: {url: 'nats://127.0.0.1:9', token: '${env.SIGC_TEST_PASSWORD}', stream: ROWS}
    - using: sinks.postgres
      params: {url: '${env.SIGC_TEST_DATABASE}', table: rows}
    - using: sinks.webhook
      params: {url: '${env.SIGC_TEST_URL}', auth: '${env.SIGC_TEST_PASSWORD}', sign_with: '${env.SIGC_TEST_PASSWORD}'}
pipeline:
  - data:
      using: data.binance_futures
      outputs: {frame: bars}
      params: {universe: [BTCUSDT], interval: 1m}";

/// Sinks whose services are down: warnings, logs at every level, the pages of the run, its journal, and what is asked
/// afterwards.
#[test]
fn services_that_are_down_show_no_secret() {
    let dir = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(dir.path().join("p.yaml"), format!("{SERVICES}{TAIL}")).expect("written");
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let page = format!("127.0.0.1:{port}");
    let args = [
        "run",
        "p.yaml",
        "--simulate",
        "--speed",
        "600",
        "--to-real-sinks",
        "--state",
        "state",
        "--log-level",
        "trace",
        "--listen",
        &page,
    ];
    let file = |name: &str| std::fs::File::create(dir.path().join(name)).expect("a file");
    let mut run =
        command(dir.path(), &args).stdout(file("out.txt")).stderr(file("err.txt")).spawn().expect("it starts");
    let said = || std::fs::read_to_string(dir.path().join("err.txt")).unwrap_or_default();
    let offered = |said: &str| said.matches("a sink did not take rows").count() >= 10;
    let begun = std::time::Instant::now();
    while !offered(&said()) {
        assert!(begun.elapsed().as_secs() < 60, "{}", said());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    for path in ["/metrics", "/status", "/health", "/ready", "/"] {
        let mut socket = std::net::TcpStream::connect(&page).expect("it listens");
        write!(socket, "GET {path} HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 ") && !answer.contains(SECRET), "{path}: {answer}");
    }
    // The third one ends it at once: rows wait for services that will not come.
    for _ in 0..3 {
        Command::new("kill").args(["-INT", &run.id().to_string()]).status().expect("kill runs");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    run.wait().expect("it ends");
    for code in ["[redacted]", "E0540", "clickhouse", "dynamodb", "nats", "postgres", "webhook"] {
        assert!(said().contains(code), "{code}: {}", said());
    }
    for args in [
        &["audit", "p.yaml", "--state", "state"] as &[&str],
        &["audit", "p.yaml", "--state", "state", "--json"],
        &["why", "p.yaml", "BTCUSDT", "2026-01-05T00:02:00Z", "--state", "state"],
        &["check", "p.yaml", "--online"],
    ] {
        assert_hidden(dir.path(), args, &sigc(dir.path(), args));
    }
}
