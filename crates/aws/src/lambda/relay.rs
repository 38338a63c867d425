//! The outbox relay: what the table's stream shows to have entered the outbox is published and sent.
//!
//! The stream only makes it prompt: the sweeper looks through the whole outbox from time to time, so that nothing
//! depends on a record.

use super::event::{BatchAnswer, StreamEvent};
use super::invocation::{Invocation, Invoke, answer, read};
use super::trace::Tracer;
use lambda_runtime::Diagnostic;
use serde_json::Map;
use serde_json::value::RawValue;
use tenantry_app::workers::relay::Relay;
use tenantry_core::BoxFuture;
use tenantry_core::keys::Key;

/// The relay's function.
pub(super) struct RelayFunction {
    pub(super) relay: Relay,
    pub(super) tracer: Tracer,
}

impl Invoke for RelayFunction {
    fn invoke<'a>(
        &'a self,
        event: &'a RawValue,
        invocation: &'a Invocation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, Diagnostic>> {
        Box::pin(async move {
            let event: StreamEvent = read(event, "a batch of the table's stream")?;
            let keys: Vec<Key> = event.records.iter().filter_map(|record| record.key()).collect();
            let mut annotations = Map::new();
            // One tenant's records tell whose they are; those of several are found by the events that follow.
            if let Some(tenant) = keys.first().and_then(|key| key.pk().strip_prefix("TENANT#"))
                && keys.iter().all(|key| key.pk() == keys[0].pk())
            {
                annotations.insert("tenant".to_owned(), tenant.into());
            }
            let subsegment = self.tracer.begin(invocation.trace.as_ref(), "outbox", annotations);
            let (run, failed) = self.relay.run_for(&keys, invocation.until).await;
            subsegment.end(!failed.is_empty());
            tracing::debug!(
                published = run.published,
                sent = run.sent,
                failed = run.failed,
                "the outbox was relayed"
            );
            let is_failed = |key: Key| failed.contains(&key);
            let again = event.records.iter().filter(|record| record.key().is_some_and(is_failed));
            answer(&BatchAnswer::failed(again.map(|record| record.identifier().to_owned())))
        })
    }
}
