//! Every fault at every step, over the ports in memory (`tests/saga`).

use std::sync::Arc;
use tenantry::invoker::LocalInvoker;
use tenantry_core::ports::Queues;
use tenantry_engine::TaskInvoker;
use tenantry_handlers::Ctx;
use tenantry_saga::{Deaths, MemoryWorld, scenarios};

fn invoker(steps: Ctx, queues: Queues) -> Arc<dyn TaskInvoker> {
    Arc::new(LocalInvoker::new(steps, queues))
}

async fn fresh() -> MemoryWorld {
    MemoryWorld::new(invoker)
}

#[test]
fn every_workflow_has_a_scenario() {
    let known: Vec<String> = scenarios().into_iter().map(|scenario| scenario.workflow.name).collect();
    for (name, file, _) in tenantry_definitions::workflows::SOURCES {
        assert!(
            known.iter().any(|known| known == name),
            "{file}: say in tests/saga/src/scenario.rs how it is begun"
        );
    }
}

#[tokio::test]
async fn every_task_run_twice_gives_the_same_end() {
    for scenario in scenarios() {
        let cells = tenantry_saga::every_task_run_twice(&scenario, &fresh).await;
        println!("{}: {cells} cells, each Task run twice", scenario.workflow.name);
    }
}

#[tokio::test]
async fn every_forward_task_failed_for_good_leaves_a_clean_slate() {
    for scenario in scenarios() {
        let cells = tenantry_saga::every_forward_task_failed_for_good(&scenario, &fresh).await;
        println!("{}: {cells} cells, each forward Task failed for good", scenario.workflow.name);
    }
}

#[tokio::test]
async fn every_undo_task_failed_for_good_leaves_it_stuck_and_a_redrive_reaches_the_clean_slate() {
    for scenario in scenarios() {
        let cells = tenantry_saga::every_undo_task_failed_for_good(&scenario, &fresh).await;
        println!("{}: {cells} cells, each undo Task failed for good and redriven", scenario.workflow.name);
    }
}

#[tokio::test]
async fn a_death_at_each_point_around_every_append_still_reaches_the_end() {
    for scenario in scenarios() {
        let cells = tenantry_saga::a_death_around_an_append(&scenario, &fresh, Deaths::All).await;
        println!("{}: {cells} cells, a death at each point around every append", scenario.workflow.name);
    }
}
