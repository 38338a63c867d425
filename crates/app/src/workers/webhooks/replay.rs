//! Sends exactly one event again, out of its turn: a replay, or a dead letter that was redriven. The cursor does not
//! move.

use super::super::error::WorkerError;
use super::super::rows;
use super::lost::{self, Lost};
use super::message::News;
use super::{Subscriber, WebhookSender, attempt};
use crate::workers::consume::Disposition;
use std::time::Duration;
use tenantry_core::keys::Key;
use tenantry_core::limits;
use tenantry_core::model::DeliveryOutcome;
use tenantry_events::Envelope;

impl WebhookSender {
    pub(super) async fn replay(
        &self,
        subscriber: &Subscriber,
        news: News,
    ) -> Result<Disposition, WorkerError> {
        let key = Key::event(&news.tenant_id, news.sequence);
        let Some(item) = self.ports.table.get(&key).await? else {
            let text = format!("tenant {} has no event {}", news.tenant_id, news.sequence);
            return Ok(Disposition::bury("event_not_found", text));
        };
        let event: Envelope = item.record()?;
        let attempt = attempt::send(&self.ports, &self.http, subscriber, &event, true).await?;
        let try_number = news.try_number;
        if attempt.acknowledged() {
            let log = attempt.log(subscriber, &event, try_number, DeliveryOutcome::Delivered, true, None);
            rows::commit(&self.ports, vec![log]).await?;
            return Ok(Disposition::Done);
        }
        if let Some(planned) = self.settings.retries.wait_after(try_number, &*self.ports.ids) {
            // A replay has no row that could be due later than a message can be delayed.
            let wait = attempt.wait(planned).min(Duration::from_secs(limits::DELAY_SECONDS_MAX));
            let next = Some(self.ports.clock.now().saturating_add(wait));
            let log = attempt.log(subscriber, &event, try_number, DeliveryOutcome::Failed, true, next);
            rows::commit(&self.ports, vec![log]).await?;
            return Ok(Disposition::Instead(news.next_try().message(wait)));
        }
        // The same dead letter as that of the first delivery, where that was lost too. Its gap was told of then.
        lost::bury(&self.ports, &Lost { subscriber, event: &event, attempt: &attempt, tries: try_number })
            .await?;
        let log = attempt.log(subscriber, &event, try_number, DeliveryOutcome::DeadLetter, true, None);
        rows::commit(&self.ports, vec![log]).await?;
        Ok(Disposition::Done)
    }
}
