//! What a deployment is called: the names and addresses that Terraform gave, as the functions' variables tell them.

use std::collections::BTreeMap;

/// Names and addresses of one deployment. A function is given only those that it needs; asking for another one is a
/// fault of the deployment, named by its variable.
#[derive(Debug, Clone, Default)]
pub struct Deployment {
    variables: BTreeMap<String, String>,
}

/// A variable that the function needs and was not given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the function's variable {0} is missing: apply the Terraform of this version")]
pub struct MissingVariable(pub String);

/// The table's name.
pub const TABLE: &str = "TENANTRY_TABLE";
/// The event bus's name.
pub const BUS: &str = "TENANTRY_BUS";
/// The key's ARN, under which tenants' keys are wrapped.
pub const KEY: &str = "TENANTRY_KEY";
/// The bucket's name.
pub const BUCKET: &str = "TENANTRY_BUCKET";
/// What each Secrets Manager secret of this deployment is named with: `<prefix>/<reference>`.
pub const SECRETS_PREFIX: &str = "TENANTRY_SECRETS_PREFIX";
/// Before each queue's name in capitals (`TENANTRY_QUEUE_EXECUTION_STATUS`): its URL.
pub const QUEUE_PREFIX: &str = "TENANTRY_QUEUE_";
/// What each state machine's ARN begins with; a workflow's name and its alias (`:live`) follow.
pub const STATE_MACHINES: &str = "TENANTRY_STATE_MACHINES";
/// `true` where services and webhooks may have private addresses: under the emulator alone.
pub const ALLOW_PRIVATE_WEBHOOKS: &str = "TENANTRY_ALLOW_PRIVATE_WEBHOOKS";

impl Deployment {
    /// The variables of a process whose names begin with `TENANTRY_`.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = variables.into_iter().filter(|(name, _)| name.starts_with("TENANTRY_"));
        Self { variables: ours.collect() }
    }

    /// A variable's value.
    ///
    /// # Errors
    /// [`MissingVariable`].
    pub fn get(&self, name: &str) -> Result<&str, MissingVariable> {
        let value = self.variables.get(name).filter(|value| !value.is_empty());
        value.map(String::as_str).ok_or_else(|| MissingVariable(name.to_owned()))
    }

    /// The URL of the queue of that name, such as `execution-status`.
    ///
    /// # Errors
    /// [`MissingVariable`].
    pub fn queue(&self, name: &str) -> Result<&str, MissingVariable> {
        self.get(&format!("{QUEUE_PREFIX}{}", name.to_uppercase().replace('-', "_")))
    }

    /// The ARN of the workflow's alias.
    ///
    /// # Errors
    /// [`MissingVariable`].
    pub fn state_machine(&self, workflow: &str) -> Result<String, MissingVariable> {
        Ok(format!("{}{workflow}:{ALIAS}", self.get(STATE_MACHINES)?))
    }

    /// Whether services and webhooks may have private addresses.
    pub fn allow_private_webhooks(&self) -> bool {
        self.get(ALLOW_PRIVATE_WEBHOOKS).is_ok_and(|value| value == "true")
    }
}

/// The alias under which functions and state machines are called: it moves to a new version at each deployment.
pub const ALIAS: &str = "live";
