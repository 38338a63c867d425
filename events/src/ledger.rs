//! The ledger: a tenant's state, its audit trail and its events are written by one commit or not at all.
//!
//! **Invariant:** no other code writes a tenant's `METADATA` row, an `EVENT` row, or numbers an event.

use crate::catalogue::EventData;
use crate::envelope::{Envelope, SPEC_VERSION};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tenantry_core::keys::{Key, index};
use tenantry_core::model::{Operation, Tenant, TenantStatus};
use tenantry_core::ports::{Action, Condition, Ids, Index, Item, PortError};
use tenantry_core::{Error, ErrorCode, EventId, OperationId, TenantId, Timestamp};

mod audit;
pub use audit::{AuditEntry, AuditOutcome};

#[cfg(test)]
mod tests;

/// The tenant's row `METADATA`, with its places in the indexes by status, by plan, and by region and cell.
pub fn tenant_item(tenant: &Tenant) -> Item {
    let id = tenant.tenant_id.as_str();
    let shard = index::shard(&tenant.tenant_id);
    let cell = tenant.cell.as_deref().unwrap_or("-");
    Item::of(Key::tenant(&tenant.tenant_id), tenant)
        .with_index(Index::One, index::status(tenant.status, shard), id.to_owned())
        .with_index(Index::Two, index::plan(&tenant.plan, shard), id.to_owned())
        .with_index(Index::Three, index::region(&tenant.region, shard), format!("{cell}#{id}"))
}

/// The operation's row. With `outbox` it also waits for the relay, which sends it to the `operations` queue.
pub fn operation_item(operation: &Operation, outbox: bool) -> Item {
    let item = Item::of(Key::operation(&operation.tenant_id, &operation.operation_id), operation);
    if !outbox {
        return item;
    }
    let sort = format!("{}#OPERATION#{}", operation.tenant_id, operation.operation_id);
    item.with_index(Index::One, index::outbox(index::shard(&operation.tenant_id)), sort)
}

/// The pointer from the operation's id to its tenant.
pub fn operation_pointer_item(operation: &Operation) -> Item {
    pointer_item(Key::operation_pointer(&operation.operation_id), &operation.tenant_id)
}

/// A pointer row `{tenantId}`, as under a slug, an external id, a namespace or an operation's id.
pub fn pointer_item(key: Key, tenant: &TenantId) -> Item {
    let mut attributes = Map::new();
    attributes.insert("tenantId".to_owned(), Value::String(tenant.to_string()));
    Item::new(key, attributes)
}

/// Changes an operation: the operation as it will be (revision raised, `updated_at` = `now`), and the write, which
/// fails where anyone else has written since `before` was read.
pub fn change_operation(
    before: &Operation,
    now: Timestamp,
    outbox: bool,
    edit: impl FnOnce(&mut Operation),
) -> (Operation, Action) {
    let mut after = before.clone();
    edit(&mut after);
    after.revision = before.revision + 1;
    after.updated_at = now;
    let action = Action::put_if(operation_item(&after, outbox), vec![revision_is(before.revision)]);
    (after, action)
}

/// The row of an event. While it is not `published`, it also waits for the relay.
pub fn event_item(envelope: &Envelope, published: bool) -> Item {
    let item = Item::of(Key::event(&envelope.tenant_id, envelope.sequence), envelope);
    if published {
        return item;
    }
    let sort = format!("{}#EVENT#{:020}", envelope.tenant_id, envelope.sequence);
    item.with_index(Index::One, index::outbox(index::shard(&envelope.tenant_id)), sort)
}

/// What the outbox holds.
#[derive(Debug, Clone, PartialEq)]
pub enum OutboxEntry {
    /// An event to publish.
    Event(Envelope),
    /// An operation to send to the `operations` queue.
    Operation(Operation),
}

impl OutboxEntry {
    /// What a row of the outbox index holds.
    pub fn of(item: &Item) -> Result<Self, PortError> {
        if item.key.sk().starts_with("EVENT#") {
            item.record().map(OutboxEntry::Event)
        } else {
            item.record().map(OutboxEntry::Operation)
        }
    }

    /// The row's key.
    pub fn key(&self) -> Key {
        match self {
            OutboxEntry::Event(envelope) => Key::event(&envelope.tenant_id, envelope.sequence),
            OutboxEntry::Operation(operation) => {
                Key::operation(&operation.tenant_id, &operation.operation_id)
            }
        }
    }

    /// Takes the row out of the outbox, once it was published or sent; repeating it changes nothing.
    pub fn done(&self) -> Action {
        Action::Update {
            key: self.key(),
            set: Map::new(),
            add: BTreeMap::new(),
            remove: Vec::new(),
            indexes: BTreeMap::from([(Index::One, None)]),
            conditions: vec![Condition::Exists],
        }
    }
}

/// Why a change of a tenant cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The table of moves in `core` does not have it.
    #[error("a tenant that is {} cannot become {}", from.as_str(), to.as_str())]
    IllegalMove {
        /// Its status now.
        from: TenantStatus,
        /// The status asked for.
        to: TenantStatus,
    },
    /// The edit touched what the ledger alone writes.
    #[error("the edit changed {0}, which only the ledger writes")]
    ForbiddenEdit(&'static str),
    /// Every change says who did what.
    #[error("the change names no act and no actor for the audit trail")]
    NoAudit,
    /// Data that is not plain JSON.
    #[error("the event's data is not a JSON object")]
    NotAnObject,
}

impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::IllegalMove { .. } => {
                let detail = format!("{error}. Read the tenant again: another operation may have moved it.");
                Error::new(ErrorCode::IllegalTransition, detail)
            }
            LedgerError::ForbiddenEdit(_) | LedgerError::NoAudit | LedgerError::NotAnObject => {
                Error::internal(error)
            }
        }
    }
}

/// One change of one tenant, being put together. [`Change::build`] makes it into the actions of a commit.
#[derive(Debug, Clone)]
#[must_use = "a change is nothing before it is built and committed"]
pub struct Change<'a> {
    before: Option<&'a Tenant>,
    after: Tenant,
    events: Vec<EventData>,
    audit: Option<AuditEntry>,
    correlation: Option<OperationId>,
    causation: Option<String>,
    error: Option<LedgerError>,
}

impl<'a> Change<'a> {
    /// A new tenant: the commit fails where its row exists. Its times, revision and sequence are the ledger's.
    pub fn register(tenant: Tenant) -> Change<'static> {
        let after = Tenant { revision: 0, sequence: 0, ..tenant };
        Change::start(None, after)
    }

    /// A change of a tenant as it was read: the commit fails where anyone else has written since.
    pub fn of(before: &'a Tenant) -> Change<'a> {
        Change::start(Some(before), before.clone())
    }

    fn start(before: Option<&'a Tenant>, after: Tenant) -> Change<'a> {
        let correlation = after.operation_id.clone();
        Change { before, after, events: Vec::new(), audit: None, correlation, causation: None, error: None }
    }

    /// Moves the tenant to another state; an illegal move is refused at once.
    pub fn status(mut self, next: TenantStatus) -> Result<Self, LedgerError> {
        let from = self.after.status;
        if !from.may_become(next) {
            return Err(LedgerError::IllegalMove { from, to: next });
        }
        self.after.status = next;
        Ok(self)
    }

    /// Changes other fields. Ids, status, times, revision and sequence are not the edit's to change:
    /// [`Change::build`] refuses it.
    pub fn edit(mut self, edit: impl FnOnce(&mut Tenant)) -> Self {
        let old = self.after.clone();
        edit(&mut self.after);
        let new = &self.after;
        let guarded = [
            ("tenantId", old.tenant_id != new.tenant_id),
            ("status", old.status != new.status),
            ("statusSince", old.status_since != new.status_since),
            ("revision", old.revision != new.revision),
            ("sequence", old.sequence != new.sequence),
            ("createdAt", old.created_at != new.created_at),
            ("generation (backwards)", new.generation < old.generation),
        ];
        let touched = guarded.iter().find(|(_, touched)| *touched);
        self.error = self.error.or(touched.map(|(field, _)| LedgerError::ForbiddenEdit(field)));
        self
    }

    /// Tells of the change; events are numbered in the order of these calls.
    pub fn emit(mut self, data: impl Into<EventData>) -> Self {
        self.events.push(data.into());
        self
    }

    /// Says who did what and why; every change needs it. `actor` also stands in the events.
    pub fn audit(mut self, act: &str, actor: &str, reason: Option<&str>) -> Self {
        self.audit = Some(AuditEntry::new(act, actor).reason(reason));
        self
    }

    /// Marks the act as failed or refused in the audit trail; call it after [`Change::audit`].
    pub fn outcome(mut self, outcome: AuditOutcome) -> Self {
        self.audit = self.audit.map(|entry| entry.outcome(outcome));
        self
    }

    /// The operation that the change belongs to; the tenant's own where this is not called.
    pub fn correlation(mut self, operation: &OperationId) -> Self {
        self.correlation = Some(operation.clone());
        self
    }

    /// What directly caused the change: an event's or an execution's id.
    pub fn causation(mut self, cause: impl Into<String>) -> Self {
        self.causation = Some(cause.into());
        self
    }

    /// The tenant as it will be, and the actions that make it so: the record, one row per event, one audit row. The
    /// first action is the record's: a commit that fails there met a tenant that has changed (or exists already).
    pub fn build(self, ids: &dyn Ids, now: Timestamp) -> Result<(Tenant, Vec<Action>), LedgerError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let audit = self.audit.ok_or(LedgerError::NoAudit)?;
        let mut after = self.after;
        let revision = self.before.map_or(0, |before| before.revision);
        after.revision = revision + 1;
        after.updated_at = now;
        if self.before.is_none() {
            after.created_at = now;
        }
        if self.before.is_none_or(|before| before.status != after.status) {
            after.status_since = now;
        }

        let mut event_rows = Vec::with_capacity(self.events.len());
        for data in self.events {
            let event_type = data.event_type();
            let Ok(Value::Object(data)) = data.to_json() else { return Err(LedgerError::NotAnObject) };
            after.sequence += 1;
            let envelope = Envelope {
                spec_version: SPEC_VERSION.to_owned(),
                event_id: EventId::from_uuid(ids.next()),
                event_type: event_type.as_str().to_owned(),
                occurred_at: now,
                tenant_id: after.tenant_id.clone(),
                sequence: after.sequence,
                correlation_id: self.correlation.clone(),
                causation_id: self.causation.clone(),
                actor: audit.actor.clone(),
                data,
            };
            event_rows.push(Action::create(event_item(&envelope, false)));
        }

        let condition = match self.before {
            Some(before) => revision_is(before.revision),
            None => Condition::NotExists,
        };
        let mut actions = vec![Action::put_if(tenant_item(&after), vec![condition])];
        actions.append(&mut event_rows);
        // The revision makes the entry's key: a repeated write is the same entry, and no chance is needed.
        let audit = audit.at(now).operation(self.correlation).differences(self.before, &after);
        let entry = audit.item(&after.tenant_id, &format!("{:020}", after.revision));
        actions.push(Action::create(entry));
        Ok((after, actions))
    }
}

fn revision_is(revision: u64) -> Condition {
    Condition::Equals("revision".to_owned(), Value::from(revision))
}
