//! Query languages: which state is in which, and what an expression may read.

use super::{LAMBDA, check, jsonata, of};
use serde_json::json;

const MIXED: &str = "SCHEMA_VALIDATION_FAILED: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at ";
const WORDS: &str = "SCHEMA_VALIDATION_FAILED: Value should be one of the following: [JSONPath, JSONata] at ";

#[test]
fn each_field_belongs_to_a_language() {
    let input_path = "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath' QueryLanguage at /States/A";
    let output = "SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at ";
    let at = |words: &str, place: &str| format!("{words}{place}");
    let state = json!({"Type": "Pass", "InputPath": "$.a", "End": true});
    let lower = json!({"QueryLanguage": "jsonpath", "StartAt": "A", "States": {"A": state}});
    check(vec![
        (jsonata("Pass", json!({"InputPath": "$.a"})), vec![input_path]),
        (of("Pass", json!({"Output": 1})), vec![&at(output, "/States/A")]),
        (jsonata("Pass", json!({"QueryLanguage": "JSONPath", "Output": 1})), vec![&at(MIXED, "/States/A")]),
        (
            of("Pass", json!({"QueryLanguage": "jsonata", "Output": 1, "InputPath": "$.a"})),
            vec![input_path, &at(WORDS, "/States/A/QueryLanguage")],
        ),
        (lower, vec![&at(WORDS, "/QueryLanguage"), input_path]),
        (of("Pass", json!({"QueryLanguage": "JSONata", "Output": 1, "Assign": {"x": 1}})), vec![]),
        // What lies in a Map is in the language of the whole machine, not of the Map.
        (
            of(
                "Map",
                json!({"QueryLanguage": "JSONata", "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "Output": 1, "End": true}}}}),
            ),
            vec![&at(output, "/States/A/ItemProcessor/States/P")],
        ),
        (
            of(
                "Map",
                json!({"QueryLanguage": "JSONata", "ItemProcessor": {"StartAt": "P", "States": {"P": {"QueryLanguage": "JSONPath", "Type": "Pass", "End": true}}}}),
            ),
            vec![],
        ),
    ]);
}

#[test]
fn expressions_are_looked_at() {
    let output = |text: &str| jsonata("Pass", json!({"Output": {"v": ["x", text]}}));
    let task = |fields: serde_json::Value| {
        let mut machine = jsonata("Task", fields);
        machine["States"]["A"]["Resource"] = json!(LAMBDA);
        machine
    };
    let at = " at /States/A/Output/v[1]";
    let unsupported = |words: &str| format!("UNSUPPORTED_JSONATA_EXPRESSION: {words}{at}");
    let delimiters =
        format!("SCHEMA_VALIDATION_FAILED: JSONata string must start with {{% and end with %}}{at}");
    check(vec![
        (output("{% 1 + %}"), vec![&format!("INVALID_JSONATA_EXPRESSION: Unexpected end of expression{at}")]),
        (output("{%%}"), vec![&format!("INVALID_JSONATA_EXPRESSION: Unexpected end of expression{at}")]),
        (
            output("{% phone %}"),
            vec![&unsupported("Reference to 'phone' at the top level is not supported.")],
        ),
        (output("{% $$ %}"), vec![&unsupported("Reference to '$$' is not supported.")]),
        (
            output("{% $states.errorOutput %}"),
            vec![&unsupported("Field '$states.errorOutput' does not exist.")],
        ),
        (output("{% $states.result %}"), vec![&unsupported("Field '$states.result' does not exist.")]),
        (output("{% 1"), vec![&delimiters]),
        (output("1 %}"), vec![&delimiters]),
        (output(" {% plain text %} "), vec![]),
        (task(json!({"Output": "{% $states.result %}"})), vec![]),
        (
            task(json!({"Arguments": "{% $states.result %}"})),
            vec![
                "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. at /States/A/Arguments",
            ],
        ),
        (
            task(
                json!({"Catch": [{"ErrorEquals": ["X"], "Next": "A", "Output": "{% $states.errorOutput %}", "Assign": {"e": "{% $states.errorOutput.Error %}"}}]}),
            ),
            vec![],
        ),
        // In JSONPath they are text.
        (of("Pass", json!({"Result": "{% 1 + %}"})), vec![]),
        (
            of("Wait", json!({"Timestamp": "{% '2016-03-14T01:59:00Z' %}"})),
            vec!["SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at /States/A/Timestamp"],
        ),
    ]);
}

/// Each was measured on AWS.
#[test]
fn what_is_no_expression_is_told_in_jsonatas_words() {
    let cases = [
        ("a[1,2)", "Expected \"]\", got \",\""),
        ("\"unterminated", "String literal must be terminated by a matching quote"),
        ("1 +", "Unexpected end of expression"),
        ("{\"a\":}", "The symbol \"}\" cannot be used as a unary operator"),
        ("$x :=", "Unexpected end of expression"),
        ("$match(\"a\", /abc", "No terminating / in regular expression"),
        ("phone %.other", "The symbol \".\" cannot be used as a unary operator"),
        ("", "Unexpected end of expression"),
    ];
    for (expression, words) in cases {
        let definition = jsonata("Pass", json!({"Output": format!("{{% {expression} %}}")}));
        let told = format!("INVALID_JSONATA_EXPRESSION: {words} at /States/A/Output");
        check(vec![(definition, vec![&told])]);
    }
    let two = jsonata("Pass", json!({"Output": "{% phone & name & phone %}"}));
    let told = ["phone", "name"].map(|name| {
        format!(
            "UNSUPPORTED_JSONATA_EXPRESSION: Reference to '{name}' at the top level is not supported. at /States/A/Output"
        )
    });
    check(vec![(two, told.iter().map(String::as_str).collect())]);
}

#[test]
fn names_of_variables() {
    let assign = |name: &str| jsonata("Pass", json!({"Assign": {name: 1}}));
    let long = "v".repeat(81);
    check(vec![
        (
            assign("1x"),
            vec![
                "INVALID_VARIABLE_NAME: Invalid variable name '1x': the variable name contains invalid characters. at /States/A/Assign/1x",
            ],
        ),
        (
            assign("states"),
            vec![
                "RESERVED_VARIABLE_NAME: Cannot assign to reserved variable '$states'. at /States/A/Assign/states",
            ],
        ),
        (
            assign(&long),
            vec![&format!(
                "INVALID_VARIABLE_NAME: Invalid variable name '{long}': the variable name exceeds the 80-character limit. at /States/A/Assign/{long}"
            )],
        ),
        (assign("zählung_1"), vec![]),
        (of("Pass", json!({"Assign": {"x.$": "$.a", "y": 1}})), vec![]),
    ]);
}
