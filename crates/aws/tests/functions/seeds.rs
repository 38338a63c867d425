//! What must be in a deployment before an example can be invoked, as data, and how it gets in: through the ports, so
//! that it is the same in memory and on AWS.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tenantry_app::Ports;
use tenantry_core::keys::{Key, index};
use tenantry_core::model::{
    Isolation, Operation, OperationKind, OperationPhase, Service, Subscription, Target, Tenant, TenantStatus,
};
use tenantry_core::ports::{
    Action, BusEvent, Commit, DeadLetter, DeadReason, Index, IndexKey, Item, KeyPurpose, Queues, Rule, Secret,
};
use tenantry_core::{MessageId, OperationId, ServiceId, SubscriptionId, TenantId, Timestamp};
use tenantry_events::webhook::SigningSecret;
use tenantry_events::{Change, TenantRegistered, ledger};

pub(crate) const TENANT: &str = "tnt_01h455vb4pex5vsknk084sn02q";
pub(crate) const OPERATION: &str = "op_01h455vb4pex5vsknk084sn02r";
pub(crate) const SERVICE: &str = "svc_01h455vb4pex5vsknk084sn02s";
pub(crate) const SUBSCRIPTION: &str = "sub_01h455vb4pex5vsknk084sn02t";
pub(crate) const MESSAGE: &str = "msg_01h455vb4pex5vsknk084sn02v";
/// SQS's own id of the message of every example.
pub(crate) const SQS_MESSAGE: &str = "059f36b4-87a3-44ab-83d2-661975830a7d";
pub(crate) const EXECUTION: &str = "provision_tenant~op_01h455vb4pex5vsknk084sn02r-1";

/// Every time in a seed: long ago, so that what waits for time to pass has waited long enough.
fn then() -> Timestamp {
    Timestamp::parse("2025-01-01T00:00:00.000Z").unwrap()
}

/// One id for each place, so that the data stays the same.
struct Fixed;

impl tenantry_core::ports::Ids for Fixed {
    fn next(&self) -> uuid::Uuid {
        uuid::Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001)
    }

    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn tenant(status: TenantStatus) -> Tenant {
    Tenant {
        tenant_id: TENANT.parse().unwrap(),
        name: "Acme".to_owned(),
        slug: "acme".to_owned(),
        plan: "pro".to_owned(),
        isolation: Isolation::Pool,
        region: "eu-west-1".to_owned(),
        cell: None,
        status,
        status_since: then(),
        operation_id: Some(OPERATION.parse().unwrap()),
        generation: 1,
        revision: 0,
        sequence: 0,
        admin_email: "ada@example.com".to_owned(),
        external_id: None,
        metadata: BTreeMap::new(),
        created_at: then(),
        updated_at: then(),
    }
}

fn operation(phase: OperationPhase) -> Operation {
    Operation {
        operation_id: OPERATION.parse().unwrap(),
        tenant_id: TENANT.parse().unwrap(),
        kind: OperationKind::Provision,
        phase,
        attempt: 1,
        generation: 1,
        requested_by: "admin".to_owned(),
        created_at: then(),
        updated_at: then(),
        ended_at: None,
        error: None,
        attempt_end: None,
        revision: 1,
    }
}

fn item(item: &Item) -> Value {
    let indexes: Map<String, Value> = item
        .indexes
        .iter()
        .map(|(index, key)| (format!("index{}", index.number()), json!({"pk": key.pk, "sk": key.sk})))
        .collect();
    json!({"item": {
        "pk": item.key.pk(), "sk": item.key.sk(), "indexes": indexes, "attributes": item.attributes,
    }})
}

/// What a sign-up leaves, with its operation so far; `outbox`: as if nothing of it were sent yet.
fn signed_up(status: TenantStatus, phase: OperationPhase, outbox: bool) -> Vec<Value> {
    let before = tenant(status);
    let mut change = Change::register(before.clone()).audit("tenant.register", "admin", None);
    if outbox {
        change = change.emit(TenantRegistered {
            operation_id: OPERATION.parse().unwrap(),
            name: before.name,
            slug: before.slug,
            plan: before.plan,
            isolation: before.isolation,
            region: before.region,
            external_id: None,
        });
    }
    let operation = operation(phase);
    let (_, actions) = change.build(&Fixed, then()).unwrap();
    let rows = actions.into_iter().filter_map(|action| match action {
        Action::Put { item, .. } => Some(item),
        _ => None,
    });
    let pointer = ledger::operation_pointer_item(&operation);
    rows.chain([ledger::operation_item(&operation, outbox), pointer]).map(|row| item(&row)).collect()
}

/// The row that says what it is and not the rest: whoever reads it fails.
fn damaged(key: Key) -> Value {
    item(&Item::new(key, Map::from_iter([("damaged".to_owned(), json!(true))])))
}

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9/";

fn service() -> Vec<Value> {
    let id: ServiceId = SERVICE.parse().unwrap();
    let service = Service {
        service_id: id.clone(),
        name: "billing".to_owned(),
        url: NOWHERE.to_owned(),
        required: true,
        timeout_seconds: 3_600,
        heartbeat_seconds: None,
        secret_ref: format!("services/{id}"),
        token_hash: "00".repeat(32),
        removed: false,
        created_at: then(),
        updated_at: then(),
    };
    let row = item(&Item::of(Key::service(&id), &service));
    vec![row, secret(&service.secret_ref)]
}

fn secret(reference: &str) -> Value {
    let text = SigningSecret::from_bytes(&[7; 32]).unwrap().reveal();
    json!({"secret": {"reference": reference, "text": text}})
}

fn subscription() -> Vec<Value> {
    let id: SubscriptionId = SUBSCRIPTION.parse().unwrap();
    let pattern = json!({"detail-type": ["TenantRegistered"]});
    let subscription = Subscription {
        subscription_id: id.clone(),
        name: "audit".to_owned(),
        pattern: pattern.clone(),
        target: Target::Webhook { url: NOWHERE.to_owned() },
        secret_ref: format!("subscriptions/{id}"),
        created_at: then(),
    };
    let row = item(&Item::of(Key::subscription(&id), &subscription));
    let rule = json!({"rule": {"subscriptionId": id, "pattern": pattern}});
    vec![row, secret(&subscription.secret_ref), rule]
}

/// The tenant's first event is published.
fn published() -> Vec<Value> {
    let mut all = signed_up(TenantStatus::Provisioning, OperationPhase::Running, true);
    let mut event = None;
    for entry in &mut all {
        // Nothing waits for the relay any more.
        let row = &mut entry["item"];
        if row["indexes"]["index1"]["pk"].as_str().is_some_and(|pk| pk.starts_with("OUTBOX#")) {
            row["indexes"] = json!({});
        }
        if row["sk"].as_str().is_some_and(|sk| sk.starts_with("EVENT#")) {
            event = Some(row["attributes"].clone());
        }
    }
    let tenant: TenantId = TENANT.parse().unwrap();
    let mark = Map::from_iter([("publishedSequence".to_owned(), json!(1))]);
    all.push(item(&Item::new(Key::relay(&tenant), mark)));
    all.push(json!({"published": event}));
    all
}

/// A row that the sweeper finds due.
fn due(mut row: Value, at: Timestamp) -> Value {
    let tenant: TenantId = TENANT.parse().unwrap();
    let sk = row["item"]["sk"].as_str().unwrap().to_owned();
    let place = json!({"pk": index::due(index::shard(&tenant)), "sk": format!("{at}#{}#{sk}", row["item"]["pk"].as_str().unwrap())});
    row["item"]["indexes"] = json!({ "index1": place });
    row
}

fn due_operation() -> Vec<Value> {
    let mut all = signed_up(TenantStatus::Registered, OperationPhase::Queued, false);
    all.iter_mut()
        .filter(|entry| entry["item"]["sk"].as_str().is_some_and(|sk| sk.starts_with("OPERATION#")))
        .for_each(|entry| *entry = due(entry.clone(), then()));
    all
}

/// A delivery cursor that waits for nothing and lies behind what was published.
fn behind() -> Vec<Value> {
    let (subscription_id, tenant_id): (SubscriptionId, TenantId) =
        (SUBSCRIPTION.parse().unwrap(), TENANT.parse().unwrap());
    let attributes = json!({
        "subscriptionId": subscription_id, "tenantId": tenant_id, "deliveredSequence": 0, "try": 0,
        "nextAttemptAt": null, "leaseOwner": null, "leaseUntil": null, "revision": 1, "updatedAt": then(),
    });
    let Value::Object(attributes) = attributes else { unreachable!("an object was written") };
    vec![item(&Item::new(Key::delivery_cursor(&subscription_id, &tenant_id), attributes))]
}

fn dead_letters() -> Vec<Value> {
    let letter = |queue| json!({"deadLetter": {"queue": queue, "messageId": MESSAGE, "body": "poison", "group": TENANT}});
    Queues::NAMES.into_iter().map(letter).collect()
}

/// Whoever redrives it has died, and so has the message, once more.
fn claimed_dead_letters() -> Vec<Value> {
    let id = MessageId::from_uuid(SQS_MESSAGE.parse().unwrap());
    let claimed = json!({"diedAt": then(), "claim": "another", "claimedUntil": then()});
    let row = |queue| Item::new(Key::dead_letter_pointer(queue, &id), claimed.as_object().unwrap().clone());
    Queues::NAMES.into_iter().map(|queue| item(&row(queue))).collect()
}

/// Every seed by its name: entries, in order.
pub(crate) fn all() -> BTreeMap<&'static str, Vec<Value>> {
    use OperationPhase::{Failed, Queued, Running};
    let (tenant_id, operation_id): (TenantId, OperationId) =
        (TENANT.parse().unwrap(), OPERATION.parse().unwrap());
    let stopped = json!({"stoppedExecution": {"executionId": EXECUTION, "input": {
        "tenantId": TENANT, "operationId": OPERATION, "generation": 1, "attempt": 1,
    }}});
    let running = json!({"runningExecution": stopped["stoppedExecution"]});
    BTreeMap::from([
        ("tenant", signed_up(TenantStatus::Registered, Running, false)),
        ("provisioningTenant", signed_up(TenantStatus::Provisioning, Running, false)),
        ("failedTenant", signed_up(TenantStatus::ProvisioningFailed, Failed, false)),
        ("activeTenant", signed_up(TenantStatus::Active, OperationPhase::Succeeded, false)),
        ("queuedTenant", signed_up(TenantStatus::Registered, Queued, false)),
        ("outbox", signed_up(TenantStatus::Registered, Queued, true)),
        ("dueOperation", due_operation()),
        ("published", published()),
        ("behind", behind()),
        ("recordsKey", vec![json!({"key": {"tenantId": TENANT, "purpose": "records"}})]),
        ("service", service()),
        ("subscription", subscription()),
        ("deadLetters", dead_letters()),
        ("claimedDeadLetters", claimed_dead_letters()),
        ("stoppedExecution", vec![stopped]),
        ("runningExecution", vec![running]),
        ("taskToken", vec![json!({"taskToken": {"serviceId": SERVICE, "tenantId": TENANT}})]),
        ("damagedOperation", vec![damaged(Key::operation(&tenant_id, &operation_id))]),
        ("damagedService", vec![damaged(Key::service(&SERVICE.parse().unwrap()))]),
        ("damagedSubscription", vec![damaged(Key::subscription(&SUBSCRIPTION.parse().unwrap()))]),
    ])
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is missing in {value}")).to_owned()
}

fn read_item(value: &Value) -> Item {
    let key = Key::from_stored(text(value, "pk"), text(value, "sk"));
    let mut item = Item::new(key, value["attributes"].as_object().unwrap().clone());
    for index in Index::ALL {
        if let Some(place) = value["indexes"].get(format!("index{}", index.number())) {
            item.indexes.insert(index, IndexKey { pk: text(place, "pk"), sk: text(place, "sk") });
        }
    }
    item
}

/// Puts one entry in. A task token and executions are the home's business: [`Home`].
pub(crate) async fn apply(ports: &Ports, home: &impl Home, entry: &Value) {
    let (kind, value) = entry.as_object().and_then(|entry| entry.iter().next()).unwrap();
    match kind.as_str() {
        "item" => ports.table.commit(Commit::of(vec![Action::put(read_item(value))])).await.unwrap(),
        "key" => {
            let tenant = text(value, "tenantId").parse().unwrap();
            ports.data_keys.create(&tenant, KeyPurpose::Records).await.unwrap();
        }
        "secret" => {
            let secret = Secret::new(text(value, "text"));
            ports.vault.store(&text(value, "reference"), secret).await.unwrap();
        }
        "rule" => {
            let subscription_id = text(value, "subscriptionId").parse().unwrap();
            let pattern = value["pattern"].clone();
            ports.bus.put_rule(Rule { subscription_id, pattern }).await.unwrap();
        }
        "published" => {
            let envelope: tenantry_events::Envelope = serde_json::from_value(value.clone()).unwrap();
            let event: BusEvent = envelope.to_bus_event();
            ports.bus.publish(vec![event]).await.unwrap();
        }
        "deadLetter" => {
            let reason = DeadReason { code: "max_receives".to_owned(), message: "it died".to_owned() };
            let id: MessageId = text(value, "messageId").parse().unwrap();
            let letter = DeadLetter {
                queue: text(value, "queue"),
                id,
                body: text(value, "body"),
                group: text(value, "group"),
                receive_count: 1,
                reason,
                sent_at: then(),
                died_at: then(),
            };
            ports.dead_letters.bury(letter).await.unwrap();
        }
        "runningExecution" | "stoppedExecution" => {
            let id = text(value, "executionId").parse().unwrap();
            ports.workflows.start(&id, value["input"].clone()).await.unwrap();
            if kind == "stoppedExecution" {
                ports.workflows.stop(&id, Some("Test.Stopped".to_owned()), None).await.unwrap();
            }
        }
        "taskToken" => {
            let token = home.task_token().await;
            let hash = tenantry_app::workers::integrations::task_token_hash(&token);
            let attributes = json!({"serviceId": value["serviceId"], "tenantId": value["tenantId"]});
            let pointer = Item::new(Key::task_token(&hash), attributes.as_object().unwrap().clone());
            ports.table.commit(Commit::of(vec![Action::put(pointer)])).await.unwrap();
        }
        other => panic!("nobody knows what a seed's {other} is"),
    }
}

/// What only the home itself can make.
pub(crate) trait Home {
    /// A token for which a task waits; the same at every call.
    async fn task_token(&self) -> String;
}
