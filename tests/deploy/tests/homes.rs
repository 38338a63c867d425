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
    for function in ["validate_tenant", "check_health"] {
        let name = stack.function(function);
        for temperature in ["cold", "warm"] {
            let began = std::time::Instant::now();
            let event = serde_json::json!({"action": "run"});
            // The payload is no example, so that the answer is a refusal; the way there is the same.
            let invocation = stack.aws.invoke(&name, Some("live"), &event).await;
            let milliseconds = began.elapsed().as_secs_f64() * 1e3;
            say(format_args!("a {temperature} call of {function}: {milliseconds:.0} ms"));
            assert!(invocation.failed, "a malformed payload was taken: {invocation:#?}");
        }
    }
}
