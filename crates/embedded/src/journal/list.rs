//! Lists of executions, newest start first.

use super::EmbeddedJournal;
use super::schema::{COLUMNS, collect};
use crate::cursor;
use rusqlite::types::Value;
use tenantry_core::limits::PAGE_ITEMS_MAX;
use tenantry_core::ports::{ExecutionFilter, ExecutionPage, ExecutionStatus};
use tenantry_engine::JournalError;

/// What a cursor is bound to.
fn list_name(filter: &ExecutionFilter) -> String {
    let ExecutionFilter { workflow, status, tenant_id, name_prefix } = filter;
    // Debug quotes the texts, so that no two filters have one name.
    format!("executions {workflow:?} {status:?} {tenant_id:?} {name_prefix:?}")
}

/// The conditions of a filter, and their values from `?3` on. Without statistics SQLite cannot know which index is the
/// narrowest, so all but one condition are kept from it by a unary plus.
fn conditions(filter: &ExecutionFilter) -> (String, Vec<Value>) {
    let mut sql = String::new();
    let mut values = Vec::new();
    let mut indexed = false;
    let mut add = |column: &str, value: &str, extra: &str| {
        values.push(Value::Text(value.to_owned()));
        let plus = if std::mem::replace(&mut indexed, true) { "+" } else { "" };
        sql.push_str(&format!(" AND {plus}{column} = ?{}{extra}", values.len() + 2));
    };
    if let Some(tenant) = &filter.tenant_id {
        add("e.tenant_id", tenant.as_str(), "");
    }
    match filter.status {
        // Most are; the index leaves them out.
        Some(ExecutionStatus::Succeeded) => {}
        // The second condition is what tells SQLite that the partial index holds all of them.
        Some(status) => add("e.status", status.as_str(), " AND e.status <> 'succeeded'"),
        None => {}
    }
    if let Some(workflow) = &filter.workflow {
        add("e.workflow", workflow, "");
    }
    if filter.status == Some(ExecutionStatus::Succeeded) {
        sql.push_str(" AND +e.status = 'succeeded'");
    }
    if let Some(prefix) = &filter.name_prefix {
        sql.push_str(&format!(" AND +e.name >= ?{} AND +e.name < ?{}", values.len() + 3, values.len() + 4));
        values.push(Value::Text(prefix.clone()));
        // Greater than all that a name may hold.
        values.push(Value::Text(format!("{prefix}\u{10ffff}")));
    }
    // Names of Express executions alone hold a colon.
    sql.push_str(" AND instr(e.name, ':') = 0");
    (sql, values)
}

/// The page's SQL: `?1` is the key to stay below, `?2` the number of rows.
fn page_sql(conditions: &str) -> String {
    format!("SELECT {COLUMNS} FROM executions e WHERE e.key < ?1{conditions} ORDER BY e.key DESC LIMIT ?2")
}

impl EmbeddedJournal {
    pub(super) async fn list_page(
        &self,
        filter: ExecutionFilter,
        after: Option<String>,
        limit: usize,
    ) -> Result<ExecutionPage, JournalError> {
        let list = list_name(&filter);
        let below: i64 = match after {
            None => i64::MAX,
            Some(after) => cursor::decode(&list, &after)
                .and_then(|place| place.parse().ok())
                .ok_or_else(|| JournalError::Refused(cursor::FOREIGN.to_owned()))?,
        };
        let limit = limit.clamp(1, PAGE_ITEMS_MAX);
        let mut found = self
            .read(move |connection| {
                let (conditions, values) = conditions(&filter);
                let rows = i64::try_from(limit + 1).unwrap_or(i64::MAX);
                let values = [Value::Integer(below), Value::Integer(rows)].into_iter().chain(values);
                let mut statement = connection.prepare_cached(&page_sql(&conditions))?;
                collect(statement.query(rusqlite::params_from_iter(values))?)
            })
            .await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next =
            if more { found.last().map(|last| cursor::encode(&list, &last.key.to_string())) } else { None };
        Ok(ExecutionPage { items: found.into_iter().map(|execution| execution.summary).collect(), next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;
    use tenantry_core::TenantId;

    #[test]
    fn every_filter_has_an_index_and_needs_no_sorting() {
        let connection = Connection::open_in_memory().unwrap();
        for step in super::super::schema::SCHEMA {
            connection.execute_batch(step).unwrap();
        }
        let tenant = Some(TenantId::from_uuid(uuid::Uuid::from_u128(7)));
        let workflow = Some("w".to_owned());
        for (filter, index) in [
            (ExecutionFilter::default(), "USING INTEGER PRIMARY KEY (rowid<?)"),
            (ExecutionFilter { tenant_id: tenant.clone(), ..Default::default() }, "executions_by_tenant"),
            (ExecutionFilter { workflow: workflow.clone(), ..Default::default() }, "executions_by_workflow"),
            (
                ExecutionFilter { status: Some(ExecutionStatus::Running), ..Default::default() },
                "executions_by_status",
            ),
            (
                ExecutionFilter { status: Some(ExecutionStatus::Succeeded), ..Default::default() },
                "USING INTEGER PRIMARY KEY (rowid<?)",
            ),
            (
                ExecutionFilter {
                    status: Some(ExecutionStatus::Failed),
                    workflow: workflow.clone(),
                    ..Default::default()
                },
                "executions_by_status",
            ),
            (
                ExecutionFilter {
                    status: Some(ExecutionStatus::Succeeded),
                    workflow: workflow.clone(),
                    ..Default::default()
                },
                "executions_by_workflow",
            ),
            (
                ExecutionFilter {
                    workflow: workflow.clone(),
                    name_prefix: Some("run-".to_owned()),
                    ..Default::default()
                },
                "executions_by_workflow",
            ),
            (
                ExecutionFilter {
                    status: Some(ExecutionStatus::Failed),
                    workflow,
                    tenant_id: tenant,
                    name_prefix: None,
                },
                "executions_by_tenant",
            ),
        ] {
            let (conditions, values) = conditions(&filter);
            let all = [Value::Integer(1), Value::Integer(1)].into_iter().chain(values);
            let plan: Vec<String> = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {}", page_sql(&conditions)))
                .unwrap()
                .query_map(rusqlite::params_from_iter(all), |row| row.get(3))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert!(plan.len() == 1 && plan[0].contains(index), "{filter:?}: {plan:?}");
        }
    }
}
