//! The tenant model: what the table's rows say.

mod operation;
mod plan;
mod resource;
mod service;
mod subscription;
mod tenant;

pub use operation::{
    AttemptEnd, Operation, OperationKind, OperationPhase, Progress, ProgressState, RecordedError,
};
pub use plan::{Catalogue, CatalogueError, Cell, Entitlements, Plan};
pub use resource::{Resource, ResourceKind, ResourceState};
pub use service::Service;
pub use subscription::{Delivery, DeliveryOutcome, Subscription, Target};
pub use tenant::{Isolation, Tenant, TenantStatus};
