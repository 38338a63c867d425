//! Definitions and inputs that are meant to do harm: each ends as a failure of its own execution, and the server goes on
//! within its memory.

use super::aws::{Aws, ROLE, machine_arn};
use crate::support::server::Server;
use crate::support::text;
use futures::StreamExt as _;
use serde_json::{Value, json};

/// More than any of these may add to what the process holds, in MiB: generous, because it bounds a fault.
const RESIDENT_MIB_MAX: u64 = 1_200;

fn resident_mib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    peak.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

fn jsonata(states: Value) -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "S", "States": states})
}

fn pass(output: &str) -> Value {
    jsonata(json!({"S": {"Type": "Pass", "Output": output, "End": true}}))
}

fn path(parameters: Value) -> Value {
    json!({"StartAt": "S", "States": {"S": {"Type": "Pass", "Parameters": parameters, "End": true}}})
}

fn map(items: &str, distributed: bool) -> Value {
    let mut processor = json!({"StartAt": "I", "States": {"I": {"Type": "Pass", "Output": "{% $states.input %}", "End": true}}});
    if distributed {
        processor["ProcessorConfig"] = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
    }
    jsonata(json!({"S": {"Type": "Map", "Items": items, "ItemProcessor": processor, "End": true}}))
}

/// Each must fail; what is large or endless in it stands in its name.
fn bombs() -> Vec<(&'static str, Value)> {
    vec![
        ("endless-recursion", pass("{% ($f := function($n) { $f($n + 1) + 1 }; $f(0)) %}")),
        ("endless-tail-calls", pass("{% ($f := function($n) { $f($n + 1) }; $f(0)) %}")),
        ("doubling", pass("{% $reduce([1..60], function($s, $i) { $s & $s }, 'x') %}")),
        ("padding", pass("{% $pad('', 4000000000) %}")),
        ("ranges", pass("{% [1..9999999].[1..9999999] %}")),
        ("products", pass("{% $count([1..3000].([1..3000].([1..3000]))) %}")),
        ("regex", pass("{% $match($pad('', 40, 'a') & '!', /^(a+)+$/) %}")),
        ("replacing", pass("{% $replace($pad('', 200000, 'a'), 'a', $pad('', 200000, 'b')) %}")),
        ("joining", pass("{% $join($map([1..100000], function($v) { $pad('', 10000) })) %}")),
        ("partition", pass("{% $partition([1..10000000], 1) %}")),
        ("range", pass("{% $range(1, 1000000000, 1) %}")),
        ("sorting", pass("{% $sort([1..5000000], function($a, $b) { true }) %}")),
        ("nesting", pass(&format!("{{% {}1{} %}}", "[".repeat(5_000), "]".repeat(5_000)))),
        ("array-range", path(json!({"x.$": "States.ArrayRange(0, 100000000, 1)"}))),
        ("deep-scan", path(json!({"x.$": "$..[?(@..[?(@..[?(@.a)])])]..*..*..*"}))),
        ("intrinsics", path(json!({"x.$": "States.ArrayPartition(States.ArrayRange(1, 100000, 1), 1)"}))),
        ("too-many-items", map("{% [1..1000000] %}", false)),
        ("too-many-children", map("{% [1..10000000] %}", true)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_go_off_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path()).await;
    let aws = Aws::of(&server);
    aws.create("honest", &pass("{% 'well' %}")).await;
    let deep = (0..98).fold(json!(1), |inner, _| json!({"a": inner, "b": [1, 2, 3]}));
    let mut runs = Vec::new();
    for (name, definition) in bombs() {
        let body = json!({"name": name, "definition": definition.to_string(), "roleArn": ROLE});
        let (status, answer) = aws.try_call("CreateStateMachine", &body).await.expect("an answer");
        if status == 200 {
            runs.push((name, aws.start(name, "boom", &deep).await));
        } else {
            assert_eq!(answer["__type"], "InvalidDefinition", "{name}: {answer:#}");
            println!("{name}: refused, {:.120}", text(&answer, "/message"));
        }
    }
    let began = std::time::Instant::now();
    let honest = aws.start("honest", "one", &json!({})).await;
    assert_eq!(aws.ended(&honest).await["output"], "\"well\"");
    println!("an honest one took {:?} among them", began.elapsed());
    for (name, run) in &runs {
        let found = aws.ended(run).await;
        println!("{name}: {} {:.160}", found["error"], found["cause"].to_string());
        assert_eq!(found["status"], "FAILED", "{name}: {:.300}", found.to_string());
    }
    let resident = resident_mib(&server);
    println!("at most {resident} MiB were resident");
    assert!(resident < RESIDENT_MIB_MAX, "{resident} MiB");
    assert!(!server.has_ended());
    let log = std::fs::read_to_string(dir.path().join("server.log")).expect("the log");
    assert!(!log.contains("panicked"), "a panic: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_machines_come_and_go() {
    const MACHINES: usize = 1_000;
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(dir.path()).await;
    let aws = Aws::of(&server);
    // Enough of a definition that what is kept of each would be seen.
    let definition = json!({
        "Comment": "c".repeat(50_000), "StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}},
    });
    let before = resident_mib(&server);
    for _ in 0..2 {
        futures::stream::iter(0..MACHINES)
            .for_each_concurrent(16, |n| {
                let (aws, definition) = (aws.clone(), definition.clone());
                async move {
                    let name = format!("m{n}");
                    aws.create(&name, &definition).await;
                    let run = aws.start(&name, "one", &json!({})).await;
                    if n % 10 == 0 {
                        aws.ended(&run).await;
                    }
                    aws.call("DeleteStateMachine", &json!({"stateMachineArn": machine_arn(&name)})).await;
                }
            })
            .await;
        crate::support::until("all to be gone", || async {
            let page = aws.call("ListStateMachines", &json!({"maxResults": 100})).await;
            let left = page["stateMachines"].as_array().expect("machines");
            (!left.iter().any(|machine| text(machine, "/name").starts_with('m'))).then_some(())
        })
        .await;
    }
    let after = resident_mib(&server);
    println!("{before} MiB before, {after} MiB at most");
    assert!(after < before + 400, "{before} MiB grew to {after} MiB");
    server.kill_and_restart().await;
    let page = aws.call("ListStateMachines", &json!({})).await;
    assert!(!page.to_string().contains("stateMachine:m0\""), "{page:#}");
}
