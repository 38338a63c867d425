//! The queues on SQS, the dead letters, and the bus: their contracts, and what goes beyond them.

mod crashes;
mod fates;
mod sharing;

use crate::support::{calls, clients, emulator, fresh_name, make_table};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tenantry_app::testing::MemoryDataKeys;
use tenantry_aws::Clients;
use tenantry_aws::bus::{AwsBus, EventBridge};
use tenantry_aws::dead_letters::AwsDeadLetters;
use tenantry_aws::queue::AwsQueue;
use tenantry_aws::table::AwsTable;
use tenantry_contract::{Delivery, Made, ManualClock, Messaging, Time};
use tenantry_core::ports::{Bus as _, BusEvent, EventFilter, PortError, Queue as _, Queues, Table};
use tenantry_core::{EventId, TenantId, Timestamp};
use tenantry_system::SystemClock;
use tokio::task::JoinHandle;

/// How often a message may be received: more often than any other case does, and few, so that dying takes no time.
const MAX_RECEIVES: u32 = 6;

/// A queue of its own in the emulator, with its dead-letter queue.
async fn make_queue(clients: &Arc<Clients>) -> (AwsQueue, AwsQueue) {
    let make = async |redrive: Option<String>| {
        let request = clients.sqs().create_queue().queue_name(fresh_name("queue"));
        let attributes = redrive.map(|policy| [(QueueAttributeName::RedrivePolicy, policy)].into());
        let made = request.set_attributes(attributes).send().await;
        made.expect("a queue").queue_url.expect("its address")
    };
    let dead = make(None).await;
    let asked = clients.sqs().get_queue_attributes().queue_url(&dead);
    let told = asked.attribute_names(QueueAttributeName::QueueArn).send().await.expect("its name");
    let arn = &told.attributes.expect("attributes")[&QueueAttributeName::QueueArn];
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES}).to_string();
    let queue = make(Some(policy)).await;
    let of = |url| AwsQueue::new(Arc::clone(clients), calls(), url);
    (of(queue), of(dead))
}

async fn make_bus(clients: &Clients) -> String {
    let name = fresh_name("bus");
    clients.eventbridge().create_event_bus().name(&name).send().await.expect("a bus");
    name
}

/// Does what the function `dead_letters` does, until it is dropped.
struct Drain(JoinHandle<()>);

impl Drain {
    fn start(queue: &'static str, dead: AwsQueue, letters: AwsDeadLetters) -> Self {
        Self(tokio::spawn(async move {
            loop {
                let received = dead.receive(10, Duration::from_secs(30), Duration::from_secs(5)).await;
                for message in received.unwrap_or_default() {
                    let receipt = message.receipt.clone();
                    if letters.drain(queue, message).await.is_ok() {
                        let _ = dead.delete(&receipt).await;
                    }
                }
            }
        }))
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn messaging(clients: Arc<Clients>) -> Made<Messaging> {
    let (clock, ids) = (calls().clock().clone(), calls().ids().clone());
    let name = make_table(&clients).await;
    let table: Arc<dyn Table> = Arc::new(AwsTable::new(Arc::clone(&clients), calls(), name));
    let (operations, dead) = make_queue(&clients).await;
    let (integrations, _) = make_queue(&clients).await;
    let (webhooks, _) = make_queue(&clients).await;
    let (execution_status, _) = make_queue(&clients).await;
    let by_name = Queues::NAMES.into_iter().zip([
        operations.clone(),
        integrations.clone(),
        webhooks.clone(),
        execution_status.clone(),
    ]);
    let keys = Arc::new(MemoryDataKeys::default());
    let letters = AwsDeadLetters::new(Arc::clone(&table), keys, by_name, clock.clone(), ids.clone());
    let publisher = Arc::new(EventBridge::new(Arc::clone(&clients), calls(), make_bus(&clients).await));
    let webhooks = Arc::new(webhooks);
    let messaging = Messaging {
        queues: Queues {
            operations: Arc::new(operations),
            integrations: Arc::new(integrations),
            webhooks: webhooks.clone(),
            execution_status: Arc::new(execution_status),
        },
        dead_letters: Arc::new(letters.clone()),
        bus: Arc::new(AwsBus::new(table, webhooks, publisher, clock.clone(), ids)),
        operations_max_receives: MAX_RECEIVES,
        time: Time::Real(clock),
        delivery: Delivery::Approximate,
    };
    Made::new(Arc::new(messaging), Drain::start("operations", dead, letters))
}

macro_rules! contract {
    ($name:ident, $suite:path, $what:literal) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let Some(emulator) = emulator($what) else { return };
            let clients = clients(&emulator.facts());
            $suite(|_: ManualClock| messaging(Arc::clone(&clients))).await;
        }
    };
}

contract!(queue_contract, tenantry_contract::queue_suite, "the queues' contract on SQS");
contract!(dead_letters_contract, tenantry_contract::dead_letters_suite, "the dead letters' contract on AWS");
contract!(bus_contract, tenantry_contract::bus_suite, "the bus's contract on AWS");

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(number))
}

fn event(tenant_number: u128, sequence: u64) -> BusEvent {
    let uuid = uuid::Uuid::from_u128((tenant_number << 64) | u128::from(sequence));
    let (event_id, tenant_id) = (EventId::from_uuid(uuid), tenant(tenant_number));
    BusEvent {
        source: "tenantry".to_owned(),
        detail_type: "TenantRegistered".to_owned(),
        detail: json!({"eventId": event_id, "tenantId": tenant_id, "sequence": sequence}),
        event_id,
        tenant_id,
        sequence,
        occurred_at: Timestamp::from_millis(1_767_225_600_123),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_service_gets_events_from_event_bridge() {
    let Some(emulator) = emulator("events on EventBridge") else { return };
    let clients = clients(&emulator.facts());
    let bus_name = make_bus(&clients).await;
    let (subscriber, _) = make_queue(&clients).await;
    let rule = fresh_name("rule");
    let pattern = json!({"source": ["tenantry"], "detail": {"sequence": [{"numeric": [">", 1]}]}});
    let put = clients.eventbridge().put_rule().name(&rule).event_bus_name(&bus_name);
    put.event_pattern(pattern.to_string()).send().await.expect("a rule");
    let target = aws_sdk_eventbridge::types::Target::builder()
        .id("1")
        .arn(subscriber_arn(&clients, &subscriber).await);
    let put = clients.eventbridge().put_targets().rule(&rule).event_bus_name(&bus_name);
    put.targets(target.build().expect("a target")).send().await.expect("its target");

    let name = make_table(&clients).await;
    let table = Arc::new(AwsTable::new(Arc::clone(&clients), calls(), name));
    let (webhooks, _) = make_queue(&clients).await;
    let publisher = Arc::new(EventBridge::new(Arc::clone(&clients), calls(), bus_name));
    let (clock, ids) = (Arc::new(SystemClock), calls().ids().clone());
    let bus = AwsBus::new(table, Arc::new(webhooks), publisher, clock, ids);
    let events: Vec<_> = (1..=25).map(|sequence| event(1, sequence)).collect();
    bus.publish(events.clone()).await.unwrap();
    bus.publish(events.clone()).await.unwrap();

    let mut seen: Vec<Value> = Vec::new();
    while seen.len() < 24 {
        let received =
            subscriber.receive(10, Duration::from_secs(60), Duration::from_secs(20)).await.unwrap();
        assert!(!received.is_empty(), "24 events must come, not {}", seen.len());
        seen.extend(
            received.iter().map(|message| serde_json::from_str::<Value>(&message.body).expect("JSON")),
        );
    }
    seen.sort_by_key(|event| event["detail"]["sequence"].as_u64());
    for (event, seen) in events[1..].iter().zip(&seen) {
        assert_eq!((&seen["source"], &seen["detail-type"]), (&json!("tenantry"), &json!("TenantRegistered")));
        assert_eq!(seen["detail"], event.detail);
        assert_eq!(seen["resources"], json!([event.tenant_id]));
    }
    let late = subscriber.receive(10, Duration::from_secs(60), Duration::from_secs(1)).await.unwrap();
    assert_eq!(late, [], "what is archived is not put again");

    let foreign = BusEvent { source: "aws.tenantry".to_owned(), ..event(2, 1) };
    let refusal = bus.publish(vec![event(2, 2), foreign.clone()]).await;
    assert!(
        matches!(&refusal, Err(PortError::Refused { message, .. }) if message.contains(foreign.event_id.as_str())),
        "an entry that failed is an error, with its event: {refusal:?}"
    );
    let filter = EventFilter { tenant_id: Some(tenant(2)), event_type: None };
    assert_eq!(bus.read(None, filter, 10).await.unwrap().items, [], "and nothing of it is archived");
}

async fn subscriber_arn(clients: &Clients, queue: &AwsQueue) -> String {
    let asked = clients.sqs().get_queue_attributes().queue_url(queue.url());
    let told = asked.attribute_names(QueueAttributeName::QueueArn).send().await.expect("its name");
    told.attributes.expect("attributes")[&QueueAttributeName::QueueArn].clone()
}
