//! One recorded case: its fields, and whether it can be run.

use crate::compare::Unordered;
use crate::world::SERVICES;
use serde_json::Value;
use std::collections::BTreeSet;

/// A line of a file of executions and API calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a>(pub(crate) &'a Value);

impl<'a> Case<'a> {
    fn text(self, name: &str) -> &'a str {
        self.0[name].as_str().unwrap_or_default()
    }

    pub(crate) fn name(self) -> &'a str {
        self.text("name")
    }

    pub(crate) fn kind(self) -> &'a str {
        self.text("kind")
    }

    pub(crate) fn category(self) -> &'a str {
        self.text("category")
    }

    pub(crate) fn definition(self) -> &'a str {
        self.text("definition")
    }

    pub(crate) fn state_machine_arn(self) -> &'a str {
        self.text("state_machine_arn")
    }

    pub(crate) fn execution_arn(self) -> &'a str {
        self.text("execution_arn")
    }

    pub(crate) fn is_express(self) -> bool {
        self.0["machine_type"] == "EXPRESS"
    }

    pub(crate) fn expected(self) -> &'a Value {
        &self.0["expected"]
    }

    pub(crate) fn get(self, name: &str) -> &'a Value {
        &self.0[name]
    }

    /// The execution's input as text: an empty object where none was given.
    pub(crate) fn input(self) -> String {
        match &self.0["input"] {
            Value::Null => "{}".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    pub(crate) fn in_scope(self) -> bool {
        self.0["in_scope"] == true
    }

    /// Why the case is not run; `None` where it is.
    pub(crate) fn why_not_run(self) -> Option<String> {
        if self.is_refused_by_the_client() {
            return Some(
                "botocore refuses the parameters before anything is sent (ParamValidationError)".to_owned(),
            );
        }
        if self.0["volatile"] == true {
            return Some("excluded: volatile (a time was computed when the case was made)".to_owned());
        }
        if self.0["input_check"] == "differs" {
            return Some("excluded: input_check differs (the recorded input was masked)".to_owned());
        }
        let missing = self.missing_services();
        (!self.in_scope() && !missing.is_empty())
            .then(|| format!("out of scope: needs {}", missing.join(", ")))
    }

    fn is_refused_by_the_client(self) -> bool {
        let expected = self.expected();
        expected["exception_typename"] == "ParamValidationError"
            || expected.as_str().is_some_and(|text| text.starts_with("Parameter validation failed"))
    }

    /// What the case needs and nobody here answers for.
    fn missing_services(self) -> Vec<String> {
        let requires = self.0["requires"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut missing: Vec<String> =
            requires.filter(|service| !SERVICES.contains(service)).map(str::to_owned).collect();
        let calls = self.0["other_calls"].as_array().into_iter().flatten();
        let fixtures =
            calls.filter(|call| call["service"] == "fixture").filter_map(|call| call["op"].as_str());
        missing.extend(fixtures.map(|fixture| format!("the fixture {fixture}")));
        if self.category() == "credentials" {
            missing.push("another account".to_owned());
        }
        missing.sort();
        missing.dedup();
        missing
    }

    /// What of the history has no order of its own.
    pub(crate) fn unordered(self) -> Unordered {
        let mut concurrent_maps = BTreeSet::new();
        if let Ok(definition) = serde_json::from_str::<Value>(self.definition()) {
            find_concurrent_maps(&definition, &mut concurrent_maps);
        }
        Unordered { sorted_parallel: self.0["parallel_events_sorted"] == true, concurrent_maps }
    }
}

fn find_concurrent_maps(machine: &Value, found: &mut BTreeSet<String>) {
    for (name, state) in machine["States"].as_object().into_iter().flatten() {
        if state["Type"] == "Map" && state["MaxConcurrency"] != 1 {
            found.insert(name.clone());
        }
        let branches = state["Branches"].as_array().into_iter().flatten();
        let processors = ["ItemProcessor", "Iterator"].into_iter().filter_map(|inner| state.get(inner));
        branches.chain(processors).for_each(|inner| find_concurrent_maps(inner, found));
    }
}

/// The role of every recorded state machine.
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::111111111111:role/sfn-role";
