//! A journal gives back what a plain model does, whatever is committed, closed, crashed and pruned in between.

use crate::model::{Model, Random, identity};
use proptest::prelude::*;
use sigc_journal::{Journal, Opened, Options};
use std::fs;
use std::path::Path;

fn open(dir: &Path, options: &Options) -> Opened {
    Journal::open(dir, &identity(), options.clone()).expect("a sound journal opens")
}

/// What is there is what the model says. Pruning leaves all that a restart and the sinks need, so it does not matter.
fn same(opened: &Opened, model: &Model) {
    assert_eq!(opened.restored, model.restored());
    let reader = opened.journal.reader();
    let behind = model.cursors.iter().copied().min().unwrap_or(0);
    assert_eq!(reader.rows_after(behind, usize::MAX).expect("readable"), model.rows_after(behind));
    assert_eq!(reader.last_seq().expect("readable"), model.last_seq);
}

/// A copy of the open file: what a crash at this moment leaves.
fn after_a_crash(dir: &Path, options: &Options, model: &Model) {
    let copy = tempfile::tempdir().expect("a temporary folder");
    fs::copy(dir.join("journal.redb"), copy.path().join("journal.redb")).expect("a copy");
    same(&open(copy.path(), options), model);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn journal_and_model_agree(seed in 1u64.., steps in 1usize..40, keep in 1u32..60) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let options = Options { keep_bars: keep, keep_rows: keep, keep_oddities: keep, ..Options::default() };
        let mut r = Random(seed);
        let mut model = Model::new(identity());
        let mut opened = open(dir.path(), &options);
        prop_assert!(opened.restored.is_none());
        for _ in 0..steps {
            match r.below(10) {
                0 => {
                    drop(opened);
                    opened = open(dir.path(), &options);
                    same(&opened, &model);
                }
                1 => after_a_crash(dir.path(), &options, &model),
                2 if model.emit_after.is_none() => {
                    let ts = sigc_market::Ts(r.next() as i64 >> 8);
                    opened.journal.set_emit_after(ts).expect("stored");
                    model.emit_after = Some(ts);
                }
                _ => {
                    let batch = model.batch(&mut r);
                    opened.journal.commit(&batch).expect("stored");
                    model.commit(&batch);
                }
            }
        }
        after_a_crash(dir.path(), &options, &model);
        drop(opened);
        same(&open(dir.path(), &options), &model);
    }
}
