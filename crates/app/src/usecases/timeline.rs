//! A tenant's timeline: what was asked, done, told and written down, in the order of time, newest last.

use super::status::Row;
use super::{App, Listing, PageRequest, cursor};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tenantry_core::keys::Range;
use tenantry_core::model::{Operation, ProgressState};
use tenantry_core::ports::{Item, Query};
use tenantry_core::{Error, ErrorCode, Result, TenantId, Timestamp};
use tenantry_events::Envelope;
use tenantry_events::ledger::AuditEntry;

use super::views::ErrorView;

/// One line of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `operation`, `step`, `event` or `audit`.
    #[schema(example = "step")]
    pub kind: &'static str,
    /// What, in one line.
    pub summary: String,
    /// The operation that it belongs to.
    #[schema(value_type = Option<String>)]
    pub operation_id: Option<tenantry_core::OperationId>,
    /// Who did it.
    pub actor: Option<String>,
    /// The operation's attempt.
    pub attempt: Option<u64>,
    /// The step: the state's name in the workflow.
    pub step: Option<String>,
    /// The part of the step, such as a service's id.
    pub part: Option<String>,
    /// The step's try.
    #[serde(rename = "try")]
    pub try_number: Option<u64>,
    /// `running`, `waiting`, `failed` or `succeeded`.
    pub state: Option<&'static str>,
    /// The event's id.
    pub event_id: Option<String>,
    /// The event's number within the tenant.
    pub sequence: Option<u64>,
    /// Why, in the actor's words.
    pub reason: Option<String>,
    /// What failed.
    pub error: Option<ErrorView>,
}

impl TimelineEntry {
    fn new(at: Timestamp, kind: &'static str, summary: String) -> Self {
        Self {
            at,
            kind,
            summary,
            operation_id: None,
            actor: None,
            attempt: None,
            step: None,
            part: None,
            try_number: None,
            state: None,
            event_id: None,
            sequence: None,
            reason: None,
            error: None,
        }
    }
}

/// An entry with what orders it: time, then kind, then the row's key.
#[derive(Debug, Clone)]
struct Placed {
    place: (Timestamp, u8, String),
    entry: TimelineEntry,
}

/// Where a page ended: the last entry of the rows that are read whole, and how far each log was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Place {
    last: Option<(Timestamp, u8, String)>,
    events: Option<String>,
    audit: Option<String>,
}

/// Of an operation whose errors were opened.
fn of_operation(sort_key: &str, operation: &Operation) -> Vec<Placed> {
    let base = |at, summary| TimelineEntry {
        operation_id: Some(operation.operation_id.clone()),
        attempt: Some(operation.attempt),
        ..TimelineEntry::new(at, "operation", summary)
    };
    let kind = operation.kind.as_str();
    let asked = TimelineEntry {
        actor: Some(operation.requested_by.clone()),
        attempt: None,
        ..base(operation.created_at, format!("{kind} was asked for"))
    };
    let mut entries = vec![asked];
    if let Some(at) = operation.ended_at {
        let word = if operation.error.is_some() { "failed" } else { "succeeded" };
        let error = operation.error.clone().map(ErrorView::from);
        entries.push(TimelineEntry { error, ..base(at, format!("{kind} {word}")) });
    }
    if let Some(end) = &operation.attempt_end {
        let error = Some(ErrorView::from(end.error.clone()));
        let summary = format!("the execution ended {} without bringing {kind} to an end", end.status);
        entries.push(TimelineEntry { error, ..base(end.at, summary) });
    }
    let placed = entries.into_iter().enumerate();
    placed.map(|(n, entry)| Placed { place: (entry.at, 0, format!("{sort_key} {n}")), entry }).collect()
}

/// Of a step whose error was opened.
fn of_progress(sort_key: &str, row: Row) -> Placed {
    let Row { part, progress } = row;
    let word = match progress.state {
        ProgressState::Running => "running",
        ProgressState::Waiting => "waiting",
        ProgressState::Failed => "failed",
        ProgressState::Succeeded => "succeeded",
    };
    let summary = match (progress.state, progress.try_number) {
        (ProgressState::Running, 1) => format!("{} runs", progress.step),
        (ProgressState::Running, n) => format!("{} runs, try {n}", progress.step),
        (ProgressState::Waiting, _) => format!("{} waits for an answer", progress.step),
        (ProgressState::Failed, n) => format!("{} failed, try {n}", progress.step),
        (ProgressState::Succeeded, _) => format!("{} succeeded", progress.step),
    };
    let at = progress.updated_at;
    let entry = TimelineEntry {
        operation_id: Some(progress.operation_id),
        attempt: Some(progress.attempt),
        step: Some(progress.step),
        part: Some(part).filter(|part| !part.is_empty()),
        try_number: Some(progress.try_number),
        state: Some(word),
        error: progress.last_error.map(ErrorView::from),
        ..TimelineEntry::new(at, "step", summary)
    };
    Placed { place: (at, 1, sort_key.to_owned()), entry }
}

fn of_event(item: &Item) -> Result<Placed> {
    let event: Envelope = item.record()?;
    let entry = TimelineEntry {
        operation_id: event.correlation_id,
        actor: Some(event.actor),
        event_id: Some(event.event_id.to_string()),
        sequence: Some(event.sequence),
        ..TimelineEntry::new(event.occurred_at, "event", event.event_type)
    };
    Ok(Placed { place: (entry.at, 3, item.key.sk().to_owned()), entry })
}

fn of_audit(item: &Item) -> Result<Placed> {
    let audit: AuditEntry = item.record()?;
    let entry = TimelineEntry {
        operation_id: audit.operation_id,
        actor: Some(audit.actor),
        reason: audit.reason,
        ..TimelineEntry::new(audit.at, "audit", audit.act)
    };
    Ok(Placed { place: (entry.at, 2, item.key.sk().to_owned()), entry })
}

/// What is left of one source, oldest first.
struct Source {
    waiting: VecDeque<Placed>,
    more: bool,
}

impl App {
    /// A page of the tenant's timeline. Operations and steps are rows that change: an entry shows the row as it is.
    pub async fn timeline(&self, id: &TenantId, page: &PageRequest) -> Result<Listing<TimelineEntry>> {
        self.tenant_record(id).await?;
        let limit = page.limit()?;
        let query = format!("timeline {id}");
        let mut place = match page.after(&query)? {
            Some(text) => serde_json::from_str::<Place>(&text).map_err(|_| foreign())?,
            None => Place::default(),
        };
        let mut sources = [
            self.rows(id, place.last.as_ref()).await?,
            self.log(Range::events(id), place.events.clone(), limit, of_event).await?,
            self.log(Range::audit(id), place.audit.clone(), limit, of_audit).await?,
        ];
        let mut items = Vec::new();
        while items.len() < limit {
            // Heads, not a sort: each log keeps its own order, whatever its clock did.
            let heads = sources.iter().enumerate();
            let least = heads
                .filter_map(|(n, source)| source.waiting.front().map(|placed| (placed.place.clone(), n)))
                .min();
            let Some((_, n)) = least else { break };
            let Some(placed) = sources[n].waiting.pop_front() else { break };
            match n {
                0 => place.last = Some(placed.place),
                1 => place.events = Some(placed.place.2),
                _ => place.audit = Some(placed.place.2),
            }
            items.push(placed.entry);
        }
        let more = sources.iter().any(|source| source.more || !source.waiting.is_empty());
        let text = serde_json::to_string(&place).map_err(Error::internal)?;
        Ok(Listing { items, next_cursor: more.then(|| cursor::encode(&query, &text)) })
    }

    /// Operations and their steps: few rows, read whole.
    async fn rows(&self, id: &TenantId, after: Option<&(Timestamp, u8, String)>) -> Result<Source> {
        let mut placed = Vec::new();
        for item in self.all(Range::operations(id), None).await? {
            let operation = self.opened(item.record()?).await?;
            placed.extend(of_operation(item.key.sk(), &operation));
            for item in self.all(Range::progress(id, &operation.operation_id), None).await? {
                let row = self.opened_row(id, Row::of(&item)?).await?;
                placed.push(of_progress(item.key.sk(), row));
            }
        }
        placed.retain(|placed| after.is_none_or(|after| placed.place > *after));
        placed.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(Source { waiting: placed.into(), more: false })
    }

    /// A log that is in the order of time by its keys: as much as a page can take.
    async fn log(
        &self,
        range: Range,
        after: Option<String>,
        limit: usize,
        entry: fn(&Item) -> Result<Placed>,
    ) -> Result<Source> {
        let mut after = after;
        let mut waiting = VecDeque::new();
        loop {
            let query = Query::primary(range.clone(), limit).after(after);
            let page = self.ports.table.query(query).await?;
            for item in &page.items {
                waiting.push_back(entry(item)?);
            }
            match page.next {
                Some(next) if waiting.len() < limit => after = Some(next),
                next => return Ok(Source { waiting, more: next.is_some() }),
            }
        }
    }
}

fn foreign() -> Error {
    let detail = "The cursor does not belong to this timeline. Start again without a cursor.";
    Error::new(ErrorCode::InvalidCursor, detail).with_field("cursor")
}
