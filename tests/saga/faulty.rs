//! An invoker that fails where it is told to.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tenantry::invoker::LocalInvoker;
use tenantry_core::BoxFuture;
use tenantry_engine::{TaskFailure, TaskInvoker, TaskRequest};

/// An error that no Retry of a forward step names.
pub const ERROR: &str = "Test.Permanent";

/// What goes wrong at a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is carried out twice.
    Twice,
    /// It fails, and nothing was done.
    FailBefore,
    /// It was done, and fails nevertheless.
    FailAfter,
    /// The product service refuses.
    Refused,
}

/// What goes wrong where, and which states were asked for.
#[derive(Default)]
pub struct Plan {
    pub faults: BTreeMap<String, Fault>,
    pub visited: BTreeSet<String>,
}

pub struct Faulty {
    pub inner: LocalInvoker,
    pub plan: Arc<Mutex<Plan>>,
}

fn failure() -> TaskFailure {
    TaskFailure { error: ERROR.to_owned(), cause: Some("as the test told it to".to_owned()) }
}

impl TaskInvoker for Faulty {
    fn invoke(&self, request: TaskRequest) -> BoxFuture<'_, Result<Value, TaskFailure>> {
        let fault = {
            let mut plan = self.plan.lock().expect("no panic");
            plan.visited.insert(request.state.clone());
            plan.faults.get(&request.state).copied()
        };
        Box::pin(async move {
            match fault {
                Some(Fault::FailBefore) => Err(failure()),
                Some(Fault::FailAfter) => {
                    self.inner.invoke(request).await?;
                    Err(failure())
                }
                Some(Fault::Twice) => {
                    self.inner.invoke(request.clone()).await?;
                    self.inner.invoke(request).await
                }
                Some(Fault::Refused) | None => self.inner.invoke(request).await,
            }
        })
    }
}
