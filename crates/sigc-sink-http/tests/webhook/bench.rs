//! What sending costs: `cargo test --release -p sigc-sink-http --test webhook -- --ignored --nocapture`.

use crate::receiver::Receiver;
use crate::{open, rows};
use std::time::Instant;

#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "it prints what it measured")]
fn rows_per_second() {
    let rows = rows(0..2_500);
    for (format, batch) in [("object", 1), ("object", 100), ("array", 1), ("array", 100), ("array", 1_000)] {
        for signed in [false, true] {
            let receiver = Receiver::start();
            let more = [("format", format), ("timeout_ms", "60000"), ("sign_with", "a shared key")];
            let mut sink = open(&receiver, &more[..if signed { 3 } else { 2 }]);
            let begun = Instant::now();
            for rows in rows.chunks(batch) {
                sink.write(rows).expect("taken");
            }
            let speed = rows.len() as f64 / begun.elapsed().as_secs_f64();
            println!("webhook {format} batch {batch} signed {signed}: {speed:.0} rows/s");
        }
    }
}
