//! The integration worker: a request to a product service, with a task token that the service answers later.
//!
//! The service's 2xx only says that it has taken the request; its answer to the token is the confirmation. So a
//! request may be repeated (the `webhook-id` stays the same), and a service that cannot be reached or refuses is
//! answered for: the token fails, and the state machine goes its way.

mod call;
mod request;

#[cfg(test)]
mod tests;

use super::consume::{Disposition, Handler};
use super::error::WorkerError;
use super::rows;
use super::schedule::{RetrySchedule, doubled, spread};
use super::slots::Slots;
use crate::Ports;
use crate::http::HttpClient;
use call::Verdict;
use request::Request;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::model::{Progress, ProgressState, RecordedError, Service};
use tenantry_core::ports::{Action, Item, Message, PortError, TaskTokenError};
use tenantry_core::{BoxFuture, Timestamp, limits};
use tenantry_events::sealed_error::{self, Place};

/// The error that the state machine sees where a service refused, or cannot be asked at all.
pub const REJECTED: &str = "Integration.Rejected";
/// The error that the state machine sees where a service could not be reached in time.
pub const UNREACHABLE: &str = "Integration.Unreachable";

/// A token's pointer outlives its task by this, so that a late answer meets *expired* and not *unknown*.
const POINTER_SLACK: Duration = Duration::from_secs(24 * 3600);
/// The longest wait between two tries, whatever a `Retry-After` asks for.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// The integration worker.
pub struct IntegrationWorker {
    ports: Ports,
    http: HttpClient,
    retries: RetrySchedule,
    slots: Slots,
}

/// SHA-256 of a task token, in hex: what its pointer row is found by.
pub fn task_token_hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl IntegrationWorker {
    /// An integration worker that makes at most `calls_per_service_max` calls to one service at once.
    pub fn new(ports: Ports, http: HttpClient, retries: RetrySchedule, calls_per_service_max: usize) -> Self {
        Self { ports, http, retries, slots: Slots::new(calls_per_service_max) }
    }

    async fn request(&self, message: &Message) -> Result<Disposition, WorkerError> {
        let request = match Request::read(message) {
            Ok(request) => request,
            Err(text) => return Ok(Disposition::bury("malformed", text)),
        };
        let Some(_slot) = self.slots.take(request.service_id.as_str()).await else {
            // Too many wait for this service already: aside with it, so that other services get their turn.
            let wait = doubled(Duration::from_secs(1), request.put_aside + 1, Duration::from_secs(30));
            let wait = spread(wait, 0.5, &*self.ports.ids);
            return Ok(Disposition::Instead(request.aside().message(wait)));
        };
        // Nobody may wait any more: the execution was stopped, or the task timed out. Where somebody does, this is
        // the sign of life that keeps the task while its service is looked for.
        match self.ports.task_tokens.heartbeat(&request.task_token).await {
            Err(TaskTokenError::Used | TaskTokenError::Expired(_)) => return Ok(Disposition::Done),
            Err(TaskTokenError::Invalid) => {
                let text = "the task token is not one of ours: nobody waits for this request";
                return Ok(Disposition::bury("task_token_invalid", text));
            }
            Err(TaskTokenError::Port(error)) => return Err(error.into()),
            Ok(()) | Err(TaskTokenError::OutputTooLarge) => {}
        }
        let started_at = self.announce(&request).await?;
        if request.try_number > 1 {
            // Before the call: after it, the service's answer may have brought the step to its end already.
            self.note(&request, started_at, ProgressState::Waiting, None, None).await?;
        }
        match self.verdict(&request).await? {
            Verdict::Taken => Ok(Disposition::Done),
            Verdict::Refused(cause) => {
                let cause = request.without_token(&cause);
                self.fail(&request, started_at, REJECTED, cause).await
            }
            Verdict::NotNow { cause, retry_after } => {
                let cause = request.without_token(&cause);
                self.later(request, started_at, cause, retry_after).await
            }
        }
    }

    /// Looks the service up and asks it.
    async fn verdict(&self, request: &Request) -> Result<Verdict, WorkerError> {
        let id = &request.service_id;
        let Some(item) = self.ports.table.get(&Key::service(id)).await? else {
            return Ok(Verdict::Refused(format!("there is no service {id}")));
        };
        let service: Service = item.record()?;
        if service.removed && request.action != "undo" {
            return Ok(Verdict::Refused(format!("the service {} was removed", service.name)));
        }
        let secret = match self.ports.vault.resolve(&service.secret_ref).await {
            Ok(secret) => secret,
            Err(PortError::NotFound { .. }) => {
                return Ok(Verdict::Refused(format!(
                    "the signing secret of the service {} is gone",
                    service.name
                )));
            }
            Err(error) => return Err(error.into()),
        };
        Ok(call::call(&self.ports, &self.http, &service, &secret, request).await)
    }

    /// Writes down whose token it is and that the service is waited for, before the token leaves. Answers when this
    /// try of the step began.
    async fn announce(&self, request: &Request) -> Result<Timestamp, WorkerError> {
        let pointer_key = Key::task_token(&task_token_hash(&request.task_token));
        let began = request.first_sent_at;
        if self.ports.table.get(&pointer_key).await?.is_some() {
            return Ok(began);
        }
        let mut attributes = Map::new();
        attributes.insert("serviceId".to_owned(), json!(request.service_id));
        attributes.insert("tenantId".to_owned(), json!(request.tenant_id));
        let forget_at = request.deadline().saturating_add(POINTER_SLACK).as_seconds();
        let pointer = Item::new(pointer_key, attributes).expiring_at(forget_at);
        let progress = self.progress(request, began, ProgressState::Waiting, None, None).await?;
        rows::commit(&self.ports, vec![Action::put(pointer), Action::put(progress)]).await?;
        Ok(began)
    }

    /// The step's row as it is to be.
    async fn progress(
        &self,
        request: &Request,
        began: Timestamp,
        state: ProgressState,
        error: Option<RecordedError>,
        next_retry_at: Option<Timestamp>,
    ) -> Result<Item, WorkerError> {
        let part = request.service_id.as_str();
        let (tenant, operation) = (&request.tenant_id, &request.operation_id);
        let key = Key::progress(tenant, operation, request.attempt, &request.state, part);
        let before: Option<Progress> =
            self.ports.table.get(&key).await?.map(|item| item.record()).transpose()?;
        // A later token of the same state is the state machine's next try of it.
        let try_number = match &before {
            None => 1,
            Some(row) if row.started_at == began => row.try_number,
            Some(row) => row.try_number + 1,
        };
        let last_error = error.or_else(|| before.and_then(|row| row.last_error));
        let progress = Progress {
            operation_id: operation.clone(),
            attempt: request.attempt,
            step: request.state.clone(),
            try_number,
            state,
            started_at: began,
            updated_at: self.ports.clock.now(),
            last_error,
            next_retry_at,
            deadline_at: Some(request.deadline()),
        };
        Ok(Item::of(key, &progress))
    }

    /// Tells in the step's row how the request fares, unless the row has moved on (to another try, or to its end).
    async fn note(
        &self,
        request: &Request,
        began: Timestamp,
        state: ProgressState,
        error: Option<RecordedError>,
        next_retry_at: Option<Timestamp>,
    ) -> Result<(), WorkerError> {
        let item = self.progress(request, began, state, error, next_retry_at).await?;
        let conditions = vec![
            rows::equals("startedAt", began.to_string()),
            tenantry_core::ports::Condition::Differs("state".to_owned(), "succeeded".into()),
        ];
        rows::commit_if(&self.ports, vec![Action::put_if(item, conditions)]).await?;
        Ok(())
    }

    /// The error as the step's row keeps it: what the service said is sealed.
    async fn recorded(
        &self,
        request: &Request,
        code: &str,
        message: String,
    ) -> Result<RecordedError, PortError> {
        let step = Some(request.state.clone());
        let error = RecordedError { code: code.to_owned(), message, step, sealed: None };
        let part = request.service_id.as_str();
        let place = Place::Step { attempt: request.attempt, step: &request.state, part };
        let keys = self.ports.data_keys.as_ref();
        sealed_error::seal(keys, &request.tenant_id, &request.operation_id, place, error).await
    }

    async fn later(
        &self,
        request: Request,
        began: Timestamp,
        cause: String,
        retry_after: Option<Duration>,
    ) -> Result<Disposition, WorkerError> {
        let now = self.ports.clock.now();
        let Some(wait) = self.retries.wait_after(request.try_number, &*self.ports.ids) else {
            let cause = format!("{cause} (the last of {} tries)", request.try_number);
            return self.fail(&request, began, UNREACHABLE, cause).await;
        };
        let mut wait = wait.max(retry_after.unwrap_or_default()).min(WAIT_MAX);
        if let Some(heartbeat) = request.heartbeat_seconds {
            // The next try is also the next sign of life.
            wait = wait.min(Duration::from_secs(heartbeat).mul_f64(0.6));
        }
        if now.saturating_add(wait) >= request.deadline() {
            let cause = format!("{cause} (try {}; no time is left for another)", request.try_number);
            return self.fail(&request, began, UNREACHABLE, cause).await;
        }
        tracing::info!(
            service = %request.service_id, operation = %request.operation_id,
            try_number = request.try_number, wait_ms = wait.as_millis(), "a service could not be reached"
        );
        let next = Some(now.saturating_add(wait));
        let error = self.recorded(&request, UNREACHABLE, cause).await?;
        self.note(&request, began, ProgressState::Failed, Some(error), next).await?;
        Ok(Disposition::Instead(request.next_try().message(wait)))
    }

    /// Answers for the service. That someone was faster is as good.
    async fn fail(
        &self,
        request: &Request,
        began: Timestamp,
        error: &str,
        cause: String,
    ) -> Result<Disposition, WorkerError> {
        tracing::warn!(
            service = %request.service_id, operation = %request.operation_id, error,
            "a request to a service failed for good"
        );
        let recorded = self.recorded(request, error, cause.clone()).await?;
        self.note(request, began, ProgressState::Failed, Some(recorded), None).await?;
        let cause: String = cause.chars().take(limits::CAUSE_LENGTH_MAX).collect();
        let answer = self.ports.task_tokens.fail(&request.task_token, Some(error.to_owned()), Some(cause));
        match answer.await {
            Err(TaskTokenError::Port(error)) => Err(error.into()),
            Ok(()) | Err(_) => Ok(Disposition::Done),
        }
    }
}

impl Handler for IntegrationWorker {
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Disposition, WorkerError>> {
        Box::pin(self.request(message))
    }
}

/// The body that a service gets: `{action, tenantId, operationId, generation, taskToken, heartbeatSeconds}`.
fn service_body(request: &Request) -> Value {
    json!({
        "action": request.action,
        "tenantId": request.tenant_id,
        "operationId": request.operation_id,
        "generation": request.generation,
        "taskToken": request.task_token,
        "heartbeatSeconds": request.heartbeat_seconds,
    })
}
