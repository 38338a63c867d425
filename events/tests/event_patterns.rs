//! EventBridge's own answers, recorded by others, against ours. The data is not part of this repository.

use serde_json::Value;
use std::io::Write as _;
use std::path::PathBuf;
use tenantry_events::pattern::{EventError, Pattern, PatternError};

#[expect(clippy::disallowed_methods, reason = "a test finds its data by an environment variable")]
fn recorded() -> Option<String> {
    let folder = std::env::var_os("TENANTRY_CONFORMANCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"),
        PathBuf::from,
    );
    let file = folder.join("event_patterns.jsonl");
    std::fs::read_to_string(&file).ok().or_else(|| {
        let message = format!(
            "\n*** NOT TESTED: {} is not there; set TENANTRY_CONFORMANCE to the folder that holds it ***\n",
            file.display()
        );
        // Written past the test harness's capture: a test that tested nothing must not look like one that passed.
        let _ = std::io::stderr().write_all(message.as_bytes());
        None
    })
}

/// `match`, `no-match`, `error` or `event-error`, with AWS's message where it is an error.
fn answer(pattern: &str, event: &str) -> (&'static str, Option<String>) {
    let event: Value = serde_json::from_str(event).unwrap_or(Value::Null);
    // The event is judged first, as AWS does.
    if !event.is_object() {
        return ("event-error", Some(EventError.to_string()));
    }
    match pattern.parse::<Pattern>().map(|pattern| pattern.test(&event)) {
        Ok(Ok(true)) => ("match", None),
        Ok(Ok(false)) => ("no-match", None),
        Ok(Err(error)) => ("event-error", Some(error.to_string())),
        Err(error) => ("error", Some(error.to_string())),
    }
}

#[test]
fn every_recorded_answer_is_ours() {
    let Some(recorded) = recorded() else { return };
    let mut wrong = Vec::new();
    let mut cases = 0;
    for line in recorded.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| case[name].as_str().unwrap_or_default();
        let (answer, message) = answer(field("pattern"), field("event"));
        let wanted = case["aws_error"]["message"].as_str();
        let same_words = wanted.is_none() || wanted == message.as_deref();
        let code = case["aws_error"]["code"].as_str();
        let same_code = field("expect") != "error" || code.is_none_or(|code| code == PatternError::CODE);
        if answer != field("expect") || !same_words || !same_code {
            wrong.push(format!(
                "{}: {answer} {message:?}, not {} {wanted:?}",
                field("name"),
                field("expect")
            ));
        }
        cases += 1;
    }
    assert!(cases >= 100, "only {cases} cases were found");
    assert!(wrong.is_empty(), "{} of {cases} differ:\n{}", wrong.len(), wrong.join("\n"));
}
