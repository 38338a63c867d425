//! The addresses: one file per kind of thing.

mod events;
mod executions;
mod operations;
mod queues;
mod services;
mod stream;
mod subscriptions;
mod system;
mod task_tokens;
mod tenants;

use super::Api;
use utoipa_axum::router::OpenApiRouter;

/// What a handler asks the state for.
pub(super) type ApiState = axum::extract::State<Api>;

/// Every address that needs a token, with its description.
pub(super) fn guarded(router: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    let router = tenants::add(router);
    let router = operations::add(router);
    let router = executions::add(router);
    let router = task_tokens::add(router);
    let router = services::add(router);
    let router = events::add(router);
    let router = subscriptions::add(router);
    let router = queues::add(router);
    system::add(router)
}

pub(super) use system::open;
