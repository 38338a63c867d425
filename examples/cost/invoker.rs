//! Tasks of the state machine, each where AWS does it.

use crate::drive::STATE_MACHINE;
use crate::meter::Meter;
use serde_json::Value;
use tenantry::invoker::LocalInvoker;
use tenantry_core::BoxFuture;
use tenantry_engine::{TaskFailure, TaskInvoker, TaskRequest};

/// Counts a step as an invocation of its function, anything else as the state machine's own doing.
pub struct Metered {
    pub inner: LocalInvoker,
    pub meter: Meter,
}

impl TaskInvoker for Metered {
    fn invoke(&self, request: TaskRequest) -> BoxFuture<'_, Result<Value, TaskFailure>> {
        let function = request.arguments.get("FunctionName").and_then(Value::as_str).map(str::to_owned);
        Box::pin(async move {
            match function.filter(|_| request.resource.contains("lambda")) {
                Some(function) => self.meter.invoke(&function, self.inner.invoke(request)).await,
                None => self.meter.at(STATE_MACHINE, self.inner.invoke(request)).await,
            }
        })
    }
}
