//! The Task state.

use super::{Amount, Computed};
use crate::TaskKind;

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) resource: Resource,
    pub(crate) timeout: Option<Amount>,
    pub(crate) heartbeat: Option<Amount>,
    /// `Credentials`: shown in events as `taskCredentials`.
    pub(crate) credentials: Option<Computed>,
}

/// A Task's resource, and the names that its history events give it.
#[derive(Debug)]
pub(crate) struct Resource {
    /// As the definition names it.
    pub(crate) arn: String,
    pub(crate) kind: ResourceKind,
    /// `resourceType`, such as `lambda` or `aws-sdk:s3`; empty where the resource is a function or an activity.
    pub(crate) service: String,
    /// `resource`, such as `invoke.waitForTaskToken`; empty where the resource is a function or an activity.
    pub(crate) api: String,
    pub(crate) waits_for: WaitsFor,
    /// Whether it ends by a task token that its arguments carry (`.waitForTaskToken`).
    pub(crate) waits_for_token: bool,
}

/// What kind of resource it is: each has history events of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceKind {
    /// `arn:…:states:::<service>:<action>`, `aws-sdk` too: `TaskScheduled` and so on.
    Service,
    /// A function's ARN: `LambdaFunctionScheduled` and so on.
    Function,
    /// An activity's ARN: `ActivityScheduled` and so on.
    Activity,
}

/// What a service integration waits for.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// The service's answer.
    Response,
    /// The job's end; the answer holds its output as text (`.sync`).
    Job,
    /// The job's end; the answer holds its output as JSON (`.sync:2`).
    JobAsJson,
    /// The task's token (`.waitForTaskToken`).
    Token,
}

impl Resource {
    /// Who carries the task out.
    pub(crate) fn task_kind(&self) -> TaskKind {
        match self.kind {
            ResourceKind::Activity => TaskKind::Activity,
            ResourceKind::Service
                if self.service == "states" && self.api.split('.').next() == Some("startExecution") =>
            {
                TaskKind::StartExecution
            }
            ResourceKind::Service | ResourceKind::Function => TaskKind::Call,
        }
    }
}
