//! The event bus: rules with EventBridge patterns, an archive, and delivery to queues.

use super::PortError;
use crate::{BoxFuture, EventId, SubscriptionId, TenantId, Timestamp};
use serde_json::Value;

/// An event as it goes onto the bus.
#[derive(Debug, Clone, PartialEq)]
pub struct BusEvent {
    /// Always `tenantry` for our own.
    pub source: String,
    /// The event's type.
    pub detail_type: String,
    /// The envelope.
    pub detail: Value,
    /// Copied from the envelope.
    pub event_id: EventId,
    /// Copied from the envelope.
    pub tenant_id: TenantId,
    /// Copied from the envelope.
    pub sequence: u64,
    /// Copied from the envelope.
    pub occurred_at: Timestamp,
}

/// An event in the archive.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchivedEvent {
    /// Its place in the archive: opaque to callers, ascending in the order of publication.
    pub position: String,
    /// The event.
    pub event: BusEvent,
}

/// A rule: events that match the pattern cause a message to the `webhooks` queue, in the same commit as the archive
/// entry. The message's group is `<subscription>#<tenant>`, its body `{subscriptionId, tenantId, sequence}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The subscription that it serves; also its name.
    pub subscription_id: SubscriptionId,
    /// The EventBridge pattern.
    pub pattern: Value,
}

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Only this type.
    pub event_type: Option<String>,
    /// Only this tenant.
    pub tenant_id: Option<TenantId>,
}

/// A page of the archive, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BusPage {
    /// The events.
    pub items: Vec<ArchivedEvent>,
    /// The position up to which the archive was read, matching or not: go on after it. `None` where nothing was read.
    pub read_up_to: Option<String>,
    /// Whether more is there now.
    pub more: bool,
}

/// What to send again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// To which rule.
    pub subscription_id: SubscriptionId,
    /// From this time on (`occurredAt`).
    pub from: Option<Timestamp>,
    /// Up to this time.
    pub to: Option<Timestamp>,
    /// Only these.
    pub filter: EventFilter,
}

/// The bus.
pub trait Bus: Send + Sync {
    /// Archives the events in order and causes the rules' messages. An `event_id` that is in the archive already is
    /// skipped, so repeating is safe. Once `Ok`, all of them and their messages survive a crash; after an error some
    /// may be in.
    fn publish(&self, events: Vec<BusEvent>) -> BoxFuture<'_, Result<(), PortError>>;

    /// Makes or replaces a rule. Once `Ok`, it survives a crash and every later publication sees it.
    fn put_rule(&self, rule: Rule) -> BoxFuture<'_, Result<(), PortError>>;

    /// Removes a rule; a missing one is no error.
    fn delete_rule<'a>(&'a self, subscription: &'a SubscriptionId) -> BoxFuture<'a, Result<(), PortError>>;

    /// All rules.
    fn list_rules(&self) -> BoxFuture<'_, Result<Vec<Rule>, PortError>>;

    /// Causes a rule's messages again, with `"replay": true` in their bodies, for every archived event that matches
    /// its pattern and the filter; answers how many.
    fn replay(&self, replay: Replay) -> BoxFuture<'_, Result<u64, PortError>>;

    /// Reads the archive after a position (`None`: from the start). A malformed position is [`PortError::Refused`].
    fn read(
        &self,
        after: Option<String>,
        filter: EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<BusPage, PortError>>;
}
