//! The metrics of data steps and sinks: their names, their help, and the series of each.

use super::SourceNames;
use super::labels::{GapKind, Label, LinkEnd, Outcome, RequestKind};
use super::series::{self, Counters, Declare, Float, Histograms, Labels, Shown};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;
use sigc_runtime::live::entry::{OddityKind, Origin};

/// The series of a data step.
pub(super) struct Source {
    pub(super) bars: Vec<Counter>,
    pub(super) bar_latency: Vec<Histogram>,
    pub(super) gaps: Vec<Counter>,
    pub(super) oddities: Vec<Counter>,
    pub(super) nonsense: Counter,
    pub(super) links_opened: Counter,
    pub(super) links_ended: Vec<Counter>,
    pub(super) links_open: Shown<Gauge>,
    pub(super) links: Shown<Gauge>,
    /// Per kind, per outcome.
    pub(super) requests: Vec<Vec<Counter>>,
    pub(super) request_seconds: Vec<Histogram>,
    pub(super) weight_used: Shown<Gauge>,
    pub(super) weight_limit: Shown<Gauge>,
    pub(super) cooling: Shown<Gauge>,
    pub(super) silences: Counter,
    pub(super) quarantined: Shown<Gauge>,
    pub(super) overruns: Counter,
    pub(super) overrun_seconds: Histogram,
    pub(super) staleness: Vec<Shown<Float>>,
}

/// The series of a sink.
pub(super) struct Sink {
    pub(super) rows: Counter,
    pub(super) latency: Histogram,
    pub(super) write_seconds: Histogram,
    pub(super) failures: Counter,
    pub(super) backlog: Shown<Gauge>,
    pub(super) stalled: Shown<Gauge>,
}

/// The labels `of` and each value of `L`.
fn values<L: Label>(of: &[(&'static str, &str)]) -> impl Iterator<Item = Labels> {
    L::VALUES
        .iter()
        .map(move |value| of.iter().chain([&(L::NAME, *value)]).map(|(n, v)| (*n, (*v).to_owned())).collect())
}

/// A counter for each value of `L`.
pub(super) fn each<L: Label>(family: &Counters, of: &[(&'static str, &str)]) -> Vec<Counter> {
    values::<L>(of).map(|labels| family.get_or_create_owned(&labels)).collect()
}

/// A histogram for each value of `L`.
fn each_seconds<L: Label>(family: &Histograms, of: &[(&'static str, &str)]) -> Vec<Histogram> {
    values::<L>(of).map(|labels| family.get_or_create_owned(&labels)).collect()
}

/// Declares the metrics of data steps, with the series of each.
pub(super) fn sources(d: &mut Declare<'_>, names: &[SourceNames]) -> Vec<Source> {
    let bars = d.counters("bars", "Closed bars that were taken");
    let bar_latency = d.all_seconds("bar_latency", "From a bar's close until it was taken");
    let gaps = d.counters("gaps", "Bars that were given up");
    let oddities = d.counters("oddities", "Bars that changed nothing");
    let nonsense = d.counters("nonsense_frames", "Frames off the grid or from the future");
    let links_opened = d.counters("links_opened", "Connections that stood");
    let links_ended = d.counters("links_ended", "Connections that ended or were not made");
    let links_open = d.gauges("links_open", "Connections that stand", None);
    let links = d.gauges("links", "Connections that there are to be", None);
    let requests = d.counters("requests", "Requests by how they ended");
    let request_seconds = d.all_seconds("request", "A request until its answer");
    let weight_used = d.gauges("request_weight_used", "Weight used in the venue's window", None);
    let weight_limit = d.gauges("request_weight_limit", "Weight allowed in the venue's window", None);
    let cooling = d.gauges("cooling", "1 while the venue wants a pause", None);
    let silences = d.counters("stream_silences", "Streams that showed no frame for too long");
    let quarantined = d.gauges("quarantined_symbols", "Symbols that are not asked for any more", None);
    let overruns = d.counters("poll_overruns", "Poll cycles that took longer than planned");
    let overrun_seconds = d.all_seconds("poll_overrun", "By how much a poll cycle took longer than planned");
    let staleness = d.gauges("staleness", "How far a symbol is behind the venue's clock", Some(Unit::Seconds));
    let source = |names: &SourceNames| {
        let own = [("source", names.name.as_str())];
        let labels = || series::labels(own);
        let of_kind = |labels: Labels| {
            let pairs: Vec<(&'static str, &str)> = labels.iter().map(|(n, v)| (*n, v.as_str())).collect();
            each::<Outcome>(&requests, &pairs)
        };
        let of_symbol = |symbol: &String| Shown::new(&staleness, series::labels([own[0], ("symbol", symbol)]));
        Source {
            bars: each::<Origin>(&bars, &own),
            bar_latency: each_seconds::<Origin>(&bar_latency, &own),
            gaps: each::<GapKind>(&gaps, &own),
            oddities: each::<OddityKind>(&oddities, &own),
            nonsense: nonsense.get_or_create_owned(&labels()),
            links_opened: links_opened.get_or_create_owned(&labels()),
            links_ended: each::<LinkEnd>(&links_ended, &own),
            links_open: Shown::new(&links_open, labels()),
            links: Shown::new(&links, labels()),
            requests: values::<RequestKind>(&own).map(of_kind).collect(),
            request_seconds: each_seconds::<RequestKind>(&request_seconds, &own),
            weight_used: Shown::new(&weight_used, labels()),
            weight_limit: Shown::new(&weight_limit, labels()),
            cooling: Shown::new(&cooling, labels()),
            silences: silences.get_or_create_owned(&labels()),
            quarantined: Shown::new(&quarantined, labels()),
            overruns: overruns.get_or_create_owned(&labels()),
            overrun_seconds: overrun_seconds.get_or_create_owned(&labels()),
            staleness: names.symbols.iter().map(of_symbol).collect(),
        }
    };
    names.iter().map(source).collect()
}

/// Declares the metrics of sinks, with the series of each.
pub(super) fn sinks(d: &mut Declare<'_>, names: &[String]) -> Vec<Sink> {
    let rows = d.counters("sink_rows", "Rows that a sink confirmed");
    let latency = d.all_seconds("sink_latency", "From a bar's close until a sink confirmed its row");
    let write_seconds = d.all_seconds("sink_write", "One write to a sink");
    let failures = d.counters("sink_failures", "Writes that a sink did not confirm");
    let backlog = d.gauges("sink_backlog_rows", "Rows that a sink has not confirmed", None);
    let stalled = d.gauges("sink_stalled", "1 while a sink does not answer within its limit", None);
    let sink = |name: &String| {
        let labels = || series::labels([("sink", name)]);
        Sink {
            rows: rows.get_or_create_owned(&labels()),
            latency: latency.get_or_create_owned(&labels()),
            write_seconds: write_seconds.get_or_create_owned(&labels()),
            failures: failures.get_or_create_owned(&labels()),
            backlog: Shown::new(&backlog, labels()),
            stalled: Shown::new(&stalled, labels()),
        }
    };
    names.iter().map(sink).collect()
}
