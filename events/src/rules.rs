//! The bus's rules, in memory: their patterns ready to match, and the messages that a match causes. The same in both
//! homes.

use crate::envelope::event_bridge_json;
use crate::{Pattern, PatternSet};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tenantry_core::ports::{BusEvent, OutgoingMessage, Rule};
use tenantry_core::{SubscriptionId, TenantId};

/// All rules of a bus.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    patterns: PatternSet<SubscriptionId>,
    by_subscription: BTreeMap<SubscriptionId, Rule>,
}

impl Rules {
    /// Adds a rule whose pattern was parsed, or takes another one for the subscription.
    pub fn put(&mut self, rule: Rule, pattern: Pattern) {
        self.patterns.insert(rule.subscription_id.clone(), pattern);
        self.by_subscription.insert(rule.subscription_id.clone(), rule);
    }

    /// Removes a subscription's rule, where there is one.
    pub fn remove(&mut self, subscription: &SubscriptionId) {
        self.patterns.remove(subscription);
        self.by_subscription.remove(subscription);
    }

    /// A subscription's rule.
    pub fn get(&self, subscription: &SubscriptionId) -> Option<&Rule> {
        self.by_subscription.get(subscription)
    }

    /// All of them, by subscription.
    pub fn all(&self) -> Vec<Rule> {
        self.by_subscription.values().cloned().collect()
    }

    /// The messages that an event causes.
    pub fn messages(&self, event: &BusEvent) -> Vec<OutgoingMessage> {
        if self.by_subscription.is_empty() {
            return Vec::new();
        }
        let shown = event_bridge_json(event);
        self.patterns
            .matches(&shown)
            .into_iter()
            .map(|subscription| message(subscription, event, false))
            .collect()
    }
}

/// The message to the `webhooks` queue that lets `subscription` know of an event; `replay` where it is told once more.
///
/// # Panics
/// Never: ids, a number and a flag can be written as JSON.
pub fn message(subscription: &SubscriptionId, event: &BusEvent, replay: bool) -> OutgoingMessage {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        subscription_id: &'a SubscriptionId,
        tenant_id: &'a TenantId,
        sequence: u64,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        replay: bool,
    }
    let tenant_id = &event.tenant_id;
    let body = Body { subscription_id: subscription, tenant_id, sequence: event.sequence, replay };
    OutgoingMessage {
        body: serde_json::to_string(&body).expect("ids, a number and a flag can be written as JSON"),
        group: format!("{subscription}#{tenant_id}"),
        delay: Duration::ZERO,
    }
}
