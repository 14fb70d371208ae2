//! Rows per second of every sink, and what its guarantee costs: `.ci/services cargo bench -p sigc --bench sinks`.
//!
//! Each sink takes batches as a run hands them over, each flushed. Its peer is the plainest program that puts the same
//! rows in the same place by the same client: no key, no condition, no look at what is there, files not synced. Sink and
//! peer take turns, three times each; what is printed is the median of each and of the ratio of each pair.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

mod peers;
mod world;

use peers::Peer;
use sigc_runtime::{Record, Sink};
use std::time::Instant;
use world::{World, rows};

const TURNS: u32 = 3;
const BATCHES: [usize; 3] = [1, 100, 1_000];

fn main() {
    // `cargo test --benches` and the like call it with `--test`: nothing is measured then.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let world = World::start();
    println!(
        "| sink | rows in a batch | sink, rows/s | peer, rows/s | sink of peer |\n| --- | ---: | ---: | ---: | ---: |"
    );
    for kind in world::KINDS {
        for batch in BATCHES {
            measure(&world, kind, batch);
        }
    }
}

fn measure(world: &World, kind: &str, batch: usize) {
    let n = batches(kind, batch) * batch;
    let rows = rows(n);
    let (mut own, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..TURNS {
        let name = format!("{kind}_{batch}_{turn}");
        let mut sink = world.open(kind, &name);
        let rate = per_second(&rows, batch, |rows| {
            let written = sink.write(rows).unwrap_or_else(|e| panic!("{kind}: {e}"));
            assert_eq!(written.new, rows.len(), "{kind}");
            sink.flush().unwrap_or_else(|e| panic!("{kind}: {e}"));
        });
        Sink::close(sink).unwrap_or_else(|e| panic!("{kind}: {e}"));
        own.push(rate);
        if let Some(mut peer) = Peer::new(world, kind, &format!("{name}_plain")) {
            let theirs = per_second(&rows, batch, |rows| peer.write(rows));
            others.push(theirs);
            ratios.push(rate / theirs);
        }
    }
    let (peer, ratio) = match others.is_empty() {
        true => ("-".to_owned(), "-".to_owned()),
        false => (format!("{:.0}", median(others)), format!("{:.2}", median(ratios))),
    };
    println!("| `{kind}` | {batch} | {:.0} | {peer} | {ratio} |", median(own));
}

/// So many batches take about a second.
fn batches(kind: &str, batch: usize) -> usize {
    match (kind, batch) {
        ("dynamodb", 1) => 150,
        ("dynamodb", 100) => 4,
        ("dynamodb", _) => 1,
        ("clickhouse", 1) => 50,
        (_, 1) => 500,
        (_, 100) => 50,
        _ => 20,
    }
}

fn per_second(rows: &[Record], batch: usize, mut write: impl FnMut(&[Record])) -> f64 {
    let begun = Instant::now();
    rows.chunks(batch).for_each(&mut write);
    rows.len() as f64 / begun.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
