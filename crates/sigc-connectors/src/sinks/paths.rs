//! Paths that a pipeline file may write to.

use sigc_catalog::ArgProblem;
use std::path::{Component, Path};

/// The fault of an output path, if it has one: it must name a file and must not climb out of its folder by `..`.
pub(crate) fn check(param: &'static str, path: &str) -> Option<ArgProblem> {
    let problem = |message: String, help: &str| Some(ArgProblem { param, message, help: Some(help.into()) });
    if path.contains('\0') {
        return problem(format!("`{param}` contains a zero byte"), "write a plain path");
    }
    if path.ends_with('/') || path.ends_with('\\') || Path::new(path).file_name().is_none() {
        return problem(format!("`{path}` names a folder, not a file"), "add a file name: `outputs/predictions.csv`");
    }
    if Path::new(path).components().any(|c| c == Component::ParentDir) {
        return problem(
            format!("`{path}` climbs out of its folder with `..`"),
            "write the path from the working folder, or an absolute one",
        );
    }
    None
}
