//! Errors of the engine and of sinks, in the user's words.

use crate::failure::Failure;
use sigc_engine::{BarFault, EngineError};
use sigc_market::Symbol;
use sigc_plan::Plan;
use sigc_runtime::SinkError;
use sigc_runtime::replay::ReplayError;

/// The engine's word with names in place of numbers.
pub fn engine_failure(error: EngineError, symbols: &[Symbol], plan: &Plan) -> Failure {
    match error {
        EngineError::Bar { symbol, frame, open_time, fault } => {
            let symbol = symbols.get(symbol).map_or("?", Symbol::as_str);
            let frame = &plan.frame(frame).name;
            let message = format!("{symbol}, `{frame}`, bar {open_time}: {fault}");
            match fault {
                BarFault::Missing => {
                    Failure::coded("E0515", message, "`gap: null` or `gap: carry` goes on over missing bars")
                }
                BarFault::Misaligned => Failure::coded("E0507", message, "bars open at multiples of their interval"),
                BarFault::Order | BarFault::Open => Failure::coded("E0504", message, "bars come in order of time"),
                BarFault::Far | BarFault::Range => {
                    Failure::coded("E0506", message, "check the open times around this bar")
                }
            }
        }
        e @ EngineError::Universe { .. } => {
            Failure::coded("E0519", e, "give the bars of all symbols of the universe, without `--symbols`")
        }
        e @ EngineError::Apart { .. } => {
            Failure::coded("E0519", e, "this is a fault of sigc, not of the pipeline: please report it")
        }
        EngineError::Sink(source) => match source.downcast::<SinkError>() {
            Ok(error) => sink_failure(*error),
            Err(other) => Failure::coded("E0512", other, ""),
        },
        other => Failure { code: None, message: other.to_string(), help: None, exit: 1 },
    }
}

/// A sink's word.
pub fn sink_failure(error: SinkError) -> Failure {
    let (code, help) = (error.code(), error.help());
    Failure::coded(code, error, help)
}

/// Whatever ended a replay.
pub fn replay_failure(error: ReplayError, symbols: &[Symbol], plan: &Plan) -> Failure {
    match error {
        ReplayError::Engine(e) => engine_failure(e, symbols, plan),
        ReplayError::Sink { error, .. } => sink_failure(error),
    }
}
