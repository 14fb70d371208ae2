//! What a link shows of itself without saying it: counters and times, written by the link, read by anybody.
//!
//! Twenty thousand forming frames a second cost a few stores each here and no message. The values are independent of
//! each other: a reader may see one of a frame before the other.

use sigc_market::Ts;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// Not yet.
const NEVER: i64 = i64::MIN;

/// The state of a link. May outlive it and show the next one.
#[derive(Debug)]
pub struct LinkView {
    streams: Box<[StreamView]>,
    last_frame: AtomicI64,
    frames: AtomicU64,
    malformed: AtomicU64,
    foreign: AtomicU64,
}

/// The state of one stream.
#[derive(Debug)]
pub struct StreamView {
    last_frame: AtomicI64,
    forming: AtomicI64,
    frames: AtomicU64,
}

impl LinkView {
    /// A view of so many streams; nothing was seen yet.
    pub fn new(n_streams: usize) -> LinkView {
        let stream = || StreamView {
            last_frame: AtomicI64::new(NEVER),
            forming: AtomicI64::new(NEVER),
            frames: AtomicU64::new(0),
        };
        LinkView {
            streams: (0..n_streams).map(|_| stream()).collect(),
            last_frame: AtomicI64::new(NEVER),
            frames: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            foreign: AtomicU64::new(0),
        }
    }

    /// The streams, in the order of the link's symbols.
    pub fn streams(&self) -> &[StreamView] {
        &self.streams
    }

    /// When the last text frame came, by the venue's clock.
    pub fn last_frame(&self) -> Option<Ts> {
        seen(&self.last_frame)
    }

    /// Text frames read.
    pub fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// Frames that could not be read.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Relaxed)
    }

    /// Bars of symbols or intervals that nobody asked for.
    pub fn foreign(&self) -> u64 {
        self.foreign.load(Relaxed)
    }

    pub(super) fn saw_frame(&self, at: Ts) {
        self.last_frame.store(at.0, Relaxed);
        self.frames.fetch_add(1, Relaxed);
    }

    pub(super) fn saw_malformed(&self) {
        self.malformed.fetch_add(1, Relaxed);
    }

    pub(super) fn saw_foreign(&self) {
        self.foreign.fetch_add(1, Relaxed);
    }

    pub(super) fn saw_kline(&self, stream: usize, open_time: Ts, at: Ts) {
        if let Some(stream) = self.streams.get(stream) {
            stream.last_frame.store(at.0, Relaxed);
            stream.forming.fetch_max(open_time.0, Relaxed);
            stream.frames.fetch_add(1, Relaxed);
        }
    }
}

impl StreamView {
    /// When its last frame came, by the venue's clock. Heartbeats do not count: a link can be alive and a stream dead.
    pub fn last_frame(&self) -> Option<Ts> {
        seen(&self.last_frame)
    }

    /// Open time of the newest bar seen, closed or not.
    pub fn newest_bar(&self) -> Option<Ts> {
        seen(&self.forming)
    }

    /// Frames with its bars.
    pub fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }
}

fn seen(at: &AtomicI64) -> Option<Ts> {
    Some(at.load(Relaxed)).filter(|t| *t != NEVER).map(Ts)
}
