//! kill -9 in the middle of commits: what was acknowledged is there, and at most one batch more.

use crate::model::{Model, Random, identity};
use sigc_journal::{Journal, JournalReader, Options};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const FOLDER: &str = "SIGC_JOURNAL_TEST_FOLDER";
const KILLS: usize = 30;

/// The model after the first `n` batches; batch `n` depends on those before only.
fn after(n: u64) -> Model {
    let mut model = Model::new(identity());
    (0..n).for_each(|i| step(&mut model, i).1());
    model
}

/// The next batch, and what commits it to the model.
fn step(model: &mut Model, n: u64) -> (sigc_journal::entry::Batch, impl FnOnce()) {
    let batch = model.batch(&mut Random(n + 1));
    let copy = batch.clone();
    (batch, move || model.commit(&copy))
}

fn options() -> Options {
    Options { keep_bars: 40, keep_rows: 20, ..Options::default() }
}

/// How many batches a restored state holds: the first model that equals it, tried from `from` on.
fn batches_in(dir: &Path, from: u64) -> u64 {
    let opened = Journal::open(dir, &identity(), options()).expect("a journal opens after a crash");
    let mut model = after(from);
    let rows = |model: &Model| {
        let behind = model.cursors.iter().copied().min().unwrap_or(0);
        opened.journal.reader().rows_after(behind, usize::MAX).ok() == Some(model.rows_after(behind))
    };
    for n in from..from + 2 {
        if opened.restored == model.restored() && rows(&model) {
            return n;
        }
        step(&mut model, n).1();
    }
    panic!("neither the {from} batches that were acknowledged nor one more");
}

/// Not a test of its own: the process that is killed. Commits until then and says so, one line a commit.
#[test]
fn child() {
    let Ok(dir) = std::env::var(FOLDER) else { return };
    let (folder, done) = dir.rsplit_once(' ').expect("folder and number");
    let done: u64 = done.parse().expect("a number");
    let mut journal = Journal::open(Path::new(folder), &identity(), options()).expect("opens").journal;
    let mut model = after(done);
    let mut out = std::io::stdout();
    writeln!(out, "ready").expect("the parent reads");
    for n in done.. {
        let (batch, commit) = step(&mut model, n);
        journal.commit(&batch).expect("stored");
        commit();
        writeln!(out, "acknowledged {}", n + 1).expect("the parent reads");
        out.flush().expect("the parent reads");
    }
}

#[test]
fn acknowledged_commits_survive_a_kill() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut r = Random(77);
    let (mut done, mut unacknowledged) = (0, 0);
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
            .env(FOLDER, format!("{} {done}", dir.path().display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the child starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let wanted = 1 + r.below(12);
        // Some are killed while they open the file.
        if kill % 5 != 4 {
            let acknowledged = |l: &String| l.starts_with("acknowledged");
            lines.by_ref().map_while(Result::ok).filter(acknowledged).take(wanted as usize).for_each(drop);
        }
        std::thread::sleep(Duration::from_micros(r.below(4_000)));
        child.kill().expect("kill -9");
        child.wait().expect("it ends");
        // All it said before it died, lines that were already on their way among them.
        let last =
            lines.map_while(Result::ok).filter_map(|l| l.strip_prefix("acknowledged ").map(str::to_owned)).last();
        let acknowledged =
            last.and_then(|l| l.parse().ok()).unwrap_or(if kill % 5 == 4 { done } else { done + wanted });
        let _ = JournalReader::open(dir.path(), &identity()); // an audit comes first, and repairs
        let found = if acknowledged == 0 && !dir.path().join("journal.redb").exists() {
            0
        } else {
            batches_in(dir.path(), acknowledged)
        };
        unacknowledged += found - acknowledged;
        done = found;
    }
    assert!(done > KILLS as u64, "{done} batches, {unacknowledged} of them not acknowledged");
}
