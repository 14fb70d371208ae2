//! Windows of symbols that close together, asked about one by one and at once.
#![allow(missing_docs, reason = "criterion's macros make items without docs")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sigc_models::fixture::{CheckpointSpec, write_checkpoint};
use sigc_models::{LaneId, OsFiles, load_bilstm};
use std::hint::black_box;

const SYMBOLS: usize = 64;

fn batch(c: &mut Criterion) {
    // The size of the original system's nets.
    let spec = CheckpointSpec {
        strategy: "bench".into(),
        features: (0..15).map(|i| format!("f{i}")).collect(),
        symbols: Vec::new(),
        window: 91,
        hidden: 64,
        layers: 2,
        seed: 1,
        trained: Default::default(),
    };
    let dir = tempfile::tempdir().expect("a temporary folder");
    write_checkpoint(dir.path(), &spec).expect("the spec is valid");
    let mut model = load_bilstm(&OsFiles, dir.path(), "bench").expect("the checkpoint is whole");
    let cells = spec.window * spec.features.len();
    let windows: Vec<f64> = (0..SYMBOLS * cells).map(|i| (i as f64 * 1.7).sin()).collect();
    let mut group = c.benchmark_group("bilstm 64 symbols");
    group.sample_size(10).throughput(Throughput::Elements(SYMBOLS as u64));
    group.bench_function("one by one", |b| {
        b.iter(|| {
            for window in windows.chunks(cells) {
                let _ = black_box(model.predict(LaneId(0), window));
            }
        });
    });
    let (lanes, mut answers) = (vec![LaneId(0); SYMBOLS], Vec::new());
    group.bench_function("together", |b| {
        b.iter(|| {
            answers.clear();
            model.predict_many(&lanes, &windows, &mut answers);
            black_box(answers.len())
        });
    });
    group.finish();
}

criterion_group!(benches, batch);
criterion_main!(benches);
