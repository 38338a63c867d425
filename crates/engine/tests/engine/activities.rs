//! Activities: tasks that wait for workers.

use crate::bench::{Bench, described, id};
use crate::machines::{Machine, custom};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tenantry_core::BoxFuture;
use tenantry_core::ports::{ExecutionStatus, TaskTokenError, TaskTokens, Workflows};
use tenantry_engine::testing::{Crash, CrashPoint, quiesce};
use tenantry_engine::{ActivityTask, Engine, Machines, Target, TaskFailure};

const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:dig";

/// Knows one activity and no machine.
struct OneActivity;

impl Machines for OneActivity {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Target, TaskFailure>> {
        Box::pin(async { Err(TaskFailure { error: "none".to_owned(), cause: None }) })
    }

    fn has_activity<'a>(&'a self, arn: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move { arn == ACTIVITY })
    }
}

fn digging(more: Value) -> Machine {
    let mut state = json!({"Type": "Task", "Resource": ACTIVITY, "End": true});
    for (name, value) in more.as_object().unwrap() {
        state[name] = value.clone();
    }
    custom("digging", json!({"n": 1}), "A", json!({"A": state}))
}

async fn open(bench: &Bench) -> Engine {
    Engine::open(bench.config().with_machines(Arc::new(OneActivity))).await.unwrap()
}

async fn poll(engine: &Engine) -> Option<ActivityTask> {
    engine.activity_task(ACTIVITY, Some("w"), Duration::ZERO).await.unwrap()
}

async fn types(engine: &Engine, name: &str) -> Vec<String> {
    let page = engine.history(&id("digging", name), None, false, 1000).await.unwrap();
    page.events.into_iter().map(|event| event.event_type).collect()
}

#[test]
fn workers_get_the_oldest_task_and_answer_its_token() {
    let mut bench = Bench::new(&[digging(json!({}))]);
    bench.live(async {
        let engine = open(&bench).await;
        assert_eq!(poll(&engine).await, None);
        for (name, n) in [("one", 1), ("two", 2)] {
            engine.start(&id("digging", name), json!({"n": n})).await.unwrap();
            quiesce().await;
            bench.clock.advance(Duration::from_secs(1));
        }
        let first = poll(&engine).await.unwrap();
        assert_eq!(first.input, r#"{"n":1}"#);
        engine.succeed(&first.token, json!({"dug": 1})).await.unwrap();
        assert!(matches!(engine.succeed(&first.token, json!(2)).await, Err(TaskTokenError::Used)));
        quiesce().await;
        let expected = [
            "ExecutionStarted",
            "TaskStateEntered",
            "ActivityScheduled",
            "ActivityStarted",
            "ActivitySucceeded",
            "TaskStateExited",
            "ExecutionSucceeded",
        ];
        assert_eq!(types(&engine, "one").await, expected);
    });
    // What waits is found again by the next engine, and what was handed out is not.
    bench.die();
    bench.live(async {
        let engine = open(&bench).await;
        quiesce().await;
        let second = poll(&engine).await.unwrap();
        assert_eq!(second.input, r#"{"n":2}"#);
        assert_eq!(poll(&engine).await, None);
        engine.fail(&second.token, Some("Rock".to_owned()), Some("too hard".to_owned())).await.unwrap();
        quiesce().await;
        let failed = described(&engine, &id("digging", "two")).await.unwrap();
        assert_eq!((failed.error.as_deref(), failed.cause.as_deref()), (Some("Rock"), Some("too hard")));
    });
}

#[test]
fn a_poll_waits_for_a_task_and_gives_up_in_time() {
    let bench = Bench::new(&[digging(json!({}))]);
    bench.live(async {
        let engine = open(&bench).await;
        let wait = Duration::from_secs(60);
        let polls: Vec<_> = (0..3)
            .map(|_| {
                let engine = engine.clone();
                tokio::spawn(async move { engine.activity_task(ACTIVITY, None, wait).await.unwrap() })
            })
            .collect();
        quiesce().await;
        for name in ["one", "two"] {
            engine.start(&id("digging", name), json!({"n": 1})).await.unwrap();
        }
        quiesce().await;
        assert_eq!(polls.iter().filter(|poll| poll.is_finished()).count(), 2);
        bench.clock.advance(wait);
        quiesce().await;
        let mut answers = Vec::new();
        for poll in polls {
            answers.push(poll.await.unwrap());
        }
        assert_eq!(answers.iter().filter(|answer| answer.is_none()).count(), 1);
    });
}

#[test]
fn an_engine_that_shuts_down_keeps_nobody_waiting() {
    let bench = Bench::new(&[digging(json!({}))]);
    bench.live(async {
        let engine = open(&bench).await;
        engine.start(&id("digging", "x"), json!({"n": 1})).await.unwrap();
        let (one, two) = (engine.clone(), engine.clone());
        let other = ACTIVITY.replace("dig", "fill");
        let poll =
            tokio::spawn(async move { one.activity_task(&other, None, Duration::from_secs(60)).await });
        let end = tokio::spawn(async move { two.ended(&id("digging", "x")).await });
        quiesce().await;
        engine.shutdown().await;
        quiesce().await;
        assert!(poll.await.unwrap().is_err());
        assert!(end.await.unwrap().is_err());
    });
}

#[test]
fn a_task_whose_time_is_over_is_handed_to_nobody() {
    let bench = Bench::new(&[digging(json!({"TimeoutSeconds": 5}))]);
    bench.live(async {
        let engine = open(&bench).await;
        engine.start(&id("digging", "x"), json!({"n": 1})).await.unwrap();
        quiesce().await;
        bench.clock.advance(Duration::from_secs(5));
        quiesce().await;
        assert_eq!(poll(&engine).await, None);
        let execution = described(&engine, &id("digging", "x")).await.unwrap();
        assert_eq!(execution.error.as_deref(), Some("States.Timeout"));
        let expected = [
            "ExecutionStarted",
            "TaskStateEntered",
            "ActivityScheduled",
            "ActivityTimedOut",
            "ExecutionFailed",
        ];
        assert_eq!(types(&engine, "x").await, expected);
    });
}

#[test]
fn a_missing_activity_fails_the_execution_in_recorded_words() {
    let bench = Bench::new(&[digging(json!({}))]);
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("digging", "x"), json!({"n": 1})).await.unwrap();
        quiesce().await;
        let execution = described(&engine, &id("digging", "x")).await.unwrap();
        assert_eq!(execution.error.as_deref(), Some("States.Runtime"));
        let cause = execution.cause.unwrap();
        assert!(cause.ends_with(&format!("The activity {ACTIVITY} does not exist.")), "{cause}");
        assert_eq!(types(&engine, "x").await, ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]);
    });
}

#[test]
fn no_token_leaves_before_it_is_durable_that_the_task_was_taken() {
    for append in 0..6 {
        for point in CrashPoint::ALL {
            let mut bench = Bench::new(&[digging(json!({}))]);
            let mut taken = bench.live(async {
                bench.journal.crash_at(Crash { append, point });
                let engine = open(&bench).await;
                let client = engine.clone();
                tokio::spawn(async move { client.start(&id("digging", "x"), json!({"n": 1})).await });
                quiesce().await;
                let asked = engine.clone();
                let poll = tokio::spawn(async move { poll(&asked).await });
                quiesce().await;
                if poll.is_finished() { poll.await.unwrap() } else { None }
            });
            bench.die();
            bench.live(async {
                let engine = open(&bench).await;
                engine.start(&id("digging", "x"), json!({"n": 1})).await.unwrap();
                quiesce().await;
                let again = poll(&engine).await;
                assert!(taken.is_none() || again.is_none(), "handed out twice: {append} {point:?}");
                let Some(task) = taken.take().or(again) else {
                    // It was handed over, and the process died before the worker heard of it.
                    assert!(
                        types(&engine, "x").await.contains(&"ActivityStarted".to_owned()),
                        "{append} {point:?}"
                    );
                    return;
                };
                engine.succeed(&task.token, json!(1)).await.unwrap();
                quiesce().await;
                let execution = described(&engine, &id("digging", "x")).await.unwrap();
                assert_eq!(execution.summary.status, ExecutionStatus::Succeeded, "{append} {point:?}");
            });
        }
    }
}
