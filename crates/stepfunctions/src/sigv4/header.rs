//! The headers of a signature: `Authorization`, and the time.

use super::{denied, invalid};
use crate::ApiError;
use axum::http::{HeaderMap, header};
use tenantry_core::Timestamp;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// `AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, SignedHeaders=a;b, Signature=<hex>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorization {
    pub(super) key_id: String,
    /// `YYYYMMDD`.
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) terminator: String,
    /// In lower case, in the order in which they were signed.
    pub(super) signed_headers: Vec<String>,
    /// Lower-case hex.
    pub(super) signature: String,
}

impl Authorization {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let value = value.map(str::trim).filter(|value| !value.is_empty());
        let value = value
            .ok_or_else(|| denied("MissingAuthenticationTokenException", "Missing Authentication Token"))?;
        let parameters = value
            .strip_prefix(ALGORITHM)
            .ok_or_else(|| incomplete(format!("Authorization header requires the algorithm {ALGORITHM}.")))?;
        let find = |wanted: &str| {
            parameters.split(',').find_map(|part| part.trim().strip_prefix(wanted)?.strip_prefix('='))
        };
        let (credential, signed, signature) = (find("Credential"), find("SignedHeaders"), find("Signature"));
        let missing: Vec<_> =
            [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed)]
                .into_iter()
                .filter(|(_, found)| found.is_none())
                .map(|(name, _)| format!("Authorization header requires '{name}' parameter."))
                .collect();
        let (Some(credential), Some(signed), Some(signature)) = (credential, signed, signature) else {
            return Err(incomplete(missing.join(" ")));
        };
        let parts: Vec<_> = credential.split('/').collect();
        let [key_id, date, region, service, terminator] = parts.as_slice() else {
            return Err(incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term.",
            ));
        };
        Ok(Self {
            key_id: (*key_id).to_owned(),
            date: (*date).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
            terminator: (*terminator).to_owned(),
            signed_headers: signed.split(';').map(str::to_ascii_lowercase).collect(),
            signature: signature.to_owned(),
        })
    }

    pub(super) fn scope(&self) -> String {
        let Self { date, region, service, terminator, .. } = self;
        format!("{date}/{region}/{service}/{terminator}")
    }
}

fn incomplete(message: impl Into<String>) -> ApiError {
    denied("IncompleteSignatureException", message)
}

/// When the request was signed, as it was written and as it is read: `X-Amz-Date`, in ISO 8601's basic format.
pub(super) fn time(headers: &HeaderMap) -> Result<(String, Timestamp), ApiError> {
    let text = headers.get("x-amz-date").and_then(|value| value.to_str().ok()).map(str::trim);
    let text = text.ok_or_else(|| {
        incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    })?;
    let at = read_basic_format(text).ok_or_else(|| {
        invalid(format!(
            "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ))
    })?;
    Ok((text.to_owned(), at))
}

/// `YYYYMMDDTHHMMSSZ`.
fn read_basic_format(text: &str) -> Option<Timestamp> {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if text.len() != 16 || text.get(8..9) != Some("T") || text.get(15..) != Some("Z") {
        return None;
    }
    let (date, time) = (digits(0..8)?, digits(9..15)?);
    let extended = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    );
    Timestamp::parse(&extended)
}

/// A time as signatures write it.
pub(super) fn basic_format(at: Timestamp) -> String {
    let extended = at.to_string();
    let seconds = extended.split('.').next().unwrap_or_default();
    let plain: String = seconds.chars().filter(|character| !"-:".contains(*character)).collect();
    format!("{plain}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_write_alike() {
        let at = read_basic_format("20150830T123600Z").unwrap();
        assert_eq!(at.to_string(), "2015-08-30T12:36:00.000Z");
        assert_eq!(basic_format(at), "20150830T123600Z");
        for bad in ["", "20150830T123600", "2015-08-30T12:36", "20151330T123600Z", "2015083éT12360Z"] {
            assert_eq!(read_basic_format(bad), None, "{bad}");
        }
    }
}
