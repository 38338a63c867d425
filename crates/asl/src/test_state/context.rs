//! A context object that the request gives: which members it may have, and of which type.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>

use super::Refusal;
use super::target::Target;
use crate::definition::model::{Kind, WaitsFor};
use serde_json::{Map, Value};

/// The type of a member.
enum Type {
    Any,
    Text,
    Number,
}

/// The members of each part.
const PARTS: &[(&str, &[(&str, Type)])] = &[
    (
        "Execution",
        &[
            ("Id", Type::Text),
            ("Input", Type::Any),
            ("Name", Type::Text),
            ("RoleArn", Type::Text),
            ("StartTime", Type::Text),
            ("RedriveCount", Type::Number),
            ("RedriveTime", Type::Text),
        ],
    ),
    ("State", &[("EnteredTime", Type::Text), ("Name", Type::Text), ("RetryCount", Type::Number)]),
    ("StateMachine", &[("Id", Type::Text), ("Name", Type::Text)]),
    ("Task", &[("Token", Type::Text)]),
];

/// The context object, once it is right.
pub(super) fn checked(text: &str, target: &Target) -> Result<Value, Refusal> {
    let refused =
        |problem: String| Refusal::Validation(format!("Invalid Context object provided: {problem}"));
    let Ok(Value::Object(context)) = super::json(text) else {
        return Err(refused("Context object must be a valid JSON object".to_owned()));
    };
    for (name, part) in &context {
        if name == "Map" {
            return Err(refused("'Map' field is not supported when mocking a Context object".to_owned()));
        }
        let Some((_, members)) = PARTS.iter().find(|(known, _)| known == name) else {
            return Err(refused(format!("Field '{name}' is not allowed")));
        };
        let Value::Object(part) = part else {
            return Err(refused(format!("{name} must be an object")));
        };
        check_members(name, part, members).map_err(refused)?;
    }
    if context.contains_key("Task") && !has_token(target) {
        return Err(refused(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern".to_owned(),
        ));
    }
    Ok(Value::Object(context))
}

fn check_members(name: &str, part: &Map<String, Value>, members: &[(&str, Type)]) -> Result<(), String> {
    for (member, value) in part {
        let Some((_, wanted)) = members.iter().find(|(known, _)| known == member) else {
            return Err(format!("Field '{member}' is not allowed"));
        };
        match wanted {
            Type::Text if !value.is_string() => return Err(format!("{name}.{member} must be a string")),
            Type::Number if !value.is_number() => return Err(format!("{name}.{member} must be a number")),
            _ => {}
        }
    }
    Ok(())
}

fn has_token(target: &Target) -> bool {
    match target.definition.state(&target.state).map(|state| &state.kind) {
        Some(Kind::Task(task)) => task.resource.waits_for != WaitsFor::Response,
        _ => false,
    }
}
