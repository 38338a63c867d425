//! Everything that the use cases and the workers ask of the world.

use std::sync::Arc;
use tenantry_core::model::Catalogue;
use tenantry_core::ports::{
    Blobs, Bus, Clock, DataKeys, DeadLetters, Ids, Queues, Table, TaskTokens, Vault, Workflows,
};

/// The ports of one home. Cheap to clone.
#[derive(Clone)]
pub struct Ports {
    /// The table.
    pub table: Arc<dyn Table>,
    /// The queues.
    pub queues: Queues,
    /// The dead letters.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The state machines.
    pub workflows: Arc<dyn Workflows>,
    /// Answers to waiting tasks.
    pub task_tokens: Arc<dyn TaskTokens>,
    /// System secrets.
    pub vault: Arc<dyn Vault>,
    /// Keys per tenant.
    pub data_keys: Arc<dyn DataKeys>,
    /// Large objects.
    pub blobs: Arc<dyn Blobs>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub ids: Arc<dyn Ids>,
    /// Plans and cells.
    pub catalogue: Arc<Catalogue>,
}
