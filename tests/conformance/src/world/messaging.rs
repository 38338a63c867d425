//! SQS and EventBridge, as far as the recorded executions use them.

use super::{Reply, failed, http_metadata};
use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};

/// The queues that were made, and what lies in them.
#[derive(Debug, Default)]
pub(super) struct Queues(BTreeMap<String, VecDeque<String>>);

fn queue_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

impl Queues {
    pub(super) fn create(&mut self, name: &str) {
        self.0.entry(name.to_owned()).or_default();
    }

    pub(super) fn receive(&mut self, url: &str) -> Option<String> {
        self.0.get_mut(queue_name(url))?.pop_front()
    }

    /// `sqs:sendMessage`. <https://docs.aws.amazon.com/step-functions/latest/dg/connect-sqs.html>
    pub(super) fn send(&mut self, arguments: &Value, request: u64, id: &str) -> Reply {
        let url = arguments["QueueUrl"].as_str().unwrap_or_default();
        let body = match &arguments["MessageBody"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let host = url.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
        if !host.ends_with(".amazonaws.com") {
            return failed(
                "SQS.SdkClientException",
                format!("Unable to execute HTTP request: {host}: Name or service not known"),
            );
        }
        let refused = |code: &str, words: &str| {
            failed(
                "SQS.AmazonSQSException",
                format!(
                    "{words} (Service: AmazonSQS; Status Code: 400; Error Code: {code}; Request ID: {id}; Proxy: null)"
                ),
            )
        };
        if body.is_empty() {
            return refused("MissingParameter", "The request must contain the parameter MessageBody.");
        }
        let name = queue_name(url);
        let Some(queue) = self.0.get_mut(name) else {
            return refused(
                "AWS.SimpleQueueService.NonExistentQueue",
                "The specified queue does not exist for this wsdl version.",
            );
        };
        let digest = Md5::digest(body.as_bytes());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        queue.push_back(body);
        let mut answer = Map::new();
        answer.insert("MD5OfMessageBody".to_owned(), json!(digest));
        answer.insert("MessageId".to_owned(), json!(id));
        if name.ends_with(".fifo") {
            answer.insert("SequenceNumber".to_owned(), json!(format!("{request:020}")));
        }
        answer.extend(http_metadata(request, 106, "application/x-amz-json-1.0", &[]));
        Reply::Done(Value::Object(answer))
    }
}

/// `events:putEvents`: an entry that is refused fails the task.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html>
pub(super) fn put_events(arguments: &Value, mut next_id: impl FnMut() -> String) -> Reply {
    let mut refused = 0;
    let entries: Vec<Value> = arguments["Entries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| {
            let Some((code, words)) = entry_error(entry) else { return json!({"EventId": next_id()}) };
            refused += 1;
            json!({"ErrorCode": code, "ErrorMessage": words})
        })
        .collect();
    let answer = json!({"Entries": entries, "FailedEntryCount": refused});
    if refused == 0 { Reply::Done(answer) } else { failed("EventBridge.FailedEntry", answer.to_string()) }
}

fn entry_error(entry: &Value) -> Option<(&'static str, String)> {
    for name in ["Source", "DetailType", "Detail"] {
        if entry.get(name).is_none_or(|value| value.is_null() || value == "") {
            let words = format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
            return Some(("InvalidArgument", words));
        }
    }
    let is_object = match &entry["Detail"] {
        Value::String(text) => serde_json::from_str::<Map<String, Value>>(text).is_ok(),
        other => other.is_object(),
    };
    (!is_object).then(|| ("MalformedDetail", "Detail is malformed.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://sqs.us-east-1.amazonaws.com/111111111111/q";

    fn error(reply: Reply) -> String {
        match reply {
            Reply::Failed(failure) => failure.error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_go_in_and_come_out_as_text() {
        let mut queues = Queues::default();
        queues.create("q");
        let sent = queues.send(&json!({"QueueUrl": URL, "MessageBody": {"a": 1}}), 1, "id");
        let Reply::Done(answer) = sent else { panic!("{sent:?}") };
        assert_eq!(answer["MD5OfMessageBody"], "bb6cb5c68df4652941caf652a366f2d8");
        assert_eq!(queues.receive(URL).as_deref(), Some("{\"a\":1}"));
        assert_eq!(queues.receive(URL), None);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let mut queues = Queues::default();
        queues.create("q");
        let mut send = |url: &str, body: &str| {
            error(queues.send(&json!({"QueueUrl": url, "MessageBody": body}), 1, "id"))
        };
        assert_eq!(send(URL, ""), "SQS.AmazonSQSException");
        assert_eq!(send("https://sqs.us-east-1.amazonaws.com/1/other", "x"), "SQS.AmazonSQSException");
        assert_eq!(send("http://elsewhere", "x"), "SQS.SdkClientException");
    }

    #[test]
    fn entries_are_checked_one_by_one() {
        let entry =
            |source: &str, detail: Value| json!({"Source": source, "DetailType": "t", "Detail": detail});
        let put = |entries: Value| put_events(&json!({"Entries": entries}), || "e".to_owned());
        assert!(matches!(put(json!([entry("s", json!("{}")), entry("s", json!({}))])), Reply::Done(_)));
        for wrong in [entry("s", json!("\"text\"")), entry("", json!({})), json!({"Source": "s"})] {
            assert_eq!(error(put(json!([wrong]))), "EventBridge.FailedEntry");
        }
    }
}
