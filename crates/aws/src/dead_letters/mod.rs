//! Dead letters: rows of the table. A queue's redrive policy moves what was received too often to the dead-letter queue,
//! and [`AwsDeadLetters::drain`] writes it down from there.
//!
//! **Invariants.** A letter is two rows in one commit: the letter itself under the time of its death, so that lists need
//! no index, and a pointer under its message's id. A queue is no part of a commit, so a redrive claims the pointer, sends,
//! and then forgets: cut off in between it may send twice, and loses nothing. A message that dies again while its redrive
//! is under way takes the claim's place, so that the redrive does not forget the new death.

mod rows;

use crate::queue::AwsQueue;
use rows::{LetterRow, PointerRow, cursor, parse_cursor};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tenantry_app::http::retry::{RetryPolicy, retry};
use tenantry_core::keys::{Key, Range};
use tenantry_core::limits::{MESSAGE_BYTES_MAX, PAGE_ITEMS_MAX};
use tenantry_core::ports::{
    Action, Clock, Commit, CommitError, Condition, DataKeys, DeadLetter, DeadLetterPage, DeadLetters,
    DeadReason, Ids, Item, Message, OutgoingMessage, PortError, Query, Queues, Table,
};
use tenantry_core::{BoxFuture, MessageId, Timestamp};

const PORT: &str = "dead letters";

/// How long a redrive may take; then another one may take it over.
const CLAIM: Duration = Duration::from_secs(30);
/// How often one that waits for another's redrive looks again.
const LOOK: Duration = Duration::from_millis(100);
/// How long it waits: less than an API call may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a letter may move between the reads of its two rows before one of them is taken for lost.
const MOVES_MAX: usize = 20;

/// The dead letters of all queues. Clones share them.
#[derive(Clone)]
pub struct AwsDeadLetters {
    table: Arc<dyn Table>,
    data_keys: Arc<dyn DataKeys>,
    queues: BTreeMap<&'static str, AwsQueue>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

fn refused(message: impl Into<String>) -> PortError {
    PortError::Refused { port: PORT, message: message.into() }
}

/// Somebody deleted one of a letter's rows by hand.
fn lost(queue: &str, id: &MessageId) -> PortError {
    let message = format!("message {id} of {queue} has a pointer, and no letter; purge it");
    PortError::Damaged { port: PORT, message }
}

fn is_queue(name: &str) -> bool {
    Queues::NAMES.contains(&name)
}

/// A letter whose redrive this process alone may finish.
struct Claimed {
    pointer: Key,
    died_at: Timestamp,
    claim: String,
}

impl Claimed {
    fn conditions(&self) -> Vec<Condition> {
        vec![Condition::Equals(rows::CLAIM.to_owned(), self.claim.clone().into())]
    }
}

impl AwsDeadLetters {
    /// Dead letters in `table`, their bodies sealed by `data_keys`. `queues` are those to which letters can be redriven,
    /// by their names in [`Queues::NAMES`]; a function that only writes letters down needs none.
    pub fn new(
        table: Arc<dyn Table>,
        data_keys: Arc<dyn DataKeys>,
        queues: impl IntoIterator<Item = (&'static str, AwsQueue)>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self { table, data_keys, queues: queues.into_iter().collect(), clock, ids }
    }

    /// Writes down a message that lies in the dead-letter queue of `queue`, with the code `max_receives`. Once `Ok`, the
    /// letter survives and the message may be deleted from there; repeating it changes nothing.
    ///
    /// A message keeps counting in its dead-letter queue, so its present receipt is not counted.
    ///
    /// # Errors
    /// As [`DeadLetters::bury`].
    pub async fn drain(&self, queue: &str, message: Message) -> Result<(), PortError> {
        let receive_count = message.receive_count.saturating_sub(1).max(1);
        let reason = DeadReason {
            code: "max_receives".to_owned(),
            message: format!(
                "It was received {receive_count} times and never deleted: whoever handled it failed each time, or was \
                 cut off."
            ),
        };
        self.bury_letter(DeadLetter {
            queue: queue.to_owned(),
            id: message.id,
            body: message.body,
            group: message.group,
            receive_count,
            reason,
            sent_at: message.sent_at,
            died_at: self.clock.now(),
        })
        .await
    }

    async fn commit(&self, actions: Vec<Action>) -> Result<(), CommitError> {
        self.carry_out(Commit::of(actions)).await
    }

    async fn carry_out(&self, commit: Commit) -> Result<(), CommitError> {
        let policy = RetryPolicy { tries_max: 10, ..RetryPolicy::SHORT };
        retry(self.clock.as_ref(), self.ids.as_ref(), &policy, || self.table.commit(commit.clone())).await
    }

    async fn pointer(&self, key: &Key) -> Result<Option<PointerRow>, PortError> {
        self.table.get(key).await?.map(|item| item.record()).transpose()
    }

    async fn bury_letter(&self, letter: DeadLetter) -> Result<(), PortError> {
        if !is_queue(&letter.queue) {
            return Err(refused(format!("there is no queue {:?}", letter.queue)));
        }
        let pointer = Key::dead_letter_pointer(&letter.queue, &letter.id);
        let key = Key::dead_letter(&letter.queue, letter.died_at, &letter.id);
        let row = LetterRow::seal(&*self.data_keys, &letter).await?;
        let points = Item::of(pointer.clone(), &PointerRow::unclaimed(letter.died_at));
        let put = Action::put(Item::of(key.clone(), &row));
        let mut attempt = vec![Action::create(points.clone()), put.clone()];
        loop {
            match self.commit(attempt).await {
                Ok(()) => return Ok(()),
                Err(CommitError::ConditionFailed { .. }) => {}
                Err(error) => return Err(port_error(error)),
            }
            attempt = match self.pointer(&pointer).await? {
                None => vec![Action::create(points.clone()), put.clone()],
                Some(PointerRow { claim: None, .. }) => return Ok(()),
                // It is being sent again, or was and died anew: the redrive must not forget this death.
                Some(PointerRow { claim: Some(claim), died_at, .. }) => {
                    let same = Condition::Equals(rows::CLAIM.to_owned(), claim.into());
                    let mut actions = vec![Action::put_if(points.clone(), vec![same]), put.clone()];
                    let old = Key::dead_letter(&letter.queue, died_at, &letter.id);
                    if old != key {
                        actions.push(Action::Delete { key: old, conditions: Vec::new() });
                    }
                    actions
                }
            };
        }
    }

    async fn page(
        &self,
        queue: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<DeadLetterPage, PortError> {
        if !is_queue(queue) {
            return Ok(DeadLetterPage::default());
        }
        let after = match after {
            None => None,
            Some(after) => Some(
                parse_cursor(queue, &after)
                    .ok_or_else(|| refused("the cursor is malformed, or was given for another list"))?,
            ),
        };
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let page = self.table.query(Query::primary(Range::dead_letters(queue), limit).after(after)).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for item in &page.items {
            items.push(item.record::<LetterRow>()?.open(&*self.data_keys).await?);
        }
        Ok(DeadLetterPage { items, next: page.next.map(|sk| cursor(queue, &sk)) })
    }

    async fn find(&self, queue: &str, id: &MessageId) -> Result<Option<DeadLetter>, PortError> {
        let pointer = Key::dead_letter_pointer(queue, id);
        for _ in 0..MOVES_MAX {
            let Some(PointerRow { died_at, .. }) = self.pointer(&pointer).await? else { return Ok(None) };
            if let Some(item) = self.table.get(&Key::dead_letter(queue, died_at, id)).await? {
                return item.record::<LetterRow>()?.open(&*self.data_keys).await.map(Some);
            }
            // It went, or died anew, between the two reads: the pointer tells.
        }
        Err(lost(queue, id))
    }

    /// Claims a letter; waits where another redrive of it is under way. `None` where it is not there (any more).
    async fn claim(&self, queue: &str, id: &MessageId) -> Result<Option<Claimed>, PortError> {
        let pointer = Key::dead_letter_pointer(queue, id);
        let patience = self.clock.now().saturating_add(PATIENCE);
        loop {
            let Some(found) = self.pointer(&pointer).await? else { return Ok(None) };
            let now = self.clock.now();
            let free = match &found.claim {
                None => Condition::Missing(rows::CLAIM.to_owned()),
                Some(claim) => Condition::Equals(rows::CLAIM.to_owned(), claim.clone().into()),
            };
            if found.claim.is_none() || found.claimed_until.is_none_or(|until| until <= now) {
                let claim = self.ids.next().to_string();
                let row = PointerRow {
                    died_at: found.died_at,
                    claim: Some(claim.clone()),
                    claimed_until: Some(now.saturating_add(CLAIM)),
                };
                let died_at = found.died_at;
                let put = Action::put_if(Item::of(pointer.clone(), &row), vec![Condition::Exists, free]);
                // With a token, so that a lost answer does not leave a claim behind that nobody knows to be his.
                let commit = Commit { actions: vec![put], request_token: Some(claim.clone()) };
                match self.carry_out(commit).await {
                    Ok(()) => return Ok(Some(Claimed { pointer, died_at, claim })),
                    Err(CommitError::ConditionFailed { .. }) => continue,
                    Err(error) => return Err(port_error(error)),
                }
            }
            if now >= patience {
                let message = format!("message {id} of {queue} is being redriven by another request");
                return Err(PortError::Unavailable { port: PORT, message });
            }
            self.clock.sleep_until(now.saturating_add(LOOK)).await;
        }
    }

    /// Sends a letter's body, or another one as a new message, and forgets the letter.
    async fn take_back(
        &self,
        queue: &str,
        id: &MessageId,
        body: Option<String>,
    ) -> Result<Option<MessageId>, PortError> {
        if !is_queue(queue) {
            return Ok(None);
        }
        if let Some(body) = body.as_ref().filter(|body| body.len() > MESSAGE_BYTES_MAX) {
            let bytes = body.len();
            return Err(refused(format!("a message has {bytes} bytes, the most are {MESSAGE_BYTES_MAX}")));
        }
        let Some(claimed) = self.claim(queue, id).await? else { return Ok(None) };
        let sent = match self.send(queue, id, &claimed, body).await {
            Ok(sent) => sent,
            Err(error) => {
                // Nothing may have been sent: another redrive need not wait.
                let free = Item::of(claimed.pointer.clone(), &PointerRow::unclaimed(claimed.died_at));
                let released = self.commit(vec![Action::put_if(free, claimed.conditions())]).await;
                if let Err(reason) = released {
                    tracing::warn!(queue, message = %id, error = %reason, "a claim stays until it runs out");
                }
                return Err(error);
            }
        };
        let forget = vec![
            Action::Delete { key: claimed.pointer.clone(), conditions: claimed.conditions() },
            Action::Delete { key: Key::dead_letter(queue, claimed.died_at, id), conditions: Vec::new() },
        ];
        match self.commit(forget).await {
            // It was purged, or has died again meanwhile: it was sent all the same.
            Ok(()) | Err(CommitError::ConditionFailed { .. }) => Ok(Some(sent)),
            Err(error) => Err(port_error(error)),
        }
    }

    async fn send(
        &self,
        queue: &str,
        id: &MessageId,
        claimed: &Claimed,
        body: Option<String>,
    ) -> Result<MessageId, PortError> {
        use tenantry_core::ports::Queue as _;
        let to = self.queues.get(queue).ok_or_else(|| {
            refused(format!(
                "this function was not given the queue {queue}: apply the Terraform of this version"
            ))
        })?;
        let key = Key::dead_letter(queue, claimed.died_at, id);
        let row: LetterRow = match self.table.get(&key).await? {
            Some(item) => item.record()?,
            None => return Err(lost(queue, id)),
        };
        let group = row.group().to_owned();
        let message = |body| OutgoingMessage { body, group, delay: Duration::ZERO };
        if let Some(body) = body {
            let sent = to.send(vec![message(body)]).await?;
            let lost = || PortError::Damaged { port: PORT, message: "the queue answered no id".to_owned() };
            return sent.into_iter().next().ok_or_else(lost);
        }
        let body = row.open_body(&*self.data_keys).await.map_err(|error| match error {
            PortError::Damaged { message, .. } => refused(format!(
                "the body of message {id} of {queue} cannot be opened ({message}); send it with a new body, or purge it"
            )),
            error => error,
        })?;
        to.send_again(message(body), id).await
    }

    async fn forget(&self, queue: &str, id: &MessageId) -> Result<bool, PortError> {
        let pointer = Key::dead_letter_pointer(queue, id);
        while let Some(PointerRow { died_at, .. }) = self.pointer(&pointer).await? {
            let same = Condition::Equals(rows::DIED_AT.to_owned(), died_at.to_string().into());
            let forget = vec![
                Action::Delete { key: pointer.clone(), conditions: vec![same] },
                Action::Delete { key: Key::dead_letter(queue, died_at, id), conditions: Vec::new() },
            ];
            match self.commit(forget).await {
                Ok(()) => return Ok(true),
                Err(CommitError::ConditionFailed { .. }) => {}
                Err(error) => return Err(port_error(error)),
            }
        }
        Ok(false)
    }
}

fn port_error(error: CommitError) -> PortError {
    match error {
        CommitError::Port(error) => error,
        other => PortError::Unavailable { port: PORT, message: other.to_string() },
    }
}

impl DeadLetters for AwsDeadLetters {
    fn bury(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(self.bury_letter(letter))
    }

    fn list<'a>(
        &'a self,
        queue: &'a str,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'a, Result<DeadLetterPage, PortError>> {
        Box::pin(self.page(queue, after, limit))
    }

    fn get<'a>(
        &'a self,
        queue: &'a str,
        id: &'a MessageId,
    ) -> BoxFuture<'a, Result<Option<DeadLetter>, PortError>> {
        Box::pin(self.find(queue, id))
    }

    fn redrive<'a>(&'a self, queue: &'a str, id: &'a MessageId) -> BoxFuture<'a, Result<bool, PortError>> {
        Box::pin(async move { Ok(self.take_back(queue, id, None).await?.is_some()) })
    }

    fn edit<'a>(
        &'a self,
        queue: &'a str,
        id: &'a MessageId,
        body: String,
    ) -> BoxFuture<'a, Result<Option<MessageId>, PortError>> {
        Box::pin(self.take_back(queue, id, Some(body)))
    }

    fn purge<'a>(&'a self, queue: &'a str, id: &'a MessageId) -> BoxFuture<'a, Result<bool, PortError>> {
        Box::pin(self.forget(queue, id))
    }
}
