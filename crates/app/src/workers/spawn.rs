//! Starts all workers, and ends them.

use super::consume::{Consumer, Handler};
use super::error::WorkerError;
use super::execution_status::ExecutionStatusWorker;
use super::integrations::IntegrationWorker;
use super::periodic::{self, Periodic, Round};
use super::relay::Relay;
use super::settings::WorkerSettings;
use super::shutdown::Shutdown;
use super::start::Starter;
use super::status::{WorkerSnapshot, WorkerStatus};
use super::sweeper::Sweeper;
use super::webhooks::{WebhookSender, WebhookSettings};
use crate::Ports;
use crate::http::{HttpBuildError, HttpClient};
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::BoxFuture;
use tenantry_core::ports::{Clock, Queue};
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

/// How a home tells the workers that there is something to do, so that they need not wait for their next look. Never
/// needed for correctness. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Wakes {
    /// Notified (`notify_one` or `notify_waiters`) after a commit that put a row into the outbox index.
    pub outbox: Arc<Notify>,
}

/// The running workers. Dropping it ends them without waiting.
pub struct WorkerHandles {
    statuses: Vec<WorkerStatus>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    aborts: Vec<AbortHandle>,
    clock: Arc<dyn Clock>,
    grace: Duration,
}

impl WorkerHandles {
    /// Each worker's state; cheap to clone and keep.
    pub fn statuses(&self) -> &[WorkerStatus] {
        &self.statuses
    }

    /// Each worker's state now.
    pub fn snapshots(&self) -> Vec<WorkerSnapshot> {
        self.statuses.iter().map(WorkerStatus::snapshot).collect()
    }

    /// Whether every worker's task still runs: none ends before [`WorkerHandles::stop`] but by a fault.
    pub fn all_running(&self) -> bool {
        !self.aborts.iter().any(AbortHandle::is_finished)
    }

    /// Ends one worker as a fault would.
    #[cfg(test)]
    pub(super) fn abort_one(&self) {
        self.aborts[0].abort();
    }

    /// Tells the workers to stop, and waits for what they are at, at most the grace of the settings; what is cut off
    /// then is done again in the next life. Answers whether all ended by themselves.
    pub async fn stop(mut self) -> bool {
        self.stop.send_replace(true);
        let end = self.clock.now().saturating_add(self.grace);
        let ended = async {
            while let Some(task) = self.tasks.join_next().await {
                if let Err(error) = task {
                    tracing::error!(%error, "a worker ended by a fault");
                }
            }
        };
        tokio::select! {
            biased;
            () = ended => true,
            () = self.clock.sleep_until(end) => {
                tracing::warn!("some work was cut off; it is done again at the next start");
                false
            }
        }
    }
}

struct RelayRounds(Relay);

impl Periodic for RelayRounds {
    fn round(&self) -> BoxFuture<'_, Result<Round, WorkerError>> {
        Box::pin(async move {
            let run = self.0.run_once().await?;
            Ok(Round { items: run.published + run.sent, failed: run.failed, more: run.more })
        })
    }
}

struct SweepRounds {
    sweeper: Sweeper,
    outbox: Arc<Notify>,
}

impl Periodic for SweepRounds {
    fn round(&self) -> BoxFuture<'_, Result<Round, WorkerError>> {
        Box::pin(async move {
            let run = self.sweeper.run_once().await?;
            self.outbox.notify_one();
            Ok(Round { items: run.operations + run.deliveries + run.cleared, failed: 0, more: false })
        })
    }
}

/// Starts the outbox relay, the start worker, the execution-status worker, the integration worker, the webhook sender
/// and the sweeper on the current tokio runtime. An error means that TLS cannot be set up.
pub fn spawn_all(
    ports: Ports,
    settings: WorkerSettings,
    wakes: Wakes,
) -> Result<WorkerHandles, HttpBuildError> {
    let http = HttpClient::new(settings.http.clone())?;
    let (stop, shutdown) = Shutdown::channel();
    let mut spawner = Spawner {
        ports: ports.clone(),
        settings: settings.clone(),
        shutdown,
        tasks: JoinSet::new(),
        aborts: Vec::new(),
        statuses: Vec::new(),
    };

    let relay = Relay::new(ports.clone(), settings.operation_resend_after);
    spawner.periodic("outbox-relay", RelayRounds(relay), settings.relay_scan_every, wakes.outbox.clone());

    let starter = Starter::new(ports.clone());
    spawner.queue("start", "operations", &ports.queues.operations, starter, settings.starts_max);

    let status = ExecutionStatusWorker::new(ports.clone());
    spawner.queue(
        "execution-status",
        "execution-status",
        &ports.queues.execution_status,
        status,
        settings.starts_max,
    );

    let (retries, per_receiver) = (settings.integration_retries.clone(), settings.calls_per_receiver_max);
    let integrations = IntegrationWorker::new(ports.clone(), http.clone(), retries, per_receiver);
    spawner.queue(
        "integrations",
        "integrations",
        &ports.queues.integrations,
        integrations,
        settings.calls_max,
    );

    let webhook_settings = WebhookSettings {
        owner: ports.ids.next().to_string(),
        sole_process: settings.sole_process,
        lease: settings.delivery_lease,
        retries: settings.webhook_retries.clone(),
        calls_per_subscription_max: per_receiver,
    };
    let webhooks = WebhookSender::new(ports.clone(), http, webhook_settings);
    spawner.queue("webhook-sender", "webhooks", &ports.queues.webhooks, webhooks, settings.calls_max);

    let sweeper = Sweeper::new(ports.clone(), settings.operation_resend_after, settings.cursor_scan_every);
    let sweeps = SweepRounds { sweeper, outbox: wakes.outbox };
    spawner.periodic("sweeper", sweeps, settings.sweep_every, Arc::default());

    let Spawner { tasks, aborts, statuses, .. } = spawner;
    Ok(WorkerHandles { statuses, stop, tasks, aborts, clock: ports.clock, grace: settings.shutdown_grace })
}

struct Spawner {
    ports: Ports,
    settings: WorkerSettings,
    shutdown: Shutdown,
    tasks: JoinSet<()>,
    aborts: Vec<AbortHandle>,
    statuses: Vec<WorkerStatus>,
}

impl Spawner {
    fn status(&mut self, name: &'static str) -> WorkerStatus {
        let status = WorkerStatus::new(name);
        self.statuses.push(status.clone());
        status
    }

    fn periodic(&mut self, name: &'static str, worker: impl Periodic, interval: Duration, wake: Arc<Notify>) {
        let status = self.status(name);
        let (ports, shutdown) = (self.ports.clone(), self.shutdown.clone());
        self.tasks
            .spawn(async move { periodic::run(ports, worker, status, interval, &wake, shutdown).await });
    }

    fn queue(
        &mut self,
        name: &'static str,
        queue_name: &'static str,
        queue: &Arc<dyn Queue>,
        handler: impl Handler,
        in_flight_max: usize,
    ) {
        let consumer = Consumer {
            ports: self.ports.clone(),
            queue_name,
            queue: queue.clone(),
            handler: Arc::new(handler),
            status: self.status(name),
            visibility: self.settings.visibility,
            receive_wait: self.settings.receive_wait,
            in_flight_max,
        };
        let shutdown = self.shutdown.clone();
        self.aborts.push(self.tasks.spawn(consumer.run(shutdown)));
    }
}
