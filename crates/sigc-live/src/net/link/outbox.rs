//! Events on their way to a receiver that may be busy.
//!
//! The queue exists so that a busy receiver never keeps the socket from being read. Its bound is far above what a
//! healthy receiver lets gather: all streams of a link closing a bar at once, several times over.

use super::LinkEvent;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use tokio::sync::mpsc::error::{SendError, TrySendError};
use tokio::sync::mpsc::{self, OwnedPermit};

/// Bars that every stream may have in the queue.
const BARS_PER_STREAM: usize = 4;
/// The least bound, for links with few streams.
const LEAST_BOUND: usize = 64;

type Reservation = Pin<Box<dyn Future<Output = Result<OwnedPermit<LinkEvent>, SendError<()>>> + Send>>;

/// A queue before a bounded channel.
pub(super) struct Outbox {
    events: mpsc::Sender<LinkEvent>,
    queue: VecDeque<LinkEvent>,
    bound: usize,
    /// A place in the channel that is being waited for. Kept across interruptions, because a new one would stand at the
    /// end of the channel's line again.
    reservation: Option<Reservation>,
}

impl Outbox {
    pub fn new(events: mpsc::Sender<LinkEvent>, n_streams: usize) -> Outbox {
        let bound = (n_streams * BARS_PER_STREAM).max(LEAST_BOUND);
        Outbox { events, queue: VecDeque::new(), bound, reservation: None }
    }

    /// Hands an event on, or queues it. Never waits.
    pub fn push(&mut self, event: LinkEvent) {
        if !self.queue.is_empty() {
            self.queue.push_back(event);
            return;
        }
        match self.events.try_send(event) {
            Ok(()) => {}
            Err(TrySendError::Full(event) | TrySendError::Closed(event)) => self.queue.push_back(event),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.queue.len() > self.bound
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Waits for a place and fills it; false if the receiver is gone. Dropping the future loses nothing.
    pub async fn deliver(&mut self) -> bool {
        let events = &self.events;
        let reservation = self.reservation.get_or_insert_with(|| Box::pin(events.clone().reserve_owned()));
        let reserved = reservation.await;
        self.reservation = None;
        let Ok(permit) = reserved else { return false };
        if let Some(event) = self.queue.pop_front() {
            permit.send(event);
        }
        true
    }

    /// Delivers the whole queue, or all that anybody hears.
    pub async fn deliver_all(&mut self) {
        while !self.queue.is_empty() && self.deliver().await {}
    }
}
