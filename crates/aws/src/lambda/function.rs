//! Which function this process is.

use std::fmt;
use tenantry_handlers::{REGISTRY, Step};

/// A queue whose messages a function works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worker {
    /// Starts executions.
    Operations,
    /// Asks product services.
    Integrations,
    /// Delivers events.
    Webhooks,
    /// Writes down how executions ended.
    ExecutionStatus,
}

impl Worker {
    /// The queue's name.
    pub fn queue(self) -> &'static str {
        match self {
            Worker::Operations => "operations",
            Worker::Integrations => "integrations",
            Worker::Webhooks => "webhooks",
            Worker::ExecutionStatus => "execution-status",
        }
    }
}

/// A function.
#[derive(Clone, Copy)]
pub enum Function {
    /// A step of the registry.
    Step(&'static Step),
    /// A worker that a queue feeds.
    Worker(Worker),
    /// Writes what died in a queue down as a row.
    DeadLetters,
    /// Publishes and sends what the table's stream shows.
    Relay,
    /// Takes up what was left behind.
    Sweeper,
    /// Asks after operations that do not get on.
    Reconciler,
    /// The HTTP API.
    Api,
    /// Says who may call it.
    Authorizer,
}

/// The functions that are no steps, by their names.
const OTHERS: [(&str, Function); 10] = [
    ("operations", Function::Worker(Worker::Operations)),
    ("integrations", Function::Worker(Worker::Integrations)),
    ("webhooks", Function::Worker(Worker::Webhooks)),
    ("execution_status", Function::Worker(Worker::ExecutionStatus)),
    ("dead_letters", Function::DeadLetters),
    ("relay", Function::Relay),
    ("sweeper", Function::Sweeper),
    ("reconciler", Function::Reconciler),
    ("api", Function::Api),
    ("authorizer", Function::Authorizer),
];

/// There is no such function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFunction(pub String);

impl fmt::Display for UnknownFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Function::names().collect();
        write!(
            f,
            "there is no function {:?}: this bootstrap serves, by the function's handler, {}",
            self.0,
            names.join(", ")
        )
    }
}

impl std::error::Error for UnknownFunction {}

impl Function {
    /// The names of all functions: the steps first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        REGISTRY.iter().map(|step| step.name).chain(OTHERS.iter().map(|(name, _)| *name))
    }

    /// The function of that name, which is what Lambda calls its handler, and the name.
    ///
    /// # Errors
    /// [`UnknownFunction`], which lists those that there are.
    pub fn find(name: &str) -> Result<(&'static str, Self), UnknownFunction> {
        if let Some(step) = tenantry_handlers::registry::find(name) {
            return Ok((step.name, Function::Step(step)));
        }
        let other = OTHERS.iter().find(|(known, _)| *known == name);
        other.copied().ok_or_else(|| UnknownFunction(name.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_is_deployed_is_what_the_bootstrap_serves() {
        let deployed: BTreeSet<&str> = crate::functions::all().iter().map(|function| function.name).collect();
        assert_eq!(deployed, Function::names().collect());
    }

    #[test]
    fn every_name_is_found_and_stands_once() {
        let names: BTreeSet<&str> = Function::names().collect();
        assert_eq!(names.len(), Function::names().count());
        for name in names {
            let (found, function) = Function::find(name).unwrap();
            assert_eq!(found, name);
            if let Function::Worker(worker) = function {
                assert_eq!(worker.queue(), name.replace('_', "-"));
            }
        }
        let unknown = Function::find("place-tenant").err().unwrap().to_string();
        assert!(unknown.contains("place_tenant") && unknown.contains("authorizer"), "{unknown}");
    }
}
