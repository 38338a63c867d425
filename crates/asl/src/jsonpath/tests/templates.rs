use super::with_scope;
use crate::jsonpath::PayloadTemplate;
use serde_json::{Value, json};
use std::sync::Arc;

fn evaluate(template: &Value, input: &Value) -> Result<Value, String> {
    let template = PayloadTemplate::compile(template).unwrap_or_else(|problems| panic!("{problems:?}"));
    with_scope(input, |scope| template.evaluate(scope))
        .map(|payload| (*payload).clone())
        .map_err(|failure| format!("{}: {}", failure.error, failure.cause))
}

#[test]
fn members_are_put_in_their_places() {
    let input = json!({"a": 1, "list": [{"n": 1}, {"n": 2}]});
    let template = json!({
        "literal": {"path": "$.a", "n": 1},
        "value.$": "$.a",
        "all.$": "$",
        "context.$": "$$.Execution.Name",
        "variable.$": "$name",
        "call.$": "States.Format('{}-{}', $.a, $name)",
        "nested": {"names.$": "$.list[*].n", "deeper": [{"x.$": "$.a"}, "$.a", {"y": 2}]},
        "beyond.$": "$.list[5]",
        "beyond2.$": "$.list[5].n",
        ".$": "$.a",
    });
    assert_eq!(
        evaluate(&template, &input),
        Ok(json!({
            "literal": {"path": "$.a", "n": 1}, "value": 1, "all": input, "context": "run", "variable": "Acme",
            "call": "1-Acme", "nested": {"names": [1, 2], "deeper": [{"x": 1}, "$.a", {"y": 2}]},
            "beyond": null, "beyond2": null, "": 1,
        }))
    );
}

#[test]
fn the_later_of_two_members_of_one_name_stands() {
    assert_eq!(evaluate(&json!({"a": 1, "a.$": "$.x"}), &json!({"x": 2})), Ok(json!({"a": 2})));
    assert_eq!(evaluate(&json!({"a.$": "$.x", "a": 1}), &json!({"x": 2})), Ok(json!({"a": 1})));
}

#[test]
fn literals_are_shared() {
    let template = PayloadTemplate::compile(&json!({"a": [1, {"b": "$.x"}]})).expect("a template");
    let literal = template.literal().expect("nothing to evaluate");
    let evaluated = with_scope(&Value::Null, |scope| template.evaluate(scope)).expect("nothing to fail");
    assert!(Arc::ptr_eq(literal, &evaluated));
}

#[test]
fn failures_are_worded_as_aws_words_them() {
    let input = json!({"int-literal": 0});
    assert_eq!(
        evaluate(&json!({"x": {"value.$": "$.no_such_jsonpath"}}), &input),
        Err("States.Runtime: The JSONPath '$.no_such_jsonpath' specified for the field 'value.$' could not be found \
             in the input '{\"int-literal\":0}'"
            .to_owned())
    );
    assert_eq!(
        evaluate(&json!({"x": {"value.$": "$.int-literal[0]"}}), &input),
        Err("States.Runtime: Filter: [0] can only be applied to arrays. Current context is: 0".to_owned())
    );
}

#[test]
fn nothing_is_taken_of_a_null() {
    let cause = "States.Runtime: Unable to apply Path transformation to null or empty input.".to_owned();
    for template in [json!({"x.$": "$"}), json!({"x.$": "$.a"}), json!({"x.$": "$[*]"})] {
        assert_eq!(evaluate(&template, &Value::Null), Err(cause.clone()));
    }
    assert_eq!(evaluate(&json!({"x.$": "$name"}), &Value::Null), Ok(json!({"x": "Acme"})));
}

#[test]
fn problems_are_named_and_all_of_them() {
    let template = json!({
        "good.$": "$.a", "bad.$": "a", "n.$": 1, "nested": {"list": [1, {"worse.$": "States.Nope()"}]},
        "escaped.$": "States.StringToJson('{\"text\":\"An \\\"escaped double quote\\\" here\"}')",
    });
    let problems = PayloadTemplate::compile(&template).expect_err("there are some");
    let told: Vec<(&str, &str)> =
        problems.iter().map(|problem| (problem.pointer.as_str(), problem.field.as_str())).collect();
    assert_eq!(told, [("", "bad.$"), ("", "n.$"), ("/nested/list[1]", "worse.$"), ("", "escaped.$")]);
    assert_eq!(
        problems[0].message,
        "The value for the field 'bad.$' must be a valid JSONPath or a valid intrinsic function call"
    );
}

#[test]
fn variables_are_told() {
    let template = json!({
        "a.$": "$one.x", "b": [{"c.$": "States.Array($two, States.Format('{}', $three), $.x, $$.y)"}], "d": "$four",
    });
    let template = PayloadTemplate::compile(&template).expect("a template");
    assert_eq!(template.variables(), ["one", "two", "three"]);
}

#[test]
fn members_one_by_one() {
    let members = |template: Value| {
        let template = PayloadTemplate::compile(&template).expect("a template");
        let members = with_scope(&json!({"a": 1}), |scope| template.evaluate_members(scope)).expect("values");
        members.into_iter().map(|(name, value)| (name, (*value).clone())).collect::<Vec<_>>()
    };
    assert_eq!(
        members(json!({"x.$": "$.a", "y": {"z": 2}})),
        [("x".to_owned(), json!(1)), ("y".to_owned(), json!({"z": 2}))]
    );
    assert_eq!(members(json!({"y": 2})), [("y".to_owned(), json!(2))]);
}
