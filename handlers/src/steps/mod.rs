//! The steps, one file each: what it does, why it may be cut off anywhere, `run`, `undo`.

pub(crate) mod activate_tenant;
pub(crate) mod apply_entitlements;
pub(crate) mod check_health;
pub(crate) mod create_identity;
pub(crate) mod create_key;
pub(crate) mod create_namespace;
pub(crate) mod create_secrets;
pub(crate) mod fail_provisioning;
pub(crate) mod place_tenant;
pub(crate) mod record_integration;
pub(crate) mod snapshot_services;
pub(crate) mod validate_tenant;

/// Who acts, in audit rows and events.
pub(crate) const ACTOR: &str = "tenantry";
