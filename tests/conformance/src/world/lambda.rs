//! The recorded functions, and how Lambda answers for them.

use super::{Reply, failed, http_metadata, python};
use base64::Engine as _;
use serde_json::{Map, Value, json};

/// What a symbol of the cases' table does, before Lambda words it.
enum Outcome {
    Returns(Value),
    Raises { kind: &'static str, message: &'static str, line: u32, source: &'static str },
}

fn run(symbol: &str, event: &Value) -> Option<(u64, Outcome)> {
    let returns = |value| Some((0, Outcome::Returns(value)));
    match symbol {
        "IDENTITY" => returns(event.clone()),
        "CONST_HELLO_WORLD" => returns(json!({"Return": "HelloWorld"})),
        "RETURN_BYTES" => returns(json!("HelloWorld!")),
        "RETURN_DECORATED_INPUT" => returns(json!(format!("input-event-{}", python::repr(event)))),
        "LARGE_OUTPUT_257KB" => returns(json!("a".repeat(257 * 1024))),
        "SLEEP_60S_THEN_IDENTITY" => Some((60_000, Outcome::Returns(event.clone()))),
        "RAISE_EXCEPTION" => Some((
            0,
            Outcome::Raises {
                kind: "Exception",
                message: "Some exception was raised.",
                line: 2,
                source: "raise Exception(\"Some exception was raised.\")",
            },
        )),
        "RAISE_CUSTOM_EXCEPTION" => Some((
            0,
            Outcome::Raises {
                kind: "CustomException",
                message: "",
                line: 9,
                source: "raise CustomException()",
            },
        )),
        _ => None,
    }
}

/// The function's own name, from a name, a partial ARN or an ARN, with or without a qualifier.
pub(super) fn function_name(text: &str) -> &str {
    match text.split_once("function:") {
        Some((_, rest)) => rest.split(':').next().unwrap_or(rest),
        None => text.split(':').next().unwrap_or(text),
    }
}

/// The Lambda resource: a function's own ARN as the Resource, with the task's input for an event.
pub(super) fn call_function(symbol: Option<&str>, function: &str, event: &Value) -> Reply {
    answer(symbol, function, event, |payload| payload)
}

/// The optimised integration `lambda:invoke`.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html>
pub(super) fn invoke(symbol: Option<&str>, arguments: &Value, request: u64) -> Reply {
    let function = arguments["FunctionName"].as_str().unwrap_or_default();
    // Lambda reads no payload as an empty object; a payload that is text is sent as it is.
    let event = match &arguments["Payload"] {
        Value::Null => json!({}),
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        other => other.clone(),
    };
    let wants_log = arguments["LogType"] == "Tail";
    answer(symbol, function, &event, move |payload| {
        let mut answer = Map::new();
        answer.insert("ExecutedVersion".to_owned(), json!("$LATEST"));
        if wants_log {
            let log = format!("START RequestId: {request}\nEND RequestId: {request}\n");
            let log = base64::engine::general_purpose::STANDARD.encode(log);
            answer.insert("LogResult".to_owned(), json!(log));
        }
        let length = payload.to_string().len();
        answer.insert("Payload".to_owned(), payload);
        let metadata = http_metadata(
            request,
            length,
            "application/json",
            &[
                ("X-Amz-Executed-Version", "$LATEST"),
                ("x-amzn-Remapped-Content-Length", "0"),
                ("X-Amzn-Trace-Id", "root=1-0-0;sampled=0"),
            ],
        );
        answer.extend(metadata);
        answer.insert("StatusCode".to_owned(), json!(200));
        Value::Object(answer)
    })
}

fn answer(symbol: Option<&str>, function: &str, event: &Value, wrap: impl FnOnce(Value) -> Value) -> Reply {
    let Some((after_ms, outcome)) = symbol.and_then(|symbol| run(symbol, event)) else {
        // The recording does not say what the function does: no answer is better than a made-up one.
        return Reply::Unknown(format!("the function {}", function_name(function)));
    };
    let reply = match outcome {
        Outcome::Returns(value) => Reply::Done(wrap(value)),
        Outcome::Raises { kind, message, line, source } => {
            let trace = format!("  File \"/var/task/handler.py\", line {line}, in handler\n    {source}\n");
            let cause = json!({
                "errorMessage": message,
                "errorType": kind,
                "requestId": "00000000-0000-0000-0000-000000000000",
                "stackTrace": [trace],
            });
            failed(kind, cause.to_string())
        }
    };
    if after_ms == 0 { reply } else { Reply::After(after_ms, Box::new(reply)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_in_every_way() {
        let arn = "arn:aws:lambda:us-east-1:111111111111:function:f";
        for name in ["f", arn, "111111111111:function:f", &format!("{arn}:$LATEST"), "f:live"] {
            assert_eq!(function_name(name), "f", "{name}");
        }
    }

    #[test]
    fn payloads_are_read_as_lambda_reads_them() {
        let payload = |arguments: Value| match invoke(Some("IDENTITY"), &arguments, 1) {
            Reply::Done(answer) => answer["Payload"].clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(payload(json!({"FunctionName": "f", "Payload": null})), json!({}));
        assert_eq!(payload(json!({"FunctionName": "f"})), json!({}));
        assert_eq!(payload(json!({"FunctionName": "f", "Payload": "\"text\""})), json!("text"));
        assert_eq!(payload(json!({"FunctionName": "f", "Payload": {"a": 1}})), json!({"a": 1}));
    }

    #[test]
    fn errors_are_worded_as_lambda_words_them() {
        let Reply::Failed(failure) = call_function(Some("RAISE_EXCEPTION"), "f", &json!({})) else {
            panic!("it raises")
        };
        assert_eq!(failure.error, "Exception");
        let cause: Value = serde_json::from_str(&failure.cause.unwrap_or_default()).unwrap();
        assert_eq!(cause["errorMessage"], "Some exception was raised.");
        assert!(matches!(call_function(None, "f", &json!({})), Reply::Unknown(_)));
    }
}
