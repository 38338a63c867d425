//! Replays: archived events to a rule once more, batch by batch.

use super::archive::{self, Position};
use super::{EmbeddedBus, PORT};
use crate::queue::{QueueName, enqueue_in};
use crate::store::Abort;
use std::sync::Arc;
use tenantry_core::ports::{BusEvent, PortError, Replay};
use tenantry_events::Pattern;
use tenantry_events::envelope::event_bridge_json;
use tenantry_events::rules;

/// Most events of one read and of the write that follows.
const BATCH: usize = 256;

impl EmbeddedBus {
    pub(super) async fn replay_all(&self, replay: Replay) -> Result<u64, PortError> {
        let subscription = &replay.subscription_id;
        let rule = self
            .rules()
            .get(subscription)
            .cloned()
            .ok_or_else(|| PortError::NotFound { port: PORT, what: format!("rule {subscription}") })?;
        let pattern = Pattern::parse(&rule.pattern)
            .map_err(|error| PortError::Damaged { port: PORT, message: error.to_string() })?;
        let store = self.queues.store();
        // What is published from here on reaches the rule by itself.
        let end = store
            .read(|connection| Ok::<_, Abort<PortError>>(archive::last(connection)?))
            .await
            .map_err(|error| error.into_port(PORT))?;
        let (mut after, mut count): (Position, u64) = (0, 0);
        while after < end {
            let filter = replay.filter.clone();
            let scan = store
                .read(move |connection| {
                    Ok::<_, Abort<PortError>>(archive::scan(connection, after, &filter, BATCH)?)
                })
                .await
                .map_err(|error| error.into_port(PORT))?;
            let events: Vec<BusEvent> = scan
                .found
                .into_iter()
                .filter(|(position, event)| *position <= end && within(&replay, event))
                .map(|(_, event)| event)
                .filter(|event| pattern.matches(&event_bridge_json(event)))
                .collect();
            count += events.len() as u64;
            self.send_again(&replay, &events).await?;
            after = scan.read_up_to;
        }
        Ok(count)
    }

    async fn send_again(&self, replay: &Replay, events: &[BusEvent]) -> Result<(), PortError> {
        if events.is_empty() {
            return Ok(());
        }
        let messages: Vec<_> = events
            .iter()
            .map(|event| rules::message(&replay.subscription_id, event, true))
            .map(|message| self.queues.seal(QueueName::Webhooks, message))
            .collect();
        let clock = Arc::clone(self.queues.clock());
        self.queues
            .write_then(
                PORT,
                move |tx| {
                    let now = clock.now();
                    let enqueued = messages
                        .iter()
                        .map(|message| enqueue_in(tx, message, now))
                        .collect::<Result<Vec<_>, _>>()?;
                    Ok(enqueued)
                },
                |queues, enqueued| queues.announce(enqueued.drain(..)),
            )
            .await
            .map(drop)
    }
}

fn within(replay: &Replay, event: &BusEvent) -> bool {
    replay.from.is_none_or(|from| event.occurred_at >= from)
        && replay.to.is_none_or(|to| event.occurred_at <= to)
}
