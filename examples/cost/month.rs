//! A month in which nothing happens: what stands in the account, and what looks after the tenants.

use crate::deployment::Deployment;
use crate::home::Home;
use crate::logs::CountedLog;
use crate::meter::Amounts;
use crate::prices::{Prices, Unit};
use crate::record::{Failed, Kept, Scenario};
use std::sync::Arc;
use std::time::Duration;
use tenantry_app::workers::WorkerSettings;
use tenantry_app::workers::reconciler::{Reconciler, ReconcilerSettings};
use tenantry_app::workers::relay::Relay;
use tenantry_app::workers::sweeper::Sweeper;

/// What each queue's mapping polls, month in, month out.
const POLLING: &str = "idle event source mappings";
/// What is paid for being there.
const STANDING: &str = "alarms, metrics, dashboard, key, secrets";
/// Rows and their backup.
const STORAGE: &str = "storage, backup, archive";
/// Tenants of the two homes whose schedules are compared: few, and many more.
const FEW: usize = 2;
const MANY: usize = 22;
/// A window in which every schedule runs and the sweeper compares all cursors once.
const WINDOW_SECONDS: f64 = 3_600.0;

/// A month, as a fixed part and a part for each tenant.
pub struct Month {
    /// What the deployment takes with no tenant at all.
    pub fixed: Amounts,
    /// What each tenant adds.
    pub tenant: Amounts,
}

impl Month {
    /// What so many tenants take together.
    pub fn amounts(&self, tenants: u64) -> Amounts {
        let mut amounts = self.fixed.clone();
        for (part, amount) in &self.tenant {
            *amounts.entry(part.clone()).or_default() += amount * tenants as f64;
        }
        amounts
    }
}

/// What all schedules of a window take in a home with so many idle tenants, each with a subscription's cursor.
async fn window(
    prices: &Arc<Prices>,
    deployment: &Deployment,
    subscriptions: usize,
    tenants: usize,
) -> Result<Amounts, Failed> {
    let mut home = Home::open(prices.clone(), deployment.memory_megabytes.clone()).await?;
    home.furnish(Scenario { services: 0, subscriptions }).await?;
    for number in 0..tenants {
        home.provision(&format!("Idle {number}")).await?;
    }
    let _log = CountedLog::new(home.meter.clone()).start();
    let settings = WorkerSettings::metered();
    // The first window clears what the sign-ups left due; the second is the one that repeats.
    for _ in 0..2 {
        home.meter.reset();
        let begin = home.ports.clock.now();
        let mut runs: Vec<(f64, &String)> = Vec::new();
        for (function, every) in &deployment.schedules {
            let count = (WINDOW_SECONDS / every).round().max(1.0);
            runs.extend((0..count as u32).map(|run| (f64::from(run) * every, function)));
        }
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (at, function) in runs {
            let due = begin.saturating_add(Duration::from_secs_f64(at));
            home.memory.clock.advance(due.saturating_since(home.ports.clock.now()));
            home.meter
                .at(function, async {
                    home.meter.add(Unit::SchedulerInvocations, 1.0);
                    if deployment.traced_schedules {
                        home.meter.trace();
                    }
                    home.meter.log(prices.assumptions.round_log_bytes.value);
                })
                .await;
            let run = home.meter.invoke(function, scheduled(&home, function, &settings));
            run.await?;
        }
        let rest = begin.saturating_add(Duration::from_secs_f64(WINDOW_SECONDS));
        home.memory.clock.advance(rest.saturating_since(home.ports.clock.now()));
    }
    let mut amounts = home.meter.amounts();
    // A window shorter than a schedule holds one run of it, which stands for a part of one.
    for (function, every) in &deployment.schedules {
        if *every > WINDOW_SECONDS {
            let share = WINDOW_SECONDS / every;
            amounts
                .iter_mut()
                .filter(|((place, _), _)| place == function)
                .for_each(|(_, amount)| *amount *= share);
        }
    }
    Ok(amounts)
}

/// What the function does in one run.
async fn scheduled(home: &Home, function: &str, settings: &WorkerSettings) -> Result<(), Failed> {
    let went_wrong = |error: &dyn std::fmt::Display| Failed(format!("{function}: {error}"));
    let until = home.ports.clock.now().saturating_add(Duration::from_secs(30));
    match function {
        "sweeper" => {
            let (resend, scan) = (settings.operation_resend_after, settings.cursor_scan_every);
            let swept = Sweeper::new(home.ports.clone(), resend, scan).run_once().await;
            let run = swept.map_err(|error| went_wrong(&error))?;
            tracing::debug!(?run, "swept");
            // What the stream's records could not bring about.
            let relayed = Relay::new(home.ports.clone(), resend).run_once().await;
            relayed.map_err(|error| went_wrong(&error)).map(drop)
        }
        "reconciler" => {
            let reconciler = Reconciler::new(home.ports.clone(), ReconcilerSettings::default());
            reconciler.run_once(until).await.map_err(|error| went_wrong(&error)).map(drop)
        }
        other => Err(Failed(format!("nobody told examples/cost/month.rs what the schedule of {other} does"))),
    }
}

/// A month with so many webhook subscriptions; `kept` is what a provisioned tenant leaves.
pub async fn month(
    prices: &Arc<Prices>,
    deployment: &Deployment,
    subscriptions: usize,
    kept: Kept,
) -> Result<Month, Failed> {
    let few = window(prices, deployment, subscriptions, FEW).await?;
    let many = window(prices, deployment, subscriptions, MANY).await?;
    let assumed = &prices.assumptions;
    let windows = assumed.month_seconds.value / WINDOW_SECONDS;
    let mut fixed = Amounts::new();
    let mut tenant = Amounts::new();
    for (part, amount) in &many {
        let at_few = few.get(part).copied().unwrap_or_default();
        let slope = (amount - at_few) / (MANY - FEW) as f64;
        tenant.insert(part.clone(), slope * windows);
        fixed.insert(part.clone(), (at_few - slope * FEW as f64) * windows);
    }
    let mut standing = |place: &str, unit, amount: f64| {
        *fixed.entry((place.to_owned(), unit)).or_default() += amount;
    };
    let polls = deployment.polling_mappings * assumed.pollers.value * assumed.month_seconds.value
        / assumed.poll_seconds.value;
    standing(POLLING, Unit::SqsRequests, polls);
    standing(STANDING, Unit::CloudWatchAlarmMonths, deployment.alarms);
    standing(STANDING, Unit::CloudWatchDashboardMonths, deployment.dashboards);
    let detailed = assumed.detailed_routes.value * assumed.detailed_metrics.value;
    let detailed = if deployment.detailed_metrics { detailed } else { 0.0 };
    standing(STANDING, Unit::CloudWatchMetricMonths, deployment.metrics + detailed);
    standing(STANDING, Unit::KmsKeyMonths, deployment.keys);
    standing(STANDING, Unit::SecretsManagerSecretMonths, deployment.secrets);
    for (function, every) in &deployment.schedules {
        // A function that runs more rarely than the table's key is kept asks for it at each run.
        let asks = assumed.month_seconds.value / every.max(assumed.table_key_seconds.value);
        standing(function, Unit::KmsRequests, asks);
    }
    let storage = [
        ((STORAGE.to_owned(), Unit::DynamodbStorageGigabyteMonths), kept.table_bytes / 1e9),
        ((STORAGE.to_owned(), Unit::DynamodbBackupGigabyteMonths), kept.table_bytes / 1e9),
        ((STORAGE.to_owned(), Unit::EventBridgeArchiveGigabyteMonths), kept.archive_bytes / 1e9),
    ];
    tenant.extend(storage);
    Ok(Month { fixed, tenant })
}
