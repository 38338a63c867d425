//! Both homes are one product: the same scenarios leave the same events.

use tenantry_deploy::report::{Stage, say};
use tenantry_deploy::serve::Served;
use tenantry_deploy::stack::Stack;
use tenantry_scenarios::{all, run};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_scenarios_leave_the_same_events_on_serve_and_on_aws() {
    let Some(stack) = Stack::start("scenarios on the deployed stack", false) else { return };
    let on_aws = stack.control_plane().await;
    let served = Served::start(&stack.prepared.command_line);
    let on_serve = served.control_plane(&stack.prepared.command_line).await;
    for scenario in all() {
        let stage = Stage::begin(format!("scenario {}", scenario.name));
        let (here, there) = (run(&scenario, &on_serve).await, run(&scenario, &on_aws).await);
        assert_eq!(here, there, "{}: what `tenantry serve` tells, and what AWS tells", scenario.name);
        stage.end_with(format_args!("{} equal events", here.len()));
    }
    let processes = stack.function_processes();
    let largest = processes.iter().max_by_key(|process| process.resident_kib).expect("functions run");
    let mean = processes.iter().map(|process| process.resident_kib).sum::<u64>() / processes.len() as u64;
    say(format_args!(
        "{} processes of functions, resident: {mean} KiB on average, {} KiB the largest ({})",
        processes.len(),
        largest.resident_kib,
        largest.function
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_call_is_measured() {
    let Some(stack) = Stack::start("the time of a cold call", false) else { return };
    // The first call of the authorizer and of the API, through API Gateway; then a warm one.
    let url = stack.output("/url").to_owned();
    let cold = Stage::begin("a request that starts the API's function cold");
    let control_plane = tenantry_scenarios::ControlPlane::new(&url, "none", &stack.prepared.command_line);
    let health = control_plane.get("/healthz").await;
    cold.end_with(&health);
    let warm = Stage::begin("the same request again, warm");
    control_plane.get("/healthz").await;
    warm.end();
    let name = stack.function("validate_tenant");
    // The payload is no example, so that the answer is a refusal; the way there is the same.
    let event = serde_json::json!({"action": "run"});
    let call = async || {
        let began = std::time::Instant::now();
        let invocation = stack.aws.invoke(&name, Some("live"), &event).await;
        assert!(invocation.failed, "a malformed payload was taken: {invocation:#?}");
        began.elapsed()
    };
    // The client's own first call.
    call().await;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        stack.forget("validate_tenant").await;
        cold.push(call().await);
        warm.push(call().await);
    }
    let median = |mut times: Vec<std::time::Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e3
    };
    say(format_args!(
        "a call of a step, median of 9: {:.0} ms cold, {:.0} ms warm, the emulator's own time included",
        median(cold),
        median(warm)
    ));
}
