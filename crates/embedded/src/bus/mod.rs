//! The bus on SQLite: an archive, rules, and their messages to the `webhooks` queue.
//!
//! **Invariants.** An event and the messages that it causes share one commit. Rules are matched in memory; a rule is
//! there from its commit on. Nobody is told of an event before it is durable.

mod archive;
mod replay;

use crate::OpenError;
use crate::queue::{EmbeddedQueues, Enqueued, QueueName, SealedMessage, enqueue_in};
use crate::store::{Abort, ReadError};
use archive::Position;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tenantry_core::limits::PAGE_ITEMS_MAX;
use tenantry_core::ports::{Bus, BusEvent, BusPage, EventFilter, PortError, Replay, Rule};
use tenantry_core::{BoxFuture, SubscriptionId};
use tenantry_events::Pattern;
use tenantry_events::rules::Rules;
use tokio::sync::watch;

const PORT: &str = "bus";

/// Most events of one write.
const EVENTS_PER_WRITE: usize = 256;

/// The bus. Clones share it.
#[derive(Clone)]
pub struct EmbeddedBus {
    queues: EmbeddedQueues,
    rules: Arc<RwLock<Rules>>,
    last: watch::Sender<u64>,
}

impl std::fmt::Debug for EmbeddedBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedBus")
    }
}

fn refused(message: impl Into<String>) -> PortError {
    PortError::Refused { port: PORT, message: message.into() }
}

/// An event, ready to be written.
struct Publication {
    event: BusEvent,
    sequence: i64,
    messages: Vec<SealedMessage>,
}

/// What a write of events came to.
#[derive(Default)]
struct Published {
    last: Option<Position>,
    enqueued: Vec<Enqueued>,
}

impl EmbeddedBus {
    /// The bus of the store that the queues are in. Waits on this thread.
    ///
    /// # Errors
    /// As [`crate::Store::migrate`], and [`OpenError::Schema`] where a stored rule cannot be used any more.
    pub fn open(queues: EmbeddedQueues) -> Result<Self, OpenError> {
        const PIECE: &str = "bus";
        let failed = |message: String| OpenError::Schema { piece: PIECE.to_owned(), message };
        let store = queues.store();
        store.migrate(PIECE, archive::SCHEMA)?;
        let (last, stored) = store
            .read_now(|connection| {
                let rules = connection
                    .prepare("SELECT subscription_id, pattern FROM rules")?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<Vec<(String, String)>, _>>()?;
                Ok::<_, Abort<Infallible>>((archive::last(connection)?, rules))
            })
            .map_err(|error: ReadError<Infallible>| failed(error.to_string()))?;
        let mut rules = Rules::default();
        for (subscription, pattern) in stored {
            let unusable = |error: &dyn std::fmt::Display| {
                failed(format!("the rule of subscription {subscription} cannot be used: {error}"))
            };
            let subscription_id: SubscriptionId = subscription.parse().map_err(|error| unusable(&error))?;
            let json = serde_json::from_str(&pattern).map_err(|error| unusable(&error))?;
            let pattern = Pattern::parse(&json).map_err(|error| unusable(&error))?;
            rules.put(Rule { subscription_id, pattern: json }, pattern);
        }
        let last = watch::Sender::new(u64::try_from(last).unwrap_or(0));
        Ok(Self { queues, rules: Arc::new(RwLock::new(rules)), last })
    }

    /// Changes after each publication, once it is durable: what waits for news reads on then. The value ascends and
    /// means nothing else.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    fn rules(&self) -> RwLockReadGuard<'_, Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepare(&self, events: Vec<BusEvent>) -> Result<Vec<Publication>, PortError> {
        let rules = self.rules();
        let prepare = |event: BusEvent| {
            let sequence = i64::try_from(event.sequence).map_err(|_| {
                refused(format!("event {} has the number {}", event.event_id, event.sequence))
            })?;
            let messages = rules.messages(&event).into_iter();
            let messages = messages.map(|message| self.queues.seal(QueueName::Webhooks, message));
            Ok(Publication { sequence, messages: messages.collect(), event })
        };
        events.into_iter().map(prepare).collect()
    }

    /// Puts some events in line.
    fn write(
        &self,
        publications: Vec<Publication>,
    ) -> impl Future<Output = Result<(), PortError>> + Send + 'static + use<> {
        let clock = Arc::clone(self.queues.clock());
        let watch = self.last.clone();
        let write = self.queues.write_then(
            PORT,
            move |tx| {
                let now = clock.now();
                let mut published = Published::default();
                for Publication { event, sequence, messages } in &publications {
                    let Some(position) =
                        archive::insert(tx, event, *sequence).map_err(|e| taken(event, e))?
                    else {
                        continue;
                    };
                    published.last = Some(position);
                    for message in messages {
                        published.enqueued.push(enqueue_in(tx, message, now)?);
                    }
                }
                Ok(published)
            },
            move |queues, published| {
                queues.announce(published.enqueued.drain(..));
                if let Some(last) = published.last {
                    watch.send_replace(u64::try_from(last).unwrap_or(0));
                }
            },
        );
        async move { write.await.map(drop) }
    }

    async fn read_page(
        &self,
        after: Option<String>,
        filter: EventFilter,
        limit: usize,
    ) -> Result<BusPage, PortError> {
        let after = match after {
            None => 0,
            Some(after) => archive::read_position(&after)
                .ok_or_else(|| refused("the position is malformed: it never was one of this archive's"))?,
        };
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let scan = self
            .queues
            .store()
            .read(move |connection| {
                Ok::<_, Abort<PortError>>(archive::scan(connection, after, &filter, limit)?)
            })
            .await
            .map_err(|error| error.into_port(PORT))?;
        Ok(BusPage {
            read_up_to: (scan.read_up_to > after).then(|| archive::write_position(scan.read_up_to)),
            more: scan.more,
            items: scan.found.into_iter().map(archive::shown).collect(),
        })
    }
}

/// Names the reason where another event has the number.
fn taken(event: &BusEvent, error: rusqlite::Error) -> Abort<PortError> {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) {
        let BusEvent { event_id, tenant_id, sequence, .. } = event;
        return Abort::Refused(refused(format!(
            "event {event_id} cannot be number {sequence} of {tenant_id}: another event is"
        )));
    }
    Abort::Sqlite(error)
}

impl Bus for EmbeddedBus {
    fn publish(&self, events: Vec<BusEvent>) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            let mut publications = self.prepare(events)?;
            while !publications.is_empty() {
                let rest = publications.split_off(publications.len().min(EVENTS_PER_WRITE));
                self.write(publications).await?;
                publications = rest;
            }
            Ok(())
        })
    }

    fn put_rule(&self, rule: Rule) -> BoxFuture<'_, Result<(), PortError>> {
        let pattern = match Pattern::parse(&rule.pattern) {
            Ok(pattern) => pattern,
            Err(error) => return Box::pin(std::future::ready(Err(refused(error.to_string())))),
        };
        let (subscription, text) = (rule.subscription_id.clone(), rule.pattern.to_string());
        let rules = Arc::clone(&self.rules);
        Box::pin(self.queues.write_then(
            PORT,
            move |tx| {
                tx.prepare_cached(
                    "INSERT INTO rules (subscription_id, pattern) VALUES (?1, ?2)
                     ON CONFLICT (subscription_id) DO UPDATE SET pattern = excluded.pattern",
                )?
                .execute((subscription.as_str(), text))?;
                Ok(())
            },
            move |_, ()| rules.write().unwrap_or_else(PoisonError::into_inner).put(rule, pattern),
        ))
    }

    fn delete_rule<'a>(&'a self, subscription: &'a SubscriptionId) -> BoxFuture<'a, Result<(), PortError>> {
        let (row, gone) = (subscription.clone(), subscription.clone());
        let rules = Arc::clone(&self.rules);
        Box::pin(self.queues.write_then(
            PORT,
            move |tx| {
                tx.prepare_cached("DELETE FROM rules WHERE subscription_id = ?1")?.execute([row.as_str()])?;
                Ok(())
            },
            move |_, ()| rules.write().unwrap_or_else(PoisonError::into_inner).remove(&gone),
        ))
    }

    fn list_rules(&self) -> BoxFuture<'_, Result<Vec<Rule>, PortError>> {
        Box::pin(std::future::ready(Ok(self.rules().all())))
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
