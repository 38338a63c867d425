//! A dead letter's two rows, its body sealed, and the cursors of lists.

use super::PORT;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tenantry_core::keys::Key;
use tenantry_core::ports::{DataKeys, DeadLetter, DeadReason, KeyPurpose, PortError};
use tenantry_core::{MessageId, TenantId, Timestamp};

/// The attribute that names the redrive under way.
pub(super) const CLAIM: &str = "claim";
/// The attribute of a pointer that says where its letter lies.
pub(super) const DIED_AT: &str = "diedAt";

/// The code of a letter whose body cannot be opened.
const DAMAGED: &str = "damaged";

/// A letter's pointer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PointerRow {
    pub(super) died_at: Timestamp,
    /// Tells redrives apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) claimed_until: Option<Timestamp>,
}

impl PointerRow {
    pub(super) fn unclaimed(died_at: Timestamp) -> Self {
        Self { died_at, claim: None, claimed_until: None }
    }
}

/// A letter.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LetterRow {
    queue: String,
    message_id: MessageId,
    group: String,
    receive_count: u32,
    reason: DeadReason,
    sent_at: Timestamp,
    died_at: Timestamp,
    /// Whose `records` key sealed the body.
    sealed_by: TenantId,
    /// The sealed body in base64.
    sealed_body: String,
}

/// The tenant whose key seals: the one that the group names (`<tenant>`, or `<subscription>#<tenant>`), else the
/// system. No tenant has the system's id: its UUID is the nil one.
fn sealer(group: &str) -> TenantId {
    let tenant = group.split('#').find_map(|part| part.parse().ok());
    tenant.unwrap_or_else(|| TenantId::from_uuid(uuid::Uuid::nil()))
}

fn context(queue: &str, id: &MessageId) -> String {
    format!("dead letter {queue} {id}")
}

impl LetterRow {
    /// The row of a letter. The sealer's key is made where it is missing.
    pub(super) async fn seal(data_keys: &dyn DataKeys, letter: &DeadLetter) -> Result<Self, PortError> {
        let sealed_by = sealer(&letter.group);
        let context = context(&letter.queue, &letter.id);
        let seal = || data_keys.seal(&sealed_by, KeyPurpose::Records, &context, letter.body.as_bytes());
        let sealed = match seal().await {
            Err(PortError::NotFound { .. }) => {
                data_keys.create(&sealed_by, KeyPurpose::Records).await?;
                seal().await?
            }
            sealed => sealed?,
        };
        let DeadLetter { queue, id, group, receive_count, reason, sent_at, died_at, body: _ } =
            letter.clone();
        let sealed_body = STANDARD.encode(sealed);
        Ok(Self {
            queue,
            message_id: id,
            group,
            receive_count,
            reason,
            sent_at,
            died_at,
            sealed_by,
            sealed_body,
        })
    }

    pub(super) fn group(&self) -> &str {
        &self.group
    }

    /// The body. [`PortError::Damaged`] where it can never be opened: altered, or its key is destroyed.
    pub(super) async fn open_body(&self, data_keys: &dyn DataKeys) -> Result<String, PortError> {
        let damaged = |message: String| PortError::Damaged { port: PORT, message };
        let sealed = STANDARD.decode(&self.sealed_body).map_err(|error| damaged(error.to_string()))?;
        let context = context(&self.queue, &self.message_id);
        let opened = data_keys.open(&self.sealed_by, KeyPurpose::Records, &context, &sealed).await;
        let plain = opened.map_err(|error| match error {
            PortError::NotFound { .. } => damaged("its key was destroyed".to_owned()),
            error => error,
        })?;
        String::from_utf8(plain).map_err(|_| damaged("it is no text".to_owned()))
    }

    /// The letter to look at. One whose body can never be opened is shown without it and with that as its reason, so
    /// that the others of its page are seen, and it can be edited or purged.
    pub(super) async fn open(self, data_keys: &dyn DataKeys) -> Result<DeadLetter, PortError> {
        let (body, reason) = match self.open_body(data_keys).await {
            Ok(body) => (body, self.reason),
            Err(PortError::Damaged { message, .. }) => {
                let DeadReason { code, message: earlier } = &self.reason;
                let message = format!(
                    "Its body cannot be opened ({message}). Send it with a new body, or purge it. It had died of \
                     {code}: {earlier}"
                );
                (String::new(), DeadReason { code: DAMAGED.to_owned(), message })
            }
            Err(error) => return Err(error),
        };
        Ok(DeadLetter {
            queue: self.queue,
            id: self.message_id,
            body,
            group: self.group,
            receive_count: self.receive_count,
            reason,
            sent_at: self.sent_at,
            died_at: self.died_at,
        })
    }
}

/// The cursor that goes on after a letter's sort key in a queue's list.
pub(super) fn cursor(queue: &str, sk: &str) -> String {
    format!("{queue}/{sk}")
}

/// The sort key that a cursor of this queue's list names; `None` where none was ever written so.
pub(super) fn parse_cursor(queue: &str, cursor: &str) -> Option<String> {
    let sk = cursor.strip_prefix(queue)?.strip_prefix('/')?;
    let (died_at, id) = sk.strip_prefix("DIED#")?.split_once('#')?;
    let key = Key::dead_letter(queue, Timestamp::parse(died_at)?, &id.parse().ok()?);
    (key.sk() == sk).then(|| sk.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_sealed_for_the_tenant_that_its_group_names() {
        let tenant = TenantId::from_uuid(uuid::Uuid::from_u128(7));
        let subscription = tenantry_core::SubscriptionId::from_uuid(uuid::Uuid::from_u128(8));
        assert_eq!(sealer(tenant.as_str()), tenant);
        assert_eq!(sealer(&format!("{subscription}#{tenant}")), tenant);
        for group in ["", "group 1", "tnt_", subscription.as_str()] {
            assert_eq!(sealer(group).as_str(), "tnt_00000000000000000000000000");
        }
    }

    #[test]
    fn cursors_belong_to_their_queue() {
        let id = MessageId::from_uuid(uuid::Uuid::from_u128(7));
        let key = Key::dead_letter("webhooks", Timestamp::from_millis(1), &id);
        let text = cursor("webhooks", key.sk());
        assert_eq!(parse_cursor("webhooks", &text).as_deref(), Some(key.sk()));
        assert_eq!(parse_cursor("operations", &text), None);
        for nonsense in
            ["", "webhooks", "webhooks/", "webhooks/DIED#", "webhooks/DIED#x#y", "webhooks/MESSAGE#x"]
        {
            assert_eq!(parse_cursor("webhooks", nonsense), None, "{nonsense}");
        }
    }
}
