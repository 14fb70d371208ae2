//! The writer: opening a journal, and storing batches in it.

use crate::codec::Out;
use crate::commit::{Draft, Lanes};
use crate::error::{JournalError, Trouble};
use crate::identity::Identity;
use crate::reader::JournalReader;
use crate::restore;
use crate::run::{RUNS_KEPT, RunEntry, get_run, put_run};
use crate::store::{self, Store};
use crate::tables::{CURSORS, META, RUNS, number_key};
use crate::tally::{EMIT_AFTER, Standing};
use redb::{CompactionError, Database, ReadableDatabase, ReadableTable, WriteTransaction};
use sigc_market::Ts;
use sigc_runtime::live::entry::{Batch, Restored};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much is kept, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Bars per source and symbol that stay readable beyond those a restart needs.
    pub keep_bars: u32,
    /// Rows per signal and symbol that stay readable beyond those a sink still waits for.
    pub keep_rows: u32,
    /// Oddities that stay readable.
    pub keep_oddities: u32,
    /// Bytes in use at which nothing more is stored but cursors. The file itself may be twice as long, since it grows
    /// by doubling and shrinks again when it is opened.
    pub max_bytes: u64,
    /// Take a journal whose sinks are not those of the pipeline. A sink that is new starts behind the newest row: it
    /// gets what is emitted from now on. The cursor of one that is gone is forgotten.
    pub allow_sink_change: bool,
}

impl Default for Options {
    /// 2,000 bars are a day and a half of 1m; 500 symbols then take about 200 MiB.
    fn default() -> Options {
        Options {
            keep_bars: 2_000,
            keep_rows: 2_000,
            keep_oddities: 10_000,
            max_bytes: 2 << 30,
            allow_sink_change: false,
        }
    }
}

/// A journal that was opened for a run.
#[derive(Debug)]
pub struct Opened {
    /// The writer.
    pub journal: Journal,
    /// What it remembers; `None` if nothing was ever stored.
    pub restored: Option<Restored>,
    /// What a person may want to know: a crash before, changed sinks, a compaction.
    pub notes: Vec<String>,
}

/// The journal of a live run; one process at a time has it.
pub struct Journal {
    pub(crate) store: Arc<Store>,
    pub(crate) path: Arc<Path>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) options: Options,
    pub(crate) standing: Standing,
    pub(crate) lanes: Lanes,
    /// Commits that need not ask again how much is in use.
    roomy: u32,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).field("last_seq", &self.standing.last_seq).finish()
    }
}

/// Files below this size are never compacted.
const COMPACT_FROM: u64 = 8 << 20;
/// Commits between two looks at how much is in use, once the file is longer than the limit.
const ROOMY: u32 = 64;

impl Journal {
    /// Opens the journal in `dir`, or makes it. Reads the whole file once, to verify it.
    ///
    /// # Errors
    /// Another pipeline's journal, a damaged one, one that another process has, a system that refuses: nothing is
    /// changed then, and nothing of it is used.
    pub fn open(dir: &Path, identity: &Identity, options: Options) -> Result<Opened, JournalError> {
        let path = store::file_in(dir);
        store::make(dir, &path, identity)?;
        store::guarded(|| Journal::open_file(path.clone(), identity, options)).map_err(|t| t.at(&path, "open"))
    }

    fn open_file(path: PathBuf, identity: &Identity, options: Options) -> Result<Opened, Trouble> {
        let mut db = store::open_owner(&path)?;
        let mut notes = Vec::new();
        let found = store::identity_of(&db.begin_read()?)?;
        let differences = found.differences(identity);
        if !differences.is_empty() {
            return Err(Trouble::Other(differences));
        }
        let changed = found.sink_difference(identity);
        if let Some(difference) = changed {
            if !options.allow_sink_change {
                return Err(Trouble::Other(vec![difference]));
            }
            notes.push(format!("the sinks were {}, and are {} now", difference.journal, difference.pipeline));
            change_sinks(&db, &found, identity)?;
        }
        if let Some(note) = compact(&mut db, &path)? {
            notes.push(note);
        }
        let txn = db.begin_read()?;
        let mut standing = Standing::read(&txn, &identity.sink_keys())?;
        let snapshots = restore::snapshots(&txn)?;
        standing.snapshots = snapshots.iter().map(|s| (s.symbol, s.at)).collect();
        let lanes = Lanes::new(identity);
        let restored = match standing.is_new() {
            true => None,
            false => Some(restore::restore(&txn, identity, &lanes, &standing, snapshots)?),
        };
        if let Some((_, last)) = crate::reader::runs_in(&txn)?.pop()
            && last.stopped.is_none()
        {
            notes
                .push(format!("run {}, begun {}, did not say why it ended: a crash, or a kill", last.id, last.started));
        }
        txn.close()?;
        let journal = Journal {
            store: Arc::new(Store::Owner(db)),
            path: path.into(),
            identity: Arc::new(identity.clone()),
            options,
            standing,
            lanes,
            roomy: 0,
        };
        Ok(Opened { journal, restored, notes })
    }

    /// Stores a batch: all of it, durably, or nothing.
    ///
    /// # Errors
    /// A batch that contradicts what is stored: a second fate of a bar or row, a number out of turn, a cursor that
    /// goes back or ahead of the rows. A full disk, or the limit of the options: then cursors alone are still taken,
    /// so that sinks can catch up and make room. After an error of the system the journal takes nothing more until it
    /// is opened again.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), JournalError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.try_commit(batch).map_err(|t| t.at(&self.path, "write"))
    }

    fn try_commit(&mut self, batch: &Batch) -> Result<(), Trouble> {
        let txn = self.begin_write()?;
        let grows = !batch.bars.is_empty()
            || !batch.rows.is_empty()
            || !batch.snapshots.is_empty()
            || !batch.oddities.is_empty();
        let roomy = if grows { self.room(&txn)? } else { self.roomy };
        let mut draft = Draft::new(self);
        draft.store(&txn, batch)?;
        draft.prune(&txn, batch)?;
        draft.finish(&txn)?;
        let changes = draft.changes;
        txn.commit()?;
        changes.apply(&mut self.standing);
        self.lanes.turn = changes.turn;
        self.roomy = roomy;
        Ok(())
    }

    /// Fails if more is in use than is allowed. The length of the file is asked each time, which is cheap; how much of
    /// it is in use only now and then, which is not.
    fn room(&self, txn: &WriteTransaction) -> Result<u32, Trouble> {
        let length = std::fs::metadata(&self.path).map_err(|e| Trouble::Store(Box::new(redb::Error::Io(e))))?.len();
        if length <= self.options.max_bytes {
            return Ok(0);
        }
        if self.roomy > 0 {
            return Ok(self.roomy - 1);
        }
        let stats = txn.stats()?;
        let used = stats.allocated_pages() * stats.page_size() as u64;
        if used >= self.options.max_bytes {
            let (used, limit) = (mebibytes(used), mebibytes(self.options.max_bytes));
            return Err(Trouble::Full(format!("it holds {used}, and {limit} are allowed")));
        }
        Ok(ROOMY)
    }

    /// Stores a run, or what became of it: the entry with the same id is replaced. The newest 100 are kept.
    ///
    /// # Errors
    /// Those of the system.
    pub fn set_run(&mut self, run: &RunEntry) -> Result<(), JournalError> {
        self.try_set_run(run).map_err(|t| t.at(&self.path, "write"))
    }

    fn try_set_run(&mut self, run: &RunEntry) -> Result<(), Trouble> {
        let txn = self.begin_write()?;
        let (mut first, mut next) = self.standing.runs;
        {
            let mut runs = txn.open_table(RUNS)?;
            let mut known = None;
            for number in (first..next).rev() {
                let key = number_key(number);
                if let Some(stored) = runs.get(key.as_slice())?
                    && get_run(&key, stored.value())?.id == run.id
                {
                    known = Some(number);
                    break;
                }
            }
            let number = known.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            let key = number_key(number);
            runs.insert(key.as_slice(), put_run(&key, run)?.as_slice())?;
            while next - first > RUNS_KEPT {
                runs.remove(number_key(first).as_slice())?;
                first += 1;
            }
        }
        txn.commit()?;
        self.standing.runs = (first, next);
        Ok(())
    }

    /// Stores when rows begin to be emitted. It is set once: at the first start.
    ///
    /// # Errors
    /// Another instant than the one that is set. Those of the system.
    pub fn set_emit_after(&mut self, ts: Ts) -> Result<(), JournalError> {
        self.try_set_emit_after(ts).map_err(|t| t.at(&self.path, "write"))
    }

    fn try_set_emit_after(&mut self, ts: Ts) -> Result<(), Trouble> {
        match self.standing.emit_after {
            Some(set) if set == ts => return Ok(()),
            Some(set) => return Err(Trouble::Contract(format!("rows are emitted after {set}, not after {ts}"))),
            None => {}
        }
        let txn = self.begin_write()?;
        let value = Out::default().i64(ts.0).seal("meta", EMIT_AFTER);
        txn.open_table(META)?.insert(EMIT_AFTER, value.as_slice())?;
        txn.commit()?;
        self.standing.emit_after = Some(ts);
        Ok(())
    }

    /// A view of what is stored; any number of them, in any thread, beside the writer.
    pub fn reader(&self) -> JournalReader {
        JournalReader::new(Arc::clone(&self.store), Arc::clone(&self.path), Arc::clone(&self.identity))
    }

    /// The number of the newest emitted row.
    pub fn last_seq(&self) -> u64 {
        self.standing.last_seq
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A transaction that is durable when it is committed: redb's default.
    fn begin_write(&self) -> Result<WriteTransaction, Trouble> {
        match &*self.store {
            Store::Owner(db) => Ok(db.begin_write()?),
            Store::Guest(_) => Err(Trouble::Contract("a reader does not write".into())),
        }
    }
}

/// Gives each sink of `to` its cursor: its old one, or the newest row.
fn change_sinks(db: &Database, from: &Identity, to: &Identity) -> Result<(), Trouble> {
    let old_keys = from.sink_keys();
    let standing = Standing::read(&db.begin_read()?, &old_keys)?;
    let txn = db.begin_write()?;
    {
        let mut cursors = txn.open_table(CURSORS)?;
        let keys = to.sink_keys();
        for key in old_keys.iter().filter(|k| !keys.contains(k)) {
            cursors.remove(key.as_bytes())?;
        }
        for key in keys.iter().filter(|k| !old_keys.contains(k)) {
            cursors.insert(key.as_bytes(), store::put_cursor(key, standing.last_seq).as_slice())?;
        }
    }
    store::put_identity(&txn, to)?;
    txn.commit()?;
    Ok(())
}

/// Gives free space back to the system if it is more than half of the file.
fn compact(db: &mut Database, path: &Path) -> Result<Option<String>, Trouble> {
    let length = || std::fs::metadata(path).map(|m| m.len()).unwrap_or(0);
    let before = length();
    if before < COMPACT_FROM {
        return Ok(None);
    }
    let txn = db.begin_write()?;
    let stats = txn.stats()?;
    let used = stats.allocated_pages() * stats.page_size() as u64;
    txn.abort()?;
    if used > before / 2 {
        return Ok(None);
    }
    match db.compact() {
        Ok(_) => Ok(Some(format!("the journal was compacted from {} to {}", mebibytes(before), mebibytes(length())))),
        // Someone reads it: next time.
        Err(CompactionError::TransactionInProgress) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
