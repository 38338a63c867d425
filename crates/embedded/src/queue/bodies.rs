//! Bodies at rest: sealed before they reach a row, opened after they have left it, so that the writer's thread moves
//! only what it cannot read. A message of `integrations` holds a task token, and all of them tell whose they are.
//!
//! **Invariants.** One random key seals the bodies of all queues; the master key wraps it. A body is sealed for its
//! queue and its message's id, so no row can be given another's, and a message becomes a dead letter, or a dead letter a
//! message, with the body as it lies there.

use super::PORT;
use crate::seal::kept_key_in;
use rusqlite::Transaction;
use std::sync::Arc;
use tenantry_core::MessageId;
use tenantry_core::ports::{DeadLetter, DeadReason, Ids, Message, PortError};
use tenantry_seal::{SealingKey, Unopenable};

const KEY_PARTS: &[&str] = &["queue body key"];
const BODY: &str = "queue body";

/// The code of a dead letter whose body cannot be opened.
const DAMAGED: &str = "damaged";

/// A body as it lies in a row.
#[derive(Debug)]
pub(crate) struct SealedBody(Vec<u8>);

impl SealedBody {
    pub(super) fn of_row(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A message or a dead letter whose body is still sealed.
#[derive(Debug)]
pub(crate) struct Sealed<T> {
    /// All but the body, which is empty here.
    pub(super) envelope: T,
    pub(super) body: SealedBody,
}

impl Sealed<DeadLetter> {
    pub(crate) fn into_group(self) -> String {
        self.envelope.group
    }
}

/// The key of all bodies, and the chance that its nonces come from.
#[derive(Clone)]
pub(super) struct Bodies {
    key: SealingKey,
    ids: Arc<dyn Ids>,
}

impl Bodies {
    /// The key of this database; made within this write where it is missing.
    pub(super) fn open_in(
        tx: &Transaction<'_>,
        master: &SealingKey,
        ids: Arc<dyn Ids>,
    ) -> rusqlite::Result<Result<Self, Unopenable>> {
        let key = kept_key_in(tx, "body_key", KEY_PARTS, master, &*ids)?;
        Ok(key.map(|(key, _)| Self { key, ids }))
    }

    pub(super) fn seal(&self, queue: &str, id: &MessageId, body: &str) -> SealedBody {
        SealedBody(self.key.seal(&*self.ids, &[BODY, queue, id.as_str()], body.as_bytes()))
    }

    fn open(&self, queue: &str, id: &MessageId, sealed: &SealedBody) -> Result<String, Unopenable> {
        let plain = self.key.open(&[BODY, queue, id.as_str()], &sealed.0)?;
        String::from_utf8(plain).map_err(|_| Unopenable)
    }

    /// # Errors
    /// [`PortError::Damaged`] where the row was altered since it was written.
    pub(super) fn open_message(&self, queue: &str, sealed: Sealed<Message>) -> Result<Message, PortError> {
        let Sealed { envelope, body } = sealed;
        match self.open(queue, &envelope.id, &body) {
            Ok(body) => Ok(Message { body, ..envelope }),
            Err(Unopenable) => Err(PortError::Damaged {
                port: PORT,
                message: format!("the body of message {} of {queue} cannot be opened", envelope.id),
            }),
        }
    }

    pub(super) fn seal_letter(&self, letter: DeadLetter) -> Sealed<DeadLetter> {
        let body = self.seal(&letter.queue, &letter.id, &letter.body);
        Sealed { envelope: DeadLetter { body: String::new(), ..letter }, body }
    }

    /// A dead letter to look at. One that cannot be opened is shown without its body and with that as its reason, so
    /// that the others of its page are seen, and it can be edited or purged.
    pub(super) fn open_letter(&self, sealed: Sealed<DeadLetter>) -> DeadLetter {
        let Sealed { mut envelope, body } = sealed;
        match self.open(&envelope.queue, &envelope.id, &body) {
            Ok(body) => envelope.body = body,
            Err(Unopenable) => {
                let DeadReason { code, message } = &envelope.reason;
                envelope.reason = DeadReason {
                    message: format!(
                        "Its body cannot be opened: the row was altered on disk. Send it with a new body, or purge \
                         it. It had died of {code}: {message}"
                    ),
                    code: DAMAGED.to_owned(),
                };
            }
        }
        envelope
    }
}
