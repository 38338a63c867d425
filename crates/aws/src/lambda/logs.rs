//! Logs: one JSON object a line, with the fields of every span around the event beside its own.
//!
//! `timestamp`, `level` and `message` have the names that Lambda's JSON log format reads.
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>

use serde_json::{Map, Value};
use std::fmt;
use std::io::Write;
use std::sync::Arc;
use tenantry_core::ports::Clock;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The runtime's own line for each failed invocation, which has a line of ours.
const REPEATED: &str = "lambda_runtime::layers::panic";

/// Libraries whose finest levels write requests and answers down whole: secrets, tokens, unwrapped keys.
const INDISCREET: [&str; 6] = ["aws_", "h2", "hyper", "lambda_", "reqwest", "rustls"];

/// Starts logging to stdout; a panic is a line like others. `levels` names levels as `RUST_LOG` does (`info`,
/// `warn,tenantry_app=debug`); what cannot be read counts as `info`. A second start in one process changes nothing.
pub fn start(levels: Option<&str>, clock: Arc<dyn Clock>) {
    // Where even that fails, there is nobody to tell.
    let write = |line: &[u8]| _ = std::io::stdout().lock().write_all(line);
    let lines = Lines { clock, write };
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter(levels))).try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, panic = panic.payload_as_str(), "the code panicked");
    }));
}

fn filter(levels: Option<&str>) -> Targets {
    let read = levels.and_then(|text| text.parse::<Targets>().ok());
    let levels = read.unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO));
    let default = levels.default_level().unwrap_or(LevelFilter::OFF);
    let discreet = |(target, level): (&str, LevelFilter)| {
        let indiscreet = INDISCREET.iter().any(|theirs| target.starts_with(theirs));
        (target.to_owned(), if indiscreet { level.min(LevelFilter::INFO) } else { level })
    };
    let theirs = INDISCREET.map(|target| discreet((target, default)));
    let asked_for: Vec<_> = levels.iter().map(discreet).collect();
    let filter = Targets::new().with_default(default).with_targets(theirs).with_targets(asked_for);
    filter.with_target(REPEATED, LevelFilter::OFF)
}

/// Writes events as lines.
struct Lines<W> {
    clock: Arc<dyn Clock>,
    write: W,
}

/// The fields of a span.
struct Fields(Map<String, Value>);

struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn insert(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Collect<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&[u8]) + Send + Sync + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Map::new();
        attributes.record(&mut Collect(&mut fields));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Fields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(Fields(fields)) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(&mut Collect(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), self.clock.now().to_string().into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        // The inner span's word stands.
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(Fields(fields)) = span.extensions().get::<Fields>() {
                line.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        event.record(&mut Collect(&mut line));
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        (self.write)(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tenantry_app::testing::ManualClock;

    fn logged(levels: Option<&str>, work: impl FnOnce()) -> Vec<Value> {
        let out: Arc<Mutex<Vec<u8>>> = Arc::default();
        let sink = out.clone();
        let write = move |line: &[u8]| sink.lock().unwrap().extend_from_slice(line);
        let lines = Lines { clock: Arc::new(ManualClock::new()), write };
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter(levels)));
        tracing::subscriber::with_default(subscriber, work);
        let text = String::from_utf8(out.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_holds_the_fields_of_all_spans_and_of_the_event() {
        let lines = logged(None, || {
            let outer = tracing::info_span!(
                "invocation",
                function = "place_tenant",
                execution = tracing::field::Empty
            );
            let _outer = outer.enter();
            outer.record("execution", "provision_tenant~x-1");
            let inner =
                tracing::info_span!("step", tenant = %"tnt_1", attempt = 2_u64, step = "place_tenant");
            let _inner = inner.enter();
            tracing::info!(rows = 3_u64, "a line\nwith a break");
            tracing::debug!("not asked for");
        });
        assert_eq!(lines.len(), 1);
        let expected = serde_json::json!({
            "timestamp": "2026-01-01T00:00:00.000Z", "level": "INFO", "function": "place_tenant",
            "execution": "provision_tenant~x-1", "tenant": "tnt_1", "attempt": 2, "step": "place_tenant",
            "rows": 3, "message": "a line\nwith a break", "target": lines[0]["target"],
        });
        assert_eq!(lines[0], expected);
    }

    #[test]
    fn no_level_lets_a_library_write_requests_down() {
        let work = || {
            tracing::trace!(target: "aws_smithy_runtime::client::orchestrator", request = "a secret");
            tracing::debug!(target: "hyper::proto", "a secret");
            tracing::warn!(target: "aws_config", "a warning");
            tracing::trace!("our own");
        };
        for levels in ["trace", "trace,aws_smithy_runtime=trace,hyper::proto=debug"] {
            let lines = logged(Some(levels), work);
            let said: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
            assert_eq!(said, ["a warning", "our own"], "{levels}");
        }
        assert_eq!(logged(Some("error"), work).len(), 0);
    }

    #[test]
    fn levels_are_read_and_nonsense_counts_as_info() {
        let count = |levels| {
            let work = || {
                tracing::warn!("one");
                tracing::info!("two");
                tracing::debug!("three");
            };
            logged(levels, work).len()
        };
        let counts =
            [None, Some("info"), Some("debug"), Some("warn"), Some("warn,tenantry_aws=debug"), Some("=!")];
        assert_eq!(counts.map(count), [2, 2, 3, 1, 3, 2]);
    }
}
