//! The archive's rows, and their positions.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, named_params, params};
use tenantry_core::Timestamp;
use tenantry_core::ports::{ArchivedEvent, BusEvent, EventFilter};

/// `position` ascends in the order of publication. The detail stands last: it may fill pages of its own.
pub(super) const SCHEMA: &[&str] = &["CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    tenant_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    type TEXT NOT NULL,
    source TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_tenant ON events (tenant_id, sequence);
CREATE TABLE rules (
    subscription_id TEXT PRIMARY KEY,
    pattern TEXT NOT NULL
) STRICT, WITHOUT ROWID"];

/// Most rows that one read looks at: where a filter matches little, pages are short rather than reads long.
const SCAN_ROWS_MAX: i64 = 5_000;

const COLUMNS: &str = "position, event_id, tenant_id, sequence, type, source, occurred_at, detail";

/// A row's number.
pub(super) type Position = i64;

/// A position as callers see it: it sorts as text in the order of publication.
pub(super) fn write_position(position: Position) -> String {
    format!("p{position:016x}")
}

/// The position that a text names; `None` where none was ever written so.
pub(super) fn read_position(text: &str) -> Option<Position> {
    let position = Position::from_str_radix(text.strip_prefix('p')?, 16).ok()?;
    (position >= 0 && write_position(position) == text).then_some(position)
}

/// Archives an event: its position, or `None` where it is there already.
pub(super) fn insert(
    tx: &Transaction<'_>,
    event: &BusEvent,
    sequence: i64,
) -> rusqlite::Result<Option<Position>> {
    let known =
        tx.prepare_cached("SELECT 1 FROM events WHERE event_id = ?1")?.exists([event.event_id.as_str()])?;
    if known {
        return Ok(None);
    }
    tx.prepare_cached(
        "INSERT INTO events (event_id, tenant_id, sequence, type, source, occurred_at, detail)
             VALUES (:event_id, :tenant_id, :sequence, :type, :source, :occurred_at, :detail)",
    )?
    .execute(named_params! {
        ":event_id": event.event_id.as_str(),
        ":tenant_id": event.tenant_id.as_str(),
        ":sequence": sequence,
        ":type": event.detail_type,
        ":source": event.source,
        ":occurred_at": event.occurred_at.as_millis(),
        ":detail": event.detail.to_string(),
    })?;
    Ok(Some(tx.last_insert_rowid()))
}

/// The last position; 0 in an empty archive.
pub(super) fn last(connection: &Connection) -> rusqlite::Result<Position> {
    let last = connection
        .prepare_cached("SELECT position FROM events ORDER BY position DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or(0))
}

/// What one read found.
pub(super) struct Scan {
    pub(super) found: Vec<(Position, BusEvent)>,
    /// Up to where it looked; the start where nothing was there.
    pub(super) read_up_to: Position,
    /// Whether rows lie beyond that.
    pub(super) more: bool,
}

/// Reads on after a position, up to `limit` matching events and some number of others. On one snapshot.
pub(super) fn scan(
    connection: &Connection,
    after: Position,
    filter: &EventFilter,
    limit: usize,
) -> rusqlite::Result<Scan> {
    let last = last(connection)?.max(after);
    // A tenant's events are few, and found by their index; all others are walked.
    let bound = match filter.tenant_id {
        Some(_) => last,
        None => last.min(after.saturating_add(SCAN_ROWS_MAX)),
    };
    let event_type = filter.event_type.as_deref();
    let found: Vec<_> = match &filter.tenant_id {
        None => connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM events
                 WHERE position > ?1 AND position <= ?2 AND (?3 IS NULL OR type = ?3)
                 ORDER BY position LIMIT ?4"
            ))?
            .query_map(params![after, bound, event_type, limit], archived)?
            .collect::<Result<_, _>>()?,
        Some(tenant) => connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM events WHERE position IN (
                     SELECT position FROM events INDEXED BY events_by_tenant
                     WHERE tenant_id = ?5 AND position > ?1 AND position <= ?2 AND (?3 IS NULL OR type = ?3)
                     ORDER BY position LIMIT ?4
                 ) ORDER BY position"
            ))?
            .query_map(params![after, bound, event_type, limit, tenant.as_str()], archived)?
            .collect::<Result<_, _>>()?,
    };
    let read_up_to = match found.last() {
        Some((position, _)) if found.len() >= limit => *position,
        _ => bound,
    };
    Ok(Scan { more: read_up_to < last, found, read_up_to })
}

fn archived(row: &Row<'_>) -> rusqlite::Result<(Position, BusEvent)> {
    let event = BusEvent {
        event_id: parsed(row, 1)?,
        tenant_id: parsed(row, 2)?,
        sequence: row.get(3)?,
        detail_type: row.get(4)?,
        source: row.get(5)?,
        occurred_at: Timestamp::from_millis(row.get(6)?),
        detail: serde_json::from_str(row.get_ref(7)?.as_str()?).map_err(|error| damaged(7, error))?,
    };
    Ok((row.get(0)?, event))
}

fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.get_ref(column)?.as_str()?.parse().map_err(|error| damaged(column, error))
}

fn damaged(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

/// An event as pages show it.
pub(super) fn shown((position, event): (Position, BusEvent)) -> ArchivedEvent {
    ArchivedEvent { position: write_position(position), event }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn positions_sort_as_texts_and_nothing_else_is_one(a in 0..Position::MAX, b in 0..Position::MAX, text in ".{0,20}") {
            prop_assert_eq!(read_position(&write_position(a)), Some(a));
            prop_assert_eq!(a.cmp(&b), write_position(a).cmp(&write_position(b)));
            prop_assert_eq!(read_position(&text), None);
        }
    }

    #[test]
    fn near_misses_are_refused() {
        for text in [
            "",
            "p",
            "p1",
            "p000000000000000G",
            "p+00000000000000a",
            "p-000000000000001",
            "pffffffffffffffff",
        ] {
            assert_eq!(read_position(text), None, "{text}");
        }
        assert_eq!(read_position("p000000000000000a"), Some(10));
        assert_eq!(read_position("p000000000000000A"), None);
    }
}
