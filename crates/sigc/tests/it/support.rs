//! What several test modules need: the program, scratch folders, the shared data.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

/// The shared data beside the workspace; `None`, with a note, where it is absent. With SIGC_NEED_SHARED=1 it must be
/// there, so that no test passes for want of data.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
pub fn shared() -> Option<PathBuf> {
    let path = root().join("../shared");
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("SIGC_NEED_SHARED").is_none(), "SIGC_NEED_SHARED is set and ../shared is not there");
    println!("skipped: ../shared is not there");
    None
}

/// Runs the program in a folder.
pub fn sigc(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigc"))
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .output()
        .expect("the program starts")
}

/// Runs the program, which must succeed; gives its standard output.
pub fn sigc_ok(folder: &Path, args: &[&str]) -> String {
    let out = sigc(folder, args);
    assert!(out.status.success(), "sigc {args:?}: {}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("output is UTF-8")
}

/// A committed file must equal what the program makes; UPDATE=1 rewrites it.
pub fn assert_current(path: &Path, made: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, made).expect("the file can be written");
        return;
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(there == made, "{} is not current: run the tests once with UPDATE=1", path.display());
}

/// A CSV text as rows of cells by column name.
pub fn csv(text: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    lines.map(|l| head.iter().map(|h| h.to_string()).zip(l.split(',').map(str::to_owned)).collect()).collect()
}
