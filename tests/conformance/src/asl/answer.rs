//! An API answer against the recorded one: the whole of it, or of a refusal its code and its words.

use super::Case;
use crate::compare::{Comparison, Difference};
use crate::outcome::{Aspect, Checks};
use crate::stage::Refusal;
use serde_json::Value;

/// A recorded refusal.
#[derive(Debug, PartialEq, Eq)]
struct Recorded<'a> {
    code: &'a str,
    words: &'a str,
}

/// botocore's text: `An error occurred (<code>) when calling the <operation> operation: <words>`.
fn from_text(text: &str) -> Option<Recorded<'_>> {
    let (code, rest) = text.strip_prefix("An error occurred (")?.split_once(") when calling the ")?;
    Some(Recorded { code, words: rest.split_once(" operation: ")?.1 })
}

fn recorded_refusal(expected: &Value) -> Option<Recorded<'_>> {
    if let (Some(code), Some(words)) =
        (expected["Error"]["Code"].as_str(), expected["Error"]["Message"].as_str())
    {
        return Some(Recorded { code, words });
    }
    expected["exception_value"].as_str().or(expected.as_str()).and_then(from_text)
}

/// Members that AWS added to its answers, and when: a recording from before has none of them.
const ADDED: &[(&str, &str)] = &[
    ("redriveCount", "2023-11-16"),
    ("redriveStatus", "2023-11-16"),
    ("redriveStatusReason", "2023-11-16"),
    ("pendingRedrive", "2023-11-16"),
    ("failuresNotRedrivable", "2023-11-16"),
    ("encryptionConfiguration", "2024-07-26"),
    ("variableReferences", "2024-11-23"),
    // The same in the spelling of `states:startExecution.sync`.
    ("RedriveCount", "2023-11-16"),
    ("RedriveStatus", "2023-11-16"),
    ("RedriveStatusReason", "2023-11-16"),
];
/// When the link of a distributed Map's `MapStateExited` had changed at the latest.
const MAP_RUN_LINKS_CHANGED: &str = "2024-11-14";

/// A comparison for this case's answers.
pub(super) fn comparison(case: Case<'_>) -> Comparison {
    let validated = case.get("last_validated").as_str().unwrap_or_default();
    let later = ADDED.iter().filter(|(_, since)| validated < *since).map(|(name, _)| *name);
    let comparison = Comparison::new(case.get("masks")).without_added(later);
    let has_map_run = case.expected()["events"]
        .as_array()
        .is_some_and(|events| events.iter().any(|event| event["type"] == "MapRunStarted"));
    if has_map_run && validated < MAP_RUN_LINKS_CHANGED {
        comparison.before_map_runs_link_changed()
    } else {
        comparison
    }
}

pub(super) fn check(case: Case<'_>, answer: &Result<Value, Refusal>) -> Checks {
    let expected = case.expected();
    let mut comparison = comparison(case);
    let mut checks = Checks::new();
    match (recorded_refusal(expected), answer) {
        (None, Ok(answer)) => {
            checks.insert(Aspect::Result, whole(expected, answer, &mut comparison));
        }
        (None, Err(Refusal { code, message })) => {
            let difference = Difference::new(expected.to_string(), format!("{code}: {message}"));
            checks.insert(Aspect::Result, Err(difference));
        }
        (Some(Recorded { code, words }), answer) => {
            let (our_code, our_words) = match answer {
                Ok(answer) => ("no refusal", answer.to_string()),
                Err(refusal) => (refusal.code.as_str(), refusal.message.clone()),
            };
            let mut same = |at: &str, wanted: &str, found: &str| {
                let compared = comparison.value(&wanted.into(), &found.into());
                compared.map_err(|difference| difference.within(at))
            };
            let code = match same("code ", code, our_code) {
                Err(difference) if !our_words.is_empty() => {
                    let found = format!("{}: {our_words}", difference.found);
                    Err(Difference { found, ..difference })
                }
                other => other,
            };
            let words = same("words ", words, &our_words);
            checks.insert(Aspect::Result, code.clone().and_then(|()| words.clone()));
            checks.insert(Aspect::Code, code);
            checks.insert(Aspect::Words, words);
        }
    }
    checks
}

/// The tests recorded some lists as the one item that they looked for.
fn whole(expected: &Value, answer: &Value, comparison: &mut Comparison) -> Result<(), Difference> {
    let as_it_stands = comparison.value(expected, answer);
    let items = answer.as_object().into_iter().flatten().find_map(|(_, value)| value.as_array());
    match items {
        Some(items) if expected.get("ResponseMetadata").is_none() => {
            let found = items.iter().any(|item| comparison.value(expected, item).is_ok());
            found.then_some(()).ok_or_else(|| Difference::new(expected.to_string(), answer.to_string()))
        }
        _ => as_it_stands,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check_of(expected: Value, validated: &str, answer: &Result<Value, Refusal>) -> Checks {
        check(Case(&json!({"expected": expected, "last_validated": validated})), answer)
    }

    #[test]
    fn refusals_are_recorded_in_three_ways() {
        let text = "An error occurred (C) when calling the O operation: some words";
        for expected in [
            json!({"Error": {"Code": "C", "Message": "some words"}, "message": "some words"}),
            json!({"exception_typename": "C", "exception_value": text}),
            json!(text),
        ] {
            let checks = check_of(expected, "2025-01-01", &Err(Refusal::new("C", "some words")));
            assert!(checks.values().all(Result::is_ok) && checks.len() == 3, "{checks:?}");
        }
        let checks = check_of(json!(text), "2025-01-01", &Err(Refusal::new("C", "other words")));
        assert!(checks[&Aspect::Code].is_ok() && checks[&Aspect::Words].is_err());
        assert!(check_of(json!(text), "2025-01-01", &Ok(json!({})))[&Aspect::Code].is_err());
        assert!(check_of(json!({}), "2025-01-01", &Err(Refusal::new("C", "")))[&Aspect::Result].is_err());
    }

    #[test]
    fn what_aws_added_later_is_not_in_older_recordings() {
        let answer = Ok(json!({"a": 1, "redriveCount": 0}));
        let recorded = json!({"a": 1, "ResponseMetadata": {}});
        assert!(check_of(recorded.clone(), "2023-07-01", &answer)[&Aspect::Result].is_ok());
        assert!(check_of(recorded, "2025-07-01", &answer)[&Aspect::Result].is_err());
        assert!(
            check_of(json!({"redriveCount": 1, "a": 1}), "2023-07-01", &answer)[&Aspect::Result].is_err()
        );
    }

    #[test]
    fn an_item_of_a_list_is_found_in_it() {
        let answer = Ok(json!({"stateMachines": [{"name": "a"}, {"name": "b"}]}));
        assert!(check_of(json!({"name": "b"}), "2025-01-01", &answer)[&Aspect::Result].is_ok());
        assert!(check_of(json!({"name": "c"}), "2025-01-01", &answer)[&Aspect::Result].is_err());
    }
}
