use crate::bench::{Bench, described, id};
use crate::machines;
use serde_json::json;
use std::time::Duration;
use tenantry_core::ports::{ExecutionStatus, TaskTokens, Workflows};
use tenantry_engine::testing::{Reply, World, quiesce};

#[test]
fn a_wait_fires_at_its_time_and_not_before() {
    let bench = Bench::new(&[machines::waits()]);
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("waits", "x"), json!({"n": 1})).await.unwrap();
        bench.clock.advance(Duration::from_millis(9_999));
        quiesce().await;
        assert_eq!(bench.world.seen().len(), 0);
        bench.clock.advance(Duration::from_millis(1));
        quiesce().await;
        assert_eq!(bench.world.seen().len(), 1);
        assert_eq!(engine.stats().timers_armed, 1);
    });
}

#[test]
fn a_wait_that_ended_during_a_downtime_fires_at_once_and_one_that_did_not_keeps_its_time() {
    for (down_seconds, calls) in [(300, 1), (4, 0)] {
        let mut bench = Bench::new(&[machines::waits()]);
        bench.live(async {
            let engine = bench.open().await;
            engine.start(&id("waits", "x"), json!({"n": 1})).await.unwrap();
        });
        bench.die();
        bench.clock.advance(Duration::from_secs(down_seconds));
        bench.live(async {
            let _engine = bench.open().await;
            quiesce().await;
            assert_eq!(bench.world.seen().len(), calls, "down for {down_seconds} s");
            bench.clock.advance(Duration::from_secs(6));
            quiesce().await;
            assert_eq!(bench.world.seen().len(), 1, "down for {down_seconds} s");
        });
    }
}

#[test]
fn after_a_downtime_heartbeats_get_their_length_again_and_timeouts_do_not() {
    // The heartbeat is 60 s, the timeout 600 s.
    for (down_seconds, then_seconds, status, error) in [
        (300, 59, ExecutionStatus::Running, None),
        (300, 60, ExecutionStatus::Failed, Some("States.Timeout")),
        (700, 0, ExecutionStatus::Failed, Some("States.Timeout")),
    ] {
        let world = World::new(|_| Reply::Done(json!({})));
        let mut bench = Bench::scripted(&[machines::one_waiting()], world);
        let id = id("one_waiting", "x");
        bench.live(async {
            let engine = bench.open().await;
            engine.start(&id, json!({"n": 1})).await.unwrap();
            quiesce().await;
        });
        bench.die();
        bench.clock.advance(Duration::from_secs(down_seconds));
        bench.live(async {
            let engine = bench.open().await;
            quiesce().await;
            bench.clock.advance(Duration::from_secs(then_seconds));
            quiesce().await;
            let execution = described(&engine, &id).await.unwrap();
            let case = format!("down {down_seconds} s, then {then_seconds} s");
            assert_eq!(execution.summary.status, status, "{case}");
            assert_eq!(execution.error.as_deref(), error, "{case}");
        });
    }
}

#[test]
fn a_task_that_times_out_is_cut_off_and_its_answer_refused() {
    let mut task = machines::task("Silent", "");
    task["TimeoutSeconds"] = json!(30);
    let bench = Bench::new(&[machines::custom("slow", json!({"n": 1}), "Silent", json!({"Silent": task}))]);
    bench.live(async {
        let engine = bench.open().await;
        let id = id("slow", "x");
        engine.start(&id, json!({"n": 1})).await.unwrap();
        assert!(bench.run(&id).await);
        let execution = described(&engine, &id).await.unwrap();
        assert_eq!(execution.error.as_deref(), Some("States.Timeout"));
        let stats = engine.stats();
        assert_eq!((stats.open_executions, stats.timers_armed), (0, 0));
    });
}

#[test]
fn a_thousand_timers_of_one_instant_all_fire() {
    let machine = machines::custom("w", json!({}), "W", json!({"W": machines::wait(60, "")}));
    let bench = Bench::new(&[machine]);
    bench.live(async {
        let engine = bench.open().await;
        for number in 0..1_000 {
            engine.start(&id("w", &format!("n{number}")), json!({})).await.unwrap();
        }
        assert_eq!(engine.stats().timers_armed, 1_000);
        bench.clock.advance(Duration::from_secs(60));
        quiesce().await;
        let stats = engine.stats();
        assert_eq!((stats.open_executions, stats.timers_armed), (0, 0));
    });
}

#[test]
fn a_token_task_has_its_timers_until_it_is_answered() {
    let world = World::new(|_| Reply::Done(json!({})));
    let bench = Bench::scripted(&[machines::one_waiting()], world);
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("one_waiting", "x"), json!({"n": 1})).await.unwrap();
        quiesce().await;
        assert_eq!(engine.stats().timers_armed, 2);
        let token = bench.world.seen()[0].token.clone().unwrap();
        engine.succeed(&token, json!({})).await.unwrap();
        assert_eq!(engine.stats().timers_armed, 0);
    });
}
