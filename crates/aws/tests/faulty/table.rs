//! Commits are whole or not at all, and what is added is added once. Where an outcome is unknown, the caller reads and
//! decides, as every caller of the port must.

use super::plan::Chance;
use super::{Ways, persist};
use crate::proxy::{Fault, Proxy, Request};
use crate::support::{calls, calls_within, clients, emulator, make_table};
use futures::future::join_all;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_aws::table::AwsTable;
use tenantry_core::TenantId;
use tenantry_core::keys::{Key, Range};
use tenantry_core::ports::{Action, Commit, CommitError, Condition, Item, PortError, Query, Table};

const TASKS: u64 = 4;
const OPERATIONS: u64 = 50;
const ACCOUNTS: u64 = 5;
const BALANCE: i64 = 60;

fn tenant() -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(7))
}

fn account(number: u64) -> Key {
    Key::slug(&format!("account-{number}"))
}

fn counter() -> Key {
    Key::slug("counter")
}

fn add(key: Key, name: &str, by: i64, conditions: Vec<Condition>) -> Action {
    let (set, add) = (Map::new(), BTreeMap::from([(name.to_owned(), by)]));
    Action::Update { key, set, add, remove: vec![], indexes: BTreeMap::new(), conditions }
}

/// What was to be done, and whether it was.
#[derive(Debug, Clone, Copy)]
struct Transfer {
    number: u64,
    from: u64,
    to: u64,
    amount: i64,
    done: bool,
}

impl Transfer {
    fn commit(&self) -> Commit {
        let enough = Condition::AtLeast("balance".to_owned(), self.amount);
        let receipt = json!({"from": self.from, "to": self.to, "amount": self.amount});
        let Value::Object(receipt) = receipt else { unreachable!("an object") };
        Commit::of(vec![
            add(account(self.from), "balance", -self.amount, vec![enough]),
            add(account(self.to), "balance", self.amount, vec![]),
            Action::create(Item::new(Key::event(&tenant(), self.number), receipt)),
        ])
    }

    async fn carry_out(mut self, table: &AwsTable) -> Self {
        loop {
            match table.commit(self.commit()).await {
                Ok(()) => self.done = true,
                Err(CommitError::ConditionFailed { index: 0 }) => self.done = false,
                Err(CommitError::Conflict) => continue,
                Err(CommitError::Port(PortError::Unavailable { .. })) => {
                    let key = Key::event(&tenant(), self.number);
                    if persist("the receipt", || table.get(&key)).await.is_none() {
                        continue;
                    }
                    self.done = true;
                }
                Err(other) => panic!("transfer {}: {other:?}", self.number),
            }
            return self;
        }
    }
}

/// Adds one to the counter, and marks that it did: one action, and so a plain write.
async fn count(table: &AwsTable, number: u64) {
    let (marker, key) = (format!("counted{number}"), counter());
    loop {
        let mut action = add(counter(), "n", 1, vec![Condition::Missing(marker.clone())]);
        if let Action::Update { set, .. } = &mut action {
            set.insert(marker.clone(), json!(true));
        }
        match table.commit(Commit::of(vec![action])).await {
            Ok(()) => return,
            Err(CommitError::Conflict) => {}
            Err(CommitError::Port(PortError::Unavailable { .. })) => {
                let item = persist("the counter", || table.get(&key)).await;
                if item.is_some_and(|item| item.attributes.contains_key(&marker)) {
                    return;
                }
            }
            Err(other) => panic!("count {number}: {other:?}"),
        }
    }
}

async fn task(table: Arc<AwsTable>, task: u64, seed: u64) -> Vec<Transfer> {
    let mut chance = Chance::new(seed.wrapping_add(task));
    let mut transfers = Vec::new();
    for operation in 0..OPERATIONS {
        let number = task * OPERATIONS + operation;
        if chance.below(3) == 0 {
            count(&table, number).await;
            continue;
        }
        let from = chance.below(ACCOUNTS);
        let to = (from + 1 + chance.below(ACCOUNTS - 1)) % ACCOUNTS;
        let amount = i64::try_from(1 + chance.below(25)).expect("small");
        let transfer = Transfer { number, from, to, amount, done: false };
        transfers.push(transfer.carry_out(&table).await);
    }
    transfers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_are_whole_and_take_effect_once() {
    let Some(ways) = Ways::open("commits over a network that fails", 11).await else { return };
    let name = make_table(&ways.clean).await;
    let clean = AwsTable::new(Arc::clone(&ways.clean), calls(), &name);
    for number in 0..ACCOUNTS {
        let balance = Map::from_iter([("balance".to_owned(), json!(BALANCE))]);
        clean.commit(Commit::of(vec![Action::put(Item::new(account(number), balance))])).await.unwrap();
    }
    let faulty = Arc::new(AwsTable::new(Arc::clone(&ways.faulty), ways.calls(), &name));
    let tasks = (0..TASKS).map(|number| tokio::spawn(task(Arc::clone(&faulty), number, ways.seed)));
    let mut transfers: Vec<Transfer> = Vec::new();
    for ended in join_all(tasks).await {
        transfers.extend(ended.expect("a task that ends"));
    }

    let mut expected: BTreeMap<u64, i64> = (0..ACCOUNTS).map(|number| (number, BALANCE)).collect();
    for transfer in transfers.iter().filter(|transfer| transfer.done) {
        *expected.entry(transfer.from).or_default() -= transfer.amount;
        *expected.entry(transfer.to).or_default() += transfer.amount;
    }
    for (number, balance) in expected {
        let item = clean.get(&account(number)).await.unwrap().unwrap();
        assert_eq!(item.attributes["balance"], json!(balance), "account {number}");
        assert!(balance >= 0, "account {number} holds its condition");
    }
    let (mut receipts, mut after) = (Vec::new(), None);
    loop {
        let query = || Query::primary(Range::events(&tenant()), 7).after(after.clone());
        let page = persist("a page", || faulty.query(query())).await;
        receipts.extend(page.items.into_iter().map(|item| item.key));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    transfers.sort_by_key(|transfer| transfer.number);
    let done = transfers.iter().filter(|transfer| transfer.done);
    let expected: Vec<Key> = done.map(|transfer| Key::event(&tenant(), transfer.number)).collect();
    assert_eq!(receipts, expected, "each that was done has its receipt, and no other one");

    let counted = clean.get(&counter()).await.unwrap().unwrap().attributes;
    let marks = counted.keys().filter(|name| name.starts_with("counted")).count();
    let counts = usize::try_from(TASKS * OPERATIONS).unwrap() - transfers.len();
    assert_eq!((counted["n"].as_u64(), marks), (Some(counts as u64), counts));
    ways.tell(&format!("{} of {} transfers and {counts} counts", receipts.len(), transfers.len()));
}

/// A process that Lambda had frozen may find its connection dead, without a word: that costs an attempt, not the call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_never_answers_costs_an_attempt() {
    let Some(emulator) = emulator("connections that never answer") else { return };
    let facts = emulator.facts();
    let first = AtomicBool::new(true);
    let choose = move |_: &Request| {
        first.swap(false, Ordering::SeqCst).then_some(Fault::Late(Duration::from_secs(3_600)))
    };
    let proxy = Proxy::choosing(&facts, Box::new(choose)).await;
    let name = make_table(&clients(&facts)).await;
    // As long as the functions' calls.
    let table = AwsTable::new(clients(proxy.facts()), calls_within(Duration::from_secs(8)), &name);
    assert_eq!(table.get(&counter()).await.unwrap(), None);
    assert_eq!(proxy.requests(), 2);
}

/// A token that comes with another request is refused by DynamoDB, so that each round of a commit that met an expired item
/// has its own; but the caller's stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rounds_of_a_commit_have_their_own_tokens() {
    let Some(emulator) = emulator("tokens of rounds") else { return };
    let facts = emulator.facts();
    let tokens: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&tokens);
    let choose = move |request: &Request| {
        let token = request.json()?["ClientRequestToken"].as_str()?.to_owned();
        seen.lock().expect("nobody panics with it").push(token);
        None
    };
    let proxy = Proxy::choosing(&facts, Box::new(choose)).await;
    let name = make_table(&clients(&facts)).await;
    let table = AwsTable::new(clients(proxy.facts()), calls(), &name);
    let taken = || std::mem::take(&mut *tokens.lock().expect("nobody panics with it"));
    for given in [None, Some("the-callers-own".to_owned())] {
        let old = Item::new(account(1), Map::from_iter([("balance".to_owned(), json!(7))]));
        let old = Item { expires_at_seconds: Some(1), ..old };
        table.commit(Commit::of(vec![Action::put(old)])).await.unwrap();
        let actions = vec![add(account(1), "balance", 1, vec![]), add(account(2), "balance", 1, vec![])];
        table.commit(Commit { actions, request_token: given.clone() }).await.unwrap();
        let anew = table.get(&account(1)).await.unwrap().unwrap();
        assert_eq!(anew.attributes["balance"], json!(1), "begun anew");
        let tokens = taken();
        assert_eq!(tokens.len(), 2, "two rounds: {tokens:?}");
        assert_eq!(tokens[0] == tokens[1], given.is_some(), "{tokens:?}");
    }
}
