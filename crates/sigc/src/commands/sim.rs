//! `sigc sim`: the simulated exchange as a server of its own.

use crate::cli::Sim;
use crate::failure::{Failure, Outcome};
use crate::load::plain;
use crate::simulate::script;
use crate::terminal::Terminal;
use sigc_market::{Interval, Ts};
use sigc_sim::{Config, Exchange, Venue};
use std::path::Path;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;

/// Serves until Ctrl+C, SIGTERM or the time that was asked for; then writes the truth if that was asked for.
pub fn run(args: &Sim, term: &mut Terminal) -> Outcome {
    let mut config = Config::with_symbols(args.symbols.iter().map(String::as_str));
    config.addr = args.listen;
    config.seed = args.seed;
    config.speed = args.speed;
    config.base = interval(&args.base)?;
    if let Some(ms) = args.frame_ms {
        (config.futures_frame_ms, config.spot_frame_ms, config.bybit_frame_ms) = (ms, ms, ms);
    }
    if let Some(start) = &args.start {
        config.start = super::run::instant(start)?;
    }
    config.history_from = Some(Ts(config.start.0 - i64::from(args.history_days) * DAY_MS));
    config.faults = script(args.faults.as_deref(), &config, args.seed, Some(config.base))?;
    let (from, base) = (config.history_from(), config.base);
    let own = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("sigc-exchange")
        .enable_all()
        .build()
        .map_err(|e| Failure::coded("E0533", e, ""))?;
    own.block_on(async {
        let exchange = Exchange::start(config)
            .await
            .map_err(|e| Failure::coded("E0534", e, "`--listen 127.0.0.1:0` takes a free port"))?;
        let addr = exchange.addr;
        term.note(&format!(
            "simulated exchange on {addr}; `sigc run FILE --exchange {addr} --speed {}` runs a pipeline against it; Ctrl+C stops it",
            args.speed
        ));
        // For scripts: the address alone.
        term.print(&addr.to_string());
        term.flush();
        let limit = async {
            match args.real_seconds {
                Some(s) => tokio::time::sleep(Duration::from_secs(s)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stopped() => {}
            () = limit => {}
        }
        let to = exchange.clock().now();
        if let Some(folder) = &args.truth {
            write_truth(&exchange, folder, base, from, to)?;
            term.note(&format!("the truth until {to} is in {}", folder.display()));
        }
        exchange.stop().await;
        Ok(0)
    })
}

fn write_truth(exchange: &sigc_sim::Running, folder: &Path, base: Interval, from: Ts, to: Ts) -> Result<(), Failure> {
    let closed = base.open_of(base.index_of(to));
    exchange
        .write_truth(folder, Venue::Futures, base, from, closed)
        .map(drop)
        .map_err(|e| Failure::coded("E0512", format!("`{}`: {}", folder.display(), plain(&e)), "name another folder"))
}

fn interval(text: &str) -> Result<Interval, Failure> {
    Interval::parse(text).map_err(|e| Failure::usage(format!("`{text}` is not an interval"), e.to_string()))
}

async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut term) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = term.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
