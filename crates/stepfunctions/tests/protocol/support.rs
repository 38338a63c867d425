//! A world with an endpoint in it.

use serde_json::{Value, json};
use std::sync::Arc;
use tenantry_core::Realm;
use tenantry_core::ports::{Clock, Ids};
use tenantry_engine::testing::{MemoryDocuments, MemoryJournal, Reply, SeqIds, SimClock, World, quiesce};
use tenantry_engine::{Engine, EngineConfig};
use tenantry_stepfunctions::{ApiError, Endpoint, Registry};

pub(crate) const ROLE: &str = "arn:aws:iam::111111111111:role/r";

pub(crate) struct Home {
    pub(crate) endpoint: Endpoint,
    pub(crate) clock: SimClock,
    pub(crate) journal: MemoryJournal,
    pub(crate) documents: MemoryDocuments,
    pub(crate) world: World,
    pub(crate) ids: Arc<SeqIds>,
}

pub(crate) fn realm() -> Realm {
    Realm::new("aws", "us-east-1", "111111111111")
}

impl Home {
    pub(crate) async fn new() -> Self {
        Self::answering(|_| Reply::Never).await
    }

    /// A home whose tasks are answered by `script`.
    pub(crate) async fn answering(
        script: impl Fn(&tenantry_engine::TaskRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let world = World::new(script);
        Self::over(MemoryJournal::default(), MemoryDocuments::default(), SimClock::default(), world).await
    }

    async fn over(journal: MemoryJournal, documents: MemoryDocuments, clock: SimClock, world: World) -> Self {
        let ids = Arc::new(SeqIds::default());
        let port: Arc<dyn Ids> = ids.clone();
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        let registry =
            Registry::open(Arc::new(documents.clone()), realm(), Arc::clone(&time), Arc::clone(&port))
                .await
                .unwrap();
        let built_in = pass("built in");
        world.watch(&journal);
        let config = EngineConfig::new(
            Arc::new(journal.clone()),
            Arc::new(world.clone()),
            time,
            port,
            vec![("built_in".to_owned(), built_in)],
            [7; 32],
        );
        let config = config.with_realm(realm()).with_machines(Arc::new(registry.clone()));
        let engine = Engine::open(config).await.unwrap();
        world.meet(Arc::new(engine.clone()));
        let endpoint = Endpoint::new(engine, registry);
        Self { endpoint, clock, journal, documents, world, ids }
    }

    /// What the next process finds.
    pub(crate) async fn restarted(self) -> Self {
        let Self { journal, documents, clock, world, .. } = self;
        Self::over(journal.reopen(), documents, clock, world).await
    }

    pub(crate) async fn call(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        self.endpoint.call(operation, request.to_string().as_bytes()).await
    }

    /// A call that must succeed.
    pub(crate) async fn ok(&self, operation: &str, request: Value) -> Value {
        match self.call(operation, request.clone()).await {
            Ok(answer) => answer,
            Err(error) => panic!("{operation} {request}: {error}"),
        }
    }

    /// A call that must be refused: its code and message.
    pub(crate) async fn refused(&self, operation: &str, request: Value) -> (&'static str, String) {
        match self.call(operation, request.clone()).await {
            Ok(answer) => panic!("{operation} {request} was taken: {answer}"),
            Err(ApiError { code, message, .. }) => (code, message),
        }
    }

    /// Creates a Standard machine; its ARN.
    pub(crate) async fn machine(&self, name: &str, definition: &str) -> String {
        self.create(json!({"name": name, "definition": definition})).await
    }

    /// Creates a machine of these members, with a role; its ARN.
    pub(crate) async fn create(&self, mut members: Value) -> String {
        members["roleArn"] = json!(ROLE);
        text(&self.ok("CreateStateMachine", members).await, "stateMachineArn")
    }

    /// Starts an execution; its ARN.
    pub(crate) async fn start(&self, machine_arn: &str, name: &str, input: &str) -> String {
        let request = json!({"stateMachineArn": machine_arn, "name": name, "input": input});
        let answer = self.ok("StartExecution", request).await;
        quiesce().await;
        text(&answer, "executionArn")
    }

    pub(crate) async fn describe(&self, execution_arn: &str) -> Value {
        self.ok("DescribeExecution", json!({"executionArn": execution_arn})).await
    }
}

/// A member that is a text.
pub(crate) fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no text {name} in {answer}")).to_owned()
}

fn definition(states: Value) -> String {
    json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": states}}).to_string()
}

/// Answers at once, with `word`.
pub(crate) fn pass(word: &str) -> String {
    definition(json!({"Type": "Pass", "Output": {"word": word}, "End": true}))
}

/// Runs for that long.
pub(crate) fn wait(seconds: u64) -> String {
    definition(json!({"Type": "Wait", "Seconds": seconds, "End": true}))
}

/// Fails at once.
pub(crate) fn fail() -> String {
    definition(json!({"Type": "Fail", "Error": "Broken", "Cause": "as told"}))
}

/// Calls a service.
pub(crate) fn task() -> String {
    definition(json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Arguments": {"FunctionName": "f", "Payload": {}},
    }))
}

/// The constraint message for one broken constraint.
pub(crate) fn one_fault(what: &str) -> String {
    format!("1 validation error detected: {what}")
}
