//! One case's own home: the protocol over an engine with a journal in memory and a clock that jumps, and the services
//! around it.

mod api;
mod consumers;
mod invoker;

pub(crate) use api::{Protocol, Refusal};
pub(crate) use consumers::{AnswerTokens, Consumer};

use crate::world::World;
use invoker::Invoker;
use serde_json::Value;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tenantry_core::Realm;
use tenantry_engine::testing::{MemoryBlobs, MemoryJournal, SeqIds, SimClock, quiesce};
use tokio::sync::Notify;

/// How often the clock may jump before a case is held to have no end.
const JUMPS_MAX: u32 = 20_000;
/// The region and account of every recorded ARN.
pub(crate) const REGION: &str = "us-east-1";
/// The account of every recorded ARN.
pub(crate) const ACCOUNT: &str = "111111111111";

/// What a case's parts share.
pub(crate) struct Shared {
    world: Mutex<World>,
    /// A message lies in a queue.
    pub(crate) sent: Notify,
    /// The services that were asked for and are not here.
    unknown: Mutex<Vec<String>>,
    pub(crate) clock: SimClock,
    protocol: OnceLock<Protocol>,
}

impl Shared {
    pub(crate) fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn miss(&self, service: &str) {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).push(service.to_owned());
    }

    /// Calls an operation, such as `StartExecution`.
    pub(crate) async fn call(&self, operation: &str, body: &Value) -> Result<Value, Refusal> {
        match self.protocol.get() {
            Some(protocol) => protocol.call(operation, body).await,
            None => Err(Refusal::new("InternalFailure", "the protocol is not open yet")),
        }
    }

    /// The protocol, once it is open.
    pub(crate) fn protocol(&self) -> Result<&Protocol, String> {
        self.protocol.get().ok_or_else(|| "the protocol is not open yet".to_owned())
    }
}

/// A case's home.
pub(crate) struct Stage {
    pub(crate) shared: Arc<Shared>,
    pub(crate) blobs: Arc<MemoryBlobs>,
    journal: MemoryJournal,
}

impl Stage {
    /// A fresh home with these Lambda functions.
    pub(crate) async fn open(functions: &Value) -> Result<Stage, String> {
        let clock = SimClock::default();
        let journal = MemoryJournal::default();
        let shared = Arc::new(Shared {
            world: Mutex::new(World::new(functions)),
            sent: Notify::new(),
            unknown: Mutex::default(),
            clock: clock.clone(),
            protocol: OnceLock::new(),
        });
        let blobs = Arc::new(MemoryBlobs::new(clock.clone()));
        let parts = api::Parts {
            journal: journal.clone(),
            clock,
            ids: Arc::new(SeqIds::default()),
            blobs: Arc::clone(&blobs),
            realm: Realm::new("aws", REGION, ACCOUNT),
            invoker: Arc::new(Invoker(Arc::downgrade(&shared))),
        };
        let protocol = api::open(parts).await?;
        let _ = shared.protocol.set(protocol);
        Ok(Stage { shared, blobs, journal })
    }

    /// Calls an operation; time goes on while it waits for its answer.
    ///
    /// # Errors
    /// The outer one: it never answers. The inner one: it is refused.
    pub(crate) async fn call(&self, operation: &str, body: &Value) -> Result<Result<Value, Refusal>, String> {
        self.pump(self.shared.call(operation, body)).await.map_err(|stuck| format!("{operation}: {stuck}"))
    }

    /// Lets everything happen that happens without the clock.
    pub(crate) async fn settle(&self) {
        loop {
            let before = (self.journal.appends(), self.journal.syncs());
            quiesce().await;
            if before == (self.journal.appends(), self.journal.syncs()) {
                return;
            }
        }
    }

    /// Drives a future; whenever nothing more happens by itself, the clock jumps to the next moment that someone waits
    /// for.
    ///
    /// # Errors
    /// Nobody waits for anything, or there is no end.
    pub(crate) async fn pump<T>(&self, future: impl Future<Output = T>) -> Result<T, String> {
        let mut future = pin!(future);
        for _ in 0..JUMPS_MAX {
            tokio::select! {
                biased;
                done = &mut future => return Ok(done),
                () = self.settle() => {}
            }
            if !self.shared.clock.advance_to_next() {
                return Err(self.why_stuck());
            }
        }
        Err(format!("no end after the clock jumped {JUMPS_MAX} times"))
    }

    fn why_stuck(&self) -> String {
        let unknown = self.shared.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        let mut why = "nothing more happens".to_owned();
        if !unknown.is_empty() {
            why = format!("{why}; nobody here answers for {}", unknown.join(", "));
        }
        if let Some(panic) = crate::runner::last_panic() {
            why = format!("{why}; {panic}");
        }
        why
    }
}
