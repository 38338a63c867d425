//! What is to be done for one tenant: its next events, in order and without a hole, and its operations.

use super::super::error::WorkerError;
use super::super::rows::{self, PUBLISHED_SEQUENCE};
use crate::Ports;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tenantry_core::keys::{Key, Range, index};
use tenantry_core::model::{Operation, OperationPhase};
use tenantry_core::ports::{Action, BusEvent, Condition, Index, Item, OutgoingMessage, PortError, Query};
use tenantry_core::{OperationId, TenantId, Timestamp};
use tenantry_events::Envelope;

/// Most events of one tenant in one run.
const EVENTS_MAX: usize = 50;
/// Most operations, and most left-over rows, of one tenant in one run. With the events and the mark they fit into one
/// commit.
const OTHERS_MAX: usize = 20;

/// What a row of the outbox is.
pub(super) enum Entry {
    Event(u64),
    Operation(OperationId),
}

/// What the index shows of one tenant: a hint, never the truth.
#[derive(Debug, Clone, Default)]
pub(super) struct Pending {
    pub(super) events_seen: usize,
    sequences: BTreeSet<u64>,
    operations: BTreeSet<OperationId>,
}

impl Pending {
    pub(super) fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Event(sequence) => {
                self.events_seen += 1;
                self.sequences.insert(sequence);
            }
            Entry::Operation(operation) => {
                self.operations.insert(operation);
            }
        }
    }

    pub(super) fn merge(&mut self, other: Pending) {
        self.events_seen += other.events_seen;
        self.sequences.extend(other.sequences);
        self.operations.extend(other.operations);
    }
}

/// Whose row it is, and what.
pub(super) fn read_entry(item: &Item) -> Result<(TenantId, Entry), PortError> {
    let damaged = || PortError::Damaged {
        port: "table",
        message: format!(
            "{} {} is in the outbox, and neither event nor operation",
            item.key.pk(),
            item.key.sk()
        ),
    };
    let text = |name: &str| item.attributes.get(name).and_then(Value::as_str);
    let tenant = text("tenantId").and_then(|id| id.parse().ok()).ok_or_else(damaged)?;
    let entry = if item.key.sk().starts_with("EVENT#") {
        item.attributes.get("sequence").and_then(Value::as_u64).map(Entry::Event)
    } else {
        text("operationId").and_then(|id| id.parse().ok()).map(Entry::Operation)
    };
    entry.map(|entry| (tenant, entry)).ok_or_else(damaged)
}

/// Whose row it is, and what, by its key alone; `None` for a row that is never in the outbox.
pub(super) fn read_key(key: &Key) -> Option<(TenantId, Entry)> {
    let tenant = key.pk().strip_prefix("TENANT#")?.parse().ok()?;
    let entry = match key.sk().split_once('#')? {
        ("EVENT", sequence) => Entry::Event(sequence.parse().ok()?),
        ("OPERATION", operation) => Entry::Operation(operation.parse().ok()?),
        _ => return None,
    };
    Some((tenant, entry))
}

/// What a step of the marking commit is for: what else is in vain where its condition fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The mark or an event's row: with one, all of the tenant's fall.
    Events,
    /// An operation's row: it stands alone.
    Operation,
}

/// What is to be done for one tenant.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) tenant: TenantId,
    pub(super) events: Vec<BusEvent>,
    pub(super) sends: Vec<OutgoingMessage>,
    pub(super) steps: Vec<(Role, Action)>,
    /// Whether the tenant has more than fits into one run.
    pub(super) more: bool,
    /// What is wrong with the tenant's numbering, where it has a hole.
    pub(super) hole: Option<String>,
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Reads the tenant's own rows and says what is to be done.
pub(super) async fn make(
    ports: &Ports,
    tenant: &TenantId,
    pending: Pending,
    operation_resend_after: Duration,
) -> Result<Plan, WorkerError> {
    let mut plan = Plan {
        tenant: tenant.clone(),
        events: Vec::new(),
        sends: Vec::new(),
        steps: Vec::new(),
        more: pending.operations.len() > OTHERS_MAX,
        hole: None,
    };
    if !pending.sequences.is_empty() {
        add_events(ports, &mut plan, &pending.sequences).await?;
    }
    for operation in pending.operations.iter().take(OTHERS_MAX) {
        add_operation(ports, &mut plan, operation, operation_resend_after).await?;
    }
    Ok(plan)
}

async fn add_events(ports: &Ports, plan: &mut Plan, seen: &BTreeSet<u64>) -> Result<(), WorkerError> {
    let tenant = plan.tenant.clone();
    let published = rows::published_sequence(ports, &tenant).await?;
    let mut next = published + 1;
    let mut after = Some(Key::event(&tenant, published).sk().to_owned());
    'pages: loop {
        let limit = EVENTS_MAX + 1 - plan.events.len();
        let page = ports.table.query(Query::primary(Range::events(&tenant), limit).after(after)).await?;
        for item in &page.items {
            if plan.events.len() == EVENTS_MAX {
                plan.more = true;
                break 'pages;
            }
            let envelope: Envelope = item.record()?;
            if envelope.sequence != next {
                plan.hole = Some(format!(
                    "event {next} is missing, though event {} is there: nothing after the hole is published",
                    envelope.sequence
                ));
                break 'pages;
            }
            plan.events.push(envelope.to_bus_event());
            next += 1;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if next > published + 1 {
        let condition = match published {
            0 => Condition::NotExists,
            n => rows::equals(PUBLISHED_SEQUENCE, n),
        };
        let mark = rows::update(Key::relay(&tenant), vec![condition]);
        plan.steps.push((Role::Events, rows::set(mark, PUBLISHED_SEQUENCE, next - 1)));
    }
    for sequence in published + 1..next {
        plan.steps.push((Role::Events, leave_outbox(Key::event(&tenant, sequence))));
    }
    // Published before, and still shown: mostly the index is stale. A row that really stayed is taken out.
    for sequence in seen.range(..=published).take(OTHERS_MAX) {
        let key = Key::event(&tenant, *sequence);
        if ports.table.get(&key).await?.is_some_and(|item| in_outbox(&item, &tenant)) {
            plan.steps.push((Role::Events, leave_outbox(key)));
        }
    }
    Ok(())
}

async fn add_operation(
    ports: &Ports,
    plan: &mut Plan,
    id: &OperationId,
    operation_resend_after: Duration,
) -> Result<(), WorkerError> {
    let key = Key::operation(&plan.tenant, id);
    let Some(item) = ports.table.get(&key).await? else { return Ok(()) };
    if !in_outbox(&item, &plan.tenant) {
        return Ok(());
    }
    let operation: Operation = item.record()?;
    // A newer attempt that came in between has put itself into the outbox again, and must stay there.
    let same_attempt = rows::equals("attempt", operation.attempt);
    if operation.phase != OperationPhase::Queued {
        let conditions = vec![same_attempt, rows::equals("revision", operation.revision)];
        plan.steps.push((Role::Operation, rows::index_one(rows::update(key, conditions), None)));
        return Ok(());
    }
    plan.sends.push(operation_message(&operation));
    let due = ports.clock.now().saturating_add(operation_resend_after);
    plan.steps.push((Role::Operation, await_start(&operation, due)));
    Ok(())
}

/// The wake-up of the start worker.
pub(in crate::workers) fn operation_message(operation: &Operation) -> OutgoingMessage {
    OutgoingMessage {
        body: json!({"tenantId": operation.tenant_id, "operationId": operation.operation_id}).to_string(),
        group: operation.tenant_id.to_string(),
        delay: Duration::ZERO,
    }
}

/// Moves a queued operation to the due rows: until the start worker takes it out, the sweeper sends it again. So a
/// queued operation always is in the outbox or due, and its message is only a wake-up.
pub(in crate::workers) fn await_start(operation: &Operation, due: Timestamp) -> Action {
    let key = Key::operation(&operation.tenant_id, &operation.operation_id);
    let place = rows::due_place(&operation.tenant_id, due, &key);
    let conditions = vec![rows::equals("attempt", operation.attempt), rows::equals("phase", "queued")];
    rows::index_one(rows::update(key, conditions), Some(place))
}

fn leave_outbox(key: Key) -> Action {
    rows::index_one(rows::update(key, vec![Condition::Exists]), None)
}

fn in_outbox(item: &Item, tenant: &TenantId) -> bool {
    item.indexes.get(&Index::One).is_some_and(|place| place.pk == index::outbox(index::shard(tenant)))
}
