//! `/v1/tenants`.

use super::ApiState;
use crate::Api;
use crate::answer::{self, Reply, finish, ok, respond};
use crate::body::{Json, Nothing, OptionalJson};
use crate::caller::Caller;
use crate::etag;
use crate::params::{Id, NoParams, PageParams, Params, word};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Deserialize;
use tenantry_app::usecases::views::{OperationView, ResourceView, TenantView};
use tenantry_app::usecases::{
    Activation, Answer, Listing, NewTenant, Once, PageRequest, Registered, TenantFilter, TimelineEntry,
};
use tenantry_core::TenantId;
use tenantry_core::model::TenantStatus;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn add(router: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    router
        .routes(routes!(create_tenant, list_tenants))
        .routes(routes!(get_tenant))
        .routes(routes!(create_activation))
        .routes(routes!(get_timeline))
        .routes(routes!(list_resources))
        .routes(routes!(list_tenant_operations))
        .routes(routes!(list_tenant_events))
}

/// Sign up a tenant.
///
/// Answers at once with the tenant and the operation that provisions it; follow the operation at `Location`.
#[utoipa::path(post, path = "/v1/tenants", operation_id = "createTenant", tag = "tenants",
    request_body = NewTenant,
    responses(
        (status = 202, description = "Accepted: the tenant is registered and its provisioning is on its way.",
            body = Registered, headers(("Location" = String, description = "The operation to follow."))),
        (status = 409, description = "The slug (TNT-0107) or the external id (TNT-0108) belongs to another tenant."),
    ))]
async fn create_tenant(api: ApiState, caller: Caller, _: Params<NoParams>, body: Json<NewTenant>) -> Reply {
    let request = caller.idempotency(&body.canonical)?;
    let once = Once {
        idempotency: request.as_ref(),
        render: |registered: &Registered| Answer {
            location: Some(format!("/v1/operations/{}", registered.operation.operation_id)),
            ..answer::json(StatusCode::ACCEPTED, registered)
        },
    };
    let result = api.app().register_tenant(&caller.principal, once, &body.value).await;
    finish(api.app(), &caller, request.as_ref(), result).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TenantParams {
    /// Only in this state.
    #[param(example = "active")]
    status: Option<String>,
    /// Only of this plan.
    plan: Option<String>,
    /// Only in this region.
    region: Option<String>,
    /// Only in this cell.
    cell: Option<String>,
    /// Items of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `nextCursor` of the page before, with the same filters.
    cursor: Option<String>,
}

/// List tenants.
///
/// In the order of their ids, which is that of their sign-up; with `region` alone in that of cell and id.
#[utoipa::path(get, path = "/v1/tenants", operation_id = "listTenants", tag = "tenants", params(TenantParams),
    responses((status = 200, description = "A page of tenants.", body = Listing<TenantView>)))]
async fn list_tenants(api: ApiState, Params(params): Params<TenantParams>) -> Reply {
    let known: Vec<(&'static str, TenantStatus)> =
        TenantStatus::ALL.iter().map(|status| (status.as_str(), *status)).collect();
    let filter = TenantFilter {
        status: word("status", params.status.as_deref(), &known)?,
        plan: params.plan,
        region: params.region,
        cell: params.cell,
    };
    let page = PageRequest { limit: params.limit, cursor: params.cursor };
    ok(&api.app().tenants(&filter, &page).await?)
}

/// Get a tenant.
///
/// `ETag` is the record's revision; while an operation holds the tenant, a hash of its status follows it.
#[utoipa::path(get, path = "/v1/tenants/{tenantId}", operation_id = "getTenant", tag = "tenants",
    params(("tenantId" = String, Path, description = "The tenant's id."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer.")),
    responses((status = 200, description = "The tenant.", body = TenantView,
            headers(("ETag" = String, description = "The record's revision."))),
        (status = 304, description = "It is as it was.")))]
async fn get_tenant(api: ApiState, caller: Caller, id: Id<TenantId>, _: Params<NoParams>) -> Reply {
    let tenant = api.app().tenant(&id.0).await?;
    let etag = etag::of_tenant(&tenant);
    if caller.has(&etag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        if let Ok(value) = HeaderValue::from_str(&etag) {
            response.headers_mut().insert(header::ETAG, value);
        }
        return Ok(response);
    }
    Ok(respond(Answer { etag: Some(etag), ..answer::json(StatusCode::OK, &tenant) }))
}

/// Make an activation token.
///
/// For the first administrator of an active tenant. It is shown once and voids the one before.
#[utoipa::path(post, path = "/v1/tenants/{tenantId}/activation", operation_id = "createActivation", tag = "tenants",
    params(("tenantId" = String, Path, description = "The tenant's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the tenant must still have.")),
    responses(
        (status = 201, description = "The token.", body = Activation),
        (status = 409, description = "The tenant is not active (TNT-0111)."),
        (status = 412, description = "The tenant has changed (TNT-0017)."),
    ))]
async fn create_activation(
    api: ApiState,
    caller: Caller,
    id: Id<TenantId>,
    _: Params<NoParams>,
    OptionalJson(body): OptionalJson<Nothing>,
) -> Reply {
    let request = caller.idempotency(&body.canonical)?;
    let if_match = caller.if_match()?;
    let once = Once {
        idempotency: request.as_ref(),
        render: |activation: &Activation| answer::json(StatusCode::CREATED, activation),
    };
    let result = api.app().activation(&caller.principal, once, &id.0, if_match).await;
    finish(api.app(), &caller, request.as_ref(), result).await
}

/// Get a tenant's timeline.
///
/// Operations, their steps, events and the audit trail in the order of time, newest last.
#[utoipa::path(get, path = "/v1/tenants/{tenantId}/timeline", operation_id = "getTimeline", tag = "tenants",
    params(("tenantId" = String, Path, description = "The tenant's id."), PageParams),
    responses((status = 200, description = "A page of the timeline.", body = Listing<TimelineEntry>)))]
async fn get_timeline(api: ApiState, id: Id<TenantId>, Params(params): Params<PageParams>) -> Reply {
    ok(&api.app().timeline(&id.0, &params.page()).await?)
}

/// List a tenant's resources.
#[utoipa::path(get, path = "/v1/tenants/{tenantId}/resources", operation_id = "listResources", tag = "tenants",
    params(("tenantId" = String, Path, description = "The tenant's id."), PageParams),
    responses((status = 200, description = "A page of resources, by kind and name.", body = Listing<ResourceView>)))]
async fn list_resources(api: ApiState, id: Id<TenantId>, Params(params): Params<PageParams>) -> Reply {
    ok(&api.app().tenant_resources(&id.0, &params.page()).await?)
}

/// List a tenant's operations.
#[utoipa::path(get, path = "/v1/tenants/{tenantId}/operations", operation_id = "listTenantOperations",
    tag = "tenants", params(("tenantId" = String, Path, description = "The tenant's id."), PageParams),
    responses((status = 200, description = "A page of operations, newest first.", body = Listing<OperationView>)))]
async fn list_tenant_operations(
    api: ApiState,
    id: Id<TenantId>,
    Params(params): Params<PageParams>,
) -> Reply {
    ok(&api.app().tenant_operations(&id.0, &params.page()).await?)
}

/// List a tenant's events.
#[utoipa::path(get, path = "/v1/tenants/{tenantId}/events", operation_id = "listTenantEvents", tag = "tenants",
    params(("tenantId" = String, Path, description = "The tenant's id."), PageParams),
    responses((status = 200, description = "A page of envelopes, by sequence; their shape is at /v1/event-types.",
        body = Listing<Object>)))]
async fn list_tenant_events(api: ApiState, id: Id<TenantId>, Params(params): Params<PageParams>) -> Reply {
    ok(&api.app().tenant_events(&id.0, &params.page()).await?)
}

/// A JSON object whose shape stands elsewhere.
#[derive(utoipa::ToSchema)]
#[schema(value_type = Object)]
#[expect(dead_code, reason = "only its schema is used")]
struct Object(serde_json::Value);
