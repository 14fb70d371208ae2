//! The state of a lane as bytes: restored, it goes on with the same bits.
//!
//! All numbers little-endian, cells by their bits, in this order: magic with the layout's version, the plan's
//! fingerprint, the outputs, then the lane; a BLAKE3 hash of all of it at the end. A snapshot of another plan or
//! other outputs, one cut short or with any byte changed is refused.

use crate::machine::Rows;
use crate::warmth::{Seen, Settling};
use crate::{Engine, Live, SnapshotError};
use sigc_market::Ts;

/// Raised whenever the layout of the state or the meaning of a byte changes.
const MAGIC: &[u8; 8] = b"sigclan\x02";
const HASH: usize = 32;

impl Live {
    /// The whole state.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(16 * (self.machine.cells.len() + self.machine.state.len()) + 1_024));
        w.head(&Engine { inner: self.engine.clone() });
        w.u64(self.symbol as u64);
        w.option(self.at.map(|t| t.0));
        for rows in &self.machine.frames {
            w.option(rows.started.then_some(rows.last));
        }
        self.settling.starts.iter().for_each(|s| w.option(*s));
        for seen in &self.settling.seen {
            w.u64(seen.taken);
            w.option(seen.settled);
        }
        self.machine.broken.iter().for_each(|row| w.u64(*row as u64));
        self.machine.ends.iter().for_each(|e| w.u64(u64::from(*e)));
        for [x] in self.machine.cells.iter().chain(&self.machine.state) {
            w.u64(x.to_bits());
        }
        self.closes.iter().for_each(|x| w.u64(x.to_bits()));
        let hash = blake3::hash(&w.0);
        w.0.extend_from_slice(hash.as_bytes());
        w.0
    }

    /// The lane a snapshot was taken of.
    ///
    /// # Errors
    /// Bytes that are no undamaged snapshot of this plan with these outputs.
    pub fn restore(engine: &Engine, bytes: &[u8]) -> Result<Live, SnapshotError> {
        if bytes.get(..MAGIC.len()) != Some(MAGIC) {
            return Err(SnapshotError::Form);
        }
        let (body, hash) = bytes.split_last_chunk::<HASH>().ok_or(SnapshotError::Damaged)?;
        if blake3::hash(body).as_bytes() != hash {
            return Err(SnapshotError::Damaged);
        }
        let mut head = Writer(Vec::new());
        head.head(engine);
        let mut r = Reader(body.strip_prefix(head.0.as_slice()).ok_or(SnapshotError::OtherPlan)?);
        let inner = &engine.inner;
        let mut live = Live::new(engine, usize::try_from(r.u64()?).map_err(|_| SnapshotError::Damaged)?);
        live.at = r.option()?.map(Ts);
        for (rows, info) in live.machine.frames.iter_mut().zip(&inner.program.frames) {
            if let Some(last) = r.option()? {
                let next_close = info.interval.close_of(last + 1);
                *rows = Rows { started: true, last, next_close, count: 0 };
            }
        }
        let starts = inner.plan.frames.iter().map(|_| r.option()).collect::<Result<_, _>>()?;
        let seen = inner.program.smoothers.iter().map(|_| Ok(Seen { taken: r.u64()?, settled: r.option()? }));
        let seen = seen.collect::<Result<_, SnapshotError>>()?;
        live.settling = Settling::restored(inner, starts, seen);
        for row in &mut live.machine.broken {
            *row = r.u64()? as i64;
        }
        for end in &mut live.machine.ends {
            *end = u32::try_from(r.u64()?).map_err(|_| SnapshotError::Damaged)?;
        }
        for [x] in live.machine.cells.iter_mut().chain(&mut live.machine.state) {
            *x = f64::from_bits(r.u64()?);
        }
        for x in &mut live.closes {
            *x = f64::from_bits(r.u64()?);
        }
        if !r.0.is_empty() {
            return Err(SnapshotError::Damaged);
        }
        live.set_firsts(inner);
        Ok(live)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn u64(&mut self, x: u64) {
        self.0.extend_from_slice(&x.to_le_bytes());
    }

    fn option(&mut self, x: Option<i64>) {
        self.0.push(u8::from(x.is_some()));
        self.u64(x.unwrap_or(0) as u64);
    }

    fn head(&mut self, engine: &Engine) {
        self.0.extend_from_slice(MAGIC);
        self.0.extend_from_slice(&engine.inner.fingerprint.bytes());
        self.u64(engine.outputs().len() as u64);
        for c in engine.outputs() {
            self.u64(c.index() as u64);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn u64(&mut self) -> Result<u64, SnapshotError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(SnapshotError::Damaged)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    fn option(&mut self) -> Result<Option<i64>, SnapshotError> {
        let (&there, rest) = self.0.split_first().ok_or(SnapshotError::Damaged)?;
        self.0 = rest;
        let x = self.u64()? as i64;
        Ok((there == 1).then_some(x))
    }
}
