//! The canonical form of a request: what both sides hash.

use super::invalid;
use crate::ApiError;
use axum::http::{HeaderMap, Method, Uri};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256, in hex.
pub(super) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The canonical request, with the body's own hash: what the caller says of it is not believed.
///
/// # Errors
/// A header that was signed is not there, or is no text.
pub(super) fn request(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    signed: &[String],
    body: &[u8],
) -> Result<String, ApiError> {
    let mut text = format!("{method}\n{}\n{}\n", path(uri.path()), query(uri.query().unwrap_or_default()));
    for name in signed {
        let mut values = Vec::new();
        for value in headers.get_all(name.as_str()) {
            let value = value.to_str().map_err(|_| invalid(format!("The header '{name}' is no text.")))?;
            values.push(value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
        }
        // In HTTP/2 the host stands in the address.
        if values.is_empty()
            && name == "host"
            && let Some(authority) = uri.authority()
        {
            values.push(authority.as_str().to_owned());
        }
        if values.is_empty() {
            return Err(invalid(format!("The signed header '{name}' is not in the request.")));
        }
        let _ = writeln!(text, "{name}:{}", values.join(","));
    }
    let _ = write!(text, "\n{}\n{}", signed.join(";"), hash(body));
    Ok(text)
}

/// Each segment encoded once more than it was sent, as for every service but S3.
fn path(path: &str) -> String {
    let path = if path.is_empty() { "/" } else { path };
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

/// Parameters as they were sent, in order.
fn query(query: &str) -> String {
    let mut parameters: Vec<_> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| if parameter.contains('=') { parameter.to_owned() } else { format!("{parameter}=") })
        .collect();
    parameters.sort_unstable();
    parameters.join("&")
}

/// RFC 3986's unreserved characters stay.
fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
