//! A file that is not as it was written is refused, or gives exactly what was written: never a part, never a panic.

use crate::model::{Model, Random, identity};
use sigc_journal::entry::Restored;
use sigc_journal::{Journal, JournalError, JournalReader, Options};
use std::fs;
use std::path::Path;

/// A journal with some entries, closed in order, and what is in it.
fn sample(dir: &Path) -> Model {
    let mut journal = Journal::open(dir, &identity(), Options::default()).expect("made").journal;
    let mut model = Model::new(identity());
    let mut r = Random(11);
    for _ in 0..12 {
        let batch = model.batch(&mut r);
        journal.commit(&batch).expect("stored");
        model.commit(&batch);
    }
    model
}

/// What opening these bytes gives: `None` if they are refused.
fn opened(dir: &Path, bytes: &[u8], what: &str) -> Option<(Option<Restored>, usize)> {
    fs::write(dir.join("journal.redb"), bytes).expect("the folder is ours");
    match Journal::open(dir, &identity(), Options::default()) {
        Ok(opened) => Some((opened.restored, opened.journal.reader().rows_after(0, usize::MAX).expect(what).len())),
        Err(error) => {
            let refused = matches!(error, JournalError::Damaged { .. } | JournalError::Version { .. });
            assert!(refused, "{what}: {error}");
            assert!(!error.to_string().is_empty() && !error.help().is_empty());
            None
        }
    }
}

#[test]
fn flipped_bytes_are_refused_or_harmless() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let model = sample(dir.path());
    let sound = fs::read(dir.path().join("journal.redb")).expect("the file");
    let expected = (model.restored(), model.rows_after(0).len());
    assert_eq!(opened(dir.path(), &sound, "as written"), Some(expected.clone()));
    let mut r = Random(3);
    // Every bit of the header's flags, every byte of the header, and positions all over the file.
    let flags = (0..16).flat_map(|at| (0..8).map(move |bit| (at, bit)));
    let all = (16..320).chain((0..sound.len()).step_by(sound.len() / 300));
    let all: Vec<(usize, u64)> = flags.chain(all.map(|at| (at, r.below(8)))).collect();
    let mut refused = 0;
    let mut rolled_back = Vec::new();
    for (at, bit) in all {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << bit;
        match opened(dir.path(), &bytes, &format!("byte {at}")) {
            None => refused += 1,
            Some(found) if found == expected => {}
            Some(_) => rolled_back.push((at, bit)),
        }
    }
    assert!(rolled_back.is_empty(), "half read after a change of {rolled_back:?}");
    assert!(refused > 100, "only {refused} of the changes were noticed");
}

#[test]
fn files_that_are_no_journals_are_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    sample(dir.path());
    let sound = fs::read(dir.path().join("journal.redb")).expect("the file");
    for cut in (0..sound.len()).step_by(sound.len() / 40) {
        assert_eq!(opened(dir.path(), &sound[..cut], &format!("cut at {cut}")), None);
    }
    let mut r = Random(17);
    for n in [1, 4, 320, 4096, 100_000] {
        let noise: Vec<u8> = (0..n).map(|_| r.next() as u8).collect();
        assert_eq!(opened(dir.path(), &noise, "noise"), None);
        let mut headed = sound[..sound.len().min(9)].to_vec();
        headed.extend(&noise);
        assert_eq!(opened(dir.path(), &headed, "noise behind the magic number"), None);
    }
    assert_eq!(opened(dir.path(), b"ts,symbol,prediction\n", "a text"), None);
    assert_eq!(opened(dir.path(), &vec![0; sound.len()], "zeros"), None);
    let mut middle = sound.clone();
    middle[8192..16384].fill(0);
    assert_eq!(opened(dir.path(), &middle, "two pages of zeros"), None);
}

/// A reader does not check every page first; each value's own check must do.
#[test]
fn readers_take_no_changed_value() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let model = sample(dir.path());
    let path = dir.path().join("journal.redb");
    let sound = fs::read(&path).expect("the file");
    let expected = model.rows_after(0);
    for at in (512..sound.len()).step_by(sound.len() / 300) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x40;
        fs::write(&path, &bytes).expect("the folder is ours");
        let Ok(reader) = JournalReader::open(dir.path(), &identity()) else { continue };
        if let Ok(rows) = reader.rows_after(0, usize::MAX) {
            // Rows may be missing from a view of a damaged tree; none may be another.
            assert!(rows.iter().all(|row| expected.contains(row)), "byte {at}");
        }
    }
}

/// The one bit that nothing in the file can vouch for: in the image of a crash it says which of the last two commits
/// is the newer. Turned, it gives the journal as of the commit before, whole: as if the crash had come earlier.
#[test]
fn one_bit_of_a_crash_image_takes_back_one_commit() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut journal = Journal::open(dir.path(), &identity(), Options::default()).expect("made").journal;
    let mut model = Model::new(identity());
    let mut r = Random(11);
    let mut before = model.clone();
    for _ in 0..12 {
        before = model.clone();
        let batch = model.batch(&mut r);
        journal.commit(&batch).expect("stored");
        model.commit(&batch);
    }
    let image = fs::read(dir.path().join("journal.redb")).expect("the file");
    let other = tempfile::tempdir().expect("a temporary folder");
    let expected = (model.restored(), model.rows_after(0).len());
    assert_eq!(opened(other.path(), &image, "as left"), Some(expected.clone()));
    for (at, bit) in (0..16).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut bytes = image.clone();
        bytes[at] ^= 1 << bit;
        let found = opened(other.path(), &bytes, &format!("byte {at}"));
        if (at, bit) == (9, 0) {
            assert_eq!(found, Some((before.restored(), before.rows_after(0).len())));
        } else {
            assert!(found.is_none() || found == Some(expected.clone()), "byte {at}, bit {bit}");
        }
    }
}
