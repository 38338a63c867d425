//! Coming back to children: after a crash, and when a task no longer waits for its child.

use super::{ChildEnd, PAUSE, Request};
use crate::engine::Inner;
use crate::live::{Live, Slot};
use crate::parent::Parent;
use crate::record;
use std::sync::Arc;
use tenantry_asl::{PendingTask, TaskId, TaskKind};
use tenantry_core::ExecutionId;
use tenantry_core::ports::{ExecutionStatus, WorkflowError};

impl Inner {
    /// Asks after the children that an execution's tasks wait for; for one that was read from its rows.
    pub(crate) fn attend_all(self: &Arc<Self>, slot: &Arc<Slot>, live: &Live) {
        let waiting: Vec<PendingTask> = live
            .state
            .pending_tasks()
            .filter(|task| task.kind == TaskKind::StartExecution && task.submitted)
            .filter(|task| super::waits_for_end(&task.resource))
            .cloned()
            .collect();
        for task in waiting {
            // The token has gone with the child's input; where it stood says nothing of the child's id.
            let arguments = serde_json::Value::clone(&task.arguments);
            let Ok(request) = Request::start_execution(slot, &task, arguments) else { continue };
            let ids: Vec<_> =
                [false, true].into_iter().filter_map(|express| request.id(express).ok()).collect();
            self.attend(Arc::clone(slot), task.id, ids);
        }
    }

    /// Sees to it that a task hears of its child's end. `ids`: what the child may be called.
    pub(crate) fn attend(self: &Arc<Self>, slot: Arc<Slot>, task: TaskId, ids: Vec<ExecutionId>) {
        let engine = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                match engine.look_after(&slot, task, &ids).await {
                    Ok(()) => return,
                    Err(error) if engine.is_closing() => {
                        tracing::debug!(%error, "the engine is shutting down");
                        return;
                    }
                    Err(error) => {
                        tracing::warn!(execution = %slot.id, task, %error, "cannot ask after a child now; trying again");
                    }
                }
                engine.clock.sleep_until(engine.clock.now().saturating_add(PAUSE)).await;
            }
        });
    }

    async fn look_after(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        task: TaskId,
        ids: &[ExecutionId],
    ) -> Result<(), WorkflowError> {
        for id in ids {
            let stored = match self.find(id).await {
                Err(WorkflowError::UnknownExecution(_)) => continue,
                found => found?,
            };
            if stored.summary.status == ExecutionStatus::Running {
                {
                    let mut live = slot.lock();
                    if live.state.pending_task(task).is_none() {
                        return Ok(());
                    }
                    live.children.insert(task, id.clone());
                }
                let ours = self.slots.get(stored.key).is_some_and(|child| {
                    let child = child.lock();
                    child
                        .parent
                        .as_ref()
                        .is_some_and(|parent| parent.waits && (parent.key, parent.task) == (slot.key, task))
                });
                if ours {
                    // It tells us, once its end is durable.
                    return Ok(());
                }
                self.ended(id).await?;
            }
            let (_, folded) = self.read(id).await?;
            if let Some(end) = ChildEnd::of_folded(&folded) {
                self.deliver(slot, task, end);
            }
            return Ok(());
        }
        if let Some(id) = ids.first() {
            self.child_is_gone(slot, task, id);
        }
        Ok(())
    }

    /// Stops the child of a task that no longer waits, as Step Functions does.
    pub(crate) fn abandon_child(self: &Arc<Self>, live: &mut Live, task: TaskId) {
        if let Some(id) = live.children.remove(&task) {
            self.stop_unless_ended(id);
        }
    }

    /// Stops an execution that nobody waits for any more.
    pub(crate) fn stop_unless_ended(self: &Arc<Self>, id: ExecutionId) {
        let engine = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                let stopped = {
                    let _place = engine.launches.acquire().await;
                    engine.stop(&id, None, None).await
                };
                match stopped {
                    Err(WorkflowError::Port(error)) if !engine.is_closing() => {
                        tracing::warn!(execution = %id, %error, "cannot stop an abandoned child now; trying again");
                    }
                    // Stopped, or ended by itself; a crash before is mended by the next start.
                    _ => return,
                }
                engine.clock.sleep_until(engine.clock.now().saturating_add(PAUSE)).await;
            }
        });
    }

    /// After a crash: a child whose task was abandoned before the child was told is stopped now.
    pub(crate) async fn stop_if_abandoned(self: &Arc<Self>, id: &ExecutionId, parent: &Parent) {
        let waited_for = match self.slots.get(parent.key) {
            Some(slot) => slot.lock().state.pending_task(parent.task).is_some(),
            // Closed, or open and unreadable: then nobody knows.
            None => match self.find(&parent.id).await {
                Ok(stored) => stored.key == parent.key && stored.summary.status == ExecutionStatus::Running,
                Err(WorkflowError::UnknownExecution(_)) => false,
                Err(_) => true,
            },
        };
        if waited_for || self.was_answered(parent).await {
            return;
        }
        self.stop_unless_ended(id.clone());
    }

    /// Whether the task was answered by its token: then its child goes on by itself.
    async fn was_answered(&self, parent: &Parent) -> bool {
        match self.journal.rows(parent.key, false).await {
            Ok(rows) => record::holds_answer(&rows, parent.task).unwrap_or(true),
            Err(_) => true,
        }
    }
}
