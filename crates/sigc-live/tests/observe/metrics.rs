//! Every metric, read back from the text.

use super::openmetrics::{Family, read};
use sigc_live::observe::metrics::{LinkEnd, Metrics, MetricsSpec, Outcome, RequestKind, SourceNames};
use sigc_live::observe::process::Usage;
use sigc_runtime::live::entry::{OddityKind, Origin, RowFate};
use std::collections::BTreeMap;

const PERP: (&str, &str) = ("source", "perp");
const SINK: (&str, &str) = ("sink", "clickhouse");

/// Label names and values.
type Pairs = &'static [(&'static str, &'static str)];

fn spec() -> MetricsSpec {
    MetricsSpec {
        sources: vec![
            SourceNames { name: "perp".into(), symbols: vec!["BTCUSDT".into(), "ETHUSDT".into()] },
            SourceNames { name: "odd \"name\"\n\\".into(), symbols: vec!["BTCUSDT".into()] },
        ],
        signals: vec!["up".into(), "score".into()],
        sinks: vec!["csv".into(), "clickhouse".into()],
        queues: vec!["bars".into()],
        parts: vec!["compute".into(), "journal".into()],
    }
}

/// Calls every method once, with the last position that there is.
fn record_all(m: &Metrics, source: usize, symbol: u32, sink: usize, name: &str) {
    m.bar(source, Origin::Stream, 0.25);
    m.bar(source, Origin::Archive, None);
    m.gap(source, true);
    m.gap(source, false);
    m.oddity(source, OddityKind::Late);
    m.nonsense(source, 3);
    m.link_opened(source);
    m.link_ended(source, LinkEnd::Silent);
    m.links(source, 2, 3);
    m.request(source, RequestKind::Klines, 0.02, Outcome::Limited);
    m.weight(source, 120, 2_400);
    m.cooling(source, true);
    m.silent(source);
    m.quarantined(source, 4);
    m.row(sink as u16, &RowFate::NullInput);
    m.emitted_latency(0.003);
    m.delivered(sink, 500, 0.07, 0.01);
    m.sink_failed(sink);
    m.sink_backlog(sink, 17);
    m.sink_stalled(sink, true);
    m.store(0.004, 20, 4_096);
    m.store_failed();
    m.queue(name, 5, 4_096);
    m.staleness(source, symbol, 1.5);
    m.ready(1, 2);
    m.warmup(77);
    m.step_seconds(0.000_03);
    m.poll_overrun(source, 1.5, 6.7);
    m.heartbeat(name, 0.5);
    m.log_dropped(9);
    m.process(&Usage { rss_bytes: Some(1 << 20), threads: Some(5), open_fds: Some(11), peak_rss_bytes: None });
    m.uptime(60.5);
    m.build_info("0.1.0", "abc", "r1");
}

fn value(families: &BTreeMap<String, Family>, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let suffixes = ["_total", "_bucket", "_sum", "_count", "_info"];
    let base = suffixes.iter().find_map(|s| name.strip_suffix(s)).filter(|b| families.contains_key(*b));
    let labels: BTreeMap<String, String> = labels.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let family = families.get(base.unwrap_or(name))?;
    family.samples.iter().find(|s| s.name == name && s.labels == labels).map(|s| s.value)
}

#[test]
fn every_metric_is_read_back() {
    let m = Metrics::new(&spec());
    record_all(&m, 0, 1, 1, "bars");
    m.heartbeat("journal", 0.5);
    let families = read(&m.render());
    let expected: &[(&str, Pairs, f64)] = &[
        ("sigc_bars_total", &[PERP, ("origin", "stream")], 1.0),
        ("sigc_bars_total", &[PERP, ("origin", "archive")], 1.0),
        ("sigc_bar_latency_seconds_sum", &[PERP, ("origin", "stream")], 0.25),
        ("sigc_bar_latency_seconds_count", &[PERP, ("origin", "archive")], 0.0),
        ("sigc_gaps_total", &[PERP, ("kind", "unrepaired")], 1.0),
        ("sigc_gaps_total", &[PERP, ("kind", "absent")], 1.0),
        ("sigc_oddities_total", &[PERP, ("kind", "late")], 1.0),
        ("sigc_nonsense_frames_total", &[PERP], 3.0),
        ("sigc_links_opened_total", &[PERP], 1.0),
        ("sigc_links_ended_total", &[PERP, ("reason", "silent")], 1.0),
        ("sigc_links_open", &[PERP], 2.0),
        ("sigc_links", &[PERP], 3.0),
        ("sigc_requests_total", &[PERP, ("kind", "klines"), ("outcome", "limited")], 1.0),
        ("sigc_request_seconds_sum", &[PERP, ("kind", "klines")], 0.02),
        ("sigc_request_weight_used", &[PERP], 120.0),
        ("sigc_request_weight_limit", &[PERP], 2_400.0),
        ("sigc_cooling", &[PERP], 1.0),
        ("sigc_stream_silences_total", &[PERP], 1.0),
        ("sigc_quarantined_symbols", &[PERP], 4.0),
        ("sigc_rows_total", &[("signal", "score"), ("fate", "null_input")], 1.0),
        ("sigc_rows_total", &[("signal", "up"), ("fate", "emitted")], 0.0),
        ("sigc_emit_latency_seconds_bucket", &[("le", "0.005")], 1.0),
        ("sigc_sink_rows_total", &[SINK], 500.0),
        ("sigc_sink_latency_seconds_sum", &[SINK], 0.07),
        ("sigc_sink_write_seconds_sum", &[SINK], 0.01),
        ("sigc_sink_failures_total", &[SINK], 1.0),
        ("sigc_sink_backlog_rows", &[SINK], 17.0),
        ("sigc_sink_stalled", &[SINK], 1.0),
        ("sigc_store_seconds_sum", &[], 0.004),
        ("sigc_store_entries_total", &[], 20.0),
        ("sigc_store_bytes_total", &[], 4_096.0),
        ("sigc_store_failures_total", &[], 1.0),
        ("sigc_queue_depth", &[("queue", "bars")], 5.0),
        ("sigc_queue_capacity", &[("queue", "bars")], 4_096.0),
        ("sigc_staleness_seconds", &[PERP, ("symbol", "ETHUSDT")], 1.5),
        ("sigc_symbols_ready", &[], 1.0),
        ("sigc_symbols", &[], 2.0),
        ("sigc_missing_bars", &[], 77.0),
        ("sigc_step_seconds_bucket", &[("le", "0.00005")], 1.0),
        ("sigc_poll_overruns_total", &[PERP], 1.0),
        ("sigc_poll_overrun_seconds_count", &[PERP], 1.0),
        ("sigc_heartbeat_age_seconds", &[("part", "journal")], 0.5),
        ("sigc_log_lines_dropped_total", &[], 9.0),
        ("sigc_rss_bytes", &[], 1_048_576.0),
        ("sigc_open_fds", &[], 11.0),
        ("sigc_threads", &[], 5.0),
        ("sigc_uptime_seconds", &[], 60.5),
        ("sigc_build_info", &[("version", "0.1.0"), ("fingerprint", "abc"), ("run", "r1")], 1.0),
    ];
    for (name, labels, v) in expected {
        let mut labels = labels.to_vec();
        // How a bound is written is the library's choice.
        let got = if name.ends_with("_bucket") {
            let le: f64 = labels.pop().and_then(|(_, le)| le.parse().ok()).expect("a bound");
            let family = &families[name.trim_end_matches("_bucket")];
            let at = |s: &&super::openmetrics::Sample| s.labels.get("le").and_then(|l| l.parse().ok()) == Some(le);
            family.samples.iter().find(at).map(|s| s.value)
        } else {
            value(&families, name, &labels)
        };
        assert_eq!(got, Some(*v), "{name} {labels:?}");
    }
    assert!(families.keys().all(|name| name.starts_with("sigc_")));
    let units: Vec<&str> = families.values().map(|f| f.unit.as_str()).filter(|u| !u.is_empty()).collect();
    assert!(units.contains(&"seconds") && units.contains(&"bytes"));
    for (name, family) in &families {
        if ["_seconds", "_bytes"].iter().any(|u| name.ends_with(u)) {
            assert!(!family.unit.is_empty(), "{name} does not declare its unit");
        }
    }
    assert_eq!(
        value(&families, "sigc_bars_total", &[("source", "odd \"name\"\n\\"), ("origin", "rest")]),
        Some(0.0),
        "names are escaped"
    );
}

#[test]
fn what_is_not_in_the_pipeline_makes_no_series() {
    let m = Metrics::new(&spec());
    record_all(&m, 0, 0, 0, "bars");
    let series = |m: &Metrics| read(&m.render()).values().map(|f| f.samples.len()).sum::<usize>();
    let before = series(&m);
    for i in 0..1_000 {
        record_all(&m, 2 + i, 0, 2 + i, &format!("unknown {i}"));
        m.staleness(0, 2 + i as u32, 1.0);
    }
    assert_eq!(series(&m), before);
}

#[test]
fn a_gauge_without_a_value_is_not_there_and_no_number_hurts() {
    let m = Metrics::new(&spec());
    let families = read(&m.render());
    for name in ["sigc_rss_bytes", "sigc_ready", "sigc_build", "sigc_symbols"] {
        assert!(!families.contains_key(name), "{name}");
    }
    let samples = |name: &str| families.get(name).map_or(0, |f| f.samples.len());
    assert_eq!((samples("sigc_staleness_seconds"), samples("sigc_links_open")), (0, 0));
    for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300] {
        m.bar(0, Origin::Rest, seconds);
        m.delivered(0, u64::MAX, seconds, seconds);
        m.step_seconds(seconds);
        m.poll_overrun(0, seconds, seconds);
    }
    m.weight(0, u64::MAX, u64::MAX);
    m.log_dropped(5);
    m.log_dropped(3);
    let families = read(&m.render());
    assert_eq!(value(&families, "sigc_log_lines_dropped_total", &[]), Some(5.0), "a counter never falls");
    let sum = value(&families, "sigc_step_seconds_sum", &[]).expect("a sum");
    assert!(sum.is_finite());
}

#[test]
fn threads_count_together() {
    let m = Metrics::new(&spec());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let m = m.clone();
            scope.spawn(move || (0..10_000).for_each(|_| m.bar(1, Origin::Poll, 0.001)));
        }
        (0..20).for_each(|_| drop(read(&m.render())));
    });
    let odd = [("source", "odd \"name\"\n\\"), ("origin", "poll")];
    assert_eq!(value(&read(&m.render()), "sigc_bars_total", &odd), Some(40_000.0));
}
