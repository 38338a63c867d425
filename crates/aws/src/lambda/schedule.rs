//! What a schedule starts: the sweeper, and the reconciler. Their events say nothing but that it is time.

use super::invocation::{Invocation, Invoke, UNAVAILABLE, answer, failure};
use super::trace::Tracer;
use futures::future::{Either, select};
use lambda_runtime::Diagnostic;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tenantry_app::workers::WorkerError;
use tenantry_app::workers::reconciler::Reconciler;
use tenantry_app::workers::relay::Relay;
use tenantry_app::workers::sweeper::{SweepRun, Sweeper};
use tenantry_core::ports::Clock;
use tenantry_core::{BoxFuture, Timestamp};

/// The sweeper's function: takes up what was left behind, and looks through the whole outbox.
pub(super) struct SweeperFunction {
    pub(super) sweeper: Sweeper,
    pub(super) relay: Relay,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tracer: Tracer,
}

/// A sweep that took up so much may have left as much behind.
const BUSY_SWEEP: u64 = 500;

impl SweeperFunction {
    async fn sweep(&self) -> Result<Value, WorkerError> {
        let mut swept = SweepRun::default();
        loop {
            let run = self.sweeper.run_once().await?;
            swept.operations += run.operations;
            swept.deliveries += run.deliveries;
            swept.cleared += run.cleared;
            if run.operations + run.deliveries + run.cleared < BUSY_SWEEP {
                break;
            }
        }
        let (mut published, mut sent, mut failed) = (0, 0, 0);
        loop {
            let run = self.relay.run_once().await?;
            published += run.published;
            sent += run.sent;
            failed += run.failed;
            if !run.more {
                break;
            }
        }
        Ok(json!({
            "operations": swept.operations, "deliveries": swept.deliveries, "cleared": swept.cleared,
            "published": published, "sent": sent, "failed": failed,
        }))
    }
}

/// The reconciler's function.
pub(super) struct ReconcilerFunction {
    pub(super) reconciler: Reconciler,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tracer: Tracer,
}

impl ReconcilerFunction {
    async fn reconcile(&self, until: Timestamp) -> Result<Value, WorkerError> {
        let run = self.reconciler.run_once(until).await?;
        // The deployment counts this field, and tells somebody where it stays above nothing.
        tracing::info!(
            quiet_operations = run.asked,
            told = run.told,
            "operations without progress were asked after"
        );
        Ok(json!({
            "lookedAt": run.looked_at, "asked": run.asked, "told": run.told, "failed": run.failed,
            "finished": run.finished,
        }))
    }
}

/// Does a round within the invocation's time. What is cut off is taken up by the next one.
async fn round(
    name: &str,
    work: impl Future<Output = Result<Value, WorkerError>> + Send,
    clock: &dyn Clock,
    tracer: &Tracer,
    invocation: &Invocation,
) -> Result<Box<RawValue>, Diagnostic> {
    let subsegment = tracer.begin(invocation.trace.as_ref(), name, Map::new());
    let ended = match select(Box::pin(work), clock.sleep_until(invocation.until)).await {
        Either::Left((Ok(done), _)) => {
            tracing::info!(%done, "a round is done");
            Ok(done)
        }
        Either::Left((Err(error), _)) => Err(failure(UNAVAILABLE, error.to_string())),
        Either::Right(_) => {
            tracing::warn!("a round was cut off: the time is up, and the next one goes on");
            Ok(json!({"cutOff": true}))
        }
    };
    subsegment.end(ended.is_err());
    answer(&ended?)
}

impl Invoke for SweeperFunction {
    fn invoke<'a>(
        &'a self,
        _: &'a RawValue,
        invocation: &'a Invocation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, Diagnostic>> {
        Box::pin(round("sweep", self.sweep(), &*self.clock, &self.tracer, invocation))
    }
}

impl Invoke for ReconcilerFunction {
    fn invoke<'a>(
        &'a self,
        _: &'a RawValue,
        invocation: &'a Invocation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, Diagnostic>> {
        let work = self.reconcile(invocation.until);
        Box::pin(round("reconcile", work, &*self.clock, &self.tracer, invocation))
    }
}
