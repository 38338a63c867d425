use super::*;
use crate::catalogue::EventType;
use crate::envelope::Envelope;
use crate::webhook::{ID_HEADER, SIGNATURE_HEADER, SigningSecret, TIMESTAMP_HEADER, VerifyError, sign};
use proptest::prelude::*;
use serde_json::{Value, json};
use tenantry_core::{EventId, ServiceId, TenantId, Timestamp};

const SECONDS: i64 = 1_800_000_000;
const OPERATION: &str = "op_01h455vb4qex5vsknk084sn02r";

fn now() -> Timestamp {
    Timestamp::from_millis(SECONDS * 1000 + 900)
}

fn secret(byte: u8) -> SigningSecret {
    SigningSecret::from_bytes(&[byte; 32]).unwrap()
}

/// Sends a signed body through a verifier.
fn deliver(id: &str, body: &[u8], more: &[(&str, &str)]) -> Result<Delivery, DeliveryError> {
    let seconds = SECONDS.to_string();
    let signature = sign(&secret(1), id, SECONDS, body);
    let mut headers = vec![(ID_HEADER, id), (TIMESTAMP_HEADER, &seconds), (SIGNATURE_HEADER, &signature)];
    headers.extend(more);
    let find = |name: &'static str| headers.iter().rev().find(|(known, _)| *known == name).map(|(_, v)| *v);
    Verifier::new(&secret(1).reveal()).unwrap().verify(find, body, now())
}

fn request() -> Value {
    json!({
        "action": "provision", "tenantId": "tnt_01h455vb4pex5vsknk084sn02q", "operationId": OPERATION,
        "generation": 1, "taskToken": "very-secret", "heartbeatSeconds": 30,
    })
}

#[test]
fn an_event_is_read_with_its_type() {
    let text = EventType::TenantProvisioned.example();
    let id = serde_json::from_str::<Value>(text).unwrap()["eventId"].as_str().unwrap().to_owned();
    let Delivery::Event(event) = deliver(&id, text.as_bytes(), &[]).unwrap() else { panic!("not an event") };
    assert_eq!(event.envelope.known_type(), Some(EventType::TenantProvisioned));
    assert!(!event.replay);
    let Delivery::Event(event) = deliver(&id, text.as_bytes(), &[(REPLAY_HEADER, "true")]).unwrap() else {
        panic!("not an event")
    };
    assert!(event.replay);
}

#[test]
fn a_younger_event_is_still_read() {
    let mut event: Value = serde_json::from_str(EventType::TenantRegistered.example()).unwrap();
    event["type"] = json!("TenantPainted");
    event["traceId"] = json!("abc");
    event["data"] = json!({"colour": "red"});
    let id = event["eventId"].as_str().unwrap().to_owned();
    let Delivery::Event(read) = deliver(&id, event.to_string().as_bytes(), &[]).unwrap() else {
        panic!("not an event")
    };
    assert_eq!(read.envelope.known_type(), None);
    assert_eq!(read.envelope.typed().unwrap_err().to_string().split('"').nth(1), Some("TenantPainted"));
    event["specVersion"] = json!("2.0");
    let error = deliver(&id, event.to_string().as_bytes(), &[]).unwrap_err();
    assert!(error.to_string().contains("specVersion is \"2.0\""), "{error}");
}

#[test]
fn a_request_is_read_and_keeps_its_token_out_of_logs() {
    let service: ServiceId = "svc_01h455vb4pex5vsknk084sn02q".parse().unwrap();
    let id = format!("{OPERATION}.{service}.provision");
    let delivered = deliver(&id, request().to_string().as_bytes(), &[]).unwrap();
    assert!(!format!("{delivered:?}").contains("very-secret"));
    let Delivery::Request(read) = delivered else { panic!("not a request") };
    assert_eq!((read.action, read.generation), (IntegrationAction::Provision, 1));
    assert_eq!(read.heartbeat_seconds, Some(30));
    assert_eq!(read.webhook_id(&service), id);
    assert_eq!(serde_json::to_value(&read).unwrap(), request());
}

#[test]
fn what_does_not_hold_is_refused() {
    let body = request().to_string();
    let other = [(SIGNATURE_HEADER, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")];
    let id = format!("{OPERATION}.svc_x.provision");
    let refused = |error| matches!(error, Err(DeliveryError::Untrusted(VerifyError::Signature)));
    assert!(refused(deliver(&id, body.as_bytes(), &other)));
    let wrong = format!("{OPERATION}.svc_x.undo");
    assert!(matches!(deliver(&wrong, body.as_bytes(), &[]), Err(DeliveryError::WrongId { .. })));
    for bad in ["", "[]", "{}", "null", "{\"action\": \"paint\"}", "{\"action\":"] {
        assert!(matches!(deliver(&id, bad.as_bytes(), &[]), Err(DeliveryError::Malformed(_))), "{bad}");
    }
    let verifier = Verifier::new(&secret(1).reveal()).unwrap();
    let missing = verifier.verify(|_| None, body.as_bytes(), now());
    assert!(matches!(missing, Err(DeliveryError::Untrusted(VerifyError::Header(ID_HEADER)))));
    assert!(Verifier::new("whsec_short").is_err());
}

#[test]
fn a_rotated_secret_is_taken_beside_the_old_one() {
    let verifier = Verifier::new(&secret(2).reveal()).unwrap().also(&secret(1).reveal()).unwrap();
    let body = request().to_string();
    let id = format!("{OPERATION}.svc_x.provision");
    let (seconds, signature) = (SECONDS.to_string(), sign(&secret(1), &id, SECONDS, body.as_bytes()));
    let find = |name| match name {
        ID_HEADER => Some(id.as_str()),
        TIMESTAMP_HEADER => Some(seconds.as_str()),
        SIGNATURE_HEADER => Some(signature.as_str()),
        _ => None,
    };
    assert!(verifier.verify(find, body.as_bytes(), now()).is_ok());
}

#[test]
fn answers_have_the_shapes_of_the_api() {
    let success = TaskSuccess { task_token: "t".into(), output: json!({"a": 1}) };
    assert_eq!(task_token_path(&success), "/v1/task-tokens/success");
    assert_eq!(serde_json::to_value(&success).unwrap(), json!({"taskToken": "t", "output": {"a": 1}}));
    let failure = TaskFailure::new("t", &"E".repeat(300), &"c".repeat(40_000));
    assert_eq!(task_token_path(&failure), "/v1/task-tokens/failure");
    assert_eq!((failure.error.len(), failure.cause.len()), (256, 32_768));
    let heartbeat = TaskHeartbeat { task_token: "secret-token".into() };
    assert_eq!(task_token_path(&heartbeat), "/v1/task-tokens/heartbeat");
    assert!(!format!("{heartbeat:?}{failure:?}{success:?}").contains("secret-token"));
    let asked = RegistrationRequest {
        name: "billing".into(),
        url: "http://127.0.0.1:9/tenantry".into(),
        required: true,
        timeout_seconds: 60,
        heartbeat_seconds: None,
    };
    let wanted = json!({"name": "billing", "url": "http://127.0.0.1:9/tenantry", "required": true, "timeoutSeconds": 60});
    assert_eq!(serde_json::to_value(asked).unwrap(), wanted);
}

fn event(tenant: u128, sequence: u64) -> Envelope {
    let mut event: Envelope = serde_json::from_str(EventType::TenantRegistered.example()).unwrap();
    event.tenant_id = TenantId::from_uuid(uuid::Uuid::from_u128(tenant));
    event.event_id = EventId::from_uuid(uuid::Uuid::from_u128(tenant << 64 | u128::from(sequence)));
    event.sequence = sequence;
    event
}

fn numbers(received: Received) -> Vec<u64> {
    match received {
        Received::InOrder(events) => events.iter().map(|event| event.sequence).collect(),
        Received::Repeat => panic!("a repeat"),
    }
}

#[test]
fn an_inbox_sorts_reports_gaps_and_gives_up_when_told() {
    let mut inbox = MemoryInbox::new();
    assert_eq!(numbers(inbox.accept(event(1, 1)).unwrap()), [1]);
    assert_eq!(numbers(inbox.accept(event(1, 4)).unwrap()), [0u64; 0]);
    assert_eq!(inbox.accept(event(1, 4)).unwrap(), Received::Repeat);
    assert_eq!(inbox.accept(event(1, 1)).unwrap(), Received::Repeat);
    assert_eq!(
        numbers(inbox.accept(event(2, 1)).unwrap()),
        [1],
        "one tenant's gap holds no other tenant back"
    );
    let tenant = event(1, 1).tenant_id;
    let gap = Gap { tenant_id: tenant.clone(), first_missing: 2, last_missing: 3, waiting: 1 };
    assert_eq!(inbox.gaps(), [gap]);
    assert_eq!(numbers(inbox.accept(event(1, 2)).unwrap()), [2]);
    let after: Vec<u64> = inbox.skip_gap(&tenant).unwrap().iter().map(|event| event.sequence).collect();
    assert_eq!(after, [4]);
    assert!(inbox.gaps().is_empty() && inbox.skip_gap(&tenant).unwrap().is_empty());
    assert_eq!(numbers(inbox.accept(event(1, 3)).unwrap()), [3], "what was given up may still come, late");
    assert_eq!(inbox.accept(event(1, 3)).unwrap(), Received::Repeat);
}

#[test]
fn an_inbox_is_bounded_and_can_begin_in_the_middle() {
    let mut inbox = MemoryInbox::new().waiting_max(2);
    inbox.start_after(&event(1, 1).tenant_id, 10);
    assert_eq!(inbox.accept(event(1, 9)).unwrap(), Received::Repeat);
    inbox.accept(event(1, 13)).unwrap();
    inbox.accept(event(1, 14)).unwrap();
    let full = inbox.accept(event(1, 15)).unwrap_err();
    assert!(matches!(full, InboxError::Full { first_missing: 11, waiting: 2, .. }), "{full}");
    assert_eq!(numbers(inbox.accept(event(1, 11)).unwrap()), [11], "what fills the gap is always taken");
}

proptest! {
    #[test]
    fn any_order_and_any_repeats_give_each_event_once_in_order(
        order in Just((1..=12u64).collect::<Vec<_>>()).prop_shuffle(),
        repeats in prop::collection::vec(0..12usize, 0..20),
    ) {
        let mut inbox = MemoryInbox::new();
        let mut out = Vec::new();
        let again = repeats.iter().map(|at| order[*at]).collect::<Vec<_>>();
        for sequence in order.iter().zip(again.iter().chain(std::iter::repeat(&1))).flat_map(|(a, b)| [*a, *b]) {
            if let Received::InOrder(events) = inbox.accept(event(1, sequence)).unwrap() {
                out.extend(events.iter().map(|event| event.sequence));
            }
        }
        prop_assert_eq!(out, (1..=12).collect::<Vec<_>>());
        prop_assert!(inbox.gaps().is_empty());
    }
}
