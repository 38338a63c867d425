//! What became of a Map Run's children, as a ResultWriter writes it.

use super::ItemsError;
use crate::time::iso;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Most bytes of one file of results; more go into another file.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a writer writes: an evaluated `ResultWriter`. It is the `arguments` of a [`crate::TaskKind::WriteResults`] task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WriterRequest {
    /// `Resource`, such as `arn:aws:states:::s3:putObject`.
    pub resource: String,
    /// `Parameters` or `Arguments`, evaluated: `Bucket` and, where there is one, `Prefix`.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// `OutputType`.
    #[serde(default)]
    pub format: ResultFormat,
    /// `Transformation`.
    #[serde(default)]
    pub transformation: ResultTransformation,
    /// The Map Run.
    pub map_run_arn: String,
    /// What follows the prefix: the Map Run's own name and, once it was redriven, which redrive.
    pub folder: String,
}

/// `OutputType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ResultFormat {
    /// One array.
    #[default]
    Json,
    /// A value a line.
    Jsonl,
}

/// `Transformation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ResultTransformation {
    /// Outputs with all that is known of the executions.
    #[default]
    None,
    /// Outputs alone.
    Compact,
    /// Outputs alone; those that are arrays are joined.
    Flatten,
}

/// How a child execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChildStatus {
    /// It waits for its place.
    Pending,
    /// It runs.
    Running,
    /// It reached its end.
    Succeeded,
    /// It failed.
    Failed,
    /// It took too long.
    TimedOut,
    /// It was stopped.
    Aborted,
}

impl ChildStatus {
    /// As the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            ChildStatus::Pending => "PENDING",
            ChildStatus::Running => "RUNNING",
            ChildStatus::Succeeded => "SUCCEEDED",
            ChildStatus::Failed => "FAILED",
            ChildStatus::TimedOut => "TIMED_OUT",
            ChildStatus::Aborted => "ABORTED",
        }
    }
}

/// What is known of one child execution; of one that was never started its input alone.
#[derive(Debug, Clone)]
pub struct ChildResult<'a> {
    /// How it ended.
    pub status: ChildStatus,
    /// Its ARN; empty where it was never started.
    pub execution_arn: String,
    /// Its name.
    pub name: String,
    /// The ARN of what it runs.
    pub state_machine_arn: String,
    /// Its input.
    pub input: Option<&'a Value>,
    /// Its output.
    pub output: Option<&'a Value>,
    /// The error's name.
    pub error: Option<&'a str>,
    /// Why.
    pub cause: Option<&'a str>,
    /// When it started, in milliseconds since the Unix epoch.
    pub started_at_ms: i64,
    /// When it ended.
    pub stopped_at_ms: i64,
    /// How often it was redriven.
    pub redrive_count: u64,
    /// When it was redriven last.
    pub redriven_at_ms: Option<i64>,
    /// Whether it is an Express execution: only its Map Run's redrive starts it again.
    pub express: bool,
}

/// What `NONE` writes of a child.
pub fn outline(child: &ChildResult<'_>) -> Value {
    let mut outline = Map::new();
    let mut put = |name: &str, value: Value| {
        outline.insert(name.to_owned(), value);
    };
    if child.status != ChildStatus::Pending {
        if let Some(cause) = child.cause {
            put("Cause", Value::from(cause));
        }
        if let Some(error) = child.error {
            put("Error", Value::from(error));
        }
        put("ExecutionArn", Value::from(child.execution_arn.as_str()));
    }
    if let Some(input) = child.input {
        put("Input", Value::from(input.to_string()));
    }
    put("InputDetails", json!({"Included": child.input.is_some()}));
    if child.status != ChildStatus::Pending {
        put("Name", Value::from(child.name.as_str()));
        if let Some(output) = child.output {
            put("Output", Value::from(output.to_string()));
        }
        put("OutputDetails", json!({"Included": true}));
        put("RedriveCount", Value::from(child.redrive_count));
        if let Some(at_ms) = child.redriven_at_ms.filter(|_| !child.express) {
            put("RedriveDate", Value::from(iso(at_ms)));
        }
        if child.status == ChildStatus::Succeeded && !child.express {
            put("RedriveStatus", Value::from("NOT_REDRIVABLE"));
            put("RedriveStatusReason", Value::from("Execution is SUCCEEDED and cannot be redriven"));
        } else if !child.express {
            put("RedriveStatus", Value::from("REDRIVABLE_BY_MAP_RUN"));
        }
        put("StartDate", Value::from(iso(child.started_at_ms)));
        put("StateMachineArn", Value::from(child.state_machine_arn.as_str()));
    }
    put("Status", Value::from(child.status.as_str()));
    if child.status != ChildStatus::Pending {
        put("StopDate", Value::from(iso(child.stopped_at_ms)));
    }
    Value::Object(outline)
}

/// The values that a transformation makes of a child: outputs of those that succeeded, outlines else.
pub(crate) fn transformed(transformation: ResultTransformation, child: &ChildResult<'_>) -> Vec<Value> {
    match (transformation, child.status, child.output) {
        (ResultTransformation::Compact, ChildStatus::Succeeded, Some(output)) => vec![output.clone()],
        (ResultTransformation::Flatten, ChildStatus::Succeeded, Some(Value::Array(outputs))) => {
            outputs.clone()
        }
        (ResultTransformation::Flatten, ChildStatus::Succeeded, Some(output)) => vec![output.clone()],
        _ => vec![outline(child)],
    }
}

/// One object to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFile {
    /// Its key within the bucket.
    pub key: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What is to be written, and what the Map state's result is then.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultFiles {
    /// The bucket.
    pub bucket: String,
    /// The files; the manifest, which names the others, is the last.
    pub files: Vec<ResultFile>,
    /// `{"MapRunArn": …, "ResultWriterDetails": {"Bucket": …, "Key": …}}`.
    pub result: Value,
}

/// The files of a Map Run: `SUCCEEDED_n`, `FAILED_n` (all that ended otherwise), `PENDING_n` and `manifest.json`.
///
/// # Errors
/// Where the parameters do not name a bucket: the cause of a `States.ResultWriterFailed`.
pub fn result_files<'a>(
    request: &WriterRequest,
    children: impl Iterator<Item = ChildResult<'a>>,
) -> Result<ResultFiles, ItemsError> {
    let bucket = parameter(request, "Bucket")?
        .filter(|bucket| !bucket.is_empty())
        .ok_or_else(|| ItemsError::new("The ResultWriter's parameters have no Bucket."))?;
    let prefix = parameter(request, "Prefix")?.unwrap_or_default();
    let prefix = prefix.trim_end_matches('/');
    let folder = match prefix {
        "" => request.folder.clone(),
        prefix => format!("{prefix}/{}", request.folder),
    };
    let mut lists =
        ["FAILED", "PENDING", "SUCCEEDED"].map(|status| List::new(&folder, status, request.format));
    for child in children {
        let list = match child.status {
            ChildStatus::Succeeded => 2,
            ChildStatus::Pending | ChildStatus::Running => 1,
            ChildStatus::Failed | ChildStatus::TimedOut | ChildStatus::Aborted => 0,
        };
        for value in transformed(request.transformation, &child) {
            lists[list].add(&value);
        }
    }
    let mut files = Vec::new();
    let mut listed = Map::new();
    for list in lists {
        let status = list.status;
        let written = list.finish();
        let entries = written.iter().map(|file| json!({"Key": file.key, "Size": file.bytes.len()})).collect();
        listed.insert(status.to_owned(), Value::Array(entries));
        files.extend(written);
    }
    let key = format!("{folder}/manifest.json");
    let manifest =
        json!({"DestinationBucket": bucket, "MapRunArn": request.map_run_arn, "ResultFiles": listed});
    files.push(ResultFile { key: key.clone(), bytes: manifest.to_string().into_bytes() });
    let result = json!({
        "MapRunArn": request.map_run_arn,
        "ResultWriterDetails": {"Bucket": bucket, "Key": key},
    });
    Ok(ResultFiles { bucket, files, result })
}

fn parameter(request: &WriterRequest, name: &str) -> Result<Option<String>, ItemsError> {
    match request.parameters.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(ItemsError::new(format!(
            "The ResultWriter's parameter {name} must be a string but was: {other}"
        ))),
    }
}

/// The files of one status, as they grow.
struct List<'f> {
    folder: &'f str,
    status: &'static str,
    format: ResultFormat,
    done: Vec<ResultFile>,
    open: Vec<u8>,
}

impl<'f> List<'f> {
    fn new(folder: &'f str, status: &'static str, format: ResultFormat) -> Self {
        List { folder, status, format, done: Vec::new(), open: Vec::new() }
    }

    fn add(&mut self, value: &Value) {
        let text = value.to_string();
        if !self.open.is_empty() && self.open.len() + text.len() > FILE_BYTES_MAX {
            self.close();
        }
        match (self.format, self.open.is_empty()) {
            (ResultFormat::Json, true) => self.open.push(b'['),
            (ResultFormat::Json, false) => self.open.push(b','),
            (ResultFormat::Jsonl, _) => {}
        }
        self.open.extend_from_slice(text.as_bytes());
        if self.format == ResultFormat::Jsonl {
            self.open.push(b'\n');
        }
    }

    fn close(&mut self) {
        let mut bytes = std::mem::take(&mut self.open);
        let extension = match self.format {
            ResultFormat::Json => {
                bytes.push(b']');
                "json"
            }
            ResultFormat::Jsonl => "jsonl",
        };
        let key = format!("{}/{}_{}.{extension}", self.folder, self.status, self.done.len());
        self.done.push(ResultFile { key, bytes });
    }

    fn finish(mut self) -> Vec<ResultFile> {
        if !self.open.is_empty() {
            self.close();
        }
        self.done
    }
}
