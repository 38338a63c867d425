//! Map Runs: items from objects, children over deaths at every point, results in objects.

use crate::bench::{Bench, described, id};
use crate::machines::{self, Machine};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tenantry_core::ports::{Execution, ExecutionStatus, Workflows};
use tenantry_engine::testing::{Crash, CrashPoint, MemoryBlobs, Reply, World, quiesce};
use tenantry_engine::{Engine, MapRunLimits, TaskFailure};

/// What an object holds, as JSON.
fn json_of(objects: &MemoryBlobs, bucket: &str, key: &str) -> Value {
    serde_json::from_slice(&objects.object(bucket, key).unwrap()).unwrap()
}

/// A machine of one distributed Map, whose children call a step with `{"n": …}`.
fn machine(more: Value) -> Machine {
    let mut map = json!({
        "Type": "Map", "End": true, "Label": "each", "MaxConcurrency": 2,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "A", "States": {"A": machines::task("A", "")}
        }
    });
    for (name, value) in more.as_object().unwrap() {
        map[name] = value.clone();
    }
    machines::custom("distributed", json!({}), "All", json!({"All": map}))
}

fn reader() -> Value {
    json!({"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
        "Arguments": {"Bucket": "in", "Key": "items.json"}})
}

fn writer() -> Value {
    json!({"Resource": "arn:aws:states:::s3:putObject", "Arguments": {"Bucket": "out", "Prefix": "jobs"},
        "WriterConfig": {"OutputType": "JSON", "Transformation": "COMPACT"}})
}

async fn open(bench: &Bench, objects: &MemoryBlobs) -> Engine {
    let engine = Engine::open(bench.config().with_blobs(Arc::new(objects.clone()))).await.unwrap();
    bench.world.meet(Arc::new(engine.clone()));
    engine
}

/// One life; `None` where the process died before the execution's end.
fn life(bench: &Bench, objects: &MemoryBlobs, crash: Option<Crash>) -> Option<Execution> {
    bench.live(async {
        if let Some(crash) = crash {
            bench.journal.crash_at(crash);
        }
        let engine = open(bench, objects).await;
        let id = id("distributed", "x");
        let (client, asked) = (engine.clone(), id.clone());
        tokio::spawn(async move { client.start(&asked, json!({})).await });
        if !bench.run(&id).await {
            return None;
        }
        Some(described(&engine, &id).await.unwrap())
    })
}

/// What a run came to, whatever its Map Run was named.
#[derive(Debug, PartialEq)]
struct End {
    status: ExecutionStatus,
    results: Value,
    /// The manifest's lists and how many files they name.
    listed: Vec<(String, usize)>,
    children: Vec<ExecutionStatus>,
    effects: BTreeSet<String>,
    events: Vec<String>,
}

fn end(bench: &Bench, objects: &MemoryBlobs, execution: Execution) -> End {
    assert_eq!(execution.summary.status, ExecutionStatus::Succeeded, "{execution:?}");
    let key = execution.output.unwrap()["ResultWriterDetails"]["Key"].as_str().unwrap().to_owned();
    let manifest = json_of(objects, "out", &key);
    let results = json_of(objects, "out", &key.replace("manifest", "SUCCEEDED_0"));
    let lists = manifest["ResultFiles"].as_object().unwrap();
    let executions = bench.executions();
    let children = executions.iter().filter(|(id, _)| id.workflow() == "distributed/each");
    let effects = bench.world.seen().into_iter().map(|seen| seen.request.arguments.to_string());
    let events = bench.live(async {
        let engine = open(bench, objects).await;
        let page = engine.history(&id("distributed", "x"), None, false, 1000).await.unwrap();
        page.events.into_iter().map(|event| event.event_type).collect()
    });
    End {
        status: execution.summary.status,
        results,
        listed: lists.iter().map(|(name, files)| (name.clone(), files.as_array().unwrap().len())).collect(),
        children: children.map(|(_, status)| *status).collect(),
        effects: effects.collect(),
        events,
    }
}

fn objects() -> MemoryBlobs {
    let objects = MemoryBlobs::default();
    objects.insert("in", "items.json", b"[{\"n\": 1}, {\"n\": 2}, {\"n\": 3}]");
    objects
}

#[test]
fn a_death_anywhere_neither_loses_a_child_nor_starts_one_twice() {
    let machine = machine(json!({"ItemReader": reader(), "ResultWriter": writer()}));
    let (bench, there) = (Bench::new(std::slice::from_ref(&machine)), objects());
    let execution = life(&bench, &there, None).unwrap();
    let appends = bench.journal.appends();
    let expected = end(&bench, &there, execution);
    assert_eq!(expected.results, json!([{"n": 2}, {"n": 3}, {"n": 4}]));
    assert_eq!(expected.children, [ExecutionStatus::Succeeded; 3]);
    assert_eq!(expected.listed, [("FAILED".into(), 0), ("PENDING".into(), 0), ("SUCCEEDED".into(), 1)]);
    assert_eq!(expected.events[3..6], ["MapRunStarted", "MapRunSucceeded", "MapStateSucceeded"]);
    assert!(appends >= 8, "only {appends} appends");
    for append in 0..appends {
        for point in CrashPoint::ALL {
            let (mut bench, there) = (Bench::new(std::slice::from_ref(&machine)), objects());
            let crash = Crash { append, point };
            let ended = life(&bench, &there, Some(crash)).or_else(|| {
                bench.die();
                life(&bench, &there, None)
            });
            assert_eq!(end(&bench, &there, ended.unwrap()), expected, "{crash:?}");
            assert_eq!(bench.world.violations(), Vec::<String>::new(), "{crash:?}");
        }
    }
}

#[test]
fn what_is_not_there_fails_the_reader() {
    let machine = machine(json!({"ItemReader": reader()}));
    let bench = Bench::new(std::slice::from_ref(&machine));
    let execution = life(&bench, &MemoryBlobs::default(), None).unwrap();
    assert_eq!(execution.error.as_deref(), Some("States.ItemReaderFailed"));
    assert_eq!(execution.cause.as_deref(), Some("The specified key does not exist: s3://in/items.json"));
}

#[test]
fn a_redrive_goes_on_with_the_children_that_failed() {
    let machine = machine(json!({"Items": [{"n": 1}, {"n": -1}, {"n": 3}]}));
    let mended = Arc::new(Mutex::new(false));
    let asked = Arc::clone(&mended);
    let world = World::new(move |request| {
        let n = request.arguments["Payload"]["n"].as_i64().unwrap_or_default();
        if n < 0 && !*asked.lock().unwrap_or_else(PoisonError::into_inner) {
            let failure = TaskFailure { error: "Bad".to_owned(), cause: Some("below zero".to_owned()) };
            return Reply::Failed(failure);
        }
        Reply::Done(json!({"Payload": {"n": n}}))
    });
    let mut bench = Bench::scripted(std::slice::from_ref(&machine), world);
    let there = MemoryBlobs::default();
    let failed = life(&bench, &there, None).unwrap();
    assert_eq!(failed.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
    *mended.lock().unwrap_or_else(PoisonError::into_inner) = true;
    bench.die();
    bench.live(async {
        let engine = open(&bench, &there).await;
        engine.redrive(&id("distributed", "x")).await.unwrap();
        assert!(bench.run(&id("distributed", "x")).await);
        let execution = described(&engine, &id("distributed", "x")).await.unwrap();
        assert_eq!(execution.output, Some(json!([{"n": 1}, {"n": -1}, {"n": 3}])));
    });
    let children = bench.executions();
    assert_eq!(children.iter().filter(|(id, _)| id.workflow() == "distributed/each").count(), 3);
    assert!(children.iter().all(|(_, status)| *status == ExecutionStatus::Succeeded), "{children:?}");
}

#[test]
fn a_stop_reaches_the_children() {
    let machine = machine(json!({"Items": [{"n": 1}, {"n": 2}, {"n": 3}]}));
    let bench = Bench::scripted(std::slice::from_ref(&machine), World::new(|_| Reply::Never));
    bench.live(async {
        let engine = open(&bench, &MemoryBlobs::default()).await;
        engine.start(&id("distributed", "x"), json!({})).await.unwrap();
        quiesce().await;
        let run = engine.inspect(&id("distributed", "x")).await.unwrap().map_runs.remove(0);
        assert_eq!(run.executions.running, 2);
        // Another limit lets the third begin.
        let limits = MapRunLimits { max_concurrency: Some(3), ..MapRunLimits::default() };
        assert!(engine.update_map_run(&run.arn, limits).await.unwrap());
        quiesce().await;
        let (owner, run) = engine.map_run(&run.arn).await.unwrap().unwrap();
        assert_eq!((owner, run.executions.running), (id("distributed", "x"), 3));
        let children = engine.map_children(&run.arn, None, None, 10).await.unwrap();
        assert_eq!(children.items.len(), 3);
        engine.stop(&id("distributed", "x"), None, None).await.unwrap();
        quiesce().await;
    });
    let all = bench.executions();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|(_, status)| *status == ExecutionStatus::Aborted), "{all:?}");
}
