//! `models.process`: predictions of a child process.
//!
//! Loading starts the process. A plan is loaded once per thread of a backfill and once per symbol of a verification;
//! all of them share as many processes as there are cores, at most.

use super::load::{LoadError, LoadedModel, text};
use super::{Kind, OUTPUT_COL};
use serde_json::{Map, Value};
use sigc_catalog::{ArgProblem, Args, Host, Info, ModelFacts, ModelProblem, ModelStep, Param, WINDOW_SIZE};
use sigc_engine::{Predict, PredictError};
use sigc_market::Symbol;
use sigc_plan::ModelUse;
use sigc_process::{Keeper, Message, ProcessError, Program};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

pub(super) const KIND: Kind = Kind { def: &PROCESS, load };

const COMMAND: Param<Vec<String>> =
    Param::texts("command", "the program and its arguments, one text each: `[python3, model.py]`; no shell reads them");
const VERSION: Param<String> =
    Param::text("version", "the version of the model; the process must name the same one when it is started");
const ENV: Param<Option<Vec<String>>> = Param::variables(
    "env",
    "environment variables that the process gets beside PATH, HOME, LANG and their like; their values are never printed",
)
.optional();
const TIMEOUT_MS: Param<u32> = Param::int(
    "timeout_ms",
    "milliseconds that a prediction may take, times the windows of its request; then its row has none, and the process is started again",
)
.max(300_000)
.default(1_000);
const START_MS: Param<u32> =
    Param::int("start_ms", "milliseconds from the start of the process until it is ready").max(600_000).default(30_000);
const WINDOW: Param<u32> = WINDOW_SIZE.default(1);

static PROCESS: ModelStep = ModelStep {
    info: Info {
        name: "models.process",
        capability: "middlefreq",
        summary: "predictions of a child process",
        doc: "One JSON object a line: `{\"type\": \"predict\", \"id\": 7, \"windows\": [{\"symbol\": \"BTCUSDT\", \
              \"rows\": [[..]]}]}` on the process's standard input, `{\"type\": \"predictions\", \"id\": 7, \
              \"values\": [0.1]}` on its standard output. A window with a null cell is not asked about; an answer \
              `null` is a row without a prediction. Only with `--allow-process`. sigc cannot see what the program \
              does: `version` stands for it in the plan's fingerprint, and that equal windows get equal answers is the \
              program's part. `docs/process.md` has the whole protocol and an example.",
        params: &[&COMMAND, &VERSION, &ENV, &TIMEOUT_MS, &START_MS, &WINDOW, &OUTPUT_COL],
    },
    inputs_from: |_| None,
    inspect,
    check,
};

/// What sigc can know without starting it: what the pipeline says. The program may change behind the same command, so
/// the user's `version` stands for what it computes, and the process has to name the same one.
fn inspect(args: &Args, _: &dyn Host) -> Result<ModelFacts, ModelProblem> {
    let mut hash = blake3::Hasher::new();
    for text in args.get(&COMMAND).iter().chain([&args.get(&VERSION)]) {
        hash.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    Ok(ModelFacts {
        features: None,
        window: None,
        symbols: None,
        dtype: "f64".into(),
        fingerprint: hash.finalize().to_hex().to_string(),
        trained: None,
    })
}

fn check(args: &Args) -> Vec<ArgProblem> {
    if args.get(&COMMAND).first().is_none_or(|program| program.trim().is_empty()) {
        return vec![ArgProblem {
            param: COMMAND.name(),
            message: "`command` does not begin with a program".into(),
            help: Some("write the program first, then its arguments: `command: [python3, model.py]`".into()),
        }];
    }
    Vec::new()
}

/// True if loading the model starts a child process, which the caller must have leave for.
pub(super) fn starts_process(using: &str) -> bool {
    using == PROCESS.info.name
}

fn load(model: &ModelUse, symbols: &[Symbol]) -> Result<LoadedModel, LoadError> {
    let texts = |name: &str| -> Vec<String> {
        let list = model.params.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let millis = |name: &str, default: u64| {
        Duration::from_millis(model.params.get(name).and_then(Value::as_u64).unwrap_or(default))
    };
    let program =
        Program { name: PROCESS.info.name.to_owned(), command: texts(COMMAND.name()), env: texts(ENV.name()) };
    let version = text(model, VERSION.name());
    let hello = hello(model, symbols, version.as_deref());
    let key = format!("{program:?} {}", Value::Object(hello.clone()));
    let start = || Keeper::start(program, hello, millis(START_MS.name(), 30_000), version);
    let worker = WORKERS.share(key, start).map_err(|e| LoadError::Process { using: model.using.clone(), source: e })?;
    Ok(Box::new(ProcessModel {
        worker,
        symbols: symbols.to_vec(),
        inputs: model.input_names.len().max(1),
        deadline: millis(TIMEOUT_MS.name(), 1_000),
    }))
}

/// What the process is told before any request.
fn hello(model: &ModelUse, symbols: &[Symbol], version: Option<&str>) -> Message {
    let mut hello = Map::new();
    hello.insert("role".into(), "model".into());
    hello.insert("version".into(), version.into());
    hello.insert("inputs".into(), model.input_names.clone().into());
    hello.insert("window".into(), model.window.into());
    hello.insert("symbols".into(), symbols.iter().map(|s| s.as_str()).collect::<Vec<_>>().into());
    hello
}

/// The processes of this program that models share.
static WORKERS: LazyLock<Workers> = LazyLock::new(Workers::default);

type Worker = Arc<Mutex<Keeper>>;

#[derive(Default)]
struct Workers(Mutex<HashMap<String, Pool>>);

#[derive(Default)]
struct Pool {
    there: Vec<Weak<Mutex<Keeper>>>,
    next: usize,
}

impl Workers {
    /// A process of this description: a new one while there are fewer than cores, else one that others use, too.
    fn share(&self, key: String, start: impl FnOnce() -> Result<Keeper, ProcessError>) -> Result<Worker, ProcessError> {
        let most = std::thread::available_parallelism().map_or(1, usize::from);
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = pools.entry(key).or_default();
        pool.there.retain(|w| w.strong_count() > 0);
        if pool.there.len() >= most {
            pool.next = (pool.next + 1) % pool.there.len();
            if let Some(worker) = pool.there[pool.next].upgrade() {
                return Ok(worker);
            }
        }
        let worker = Arc::new(Mutex::new(start()?));
        pool.there.push(Arc::downgrade(&worker));
        Ok(worker)
    }
}

struct ProcessModel {
    worker: Worker,
    symbols: Vec<Symbol>,
    inputs: usize,
    deadline: Duration,
}

impl Predict for ProcessModel {
    fn predict(&mut self, symbol: usize, window: &[f64]) -> Result<f64, PredictError> {
        let values = self.predict_all(&[(symbol, window)]).map_err(|e| PredictError(e.to_string()))?;
        number(values.first().copied().flatten())
    }

    /// One request for all windows. If it fails each is asked about alone, so that only the one at fault is without.
    fn predict_many(&mut self, symbols: &[usize], windows: &[f64], answers: &mut Vec<Result<f64, PredictError>>) {
        let cells = (windows.len() / symbols.len().max(1)).max(1);
        let asked: Vec<(usize, &[f64])> = symbols.iter().copied().zip(windows.chunks_exact(cells)).collect();
        match self.predict_all(&asked) {
            Ok(values) => answers.extend(values.into_iter().map(number)),
            // Not there yet: asking again and again would only wait again and again.
            Err(error @ ProcessError::Restarting(_)) => {
                answers.extend(asked.iter().map(|_| Err(PredictError(error.to_string()))));
            }
            Err(_) => answers.extend(asked.into_iter().map(|(symbol, window)| self.predict(symbol, window))),
        }
    }
}

fn number(value: Option<f64>) -> Result<f64, PredictError> {
    value.ok_or_else(|| PredictError("the process gives no number for this window".into()))
}

impl ProcessModel {
    /// Asks about several windows at once: one number for each, or none. Each may take as long as one alone.
    fn predict_all(&mut self, windows: &[(usize, &[f64])]) -> Result<Vec<Option<f64>>, ProcessError> {
        let mut keeper = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = self.deadline.saturating_mul(windows.len().try_into().unwrap_or(u32::MAX).max(1));
        let until = Instant::now() + limit;
        let up = keeper.get(self.deadline)?;
        let body = |out: &mut Vec<u8>| push_windows(out, windows, &self.symbols, self.inputs);
        let result = match up.ask("predict", "predictions", body, until) {
            Ok(answer) => values(&answer, windows.len()).map_err(|how| up.broken(how)),
            Err(error) => Err(error),
        };
        keeper.went(&result);
        result
    }
}

/// The windows as JSON, oldest row first.
fn push_windows(out: &mut Vec<u8>, windows: &[(usize, &[f64])], symbols: &[Symbol], inputs: usize) {
    out.extend_from_slice(b",\"windows\":[");
    for (i, (symbol, window)) in windows.iter().enumerate() {
        out.extend_from_slice(if i > 0 { b",{\"symbol\":" } else { b"{\"symbol\":" });
        push_json(out, &symbols.get(*symbol).map(Symbol::as_str));
        out.extend_from_slice(b",\"rows\":[");
        for (r, row) in window.chunks(inputs).enumerate() {
            if r > 0 {
                out.push(b',');
            }
            // The shortest text that reads back to the same bits.
            push_json(out, &row);
        }
        out.extend_from_slice(b"]}");
    }
    out.push(b']');
}

fn push_json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    serde_json::to_writer(out, value).expect("a vector takes every byte, and cells of a window are finite");
}

/// The numbers of an answer: as many as were asked for, each a finite number or null.
fn values(answer: &Message, n: usize) -> Result<Vec<Option<f64>>, String> {
    let list = answer.get("values").and_then(Value::as_array).ok_or("`predictions` has no list `values`")?;
    if list.len() != n {
        return Err(format!("`values` has {} numbers, and {n} windows were asked about", list.len()));
    }
    let number = |value: &Value| match value {
        Value::Null => Ok(None),
        Value::Number(x) => match x.as_f64() {
            Some(x) if x.is_finite() => Ok(Some(x)),
            _ => Err("`values` holds a number that is not finite".to_owned()),
        },
        _ => Err("`values` holds something else than numbers and null".to_owned()),
    };
    list.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_written_row_by_row() {
        let symbols = [Symbol::new("A").expect("a symbol"), Symbol::new("B").expect("a symbol")];
        let mut out = Vec::new();
        push_windows(&mut out, &[(1, &[0.1, 2.0, -0.0, 1e300]), (0, &[1.0, 2.0])], &symbols, 2);
        let text = format!("{{\"x\":0{}}}", String::from_utf8(out).expect("text"));
        let read: Value = serde_json::from_str(&text).expect("JSON");
        let wanted = serde_json::json!([
            { "symbol": "B", "rows": [[0.1, 2.0], [-0.0, 1e300]] }, { "symbol": "A", "rows": [[1.0, 2.0]] }
        ]);
        assert_eq!(read["windows"], wanted);
    }

    #[test]
    fn answers_are_numbers_for_all_windows() {
        let read = |text: &str| match serde_json::from_str(text).expect("JSON") {
            Value::Object(answer) => values(&answer, 2),
            _ => unreachable!("the test's answers are objects"),
        };
        // 0.1 + 0.2 needs all 17 digits: the bits survive the way through text.
        assert_eq!(read(r#"{"values":[0.30000000000000004, null]}"#), Ok(vec![Some(0.1 + 0.2), None]));
        assert_eq!(read(r#"{"values":[3, -2]}"#), Ok(vec![Some(3.0), Some(-2.0)]));
        for bad in [r#"{"values":[1]}"#, r#"{"values":[1,"2"]}"#, r#"{"values":1}"#, "{}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
