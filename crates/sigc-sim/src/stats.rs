//! What an exchange has done so far, as numbers.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub fn one(&self) {
        self.add(1);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The running counters.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub connections: Count,
    pub connections_ended: Count,
    pub sockets: Count,
    pub sockets_ended: Count,
    pub forming_frames: Count,
    pub closing_frames: Count,
    pub messages_in: Count,
    pub klines: Count,
    pub time: Count,
    pub info: Count,
    pub bulk: Count,
    pub other: Count,
    pub too_many: Count,
    pub banned: Count,
    pub forbidden: Count,
    pub closed_for_misuse: Count,
    pub closed_for_silence: Count,
    pub faults: Count,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// TCP connections now.
    pub connections_open: u64,
    /// TCP connections since the start.
    pub connections: u64,
    /// WebSockets now.
    pub sockets_open: u64,
    /// WebSockets since the start.
    pub sockets: u64,
    /// Frames sent of bars in progress.
    pub forming_frames: u64,
    /// Frames sent of closed bars.
    pub closing_frames: u64,
    /// WebSocket messages received.
    pub messages_in: u64,
    /// REST requests for bars.
    pub klines: u64,
    /// REST requests for the time, pings among them.
    pub time: u64,
    /// REST requests for symbols.
    pub info: u64,
    /// Requests for archives and listings.
    pub bulk: u64,
    /// All other requests.
    pub other: u64,
    /// Answers 429.
    pub too_many: u64,
    /// Answers 418.
    pub banned: u64,
    /// Answers 403.
    pub forbidden: u64,
    /// WebSockets closed with 1008.
    pub closed_for_misuse: u64,
    /// WebSockets ended for want of a pong.
    pub closed_for_silence: u64,
    /// Faults that happened or were injected.
    pub faults: u64,
}

impl Stats {
    /// The counters now.
    pub fn read(&self) -> Counters {
        Counters {
            connections_open: self.connections.get().saturating_sub(self.connections_ended.get()),
            connections: self.connections.get(),
            sockets_open: self.sockets.get().saturating_sub(self.sockets_ended.get()),
            sockets: self.sockets.get(),
            forming_frames: self.forming_frames.get(),
            closing_frames: self.closing_frames.get(),
            messages_in: self.messages_in.get(),
            klines: self.klines.get(),
            time: self.time.get(),
            info: self.info.get(),
            bulk: self.bulk.get(),
            other: self.other.get(),
            too_many: self.too_many.get(),
            banned: self.banned.get(),
            forbidden: self.forbidden.get(),
            closed_for_misuse: self.closed_for_misuse.get(),
            closed_for_silence: self.closed_for_silence.get(),
            faults: self.faults.get(),
        }
    }
}

/// Counts one more now and one ended when it is dropped, however the task ends.
pub(crate) struct Open<'a>(&'a Count);

impl<'a> Open<'a> {
    pub fn new(opened: &Count, ended: &'a Count) -> Open<'a> {
        opened.one();
        Open(ended)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.one();
    }
}
