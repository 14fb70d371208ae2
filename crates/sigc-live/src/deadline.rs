//! A model that is waited for only so long.
//!
//! A model of a live run gets a thread of its own and one place for a question. Whoever asks waits for the answer up
//! to a limit; then the row has failed, and an answer that comes later is dropped and counted. While the model is
//! still at an old question new rows fail at once, so one stuck answer costs the limit once and not once per row.
//!
//! Batches, replays and `verify` ask their models directly: there a slow answer delays nobody, and whether a row has
//! one must not depend on how busy the machine is, or two runs over the same bars would differ.
//!
//! The thread is not waited for at the end: it ends when its model answers, or with the process.

use sigc_engine::{Predict, PredictError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

/// A question; the window's memory goes back and forth with it.
struct Question {
    symbol: usize,
    window: Vec<f64>,
}

struct Answer {
    result: Result<f64, PredictError>,
    window: Vec<f64>,
}

/// A model behind a limit.
pub struct Deadlined {
    questions: SyncSender<Question>,
    answers: Receiver<Answer>,
    limit: Duration,
    /// True while the model is at a question that nobody waits for any more.
    busy: bool,
    spare: Vec<f64>,
    dropped: Arc<AtomicU64>,
}

impl Deadlined {
    /// Moves a model to a thread of its own.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(mut model: Box<dyn Predict>, limit: Duration) -> std::io::Result<Deadlined> {
        // One question and one answer are under way at most, so neither side ever waits for room.
        let (questions, asked) = sync_channel::<Question>(1);
        let (answer, answers) = sync_channel::<Answer>(1);
        std::thread::Builder::new().name("sigc-model".into()).spawn(move || {
            while let Ok(Question { symbol, window }) = asked.recv() {
                let ask = std::panic::AssertUnwindSafe(|| model.predict(symbol, &window));
                let result = std::panic::catch_unwind(ask);
                let panicked = result.is_err();
                let result = result.unwrap_or_else(|_| Err(PredictError("the model panicked".into())));
                // A model that panicked may be half-way through a change: it is not asked again.
                if answer.send(Answer { result, window }).is_err() || panicked {
                    return;
                }
            }
        })?;
        Ok(Deadlined { questions, answers, limit, busy: false, spare: Vec::new(), dropped: Arc::default() })
    }

    /// How many answers came too late and were dropped; a handle that counts on.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }

    /// Takes a late answer out of the way; an error if the model is still at it.
    fn settle(&mut self) -> Result<(), PredictError> {
        match self.answers.try_recv() {
            Ok(late) => {
                self.busy = false;
                self.spare = late.window;
                let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
                tracing::warn!(dropped, "a model's answer came too late and was dropped");
                Ok(())
            }
            Err(TryRecvError::Empty) => {
                let ms = self.limit.as_millis();
                Err(PredictError(format!("still busy with an earlier row, after more than {ms} ms")))
            }
            Err(TryRecvError::Disconnected) => Err(ended()),
        }
    }
}

fn ended() -> PredictError {
    PredictError("the model's thread has ended after a panic".into())
}

impl Predict for Deadlined {
    fn predict(&mut self, symbol: usize, window: &[f64]) -> Result<f64, PredictError> {
        if self.busy {
            self.settle()?;
        }
        let mut held = std::mem::take(&mut self.spare);
        held.clear();
        held.extend_from_slice(window);
        // There is room: the last answer was taken, so the question before it was, too.
        self.questions.try_send(Question { symbol, window: held }).map_err(|_| ended())?;
        match self.answers.recv_timeout(self.limit) {
            Ok(answer) => {
                self.spare = answer.window;
                answer.result
            }
            Err(RecvTimeoutError::Timeout) => {
                self.busy = true;
                Err(PredictError(format!("took longer than {} ms", self.limit.as_millis())))
            }
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    /// Answers when it is let, with the sum of the window.
    struct Gated(Receiver<()>);

    impl Predict for Gated {
        fn predict(&mut self, _: usize, window: &[f64]) -> Result<f64, PredictError> {
            self.0.recv().map_err(|_| PredictError("the test is over".into()))?;
            if window[0] < 0.0 {
                panic!("as the test wants it")
            }
            Ok(window.iter().sum())
        }
    }

    fn gated(limit_ms: u64) -> (Sender<()>, Deadlined) {
        let (gate, closed) = channel();
        let model = Deadlined::start(Box::new(Gated(closed)), Duration::from_millis(limit_ms)).expect("a thread");
        (gate, model)
    }

    #[test]
    fn an_answer_in_time_is_the_models_own() {
        let (gate, mut model) = gated(60_000);
        for k in 0..3 {
            gate.send(()).expect("the model lives");
            let x = f64::from(k) + 0.1;
            assert_eq!(model.predict(0, &[x, 0.2]).map(f64::to_bits), Ok((x + 0.2).to_bits()));
        }
        assert_eq!(model.dropped().load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_stuck_model_costs_its_limit_once_and_its_late_answer_is_dropped() {
        let (gate, mut model) = gated(1);
        let first = model.predict(0, &[1.0]).expect_err("the gate is closed");
        assert_eq!(first.to_string(), "took longer than 1 ms");
        for _ in 0..1_000 {
            let next = model.predict(1, &[2.0]).expect_err("still at the first");
            assert_eq!(next.to_string(), "still busy with an earlier row, after more than 1 ms");
        }
        model.limit = Duration::from_secs(60);
        gate.send(()).expect("the model lives");
        gate.send(()).expect("the model lives");
        // The late answer comes when the thread is scheduled; until then rows fail at once.
        let value = loop {
            match model.predict(2, &[30.0]) {
                Ok(value) => break value,
                Err(e) => assert!(e.to_string().starts_with("still busy"), "{e}"),
            }
            std::thread::yield_now();
        };
        assert_eq!(value, 30.0, "the answer is of this row, not of the late one");
        assert_eq!(model.dropped().load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_panic_is_an_error_and_the_model_is_not_asked_again() {
        let (gate, mut model) = gated(60_000);
        gate.send(()).expect("the model lives");
        assert_eq!(model.predict(0, &[-1.0]).map_err(|e| e.to_string()), Err("the model panicked".into()));
        let after = model.predict(0, &[1.0]).expect_err("its thread has ended");
        assert_eq!(after.to_string(), "the model's thread has ended after a panic");
    }
}
