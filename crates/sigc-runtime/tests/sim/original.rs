//! A machine like the system that sigc replaces, with one of its bugs at a time (requirements S67, S72, S85).
//!
//! It is simple on purpose: it knows one source and repairs nothing but what it must. Without a bug it passes the
//! checks in a world without faults; with one it must not.

use sigc_market::{Bar, Interval, Ts};
use sigc_runtime::live::conductor::{Event, Order};
use sigc_runtime::live::entry::{BarEntry, BarFate, BarId, Batch, Origin};
use sigc_runtime::live::feed::{FeedEvent, FeedOrder};
use sigc_runtime::live::retry::SplitMix;

/// Which bug it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// None.
    None,
    /// The socket is closed after the first frame and opened again when the history is processed.
    ClosedSocket,
    /// A bar is marked as processed before it has been.
    MarkBeforeRun,
    /// The bar that is still forming ends the history as if it were closed.
    FormingAnchor,
}

impl Bug {
    /// Those that must be found.
    pub const ALL: [Bug; 3] = [Bug::ClosedSocket, Bug::MarkBeforeRun, Bug::FormingAnchor];
}

pub struct Original {
    bug: Bug,
    interval: Interval,
    next: Vec<i64>,
    loaded: Vec<bool>,
    buffer: Vec<Vec<Bar>>,
    generation: u64,
    storing: Vec<(u32, i64)>,
    queued: Vec<BarEntry>,
}

impl Original {
    pub fn new(bug: Bug, n: usize, interval: Interval, marks: &[i64], now: Ts, orders: &mut Vec<Order>) -> Original {
        let first = interval.index_of(now);
        let next = marks.iter().map(|m| if *m == i64::MIN { first } else { m + 1 }).collect();
        let mut original = Original {
            bug,
            interval,
            next,
            loaded: vec![false; n],
            buffer: vec![Vec::new(); n],
            generation: 0,
            storing: Vec::new(),
            queued: Vec::new(),
        };
        original.connect(orders);
        original
    }

    fn connect(&mut self, orders: &mut Vec<Order>) {
        self.generation += 1;
        let symbols = (0..self.next.len() as u32).collect();
        let order = FeedOrder::StartLink { link: 0, generation: self.generation, symbols };
        orders.push(Order::Feed { source: 0, order });
    }

    /// Takes an event; true if the process dies on it.
    pub fn handle(
        &mut self,
        event: Event,
        now: Ts,
        rng: &mut SplitMix,
        marks: &mut [i64],
        orders: &mut Vec<Order>,
    ) -> bool {
        let mut dies = false;
        match event {
            Event::Feed { event: FeedEvent::Opened { .. }, .. } if !self.loaded.iter().all(|l| *l) => {
                if self.bug == Bug::ClosedSocket {
                    let order = FeedOrder::StopLink { link: 0, generation: self.generation };
                    orders.push(Order::Feed { source: 0, order });
                }
                for symbol in 0..self.next.len() as u32 {
                    let from = self.interval.open_of(self.next[symbol as usize].min(self.interval.last_closed(now)));
                    orders.push(Order::Feed { source: 0, order: FeedOrder::Fetch { symbol, from, to: now } });
                }
            }
            Event::Feed { event: FeedEvent::Rows { symbol, bars }, .. } => {
                let s = symbol as usize;
                for bar in bars {
                    let row = self.interval.index_of(bar.open_time);
                    let closed = self.interval.close_of(row) <= now || self.bug == Bug::FormingAnchor;
                    if closed && row >= self.next[s] {
                        dies |= self.take(symbol, bar, now, rng, marks);
                    }
                }
                for bar in std::mem::take(&mut self.buffer[s]) {
                    if self.interval.index_of(bar.open_time) >= self.next[s] {
                        dies |= self.take(symbol, bar, now, rng, marks);
                    }
                }
                self.loaded[s] = true;
                if self.bug == Bug::ClosedSocket && self.loaded.iter().all(|l| *l) && self.generation == 1 {
                    self.connect(orders);
                }
            }
            Event::Feed { event: FeedEvent::Closed { symbol, bar }, .. } => {
                let s = symbol as usize;
                if !self.loaded[s] {
                    self.buffer[s].push(bar);
                } else if self.interval.index_of(bar.open_time) >= self.next[s] {
                    dies |= self.take(symbol, bar, now, rng, marks);
                }
            }
            Event::Stored => {
                for (symbol, row) in self.storing.drain(..) {
                    marks[symbol as usize] = marks[symbol as usize].max(row);
                }
            }
            _ => {}
        }
        if !dies && self.storing.is_empty() && !self.queued.is_empty() {
            let bars = std::mem::take(&mut self.queued);
            self.storing = bars.iter().map(|b| (b.id.symbol, b.id.row)).collect();
            orders.push(Order::Store(Batch { bars, ..Batch::default() }));
        }
        dies
    }

    fn take(&mut self, symbol: u32, bar: Bar, now: Ts, rng: &mut SplitMix, marks: &mut [i64]) -> bool {
        let row = self.interval.index_of(bar.open_time);
        self.next[symbol as usize] = row + 1;
        if self.bug == Bug::MarkBeforeRun {
            marks[symbol as usize] = row;
            if rng.below(40) == 0 {
                return true;
            }
        }
        let fate = BarFate::Taken { bar, origin: Origin::Stream };
        self.queued.push(BarEntry { id: BarId { source: 0, symbol, row }, fate, at: now });
        false
    }
}
