//! GetExecutionHistory.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html>

use super::describe_execution::execution_id;
use super::{Request, page, put, seconds};
use crate::logging::EXECUTION_DATA;
use crate::page::Page;
use crate::request::{self, Ask};
use crate::{ApiError, Endpoint, error};
use serde_json::{Map, Value};
use tenantry_core::ports::{HistoryEvent, Workflows as _};

pub(super) async fn get(endpoint: &Endpoint, request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let arn = ask.required_text("executionArn", request::ARN)?;
    let reverse = ask.flag("reverseOrder")?.unwrap_or(false);
    let with_data = ask.flag("includeExecutionData")?.unwrap_or(true);
    let order = if reverse { "reverse" } else { "forward" };
    let page_asked = Page::read(&mut ask, request::PAGE_TOKEN, &["history", arn, order]);
    ask.done()?;

    let id = execution_id(endpoint.registry().realm(), arn)?;
    let page_asked = page_asked?;
    let after = page_asked.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| ApiError::invalid_token())?;
    let found = endpoint.engine().history(&id, after, reverse, page_asked.limit).await;
    let found = found.map_err(error::of_execution(arn))?;
    let events = found.events.into_iter().map(|event| shown(event, with_data)).collect();
    Ok(page("events", events, found.next.map(|id| page_asked.next(&id.to_string()))))
}

/// An event as the protocol shows it.
pub(super) fn shown(event: HistoryEvent, with_data: bool) -> Value {
    let mut answer = Map::new();
    put(&mut answer, "timestamp", Some(seconds(event.timestamp)));
    put(&mut answer, "type", Some(event.event_type));
    put(&mut answer, "id", Some(event.id));
    put(&mut answer, "previousEventId", Some(event.previous_id));
    if let Value::Object(details) = event.details {
        for (name, mut value) in details {
            if !with_data && let Some(members) = value.as_object_mut() {
                members.retain(|name, _| !EXECUTION_DATA.contains(&name.as_str()));
            }
            answer.insert(name, value);
        }
    }
    Value::Object(answer)
}
