//! Definitions: those that must load, and those of which linters have an opinion.

use crate::compare::Difference;
use crate::outcome::{Aspect, CaseOutcome, Checks, Verdict};
use serde_json::Value;

/// Why the definition is refused; empty where it loads.
fn problems(definition: &Value) -> Vec<String> {
    let text = match definition {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match tenantry_asl::parse(&text) {
        Ok(_) => Vec::new(),
        Err(diagnostics) => diagnostics.iter().map(ToString::to_string).collect(),
    }
}

pub(crate) fn sample(case: &Value) -> CaseOutcome {
    let problems = problems(&deployed(&case["definition"]));
    let check = match &problems[..] {
        [] => Ok(()),
        _ => Err(Difference::new("it loads", problems.join("; "))),
    };
    outcome(case, "sample", "real-life state machines", check)
}

/// Samples are templates: where a whole Resource is a `${placeholder}`, its deployment puts a function's ARN, without
/// which AWS refuses the definition as well.
fn deployed(template: &Value) -> Value {
    match template {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match value.as_str() {
                Some(text) if name == "Resource" && text.starts_with("${") && text.ends_with('}') => {
                    (name.clone(), "arn:aws:lambda:us-east-1:111111111111:function:deployed".into())
                }
                _ => (name.clone(), deployed(value)),
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(deployed).collect(),
        other => other.clone(),
    }
}

pub(crate) fn fixture(case: &Value) -> CaseOutcome {
    let problems = problems(&case["definition"]);
    let valid = case["valid"] == true;
    let told = |valid: bool| if valid { "valid" } else { "invalid" };
    let check = match problems.is_empty() == valid {
        true => Ok(()),
        false => {
            let found = format!("{}: {}", told(problems.is_empty()), problems.join("; "));
            Err(Difference::new(told(valid), found))
        }
    };
    let category = case["source"].as_str().unwrap_or("linter").to_owned();
    outcome(case, "linter's opinion", &category, check)
}

fn outcome(case: &Value, kind: &str, category: &str, check: Result<(), Difference>) -> CaseOutcome {
    CaseOutcome {
        name: case["name"].as_str().unwrap_or_default().to_owned(),
        kind: kind.to_owned(),
        category: category.to_owned(),
        counts: true,
        verdict: Verdict::Run(Checks::from([(Aspect::Result, check)])),
        shown: Some(case.clone()),
    }
}
