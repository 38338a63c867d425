//! The ports on AWS, and the Lambda functions over them.
//!
//! **Invariants.** One set of SDK clients per process ([`Clients`]). Every call goes through [`call`], which retries
//! what was throttled within a deadline and names the request's id in every error. No port reads the environment: only
//! the bootstrap does.

mod batch;
pub mod blobs;
pub mod bus;
pub mod call;
pub mod clients;
pub mod data_keys;
pub mod dead_letters;
pub mod deployment;
pub mod functions;
mod home;
pub mod lambda;
pub mod queue;
pub mod table;
pub mod task_tokens;
pub mod vault;
pub mod workflows;

pub use clients::Clients;
pub use deployment::Deployment;
pub use home::AwsHome;
