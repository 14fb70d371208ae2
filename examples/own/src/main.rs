//! sigc with a feature and a sink of one's own, as a program of one's own: `docs/own-crate.md` walks through it.

mod close_position;
mod latest;

use sigc::extension::Extension;
use sigc_catalog::Step;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(sigc::run_with(Extension {
        steps: vec![Step::Feature(&close_position::CLOSE_POSITION), Step::Sink(&latest::LATEST)],
        sinks: vec![&latest::DRIVER],
    }))
}
