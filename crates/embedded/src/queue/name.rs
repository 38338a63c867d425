//! The queues that there are.

use std::fmt;

/// A queue of this deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QueueName {
    /// Operations on their way to the state machines.
    Operations,
    /// Requests to product services.
    Integrations,
    /// News for webhook subscriptions.
    Webhooks,
    /// Executions that have ended.
    ExecutionStatus,
}

impl QueueName {
    /// All of them, in the order of [`tenantry_core::ports::Queues::NAMES`].
    pub const ALL: [QueueName; 4] =
        [QueueName::Operations, QueueName::Integrations, QueueName::Webhooks, QueueName::ExecutionStatus];

    /// The name that people and rows know.
    pub const fn as_str(self) -> &'static str {
        match self {
            QueueName::Operations => "operations",
            QueueName::Integrations => "integrations",
            QueueName::Webhooks => "webhooks",
            QueueName::ExecutionStatus => "execution-status",
        }
    }

    /// The queue of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == name)
    }

    /// How often a message may be received; the next receipt makes it a dead letter instead.
    ///
    /// The webhook sender waits by giving messages back and buries them by its own rule, so its limit is only a last
    /// resort against a message that never ends.
    pub const fn max_receives(self) -> u32 {
        match self {
            QueueName::Operations | QueueName::Integrations | QueueName::ExecutionStatus => 50,
            QueueName::Webhooks => 1_000_000,
        }
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_core::ports::Queues;

    #[test]
    fn the_queues_are_those_of_the_ports_in_their_order() {
        assert_eq!(QueueName::ALL.map(QueueName::as_str), Queues::NAMES);
        for (place, queue) in QueueName::ALL.into_iter().enumerate() {
            assert_eq!((queue.index(), QueueName::parse(queue.as_str())), (place, Some(queue)));
        }
        assert_eq!(QueueName::parse("Operations"), None);
    }
}
