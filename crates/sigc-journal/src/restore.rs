//! What a run gets back: lanes, the bars behind them, and how far everything came.

use crate::commit::Lanes;
use crate::error::Trouble;
use crate::identity::Identity;
use crate::tables::{BARS, SNAPSHOTS, bar_key, bar_of, get_bar, get_snapshot};
use crate::tally::Standing;
use redb::{ReadTransaction, ReadableTable};
use sigc_market::Ts;
use sigc_runtime::live::entry::{BarId, CursorEntry, Restored, SnapshotEntry};

/// Reads it. Bars of symbols that nothing is emitted for are left out: no lane takes them.
pub(crate) fn restore(
    txn: &ReadTransaction,
    identity: &Identity,
    lanes: &Lanes,
    standing: &Standing,
    snapshots: Vec<SnapshotEntry>,
) -> Result<Restored, Trouble> {
    let newest = |(lane, row): (&(u16, u32), i64)| BarId { source: lane.0, symbol: lane.1, row };
    let rows = standing.rows.iter().filter_map(|(lane, t)| Some((*lane, Ts(t.span?.newest))));
    let cursors = standing.cursors.iter().zip(0..).map(|(seq, sink)| CursorEntry { sink, seq: *seq });
    let mut restored = Restored {
        snapshots,
        emit_after: standing.emit_after,
        newest: standing.bars.iter().filter_map(|(lane, t)| Some(newest((lane, t.span?.newest)))).collect(),
        rows: rows.collect(),
        last_seq: standing.last_seq,
        cursors: cursors.collect(),
        ..Restored::default()
    };
    let bars = txn.open_table(BARS)?;
    for (&(source, symbol), tally) in &standing.bars {
        let (Some(span), Some(lane)) = (tally.span, lanes.symbol(source, symbol)) else { continue };
        let interval = identity.sources[usize::from(source)].interval;
        let from = match standing.snapshots.get(&lane) {
            // The row that holds the instant of the snapshot is the first to close after it.
            Some(at) => interval.index_of(*at),
            None => span.first,
        };
        let key = |row| bar_key(BarId { source, symbol, row });
        for item in bars.range(key(from).as_slice()..=key(span.newest).as_slice())? {
            let (key, value) = item?;
            let id = bar_of(key.value())?;
            restored.bars.push(get_bar(id, interval.open_of(id.row), value.value())?);
        }
    }
    Ok(restored)
}

/// The newest lane of every symbol.
pub(crate) fn snapshots(txn: &ReadTransaction) -> Result<Vec<SnapshotEntry>, Trouble> {
    let mut snapshots = Vec::new();
    for item in txn.open_table(SNAPSHOTS)?.iter()? {
        let (key, value) = item?;
        snapshots.push(get_snapshot(key.value(), value.value())?);
    }
    Ok(snapshots)
}
