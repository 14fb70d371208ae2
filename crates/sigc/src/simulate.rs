//! The simulated exchange beside a run, in one process.

use crate::cli::Run;
use crate::failure::Failure;
use crate::terminal::Terminal;
use sigc_market::{Interval, Ts};
use sigc_plan::Plan;
use sigc_sim::{Config, Exchange, Listing, Random, Running, Script, random};
use std::collections::BTreeSet;

const DAY_MS: i64 = 86_400_000;
/// History beyond what the pipeline needs.
const SPARE_DAYS: i64 = 10;
/// Mean venue time between two random faults.
const MEAN_FAULT_MS: i64 = 30 * 60_000;
/// Random faults are planned for so long.
const FAULTS_FOR_MS: i64 = 60 * DAY_MS;

/// An exchange that lives as long as this does.
pub struct Simulated {
    exchange: Option<Running>,
    own: tokio::runtime::Runtime,
    host: String,
}

impl Simulated {
    /// Opens an exchange that trades the pipeline's symbols.
    pub fn start(plan: &Plan, speed: f64, args: &Run, term: &mut Terminal) -> Result<Simulated, Failure> {
        let own = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sigc-exchange")
            .enable_all()
            .build()
            .map_err(|e| Failure::coded("E0533", e, ""))?;
        let config = config(plan, speed, args.seed, args.faults.as_deref())?;
        let exchange = own
            .block_on(Exchange::start(config))
            .map_err(|e| Failure::coded("E0534", e, "the simulated exchange listens on a free port of this machine"))?;
        let host = exchange.addr.to_string();
        if !term.quiet {
            let now = exchange.clock().now();
            term.note(&format!(
                "simulated exchange on {host}, {speed} times as fast as real time, from {now}, seed {}",
                args.seed
            ));
        }
        Ok(Simulated { exchange: Some(exchange), own, host })
    }

    /// Where it listens.
    pub fn host(&self) -> String {
        self.host.clone()
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            self.own.block_on(exchange.stop());
        }
    }
}

/// An exchange for a pipeline: its symbols, bars of its finest interval, history for its warmup.
fn config(plan: &Plan, speed: f64, seed: u64, faults: Option<&str>) -> Result<Config, Failure> {
    let symbols: BTreeSet<&str> = plan.sources.iter().flat_map(|s| &s.symbols).map(|s| s.as_str()).collect();
    let finest = plan.sources.iter().map(|s| plan.frame(s.frame).interval).min_by_key(|i| i.max_millis());
    let mut config = Config::with_symbols(symbols);
    config.seed = seed;
    config.speed = speed;
    config.base = finest.unwrap_or(config.base);
    let needs = plan.needs();
    let of = |s: &sigc_plan::Source| {
        needs.of(s.frame).map_or(0, |n| n.rows).saturating_mul(plan.frame(s.frame).interval.max_millis())
    };
    let history = plan.sources.iter().map(of).max().unwrap_or(0) + SPARE_DAYS * DAY_MS;
    config.history_from = Some(Ts(config.start.0 - history));
    config.faults = script(faults, &config, seed, finest)?;
    Ok(config)
}

/// `none`, `random`, `random-gaps`, or a file with a script. Only the third changes what the venue traded: bars are
/// missing or flat.
pub fn script(faults: Option<&str>, config: &Config, seed: u64, interval: Option<Interval>) -> Result<Script, Failure> {
    match faults {
        None | Some("none") => Ok(Script::default()),
        Some(word @ ("random" | "random-gaps")) => Ok(random(
            seed,
            &Random {
                from: Ts(config.start.0 + 60_000),
                to: Ts(config.start.0 + FAULTS_FOR_MS),
                mean_ms: MEAN_FAULT_MS,
                interval: interval.unwrap_or(config.base),
                symbols: config.symbols.iter().map(|l: &Listing| l.symbol.clone()).collect(),
                change_truth: word == "random-gaps",
            },
        )),
        Some(path) => {
            let failed = |e: String| {
                Failure::coded(
                    "E0534",
                    format!("`{path}`: {e}"),
                    "a script is a JSON list of faults; `none`, `random` and `random-gaps` are words for one",
                )
            };
            let text = std::fs::read_to_string(path).map_err(|e| failed(crate::load::plain(&e)))?;
            serde_json::from_str(&text).map_err(|e| failed(e.to_string()))
        }
    }
}

/// REST, streams and archives of a data step at a simulated exchange.
pub fn addresses_of(using: &str, host: &str) -> Option<[String; 3]> {
    let rest = format!("http://{host}");
    let bulk = format!("http://{host}/");
    Some(match using {
        "data.binance_futures" => [rest, format!("ws://{host}/market"), bulk],
        "data.binance_spot" => [rest, format!("ws://{host}"), bulk],
        "data.bybit_linear" => [rest, format!("ws://{host}/v5/public/linear"), String::new()],
        "data.bybit_spot" => [rest, format!("ws://{host}/v5/public/spot"), String::new()],
        _ => return None,
    })
}
