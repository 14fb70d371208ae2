//! The file: made, locked, opened, checked.
//!
//! One process writes; others may read beside it and follow its commits. A file is made under another name and gets its
//! own when it is whole, so a crash never leaves half a journal. Opening for writing verifies the checksum of every
//! page. redb trusts a file that it closed itself, and may panic on one that was changed since: a panic here is caught
//! and becomes damage.

use crate::codec::{In, Out};
use crate::error::{JournalError, Trouble, refused};
use crate::identity::Identity;
use crate::tables::{ALL, CURSORS, META};
use redb::{Builder, ConcurrencyMode, Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, TransactionError};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The layout of keys and values. Raised with every change of it.
pub const FORMAT: u32 = 2;

/// The file's name in the state folder.
pub(crate) const FILE: &str = "journal.redb";

/// Pages that redb keeps in memory. What a run reads again is little: totals are held by the writer.
const CACHE_BYTES: usize = 32 << 20;

const KEY_FORMAT: &[u8] = b"format";
const KEY_IDENTITY: &[u8] = b"identity";

/// An open file.
pub(crate) enum Store {
    /// This process may write.
    Owner(Database),
    /// This process only reads.
    Guest(ReadOnlyDatabase),
}

impl Store {
    pub fn begin_read(&self) -> Result<ReadTransaction, TransactionError> {
        match self {
            Store::Owner(db) => db.begin_read(),
            Store::Guest(db) => db.begin_read(),
        }
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

/// Does `work`; a panic of the store becomes damage.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(Trouble::Damage(format!("the store cannot make sense of it ({})", said.unwrap_or("no reason given"))))
    })
}

/// Makes an empty journal unless there is one. Gives true if it was made.
pub(crate) fn make(dir: &Path, path: &Path, identity: &Identity) -> Result<bool, JournalError> {
    let system = |e: io::Error| refused(e, path.to_owned(), "make");
    if path.try_exists().map_err(system)? {
        return Ok(false);
    }
    fs::create_dir_all(dir).map_err(system)?;
    let draft = dir.join(format!("{FILE}.{}.new", std::process::id()));
    let _ = fs::remove_file(&draft); // of an earlier process with this id
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(&draft).map_err(system)?);
    guarded(|| fill(&draft, identity)).map_err(|t| t.at(path, "make"))?;
    // A link fails where another process was faster, and a rename would replace its file.
    let placed = match fs::hard_link(&draft, path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) if matches!(e.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            fs::rename(&draft, path)
        }
        other => other,
    };
    let _ = fs::remove_file(&draft);
    placed.map_err(system)?;
    sync_folder(dir).map_err(system)?;
    Ok(true)
}

/// The entry of a new file must survive a power failure, too.
fn sync_folder(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

fn fill(path: &Path, identity: &Identity) -> Result<(), Trouble> {
    let db = builder().create(path)?;
    let txn = db.begin_write()?;
    for table in ALL {
        txn.open_table(table)?;
    }
    put_identity(&txn, identity)?;
    {
        let mut meta = txn.open_table(META)?;
        meta.insert(KEY_FORMAT, Out::default().u32(FORMAT).seal("meta", KEY_FORMAT).as_slice())?;
        let mut cursors = txn.open_table(CURSORS)?;
        for key in identity.sink_keys() {
            cursors.insert(key.as_bytes(), put_cursor(&key, 0).as_slice())?;
        }
    }
    txn.commit()?;
    db.close()?;
    Ok(())
}

pub(crate) fn put_identity(txn: &redb::WriteTransaction, identity: &Identity) -> Result<(), Trouble> {
    let text = serde_json::to_vec(identity).map_err(|e| Trouble::Contract(format!("the identity: {e}")))?;
    let mut meta = txn.open_table(META)?;
    meta.insert(KEY_IDENTITY, Out::default().bytes(&text).seal("meta", KEY_IDENTITY).as_slice())?;
    Ok(())
}

pub(crate) fn put_cursor(key: &str, seq: u64) -> Vec<u8> {
    Out::default().u64(seq).seal("cursors", key.as_bytes())
}

/// Opens for writing, every page checked.
pub(crate) fn open_owner(path: &Path) -> Result<Database, Trouble> {
    preview(path)?;
    Ok(builder().set_check_integrity_on_open(true).open(path)?)
}

/// Opens for reading beside a run. After a crash the file wants repair first, which is to open it for writing once.
pub(crate) fn open_guest(path: &Path) -> Result<Store, Trouble> {
    preview(path)?;
    let opened = match builder().open_read_only(path) {
        Err(redb::DatabaseError::RepairAborted) => {
            open_owner(path)?.close()?;
            builder().open_read_only(path)
        }
        other => other,
    };
    Ok(Store::Guest(opened?))
}

/// What redb does not say as clearly.
fn preview(path: &Path) -> Result<(), Trouble> {
    let io = |e: io::Error| Trouble::Store(Box::new(redb::Error::Io(e)));
    let mut head = [0; 4];
    let n = File::open(path).and_then(|f| f.take(4).read(&mut head)).map_err(io)?;
    match &head[..n] {
        b"redb" => Ok(()),
        b"" => Err(Trouble::Damage("the file is empty".into())),
        _ => Err(Trouble::Damage("the file is no journal".into())),
    }
}

/// Whose file it is; fails for another format.
pub(crate) fn identity_of(txn: &ReadTransaction) -> Result<Identity, Trouble> {
    let meta = txn.open_table(META)?;
    let missing = || Trouble::Damage("it does not say whose it is".into());
    let format = meta.get(KEY_FORMAT)?.ok_or_else(missing)?;
    let format = In::open("meta", KEY_FORMAT, format.value())?.u32()?;
    if format != FORMAT {
        return Err(Trouble::Version(format));
    }
    let stored = meta.get(KEY_IDENTITY)?.ok_or_else(missing)?;
    let text = In::open("meta", KEY_IDENTITY, stored.value())?.rest();
    serde_json::from_slice(text).map_err(|e| Trouble::Damage(format!("its identity: {e}")))
}

/// The journal's file in a state folder.
pub(crate) fn file_in(dir: &Path) -> PathBuf {
    dir.join(FILE)
}
