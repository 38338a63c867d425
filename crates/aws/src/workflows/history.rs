//! Histories, paged by our event ids over Step Functions' own tokens.

use super::Inner;
use super::failures::{Failed, code};
use super::raw::{Body, events};
use crate::call::Repeat;
use tenantry_core::ExecutionId;
use tenantry_core::ports::{HistoryEvent, HistoryPage, WorkflowError};

/// Events of one call. Step Functions wants the same number with each of a history's tokens.
const CALL_EVENTS: i32 = 500;

impl Inner {
    pub(super) async fn history(
        &self,
        id: &ExecutionId,
        after: Option<u64>,
        descending: bool,
        limit: usize,
    ) -> Result<HistoryPage, WorkflowError> {
        let arn = self.arn(id)?;
        let way = (arn, descending);
        let mut remembered = after.and_then(|after| self.places.before(&way, after));
        let mut token = remembered.clone();
        let mut page = HistoryPage::default();
        loop {
            let Some((read, next)) = self.read_history(id, &way, &token, remembered.is_some()).await? else {
                // A token is good for a day: from the start, then.
                self.places.forget(&way);
                (remembered, token) = (None, None);
                continue;
            };
            remembered = None;
            let last = read.last().map(|event| event.id);
            for event in read {
                let wanted = after.is_none_or(|id| if descending { event.id < id } else { event.id > id });
                if !wanted {
                    continue;
                }
                if page.events.len() == limit {
                    page.next = page.events.last().map(|event| event.id);
                    return Ok(page);
                }
                page.events.push(event);
            }
            let Some(next) = next else { return Ok(page) };
            if let Some(last) = last {
                self.places.remember(&way, last, &next);
            }
            token = Some(next);
        }
    }

    /// Events and the token of what follows; `None` where the token, a remembered one, is no longer taken.
    async fn read_history(
        &self,
        id: &ExecutionId,
        (arn, descending): &(String, bool),
        token: &Option<String>,
        remembered: bool,
    ) -> Result<Option<(Vec<HistoryEvent>, Option<String>)>, WorkflowError> {
        let body = Body::default();
        let get = || {
            let call = self.clients.sfn().get_execution_history().execution_arn(arn);
            let call = call.max_results(CALL_EVENTS).reverse_order(*descending);
            Box::pin(call.set_next_token(token.clone()).customize().interceptor(body.clone()).send())
        };
        match self.calls.send(Repeat::Safe, get).await {
            Ok(answer) => Ok(Some((events(id, &body)?, answer.next_token))),
            Err(error) if remembered && code(&error) == Some("InvalidToken") => Ok(None),
            Err(error) => Err(Failed::of(id).execution("GetExecutionHistory", &error)),
        }
    }
}
