//! What is measured at the moment of asking.

use super::App;
use std::time::Duration;
use tenantry_core::keys::{INDEX_SHARDS, Key, index};
use tenantry_core::model::Operation;
use tenantry_core::ports::{ExecutionFilter, ExecutionStatus, Index, Item, Query};
use tenantry_core::{Result, Timestamp};
use tenantry_events::Envelope;
use tenantry_events::ledger::OutboxEntry;

/// Where counting open executions stops.
const EXECUTIONS_COUNTED_MAX: u64 = 1_000;

/// Rows of each outbox shard that are looked at.
const OUTBOX_ROWS_READ: usize = 250;

/// A measured value.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauge {
    /// The name, in Prometheus' form: `tenantry_queue_messages`.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// What tells values of one name apart.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

impl Gauge {
    /// A value without labels.
    pub fn new(name: &'static str, help: &'static str, value: f64) -> Self {
        Self { name, help, labels: Vec::new(), value }
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.labels.push((name, value.into()));
        self
    }
}

/// Further gauges that a composition root knows of, such as the store's.
pub trait GaugeSource: Send + Sync {
    /// The values now; without I/O.
    fn gauges(&self) -> Vec<Gauge>;
}

impl App {
    /// Whether the store can be read. [`tenantry_core::ErrorCode::Unavailable`] where it cannot.
    pub async fn ready(&self) -> Result<()> {
        self.ports.table.get(&Key::worker("ready")).await?;
        Ok(())
    }

    /// Queues, dead letters, open executions and the outbox.
    pub async fn gauges(&self) -> Result<Vec<Gauge>> {
        let mut gauges = Vec::new();
        for queue in self.queues().await? {
            for (state, value) in
                [("visible", queue.visible), ("in_flight", queue.in_flight), ("delayed", queue.delayed)]
            {
                let help = "Messages in a queue, by state.";
                let gauge = Gauge::new("tenantry_queue_messages", help, value as f64);
                gauges.push(gauge.label("queue", queue.name).label("state", state));
            }
            if let Some(age_ms) = queue.oldest_age_ms {
                let help = "Age of the oldest message that can be received.";
                let age = age_ms as f64 / 1000.0;
                gauges.push(
                    Gauge::new("tenantry_queue_oldest_age_seconds", help, age).label("queue", queue.name),
                );
            }
            let help = "Dead letters of a queue; counting stops at 1,000.";
            let dead = queue.dead_letters as f64;
            gauges.push(Gauge::new("tenantry_dead_letters", help, dead).label("queue", queue.name));
        }
        let help = "Executions that run; counting stops at 1,000.";
        gauges.push(Gauge::new("tenantry_executions_open", help, self.open_executions().await? as f64));
        let (rows, lag) = self.outbox().await?;
        let help = "Rows that wait for the outbox relay; counting stops at 1,000.";
        gauges.push(Gauge::new("tenantry_outbox_rows", help, rows as f64));
        let help = "Age of the oldest row, of those counted, that waits for the outbox relay.";
        gauges.push(Gauge::new("tenantry_outbox_lag_seconds", help, lag.as_secs_f64()));
        Ok(gauges)
    }

    async fn open_executions(&self) -> Result<u64> {
        let filter = ExecutionFilter { status: Some(ExecutionStatus::Running), ..ExecutionFilter::default() };
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.ports.workflows.list(filter.clone(), after, 500).await;
            let page = page.map_err(tenantry_core::Error::internal)?;
            count += page.items.len() as u64;
            match page.next {
                Some(next) if count < EXECUTIONS_COUNTED_MAX => after = Some(next),
                _ => return Ok(count.min(EXECUTIONS_COUNTED_MAX)),
            }
        }
    }

    async fn outbox(&self) -> Result<(usize, Duration)> {
        let now = self.now();
        let (mut rows, mut lag) = (0, Duration::ZERO);
        for shard in 0..INDEX_SHARDS {
            let query = Query::index(Index::One, index::outbox(shard), OUTBOX_ROWS_READ);
            let page = self.ports.table.query(query).await?;
            rows += page.items.len();
            let oldest = page.items.iter().filter_map(waits_since).min();
            lag = lag.max(oldest.map_or(Duration::ZERO, |since| now.saturating_since(since)));
        }
        Ok((rows, lag))
    }
}

fn waits_since(item: &Item) -> Option<Timestamp> {
    match OutboxEntry::of(item).ok()? {
        OutboxEntry::Event(Envelope { occurred_at, .. }) => Some(occurred_at),
        OutboxEntry::Operation(Operation { updated_at, .. }) => Some(updated_at),
    }
}
