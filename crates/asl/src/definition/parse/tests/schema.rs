//! The schema: each object with its fields, each field with its type, in AWS's words. Those marked as measured were
//! told by AWS's own `ValidateStateMachineDefinition`.

use super::{LAMBDA, check, jsonata, of};
use serde_json::{Value, json};

const S: &str = "SCHEMA_VALIDATION_FAILED: ";

fn schema(cases: Vec<(Value, Vec<&str>)>) {
    let cases: Vec<(Value, Vec<String>)> = cases
        .into_iter()
        .map(|(definition, words)| (definition, words.iter().map(|words| format!("{S}{words}")).collect()))
        .collect();
    check(cases.iter().map(|(d, words)| (d.clone(), words.iter().map(String::as_str).collect())).collect());
}

#[test]
fn the_top() {
    let with = |name: &str, value: Value| {
        let mut machine = of("Pass", json!({}));
        machine[name] = value;
        machine
    };
    schema(vec![
        // Measured.
        (json!({}), vec!["These fields are required: [States, StartAt] at /"]),
        (json!({"Comment": "c", "StartAt": "A"}), vec!["These fields are required: [States] at /"]),
        (
            json!({"States": {"A": {"Type": "Pass", "End": true}}}),
            vec!["These fields are required: [StartAt] at /"],
        ),
        (with("Version", json!("2.0")), vec!["Value should be one of the following: [1.0] at /Version"]),
        (with("QueryLanguage", json!(5)), vec!["Expected value of type [STRING] at /QueryLanguage"]),
        (with("Comments", json!("c")), vec!["Field 'Comments' is not supported at /"]),
        (with("TimeoutSeconds", json!(0)), vec![]),
        // By analogy.
        (with("TimeoutSeconds", json!(1.5)), vec!["Expected value of type Integer at /TimeoutSeconds"]),
        (with("TimeoutSeconds", json!(100_000_000)), vec!["Maximum value is 99999999 at /TimeoutSeconds"]),
        (json!({"StartAt": "A", "States": {}}), vec!["Value cannot be empty at /States"]),
        (json!({"StartAt": "A", "States": []}), vec!["Expected value of type [OBJECT] at /States"]),
        (json!({"StartAt": "A", "States": {"A": 5}}), vec!["Expected value of type [OBJECT] at /States/A"]),
    ]);
}

#[test]
fn states_and_their_fields() {
    schema(vec![
        (
            of("Nap", json!({})),
            vec![
                "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/A/Type",
            ],
        ),
        (
            json!({"StartAt": "A", "States": {"A": {"End": true}}}),
            vec!["These fields are required: [Type] at /States/A"],
        ),
        (
            of("Pass", json!({"TimeoutSeconds": 5})),
            vec!["Field 'TimeoutSeconds' is not supported at /States/A"],
        ),
        (of("Succeed", json!({"Assign": {"x": 1}})), vec!["Field 'Assign' is not supported at /States/A"]),
        (of("Fail", json!({"End": true})), vec!["Field 'End' is not supported at /States/A"]),
        (
            of("Wait", json!({"Seconds": 1, "Retry": [{"ErrorEquals": ["States.ALL"]}]})),
            vec!["Field 'Retry' is not supported at /States/A"],
        ),
        (
            of("Pass", json!({"Next": "A"})),
            vec!["There should only be one of the following fields: [Next, End] at /States/A"],
        ),
        (
            of("Pass", json!({"End": null})),
            vec!["This object should have only one of the following fields: [Next, End] at /States/A"],
        ),
        (
            of("Pass", json!({"End": "true"})),
            vec![
                "This object should have only one of the following fields: [Next, End] at /States/A",
                "Expected value of type [BOOLEAN] at /States/A/End",
            ],
        ),
        (
            of("Pass", json!({"InputPath": "x"})),
            vec!["Value must be a valid JSONPath. at /States/A/InputPath"],
        ),
        (
            of("Pass", json!({"ResultPath": "$.a[*]"})),
            vec!["Value is not a Reference Path at /States/A/ResultPath"],
        ),
        (
            of("Pass", json!({"Parameters": {"a": {"x.$": "y"}}})),
            vec![
                "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call at /States/A/Parameters/a",
            ],
        ),
        (
            of("Pass", json!({"Parameters": {"x.$": {}}})),
            vec![
                "The value for the field 'x.$' must be a STRING that contains a JSONPath but was an OBJECT at /States/A/Parameters",
            ],
        ),
        (of("Pass", json!({"Assign": 5})), vec!["Expected value of type [OBJECT] at /States/A/Assign"]),
    ]);
}

#[test]
fn tasks() {
    let task = |fields: Value| {
        let mut machine = of("Task", fields);
        if machine.pointer("/States/A/Resource").is_none() {
            machine["States"]["A"]["Resource"] = json!(LAMBDA);
        }
        machine
    };
    schema(vec![
        (of("Task", json!({})), vec!["These fields are required: [Resource] at /States/A"]),
        (
            task(json!({"Resource": "create"})),
            vec!["Value is not a valid resource ARN at /States/A/Resource"],
        ),
        (
            task(json!({"Resource": "arn:aws:states:::lambda:invoke.sync"})),
            vec![
                "The resource provided arn:aws:states:::lambda:invoke.sync is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/A/Resource",
            ],
        ),
        (task(json!({"TimeoutSeconds": 0})), vec!["Minimum value is 1 at /States/A/TimeoutSeconds"]),
        (
            task(json!({"TimeoutSeconds": "5"})),
            vec!["Expected value of type Integer at /States/A/TimeoutSeconds"],
        ),
        (
            task(json!({"TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t"})),
            vec![
                "There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath] at /States/A",
            ],
        ),
        (
            task(json!({"TimeoutSeconds": 5, "HeartbeatSeconds": 5})),
            vec![
                "HeartbeatSeconds (5) must be smaller than TimeoutSeconds (5) at /States/A/HeartbeatSeconds",
            ],
        ),
        (
            task(json!({"Credentials": {}})),
            vec!["The field 'RoleArn' is required but was missing at /States/A/Credentials"],
        ),
        (
            task(
                json!({"Resource": "arn:aws:states:us-east-1:123456789012:activity:a", "Credentials": {"RoleArn": "r"}}),
            ),
            vec!["The field 'Credentials' is not supported for activities at /States/A/Credentials"],
        ),
        (task(json!({"Credentials": {"RoleArn.$": "$.role"}})), vec![]),
    ]);
}

#[test]
fn retry_and_catch() {
    let rule = |name: &str, rule: Value| of("Task", json!({"Resource": LAMBDA, name: [rule]}));
    let all = |rules: Value| of("Task", json!({"Resource": LAMBDA, "Retry": rules}));
    schema(vec![
        (all(json!([])), vec![]),
        (all(json!({})), vec!["Expected value of type [ARRAY] at /States/A/Retry"]),
        (rule("Retry", json!({})), vec!["These fields are required: [ErrorEquals] at /States/A/Retry[0]"]),
        (
            rule("Catch", json!({"ErrorEquals": ["X"]})),
            vec!["These fields are required: [Next] at /States/A/Catch[0]"],
        ),
        (
            rule("Retry", json!({"ErrorEquals": []})),
            vec!["Value cannot be empty at /States/A/Retry[0]/ErrorEquals"],
        ),
        (
            rule("Retry", json!({"ErrorEquals": ["X", "States.ALL"]})),
            vec!["States.ALL must appear alone and at end of list at /States/A/Retry[0]/ErrorEquals"],
        ),
        (
            all(json!([{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["X"]}])),
            vec!["States.ALL must appear alone and at end of list at /States/A/Retry[0]/ErrorEquals"],
        ),
        (
            rule("Retry", json!({"ErrorEquals": ["X"], "JitterStrategy": "SOME"})),
            vec!["Value should be one of the following: [NONE, FULL] at /States/A/Retry[0]/JitterStrategy"],
        ),
        (
            rule("Retry", json!({"ErrorEquals": ["X"], "BackoffRate": 0.5})),
            vec!["Minimum value is 1.0 at /States/A/Retry[0]/BackoffRate"],
        ),
        (
            rule("Retry", json!({"ErrorEquals": ["X"], "MaxAttempts": -1})),
            vec!["Minimum value is 0 at /States/A/Retry[0]/MaxAttempts"],
        ),
        (
            rule("Retry", json!({"ErrorEquals": ["X"], "MaxDelaySeconds": 31_622_401})),
            vec!["Maximum value is 31622400 at /States/A/Retry[0]/MaxDelaySeconds"],
        ),
        (
            rule("Retry", json!({"ErrorEquals": ["X"], "Next": "A"})),
            vec!["Field 'Next' is not supported at /States/A/Retry[0]"],
        ),
        (rule("Retry", json!({"ErrorEquals": ["X"], "IntervalSeconds": 0})), vec![]),
    ]);
}

#[test]
fn choices() {
    let choice = |rule: Value| {
        let mut machine = of("Choice", json!({"Choices": [rule]}));
        machine["States"]["B"] = json!({"Type": "Succeed"});
        machine
    };
    let rule = |test: Value| {
        let mut rule = json!({"Next": "B"});
        for (name, value) in test.as_object().into_iter().flatten() {
            rule[name] = value.clone();
        }
        choice(rule)
    };
    schema(vec![
        (of("Choice", json!({})), vec!["These fields are required: [Choices] at /States/A"]),
        (of("Choice", json!({"Choices": []})), vec!["Value cannot be empty at /States/A/Choices"]),
        (
            choice(json!({"Variable": "$.a", "IsNull": true})),
            vec!["These fields are required: [Next] at /States/A/Choices[0]"],
        ),
        (
            rule(json!({})),
            vec![
                "The object must have only one of the following fields, [And, Or, Not, Variable, Condition] at /States/A/Choices[0]",
            ],
        ),
        (
            rule(json!({"Variable": "a", "IsNull": true})),
            vec![
                "Value is not a Reference Path: Reference path didn't start with '$' at /States/A/Choices[0]/Variable",
            ],
        ),
        (
            rule(json!({"Variable": "$.a", "NumericEquals": "5"})),
            vec!["Expected value of type [NUMBER] at /States/A/Choices[0]/NumericEquals"],
        ),
        (
            rule(json!({"Variable": "$.a", "TimestampEquals": "today"})),
            vec!["String does not match RFC3339 timestamp at /States/A/Choices[0]/TimestampEquals"],
        ),
        (
            rule(json!({"Variable": "$.a", "IsNull": true, "IsPresent": true})),
            vec![
                "There should only be one of the following fields: [IsNull, IsPresent] at /States/A/Choices[0]",
            ],
        ),
        (
            rule(json!({"And": [{"Variable": "$.a", "IsNull": true, "Next": "B"}]})),
            vec!["Field 'Next' is not supported at /States/A/Choices[0]/And[0]"],
        ),
        (
            rule(json!({"Condition": "{% true %}"})),
            vec![
                "The QueryLanguage is set to 'JSONPath', but field 'Condition' is only supported for the 'JSONata' QueryLanguage at /States/A/Choices[0]",
            ],
        ),
        (rule(json!({"Not": {"Or": [{"Variable": "$$.Execution.Name", "StringMatches": "a*"}]}})), vec![]),
    ]);
}

#[test]
fn waits_and_fails() {
    schema(vec![
        (
            of("Wait", json!({})),
            vec![
                "This object should have only one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp] at /States/A",
            ],
        ),
        (
            of("Wait", json!({"Seconds": 1, "Timestamp": "2026-01-01T00:00:00Z"})),
            vec![
                "There should only be one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp] at /States/A",
            ],
        ),
        (
            of("Wait", json!({"Timestamp": "2016-12-05 21:29:29Z"})),
            vec!["String does not match RFC3339 timestamp at /States/A/Timestamp"],
        ),
        (
            of("Fail", json!({"Error": "E", "ErrorPath": "$.e"})),
            vec!["There should only be one of the following fields: [Error, ErrorPath] at /States/A"],
        ),
        (of("Fail", json!({"Cause": 5})), vec!["Expected value of type [STRING] at /States/A/Cause"]),
        (of("Fail", json!({"CausePath": "States.Format('{}', $.x)", "ErrorPath": "$name"})), vec![]),
    ]);
}

#[test]
fn parallels_and_maps() {
    let inner = json!({"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}});
    let map = |fields: Value| {
        let mut machine = of("Map", fields);
        if machine.pointer("/States/A/ItemProcessor").is_none() {
            machine["States"]["A"]["ItemProcessor"] = inner.clone();
        }
        machine
    };
    let mode = |config: Value| {
        let mut processor = inner.clone();
        processor["ProcessorConfig"] = config;
        json!({"ItemProcessor": processor})
    };
    let with_language = {
        let mut processor = inner.clone();
        processor["QueryLanguage"] = json!("JSONata");
        processor
    };
    let distributed = |name: &str, value: Value| {
        let mut fields = mode(json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}));
        fields[name] = value;
        map(fields)
    };
    let reader = |config: Value| {
        distributed(
            "ItemReader",
            json!({"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config, "Parameters": {"Bucket": "b", "Key": "k"}}),
        )
    };
    schema(vec![
        (of("Parallel", json!({"Branches": []})), vec!["Value cannot be empty at /States/A/Branches"]),
        (
            of("Parallel", json!({"Branches": [{}]})),
            vec!["These fields are required: [States, StartAt] at /States/A/Branches[0]"],
        ),
        (
            of("Parallel", json!({"Branches": [with_language]})),
            vec!["Field 'QueryLanguage' is not supported at /States/A/Branches[0]"],
        ),
        (
            map(json!({"ItemProcessor": with_language})),
            vec!["Field 'QueryLanguage' is not supported at /States/A/ItemProcessor"],
        ),
        (
            of("Map", json!({})),
            vec![
                "This object should have only one of the following fields: [ItemProcessor, Iterator] at /States/A",
            ],
        ),
        (
            map(json!({"Iterator": inner})),
            vec!["There should only be one of the following fields: [ItemProcessor, Iterator] at /States/A"],
        ),
        (map(json!({"MaxConcurrency": -1})), vec!["Minimum value is 0 at /States/A/MaxConcurrency"]),
        (
            map(json!({"MaxConcurrencyPath": "$.l[*]"})),
            vec!["Value is not a Reference Path at /States/A/MaxConcurrencyPath"],
        ),
        (map(json!({"MaxConcurrency": 9_223_372_036_854_775_807u64})), vec![]),
        (
            map(mode(json!({"Mode": "DISTRIBUTED"}))),
            vec!["These fields are required: [ExecutionType] at /States/A/ItemProcessor/ProcessorConfig"],
        ),
        (
            map(mode(json!({"Mode": "INLINE", "ExecutionType": "STANDARD"}))),
            vec!["Field 'ExecutionType' is not supported at /States/A/ItemProcessor/ProcessorConfig"],
        ),
        (
            map(mode(json!({"Mode": "DISTRIBUTED", "ExecutionType": "FAST"}))),
            vec![
                "Value should be one of the following: [STANDARD, EXPRESS] at /States/A/ItemProcessor/ProcessorConfig/ExecutionType",
            ],
        ),
        (
            distributed("ToleratedFailurePercentage", json!(101)),
            vec!["Maximum value is 100.0 at /States/A/ToleratedFailurePercentage"],
        ),
        (
            distributed("ItemReader", json!({"Resource": "arn:aws:states:::s3:deleteObject"})),
            vec![
                "The field 'Resource' does not match any of the allowed values at /States/A/ItemReader/Resource",
            ],
        ),
        (
            reader(json!({"InputType": "CSV"})),
            vec!["The field 'CSVHeaderLocation' is required at /States/A/ItemReader/ReaderConfig"],
        ),
        (
            reader(json!({"InputType": "CSV", "CSVHeaderLocation": "GIVEN"})),
            vec!["These fields are required: [CSVHeaders] at /States/A/ItemReader/ReaderConfig"],
        ),
        (
            reader(json!({"InputType": "JSON", "CSVHeaderLocation": "FIRST_ROW"})),
            vec!["Field 'CSVHeaderLocation' is not supported at /States/A/ItemReader/ReaderConfig"],
        ),
        (
            reader(json!({"InputType": "JSON", "MaxItems": 1, "MaxItemsPath": "$.m"})),
            vec![
                "There should only be one of the following fields: [MaxItems, MaxItemsPath] at /States/A/ItemReader/ReaderConfig",
            ],
        ),
        (
            reader(json!({"InputType": "JSON", "MaxItems": 100_000_001})),
            vec!["Maximum value is 100000000 at /States/A/ItemReader/ReaderConfig/MaxItems"],
        ),
    ]);
}

#[test]
fn a_name_of_the_other_case_is_recognised() {
    let text = jsonata("Pass", json!({"output": 1})).to_string();
    let found = crate::parse(&text).expect_err("there is no such field");
    assert_eq!(found[0].hint.as_deref(), Some("did you mean 'Output'?"));
}
