//! Every fault at every step, over the ports on AWS (`tests/saga`): the engine drives the definitions as on one machine,
//! and the steps, workers and use cases meet DynamoDB, SQS, EventBridge, KMS and S3.
//!
//! All faults are tried, and of the deaths one around every append of the journal, at its four points in turn: each cell
//! costs a second or more, and the four points differ in the engine, which the run in memory tries in full.

use crate::support::{calls, clients, emulator, fresh_name, make_bucket, make_table};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tenantry::invoker::LocalInvoker;
use tenantry_app::Ports;
use tenantry_app::testing::{ManualClock, Memory};
use tenantry_aws::Clients;
use tenantry_aws::blobs::AwsBlobs;
use tenantry_aws::bus::{AwsBus, EventBridge};
use tenantry_aws::data_keys::AwsDataKeys;
use tenantry_aws::dead_letters::AwsDeadLetters;
use tenantry_aws::queue::AwsQueue;
use tenantry_aws::table::AwsTable;
use tenantry_aws::vault::AwsVault;
use tenantry_core::BoxFuture;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Clock as _, Item, Queues, Table};
use tenantry_engine::TaskInvoker;
use tenantry_handlers::Ctx;
use tenantry_saga::{Deaths, World, scenarios};
use tokio::task::JoinHandle;

/// How long a received message is hidden: what a dead process held comes again soon, in real time.
const HIDDEN: Duration = Duration::from_secs(1);

/// Partitions that the adapters keep for themselves: the bus's archive and rules, and secrets that are no tenant's.
const OWN_PARTITIONS: [&str; 5] = ["ARCHIVE#", "ARCHIVED#", "BUSRULES", "SECRET#", "SYSTEMKEY#"];

/// What all worlds of a test share: names, of which nothing is ever left behind in a table.
struct Account {
    clients: Arc<Clients>,
    kms_key: String,
    bucket: String,
    bus: String,
}

impl Account {
    async fn open(what: &str) -> Option<Self> {
        let clients = clients(&emulator(what)?.facts());
        let key = clients.kms().create_key().send().await.expect("a key");
        let bus = fresh_name("saga-bus");
        clients.eventbridge().create_event_bus().name(&bus).send().await.expect("a bus");
        Some(Self {
            kms_key: key.key_metadata.and_then(|key| key.arn).expect("its name"),
            bucket: make_bucket(&clients).await,
            bus,
            clients,
        })
    }

    async fn queue(&self) -> AwsQueue {
        let made = self.clients.sqs().create_queue().queue_name(fresh_name("saga-queue")).send().await;
        let url = made.expect("a queue").queue_url.expect("its address");
        AwsQueue::new(Arc::clone(&self.clients), calls(), url)
    }

    /// A world with a table and queues of its own. Time is the test's own, but for SQS.
    async fn world(&self) -> AwsWorld {
        let clients = || Arc::clone(&self.clients);
        let memory = Memory::new();
        // Request tokens are the account's: no two worlds may draw the same.
        let ids = calls().ids().clone();
        let table_name = make_table(&self.clients).await;
        let table = AwsTable::new(clients(), calls(), &table_name).with_clock(memory.clock.clone());
        let table: Arc<dyn Table> = Arc::new(table);
        let keys = AwsDataKeys::new(clients(), calls(), table.clone(), &self.kms_key);
        let mut queues = Vec::new();
        for _ in Queues::NAMES {
            queues.push(self.queue().await);
        }
        let [operations, integrations, webhooks, execution_status] =
            queues.clone().try_into().expect("a queue for each name");
        let letters = AwsDeadLetters::new(
            table.clone(),
            Arc::new(keys.clone()),
            Queues::NAMES.into_iter().zip(queues),
            memory.clock.clone(),
            ids.clone(),
        );
        let webhooks = Arc::new(webhooks);
        let publisher = Arc::new(EventBridge::new(clients(), calls(), &self.bus));
        let bus = AwsBus::new(table.clone(), webhooks.clone(), publisher, memory.clock.clone(), ids.clone());
        let ports = Ports {
            vault: Arc::new(AwsVault::new(clients(), keys.clone(), table.clone(), "saga")),
            data_keys: Arc::new(keys),
            blobs: Arc::new(AwsBlobs::new(clients(), calls(), &self.bucket)),
            dead_letters: Arc::new(letters),
            bus: Arc::new(bus),
            queues: Queues {
                operations: Arc::new(operations),
                integrations: Arc::new(integrations),
                webhooks,
                execution_status: Arc::new(execution_status),
            },
            table,
            ids,
            ..memory.ports()
        };
        let ticks = Ticks::start(memory.clock.clone());
        AwsWorld { ports, clients: clients(), table_name, clock: memory.clock, _ticks: ticks }
    }
}

/// Moves the clock as fast as time passes, beside what the harness moves it on: what waits for a lost race to pass waits
/// by this clock. It ends when this is dropped.
struct Ticks(JoinHandle<()>);

impl Ticks {
    fn start(clock: Arc<ManualClock>) -> Self {
        Self(tokio::spawn(async move {
            const TICK: Duration = Duration::from_millis(10);
            loop {
                tokio::time::sleep(TICK).await;
                clock.advance(TICK);
            }
        }))
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct AwsWorld {
    ports: Ports,
    clients: Arc<Clients>,
    table_name: String,
    clock: Arc<ManualClock>,
    _ticks: Ticks,
}

impl AwsWorld {
    /// The item, as far as the harness looks at it; `None` where it is the adapters' own, or expired.
    fn item(&self, stored: &HashMap<String, AttributeValue>) -> Option<Item> {
        let text = |name: &str| stored.get(name).and_then(|value| value.as_s().ok()).cloned();
        let number = |name: &str| stored.get(name).and_then(|value| value.as_n().ok()?.parse::<i64>().ok());
        let (pk, sk) = (text("pk").expect("a key"), text("sk").expect("a key"));
        let expired = number("expiresAt").is_some_and(|at| at <= self.clock.now().as_seconds());
        if expired || OWN_PARTITIONS.iter().any(|own| pk.starts_with(own)) {
            return None;
        }
        let used = number("usedUnits").map(|used| ("usedUnits".to_owned(), Value::from(used)));
        Some(Item::new(Key::from_stored(pk, sk), Map::from_iter(used)))
    }
}

impl World for AwsWorld {
    fn ports(&self) -> Ports {
        self.ports.clone()
    }

    fn invoker(&self, steps: Ctx, queues: Queues) -> Arc<dyn TaskInvoker> {
        Arc::new(LocalInvoker::new(steps, queues))
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn pause(&self) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(1)))
    }

    fn visibility(&self) -> Duration {
        HIDDEN
    }

    fn items(&self) -> BoxFuture<'_, Vec<Item>> {
        Box::pin(async {
            let scan = self.clients.dynamodb().scan().table_name(&self.table_name).consistent_read(true);
            let mut pages = scan.into_paginator().items().send();
            let mut items = Vec::new();
            while let Some(stored) = pages.next().await {
                items.extend(self.item(&stored.expect("a page of the table")));
            }
            items
        })
    }

    /// All secrets lie in the table.
    fn references(&self) -> BoxFuture<'_, Vec<String>> {
        Box::pin(async { Vec::new() })
    }
}

#[tokio::test]
async fn every_task_run_twice_gives_the_same_end() {
    let Some(account) = Account::open("each Task run twice, on AWS").await else { return };
    for scenario in scenarios() {
        let cells = tenantry_saga::every_task_run_twice(&scenario, &async || account.world().await).await;
        println!("{}: {cells} cells on AWS, each Task run twice", scenario.workflow.name);
    }
}

#[tokio::test]
async fn every_forward_task_failed_for_good_leaves_a_clean_slate() {
    let Some(account) = Account::open("each forward Task failed for good, on AWS").await else { return };
    for scenario in scenarios() {
        let fresh = async || account.world().await;
        let cells = tenantry_saga::every_forward_task_failed_for_good(&scenario, &fresh).await;
        println!("{}: {cells} cells on AWS, each forward Task failed for good", scenario.workflow.name);
    }
}

#[tokio::test]
async fn every_undo_task_failed_for_good_leaves_it_stuck_and_a_redrive_reaches_the_clean_slate() {
    let Some(account) = Account::open("each undo Task failed for good, on AWS").await else { return };
    for scenario in scenarios() {
        let fresh = async || account.world().await;
        let cells = tenantry_saga::every_undo_task_failed_for_good(&scenario, &fresh).await;
        println!(
            "{}: {cells} cells on AWS, each undo Task failed for good and redriven",
            scenario.workflow.name
        );
    }
}

#[tokio::test]
async fn a_death_around_every_append_still_reaches_the_end() {
    let Some(account) = Account::open("a death around every append of the journal, on AWS").await else {
        return;
    };
    for scenario in scenarios() {
        let fresh = async || account.world().await;
        let cells = tenantry_saga::a_death_around_an_append(&scenario, &fresh, Deaths::OneEach).await;
        println!("{}: {cells} cells on AWS, a death around every append", scenario.workflow.name);
    }
}
