//! The bus on AWS: events onto EventBridge, an archive in the table, rules as rows, their messages to the `webhooks`
//! queue.
//!
//! EventBridge has 300 rules a bus and gives a queue no message group; subscriptions are more, and their messages need
//! one. So the rules of subscriptions are matched here, and other services subscribe on EventBridge itself.
//!
//! **Nothing is lost.** A publication looks which events are archived, puts the others onto EventBridge and sends their
//! messages, and archives them last. Cut off anywhere, the next publication of the same events finds those unarchived
//! and does all of it again: an event is archived once, and put and told of at least once.

mod archive;
mod event_bridge;
mod position;
mod read;
mod replay;
mod rules;

pub use event_bridge::{EventBridge, Publisher};

use archive::Archive;
use position::Position;
use rules::RuleRows;
use std::sync::Arc;
use tenantry_core::limits::PAGE_ITEMS_MAX;
use tenantry_core::ports::{
    ArchivedEvent, Bus, BusEvent, BusPage, Clock, EventFilter, Ids, PortError, Queue, Replay, Rule, Table,
};
use tenantry_core::{BoxFuture, SubscriptionId};

const PORT: &str = "bus";

/// The bus.
pub struct AwsBus {
    archive: Archive,
    rules: RuleRows,
    webhooks: Arc<dyn Queue>,
    publisher: Arc<dyn Publisher>,
}

impl AwsBus {
    /// The bus over a table, the `webhooks` queue, and where events are put for others.
    pub fn new(
        table: Arc<dyn Table>,
        webhooks: Arc<dyn Queue>,
        publisher: Arc<dyn Publisher>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let rules = RuleRows::new(Arc::clone(&table), Arc::clone(&clock), Arc::clone(&ids));
        Self { archive: Archive::new(table, clock, ids), rules, webhooks, publisher }
    }

    async fn publish_all(&self, events: Vec<BusEvent>) -> Result<(), PortError> {
        if events.is_empty() {
            return Ok(());
        }
        events.iter().try_for_each(event_bridge::check_size)?;
        let events = self.archive.missing(archive::distinct(events)?).await?;
        if events.is_empty() {
            return Ok(());
        }
        let rules = self.rules.current().await?;
        let messages = events.iter().flat_map(|event| rules.messages(event)).collect();
        let (put, sent) = futures::join!(self.publisher.put(&events), self.webhooks.send(messages));
        put?;
        sent?;
        self.archive.append(events).await
    }

    async fn read_page(
        &self,
        after: Option<String>,
        filter: EventFilter,
        limit: usize,
    ) -> Result<BusPage, PortError> {
        let after = match after {
            None => Position::default(),
            Some(after) => Position::read(&after).ok_or_else(|| PortError::Refused {
                port: PORT,
                message: "the position is malformed: it never was one of this archive's".to_owned(),
            })?,
        };
        let scan = self.archive.scan(after, &filter, limit.clamp(1, PAGE_ITEMS_MAX), None).await?;
        let shown =
            |(position, event): (Position, BusEvent)| ArchivedEvent { position: position.write(), event };
        Ok(BusPage {
            read_up_to: (scan.read_up_to != after).then(|| scan.read_up_to.write()),
            more: scan.more,
            items: scan.found.into_iter().map(shown).collect(),
        })
    }
}

impl Bus for AwsBus {
    fn publish(&self, events: Vec<BusEvent>) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(self.publish_all(events))
    }

    fn put_rule(&self, rule: Rule) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move { self.rules.put(&rule).await })
    }

    fn delete_rule<'a>(&'a self, subscription: &'a SubscriptionId) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(self.rules.delete(subscription))
    }

    fn list_rules(&self) -> BoxFuture<'_, Result<Vec<Rule>, PortError>> {
        Box::pin(async move { Ok(self.rules.current().await?.all()) })
    }

    fn replay(&self, replay: Replay) -> BoxFuture<'_, Result<u64, PortError>> {
        Box::pin(self.replay_all(replay))
    }

    fn read(
        &self,
        after: Option<String>,
        filter: EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<BusPage, PortError>> {
        Box::pin(self.read_page(after, filter, limit))
    }
}
