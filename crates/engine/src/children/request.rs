//! What a task asks to start.

use super::answer::failure;
use crate::invoker::TaskFailure;
use crate::live::{Live, Slot};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tenantry_asl::{Definition, Identity, MapChild, PendingTask, TaskId, errors};
use tenantry_core::{Arn, ExecutionId, is_resource_name};
use uuid::Uuid;

/// A child to start.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// What to start.
    pub(crate) what: What,
    /// The machine's name, which is the first part of the child's id.
    pub(crate) machine: String,
    /// The name that the definition gives the child; without one it is named after `uuid`.
    pub(crate) name: Option<String>,
    /// A function of the parent and the task.
    pub(crate) uuid: Uuid,
    /// The child's input.
    pub(crate) input: Value,
    /// Whether the task waits for the child's end.
    pub(crate) waits: bool,
}

/// Which machine to start.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// What this ARN stands for.
    Arn(String),
    /// What a distributed Map runs; a child that ran before is redriven.
    Processor { definition: Arc<Definition>, identity: Identity, redrive: bool },
}

impl Request {
    /// What a `states:startExecution` task asks for. `arguments` hold the task's token where it is to stand.
    ///
    /// # Errors
    /// The task's failure, where the arguments cannot be used.
    pub(crate) fn start_execution(
        slot: &Slot,
        task: &PendingTask,
        mut arguments: Value,
    ) -> Result<Self, TaskFailure> {
        let text = |field: &str| match arguments.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => {
                Err(unusable(&arguments, &format!("The value for the field '{field}' must be a STRING")))
            }
        };
        let name = text("Name")?;
        let arn = text("StateMachineArn")?
            .ok_or_else(|| unusable(&arguments, "The field 'StateMachineArn' is required but was missing"))?;
        let Some(Arn::StateMachine { name: machine, .. }) = Arn::parse(&arn) else {
            return Err(failure(child_uuid(slot, task.id), "InvalidArn", &format!("Invalid Arn: '{arn}'")));
        };
        if let Some(name) = name.as_deref().filter(|name| !is_resource_name(name)) {
            return Err(failure(
                child_uuid(slot, task.id),
                "InvalidName",
                &format!("Invalid Name: '{name}'"),
            ));
        }
        let machine = machine.to_owned();
        // An input that is left out is empty, as in the API.
        let input = match arguments.get_mut("Input").map(Value::take) {
            None | Some(Value::Null) => Value::Object(serde_json::Map::new()),
            Some(input) => input,
        };
        let waits = waits_for_end(&task.resource);
        Ok(Self { what: What::Arn(arn), machine, name, uuid: child_uuid(slot, task.id), input, waits })
    }

    /// What a Map Run asks for.
    ///
    /// # Errors
    /// The task's failure, where the Map Run's processor cannot be found: a fault of the engine.
    pub(crate) fn map_child(
        slot: &Slot,
        live: &Live,
        task: TaskId,
        child: MapChild,
        input: Value,
    ) -> Result<Self, TaskFailure> {
        let MapChild { state, identity, redrive, .. } = child;
        let definition = live.definition.processor(&state).cloned().ok_or_else(|| TaskFailure {
            error: errors::RUNTIME.to_owned(),
            cause: Some(format!("The state '{state}' has no processor that child executions could run.")),
        })?;
        let machine = identity.state_machine_name.clone();
        let name = Some(identity.execution_name.clone());
        let what = What::Processor { definition, identity, redrive };
        Ok(Self { what, machine, name, uuid: child_uuid(slot, task), input, waits: true })
    }

    /// The child's id.
    pub(crate) fn id(&self, express: bool) -> Result<ExecutionId, TaskFailure> {
        let uuid = self.uuid.to_string();
        let name = self.name.as_deref().unwrap_or(&uuid);
        let id = if let What::Processor { identity, .. } = &self.what
            && let Some(Arn::Express { uuid, .. }) = Arn::parse(&identity.execution_id)
        {
            ExecutionId::new(&self.machine, &format!("{name}:{uuid}"))
        } else if express {
            ExecutionId::new(&self.machine, &format!("{name}:{uuid}"))
        } else {
            ExecutionId::new(&self.machine, name)
        };
        id.map_err(|_| failure(self.uuid, "InvalidName", &format!("Invalid Name: '{name}'")))
    }
}

/// Whether a `states:startExecution` waits for the child's end.
pub(crate) fn waits_for_end(resource: &str) -> bool {
    resource.ends_with(".sync") || resource.ends_with(".sync:2")
}

/// The same for the same task of the same execution, and for no other: names are free again once a machine is forgotten,
/// but an execution's number is never used twice.
pub(crate) fn child_uuid(slot: &Slot, task: TaskId) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(b"tenantry child execution");
    hash.update(slot.key.to_be_bytes());
    hash.update(task.to_be_bytes());
    hash.update(slot.id.to_string());
    let hash = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Step Functions' words for parameters that its own side of an integration refuses.
fn unusable(arguments: &Value, why: &str) -> TaskFailure {
    TaskFailure {
        error: errors::RUNTIME.to_owned(),
        cause: Some(format!("The Parameters '{arguments}' could not be used to start the Task: [{why}]")),
    }
}
