//! Executions that have ended, waiting for their log to be written.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tenantry_core::ExecutionId;
use tokio::sync::Notify;

/// How many may wait. Logs are written as well as can be, as AWS's are: where more wait, the oldest go unlogged.
const WAITING_MAX: usize = 10_000;

/// A line of executions.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    waiting: Mutex<VecDeque<ExecutionId>>,
    arrived: Notify,
}

impl Endings {
    pub(crate) fn push(&self, id: ExecutionId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX
            && let Some(lost) = waiting.pop_front()
        {
            tracing::warn!(execution = %lost, "an execution goes unlogged: more end than can be logged");
        }
        waiting.push_back(id);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// The one that has waited longest; waits for one where there is none.
    pub(crate) async fn next(&self) -> ExecutionId {
        loop {
            let first = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match first {
                Some(id) => return id,
                None => self.arrived.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_go_where_too_many_wait() {
        let endings = Endings::default();
        let id = |number: usize| ExecutionId::new("m", &format!("r{number}")).unwrap();
        (0..=WAITING_MAX).for_each(|number| endings.push(id(number)));
        assert_eq!(endings.next().await, id(1));
        assert_eq!(endings.next().await, id(2));
    }
}
