//! `<<name>>` in recorded arguments: a value that an earlier answer of the same test gave.

use regex::{Captures, Regex};
use serde_json::{Map, Value};

/// The answers so far, oldest first.
#[derive(Debug, Default)]
pub(super) struct Answers(Vec<Value>);

/// Objects of the recorded test that are no part of a request.
const NOT_SENT: &[&str] = &["<<Clients>>", "<<Svc>>"];
/// Where recorded state machines log to: made outside Step Functions, and of no matter to what is compared.
const LOG_GROUP: &str = "arn:aws:logs:us-east-1:111111111111:log-group:log_group_name:*";
/// A machine that is only named within a document.
const SOME_MACHINE: &str = "arn:aws:states:us-east-1:111111111111:stateMachine:some-machine";

impl Answers {
    pub(super) fn add(&mut self, answer: Value) {
        self.0.push(answer);
    }

    /// Every value that was answered under this name, oldest first.
    fn all<'a>(&'a self, name: &str) -> Vec<&'a Value> {
        fn walk<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
            match value {
                Value::Object(members) => {
                    for (member, value) in members {
                        if member == name {
                            found.push(value);
                        }
                        walk(value, name, found);
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, name, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        self.0.iter().for_each(|answer| walk(answer, name, &mut found));
        found
    }

    /// The arguments with every reference resolved.
    ///
    /// # Errors
    /// The name of a reference that no answer gave.
    pub(super) fn resolve(&self, arguments: &Value) -> Result<Value, String> {
        Resolver { answers: self, index: None }.value(arguments)
    }
}

struct Resolver<'a> {
    answers: &'a Answers,
    /// Where in a list it is.
    index: Option<usize>,
}

impl Resolver<'_> {
    fn value(&mut self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::Object(members) => {
                let mut resolved = Map::new();
                for (name, value) in members {
                    if !value.as_str().is_some_and(|text| NOT_SENT.contains(&text)) {
                        resolved.insert(name.clone(), self.value(value)?);
                    }
                }
                Value::Object(resolved)
            }
            Value::Array(items) => {
                let resolved = items.iter().enumerate().map(|(index, item)| {
                    self.index = Some(index);
                    self.value(item)
                });
                let resolved: Result<_, _> = resolved.collect();
                self.index = None;
                Value::Array(resolved?)
            }
            Value::String(text) => self.text(text)?,
            other => other.clone(),
        })
    }

    fn text(&mut self, text: &str) -> Result<Value, String> {
        let Ok(reference) = Regex::new("<<([A-Za-z_.]+)>>") else { return Ok(text.into()) };
        if let Some(captures) = reference.captures(text)
            && captures.get(0).is_some_and(|all| all.as_str() == text)
        {
            return self.reference(&captures[1]);
        }
        let mut problem = None;
        let resolved =
            reference.replace_all(text, |captures: &Captures<'_>| match self.reference(&captures[1]) {
                Ok(Value::String(text)) => text,
                Ok(other) => other.to_string(),
                Err(name) => {
                    problem = Some(name);
                    String::new()
                }
            });
        problem.map_or_else(|| Ok(resolved.into_owned().into()), Err)
    }

    fn reference(&mut self, name: &str) -> Result<Value, String> {
        let member = name.rsplit('.').next().unwrap_or(name);
        let found = self.answers.all(member);
        let chosen = match member {
            // In a list the versions stand in the order in which they were published; alone it is the last one.
            "stateMachineVersionArn" => {
                let mut versions: Vec<&Value> = Vec::new();
                found.into_iter().for_each(|arn| {
                    if !versions.contains(&arn) {
                        versions.push(arn);
                    }
                });
                self.index.map_or_else(|| versions.last(), |index| versions.get(index)).copied()
            }
            // The tests keep the revision that they were told first, and come back with it when it is stale.
            "revisionId" => found.first().copied(),
            _ => found.last().copied(),
        };
        match (chosen, name) {
            (Some(value), _) => Ok(value.clone()),
            (None, "value.arn") => Ok(LOG_GROUP.into()),
            (None, "arns.stepfunctions_state_machine_arn") => Ok(SOME_MACHINE.into()),
            (None, _) => Err(name.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answers() -> Answers {
        let mut answers = Answers::default();
        for version in 1..=3 {
            answers.add(json!({"stateMachineVersionArn": format!("m:{version}"), "revisionId": version}));
        }
        answers.add(json!({"items": [{"nextToken": "n"}]}));
        answers
    }

    #[test]
    fn references_are_resolved_from_the_answers() {
        let resolve = |value: Value| answers().resolve(&value).unwrap();
        assert_eq!(resolve(json!({"nextToken": "<<value.nextToken>>"})), json!({"nextToken": "n"}));
        assert_eq!(resolve(json!({"revisionId": "<<revisionId>>"})), json!({"revisionId": 1}));
        assert_eq!(resolve(json!({"client": "<<Clients>>", "a": [1]})), json!({"a": [1]}));
        assert_eq!(resolve(json!("x <<value.nextToken>> y")), json!("x n y"));
        assert_eq!(answers().resolve(&json!("<<outputs.Other>>")), Err("outputs.Other".to_owned()));
    }

    #[test]
    fn versions_are_taken_in_the_order_of_their_publication() {
        let resolve = |value: Value| answers().resolve(&value).unwrap();
        let reference = "<<stateMachineVersionArn>>";
        assert_eq!(resolve(json!({"arn": reference})), json!({"arn": "m:3"}));
        assert_eq!(resolve(json!(["m:1", reference, reference])), json!(["m:1", "m:2", "m:3"]));
        assert_eq!(resolve(json!(["m", {"arn": reference}])), json!(["m", {"arn": "m:2"}]));
    }
}
