//! One provisioning, recorded: the real definitions, steps, workers and API, over metered ports in memory, each at
//! work where AWS would have a function at work. Nothing is warm, nothing is cached, nothing is batched with another
//! tenant's: the bill of a tenant that comes alone.

use crate::home::Home;
use crate::logs::CountedLog;
use crate::meter::Amounts;
use crate::prices::Prices;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    /// Product services that take part, all required.
    pub services: usize,
    /// Webhook subscriptions that get every event.
    pub subscriptions: usize,
}

/// What a provisioned tenant leaves, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Kept {
    /// In the table, its overhead and indexes included.
    pub table_bytes: f64,
    /// In the bus's own archive.
    pub archive_bytes: f64,
}

/// A recorded provisioning.
pub struct Recording {
    /// What it was.
    pub scenario: Scenario,
    /// Amounts by place and unit.
    pub amounts: Amounts,
    /// What it leaves.
    pub kept: Kept,
}

/// A recording that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("the recorded provisioning went wrong: {0}")]
pub struct Failed(pub String);

pub(crate) fn failed(what: impl std::fmt::Display) -> Failed {
    Failed(what.to_string())
}

/// Records one provisioning. Two tenants come first, so that what is made once for all of them (a cell's row, a
/// system's key) is nobody's bill.
pub async fn record(
    prices: Arc<Prices>,
    memory_megabytes: BTreeMap<String, f64>,
    scenario: Scenario,
) -> Result<Recording, Failed> {
    record_in(Home::open(prices, memory_megabytes).await?, scenario).await
}

/// Records one provisioning in that home, which is empty.
pub async fn record_in(mut home: Home, scenario: Scenario) -> Result<Recording, Failed> {
    let _log = CountedLog::new(home.meter.clone()).start();
    home.furnish(scenario).await?;
    for name in ["First", "Second"] {
        home.provision(name).await?;
    }
    home.forget();
    let before = home.stored_bytes();
    home.provision("Recorded").await?;
    let kept = Kept { table_bytes: home.stored_bytes() - before, archive_bytes: home.meter.archived_bytes() };
    Ok(Recording { scenario, amounts: home.meter.amounts(), kept })
}
