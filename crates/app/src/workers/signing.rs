//! The headers of a signed request (Standard Webhooks).

use tenantry_core::Timestamp;
use tenantry_core::ports::Secret;
use tenantry_events::webhook::{
    ID_HEADER, InvalidSecret, SIGNATURE_HEADER, SigningSecret, TIMESTAMP_HEADER, sign,
};

/// `webhook-id`, `webhook-timestamp` and `webhook-signature` of a body.
/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
pub(super) fn signed_headers(
    secret: &Secret,
    id: &str,
    now: Timestamp,
    body: &[u8],
) -> Result<Vec<(&'static str, String)>, InvalidSecret> {
    let secret = SigningSecret::parse(secret.expose())?;
    let seconds = now.as_seconds();
    Ok(vec![
        (ID_HEADER, id.to_owned()),
        (TIMESTAMP_HEADER, seconds.to_string()),
        (SIGNATURE_HEADER, sign(&secret, id, seconds, body)),
    ])
}
