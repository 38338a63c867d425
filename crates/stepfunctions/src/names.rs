//! Names and ARNs in requests: which are taken, and how AWS words a refusal.

use crate::ApiError;
use tenantry_core::ids::is_resource_name;

/// Refuses what Step Functions does not take as a name: white space, brackets, wildcards, its special characters,
/// control characters, and whatever UTF-16 writes with surrogates.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html>
pub(crate) fn check_name(name: &str) -> Result<(), ApiError> {
    let plain = name.chars().all(|character| u32::from(character) <= 0xffff);
    if plain && is_resource_name(name) { Ok(()) } else { Err(ApiError::invalid_name(name)) }
}

/// The parts of an ARN that name a resource, after its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resource<'a> {
    /// Such as `stateMachine`.
    pub(crate) kind: &'a str,
    /// What follows the type, such as `name` or `name:version`.
    pub(crate) rest: &'a str,
}

/// Reads an ARN whose resource must be one of `kinds`.
pub(crate) fn resource<'a>(arn: &'a str, kinds: &[&str]) -> Result<Resource<'a>, ApiError> {
    if !arn.starts_with("arn:") {
        return Err(ApiError::invalid_arn(format!("Invalid ARN prefix: {arn}")));
    }
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let (kind, rest) = resource.split_once(':').unwrap_or((resource, ""));
    if kind.is_empty() {
        return Err(ApiError::invalid_arn(format!("Resource type can not be empty: {arn}")));
    }
    if !kinds.contains(&kind) {
        return Err(ApiError::invalid_arn(format!("Resource type not valid in this context: {kind}")));
    }
    let known = tenantry_core::Arn::parse(arn).is_some();
    if !known {
        return Err(ApiError::invalid_arn(format!("Invalid ARN: {arn}")));
    }
    Ok(Resource { kind, rest })
}

/// The name of a state machine, and the version or alias that its ARN may end with.
pub(crate) fn state_machine(arn: &str) -> Result<(&str, Option<&str>), ApiError> {
    let resource = resource(arn, &["stateMachine"])?;
    Ok(match resource.rest.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (resource.rest, None),
    })
}

/// The name of an activity.
pub(crate) fn activity(arn: &str) -> Result<&str, ApiError> {
    resource(arn, &["activity"]).map(|resource| resource.rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "Activity1", "activity-name.1", "a_b", "é", "a@b", &"x".repeat(80)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a<b",
            "a*",
            "a\"b",
            "a#",
            "a%",
            "a\\",
            "a^",
            "a|b",
            "a~",
            "a`",
            "a$",
            "a&",
            "a,",
            "a;",
            "a:",
            "a/b",
            "\u{0}a",
            "a\u{1f}",
            "a\u{7f}",
            "a\u{85}",
            "a\u{fffe}",
            "a😀",
            &"x".repeat(81),
        ] {
            assert_eq!(check_name(bad).unwrap_err().message, format!("Invalid Name: '{bad}'"));
        }
    }

    #[test]
    fn arns_of_other_kinds_are_told_apart() {
        let machine = "arn:aws:states:us-east-1:111111111111:stateMachine:m:1";
        assert_eq!(state_machine(machine), Ok(("m", Some("1"))));
        for (arn, message) in [
            ("m", "Invalid Arn: 'Invalid ARN prefix: m'"),
            ("arn:aws:states", "Invalid Arn: 'Resource type can not be empty: arn:aws:states'"),
            (machine, "Invalid Arn: 'Resource type not valid in this context: stateMachine'"),
        ] {
            assert_eq!(resource(arn, &["execution"]).unwrap_err().message, message);
        }
    }
}
