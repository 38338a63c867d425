//! All that the recorded executions call, in memory: the table of Lambda functions, queues, a bus.

mod lambda;
mod messaging;
mod python;

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tenantry_engine::TaskFailure;

/// What a call comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The answer.
    Done(Value),
    /// The failure.
    Failed(TaskFailure),
    /// That, after so many milliseconds.
    After(u64, Box<Reply>),
    /// Nobody here knows the service: its name.
    Unknown(String),
}

fn failed(error: &str, cause: String) -> Reply {
    Reply::Failed(TaskFailure { error: error.to_owned(), cause: Some(cause) })
}

/// The services of one case. Every case has its own.
#[derive(Debug, Default)]
pub struct World {
    /// From each function's name to what it does.
    functions: BTreeMap<String, String>,
    queues: messaging::Queues,
    requests: u64,
}

/// The services that are here, as cases name them in `requires`.
pub const SERVICES: &[&str] = &["lambda", "sqs", "events", "states", "activity", "aws-sdk:sfn"];

impl World {
    /// A world with these functions: `{name: symbol}`.
    pub fn new(functions: &Value) -> Self {
        let functions = functions.as_object().into_iter().flatten();
        let functions = functions
            .filter_map(|(name, symbol)| Some((name.clone(), symbol.as_str()?.to_owned())))
            .collect();
        Self { functions, ..Self::default() }
    }

    /// Makes a queue.
    pub fn create_queue(&mut self, name: &str) {
        self.queues.create(name);
    }

    /// Takes the oldest message.
    pub fn receive(&mut self, queue_url: &str) -> Option<String> {
        self.queues.receive(queue_url)
    }

    fn next_request(&mut self) -> (u64, String) {
        self.requests += 1;
        (self.requests, format!("00000000-0000-4000-8000-{:012}", self.requests))
    }

    /// Calls a resource, such as `arn:aws:states:::sqs:sendMessage.waitForTaskToken`.
    pub fn call(&mut self, resource: &str, arguments: &Value) -> Reply {
        let (request, id) = self.next_request();
        if resource.contains(":lambda:") && resource.contains(":function:") {
            let symbol = self.functions.get(lambda::function_name(resource)).map(String::as_str);
            return lambda::call_function(symbol, resource, arguments);
        }
        let action = resource.strip_prefix("arn:aws:states:::").unwrap_or(resource);
        match action.trim_end_matches(".waitForTaskToken") {
            "lambda:invoke" => {
                let function = arguments["FunctionName"].as_str().unwrap_or_default();
                let symbol = self.functions.get(lambda::function_name(function)).map(String::as_str);
                lambda::invoke(symbol, arguments, request)
            }
            "sqs:sendMessage" => self.queues.send(arguments, request, &id),
            "events:putEvents" => {
                let mut entries = 0;
                messaging::put_events(arguments, || {
                    entries += 1;
                    format!("{id}-{entries}")
                })
            }
            other => Reply::Unknown(other.rsplit_once(':').map_or(other, |(service, _)| service).to_owned()),
        }
    }
}

/// What the AWS SDK for Java tells of the HTTP answer, beside the answer itself.
fn http_metadata(
    request: u64,
    length: usize,
    content_type: &str,
    more: &[(&str, &str)],
) -> Map<String, Value> {
    let id = format!("00000000-0000-4000-8000-{request:012}");
    let length = length.to_string();
    let mut headers = vec![
        ("x-amzn-RequestId", id.as_str()),
        ("connection", "keep-alive"),
        ("Content-Length", length.as_str()),
        ("Content-Type", content_type),
    ];
    headers.extend_from_slice(more);
    let one: Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let all: Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    let metadata = json!({
        "SdkHttpMetadata": {"AllHttpHeaders": all, "HttpHeaders": one, "HttpStatusCode": 200},
        "SdkResponseMetadata": {"RequestId": id},
    });
    match metadata {
        Value::Object(metadata) => metadata,
        _ => Map::new(),
    }
}
