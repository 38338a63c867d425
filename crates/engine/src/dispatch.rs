//! Doing what tasks stand for.

use crate::children::Request;
use crate::commit::Flight;
use crate::engine::Inner;
use crate::invoker::{TaskFailure, TaskRequest};
use crate::live::{Call, Live, Slot};
use crate::map_items;
use futures::FutureExt;
use futures::future::{AbortHandle, AbortRegistration, Abortable};
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tenantry_asl::items::ResultFiles;
use tenantry_asl::{Action, Event, PendingTask, TASK_TOKEN_PLACEHOLDER, TaskId, TaskKind};

/// A task to carry out; its row is durable.
pub(crate) struct Dispatch {
    slot: Arc<Slot>,
    task: TaskId,
    work: Work,
    registration: AbortRegistration,
}

/// What is to be done for a task.
enum Work {
    /// A service is called.
    Call(TaskRequest),
    /// A child is started, or what it was to be cannot be told.
    Start(Result<Request, TaskFailure>),
    /// It is put in line for the workers of this activity.
    Activity(String),
    /// A Map Run's items are read: the reader's request.
    Read(Value),
    /// A Map Run's results are written.
    Write(Result<ResultFiles, TaskFailure>),
}

impl Inner {
    /// Performs actions whose entry is durable.
    pub(crate) fn perform(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        live: &mut Live,
        actions: Vec<Action>,
    ) -> Vec<Dispatch> {
        let mut dispatches = Vec::new();
        for action in actions {
            match action {
                Action::Dispatch(task) => dispatches.extend(self.prepare(slot, live, task)),
                Action::Abandon { task } => self.abandon(slot, live, task),
                // Timers and ends were taken up when the event was stepped.
                Action::SetTimer(_) | Action::ClearTimer { .. } | Action::Close(_) => {}
            }
        }
        dispatches
    }

    fn abandon(self: &Arc<Self>, slot: &Slot, live: &mut Live, task: TaskId) {
        if let Some(call) = live.take_call(task) {
            call.cut_off.abort();
        }
        self.abandon_child(live, task);
        self.activities.remove(slot.key, task);
    }

    fn prepare(&self, slot: &Arc<Slot>, live: &mut Live, task: PendingTask) -> Option<Dispatch> {
        // Memory may be ahead: a task that is gone there needs no call, whether or not that is durable yet.
        let awaited = live.state.pending_task(task.id).is_some_and(|pending| !pending.submitted);
        if !awaited || self.is_closing() || live.calls.iter().any(|call| call.task == task.id) {
            return None;
        }
        let work = self.work_of(slot, live, &task)?;
        let (cut_off, registration) = AbortHandle::new_pair();
        live.calls.push(Call { task: task.id, started_at_ms: self.clock.now().as_millis(), cut_off });
        Some(Dispatch { slot: Arc::clone(slot), task: task.id, work, registration })
    }

    fn work_of(&self, slot: &Arc<Slot>, live: &Live, task: &PendingTask) -> Option<Work> {
        match task.kind {
            TaskKind::Activity => Some(Work::Activity(task.resource.clone())),
            TaskKind::StartExecution => {
                let arguments = self.arguments_of(slot, live, task)?;
                Some(Work::Start(Request::start_execution(slot, task, arguments)))
            }
            TaskKind::MapChild => {
                let child = live.state.map_child(task.id)?;
                let input = Value::clone(&task.arguments);
                Some(Work::Start(Request::map_child(slot, live, task.id, child, input)))
            }
            TaskKind::ReadItems => Some(Work::Read(Value::clone(&task.arguments))),
            TaskKind::WriteResults => Some(Work::Write(map_items::results(&live.state, task))),
            TaskKind::Call => Some(Work::Call(TaskRequest {
                execution: slot.id.clone(),
                state: task.state.clone(),
                task: task.id,
                resource: task.resource.clone(),
                arguments: self.arguments_of(slot, live, task)?,
            })),
        }
    }

    /// The arguments with the token in its place; `None` where it is wanted and cannot be opened.
    fn arguments_of(&self, slot: &Slot, live: &Live, task: &PendingTask) -> Option<Value> {
        let mut arguments = Value::clone(&task.arguments);
        let Some(token) = live.tokens.iter().find(|token| token.task == task.id) else {
            return Some(arguments);
        };
        let Some(token) = self.keys.reveal(slot.key, token) else {
            tracing::error!(
                execution = %slot.id,
                task = task.id,
                "the task's token cannot be opened, so the task is not dispatched; was the engine started with \
                 another token key?"
            );
            return None;
        };
        put_token(&mut arguments, &token);
        Some(arguments)
    }

    /// Carries a task out and takes its answer. The entry that holds the answer comes back, if it took off.
    pub(crate) async fn carry_out(self: &Arc<Self>, dispatch: Dispatch) -> Option<Flight> {
        let Dispatch { slot, task, work, registration } = dispatch;
        match work {
            Work::Call(request) => {
                let call = async { self.invoker.invoke(request).await };
                self.call(&slot, task, call, registration).await
            }
            Work::Read(request) => {
                let blobs = self.blobs.clone();
                let call = async move { map_items::read(blobs, &request).await };
                self.call(&slot, task, call, registration).await
            }
            Work::Write(files) => {
                let call = map_items::write(self.blobs.clone(), files);
                self.call(&slot, task, call, registration).await
            }
            // Not cut off midway: what was begun is to be known.
            Work::Start(Ok(request)) => self.start_child(&slot, task, request).await,
            Work::Start(Err(failure)) => self.take_answer(&slot, task, Err(failure)),
            Work::Activity(arn) => self.line_up(&slot, task, &arn).await,
        }
    }

    async fn call(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        task: TaskId,
        work: impl Future<Output = Result<Value, TaskFailure>>,
        registration: AbortRegistration,
    ) -> Option<Flight> {
        let call = AssertUnwindSafe(async {
            // Never closed, so that an error cannot be.
            let _place = self.calls.acquire().await;
            self.stats.dispatched.add(1);
            work.await
        })
        .catch_unwind();
        let result = match Abortable::new(call, registration).await {
            // Nobody waits for the answer any more.
            Err(futures::future::Aborted) => return None,
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => {
                tracing::error!(execution = %slot.id, task, "a task's code panicked");
                Err(TaskFailure {
                    error: "Lambda.Unknown".to_owned(),
                    cause: Some("the task's code panicked; the log has the place".to_owned()),
                })
            }
        };
        self.take_answer(slot, task, result)
    }

    pub(crate) fn take_answer(
        &self,
        slot: &Arc<Slot>,
        task: TaskId,
        result: Result<Value, TaskFailure>,
    ) -> Option<Flight> {
        let mut live = slot.lock();
        let call = live.take_call(task)?;
        if self.is_closing() {
            return None;
        }
        // Late (timed out, abandoned, stopped) and second answers are refused: the task is no longer awaited.
        let pending = live.state.pending_task(task)?;
        let started_at_ms = call.started_at_ms;
        let event = match result {
            Ok(output) if pending.waits_for_token => {
                if pending.submitted {
                    return None;
                }
                Event::TaskSubmitted { task, started_at_ms, output }
            }
            Ok(output) => Event::TaskSucceeded { task, started_at_ms, output },
            Err(TaskFailure { error, cause }) => Event::TaskFailed { task, started_at_ms, error, cause },
        };
        // Not taken: the execution is read again and the task dispatched again, or it stands still and the log says so.
        let _ = self.advance(slot, &mut live, &event, None);
        self.take_off(slot, &mut live)
    }
}

/// Puts the token wherever the placeholder stands, inside any string, member names included.
pub(crate) fn put_token(value: &mut Value, token: &str) {
    match value {
        Value::String(text) if text.contains(TASK_TOKEN_PLACEHOLDER) => {
            *text = text.replace(TASK_TOKEN_PLACEHOLDER, token);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| put_token(item, token)),
        Value::Object(members) => {
            if members.keys().any(|name| name.contains(TASK_TOKEN_PLACEHOLDER)) {
                *members = std::mem::take(members)
                    .into_iter()
                    .map(|(name, member)| (name.replace(TASK_TOKEN_PLACEHOLDER, token), member))
                    .collect();
            }
            members.values_mut().for_each(|member| put_token(member, token));
        }
        _ => {}
    }
}

/// Whether the placeholder stands anywhere in it.
pub(crate) fn asks_for_token(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(TASK_TOKEN_PLACEHOLDER),
        Value::Array(items) => items.iter().any(asks_for_token),
        Value::Object(members) => members
            .iter()
            .any(|(name, member)| name.contains(TASK_TOKEN_PLACEHOLDER) || asks_for_token(member)),
        _ => false,
    }
}

/// Puts `[task token]` where the placeholder stands: what a history or an output shows.
pub(crate) fn hide_token(value: &mut Value) {
    put_token(value, "[task token]");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_token_is_put_everywhere() {
        let p = TASK_TOKEN_PLACEHOLDER;
        let mut value =
            json!({"a": p, "b": [{"c": format!("<{p}>{p}")}, 1, null], format!("d{p}"): p, "e": "t"});
        put_token(&mut value, "T");
        assert_eq!(value, json!({"a": "T", "b": [{"c": "<T>T"}, 1, null], "dT": "T", "e": "t"}));
    }
}
