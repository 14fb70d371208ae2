//! The program, the exchange and a pipeline in a scratch folder.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// The program with its output kept quiet.
pub fn sigc(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sigc"));
    command
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env_remove("SIGC_STATE")
        .env_remove("SIGC_LISTEN")
        .stdin(Stdio::null());
    command
}

/// Runs the program, which must succeed; gives its standard output.
pub fn ok(folder: &Path, args: &[&str]) -> String {
    let out = sigc(folder).args(args).output().expect("the program starts");
    assert!(out.status.success(), "sigc {args:?}: {}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("output is UTF-8")
}

/// A simulated exchange in a process of its own.
pub struct Exchange {
    child: Child,
    pub addr: String,
    pub folder: PathBuf,
}

impl Exchange {
    /// Opens one; its truth will be in `truth` below the folder.
    pub fn open(folder: &Path, args: &[&str]) -> Exchange {
        let mut child = sigc(folder)
            .args(["sim", "--truth", "truth"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.join("sim.log")).expect("a log"))
            .spawn()
            .expect("the exchange starts");
        let mut addr = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut addr).expect("its address");
        Exchange { child, addr: addr.trim().to_owned(), folder: folder.to_owned() }
    }

    /// Stops it; then its truth is written.
    pub fn close(mut self) {
        signal(&self.child, "TERM");
        let status = self.child.wait().expect("it ends");
        assert!(
            status.success(),
            "{status}: {}",
            std::fs::read_to_string(self.folder.join("sim.log")).unwrap_or_default()
        );
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One HTTP request over a plain socket; gives the body.
pub fn http(method: &str, addr: &str, path: &str, body: &str) -> String {
    let mut socket = TcpStream::connect(addr).expect("it listens");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    let n = body.len();
    write!(
        socket,
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {n}\r\n\r\n{body}"
    )
    .expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    body.to_owned()
}

/// Sends a signal by its name.
pub fn signal(child: &Child, name: &str) {
    Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().expect("kill runs");
}

/// Starts a run against an exchange; what it says goes to `run.log`.
pub fn start(folder: &Path, file: &str, exchange: &str, args: &[&str]) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("run.log")).expect("a log");
    sigc(folder)
        .args(["run", file, "--exchange", exchange, "--state", "state"])
        .args(args)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the run starts")
}

/// Waits for the end of a run, which must come in time and be a clean one.
pub fn end(folder: &Path, mut child: Child, limit: Duration) {
    let status = wait(&mut child, limit);
    let log = || std::fs::read_to_string(folder.join("run.log")).unwrap_or_default();
    match status {
        Some(status) if status.success() => {}
        Some(status) => panic!("{status}\n{}", tail(&log())),
        None => {
            child.kill().ok();
            panic!("the run does not end\n{}", tail(&log()));
        }
    }
}

/// Waits, but not for ever.
pub fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

pub fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// A CSV text as rows of cells by column name.
pub fn csv(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    lines.map(|l| head.iter().map(|h| (*h).to_owned()).zip(l.split(',').map(str::to_owned)).collect()).collect()
}

/// What the journal says: `sigc audit --json`, whose exit status says that every expected bar has its fate.
pub fn audit(folder: &Path, file: &str) -> serde_json::Value {
    serde_json::from_str(&ok(folder, &["audit", file, "--state", "state", "--json"])).expect("JSON")
}

/// Leaves out the bars before the first one of the run: recursive values have the same bits only from the same first bar.
/// Gives the instant behind which the run emits.
pub fn same_history(folder: &Path, file: &str) -> String {
    let audit = audit(folder, file);
    cut(&folder.join("truth"), audit["runs"][0]["config"]["history_from"][0].as_str().expect("an instant"));
    audit["emit_after"].as_str().expect("an instant").to_owned()
}

/// What a live run has to give by `sigc backfill` over the exchange's own bars, by symbol and label: from the first instant
/// on that the journal emits, to `until`.
pub fn truth(
    folder: &Path,
    file: &str,
    column: &str,
    bars_interval: &str,
    until: &str,
) -> BTreeMap<(String, String), String> {
    let from = same_history(folder, file);
    ok(
        folder,
        &["backfill", file, "--bars", "truth", "--bars-interval", bars_interval, "--out", "truth.csv", "--overwrite"],
    );
    csv(&folder.join("truth.csv"))
        .into_iter()
        .filter(|r| r["ts"].as_str() > from.as_str() && r["ts"].as_str() <= until && !r[column].is_empty())
        .map(|r| ((r["symbol"].clone(), r["ts"].clone()), r[column].clone()))
        .collect()
}

/// The rows of a live run against [`truth`]: the same text in every cell, each row once, in order per symbol, none missing.
pub fn compare(folder: &Path, file: &str, column: &str, live: &Path, bars_interval: &str, until: &str) -> usize {
    let truth = truth(folder, file, column, bars_interval, until);
    let mut seen: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut newest: BTreeMap<String, String> = BTreeMap::new();
    for row in csv(live) {
        let (symbol, ts) = (row["symbol"].clone(), row["ts"].clone());
        let before = newest.insert(symbol.clone(), ts.clone());
        assert!(before.as_ref().is_none_or(|b| *b < ts), "{symbol}: {ts} after {before:?}");
        let twice = seen.insert((symbol, ts), row["prediction"].clone());
        assert_eq!(twice, None);
    }
    let missing: Vec<_> = truth.keys().filter(|k| !seen.contains_key(*k)).take(5).collect();
    let extra: Vec<_> = seen.keys().filter(|k| !truth.contains_key(*k)).take(5).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "of {} rows missing: {missing:?}, too many: {extra:?}",
        truth.len()
    );
    for (key, value) in &truth {
        assert_eq!(&seen[key], value, "{key:?}");
    }
    truth.len()
}

/// Leaves out the bars before an instant.
fn cut(truth: &Path, from: &str) {
    let from = jiff::Timestamp::from_str(from).expect("ISO 8601").as_millisecond();
    for entry in std::fs::read_dir(truth).expect("the truth").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("a text");
        let kept = text.lines().enumerate().filter(|(i, line)| {
            let open = line.split(',').next().and_then(|t| t.parse::<i64>().ok());
            *i == 0 || open.is_some_and(|t| t >= from)
        });
        std::fs::write(entry.path(), kept.map(|(_, l)| format!("{l}\n")).collect::<String>()).expect("ours");
    }
}

/// A pipeline of bars of an interval with a model that needs no checkpoint.
pub fn linear_pipeline(folder: &Path, symbols: &[String], interval: &str) -> &'static str {
    let text = format!(
        "name: live_test\nsignal_generation:\n  mode: stream\n  on_prediction:\n    - using: sinks.csv_append\n      params: {{path: rows.csv, dedup_key: [ts, symbol]}}\npipeline:\n  - data:\n      using: data.binance_futures\n      outputs: {{frame: ohlcv}}\n      params: {{universe: [{}], interval: {interval}}}\n  - features:\n      using: features.rsi\n      inputs: {{column: ohlcv.close}}\n      outputs: {{columns: [rsi_5]}}\n      params: {{window: 5}}\n  - features:\n      using: features.sma\n      inputs: {{column: ohlcv.close}}\n      outputs: {{columns: [sma_5]}}\n      params: {{window: 5}}\n  - model:\n      using: models.linear\n      inputs: {{frame: ohlcv}}\n      outputs: {{columns: [score]}}\n      params: {{weights: {{rsi_5: 0.01, sma_5: 1}}}}\n",
        symbols.join(", ")
    );
    std::fs::write(folder.join("pipeline.yaml"), text).expect("the folder is ours");
    "pipeline.yaml"
}
