//! A worker that a queue feeds: the messages of a batch are handled side by side, and those that failed come again.

use super::event::BatchAnswer;
use super::function::Worker;
use super::invocation::{Invocation, Invoke, answer, read};
use super::step::annotations;
use super::trace::{TraceHeader, Tracer};
use crate::queue::message_of_record;
use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;
use tenantry_app::Ports;
use tenantry_app::workers::WorkerError;
use tenantry_app::workers::batch::Batch;
use tenantry_app::workers::consume::{Disposition, Handler};
use tenantry_core::BoxFuture;
use tenantry_core::ports::{Message, Queue};
use tracing::Instrument as _;

/// A queue worker's function.
pub(super) struct QueueFunction {
    pub(super) worker: Worker,
    pub(super) queue: Arc<dyn Queue>,
    pub(super) ports: Ports,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) tracer: Tracer,
}

impl Invoke for QueueFunction {
    fn invoke<'a>(
        &'a self,
        event: &'a RawValue,
        invocation: &'a Invocation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, Diagnostic>> {
        Box::pin(async move {
            let event: SqsEvent = read(event, "a batch of an SQS queue")?;
            let messages: Vec<Message> = event.records.iter().map(message_of_record).collect();
            let handler = Observed {
                handler: self.handler.clone(),
                queue: self.worker.queue(),
                tracer: self.tracer.clone(),
                trace: invocation.trace.clone(),
            };
            let batch = Batch {
                ports: &self.ports,
                queue_name: self.worker.queue(),
                queue: &*self.queue,
                handler: &handler,
                in_flight_max: messages.len(),
                until: invocation.until,
            };
            let again = batch.run(&messages).await;
            let identifier = |place: usize| event.records[place].message_id.clone().unwrap_or_default();
            answer(&BatchAnswer::failed(again.into_iter().map(identifier)))
        })
    }
}

/// The worker, with a span and a subsegment around each message.
struct Observed {
    handler: Arc<dyn Handler>,
    queue: &'static str,
    tracer: Tracer,
    trace: Option<TraceHeader>,
}

impl Handler for Observed {
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Disposition, WorkerError>> {
        Box::pin(async move {
            let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
            let ids = annotations(&body);
            let id = |name: &str| ids.get(name).and_then(Value::as_str);
            let span = tracing::info_span!(
                "message",
                queue = self.queue,
                message = %message.id,
                tenant = id("tenant"),
                operation = id("operation"),
                execution = id("execution"),
                service = id("service"),
                subscription = id("subscription"),
            );
            let subsegment = self.tracer.begin(self.trace.as_ref(), self.queue, ids.clone());
            let outcome = self.handler.handle(message).instrument(span).await;
            subsegment.end(outcome.is_err());
            outcome
        })
    }
}
