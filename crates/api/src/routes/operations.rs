//! `/v1/operations`.

use super::ApiState;
use crate::Api;
use crate::answer::{self, Reply, finish, respond};
use crate::body::{Nothing, OptionalJson};
use crate::caller::Caller;
use crate::etag;
use crate::params::{Id, NoParams, Params};
use axum::http::StatusCode;
use tenantry_app::usecases::views::OperationView;
use tenantry_app::usecases::{Answer, Once};
use tenantry_core::OperationId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn add(router: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    router.routes(routes!(get_operation)).routes(routes!(retry_operation))
}

/// Get an operation.
#[utoipa::path(get, path = "/v1/operations/{operationId}", operation_id = "getOperation", tag = "operations",
    params(("operationId" = String, Path, description = "The operation's id.")),
    responses((status = 200, description = "The operation.", body = OperationView,
        headers(("ETag" = String, description = "The record's revision.")))))]
async fn get_operation(api: ApiState, id: Id<OperationId>, _: Params<NoParams>) -> Reply {
    let operation = api.app().operation(&id.0).await?;
    let etag = Some(etag::of_operation(&operation));
    Ok(respond(Answer { etag, ..answer::json(StatusCode::OK, &operation) }))
}

/// Retry an operation.
///
/// Another attempt of an operation that failed and was undone. One that is stuck was not undone: redrive its
/// execution instead.
#[utoipa::path(post, path = "/v1/operations/{operationId}/retry", operation_id = "retryOperation",
    tag = "operations",
    params(("operationId" = String, Path, description = "The operation's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the operation must still have.")),
    responses(
        (status = 202, description = "Accepted: the next attempt is on its way.", body = OperationView,
            headers(("Location" = String, description = "The operation to follow."))),
        (status = 409, description = "It cannot be retried in its state (TNT-0202), another operation holds the \
            tenant (TNT-0112), or others changed it at the same time (TNT-0019)."),
        (status = 412, description = "The operation has changed (TNT-0017)."),
    ))]
async fn retry_operation(
    api: ApiState,
    caller: Caller,
    id: Id<OperationId>,
    _: Params<NoParams>,
    OptionalJson(body): OptionalJson<Nothing>,
) -> Reply {
    let request = caller.idempotency(&body.canonical)?;
    let if_match = caller.if_match()?;
    let once = Once {
        idempotency: request.as_ref(),
        render: |operation: &OperationView| Answer {
            location: Some(format!("/v1/operations/{}", operation.operation_id)),
            ..answer::json(StatusCode::ACCEPTED, operation)
        },
    };
    let result = api.app().retry_operation(&caller.principal, once, &id.0, if_match).await;
    finish(api.app(), &caller, request.as_ref(), result).await
}
