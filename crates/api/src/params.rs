//! Path segments and query parameters.

use super::problem::{Refusal, shown};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::str::FromStr;
use tenantry_app::usecases::PageRequest;
use tenantry_core::{Error, ErrorCode, Result};
use utoipa::IntoParams;

/// An id in the address.
pub(crate) struct Id<T>(pub(crate) T);

fn invalid_id(text: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidId, format!("{text}."))
}

impl<T: FromStr<Err: std::fmt::Display>, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|_| invalid_id("The id is not UTF-8"))?;
        text.parse().map(Id).map_err(|error| invalid_id(error).into())
    }
}

/// A queue and the id of one of its dead letters.
pub(crate) struct Letter<T> {
    pub(crate) queue: String,
    pub(crate) id: T,
}

impl<T: FromStr<Err: std::fmt::Display>, S: Send + Sync> FromRequestParts<S> for Letter<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((queue, text)) = path.map_err(|_| invalid_id("The id is not UTF-8"))?;
        let id = text.parse().map_err(invalid_id)?;
        Ok(Self { queue, id })
    }
}

/// Query parameters; one that the address does not have is refused.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let Query(value) = Query::<T>::try_from_uri(&parts.uri).map_err(|rejection| {
            let text = rejection.body_text();
            let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            let quoted = reason.split('`').nth(1);
            let named = reason.split_once(": ").map(|(name, _)| name).filter(|name| !name.contains(' '));
            let field = named.or(quoted).unwrap_or_default();
            let detail: String = reason.chars().take(300).collect();
            Error::new(ErrorCode::InvalidQuery, format!("{detail}.")).with_field(field)
        })?;
        Ok(Self(value))
    }
}

/// Reads a parameter; its own error says what is wrong with it.
pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(
    name: &str,
    text: Option<&str>,
) -> Result<Option<T>> {
    let parse = |text: &str| {
        text.parse().map_err(|error| {
            Error::new(ErrorCode::InvalidQuery, format!("{name}: {error}.")).with_field(name)
        })
    };
    text.map(parse).transpose()
}

/// Reads a parameter that is one of some words.
pub(crate) fn word<T>(name: &str, text: Option<&str>, known: &[(&'static str, T)]) -> Result<Option<T>>
where
    T: Copy,
{
    let Some(text) = text else { return Ok(None) };
    let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.map(Some).ok_or_else(|| {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let detail = format!("{name} is {}; it must be one of: {}.", shown(text), words.join(", "));
        Error::new(ErrorCode::InvalidQuery, detail).with_field(name)
    })
}

/// No parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParams {}

/// The parameters of a list without filters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// Items of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

impl PageParams {
    pub(crate) fn page(self) -> PageRequest {
        PageRequest { limit: self.limit, cursor: self.cursor }
    }
}
