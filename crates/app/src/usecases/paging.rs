//! Pages of lists.

use super::{App, cursor};
use serde::Serialize;
use tenantry_core::keys::Range;
use tenantry_core::ports::{Item, Query};
use tenantry_core::{Error, ErrorCode, Result, limits};

/// Which page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Items, 1 to [`limits::PAGE_ITEMS_MAX`].
    pub limit: Option<u64>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl PageRequest {
    /// Items of the page; [`limits::PAGE_ITEMS_DEFAULT`] where none is named.
    pub(super) fn limit(&self) -> Result<usize> {
        let limit = self
            .limit
            .map_or(limits::PAGE_ITEMS_DEFAULT, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        if (1..=limits::PAGE_ITEMS_MAX).contains(&limit) {
            return Ok(limit);
        }
        let text = format!("limit is {limit}; it must be from 1 to {}.", limits::PAGE_ITEMS_MAX);
        Err(Error::new(ErrorCode::InvalidQuery, text).with_field("limit"))
    }

    /// The place to go on after, where the cursor belongs to `query`.
    pub(super) fn after(&self, query: &str) -> Result<Option<String>> {
        self.cursor.as_deref().map(|text| cursor::decode(query, text)).transpose()
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listing<T> {
    /// The items.
    pub items: Vec<T>,
    /// To ask for the next page with; null at the end. A page may be shorter than asked for though more follows.
    pub next_cursor: Option<String>,
}

impl<T> Listing<T> {
    /// A page that goes on after `place`.
    pub(super) fn new(items: Vec<T>, query: &str, place: Option<&str>) -> Self {
        Self { items, next_cursor: place.map(|place| cursor::encode(query, place)) }
    }
}

impl App {
    /// A page of the rows of a primary range, each made into a view.
    pub(super) async fn page<T>(
        &self,
        query: &str,
        range: Range,
        descending: bool,
        page: &PageRequest,
        view: impl Fn(&Item) -> Result<T>,
    ) -> Result<Listing<T>> {
        let request = Query::primary(range, page.limit()?).after(page.after(query)?);
        let request = if descending { request.descending() } else { request };
        let found = self.ports.table.query(request).await?;
        let items = found.items.iter().map(view).collect::<Result<Vec<T>>>()?;
        Ok(Listing::new(items, query, found.next.as_deref()))
    }

    /// Every row of a primary range that is known to be small.
    pub(super) async fn all(&self, range: Range, after: Option<String>) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        let mut after = after;
        loop {
            let query = Query::primary(range.clone(), limits::PAGE_ITEMS_MAX).after(after);
            let page = self.ports.table.query(query).await?;
            items.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(items),
            }
        }
    }
}
