//! An invoker that fails where it is told to.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tenantry_core::BoxFuture;
use tenantry_engine::{TaskFailure, TaskInvoker, TaskRequest};

/// An error that no Retry of a forward step names.
pub(crate) const ERROR: &str = "Test.Permanent";

/// What goes wrong at a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
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
pub(crate) struct Plan {
    pub(crate) faults: BTreeMap<String, Fault>,
    pub(crate) visited: BTreeSet<String>,
}

/// Tasks that are being carried out now.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<AtomicUsize>);

/// One of them; however it ends, it is counted no more.
struct Flight(InFlight);

impl InFlight {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn begin(&self) -> Flight {
        self.0.fetch_add(1, Ordering::SeqCst);
        Flight(self.clone())
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) struct Faulty {
    pub(crate) inner: Arc<dyn TaskInvoker>,
    pub(crate) plan: Arc<Mutex<Plan>>,
    pub(crate) in_flight: InFlight,
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
        let flight = self.in_flight.begin();
        Box::pin(async move {
            let _flight = flight;
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
