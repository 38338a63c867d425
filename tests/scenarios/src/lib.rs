//! Scenarios, the same for every home.
//!
//! A scenario is a file of data, `tests/scenarios/*.json`: what product services and webhooks do, what is asked of the
//! control plane, what must come of it. [`run`] drives a base URL and a token, over HTTP and with the real command line,
//! and answers every event that was told of the scenario's tenants, ordered by tenant and sequence, with ids and times
//! masked. Two homes are the same where their rows are.

mod acts;
mod answers;
mod control_plane;
mod receiver;
mod rows;
mod runner;
mod scenario;
mod service;

pub use control_plane::ControlPlane;
pub use rows::masked;
pub use runner::run;
pub use scenario::{Scenario, all};

use std::time::{Duration, Instant};

/// How long anything may take before a scenario gives up: generous, because it bounds a fault and measures nothing.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Asks again and again until there is an answer.
///
/// # Panics
/// Where there is none within [`PATIENCE`].
pub async fn until<T, F, Fut>(what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "gave up waiting for: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
