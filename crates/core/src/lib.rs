//! Tenantry's words and contracts: ids, the tenant model, errors, limits and ports.
//!
//! **Invariant:** nothing here does I/O, reads a clock, draws randomness or knows a runtime. Both homes (one
//! machine, and AWS) implement [`ports`]; everything above is written against them alone.

pub mod arn;
pub mod error;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod model;
pub mod ports;
pub mod time;

pub use arn::{Arn, Realm};
pub use error::{Error, ErrorCode, Result};
pub use ids::{
    EventId, ExecutionId, MessageId, OperationId, ResourceId, ServiceId, SubscriptionId, TenantId,
    is_resource_name,
};
pub use time::Timestamp;

/// A boxed future, so that ports stay dyn-compatible.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;
