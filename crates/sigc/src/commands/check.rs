//! `sigc check`: all findings of all files.

use crate::cli::Check;
use crate::failure::{Failure, Outcome};
use crate::load::{Loaded, load, plain};
use crate::online::probe;
use crate::terminal::Terminal;
use sigc_diag::Severity;
use sigc_diag::emit::{Checked, apply_fixes, render};
use std::io::Write;
use std::path::Path;

/// Checks the files; 1 if any has errors.
pub fn run(args: &Check, term: &mut Terminal) -> Outcome {
    let mut loaded = Vec::new();
    for path in &args.files {
        let mut one = load(path)?;
        if args.fix {
            one = fix(path, one, term)?;
        }
        loaded.push(one);
    }
    if args.online {
        for one in &mut loaded {
            let found = probe(one, args.allow_process);
            if !term.quiet {
                found.seen.iter().for_each(|line| term.note(&format!("{}: {line}", one.file.name())));
            }
            one.diags.extend(found.diags);
            one.diags.sort_by_key(|d| d.span().start);
        }
    }
    let checked: Vec<Checked<'_>> = loaded.iter().map(|l| Checked { file: &l.file, diags: &l.diags }).collect();
    let text = render(args.format, &checked, &term.out_style());
    term.print(&text);
    let count = |s: Severity| loaded.iter().flat_map(|l| &l.diags).filter(|d| d.severity() == s).count();
    let failed = count(Severity::Error) > 0 || (args.deny_warnings && count(Severity::Warning) > 0);
    Ok(u8::from(failed))
}

/// Applies the safe fixes and looks again. The file is replaced whole or not at all.
fn fix(path: &Path, loaded: Loaded, term: &mut Terminal) -> Result<Loaded, Failure> {
    let (text, applied) = apply_fixes(loaded.file.text(), &loaded.diags);
    if applied == 0 {
        return Ok(loaded);
    }
    if path == Path::new("-") {
        return Err(Failure::usage("`--fix` cannot write to standard input", "name the file to mend"));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mut temp = tempfile_in(folder)?;
        temp.1.write_all(text.as_bytes())?;
        temp.1.sync_all()?;
        if let Ok(meta) = std::fs::metadata(path) {
            std::fs::set_permissions(&temp.0, meta.permissions())?;
        }
        std::fs::rename(&temp.0, path)
    };
    write().map_err(|e| {
        Failure::coded("E0512", format!("`{}` cannot be written: {}", path.display(), plain(&e)), "nothing was changed")
    })?;
    if !term.quiet {
        term.note(&format!("{}: {applied} {} applied", path.display(), if applied == 1 { "fix" } else { "fixes" }));
    }
    load(path)
}

/// A new file beside the one to be replaced.
fn tempfile_in(folder: &Path) -> std::io::Result<(std::path::PathBuf, std::fs::File)> {
    let path = folder.join(format!(".sigc-fix-{}.tmp", std::process::id()));
    let file = std::fs::File::create(&path)?;
    Ok((path, file))
}
