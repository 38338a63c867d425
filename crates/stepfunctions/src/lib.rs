//! The Step Functions wire protocol over the engine: JSON 1.0 on `POST /`, signed with SigV4, so that every AWS SDK and the
//! AWS CLI drive the local engine as they drive AWS.
//!
//! ```text
//! router ── SigV4 ──► Endpoint::call(operation, body) ──► Registry (machines, versions, aliases, activities, tags)
//!                                                    └──► Engine   (executions, histories, tokens, Map Runs)
//! ```
//!
//! [`Registry`] is opened first, because the engine asks it what `states:startExecution` and activities name
//! (`EngineConfig::with_machines`); then the engine; then [`Endpoint::new`] over both.
//!
//! **Invariant:** constraints of the service's model are checked before anything is looked up, and every refusal has AWS's
//! code, and AWS's words where they are known.
//! **Invariant:** no input, output, signature or secret reaches the log, but for the execution log that a state machine's
//! `loggingConfiguration` asks for.

mod endpoint;
mod error;
mod http;
mod json;
pub mod logging;
mod names;
mod operations;
mod page;
mod registry;
mod request;
mod sigv4;

pub use endpoint::Endpoint;
pub use error::ApiError;
pub use http::router;
pub use registry::{DamagedRegistry, LogLevel, Logging, Registry, RegistryError};
pub use sigv4::{AccessKey, Verifier};
