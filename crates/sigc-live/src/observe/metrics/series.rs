//! Small helpers around the metrics library: declared once, recorded without looking labels up.
//!
//! Every series is known when the run starts. A counter and a histogram begin at zero; a gauge is not shown before its
//! first value, because zero would be one.

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};
use std::fmt::{self, Debug};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

/// Bounds of latencies, in seconds: 1 ms to a minute.
const LATENCY: [f64; 15] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Bounds of one step of the engine, in seconds: 10 µs to a second.
const STEP: [f64; 11] = [1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 5e-3, 0.025, 0.1, 1.0];

/// Label names and values.
pub(super) type Labels = Vec<(&'static str, String)>;
/// A gauge of a number that has parts.
pub(super) type Float = Gauge<f64, AtomicU64>;
/// Counters that differ by labels.
pub(super) type Counters = Family<Labels, Counter>;
/// Histograms that differ by labels.
pub(super) type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// A histogram of latencies.
pub(super) fn latency() -> Histogram {
    Histogram::new(LATENCY)
}

/// A histogram of steps.
pub(super) fn steps() -> Histogram {
    Histogram::new(STEP)
}

/// Label names and values.
pub(super) fn labels<const N: usize>(of: [(&'static str, &str); N]) -> Labels {
    of.map(|(name, value)| (name, value.to_owned())).into()
}

/// A time that can be recorded: clocks differ, so a bar may seem to come before its close; NaN is no time.
pub(super) fn observe(histogram: &Histogram, seconds: f64) {
    if !seconds.is_nan() {
        histogram.observe(seconds.clamp(0.0, 1e9));
    }
}

/// Declares metrics.
pub(super) struct Declare<'a>(pub(super) &'a mut Registry);

impl Declare<'_> {
    pub(super) fn counter(&mut self, name: &str, help: &str) -> Counter {
        let counter = Counter::default();
        self.0.register(name, help, counter.clone());
        counter
    }

    pub(super) fn counters(&mut self, name: &str, help: &str) -> Counters {
        let family = Counters::default();
        self.0.register(name, help, family.clone());
        family
    }

    pub(super) fn bytes_counter(&mut self, name: &str, help: &str) -> Counter {
        let counter = Counter::default();
        self.0.register_with_unit(name, help, Unit::Bytes, counter.clone());
        counter
    }

    pub(super) fn seconds(&mut self, name: &str, help: &str, histogram: Histogram) -> Histogram {
        self.0.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        histogram
    }

    pub(super) fn all_seconds(&mut self, name: &str, help: &str) -> Histograms {
        let family = Histograms::new_with_constructor(latency);
        self.0.register_with_unit(name, help, Unit::Seconds, family.clone());
        family
    }

    pub(super) fn gauge<G: Number>(&mut self, name: &str, help: &str, unit: Option<Unit>) -> Single<G> {
        let gauge = Single::default();
        match unit {
            Some(unit) => self.0.register_with_unit(name, help, unit, gauge.clone()),
            None => self.0.register(name, help, gauge.clone()),
        }
        gauge
    }

    pub(super) fn gauges<G: Number>(&mut self, name: &str, help: &str, unit: Option<Unit>) -> Family<Labels, G> {
        let family = Family::default();
        match unit {
            Some(unit) => self.0.register_with_unit(name, help, unit, family.clone()),
            None => self.0.register(name, help, family.clone()),
        }
        family
    }
}

/// What a gauge may be of.
pub(super) trait Number: EncodeMetric + TypedMetric + Default + Clone + Debug + Send + Sync + 'static {
    /// What it takes.
    type Value;
    /// Takes it.
    fn put(&self, value: Self::Value);
}

impl Number for Gauge {
    type Value = u64;

    fn put(&self, value: u64) {
        self.set(i64::try_from(value).unwrap_or(i64::MAX));
    }
}

impl Number for Float {
    type Value = f64;

    fn put(&self, value: f64) {
        self.set(value);
    }
}

/// One series of a gauge with labels; it exists from its first value on.
pub(super) struct Shown<G> {
    family: Family<Labels, G>,
    labels: Labels,
    gauge: OnceLock<G>,
}

impl<G: Number> Shown<G> {
    pub(super) fn new(family: &Family<Labels, G>, labels: Labels) -> Shown<G> {
        Shown { family: family.clone(), labels, gauge: OnceLock::new() }
    }

    pub(super) fn set(&self, value: G::Value) {
        self.gauge.get_or_init(|| self.family.get_or_create_owned(&self.labels)).put(value);
    }
}

/// A gauge without labels; it is shown from its first value on.
pub(super) struct Single<G>(Arc<OnceLock<G>>);

impl<G: Number> Single<G> {
    pub(super) fn set(&self, value: G::Value) {
        self.0.get_or_init(G::default).put(value);
    }
}

impl<G> Default for Single<G> {
    fn default() -> Single<G> {
        Single(Arc::new(OnceLock::new()))
    }
}

impl<G> Clone for Single<G> {
    fn clone(&self) -> Single<G> {
        Single(self.0.clone())
    }
}

impl<G: Debug> Debug for Single<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<G: Number> EncodeMetric for Single<G> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.get().map_or(Ok(()), |gauge| gauge.encode(encoder))
    }

    fn metric_type(&self) -> MetricType {
        G::TYPE
    }

    fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }
}
