//! The Lambda functions: one binary, and `_HANDLER` says which of them it is.
//!
//! **Invariants.** What a function does is decided in `tenantry_handlers`, `tenantry_app` and `tenantry_api`; here its
//! event is read, its time is kept, and its answer is written. Everything that lives longer than an invocation (ports,
//! SDK clients, connections) is made once per process. A function ends before Lambda would end it: what it could not
//! finish it gives back, so that it is tried again at once and not after a timeout.

mod admin_token;
mod api;
mod authorizer;
mod dead_letters;
mod event;
mod function;
mod invocation;
mod logs;
mod queue;
mod relay;
mod runtime;
mod schedule;
mod start;
mod step;
mod trace;

pub use function::{Function, UnknownFunction};
pub use logs::start as start_logs;
pub use start::{Process, StartError, run};
