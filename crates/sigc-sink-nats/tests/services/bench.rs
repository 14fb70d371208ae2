//! Rows per second, with the guarantee and as plain messages of the same size.

use crate::world::{World, open, row};
use async_nats::HeaderMap;
use std::time::Instant;

#[test]
#[expect(clippy::print_stdout, reason = "it prints what it measured")]
fn speed() {
    let world = World::start();
    world.stream();
    for (batch, symbols, n) in
        [(1, 1, 500), (100, 1, 2_000), (100, 100, 10_000), (1_000, 1_000, 20_000), (1_000, 1, 5_000)]
    {
        let at = |i: usize| row(&format!("B{batch}S{}of{symbols}", i % symbols), (i / symbols) as i64);
        let rows: Vec<_> = (0..n).map(at).collect();
        let mut sink = open(&world.address());
        let begun = Instant::now();
        for rows in rows.chunks(batch) {
            sink.write(rows).expect("stored");
        }
        let kept = n as f64 / begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        for rows in rows.chunks(batch) {
            world.publish_all("signals.bench.a.b.C", &HeaderMap::new(), &[b'x'; 350], rows.len());
        }
        let plain = n as f64 / begun.elapsed().as_secs_f64();
        println!("nats batch {batch} of {symbols} series: {kept:.0} rows/s; plain messages: {plain:.0}/s");
    }
}
