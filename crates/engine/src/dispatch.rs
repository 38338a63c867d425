//! Making the calls that tasks stand for.

use crate::commit::Flight;
use crate::engine::Inner;
use crate::invoker::{TaskFailure, TaskRequest};
use crate::live::{Call, Live, Slot};
use futures::FutureExt;
use futures::future::{AbortHandle, AbortRegistration, Abortable};
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tenantry_asl::{Action, Event, PendingTask, TASK_TOKEN_PLACEHOLDER, TaskId};

/// A call to make; its row is durable.
pub(crate) struct Dispatch {
    slot: Arc<Slot>,
    request: TaskRequest,
    registration: AbortRegistration,
}

impl Inner {
    /// Performs actions whose entry is durable.
    pub(crate) fn perform(&self, slot: &Arc<Slot>, live: &mut Live, actions: Vec<Action>) -> Vec<Dispatch> {
        let mut dispatches = Vec::new();
        for action in actions {
            match action {
                Action::Dispatch(task) => dispatches.extend(self.prepare(slot, live, task)),
                Action::Abandon { task } => {
                    if let Some(call) = take_call(live, task) {
                        call.cut_off.abort();
                    }
                }
                // Timers and ends were taken up when the event was stepped.
                Action::SetTimer(_) | Action::ClearTimer { .. } | Action::Close(_) => {}
            }
        }
        dispatches
    }

    fn prepare(&self, slot: &Arc<Slot>, live: &mut Live, task: PendingTask) -> Option<Dispatch> {
        // Memory may be ahead: a task that is gone there needs no call, whether or not that is durable yet.
        let awaited = live.state.pending_task(task.id).is_some_and(|pending| !pending.submitted);
        if !awaited || self.is_closing() || live.calls.iter().any(|call| call.task == task.id) {
            return None;
        }
        let mut arguments = Arc::unwrap_or_clone(task.arguments);
        if task.waits_for_token {
            let token = live.tokens.iter().find(|token| token.task == task.id);
            match token.and_then(|token| self.keys.reveal(slot.key, token)) {
                Some(token) => put_token(&mut arguments, &token),
                None => {
                    tracing::error!(
                        execution = %slot.id,
                        task = task.id,
                        "the task's token cannot be opened, so the task is not dispatched; was the engine started \
                         with another token key?"
                    );
                    return None;
                }
            }
        }
        let (cut_off, registration) = AbortHandle::new_pair();
        live.calls.push(Call { task: task.id, started_at_ms: self.clock.now().as_millis(), cut_off });
        let request = TaskRequest {
            execution: slot.id.clone(),
            state: task.state,
            task: task.id,
            resource: task.resource,
            arguments,
        };
        Some(Dispatch { slot: Arc::clone(slot), request, registration })
    }

    /// Makes a call and takes its answer. The entry that holds the answer comes back, if it took off.
    pub(crate) async fn carry_out(self: &Arc<Self>, dispatch: Dispatch) -> Option<Flight> {
        let Dispatch { slot, request, registration } = dispatch;
        let task = request.task;
        self.stats.dispatched.add(1);
        let call = AssertUnwindSafe(async { self.invoker.invoke(request).await }).catch_unwind();
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
        self.take_answer(&slot, task, result)
    }

    fn take_answer(
        &self,
        slot: &Arc<Slot>,
        task: TaskId,
        result: Result<Value, TaskFailure>,
    ) -> Option<Flight> {
        let mut live = slot.lock();
        let call = take_call(&mut live, task)?;
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

fn take_call(live: &mut Live, task: TaskId) -> Option<Call> {
    let index = live.calls.iter().position(|call| call.task == task)?;
    Some(live.calls.swap_remove(index))
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
