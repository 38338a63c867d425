//! Pages: a range of one partition, of the table or of an index.

use super::rows::{self, COLUMNS, Stored};
use crate::store::Abort;
use rusqlite::Connection;
use rusqlite::types::ToSql;
use tenantry_core::ports::{Index, Item, Page, PortError, Query, QueryRange};
use tenantry_core::{Timestamp, limits};

/// A page ends after the item with which it passes this size (as DynamoDB's does:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>).
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// A query with its bounds worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) index: Option<Index>,
    pub(super) pk: String,
    /// The first sort key that may be seen.
    pub(super) from: String,
    /// The first sort key behind those that may be seen; none where there is no end.
    pub(super) until: Option<String>,
    /// Not seen itself, nor what lies on its wrong side.
    pub(super) after: Option<String>,
    pub(super) descending: bool,
    pub(super) limit: usize,
}

impl Span {
    pub(super) fn of(query: Query) -> Self {
        let (index, pk, prefix) = match query.range {
            QueryRange::Primary(range) => (None, range.pk().to_owned(), range.sk_prefix().to_owned()),
            QueryRange::Index { index, pk, sk_prefix } => (Some(index), pk, sk_prefix),
        };
        Span {
            index,
            pk,
            until: successor(&prefix),
            from: prefix,
            after: query.after,
            descending: query.descending,
            limit: query.limit.clamp(1, limits::PAGE_ITEMS_MAX),
        }
    }

    /// The sort key by which this span is ordered.
    pub(super) fn sort_key<'a>(&self, item: &'a Item) -> &'a str {
        match self.index {
            None => item.key.sk(),
            Some(index) => item.indexes.get(&index).map_or("", |key| key.sk.as_str()),
        }
    }
}

/// The smallest text that is greater than every text that begins with `prefix`; none where there is none. UTF-8 sorts
/// by code point, so it is the prefix with its last character that can be raised, raised.
fn successor(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        if last < char::MAX {
            // Over the surrogates, which are no characters.
            let next = char::from_u32(last as u32 + 1).unwrap_or('\u{E000}');
            text.push(next);
            return Some(text);
        }
    }
    None
}

pub(super) fn page(connection: &Connection, span: &Span, now: Timestamp) -> Result<Page, Abort<PortError>> {
    let mut statement = connection.prepare_cached(&sql(span))?;
    let now = now.as_seconds();
    let limit = i64::try_from(span.limit + 1).unwrap_or(i64::MAX);
    let mut parameters: Vec<(&str, &dyn ToSql)> =
        vec![(":pk", &span.pk), (":from", &span.from), (":now", &now), (":limit", &limit)];
    if let Some(until) = &span.until {
        parameters.push((":until", until));
    }
    if let Some(after) = &span.after {
        parameters.push((":after", after));
    }
    let mut rows = statement.query(parameters.as_slice())?;
    let mut page = Page::default();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        if page.items.len() == span.limit || bytes > PAGE_BYTES_MAX {
            page.next = page.items.last().map(|item| span.sort_key(item).to_owned());
            break;
        }
        let Stored { item, document_bytes } = rows::item(row)?;
        bytes += document_bytes;
        page.items.push(item);
    }
    Ok(page)
}

fn sql(span: &Span) -> String {
    let (pk, sk) = match span.index {
        None => ("pk", "sk"),
        Some(Index::One) => ("pk1", "sk1"),
        Some(Index::Two) => ("pk2", "sk2"),
        Some(Index::Three) => ("pk3", "sk3"),
    };
    let until = if span.until.is_some() { format!(" AND {sk} < :until") } else { String::new() };
    let after = match (&span.after, span.descending) {
        (None, _) => String::new(),
        (Some(_), false) => format!(" AND {sk} > :after"),
        (Some(_), true) => format!(" AND {sk} < :after"),
    };
    let order = if span.descending { "DESC" } else { "ASC" };
    format!(
        "SELECT {COLUMNS} FROM items WHERE {pk} = :pk AND {sk} >= :from{until}{after}
         AND (expires_at IS NULL OR expires_at > :now) ORDER BY {sk} {order} LIMIT :limit"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn successors() {
        assert_eq!(successor(""), None);
        assert_eq!(successor("A#"), Some("A$".to_owned()));
        assert_eq!(successor("a\u{D7FF}"), Some("a\u{E000}".to_owned()));
        assert_eq!(successor("a\u{10FFFF}"), Some("b".to_owned()));
        assert_eq!(successor("\u{10FFFF}\u{10FFFF}"), None);
    }

    proptest! {
        #[test]
        fn a_span_holds_exactly_what_begins_with_its_prefix(prefix: String, text: String) {
            let until = successor(&prefix);
            let inside = text >= prefix && until.is_none_or(|until| text < until);
            prop_assert_eq!(inside, text.starts_with(&prefix));
            let longer = format!("{prefix}{text}");
            prop_assert!(longer >= prefix && successor(&prefix).is_none_or(|until| longer < until));
        }
    }

    #[test]
    fn every_query_is_answered_from_an_index() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(rows::SCHEMA[0]).unwrap();
        for index in [None, Some(Index::One), Some(Index::Two), Some(Index::Three)] {
            for (descending, after, until) in
                [(false, None, None), (true, Some("a".to_owned()), Some("b".to_owned()))]
            {
                let span = Span {
                    index,
                    pk: String::new(),
                    from: String::new(),
                    until,
                    after,
                    descending,
                    limit: 1,
                };
                let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", sql(&span))).unwrap();
                let mut steps = explain.raw_query();
                let mut plan: Vec<String> = Vec::new();
                while let Some(step) = steps.next().unwrap() {
                    plan.push(step.get(3).unwrap());
                }
                assert_eq!(plan.len(), 1, "{plan:?}");
                assert!(plan[0].starts_with("SEARCH items USING"), "{plan:?}");
            }
        }
    }
}
