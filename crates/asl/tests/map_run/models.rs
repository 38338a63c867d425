//! Many items, in whatever order their children come to an end.

use super::world::{Answer, START_MS, World, calls, identity, machine};
use proptest::prelude::*;
use serde_json::json;
use tenantry_asl::{Action, Env, Event, ExecutionState, JsonataEvaluator, step};

#[test]
fn a_thousand_items_keep_their_order_and_journal_little() {
    let items: Vec<u32> = (0..1_000).collect();
    let mut turn = 0_usize;
    // Now the first, now one far behind.
    let mut world = World::passing().choosing(|length| {
        turn = turn.wrapping_mul(31).wrapping_add(7);
        turn % length
    });
    world.run(&machine(json!({"MaxConcurrency": 40}), None), json!(items));
    let execution = &world.executions[0];
    assert_eq!(execution.output(), &json!(items));
    assert_eq!(execution.types().len(), 8);
    // Each item is journaled with the items, as its child's input and as its output; the rest are numbers.
    assert!(execution.change_bytes < 2_100_000, "{} bytes", execution.change_bytes);
    assert_eq!(world.children().len(), 1_000);
}

#[test]
fn without_a_limit_children_start_in_turns() {
    let items: Vec<u32> = (0..2_500).collect();
    let mut world = World::new(|_, _| Answer::Never);
    world.run(&machine(json!({}), calls()), json!(items));
    assert_eq!(world.map_run().executions.running, 1_000);
    assert!(world.executions[0].change_bytes_max < 512 * 1024, "{}", world.executions[0].change_bytes_max);
}

#[test]
fn large_inputs_start_fewer_at_once() {
    let large = "x".repeat(250_000);
    let map = json!({"ItemsPath": "$.items", "ItemSelector": {"x.$": "$.large"}});
    let machine = machine(map, calls());
    let items: Vec<u32> = (0..600).collect();
    // The parent alone: what its children do does not matter here.
    let mut state = ExecutionState::default();
    let env = Env { now_ms: START_MS, seed: 1, evaluator: &JsonataEvaluator };
    let input = json!({"items": items, "large": large});
    let mut event = Event::Started { input, identity: identity() };
    loop {
        let transition = step(&machine, &state, &event, &env);
        let bytes: usize = transition
            .actions
            .iter()
            .map(|action| match action {
                Action::Dispatch(task) => task.arguments["x"].as_str().map_or(0, str::len),
                _ => 0,
            })
            .sum();
        assert!(bytes < 3 * 1024 * 1024, "one step starts children with {bytes} bytes");
        state.apply(&transition.change);
        let Some(timer) = state.timers().first().copied() else { break };
        event = Event::TimerFired { timer: timer.key };
    }
    let running = state.map_runs()[0].executions.running;
    assert!((200..400).contains(&running), "{running}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn never_more_run_than_may_and_each_item_is_worked_on_once(
        length in 0u32..40,
        max_concurrency in 0u64..7,
        batch in 1u64..5,
        turns in prop::collection::vec(any::<usize>(), 1..40),
    ) {
        let items: Vec<u32> = (0..length).collect();
        let mut turn = 0;
        let choose = |_| {
            turn += 1;
            turns[turn % turns.len()]
        };
        let map = json!({"MaxConcurrency": max_concurrency, "ItemBatcher": {"MaxItemsPerBatch": batch}});
        let mut world = World::passing().choosing(choose);
        world.run(&machine(map, calls()), json!(items));
        let batches = world.executions[0].output().as_array().cloned().unwrap_or_default();
        let worked: Vec<u64> = batches
            .iter()
            .flat_map(|batch| batch["Items"].as_array().cloned().unwrap_or_default())
            .filter_map(|item| item.as_u64())
            .collect();
        prop_assert_eq!(worked, items.iter().map(|item| u64::from(*item)).collect::<Vec<_>>());
        if max_concurrency > 0 {
            prop_assert!(world.most_running <= max_concurrency);
        }
        let expected = items.len().div_ceil(usize::try_from(batch).unwrap_or(1));
        prop_assert_eq!(world.children().len(), expected);
    }
}
