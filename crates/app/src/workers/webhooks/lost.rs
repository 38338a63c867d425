//! An event that could not be delivered: a dead letter, a gap that the subscriber can see, and a `DeliveryFailed`.

use super::super::error::WorkerError;
use super::super::rows;
use super::attempt::Attempt;
use super::message::News;
use super::{Subscriber, label};
use crate::Ports;
use sha2::{Digest as _, Sha256};
use tenantry_core::MessageId;
use tenantry_core::keys::Key;
use tenantry_core::model::Tenant;
use tenantry_core::ports::{Action, CommitError, DeadLetter, DeadReason};
use tenantry_events::ledger::AuditOutcome;
use tenantry_events::{Change, DeliveryFailed, Envelope, EventType};

/// The dead letter's reason.
const EXHAUSTED: &str = "delivery_exhausted";
/// How often a lost race for the tenant's row is run again.
const RACES_MAX: usize = 10;

/// The event, and its last try.
pub(super) struct Lost<'a> {
    pub(super) subscriber: &'a Subscriber,
    pub(super) event: &'a Envelope,
    pub(super) attempt: &'a Attempt,
    pub(super) tries: u64,
}

impl Lost<'_> {
    /// What went wrong last, without a word of the receiver's: this is kept and told.
    fn reason(&self) -> String {
        match (self.attempt.status_code, &self.attempt.error) {
            (Some(status), _) => format!("the receiver answered {status}"),
            (None, Some(error)) => error.clone(),
            (None, None) => "it was not acknowledged".to_owned(),
        }
    }
}

/// The dead letter's id: the same however often the same loss is written down.
fn letter_id(lost: &Lost<'_>) -> MessageId {
    let text = format!("{}#{}", lost.subscriber.record.subscription_id, lost.event.event_id);
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let (half, _) = digest.split_at(16);
    MessageId::from_uuid(uuid::Uuid::from_slice(half).unwrap_or_default())
}

/// Makes the event a dead letter, whose redrive sends exactly this event again. Repeating it changes nothing.
pub(super) async fn bury(ports: &Ports, lost: &Lost<'_>) -> Result<(), WorkerError> {
    let Lost { subscriber, event, tries, .. } = lost;
    tracing::warn!(
        deliveries = label(subscriber, &event.tenant_id), event = %event.event_id, tries,
        error = lost.reason(), "an event could not be delivered and is a dead letter"
    );
    let news = News::of(&subscriber.record.subscription_id, &event.tenant_id, event.sequence).into_replay();
    let message = format!(
        "{} {} (number {} of its tenant) was tried {tries} times; the last time {}",
        event.event_type,
        event.event_id,
        event.sequence,
        lost.reason()
    );
    let letter = DeadLetter {
        queue: "webhooks".to_owned(),
        id: letter_id(lost),
        body: news.body(),
        group: news.group(),
        receive_count: u32::try_from(*tries).unwrap_or(u32::MAX),
        reason: DeadReason { code: EXHAUSTED.to_owned(), message },
        sent_at: event.occurred_at,
        died_at: lost.attempt.at,
    };
    Ok(ports.dead_letters.bury(letter).await?)
}

/// Moves the cursor on, logs the try, and tells of the loss, in one commit; `false` where the lease was lost.
pub(super) async fn commit(
    ports: &Ports,
    lost: &Lost<'_>,
    cursor: Action,
    log: Action,
) -> Result<bool, WorkerError> {
    for _ in 0..RACES_MAX {
        let mut actions = vec![cursor.clone(), log.clone()];
        actions.append(&mut told(ports, lost).await?);
        match rows::commit(ports, actions).await {
            Ok(()) => return Ok(true),
            Err(CommitError::ConditionFailed { index: 0 }) => return Ok(false),
            // Somebody else has changed the tenant: the event takes another number.
            Err(CommitError::ConditionFailed { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(WorkerError::Inconsistent(format!("others keep writing tenant {}", lost.event.tenant_id)))
}

/// The ledger's entry. A lost `DeliveryFailed` is not told of: a receiver that is gone for good would feed itself.
async fn told(ports: &Ports, lost: &Lost<'_>) -> Result<Vec<Action>, WorkerError> {
    let Lost { subscriber, event, attempt, tries } = lost;
    if event.known_type() == Some(EventType::DeliveryFailed) {
        return Ok(Vec::new());
    }
    let Some(item) = ports.table.get(&Key::tenant(&event.tenant_id)).await? else {
        tracing::error!(tenant = %event.tenant_id, "an event was lost of a tenant that has no record");
        return Ok(Vec::new());
    };
    let tenant: Tenant = item.record()?;
    let failed = DeliveryFailed {
        subscription_id: subscriber.record.subscription_id.clone(),
        event_id: event.event_id.clone(),
        event_type: event.event_type.clone(),
        missing_sequence: event.sequence,
        tries: *tries,
        status_code: attempt.status_code,
        reason: lost.reason(),
    };
    let mut change = Change::of(&tenant)
        .emit(failed)
        .audit("webhook.deliver", "tenantry", Some(&lost.reason()))
        .outcome(AuditOutcome::Failed)
        .causation(event.event_id.as_str());
    if let Some(operation) = &event.correlation_id {
        change = change.correlation(operation);
    }
    Ok(change.build(&*ports.ids, ports.clock.now())?.1)
}
