//! `/v1/task-tokens`: what services answer.

use super::ApiState;
use crate::Api;
use crate::answer::{self, Reply, respond};
use crate::body::Json;
use crate::caller::Caller;
use crate::params::{NoParams, Params};
use tenantry_app::usecases::{TaskFailure, TaskHeartbeat, TaskSuccess};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn add(router: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    router.routes(routes!(task_success)).routes(routes!(task_failure)).routes(routes!(task_heartbeat))
}

/// Answer a task: it succeeded.
///
/// With the token of the service that the task token was given to, or the admin's.
#[utoipa::path(post, path = "/v1/task-tokens/success", operation_id = "taskSuccess", tag = "task tokens",
    request_body = TaskSuccess,
    responses((status = 204, description = "Taken."),
        (status = 409, description = "The token was answered before (TNT-0402) or is no longer waited for \
            (TNT-0403).")))]
async fn task_success(api: ApiState, caller: Caller, _: Params<NoParams>, body: Json<TaskSuccess>) -> Reply {
    let request = caller.idempotency(&body.canonical)?;
    let effect = async {
        api.app().task_succeeded(&caller.principal, body.value).await?;
        Ok(answer::empty())
    };
    Ok(respond(api.app().claimed(request.as_ref(), |error| caller.refusal(error), effect).await?))
}

/// Answer a task: it failed.
///
/// The error's name is what the workflow's Retry and Catch match.
#[utoipa::path(post, path = "/v1/task-tokens/failure", operation_id = "taskFailure", tag = "task tokens",
    request_body = TaskFailure,
    responses((status = 204, description = "Taken."),
        (status = 409, description = "The token was answered before (TNT-0402) or is no longer waited for \
            (TNT-0403).")))]
async fn task_failure(api: ApiState, caller: Caller, _: Params<NoParams>, body: Json<TaskFailure>) -> Reply {
    let request = caller.idempotency(&body.canonical)?;
    let effect = async {
        api.app().task_failed(&caller.principal, body.value).await?;
        Ok(answer::empty())
    };
    Ok(respond(api.app().claimed(request.as_ref(), |error| caller.refusal(error), effect).await?))
}

/// Give a sign of life for a task.
#[utoipa::path(post, path = "/v1/task-tokens/heartbeat", operation_id = "taskHeartbeat", tag = "task tokens",
    request_body = TaskHeartbeat,
    responses((status = 204, description = "Taken: the deadline has moved."),
        (status = 409, description = "The token was answered before (TNT-0402) or is no longer waited for \
            (TNT-0403).")))]
async fn task_heartbeat(
    api: ApiState,
    caller: Caller,
    _: Params<NoParams>,
    body: Json<TaskHeartbeat>,
) -> Reply {
    let request = caller.idempotency(&body.canonical)?;
    let effect = async {
        api.app().task_heartbeat(&caller.principal, &body.value).await?;
        Ok(answer::empty())
    };
    Ok(respond(api.app().claimed(request.as_ref(), |error| caller.refusal(error), effect).await?))
}
