//! Replays: archived events to a rule once more, page by page.

use super::position::Position;
use super::{AwsBus, PORT};
use tenantry_core::ports::{BusEvent, PortError, Replay};
use tenantry_events::envelope::event_bridge_json;
use tenantry_events::{Pattern, rules};

/// Most events of one read and of the messages that follow.
const BATCH: usize = 250;

impl AwsBus {
    pub(super) async fn replay_all(&self, replay: Replay) -> Result<u64, PortError> {
        let subscription = &replay.subscription_id;
        let rules = self.rules.current().await?;
        let rule = rules
            .get(subscription)
            .ok_or_else(|| PortError::NotFound { port: PORT, what: format!("rule {subscription}") })?;
        let pattern = Pattern::parse(&rule.pattern)
            .map_err(|error| PortError::Damaged { port: PORT, message: error.to_string() })?;
        // What is published from here on reaches the rule by itself.
        let end = self.archive.end().await?;
        let (mut after, mut count) = (Position::default(), 0);
        loop {
            let scan = self.archive.scan(after, &replay.filter, BATCH, Some(end)).await?;
            let messages: Vec<_> = scan
                .found
                .iter()
                .map(|(_, event)| event)
                .filter(|event| within(&replay, event) && pattern.matches(&event_bridge_json(event)))
                .map(|event| rules::message(subscription, event, true))
                .collect();
            count += messages.len() as u64;
            self.webhooks.send(messages).await?;
            if !scan.more || scan.read_up_to == after {
                return Ok(count);
            }
            after = scan.read_up_to;
        }
    }
}

fn within(replay: &Replay, event: &BusEvent) -> bool {
    replay.from.is_none_or(|from| event.occurred_at >= from)
        && replay.to.is_none_or(|to| event.occurred_at <= to)
}
