use crate::bench::{Bench, described, id};
use crate::machines;
use serde_json::json;
use std::time::Duration;
use tenantry_core::ports::{ExecutionStatus, PortError, TaskTokenError, TaskTokens, Workflows};
use tenantry_engine::Engine;
use tenantry_engine::testing::{Reply, World, quiesce};

/// A bench with one open execution that waits for a token that nobody answers by itself.
fn waiting_bench() -> (Bench, String) {
    let world = World::new(|_| Reply::Done(json!({"MessageId": "m"})));
    let bench = Bench::scripted(&[machines::one_waiting()], world);
    let token = bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("one_waiting", "x"), json!({"n": 1})).await.unwrap();
        quiesce().await;
        bench.world.seen()[0].token.clone().unwrap()
    });
    (bench, token)
}

fn in_next_life<T>(bench: &mut Bench, life: impl AsyncFnOnce(&Engine, &Bench) -> T) -> T {
    bench.die();
    let bench = &*bench;
    bench.live(async {
        let engine = bench.open().await;
        quiesce().await;
        let result = life(&engine, bench).await;
        quiesce().await;
        result
    })
}

#[test]
fn a_token_takes_one_answer_also_after_restarts() {
    let (mut bench, token) = waiting_bench();
    in_next_life(&mut bench, async |engine, bench| {
        assert_eq!(bench.world.seen().len(), 1, "a task that was handed over is not dispatched again");
        engine.succeed(&token, json!({"done": true})).await.unwrap();
        let again = engine.succeed(&token, json!({"done": true})).await;
        assert!(matches!(again, Err(TaskTokenError::Used)), "{again:?}");
        let execution = described(engine, &id("one_waiting", "x")).await.unwrap();
        assert_eq!(execution.output, Some(json!({"done": true})));
    });
    in_next_life(&mut bench, async |engine, _| {
        for again in [engine.fail(&token, None, None).await, engine.heartbeat(&token).await] {
            assert!(matches!(again, Err(TaskTokenError::Used)), "{again:?}");
        }
    });
}

#[test]
fn of_many_answers_at_once_one_is_taken() {
    let (mut bench, token) = waiting_bench();
    in_next_life(&mut bench, async |engine, _| {
        let answers: Vec<_> = (0..16)
            .map(|n| {
                let (engine, token) = (engine.clone(), token.clone());
                tokio::spawn(async move { engine.succeed(&token, json!(n)).await })
            })
            .collect();
        let mut taken = 0;
        for answer in answers {
            match answer.await.unwrap() {
                Ok(()) => taken += 1,
                Err(error) => assert!(matches!(error, TaskTokenError::Used), "{error}"),
            }
        }
        assert_eq!(taken, 1);
    });
}

#[test]
fn a_late_answer_is_told_from_a_second_one() {
    let (mut bench, token) = waiting_bench();
    in_next_life(&mut bench, async |engine, bench| {
        bench.clock.advance(Duration::from_secs(601));
        quiesce().await;
        let late = engine.succeed(&token, json!(1)).await;
        assert!(matches!(late, Err(TaskTokenError::Expired(_))), "{late:?}");
    });
    in_next_life(&mut bench, async |engine, _| {
        let late = engine.succeed(&token, json!(1)).await.unwrap_err();
        assert!(matches!(late, TaskTokenError::Expired(_)), "{late:?}");
        assert!(late.to_string().contains("has ended"), "{late}");
    });
}

#[test]
fn a_stopped_execution_takes_no_answer() {
    let (mut bench, token) = waiting_bench();
    in_next_life(&mut bench, async |engine, _| {
        engine.stop(&id("one_waiting", "x"), None, None).await.unwrap();
        let late = engine.fail(&token, Some("E".to_owned()), None).await;
        assert!(matches!(late, Err(TaskTokenError::Expired(_))), "{late:?}");
    });
}

#[test]
fn forged_and_foreign_tokens_are_invalid() {
    let (mut bench, token) = waiting_bench();
    let (_, foreign) = {
        let (other, token) = waiting_bench();
        drop(other);
        ((), token)
    };
    in_next_life(&mut bench, async |engine, _| {
        let mut forged = token.clone();
        let last = if forged.ends_with('A') { "B" } else { "A" };
        forged.replace_range(forged.len() - 1.., last);
        for bad in ["", "token", &forged, &format!("{token}A"), &token[1..]] {
            let answer = engine.succeed(bad, json!(1)).await;
            assert!(matches!(answer, Err(TaskTokenError::Invalid)), "{bad}: {answer:?}");
        }
        // The same chance and key made the same token elsewhere: it is this one.
        assert_eq!(foreign, token);
        engine.succeed(&token, json!(1)).await.unwrap();
    });
}

#[test]
fn answers_over_the_limits_are_refused_and_lose_nothing() {
    let (mut bench, token) = waiting_bench();
    in_next_life(&mut bench, async |engine, _| {
        let large = engine.succeed(&token, json!("x".repeat(262_143))).await;
        assert!(matches!(large, Err(TaskTokenError::OutputTooLarge)), "{large:?}");
        for (error, cause) in [("e".repeat(257), String::new()), (String::new(), "c".repeat(32_769))] {
            let long = engine.fail(&token, Some(error), Some(cause)).await;
            assert!(matches!(long, Err(TaskTokenError::Port(PortError::Refused { .. }))), "{long:?}");
        }
        engine.fail(&token, Some("Service.Broken".to_owned()), Some("why".to_owned())).await.unwrap();
        let execution = described(engine, &id("one_waiting", "x")).await.unwrap();
        assert_eq!(execution.summary.status, ExecutionStatus::Failed);
        assert_eq!(
            (execution.error.as_deref(), execution.cause.as_deref()),
            (Some("Service.Broken"), Some("why"))
        );
    });
}

#[test]
fn a_service_may_answer_before_the_call_returns() {
    let world = World::new(|_| Reply::Sooner(json!({"soon": true})));
    let bench = Bench::scripted(&[machines::one_waiting()], world);
    bench.live(async {
        let engine = bench.open().await;
        let id = id("one_waiting", "x");
        engine.start(&id, json!({"n": 1})).await.unwrap();
        assert!(bench.run(&id).await);
        let history = engine.history(&id, None, false, 100).await.unwrap();
        let types: Vec<_> = history.events.iter().map(|event| event.event_type.as_str()).collect();
        let at = |wanted| types.iter().position(|kind| *kind == wanted);
        assert!(at("TaskSubmitted").is_some() && at("TaskSubmitted") < at("TaskSucceeded"), "{types:?}");
        assert_eq!(bench.world.violations(), Vec::<String>::new());
    });
}

#[test]
fn the_token_is_in_no_row_and_in_no_history() {
    let (mut bench, token) = waiting_bench();
    in_next_life(&mut bench, async |engine, bench| {
        let id = id("one_waiting", "x");
        for row in bench.journal.durable_rows(&id) {
            assert!(!String::from_utf8_lossy(&row.payload).contains(&token));
        }
        let history = engine.history(&id, None, false, 100).await.unwrap();
        let text = format!("{:?}", history.events);
        assert!(!text.contains(&token) && text.contains("[task token]"), "{text}");
        assert!(!text.contains('\u{f8ff}'), "{text}");
    });
}

#[test]
fn a_hand_over_that_was_cut_off_is_repeated_with_the_same_token() {
    let world = World::new(|_| Reply::Never);
    let mut bench = Bench::scripted(&[machines::one_waiting()], world);
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("one_waiting", "x"), json!({"n": 1})).await.unwrap();
        quiesce().await;
    });
    in_next_life(&mut bench, async |_, bench| {
        let seen = bench.world.seen();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0], seen[1]);
    });
    assert_eq!(bench.world.violations(), Vec::<String>::new());
}

#[test]
fn heartbeats_keep_a_task_alive_and_are_journaled_at_most_every_third() {
    let (mut bench, token) = waiting_bench();
    in_next_life(&mut bench, async |engine, bench| {
        let before = bench.journal.appends();
        // 60 seconds of heartbeat: 100 signs of life within 500 seconds are journaled every 20.
        for _ in 0..100 {
            bench.clock.advance(Duration::from_secs(5));
            quiesce().await;
            engine.heartbeat(&token).await.unwrap();
        }
        let journaled = bench.journal.appends() - before;
        assert!((20..=26).contains(&journaled), "{journaled} appends");
        bench.clock.advance(Duration::from_secs(59));
        quiesce().await;
        engine.heartbeat(&token).await.unwrap();
    });
}

#[test]
fn a_missing_heartbeat_fails_the_task() {
    let (mut bench, token) = waiting_bench();
    in_next_life(&mut bench, async |engine, bench| {
        bench.clock.advance(Duration::from_secs(59));
        quiesce().await;
        engine.heartbeat(&token).await.unwrap();
        bench.clock.advance(Duration::from_secs(61));
        quiesce().await;
        let late = engine.heartbeat(&token).await;
        assert!(matches!(late, Err(TaskTokenError::Expired(_))), "{late:?}");
        let execution = described(engine, &id("one_waiting", "x")).await.unwrap();
        assert_eq!(execution.summary.status, ExecutionStatus::Failed);
        // Shown as `States.Timeout`, as Step Functions does; `States.HeartbeatTimeout` is what rules match.
        assert_eq!(execution.error.as_deref(), Some("States.Timeout"));
    });
}
