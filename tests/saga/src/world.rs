//! The ports that a run goes over, and what a test has to know of them beside the ports.

use std::sync::Arc;
use std::time::Duration;
use tenantry_app::Ports;
use tenantry_app::testing::Memory;
use tenantry_core::BoxFuture;
use tenantry_core::ports::{Item, Queues};
use tenantry_engine::TaskInvoker;
use tenantry_handlers::Ctx;

/// The ports of one home, empty at first, that one run has to itself.
pub trait World {
    /// The ports; the state machines and the task tokens among them are not used: those are the engine's.
    fn ports(&self) -> Ports;

    /// What calls a step, or sends a message, for the engine.
    fn invoker(&self, steps: Ctx, queues: Queues) -> Arc<dyn TaskInvoker>;

    /// Moves the clock of the ports on.
    fn advance(&self, by: Duration);

    /// Lets others get on: for a moment where the ports answer over a network.
    fn pause(&self) -> BoxFuture<'static, ()>;

    /// How long a received message is hidden. What a dead process had received comes again only after it.
    fn visibility(&self) -> Duration;

    /// Every item that somebody put into the table through the port, or that holds a tenant's own secrets and keys.
    fn items(&self) -> BoxFuture<'_, Vec<Item>>;

    /// References of the secrets that are kept elsewhere than in the table.
    fn references(&self) -> BoxFuture<'_, Vec<String>>;
}

/// What calls steps over some ports.
type MakeInvoker = fn(Ctx, Queues) -> Arc<dyn TaskInvoker>;

/// A world in memory.
pub struct MemoryWorld {
    memory: Memory,
    invoker: MakeInvoker,
}

impl MemoryWorld {
    /// An empty world whose steps are called as `invoker` calls them.
    pub fn new(invoker: MakeInvoker) -> Self {
        Self { memory: Memory::new(), invoker }
    }
}

impl World for MemoryWorld {
    fn ports(&self) -> Ports {
        self.memory.ports()
    }

    fn invoker(&self, steps: Ctx, queues: Queues) -> Arc<dyn TaskInvoker> {
        (self.invoker)(steps, queues)
    }

    fn advance(&self, by: Duration) {
        self.memory.clock.advance(by);
    }

    fn pause(&self) -> BoxFuture<'static, ()> {
        Box::pin(tokio::task::yield_now())
    }

    fn visibility(&self) -> Duration {
        Duration::from_secs(20)
    }

    fn items(&self) -> BoxFuture<'_, Vec<Item>> {
        let items = self.memory.table.dump();
        Box::pin(async { items })
    }

    fn references(&self) -> BoxFuture<'_, Vec<String>> {
        let references = self.memory.vault.references();
        Box::pin(async { references })
    }
}
