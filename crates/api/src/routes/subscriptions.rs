//! `/v1/subscriptions`.

use super::ApiState;
use crate::Api;
use crate::answer::{self, Reply, finish, ok, respond};
use crate::body::{Json, OptionalJson};
use crate::caller::Caller;
use crate::params::{Id, NoParams, PageParams, Params};
use axum::http::StatusCode;
use serde_json::Value;
use tenantry_app::usecases::views::{DeliveryView, SubscriptionView};
use tenantry_app::usecases::{
    Answer, Listing, NewSubscription, Once, ReplayRequest, Replayed, SubscriptionWithSecret,
};
use tenantry_core::SubscriptionId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn add(router: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    router
        .routes(routes!(create_subscription, list_subscriptions))
        .routes(routes!(get_subscription, delete_subscription))
        .routes(routes!(list_deliveries))
        .routes(routes!(replay_events))
}

/// Subscribe to events.
///
/// Every event that is published from then on and matches is sent as a signed webhook (Standard Webhooks). The
/// signing secret is shown only in this answer.
#[utoipa::path(post, path = "/v1/subscriptions", operation_id = "createSubscription", tag = "subscriptions",
    request_body = NewSubscription,
    responses(
        (status = 201, description = "The subscription, with its secret.", body = SubscriptionWithSecret,
            headers(("Location" = String, description = "The subscription."))),
        (status = 409, description = "The limit is reached (TNT-0505)."),
    ))]
async fn create_subscription(
    api: ApiState,
    caller: Caller,
    _: Params<NoParams>,
    body: Json<NewSubscription>,
) -> Reply {
    let request = caller.idempotency(&body.canonical)?;
    let once = Once {
        idempotency: request.as_ref(),
        render: |made: &SubscriptionWithSecret| Answer {
            location: Some(format!("/v1/subscriptions/{}", made.subscription.subscription_id)),
            ..answer::json(StatusCode::CREATED, made)
        },
    };
    let result = api.app().subscribe(&caller.principal, once, &body.value).await;
    finish(api.app(), &caller, request.as_ref(), result).await
}

/// List subscriptions.
#[utoipa::path(get, path = "/v1/subscriptions", operation_id = "listSubscriptions", tag = "subscriptions",
    params(PageParams),
    responses((status = 200, description = "A page of subscriptions, oldest first.",
        body = Listing<SubscriptionView>)))]
async fn list_subscriptions(api: ApiState, Params(params): Params<PageParams>) -> Reply {
    ok(&api.app().subscriptions(&params.page()).await?)
}

/// Get a subscription.
#[utoipa::path(get, path = "/v1/subscriptions/{subscriptionId}", operation_id = "getSubscription",
    tag = "subscriptions", params(("subscriptionId" = String, Path, description = "The subscription's id.")),
    responses((status = 200, description = "The subscription.", body = SubscriptionView)))]
async fn get_subscription(api: ApiState, id: Id<SubscriptionId>, _: Params<NoParams>) -> Reply {
    ok(&api.app().subscription(&id.0).await?)
}

/// Delete a subscription.
///
/// Nothing more is sent, and what waits is dropped.
#[utoipa::path(delete, path = "/v1/subscriptions/{subscriptionId}", operation_id = "deleteSubscription",
    tag = "subscriptions", params(("subscriptionId" = String, Path, description = "The subscription's id.")),
    responses((status = 204, description = "It is deleted.")))]
async fn delete_subscription(
    api: ApiState,
    caller: Caller,
    id: Id<SubscriptionId>,
    _: Params<NoParams>,
) -> Reply {
    let request = caller.idempotency(&Value::Null)?;
    let once = Once { idempotency: request.as_ref(), render: |()| answer::empty() };
    let result = api.app().unsubscribe(&caller.principal, once, &id.0).await;
    finish(api.app(), &caller, request.as_ref(), result).await
}

/// List a subscription's deliveries.
#[utoipa::path(get, path = "/v1/subscriptions/{subscriptionId}/deliveries", operation_id = "listDeliveries",
    tag = "subscriptions",
    params(("subscriptionId" = String, Path, description = "The subscription's id."), PageParams),
    responses((status = 200, description = "A page of the tries to deliver, newest first.",
        body = Listing<DeliveryView>)))]
async fn list_deliveries(api: ApiState, id: Id<SubscriptionId>, Params(params): Params<PageParams>) -> Reply {
    ok(&api.app().deliveries(&id.0, &params.page()).await?)
}

/// Replay events to a subscription.
///
/// Archived events that match are sent again, each with the header `tenantry-replay: true`.
#[utoipa::path(post, path = "/v1/subscriptions/{subscriptionId}/replay", operation_id = "replayEvents",
    tag = "subscriptions", params(("subscriptionId" = String, Path, description = "The subscription's id.")),
    request_body(content = Option<ReplayRequest>),
    responses((status = 200, description = "How many events are on their way again.", body = Replayed)))]
async fn replay_events(
    api: ApiState,
    caller: Caller,
    id: Id<SubscriptionId>,
    _: Params<NoParams>,
    OptionalJson(body): OptionalJson<ReplayRequest>,
) -> Reply {
    let request = caller.idempotency(&body.canonical)?;
    let effect = async {
        let replayed = api.app().replay(&caller.principal, &id.0, &body.value).await?;
        Ok(answer::json(StatusCode::OK, &replayed))
    };
    Ok(respond(api.app().claimed(request.as_ref(), |error| caller.refusal(error), effect).await?))
}
