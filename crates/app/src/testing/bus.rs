//! The bus in memory.

use super::{MemoryQueue, lock};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_core::ports::{
    ArchivedEvent, Bus, BusEvent, BusPage, EventFilter, OutgoingMessage, PortError, Queue, Replay, Rule,
};
use tenantry_core::{BoxFuture, SubscriptionId};
use tenantry_events::Pattern;
use tenantry_events::envelope::event_bridge_json;

#[derive(Default)]
struct State {
    archive: Vec<BusEvent>,
    rules: BTreeMap<SubscriptionId, Rule>,
}

/// The bus: an archive in the order of publication, and rules whose matches cause messages to the `webhooks` queue.
pub struct MemoryBus {
    webhooks: Arc<MemoryQueue>,
    state: Mutex<State>,
}

fn matches(rule: &Rule, event: &BusEvent) -> bool {
    Pattern::parse(&rule.pattern).is_ok_and(|pattern| pattern.matches(&event_bridge_json(event)))
}

fn selects(filter: &EventFilter, event: &BusEvent) -> bool {
    filter.event_type.as_ref().is_none_or(|wanted| event.detail_type == *wanted)
        && filter.tenant_id.as_ref().is_none_or(|wanted| event.tenant_id == *wanted)
}

fn message(rule: &Rule, event: &BusEvent, replay: bool) -> OutgoingMessage {
    let id = &rule.subscription_id;
    let mut body = json!({"subscriptionId": id, "tenantId": event.tenant_id, "sequence": event.sequence});
    if replay {
        body["replay"] = true.into();
    }
    let group = format!("{id}#{}", event.tenant_id);
    OutgoingMessage { body: body.to_string(), group, delay: Duration::ZERO }
}

impl MemoryBus {
    /// Empty.
    pub fn new(webhooks: Arc<MemoryQueue>) -> Self {
        Self { webhooks, state: Mutex::default() }
    }

    /// Everything that was published, in order.
    pub fn archive(&self) -> Vec<BusEvent> {
        lock(&self.state).archive.clone()
    }
}

impl Bus for MemoryBus {
    fn publish(&self, events: Vec<BusEvent>) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            let mut messages = Vec::new();
            {
                let mut state = lock(&self.state);
                for event in events {
                    if state.archive.iter().any(|known| known.event_id == event.event_id) {
                        continue;
                    }
                    let rules = state.rules.values().filter(|rule| matches(rule, &event));
                    messages.extend(rules.map(|rule| message(rule, &event, false)));
                    state.archive.push(event);
                }
            }
            self.webhooks.send(messages).await.map(|_| ())
        })
    }

    fn put_rule(&self, rule: Rule) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async move {
            Pattern::parse(&rule.pattern)
                .map_err(|error| PortError::Refused { port: "bus", message: error.to_string() })?;
            lock(&self.state).rules.insert(rule.subscription_id.clone(), rule);
            Ok(())
        })
    }

    fn delete_rule<'a>(&'a self, subscription: &'a SubscriptionId) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            lock(&self.state).rules.remove(subscription);
            Ok(())
        })
    }

    fn list_rules(&self) -> BoxFuture<'_, Result<Vec<Rule>, PortError>> {
        Box::pin(async move { Ok(lock(&self.state).rules.values().cloned().collect()) })
    }

    fn replay(&self, replay: Replay) -> BoxFuture<'_, Result<u64, PortError>> {
        Box::pin(async move {
            let messages: Vec<OutgoingMessage> = {
                let state = lock(&self.state);
                let Some(rule) = state.rules.get(&replay.subscription_id) else {
                    let what = format!("rule {}", replay.subscription_id);
                    return Err(PortError::NotFound { port: "bus", what });
                };
                let within = |event: &&BusEvent| {
                    replay.from.is_none_or(|from| event.occurred_at >= from)
                        && replay.to.is_none_or(|to| event.occurred_at <= to)
                };
                state
                    .archive
                    .iter()
                    .filter(within)
                    .filter(|event| selects(&replay.filter, event))
                    .filter(|event| matches(rule, event))
                    .map(|event| message(rule, event, true))
                    .collect()
            };
            let count = messages.len() as u64;
            self.webhooks.send(messages).await?;
            Ok(count)
        })
    }

    fn read(
        &self,
        after: Option<String>,
        filter: EventFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<BusPage, PortError>> {
        Box::pin(async move {
            let start = match &after {
                None => 0,
                Some(text) => {
                    text.strip_prefix("pos-").and_then(|n| n.parse::<usize>().ok()).ok_or_else(|| {
                        PortError::Refused { port: "bus", message: "the position is malformed".to_owned() }
                    })?
                }
            };
            let state = lock(&self.state);
            let mut page = BusPage { read_up_to: after, ..BusPage::default() };
            for (place, event) in state.archive.iter().enumerate().skip(start) {
                if page.items.len() == limit.max(1) {
                    page.more = true;
                    break;
                }
                let position = format!("pos-{}", place + 1);
                page.read_up_to = Some(position.clone());
                if selects(&filter, event) {
                    page.items.push(ArchivedEvent { position, event: event.clone() });
                }
            }
            Ok(page)
        })
    }
}
