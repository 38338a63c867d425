//! Queues and their dead letters.

use super::views::{DeadLetterView, QueueView};
use super::{App, Listing, PageRequest, Principal};
use serde::{Deserialize, Serialize};
use tenantry_core::ports::{DeadLetter, Queues};
use tenantry_core::{Error, ErrorCode, MessageId, Result, TenantId};

/// Where counting stops.
const COUNT_MAX: usize = 1_000;

/// Most dead letters that one request redrives, and how many it does where none is named.
const REDRIVE_MAX: u64 = 1_000;

/// Which dead letters to redrive: all that match, up to `max`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RedriveDeadLetters)]
pub struct DeadLetterSelection {
    /// Only this one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub message_id: Option<MessageId>,
    /// Only this tenant's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub tenant_id: Option<TenantId>,
    /// Only those that died of this, such as `max_receives`.
    #[serde(default)]
    pub reason: Option<String>,
    /// At most so many, 1 to 1,000; 1,000 where it is left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    pub max: Option<u64>,
}

/// What a redrive came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RedrivenDeadLetters {
    /// Letters that are messages of their queue again.
    pub redriven: u64,
    /// Whether more may match: send the request again.
    pub more: bool,
}

impl DeadLetterSelection {
    fn matches(&self, letter: &DeadLetter) -> bool {
        let of_tenant = |tenant: &TenantId| {
            letter.group == tenant.as_str()
                || letter.group.rsplit_once('#').is_some_and(|(_, last)| last == tenant.as_str())
        };
        self.tenant_id.as_ref().is_none_or(of_tenant)
            && self.reason.as_ref().is_none_or(|reason| letter.reason.code == *reason)
    }
}

fn missing(queue: &str, id: &MessageId) -> Error {
    let detail = format!("The queue {queue} has no dead letter {id}; it may have been redriven or deleted.");
    Error::new(ErrorCode::DeadLetterNotFound, detail)
}

fn check_queue(name: &str) -> Result<()> {
    if Queues::NAMES.contains(&name) {
        return Ok(());
    }
    let detail = format!("There is no such queue. The queues are: {}.", Queues::NAMES.join(", "));
    Err(Error::new(ErrorCode::QueueNotFound, detail))
}

impl App {
    /// Every queue with what lies in it.
    pub async fn queues(&self) -> Result<Vec<QueueView>> {
        let mut views = Vec::new();
        for name in Queues::NAMES {
            let Some(queue) = self.ports.queues.get(name) else { continue };
            let depth = queue.depth().await?;
            views.push(QueueView {
                name,
                visible: depth.visible,
                in_flight: depth.in_flight,
                delayed: depth.delayed,
                oldest_age_ms: depth.oldest_age_ms,
                dead_letters: self.count_dead_letters(name).await?,
            });
        }
        Ok(views)
    }

    async fn count_dead_letters(&self, queue: &str) -> Result<u64> {
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.ports.dead_letters.list(queue, after, 250).await?;
            count += page.items.len();
            match page.next {
                Some(next) if count < COUNT_MAX => after = Some(next),
                _ => return Ok(count.min(COUNT_MAX) as u64),
            }
        }
    }

    /// A page of a queue's dead letters, oldest death first. [`ErrorCode::QueueNotFound`].
    pub async fn dead_letters(&self, queue: &str, page: &PageRequest) -> Result<Listing<DeadLetterView>> {
        check_queue(queue)?;
        let query = format!("dead letters {queue}");
        let found = self.ports.dead_letters.list(queue, page.after(&query)?, page.limit()?).await?;
        let items = found.items.into_iter().map(DeadLetterView::from).collect();
        Ok(Listing::new(items, &query, found.next.as_deref()))
    }

    /// A dead letter. [`ErrorCode::DeadLetterNotFound`].
    pub async fn dead_letter(&self, queue: &str, id: &MessageId) -> Result<DeadLetterView> {
        check_queue(queue)?;
        let letter = self.ports.dead_letters.get(queue, id).await?.ok_or_else(|| missing(queue, id))?;
        Ok(DeadLetterView::from(letter))
    }

    /// Puts dead letters back into their queue.
    pub async fn redrive_dead_letters(
        &self,
        by: &Principal,
        queue: &str,
        selection: &DeadLetterSelection,
    ) -> Result<RedrivenDeadLetters> {
        check_queue(queue)?;
        let max = selection.max.unwrap_or(REDRIVE_MAX);
        if !(1..=REDRIVE_MAX).contains(&max) {
            let detail = format!("max is {max}; it must be from 1 to {REDRIVE_MAX}.");
            return Err(Error::new(ErrorCode::WrongType, detail).with_field("/max"));
        }
        let port = &self.ports.dead_letters;
        let mut result = RedrivenDeadLetters { redriven: 0, more: false };
        if let Some(id) = &selection.message_id {
            let letter = port.get(queue, id).await?.filter(|letter| selection.matches(letter));
            if letter.is_none() || !port.redrive(queue, id).await? {
                return Err(missing(queue, id));
            }
            result.redriven = 1;
        } else {
            let mut after = None;
            loop {
                let page = port.list(queue, after, 100).await?;
                for letter in page.items.iter().filter(|letter| selection.matches(letter)) {
                    if result.redriven == max {
                        result.more = true;
                        break;
                    }
                    result.redriven += u64::from(port.redrive(queue, &letter.id).await?);
                }
                match page.next {
                    Some(next) if !result.more => after = Some(next),
                    _ => break,
                }
            }
        }
        tracing::info!(queue, by = %by, redriven = result.redriven, "dead letters redriven");
        Ok(result)
    }

    /// Forgets a dead letter. [`ErrorCode::DeadLetterNotFound`].
    pub async fn delete_dead_letter(&self, by: &Principal, queue: &str, id: &MessageId) -> Result<()> {
        check_queue(queue)?;
        if !self.ports.dead_letters.purge(queue, id).await? {
            return Err(missing(queue, id));
        }
        tracing::info!(queue, message = %id, by = %by, "dead letter deleted");
        Ok(())
    }
}
