//! What a function uses, in words of the ports.

use tenantry_core::ports::Index;
use tenantry_handlers::Access;

/// One way to use a port, as far as it makes a difference to what AWS must allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Table, data keys and vault, as the steps use them too.
    Port(Access),
    /// Reads a range of an index.
    IndexQuery(Index),
    /// Reads the admin token, and makes it where there is none.
    AdminToken,
    /// Sends to a queue.
    QueueSend(&'static str),
    /// Hides a message of a queue for longer, or gives it back.
    QueueExtend(&'static str),
    /// Looks how full a queue is.
    QueueDepth(&'static str),
    /// Publishes events, archives them and wakes the webhooks.
    BusPublish,
    /// Makes, removes and lists rules.
    BusRules,
    /// Reads the archive.
    BusRead,
    /// Wakes the webhooks again for what is in the archive.
    BusReplay,
    /// Writes a dead letter down.
    DeadLetterBury,
    /// Lists and shows dead letters.
    DeadLetterRead,
    /// Puts a dead letter back into its queue, as it was or edited.
    DeadLetterRedrive,
    /// Forgets a dead letter.
    DeadLetterRemove,
    /// Starts an execution.
    ExecutionStart,
    /// Shows an execution.
    ExecutionDescribe,
    /// Shows an execution's history.
    ExecutionHistory,
    /// Lists executions.
    ExecutionList,
    /// Lets an execution that failed go on.
    ExecutionRedrive,
    /// Stops an execution.
    ExecutionStop,
    /// Tells a waiting task that it succeeded.
    TaskSucceed,
    /// Tells a waiting task that it failed.
    TaskFail,
    /// Tells a waiting task that it is worked on.
    TaskHeartbeat,
}
