//! Request bodies: JSON of at most 1 MiB, whole or in chunks, with no field that the request does not have.

use super::problem::{Refusal, shown};
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use tenantry_core::{Error, ErrorCode, Result, limits};

/// A body that must be there.
pub(crate) struct Json<T> {
    /// As it is used.
    pub(crate) value: T,
    /// As it came: what an `Idempotency-Key` is bound to.
    pub(crate) canonical: Value,
}

/// A body that may be left out, which means `{}`.
pub(crate) struct OptionalJson<T>(pub(crate) Json<T>);

/// No fields.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

fn too_large() -> Error {
    let detail = format!(
        "The body has more than {} bytes. Nothing was done; send less at once.",
        limits::REQUEST_BODY_BYTES_MAX
    );
    Error::new(ErrorCode::BodyTooLarge, detail)
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>> {
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limits::REQUEST_BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| {
            Error::new(ErrorCode::MalformedJson, "The body broke off before its end. Nothing was done.")
                .with_source(error)
        })?;
        if bytes.len() + chunk.len() > limits::REQUEST_BODY_BYTES_MAX {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// `application/json`, or a `+json` type.
fn check_media_type(headers: &HeaderMap) -> Result<()> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let json = essence == "application/json"
        || essence.strip_prefix("application/").is_some_and(|rest| rest.ends_with("+json"));
    if json {
        return Ok(());
    }
    let found = if value.is_empty() { "none".to_owned() } else { shown(value) };
    let detail =
        format!("The body must be JSON, with the header `Content-Type: application/json`; found {found}.");
    Err(Error::new(ErrorCode::UnsupportedMediaType, detail).with_field("Content-Type"))
}

fn malformed(error: &serde_json::Error) -> Error {
    // serde_json ends its messages with the place, which is said better in front.
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    let detail = format!("Line {}, column {}: {reason}.", error.line(), error.column());
    Error::new(ErrorCode::MalformedJson, detail)
}

/// The pointer (RFC 6901) to where a path of serde leads.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn mismatch(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let inner = error.inner();
    let text = inner.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    let mut place = pointer(error.path());
    let code =
        if reason.starts_with("unknown field") { ErrorCode::UnknownField } else { ErrorCode::WrongType };
    // These are named in the message alone; the path leads to the object around them.
    let named = ["missing field `", "duplicate field `"].iter().find_map(|start| reason.strip_prefix(start));
    if let Some(name) = named.and_then(|rest| rest.strip_suffix('`')) {
        place.push('/');
        place.push_str(name);
    }
    let at = if place.is_empty() { "the body".to_owned() } else { place.clone() };
    let detail = format!("Line {}, column {}, {at}: {reason}.", inner.line(), inner.column());
    Error::new(code, detail).with_field(place)
}

/// Reads a text that was found to be JSON as `T`.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, Value)> {
    // The whole text first: what comes after a wrong field may be no JSON at all, and that is the greater mistake.
    let canonical: Value = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value =
        serde_path_to_error::deserialize(&mut reader).map_err(|error| match error.inner().classify() {
            Category::Data => mismatch(&error),
            Category::Io | Category::Syntax | Category::Eof => malformed(error.inner()),
        })?;
    Ok((value, canonical))
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        check_media_type(&parts.headers)?;
        let bytes = read(&parts.headers, body).await?;
        let (value, canonical) = parse(&bytes)?;
        Ok(Self { value, canonical })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body).await?;
        let (value, canonical) = if bytes.is_empty() {
            parse(b"{}")?
        } else {
            check_media_type(&parts.headers)?;
            parse(&bytes)?
        };
        Ok(Self(Json { value, canonical }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Inner {
        #[serde(rename = "size")]
        _size: u64,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "name")]
        _name: String,
        #[serde(default, rename = "inner")]
        _inner: Vec<Inner>,
        #[serde(default, rename = "notes")]
        _notes: BTreeMap<String, String>,
    }

    #[test]
    fn each_mistake_has_its_code_field_and_place() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for (text, code, field, place) in [
            ("", ErrorCode::MalformedJson, None, "Line 1, column 0"),
            ("{\n \"name\": }", ErrorCode::MalformedJson, None, "Line 2, column 10"),
            ("{\"name\": \"a\"} x", ErrorCode::MalformedJson, None, "Line 1, column 15"),
            ("{\"name\": \"a\"", ErrorCode::MalformedJson, None, "Line 1, column 12"),
            ("{\"name\": 1, \"b\": }", ErrorCode::MalformedJson, None, "Line 1, column 18"),
            ("{\"name\": \"\u{1}\"}", ErrorCode::MalformedJson, None, "Line 1"),
            (&deep, ErrorCode::MalformedJson, None, "Line 1"),
            ("[]", ErrorCode::WrongType, Some("/name"), ""),
            ("null", ErrorCode::WrongType, Some(""), "the body"),
            ("{}", ErrorCode::WrongType, Some("/name"), ""),
            ("{\"name\": null}", ErrorCode::WrongType, Some("/name"), "Line 1"),
            ("{\"name\": 1}", ErrorCode::WrongType, Some("/name"), "Line 1, column 10"),
            ("{\"name\": \"a\", \"nom\": 1}", ErrorCode::UnknownField, Some("/nom"), "Line 1"),
            ("{\"name\": \"a\", \"name\": \"b\"}", ErrorCode::WrongType, Some("/name"), "duplicate"),
            (
                "{\"name\": \"a\", \"inner\": [{\"size\": 1}, {\"size\": -1}]}",
                ErrorCode::WrongType,
                Some("/inner/1/size"),
                "",
            ),
            ("{\"name\": \"a\", \"inner\": [{}]}", ErrorCode::WrongType, Some("/inner/0/size"), ""),
            ("{\"name\": \"a\", \"notes\": {\"a/b\": 1}}", ErrorCode::WrongType, Some("/notes/a~1b"), ""),
        ] {
            let error = parse::<Outer>(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), code, "{text}: {error}");
            assert!(error.detail().contains(place), "{text}: {error}");
            if text != "[]" {
                assert_eq!(error.field(), field, "{text}: {error}");
            }
        }
    }
}
