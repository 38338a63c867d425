//! The state machines' contract suite, on the engine over this home's journal.

use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use tenantry_contract::{PASSING, StateMachines, WAITING, workflow_definition};
use tenantry_core::BoxFuture;
use tenantry_core::ports::{TaskTokens, Workflows};
use tenantry_embedded::{EmbeddedHome, HomeOptions};
use tenantry_engine::{Engine, EngineConfig, TaskFailure, TaskInvoker, TaskRequest};
use tokio::sync::{Mutex, mpsc};

/// The queue that the suite's task sends to.
struct Sent(mpsc::UnboundedSender<Value>);

impl TaskInvoker for Sent {
    fn invoke(&self, request: TaskRequest) -> BoxFuture<'_, Result<Value, TaskFailure>> {
        self.0.send(request.arguments["MessageBody"].clone()).expect("a suite that runs");
        Box::pin(async { Ok(json!({"MessageId": "m"})) })
    }
}

struct OneMachine {
    engine: Arc<Engine>,
    sent: Mutex<mpsc::UnboundedReceiver<Value>>,
    _home: EmbeddedHome,
    _dir: TempDir,
}

impl StateMachines for OneMachine {
    fn workflows(&self) -> Arc<dyn Workflows> {
        self.engine.clone()
    }

    fn task_tokens(&self) -> Arc<dyn TaskTokens> {
        self.engine.clone()
    }

    fn message(&self) -> BoxFuture<'_, Value> {
        Box::pin(async { self.sent.lock().await.recv().await.expect("an engine that runs") })
    }

    fn is_whole(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflows() {
    tenantry_contract::workflows_suite(|| async {
        let dir = tempfile::tempdir().unwrap();
        let home = EmbeddedHome::open(dir.path(), HomeOptions::default()).unwrap();
        let (sender, sent) = mpsc::unbounded_channel();
        let definitions =
            [PASSING, WAITING].map(|name| (name.to_owned(), workflow_definition(name, "queue"))).to_vec();
        let config = EngineConfig::new(
            Arc::new(home.journal.clone()),
            Arc::new(Sent(sender)),
            home.clock.clone(),
            home.ids.clone(),
            definitions,
            [7; 32],
        );
        let engine = Arc::new(Engine::open(config).await.unwrap());
        OneMachine { engine, sent: Mutex::new(sent), _home: home, _dir: dir }
    })
    .await;
}
