//! The files in `schema/` say what the code does: keys, records, plans and cells.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tenantry_core::keys::{INDEX_SHARDS, Key};
use tenantry_core::model::{
    AttemptEnd, Catalogue, Isolation, Operation, OperationKind, OperationPhase, RecordedError, ResourceKind,
    Tenant, TenantStatus,
};
use tenantry_core::ports::{Index, Item};
use tenantry_core::{
    EventId, ExecutionId, MessageId, OperationId, ServiceId, SubscriptionId, TenantId, Timestamp,
};
use tenantry_events::ledger::{operation_item, tenant_item};

const TABLE: &str = include_str!("../../schema/table.json");
const CELLS: &str = include_str!("../../schema/cells.json");
const PLANS: [(&str, &str); 3] = [
    ("free", include_str!("../../schema/plans/free.json")),
    ("pro", include_str!("../../schema/plans/pro.json")),
    ("enterprise", include_str!("../../schema/plans/enterprise.json")),
];

fn validator(schema: &str) -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(schema).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[track_caller]
fn holds(validator: &jsonschema::Validator, value: &Value) {
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {value}");
}

/// The schema asks for every field: nothing is left out, nothing more is allowed.
#[track_caller]
fn demands_each_field(validator: &jsonschema::Validator, value: &Value) {
    for field in value.as_object().unwrap().keys() {
        let mut without = value.clone();
        without.as_object_mut().unwrap().remove(field);
        assert!(!validator.is_valid(&without), "{field} may be missing");
    }
    let mut more = value.clone();
    more.as_object_mut().unwrap().insert("surprise".into(), json!(1));
    assert!(!validator.is_valid(&more), "an unknown field is let through");
}

fn tenant(status: TenantStatus) -> Tenant {
    let at = Timestamp::from_millis(1_700_000_000_000);
    let uuid = uuid::Uuid::from_u128(u128::MAX >> 3);
    Tenant {
        tenant_id: TenantId::from_uuid(uuid),
        name: "Acme".into(),
        slug: "acme".into(),
        plan: "pro".into(),
        isolation: Isolation::Pool,
        region: "eu-west-1".into(),
        cell: Some("cell-1".into()),
        status,
        status_since: at,
        operation_id: Some(OperationId::from_uuid(uuid)),
        generation: 1,
        revision: 1,
        sequence: 0,
        admin_email: "ada@example.com".into(),
        external_id: None,
        metadata: BTreeMap::from([("team".to_owned(), "blue".to_owned())]),
        created_at: at,
        updated_at: at,
    }
}

fn operation(phase: OperationPhase) -> Operation {
    let tenant = tenant(TenantStatus::Provisioning);
    let error = RecordedError {
        code: "Tenant.NoCapacity".into(),
        message: "No room.".into(),
        step: None,
        sealed: None,
    };
    let sealed = RecordedError { sealed: Some("c2VhbGVk".into()), ..error.clone() };
    Operation {
        operation_id: tenant.operation_id.unwrap(),
        tenant_id: tenant.tenant_id,
        kind: OperationKind::Provision,
        phase,
        attempt: 1,
        generation: 1,
        requested_by: "admin".into(),
        created_at: tenant.created_at,
        updated_at: tenant.created_at,
        ended_at: None,
        error: Some(RecordedError { step: Some("PlaceTenant".into()), ..error }),
        attempt_end: Some(AttemptEnd { status: "FAILED".into(), error: sealed, at: tenant.created_at }),
        revision: 1,
    }
}

#[test]
fn a_tenant_is_as_its_schema_says() {
    let validator = validator(include_str!("../../schema/tenant.schema.json"));
    for status in TenantStatus::ALL {
        holds(&validator, &serde_json::to_value(tenant(*status)).unwrap());
    }
    let bare = Tenant { cell: None, operation_id: None, ..tenant(TenantStatus::Active) };
    holds(&validator, &serde_json::to_value(&bare).unwrap());
    demands_each_field(&validator, &serde_json::to_value(bare).unwrap());
    let moved = Tenant { slug: String::new(), ..tenant(TenantStatus::Active) };
    assert!(!validator.is_valid(&serde_json::to_value(moved).unwrap()));
}

#[test]
fn an_operation_is_as_its_schema_says() {
    let validator = validator(include_str!("../../schema/operation.schema.json"));
    use OperationPhase::{Failed, Queued, Running, Succeeded};
    for phase in [Queued, Running, Succeeded, Failed] {
        holds(&validator, &serde_json::to_value(operation(phase)).unwrap());
    }
    let clear = Operation { error: None, attempt_end: None, ..operation(Queued) };
    holds(&validator, &serde_json::to_value(clear).unwrap());
    demands_each_field(&validator, &serde_json::to_value(operation(Queued)).unwrap());
}

#[test]
fn plans_and_cells_are_as_their_schemas_say_and_can_be_sold() {
    let plan_schema = validator(include_str!("../../schema/plan.schema.json"));
    for (file, text) in PLANS {
        let plan: Value = serde_json::from_str(text).unwrap();
        holds(&plan_schema, &plan);
        demands_each_field(&plan_schema, &plan);
        assert_eq!(plan["name"], file, "a plan is named like its file");
    }
    let cells_schema = validator(include_str!("../../schema/cell.schema.json"));
    let cells: Value = serde_json::from_str(CELLS).unwrap();
    holds(&cells_schema, &cells);
    demands_each_field(&cells_schema, &cells);
    let catalogue = Catalogue::from_json(CELLS, &PLANS.map(|(_, text)| text)).unwrap();
    assert_eq!(catalogue.plans.len(), PLANS.len());
    assert_eq!((catalogue.cells.len(), catalogue.regions().len()), (3, 2));
}

/// Whether `text` is `template` with each `{name}` filled in.
fn fits(template: &str, text: &str) -> bool {
    let Some(open) = template.find('{') else { return template == text };
    let close = open + template[open..].find('}').expect("an open brace is closed");
    let Some(rest) = text.strip_prefix(&template[..open]) else { return false };
    let after = &template[close + 1..];
    // A value never holds a #, which ends it where more follows.
    let end = if after.is_empty() { rest.len() } else { rest.find('#').unwrap_or(rest.len()) };
    (after.is_empty() || end > 0 || rest.starts_with('#')) && fits(after, &rest[end..])
}

fn keys() -> Vec<(&'static str, Key)> {
    let uuid = uuid::Uuid::from_u128(7);
    let (tenant, operation) = (TenantId::from_uuid(uuid), OperationId::from_uuid(uuid));
    let (service, event) = (ServiceId::from_uuid(uuid), EventId::from_uuid(uuid));
    let (subscription, message) = (SubscriptionId::from_uuid(uuid), MessageId::from_uuid(uuid));
    let at = Timestamp::from_millis(7);
    vec![
        ("tenant", Key::tenant(&tenant)),
        ("resource", Key::resource(&tenant, ResourceKind::Key, "a#b")),
        ("operation", Key::operation(&tenant, &operation)),
        ("progress", Key::progress(&tenant, &operation, 1, "Step", "part")),
        ("audit", Key::audit(&tenant, at, "1")),
        ("event", Key::event(&tenant, 1)),
        ("relay", Key::relay(&tenant)),
        ("dataKey", Key::data_key(&tenant, "data")),
        ("tenantSecret", Key::tenant_secret(&tenant, "n")),
        ("secret", Key::secret("r")),
        ("systemKey", Key::system_key("p")),
        ("identity", Key::identity(&tenant, "a@b.c")),
        ("activation", Key::activation(&tenant)),
        ("entitlements", Key::entitlements(&tenant)),
        ("operationPointer", Key::operation_pointer(&operation)),
        ("slug", Key::slug("s")),
        ("externalId", Key::external_id("x")),
        ("namespace", Key::namespace("tenants/1/")),
        ("idempotency", Key::idempotency("p", "POST /v1/tenants", "k")),
        ("cell", Key::cell("cell-1")),
        ("service", Key::service(&service)),
        ("serviceName", Key::service_name("n")),
        ("bearer", Key::bearer("00")),
        ("taskToken", Key::task_token("00")),
        ("subscription", Key::subscription(&subscription)),
        ("deliveryCursor", Key::delivery_cursor(&subscription, &tenant)),
        ("delivery", Key::delivery(&subscription, at, &event, 1)),
        ("lease", Key::lease("l")),
        ("worker", Key::worker("w")),
        ("deadLetter", Key::dead_letter("q", at, &message)),
        ("deadLetterPointer", Key::dead_letter_pointer("q", &message)),
        ("archive", Key::archive(1, 1)),
        ("archiveHead", Key::archive_head(1)),
        ("archivePointer", Key::archive_pointer(&tenant, 1)),
        ("busRule", Key::bus_rule(&subscription)),
        ("busRulesVersion", Key::bus_rules_version()),
        ("execution", Key::execution(&ExecutionId::new("w", "n").unwrap())),
    ]
}

fn items() -> BTreeMap<String, Map<String, Value>> {
    let table: Value = serde_json::from_str(TABLE).unwrap();
    let items = table["items"].as_array().unwrap();
    let named = |item: &Value| (item["name"].as_str().unwrap().to_owned(), item.as_object().unwrap().clone());
    items.iter().map(named).collect()
}

#[test]
fn the_tables_keys_are_those_of_the_code_and_no_two_kinds_share_one() {
    let items = items();
    let keys = keys();
    let described: BTreeSet<&str> = items.keys().map(String::as_str).collect();
    assert_eq!(described, keys.iter().map(|(name, _)| *name).collect());
    for (name, key) in &keys {
        let fitting: Vec<&String> = items
            .iter()
            .filter(|(_, item)| {
                fits(item["pk"].as_str().unwrap(), key.pk()) && fits(item["sk"].as_str().unwrap(), key.sk())
            })
            .map(|(name, _)| name)
            .collect();
        assert_eq!(fitting, [name], "{key:?}");
    }
}

#[test]
fn the_tables_indexes_are_those_of_the_code() {
    let table: Value = serde_json::from_str(TABLE).unwrap();
    assert_eq!(table["indexShards"], INDEX_SHARDS);
    let names: Vec<String> = Index::ALL.iter().map(|index| format!("index{}", index.number())).collect();
    let described: Vec<&str> =
        table["indexes"].as_array().unwrap().iter().map(|index| index["name"].as_str().unwrap()).collect();
    assert_eq!(described, names);

    let items = items();
    let check = |name: &str, item: &Item| {
        let described = items[name]["indexes"].as_object().unwrap();
        assert_eq!(described.len(), item.indexes.len(), "{name}");
        for (index, key) in &item.indexes {
            let place = &described[&format!("index{}", index.number())];
            assert!(fits(place["pk"].as_str().unwrap(), &key.pk), "{name}: {key:?}");
            assert!(fits(place["sk"].as_str().unwrap(), &key.sk), "{name}: {key:?}");
        }
    };
    check("tenant", &tenant_item(&tenant(TenantStatus::Active)));
    check("operation", &operation_item(&operation(OperationPhase::Queued), true));
}
