//! Ports that write down how they are used, in the words of [`Use`].
//!
//! What an adapter on AWS keeps in memory costs it no call: a tenant's key that was made or opened in an invocation is
//! known from then on. So only the first use of a key counts, and what is not there is only looked for.

use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_app::Ports;
use tenantry_aws::bus::{AwsBus, Publisher};
use tenantry_aws::dead_letters::AwsDeadLetters;
use tenantry_aws::functions::Use;
use tenantry_core::keys::Key;
use tenantry_core::ports::{
    BusEvent, Commit, CommitError, DataKeys, DeadLetter, DeadLetterPage, DeadLetters, Execution,
    ExecutionFilter, ExecutionPage, HistoryPage, Item, KeyPurpose, Message, OutgoingMessage, Page, PortError,
    Query, QueryRange, Queue, QueueDepth, Queues, Secret, StartOutcome, Table, TaskTokenError, TaskTokens,
    Vault, WorkflowError, Workflows,
};
use tenantry_core::{BoxFuture, ExecutionId, MessageId, TenantId};
use tenantry_handlers::Access;

/// What was used, and which keys are known.
#[derive(Default)]
pub(crate) struct Log {
    used: Mutex<BTreeSet<Use>>,
    keys: Mutex<BTreeSet<(TenantId, &'static str)>>,
}

impl Log {
    pub(crate) fn note(&self, used: Use) {
        self.used.lock().unwrap().insert(used);
    }

    fn port(&self, access: Access) {
        self.note(Use::Port(access));
    }

    /// Whether the key was not known before.
    fn learn(&self, tenant: &TenantId, purpose: KeyPurpose) -> bool {
        self.keys.lock().unwrap().insert((tenant.clone(), purpose.as_str()))
    }

    fn forget(&self, tenant: &TenantId, purpose: KeyPurpose) {
        self.keys.lock().unwrap().remove(&(tenant.clone(), purpose.as_str()));
    }

    /// What was used so far.
    pub(crate) fn used(&self) -> BTreeSet<Use> {
        self.used.lock().unwrap().clone()
    }
}

/// The same ports, with a log.
pub(crate) fn recorded(ports: &Ports) -> (Ports, Arc<Log>) {
    let log = Arc::new(Log::default());
    let queue = |name: &'static str, port: &Arc<dyn Queue>| -> Arc<dyn Queue> {
        Arc::new(RecordedQueue { name, port: port.clone(), log: log.clone() })
    };
    let queues = Queues {
        operations: queue("operations", &ports.queues.operations),
        integrations: queue("integrations", &ports.queues.integrations),
        webhooks: queue("webhooks", &ports.queues.webhooks),
        execution_status: queue("execution-status", &ports.queues.execution_status),
    };
    let recorded = Ports {
        table: Arc::new(Recorded { port: ports.table.clone(), log: log.clone() }),
        queues,
        workflows: Arc::new(Recorded { port: ports.workflows.clone(), log: log.clone() }),
        task_tokens: Arc::new(Recorded { port: ports.task_tokens.clone(), log: log.clone() }),
        vault: Arc::new(Recorded { port: ports.vault.clone(), log: log.clone() }),
        data_keys: Arc::new(Recorded { port: ports.data_keys.clone(), log: log.clone() }),
        ..ports.clone()
    };
    (over(recorded, &log), log)
}

struct Recorded<P: ?Sized> {
    port: Arc<P>,
    log: Arc<Log>,
}

impl Table for Recorded<dyn Table> {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        self.log.port(Access::TableGet);
        self.port.get(key)
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        match query.range {
            QueryRange::Primary(_) => self.log.port(Access::TableQuery),
            QueryRange::Index { index, .. } => self.log.note(Use::IndexQuery(index)),
        }
        self.port.query(query)
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        commit.actions.iter().for_each(|action| self.log.port(Access::of(action)));
        self.port.commit(commit)
    }
}

impl DataKeys for Recorded<dyn DataKeys> {
    fn create<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            if self.port.exists(tenant, purpose).await? {
                self.log.port(Access::KeyExists);
            } else {
                self.log.port(Access::KeyCreate);
                self.log.learn(tenant, purpose);
            }
            self.port.create(tenant, purpose).await
        })
    }

    fn seal<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        plain: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            if !self.port.exists(tenant, purpose).await? {
                self.log.port(Access::KeyExists);
            } else if self.log.learn(tenant, purpose) {
                self.log.port(Access::KeySeal);
            }
            self.port.seal(tenant, purpose, context, plain).await
        })
    }

    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
        context: &'a str,
        sealed: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            if !self.port.exists(tenant, purpose).await? {
                self.log.port(Access::KeyExists);
            } else if self.log.learn(tenant, purpose) {
                self.log.port(Access::KeyOpen);
            }
            self.port.open(tenant, purpose, context, sealed).await
        })
    }

    fn exists<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<bool, PortError>> {
        self.log.port(Access::KeyExists);
        self.port.exists(tenant, purpose)
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        purpose: KeyPurpose,
    ) -> BoxFuture<'a, Result<(), PortError>> {
        self.log.port(Access::KeyDestroy);
        self.log.forget(tenant, purpose);
        self.port.destroy(tenant, purpose)
    }
}

impl Recorded<dyn Vault> {
    /// A tenant's secret is sealed by its data key; the others' by one key that all of them share.
    fn note(&self, reference: &str, tenants: Access, shared: Use) {
        let tenant = reference.strip_prefix("tenants/").and_then(|rest| rest.split_once('/'));
        match tenant.and_then(|(id, _)| id.parse::<TenantId>().ok()) {
            Some(tenant) if self.log.learn(&tenant, KeyPurpose::Data) => self.log.port(tenants),
            Some(_) => self.log.port(Access::TableGet),
            None => self.log.note(shared),
        }
    }
}

impl Vault for Recorded<dyn Vault> {
    fn store<'a>(&'a self, reference: &'a str, secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        self.note(reference, Access::SecretStore, Use::SharedSecretStore);
        self.port.store(reference, secret)
    }

    fn resolve<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<Secret, PortError>> {
        Box::pin(async move {
            let found = self.port.resolve(reference).await;
            if matches!(found, Err(PortError::NotFound { .. })) {
                self.log.port(Access::TableGet);
            } else {
                self.note(reference, Access::SecretResolve, Use::SharedSecretResolve);
            }
            found
        })
    }

    fn rotate<'a>(&'a self, reference: &'a str, _secret: Secret) -> BoxFuture<'a, Result<(), PortError>> {
        panic!("no function replaces a secret: {reference}")
    }

    fn delete<'a>(&'a self, reference: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.log.port(Access::SecretDelete);
        self.port.delete(reference)
    }
}

struct RecordedQueue {
    name: &'static str,
    port: Arc<dyn Queue>,
    log: Arc<Log>,
}

impl Queue for RecordedQueue {
    fn send(&self, messages: Vec<OutgoingMessage>) -> BoxFuture<'_, Result<Vec<MessageId>, PortError>> {
        self.log.note(Use::QueueSend(self.name));
        self.port.send(messages)
    }

    fn receive(
        &self,
        _max: usize,
        _visibility: Duration,
        _wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Message>, PortError>> {
        panic!("no function receives from {}: its event source mapping does", self.name)
    }

    fn delete<'a>(&'a self, _receipt: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        panic!("no function deletes from {}: its event source mapping does", self.name)
    }

    fn extend<'a>(&'a self, receipt: &'a str, visibility: Duration) -> BoxFuture<'a, Result<(), PortError>> {
        self.log.note(Use::QueueExtend(self.name));
        self.port.extend(receipt, visibility)
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, PortError>> {
        self.log.note(Use::QueueDepth(self.name));
        self.port.depth()
    }
}

/// The dead letters of AWS, over the recorded ports; only the queue to which one is redriven is not recorded.
struct RecordedLetters {
    port: AwsDeadLetters,
    log: Arc<Log>,
}

impl DeadLetters for RecordedLetters {
    fn bury(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), PortError>> {
        self.port.bury(letter)
    }

    fn list<'a>(
        &'a self,
        queue: &'a str,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'a, Result<DeadLetterPage, PortError>> {
        self.port.list(queue, after, limit)
    }

    fn get<'a>(
        &'a self,
        queue: &'a str,
        id: &'a MessageId,
    ) -> BoxFuture<'a, Result<Option<DeadLetter>, PortError>> {
        self.port.get(queue, id)
    }

    fn redrive<'a>(&'a self, queue: &'a str, id: &'a MessageId) -> BoxFuture<'a, Result<bool, PortError>> {
        self.log.note(Use::DeadLetterRedrive(known(queue)));
        self.port.purge(queue, id)
    }

    fn edit<'a>(
        &'a self,
        queue: &'a str,
        _id: &'a MessageId,
        _body: String,
    ) -> BoxFuture<'a, Result<Option<MessageId>, PortError>> {
        panic!("no function edits a dead letter of {queue}")
    }

    fn purge<'a>(&'a self, queue: &'a str, id: &'a MessageId) -> BoxFuture<'a, Result<bool, PortError>> {
        self.port.purge(queue, id)
    }
}

fn known(queue: &str) -> &'static str {
    Queues::NAMES
        .into_iter()
        .find(|name| *name == queue)
        .unwrap_or_else(|| panic!("there is no queue {queue}"))
}

impl Publisher for Log {
    fn put<'a>(&'a self, _events: &'a [BusEvent]) -> BoxFuture<'a, Result<(), PortError>> {
        self.note(Use::EventsPut);
        Box::pin(async { Ok(()) })
    }
}

/// The same ports, but that bus and dead letters are those of AWS, over the other ports.
pub(crate) fn as_on_aws(ports: Ports) -> Ports {
    over(ports, &Arc::default())
}

fn over(ports: Ports, log: &Arc<Log>) -> Ports {
    let (table, webhooks) = (ports.table.clone(), ports.queues.webhooks.clone());
    let bus = AwsBus::new(table.clone(), webhooks, log.clone(), ports.clock.clone(), ports.ids.clone());
    let (keys, clock, ids) = (ports.data_keys.clone(), ports.clock.clone(), ports.ids.clone());
    let letters = AwsDeadLetters::new(table, keys, [], clock, ids);
    let dead_letters = Arc::new(RecordedLetters { port: letters, log: log.clone() });
    Ports { bus: Arc::new(bus), dead_letters, ..ports }
}

impl Workflows for Recorded<dyn Workflows> {
    fn start<'a>(
        &'a self,
        id: &'a ExecutionId,
        input: Value,
    ) -> BoxFuture<'a, Result<StartOutcome, WorkflowError>> {
        Box::pin(async move {
            self.log.note(Use::ExecutionStart);
            let outcome = self.port.start(id, input).await?;
            if outcome != StartOutcome::Started {
                self.log.note(Use::ExecutionStartAgain);
            }
            Ok(outcome)
        })
    }

    fn describe<'a>(&'a self, id: &'a ExecutionId) -> BoxFuture<'a, Result<Execution, WorkflowError>> {
        self.log.note(Use::ExecutionDescribe);
        self.port.describe(id)
    }

    fn list(
        &self,
        filter: ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<ExecutionPage, WorkflowError>> {
        let by_tenant = filter.tenant_id.is_some();
        self.log.note(if by_tenant { Use::ExecutionListOfTenant } else { Use::ExecutionList });
        self.port.list(filter, after, limit)
    }

    fn history<'a>(
        &'a self,
        id: &'a ExecutionId,
        after: Option<u64>,
        descending: bool,
        limit: usize,
    ) -> BoxFuture<'a, Result<HistoryPage, WorkflowError>> {
        self.log.note(Use::ExecutionHistory);
        self.port.history(id, after, descending, limit)
    }

    fn stop<'a>(
        &'a self,
        id: &'a ExecutionId,
        error: Option<String>,
        cause: Option<String>,
    ) -> BoxFuture<'a, Result<(), WorkflowError>> {
        self.log.note(Use::ExecutionStop);
        self.port.stop(id, error, cause)
    }

    fn redrive<'a>(&'a self, id: &'a ExecutionId) -> BoxFuture<'a, Result<(), WorkflowError>> {
        self.log.note(Use::ExecutionRedrive);
        self.port.redrive(id)
    }
}

impl TaskTokens for Recorded<dyn TaskTokens> {
    fn succeed<'a>(&'a self, token: &'a str, output: Value) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        self.log.note(Use::TaskSucceed);
        self.port.succeed(token, output)
    }

    fn fail<'a>(
        &'a self,
        token: &'a str,
        error: Option<String>,
        cause: Option<String>,
    ) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        self.log.note(Use::TaskFail);
        self.port.fail(token, error, cause)
    }

    fn heartbeat<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<(), TaskTokenError>> {
        self.log.note(Use::TaskHeartbeat);
        self.port.heartbeat(token)
    }
}
