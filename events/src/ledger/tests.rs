use super::*;
use crate::catalogue::{TenantProvisioned, TenantRegistered};
use std::sync::atomic::{AtomicU64, Ordering};
use tenantry_core::model::{Isolation, OperationKind, OperationPhase};

#[derive(Default)]
struct CountingIds(AtomicU64);

impl Ids for CountingIds {
    fn next(&self) -> uuid::Uuid {
        uuid::Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn operation_id() -> OperationId {
    OperationId::from_uuid(uuid::Uuid::from_u128(9))
}

fn tenant(status: TenantStatus) -> Tenant {
    Tenant {
        tenant_id: TenantId::from_uuid(uuid::Uuid::from_u128(7)),
        name: "Acme".into(),
        slug: "acme".into(),
        plan: "pro".into(),
        isolation: Isolation::Pool,
        region: "eu-west-1".into(),
        cell: None,
        status,
        status_since: at(5),
        operation_id: Some(operation_id()),
        generation: 1,
        revision: 3,
        sequence: 4,
        admin_email: "root@acme.example".into(),
        external_id: None,
        metadata: BTreeMap::new(),
        created_at: at(5),
        updated_at: at(6),
    }
}

fn provisioned(tenant: &Tenant) -> TenantProvisioned {
    TenantProvisioned {
        operation_id: operation_id(),
        attempt: 1,
        generation: 1,
        name: tenant.name.clone(),
        slug: tenant.slug.clone(),
        plan: tenant.plan.clone(),
        isolation: tenant.isolation,
        region: tenant.region.clone(),
        cell: "cell-1".into(),
        external_id: None,
    }
}

fn registered(tenant: &Tenant) -> TenantRegistered {
    TenantRegistered {
        operation_id: operation_id(),
        name: tenant.name.clone(),
        slug: tenant.slug.clone(),
        plan: tenant.plan.clone(),
        isolation: tenant.isolation,
        region: tenant.region.clone(),
        external_id: None,
    }
}

fn put(action: &Action) -> (&Item, &[Condition]) {
    match action {
        Action::Put { item, conditions } => (item, conditions),
        other => panic!("not a put: {other:?}"),
    }
}

#[test]
fn registering_writes_record_event_and_audit_together() {
    let ids = CountingIds::default();
    let new = tenant(TenantStatus::Registered);
    let (after, actions) = Change::register(new.clone())
        .emit(registered(&new))
        .audit("tenant.register", "admin", None)
        .build(&ids, at(100))
        .unwrap();
    assert_eq!((after.revision, after.sequence), (1, 1));
    assert_eq!((after.created_at, after.updated_at, after.status_since), (at(100), at(100), at(100)));
    assert_eq!(actions.len(), 3);

    let (record, conditions) = put(&actions[0]);
    assert_eq!(conditions, [Condition::NotExists]);
    assert_eq!(record.record::<Tenant>().unwrap(), after);

    let (event, conditions) = put(&actions[1]);
    assert_eq!(conditions, [Condition::NotExists]);
    assert_eq!(event.key, Key::event(&after.tenant_id, 1));
    let envelope: Envelope = event.record().unwrap();
    assert_eq!(envelope.event_type, "TenantRegistered");
    assert_eq!(envelope.correlation_id, Some(operation_id()));
    assert_eq!((envelope.actor.as_str(), envelope.occurred_at), ("admin", at(100)));
    assert_eq!(envelope.typed().unwrap(), EventData::TenantRegistered(registered(&new)));
    assert_eq!(OutboxEntry::of(event).unwrap(), OutboxEntry::Event(envelope));

    let (audit, _) = put(&actions[2]);
    let entry: AuditEntry = audit.record().unwrap();
    assert_eq!((entry.act.as_str(), entry.outcome), ("tenant.register", AuditOutcome::Succeeded));
    assert_eq!(entry.before, None);
    assert_eq!(entry.after.unwrap()["slug"], "acme");
}

#[test]
fn a_change_is_conditional_and_numbers_its_events() {
    let before = tenant(TenantStatus::Provisioning);
    let (after, actions) = Change::of(&before)
        .status(TenantStatus::Active)
        .unwrap()
        .edit(|t| t.cell = Some("cell-1".into()))
        .emit(provisioned(&before))
        .emit(provisioned(&before))
        .audit("tenant.activate", "tenantry", Some("all steps are done"))
        .causation("provision_tenant~x-1")
        .build(&CountingIds::default(), at(100))
        .unwrap();
    assert_eq!((after.revision, after.sequence, after.status_since), (4, 6, at(100)));
    assert_eq!(after.created_at, before.created_at);
    let (record, conditions) = put(&actions[0]);
    assert_eq!(conditions, [Condition::Equals("revision".into(), 3.into())]);
    assert_eq!(
        record.indexes[&Index::One].pk,
        index::status(TenantStatus::Active, index::shard(&after.tenant_id))
    );
    assert_eq!(record.indexes[&Index::Three].sk, format!("cell-1#{}", after.tenant_id));
    let envelopes: Vec<Envelope> =
        actions[1..3].iter().map(|action| put(action).0.record().unwrap()).collect();
    assert_eq!(envelopes.iter().map(|e| e.sequence).collect::<Vec<_>>(), [5, 6]);
    assert!(envelopes[0].event_id < envelopes[1].event_id);
    let entry: AuditEntry = put(&actions[3]).0.record().unwrap();
    let (old, new) = (entry.before.unwrap(), entry.after.unwrap());
    assert_eq!(Value::Object(old), serde_json::json!({"cell": null, "status": "provisioning"}));
    assert_eq!(Value::Object(new), serde_json::json!({"cell": "cell-1", "status": "active"}));
}

#[test]
fn a_change_without_a_move_keeps_the_time_of_the_status() {
    let before = tenant(TenantStatus::Active);
    let (after, actions) = Change::of(&before)
        .edit(|t| t.name = "Acme Ltd".into())
        .audit("tenant.update", "admin", None)
        .build(&CountingIds::default(), at(100))
        .unwrap();
    assert_eq!((after.status_since, after.updated_at, after.sequence), (at(5), at(100), 4));
    assert_eq!(actions.len(), 2);
}

#[test]
fn every_move_outside_the_table_is_refused() {
    for from in TenantStatus::ALL {
        for to in TenantStatus::ALL {
            let before = tenant(*from);
            let moved = Change::of(&before).status(*to);
            assert_eq!(moved.is_ok(), from.may_become(*to), "{from:?} to {to:?}");
        }
    }
    let error = LedgerError::IllegalMove { from: TenantStatus::Purged, to: TenantStatus::Active };
    assert_eq!(Error::from(error).code(), ErrorCode::IllegalTransition);
}

#[test]
fn edits_of_what_the_ledger_owns_are_refused() {
    type Edit = fn(&mut Tenant);
    let edits: [(&str, Edit); 5] = [
        ("status", |t| t.status = TenantStatus::Active),
        ("revision", |t| t.revision = 9),
        ("sequence", |t| t.sequence = 0),
        ("createdAt", |t| t.created_at = Timestamp::from_millis(0)),
        ("generation (backwards)", |t| t.generation = 0),
    ];
    for (field, edit) in edits {
        let before = tenant(TenantStatus::Provisioning);
        let built =
            Change::of(&before).edit(edit).audit("a", "b", None).build(&CountingIds::default(), at(1));
        assert_eq!(built.unwrap_err(), LedgerError::ForbiddenEdit(field));
    }
}

#[test]
fn a_change_without_an_actor_is_refused() {
    let before = tenant(TenantStatus::Active);
    let built = Change::of(&before).build(&CountingIds::default(), at(1));
    assert_eq!(built.unwrap_err(), LedgerError::NoAudit);
}

#[test]
fn operations_enter_and_leave_the_outbox() {
    let operation = Operation {
        operation_id: operation_id(),
        tenant_id: TenantId::from_uuid(uuid::Uuid::from_u128(7)),
        kind: OperationKind::Provision,
        phase: OperationPhase::Queued,
        attempt: 1,
        generation: 1,
        requested_by: "admin".into(),
        created_at: at(1),
        updated_at: at(1),
        ended_at: None,
        error: None,
        attempt_end: None,
        revision: 1,
    };
    let waiting = operation_item(&operation, true);
    let place = &waiting.indexes[&Index::One];
    assert_eq!(place.sk, format!("{}#OPERATION#{}", operation.tenant_id, operation.operation_id));
    let entry = OutboxEntry::of(&waiting).unwrap();
    assert_eq!(entry, OutboxEntry::Operation(operation.clone()));
    assert_eq!(entry.key(), waiting.key);
    assert!(matches!(entry.done(), Action::Update { indexes, .. } if indexes[&Index::One].is_none()));

    let (after, action) = change_operation(&operation, at(9), false, |op| op.phase = OperationPhase::Running);
    assert_eq!((after.revision, after.updated_at, after.phase), (2, at(9), OperationPhase::Running));
    let (item, conditions) = put(&action);
    assert!(item.indexes.is_empty());
    assert_eq!(conditions, [Condition::Equals("revision".into(), 1.into())]);
}
