//! The facts: the event catalogue, the envelope, pattern matching, signatures and the subscriber kit.
//!
//! **Invariant:** nothing here does I/O or reads a clock: who calls brings the time, the ids and the bytes, and to
//! [`sealed_error`] the port of keys.

pub mod catalogue;
pub mod envelope;
pub mod ledger;
pub mod pattern;
pub mod rules;
pub mod sealed_error;
pub mod subscriber;
pub mod webhook;

pub use catalogue::{
    DeliveryFailed, EventData, EventType, TenantProvisioned, TenantProvisioningFailed,
    TenantProvisioningStarted, TenantRegistered,
};
pub use envelope::{Envelope, EnvelopeError};
pub use ledger::{Change, LedgerError};
pub use pattern::{Pattern, PatternError, PatternSet};
