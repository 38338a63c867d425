//! The webhook sender: events reach their subscribers, per subscription and tenant in order.
//!
//! **Level-triggered:** a message only says that there is news; what is delivered next is what the cursor and the
//! tenant's published events say. **In order:** event *n* + 1 is first tried only after *n* was acknowledged or became
//! a dead letter. **At least once:** a crash between the receiver's 2xx and the cursor's commit repeats the event with
//! the same `webhook-id`.

mod attempt;
pub(crate) mod cursor;
mod drain;
mod lost;
mod message;
mod replay;
mod single_flight;

#[cfg(test)]
mod tests;

use super::consume::{Disposition, Handler};
use super::error::WorkerError;
use super::schedule::{RetrySchedule, doubled, spread};
use super::slots::Slots;
use crate::Ports;
use crate::http::HttpClient;
use drain::{Drain, Drained};
use message::News;
use single_flight::SingleFlight;
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::model::Subscription;
use tenantry_core::ports::Message;
use tenantry_core::{BoxFuture, TenantId, limits};
use tenantry_events::Pattern;

pub(crate) use message::news;
pub use tenantry_events::subscriber::REPLAY_HEADER;

/// How soon it is looked again for an event that the bus told of and that is not marked as published; doubled each time.
const EARLY_WAIT: Duration = Duration::from_millis(50);
/// How often.
const EARLY_LOOKS_MAX: u32 = 20;

/// How the sender works.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// This process, in leases.
    pub owner: String,
    /// Whether leases of other owners are void.
    pub sole_process: bool,
    /// How long a lease holds; longer than a call.
    pub lease: Duration,
    /// Waits between tries.
    pub retries: RetrySchedule,
    /// Calls to one subscription at once, for different tenants.
    pub calls_per_subscription_max: usize,
}

/// The webhook sender.
pub struct WebhookSender {
    ports: Ports,
    http: HttpClient,
    settings: WebhookSettings,
    slots: Slots,
    flights: SingleFlight,
}

/// A subscription with its pattern read.
pub(crate) struct Subscriber {
    pub(crate) record: Subscription,
    pub(crate) pattern: Pattern,
}

impl WebhookSender {
    /// A sender.
    pub fn new(ports: Ports, http: HttpClient, settings: WebhookSettings) -> Self {
        let slots = Slots::new(settings.calls_per_subscription_max);
        Self { ports, http, settings, slots, flights: SingleFlight::default() }
    }

    async fn told(&self, message: &Message) -> Result<Disposition, WorkerError> {
        let news: News = match serde_json::from_str(&message.body) {
            Ok(news) => news,
            Err(error) => {
                let text = format!("the body is not {{subscriptionId, tenantId, sequence}}: {error}");
                return Ok(Disposition::bury("malformed", text));
            }
        };
        let key = Key::subscription(&news.subscription_id);
        // A subscription that was deleted is told nothing more.
        let Some(item) = self.ports.table.get(&key).await? else { return Ok(Disposition::Done) };
        let record: Subscription = item.record()?;
        let pattern = match Pattern::parse(&record.pattern) {
            Ok(pattern) => pattern,
            Err(error) => return Ok(Disposition::bury("invalid_pattern", error.to_string())),
        };
        let subscriber = Subscriber { record, pattern };
        let Some(_slot) = self.slots.take(news.subscription_id.as_str()).await else {
            // Too many wait for this receiver already: aside with it, so that others get their turn.
            let wait = doubled(Duration::from_secs(1), news.put_aside + 1, Duration::from_secs(30));
            let wait = spread(wait, 0.5, &*self.ports.ids);
            return Ok(Disposition::Instead(news.aside().message(wait)));
        };
        if news.replay {
            return self.replay(&subscriber, news).await;
        }
        self.drain(&subscriber, news).await
    }

    async fn drain(&self, subscriber: &Subscriber, news: News) -> Result<Disposition, WorkerError> {
        // Whoever is at it looks again before it ends. Should it die before that, its own message comes again, or its
        // lease falls due: either way somebody looks again.
        let Some(mut flight) = self.flights.begin(&news.group(), news.sequence) else {
            return Ok(Disposition::Done);
        };
        let drain = Drain {
            ports: &self.ports,
            http: &self.http,
            settings: &self.settings,
            subscriber,
            tenant: &news.tenant_id,
        };
        loop {
            match drain.run().await? {
                Drained::More => {}
                Drained::UpToDate { published } => {
                    let told = flight.told();
                    if flight.nothing_new() {
                        return Ok(if published < told { early(news, told) } else { Disposition::Done });
                    }
                }
                // The cursor's row is due by then; a message of its own only is more prompt.
                Drained::Retry(wait) if wait.as_secs() < limits::DELAY_SECONDS_MAX => {
                    return Ok(Disposition::Instead(news.afresh().message(wait)));
                }
                Drained::Retry(_) | Drained::Waiting => return Ok(Disposition::Done),
                Drained::Busy(wait) => {
                    let wait = wait.min(Duration::from_secs(5));
                    return Ok(Disposition::Instead(news.aside().message(wait)));
                }
            }
        }
    }
}

impl Handler for WebhookSender {
    fn handle<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Disposition, WorkerError>> {
        Box::pin(self.told(message))
    }
}

/// The bus tells of an event before the relay marks it as published, and its message may well be quicker than the mark.
/// No other message would follow, so this one comes again; in the end the sweeper's comparison takes over.
fn early(news: News, told: u64) -> Disposition {
    if news.put_aside >= EARLY_LOOKS_MAX {
        return Disposition::Done;
    }
    let wait = doubled(EARLY_WAIT, news.put_aside + 1, Duration::from_secs(5));
    Disposition::Instead(News { sequence: told, ..news.aside() }.message(wait))
}

/// Whose deliveries, in logs.
fn label(subscriber: &Subscriber, tenant: &TenantId) -> String {
    format!("{} of {tenant}", subscriber.record.subscription_id)
}
