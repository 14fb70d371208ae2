//! Paths that a pipeline file may write to.

use sigc_catalog::{ArgProblem, Param};
use sigc_runtime::{Opening, SinkError};
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Where a sink's file is: apart, if rows are to stay apart.
pub(crate) fn of(opening: &Opening<'_>, param: &Param<String>) -> PathBuf {
    let path = opening.args.get(param);
    opening.apart.map_or_else(|| PathBuf::from(&path), |folder| folder.join(&path))
}

/// The file, if there is one.
pub(crate) fn existing(path: &Path) -> Result<Option<File>, SinkError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SinkError::Write { path: path.into(), action: "read", source }),
    }
}

/// Looks whether a file could be made or written, and leaves nothing behind: the nearest folder that exists is asked.
pub(crate) fn probe_folder(path: &Path) -> Result<(), SinkError> {
    let failed = |source| SinkError::Write { path: path.into(), action: "write to", source };
    if path.exists() {
        return std::fs::OpenOptions::new().append(true).open(path).map(drop).map_err(failed);
    }
    let folders = path.ancestors().skip(1).map(|f| if f.as_os_str().is_empty() { Path::new(".") } else { f });
    let Some(folder) = folders.into_iter().find(|f| f.exists()) else { return Ok(()) };
    let trial = folder.join(format!(".sigc-probe-{}", std::process::id()));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&trial).map_err(failed)?;
    std::fs::remove_file(&trial).map_err(failed)
}

/// The fault of an output path, if it has one: it must name a file and must not climb out of its folder by `..`.
pub(crate) fn check(param: &'static str, path: &str) -> Option<ArgProblem> {
    let problem = |message: String, help: &str| Some(ArgProblem { param, message, help: Some(help.into()) });
    if path.contains('\0') {
        return problem(format!("`{param}` contains a zero byte"), "write a plain path");
    }
    if path.ends_with('/') || path.ends_with('\\') || Path::new(path).file_name().is_none() {
        return problem(format!("`{path}` names a folder, not a file"), "add a file name: `outputs/predictions.csv`");
    }
    climbs(param, path)
}

/// The fault of an output folder, if it has one.
pub(crate) fn check_folder(param: &'static str, path: &str) -> Option<ArgProblem> {
    if path.contains('\0') || path.is_empty() {
        let message = format!("`{param}` is no path");
        return Some(ArgProblem { param, message, help: Some("write a plain path".into()) });
    }
    climbs(param, path)
}

fn climbs(param: &'static str, path: &str) -> Option<ArgProblem> {
    let problem = |message: String, help: &str| Some(ArgProblem { param, message, help: Some(help.into()) });
    if Path::new(path).components().any(|c| c == Component::ParentDir) {
        return problem(
            format!("`{path}` climbs out of its folder with `..`"),
            "write the path from the working folder, or an absolute one",
        );
    }
    None
}
