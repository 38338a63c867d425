//! Metrics in the OpenMetrics text format, which Prometheus reads.
//! <https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md>

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge as PrometheusGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tenantry_app::usecases::Gauge;
use tenantry_core::{Error, Result};

/// The media type of [`HttpMetrics::text`].
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

type Labels = Vec<(String, String)>;
type FloatGauge = PrometheusGauge<f64, AtomicU64>;

/// Requests by route, method and status, and how long they took. Routes are patterns, so there are few of them.
#[derive(Clone)]
pub(crate) struct HttpMetrics {
    requests: Family<Labels, Counter>,
    latency: Family<Labels, Histogram, fn() -> Histogram>,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        let make: fn() -> Histogram = || Histogram::new(BUCKETS);
        Self { requests: Family::default(), latency: Family::new_with_constructor(make) }
    }
}

/// A method as a label: a caller can make up others without end.
fn method_label(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
        _ => "other",
    }
}

/// The registry ends each help text with a full stop of its own.
fn help_text(help: &'static str) -> &'static str {
    help.trim_end_matches('.')
}

impl HttpMetrics {
    /// Counts one request.
    pub(crate) fn observe(&self, route: &str, method: &str, status: u16, elapsed: Duration) {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut labels = vec![label("method", method_label(method)), label("route", route)];
        self.latency.get_or_create(&labels).observe(elapsed.as_secs_f64());
        labels.push(label("status", &status.to_string()));
        self.requests.get_or_create(&labels).inc();
    }

    /// Everything as text, with `gauges` as they are now.
    pub(crate) fn text(&self, gauges: Vec<Gauge>) -> Result<String> {
        let mut registry = Registry::default();
        registry.register("tenantry_http_requests", "Requests answered", self.requests.clone());
        let help = "Time from a request's head to its answer's head";
        registry.register("tenantry_http_request_duration_seconds", help, self.latency.clone());
        let mut families: BTreeMap<&'static str, (&'static str, Family<Labels, FloatGauge>)> =
            BTreeMap::new();
        for gauge in gauges {
            if gauge.labels.is_empty() {
                let single = FloatGauge::default();
                single.set(gauge.value);
                registry.register(gauge.name, help_text(gauge.help), single);
                continue;
            }
            let (_, family) = families.entry(gauge.name).or_insert_with(|| (gauge.help, Family::default()));
            let labels: Labels =
                gauge.labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            family.get_or_create(&labels).set(gauge.value);
        }
        for (name, (help, family)) in families {
            registry.register(name, help_text(help), family);
        }
        let mut text = String::new();
        encode(&mut text, &registry).map_err(Error::internal)?;
        Ok(text)
    }
}
