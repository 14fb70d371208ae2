//! Reading a journal: beside the writer, or from another process.

use crate::error::{JournalError, Trouble};
use crate::identity::Identity;
use crate::run::{RunEntry, get_run};
use crate::store::{self, Store};
use crate::tables::{
    BARS, EMITTED, ODDITIES, RUNS, bar_key, bar_of, get_bar, get_oddity, get_record, number_key, number_of,
};
use crate::tally::{cursors_in, last_seq_in};
use redb::{ReadTransaction, ReadableTable};
use sigc_market::Symbol;
use sigc_runtime::Record;
use sigc_runtime::live::entry::{BarEntry, BarId, Oddity};
use std::path::Path;
use std::sync::Arc;

/// A view of a journal. Each call sees one commit, the newest, whole.
#[derive(Clone)]
pub struct JournalReader {
    store: Arc<Store>,
    path: Arc<Path>,
    identity: Arc<Identity>,
}

impl JournalReader {
    pub(crate) fn new(store: Arc<Store>, path: Arc<Path>, identity: Arc<Identity>) -> JournalReader {
        JournalReader { store, path, identity }
    }

    /// Opens the journal in `dir` for reading; a run may have it open at the same time. Its sinks need not be those of
    /// the pipeline.
    ///
    /// # Errors
    /// There is none, it is damaged, it is another pipeline's.
    pub fn open(dir: &Path, identity: &Identity) -> Result<JournalReader, JournalError> {
        let reader = JournalReader::open_any(dir)?;
        let differences = reader.identity.differences(identity);
        if differences.is_empty() {
            return Ok(reader);
        }
        Err(Trouble::Other(differences).at(&reader.path, "open"))
    }

    /// Opens the journal in `dir` for reading, whosever it is.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn open_any(dir: &Path) -> Result<JournalReader, JournalError> {
        let path = store::file_in(dir);
        if !path.try_exists().map_err(|e| crate::error::refused(e, path.clone(), "open"))? {
            return Err(JournalError::Absent { path });
        }
        let opened = store::guarded(|| {
            let store = store::open_guest(&path)?;
            let identity = store::identity_of(&store.begin_read()?)?;
            Ok((store, identity))
        });
        let (store, identity) = opened.map_err(|t| t.at(&path, "open"))?;
        Ok(JournalReader { store: Arc::new(store), path: path.into(), identity: Arc::new(identity) })
    }

    /// Whose journal it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Name of a symbol that rows are emitted for.
    pub fn symbol(&self, symbol: u32) -> Option<&Symbol> {
        self.identity.symbols.get(symbol as usize)
    }

    /// The emitted rows behind number `seq`, at most `most`, in order. A row that some sink still waits for is always
    /// there; older ones may be pruned, and are then left out.
    ///
    /// # Errors
    /// A damaged entry, a system that refuses.
    pub fn rows_after(&self, seq: u64, most: usize) -> Result<Vec<(u64, Record)>, JournalError> {
        self.read(|txn, identity| {
            let table = txn.open_table(EMITTED)?;
            let mut rows = Vec::new();
            for item in table.range(number_key(seq.saturating_add(1)).as_slice()..)?.take(most) {
                let (key, value) = item?;
                let number = number_of(key.value())?;
                rows.push((number, get_record(number, &identity.symbols, value.value())?));
            }
            Ok(rows)
        })
    }

    /// The number of the newest emitted row.
    ///
    /// # Errors
    /// A damaged entry, a system that refuses.
    pub fn last_seq(&self) -> Result<u64, JournalError> {
        self.read(|txn, _| last_seq_in(txn))
    }

    /// How far each sink has come, with its text.
    ///
    /// # Errors
    /// A damaged entry, a system that refuses.
    pub fn cursors(&self) -> Result<Vec<(String, u64)>, JournalError> {
        self.read(|txn, identity| {
            let cursors = cursors_in(txn, &identity.sink_keys())?;
            Ok(identity.sinks.iter().cloned().zip(cursors).collect())
        })
    }

    /// The kept bars of a source's symbol whose rows are `first..=last`.
    ///
    /// # Errors
    /// A damaged entry, a system that refuses.
    pub fn bars(&self, source: u16, symbol: u32, first: i64, last: i64) -> Result<Vec<BarEntry>, JournalError> {
        self.read(|txn, identity| bars_in(txn, identity, (source, symbol), (first, last)))
    }

    /// The runs, oldest first.
    ///
    /// # Errors
    /// A damaged entry, a system that refuses.
    pub fn runs(&self) -> Result<Vec<RunEntry>, JournalError> {
        self.read(|txn, _| Ok(runs_in(txn)?.into_iter().map(|(_, run)| run).collect()))
    }

    /// Does `work` on one commit.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction, &Identity) -> Result<T, Trouble>,
    ) -> Result<T, JournalError> {
        let done = store::guarded(|| work(&self.store.begin_read()?, &self.identity));
        done.map_err(|t| t.at(&self.path, "read"))
    }
}

/// The kept bars of a lane whose rows are `first..=last`.
pub(crate) fn bars_in(
    txn: &ReadTransaction,
    identity: &Identity,
    (source, symbol): (u16, u32),
    (first, last): (i64, i64),
) -> Result<Vec<BarEntry>, Trouble> {
    let Some(interval) = identity.sources.get(usize::from(source)).map(|s| s.interval) else { return Ok(Vec::new()) };
    if first > last {
        return Ok(Vec::new());
    }
    let key = |row| bar_key(BarId { source, symbol, row });
    let mut bars = Vec::new();
    for item in txn.open_table(BARS)?.range(key(first).as_slice()..=key(last).as_slice())? {
        let (key, value) = item?;
        let id = bar_of(key.value())?;
        bars.push(get_bar(id, interval.open_of(id.row), value.value())?);
    }
    Ok(bars)
}

/// The runs with their numbers, oldest first.
pub(crate) fn runs_in(txn: &ReadTransaction) -> Result<Vec<(u64, RunEntry)>, Trouble> {
    let mut runs = Vec::new();
    for item in txn.open_table(RUNS)?.iter()? {
        let (key, value) = item?;
        runs.push((number_of(key.value())?, get_run(key.value(), value.value())?));
    }
    Ok(runs)
}

/// The kept oddities, newest first, as far as `wanted` says so; at most `most`.
pub(crate) fn oddities_in(
    txn: &ReadTransaction,
    most: usize,
    wanted: impl Fn(&Oddity) -> bool,
) -> Result<Vec<Oddity>, Trouble> {
    let mut found = Vec::new();
    for item in txn.open_table(ODDITIES)?.iter()?.rev() {
        let (key, value) = item?;
        let oddity = get_oddity(key.value(), value.value())?;
        if wanted(&oddity) {
            found.push(oddity);
        }
        if found.len() == most {
            break;
        }
    }
    Ok(found)
}
