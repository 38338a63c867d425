//! Signature Version 4: who sent a request, and that nothing of it was changed.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

mod canonical;
mod header;
mod key;
#[cfg(test)]
mod tests;

pub use key::AccessKey;

use crate::ApiError;
use axum::http::{HeaderMap, Method, Uri};
use header::Authorization;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq as _;
use tenantry_core::Timestamp;
use tenantry_core::ports::Clock;

/// The service's name in a signature's scope.
const SERVICE: &str = "states";
/// What a scope ends with.
const TERMINATOR: &str = "aws4_request";
/// How far a request's time may lie from ours, either way.
const SKEW: Duration = Duration::from_secs(15 * 60);
/// What a signature must cover where the request has it: without these the same signature would do for another call.
const MUST_BE_SIGNED: &[&str] = &["host", "x-amz-date", "x-amz-target"];

/// Checks signatures against one access key. Any region is taken: there is only this one server.
#[derive(Clone)]
pub struct Verifier {
    key: AccessKey,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    /// Takes requests that are signed with `key`, within 15 minutes of `clock`.
    pub fn new(key: AccessKey, clock: Arc<dyn Clock>) -> Self {
        Self { key, clock }
    }

    /// Whether the headers name the access key, and a time that is now: what can be told before the body has come.
    ///
    /// # Errors
    /// As [`Verifier::verify`], which checks all of it once more, and the signature.
    pub fn recognise(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        self.claim(headers).map(drop)
    }

    /// Whether the request was signed with the access key.
    ///
    /// # Errors
    /// Status 403, with AWS's codes: `MissingAuthenticationTokenException`, `IncompleteSignatureException`,
    /// `UnrecognizedClientException`, `InvalidSignatureException`.
    pub fn verify(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), ApiError> {
        let (authorization, time) = self.claim(headers)?;
        let request = canonical::request(method, uri, headers, &authorization.signed_headers, body)?;
        let scope = authorization.scope();
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", canonical::hash(request.as_bytes()));
        let expected = canonical::hex(&self.signature(&authorization, text.as_bytes()));
        let matches: bool = expected.as_bytes().ct_eq(authorization.signature.as_bytes()).into();
        if matches {
            Ok(())
        } else {
            Err(invalid(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details.",
            ))
        }
    }

    /// What the headers say of who signed them, and when.
    fn claim(&self, headers: &HeaderMap) -> Result<(Authorization, String), ApiError> {
        let authorization = Authorization::read(headers)?;
        let known: bool = authorization.key_id.as_bytes().ct_eq(self.key.id().as_bytes()).into();
        // Temporary credentials come with a token; this server gives out none.
        if !known || headers.contains_key("x-amz-security-token") {
            return Err(denied(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ));
        }
        let (time, at) = header::time(headers)?;
        self.check_scope(&authorization, &time, at)?;
        for name in MUST_BE_SIGNED {
            if headers.contains_key(*name)
                && !authorization.signed_headers.iter().any(|signed| signed == name)
            {
                return Err(invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
            }
        }
        Ok((authorization, time))
    }

    fn check_scope(&self, authorization: &Authorization, time: &str, at: Timestamp) -> Result<(), ApiError> {
        if authorization.service != SERVICE {
            return Err(invalid(format!("Credential should be scoped to correct service: '{SERVICE}'.")));
        }
        if authorization.terminator != TERMINATOR {
            return Err(invalid(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}'."
            )));
        }
        if !time.starts_with(authorization.date.as_str()) {
            return Err(invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
            ));
        }
        let now = self.clock.now();
        let (earliest, latest) = (minus(now, SKEW), now.saturating_add(SKEW));
        let shown = header::basic_format;
        if at < earliest {
            return Err(invalid(format!(
                "Signature expired: {time} is now earlier than {} ({} - 15 min.)",
                shown(earliest),
                shown(now)
            )));
        }
        if at > latest {
            return Err(invalid(format!(
                "Signature not yet current: {time} is still later than {} ({} + 15 min.)",
                shown(latest),
                shown(now)
            )));
        }
        Ok(())
    }

    fn signature(&self, authorization: &Authorization, text: &[u8]) -> [u8; 32] {
        let start = first_key(self.key.secret());
        let date = mac(start.as_bytes(), authorization.date.as_bytes());
        let region = mac(&date, authorization.region.as_bytes());
        let service = mac(&region, authorization.service.as_bytes());
        mac(&mac(&service, authorization.terminator.as_bytes()), text)
    }
}

/// The first key of the derivation.
fn first_key(secret: &str) -> String {
    format!("AWS4{secret}")
}

fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn minus(at: Timestamp, duration: Duration) -> Timestamp {
    let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(at.as_millis().saturating_sub(millis))
}

fn denied(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(code, message).with_status(403)
}

fn invalid(message: impl Into<String>) -> ApiError {
    denied("InvalidSignatureException", message)
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("key", &self.key).finish_non_exhaustive()
    }
}
