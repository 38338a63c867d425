//! `/v1/executions`.

use super::ApiState;
use crate::Api;
use crate::answer::{self, Reply, ok, respond};
use crate::body::{Nothing, OptionalJson};
use crate::caller::Caller;
use crate::params::{Id, NoParams, Params, parsed, word};
use axum::http::StatusCode;
use serde::Deserialize;
use tenantry_app::usecases::views::{ExecutionSummaryView, ExecutionView, HistoryEventView};
use tenantry_app::usecases::{ExecutionsRequest, HistoryRequest, Listing, PageRequest, StopExecution};
use tenantry_core::ports::{ExecutionFilter, ExecutionStatus};
use tenantry_core::{Error, ErrorCode, ExecutionId};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn add(router: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    router
        .routes(routes!(list_executions))
        .routes(routes!(get_execution))
        .routes(routes!(get_execution_history))
        .routes(routes!(redrive_execution))
        .routes(routes!(stop_execution))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExecutionParams {
    /// Only of this workflow.
    #[param(example = "provision_tenant")]
    workflow: Option<String>,
    /// Only in this state: `running`, `succeeded`, `failed`, `timed_out` or `aborted`.
    status: Option<String>,
    /// Only of this tenant.
    tenant: Option<String>,
    /// Items of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `nextCursor` of the page before, with the same filters.
    cursor: Option<String>,
}

/// List executions.
#[utoipa::path(get, path = "/v1/executions", operation_id = "listExecutions", tag = "executions",
    params(ExecutionParams),
    responses((status = 200, description = "A page of executions, newest start first.",
        body = Listing<ExecutionSummaryView>)))]
async fn list_executions(api: ApiState, Params(params): Params<ExecutionParams>) -> Reply {
    let known: Vec<(&'static str, ExecutionStatus)> =
        ExecutionStatus::ALL.iter().map(|status| (status.as_str(), *status)).collect();
    let filter = ExecutionFilter {
        workflow: params.workflow,
        status: word("status", params.status.as_deref(), &known)?,
        tenant_id: parsed("tenant", params.tenant.as_deref())?,
        name_prefix: None,
    };
    let page = PageRequest { limit: params.limit, cursor: params.cursor };
    ok(&api.app().executions(&ExecutionsRequest { filter, page }).await?)
}

/// Get an execution.
#[utoipa::path(get, path = "/v1/executions/{executionId}", operation_id = "getExecution", tag = "executions",
    params(("executionId" = String, Path, description = "The execution's id: `<workflow>~<name>`.")),
    responses((status = 200, description = "The execution.", body = ExecutionView)))]
async fn get_execution(api: ApiState, id: Id<ExecutionId>, _: Params<NoParams>) -> Reply {
    ok(&api.app().execution(&id.0).await?)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryParams {
    /// `asc` (oldest first, the default) or `desc`.
    order: Option<String>,
    /// Only events after the one with this id (before it, with `order=desc`): for one who follows a run.
    after: Option<u64>,
    /// Items of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `nextCursor` of the page before, in the same order; not together with `after`.
    cursor: Option<String>,
}

/// Get an execution's history.
///
/// In Step Functions' event types. To follow a run, ask again with `after` set to the last event's id.
#[utoipa::path(get, path = "/v1/executions/{executionId}/history", operation_id = "getExecutionHistory",
    tag = "executions",
    params(("executionId" = String, Path, description = "The execution's id."), HistoryParams),
    responses((status = 200, description = "A page of the history.", body = Listing<HistoryEventView>)))]
async fn get_execution_history(
    api: ApiState,
    id: Id<ExecutionId>,
    Params(params): Params<HistoryParams>,
) -> Reply {
    let descending = word("order", params.order.as_deref(), &[("asc", false), ("desc", true)])?;
    if params.after.is_some() && params.cursor.is_some() {
        let detail = "after and cursor both say where to go on; give one of them.";
        return Err(Error::new(ErrorCode::InvalidQuery, detail).with_field("after").into());
    }
    let request = HistoryRequest {
        descending: descending.unwrap_or(false),
        after: params.after,
        page: PageRequest { limit: params.limit, cursor: params.cursor },
    };
    ok(&api.app().execution_history(&id.0, &request).await?)
}

/// Redrive an execution.
///
/// An execution that failed, timed out or was stopped without being compensated goes on from where it stood.
#[utoipa::path(post, path = "/v1/executions/{executionId}/redrive", operation_id = "redriveExecution",
    tag = "executions", params(("executionId" = String, Path, description = "The execution's id.")),
    responses(
        (status = 202, description = "Accepted: it is running.", body = ExecutionView),
        (status = 409, description = "It cannot be redriven in its state (TNT-0302)."),
    ))]
async fn redrive_execution(
    api: ApiState,
    caller: Caller,
    id: Id<ExecutionId>,
    _: Params<NoParams>,
    OptionalJson(body): OptionalJson<Nothing>,
) -> Reply {
    let request = caller.idempotency(&body.canonical)?;
    let effect = async {
        let execution = api.app().redrive_execution(&caller.principal, &id.0).await?;
        Ok(answer::json(StatusCode::ACCEPTED, &execution))
    };
    Ok(respond(api.app().claimed(request.as_ref(), |error| caller.refusal(error), effect).await?))
}

/// Stop an execution.
///
/// Nothing is undone: its operation is then stuck until the execution is redriven.
#[utoipa::path(post, path = "/v1/executions/{executionId}/stop", operation_id = "stopExecution",
    tag = "executions", params(("executionId" = String, Path, description = "The execution's id.")),
    request_body(content = Option<StopExecution>),
    responses(
        (status = 200, description = "It is stopped.", body = ExecutionView),
        (status = 409, description = "It is not running (TNT-0303)."),
    ))]
async fn stop_execution(
    api: ApiState,
    caller: Caller,
    id: Id<ExecutionId>,
    _: Params<NoParams>,
    OptionalJson(body): OptionalJson<StopExecution>,
) -> Reply {
    let request = caller.idempotency(&body.canonical)?;
    let effect = async {
        let execution = api.app().stop_execution(&caller.principal, &id.0, &body.value).await?;
        Ok(answer::json(StatusCode::OK, &execution))
    };
    Ok(respond(api.app().claimed(request.as_ref(), |error| caller.refusal(error), effect).await?))
}
