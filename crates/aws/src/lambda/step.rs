//! A step: its payload goes to `tenantry_handlers`, its error to the state machine under our own name.

use super::invocation::{Invocation, Invoke, answer, failure};
use super::trace::Tracer;
use futures::future::{Either, select};
use lambda_runtime::Diagnostic;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tenantry_core::BoxFuture;
use tenantry_handlers::{Ctx, Step, StepError};
use tracing::Instrument as _;

/// A step's function.
pub(super) struct StepFunction {
    pub(super) step: &'static Step,
    pub(super) ctx: Ctx,
    pub(super) tracer: Tracer,
}

impl StepFunction {
    async fn carry_out(&self, payload: Value, invocation: &Invocation) -> Result<Value, StepError> {
        let work = Box::pin(tenantry_handlers::invoke(&self.ctx, self.step.name, payload));
        match select(work, self.ctx.clock.sleep_until(invocation.until)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(StepError::unavailable(format!(
                "{} was cut off before its function's own timeout, because a store was slow or gone. It is tried again \
                 by itself.",
                self.step.name
            ))),
        }
    }
}

impl Invoke for StepFunction {
    fn invoke<'a>(
        &'a self,
        event: &'a RawValue,
        invocation: &'a Invocation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, Diagnostic>> {
        Box::pin(async move {
            // Whatever Lambda hands over is JSON; what else it has to be, the step says.
            let payload: Value = serde_json::from_str(event.get()).unwrap_or_default();
            let mut annotations = annotations(&payload);
            annotations.insert("step".to_owned(), self.step.name.into());
            let execution = annotations.get("execution").and_then(Value::as_str);
            let span = tracing::info_span!("step-function", execution);
            let subsegment =
                self.tracer.begin(invocation.trace.as_ref(), self.step.name, annotations.clone());
            let outcome = self.carry_out(payload, invocation).instrument(span).await;
            subsegment.end(outcome.is_err());
            match outcome {
                Ok(value) => answer(&value),
                Err(error) => Err(failure(error.name(), error.message())),
            }
        })
    }
}

/// The ids in a payload or a message's body, by the names that logs and traces have for them. Only what has an id's
/// form is taken: whatever else such a member may hold is nobody's to read.
pub(super) fn annotations(body: &Value) -> Map<String, Value> {
    use tenantry_core::{ExecutionId, OperationId, ServiceId, SubscriptionId, TenantId};
    fn is<T: std::str::FromStr>(text: &str) -> bool {
        text.parse::<T>().is_ok()
    }
    type IsId = fn(&str) -> bool;
    const IDS: [(&str, &str, IsId); 5] = [
        ("tenantId", "tenant", is::<TenantId>),
        ("operationId", "operation", is::<OperationId>),
        ("executionId", "execution", is::<ExecutionId>),
        ("serviceId", "service", is::<ServiceId>),
        ("subscriptionId", "subscription", is::<SubscriptionId>),
    ];
    let member = |(from, to, is_id): &(&str, &str, IsId)| {
        let text = body.get(from)?.as_str().filter(|text| is_id(text))?;
        Some(((*to).to_owned(), Value::from(text)))
    };
    IDS.iter().filter_map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_ids_are_annotations() {
        let body = json!({
            "tenantId": "tnt_01h455vb4pex5vsknk084sn02q", "operationId": "a secret", "executionId": 7,
            "serviceId": "svc_01h455vb4pex5vsknk084sn02q", "taskToken": "a secret",
        });
        let expected =
            json!({"tenant": "tnt_01h455vb4pex5vsknk084sn02q", "service": "svc_01h455vb4pex5vsknk084sn02q"});
        assert_eq!(Value::Object(annotations(&body)), expected);
        assert!(annotations(&json!([1])).is_empty());
    }
}
