//! The router, asked in-process over ports in memory.

mod auth;
mod bad_input;
mod events;
mod idempotency;
mod mending;
mod support;
mod system;
mod tenants;
mod world;
