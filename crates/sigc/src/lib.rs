//! The `sigc` command: reads its arguments, calls the compiler, the engine and the connectors, prints.
//!
//! `cli` says what can be asked, `commands` has a file for each command, `report` prints plans. Nothing is computed
//! here that a library crate could compute.

pub mod bars;
pub mod catalog;
pub mod cli;
mod commands;
pub mod extension;
pub mod failure;
pub mod host;
pub mod live;
pub mod load;
pub mod manifest;
pub mod models;
mod online;
mod progress;
pub mod report;
mod run_failure;
pub mod secrets;
mod simulate;
mod sinks;
pub mod terminal;

use clap::Parser;
use cli::{Cli, Command};
use failure::Outcome;
use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, PoisonError};
use terminal::Terminal;

/// Runs the command line of this process; gives its exit status.
pub fn run() -> u8 {
    run_with(extension::Extension::default())
}

/// [`run`] with further steps and sinks: the `main` of a program of one's own. A panic ends it with a message and the
/// status 101.
pub fn run_with(extension: extension::Extension) -> u8 {
    extension::extend(extension);
    panic::set_hook(Box::new(remember));
    panic::catch_unwind(command).unwrap_or_else(|_| {
        internal_fault(&LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner));
        101
    })
}

/// What the last panic said. Libraries that read damaged files may panic; where that is expected it is caught and
/// becomes a coded error, so nothing is printed until it is clear that nobody caught it.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

fn remember(info: &PanicHookInfo<'_>) {
    *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
}

fn command() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not mistakes.
            let _ = error.print();
            return u8::from(error.use_stderr()) * 2;
        }
    };
    let mut term = Terminal::new(cli.color, cli.quiet);
    match dispatch(cli.command, &mut term) {
        Ok(status) => status,
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                term.note(&text);
            }
            failure.exit
        }
    }
}

/// Says that sigc itself is at fault; the exit status is then 101.
fn internal_fault(what: &str) {
    let mut term = Terminal::new(cli::Color::Never, false);
    term.note(&format!(
        "error: sigc has a fault: {what}\n  help: the pipeline is not to blame; please report this with the command and the files"
    ));
}

fn dispatch(command: Command, term: &mut Terminal) -> Outcome {
    match command {
        Command::Check(args) => commands::check::run(&args, term),
        Command::Plan(args) => commands::plan::run(&args, term),
        Command::Expand(args) => commands::expand::run(&args, term),
        Command::Backfill(args) => commands::backfill::run(&args, term),
        Command::Verify(args) => commands::verify::run(&args, term),
        Command::Run(args) => commands::run::run(&args, term),
        Command::Sim(args) => commands::sim::run(&args, term),
        Command::Audit(args) => commands::audit::run(&args, term),
        Command::Why(args) => commands::why::run(&args, term),
        Command::Explain(args) => commands::explain::run(&args, term),
        Command::Features(args) => commands::features::run(&args, term),
        Command::Schema(args) => commands::schema::run(&args, term),
        Command::Demo(args) => commands::demo::run(&args, term),
    }
}
