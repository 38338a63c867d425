//! Every port of a deployment, put together.

mod absent;

use crate::Clients;
use crate::call::Calls;
use crate::deployment::{Deployment, MissingVariable};
use absent::Absent;
use std::sync::Arc;
use std::time::Duration;
use tenantry_app::Ports;
use tenantry_core::model::{Catalogue, CatalogueError};
use tenantry_core::ports::{
    Blobs, Bus, Clock, DataKeys, DeadLetters, Ids, Queue, Queues, Table, TaskTokens, Vault, Workflows,
};
use tenantry_handlers::{Ctx, RetryBound};

/// How long a call of a service is tried again while it is throttled: well below the shortest timeout of a function,
/// and of an HTTP API's answer (30 s).
const CALL_DEADLINE: Duration = Duration::from_secs(8);

/// The ports on AWS. Cheap to clone.
///
/// A function is given the names of what it uses, and nothing else. A port that it was not given is there all the same,
/// and answers each call with the variable that is missing: what a function needs is a matter of its deployment, and a
/// mistake in it is told where it is met.
#[derive(Clone)]
pub struct AwsHome {
    clients: Arc<Clients>,
    deployment: Arc<Deployment>,
    calls: Calls,
}

impl AwsHome {
    /// The ports of that deployment. Nothing is called, and no SDK client is made, before a port is used.
    pub fn new(
        clients: Arc<Clients>,
        deployment: Deployment,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let calls = Calls::new(clock, ids, CALL_DEADLINE);
        Self { clients, deployment: Arc::new(deployment), calls }
    }

    /// The deployment's names.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.calls.clock()
    }

    /// Ids and chance.
    pub fn ids(&self) -> &Arc<dyn Ids> {
        self.calls.ids()
    }

    /// What steps see.
    ///
    /// # Errors
    /// [`CatalogueError`]: a plan or cell of this build could never be used.
    pub fn ctx(&self) -> Result<Ctx, CatalogueError> {
        Ok(Ctx {
            table: self.table(),
            vault: self.vault(),
            data_keys: self.data_keys(),
            clock: self.clock().clone(),
            ids: self.ids().clone(),
            catalogue: catalogue()?,
            retry_bound: retry_bound(),
        })
    }

    /// What use cases and workers see.
    ///
    /// # Errors
    /// As [`AwsHome::ctx`].
    pub fn ports(&self) -> Result<Ports, CatalogueError> {
        Ok(Ports {
            table: self.table(),
            queues: Queues {
                operations: self.queue("operations"),
                integrations: self.queue("integrations"),
                webhooks: self.queue("webhooks"),
                execution_status: self.queue("execution-status"),
            },
            dead_letters: self.dead_letters(),
            bus: self.bus(),
            workflows: self.workflows(),
            task_tokens: self.task_tokens(),
            vault: self.vault(),
            data_keys: self.data_keys(),
            blobs: self.blobs(),
            clock: self.clock().clone(),
            ids: self.ids().clone(),
            catalogue: catalogue()?,
        })
    }
}

fn catalogue() -> Result<Arc<Catalogue>, CatalogueError> {
    tenantry_definitions::catalogue().map(Arc::new)
}

/// The definitions are read when the first failure asks what they say of retries: no start has to wait for them.
fn retry_bound() -> RetryBound {
    let read: std::sync::OnceLock<Option<RetryBound>> = std::sync::OnceLock::new();
    Arc::new(move |workflow, state, error, retries| {
        let bound = read.get_or_init(|| {
            let workflows = tenantry_definitions::workflows::load(None).ok()?;
            Some(tenantry_definitions::retry_bound(&workflows))
        });
        bound.as_ref().and_then(|bound| bound(workflow, state, error, retries))
    })
}

/// An adapter where the deployment names what it needs; else one that tells what is missing.
fn or_absent<P: ?Sized>(
    port: &'static str,
    made: Result<Arc<P>, MissingVariable>,
    absent: impl FnOnce(Absent) -> Arc<P>,
) -> Arc<P> {
    made.unwrap_or_else(|missing| absent(Absent { port, missing }))
}

/// Each port by itself, for a function that uses no other.
impl AwsHome {
    /// The table.
    pub fn table(&self) -> Arc<dyn Table> {
        or_absent("table", Err(MissingVariable("TENANTRY_TABLE".to_owned())), |absent| Arc::new(absent))
    }

    /// The queue of that name.
    pub fn queue(&self, _name: &str) -> Arc<dyn Queue> {
        or_absent("queue", Err(MissingVariable("TENANTRY_QUEUE".to_owned())), |absent| Arc::new(absent))
    }

    /// The dead letters.
    pub fn dead_letters(&self) -> Arc<dyn DeadLetters> {
        or_absent("dead letters", Err(MissingVariable("TENANTRY_TABLE".to_owned())), |absent| {
            Arc::new(absent)
        })
    }

    /// The bus.
    pub fn bus(&self) -> Arc<dyn Bus> {
        or_absent("bus", Err(MissingVariable("TENANTRY_BUS".to_owned())), |absent| Arc::new(absent))
    }

    /// The state machines.
    pub fn workflows(&self) -> Arc<dyn Workflows> {
        or_absent("workflows", Err(MissingVariable("x".to_owned())), |absent| Arc::new(absent))
    }

    /// Answers to waiting tasks.
    pub fn task_tokens(&self) -> Arc<dyn TaskTokens> {
        or_absent("task tokens", Err(MissingVariable("x".to_owned())), |absent| Arc::new(absent))
    }

    /// Secrets.
    pub fn vault(&self) -> Arc<dyn Vault> {
        or_absent("vault", Err(MissingVariable("x".to_owned())), |absent| Arc::new(absent))
    }

    /// Keys per tenant.
    pub fn data_keys(&self) -> Arc<dyn DataKeys> {
        or_absent("data keys", Err(MissingVariable("x".to_owned())), |absent| Arc::new(absent))
    }

    /// Large objects.
    pub fn blobs(&self) -> Arc<dyn Blobs> {
        or_absent("blobs", Err(MissingVariable("x".to_owned())), |absent| Arc::new(absent))
    }
}
