//! The page of every code: its form, and that its examples do what it says of them.

use crate::checkpoints::Checkpoints;
use sigc::catalog::catalog;
use sigc_compiler::compile;
use sigc_connectors::bars::{ReadOptions, read_bars};
use sigc_diag::{Code, Diags, all_codes};
use sigc_market::{Interval, Symbol};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A page taken apart.
struct Page {
    heading: String,
    /// The lines between the heading and the examples, without empty ones.
    text: Vec<String>,
    /// Under `## Raises it`: the block's language and content.
    raises: (String, String),
    /// Under `## Does not`.
    does_not: (String, String),
}

fn page(code: &Code) -> Page {
    let (top, rest) = code.page.split_once("\n## Raises it\n").unwrap_or_else(|| panic!("{}: no `Raises it`", code.id));
    let (raises, does_not) = rest.split_once("\n## Does not\n").unwrap_or_else(|| panic!("{}: no `Does not`", code.id));
    let mut lines = top.lines().filter(|l| !l.is_empty()).map(str::to_owned);
    Page {
        heading: lines.next().unwrap_or_default(),
        text: lines.collect(),
        raises: block(raises, code),
        does_not: block(does_not, code),
    }
}

/// The only fenced block of a section, which holds nothing else.
fn block(section: &str, code: &Code) -> (String, String) {
    let inner = section.trim().strip_prefix("```").and_then(|s| s.strip_suffix("```"));
    let parts = inner.and_then(|s| s.split_once('\n')).filter(|(_, text)| !text.contains("```"));
    let (language, text) = parts.unwrap_or_else(|| panic!("{}: a section holds one fenced block", code.id));
    (language.into(), text.into())
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let files = fs::read_dir(sources().join("sigc-diag/pages")).expect("the pages are part of the repository");
    let stem = |e: std::io::Result<fs::DirEntry>| {
        let path = e.expect("the folder can be read").path();
        path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    };
    let files: BTreeSet<String> = files.map(stem).collect();
    let codes: BTreeSet<String> = all_codes().iter().map(|c| c.id.to_owned()).collect();
    assert_eq!(files, codes);
    for code in all_codes() {
        let page = page(code);
        let name = page.heading.strip_prefix(&format!("# {}: ", code.id));
        let name = name.unwrap_or_else(|| panic!("{}: the heading is `{}`", code.id, page.heading));
        let letters = |s: &str| s.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        assert_eq!(letters(name), letters(code.name), "{}: the heading tells the name", code.id);
        assert!((2..=5).contains(&page.text.len()), "{}: {} sentences", code.id, page.text.len());
        assert!(page.text.iter().all(|l| l.ends_with('.')), "{}: one sentence per line", code.id);
    }
}

/// The pipelines on the pages of E01 to E04, of warnings and of notes.
#[test]
fn pipelines_on_pages_do_what_is_said_of_them() {
    let (catalog, host) = (catalog(), Checkpoints::new());
    for code in all_codes().iter().filter(|c| !c.id.starts_with("E05")) {
        let page = page(code);
        if page.raises.0 == "text" {
            assert!(["E0105", "E0119"].contains(&code.id), "{}: the example is not a pipeline", code.id);
            continue;
        }
        assert_eq!((page.raises.0.as_str(), page.does_not.0.as_str()), ("yaml", "yaml"), "{}", code.id);
        let found = |text: &str| compile(text, &catalog, &host).diags.sorted();
        let raised = found(&page.raises.1);
        assert!(raised.iter().any(|d| d.code.id == code.id), "{}: not raised, but {raised:#?}", code.id);
        let cascade: Vec<&str> = raised.iter().map(|d| d.code.id).filter(|id| *id != code.id).collect();
        assert!(cascade.is_empty(), "{}: the example also raises {cascade:?}: {raised:#?}", code.id);
        let sound = found(&page.does_not.1);
        assert!(sound.is_empty(), "{}: the sound example raises {sound:#?}", code.id);
    }
}

/// Two codes whose examples cannot stand in a page: a file over the limit, and bytes that are no text.
#[test]
fn files_that_fit_no_page() {
    let found = |bytes: &[u8]| {
        let mut diags = Diags::new();
        sigc_syntax::parse_bytes(bytes, &mut diags);
        diags.iter().map(|d| d.code.id).collect::<Vec<_>>()
    };
    let padded = |n: usize| format!("name: demo\n#{}\n", "x".repeat(n)).into_bytes();
    assert_eq!(found(&padded(1 << 20)), ["E0105"]);
    assert!(found(&padded(1000)).is_empty());
    assert_eq!(found(b"name: caf\xe9"), ["E0119"]);
    assert!(found(b"name: caf\xc3\xa9").is_empty());
}

/// The bar files on the pages of E0502 to E0509, read as 1h bars of BTCUSDT.
#[test]
fn bar_files_on_pages_do_what_is_said_of_them() {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let path = dir.path().join("bars.csv");
    let symbols = [Symbol::new("BTCUSDT").expect("a symbol")];
    let options =
        ReadOptions { symbols: Some(&symbols), ..ReadOptions::all(Interval::parse("1h").expect("an interval")) };
    let read = |text: &str| {
        fs::write(&path, text).expect("the folder is ours");
        read_bars(&path, &options, &mut |_| {}).map(|bars| bars.len()).map_err(|e| e.code())
    };
    let mut run = Vec::new();
    for code in all_codes().iter().filter(|c| c.id.starts_with("E05")) {
        let page = page(code);
        if page.raises.0 == "csv" {
            run.push(code.id);
            assert_eq!(read(&page.raises.1), Err(code.id));
            assert_eq!(read(&page.does_not.1), Ok(1), "{}", code.id);
        }
    }
    assert_eq!(run, ["E0502", "E0503", "E0504", "E0505", "E0506", "E0507", "E0508", "E0509"]);
    fs::remove_file(&path).expect("the folder is ours");
    let gone = read_bars(&path, &options, &mut |_| {});
    assert_eq!(gone.map(|bars| bars.len()).map_err(|e| e.code()), Err("E0501"));
}

/// Codes that a source file names in quotes, such as `"E0501"` in `BarsError::code`, are in the registry.
#[test]
fn codes_named_in_the_sources_exist() {
    let known: BTreeSet<&str> = all_codes().iter().map(|c| c.id).collect();
    let mut named = BTreeSet::new();
    for path in rust_files(&sources()) {
        let text = fs::read_to_string(&path).expect("a source file is text");
        // What stands between two quotes; strings of the wrong parity are of no harm.
        for word in text.split('"') {
            let digits = word.get(1..).is_some_and(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit()));
            if digits && word.starts_with(['E', 'W', 'N']) && &word[1..2] == "0" {
                assert!(known.contains(word), "{} names {word}", path.display());
                named.insert(word.to_owned());
            }
        }
    }
    assert!(["E0501", "E0509", "E0510", "E0512"].iter().all(|c| named.contains(*c)), "the search found {named:?}");
}

/// A finding that nothing can raise is noise: each code of a pipeline file stands in the sources beside the registry.
#[test]
fn every_code_of_a_file_is_used() {
    let registry = sources().join("sigc-diag/src/codes.rs");
    let mut text = String::new();
    for path in rust_files(&sources()).into_iter().filter(|p| *p != registry) {
        text.push_str(&fs::read_to_string(&path).expect("a source file is text"));
    }
    let unused: Vec<&str> =
        all_codes().iter().map(|c| c.id).filter(|id| !id.starts_with("E05") && !text.contains(id)).collect();
    assert!(unused.is_empty(), "nothing raises {unused:?}");
}

/// All source files of all crates, without tests.
fn rust_files(crates: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = fs::read_dir(crates)
        .expect("the crates")
        .flatten()
        .map(|e| e.path().join("src"))
        .filter(|p| p.is_dir())
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a source folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found
}
