//! `/v1/services`.

use super::ApiState;
use crate::Api;
use crate::answer::{self, Reply, finish, ok};
use crate::body::Json;
use crate::caller::Caller;
use crate::params::{Id, NoParams, PageParams, Params};
use axum::http::StatusCode;
use serde_json::Value;
use tenantry_app::usecases::views::ServiceView;
use tenantry_app::usecases::{Answer, Listing, NewService, Once, RegisteredService};
use tenantry_core::ServiceId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn add(router: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    router.routes(routes!(register_service, list_services)).routes(routes!(get_service, remove_service))
}

/// Register a product service.
///
/// The signing secret and the token are shown only in this answer.
#[utoipa::path(post, path = "/v1/services", operation_id = "registerService", tag = "services",
    request_body = NewService,
    responses(
        (status = 201, description = "The service, with its secret and its token.", body = RegisteredService,
            headers(("Location" = String, description = "The service."))),
        (status = 409, description = "The name is taken (TNT-0502) or the limit is reached (TNT-0505)."),
    ))]
async fn register_service(
    api: ApiState,
    caller: Caller,
    _: Params<NoParams>,
    body: Json<NewService>,
) -> Reply {
    let request = caller.idempotency(&body.canonical)?;
    let once = Once {
        idempotency: request.as_ref(),
        render: |registered: &RegisteredService| Answer {
            location: Some(format!("/v1/services/{}", registered.service.service_id)),
            ..answer::json(StatusCode::CREATED, registered)
        },
    };
    let result = api.app().register_service(&caller.principal, once, &body.value).await;
    finish(api.app(), &caller, request.as_ref(), result).await
}

/// List product services.
#[utoipa::path(get, path = "/v1/services", operation_id = "listServices", tag = "services", params(PageParams),
    responses((status = 200, description = "A page of services, oldest first.", body = Listing<ServiceView>)))]
async fn list_services(api: ApiState, Params(params): Params<PageParams>) -> Reply {
    ok(&api.app().services(&params.page()).await?)
}

/// Get a product service.
#[utoipa::path(get, path = "/v1/services/{serviceId}", operation_id = "getService", tag = "services",
    params(("serviceId" = String, Path, description = "The service's id.")),
    responses((status = 200, description = "The service.", body = ServiceView)))]
async fn get_service(api: ApiState, id: Id<ServiceId>, _: Params<NoParams>) -> Reply {
    ok(&api.app().service(&id.0).await?)
}

/// Remove a product service.
///
/// New tenants no longer need it. Its token stays good for undoing what it made.
#[utoipa::path(delete, path = "/v1/services/{serviceId}", operation_id = "removeService", tag = "services",
    params(("serviceId" = String, Path, description = "The service's id.")),
    responses((status = 204, description = "It is removed.")))]
async fn remove_service(api: ApiState, caller: Caller, id: Id<ServiceId>, _: Params<NoParams>) -> Reply {
    let request = caller.idempotency(&Value::Null)?;
    let once = Once { idempotency: request.as_ref(), render: |()| answer::empty() };
    let result = api.app().remove_service(&caller.principal, once, &id.0).await;
    finish(api.app(), &caller, request.as_ref(), result).await
}
