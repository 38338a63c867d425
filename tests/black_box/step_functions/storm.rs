//! Killed with -9 at random points while clients start executions, workers answer and the registry changes. Judged after
//! the last restart: what was acknowledged is there, ended as it should, and nothing was done twice.

use super::aws::{Aws, ROLE, activity_arn, machine_arn};
use super::storm_machines::{AGAIN, ITEMS, expected, machines};
use crate::support::server::Server;
use crate::support::{text, until};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

const KILLS: u32 = 32;
const CLIENTS: u64 = 4;
const WORKERS: u64 = 4;

type Stop = Arc<AtomicBool>;

/// The points of the kills differ from run to run; the seed is printed, so that a failing run can be read.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// An execution whose start was acknowledged.
struct Acknowledged {
    arn: String,
    n: u64,
    started_at: Value,
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_and_double_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(dir.path()).await;
    let aws = Aws::with_timeout(&server, Duration::from_secs(20));
    for activity in ["work", "answer"] {
        aws.call("CreateActivity", &json!({"name": activity})).await;
    }
    for (name, definition) in machines() {
        aws.create(name, &definition).await;
    }
    let (stop, idle) = (Stop::default(), Stop::default());
    let starters: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(start_until(Arc::clone(&stop), aws.clone(), client)))
        .collect();
    let clerk = tokio::spawn(change_until(Arc::clone(&stop), aws.clone()));
    let workers: Vec<_> =
        (0..WORKERS).map(|worker| tokio::spawn(work_until(Arc::clone(&idle), aws.clone(), worker))).collect();

    let seed = u64::from(std::process::id()) | 1;
    println!("seed {seed}");
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(5 + chance.below(900))).await;
        server.kill();
        server.spawn();
    }
    server.until_ready().await;
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for starter in starters {
        acknowledged.extend(starter.await.expect("no client fails"));
    }
    let registered = clerk.await.expect("the clerk does not fail");
    println!("{} starts and {} machines were acknowledged", acknowledged.len(), registered.len());
    assert!(acknowledged.len() > 10, "the storm left no room to work: {}", acknowledged.len());

    for one in &acknowledged {
        ended_once_and_right(&aws, one).await;
    }
    idle.store(true, Ordering::SeqCst);
    the_lists_hold_each_once(&aws, &acknowledged).await;
    registry_is_as_acknowledged(&aws, &registered).await;
    workers.iter().for_each(JoinHandle::abort);
}

/// Starts executions one after the other, and each again: with the same input the same is answered, with another it is
/// refused.
async fn start_until(stop: Stop, aws: Aws, client: u64) -> Vec<Acknowledged> {
    let mut acknowledged: Vec<Acknowledged> = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let n = client * 1000 + number;
        let mut body = json!({
            "stateMachineArn": machine_arn("parent"), "name": format!("p{n}"), "input": json!({"n": n}).to_string(),
        });
        let (status, first) = aws.insist("StartExecution", &body).await;
        assert_eq!(status, 200, "{first:#}");
        let (status, again) = aws.insist("StartExecution", &body).await;
        // It may have ended before the answer to a repeated request came through.
        assert!(again == first || status == 400, "a start that was answered is answered alike: {again:#}");
        body["input"] = json!("{\"n\": -1}");
        let (_, other) = aws.insist("StartExecution", &body).await;
        assert_eq!(other["__type"], "ExecutionAlreadyExists", "{other:#}");
        acknowledged.push(Acknowledged {
            arn: text(&first, "/executionArn").to_owned(),
            n,
            started_at: first["startDate"].clone(),
        });
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    acknowledged
}

/// A worker of both activities: fails now and then, and answers wherever the server may be.
async fn work_until(idle: Stop, aws: Aws, worker: u64) {
    let name = if worker.is_multiple_of(2) { "work" } else { "answer" };
    let mut turn = worker;
    while !idle.load(Ordering::SeqCst) {
        let (_, task) = aws.insist("GetActivityTask", &json!({"activityArn": activity_arn(name)})).await;
        let Some(token) = task["taskToken"].as_str() else { continue };
        let input: Value = serde_json::from_str(text(&task, "/input")).expect("JSON");
        let n = input["n"].as_u64().expect("a number");
        turn += 1;
        if turn.is_multiple_of(5) {
            aws.insist("SendTaskFailure", &json!({"taskToken": token, "error": AGAIN})).await;
            continue;
        }
        if let Some(theirs) = input["token"].as_str() {
            // Timed out meanwhile, or answered by a request whose answer was lost: the parent asks anew, or went on.
            aws.insist("SendTaskSuccess", &json!({"taskToken": theirs, "output": (n + 100).to_string()}))
                .await;
        }
        aws.insist("SendTaskSuccess", &json!({"taskToken": token, "output": (n + 1).to_string()})).await;
    }
}

/// A machine as the clerk left it.
struct Registered {
    name: String,
    deleted: bool,
    versions: BTreeSet<String>,
}

fn passing(word: &str) -> String {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": word, "End": true}}}).to_string()
}

/// Creates, changes and deletes, each until it is answered.
async fn change_until(stop: Stop, aws: Aws) -> Vec<Registered> {
    let mut registered = Vec::new();
    let done = async |operation: &str, body: Value| {
        let (status, answer) = aws.insist(operation, &body).await;
        assert_eq!(status, 200, "{operation} {body:#}: {answer:#}");
        answer
    };
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let name = format!("reg-{number}");
        let arn = machine_arn(&name);
        let mut versions = BTreeSet::new();
        let tags = json!([{"key": "number", "value": number.to_string()}]);
        let body = json!({"name": name, "definition": passing("one"), "roleArn": ROLE, "tags": tags});
        done("CreateStateMachine", body).await;
        let one = done("PublishStateMachineVersion", json!({"stateMachineArn": arn})).await;
        versions.insert(text(&one, "/stateMachineVersionArn").to_owned());
        done("UpdateStateMachine", json!({"stateMachineArn": arn, "definition": passing("two")})).await;
        let two = done("PublishStateMachineVersion", json!({"stateMachineArn": arn})).await;
        versions.insert(text(&two, "/stateMachineVersionArn").to_owned());
        let routing: Vec<_> =
            versions.iter().map(|version| json!({"stateMachineVersionArn": version, "weight": 50})).collect();
        done("CreateStateMachineAlias", json!({"name": "live", "routingConfiguration": routing})).await;
        let more = json!({"resourceArn": arn, "tags": [{"key": "more", "value": "yes"}]});
        done("TagResource", more).await;
        done("CreateActivity", json!({"name": name})).await;
        let deleted = number % 3 == 2;
        if deleted {
            done("DeleteStateMachine", json!({"stateMachineArn": arn})).await;
            done("DeleteActivity", json!({"activityArn": activity_arn(&name)})).await;
        }
        registered.push(Registered { name, deleted, versions });
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    registered
}

fn counts(events: &[Value]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        *counts.entry(text(event, "/type")).or_default() += 1;
    }
    counts
}

async fn ended_once_and_right(aws: &Aws, Acknowledged { arn, n, started_at }: &Acknowledged) {
    let found = aws.ended(arn).await;
    assert_eq!(found["status"], "SUCCEEDED", "{found:#}");
    assert_eq!(&found["startDate"], started_at, "what was acknowledged is what is there");
    let output: Value = serde_json::from_str(text(&found, "/output")).expect("JSON");
    assert_eq!(output, expected(*n), "{arn}");
    let events = aws.history(arn).await;
    let counts = counts(&events);
    let of = |name: &str| counts.get(name).copied().unwrap_or_default();
    assert_eq!(events.last().expect("an end")["type"], "ExecutionSucceeded");
    for (name, times) in [
        ("ExecutionStarted", 1),
        ("ExecutionSucceeded", 1),
        ("ParallelStateStarted", 1),
        ("MapRunStarted", 1),
        ("MapRunSucceeded", 1),
        ("MapIterationStarted", 5),
        ("MapIterationSucceeded", 5),
        ("ActivitySucceeded", 1),
        ("TaskSucceeded", 4),
    ] {
        assert_eq!(of(name), times, "{name} in {arn}: {counts:?}");
    }
    let activity_ends = of("ActivitySucceeded") + of("ActivityFailed") + of("ActivityTimedOut");
    assert_eq!(of("ActivityScheduled"), activity_ends, "{counts:?}");
    assert!(of("ActivityStarted") <= of("ActivityScheduled"), "{counts:?}");
    let task_ends = of("TaskSucceeded") + of("TaskFailed") + of("TaskTimedOut");
    assert_eq!(of("TaskScheduled"), task_ends, "{counts:?}");
}

async fn the_lists_hold_each_once(aws: &Aws, acknowledged: &[Acknowledged]) {
    let list = async |machine: &str| {
        let body = json!({"stateMachineArn": machine_arn(machine), "maxResults": 100});
        aws.all("ListExecutions", "executions", &body).await
    };
    let parents = list("parent").await;
    let names: BTreeSet<&str> = parents.iter().map(|parent| text(parent, "/name")).collect();
    assert_eq!(names.len(), parents.len(), "a parent is listed twice");
    assert!(acknowledged.iter().all(|one| names.contains(format!("p{}", one.n).as_str())));
    let expected: BTreeSet<String> =
        names.iter().flat_map(|name| ["text", "json", "only"].map(|kind| format!("{kind}-{name}"))).collect();
    let children = list("double").await;
    let found: BTreeSet<String> = children.iter().map(|child| text(child, "/name").to_owned()).collect();
    assert_eq!(found, expected);
    assert_eq!(children.len(), expected.len(), "a child was started twice");
    let mut asked = 0;
    for parent in &parents {
        let arn = text(parent, "/executionArn");
        let runs = aws.all("ListMapRuns", "mapRuns", &json!({"executionArn": arn})).await;
        let [run] = runs.as_slice() else { panic!("one Map Run of {arn}: {runs:#?}") };
        let run = json!({"mapRunArn": run["mapRunArn"]});
        let shown = aws.call("DescribeMapRun", &run).await;
        assert_eq!(shown["status"], "SUCCEEDED", "{shown:#}");
        for of in ["itemCounts", "executionCounts"] {
            assert_eq!(
                (&shown[of]["total"], &shown[of]["succeeded"]),
                (&json!(ITEMS), &json!(ITEMS)),
                "{shown:#}"
            );
            for none in ["pending", "running", "failed", "timedOut", "aborted"] {
                assert_eq!(shown[of][none], 0, "{none}: {shown:#}");
            }
        }
        let items = aws.all("ListExecutions", "executions", &run).await;
        assert_eq!(items.len() as u64, ITEMS, "{arn}");
        assert!(items.iter().all(|item| item["status"] == "SUCCEEDED"), "{items:#?}");
        for item in items.iter().take(1) {
            aws.history(text(item, "/executionArn")).await;
        }
        let history = aws.history(arn).await;
        let begun = |event: &&Value| {
            event["type"] == "TaskScheduled" && event.to_string().contains("waitForTaskToken")
        };
        asked += history.iter().filter(begun).count();
    }
    let answerers = list("answerer").await;
    assert_eq!(answerers.len(), asked, "one execution for each attempt to have a token answered");
    let open: Vec<_> =
        children.iter().chain(&answerers).filter(|child| child["status"] == "RUNNING").collect();
    until("all children to end", || async {
        for child in &open {
            if aws.describe(text(child, "/executionArn")).await["status"] == "RUNNING" {
                return None;
            }
        }
        Some(())
    })
    .await;
}

async fn registry_is_as_acknowledged(aws: &Aws, registered: &[Registered]) {
    let machines = aws.all("ListStateMachines", "stateMachines", &json!({})).await;
    let machines: BTreeSet<&str> = machines.iter().map(|machine| text(machine, "/name")).collect();
    let activities = aws.all("ListActivities", "activities", &json!({})).await;
    let activities: BTreeSet<&str> = activities.iter().map(|activity| text(activity, "/name")).collect();
    for Registered { name, deleted, versions } in registered {
        assert_eq!(activities.contains(name.as_str()), !deleted, "{name}");
        if *deleted {
            until(&format!("{name} to be gone"), || async {
                let asked = json!({"stateMachineArn": machine_arn(name)});
                let (_, answer) = aws.try_call("DescribeStateMachine", &asked).await.expect("an answer");
                (answer["__type"] == "StateMachineDoesNotExist").then_some(())
            })
            .await;
            continue;
        }
        assert!(machines.contains(name.as_str()), "{name}");
        let arn = json!({"stateMachineArn": machine_arn(name)});
        let shown = aws.call("DescribeStateMachine", &arn).await;
        assert_eq!(shown["definition"], passing("two"));
        let kept = aws.all("ListStateMachineVersions", "stateMachineVersions", &arn).await;
        let kept: BTreeSet<String> =
            kept.iter().map(|version| text(version, "/stateMachineVersionArn").to_owned()).collect();
        assert_eq!(&kept, versions);
        let aliases = aws.all("ListStateMachineAliases", "stateMachineAliases", &arn).await;
        assert_eq!(aliases.len(), 1, "{aliases:#?}");
        let tags = aws.call("ListTagsForResource", &json!({"resourceArn": machine_arn(name)})).await;
        let keys: BTreeSet<&str> =
            tags["tags"].as_array().expect("tags").iter().map(|tag| text(tag, "/key")).collect();
        assert_eq!(keys, BTreeSet::from(["more", "number"]));
    }
    assert!(registered.len() > 3, "the storm left the clerk no time: {}", registered.len());
}
