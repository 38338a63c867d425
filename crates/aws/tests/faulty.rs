//! What the ports promise, over a network on which a fifth of all requests fail: answers and requests lost, failures
//! inside the services before and after the effect, throttling, batches that fail in part, transactions cancelled,
//! answers late, requests carried out twice.
//!
//! Every test tells its seed; `TENANTRY_FAULT_SEED=<number>` runs all of them with another one. Requests of several tasks
//! come in an order of their own, so that a seed makes a run alike, not the same.

mod bus;
mod keys;
mod letters;
pub(crate) mod partly;
mod plan;
mod provisioning;
mod queue;
mod rows;
mod table;

use crate::proxy::Proxy;
use crate::support::{calls_within, clients, emulator};
use plan::Plan;
use std::sync::Arc;
use std::time::Duration;
use tenantry_aws::Clients;
use tenantry_aws::call::Calls;
use tenantry_core::ports::PortError;

/// How long calls are tried again: so short that unknown outcomes reach the callers.
const DEADLINE: Duration = Duration::from_millis(60);

/// Tries of what a caller must repeat.
const TRIES_MAX: u32 = 60;

/// The seed that whoever started the tests asked for.
#[allow(clippy::disallowed_methods, reason = "a test is its own composition root")]
fn asked_for() -> Option<u64> {
    let text = std::env::var("TENANTRY_FAULT_SEED").ok()?;
    Some(text.parse().expect("TENANTRY_FAULT_SEED is a number"))
}

/// Both ways to the emulator.
struct Ways {
    /// On which nothing fails.
    clean: Arc<Clients>,
    /// On which a fifth fails.
    faulty: Arc<Clients>,
    plan: Arc<Plan>,
    seed: u64,
    _proxy: Proxy,
}

impl Ways {
    /// `None` after it was said that `what` was not tried.
    async fn open(what: &str, seed: u64) -> Option<Self> {
        let facts = emulator(what)?.facts();
        let seed = asked_for().unwrap_or(seed);
        let plan = Plan::new(seed);
        let chooser = Arc::clone(&plan);
        let proxy = Proxy::choosing(&facts, Box::new(move |request| chooser.choose(request))).await;
        Some(Self { clean: clients(&facts), faulty: clients(proxy.facts()), plan, seed, _proxy: proxy })
    }

    /// Calls that give up soon.
    fn calls(&self) -> Calls {
        calls_within(DEADLINE)
    }

    /// Tells what was tried; a run in which nothing failed has shown nothing.
    fn tell(&self, what: &str) {
        println!("{what}; {}", self.plan.told());
        assert!(self.plan.failed() > 0, "nothing failed");
    }
}

/// What a caller does whose request may be repeated: sends it again where its outcome is unknown, and fails where it was
/// refused.
async fn persist<T, F: Future<Output = Result<T, PortError>>>(what: &str, mut op: impl FnMut() -> F) -> T {
    for _ in 0..TRIES_MAX {
        match op().await {
            Ok(done) => return done,
            Err(PortError::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("{what}: {error}"),
        }
    }
    panic!("{what} did not get through in {TRIES_MAX} tries");
}
