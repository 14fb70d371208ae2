//! What a run is made of, ready to begin: everything that can be refused was refused before.

use crate::net::clickhouse::Tables;
use crate::net::rest::Rest;
use crate::pace::Pace;
use sigc_engine::{Engine, Predict};
use sigc_journal::Journal;
use sigc_market::{Symbol, Ts};
use sigc_runtime::live::conductor::{CatchUp, SourceSetup};
use sigc_runtime::live::entry::Restored;
use sigc_runtime::live::outbox::Batching;
use sigc_runtime::{Sink, Subscription};
use std::path::PathBuf;
use std::time::Duration;

/// A run, ready to begin.
pub struct RunSpec {
    /// The pipeline's name.
    pub pipeline: String,
    /// Number of this run, in every log line.
    pub run_id: String,
    /// An engine whose outputs are [`sigc_plan::Plan::signal_columns`].
    pub engine: Engine,
    /// The plan's models by id.
    pub models: Vec<Box<dyn Predict>>,
    /// The data steps, in the order of the plan.
    pub sources: Vec<SourceSpec>,
    /// Symbols that rows are emitted for.
    pub symbols: Vec<Symbol>,
    /// The sinks, in the order of the pipeline.
    pub sinks: Vec<SinkSpec>,
    /// Where the run writes itself down.
    pub journal: Journal,
    /// What the journal has of earlier runs.
    pub restored: Option<Restored>,
    /// `warmup.catch_up`
    pub catch_up: CatchUp,
    /// `warmup.lookback_days`
    pub lookback_ms: Option<i64>,
    /// `scheduling.buffer_minutes`
    pub buffer_ms: i64,
    /// Where the run ends by itself.
    pub until: Option<Ts>,
    /// How fast time passes.
    pub pace: Pace,
    /// Limits of the end.
    pub limits: Limits,
    /// The effective configuration, for the journal: no secrets.
    pub configuration: serde_json::Value,
}

/// How long the parts of a run may take to end, in real time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Each source, from the stop to its last task.
    pub intake: Duration,
    /// What was taken in until it is computed and stored.
    pub compute: Duration,
    /// Each sink, until it has what is stored.
    pub sinks: Duration,
    /// The journal and the status page.
    pub connections: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            intake: Duration::from_secs(10),
            compute: Duration::from_secs(30),
            sinks: Duration::from_secs(30),
            connections: Duration::from_secs(10),
        }
    }
}

/// A data step and how its bars are fetched.
pub struct SourceSpec {
    /// What the machines know.
    pub setup: SourceSetup,
    /// The step's name: `data.binance_futures`.
    pub using: String,
    /// What the tasks know.
    pub io: SourceIo,
}

/// How bars come.
pub enum SourceIo {
    /// A venue's streams and requests.
    Venue(VenueIo),
    /// A table that is polled.
    Table(Tables),
    /// The clock alone.
    Clock,
}

/// A venue's addresses.
pub struct VenueIo {
    /// Its requests, which also know the venue and its clock.
    pub rest: Rest,
    /// Base address of its streams.
    pub ws_base: String,
    /// Base address of its archives and the folder they are kept in, where there are any.
    pub archives: Option<(String, PathBuf)>,
}

/// A sink, open.
pub struct SinkSpec {
    /// Its step and target, for messages: ``csv_append `out.csv` ``.
    pub name: String,
    /// The sink.
    pub sink: Box<dyn Sink>,
    /// What it gets.
    pub subscriptions: Vec<Subscription>,
    /// How its rows are put together.
    pub batching: Batching,
}
