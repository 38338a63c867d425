//! EventBridge patterns against events: a match, none, or AWS's refusal.

use crate::compare::Difference;
use crate::outcome::{Aspect, CaseOutcome, Checks, Verdict};
use serde_json::Value;
use tenantry_events::pattern::{EventError, Pattern, PatternError};

enum Answer {
    Matched(bool),
    BadPattern(PatternError),
    BadEvent(EventError),
}

fn ask(case: &Value) -> Answer {
    let text = |name: &str| match &case[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let pattern: Pattern = match text("pattern").parse() {
        Ok(pattern) => pattern,
        Err(error) => return Answer::BadPattern(error),
    };
    let event = serde_json::from_str::<Value>(&text("event")).map_err(|_| EventError);
    match event.and_then(|event| pattern.test(&event)) {
        Ok(matched) => Answer::Matched(matched),
        Err(error) => Answer::BadEvent(error),
    }
}

pub(crate) fn run(case: &Value) -> CaseOutcome {
    let expect = case["expect"].as_str().unwrap_or_default();
    let answer = ask(case);
    let found = match &answer {
        Answer::Matched(true) => "match",
        Answer::Matched(false) => "no-match",
        Answer::BadPattern(_) => "error",
        Answer::BadEvent(_) => "event-error",
    };
    let mut checks = Checks::new();
    let same = |wanted: &str, found: &str| match wanted == found {
        true => Ok(()),
        false => Err(Difference::new(wanted, found)),
    };
    let words = match &answer {
        Answer::BadPattern(error) => Some((PatternError::CODE, error.to_string())),
        Answer::BadEvent(error) => Some(("ValidationException", error.to_string())),
        Answer::Matched(_) => None,
    };
    checks.insert(Aspect::Result, same(expect, found));
    if let Some(error) = case.get("aws_error").filter(|error| error.is_object()) {
        let (code, message) = words.unwrap_or(("", format!("no error: {found}")));
        checks.insert(Aspect::Code, same(error["code"].as_str().unwrap_or_default(), code));
        checks.insert(Aspect::Words, same(error["message"].as_str().unwrap_or_default(), &message));
    }
    CaseOutcome {
        name: case["name"].as_str().unwrap_or_default().to_owned(),
        kind: "pattern".to_owned(),
        category: expect.to_owned(),
        counts: true,
        verdict: Verdict::Run(checks),
        shown: Some(case.clone()),
    }
}
