//! From an ARN to what would be started: the machine, one of its versions, or the version that an alias draws.

use super::{Alias, Kind, LogLevel, Machine, Registry, Revision};
use crate::{ApiError, names};
use std::sync::Arc;
use tenantry_asl::Identity;
use tenantry_core::{BoxFuture, ExecutionId};
use tenantry_engine::{Launch, Machines, Target, TaskFailure};

/// What an ARN stands for now.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) machine: Arc<Machine>,
    pub(crate) revision: Revision,
    pub(crate) version: Option<u64>,
    pub(crate) alias: Option<String>,
}

impl Registry {
    /// The machine, version or alias of an ARN; of an alias with weights, one of its versions by chance.
    ///
    /// # Errors
    /// `InvalidArn`, `StateMachineDoesNotExist`.
    pub(crate) fn find(&self, arn: &str) -> Result<Found, ApiError> {
        let (name, qualifier) = names::state_machine(arn)?;
        let missing = || ApiError::no_machine(arn);
        if !self.realm().owns(arn) {
            return Err(missing());
        }
        let machine = self.machine(name).ok_or_else(missing)?;
        let Some(qualifier) = qualifier else {
            let revision = machine.current.clone();
            return Ok(Found { machine, revision, version: None, alias: None });
        };
        let (number, alias) = match qualifier.parse() {
            Ok(number) => (number, None),
            Err(_) => {
                let alias = machine.aliases.get(qualifier).ok_or_else(missing)?;
                (self.draw(alias), Some(alias.name.clone()))
            }
        };
        let revision = machine.versions.get(&number).ok_or_else(missing)?.revision.clone();
        Ok(Found { machine, revision, version: Some(number), alias })
    }

    /// A version of an alias, by its weights.
    fn draw(&self, alias: &Alias) -> u64 {
        let [first, rest @ ..] = alias.routes.as_slice() else { return 0 };
        let mut left = if rest.is_empty() { 0 } else { self.percent() };
        for route in &alias.routes {
            if left < route.weight {
                return route.version;
            }
            left -= route.weight;
        }
        first.version
    }

    /// Evenly from 0 to 99.
    fn percent(&self) -> u8 {
        loop {
            let mut byte = [0];
            self.0.ids.fill(&mut byte);
            // 200 is the largest multiple of 100 that a byte can count to.
            if byte[0] < 200 {
                return byte[0] % 100;
            }
        }
    }
}

impl Found {
    /// What its executions' context object shows, but for the execution itself.
    fn identity(&self, registry: &Registry, execution_arn: String, name: &str) -> Identity {
        let realm = registry.realm();
        let machine = &self.machine.name;
        Identity {
            execution_id: execution_arn,
            execution_name: name.to_owned(),
            role_arn: self.revision.role_arn.clone(),
            state_machine_id: realm.state_machine(machine),
            state_machine_name: machine.clone(),
            state_machine_version_arn: self.version.map(|number| realm.qualified(machine, number)),
            state_machine_alias_arn: self.alias.as_ref().map(|alias| realm.qualified(machine, alias)),
            ..Identity::default()
        }
    }

    /// An execution of it, under `name`; of an Express machine under a fresh UUID as well.
    ///
    /// # Errors
    /// `InvalidName` for what cannot be an execution's id.
    pub(crate) fn launch(
        &self,
        registry: &Registry,
        name: &str,
        input: serde_json::Value,
    ) -> Result<Launch, ApiError> {
        let machine = &self.machine.name;
        let express = self.machine.kind == Kind::Express;
        let (arn, id_name) = if express {
            let uuid = registry.uuid();
            (registry.realm().express(machine, name, &uuid), format!("{name}:{uuid}"))
        } else {
            (registry.realm().execution(machine, name), name.to_owned())
        };
        Ok(Launch {
            id: ExecutionId::new(machine, &id_name).map_err(|_| ApiError::invalid_name(name))?,
            definition: Arc::clone(&self.revision.definition),
            input,
            identity: self.identity(registry, arn, name),
            express,
        })
    }
}

impl Machines for Registry {
    fn resolve<'a>(&'a self, arn: &'a str) -> BoxFuture<'a, Result<Target, TaskFailure>> {
        let found = self.find(arn).and_then(|found| match found.machine.deleting {
            true => Err(ApiError::machine_deleting(arn)),
            false => Ok(found),
        });
        let answer = match found {
            Ok(found) => {
                let identity = found.identity(self, String::new(), "");
                Ok(Target {
                    machine: found.machine.name.clone(),
                    definition: found.revision.definition,
                    role_arn: identity.role_arn,
                    version_arn: identity.state_machine_version_arn,
                    alias_arn: identity.state_machine_alias_arn,
                    express: found.machine.kind == Kind::Express,
                })
            }
            Err(refusal) => Err(self.as_task_failure(&refusal)),
        };
        Box::pin(std::future::ready(answer))
    }

    fn has_activity<'a>(&'a self, arn: &'a str) -> BoxFuture<'a, bool> {
        let known = self.realm().owns(arn)
            && names::activity(arn).is_ok_and(|name| self.state().activities.contains_key(name));
        Box::pin(std::future::ready(known))
    }

    fn ended(&self, id: &ExecutionId) {
        let owner = id.map_run_child().map_or(id.workflow(), |(machine, _)| machine);
        let logs = |machine: &Arc<Machine>| {
            let revisions = machine.versions.values().map(|version| &version.revision.logging);
            revisions.chain([&machine.current.logging]).any(|logging| logging.level != LogLevel::Off)
        };
        if self.state().machines.get(owner).is_some_and(logs) {
            self.endings().push(id.clone());
        }
    }
}

impl Registry {
    /// A refusal as the optimised integration `states:startExecution` words it for a task.
    fn as_task_failure(&self, refusal: &ApiError) -> TaskFailure {
        let ApiError { code, message, status } = refusal;
        let request = self.uuid();
        TaskFailure {
            error: format!("StepFunctions.{code}Exception"),
            cause: Some(format!(
                "{message} (Service: AWSStepFunctions; Status Code: {status}; Error Code: {code}; Request ID: \
                 {request}; Proxy: null)"
            )),
        }
    }
}
