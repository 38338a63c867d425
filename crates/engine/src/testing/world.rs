use super::MemoryJournal;
use crate::invoker::{TaskFailure, TaskInvoker, TaskRequest};
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tenantry_asl::TASK_TOKEN_PLACEHOLDER;
use tenantry_core::ports::{TaskTokenError, TaskTokens};
use tenantry_core::{BoxFuture, ExecutionId};

/// What the world does with a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Answers.
    Done(Value),
    /// Fails.
    Failed(TaskFailure),
    /// Never answers.
    Never,
    /// Panics.
    Panic,
    /// Acknowledges, and answers the token in `MessageBody.token` later, with this.
    Later(Value),
    /// Answers the token in `MessageBody.token` while the call is still being made, which is acknowledged after.
    Sooner(Value),
}

/// A call that reached the world.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// What was asked.
    pub request: TaskRequest,
    /// The task token in `MessageBody.token`.
    pub token: Option<String>,
}

type Script = dyn Fn(&TaskRequest) -> Reply + Send + Sync;

/// All that lies outside the engine. It outlives engines, answers by a script, and checks of everything that reaches it
/// that the journal's durable rows imply it. Clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    script: Box<Script>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    journal: MemoryJournal,
    engine: Option<Arc<dyn TaskTokens>>,
    seen: Vec<Seen>,
    /// The tokens that are still to be answered, and with what.
    letters: BTreeMap<String, Letter>,
    violations: Vec<String>,
}

#[derive(Clone)]
struct Letter {
    execution: ExecutionId,
    task: u64,
    output: Value,
    in_delivery: bool,
    delivered: bool,
}

impl World {
    /// A world that answers by `script`.
    pub fn new(script: impl Fn(&TaskRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared { script: Box::new(script), state: Mutex::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches this journal from now on. Deliveries that the engine before did not answer begin anew.
    pub fn watch(&self, journal: &MemoryJournal) {
        let mut state = self.state();
        state.journal = journal.clone();
        state.engine = None;
        state.letters.values_mut().for_each(|letter| letter.in_delivery = false);
    }

    /// Tokens are answered to this engine from now on.
    pub fn meet(&self, engine: Arc<dyn TaskTokens>) {
        self.state().engine = Some(engine);
    }

    /// The calls so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// The calls so far of one state.
    pub fn seen_of(&self, state: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.request.state == state).collect()
    }

    /// What reached the world and was not implied by what was durable; and answers that contradict each other.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// Notes a violation that someone else saw.
    pub fn accuse(&self, violation: impl Into<String>) {
        self.state().violations.push(violation.into());
    }

    /// Starts to deliver the answers that wait; returns how many.
    pub fn deliver(&self) -> usize {
        let waiting: Vec<_> = {
            let mut state = self.state();
            if state.engine.is_none() {
                return 0;
            }
            let open =
                state.letters.iter_mut().filter(|(_, letter)| !letter.in_delivery && !letter.delivered);
            open.map(|(token, letter)| {
                letter.in_delivery = true;
                token.clone()
            })
            .collect()
        };
        for token in &waiting {
            let (world, token) = (self.clone(), token.clone());
            tokio::spawn(async move { world.deliver_one(&token).await });
        }
        waiting.len()
    }

    async fn deliver_one(&self, token: &str) {
        let (engine, letter) = {
            let state = self.state();
            (state.engine.clone(), state.letters.get(token).cloned())
        };
        let (Some(engine), Some(letter)) = (engine, letter) else { return };
        let result = engine.succeed(token, letter.output.clone()).await;
        let mut state = self.state();
        let durable = state.journal.holds_answer(&letter.execution, letter.task);
        let complaint = match result {
            Ok(()) if !durable => Some("an answer was taken that is not durable".to_owned()),
            Ok(()) => None,
            Err(TaskTokenError::Used) if durable => None,
            Err(TaskTokenError::Expired(_)) => None,
            Err(TaskTokenError::Port(_)) => {
                state.letters.entry(token.to_owned()).and_modify(|letter| letter.in_delivery = false);
                return;
            }
            Err(other) => Some(format!("a token of ours was refused: {other}")),
        };
        state.violations.extend(complaint);
        state.letters.entry(token.to_owned()).and_modify(|letter| letter.delivered = true);
    }

    fn note(&self, request: &TaskRequest) -> Option<String> {
        let token =
            request.arguments.pointer("/MessageBody/token").and_then(Value::as_str).map(str::to_owned);
        let mut state = self.state();
        if !state.journal.ever_scheduled(&request.execution, request.task, &request.state) {
            let TaskRequest { execution, state: name, task, .. } = request;
            state.violations.push(format!(
                "task {task} ({name}) of {execution} was dispatched, and no durable row says so"
            ));
        }
        if request.arguments.to_string().contains(TASK_TOKEN_PLACEHOLDER) {
            state.violations.push(format!("a placeholder left in task {}", request.task));
        }
        let other = state.seen.iter().find(|seen| {
            seen.request.execution == request.execution
                && seen.request.task == request.task
                && (&seen.token, &seen.request.arguments) != (&token, &request.arguments)
        });
        // A task that was never durable may have been scheduled differently before; only its dispatch must not show.
        let complaint =
            other.map(|_| format!("task {} was dispatched again with another face", request.task));
        state.violations.extend(complaint);
        state.seen.push(Seen { request: request.clone(), token: token.clone() });
        token
    }

    fn post(&self, request: &TaskRequest, token: &str, output: Value) {
        let letter = Letter {
            execution: request.execution.clone(),
            task: request.task,
            output,
            in_delivery: false,
            delivered: false,
        };
        self.state().letters.entry(token.to_owned()).or_insert(letter);
    }
}

impl TaskInvoker for World {
    fn invoke(&self, request: TaskRequest) -> BoxFuture<'_, Result<Value, TaskFailure>> {
        Box::pin(async move {
            let token = self.note(&request);
            if self.state().journal.crashed() {
                // The call has left; the process that made it is dead.
                return pending().await;
            }
            tokio::task::yield_now().await;
            let acknowledgement = serde_json::json!({"MessageId": format!("m-{}", request.task)});
            match ((self.0.script)(&request), token) {
                (Reply::Done(output), _) => Ok(output),
                (Reply::Failed(failure), _) => Err(failure),
                (Reply::Never, _) => pending().await,
                (Reply::Panic, _) => panic!("the script panics, as it was told to"),
                (Reply::Later(output), Some(token)) => {
                    self.post(&request, &token, output);
                    Ok(acknowledgement)
                }
                (Reply::Sooner(output), Some(token)) => {
                    self.post(&request, &token, output);
                    self.deliver();
                    super::quiesce().await;
                    Ok(acknowledgement)
                }
                (Reply::Later(_) | Reply::Sooner(_), None) => {
                    self.accuse(format!("task {} came without a token", request.task));
                    pending().await
                }
            }
        })
    }
}
