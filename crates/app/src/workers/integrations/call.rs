//! One call to a service, and what its answer means.

use super::request::Request;
use super::service_body;
use crate::Ports;
use crate::http::{HttpClient, HttpError, HttpResponse, parse_retry_after};
use crate::workers::signing::signed_headers;
use std::time::Duration;
use tenantry_core::model::Service;
use tenantry_core::ports::Secret;

/// Most bytes of a service's answer that go into a cause.
const EXCERPT_BYTES_MAX: usize = 1024;

/// What a call came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The service has taken the request and will answer the token.
    Taken,
    /// It refuses, and would again.
    Refused(String),
    /// Another try may succeed.
    NotNow {
        cause: String,
        /// How long the service asks to be left alone.
        retry_after: Option<Duration>,
    },
}

pub(super) async fn call(
    ports: &Ports,
    http: &HttpClient,
    service: &Service,
    secret: &Secret,
    request: &Request,
) -> Verdict {
    let now = ports.clock.now();
    let body = service_body(request).to_string().into_bytes();
    let headers = match signed_headers(secret, &request.webhook_id(), now, &body) {
        Ok(headers) => headers,
        Err(error) => {
            return Verdict::Refused(format!("the service {} has no usable secret: {error}", service.name));
        }
    };
    let answer = http.post_json(&service.url, &headers, body).await;
    let name = &service.name;
    match answer {
        Ok(response) if response.is_success() => Verdict::Taken,
        Ok(response) if response.is_retryable() => Verdict::NotNow {
            cause: describe(name, &response),
            retry_after: response.retry_after.as_deref().and_then(|value| parse_retry_after(value, now)),
        },
        Ok(response) => Verdict::Refused(describe(name, &response)),
        Err(error @ HttpError::Refused(_)) => {
            Verdict::Refused(format!("the service {name} was not called: {error}"))
        }
        Err(error) => Verdict::NotNow {
            cause: format!("the service {name} could not be reached: {error}"),
            retry_after: None,
        },
    }
}

fn describe(name: &str, response: &HttpResponse) -> String {
    let excerpt = response.excerpt(EXCERPT_BYTES_MAX);
    let redirect = if (300..400).contains(&response.status) { " (redirects are not followed)" } else { "" };
    match excerpt.as_str() {
        "" => format!("the service {name} answered {}{redirect}", response.status),
        text => format!("the service {name} answered {}{redirect}: {text}", response.status),
    }
}
