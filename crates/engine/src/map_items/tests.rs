use super::keys::object_key;
use super::{blob_key, list, read, results, write};
use crate::testing::{MemoryBlobs, SimClock, is_blob_key};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tenantry_asl::items::{ReaderRequest, ResultFile, ResultFiles};
use tenantry_asl::{ExecutionState, PendingTask, TaskKind};
use tenantry_core::ports::Blobs;

/// These objects, in pages of two, written at some milliseconds past 1,750,000,000 seconds.
fn objects(objects: &[(&str, &str, &[u8])]) -> MemoryBlobs {
    let clock = SimClock::default();
    clock.advance(Duration::from_millis(999));
    let memory = MemoryBlobs::new(clock).with_pages_of(2);
    for (bucket, key, bytes) in objects {
        memory.insert(bucket, key, bytes);
    }
    memory
}

fn request(action: &str, parameters: &Value, more: &Value) -> Value {
    let mut request = json!({
        "Resource": format!("arn:aws:states:::s3:{action}"), "Parameters": parameters, "Headers": "first_row",
        "Delimiter": ",", "LoadAndFlatten": false
    });
    for (name, value) in more.as_object().expect("is an object") {
        request[name] = value.clone();
    }
    request
}

async fn answer(memory: &MemoryBlobs, request: &Value) -> Result<Value, (String, String)> {
    read(Some(Arc::new(memory.clone())), request)
        .await
        .map_err(|failure| (failure.error, failure.cause.unwrap_or_default()))
}

#[tokio::test]
async fn an_object_is_read() {
    let memory = objects(&[("b", "in/rows 1.csv", b"a,b\n1,2\n")]);
    let asked =
        request("getObject", &json!({"Bucket": "b", "Key": "in/rows 1.csv"}), &json!({"InputType": "CSV"}));
    let expected = json!({"Items": [{"a": "1", "b": "2"}], "Source": "S3://b/in/rows 1.csv"});
    assert_eq!(answer(&memory, &asked).await, Ok(expected));
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let memory = objects(&[("b", "k", b"{}")]);
    let asked =
        |key: &str| request("getObject", &json!({"Bucket": "b", "Key": key}), &json!({"InputType": "JSON"}));
    let failed = |cause: &str| Err(("States.ItemReaderFailed".to_owned(), cause.to_owned()));
    assert_eq!(answer(&memory, &asked("no")).await, failed("The specified key does not exist: s3://b/no"));
    assert_eq!(answer(&memory, &asked("k")).await, failed("Attempting to map over non-iterable node."));
    let nowhere = read(None, &asked("k")).await.expect_err("there are no blobs");
    assert!(nowhere.cause.is_some_and(|cause| cause.contains("without a store of objects")));
}

#[tokio::test]
async fn manifests_lead_to_their_files() {
    let manifest = json!({
        "destinationBucket": "arn:aws:s3:::lists", "fileFormat": "CSV", "fileSchema": "Bucket, Key",
        "files": [{"key": "1.csv"}, {"key": "2.csv"}]
    });
    let memory = objects(&[
        ("b", "manifest.json", manifest.to_string().as_bytes()),
        ("lists", "1.csv", b"\"b\",\"one\"\n"),
        ("lists", "2.csv", b"\"b\",\"two\"\n\"b\",\"three\"\n"),
    ]);
    let parameters = json!({"Bucket": "b", "Key": "manifest.json"});
    let asked = request("getObject", &parameters, &json!({"InputType": "MANIFEST", "MaxItems": 2}));
    let read = answer(&memory, &asked).await.expect("all are there");
    assert_eq!(read["Items"], json!([{"Bucket": "b", "Key": "one"}, {"Bucket": "b", "Key": "two"}]));
    memory.remove("lists", "1.csv");
    let (_, cause) = answer(&memory, &asked).await.expect_err("one is gone");
    assert_eq!(cause, "The specified key does not exist: s3://lists/1.csv");
}

#[tokio::test]
async fn listings_are_in_the_order_of_keys_and_may_be_loaded() {
    let memory = objects(&[
        ("b", "in/b.jsonl", b"3\n"),
        ("b", "in/a b.jsonl", b"1\n2\n"),
        ("b", "in/a_x.jsonl", b""),
        ("b", "inner", b"9"),
        ("b", "other/c", b"9"),
        ("bb", "in/z", b"9"),
    ]);
    let of = |prefix: &str, more: Value| {
        request("listObjectsV2", &json!({"Bucket": "b", "Prefix": prefix}), &more)
    };
    let keys = |read: Value| -> Vec<String> {
        let items = read["Items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["Key"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let all = answer(&memory, &of("in", json!({}))).await.expect("is there");
    assert_eq!(all["Source"], "S3://b");
    assert_eq!(all["Items"][0]["LastModified"], 1_750_000_000);
    assert_eq!(keys(all), ["in/a b.jsonl", "in/a_x.jsonl", "in/b.jsonl", "inner"]);
    let some = answer(&memory, &of("in/a", json!({}))).await.expect("is there");
    assert_eq!(keys(some), ["in/a b.jsonl", "in/a_x.jsonl"]);
    let first = answer(&memory, &of("", json!({"MaxItems": 1}))).await.expect("is there");
    assert_eq!(keys(first), ["in/a b.jsonl"]);
    let loaded = answer(&memory, &of("in/", json!({"InputType": "JSONL", "LoadAndFlatten": true}))).await;
    assert_eq!(loaded.expect("are lines")["Items"], json!([1, 2, 3]));
    let nothing = answer(&memory, &of("none/", json!({}))).await.expect("is empty");
    assert_eq!(nothing["Items"], json!([]));
    let after = request("listObjectsV2", &json!({"Bucket": "b", "StartAfter": "in/b.jsonl"}), &json!({}));
    assert_eq!(keys(answer(&memory, &after).await.expect("is there")), ["inner", "other/c"]);
}

#[tokio::test]
async fn results_are_written_manifest_last() {
    let memory = objects(&[]);
    let file = |key: &str| ResultFile { key: key.to_owned(), bytes: b"[]".to_vec() };
    let files = ResultFiles {
        bucket: "out".to_owned(),
        files: vec![file("p/u/SUCCEEDED_0.json"), file("p/u/manifest.json")],
        result: json!({"MapRunArn": "a"}),
    };
    let blobs: Arc<dyn Blobs> = Arc::new(memory.clone());
    assert_eq!(write(Some(blobs), Ok(files.clone())).await, Ok(json!({"MapRunArn": "a"})));
    assert_eq!(memory.keys(), ["out/p/u/SUCCEEDED_0.json", "out/p/u/manifest.json"]);
    assert_eq!(write(None, Ok(files)).await.expect_err("nowhere").error, "States.ResultWriterFailed");
}

#[test]
fn a_malformed_request_is_refused() {
    let task = PendingTask {
        id: 0,
        kind: TaskKind::WriteResults,
        state: "S".to_owned(),
        resource: String::new(),
        arguments: Arc::new(json!([])),
        waits_for_token: false,
        submitted: false,
        retry_count: 0,
        timeout_seconds: None,
        heartbeat_seconds: None,
    };
    let refused = results(&ExecutionState::default(), &task).expect_err("is no request");
    assert_eq!(refused.error, "States.ResultWriterFailed");
}

#[tokio::test]
async fn many_objects_are_too_many_unless_cut() {
    let memory = objects(&[]);
    for number in 0..5 {
        memory.insert("b", &format!("{number}"), b"");
    }
    let asked = request("listObjectsV2", &json!({"Bucket": "b"}), &json!({"MaxItems": 3}));
    let parsed = ReaderRequest::from_value(&asked).expect("is one");
    let all = list(&memory, "b", "", None, &parsed).await.expect("are there");
    assert_eq!(all.len(), 5);
    assert_eq!(answer(&memory, &asked).await.map(|read| read["Items"].as_array().map(Vec::len)), Ok(Some(3)));
}

#[test]
fn plain_keys_stay_as_they_are() {
    assert_eq!(blob_key("my-bucket", "a/b_c/file.json"), "my-bucket/a/b_c/file.json");
    assert_eq!(blob_key("b", "a b/é"), "b/a_x20b/_xC3_xA9");
    assert_eq!(blob_key("b", "../x//_x/"), "b/_x2E_x2E/x/_x/_x5Fx/_x");
    assert_eq!(blob_key("b", ""), "b/");
}

proptest! {
    #[test]
    fn keys_come_back_and_fit_the_port(bucket in "[a-z.-]{1,20}", key in "[a-c_x./ é-]{1,40}", long in 0usize..600) {
        let key = format!("{key}{}", "y".repeat(long));
        let name = blob_key(&bucket, &key);
        prop_assert!(is_blob_key(&name), "{}", name);
        prop_assert_eq!(object_key(&name), Some((bucket, key)));
    }

    #[test]
    fn any_blob_is_an_object_or_none(name in "[a-c_x./0-9-]{0,40}") {
        if let Some((bucket, key)) = object_key(&name) && !key.is_empty() {
            prop_assert_eq!(object_key(&blob_key(&bucket, &key)), Some((bucket, key)));
        }
    }
}
