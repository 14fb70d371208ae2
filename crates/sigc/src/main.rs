//! The `sigc` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(sigc::run())
}
