//! The one list of steps: the local invoker, the Lambda dispatch, the deployment's function map, the docs and the
//! drift tests all read it.

use crate::steps::{
    activate_tenant, apply_entitlements, check_health, create_identity, create_key, create_namespace,
    create_secrets, fail_provisioning, place_tenant, record_integration, snapshot_services, validate_tenant,
};
use crate::{Access, Run, StepError};
use serde_json::Value;
use tenantry_core::BoxFuture;
use tenantry_core::model::{ResourceKind, TenantStatus};

/// What a step does, or how it is undone. It may run twice, be cut off anywhere, and be replayed after a crash. The
/// value is the step's own part of the payload.
pub type StepFn = for<'a> fn(&'a Run<'a>, Value) -> BoxFuture<'a, Result<Value, StepError>>;

/// One step.
pub struct Step {
    /// The name: of the function in a definition (`${name}`), of the file in `steps/`, and of the Lambda function.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// What it makes, where it makes something.
    pub makes: Option<ResourceKind>,
    /// How long one call may take; a state's `TimeoutSeconds` is longer, so that a call has ended when its state is
    /// given up.
    pub timeout_seconds: u64,
    /// States of the tenant in which it may run.
    pub runs_in: &'static [TenantStatus],
    /// States of the tenant in which it may be undone. Never `active`, but for the step that makes it so.
    pub undone_in: &'static [TenantStatus],
    /// What run and undo use of the ports, all paths together; anything else is refused. A test holds that nothing is
    /// named in vain.
    pub access: &'static [Access],
    /// Does it.
    pub run: StepFn,
    /// Undoes it, whether or not it was done, and however far.
    pub undo: Option<StepFn>,
    /// A payload, as JSON text.
    pub example: &'static str,
}

use Access::{
    KeyCreate, KeyDestroy, KeyExists, KeyOpen, KeySeal, SecretDelete, SecretResolve, SecretStore, TableCheck,
    TableDelete, TableGet, TablePut, TableQuery, TableUpdate,
};
use TenantStatus::{Active, Provisioning, ProvisioningFailed, Registered};

const TIMEOUT_SECONDS: u64 = 30;

/// The payload of a run: the state's name, then the step's own fields.
macro_rules! example {
    ($state:literal) => {
        example!($state, "")
    };
    ($state:literal, $own:literal) => {
        concat!(
            r#"{"action": "run", "tenantId": "tnt_01h455vb4pex5vsknk084sn02q", "#,
            r#""operationId": "op_01h455vb4pex5vsknk084sn02r", "generation": 1, "attempt": 1, "#,
            r#""executionId": "provision_tenant~op_01h455vb4pex5vsknk084sn02r-1", "#,
            r#""state": ""#,
            $state,
            r#"", "retryCount": 0"#,
            $own,
            "}"
        )
    };
}

/// Every step, in the order of a tenant's life.
pub const REGISTRY: &[Step] = &[
    Step {
        name: "validate_tenant",
        summary: "Begins the attempt and checks the record against today's plans and cells.",
        makes: None,
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Registered, ProvisioningFailed, Provisioning],
        undone_in: &[],
        access: &[TableGet, TablePut],
        run: |run, input| Box::pin(validate_tenant::run(run, input)),
        undo: None,
        example: example!("ValidateTenant"),
    },
    Step {
        name: "place_tenant",
        summary: "Takes a place in the first cell of the region that serves the isolation and has room.",
        makes: Some(ResourceKind::Placement),
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Provisioning],
        undone_in: &[Provisioning],
        access: &[TableGet, TablePut, TableUpdate, TableDelete],
        run: |run, input| Box::pin(place_tenant::run(run, input)),
        undo: Some(|run, input| Box::pin(place_tenant::undo(run, input))),
        example: example!("PlaceTenant"),
    },
    Step {
        name: "create_namespace",
        summary: "Claims the key prefix under which the tenant's data lives.",
        makes: Some(ResourceKind::Namespace),
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Provisioning],
        undone_in: &[Provisioning],
        access: &[TableGet, TablePut, TableDelete, TableCheck],
        run: |run, input| Box::pin(create_namespace::run(run, input)),
        undo: Some(|run, input| Box::pin(create_namespace::undo(run, input))),
        example: example!("CreateNamespace"),
    },
    Step {
        name: "create_key",
        summary: "Makes the tenant's own data key, wrapped.",
        makes: Some(ResourceKind::Key),
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Provisioning],
        undone_in: &[Provisioning],
        access: &[TableGet, TablePut, TableDelete, TableCheck, KeyCreate, KeyDestroy],
        run: |run, input| Box::pin(create_key::run(run, input)),
        undo: Some(|run, input| Box::pin(create_key::undo(run, input))),
        example: example!("CreateKey"),
    },
    Step {
        name: "create_secrets",
        summary: "Generates the tenant's credential into the vault and keeps the reference.",
        makes: Some(ResourceKind::Secret),
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Provisioning],
        undone_in: &[Provisioning],
        access: &[TableGet, TablePut, TableDelete, TableCheck, SecretStore, SecretDelete],
        run: |run, input| Box::pin(create_secrets::run(run, input)),
        undo: Some(|run, input| Box::pin(create_secrets::undo(run, input))),
        example: example!("CreateSecrets"),
    },
    Step {
        name: "create_identity",
        summary: "Makes the pending first administrator.",
        makes: Some(ResourceKind::Identity),
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Provisioning],
        undone_in: &[Provisioning],
        access: &[TableGet, TablePut, TableDelete, TableCheck],
        run: |run, input| Box::pin(create_identity::run(run, input)),
        undo: Some(|run, input| Box::pin(create_identity::undo(run, input))),
        example: example!("CreateIdentity"),
    },
    Step {
        name: "apply_entitlements",
        summary: "Writes the limits and features of the plan beside the tenant.",
        makes: Some(ResourceKind::QuotaSet),
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Provisioning],
        undone_in: &[Provisioning],
        access: &[TableGet, TablePut, TableDelete, TableCheck],
        run: |run, input| Box::pin(apply_entitlements::run(run, input)),
        undo: Some(|run, input| Box::pin(apply_entitlements::undo(run, input))),
        example: example!("ApplyEntitlements"),
    },
    Step {
        name: "snapshot_services",
        summary: "Writes down which product services this attempt will ask, and answers their list.",
        makes: Some(ResourceKind::Integration),
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Provisioning],
        undone_in: &[Provisioning],
        access: &[TableGet, TableQuery, TablePut, TableDelete, TableCheck],
        run: |run, input| Box::pin(snapshot_services::run(run, input)),
        undo: Some(|run, input| Box::pin(snapshot_services::undo(run, input))),
        example: example!("SnapshotServices"),
    },
    Step {
        name: "record_integration",
        summary: "Writes down that a product service has confirmed, and seals what it answered.",
        makes: Some(ResourceKind::Integration),
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Provisioning],
        undone_in: &[Provisioning],
        access: &[TableGet, TablePut, TableDelete, TableCheck, KeyCreate, KeySeal, KeyExists],
        run: |run, input| Box::pin(record_integration::run(run, input)),
        undo: Some(|run, input| Box::pin(record_integration::undo(run, input))),
        example: example!(
            "RecordIntegration",
            r#", "part": "svc_01h455vb4pex5vsknk084sn02s", "output": {"workspaceId": "ws-42"}"#
        ),
    },
    Step {
        name: "check_health",
        summary: "Looks at everything that was made before anyone is told that it is there.",
        makes: None,
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Provisioning],
        undone_in: &[],
        access: &[TableGet, TableQuery, TablePut, KeySeal, KeyOpen, SecretResolve],
        run: |run, input| Box::pin(check_health::run(run, input)),
        undo: None,
        example: example!("CheckHealth"),
    },
    Step {
        name: "activate_tenant",
        summary: "Makes the tenant active, ends the operation and tells TenantProvisioned, in one commit.",
        makes: None,
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Provisioning, Active],
        undone_in: &[Provisioning, Active],
        access: &[TableGet, TablePut],
        run: |run, input| Box::pin(activate_tenant::run(run, input)),
        undo: Some(|run, input| Box::pin(activate_tenant::undo(run, input))),
        example: example!("ActivateTenant"),
    },
    Step {
        name: "fail_provisioning",
        summary: "Ends a compensated attempt and tells TenantProvisioningFailed, in one commit.",
        makes: None,
        timeout_seconds: TIMEOUT_SECONDS,
        runs_in: &[Registered, Provisioning, ProvisioningFailed],
        undone_in: &[],
        access: &[TableGet, TableQuery, TablePut, KeyCreate, KeySeal, KeyOpen],
        run: |run, input| Box::pin(fail_provisioning::run(run, input)),
        undo: None,
        example: example!(
            "FailProvisioning",
            r#", "failure": {"error": "Tenant.NoCapacity", "cause": "No cell has room.", "step": "PlaceTenant"}"#
        ),
    },
];

/// The step of that name.
pub fn find(name: &str) -> Option<&'static Step> {
    REGISTRY.iter().find(|step| step.name == name)
}
