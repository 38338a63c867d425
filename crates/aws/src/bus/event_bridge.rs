//! Events onto EventBridge, where the other services subscribe.

use super::PORT;
use crate::batch::{self, Outcome};
use crate::call::{Calls, Repeat, is_throttling, port_error};
use crate::clients::Clients;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_types::DateTime;
use futures::{StreamExt as _, TryStreamExt as _};
use std::sync::Arc;
use tenantry_core::BoxFuture;
use tenantry_core::ports::{BusEvent, PortError};

/// Most entries of one call.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
const ENTRIES_MAX: usize = 10;

/// Most bytes of one call. EventBridge takes 1 MiB by now, but a subscriber's queue may take no more than this.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const BYTES_MAX: usize = 256 * 1024;

/// Calls of one publication that are on their way at once.
const CALLS_IN_FLIGHT: usize = 4;

/// Error codes of entries that may succeed when they are sent again, beside those of throttling.
const TRANSIENT: &[&str] = &["InternalException", "InternalFailure", "ServiceUnavailable"];

/// Where the bus puts events for others.
pub trait Publisher: Send + Sync {
    /// Puts events onto the bus, each at least once. After an error some may be there.
    ///
    /// # Errors
    /// [`PortError::Refused`] with the event's id where one can never be taken.
    fn put<'a>(&'a self, events: &'a [BusEvent]) -> BoxFuture<'a, Result<(), PortError>>;
}

/// A custom event bus of EventBridge.
#[derive(Clone)]
pub struct EventBridge {
    clients: Arc<Clients>,
    calls: Calls,
    bus: String,
}

impl EventBridge {
    /// The event bus of that name.
    pub fn new(clients: Arc<Clients>, calls: Calls, bus: impl Into<String>) -> Self {
        Self { clients, calls, bus: bus.into() }
    }

    async fn put_some(&self, entries: Vec<(String, PutEventsRequestEntry)>) -> Result<(), PortError> {
        let name = |(id, _): &(String, PutEventsRequestEntry)| format!("event {id}");
        batch::complete(&self.calls, PORT, &entries, name, |left| self.put_once(left)).await?;
        Ok(())
    }

    async fn put_once(
        &self,
        entries: Vec<(String, PutEventsRequestEntry)>,
    ) -> Result<Vec<Outcome<()>>, PortError> {
        let entries: Vec<_> = entries.into_iter().map(|(_, entry)| entry).collect();
        let put = || self.clients.eventbridge().put_events().set_entries(Some(entries.clone())).send();
        // Consumers get each event at least once anyway, and tell repeats by its id.
        let answer = self
            .calls
            .send(Repeat::Safe, put)
            .await
            .map_err(|error| port_error(PORT, "events:PutEvents", &error))?;
        // The answer has an entry for each of ours, in their order; FailedEntryCount only counts those with a code.
        let outcomes = answer.entries().iter().map(|entry| match entry.error_code() {
            None => Outcome::Done(()),
            Some(code) => {
                let why = format!("{code}: {}", entry.error_message().unwrap_or("no message"));
                if TRANSIENT.contains(&code) || is_throttling(code) {
                    Outcome::Again(why)
                } else {
                    Outcome::Refused(why)
                }
            }
        });
        Ok(outcomes.collect())
    }

    fn entry(&self, event: &BusEvent) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(&event.source)
            .detail_type(&event.detail_type)
            .detail(event.detail.to_string())
            .time(DateTime::from_millis(event.occurred_at.as_millis()))
            .resources(event.tenant_id.as_str())
            .build()
    }
}

/// An entry's size as EventBridge counts it.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size>
fn size_bytes(event: &BusEvent) -> usize {
    const TIME: usize = 14;
    let texts = [event.source.len(), event.detail_type.len(), event.tenant_id.as_str().len()];
    TIME + texts.iter().sum::<usize>() + event.detail.to_string().len()
}

/// Whether EventBridge takes an event of this size.
///
/// # Errors
/// [`PortError::Refused`] with the event's id.
pub(super) fn check_size(event: &BusEvent) -> Result<(), PortError> {
    let size = size_bytes(event);
    if size <= BYTES_MAX {
        return Ok(());
    }
    let message = format!("event {} has {size} bytes, the most are {BYTES_MAX}", event.event_id);
    Err(PortError::Refused { port: PORT, message })
}

impl Publisher for EventBridge {
    fn put<'a>(&'a self, events: &'a [BusEvent]) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            events.iter().try_for_each(check_size)?;
            let lengths = batch::runs(events.iter().map(size_bytes), ENTRIES_MAX, BYTES_MAX);
            let entries =
                events.iter().map(|event| (event.event_id.to_string(), self.entry(event))).collect();
            let calls = batch::cut(entries, lengths).into_iter().map(|entries| self.put_some(entries));
            futures::stream::iter(calls).buffered(CALLS_IN_FLIGHT).try_collect().await
        })
    }
}
