//! Processes that die between any two of their calls.

use super::fates::{Fate, Jumping, Mortal, Put};
use super::{event, make_queue, tenant};
use crate::support::{calls, clients, emulator};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tenantry_app::testing::{Memory, MemoryDataKeys};
use tenantry_aws::bus::AwsBus;
use tenantry_aws::dead_letters::AwsDeadLetters;
use tenantry_core::ports::{
    Bus as _, BusEvent, DeadLetter, DeadLetters as _, DeadReason, EventFilter, Queue, Rule, Table,
};
use tenantry_core::{MessageId, SubscriptionId};

/// A bus over the memory, and what it put for others.
fn bus(memory: &Memory, put: &Arc<Put>, fate: Arc<Fate>) -> AwsBus {
    let table: Arc<dyn Table> = memory.table.clone();
    let queue: Arc<dyn Queue> = memory.webhooks.clone();
    AwsBus::new(
        Arc::new(Mortal { port: table, fate: Arc::clone(&fate) }),
        Arc::new(Mortal { port: queue, fate: Arc::clone(&fate) }),
        Arc::new(Mortal { port: Arc::clone(put), fate }),
        Jumping::new(),
        calls().ids().clone(),
    )
}

fn subscription(number: u128) -> SubscriptionId {
    SubscriptionId::from_uuid(uuid::Uuid::from_u128(number))
}

/// How often each (subscription, tenant, sequence) was told of.
fn told(memory: &Memory) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for body in memory.webhooks.bodies() {
        *told.entry(body.to_string()).or_insert(0) += 1;
    }
    told
}

#[tokio::test]
async fn a_publication_that_dies_anywhere_loses_nothing_when_it_runs_again() {
    // Tenants of several shards, and more events than one commit holds.
    let events: Vec<BusEvent> =
        (1..=60).flat_map(|sequence| [event(1, sequence), event(2, sequence), event(5, sequence)]).collect();
    let mut deaths = 0;
    for after in [false, true] {
        for dies_at in 1.. {
            let (memory, put) = (Memory::new(), Arc::new(Put::default()));
            let revived = bus(&memory, &put, Fate::never());
            for number in [1, 2] {
                let pattern = json!({"detail": {"tenantId": [tenant(number)]}});
                revived.put_rule(Rule { subscription_id: subscription(number), pattern }).await.unwrap();
            }
            let fate = Fate::new(dies_at, after);
            let mortal = bus(&memory, &put, Arc::clone(&fate));
            if let Some(result) = fate.live(mortal.publish(events.clone())).await {
                result.unwrap();
                assert!(dies_at > 180, "it makes more calls than that");
                break;
            }
            deaths += 1;
            revived.publish(events.clone()).await.unwrap();

            let what = format!("it dies {} call {dies_at}", if after { "after" } else { "before" });
            let (mut archived, mut next) = (Vec::new(), None);
            loop {
                let page = revived.read(next, EventFilter::default(), 500).await.unwrap();
                archived.extend(page.items.into_iter().map(|archived| archived.event));
                next = page.read_up_to;
                if !page.more {
                    break;
                }
            }
            assert_eq!(archived.len(), events.len(), "{what}: each is archived once");
            for number in [1, 2, 5] {
                let of = archived.iter().filter(|event| event.tenant_id == tenant(number));
                let sequences: Vec<_> = of.map(|event| event.sequence).collect();
                assert_eq!(sequences, (1..=60).collect::<Vec<_>>(), "{what}: in the tenant's order");
            }
            let ids: BTreeSet<_> = put.0.lock().unwrap().iter().cloned().collect();
            assert_eq!(ids.len(), events.len(), "{what}: each was put at least once");
            assert_eq!(told(&memory).len(), 120, "{what}: each rule was told of each of its events");

            let before = (put.0.lock().unwrap().len(), memory.webhooks.bodies().len());
            revived.publish(events.clone()).await.unwrap();
            let again = (put.0.lock().unwrap().len(), memory.webhooks.bodies().len());
            assert_eq!(before, again, "{what}: what is archived is not told of again");
        }
    }
    assert!(deaths > 360, "{deaths} deaths");
}

#[tokio::test]
async fn a_rule_is_seen_by_every_later_publication_wherever_its_making_died() {
    for (dies_at, after) in [(1, false), (1, true), (2, false), (2, true)] {
        let (memory, put) = (Memory::new(), Arc::new(Put::default()));
        // A process that has read the rules before.
        let other = bus(&memory, &put, Fate::never());
        other.publish(vec![event(1, 1)]).await.unwrap();
        let fate = Fate::new(dies_at, after);
        let mortal = bus(&memory, &put, Arc::clone(&fate));
        let rule = Rule { subscription_id: subscription(1), pattern: json!({"source": ["tenantry"]}) };
        assert!(fate.live(mortal.put_rule(rule.clone())).await.is_none());
        // Whoever was not told that it is done asks again.
        bus(&memory, &put, Fate::never()).put_rule(rule.clone()).await.unwrap();
        other.publish(vec![event(1, 2)]).await.unwrap();
        assert_eq!(told(&memory).len(), 1, "{dies_at} {after}");
        assert_eq!(other.list_rules().await.unwrap(), [rule]);
    }
}

fn letter(id: &MessageId, died_at: i64) -> DeadLetter {
    DeadLetter {
        queue: "webhooks".to_owned(),
        id: id.clone(),
        body: json!({"n": died_at}).to_string(),
        group: tenant(1).to_string(),
        receive_count: 3,
        reason: DeadReason { code: "test".to_owned(), message: "It failed.".to_owned() },
        sent_at: tenantry_core::Timestamp::from_millis(0),
        died_at: tenantry_core::Timestamp::from_millis(died_at),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_that_dies_anywhere_may_repeat_and_loses_nothing() {
    let Some(emulator) = emulator("redrives that die") else { return };
    let clients = clients(&emulator.facts());
    let mut deaths = 0;
    for after in [false, true] {
        for dies_at in 1.. {
            let (memory, clock) = (Memory::new(), Jumping::new());
            let (webhooks, _) = make_queue(&clients).await;
            let keys = Arc::new(MemoryDataKeys::default());
            let letters = |fate: Arc<Fate>| {
                let port: Arc<dyn Table> = memory.table.clone();
                let table = Arc::new(Mortal { port, fate });
                let queues = [("webhooks", webhooks.clone())];
                AwsDeadLetters::new(table, keys.clone(), queues, clock.clone(), calls().ids().clone())
            };
            let revived = letters(Fate::never());
            let id = MessageId::from_uuid(uuid::Uuid::from_u128(7));
            revived.bury(letter(&id, 1_000)).await.unwrap();

            let fate = Fate::new(dies_at, after);
            let mortal = letters(Arc::clone(&fate));
            if let Some(result) = fate.live(mortal.redrive("webhooks", &id)).await {
                assert!(result.unwrap());
                break;
            }
            deaths += 1;
            let what = format!("{dies_at} {after}");
            let received = webhooks.receive(10, Duration::ZERO, Duration::ZERO).await.unwrap();
            if received.is_empty() {
                assert!(revived.get("webhooks", &id).await.unwrap().is_some(), "{what}: it is not lost");
            } else {
                // It was sent, and dies anew: the row of its first death must not stand in the way.
                revived.bury(letter(&id, 2_000)).await.unwrap();
                webhooks.delete(&received[0].receipt).await.unwrap();
                let page = revived.list("webhooks", None, 10).await.unwrap();
                assert_eq!(page.items, [letter(&id, 2_000)], "{what}");
            }
            // A claim that nobody will redeem runs out.
            clock.advance(Duration::from_secs(31));
            assert!(revived.redrive("webhooks", &id).await.unwrap(), "{what}");
            let received = webhooks.receive(10, Duration::ZERO, Duration::from_secs(20)).await.unwrap();
            assert!(received.iter().all(|message| message.id == id) && !received.is_empty(), "{what}");
            assert_eq!(revived.list("webhooks", None, 10).await.unwrap().items, [], "{what}");
        }
    }
    assert!(deaths >= 8, "{deaths} deaths");
}
