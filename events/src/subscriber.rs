//! The subscriber kit: what a product service needs to take part, without an HTTP framework.
//!
//! ```text
//! request → Verifier::verify(headers, body, now) → Delivery::Event(..)   → Inbox::accept → events in order, once
//!                                                → Delivery::Request(..) → answer 2xx, do the work, TaskAnswer
//! ```

mod inbox;
mod task;
mod verifier;

pub use inbox::{Gap, Inbox, InboxError, MemoryInbox, Received};
pub use task::{
    Registration, RegistrationRequest, TaskAnswer, TaskFailure, TaskHeartbeat, TaskSuccess, task_token_path,
};
pub use verifier::{Delivery, DeliveryError, Event, IntegrationAction, IntegrationRequest, Verifier};

/// The header that marks an event that was delivered before and is sent again on demand.
pub const REPLAY_HEADER: &str = "tenantry-replay";

#[cfg(test)]
mod tests;
