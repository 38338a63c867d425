//! Every port of a deployment, put together.

mod absent;
mod split_vault;

use crate::Clients;
use crate::blobs::AwsBlobs;
use crate::bus::{AwsBus, EventBridge, Publisher};
use crate::call::Calls;
use crate::data_keys::AwsDataKeys;
use crate::dead_letters::AwsDeadLetters;
use crate::deployment::{
    BUCKET, BUS, Deployment, KEY, MissingVariable, SECRETS_PREFIX, STATE_MACHINES, TABLE,
};
use crate::queue::AwsQueue;
use crate::table::AwsTable;
use crate::task_tokens::AwsTaskTokens;
use crate::vault::AwsVault;
use crate::workflows::AwsWorkflows;
use absent::Absent;
use split_vault::SplitVault;
use std::sync::Arc;
use std::time::Duration;
use tenantry_app::Ports;
use tenantry_core::model::{Catalogue, CatalogueError};
use tenantry_core::ports::{
    Blobs, Bus, Clock, DataKeys, Ids, Queue, Queues, Table, TaskTokens, Vault, Workflows,
};
use tenantry_definitions::workflows::SOURCES;
use tenantry_handlers::Ctx;

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
            retry_bound: tenantry_definitions::built_in_retry_bound(),
        })
    }

    /// What use cases and workers see. None of them uses large objects, and S3's client is a tenth of a function's size:
    /// their port is not in here, but for itself ([`AwsHome::blobs`]).
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
            dead_letters: Arc::new(self.dead_letters()),
            bus: self.bus(),
            workflows: self.workflows(),
            task_tokens: self.task_tokens(),
            vault: self.vault(),
            data_keys: self.data_keys(),
            blobs: Arc::new(Absent { port: "blobs", reason: "no function uses large objects".to_owned() }),
            clock: self.clock().clone(),
            ids: self.ids().clone(),
            catalogue: catalogue()?,
        })
    }
}

fn catalogue() -> Result<Arc<Catalogue>, CatalogueError> {
    tenantry_definitions::catalogue().map(Arc::new)
}

/// An adapter where the deployment names what it needs; else one that tells what is missing.
macro_rules! or_absent {
    ($port:literal, $made:expr) => {
        match $made {
            Ok(made) => Arc::new(made),
            Err(missing) => Arc::new(Absent::new($port, missing)),
        }
    };
}

/// Each port by itself, for a function that uses no other.
impl AwsHome {
    fn calls(&self) -> (Arc<Clients>, Calls) {
        (self.clients.clone(), self.calls.clone())
    }

    fn aws_queue(&self, name: &str) -> Result<AwsQueue, MissingVariable> {
        let (clients, calls) = self.calls();
        Ok(AwsQueue::new(clients, calls, self.deployment.queue(name)?))
    }

    fn aws_data_keys(&self) -> Result<AwsDataKeys, MissingVariable> {
        let (clients, calls) = self.calls();
        Ok(AwsDataKeys::new(clients, calls, self.table(), self.deployment.get(KEY)?))
    }

    /// The table.
    pub fn table(&self) -> Arc<dyn Table> {
        let (clients, calls) = self.calls();
        or_absent!("table", self.deployment.get(TABLE).map(|name| AwsTable::new(clients, calls, name)))
    }

    /// The queue of that name.
    pub fn queue(&self, name: &str) -> Arc<dyn Queue> {
        or_absent!("queue", self.aws_queue(name))
    }

    /// The dead letters. They can be redriven to the queues that the function was given.
    pub fn dead_letters(&self) -> AwsDeadLetters {
        let queues = Queues::NAMES.into_iter().filter_map(|name| Some((name, self.aws_queue(name).ok()?)));
        let (clock, ids) = (self.clock().clone(), self.ids().clone());
        AwsDeadLetters::new(self.table(), self.data_keys(), queues, clock, ids)
    }

    /// The bus.
    pub fn bus(&self) -> Arc<dyn Bus> {
        let (clients, calls) = self.calls();
        let named = self.deployment.get(BUS);
        let publisher: Arc<dyn Publisher> =
            or_absent!("bus", named.map(|name| EventBridge::new(clients, calls, name)));
        let (clock, ids) = (self.clock().clone(), self.ids().clone());
        Arc::new(AwsBus::new(self.table(), self.queue("webhooks"), publisher, clock, ids))
    }

    /// The state machines.
    pub fn workflows(&self) -> Arc<dyn Workflows> {
        let (clients, calls) = self.calls();
        let names = SOURCES.iter().map(|(name, ..)| (*name).to_owned());
        let made = self.deployment.get(STATE_MACHINES).map_err(|missing| missing.to_string());
        let made = made.and_then(|base| {
            AwsWorkflows::new(clients, calls, self.table(), base, names).map_err(|error| error.to_string())
        });
        match made {
            Ok(made) => Arc::new(made),
            Err(reason) => Arc::new(Absent { port: "workflows", reason }),
        }
    }

    /// Answers to waiting tasks.
    pub fn task_tokens(&self) -> Arc<dyn TaskTokens> {
        let (clients, calls) = self.calls();
        Arc::new(AwsTaskTokens::new(clients, calls))
    }

    /// Secrets. A deployment's own (`system/…`) need its prefix, all others its key.
    pub fn vault(&self) -> Arc<dyn Vault> {
        let (clients, calls) = self.calls();
        let (prefix, key) = (self.deployment.get(SECRETS_PREFIX), self.deployment.get(KEY));
        let table = self.table();
        let [with_prefix, with_key] = [&prefix, &key].map(|name| name.as_deref().unwrap_or_default());
        let data_keys = AwsDataKeys::new(clients.clone(), calls, table.clone(), with_key);
        let vault = AwsVault::new(clients, data_keys, table, with_prefix);
        let part = |name: Result<&str, MissingVariable>| -> Arc<dyn Vault> {
            or_absent!("vault", name.map(|_| vault.clone()))
        };
        Arc::new(SplitVault { system: part(prefix.clone()), other: part(key.clone()) })
    }

    /// Keys per tenant.
    pub fn data_keys(&self) -> Arc<dyn DataKeys> {
        or_absent!("data keys", self.aws_data_keys())
    }

    /// Large objects.
    pub fn blobs(&self) -> Arc<dyn Blobs> {
        let (clients, calls) = self.calls();
        or_absent!("blobs", self.deployment.get(BUCKET).map(|name| AwsBlobs::new(clients, calls, name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::sdk_config;
    use tenantry_app::testing::Memory;
    use tenantry_core::ports::PortError;

    #[tokio::test]
    async fn a_port_that_the_function_was_not_given_says_which_variable_is_missing() {
        let variables = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let variables = variables.map(|name| (name.to_owned(), "x".to_owned()));
        let memory = Memory::new();
        let home = AwsHome::new(
            Arc::new(Clients::new(sdk_config(variables).unwrap())),
            Deployment::default(),
            memory.clock.clone(),
            memory.ids.clone(),
        );
        let ports = home.ports().unwrap();
        let said = |error: PortError| error.to_string();
        let key = tenantry_core::keys::Key::slug("a");
        assert!(said(ports.table.get(&key).await.unwrap_err()).contains(TABLE));
        let depth = ports.queues.execution_status.depth().await;
        assert!(said(depth.unwrap_err()).contains("TENANTRY_QUEUE_EXECUTION_STATUS"));
        assert!(said(ports.vault.resolve("system/x").await.unwrap_err()).contains(SECRETS_PREFIX));
        assert!(said(ports.vault.resolve("services/x").await.unwrap_err()).contains(KEY));
        assert!(said(home.blobs().get("a").await.unwrap_err()).contains(BUCKET));
        let list = ports.workflows.list(Default::default(), None, 1).await;
        assert!(list.unwrap_err().to_string().contains(STATE_MACHINES));
    }
}
