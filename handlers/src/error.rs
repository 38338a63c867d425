//! A step's failure: the name that `Retry` and `Catch` match, and a sentence for whoever has to act.

use std::error::Error as StdError;
use tenantry_core::model::TenantStatus;
use tenantry_core::ports::PortError;
use tenantry_events::LedgerError;

/// The names. A definition may match these and no others (besides the `States.*`, `Lambda.*` and `SQS.*` of AWS).
pub mod names {
    /// A store cannot answer now.
    pub const STORE_UNAVAILABLE: &str = "Store.Unavailable";
    /// Others changed the same rows, several times over.
    pub const STORE_CONFLICT: &str = "Store.Conflict";
    /// A later attempt holds the tenant, or this one has ended.
    pub const TENANT_STALE_GENERATION: &str = "Tenant.StaleGeneration";
    /// The tenant's record cannot be provisioned as it is.
    pub const TENANT_INVALID: &str = "Tenant.Invalid";
    /// No cell has room.
    pub const TENANT_NO_CAPACITY: &str = "Tenant.NoCapacity";
    /// There is no such tenant, or no such operation of it.
    pub const TENANT_NOT_FOUND: &str = "Tenant.NotFound";
    /// Something that should be there is not, or is not what it was.
    pub const TENANT_UNHEALTHY: &str = "Tenant.Unhealthy";
    /// The payload is not what the step takes.
    pub const STEP_INVALID_INPUT: &str = "Step.InvalidInput";
    /// There is no such step.
    pub const STEP_UNKNOWN: &str = "Step.Unknown";
    /// A product service refused for good. Told through a task token.
    pub const INTEGRATION_REJECTED: &str = "Integration.Rejected";
    /// A product service could not be reached. Told through a task token.
    pub const INTEGRATION_UNREACHABLE: &str = "Integration.Unreachable";
    /// The engine died several times under the task. Told by the engine.
    pub const TENANTRY_ENGINE_CRASHED: &str = "Tenantry.EngineCrashed";

    /// All of them.
    pub const ALL: &[&str] = &[
        STORE_UNAVAILABLE,
        STORE_CONFLICT,
        TENANT_STALE_GENERATION,
        TENANT_INVALID,
        TENANT_NO_CAPACITY,
        TENANT_NOT_FOUND,
        TENANT_UNHEALTHY,
        STEP_INVALID_INPUT,
        STEP_UNKNOWN,
        INTEGRATION_REJECTED,
        INTEGRATION_UNREACHABLE,
        TENANTRY_ENGINE_CRASHED,
    ];
}

/// A step's failure. [`std::fmt::Display`] is the message: what, why and what now, and never a secret. The source is
/// for the log alone.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StepError {
    name: &'static str,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StepError {
    fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into(), source: None }
    }

    /// A store cannot answer now; the step may be tried again.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(names::STORE_UNAVAILABLE, message)
    }

    /// Others changed the same rows each time; the step may be tried again.
    pub fn conflict() -> Self {
        let message =
            "Others kept changing the same rows. Nothing was changed; the step is tried again by itself.";
        Self::new(names::STORE_CONFLICT, message)
    }

    /// The attempt holds the tenant no longer.
    pub fn stale(message: impl Into<String>) -> Self {
        Self::new(names::TENANT_STALE_GENERATION, message)
    }

    /// The tenant's record cannot be provisioned as it is.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(names::TENANT_INVALID, message)
    }

    /// No cell has room.
    pub fn no_capacity(message: impl Into<String>) -> Self {
        Self::new(names::TENANT_NO_CAPACITY, message)
    }

    /// There is no such tenant or operation.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(names::TENANT_NOT_FOUND, message)
    }

    /// Something that should be there is not.
    pub fn unhealthy(message: impl Into<String>) -> Self {
        Self::new(names::TENANT_UNHEALTHY, message)
    }

    /// The payload is not what the step takes.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(names::STEP_INVALID_INPUT, message)
    }

    /// There is no such step.
    pub fn unknown_step(step: &str) -> Self {
        let known: Vec<&str> = crate::REGISTRY.iter().map(|step| step.name).collect();
        let step: String = step.chars().take(64).collect();
        let message = format!("There is no step {step:?}. The steps are {}.", known.join(", "));
        Self::new(names::STEP_UNKNOWN, message)
    }

    /// The attempt may not act on a tenant in this state.
    pub(crate) fn out_of_turn(step: &str, status: TenantStatus) -> Self {
        Self::stale(format!(
            "The tenant is {}, where {step} has nothing to do: the attempt that asks has ended. Nothing was changed.",
            status.as_str()
        ))
    }

    /// Adds what only the log may see.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The name that `Retry` and `Catch` match: one of [`names::ALL`].
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What, why and what now.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<PortError> for StepError {
    fn from(error: PortError) -> Self {
        let step_error = match &error {
            PortError::Unavailable { port, .. } => Self::unavailable(format!(
                "The {port} cannot answer now. Nothing is lost; the step is tried again by itself."
            )),
            PortError::Refused { port, .. } => {
                Self::invalid_input(format!("The {port} refuses what the step asks; the log says why."))
            }
            PortError::NotFound { port, what } => Self::unhealthy(format!("The {port} has no {what}.")),
            PortError::Damaged { port, .. } => Self::unhealthy(format!(
                "The {port} holds damaged data; the log says which. Restore it from a backup, then redrive or retry."
            )),
        };
        step_error.with_source(error)
    }
}

impl From<LedgerError> for StepError {
    fn from(error: LedgerError) -> Self {
        Self::invalid(format!("The change cannot be written: {error}.")).with_source(error)
    }
}
