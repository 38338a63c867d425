//! `/v1/events` and the catalogue.

use super::{ApiState, stream};
use crate::Api;
use crate::answer::{Reply, ok};
use crate::params::{NoParams, Params, parsed};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenantry_app::usecases::{EventsPage, EventsRequest};
use tenantry_core::Error;
use tenantry_events::EventType;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn add(router: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    router
        .routes(routes!(list_events))
        .routes(routes!(stream::stream_events))
        .routes(routes!(list_event_types))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventParams {
    /// Only this type.
    #[serde(rename = "type")]
    #[param(example = "TenantProvisioned")]
    event_type: Option<String>,
    /// Only this tenant.
    tenant: Option<String>,
    /// Only after this position: a `position`, `readUpTo` or `nextCursor` of an earlier answer.
    after: Option<String>,
    /// Events of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
}

/// Read the archive of events.
///
/// Oldest first. To poll, ask again with `after` set to `readUpTo`.
#[utoipa::path(get, path = "/v1/events", operation_id = "listEvents", tag = "events", params(EventParams),
    responses((status = 200, description = "A page of the archive.", body = EventsPage)))]
async fn list_events(api: ApiState, Params(params): Params<EventParams>) -> Reply {
    let request = EventsRequest {
        event_type: params.event_type,
        tenant_id: parsed("tenant", params.tenant.as_deref())?,
        after: params.after,
        limit: params.limit,
    };
    ok(&api.app().events(&request).await?)
}

/// A type of event.
#[derive(Serialize, ToSchema)]
#[schema(as = EventType)]
struct EventTypeView {
    /// The name: `type` of the envelope, `detail-type` on the bus.
    #[serde(rename = "type")]
    event_type: &'static str,
    /// What it tells.
    summary: &'static str,
    /// The JSON Schema (draft 2020-12) of the envelope.
    #[schema(value_type = Object)]
    schema: Value,
    /// An example.
    #[schema(value_type = Object)]
    example: Value,
}

/// The catalogue of events.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventTypes {
    /// The types, in the order of a tenant's life.
    items: Vec<EventTypeView>,
    /// Always null: the catalogue is one page.
    next_cursor: Option<String>,
}

/// List the types of event.
///
/// Each with its JSON Schema and an example.
#[utoipa::path(get, path = "/v1/event-types", operation_id = "listEventTypes", tag = "events",
    responses((status = 200, description = "The catalogue.", body = EventTypes)))]
async fn list_event_types(_: Params<NoParams>) -> Reply {
    let read = |text: &str| serde_json::from_str::<Value>(text).map_err(Error::internal);
    let view = |known: &EventType| {
        Ok(EventTypeView {
            event_type: known.as_str(),
            summary: known.summary(),
            schema: read(known.schema())?,
            example: read(known.example())?,
        })
    };
    let items = EventType::ALL.iter().map(view).collect::<Result<_, Error>>()?;
    ok(&EventTypes { items, next_cursor: None })
}
