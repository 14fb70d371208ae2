//! The task of a data step whose bars stand in a table: turns the orders of its feed into queries for many symbols.
//!
//! Orders that come close together go into one query, and at most [`CONCURRENT`] queries are under way. Told to stop it
//! gives them up; nothing of it is left when it returns.

use crate::net::clickhouse::{ROWS_PER_QUERY, SYMBOLS_PER_QUERY, Tables};
use crate::net::rest::FetchError;
use crate::source::told;
use sigc_connectors::clickhouse::Wanted;
use sigc_market::{Symbol, Ts};
use sigc_runtime::live::conductor::Event;
use sigc_runtime::live::feed::{FeedEvent, FeedOrder, POLICY};
use sigc_runtime::live::poll::{PollPlan, plan};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Queries under way: one that loads history does not hold up the one for the newest bars.
pub const CONCURRENT: usize = 2;
/// Orders of one turn of the compute owner come within so long; a query that waits for them saves many others.
const GATHER: Duration = Duration::from_millis(5);

/// A data step over a table.
pub(crate) struct TableSource {
    pub number: usize,
    pub symbols: Arc<Vec<Symbol>>,
    pub tables: Tables,
    pub events: mpsc::Sender<Event>,
}

/// A symbol's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Order {
    symbol: u32,
    from: Ts,
    to: Ts,
}

impl TableSource {
    /// Runs until `stop`, or until nobody gives orders any more.
    pub async fn run(self, mut orders: mpsc::Receiver<FeedOrder>, mut stop: watch::Receiver<bool>) {
        let source = Arc::new(self);
        let mut waiting: VecDeque<Order> = VecDeque::new();
        let mut queries: JoinSet<()> = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = told(&mut stop) => break,
                order = orders.recv() => match order {
                    Some(order) => {
                        waiting.extend(wanted(order));
                        tokio::time::sleep(GATHER).await;
                        while let Ok(order) = orders.try_recv() {
                            waiting.extend(wanted(order));
                        }
                    }
                    None => break,
                },
                Some(done) = queries.join_next(), if !queries.is_empty() => {
                    if let Err(e) = done {
                        tracing::error!(error = %e, "a query of a data step failed");
                    }
                }
            }
            while queries.len() < CONCURRENT && !waiting.is_empty() {
                let batch = batch(&mut waiting, |o| source.rows(o));
                let source = Arc::clone(&source);
                queries.spawn(async move { source.fetch(&batch).await });
            }
        }
        queries.shutdown().await;
    }

    /// Rows of the grid that an order asks for.
    fn rows(&self, order: &Order) -> i64 {
        let interval = self.tables.table().interval();
        (interval.index_of(order.to) - interval.index_of(order.from) + 1).max(1)
    }

    async fn fetch(&self, batch: &[Order]) {
        let want = |o: &Order| Wanted { symbol: &self.symbols[o.symbol as usize], from: o.from, to: o.to };
        let wanted: Vec<Wanted<'_>> = batch.iter().map(want).collect();
        match self.tables.klines(&wanted).await {
            Ok(page) => {
                for (order, bars) in batch.iter().zip(page.bars) {
                    let symbol = order.symbol;
                    self.send(match bars {
                        Ok(bars) => FeedEvent::Rows { symbol, bars },
                        Err(e) => FeedEvent::Failed { symbol, reason: format!("a row of the table: {e}") },
                    })
                    .await;
                }
            }
            Err(e) => {
                for symbol in batch.iter().map(|o| o.symbol) {
                    self.send(match &e {
                        FetchError::Refused(refusal) => FeedEvent::Refused { symbol, refusal: refusal.clone() },
                        other => FeedEvent::Failed { symbol, reason: other.to_string() },
                    })
                    .await;
                }
            }
        }
    }

    /// Hands an event on; after the end of the run there is nobody to take it.
    async fn send(&self, event: FeedEvent) {
        let _ = self.events.send(Event::Feed { source: self.number, event }).await;
    }
}

/// What is to be asked for. A table has no streams and no files, so its feed orders none.
fn wanted(order: FeedOrder) -> Option<Order> {
    match order {
        FeedOrder::Fetch { symbol, from, to } => Some(Order { symbol, from, to }),
        FeedOrder::Archive { .. } | FeedOrder::StartLink { .. } | FeedOrder::StopLink { .. } => None,
    }
}

/// The orders of the next query, in the order they came.
fn batch(waiting: &mut VecDeque<Order>, rows: impl Fn(&Order) -> i64) -> Vec<Order> {
    let (mut batch, mut total) = (Vec::new(), 0_i64);
    while let Some(order) = waiting.front() {
        total = total.saturating_add(rows(order));
        if !batch.is_empty() && (total > ROWS_PER_QUERY || batch.len() >= SYMBOLS_PER_QUERY) {
            break;
        }
        batch.extend(waiting.pop_front());
    }
    batch
}

/// Says whether the symbols of a table can be polled as planned, given how long a query takes at least.
pub(crate) fn foresee(using: &str, symbols: usize, interval_ms: i64, round_trip: Duration) {
    let plan = plan(&PollPlan {
        symbols: symbols as u32,
        weight_each: 0,
        limit_per_window: 0,
        window_ms: 60_000,
        cycle_ms: POLICY.tiers.hot_ms.min(interval_ms),
        batch: SYMBOLS_PER_QUERY as u32,
        batch_pause_ms: 0,
    });
    let takes_ms = round_trip.as_millis() as i64;
    let may_take_ms = plan.batch_may_take_ms.saturating_mul(CONCURRENT as i64);
    let (cycle_ms, queries) = (plan.plan.cycle_ms, plan.batches);
    if !plan.is_feasible() || takes_ms > may_take_ms {
        tracing::warn!(
            source = %using, symbols, queries, cycle_ms, may_take_ms, takes_ms,
            "the table cannot be polled as often as planned: an empty query already takes longer than one may"
        );
    } else {
        tracing::info!(source = %using, symbols, queries, cycle_ms, may_take_ms, takes_ms, "the table can be polled as planned");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(n: u32) -> VecDeque<Order> {
        (0..n).map(|symbol| Order { symbol, from: Ts(0), to: Ts(0) }).collect()
    }

    #[test]
    fn a_query_is_bounded_in_symbols_and_in_rows() {
        let mut waiting = orders(450);
        let sizes: Vec<usize> =
            std::iter::from_fn(|| Some(batch(&mut waiting, |_| 2).len()).filter(|&n| n > 0)).collect();
        assert_eq!(sizes, [200, 200, 50]);
        let mut waiting = orders(45);
        let sizes: Vec<usize> =
            std::iter::from_fn(|| Some(batch(&mut waiting, |_| 1_000).len()).filter(|&n| n > 0)).collect();
        assert_eq!(sizes, [20, 20, 5]);
        // One that asks for more than a query should still goes, alone.
        let mut waiting = orders(2);
        assert_eq!(batch(&mut waiting, |_| i64::MAX).iter().map(|o| o.symbol).collect::<Vec<_>>(), [0]);
    }
}
