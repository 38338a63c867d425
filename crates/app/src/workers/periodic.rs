//! The loop of the workers that look around by themselves.

use super::error::WorkerError;
use super::shutdown::Shutdown;
use super::status::WorkerStatus;
use crate::Ports;
use std::time::Duration;
use tenantry_core::BoxFuture;
use tokio::sync::Notify;

/// What one round did.
pub(super) struct Round {
    /// Items done.
    pub(super) items: u64,
    /// Items that failed, and are tried again later; the log names them.
    pub(super) failed: u64,
    /// Whether the next round is to follow at once.
    pub(super) more: bool,
}

/// A worker that looks around.
pub(super) trait Periodic: Send + Sync + 'static {
    /// Looks around once.
    fn round(&self) -> BoxFuture<'_, Result<Round, WorkerError>>;
}

/// Runs a round at the start, whenever woken, and at least once per `interval`, until the shutdown.
pub(super) async fn run(
    ports: Ports,
    worker: impl Periodic,
    status: WorkerStatus,
    interval: Duration,
    wake: &Notify,
    mut shutdown: Shutdown,
) {
    while !shutdown.is_requested() {
        // Listened for before the round begins: a wake-up during the round is about what the round may have missed.
        let woken = wake.notified();
        tokio::pin!(woken);
        woken.as_mut().enable();
        let next = ports.clock.now().saturating_add(interval);
        let more = match worker.round().await {
            Ok(round) => {
                status.ran(ports.clock.now(), round.items);
                if round.failed > 0 {
                    let text = format!("{} items of a round failed; the log names them", round.failed);
                    status.failed(ports.clock.now(), &text);
                }
                round.more
            }
            Err(error) => {
                tracing::warn!(worker = status.name(), %error, "a round failed");
                status.failed(ports.clock.now(), &error);
                false
            }
        };
        if more {
            continue;
        }
        tokio::select! {
            () = woken => {}
            () = ports.clock.sleep_until(next) => {}
            () = shutdown.requested() => {}
        }
    }
}
