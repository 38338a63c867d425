//! What was used, where: the calls of every port as the adapters on AWS make them, in the units that AWS bills.

use crate::prices::{Prices, Unit};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tenantry_core::keys::Key;

/// Where something is counted that no function did.
pub const ELSEWHERE: &str = "elsewhere";

tokio::task_local! {
    static PLACE: Place;
}

/// The function, or the service, that is at work.
#[derive(Clone)]
struct Place {
    name: String,
    /// Milliseconds that the invocation has waited for its calls so far.
    waited: Arc<Mutex<f64>>,
}

/// Amounts by place and unit.
pub type Amounts = BTreeMap<(String, Unit), f64>;

#[derive(Default)]
struct Ledger {
    amounts: Amounts,
    /// Bytes in the table that an adapter keeps beside the port's own items.
    adapter_bytes: f64,
    /// Bytes of events that went into the bus's own archive.
    archived_bytes: f64,
    /// Rows that entered the outbox, commit by commit, and that no relay has seen yet.
    outbox: VecDeque<Vec<Key>>,
    /// What a process holds already: a tenant's key, a secret, the table's key.
    held: BTreeSet<(String, String)>,
    /// Who is at work where a task does not know it: a request's own task, which the API's router makes.
    stand_in: Option<Place>,
}

/// How a call is waited for.
#[derive(Debug, Clone, Copy)]
pub enum Call {
    /// A read of the table.
    Read,
    /// A write of one item.
    Write,
    /// A transaction.
    Transaction,
    /// Any other service.
    Service,
    /// Somebody else's HTTP server.
    Receiver,
}

/// The meter. Clones share one ledger.
#[derive(Clone)]
pub struct Meter {
    prices: Arc<Prices>,
    memory_megabytes: Arc<BTreeMap<String, f64>>,
    ledger: Arc<Mutex<Ledger>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Meter {
    /// An empty meter; functions have the memory that is given by name, in MB.
    pub fn new(prices: Arc<Prices>, memory_megabytes: BTreeMap<String, f64>) -> Self {
        Self { prices, memory_megabytes: Arc::new(memory_megabytes), ledger: Arc::default() }
    }

    /// The prices and assumptions.
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Who is at work, where anybody is.
    fn place(&self) -> Option<Place> {
        PLACE.try_with(Place::clone).ok().or_else(|| lock(&self.ledger).stand_in.clone())
    }

    fn place_name(&self) -> String {
        self.place().map_or_else(|| ELSEWHERE.to_owned(), |place| place.name)
    }

    /// Counts, for whoever is at work.
    pub fn add(&self, unit: Unit, amount: f64) {
        let place = self.place_name();
        *lock(&self.ledger).amounts.entry((place, unit)).or_default() += amount;
    }

    /// The function waits for a call.
    pub fn wait(&self, call: Call) {
        let assumed = &self.prices.assumptions;
        let milliseconds = match call {
            Call::Read => &assumed.read_milliseconds,
            Call::Write => &assumed.write_milliseconds,
            Call::Transaction => &assumed.transaction_milliseconds,
            Call::Service => &assumed.service_milliseconds,
            Call::Receiver => &assumed.receiver_milliseconds,
        };
        if let Some(place) = self.place() {
            *lock(&place.waited) += milliseconds.value;
        }
    }

    /// Whether the process at work does not hold `what` yet; from now on it does.
    pub fn first(&self, what: impl Into<String>) -> bool {
        let place = self.place_name();
        lock(&self.ledger).held.insert((place, what.into()))
    }

    /// A row of an adapter's own came to stay.
    pub fn keep(&self, bytes: f64) {
        lock(&self.ledger).adapter_bytes += bytes;
    }

    /// An event went into the bus's own archive.
    pub fn archive(&self, bytes: f64) {
        lock(&self.ledger).archived_bytes += bytes;
    }

    /// A commit put these rows into the outbox: the stream tells the relay.
    pub fn tell_relay(&self, rows: Vec<Key>) {
        lock(&self.ledger).outbox.push_back(rows);
    }

    /// Takes the news of one commit.
    pub fn take_news(&self) -> Option<Vec<Key>> {
        lock(&self.ledger).outbox.pop_front()
    }

    /// Does `work` at a place that is no function, such as a state machine.
    pub async fn at<T>(&self, name: &str, work: impl Future<Output = T>) -> T {
        PLACE.scope(Place { name: name.to_owned(), waited: Arc::default() }, work).await
    }

    /// Does `work` as one cold invocation of that function.
    pub async fn invoke<T>(&self, function: &str, work: impl Future<Output = T>) -> T {
        let place = Place { name: function.to_owned(), waited: Arc::default() };
        let done = PLACE.scope(place.clone(), work).await;
        self.invoked(place);
        done
    }

    /// As [`Meter::invoke`], for work that makes tasks of its own, while nothing else of the kind goes on.
    pub async fn invoke_with_tasks<T>(&self, function: &str, work: impl Future<Output = T>) -> T {
        let place = Place { name: function.to_owned(), waited: Arc::default() };
        lock(&self.ledger).stand_in = Some(place.clone());
        let done = PLACE.scope(place.clone(), work).await;
        lock(&self.ledger).stand_in = None;
        self.invoked(place);
        done
    }

    fn invoked(&self, place: Place) {
        let assumed = &self.prices.assumptions;
        let waited = *lock(&place.waited);
        let milliseconds =
            assumed.cold_start_milliseconds.value + assumed.invocation_milliseconds.value + waited;
        let gigabytes = self.memory_megabytes.get(&place.name).copied().unwrap_or(256.0) / 1024.0;
        PLACE.sync_scope(place, || {
            self.add(Unit::LambdaRequests, 1.0);
            self.add(Unit::LambdaGigabyteSeconds, gigabytes * milliseconds.ceil() / 1000.0);
            self.log(assumed.platform_log_bytes.value);
        });
    }

    /// A trace begins.
    pub fn trace(&self) {
        let traces = self.prices.assumptions.traces_per_invocation.value;
        self.add(Unit::XrayTraces, traces);
        self.add(Unit::XrayInsightTraces, traces);
    }

    /// Bytes of a log.
    pub fn log(&self, bytes: f64) {
        let kept = self.prices.assumptions.log_retention_months.value;
        self.add(Unit::CloudWatchLogGigabytes, bytes / 1e9);
        self.add(Unit::CloudWatchLogGigabyteMonths, kept * bytes / 1e9);
    }

    /// Forgets what was counted so far, but for what processes hold.
    pub fn reset(&self) {
        let mut ledger = lock(&self.ledger);
        ledger.amounts.clear();
        ledger.adapter_bytes = 0.0;
        ledger.archived_bytes = 0.0;
        ledger.outbox.clear();
    }

    /// The processes end: the next invocations hold nothing.
    pub fn forget_processes(&self) {
        lock(&self.ledger).held.clear();
    }

    /// What was counted.
    pub fn amounts(&self) -> Amounts {
        lock(&self.ledger).amounts.clone()
    }

    /// Bytes of events in the bus's own archive.
    pub fn archived_bytes(&self) -> f64 {
        lock(&self.ledger).archived_bytes
    }

    /// Bytes that adapters keep beside the port's own items.
    pub fn adapter_bytes(&self) -> f64 {
        lock(&self.ledger).adapter_bytes
    }
}
