//! The command line.

use crate::bars::BarsArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Checks, plans and runs pipelines for trading signals.
#[derive(Debug, Parser)]
#[command(name = "sigc", version, about = "Checks, plans and runs pipelines for trading signals")]
#[command(propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// Colours: `auto` means in a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// No progress and no notes, only results and errors.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// In a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the mistakes in pipeline files, all of them, without running anything.
    ///
    /// Exit status: 0 no errors, 1 errors (or warnings with --deny-warnings), 2 a mistake in the call.
    Check(Check),
    /// Show what a pipeline does and how much history it needs.
    Plan(Plan),
    /// Print a pipeline after its grids are unrolled, as YAML.
    Expand(Expand),
    /// Compute all columns for all rows of recorded bars.
    Backfill(Backfill),
    /// Prove on recorded bars that batch, stream, splits and restarts give the same bits, and that nothing looks ahead.
    Verify(Verify),
    /// Run a pipeline and write its predictions to its sinks.
    Run(Run),
    /// Open the simulated exchange as a server: Binance and Bybit over real sockets, seeded, with faults by script.
    Sim(Sim),
    /// Sum up the journal of a live run: is every expected bar accounted for, and how far is each sink?
    ///
    /// Works beside a run that is in progress. Exit status: 0 every bar has its entry, 1 some have none.
    Audit(Audit),
    /// Tell what became of one row of a live run, and which bars led to it.
    Why(Why),
    /// Print the page of a diagnostic code.
    Explain(Explain),
    /// List the steps that pipelines can use, or show one.
    Features(Features),
    /// Print the JSON Schema of pipeline files, for editors, or the fields of the records that sinks get.
    Schema(Schema),
    /// Make an example with bars and a model from a seed, and run it to a CSV file with predictions.
    Demo(Demo),
}

/// `sigc check`
#[derive(Debug, Args)]
pub struct Check {
    /// Pipeline files; `-` reads standard input.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// How findings are printed: human, json, sarif, github, junit.
    #[arg(long, default_value = "human")]
    pub format: sigc_diag::emit::Format,
    /// Warnings fail the check.
    #[arg(long)]
    pub deny_warnings: bool,
    /// Apply the fixes that are safe, in place.
    #[arg(long)]
    pub fix: bool,
    /// Ask the sources and sinks, too: are they reachable, do their tables fit, may we write? Changes nothing.
    #[arg(long)]
    pub online: bool,
    /// With --online: let sinks and models of the pipeline start child processes.
    #[arg(long, requires = "online")]
    pub allow_process: bool,
}

/// `sigc schema`
#[derive(Debug, Args)]
pub struct Schema {
    /// The fields of the records that sinks get: names, types, meanings, as JSON.
    #[arg(long)]
    pub records: bool,
}

/// How `plan` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// Tables.
    Human,
    /// One JSON object.
    Json,
    /// Graphviz.
    Dot,
    /// Mermaid flowchart.
    Mermaid,
    /// A picture.
    Svg,
}

/// `sigc plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// The pipeline file; `-` reads standard input.
    pub file: PathBuf,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = PlanFormat::Human)]
    pub format: PlanFormat,
    /// Print one stage of the compiler: tree, expanded, typed, dag, schedule, plan.
    #[arg(long, conflicts_with = "column")]
    pub stage: Option<String>,
    /// Explain the history one column needs: FRAME.COLUMN.
    #[arg(long)]
    pub column: Option<String>,
}

/// `sigc expand`
#[derive(Debug, Args)]
pub struct Expand {
    /// The pipeline file; `-` reads standard input.
    pub file: PathBuf,
}

/// `sigc backfill`
#[derive(Debug, Args)]
pub struct Backfill {
    /// The pipeline file.
    pub file: PathBuf,
    /// Recorded bars: a file or folder of csv, csv.gz, zip, parquet. Repeat as FRAME=PATH for several sources.
    #[arg(long, required = true)]
    pub bars: Vec<String>,
    /// How recorded bars are read.
    #[command(flatten)]
    pub recorded: BarsArgs,
    /// Where rows go: a .parquet, .csv or .csv.gz file.
    #[arg(long)]
    pub out: PathBuf,
    /// Which frame's rows; the one the model reads when left out.
    #[arg(long)]
    pub frame: Option<String>,
    /// Threads; all cores when left out.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Replace the file if it is there.
    #[arg(long)]
    pub overwrite: bool,
    /// Let models of the pipeline start child processes.
    #[arg(long)]
    pub allow_process: bool,
    /// Write the table that a model is trained on, and what the pipeline knows of it into a manifest: into this
    /// folder, or the one that the model's step names when left out. The model need not be there; its columns are left
    /// out.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "", value_name = "FOLDER")]
    pub manifest: Option<String>,
    /// Of several models the one that makes this column: FRAME.COLUMN.
    #[arg(long, requires = "manifest")]
    pub model: Option<String>,
    /// Replace the manifest of a folder that holds a model; its weights are left alone.
    #[arg(long, requires = "manifest")]
    pub overwrite_manifest: bool,
}

/// `sigc verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// The pipeline file.
    pub file: PathBuf,
    /// Recorded bars: a file or folder of csv, csv.gz, zip, parquet. Repeat as FRAME=PATH for several sources.
    #[arg(long, required = true)]
    pub bars: Vec<String>,
    /// How recorded bars are read.
    #[command(flatten)]
    pub recorded: BarsArgs,
    /// Random splits of the stream to try.
    #[arg(long, default_value_t = 20)]
    pub splits: usize,
    /// Random restarts from exactly the needed history to try.
    #[arg(long, default_value_t = 20)]
    pub restarts: usize,
    /// Seed of the random choices.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Let models of the pipeline start child processes.
    #[arg(long)]
    pub allow_process: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `sigc run`
#[derive(Debug, Args)]
pub struct Run {
    /// The pipeline file.
    pub file: PathBuf,
    /// Recorded bars in place of the live source. Repeat as FRAME=PATH for several sources.
    #[arg(long)]
    pub replay: Vec<String>,
    /// How recorded bars are read.
    #[command(flatten)]
    pub recorded: BarsArgs,
    /// Run against the simulated exchange, in this process; rows go to files below `sigc-simulated`.
    #[arg(long, conflicts_with = "exchange")]
    pub simulate: bool,
    /// Run against a simulated exchange that `sigc sim` has opened: HOST:PORT.
    #[arg(long)]
    pub exchange: Option<String>,
    /// Send the rows of a simulation to databases and services, too, not only to files.
    #[arg(long)]
    pub to_real_sinks: bool,
    /// Let sinks and models of the pipeline start child processes.
    #[arg(long)]
    pub allow_process: bool,
    /// What goes wrong at the simulated exchange: none, random, random-gaps (bars are missing, too), or a file with a
    /// script.
    #[arg(long, requires = "simulate")]
    pub faults: Option<String>,
    /// Seed of the simulated exchange.
    #[arg(long, default_value_t = 7, requires = "simulate")]
    pub seed: u64,
    /// Stop at this instant: ISO 8601, for example 2025-06-01T00:00:00Z.
    #[arg(long)]
    pub until: Option<String>,
    /// N times real speed, for --replay (as fast as possible when left out) and --simulate (60 when left out).
    #[arg(long)]
    pub speed: Option<f64>,
    /// The folder of journal, logs and archives; `sigc-state/NAME` when left out.
    #[arg(long, env = "SIGC_STATE")]
    pub state: Option<PathBuf>,
    /// Where metrics and health are served, such as 127.0.0.1:9464; nowhere when left out.
    #[arg(long, env = "SIGC_LISTEN")]
    pub listen: Option<std::net::SocketAddr>,
    /// The folder of log files; `logs` below the state when left out.
    #[arg(long)]
    pub log_folder: Option<PathBuf>,
    /// What is logged: error, warn, info, debug, or directives such as info,sigc_live=debug.
    #[arg(long, default_value = "info", env = "SIGC_LOG")]
    pub log_level: String,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = LogFormat::Human)]
    pub log_format: LogFormat,
}

impl Run {
    /// A replay of a file or folder of bars, with nothing else asked for.
    pub fn of_bars(file: &str, bars: &str) -> Run {
        Run {
            file: file.into(),
            replay: vec![bars.into()],
            recorded: BarsArgs { bars_interval: None, symbols: None },
            simulate: false,
            exchange: None,
            to_real_sinks: false,
            allow_process: false,
            faults: None,
            seed: 7,
            until: None,
            speed: None,
            state: None,
            listen: None,
            log_folder: None,
            log_level: "info".into(),
            log_format: LogFormat::Human,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// `sigc sim`
#[derive(Debug, Args)]
pub struct Sim {
    /// What trades there, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "BTCUSDT,ETHUSDT,SOLUSDT,XRPUSDT")]
    pub symbols: Vec<String>,
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: std::net::SocketAddr,
    /// Venue seconds per real second, 1 to 50000.
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
    /// Seed of prices, lags and random faults.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Venue time at the start: ISO 8601.
    #[arg(long)]
    pub start: Option<String>,
    /// Days of history before the start.
    #[arg(long, default_value_t = 120)]
    pub history_days: u32,
    /// Interval of the bars that all others are made of.
    #[arg(long, default_value = "1m")]
    pub base: String,
    /// Venue time between the forming frames of a stream; as the venues do when left out.
    #[arg(long)]
    pub frame_ms: Option<i64>,
    /// What goes wrong: none, random, random-gaps (bars are missing, too), or a file with a script.
    #[arg(long)]
    pub faults: Option<String>,
    /// Ends after so many real seconds.
    #[arg(long)]
    pub real_seconds: Option<u64>,
    /// At the end, write the true bars into this folder, for `sigc backfill --bars`.
    #[arg(long)]
    pub truth: Option<PathBuf>,
}

/// `sigc audit`
#[derive(Debug, Args)]
pub struct Audit {
    /// The pipeline file of the run.
    pub file: PathBuf,
    /// The run's state folder; `sigc-state/NAME` when left out.
    #[arg(long)]
    pub state: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `sigc why`
#[derive(Debug, Args)]
pub struct Why {
    /// The pipeline file of the run.
    pub file: PathBuf,
    /// The symbol: BTCUSDT.
    pub symbol: String,
    /// The row's `ts`: ISO 8601, for example 2025-06-01T00:15:00Z, or milliseconds since 1970.
    pub ts: String,
    /// Only this signal; of several, all that have such a row when left out.
    #[arg(long, value_name = "NAME")]
    pub signal: Option<String>,
    /// The run's state folder; `sigc-state/NAME` when left out.
    #[arg(long)]
    pub state: Option<PathBuf>,
    /// Print JSON: an object, or a list of them where the pipeline has several signals and none is named.
    #[arg(long)]
    pub json: bool,
}

/// `sigc explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// The code: E0203. All codes are listed when left out.
    pub code: Option<String>,
}

/// `sigc features`
#[derive(Debug, Args)]
pub struct Features {
    /// One step in full: features.rsi.
    pub name: Option<String>,
    /// Print Markdown: the reference in docs/.
    #[arg(long)]
    pub markdown: bool,
}

/// `sigc demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Which example: minimal or bilstm.
    #[arg(default_value = "minimal")]
    pub example: String,
    /// The folder the example is made in.
    #[arg(long, default_value = "sigc-demo")]
    pub dir: PathBuf,
    /// Seed of bars and weights.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
}
