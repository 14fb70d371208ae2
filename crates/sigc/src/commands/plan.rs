//! `sigc plan`: what a pipeline does and how much history it needs.

use crate::cli::{Plan, PlanFormat};
use crate::failure::{Failure, Outcome};
use crate::load::{load, load_sound};
use crate::report::{draw, human, plan::report};
use crate::terminal::Terminal;
use sigc_compiler::stages::{STAGES, print_stage};
use sigc_diag::emit::{Checked, Format, render};
use sigc_diag::nearest;

/// Prints the plan, one of its stages, or one column's history.
pub fn run(args: &Plan, term: &mut Terminal) -> Outcome {
    if let Some(stage) = &args.stage {
        return print_one_stage(args, stage, term);
    }
    let loaded = load_sound(&args.file, term)?;
    let Some(plan) = report(&loaded.compiled, &loaded.file) else { return Err(Failure::reported()) };
    if let Some(name) = &args.column {
        let found = name.split_once('.').and_then(|(f, c)| human::column(&loaded.compiled, f, c));
        return match found {
            Some(text) => {
                term.print(&text);
                Ok(0)
            }
            None => {
                let all: Vec<String> = plan
                    .frames
                    .iter()
                    .flat_map(|f| f.columns.iter().map(move |c| format!("{}.{}", f.name, c.name)))
                    .collect();
                let help = match nearest(name, all.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("columns of the plan: {}", all.join(", ")),
                };
                Err(Failure::usage(format!("the plan has no column `{name}`"), help))
            }
        };
    }
    let text = match args.format {
        PlanFormat::Human => human::plan(&plan),
        PlanFormat::Json => serde_json::to_string_pretty(&plan).expect("a report has string keys"),
        PlanFormat::Dot => draw::dot(&plan),
        PlanFormat::Mermaid => draw::mermaid(&plan),
        PlanFormat::Svg => draw::svg(&plan).map_err(|e| {
            Failure::usage(format!("the picture could not be laid out: {e}"), "`--format dot` prints it for Graphviz")
        })?,
    };
    term.print(&text);
    Ok(0)
}

/// A stage is printed as far as the compiler got, errors or not.
fn print_one_stage(args: &Plan, stage: &str, term: &mut Terminal) -> Outcome {
    if !STAGES.contains(&stage) {
        return Err(Failure::usage(format!("there is no stage `{stage}`"), format!("stages: {}", STAGES.join(", "))));
    }
    let loaded = load(&args.file)?;
    if !loaded.diags.is_empty() && !term.quiet {
        let checked = [Checked { file: &loaded.file, diags: &loaded.diags }];
        term.note(&render(Format::Human, &checked, &term.err_style()));
    }
    match print_stage(&loaded.compiled, stage, loaded.file.text()) {
        Some(text) => {
            term.print(&text);
            Ok(u8::from(loaded.compiled.diags.has_errors()))
        }
        None => Err(Failure { message: format!("the stage `{stage}` was not reached"), ..Failure::reported() }),
    }
}
