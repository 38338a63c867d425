//! Ports that die: before or after their n-th call, and with them whoever called.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tenantry_aws::bus::Publisher;
use tenantry_core::keys::Key;
use tenantry_core::ports::{
    BusEvent, Clock, Commit, CommitError, Item, Message, OutgoingMessage, Page, PortError, Query, Queue,
    QueueDepth, Table,
};
use tenantry_core::{BoxFuture, EventId, MessageId, Timestamp};
use tokio::sync::Notify;

/// When a process dies.
#[derive(Debug)]
pub(super) struct Fate {
    calls: AtomicU32,
    dies_at: u32,
    /// Whether that call still takes effect.
    after: bool,
    died: Notify,
}

impl Fate {
    pub(super) fn new(dies_at: u32, after: bool) -> Arc<Self> {
        Arc::new(Self { calls: AtomicU32::new(0), dies_at, after, died: Notify::new() })
    }

    pub(super) fn never() -> Arc<Self> {
        Self::new(u32::MAX, false)
    }

    /// Lives through `life`; `None` where the process died in it.
    pub(super) async fn live<T>(&self, life: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.died.notified() => None,
            result = life => Some(result),
        }
    }

    async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        if number > self.dies_at || (number == self.dies_at && !self.after) {
            self.died.notify_one();
            return std::future::pending().await;
        }
        let result = call.await;
        if number == self.dies_at {
            self.died.notify_one();
            return std::future::pending().await;
        }
        result
    }
}

/// A port under a fate.
pub(super) struct Mortal<P: ?Sized> {
    pub(super) port: Arc<P>,
    pub(super) fate: Arc<Fate>,
}

impl Table for Mortal<dyn Table> {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Item>, PortError>> {
        Box::pin(self.fate.call(self.port.get(key)))
    }

    fn query(&self, query: Query) -> BoxFuture<'_, Result<Page, PortError>> {
        Box::pin(self.fate.call(self.port.query(query)))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(self.fate.call(self.port.commit(commit)))
    }
}

impl Queue for Mortal<dyn Queue> {
    fn send(&self, messages: Vec<OutgoingMessage>) -> BoxFuture<'_, Result<Vec<MessageId>, PortError>> {
        Box::pin(self.fate.call(self.port.send(messages)))
    }

    fn receive(
        &self,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Message>, PortError>> {
        self.port.receive(max, visibility, wait)
    }

    fn delete<'a>(&'a self, receipt: &'a str) -> BoxFuture<'a, Result<(), PortError>> {
        self.port.delete(receipt)
    }

    fn extend<'a>(&'a self, receipt: &'a str, visibility: Duration) -> BoxFuture<'a, Result<(), PortError>> {
        self.port.extend(receipt, visibility)
    }

    fn depth(&self) -> BoxFuture<'_, Result<QueueDepth, PortError>> {
        self.port.depth()
    }
}

/// Events that were put onto the bus, with repeats.
#[derive(Default)]
pub(super) struct Put(pub(super) Mutex<Vec<EventId>>);

impl Publisher for Put {
    fn put<'a>(&'a self, events: &'a [BusEvent]) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(async move {
            let ids = events.iter().map(|event| event.event_id.clone());
            self.0.lock().expect("nobody panics with it").extend(ids);
            Ok(())
        })
    }
}

impl Publisher for Mortal<Put> {
    fn put<'a>(&'a self, events: &'a [BusEvent]) -> BoxFuture<'a, Result<(), PortError>> {
        Box::pin(self.fate.call(self.port.put(events)))
    }
}

/// A clock on which whoever sleeps wakes at once, later.
#[derive(Debug)]
pub(super) struct Jumping(AtomicI64);

impl Jumping {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_767_225_600_000)))
    }

    pub(super) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).expect("a short time"), Ordering::SeqCst);
    }
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        self.0.fetch_max(at.as_millis(), Ordering::SeqCst);
        Box::pin(tokio::task::yield_now())
    }
}
