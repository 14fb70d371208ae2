//! Bulk files: a zip of bars and the sum it must have.
//!
//! A file is fetched, compared with its checksum, kept in a folder, and read by the reader of bar files, which checks
//! every row. Whatever is wrong with it is an error that means "ask the REST interface instead"; a file that is not
//! there (yet) is no error. A kept file is used again as long as its checksum is still what the venue states.

use super::http::{Answer, Http, HttpError};
use super::observe::{Observe, RequestKind, RequestOutcome, Unobserved};
use sha2::{Digest, Sha256};
use sigc_connectors::bars::{Progress, ReadOptions, read_bars};
use sigc_market::{Bar, Interval, Symbol, Ts};
use sigc_runtime::venue::{ArchiveSpan, Venue};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::Semaphore;

/// The most bytes of a zip. A month of second bars has about 40 MiB.
pub const MAX_ZIP: usize = 64 << 20;
/// The most bytes of a checksum file, which is one line.
const MAX_CHECKSUM: usize = 4 << 10;
/// Files under way at a time.
const IN_FLIGHT: usize = 4;
const DAY_MS: i64 = 86_400_000;

/// The bulk files of venues at one address.
pub struct Archives {
    base: String,
    folder: PathBuf,
    http: Arc<Http>,
    observe: Arc<dyn Observe>,
    slots: Semaphore,
}

/// Why a bulk file cannot be used. In every case the REST interface has the bars.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// No answer, or too much of one.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// An answer that is neither the file nor "not found".
    #[error("the archive answered with status {0}")]
    Status(u16),
    /// The checksum file holds none.
    #[error("`{0}` has no checksum")]
    NoChecksum(String),
    /// The file is not the one the checksum was made of.
    #[error("`{file}` has the checksum {found}, not {stated}")]
    Checksum {
        /// Its name.
        file: String,
        /// As its checksum file says.
        stated: String,
        /// As it is.
        found: String,
    },
    /// Its rows are no bars, or not those of its name.
    #[error("`{file}` cannot be used: {reason}")]
    Corrupt {
        /// Its name.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// It cannot be kept.
    #[error("`{}` cannot be written: {reason}", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why, in the words of the system.
        reason: String,
    },
}

impl Archives {
    /// The files below `base`, kept in `folder`.
    pub fn new(base: &str, folder: &Path, http: Arc<Http>) -> Archives {
        let base = base.trim_end_matches('/').to_owned();
        let slots = Semaphore::new(IN_FLIGHT);
        Archives { base, folder: folder.to_owned(), http, observe: Arc::new(Unobserved), slots }
    }

    /// Tells `observe` of every request.
    pub fn observed(self, observe: Arc<dyn Observe>) -> Archives {
        Archives { observe, ..self }
    }

    /// The bars of a day or a month; `None` if there is no such file.
    ///
    /// # Errors
    /// A file that cannot be had or must not be used.
    pub async fn bars(
        &self,
        venue: &dyn Venue,
        symbol: &Symbol,
        interval: Interval,
        span: ArchiveSpan,
    ) -> Result<Option<Vec<Bar>>, ArchiveError> {
        let Some(path) = venue.archive(symbol, interval, span) else { return Ok(None) };
        let _slot = self.slots.acquire().await.expect("the semaphore is never closed");
        let Some(checksum) = self.fetch(&format!("{path}.CHECKSUM"), MAX_CHECKSUM).await? else { return Ok(None) };
        let file = path.rsplit('/').next().unwrap_or(&path).to_owned();
        let stated = checksum_in(&checksum).ok_or_else(|| ArchiveError::NoChecksum(file.clone()))?;
        let kept = self.folder.join(&path);
        if !holds(&kept, &stated).await {
            let Some(zip) = self.fetch(&path, MAX_ZIP).await? else { return Ok(None) };
            let found = sum(&zip);
            if found != stated {
                return Err(ArchiveError::Checksum { file, stated, found });
            }
            keep(&kept, zip).await?;
        }
        let read = move || read(&kept, interval, span);
        let bars = tokio::task::spawn_blocking(read).await.unwrap_or_else(|e| Err(e.to_string()));
        bars.map(Some).map_err(|reason| ArchiveError::Corrupt { file, reason })
    }

    async fn fetch(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
        let begun = Instant::now();
        let answer = self.http.get(&format!("{}/{path}", self.base), most).await;
        let outcome = match &answer {
            Ok(Answer { status: 200 | 404, .. }) => RequestOutcome::Ok,
            Ok(_) => RequestOutcome::Refused,
            Err(HttpError::TooLarge { .. }) => RequestOutcome::Unreadable,
            Err(_) => RequestOutcome::Network,
        };
        self.observe.request(RequestKind::Archive, begun.elapsed().as_secs_f64() * 1_000.0, outcome);
        match answer? {
            Answer { status: 200, body, .. } => Ok(Some(body)),
            Answer { status: 404, .. } => Ok(None),
            Answer { status, .. } => Err(ArchiveError::Status(status)),
        }
    }
}

/// The first word of `<64 hex>  BTCUSDT-1h-2025-11.zip`.
fn checksum_in(body: &[u8]) -> Option<String> {
    let word = std::str::from_utf8(body).ok()?.split_whitespace().next()?;
    (word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit())).then(|| word.to_ascii_lowercase())
}

fn sum(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a string takes every text");
    }
    text
}

/// True if the file is there and has this checksum.
async fn holds(path: &Path, stated: &str) -> bool {
    let (path, stated) = (path.to_owned(), stated.to_owned());
    let check = move || std::fs::read(path).is_ok_and(|bytes| sum(&bytes) == stated);
    tokio::task::spawn_blocking(check).await.unwrap_or(false)
}

/// Writes beside the file and renames, so that a file is there as a whole or not at all.
async fn keep(path: &Path, bytes: Vec<u8>) -> Result<(), ArchiveError> {
    static PARTS: AtomicU64 = AtomicU64::new(0);
    let part = path.with_extension(format!("{}-{}.part", std::process::id(), PARTS.fetch_add(1, Ordering::Relaxed)));
    let kept = path.to_owned();
    let write = move || {
        std::fs::create_dir_all(kept.parent().unwrap_or(Path::new(".")))?;
        std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, &kept)).inspect_err(|_| {
            let _ = std::fs::remove_file(&part);
        })
    };
    let failed = |reason: String| ArchiveError::Folder { path: path.to_owned(), reason };
    let written = tokio::task::spawn_blocking(write).await.map_err(|e| failed(e.to_string()))?;
    written.map_err(|e| failed(e.to_string()))
}

/// The bars of a kept file, all of them inside the span.
fn read(path: &Path, interval: Interval, span: ArchiveSpan) -> Result<Vec<Bar>, String> {
    let (from, until) = match span {
        ArchiveSpan::Day(at) => (at, Ts(at.0.saturating_add(DAY_MS))),
        ArchiveSpan::Month(at) => (at, Interval::MONTH.close_of(Interval::MONTH.index_of(at))),
    };
    let opts = ReadOptions { from: Some(from), until: Some(until), ..ReadOptions::all(interval) };
    let mut rows = 0;
    let read = read_bars(path, &opts, &mut |p: Progress| rows = p.rows).map_err(|e| e.to_string())?;
    let bars = read.into_iter().next().map(|s| s.bars).unwrap_or_default();
    // The reader leaves out what lies outside; here such a row means that the file is not what its name says.
    if rows != bars.len() as u64 {
        return Err(format!("{} of {rows} rows are outside {from} to {until}", rows - bars.len() as u64));
    }
    Ok(bars)
}
