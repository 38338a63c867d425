//! The state machines' contract, and that of the task tokens, which belong together.

use crate::made::eventually;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tenantry_core::limits::PAYLOAD_BYTES_MAX;
use tenantry_core::ports::{
    Execution, ExecutionFilter, ExecutionStatus, ExecutionSummary, HistoryEvent, StartOutcome,
    TaskTokenError, TaskTokens, WorkflowError, Workflows,
};
use tenantry_core::{BoxFuture, ExecutionId};

/// A workflow of the suite that ends by itself: its output is its input.
pub const PASSING: &str = "passing";
/// A workflow of the suite with one task, which sends `{execution, taskToken}` to a queue and waits for the answer.
pub const WAITING: &str = "waiting";

/// The text of a workflow of the suite.
///
/// # Panics
/// Where there is none of that name.
pub fn workflow_definition(name: &str, queue_url: &str) -> String {
    let pass = |next: &str| json!({"Type": "Pass", "Output": "{% $states.input %}", "Next": next});
    let definition = match name {
        PASSING => json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": pass("B"), "B": pass("C"), "C": {"Type": "Succeed"}
        }}),
        WAITING => json!({"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {"Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Arguments": {"QueueUrl": queue_url, "MessageBody": {
                "execution": "{% $states.context.Execution.Name %}",
                "taskToken": "{% $states.context.Task.Token %}",
            }},
            "End": true,
        }}}),
        other => panic!("the suite has no workflow {other}"),
    };
    definition.to_string()
}

/// What a home offers the suite: the workflows [`PASSING`] and [`WAITING`], deployed, and nobody else's executions.
pub trait StateMachines: Send + Sync {
    /// The state machines.
    fn workflows(&self) -> Arc<dyn Workflows>;

    /// The task tokens.
    fn task_tokens(&self) -> Arc<dyn TaskTokens>;

    /// The next message that [`WAITING`]'s task sent, waited for.
    fn message(&self) -> BoxFuture<'_, Value>;

    /// Whether it is Step Functions or the engine. An emulator lacks redrive and the parameters of scheduled tasks, gives
    /// up no token of a stopped task, and tells a text that was never a token from no other.
    fn is_whole(&self) -> bool;
}

/// Holds every sentence of [`Workflows`]' and [`TaskTokens`]' documentation against the home that `make` makes.
pub async fn workflows_suite<F, Fut, M>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = M>,
    M: StateMachines,
{
    let home = make().await;
    let suite = Suite { machines: home.workflows(), tokens: home.task_tokens(), home: &home };
    suite.an_execution_goes_its_way().await;
    suite.a_failed_task_fails_its_execution().await;
    suite.a_name_is_used_once().await;
    suite.what_is_not_there_is_unknown().await;
    suite.a_payload_over_its_limit_is_refused().await;
    suite.a_stopped_execution_is_aborted().await;
    suite.a_token_takes_one_answer().await;
    suite.lists_are_whole_and_newest_first().await;
    suite.lists_filter().await;
    suite.histories_are_whole_in_both_directions().await;
    if home.is_whole() {
        suite.a_redriven_execution_goes_on().await;
    }
}

struct Suite<'a> {
    machines: Arc<dyn Workflows>,
    tokens: Arc<dyn TaskTokens>,
    home: &'a dyn StateMachines,
}

fn id(workflow: &str, name: &str) -> ExecutionId {
    ExecutionId::new(workflow, name).expect("a name")
}

fn is_unknown<T>(answer: Result<T, WorkflowError>) -> bool {
    matches!(answer, Err(WorkflowError::UnknownExecution(_)))
}

fn is_wrong_state<T>(answer: Result<T, WorkflowError>) -> bool {
    matches!(answer, Err(WorkflowError::WrongState(_)))
}

impl Suite<'_> {
    async fn start(&self, id: &ExecutionId, input: Value) -> StartOutcome {
        self.machines.start(id, input).await.expect("a start")
    }

    /// Started, and the token of its task.
    async fn start_waiting(&self, name: &str) -> (ExecutionId, String) {
        let id = id(WAITING, name);
        assert_eq!(self.start(&id, json!({ "name": name })).await, StartOutcome::Started);
        let token = self.token(name).await;
        (id, token)
    }

    async fn token(&self, name: &str) -> String {
        let message = self.home.message().await;
        assert_eq!(message["execution"], name, "one waits at a time");
        message["taskToken"].as_str().expect("a token").to_owned()
    }

    async fn ended(&self, id: &ExecutionId) -> Execution {
        let ask = || async { self.machines.describe(id).await.expect("an execution") };
        let ended = |found: &Execution| found.summary.status != ExecutionStatus::Running;
        let found = eventually("an execution that ends", ask, ended).await;
        assert!(found.summary.ended_at.is_some_and(|ended| ended >= found.summary.started_at));
        found
    }

    async fn list(&self, filter: &ExecutionFilter, limit: usize) -> Vec<ExecutionSummary> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.machines.list(filter.clone(), after, limit).await.expect("a page");
            assert!(page.items.len() <= limit);
            all.extend(page.items);
            after = page.next;
            if after.is_none() {
                return all;
            }
        }
    }

    async fn history(&self, id: &ExecutionId, descending: bool, limit: usize) -> Vec<HistoryEvent> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.machines.history(id, after, descending, limit).await.expect("a page");
            assert!(page.events.len() <= limit);
            all.extend(page.events);
            after = page.next;
            if after.is_none() {
                return all;
            }
        }
    }

    async fn an_execution_goes_its_way(&self) {
        let (id, token) = self.start_waiting("goes").await;
        let running = self.machines.describe(&id).await.unwrap();
        assert_eq!(running.summary.id, id);
        assert_eq!(running.summary.status, ExecutionStatus::Running);
        assert_eq!((running.summary.ended_at, running.summary.redrive_count), (None, 0));
        assert_eq!((running.input, running.output), (json!({"name": "goes"}), None));
        self.tokens.heartbeat(&token).await.unwrap();
        self.tokens.succeed(&token, json!({"done": [1, null, "ä"]})).await.unwrap();
        let ended = self.ended(&id).await;
        assert_eq!(ended.summary.status, ExecutionStatus::Succeeded);
        assert_eq!(ended.output, Some(json!({"done": [1, null, "ä"]})));
        assert_eq!((ended.error, ended.cause), (None, None));
        assert_eq!(ended.definition_hash, running.definition_hash);
        assert_eq!(ended.definition_hash.len(), 64, "{}", ended.definition_hash);
    }

    async fn a_failed_task_fails_its_execution(&self) {
        let (id, token) = self.start_waiting("fails").await;
        let (error, cause) = (Some("Shop.Closed".to_owned()), Some("It is Sunday.".to_owned()));
        self.tokens.fail(&token, error.clone(), cause.clone()).await.unwrap();
        let ended = self.ended(&id).await;
        assert_eq!(ended.summary.status, ExecutionStatus::Failed);
        assert_eq!((ended.error, ended.cause, ended.output), (error, cause, None));
    }

    async fn a_name_is_used_once(&self) {
        let (id, token) = self.start_waiting("once").await;
        let again = self.start(&id, json!({"name": "once"})).await;
        assert!(matches!(again, StartOutcome::AlreadyRunning | StartOutcome::Started), "{again:?}");
        assert_eq!(self.start(&id, json!({"name": "other"})).await, StartOutcome::NameTaken);
        self.tokens.succeed(&token, json!(null)).await.unwrap();
        self.ended(&id).await;
        for input in [json!({"name": "once"}), json!({})] {
            assert_eq!(self.start(&id, input).await, StartOutcome::NameTaken);
        }
    }

    async fn what_is_not_there_is_unknown(&self) {
        let unknown = self.machines.start(&id("nowhere", "a"), json!({})).await;
        assert!(matches!(unknown, Err(WorkflowError::UnknownWorkflow(_))), "{unknown:?}");
        for id in [id(PASSING, "never"), id("nowhere", "a"), id(PASSING, "express:1")] {
            assert!(is_unknown(self.machines.describe(&id).await), "{id}");
            assert!(is_unknown(self.machines.history(&id, None, false, 10).await), "{id}");
            assert!(is_unknown(self.machines.stop(&id, None, None).await), "{id}");
            if self.home.is_whole() {
                assert!(is_unknown(self.machines.redrive(&id).await), "{id}");
            }
        }
    }

    async fn a_payload_over_its_limit_is_refused(&self) {
        let text = "x".repeat(PAYLOAD_BYTES_MAX - 1);
        let refused = self.machines.start(&id(PASSING, "large"), json!(text)).await;
        assert!(matches!(refused, Err(WorkflowError::InputTooLarge)), "{refused:?}");
        assert!(is_unknown(self.machines.describe(&id(PASSING, "large")).await));
        let (id, token) = self.start_waiting("large").await;
        let refused = self.tokens.succeed(&token, json!(text)).await;
        assert!(matches!(refused, Err(TaskTokenError::OutputTooLarge)), "{refused:?}");
        self.tokens.succeed(&token, json!("small")).await.unwrap();
        assert_eq!(self.ended(&id).await.output, Some(json!("small")));
    }

    async fn a_stopped_execution_is_aborted(&self) {
        let (id, token) = self.start_waiting("stopped").await;
        let (error, cause) = (Some("Operator".to_owned()), Some("By hand.".to_owned()));
        self.machines.stop(&id, error.clone(), cause.clone()).await.unwrap();
        let ended = self.ended(&id).await;
        assert_eq!(ended.summary.status, ExecutionStatus::Aborted);
        assert_eq!((ended.error, ended.cause), (error, cause));
        assert!(is_wrong_state(self.machines.stop(&id, None, None).await));
        if self.home.is_whole() {
            let late = self.tokens.succeed(&token, json!(1)).await;
            assert!(matches!(late, Err(TaskTokenError::Expired(_))), "{late:?}");
        }
        assert_eq!(self.machines.describe(&id).await.unwrap().summary.status, ExecutionStatus::Aborted);
    }

    async fn a_token_takes_one_answer(&self) {
        let (id, token) = self.start_waiting("answered").await;
        self.tokens.succeed(&token, json!("first")).await.unwrap();
        assert_eq!(self.ended(&id).await.output, Some(json!("first")));
        let spent = |answer: Result<(), TaskTokenError>| {
            let told = matches!(answer, Err(TaskTokenError::Used | TaskTokenError::Expired(_)));
            assert!(told, "{answer:?}");
        };
        spent(self.tokens.succeed(&token, json!("second")).await);
        spent(self.tokens.fail(&token, Some("E".into()), None).await);
        spent(self.tokens.heartbeat(&token).await);
        assert_eq!(self.machines.describe(&id).await.unwrap().output, Some(json!("first")));
        for never in ["", "no token", &"x".repeat(3_000)] {
            let refused = self.tokens.succeed(never, json!(1)).await;
            let told = matches!(refused, Err(TaskTokenError::Invalid));
            assert!(told || (!self.home.is_whole() && refused.is_err()), "{never}: {refused:?}");
        }
    }

    async fn lists_are_whole_and_newest_first(&self) {
        let mut names = BTreeSet::new();
        for number in 0..7 {
            let id = id(PASSING, &format!("listed-{number}"));
            self.start(&id, json!({ "number": number })).await;
            self.ended(&id).await;
            names.insert(id);
        }
        let filter = ExecutionFilter { name_prefix: Some("listed-".into()), ..ExecutionFilter::default() };
        for limit in [1, 2, 3, 7, 100] {
            let found = self.list(&filter, limit).await;
            assert!(found.windows(2).all(|pair| pair[0].started_at >= pair[1].started_at), "{found:?}");
            assert_eq!(found.len(), names.len(), "{limit} at a time: {found:?}");
            assert_eq!(found.into_iter().map(|summary| summary.id).collect::<BTreeSet<_>>(), names);
        }
        let everything = self.list(&ExecutionFilter::default(), 3).await;
        assert!(everything.windows(2).all(|pair| pair[0].started_at >= pair[1].started_at));
        let ids: BTreeSet<_> = everything.iter().map(|summary| summary.id.clone()).collect();
        assert_eq!(ids.len(), everything.len(), "each stands once");
        assert!(ids.is_superset(&names) && ids.contains(&id(WAITING, "goes")));
    }

    async fn lists_filter(&self) {
        let (running, token) = self.start_waiting("listed").await;
        let by = |workflow: Option<&str>, status| ExecutionFilter {
            workflow: workflow.map(str::to_owned),
            status,
            ..ExecutionFilter::default()
        };
        let open = self.list(&by(None, Some(ExecutionStatus::Running)), 10).await;
        assert_eq!(open.iter().map(|summary| &summary.id).collect::<Vec<_>>(), [&running]);
        let aborted = self.list(&by(Some(WAITING), Some(ExecutionStatus::Aborted)), 10).await;
        assert_eq!(aborted.len(), 1);
        assert_eq!(aborted[0].id, id(WAITING, "stopped"));
        assert!(aborted[0].ended_at.is_some());
        assert!(self.list(&by(Some(PASSING), Some(ExecutionStatus::Aborted)), 10).await.is_empty());
        let passing = self.list(&by(Some(PASSING), None), 2).await;
        assert!(!passing.is_empty() && passing.iter().all(|summary| summary.id.workflow() == PASSING));
        self.tokens.succeed(&token, json!({})).await.unwrap();
        self.ended(&running).await;
        assert!(self.list(&by(None, Some(ExecutionStatus::Running)), 10).await.is_empty());
    }

    async fn histories_are_whole_in_both_directions(&self) {
        let id = id(PASSING, "listed-0");
        let whole = self.history(&id, false, 100).await;
        assert_eq!(
            whole.iter().map(|event| event.id).collect::<Vec<_>>(),
            (1..=whole.len() as u64).collect::<Vec<_>>()
        );
        assert_eq!(whole[0].event_type, "ExecutionStarted");
        assert_eq!(whole.last().unwrap().event_type, "ExecutionSucceeded");
        let entered = whole.iter().find(|event| event.event_type == "PassStateEntered").unwrap();
        assert_eq!(entered.details["stateEnteredEventDetails"]["name"], "A");
        let input = entered.details["stateEnteredEventDetails"]["input"].as_str().expect("JSON text");
        assert_eq!(serde_json::from_str::<Value>(input).unwrap(), json!({"number": 0}));
        let backwards: Vec<_> = whole.iter().rev().cloned().collect();
        for limit in [1, 2, 3] {
            assert_eq!(self.history(&id, false, limit).await, whole, "{limit} at a time");
            assert_eq!(self.history(&id, true, limit).await, backwards, "{limit} at a time, backwards");
        }
        let after = self.machines.history(&id, Some(3), false, 2).await.unwrap();
        assert_eq!(after.events, whole[3..5]);
        let before = self.machines.history(&id, Some(3), true, 10).await.unwrap();
        assert_eq!((before.events, before.next), (backwards[backwards.len() - 2..].to_vec(), None));

        let (id, token) = self.start_waiting("secret").await;
        let ask = || self.history(&id, false, 100);
        let sent =
            |events: &Vec<HistoryEvent>| events.iter().any(|event| event.event_type == "TaskScheduled");
        let events = eventually("a task that is scheduled", ask, sent).await;
        for event in &events {
            let text = event.details.to_string();
            assert!(!text.contains(&token), "{}: a token is shown", event.event_type);
        }
        if self.home.is_whole() {
            let scheduled = events.iter().find(|event| event.event_type == "TaskScheduled").unwrap();
            let parameters = &scheduled.details["taskScheduledEventDetails"]["parameters"];
            assert!(parameters.as_str().is_some_and(|text| text.contains("[task token]")), "{parameters}");
        }
        self.tokens.succeed(&token, json!({})).await.unwrap();
        self.ended(&id).await;
    }

    async fn a_redriven_execution_goes_on(&self) {
        let (id, token) = self.start_waiting("redriven").await;
        assert!(is_wrong_state(self.machines.redrive(&id).await));
        self.tokens.fail(&token, Some("E".into()), None).await.unwrap();
        assert_eq!(self.ended(&id).await.summary.status, ExecutionStatus::Failed);
        self.machines.redrive(&id).await.unwrap();
        let again = self.token("redriven").await;
        assert_ne!(again, token);
        let running = self.machines.describe(&id).await.unwrap().summary;
        assert_eq!((running.status, running.redrive_count), (ExecutionStatus::Running, 1));
        self.tokens.succeed(&again, json!("at last")).await.unwrap();
        assert_eq!(self.ended(&id).await.output, Some(json!("at last")));
        assert!(is_wrong_state(self.machines.redrive(&id).await));
    }
}
