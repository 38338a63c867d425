//! What callers ask for: one file per use case.
//!
//! **Invariant:** nothing here knows HTTP, a store or a cloud: it takes a [`Principal`] and a request, asks the ports,
//! and returns a view or an [`tenantry_core::Error`]. Every effect on the table is one commit, and what an
//! `Idempotency-Key` remembers of it is in that same commit.

mod activation;
mod address;
mod commit;
mod cursor;
mod dead_letters;
mod events;
mod executions;
mod facts;
mod gauges;
mod idempotency;
mod listing;
mod operations;
mod paging;
mod register;
mod secrets;
mod services;
mod slug;
mod status;
mod subscriptions;
mod task_tokens;
mod tenants;
mod timeline;
mod validate;
pub mod views;

#[cfg(test)]
mod tests;

pub use activation::Activation;
pub use dead_letters::{DeadLetterSelection, RedrivenDeadLetters};
pub use events::{EventsPage, EventsRequest, Position};
pub use executions::{ExecutionsRequest, HistoryRequest, StopExecution};
pub use gauges::{Gauge, GaugeSource};
pub use idempotency::{Answer, Idempotency, Once, canonical_hash};
pub use listing::TenantFilter;
pub use paging::{Listing, PageRequest};
pub use register::{NewTenant, Registered};
pub use secrets::token_hash;
pub use services::{NewService, RegisteredService};
pub use status::{OperationStatus, Stuck};
pub use subscriptions::{NewSubscription, ReplayRequest, Replayed, SubscriptionWithSecret, TargetRequest};
pub use task_tokens::{TaskFailure, TaskHeartbeat, TaskSuccess};
pub use timeline::TimelineEntry;

use crate::Ports;
use std::fmt;
use tenantry_core::{ServiceId, Timestamp};
use tokio::sync::{Notify, OnceCell};

/// What the composition root decides.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whether services and subscriptions may have `http` and private addresses (`serve --allow-private-webhooks`).
    pub allow_private_webhooks: bool,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The holder of the admin token.
    Admin,
    /// A product service, by its own token.
    Service(ServiceId),
}

impl fmt::Display for Principal {
    /// The word in audit rows and in `requestedBy`: `admin`, or the service's id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Principal::Admin => f.write_str("admin"),
            Principal::Service(id) => fmt::Display::fmt(id, f),
        }
    }
}

/// The use cases over the ports of one home.
pub struct App {
    ports: Ports,
    settings: Settings,
    /// Made once the key that seals answers that belong to no tenant is there.
    system_key: OnceCell<()>,
    /// Wakes twins of a request that wait for its answer.
    answered: Notify,
}

impl App {
    /// The use cases over `ports`.
    pub fn new(ports: Ports, settings: Settings) -> Self {
        Self { ports, settings, system_key: OnceCell::new(), answered: Notify::new() }
    }

    /// The ports.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }
}
