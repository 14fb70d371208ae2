//! What a live run shows of itself, as the people on call see it: files, text, and answers over a socket.

mod leaks;
mod log;
mod metrics;
mod openmetrics;
mod server;

use std::time::{Duration, Instant};

/// Long enough for anything that happens at all on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// Waits for what another thread does.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
