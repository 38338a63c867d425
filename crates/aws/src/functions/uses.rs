//! What a function uses, in words of the ports.

use tenantry_core::ports::Index;
use tenantry_handlers::Access;

/// One way to use a port, as far as it makes a difference to what AWS must allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Table, data keys and the tenant's own secrets, as the steps use them too.
    Port(Access),
    /// Reads a range of an index.
    IndexQuery(Index),
    /// Reads the admin token, and makes it where there is none.
    AdminToken,
    /// Keeps the secret of a service or a subscription, sealed by the deployment's key, and makes that where it is missing.
    SharedSecretStore,
    /// Reads the secret of a service or a subscription.
    SharedSecretResolve,
    /// Sends to a queue.
    QueueSend(&'static str),
    /// Hides a message of a queue for longer, or gives it back.
    QueueExtend(&'static str),
    /// Looks how full a queue is.
    QueueDepth(&'static str),
    /// Puts events onto the bus of EventBridge. Its archive and its rules are rows of the table.
    EventsPut,
    /// Puts a dead letter back into that queue, as it was or edited.
    DeadLetterRedrive(&'static str),
    /// Starts an execution.
    ExecutionStart,
    /// Looks at the execution that has the name already.
    ExecutionStartAgain,
    /// Shows an execution.
    ExecutionDescribe,
    /// Shows an execution's history.
    ExecutionHistory,
    /// Lists executions.
    ExecutionList,
    /// Lists a tenant's executions.
    ExecutionListOfTenant,
    /// Lets an execution that failed go on.
    ExecutionRedrive,
    /// Stops an execution that runs.
    ExecutionStop,
    /// Tells a waiting task that it succeeded.
    TaskSucceed,
    /// Tells a waiting task that it failed.
    TaskFail,
    /// Tells a waiting task that it is worked on.
    TaskHeartbeat,
}
