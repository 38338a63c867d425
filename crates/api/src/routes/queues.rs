//! `/v1/queues` and dead letters.

use super::ApiState;
use crate::Api;
use crate::answer::{self, Reply, ok, respond};
use crate::body::{Json, OptionalJson};
use crate::caller::Caller;
use crate::params::{Letter, NoParams, PageParams, Params};
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use tenantry_app::usecases::views::{DeadLetterView, QueueView};
use tenantry_app::usecases::{DeadLetterSelection, Listing, RedrivenDeadLetters};
use tenantry_core::MessageId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn add(router: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    router
        .routes(routes!(list_queues))
        .routes(routes!(list_dead_letters))
        .routes(routes!(redrive_dead_letters))
        .routes(routes!(get_dead_letter, delete_dead_letter))
}

/// The queues.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QueueList {
    /// The queues, in the order of the work.
    items: Vec<QueueView>,
    /// Always null: they are one page.
    next_cursor: Option<String>,
}

/// List the queues.
///
/// Each with its depth, the age of its oldest message and its dead letters.
#[utoipa::path(get, path = "/v1/queues", operation_id = "listQueues", tag = "queues",
    responses((status = 200, description = "The queues.", body = QueueList)))]
async fn list_queues(api: ApiState, _: Params<NoParams>) -> Reply {
    ok(&QueueList { items: api.app().queues().await?, next_cursor: None })
}

/// List a queue's dead letters.
///
/// Looking consumes nothing.
#[utoipa::path(get, path = "/v1/queues/{queue}/dead-letters", operation_id = "listDeadLetters", tag = "queues",
    params(("queue" = String, Path, description = "The queue's name."), PageParams),
    responses((status = 200, description = "A page of dead letters, oldest death first.",
        body = Listing<DeadLetterView>)))]
async fn list_dead_letters(api: ApiState, queue: Path<String>, Params(params): Params<PageParams>) -> Reply {
    ok(&api.app().dead_letters(&queue, &params.page()).await?)
}

/// Get a dead letter.
#[utoipa::path(get, path = "/v1/queues/{queue}/dead-letters/{messageId}", operation_id = "getDeadLetter",
    tag = "queues", params(("queue" = String, Path, description = "The queue's name."),
        ("messageId" = String, Path, description = "The message's id.")),
    responses((status = 200, description = "The dead letter.", body = DeadLetterView)))]
async fn get_dead_letter(api: ApiState, letter: Letter<MessageId>, _: Params<NoParams>) -> Reply {
    ok(&api.app().dead_letter(&letter.queue, &letter.id).await?)
}

/// Redrive dead letters.
///
/// Puts all that match back into their queue, up to `max`; without a body, all.
#[utoipa::path(post, path = "/v1/queues/{queue}/dead-letters/redrive", operation_id = "redriveDeadLetters",
    tag = "queues", params(("queue" = String, Path, description = "The queue's name.")),
    request_body(content = Option<DeadLetterSelection>),
    responses((status = 200, description = "How many are messages again.", body = RedrivenDeadLetters)))]
async fn redrive_dead_letters(
    api: ApiState,
    caller: Caller,
    queue: Path<String>,
    _: Params<NoParams>,
    OptionalJson(Json { value, canonical }): OptionalJson<DeadLetterSelection>,
) -> Reply {
    let request = caller.idempotency(&canonical)?;
    let effect = async {
        let redriven = api.app().redrive_dead_letters(&caller.principal, &queue, &value).await?;
        Ok(answer::json(StatusCode::OK, &redriven))
    };
    Ok(respond(api.app().claimed(request.as_ref(), |error| caller.refusal(error), effect).await?))
}

/// Delete a dead letter.
#[utoipa::path(delete, path = "/v1/queues/{queue}/dead-letters/{messageId}", operation_id = "deleteDeadLetter",
    tag = "queues", params(("queue" = String, Path, description = "The queue's name."),
        ("messageId" = String, Path, description = "The message's id.")),
    responses((status = 204, description = "It is gone.")))]
async fn delete_dead_letter(
    api: ApiState,
    caller: Caller,
    letter: Letter<MessageId>,
    _: Params<NoParams>,
) -> Reply {
    let request = caller.idempotency(&Value::Null)?;
    let effect = async {
        api.app().delete_dead_letter(&caller.principal, &letter.queue, &letter.id).await?;
        Ok(answer::empty())
    };
    Ok(respond(api.app().claimed(request.as_ref(), |error| caller.refusal(error), effect).await?))
}
