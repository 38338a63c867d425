//! The other ports, metered as the adapters of `crates/aws` make their calls.

use crate::dynamodb;
use crate::meter::{Call, Meter};
use crate::prices::Unit;
use crate::sealed::{MeteredKeys, MeteredVault};
use crate::table::MeteredTable;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tenantry_app::Ports;
use tenantry_core::ports::{
    Bus, BusEvent, BusPage, EventFilter, Execution, ExecutionFilter, ExecutionPage, HistoryPage, Message,
    OutgoingMessage, PortError, Queue, QueueDepth, Queues, Replay, Rule, StartOutcome, TaskTokenError,
    TaskTokens, WorkflowError, Workflows,
};
use tenantry_core::{BoxFuture, ExecutionId, MessageId, SubscriptionId};

/// Bytes of a message or event that count as one request.
const CHUNK_BYTES: usize = 64 * 1024;
/// Messages of one SendMessageBatch.
const BATCH: usize = 10;

fn chunks(bytes: usize) -> f64 {
    bytes.div_ceil(CHUNK_BYTES).max(1) as f64
}

/// Every port of a home, metered; the dead letters and the blobs are not on the way of a tenant that fares well.
pub fn metered(ports: &Ports, meter: &Meter) -> Ports {
    let queue = |inner: &Arc<dyn Queue>| -> Arc<dyn Queue> {
        Arc::new(MeteredQueue { inner: inner.clone(), meter: meter.clone() })
    };
    Ports {
        table: Arc::new(MeteredTable::new(ports.table.clone(), meter.clone())),
        queues: Queues {
            operations: queue(&ports.queues.operations),
            integrations: queue(&ports.queues.integrations),
            webhooks: queue(&ports.queues.webhooks),
            execution_status: queue(&ports.queues.execution_status),
        },
        bus: Arc::new(MeteredBus { inner: ports.bus.clone(), meter: meter.clone() }),
        workflows: Arc::new(MeteredWorkflows { inner: ports.workflows.clone(), meter: meter.clone() }),
        task_tokens: Arc::new(MeteredTokens { inner: ports.task_tokens.clone(), meter: meter.clone() }),
        vault: Arc::new(MeteredVault::new(ports.vault.clone(), meter.clone())),
        data_keys: Arc::new(MeteredKeys::new(ports.data_keys.clone(), meter.clone())),
        ..ports.clone()
    }
}

/// Sends are counted here. Under Lambda it is the event source mapping that receives and deletes: the recorder counts
/// those.
struct MeteredQueue {
    inner: Arc<dyn Queue>,
    meter: Meter,
}

impl Queue for MeteredQueue {
    fn send(&self, messages: Vec<OutgoingMessage>) -> BoxFuture<'_, Result<Vec<MessageId>, PortError>> {
        for batch in messages.chunks(BATCH) {
            let bytes = batch.iter().map(|message| message.body.len()).sum();
            self.meter.add(Unit::SqsFairRequests, chunks(bytes));
            self.meter.wait(Call::Service);
        }
        self.inner.send(messages)
    }

    fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Message>, PortError>> {
        self.inner.receive(max, visibility, wait)
    }

    fn delete<'a>(&'a self, receipt: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.inner.delete(receipt)
    }

    fn extend<'a>(&'a self, receipt: &'a str, visibility: Duration) -> BoxFuture<'a, Result<(), PortError>> {
        self.inner.extend(receipt, visibility)
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, PortError>> {
        self.inner.depth()
    }
}

/// The bus: PutEvents, and the archive in rows of the table.
struct MeteredBus {
    inner: Arc<dyn Bus>,
    meter: Meter,
}

impl Bus for MeteredBus {
    fn publish(&self, events: Vec<BusEvent>) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            let row = self.meter.prices().assumptions.cell_bytes.value;
            let mut rows = Vec::new();
            for event in &events {
                let bytes = event.detail.to_string().len();
                // Whether it is in the archive already.
                self.meter.get_row(row);
                self.meter.add(Unit::EventBridgeCustomEvents, chunks(bytes));
                self.meter.add(Unit::EventBridgeArchiveGigabytes, bytes as f64 / 1e9);
                self.meter.archive(bytes as f64);
                // The event, what of it stands beside its detail, and its pointer.
                rows.extend([2.0 * row + bytes as f64, row]);
                self.meter.keep(3.0 * row + bytes as f64 + 2.0 * dynamodb::STORED_OVERHEAD_BYTES);
            }
            if !events.is_empty() {
                // The rules' version, and where the process does not know it yet the rules.
                self.meter.get_row(row);
                if self.meter.first("the bus's rules") {
                    let rules = self.inner.list_rules().await?;
                    let bytes = rules.iter().map(|rule| rule.pattern.to_string().len() as f64 + row).sum();
                    self.meter.get_row(bytes);
                }
                self.meter.wait(Call::Service);
                // The shard's head is read, and counted up in the transaction that archives.
                self.meter.get_row(row);
                rows.push(row);
                self.meter.transact_rows(&rows);
            }
            self.inner.publish(events).await
        })
    }

    fn put_rule(&self, rule: Rule) -> BoxFuture<'_, Result<(), PortError>> {
        self.meter.put_row(rule.pattern.to_string().len() as f64);
        self.inner.put_rule(rule)
    }

    fn delete_rule<'a>(&'a self, subscription: &'a SubscriptionId) -> BoxFuture<'a, Result<(), PortError>> {
        self.meter.put_row(0.0);
        self.inner.delete_rule(subscription)
    }

    fn list_rules(&self) -> BoxFuture<'_, Result<Vec<Rule>, PortError>> {
        self.inner.list_rules()
    }

    fn replay(&self, replay: Replay) -> BoxFuture<'_, Result<u64, PortError>> {
        self.inner.replay(replay)
    }

    fn read(
        &self,
        after: Option<String>,
        filter: EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<BusPage, PortError>> {
        self.inner.read(after, filter, limit)
    }
}

/// Step Functions' API: free of charge but for the transitions, which the history tells.
struct MeteredWorkflows {
    inner: Arc<dyn Workflows>,
    meter: Meter,
}

impl Workflows for MeteredWorkflows {
    fn start<'a>(
        &'a self,
        id: &'a ExecutionId,
        input: Value,
    ) -> BoxFuture<'a, Result<StartOutcome, WorkflowError>> {
        self.meter.wait(Call::Service);
        self.inner.start(id, input)
    }

    fn describe<'a>(&'a self, id: &'a ExecutionId) -> BoxFuture<'a, Result<Execution, WorkflowError>> {
        self.meter.wait(Call::Service);
        self.inner.describe(id)
    }

    fn list(
        &self,
        filter: ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<ExecutionPage, WorkflowError>> {
        self.meter.wait(Call::Service);
        self.inner.list(filter, after, limit)
    }

    fn history<'a>(
        &'a self,
        id: &'a ExecutionId,
        after: Option<u64>,
        descending: bool,
        limit: usize,
    ) -> BoxFuture<'a, Result<HistoryPage, WorkflowError>> {
        self.meter.wait(Call::Service);
        self.inner.history(id, after, descending, limit)
    }

    fn stop<'a>(
        &'a self,
        id: &'a ExecutionId,
        error: Option<String>,
        cause: Option<String>,
    ) -> BoxFuture<'a, Result<(), WorkflowError>> {
        self.meter.wait(Call::Service);
        self.inner.stop(id, error, cause)
    }

    fn redrive<'a>(&'a self, id: &'a ExecutionId) -> BoxFuture<'a, Result<(), WorkflowError>> {
        self.meter.wait(Call::Service);
        self.inner.redrive(id)
    }
}

struct MeteredTokens {
    inner: Arc<dyn TaskTokens>,
    meter: Meter,
}

impl TaskTokens for MeteredTokens {
    fn succeed<'a>(&'a self, token: &'a str, output: Value) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        self.meter.wait(Call::Service);
        self.inner.succeed(token, output)
    }

    fn fail<'a>(
        &'a self,
        token: &'a str,
        error: Option<String>,
        cause: Option<String>,
    ) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        self.meter.wait(Call::Service);
        self.inner.fail(token, error, cause)
    }

    fn heartbeat<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        self.meter.wait(Call::Service);
        self.inner.heartbeat(token)
    }
}
