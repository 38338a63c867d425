//! The OpenAPI 3.1 document, made from the handlers. What every operation has in common is added here, so that no
//! handler can forget it.

use super::Api;
use super::problem::Problem;
use super::routes;
use axum::Router;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi, PathItem, Ref, RefOr, Required};
use utoipa::{OpenApi as _, PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tenantry",
        description = "The control plane of a multi-tenant SaaS product: it provisions tenants with durable, \
            resumable workflows and tells every other service what happened.\n\n\
            Every operation needs a bearer token. `GET /healthz`, `/readyz`, `/openapi.json` and \
            `/help/errors/{code}` need none and are not listed here.\n\n\
            Every failure is a problem (RFC 9457) with a stable `code` and a help page. Every POST and DELETE takes \
            an `Idempotency-Key`: the same request again has no second effect and gets the same answer for 24 hours. \
            Lists are pages of `items` with an opaque `nextCursor`, which belongs to its address and filters.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "tenants", description = "Sign-up, status and what belongs to a tenant."),
        (name = "operations", description = "Lifecycle requests and their progress."),
        (name = "executions", description = "Runs of the workflows."),
        (name = "task tokens", description = "Answers of services to waiting tasks."),
        (name = "services", description = "Product services that take part in the lifecycle."),
        (name = "events", description = "What happened, page by page or as it comes."),
        (name = "subscriptions", description = "Signed webhooks."),
        (name = "queues", description = "Queues and their dead letters."),
        (name = "system", description = "The server itself."),
    ),
)]
struct Head;

/// The router of everything that needs a token, and its document.
pub(crate) fn split() -> (Router<Api>, OpenApi) {
    let (router, mut document) =
        routes::guarded(OpenApiRouter::with_openapi(Head::openapi())).split_for_parts();
    complete(&mut document);
    (router, document)
}

/// The document as it is served and checked in: pretty JSON with a newline at the end.
pub fn document() -> String {
    text(&split().1)
}

pub(crate) fn text(document: &OpenApi) -> String {
    let mut text = document.to_pretty_json().expect("the document is plain JSON");
    text.push('\n');
    text
}

fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The admin token; for task tokens also a service's own."))
        .build();
    components.security_schemes.insert("bearer".to_owned(), RefOr::T(SecurityScheme::Http(bearer)));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            complete_operation(path, method, operation);
        }
    }
}

fn operations(item: &mut PathItem) -> Vec<(&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| operation.as_mut().map(|found| (method, found)))
        .collect()
}

fn complete_operation(path: &str, method: &str, operation: &mut Operation) {
    operation.security = Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
    let writes = method != "get";
    let mut common = vec![
        ("400", "The request is malformed; `code` and `field` say how."),
        ("401", "No bearer token, or a wrong one (TNT-0007)."),
        ("403", "The token may not do this (TNT-0008)."),
        ("500", "A fault of ours (TNT-0001)."),
        ("503", "The control plane cannot take this request now; send it again (TNT-0002)."),
    ];
    if path.contains('{') {
        common.push(("404", "There is no such thing."));
    }
    if writes {
        common.push(("413", "The body has more than 1 MiB (TNT-0006)."));
        common.push(("415", "The body is not JSON (TNT-0011)."));
        common.push(("422", "The Idempotency-Key was used with another body (TNT-0015)."));
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("1 to 255 printable ASCII characters; a UUID is a good one."))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).max_length(Some(255)).build()))
            .build();
        operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
    }
    for (status, description) in common {
        let fresh = || RefOr::T(Response::new(description));
        operation.responses.responses.entry(status.to_owned()).or_insert_with(fresh);
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if status.starts_with(['4', '5']) && response.content.is_empty() {
            let problem = Ref::from_schema_name(Problem::name());
            let content = ContentBuilder::new().schema(Some(problem)).build();
            *response = ResponseBuilder::new()
                .description(response.description.clone())
                .content("application/problem+json", content)
                .build();
        }
    }
}
