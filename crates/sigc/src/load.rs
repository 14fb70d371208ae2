//! Reading and compiling a pipeline file, as every command does it.

use crate::catalog::catalog;
use crate::failure::Failure;
use crate::host::OsHost;
use crate::terminal::Terminal;
use sigc_compiler::hidden::Hidden;
use sigc_compiler::{Compiled, compile_tree};
use sigc_diag::emit::{Checked, Format, render};
use sigc_diag::{Diag, Diags, SourceFile};
use sigc_syntax::{Limits, Tree};
use std::io::Read;
use std::path::Path;

/// A pipeline file and what the compiler made of it.
pub struct Loaded {
    /// The file.
    pub file: SourceFile,
    /// Every stage.
    pub compiled: Compiled,
    /// The findings, in the order of the text.
    pub diags: Vec<Diag>,
}

/// Reads and compiles a file; findings are collected, not printed.
///
/// # Errors
/// If the file cannot be read at all.
pub fn load(path: &Path) -> Result<Loaded, Failure> {
    let bytes = read(path)?;
    let name = if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
    let mut diags = Diags::new();
    let (text, tree) = match sigc_syntax::parse_bytes(&bytes, &mut diags) {
        Some((text, tree)) => (text, tree),
        None => (String::from_utf8_lossy(&bytes).into_owned(), empty_tree()),
    };
    let hidden = Hidden::find(&tree, &text, &catalog());
    let mut compiled = if diags.has_errors() && tree.root.is_hole() {
        Compiled { tree, expanded: None, typed: None, dag: None, scheduled: None, plan: None, diags }
    } else {
        compile_tree(tree, diags, &catalog(), &OsHost)
    };
    let mut diags = compiled.diags.clone().sorted();
    hidden.clean(&mut diags);
    hidden.clean_stages(&mut compiled);
    let mut file = SourceFile::new(name, text);
    file.hide(hidden.spans());
    Ok(Loaded { file, compiled, diags })
}

/// Reads and compiles a file that must be free of errors: findings go to standard error.
///
/// # Errors
/// If the file cannot be read, or has errors.
pub fn load_sound(path: &Path, term: &mut Terminal) -> Result<Loaded, Failure> {
    let loaded = load(path)?;
    if !loaded.diags.is_empty() && (loaded.compiled.plan.is_none() || !term.quiet) {
        let checked = [Checked { file: &loaded.file, diags: &loaded.diags }];
        term.note(&render(Format::Human, &checked, &term.err_style()));
    }
    if loaded.compiled.plan.is_none() { Err(Failure::reported()) } else { Ok(loaded) }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    // One byte more than is allowed, so that the parser says that it is too long.
    let limit = Limits::default().max_bytes as u64 + 1;
    let mut bytes = Vec::new();
    let result = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|f| f.take(limit).read_to_end(&mut bytes))
    };
    match result {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::coded(
            "E0501",
            format!("`{}` cannot be read: {}", path.display(), plain(&error)),
            "check the path; a pipeline is a YAML file",
        )),
    }
}

/// An operating system's error without its number.
pub fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        std::io::ErrorKind::IsADirectory => "it is a folder".into(),
        _ => error.to_string(),
    }
}

fn empty_tree() -> Tree {
    Tree { root: sigc_syntax::Node::hole(Default::default()) }
}
