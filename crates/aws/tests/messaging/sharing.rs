//! Several processes at once, and a table that shows a commit row by row.

use super::fates::{Jumping, Put};
use super::{event, tenant};
use crate::support::calls;
use futures::future::join_all;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tenantry_app::testing::Memory;
use tenantry_aws::bus::AwsBus;
use tenantry_core::keys::{Key, index};
use tenantry_core::ports::{
    Bus as _, BusEvent, Commit, CommitError, EventFilter, Item, Page, PortError, Query, Replay, Rule, Table,
};
use tenantry_core::{BoxFuture, SubscriptionId};

fn bus(memory: &Memory, table: Arc<dyn Table>) -> AwsBus {
    let put = Arc::new(Put::default());
    AwsBus::new(table, memory.webhooks.clone(), put, Jumping::new(), calls().ids().clone())
}

async fn read_all(bus: &AwsBus, filter: &EventFilter, limit: usize) -> Vec<BusEvent> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = bus.read(after.clone(), filter.clone(), limit).await.unwrap();
        assert!(page.items.len() <= limit && (!page.more || page.read_up_to > after));
        all.extend(page.items.into_iter().map(|archived| archived.event));
        after = page.read_up_to.or(after);
        if !page.more {
            return all;
        }
    }
}

fn of_tenant(number: u128) -> EventFilter {
    EventFilter { tenant_id: Some(tenant(number)), event_type: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishers_at_once_archive_each_event_once_in_its_tenants_order() {
    let memory = Memory::new();
    let publishers = (0..6_u64).map(|publisher| {
        let bus = bus(&memory, memory.table.clone());
        tokio::spawn(async move {
            // Each begins elsewhere with each tenant, as relays do that see different marks.
            for first in (1..=40).step_by(10) {
                let last = (first + 9 + publisher % 3).min(40);
                let events = (1..=3).flat_map(|of| (first..=last).map(move |sequence| event(of, sequence)));
                bus.publish(events.collect()).await.expect("it gets through in the end");
            }
        })
    });
    for publisher in join_all(publishers).await {
        publisher.unwrap();
    }
    let bus = bus(&memory, memory.table.clone());
    assert_eq!(read_all(&bus, &EventFilter::default(), 500).await.len(), 120, "each once");
    for number in 1..=3 {
        let sequences: Vec<_> =
            read_all(&bus, &of_tenant(number), 500).await.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, (1..=40).collect::<Vec<_>>());
    }
}

/// Two tenants of one shard, one of them with few events among very many.
async fn crowded(bus: &AwsBus) -> (u128, u128) {
    let rare = 1;
    let many = (2..).find(|number| index::shard(&tenant(*number)) == index::shard(&tenant(rare))).unwrap();
    let (mut rare_events, mut all) = (0, Vec::new());
    for sequence in 1..=900 {
        all.push(event(many, sequence));
        if sequence % 60 == 0 {
            rare_events += 1;
            all.push(event(rare, rare_events));
        }
    }
    all.push(event(many + 1, 1));
    bus.publish(all).await.unwrap();
    (rare, many)
}

#[tokio::test]
async fn a_tenants_events_are_found_far_from_the_end_and_near_it() {
    let memory = Memory::new();
    let bus = bus(&memory, memory.table.clone());
    let (rare, many) = crowded(&bus).await;
    for limit in [1, 2, 7, 14, 15, 16, 500] {
        let found = read_all(&bus, &of_tenant(rare), limit).await;
        let expected: Vec<_> = (1..=15).map(|sequence| event(rare, sequence)).collect();
        assert_eq!(found, expected, "by {limit}");
    }
    assert_eq!(read_all(&bus, &of_tenant(many), 100).await.len(), 900);
    let none = EventFilter { event_type: Some("None".to_owned()), ..of_tenant(rare) };
    assert_eq!(read_all(&bus, &none, 10).await, []);

    // Whoever read up to the end by one tenant's events misses nothing that comes later.
    let end = bus.read(None, of_tenant(99), 500).await.unwrap();
    assert!(end.items.is_empty() && !end.more);
    bus.publish(vec![event(rare, 16), event(many + 1, 2)]).await.unwrap();
    let news = bus.read(end.read_up_to, EventFilter::default(), 500).await.unwrap();
    let news: Vec<_> = news.items.into_iter().map(|archived| archived.event).collect();
    assert_eq!(news, [event(rare, 16), event(many + 1, 2)]);

    let subscription_id = SubscriptionId::from_uuid(uuid::Uuid::from_u128(1));
    let pattern = json!({"source": ["tenantry"]});
    bus.put_rule(Rule { subscription_id: subscription_id.clone(), pattern }).await.unwrap();
    let replay = Replay { subscription_id, from: None, to: None, filter: of_tenant(rare) };
    assert_eq!(bus.replay(replay.clone()).await.unwrap(), 16);
    assert_eq!(memory.webhooks.bodies().len(), 16);
    assert_eq!(bus.replay(Replay { filter: EventFilter::default(), ..replay }).await.unwrap(), 918);
}

/// A table whose queries do not yet show one row of a commit.
struct Unsettled {
    table: Arc<dyn Table>,
    hidden: Key,
    settled: AtomicBool,
}

impl Table for Unsettled {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        self.table.get(key)
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        Box::pin(async move {
            let mut page = self.table.query(query).await?;
            if !self.settled.load(Ordering::SeqCst) {
                page.items.retain(|item| item.key != self.hidden);
            }
            Ok(page)
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        self.table.commit(commit)
    }
}

#[tokio::test]
async fn a_row_that_is_not_yet_seen_is_never_passed_over() {
    let memory = Memory::new();
    let shard = index::shard(&tenant(1));
    let table = Arc::new(Unsettled {
        table: memory.table.clone(),
        hidden: Key::archive(shard, 3),
        settled: AtomicBool::new(false),
    });
    let bus = bus(&memory, table.clone());
    let events: Vec<_> = (1..=5).map(|sequence| event(1, sequence)).collect();
    bus.publish(events.clone()).await.unwrap();
    for filter in [EventFilter::default(), of_tenant(1)] {
        table.settled.store(false, Ordering::SeqCst);
        let page = bus.read(None, filter.clone(), 10).await.unwrap();
        assert_eq!(page.items.len(), 2, "up to the row that is missing");
        assert!(!page.more, "nothing more is there now");
        let blocked = bus.read(page.read_up_to.clone(), filter.clone(), 10).await.unwrap();
        assert_eq!((blocked.items.len(), blocked.read_up_to), (0, None));
        table.settled.store(true, Ordering::SeqCst);
        let rest = bus.read(page.read_up_to, filter, 10).await.unwrap();
        let rest: Vec<_> = rest.items.into_iter().map(|archived| archived.event).collect();
        assert_eq!(rest, events[2..]);
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_done() {
    let memory = Memory::new();
    let bus = bus(&memory, memory.table.clone());
    bus.publish(vec![event(1, 1)]).await.unwrap();
    let usurper = BusEvent { event_id: event(1, 2).event_id, ..event(1, 1) };
    let large = BusEvent { detail: json!({"x": "x".repeat(262_144)}), ..event(1, 3) };
    let twins = vec![event(1, 4), BusEvent { event_id: event(1, 5).event_id, ..event(1, 4) }];
    for bad in [vec![event(1, 2), usurper.clone()], vec![event(1, 2), large.clone()], twins] {
        let named = &bad[1].event_id;
        let answer = bus.publish(bad.clone()).await;
        assert!(
            matches!(&answer, Err(PortError::Refused { message, .. }) if message.contains(named.as_str())),
            "{answer:?}"
        );
    }
    assert_eq!(read_all(&bus, &EventFilter::default(), 10).await, [event(1, 1)]);
}
