//! What a step may see of the world.

use std::sync::Arc;
use std::time::Duration;
use tenantry_core::model::Catalogue;
use tenantry_core::ports::{Clock, DataKeys, Ids, Table, Vault};

/// The longest wait before the next try of a state after `error`, by workflow, state, error name and the tries that
/// were retries so far; `None` where its definition does not retry that.
pub type RetryBound = Arc<dyn Fn(&str, &str, &str, u64) -> Option<Duration> + Send + Sync>;

/// The ports that steps see: never the environment, a socket or an SDK. Cheap to clone.
#[derive(Clone)]
pub struct Ctx {
    /// The table.
    pub table: Arc<dyn Table>,
    /// System secrets.
    pub vault: Arc<dyn Vault>,
    /// Keys per tenant.
    pub data_keys: Arc<dyn DataKeys>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub ids: Arc<dyn Ids>,
    /// Plans and cells.
    pub catalogue: Arc<Catalogue>,
    /// What the definitions say of retries, for the status alone.
    pub retry_bound: RetryBound,
}
