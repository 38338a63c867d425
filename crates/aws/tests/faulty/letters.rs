//! A message that died is written down once, and a redrive loses none: it comes back at least once, and its letter goes.

use super::queue::{drain, make_queue, queue};
use super::{Ways, persist};
use crate::proxy::{Fault, Proxy, Request};
use crate::support::{calls, clients, emulator, make_table};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tenantry_app::testing::MemoryDataKeys;
use tenantry_aws::dead_letters::AwsDeadLetters;
use tenantry_aws::queue::AwsQueue;
use tenantry_aws::table::AwsTable;
use tenantry_core::keys::Key;
use tenantry_core::ports::{
    Action, Clock, Commit, DataKeys, DeadLetter, DeadLetters as _, DeadReason, PortError, Table,
};
use tenantry_core::{BoxFuture, MessageId, Timestamp};

const LETTERS: u128 = 30;
const QUEUE: &str = "operations";

/// A clock on which a second takes 20 ms, so that claims that were left behind run out soon.
struct Hasty(Instant);

const HASTE: u32 = 50;

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_767_225_600_000).saturating_add(self.0.elapsed() * HASTE)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(at.saturating_since(self.now()) / HASTE))
    }
}

fn letter(number: u128) -> DeadLetter {
    DeadLetter {
        queue: QUEUE.to_owned(),
        id: MessageId::from_uuid(uuid::Uuid::from_u128(number)),
        body: format!("{{\"n\":{number}}}"),
        group: "group".to_owned(),
        receive_count: 3,
        reason: DeadReason {
            code: "max_receives".to_owned(),
            message: "It was received 3 times.".to_owned(),
        },
        sent_at: Timestamp::from_millis(1),
        died_at: Timestamp::from_millis(i64::try_from(number).expect("small")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_loses_nothing() {
    let Some(ways) = Ways::open("dead letters over a network that fails", 15).await else { return };
    let (queue, clean_queue) = queue(&ways).await;
    let name = make_table(&ways.clean).await;
    let keys: Arc<dyn DataKeys> = Arc::new(MemoryDataKeys::default());
    let clock: Arc<dyn Clock> = Arc::new(Hasty(Instant::now()));
    let process = |table: AwsTable, queue| {
        let table: Arc<dyn Table> = Arc::new(table);
        let ids = calls().ids().clone();
        AwsDeadLetters::new(table, Arc::clone(&keys), [(QUEUE, queue)], Arc::clone(&clock), ids)
    };
    let clean = process(AwsTable::new(Arc::clone(&ways.clean), calls(), &name), clean_queue);
    let operators = [(); 2]
        .map(|()| process(AwsTable::new(Arc::clone(&ways.faulty), ways.calls(), &name), queue.clone()));

    for number in 1..=LETTERS {
        let bury = |operator: &AwsDeadLetters| {
            let operator = operator.clone();
            persist("a burial", move || {
                let operator = operator.clone();
                async move { operator.bury(letter(number)).await }
            })
        };
        futures::join!(bury(&operators[0]), bury(&operators[1]));
    }
    let listed = clean.list(QUEUE, None, 500).await.unwrap().items;
    assert_eq!(listed, (1..=LETTERS).map(letter).collect::<Vec<_>>(), "each once");

    let mut answered_true = 0;
    for number in 1..=LETTERS {
        let id = letter(number).id;
        let redrives = operators.iter().map(|operator| persist("a redrive", || operator.redrive(QUEUE, &id)));
        let found = futures::future::join_all(redrives).await;
        answered_true += found.iter().filter(|found| **found).count();
    }
    assert_eq!(clean.list(QUEUE, None, 500).await.unwrap().items, [], "all are gone from the letters");
    let bodies = drain(&queue).await;
    let received: BTreeSet<&String> = bodies.iter().collect();
    let all: Vec<String> = (1..=LETTERS).map(|number| letter(number).body).collect();
    assert_eq!(received, all.iter().collect(), "and all are back");
    ways.tell(&format!(
        "{LETTERS} letters, {answered_true} redrives answered yes, {} messages",
        bodies.len()
    ));
}

/// What is lost of an answer to the claim leaves no claim behind: the redrive goes on at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_answer_is_lost_is_known() {
    let Some(emulator) = emulator("lost answers of claims") else { return };
    let facts = emulator.facts();
    let lost = AtomicBool::new(false);
    let choose = move |request: &Request| {
        let write = ["PutItem", "TransactWriteItems"].iter().any(|name| request.target().ends_with(name));
        let claims = request.json().is_some_and(|body| body.to_string().contains("claimedUntil"));
        (write && claims && !lost.swap(true, Ordering::SeqCst)).then_some(Fault::LoseAnswer)
    };
    let proxy = Proxy::choosing(&facts, Box::new(choose)).await;
    let name = make_table(&clients(&facts)).await;
    let url = make_queue(&clients(&facts)).await;
    let way = clients(proxy.facts());
    let table: Arc<dyn Table> = Arc::new(AwsTable::new(Arc::clone(&way), calls(), &name));
    let queue = AwsQueue::new(way, calls(), url);
    let keys: Arc<dyn DataKeys> = Arc::new(MemoryDataKeys::default());
    let (clock, ids) = (calls().clock().clone(), calls().ids().clone());
    let letters = AwsDeadLetters::new(table.clone(), keys, [(QUEUE, queue)], clock, ids);

    letters.bury(letter(1)).await.unwrap();
    assert!(letters.redrive(QUEUE, &letter(1).id).await.unwrap());
    assert_eq!(letters.list(QUEUE, None, 10).await.unwrap().items, []);

    // And of one of whose rows somebody has deleted, nobody looks for the other one for ever.
    letters.bury(letter(2)).await.unwrap();
    let row = Key::dead_letter(QUEUE, letter(2).died_at, &letter(2).id);
    table.commit(Commit::of(vec![Action::Delete { key: row, conditions: vec![] }])).await.unwrap();
    let id = letter(2).id;
    for answer in [letters.get(QUEUE, &id).await.map(drop), letters.redrive(QUEUE, &id).await.map(drop)] {
        assert!(
            matches!(&answer, Err(PortError::Damaged { message, .. }) if message.contains(id.as_str())),
            "{answer:?}"
        );
    }
    assert!(letters.purge(QUEUE, &id).await.unwrap());
    assert_eq!(letters.get(QUEUE, &id).await.unwrap(), None);
}
