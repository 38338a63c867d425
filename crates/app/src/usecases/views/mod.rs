//! What callers read: the public shape of every record. One list of fields each; the OpenAPI document is made from
//! them.

mod executions;
mod queues;
mod services;
mod tenants;

pub use executions::{ExecutionSummaryView, ExecutionView, HistoryEventView};
pub use queues::{DeadLetterView, DeadReasonView, QueueView};
pub use services::{DeliveryView, ServiceView, SubscriptionView, TargetView};
pub use tenants::{ErrorView, OperationView, ResourceView, StatusDetail, TenantView};
