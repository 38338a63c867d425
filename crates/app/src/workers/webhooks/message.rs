//! A message of the `webhooks` queue.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use tenantry_core::ports::OutgoingMessage;
use tenantry_core::{SubscriptionId, TenantId};

fn first() -> u64 {
    1
}

fn is_first(number: &u64) -> bool {
    *number <= 1
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// There is news for a subscription; or, with `replay`, exactly this event is to be sent. The bus writes the first
/// four fields; this worker adds the others when it sends the message again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct News {
    pub(super) subscription_id: SubscriptionId,
    pub(super) tenant_id: TenantId,
    pub(super) sequence: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) replay: bool,
    /// The try of a replay, from 1. (The tries of a first delivery stand in its cursor.)
    #[serde(rename = "try", default = "first", skip_serializing_if = "is_first")]
    pub(super) try_number: u64,
    /// How often it was put aside because too many waited for the receiver.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) put_aside: u32,
}

/// The wake-up for a subscription's deliveries of one tenant.
pub(crate) fn news(subscription: &SubscriptionId, tenant: &TenantId, sequence: u64) -> OutgoingMessage {
    News::of(subscription, tenant, sequence).message(Duration::ZERO)
}

impl News {
    pub(super) fn of(subscription: &SubscriptionId, tenant: &TenantId, sequence: u64) -> Self {
        Self {
            subscription_id: subscription.clone(),
            tenant_id: tenant.clone(),
            sequence,
            replay: false,
            try_number: 1,
            put_aside: 0,
        }
    }

    /// The message's group: one tenant's flood delays only itself.
    pub(super) fn group(&self) -> String {
        format!("{}#{}", self.subscription_id, self.tenant_id)
    }

    /// Exactly this event, whatever the cursor says.
    pub(super) fn into_replay(mut self) -> Self {
        self.replay = true;
        self
    }

    pub(super) fn aside(mut self) -> Self {
        self.put_aside = self.put_aside.saturating_add(1);
        self
    }

    pub(super) fn next_try(mut self) -> Self {
        self.try_number += 1;
        self.put_aside = 0;
        self
    }

    /// As the bus wrote it.
    pub(super) fn afresh(mut self) -> Self {
        self.try_number = 1;
        self.put_aside = 0;
        self
    }

    /// The body.
    pub(super) fn body(&self) -> String {
        // Plain data: it always serialises.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn message(&self, delay: Duration) -> OutgoingMessage {
        OutgoingMessage { body: self.body(), group: self.group(), delay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_is_what_the_bus_writes() {
        let (subscription, tenant) = ("sub_01h455vb4pex5vsknk084sn02q", "tnt_01h455vb4pex5vsknk084sn02q");
        let body = format!(r#"{{"subscriptionId":"{subscription}","tenantId":"{tenant}","sequence":7}}"#);
        let news = News::of(&subscription.parse().unwrap(), &tenant.parse().unwrap(), 7);
        assert_eq!(news.body(), body);
        assert_eq!(serde_json::from_str::<News>(&body).unwrap(), news);
        assert_eq!(news.group(), format!("{subscription}#{tenant}"));
        let second = news.into_replay().next_try();
        assert_eq!(serde_json::from_str::<News>(&second.body()).unwrap().try_number, 2);
        assert!(second.afresh().body().ends_with(r#""replay":true}"#));
    }
}
