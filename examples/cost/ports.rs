//! The other ports, metered as the adapters of `crates/aws` make their calls.

use crate::meter::{Call, Meter};
use crate::prices::Unit;
use crate::table::MeteredTable;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tenantry_app::Ports;
use tenantry_core::ports::{
    Bus, BusEvent, BusPage, DataKeys, EventFilter, Execution, ExecutionFilter, ExecutionPage, HistoryPage,
    KeyPurpose, Message, OutgoingMessage, PortError, Queue, QueueDepth, Queues, Replay, Rule, Secret,
    StartOutcome, TaskTokenError, TaskTokens, Vault, WorkflowError, Workflows,
};
use tenantry_core::{BoxFuture, ExecutionId, MessageId, SubscriptionId, TenantId};

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
        vault: Arc::new(MeteredVault { inner: ports.vault.clone(), meter: meter.clone() }),
        data_keys: Arc::new(MeteredKeys { inner: ports.data_keys.clone(), meter: meter.clone() }),
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
                // The event and its pointer; and, as strings repeat within an entry, its envelope.
                rows.extend([row + bytes as f64, row]);
                self.meter.keep(2.0 * row + bytes as f64 + 200.0);
            }
            if !events.is_empty() {
                self.meter.wait(Call::Service);
                // The shard's head is read, and counted up in the transaction that archives.
                self.meter.get_row(row);
                rows.push(row);
                self.meter.transact_rows(&rows);
                // The rules that are rows.
                let rules = self.inner.list_rules().await?;
                let bytes = rules.iter().map(|rule| rule.pattern.to_string().len() as f64 + row).sum();
                self.meter.get_row(bytes);
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

/// The vault: `system/*` in Secrets Manager, everything else in sealed rows.
struct MeteredVault {
    inner: Arc<dyn Vault>,
    meter: Meter,
}

impl MeteredVault {
    fn row(&self, reference: &str, secret_bytes: usize) -> f64 {
        self.meter.prices().assumptions.cell_bytes.value + (reference.len() + secret_bytes) as f64
    }

    /// Sealed rows lie under one wrapped key, which a process unwraps once.
    fn unwrapped(&self) {
        if self.meter.first("the key of the vault") {
            self.meter.get_row(self.row("", 200));
            self.meter.add(Unit::KmsRequests, 1.0);
            self.meter.wait(Call::Service);
        }
    }

    /// Secrets Manager asks KMS where the secret lies under a customer key.
    fn secrets_manager(&self) {
        self.meter.add(Unit::SecretsManagerRequests, 1.0);
        self.meter.add(Unit::KmsRequests, 1.0);
        self.meter.wait(Call::Service);
    }
}

fn is_system(reference: &str) -> bool {
    reference.starts_with("system/")
}

impl Vault for MeteredVault {
    fn store<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        if is_system(reference) {
            self.secrets_manager();
        } else {
            self.unwrapped();
            let bytes = self.row(reference, secret.expose().len());
            self.meter.put_row(bytes);
            self.meter.keep(bytes);
        }
        self.inner.store(reference, secret)
    }

    fn resolve<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Secret, PortError>> {
        if is_system(reference) {
            if self.meter.first(reference) {
                self.secrets_manager();
            }
        } else {
            self.unwrapped();
            self.meter.get_row(self.row(reference, 64));
        }
        self.inner.resolve(reference)
    }

    fn rotate<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        self.unwrapped();
        self.meter.put_row(self.row(reference, secret.expose().len()));
        self.inner.rotate(reference, secret)
    }

    fn delete<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.meter.put_row(self.row(reference, 64));
        self.inner.delete(reference)
    }
}

/// The data keys: wrapped in rows, unwrapped by KMS once in each process.
struct MeteredKeys {
    inner: Arc<dyn DataKeys>,
    meter: Meter,
}

impl MeteredKeys {
    fn row(&self) -> f64 {
        // An encrypted data key of KMS has about 184 bytes.
        self.meter.prices().assumptions.cell_bytes.value + 200.0
    }

    fn name(tenant: &TenantId, purpose: KeyPurpose) -> String {
        format!("{tenant}/{}", purpose.as_str())
    }

    fn unwrapped(&self, tenant: &TenantId, purpose: KeyPurpose) {
        if self.meter.first(Self::name(tenant, purpose)) {
            self.meter.get_row(self.row());
            self.meter.add(Unit::KmsRequests, 1.0);
            self.meter.wait(Call::Service);
        }
    }
}

impl DataKeys for MeteredKeys {
    fn create<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            if self.meter.first(Self::name(tenant, purpose)) {
                self.meter.get_row(self.row());
                self.meter.add(Unit::KmsRequests, 1.0);
                self.meter.wait(Call::Service);
                if !self.inner.exists(tenant, purpose).await? {
                    self.meter.put_row(self.row());
                    self.meter.keep(self.row());
                }
            }
            self.inner.create(tenant, purpose).await
        })
    }

    fn seal<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        plain: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        self.unwrapped(tenant, purpose);
        self.inner.seal(tenant, purpose, context, plain)
    }

    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        sealed: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        self.unwrapped(tenant, purpose);
        self.inner.open(tenant, purpose, context, sealed)
    }

    fn exists<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<bool, PortError>> {
        self.meter.get_row(self.row());
        self.inner.exists(tenant, purpose)
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        self.meter.put_row(self.row());
        self.inner.destroy(tenant, purpose)
    }
}
