//! Reading an execution's rows: from its last one back, link by link.

use super::EmbeddedJournal;
use super::append::seal_context;
use super::schema::by_key;
use crate::store::{Abort, ReadError};
use rusqlite::{Connection, OptionalExtension as _};
use tenantry_core::TenantId;
use tenantry_core::ports::{DataKeys as _, KeyPurpose};
use tenantry_engine::{ExecutionKey, JournalError, Row, RowPage};

/// Most rows of one read; rows never change, so the next read goes on where this one ended.
const ROWS_PER_READ: usize = 512;

/// Most links of one read, where only links are read.
const LINKS_PER_READ: usize = 8_192;

/// A row as it is stored.
struct Stored {
    payload: Vec<u8>,
    checkpoint: bool,
}

/// Some rows, newest first, and where they go on: 0 at the end.
struct Walk<T> {
    rows: Vec<T>,
    next: i64,
}

fn damaged(key: ExecutionKey, what: &str) -> Abort<JournalError> {
    Abort::Refused(JournalError::Damaged(format!("of execution {key}, {what}")))
}

pub(super) fn unread(error: ReadError<JournalError>) -> JournalError {
    match error {
        ReadError::Refused(error) => error,
        error => JournalError::Unavailable(error.to_string()),
    }
}

/// The execution's tenant and its last row.
fn head(
    connection: &Connection,
    key: ExecutionKey,
) -> Result<Option<(Option<TenantId>, i64)>, Abort<JournalError>> {
    let found: Option<(Option<String>, i64)> = connection
        .prepare_cached(
            "SELECT e.tenant_id, coalesce(o.last_seq, e.last_seq)
             FROM executions e LEFT JOIN open_executions o ON o.key = e.key WHERE e.key = ?1",
        )?
        .query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((tenant, last)) = found else { return Ok(None) };
    let tenant = tenant.map(|id| id.parse().map_err(|_| damaged(key, "the tenant is no id"))).transpose()?;
    Ok(Some((tenant, last)))
}

fn walk(
    connection: &Connection,
    key: ExecutionKey,
    from: i64,
    limit: usize,
    from_checkpoint: bool,
) -> Result<Walk<Stored>, Abort<JournalError>> {
    let mut statement = connection
        .prepare_cached("SELECT execution, prev, checkpoint, payload FROM journal WHERE seq = ?1")?;
    let mut walk = Walk { rows: Vec::new(), next: from };
    while walk.next != 0 && walk.rows.len() < limit {
        let found = statement
            .query_row([walk.next], |row| {
                let stored = Stored { checkpoint: row.get(2)?, payload: row.get(3)? };
                Ok((row.get::<_, u64>(0)?, row.get::<_, i64>(1)?, stored))
            })
            .optional()?;
        let Some((_, prev, stored)) =
            found.filter(|(execution, prev, _)| *execution == key && *prev < walk.next)
        else {
            return Err(damaged(key, &format!("row {} is missing", walk.next)));
        };
        walk.next = if from_checkpoint && stored.checkpoint { 0 } else { prev };
        walk.rows.push(stored);
    }
    Ok(walk)
}

fn walk_links(
    connection: &Connection,
    key: ExecutionKey,
    from: i64,
    limit: usize,
) -> Result<Walk<i64>, Abort<JournalError>> {
    let mut statement =
        connection.prepare_cached("SELECT prev FROM journal WHERE seq = ?1 AND execution = ?2")?;
    let mut walk = Walk { rows: Vec::new(), next: from };
    while walk.next != 0 && walk.rows.len() < limit {
        let prev: Option<i64> = statement.query_row((walk.next, key), |row| row.get(0)).optional()?;
        let Some(prev) = prev.filter(|prev| *prev < walk.next) else {
            return Err(damaged(key, &format!("row {} is missing", walk.next)));
        };
        walk.rows.push(walk.next);
        walk.next = prev;
    }
    Ok(walk)
}

impl EmbeddedJournal {
    pub(super) async fn read_rows(
        &self,
        key: ExecutionKey,
        from_checkpoint: bool,
    ) -> Result<Vec<Row>, JournalError> {
        if from_checkpoint {
            // The engine reads what it goes on from; what it appended before and was not kept is void.
            self.sessions.renew(key);
        }
        let begun = self
            .read(move |connection| {
                let Some((tenant, last)) = head(connection, key)? else { return Ok(None) };
                Ok(Some((tenant, walk(connection, key, last, ROWS_PER_READ, from_checkpoint)?)))
            })
            .await?;
        let Some((tenant, mut walked)) = begun else { return Ok(Vec::new()) };
        let mut rows = walked.rows;
        while walked.next != 0 {
            let next = walked.next;
            walked = self
                .read(move |connection| walk(connection, key, next, ROWS_PER_READ, from_checkpoint))
                .await?;
            rows.append(&mut walked.rows);
            walked.rows = Vec::new();
        }
        rows.reverse();
        self.open_rows(key, tenant, rows).await
    }

    pub(super) async fn read_page(
        &self,
        key: ExecutionKey,
        skip: usize,
        limit: usize,
        newest_first: bool,
    ) -> Result<RowPage, JournalError> {
        let Some((tenant, mut next)) = self.read(move |connection| head(connection, key)).await? else {
            return Ok(RowPage::default());
        };
        // One more than asked for tells whether there are more.
        let enough = if newest_first { skip.saturating_add(limit).saturating_add(1) } else { usize::MAX };
        let mut links = Vec::new();
        while next != 0 && links.len() < enough {
            let most = LINKS_PER_READ.min(enough - links.len());
            let mut walked = self.read(move |connection| walk_links(connection, key, next, most)).await?;
            links.append(&mut walked.rows);
            next = walked.next;
        }
        if !newest_first {
            links.reverse();
        }
        links.drain(..skip.min(links.len()));
        let more = links.len() > limit;
        links.truncate(limit);
        let mut rows = Vec::with_capacity(links.len());
        for links in links.chunks(ROWS_PER_READ) {
            let links = links.to_vec();
            let mut found = self.read(move |connection| fetch(connection, key, &links)).await?;
            rows.append(&mut found);
        }
        Ok(RowPage { rows: self.open_rows(key, tenant, rows).await?, more })
    }

    async fn open_rows(
        &self,
        key: ExecutionKey,
        tenant: Option<TenantId>,
        rows: Vec<Stored>,
    ) -> Result<Vec<Row>, JournalError> {
        let context = seal_context(key);
        let mut opened = Vec::with_capacity(rows.len());
        for Stored { payload, checkpoint } in rows {
            let payload = match &tenant {
                None => self.own.open(key, &payload)?,
                Some(tenant) => {
                    self.keys.open(tenant, KeyPurpose::Records, &context, &payload).await.map_err(by_key)?
                }
            };
            opened.push(Row { payload, checkpoint });
        }
        Ok(opened)
    }

    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, JournalError>
    where
        F: FnOnce(&Connection) -> Result<T, Abort<JournalError>> + Send + 'static,
        T: Send + 'static,
    {
        self.queues.store().read(work).await.map_err(unread)
    }
}

fn fetch(
    connection: &Connection,
    key: ExecutionKey,
    links: &[i64],
) -> Result<Vec<Stored>, Abort<JournalError>> {
    let mut statement =
        connection.prepare_cached("SELECT checkpoint, payload FROM journal WHERE seq = ?1")?;
    let fetch = |seq: &i64| {
        statement
            .query_row([seq], |row| Ok(Stored { checkpoint: row.get(0)?, payload: row.get(1)? }))
            .optional()?
            .ok_or_else(|| damaged(key, &format!("row {seq} is missing")))
    };
    links.iter().map(fetch).collect()
}
