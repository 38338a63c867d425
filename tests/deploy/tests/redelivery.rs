//! A stream tells again what it told before: every event is published once, and once only.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tenantry_deploy::prepared::SUBSCRIBER_QUEUE;
use tenantry_deploy::report::Stage;
use tenantry_deploy::stack::Stack;
use tenantry_scenarios::until;
use tokio::sync::Mutex;

/// Every record of the table's stream that the relay is called for.
async fn outbox_records(stack: &Stack) -> Vec<Value> {
    let arn = stack.output("/resources/table~1stream/0");
    let described = stack.aws.must("dynamodbstreams", "describe_stream", json!({"StreamArn": arn})).await;
    let mut records = Vec::new();
    for shard in described["StreamDescription"]["Shards"].as_array().expect("shards") {
        let from = json!({
            "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"
        });
        let mut next =
            stack.aws.must("dynamodbstreams", "get_shard_iterator", from).await["ShardIterator"].take();
        while next.is_string() {
            let mut page =
                stack.aws.must("dynamodbstreams", "get_records", json!({"ShardIterator": next})).await;
            let Value::Array(found) = page["Records"].take() else { break };
            if found.is_empty() {
                break;
            }
            records.extend(found);
            next = page["NextShardIterator"].take();
        }
    }
    let enters = |record: &Value| {
        let partition = &record["dynamodb"]["NewImage"]["index1pk"]["S"];
        partition.as_str().is_some_and(|text| text.starts_with("OUTBOX#"))
    };
    records.retain(enters);
    for record in &mut records {
        record["eventSourceARN"] = arn.into();
        // The API gives a date where Lambda gives seconds.
        record["dynamodb"]["ApproximateCreationDateTime"] = 1_700_000_000.into();
    }
    records
}

/// What the subscriber has heard so far.
#[derive(Default)]
struct Heard {
    /// How often, by the event's id.
    counts: BTreeMap<String, u64>,
    /// Type and tenant of each.
    what: BTreeSet<(String, String)>,
}

impl Heard {
    /// Takes what lies in the subscriber's queue now.
    async fn listen(&mut self, stack: &Stack, queue: &str) {
        for message in stack.drain(queue).await {
            let event: Value =
                serde_json::from_str(message["Body"].as_str().expect("a body")).expect("an event");
            let text = |pointer: &str| {
                let found = event.pointer(pointer).and_then(Value::as_str);
                found.unwrap_or_else(|| panic!("no {pointer} in {event:#}")).to_owned()
            };
            *self.counts.entry(text("/detail/eventId")).or_default() += 1;
            self.what.insert((text("/detail-type"), text("/detail/tenantId")));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_tells_twice_is_published_once() {
    let Some(stack) = Stack::start("a subscriber's queue, and a stream's redelivery", false) else { return };
    let control_plane = stack.control_plane().await;
    let stage = Stage::begin("a stream's redelivery, published once");
    let found = stack.aws.must("sqs", "get_queue_url", json!({"QueueName": SUBSCRIBER_QUEUE})).await;
    let queue = found["QueueUrl"].as_str().expect("a URL");
    let heard = Mutex::new(Heard::default());
    let sign_up = async |name: &str| {
        let arguments =
            ["tenant", "create", name, "--plan", "pro", "--admin-email", "admin@example.com", "--wait"];
        let created = control_plane.tenantry(&arguments).await;
        assert_eq!(created["status"], "active", "{created:#}");
        let told = ("TenantProvisioned".to_owned(), created["tenantId"].as_str().expect("an id").to_owned());
        until("TenantProvisioned in the subscriber's queue", || async {
            let mut heard = heard.lock().await;
            heard.listen(&stack, queue).await;
            heard.what.contains(&told).then_some(())
        })
        .await;
    };
    sign_up("Told Once").await;

    let records = outbox_records(&stack).await;
    assert!(records.len() >= 3, "{records:#?}");
    let relay = stack.function("relay");
    for _ in 0..2 {
        let answered = stack.aws.invoke(&relay, Some("live"), &json!({"Records": records})).await;
        assert!(!answered.failed, "{answered:#?}");
        let failures = answered.payload["batchItemFailures"].as_array().map_or(0, Vec::len);
        assert_eq!(failures, 0, "{answered:#?}");
    }
    // What comes after it shows that whatever the redelivery published has come, too.
    sign_up("Told Afterwards").await;

    let heard = heard.into_inner();
    let repeated: Vec<_> = heard.counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(repeated.is_empty(), "published more than once: {repeated:#?}");
    assert_eq!(heard.counts.len(), 6, "two tenants, three events each: {:#?}", heard.what);
    let archive = control_plane.pages("/v1/events", "after").await;
    let archived: BTreeSet<String> =
        archive.iter().map(|item| item["event"]["eventId"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(archive.len(), archived.len(), "the archive holds an event twice");
    assert_eq!(archived, heard.counts.into_keys().collect(), "the archive, and what the subscriber heard");
    stage.end_with(format_args!("{} records told twice again", records.len()));
}
