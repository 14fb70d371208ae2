//! Recorded bars for the sources of a plan.

use crate::failure::Failure;
use crate::progress::Progress;
use crate::run_failure::engine_failure;
use crate::terminal::Terminal;
use sigc_connectors::TIMER;
use sigc_connectors::bars::{BarsError, ReadOptions, coarsen, read_bars};
use sigc_engine::{EngineError, PanelInput};
use sigc_market::{Bar, Interval, N_FIELDS, NULL, Symbol, Ts};
use sigc_plan::{FrameId, Plan};
use sigc_runtime::replay::Feed;
use std::path::{Path, PathBuf};

/// How recorded bars are asked for on the command line.
#[derive(Debug, Clone, clap::Args)]
pub struct BarsArgs {
    /// The files hold bars of this finer interval: they are made into the pipeline's own first.
    #[arg(long, value_name = "INTERVAL")]
    pub bars_interval: Option<String>,
    /// Only these symbols of the universe, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub symbols: Option<Vec<String>>,
}

/// The bars of every source, by symbol.
pub struct Recorded {
    /// The symbols that are run, in the order of the universe.
    pub symbols: Vec<Symbol>,
    /// Per source and symbol.
    bars: Vec<(FrameId, Vec<Vec<Bar>>)>,
}

impl Recorded {
    /// As the panel driver takes them: per symbol, the bars of each source.
    pub fn by_symbol(&self) -> Vec<Vec<(FrameId, &[Bar])>> {
        (0..self.symbols.len())
            .map(|s| self.bars.iter().map(|(f, by_symbol)| (*f, by_symbol[s].as_slice())).collect())
            .collect()
    }

    /// As a replay takes them.
    pub fn feeds(&self) -> Vec<Feed<'_>> {
        let mut feeds = Vec::new();
        for (symbol, sources) in self.by_symbol().into_iter().enumerate() {
            feeds.extend(sources.into_iter().map(|(frame, bars)| Feed { symbol, frame, bars }));
        }
        feeds
    }

    /// How many bars there are in all.
    pub fn n_bars(&self) -> u64 {
        self.bars.iter().flat_map(|(_, by_symbol)| by_symbol).map(|b| b.len() as u64).sum()
    }

    /// Inputs of the panel driver over slices that [`Recorded::by_symbol`] gave.
    pub fn inputs<'a>(by_symbol: &'a [Vec<(FrameId, &'a [Bar])>]) -> Vec<PanelInput<'a>> {
        by_symbol.iter().enumerate().map(|(symbol_index, bars)| PanelInput { symbol_index, bars }).collect()
    }
}

/// Reads the bars that `paths` name for the sources of a plan.
///
/// # Errors
/// A path that fits no source, unknown symbols, and everything that can be wrong with bar files.
pub fn read(plan: &Plan, paths: &[String], args: &BarsArgs, term: &mut Terminal) -> Result<Recorded, Failure> {
    let symbols = wanted_symbols(plan, args)?;
    let finer = args.bars_interval.as_deref().map(finer_interval).transpose()?;
    let mut bars = Vec::new();
    for source in plan.sources.iter().filter(|s| s.using != TIMER) {
        let frame = plan.frame(source.frame);
        let path = path_of(plan, &frame.name, paths)?;
        let interval = finer.unwrap_or(frame.interval);
        if interval != frame.interval && !frame.interval.is_multiple_of(interval) {
            return Err(Failure::usage(
                format!("bars of {interval} do not make bars of {} for `{}`", frame.interval, frame.name),
                "`--bars-interval` is finer than the pipeline's interval and divides it",
            ));
        }
        let progress = Progress::start(term, "reading bars", 1);
        // A source is asked for its own symbols only; of the others it has no bars.
        let own: Vec<Symbol> = symbols.iter().filter(|s| source.symbols.contains(s)).cloned().collect();
        if own.is_empty() {
            bars.push((source.frame, vec![Vec::new(); symbols.len()]));
            continue;
        }
        let options = ReadOptions { symbols: Some(&own), ..ReadOptions::all(interval) };
        let read = read_bars(&path, &options, &mut |p| {
            progress.of(p.n_bytes);
            progress.at(p.bytes_done);
        });
        drop(progress);
        let mut by_symbol = vec![Vec::new(); symbols.len()];
        for symbol in read.map_err(bars_failure)? {
            if !term.quiet {
                for note in &symbol.notes {
                    term.note(&format!("note: {}: {note}", symbol.symbol));
                }
            }
            let same = interval == frame.interval;
            let made = if same { symbol.bars } else { coarsen(&symbol.bars, interval, frame.interval) };
            if let Some(place) = symbols.iter().position(|s| *s == symbol.symbol) {
                by_symbol[place] = made;
            }
        }
        bars.push((source.frame, by_symbol));
    }
    if bars.is_empty() {
        return Err(Failure::usage(
            "a timer alone has no time to cover",
            "its rows cover the time of the bars of other data steps: add one, or run it live",
        ));
    }
    for source in plan.sources.iter().filter(|s| s.using == TIMER) {
        let interval = plan.frame(source.frame).interval;
        let rows = |(s, symbol): (usize, &Symbol)| {
            if source.symbols.contains(symbol) { ticks(interval, span(plan, &bars, s)) } else { Vec::new() }
        };
        let rows = symbols.iter().enumerate().map(rows).collect();
        bars.push((source.frame, rows));
    }
    Ok(Recorded { symbols, bars })
}

/// The first instant and the end of a symbol's bars over all frames.
fn span(plan: &Plan, bars: &[(FrameId, Vec<Vec<Bar>>)], symbol: usize) -> Option<(Ts, Ts)> {
    let of = |(frame, by_symbol): &(FrameId, Vec<Vec<Bar>>)| {
        let interval = plan.frame(*frame).interval;
        let (first, last) = (by_symbol[symbol].first()?, by_symbol[symbol].last()?);
        Some((first.open_time, interval.close_of(interval.index_of(last.open_time))))
    };
    bars.iter().filter_map(of).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// The rows of a timer that are over by the end of a span, from the one that its beginning lies in.
fn ticks(interval: Interval, span: Option<(Ts, Ts)>) -> Vec<Bar> {
    let Some((from, to)) = span else { return Vec::new() };
    let rows = interval.index_of(from)..=interval.last_closed(to);
    rows.map(|row| Bar { open_time: interval.open_of(row), values: [NULL; N_FIELDS] }).collect()
}

/// A fault of bar files as a command's failure.
pub fn bars_failure(error: BarsError) -> Failure {
    let mut help = error.help();
    if error.code() == "E0508" {
        help += "; `--bars-interval` reads files of finer bars";
    }
    Failure::coded(error.code(), &error, help)
}

/// The symbols of the signals, or those of them that were asked for.
fn wanted_symbols(plan: &Plan, args: &BarsArgs) -> Result<Vec<Symbol>, Failure> {
    let universe = plan.symbols();
    let Some(wanted) = &args.symbols else { return Ok(universe) };
    for w in wanted {
        if !universe.iter().any(|s| s.as_str() == w) {
            let known: Vec<&str> = universe.iter().map(Symbol::as_str).collect();
            let help = format!("its universe is {}", known.join(", "));
            return Err(Failure::usage(format!("the pipeline has no symbol `{w}`"), help));
        }
    }
    let needed = universe.len();
    let chosen: Vec<Symbol> = universe.into_iter().filter(|s| wanted.iter().any(|w| w == s.as_str())).collect();
    if chosen.len() < needed && !plan.cross_section().is_empty() {
        return Err(engine_failure(EngineError::Universe { needed, given: chosen.len() }, &chosen, plan));
    }
    Ok(chosen)
}

fn finer_interval(text: &str) -> Result<Interval, Failure> {
    Interval::parse(text).map_err(|e| Failure::usage(format!("`{text}` is not an interval"), e.to_string()))
}

/// The path given for a frame: `FRAME=PATH`, or the one path there is.
fn path_of(plan: &Plan, frame: &str, paths: &[String]) -> Result<PathBuf, Failure> {
    let recorded = plan.sources.iter().filter(|s| s.using != TIMER);
    let frames: Vec<&str> = recorded.map(|s| plan.frame(s.frame).name.as_str()).collect();
    let named = paths.iter().filter_map(|p| p.split_once('=').filter(|(f, _)| frames.contains(f)));
    if let Some((_, path)) = named.clone().find(|(f, _)| *f == frame) {
        return Ok(Path::new(path).to_path_buf());
    }
    let bare: Vec<&String> =
        paths.iter().filter(|p| p.split_once('=').is_none_or(|(f, _)| !frames.contains(&f))).collect();
    match bare.as_slice() {
        [one] => Ok(Path::new(one).to_path_buf()),
        [] => Err(Failure::usage(
            format!("no bars are given for `{frame}`"),
            format!("add `{frame}=PATH`; frames with bars of their own: {}", frames.join(", ")),
        )),
        _ => {
            Err(Failure::usage("several paths without a frame", format!("write FRAME=PATH with {}", frames.join(", "))))
        }
    }
}
