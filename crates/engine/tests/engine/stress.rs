//! Many executions on several threads, while the journal refuses entries now and then.

use crate::bench::{Bench, described, id};
use crate::machines;
use std::time::{Duration, Instant};
use tenantry_core::ports::{ExecutionStatus, Workflows};

#[test]
fn many_executions_on_many_threads_all_reach_their_end() {
    const EACH: usize = 40;
    let machines = machines::all();
    let bench = Bench::new(&machines);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    runtime.block_on(async {
        let engine = bench.open().await;
        let mut starts = Vec::new();
        for machine in &machines {
            for number in 0..EACH {
                let (engine, input) = (engine.clone(), machine.input.clone());
                let id = id(machine.name, &format!("n{number}"));
                starts.push(tokio::spawn(async move {
                    // A refused start is tried again, as the start worker does.
                    while engine.start(&id, input.clone()).await.is_err() {
                        tokio::task::yield_now().await;
                    }
                    id
                }));
            }
        }
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut ids = Vec::new();
        let mut turns = 0_u32;
        while engine.stats().open_executions > 0 || starts.iter().any(|start| !start.is_finished()) {
            assert!(Instant::now() < deadline, "{:?}", engine.stats());
            turns += 1;
            // A refusal waits for the next sync, so they must end: else the last execution meets one at each attempt.
            if turns.is_multiple_of(7) {
                bench.journal.refuse_syncs(u32::from(turns < 350));
            }
            bench.world.deliver();
            bench.clock.advance(Duration::from_millis(50));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bench.journal.refuse_syncs(0);
        for start in starts {
            ids.push(start.await.unwrap());
        }
        for id in ids {
            let execution = described(&engine, &id).await.unwrap();
            let expected = match id.workflow() {
                "compensated" | "scattered" => ExecutionStatus::Failed,
                _ => ExecutionStatus::Succeeded,
            };
            assert_eq!(execution.summary.status, expected, "{id} {execution:?}");
        }
        let stats = engine.stats();
        assert_eq!((stats.timers_armed, stats.faulted), (0, 0));
        assert_eq!(bench.world.violations(), Vec::<String>::new());
        engine.shutdown().await;
    });
}
