//! How states hang together: targets, ends, names; and what an Express machine may not do.

use super::{check, of, said};
use crate::{MachineType, parse_as, parse_state, validate};
use serde_json::{Value, json};

fn pass(next: &str) -> Value {
    json!({"Type": "Pass", "Next": next})
}

fn machine(states: Value) -> Value {
    json!({"StartAt": "A", "States": states})
}

#[test]
fn targets_ends_and_reach() {
    let end = json!({"Type": "Pass", "End": true});
    check(vec![
        (
            machine(json!({"A": pass("B"), "B": pass("A")})),
            vec!["MISSING_END_STATE: Workflow has no terminal state at null"],
        ),
        (
            machine(json!({"A": pass("B"), "B": pass("A"), "Unused": pass("A")})),
            vec!["MISSING_END_STATE: Workflow has no terminal state at null"],
        ),
        (
            machine(json!({"A": pass("NOPE")})),
            vec![
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Next",
                "MISSING_END_STATE: Workflow has no terminal state at null",
            ],
        ),
        (
            machine(json!({"A": pass("B"), "B": pass("A"), "a/b": end})),
            vec!["MISSING_TRANSITION_TARGET: State \"a/b\" is not reachable. at /States/a/b"],
        ),
        (
            json!({"StartAt": "Nope", "States": {"A": end}}),
            vec![
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: Nope at /StartAt",
                "MISSING_TRANSITION_TARGET: State \"A\" is not reachable. at /States/A",
            ],
        ),
        (
            machine(
                json!({"A": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "Ghost"}], "Default": "Spook"}, "Z": end}),
            ),
            vec![
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: Spook at /States/A/Default",
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: Ghost at /States/A/Choices[0]/Next",
                "MISSING_TRANSITION_TARGET: State \"Z\" is not reachable. at /States/Z",
            ],
        ),
        // Only the top level must end.
        (
            of(
                "Parallel",
                json!({"Branches": [{"StartAt": "B", "States": {"B": pass("C"), "C": pass("B")}}]}),
            ),
            vec![],
        ),
        (
            of("Parallel", json!({"Branches": [{"StartAt": "B", "States": {"B": pass("A")}}]})),
            vec![
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: A at /States/A/Branches[0]/States/B/Next",
            ],
        ),
        (
            of("Parallel", json!({"Branches": [{"StartAt": "A", "States": {"A": end}}]})),
            vec!["DUPLICATE_STATE_NAME: Duplicate State name: A at /States/A/Branches[0]/States/A"],
        ),
    ]);
}

#[test]
fn names_and_labels() {
    let long = "n".repeat(81);
    let label = "l".repeat(41);
    let map = |state: &str, label: &str| {
        json!({"Type": "Map", "Label": label, "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": state, "States": {state: {"Type": "Pass", "End": true}}}})
    };
    let mut two = map("X", "l");
    two["Next"] = json!("B");
    two.as_object_mut().map(|map| map.remove("End"));
    check(vec![
        (
            json!({"StartAt": long, "States": {long.as_str(): {"Type": "Succeed"}}}),
            vec![&format!(
                "INVALID_STATE_NAME: Invalid State name: State '{long}' exceeds the 80-character limit allowed by the service at /States/{long}"
            )],
        ),
        (
            machine(json!({"A": map("X", &label)})),
            vec![&format!(
                "INVALID_LABEL_NAME: Invalid Label name: Label '{label}' exceeds the 40-character limit allowed by the service at /States/A/Label"
            )],
        ),
        (
            machine(json!({"A": map("X", "")})),
            vec!["SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/A/Label"],
        ),
        (
            machine(json!({"A": map("X", "a/b:c")})),
            vec![
                "INVALID_LABEL_NAME: Invalid Label name: Label 'a/b:c' contains invalid characters at /States/A/Label",
            ],
        ),
        (
            machine(json!({"A": two, "B": map("Y", "l")})),
            vec!["DUPLICATE_LABEL_NAME: Duplicate Label name: l at /States/B/Label"],
        ),
    ]);
    let twice = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "A": {"Type": "Succeed"}}}"#;
    assert_eq!(said(&validate(twice)), "DUPLICATE_STATE_NAME: Duplicate State name: A at /States/A");
}

#[test]
fn labels_become_part_of_an_arn() {
    let labelled = |label: &str| {
        of(
            "Map",
            json!({"Label": label, "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}}),
        )
        .to_string()
    };
    for letter in " ?*<>{}[]:;,\\|^~$#%&`\"\t\n\u{0}\u{1f}\u{7f}\u{9f}".chars() {
        assert!(!validate(&labelled(&format!("a{letter}"))).is_empty(), "{letter:?}");
    }
    for label in ["a", "a-b_c.d", "/a", "é!@()+='"] {
        assert_eq!(validate(&labelled(label)), [], "{label}");
    }
}

#[test]
fn the_schema_comes_before_how_states_hang_together() {
    check(vec![(
        machine(json!({"A": {"Type": "Pass", "Next": "NOPE", "Colour": 1}})),
        vec!["SCHEMA_VALIDATION_FAILED: Field 'Colour' is not supported at /States/A"],
    )]);
}

#[test]
fn express_machines() {
    let task = |resource: &str| of("Task", json!({"Resource": resource}));
    let inner = json!({"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}});
    let cases = [
        (
            task("arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
            "Express state machine does not support '.waitForTaskToken' service integration  at /States/A/Resource",
        ),
        (
            task("arn:aws:states:::states:startExecution.sync:2"),
            "Express state machine does not support '.sync' service integration at /States/A/Resource",
        ),
        (
            task("arn:aws:states:us-east-1:123456789012:activity:a"),
            "Express state machine does not support Activity ARN at /States/A/Resource",
        ),
        (
            of("Map", json!({"ItemProcessor": inner})),
            "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines at /States/A/ItemProcessor/ProcessorConfig/Mode",
        ),
    ];
    for (definition, words) in cases {
        let text = definition.to_string();
        assert!(parse_as(&text, MachineType::Standard).is_ok(), "{text}");
        let found = parse_as(&text, MachineType::Express).expect_err(words);
        assert_eq!(said(&found), format!("SCHEMA_VALIDATION_FAILED: {words}"));
    }
    assert!(parse_as(&task("arn:aws:states:::sqs:sendMessage").to_string(), MachineType::Express).is_ok());
}

#[test]
fn a_state_that_stands_for_itself() {
    let state =
        parse_state(r#"{"Type": "Pass", "Next": "Somewhere"}"#).expect("where it leads is not looked at");
    assert_eq!(state.start_at(), crate::LONE_STATE_NAME);
    let found = parse_state(r#"{"Type": "Parallel", "Branches": [], "End": true}"#).expect_err("no branches");
    assert_eq!(said(&found), "SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/StateName/Branches");
    assert!(crate::is_lone_state(r#"{"Type": "Pass"}"#) && !crate::is_lone_state(r#"{"States": {}}"#));
}
