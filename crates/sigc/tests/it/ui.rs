//! Wrong pipelines and what is said about them: `tests/ui/CODE-name/in.yaml` and `out.txt`.
//!
//! A comment `#~ E0203 part of the message` says that this code is found on its line or, if the comment stands alone,
//! on the line above it; several may stand below each other. Where a comment would be part of the fault, `#~ 7: E0101
//! part of the message` names the line. Nothing else may be found. The comments are taken out before the file is
//! checked. `out.txt` is what the user reads; `UPDATE=1` rewrites it. Folders `ok-*` hold sound pipelines: nothing is
//! found, and there is a plan.

use crate::checkpoints::Checkpoints;
use sigc::catalog::catalog;
use sigc_compiler::hidden::Hidden;
use sigc_compiler::{Compiled, compile, compile_tree};
use sigc_diag::emit::{Checked, Format, Style, render};
use sigc_diag::{Diag, Diags, SourceFile};
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ui")
}

/// The cases in the order of their names, each with its text as bytes.
fn cases() -> Vec<(String, PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder()).expect("the cases are part of the repository");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("the folder can be read").path()).collect();
    paths.sort();
    let case = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read(path.join("in.yaml")).unwrap_or_else(|e| panic!("{name}/in.yaml: {e}"));
        (name, path, text)
    };
    paths.into_iter().filter(|p| p.is_dir()).map(case).collect()
}

/// One finding as a comment asks for it.
struct Expected {
    line: usize,
    code: String,
    message: String,
}

/// The text without the comments, line for line, and what they ask for.
fn expectations(bytes: &[u8]) -> (Vec<u8>, Vec<Expected>) {
    let (mut text, mut found) = (Vec::new(), Vec::new());
    let mut above = 0;
    for (i, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        let Some(at) = line.windows(3).position(|w| w == b"#~ ") else {
            text.extend_from_slice(line);
            above = i + 1;
            continue;
        };
        let before = line[..at].trim_ascii_end();
        if !before.is_empty() {
            above = i + 1;
        }
        text.extend_from_slice(before);
        text.push(b'\n');
        let note = std::str::from_utf8(&line[at + 3..]).expect("comments are UTF-8").trim();
        let (line, note) = match note.split_once(": ") {
            Some((n, rest)) if n.bytes().all(|b| b.is_ascii_digit()) => (n.parse().expect("a line number"), rest),
            _ => (above, note),
        };
        let (code, message) = note.split_once(' ').unwrap_or((note, ""));
        found.push(Expected { line, code: code.into(), message: message.trim().into() });
    }
    (text, found)
}

/// What the program finds, in the order it prints.
fn check(bytes: &[u8], host: &Checkpoints) -> (SourceFile, Vec<Diag>, Option<Compiled>) {
    let mut diags = Diags::new();
    let Some((text, tree)) = sigc_syntax::parse_bytes(bytes, &mut diags) else {
        return (SourceFile::new("in.yaml", String::from_utf8_lossy(bytes)), diags.sorted(), None);
    };
    let hidden = Hidden::find(&tree, &text, &catalog());
    let compiled = compile_tree(tree, diags, &catalog(), host);
    let (mut file, mut diags) = (SourceFile::new("in.yaml", text), compiled.diags.clone().sorted());
    file.hide(hidden.spans());
    hidden.clean(&mut diags);
    (file, diags, Some(compiled))
}

#[test]
fn what_is_found_is_what_the_comments_say() {
    let host = Checkpoints::new();
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for (name, path, bytes) in cases() {
        let (text, mut expected) = expectations(&bytes);
        let (file, diags, compiled) = check(&text, &host);
        for diag in &diags {
            let line = file.line_col(diag.span().start as usize).line;
            let matches = |e: &Expected| e.line == line && e.code == diag.code.id && diag.message.contains(&e.message);
            match expected.iter().position(matches) {
                Some(at) => drop(expected.remove(at)),
                None => wrong.push(format!("{name}: not expected: line {line}: {} {}", diag.code.id, diag.message)),
            }
        }
        wrong.extend(expected.iter().map(|e| format!("{name}: not found: line {}: {} {}", e.line, e.code, e.message)));
        if name.starts_with("ok-") {
            if compiled.is_none_or(|c| c.plan.is_none()) {
                wrong.push(format!("{name}: no plan was made"));
            }
        } else if !diags.iter().any(|d| name.starts_with(d.code.id)) {
            wrong.push(format!("{name}: its own code is not found"));
        }
        let out = render(Format::Human, &[Checked { file: &file, diags: &diags }], &Style::default());
        let snapshot = path.join("out.txt");
        if update {
            fs::write(&snapshot, &out).expect("the snapshot can be written");
        } else if fs::read_to_string(&snapshot).unwrap_or_default() != out {
            wrong.push(format!("{name}: out.txt differs from what is printed now:\n{out}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} faults", wrong.join("\n"), wrong.len());
}

/// A file that is still being written never stops the program, and whatever is found has a place in it.
#[test]
fn half_written_files_are_read_without_a_panic() {
    let host = Checkpoints::new();
    let catalog = catalog();
    for (name, _, bytes) in cases() {
        let (text, _) = expectations(&bytes);
        let text = String::from_utf8_lossy(&text);
        let ends = text.match_indices('\n').map(|(i, _)| i + 1);
        for end in [0].into_iter().chain(ends) {
            let compiled = compile(&text[..end], &catalog, &host);
            for diag in compiled.diags.iter() {
                assert!(diag.labels.iter().all(|l| l.span.end as usize <= end), "{name} cut at byte {end}: {diag:?}");
            }
            let sound = !compiled.diags.has_errors();
            assert_eq!(compiled.plan.is_some(), sound, "{name} cut at byte {end}: a plan exactly if there is no error");
        }
    }
}

/// Every code of the compiler has at least one case.
#[test]
fn every_code_of_the_compiler_has_a_case() {
    let names: Vec<String> = cases().into_iter().map(|(name, ..)| name).collect();
    // A file over the limit is too large to keep here; its page is tested with one made on the spot.
    let elsewhere = ["E0105"];
    let without: Vec<&str> = sigc_diag::all_codes()
        .iter()
        .map(|c| c.id)
        .filter(|id| id[1..3] != *"05" && !elsewhere.contains(id))
        .filter(|id| !names.iter().any(|n| n.starts_with(id)))
        .collect();
    assert!(without.is_empty(), "no case for {without:?}");
}
