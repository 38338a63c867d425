//! What mocked tasks answer: the format of AWS Step Functions Local's mock configuration, or the short form of it.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html>

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What one attempt of a task answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Its result.
    Return(Value),
    /// Its failure.
    Throw {
        /// The error's name.
        error: String,
        /// Why.
        cause: Option<String>,
    },
}

/// Answers by state and attempt.
#[derive(Debug, Clone, Default)]
pub struct Mocks(BTreeMap<String, Vec<(Attempts, Answer)>>);

/// From the first to the last attempt, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Attempts {
    first: u64,
    last: u64,
}

/// Why a file of mocks cannot be used; says where and what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the mocks cannot be used: {place}: {problem}")]
pub struct MockFault {
    place: String,
    problem: String,
}

fn fault<T>(place: impl Into<String>, problem: impl Into<String>) -> Result<T, MockFault> {
    Err(MockFault { place: place.into(), problem: problem.into() })
}

impl Mocks {
    /// Reads either form.
    ///
    /// * short: `{"<state>": <answers>}`
    /// * Step Functions Local's: `{"StateMachines": {"<name>": {"TestCases": {"<case>": {"<state>": "<response>"}}}},
    ///   "MockedResponses": {"<response>": <answers>}}`; `machine` and `case` choose, and may be left out where there is
    ///   only one.
    ///
    /// `<answers>` is `{"Return": …}` or `{"Throw": {"Error", "Cause"}}` for every attempt, or one of these for each
    /// attempt: `{"0": …, "1-2": …}`, where the last one also holds for all attempts after it.
    ///
    /// # Errors
    /// [`MockFault`]: where, and what is wrong.
    pub fn read(mocks: &Value, machine: Option<&str>, case: Option<&str>) -> Result<Self, MockFault> {
        let Value::Object(members) = mocks else { return fault("the file", "must hold a JSON object") };
        if !members.contains_key("StateMachines") && !members.contains_key("MockedResponses") {
            return members
                .iter()
                .map(|(state, answers)| Ok((state.clone(), attempts(state, answers)?)))
                .collect::<Result<_, _>>()
                .map(Mocks);
        }
        let machines = object(members.get("StateMachines"), "StateMachines")?;
        let machine = chosen(machines, machine, "StateMachines", "--machine")?;
        let cases = object(machine.get("TestCases"), "TestCases")?;
        let case = chosen(cases, case, "TestCases", "--case")?;
        let responses = object(members.get("MockedResponses"), "MockedResponses")?;
        object(Some(case), "the test case")?
            .iter()
            .map(|(state, response)| {
                let name = response.as_str().unwrap_or_default();
                match responses.get(name) {
                    Some(answers) => Ok((state.clone(), attempts(name, answers)?)),
                    None => {
                        fault(state, format!("names the response '{name}', which is not in MockedResponses"))
                    }
                }
            })
            .collect::<Result<_, _>>()
            .map(Mocks)
    }

    /// What an attempt of a state's task answers; `None` where the state is not mocked.
    pub fn answer(&self, state: &str, attempt: u64) -> Option<&Answer> {
        let answers = self.0.get(state)?;
        let exact = answers.iter().find(|(attempts, _)| (attempts.first..=attempts.last).contains(&attempt));
        exact
            .or_else(|| answers.iter().rfind(|(attempts, _)| attempts.last < attempt))
            .map(|(_, answer)| answer)
    }

    /// The states that are mocked.
    pub fn states(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn object<'a>(value: Option<&'a Value>, place: &str) -> Result<&'a Map<String, Value>, MockFault> {
    match value {
        Some(Value::Object(members)) => Ok(members),
        Some(_) => fault(place, "must be an object"),
        None => fault(place, "is missing"),
    }
}

fn chosen<'a>(
    members: &'a Map<String, Value>,
    name: Option<&str>,
    place: &str,
    flag: &str,
) -> Result<&'a Value, MockFault> {
    let known = || members.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => match members.get(name) {
            Some(found) => Ok(found),
            None => fault(place, format!("has no '{name}'; known are {}", known())),
        },
        None if members.is_empty() => fault(place, "is empty"),
        None if members.len() == 1 => members.values().next().map_or_else(|| fault(place, "is empty"), Ok),
        None => fault(place, format!("has several: choose one with {flag}; known are {}", known())),
    }
}

fn attempts(place: &str, answers: &Value) -> Result<Vec<(Attempts, Answer)>, MockFault> {
    let Value::Object(members) = answers else {
        return fault(
            place,
            "must be an object with Return, Throw, or an answer for each attempt (\"0\", \"1-2\")",
        );
    };
    if members.contains_key("Return") || members.contains_key("Throw") {
        return Ok(vec![(Attempts { first: 0, last: u64::MAX }, answer(place, answers)?)]);
    }
    let mut read: Vec<(Attempts, Answer)> = members
        .iter()
        .map(|(range, value)| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            match (first.trim().parse(), last.trim().parse()) {
                (Ok(first), Ok(last)) if first <= last => {
                    Ok((Attempts { first, last }, answer(&format!("{place}/{range}"), value)?))
                }
                _ => fault(
                    place,
                    format!(
                        "'{range}' is neither Return, Throw, an attempt (\"0\") nor a range of them (\"1-2\")"
                    ),
                ),
            }
        })
        .collect::<Result<_, _>>()?;
    read.sort_by_key(|(attempts, _)| attempts.first);
    if let Some(pair) = read.windows(2).find(|pair| pair[0].0.last >= pair[1].0.first) {
        return fault(place, format!("attempt {} has two answers", pair[1].0.first));
    }
    Ok(read)
}

fn answer(place: &str, value: &Value) -> Result<Answer, MockFault> {
    let members = object(Some(value), place)?;
    match (members.get("Return"), members.get("Throw")) {
        (Some(result), None) => Ok(Answer::Return(result.clone())),
        (None, Some(Value::Object(thrown))) => {
            let text = |name: &str| thrown.get(name).and_then(Value::as_str).map(str::to_owned);
            match text("Error") {
                Some(error) => Ok(Answer::Throw { error, cause: text("Cause") }),
                None => fault(place, "Throw needs the text Error"),
            }
        }
        (None, Some(_)) => fault(place, "Throw must be an object with Error and Cause"),
        (Some(_), Some(_)) => fault(place, "has both Return and Throw"),
        (None, None) => fault(place, "has neither Return nor Throw"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn returned(value: Value) -> Answer {
        Answer::Return(value)
    }

    #[test]
    fn answers_are_found_by_attempt_and_the_last_one_stays() {
        let mocks = json!({"Ask": {"0": {"Throw": {"Error": "Busy", "Cause": "c"}}, "1-2": {"Return": 1}, "3": {"Return": 2}}});
        let mocks = Mocks::read(&mocks, None, None).unwrap();
        let busy = Answer::Throw { error: "Busy".to_owned(), cause: Some("c".to_owned()) };
        assert_eq!(mocks.answer("Ask", 0), Some(&busy));
        assert_eq!(mocks.answer("Ask", 2), Some(&returned(json!(1))));
        assert_eq!(mocks.answer("Ask", 9), Some(&returned(json!(2))));
        assert_eq!(mocks.answer("Other", 0), None);
    }

    #[test]
    fn the_configuration_of_step_functions_local_is_read() {
        let mocks = json!({
            "StateMachines": {"Orders": {"TestCases": {"Happy": {"Ask": "Good"}, "Sad": {"Ask": "Bad"}}}},
            "MockedResponses": {"Good": {"0": {"Return": {"a": 1}}}, "Bad": {"0": {"Throw": {"Error": "E"}}}},
        });
        let sad = Mocks::read(&mocks, None, Some("Sad")).unwrap();
        assert_eq!(sad.answer("Ask", 0), Some(&Answer::Throw { error: "E".to_owned(), cause: None }));
        let several = Mocks::read(&mocks, None, None).unwrap_err().to_string();
        assert!(several.contains("--case") && several.contains("Happy, Sad"), "{several}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (mocks, expected) in [
            (json!([]), "JSON object"),
            (json!({"A": 1}), "A: must be an object"),
            (json!({"A": {"x": {}}}), "'x' is neither"),
            (json!({"A": {"0-2": {"Return": 1}, "2": {"Return": 1}}}), "attempt 2 has two answers"),
            (json!({"A": {"0": {}}}), "A/0: has neither"),
            (json!({"A": {"Throw": {}}}), "Throw needs"),
            (json!({"StateMachines": {}, "MockedResponses": {}}), "StateMachines: is empty"),
        ] {
            let problem = Mocks::read(&mocks, None, None).unwrap_err().to_string();
            assert!(problem.contains(expected), "{mocks}: {problem}");
        }
    }
}
