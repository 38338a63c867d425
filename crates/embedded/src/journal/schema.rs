//! The journal's tables.

use crate::store::Abort;
use rusqlite::Row;
use tenantry_core::ports::{ExecutionStatus, ExecutionSummary, PortError};
use tenantry_core::{ExecutionId, Timestamp};
use tenantry_engine::{JournalError, StoredExecution};

/// `journal` is append-only; `prev` is the execution's row before, 0 for none. There is no index on the execution: it
/// costs each append a random page (measured: 5 to 19 % of all throughput), and readers only ever walk back from the
/// last row. That one stands in `open_executions` while the execution runs, and in `executions` once it is closed, so
/// that `executions` with its indexes is written at start and end alone.
///
/// `executions.key` is never used twice, also after the newest were deleted. Its indexes end in the key by themselves.
/// `journal_key` has one row. `express_executions` finds those that are forgotten soon. Few executions are in another state than `succeeded`, so that index is small; for `succeeded` the table is walked.
pub(super) const SCHEMA: &[&str] = &[
    "CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    execution INTEGER NOT NULL,
    prev INTEGER NOT NULL,
    checkpoint INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE TABLE executions (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow TEXT NOT NULL,
    name TEXT NOT NULL,
    tenant_id TEXT,
    status TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    redrive_count INTEGER NOT NULL,
    definition_hash TEXT NOT NULL,
    input_hash TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    UNIQUE (workflow, name)
) STRICT;
CREATE INDEX executions_by_workflow ON executions (workflow);
CREATE INDEX executions_by_tenant ON executions (tenant_id) WHERE tenant_id IS NOT NULL;
CREATE INDEX executions_by_status ON executions (status) WHERE status <> 'succeeded';
CREATE TABLE open_executions (
    key INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE forgotten_executions (
    key INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE definitions (
    hash TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT",
    "CREATE INDEX express_executions ON executions (key) WHERE instr(name, ':') > 0",
    "CREATE TABLE journal_key (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    wrapped BLOB NOT NULL
) STRICT",
];

/// The columns of `executions e` that [`stored`] reads, in its order.
pub(super) const COLUMNS: &str = "e.key, e.workflow, e.name, e.tenant_id, e.status, e.started_at, e.ended_at, \
                                  e.redrive_count, e.definition_hash, e.input_hash";

pub(super) fn stored(row: &Row<'_>) -> Result<StoredExecution, Abort<JournalError>> {
    let key: u64 = row.get(0)?;
    let damaged = |what: &str| {
        Abort::Refused(JournalError::Damaged(format!("the record of execution {key} has no readable {what}")))
    };
    let (workflow, name) = (row.get_ref(1)?, row.get_ref(2)?);
    let id = match (workflow.as_str(), name.as_str()) {
        (Ok(workflow), Ok(name)) => ExecutionId::new(workflow, name).map_err(|_| damaged("id"))?,
        _ => return Err(damaged("id")),
    };
    let tenant: Option<String> = row.get(3)?;
    let status: String = row.get(4)?;
    let ended_at: Option<i64> = row.get(6)?;
    Ok(StoredExecution {
        key,
        summary: ExecutionSummary {
            id,
            tenant_id: tenant.map(|id| id.parse().map_err(|_| damaged("tenant"))).transpose()?,
            status: ExecutionStatus::parse(&status).ok_or_else(|| damaged("status"))?,
            started_at: Timestamp::from_millis(row.get(5)?),
            ended_at: ended_at.map(Timestamp::from_millis),
            redrive_count: row.get(7)?,
        },
        definition_hash: row.get(8)?,
        input_hash: row.get(9)?,
    })
}

/// All rows of a query as executions.
pub(super) fn collect(mut rows: rusqlite::Rows<'_>) -> Result<Vec<StoredExecution>, Abort<JournalError>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(stored(row)?);
    }
    Ok(found)
}

/// What the engine hears of a key that is missing or does not fit.
pub(super) fn by_key(error: PortError) -> JournalError {
    match error {
        PortError::Unavailable { message, .. } => JournalError::Unavailable(message),
        PortError::NotFound { .. } | PortError::Refused { .. } | PortError::Damaged { .. } => {
            JournalError::Damaged(error.to_string())
        }
    }
}
