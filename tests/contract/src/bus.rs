//! The bus's contract.

use crate::messaging::{Messaging, is_refused};
use crate::{Made, ManualClock};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::future::Future;
use tenantry_core::ports::{Bus, BusEvent, BusPage, EventFilter, PortError, Replay, Rule};
use tenantry_core::{EventId, SubscriptionId, TenantId, Timestamp};

/// Holds every sentence of [`Bus`]'s documentation against the adapter that `make` makes.
pub async fn bus_suite<F, Fut>(make: F)
where
    F: Fn(ManualClock) -> Fut,
    Fut: Future<Output = Made<Messaging>>,
{
    let fresh = || make(ManualClock::new());
    let made = fresh().await;
    what_is_published_is_read_in_order(&*made.port.bus).await;
    let made = fresh().await;
    a_repeated_event_is_skipped(&made.port).await;
    let made = fresh().await;
    positions_are_the_archives_own(&*made.port.bus).await;
    let made = fresh().await;
    filters_narrow_and_reading_goes_on(&made.port).await;
    let made = fresh().await;
    a_rule_causes_messages(&made.port).await;
    let made = fresh().await;
    rules_are_replaced_and_removed(&made.port).await;
    let made = fresh().await;
    replays_send_again(&made.port).await;
    let made = fresh().await;
    large_replays_and_publications_are_whole(&made.port).await;
}

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(number))
}

fn subscription(number: u128) -> SubscriptionId {
    SubscriptionId::from_uuid(uuid::Uuid::from_u128(number))
}

/// Event `sequence` of a tenant; it occurred `sequence` seconds after the epoch.
fn event(tenant_number: u128, sequence: u64, detail_type: &str) -> BusEvent {
    let event_id = EventId::from_uuid(uuid::Uuid::from_u128((tenant_number << 64) | u128::from(sequence)));
    let occurred_at = Timestamp::from_millis(i64::try_from(sequence).expect("a small number") * 1_000);
    let tenant_id = tenant(tenant_number);
    BusEvent {
        source: "tenantry".to_owned(),
        detail_type: detail_type.to_owned(),
        // Keys in an order that a careless store would sort, and a text that a careless store would cut.
        detail: json!({
            "type": detail_type, "tenantId": tenant_id, "sequence": sequence, "eventId": event_id,
            "data": {"z": "ünïcode \u{0} 🔑", "a": [1, 2.5, null, {"plan": "pro"}]},
        }),
        event_id,
        tenant_id,
        sequence,
        occurred_at,
    }
}

fn rule(number: u128, pattern: Value) -> Rule {
    Rule { subscription_id: subscription(number), pattern }
}

async fn read_all(bus: &dyn Bus, filter: &EventFilter, limit: usize) -> Vec<BusEvent> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page: BusPage = bus.read(after.clone(), filter.clone(), limit).await.expect("a page");
        assert!(page.items.len() <= limit);
        if let Some(last) = page.items.last() {
            assert!(page.read_up_to.as_ref() >= Some(&last.position), "it was read up to what it found");
        }
        all.extend(page.items.into_iter().map(|archived| archived.event));
        assert!(!page.more || page.read_up_to > after, "a reader gets on");
        if page.read_up_to.is_some() {
            after = page.read_up_to;
        }
        if !page.more {
            return all;
        }
    }
}

fn body(rule_number: u128, tenant_number: u128, sequence: u64) -> (String, Value) {
    let (subscription, tenant) = (subscription(rule_number), tenant(tenant_number));
    let body = json!({"subscriptionId": subscription, "tenantId": tenant, "sequence": sequence});
    (format!("{subscription}#{tenant}"), body)
}

fn again((group, mut body): (String, Value)) -> (String, Value) {
    body["replay"] = true.into();
    (group, body)
}

async fn what_is_published_is_read_in_order(bus: &dyn Bus) {
    assert_eq!(bus.read(None, EventFilter::default(), 10).await.unwrap(), BusPage::default());
    bus.publish(Vec::new()).await.unwrap();
    let events: Vec<_> = [(2, 1), (1, 1), (1, 2), (3, 1), (2, 2), (1, 3)]
        .map(|(tenant, sequence)| event(tenant, sequence, "TenantRegistered"))
        .into();
    bus.publish(events[..4].to_vec()).await.unwrap();
    bus.publish(events[4..].to_vec()).await.unwrap();
    for limit in [1, 2, 5, 6, 100] {
        assert_eq!(read_all(bus, &EventFilter::default(), limit).await, events, "pages of {limit}");
    }
    let page = bus.read(None, EventFilter::default(), 100).await.unwrap();
    let positions: Vec<_> = page.items.iter().map(|archived| &archived.position).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
    let raw = |event: &BusEvent| event.detail.to_string();
    assert_eq!(raw(&page.items[0].event), raw(&events[0]), "also the order of its members");
}

async fn a_repeated_event_is_skipped(messaging: &Messaging) {
    let bus = &*messaging.bus;
    bus.put_rule(rule(1, json!({"source": ["tenantry"]}))).await.unwrap();
    let events: Vec<_> = (1..=3).map(|sequence| event(1, sequence, "TenantRegistered")).collect();
    bus.publish(events[..2].to_vec()).await.unwrap();
    assert_eq!(messaging.consume_json(&*messaging.queues.webhooks).await, [body(1, 1, 1), body(1, 1, 2)]);
    bus.publish(events.clone()).await.unwrap();
    bus.publish(events.clone()).await.unwrap();
    let twice_in_one = vec![event(1, 4, "TenantRegistered"), event(1, 4, "TenantRegistered")];
    bus.publish(twice_in_one.clone()).await.unwrap();
    assert_eq!(messaging.consume_json(&*messaging.queues.webhooks).await, [body(1, 1, 3), body(1, 1, 4)]);
    let archive = read_all(bus, &EventFilter::default(), 10).await;
    assert_eq!(archive, [events, twice_in_one[..1].to_vec()].concat());
}

async fn positions_are_the_archives_own(bus: &dyn Bus) {
    for sequence in 1..=3 {
        bus.publish(vec![event(1, sequence, "TenantRegistered")]).await.unwrap();
    }
    for nonsense in ["", "0", "1", "nonsense", "🔑"] {
        let answer = bus.read(Some(nonsense.to_owned()), EventFilter::default(), 10).await;
        assert!(is_refused(&answer), "{nonsense:?}: {answer:?}");
    }
    let all = bus.read(None, EventFilter::default(), 10).await.unwrap();
    assert!(!all.more);
    let rest = bus.read(Some(all.items[0].position.clone()), EventFilter::default(), 10).await.unwrap();
    assert_eq!(rest.items, all.items[1..]);
    let end = bus.read(all.read_up_to.clone(), EventFilter::default(), 10).await.unwrap();
    assert_eq!(end, BusPage::default(), "nothing was read after the end");
    bus.publish(vec![event(1, 4, "TenantRegistered")]).await.unwrap();
    let news = bus.read(all.read_up_to, EventFilter::default(), 10).await.unwrap();
    assert_eq!(news.items.iter().map(|archived| archived.event.sequence).collect::<Vec<_>>(), [4]);
}

async fn filters_narrow_and_reading_goes_on(messaging: &Messaging) {
    let bus = &*messaging.bus;
    // Over a network each page takes its time.
    let limits: &[usize] = if messaging.is_exact() { &[1, 7, 500] } else { &[7, 500] };
    let types = ["TenantRegistered", "TenantProvisioned", "TenantProvisioningFailed"];
    let events: Vec<_> = (0..60_u64)
        .map(|n| event(u128::from(n % 4), 1 + n / 4, types[usize::try_from(n * n % 3).expect("below 3")]))
        .collect();
    bus.publish(events.clone()).await.unwrap();
    let type_filters = [None, Some("TenantProvisioned"), Some("TenantRegistered"), Some("None")];
    let tenant_filters = [None, Some(tenant(0)), Some(tenant(3)), Some(tenant(9))];
    for event_type in type_filters.map(|word| word.map(str::to_owned)) {
        for tenant_id in tenant_filters.clone() {
            let filter = EventFilter { event_type: event_type.clone(), tenant_id };
            let matching = events.iter().filter(|event| {
                filter.event_type.as_ref().is_none_or(|wanted| event.detail_type == *wanted)
                    && filter.tenant_id.as_ref().is_none_or(|wanted| event.tenant_id == *wanted)
            });
            let expected: Vec<_> = matching.cloned().collect();
            for &limit in limits {
                assert_eq!(read_all(bus, &filter, limit).await, expected, "{filter:?} by {limit}");
            }
        }
    }
    let nothing = EventFilter { event_type: Some("None".to_owned()), tenant_id: None };
    let page = bus.read(None, nothing.clone(), 10).await.unwrap();
    assert!(page.items.is_empty() && page.read_up_to.is_some(), "it was read, though nothing matched");
    let page = bus.read(page.read_up_to, nothing, 10).await.unwrap();
    assert_eq!(page.read_up_to, None, "and not again");
}

async fn a_rule_causes_messages(messaging: &Messaging) {
    let (bus, webhooks) = (&*messaging.bus, &*messaging.queues.webhooks);
    bus.publish(vec![event(1, 1, "TenantProvisioned")]).await.unwrap();
    bus.put_rule(rule(1, json!({"detail-type": ["TenantProvisioned"]}))).await.unwrap();
    bus.put_rule(rule(2, json!({"source": ["tenantry"], "detail": {"tenantId": [tenant(2)]}})))
        .await
        .unwrap();
    bus.put_rule(rule(3, json!({"detail": {"data": {"a": {"plan": ["free"]}}}}))).await.unwrap();
    assert_eq!(messaging.consume_json(webhooks).await, [], "what was before is not sent");
    bus.publish(vec![
        event(1, 2, "TenantProvisioned"),
        event(1, 3, "TenantRegistered"),
        event(2, 1, "TenantRegistered"),
        event(2, 2, "TenantProvisioned"),
    ])
    .await
    .unwrap();
    let expected: BTreeSet<_> = [body(1, 1, 2), body(2, 2, 1), body(1, 2, 2), body(2, 2, 2)]
        .map(|(group, body)| (group, body.to_string()))
        .into();
    let found = messaging.consume_json(webhooks).await;
    assert_eq!(found.len(), expected.len(), "one message each");
    assert_eq!(
        found.into_iter().map(|(group, body)| (group, body.to_string())).collect::<BTreeSet<_>>(),
        expected
    );
}

async fn rules_are_replaced_and_removed(messaging: &Messaging) {
    let (bus, webhooks) = (&*messaging.bus, &*messaging.queues.webhooks);
    assert_eq!(bus.list_rules().await.unwrap(), []);
    let (first, second) =
        (rule(1, json!({"detail-type": ["A"]})), rule(2, json!({"detail-type": [{"prefix": "A"}]})));
    bus.put_rule(first.clone()).await.unwrap();
    bus.put_rule(second.clone()).await.unwrap();
    let mut rules = bus.list_rules().await.unwrap();
    rules.sort_by_key(|rule| rule.subscription_id.clone());
    assert_eq!(rules, [first, second.clone()]);
    assert!(is_refused(&bus.put_rule(rule(1, json!({"detail-type": "A"}))).await), "no pattern");
    assert!(is_refused(&bus.put_rule(rule(3, json!({"source": [{"nonsense": 1}]}))).await), "no operator");
    bus.publish(vec![event(1, 1, "A")]).await.unwrap();
    assert_eq!(
        messaging.consume_json(webhooks).await,
        [body(1, 1, 1), body(2, 1, 1)],
        "a refusal changes nothing"
    );

    bus.put_rule(rule(1, json!({"detail-type": ["B"]}))).await.unwrap();
    bus.delete_rule(&subscription(2)).await.unwrap();
    bus.delete_rule(&subscription(2)).await.unwrap();
    bus.publish(vec![event(1, 2, "A"), event(1, 3, "B")]).await.unwrap();
    assert_eq!(messaging.consume_json(webhooks).await, [body(1, 1, 3)]);
    assert_eq!(bus.list_rules().await.unwrap(), [rule(1, json!({"detail-type": ["B"]}))]);
}

async fn replays_send_again(messaging: &Messaging) {
    let (bus, webhooks) = (&*messaging.bus, &*messaging.queues.webhooks);
    for sequence in 1..=6 {
        bus.publish(vec![event(1, sequence, "A"), event(2, sequence, "A"), event(3, sequence, "B")])
            .await
            .unwrap();
    }
    bus.put_rule(rule(1, json!({"detail-type": ["A"]}))).await.unwrap();
    let everything =
        Replay { subscription_id: subscription(1), from: None, to: None, filter: EventFilter::default() };
    assert_eq!(bus.replay(everything.clone()).await.unwrap(), 12, "what its pattern matches");
    let sent = messaging.consume_json(webhooks).await;
    assert_eq!(sent.len(), 12);
    assert!(sent.contains(&again(body(1, 1, 1))) && sent.contains(&again(body(1, 2, 6))), "{sent:?}");

    let seconds = |seconds: i64| Some(Timestamp::from_millis(seconds * 1_000));
    let narrow = Replay {
        from: seconds(2),
        to: seconds(4),
        filter: EventFilter { tenant_id: Some(tenant(2)), event_type: Some("A".to_owned()) },
        ..everything.clone()
    };
    assert_eq!(bus.replay(narrow.clone()).await.unwrap(), 3);
    let expected: Vec<_> = (2..=4).map(|sequence| again(body(1, 2, sequence))).collect();
    assert_eq!(messaging.consume_json(webhooks).await, expected);
    let other_type = EventFilter { event_type: Some("B".to_owned()), tenant_id: None };
    assert_eq!(bus.replay(Replay { filter: other_type, ..everything }).await.unwrap(), 0);
    assert_eq!(messaging.consume_json(webhooks).await, []);

    let missing = Replay { subscription_id: subscription(9), ..narrow };
    assert!(matches!(bus.replay(missing).await, Err(PortError::NotFound { .. })));
}

async fn large_replays_and_publications_are_whole(messaging: &Messaging) {
    const EVENTS: u64 = 700;
    let (bus, webhooks) = (&*messaging.bus, &*messaging.queues.webhooks);
    bus.put_rule(rule(1, json!({"detail-type": ["A"]}))).await.unwrap();
    let events: Vec<_> = (1..=EVENTS).map(|sequence| event(1, sequence, "A")).collect();
    bus.publish(events.clone()).await.unwrap();
    assert_eq!(read_all(bus, &EventFilter::default(), 500).await, events);
    let numbers = |sent: Vec<(String, Value)>| {
        let mut numbers: Vec<_> = sent.iter().filter_map(|(_, body)| body["sequence"].as_u64()).collect();
        numbers.sort_unstable();
        numbers
    };
    let all: Vec<_> = (1..=EVENTS).collect();
    assert_eq!(numbers(messaging.consume_json(webhooks).await), all);
    let replay =
        Replay { subscription_id: subscription(1), from: None, to: None, filter: EventFilter::default() };
    assert_eq!(bus.replay(replay).await.unwrap(), EVENTS);
    assert_eq!(numbers(messaging.consume_json(webhooks).await), all);
}
