//! Executions that start executions.

use crate::bench::{Bench, described, id};
use crate::machines::{self, Machine, arn, custom};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tenantry_asl::Definition;
use tenantry_core::BoxFuture;
use tenantry_core::ports::{ExecutionStatus, StartOutcome, TaskTokens, Workflows};
use tenantry_engine::testing::{Reply, World};
use tenantry_engine::{Engine, Machines, Target, TaskFailure};

/// All event types of an execution's history, in order.
async fn event_types(engine: &Engine, workflow: &str, name: &str) -> Vec<String> {
    let page = engine.history(&id(workflow, name), None, false, 1000).await.unwrap();
    page.events.into_iter().map(|event| event.event_type).collect()
}

fn raw(resource: &str, arguments: Value) -> Machine {
    let state = json!({"Type": "Task", "Resource": resource, "Arguments": arguments, "End": true});
    custom("raw", json!({"n": 1}), "A", json!({"A": state}))
}

#[test]
fn a_child_is_answered_in_the_integrations_shape() {
    for (suffix, parsed) in [(".sync", false), (".sync:2", true)] {
        let resource = format!("arn:aws:states:::states:startExecution{suffix}");
        let machine =
            raw(&resource, json!({"StateMachineArn": arn("child"), "Name": "the-child", "Input": {"n": 0}}));
        let bench = Bench::new(std::slice::from_ref(&machine));
        let output = bench.one_life(&machine, None).unwrap().output.unwrap();
        let expected_output = json!({"n": 2});
        assert_eq!(output["ExecutionArn"], "arn:aws:states:us-east-1:000000000000:execution:child:the-child");
        assert_eq!(output["StateMachineArn"], arn("child"));
        assert_eq!(output["Name"], "the-child");
        assert_eq!(output["Status"], "SUCCEEDED");
        assert_eq!(output["RedriveStatusReason"], "Execution is SUCCEEDED and cannot be redriven");
        if parsed {
            assert_eq!((&output["Input"], &output["Output"]), (&json!({"n": 0}), &expected_output));
        } else {
            assert_eq!(
                (&output["Input"], &output["Output"]),
                (&json!("{\"n\":0}"), &json!(expected_output.to_string()))
            );
        }
        bench.live(async {
            let engine = bench.open().await;
            assert_eq!(
                event_types(&engine, "raw", "x").await,
                [
                    "ExecutionStarted",
                    "TaskStateEntered",
                    "TaskScheduled",
                    "TaskStarted",
                    "TaskSubmitted",
                    "TaskSucceeded",
                    "TaskStateExited",
                    "ExecutionSucceeded"
                ]
            );
        });
    }
}

#[test]
fn a_failed_child_is_its_parents_failure() {
    let machine = raw(
        "arn:aws:states:::states:startExecution.sync:2",
        json!({
        "StateMachineArn": arn("broken_child"), "Input": {"n": 1}}),
    );
    let bench = Bench::new(std::slice::from_ref(&machine));
    let execution = bench.one_life(&machine, None).unwrap();
    assert_eq!(execution.error.as_deref(), Some("States.TaskFailed"));
    let cause: Value = serde_json::from_str(&execution.cause.unwrap()).unwrap();
    assert_eq!((&cause["Error"], &cause["Status"]), (&json!("Tenant.Invalid"), &json!("FAILED")));
    assert_eq!(cause["RedriveStatus"], "REDRIVABLE");
}

#[test]
fn what_cannot_be_started_fails_under_the_services_name_for_it() {
    let resource = "arn:aws:states:::states:startExecution";
    for (arguments, error, words) in [
        (
            json!({"StateMachineArn": arn("nowhere")}),
            "StepFunctions.StateMachineDoesNotExistException",
            "State Machine Does Not Exist: '",
        ),
        (
            json!({"StateMachineArn": "nowhere"}),
            "StepFunctions.InvalidArnException",
            "Invalid Arn: 'nowhere'",
        ),
        (
            json!({"StateMachineArn": arn("child"), "Name": "a b"}),
            "StepFunctions.InvalidNameException",
            "Invalid Name: 'a b'",
        ),
        (json!({"StateMachineArn": "{% 7 %}"}), "States.Runtime", "could not be used to start the Task"),
    ] {
        let machine = raw(resource, arguments);
        let bench = Bench::new(std::slice::from_ref(&machine));
        let execution = bench.one_life(&machine, None).unwrap();
        assert_eq!(execution.error.as_deref(), Some(error));
        let cause = execution.cause.unwrap_or_default();
        assert!(cause.contains(words), "{cause}");
    }
}

#[test]
fn a_name_is_used_once() {
    let resource = "arn:aws:states:::states:startExecution";
    let start = |next: &str| {
        let mut state = json!({
            "Type": "Task", "Resource": resource, "Output": "{% $states.input %}",
            "Arguments": {"StateMachineArn": arn("child"), "Name": "twin", "Input": {"n": "{% $states.input.n %}"}},
        });
        match next {
            "" => state["End"] = json!(true),
            next => state["Next"] = json!(next),
        }
        state
    };
    // The same input while it runs is the same start; after its end the name is taken.
    let states = json!({"A": start("B"), "B": start("W"), "W": machines::wait(5, "C"), "C": start("")});
    let machine = custom("raw", json!({"n": 1}), "A", states);
    let world = World::new(machines::script);
    let bench = Bench::scripted(std::slice::from_ref(&machine), world);
    let execution = bench.one_life(&machine, None).unwrap();
    assert_eq!(execution.error.as_deref(), Some("StepFunctions.ExecutionAlreadyExistsException"));
    assert!(execution.cause.unwrap().starts_with("Execution Already Exists: 'arn:aws:states:us-east-1:"));
    assert_eq!(bench.executions().len(), 2);
}

#[test]
fn a_stopped_parent_stops_the_children_that_it_waits_for() {
    let states = json!({"A": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "B", "States": {"B": machines::starting("slow_child", ".sync:2", "")}},
        {"StartAt": "C", "States": {"C": machines::starting("slow_child", "", "D"), "D": machines::wait(99, "")}},
    ]}});
    let machine = custom("raw", json!({"n": 1}), "A", states);
    let bench = Bench::new(std::slice::from_ref(&machine));
    bench.live(async {
        let engine = bench.open().await;
        assert_eq!(
            engine.start(&id("raw", "x"), machine.input.clone()).await.unwrap(),
            StartOutcome::Started
        );
        bench.settle().await;
        engine.stop(&id("raw", "x"), None, None).await.unwrap();
        bench.settle().await;
    });
    let statuses: Vec<_> =
        bench.executions().into_iter().map(|(id, status)| (id.workflow().to_owned(), status)).collect();
    assert_eq!(
        statuses.iter().filter(|it| **it == ("slow_child".to_owned(), ExecutionStatus::Aborted)).count(),
        1
    );
    assert_eq!(
        statuses.iter().filter(|it| **it == ("slow_child".to_owned(), ExecutionStatus::Running)).count(),
        1
    );
}

#[test]
fn a_child_left_over_by_a_crash_is_stopped_by_the_next_start() {
    let machine =
        custom("raw", json!({"n": 1}), "B", json!({"B": machines::starting("slow_child", ".sync:2", "")}));
    let mut bench = Bench::new(std::slice::from_ref(&machine));
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("raw", "x"), machine.input.clone()).await.unwrap();
        bench.settle().await;
        // Its end is durable, and the child was not told.
        let crash = tenantry_engine::testing::Crash {
            append: bench.journal.appends(),
            point: tenantry_engine::testing::CrashPoint::BetweenSyncAndDispatch,
        };
        bench.journal.crash_at(crash);
        let stop = tokio::spawn(async move { engine.stop(&id("raw", "x"), None, None).await });
        bench.settle().await;
        stop.abort();
    });
    let running = |bench: &Bench| {
        bench.executions().iter().filter(|(_, status)| *status == ExecutionStatus::Running).count()
    };
    bench.die();
    assert_eq!(running(&bench), 1);
    bench.live(async {
        let _engine = bench.open().await;
        bench.settle().await;
    });
    assert_eq!(running(&bench), 0);
}

/// Starts `slow_child~the-child` and waits for its end.
fn waiting_for_the_child() -> Machine {
    raw(
        "arn:aws:states:::states:startExecution.sync:2",
        json!({"StateMachineArn": arn("slow_child"), "Name": "the-child", "Input": {"n": 1}}),
    )
}

#[test]
fn a_child_that_was_redriven_by_hand_is_left_alone() {
    let machine = waiting_for_the_child();
    let mut bench = Bench::new(std::slice::from_ref(&machine));
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("raw", "x"), machine.input.clone()).await.unwrap();
        bench.settle().await;
        engine.stop(&id("raw", "x"), None, None).await.unwrap();
        bench.settle().await;
        engine.redrive(&id("slow_child", "the-child")).await.unwrap();
        bench.settle().await;
    });
    bench.die();
    bench.live(async {
        let engine = bench.open().await;
        assert!(bench.run(&id("slow_child", "the-child")).await);
        let child = described(&engine, &id("slow_child", "the-child")).await.unwrap();
        assert_eq!(child.summary.status, ExecutionStatus::Succeeded);
    });
}

#[test]
fn a_child_answers_its_parents_token() {
    // Both for `.waitForTaskToken` and, as recorded, for `.sync`: then the child goes on by itself.
    for suffix in [".waitForTaskToken", ".sync"] {
        let resource = format!("arn:aws:states:::states:startExecution{suffix}");
        let machine = raw(
            &resource,
            json!({"StateMachineArn": arn("slow_child"), "Name": "the-child",
                   "Input": {"n": 1, "token": "{% $states.context.Task.Token %}"}}),
        );
        let mut bench = Bench::new(std::slice::from_ref(&machine));
        let token = bench.live(async {
            let engine = bench.open().await;
            engine.start(&id("raw", "x"), machine.input.clone()).await.unwrap();
            bench.settle().await;
            let child = described(&engine, &id("slow_child", "the-child")).await.expect(suffix);
            child.input["token"].as_str().unwrap().to_owned()
        });
        // The token is good over a restart, and the child is not stopped for the task that is gone.
        bench.die();
        bench.live(async {
            let engine = bench.open().await;
            bench.settle().await;
            engine.succeed(&token, json!("done")).await.unwrap();
            bench.settle().await;
            let parent = described(&engine, &id("raw", "x")).await.unwrap();
            assert_eq!(
                (parent.summary.status, parent.output),
                (ExecutionStatus::Succeeded, Some(json!("done")))
            );
        });
        bench.die();
        bench.live(async {
            let engine = bench.open().await;
            assert!(bench.run(&id("slow_child", "the-child")).await);
            let child = described(&engine, &id("slow_child", "the-child")).await.unwrap();
            assert_eq!(child.summary.status, ExecutionStatus::Succeeded, "{suffix}");
        });
    }
}

#[test]
fn a_waiting_parent_hears_of_an_execution_that_it_did_not_start() {
    let machine = waiting_for_the_child();
    let mut bench = Bench::new(std::slice::from_ref(&machine));
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("slow_child", "the-child"), json!({"n": 1})).await.unwrap();
        engine.start(&id("raw", "x"), machine.input.clone()).await.unwrap();
        bench.settle().await;
    });
    bench.die();
    bench.live(async {
        let engine = bench.open().await;
        assert!(bench.run(&id("raw", "x")).await);
        let parent = described(&engine, &id("raw", "x")).await.unwrap();
        assert_eq!(parent.output.unwrap()["Output"], json!({"n": 2}));
    });
}

/// Knows one machine, `express`, and how often it was asked.
struct Registry {
    definition: Arc<Definition>,
    asked: Mutex<u32>,
}

impl Machines for Registry {
    fn resolve<'a>(&'a self, wanted: &'a str) -> BoxFuture<'a, Result<Target, TaskFailure>> {
        *self.asked.lock().unwrap() += 1;
        let target = Target {
            machine: "express".to_owned(),
            definition: Arc::clone(&self.definition),
            role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
            version_arn: Some(format!("{wanted}:3")),
            alias_arn: None,
            express: true,
        };
        Box::pin(async move { Ok(target) })
    }

    fn has_activity<'a>(&'a self, _: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async { false })
    }
}

#[test]
fn an_express_child_has_an_id_of_its_own_each_time() {
    let start = |next: &str| {
        let mut state = json!({"Type": "Task", "Resource": "arn:aws:states:::states:startExecution",
            "Arguments": {"StateMachineArn": arn("express"), "Name": "same"}});
        if next.is_empty() {
            state["End"] = json!(true);
        } else {
            state["Next"] = json!(next);
        }
        state
    };
    let machine = custom("raw", json!({"n": 1}), "A", json!({"A": start("B"), "B": start("")}));
    let bench = Bench::new(std::slice::from_ref(&machine));
    let definition = Arc::new(
        tenantry_asl::parse(
            r#"{"StartAt": "P", "States": {"P": {"Type": "Succeed"}}, "QueryLanguage": "JSONata"}"#,
        )
        .unwrap(),
    );
    bench.live(async {
        let registry = Arc::new(Registry { definition, asked: Mutex::default() });
        let engine = Engine::open(bench.config().with_machines(Arc::clone(&registry) as _)).await.unwrap();
        engine.start(&id("raw", "x"), machine.input.clone()).await.unwrap();
        assert!(bench.run(&id("raw", "x")).await);
        let parent = described(&engine, &id("raw", "x")).await.unwrap();
        let child = parent.output.unwrap()["ExecutionArn"].as_str().unwrap().to_owned();
        let prefix = "arn:aws:states:us-east-1:000000000000:express:express:same:";
        assert!(child.starts_with(prefix), "{child}");
        let child = id("express", &format!("same:{}", &child[prefix.len()..]));
        let inspection = engine.inspect(&child).await.unwrap();
        assert_eq!(inspection.identity.state_machine_version_arn, Some(format!("{}:3", arn("express"))));
        assert_eq!(inspection.parent, Some(id("raw", "x")));
        assert_eq!(*registry.asked.lock().unwrap(), 2);
    });
    // In no list.
    assert_eq!(bench.executions().len(), 1);
    assert_eq!(bench.journal.executions(), 3);
}

#[test]
fn calls_are_made_in_bounded_number() {
    let states = json!({"M": {"Type": "Map", "Items": "{% [1..12] %}", "End": true,
        "ItemProcessor": {"StartAt": "E", "States": {"E": machines::with_payload("Silent")}}}});
    let machine = custom("raw", json!({}), "M", states);
    let bench = Bench::scripted(std::slice::from_ref(&machine), World::new(|_| Reply::Never));
    bench.live(async {
        let engine = Engine::open(bench.config().with_calls_max(5)).await.unwrap();
        engine.start(&id("raw", "x"), json!({})).await.unwrap();
        bench.settle().await;
        assert_eq!(bench.world.seen().len(), 5);
        // Those that wait in line are cut off, too.
        engine.stop(&id("raw", "x"), None, None).await.unwrap();
        bench.settle().await;
        assert_eq!(bench.world.seen().len(), 5);
    });
}
