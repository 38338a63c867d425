use crate::items::{
    ChildResult, ChildStatus, ResultFiles, ResultFormat, ResultTransformation, WriterRequest, result_files,
};
use serde_json::{Value, json};

fn request(transformation: ResultTransformation, format: ResultFormat) -> WriterRequest {
    let Value::Object(parameters) = json!({"Bucket": "results", "Prefix": "jobs/"}) else { unreachable!() };
    WriterRequest {
        resource: "arn:aws:states:::s3:putObject".to_owned(),
        parameters,
        format,
        transformation,
        map_run_arn: "arn:aws:states:us-east-1:111111111111:mapRun:m/l:u".to_owned(),
        folder: "u".to_owned(),
    }
}

fn child<'a>(status: ChildStatus, input: &'a Value, output: Option<&'a Value>) -> ChildResult<'a> {
    let failed = status == ChildStatus::Failed;
    ChildResult {
        status,
        execution_arn: "arn:aws:states:us-east-1:111111111111:execution:m/l:n".to_owned(),
        name: "n".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:111111111111:stateMachine:m/l".to_owned(),
        input: Some(input),
        output,
        error: failed.then_some("Bad"),
        cause: failed.then_some("so it is"),
        started_at_ms: 0,
        stopped_at_ms: 1_500,
        redrive_count: 0,
        redriven_at_ms: None,
        express: false,
    }
}

fn text(files: &ResultFiles, key: &str) -> String {
    let file = files.files.iter().find(|file| file.key == key);
    let file = file.unwrap_or_else(|| panic!("no {key} in {:?}", files.files));
    String::from_utf8(file.bytes.clone()).expect("is text")
}

fn json(files: &ResultFiles, key: &str) -> Value {
    serde_json::from_str(&text(files, key)).expect("is JSON")
}

#[test]
fn files_are_named_by_status_and_listed_in_the_manifest() {
    let (one, list) = (json!({"x": 1}), json!([2, 3]));
    let children = [
        child(ChildStatus::Succeeded, &one, Some(&list)),
        child(ChildStatus::Failed, &one, None),
        child(ChildStatus::TimedOut, &one, None),
        child(ChildStatus::Pending, &one, None),
    ];
    let request = request(ResultTransformation::None, ResultFormat::Json);
    let files = result_files(&request, children.into_iter()).expect("has a bucket");
    assert_eq!(files.bucket, "results");
    let succeeded = json(&files, "jobs/u/SUCCEEDED_0.json");
    assert_eq!(
        succeeded,
        json!([{
            "ExecutionArn": "arn:aws:states:us-east-1:111111111111:execution:m/l:n",
            "Input": "{\"x\":1}", "InputDetails": {"Included": true}, "Name": "n",
            "Output": "[2,3]", "OutputDetails": {"Included": true},
            "RedriveCount": 0, "RedriveStatus": "NOT_REDRIVABLE",
            "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
            "StartDate": "1970-01-01T00:00:00.000Z",
            "StateMachineArn": "arn:aws:states:us-east-1:111111111111:stateMachine:m/l",
            "Status": "SUCCEEDED", "StopDate": "1970-01-01T00:00:01.500Z"
        }])
    );
    let failed = json(&files, "jobs/u/FAILED_0.json");
    assert_eq!((&failed[0]["Error"], &failed[0]["Cause"]), (&json!("Bad"), &json!("so it is")));
    assert_eq!(failed[1]["Status"], "TIMED_OUT");
    let pending = json(&files, "jobs/u/PENDING_0.json");
    assert_eq!(
        pending,
        json!([{"Input": "{\"x\":1}", "InputDetails": {"Included": true}, "Status": "PENDING"}])
    );
    let manifest = json(&files, "jobs/u/manifest.json");
    let size = text(&files, "jobs/u/SUCCEEDED_0.json").len();
    assert_eq!(manifest["DestinationBucket"], "results");
    assert_eq!(
        manifest["ResultFiles"]["SUCCEEDED"],
        json!([{"Key": "jobs/u/SUCCEEDED_0.json", "Size": size}])
    );
    assert_eq!(files.files.last().map(|file| file.key.as_str()), Some("jobs/u/manifest.json"));
    assert_eq!(
        files.result,
        json!({
            "MapRunArn": request.map_run_arn,
            "ResultWriterDetails": {"Bucket": "results", "Key": "jobs/u/manifest.json"}
        })
    );
}

#[test]
fn transformations_change_outputs_alone() {
    let (one, list) = (json!(1), json!([2, [3]]));
    let children = || {
        [
            child(ChildStatus::Succeeded, &one, Some(&list)),
            child(ChildStatus::Succeeded, &one, Some(&one)),
            child(ChildStatus::Failed, &one, None),
        ]
        .into_iter()
    };
    let written = |transformation, format| {
        result_files(&request(transformation, format), children()).expect("has a bucket")
    };
    let compact = written(ResultTransformation::Compact, ResultFormat::Json);
    assert_eq!(json(&compact, "jobs/u/SUCCEEDED_0.json"), json!([[2, [3]], 1]));
    assert_eq!(json(&compact, "jobs/u/FAILED_0.json")[0]["Error"], "Bad");
    let flat = written(ResultTransformation::Flatten, ResultFormat::Json);
    assert_eq!(json(&flat, "jobs/u/SUCCEEDED_0.json"), json!([2, [3], 1]));
    let lines = written(ResultTransformation::Flatten, ResultFormat::Jsonl);
    assert_eq!(text(&lines, "jobs/u/SUCCEEDED_0.jsonl"), "2\n[3]\n1\n");
}

#[test]
fn nothing_makes_a_manifest_without_files() {
    let mut request = request(ResultTransformation::None, ResultFormat::Json);
    request.parameters.remove("Prefix");
    let files = result_files(&request, std::iter::empty()).expect("has a bucket");
    assert_eq!(files.files.len(), 1);
    let nothing = json!({"FAILED": [], "PENDING": [], "SUCCEEDED": []});
    assert_eq!(json(&files, "u/manifest.json")["ResultFiles"], nothing);
    request.parameters.remove("Bucket");
    let error = result_files(&request, std::iter::empty()).expect_err("no bucket");
    assert!(error.to_string().contains("Bucket"));
}

#[test]
fn much_goes_into_several_files() {
    let large = Value::from("x".repeat(6 * 1024 * 1024));
    let children = std::iter::repeat_n(child(ChildStatus::Succeeded, &Value::Null, Some(&large)), 5);
    let files =
        result_files(&request(ResultTransformation::Compact, ResultFormat::Json), children).expect("fits");
    let counts: Vec<usize> = (0..3)
        .map(|n| json(&files, &format!("jobs/u/SUCCEEDED_{n}.json")).as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(counts, [2, 2, 1]);
}
