//! Nothing is left after the end.
//!
//! In a process of its own: the other tests open files and start threads at the same time.

use super::server::{ANY, exposed, get};
use super::{LONG, until};
use sigc_live::observe::log::{Format, LogSpec, open};
use sigc_live::observe::process::Usage;
use sigc_live::observe::server::{Exposed, Server};
use std::process::Command;
use std::time::Duration;
use tracing::dispatcher::with_default;
use tracing::info;

const ALONE: &str = "SIGC_TEST_ALONE";

#[test]
fn hundred_starts_and_stops_leave_nothing() {
    if std::env::var_os(ALONE).is_none() {
        let this = std::env::current_exe().expect("a program");
        let alone = ["leaks::hundred_starts_and_stops_leave_nothing", "--exact", "--test-threads=1"];
        let out = Command::new(this).args(alone).env(ALONE, "1").output().expect("it runs");
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let spec =
        LogSpec { folder: Some(folder.path().to_owned()), format: Format::Json, stderr: false, ..LogSpec::new("r1") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cycle = |i: usize| {
        let (dispatch, guard) = open(&spec).expect("a log");
        let exposed = Exposed { log: Some(guard.counts()), ..exposed(LONG) };
        let server = Server::start(ANY, exposed).expect("a server");
        with_default(&dispatch, || info!(i, "begun"));
        assert_eq!(get(server.addr(), "/metrics").0, 200);
        // Each second one is stopped, the others are dropped.
        if i.is_multiple_of(2) {
            runtime.block_on(server.stop(Duration::from_secs(1)));
            assert!(guard.close(LONG));
        }
    };
    // The first ones open what stays open: the runtime, thread-locals.
    (0..3).for_each(cycle);
    let before = Usage::now();
    (0..100).for_each(cycle);
    until("threads and files are as before", || {
        let now = Usage::now();
        (now.threads, now.open_fds) == (before.threads, before.open_fds)
    });
    let grown = Usage::now().rss_bytes.zip(before.rss_bytes).map_or(0, |(now, then)| now.saturating_sub(then));
    assert!(grown < 8 << 20, "{grown} bytes more than before");
    let text = std::fs::read_to_string(folder.path().join("sigc.log")).expect("a log");
    assert_eq!(text.lines().count(), 103, "every run's line is there");
}
