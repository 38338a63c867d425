//! The archive of events, read page by page.

use super::{App, PageRequest};
use serde::Serialize;
use serde_json::Value;
use tenantry_core::ports::{BusPage, EventFilter, PortError};
use tenantry_core::{Error, ErrorCode, Result, TenantId};
use tenantry_events::EventType;

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventsRequest {
    /// Only this type.
    pub event_type: Option<String>,
    /// Only this tenant.
    pub tenant_id: Option<TenantId>,
    /// Only after this position.
    pub after: Option<String>,
    /// At most so many.
    pub limit: Option<u64>,
}

/// An event with its place in the archive.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ArchivedEvent)]
pub struct Position {
    /// Opaque; ascends in the order of publication. What `after` and `Last-Event-ID` take.
    pub position: String,
    /// The envelope; its shape is at `GET /v1/event-types`.
    #[schema(value_type = Object)]
    pub event: Value,
}

/// A page of the archive, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventsPage {
    /// The events.
    pub items: Vec<Position>,
    /// What to give as `after` to read on at once; null where nothing more is there now.
    pub next_cursor: Option<String>,
    /// What to give as `after` to read on later, matching or not; null where the archive is empty.
    pub read_up_to: Option<String>,
}

/// Refuses an event type that the catalogue does not have.
pub(super) fn check_type(name: &str, field: &str) -> Result<()> {
    if EventType::parse(name).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = EventType::ALL.iter().map(|known| known.as_str()).collect();
    let detail = format!("There is no such event type. The types are: {}.", known.join(", "));
    Err(Error::new(ErrorCode::InvalidQuery, detail).with_field(field))
}

impl App {
    /// A page of the archive. Errors: [`ErrorCode::InvalidQuery`], [`ErrorCode::InvalidCursor`].
    pub async fn events(&self, request: &EventsRequest) -> Result<EventsPage> {
        if let Some(name) = &request.event_type {
            check_type(name, "type")?;
        }
        let limit = PageRequest { limit: request.limit, cursor: None }.limit()?;
        let filter =
            EventFilter { event_type: request.event_type.clone(), tenant_id: request.tenant_id.clone() };
        let page = self.read_archive(request.after.clone(), filter, limit).await?;
        let items = page
            .items
            .into_iter()
            .map(|archived| Position { position: archived.position, event: archived.event.detail });
        Ok(EventsPage {
            items: items.collect(),
            next_cursor: page.read_up_to.clone().filter(|_| page.more),
            read_up_to: page.read_up_to.or_else(|| request.after.clone()),
        })
    }

    async fn read_archive(
        &self,
        after: Option<String>,
        filter: EventFilter,
        limit: usize,
    ) -> Result<BusPage> {
        let given = after.is_some();
        self.ports.bus.read(after, filter, limit).await.map_err(|error| match error {
            PortError::Refused { .. } if given => {
                let detail = "The position is malformed. Take `position` or `readUpTo` as it was given.";
                Error::new(ErrorCode::InvalidCursor, detail).with_field("after")
            }
            error => error.into(),
        })
    }

    /// The end of the archive as it is now; `None` where it is empty.
    pub async fn archive_end(&self) -> Result<Option<String>> {
        // No tenant has this id, so nothing matches, and only the positions are read.
        let nobody: TenantId = "tnt_00000000000000000000000000".parse().map_err(Error::internal)?;
        let filter = EventFilter { event_type: None, tenant_id: Some(nobody) };
        let mut after = None;
        loop {
            let page = self.read_archive(after.clone(), filter.clone(), 1_000).await?;
            let moved = page.read_up_to.is_some() && page.read_up_to != after;
            after = page.read_up_to.or(after);
            if !page.more || !moved {
                return Ok(after);
            }
        }
    }
}
