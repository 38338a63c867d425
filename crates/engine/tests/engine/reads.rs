use crate::bench::{Bench, described, id};
use crate::machines;
use serde_json::json;
use tenantry_core::ports::{ExecutionFilter, ExecutionStatus, Workflows};
use tenantry_engine::testing::quiesce;

#[test]
fn a_history_is_paged_in_both_directions_without_holes() {
    let bench = Bench::new(&[machines::sequence()]);
    bench.live(async {
        let engine = bench.open().await;
        let id = id("sequence", "x");
        engine.start(&id, json!({"n": 1})).await.unwrap();
        assert!(bench.run(&id).await);
        let whole = engine.history(&id, None, false, 1_000).await.unwrap();
        assert_eq!(whole.next, None);
        assert!(whole.events.len() > 12);
        assert!(whole.events.iter().zip(1..).all(|(event, number)| event.id == number));
        assert_eq!(whole.events[0].event_type, "ExecutionStarted");
        assert_eq!(whole.events.last().unwrap().event_type, "ExecutionSucceeded");
        for limit in [1, 2, 5, whole.events.len()] {
            for descending in [false, true] {
                let (mut paged, mut after) = (Vec::new(), None);
                loop {
                    let page = engine.history(&id, after, descending, limit).await.unwrap();
                    assert!(page.events.len() <= limit);
                    paged.extend(page.events);
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                if descending {
                    paged.reverse();
                }
                assert_eq!(paged, whole.events, "limit {limit}, descending {descending}");
            }
        }
    });
}

#[test]
fn reads_tell_what_is_durable_only() {
    let bench = Bench::new(&[machines::sequence()]);
    bench.live(async {
        let engine = bench.open().await;
        let id = id("sequence", "x");
        bench.journal.hold_syncs(true);
        let start = tokio::spawn({
            let (engine, id) = (engine.clone(), id.clone());
            async move { engine.start(&id, json!({"n": 1})).await }
        });
        quiesce().await;
        // Stepped and in line, but not on disk.
        assert_eq!((bench.journal.appends(), bench.journal.syncs()), (1, 0));
        assert!(engine.describe(&id).await.is_err());
        assert_eq!(engine.list(ExecutionFilter::default(), None, 10).await.unwrap().items, []);
        assert_eq!(bench.world.seen().len(), 0);
        bench.journal.hold_syncs(false);
        start.await.unwrap().unwrap();
        let execution = described(&engine, &id).await.unwrap();
        assert_eq!(execution.input, json!({"n": 1}));
        quiesce().await;
        let execution = described(&engine, &id).await.unwrap();
        assert_eq!(execution.summary.status, ExecutionStatus::Succeeded);
        assert_eq!(execution.output, Some(json!({"n": 4})));
        assert!(execution.summary.ended_at.is_some());
        let definitions = engine.definitions();
        let (_, own) = definitions.iter().find(|(name, _)| name == "sequence").unwrap();
        assert_eq!(execution.definition_hash, own.hash());
    });
}

#[test]
fn the_counters_count() {
    let bench = Bench::new(&[machines::sequence()]);
    bench.live(async {
        let engine = bench.open().await;
        engine.start(&id("sequence", "x"), json!({"n": 1})).await.unwrap();
        quiesce().await;
        let stats = engine.stats();
        assert_eq!((stats.transitions, stats.entries, stats.dispatched), (4, 4, 3));
        assert_eq!(
            (stats.open_executions, stats.redispatched, stats.timers_armed, stats.faulted),
            (0, 0, 0, 0)
        );
    });
}
