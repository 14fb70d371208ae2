//! The `sigc` program.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// What the last panic said. Libraries that read damaged files may panic; where that is expected it is caught and
/// becomes a coded error, so nothing is printed until it is clear that nobody caught it.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

fn main() -> ExitCode {
    panic::set_hook(Box::new(remember));
    match panic::catch_unwind(AssertUnwindSafe(sigc::run)) {
        Ok(status) => ExitCode::from(status),
        Err(_) => {
            let said = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner);
            sigc::internal_fault(&said);
            ExitCode::from(101)
        }
    }
}

fn remember(info: &PanicHookInfo<'_>) {
    *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
}
