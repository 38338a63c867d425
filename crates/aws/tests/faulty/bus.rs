//! Whoever publishes what, as often and as broken off as may be: each event stands in the archive once, numbers have no
//! hole, and every rule's message and every event on EventBridge comes at least once.

use super::queue::{drain, make_queue};
use super::{Ways, persist};
use crate::support::{calls, calls_within, fresh_name, make_table};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tenantry_aws::bus::{AwsBus, EventBridge};
use tenantry_aws::queue::AwsQueue;
use tenantry_aws::table::AwsTable;
use tenantry_core::keys::index;
use tenantry_core::ports::{Bus as _, BusEvent, EventFilter, Rule};
use tenantry_core::{EventId, SubscriptionId, TenantId, Timestamp};
use tenantry_system::SystemClock;

const TENANTS: u128 = 6;
const EVENTS: u64 = 12;
const PUBLISHERS: u64 = 3;

fn event(tenant_number: u128, sequence: u64) -> BusEvent {
    let uuid = uuid::Uuid::from_u128((tenant_number << 64) | u128::from(sequence));
    let tenant_id = TenantId::from_uuid(uuid::Uuid::from_u128(tenant_number));
    let (event_id, kind) = (EventId::from_uuid(uuid), ["TenantRegistered", "TenantProvisioned"]);
    BusEvent {
        source: "tenantry".to_owned(),
        detail_type: kind[usize::from(sequence.is_multiple_of(2))].to_owned(),
        detail: json!({"eventId": event_id, "tenantId": tenant_id, "sequence": sequence}),
        event_id,
        tenant_id,
        sequence,
        occurred_at: Timestamp::from_millis(1_767_225_600_123),
    }
}

/// A queue that gets every event of a bus of EventBridge: the bus's name, and the queue over the clean way.
async fn subscriber(ways: &Ways) -> (String, AwsQueue) {
    let (bus, rule) = (fresh_name("faulty-bus"), fresh_name("faulty-rule"));
    let events = ways.clean.eventbridge();
    events.create_event_bus().name(&bus).send().await.expect("a bus");
    let url = make_queue(&ways.clean).await;
    let asked = ways.clean.sqs().get_queue_attributes().queue_url(&url);
    let told = asked.attribute_names(QueueAttributeName::QueueArn).send().await.expect("its name");
    let arn = told.attributes.expect("attributes")[&QueueAttributeName::QueueArn].clone();
    let pattern = json!({"source": ["tenantry"]}).to_string();
    let put = events.put_rule().name(&rule).event_bus_name(&bus).event_pattern(pattern);
    put.send().await.expect("a rule");
    let target = Target::builder().id("1").arn(arn).build().expect("a target");
    let put = events.put_targets().rule(&rule).event_bus_name(&bus).targets(target);
    put.send().await.expect("its target");
    (bus, AwsQueue::new(Arc::clone(&ways.clean), calls(), url))
}

/// The numbers in each shard of the archive, as the table holds them.
async fn numbers(ways: &Ways, table: &str) -> BTreeMap<String, Vec<u64>> {
    let mut shards: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let scan = ways.clean.dynamodb().scan().table_name(table).consistent_read(true);
    let mut items = scan.into_paginator().items().send();
    while let Some(item) = items.next().await {
        let item = item.expect("an item");
        let text = |name: &str| item.get(name).and_then(|value: &AttributeValue| value.as_s().ok()).cloned();
        let (Some(pk), Some(sk)) = (text("pk"), text("sk")) else { continue };
        if let (true, Some(number)) = (pk.starts_with("ARCHIVE#"), sk.strip_prefix("EVENT#")) {
            shards.entry(pk).or_default().push(number.parse().expect("a number"));
        }
    }
    shards.values_mut().for_each(|numbers| numbers.sort_unstable());
    shards
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_archived_once_and_told_of() {
    let Some(ways) = Ways::open("events over a network that fails", 16).await else { return };
    let table = make_table(&ways.clean).await;
    let (bus_name, on_event_bridge) = subscriber(&ways).await;
    let webhooks_url = make_queue(&ways.clean).await;
    let process = || {
        // A publication is many calls: were each given up as soon as elsewhere, none would get through.
        let (clients, calls) = (Arc::clone(&ways.faulty), calls_within(Duration::from_millis(400)));
        let rows = Arc::new(AwsTable::new(clients.clone(), calls.clone(), &table));
        let webhooks = Arc::new(AwsQueue::new(clients.clone(), calls.clone(), &webhooks_url));
        let publisher = Arc::new(EventBridge::new(clients, calls.clone(), &bus_name));
        AwsBus::new(rows, webhooks, publisher, Arc::new(SystemClock), calls.ids().clone())
    };
    let bus = process();
    let rules = [json!({"source": ["tenantry"]}), json!({"detail-type": ["TenantProvisioned"]})];
    let subscriptions: Vec<SubscriptionId> =
        (1..=2).map(|number| SubscriptionId::from_uuid(uuid::Uuid::from_u128(number))).collect();
    for (subscription_id, pattern) in subscriptions.iter().zip(rules) {
        let rule = Rule { subscription_id: subscription_id.clone(), pattern };
        persist("a rule", || bus.put_rule(rule.clone())).await;
    }

    let publishers = (0..PUBLISHERS).map(|number| {
        let bus = process();
        tokio::spawn(async move {
            // Each begins elsewhere with each tenant, as relays do that see different marks.
            for first in (1..=EVENTS).step_by(4) {
                let last = (first + 3 + number).min(EVENTS);
                let events: Vec<BusEvent> = (1..=TENANTS)
                    .flat_map(|tenant| (first..=last).map(move |sequence| event(tenant, sequence)))
                    .collect();
                persist("a publication", || bus.publish(events.clone())).await;
            }
        })
    });
    for ended in futures::future::join_all(publishers).await {
        ended.expect("a publisher that ends");
    }

    let (mut archived, mut after) = (Vec::new(), None);
    loop {
        let page = persist("a page", || bus.read(after.clone(), EventFilter::default(), 10)).await;
        archived.extend(page.items.into_iter().map(|archived| archived.event));
        after = page.read_up_to.or(after);
        if !page.more {
            break;
        }
    }
    let all: Vec<BusEvent> =
        (1..=TENANTS).flat_map(|tenant| (1..=EVENTS).map(move |sequence| event(tenant, sequence))).collect();
    for tenant in 1..=TENANTS {
        let id = event(tenant, 1).tenant_id;
        let of_tenant: Vec<u64> =
            archived.iter().filter(|event| event.tenant_id == id).map(|event| event.sequence).collect();
        assert_eq!(of_tenant, (1..=EVENTS).collect::<Vec<_>>(), "{id}: each once, in order");
    }
    assert_eq!(archived.len(), all.len());
    let shards = numbers(&ways, &table).await;
    for (shard, numbers) in &shards {
        assert_eq!(*numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "{shard} has no hole");
    }
    let used: BTreeSet<u64> = all.iter().map(|event| index::shard(&event.tenant_id)).collect();
    assert_eq!(shards.len(), used.len());

    let webhooks = AwsQueue::new(Arc::clone(&ways.clean), calls(), &webhooks_url);
    let messages: Vec<Value> = drain(&webhooks).await.iter().map(|body| json_of(body)).collect();
    let told: BTreeSet<(String, String, u64)> = messages.iter().map(message).collect();
    let expected = all.iter().flat_map(|event| {
        let provisioned = event.detail_type == "TenantProvisioned";
        subscriptions[..1 + usize::from(provisioned)]
            .iter()
            .map(move |subscription| (subscription.to_string(), event.tenant_id.to_string(), event.sequence))
    });
    assert_eq!(told, expected.collect(), "every rule's message, and no other one");

    let put: Vec<Value> = drain(&on_event_bridge).await.iter().map(|body| json_of(body)).collect();
    let seen: BTreeSet<&str> = put.iter().filter_map(|event| event["detail"]["eventId"].as_str()).collect();
    assert_eq!(seen, all.iter().map(|event| event.event_id.as_str()).collect(), "every event on EventBridge");
    ways.tell(&format!(
        "{} events by {PUBLISHERS} publishers, {} messages and {} events with repeats",
        all.len(),
        messages.len(),
        put.len()
    ));
}

fn json_of(body: &str) -> Value {
    serde_json::from_str(body).expect("JSON")
}

fn message(body: &Value) -> (String, String, u64) {
    let text = |name: &str| body[name].as_str().expect("a text").to_owned();
    (text("subscriptionId"), text("tenantId"), body["sequence"].as_u64().expect("a number"))
}
