//! Who knows the state machines and activities that definitions name by ARN.

use crate::invoker::TaskFailure;
use std::fmt;
use std::sync::Arc;
use tenantry_asl::Definition;
use tenantry_core::{BoxFuture, ExecutionId};

/// What starting a state machine means now.
#[derive(Clone)]
pub struct Target {
    /// The machine's name.
    pub machine: String,
    /// The definition of the version that was asked for.
    pub definition: Arc<Definition>,
    /// `Execution.RoleArn` of what is started; empty where there is none.
    pub role_arn: String,
    /// The version, where the ARN named one or an alias chose one.
    pub version_arn: Option<String>,
    /// The alias, where the ARN named one.
    pub alias_arn: Option<String>,
    /// Whether it is an Express machine.
    pub express: bool,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("machine", &self.machine)
            .field("definition", &self.definition.hash())
            .field("express", &self.express)
            .finish_non_exhaustive()
    }
}

/// The registry of state machines and activities, as the engine asks it. The engine's own workflows need not be in it.
pub trait Machines: Send + Sync + 'static {
    /// What `states:startExecution` with this `StateMachineArn` would start: a machine, a version, or an alias, whose
    /// version is drawn by its weights. A failure is the task's, under Step Functions' name for it, such as
    /// `StepFunctions.StateMachineDoesNotExistException`.
    fn resolve<'a>(&'a self, arn: &'a str) -> BoxFuture<'a, Result<Target, TaskFailure>>;

    /// Whether there is such an activity.
    fn has_activity<'a>(&'a self, arn: &'a str) -> BoxFuture<'a, bool>;

    /// An execution has ended, durably. Called in line, so that it must return at once; a crash may come before it, and
    /// then it is not called.
    fn ended(&self, id: &ExecutionId) {
        let _ = id;
    }
}
