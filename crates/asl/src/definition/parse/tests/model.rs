//! What a definition becomes.

use super::{of, words};
use crate::definition::model::choice::{Condition, Operand, Operator, Pattern, Relation, Test};
use crate::definition::model::map::{CsvHeaders, InputType, OutputType};
use crate::definition::model::{
    Amount, Computed, FailText, Io, Kind, PathField, PathOrIntrinsic, ResourceKind, ResultPath, WaitsFor,
};
use crate::{Definition, MachineType, QueryLanguage, TaskKind, parse};
use serde_json::{Value, json};

fn parsed(definition: &Value) -> Definition {
    parse(&definition.to_string()).unwrap_or_else(|found| panic!("{definition}: {found:?}"))
}

#[test]
fn paths_and_their_defaults() {
    let definition = parsed(&of(
        "Pass",
        json!({"InputPath": null, "OutputPath": "$.a", "ResultPath": null, "Result": [1], "Parameters": {"x.$": "$.y"}}),
    ));
    let Some(Io::JsonPath(io)) = definition.state("A").map(|state| &state.io) else { panic!("JSONPath") };
    assert!(matches!(io.input_path, PathField::Empty) && matches!(io.output_path, PathField::At(_)));
    assert!(matches!(io.result_path, ResultPath::Discard) && io.parameters.is_some());
    assert_eq!(io.result.as_deref(), Some(&json!([1])));
    let plain = parsed(&of("Pass", json!({"InputPath": "$", "ResultPath": "$"})));
    let Some(Io::JsonPath(io)) = plain.state("A").map(|state| &state.io) else { panic!("JSONPath") };
    assert!(matches!(io.input_path, PathField::Whole) && matches!(io.result_path, ResultPath::Whole));
}

#[test]
fn resources() {
    let cases = [
        (
            "arn:aws:states:::lambda:invoke",
            ResourceKind::Service,
            "lambda",
            "invoke",
            WaitsFor::Response,
            TaskKind::Call,
        ),
        (
            "arn:aws-cn:states:::sqs:sendMessage.waitForTaskToken",
            ResourceKind::Service,
            "sqs",
            "sendMessage.waitForTaskToken",
            WaitsFor::Token,
            TaskKind::Call,
        ),
        (
            "arn:aws:states:::states:startExecution.sync:2",
            ResourceKind::Service,
            "states",
            "startExecution.sync:2",
            WaitsFor::JobAsJson,
            TaskKind::StartExecution,
        ),
        (
            "arn:aws:states:::aws-sdk:dynamodb:putItem",
            ResourceKind::Service,
            "aws-sdk:dynamodb",
            "putItem",
            WaitsFor::Response,
            TaskKind::Call,
        ),
        (
            "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
            ResourceKind::Function,
            "",
            "",
            WaitsFor::Response,
            TaskKind::Call,
        ),
        (
            "arn:aws:states:us-east-1:123456789012:activity:a",
            ResourceKind::Activity,
            "",
            "",
            WaitsFor::Token,
            TaskKind::Activity,
        ),
    ];
    for (arn, kind, service, api, waits_for, task_kind) in cases {
        let definition = parsed(&of("Task", json!({"Resource": arn})));
        let Some(Kind::Task(task)) = definition.state("A").map(|state| &state.kind) else { panic!("{arn}") };
        let found = &task.resource;
        assert_eq!(
            (found.kind, found.service.as_str(), found.api.as_str(), found.waits_for, found.task_kind()),
            (kind, service, api, waits_for, task_kind),
            "{arn}"
        );
    }
    for arn in [
        "arn:aws:states:::lambda",
        "arn:aws:states:::lambda:invoke.",
        "arn:aws:states:::lambda:invoke.later",
        "arn:aws:states:::aws-sdk:s3:GetObject",
        "arn:aws:states:::aws-sdk:s3:getObject.sync",
        "arn:aws:states:::glue:startJobRun.sync:2",
        "arn:aws:states:us-east-1:123456789012:activity:",
        "arn:aws:lambda:us-east-1:123456789012:function:f:",
        "arn:aws:s3:::bucket",
        "arn:aws:states",
        "arn",
        "",
    ] {
        assert_eq!(words(&of("Task", json!({"Resource": arn}))).len(), 1, "{arn}");
    }
}

#[test]
fn tests_of_choices() {
    let mut machine = of(
        "Choice",
        json!({"Choices": [{"Next": "B", "Assign": {"x.$": "$.y"}, "Or": [
        {"Not": {"Variable": "$.a", "NumericLessThanEqualsPath": "$limit"}},
        {"Variable": "$.b", "StringMatches": "a*\\*"}
    ]}], "Default": "B"}),
    );
    machine["States"]["B"] = json!({"Type": "Succeed"});
    let definition = parsed(&machine);
    let Some(Kind::Choice(choice)) = definition.state("A").map(|state| &state.kind) else { panic!("Choice") };
    let Condition::Test(Test::Or(tests)) = &choice.rules[0].condition else { panic!("{choice:?}") };
    let Test::Not(not) = &tests[0] else { panic!("{tests:?}") };
    let Test::Compare(compared) = &**not else { panic!("{not:?}") };
    assert!(matches!(&compared.operator, Operator::Numeric(Relation::LessOrEqual, Operand::At(_))));
    assert_eq!(definition.variable_references()["A"], ["limit"]);
}

#[test]
fn patterns() {
    let cases = [
        ("a*c", "abbc", true),
        ("a*c", "ac", true),
        ("a*c", "acd", false),
        ("*", "", true),
        ("a\\*", "a*", true),
        ("a\\*", "ab", false),
        ("a\\\\*", "a\\b", true),
        ("*.log", "x.log", true),
        ("ab*ba", "aba", false),
        ("a*b*c", "a-b-b-c", true),
        ("plain", "plain", true),
    ];
    for (pattern, text, matches) in cases {
        assert_eq!(Pattern::parse(pattern).matches(text), matches, "{pattern} {text}");
    }
}

#[test]
fn failures_by_path() {
    let definition = parsed(&of("Fail", json!({"ErrorPath": "$.e", "CausePath": "States.Format('{}', $v)"})));
    let Some(Kind::Fail { error: Some(FailText::At(error)), cause: Some(FailText::At(cause)) }) =
        definition.state("A").map(|state| &state.kind)
    else {
        panic!("paths")
    };
    assert!(matches!(error, PathOrIntrinsic::Path(_)) && matches!(cause, PathOrIntrinsic::Intrinsic(_)));
    assert_eq!(definition.variable_references()["A"], ["v"]);
}

#[test]
fn a_distributed_map_has_a_definition_of_its_own() {
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Map", "End": true, "Label": "l",
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "CSVDelimiter": "TAB", "MaxItems": "{% $n %}"}, "Arguments": {"Bucket": "b", "Key": "k"}},
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"x": "{% $y %}"}},
        "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"},
        "ToleratedFailurePercentage": 12.5,
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Arguments": {"Bucket": "b"}, "WriterConfig": {"OutputType": "JSONL", "Transformation": "FLATTEN"}},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "Comment": "each", "StartAt": "B", "States": {
            "B": {"Type": "Map", "End": true, "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "C", "States": {"C": {"Type": "Pass", "Output": "{% $z %}", "End": true}}}}}}}}});
    let definition = parsed(&machine);
    let Some(Kind::Map(map)) = definition.state("A").map(|state| &state.kind) else { panic!("Map") };
    let distributed = map.distributed.as_ref().expect("it is distributed");
    assert_eq!((distributed.execution_type, distributed.label.as_deref()), (MachineType::Express, Some("l")));
    let reader = distributed.item_reader.as_ref().expect("it has one");
    assert_eq!(
        (reader.resource.as_str(), reader.config.input_type),
        ("arn:aws:states:::s3:getObject", Some(InputType::Csv))
    );
    assert_eq!(
        (&reader.config.csv_headers, reader.config.csv_delimiter),
        (&CsvHeaders::Given(vec!["a".into()]), '\t')
    );
    assert!(matches!(reader.config.max_items, Some(Amount::Computed(_))));
    assert!(matches!(distributed.tolerated_failure_percentage, Some(Amount::Fixed(12.5))));
    assert!(matches!(map.item_selector, Some(Computed::Jsonata(_))));
    assert_eq!(distributed.result_writer.as_ref().map(|writer| writer.output_type), Some(OutputType::Jsonl));

    let processor = definition.processor("A").expect("it is there");
    assert!(definition.state("B").is_none() && definition.state("C").is_none());
    assert!(processor.state("B").is_some() && processor.state("C").is_some());
    assert_eq!((processor.start_at(), processor.query_language()), ("B", QueryLanguage::Jsonata));
    assert_eq!(
        processor.text(),
        r#"{"QueryLanguage":"JSONata","Comment":"each","StartAt":"B","States":{"B":{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"INLINE"},"StartAt":"C","States":{"C":{"Type":"Pass","Output":"{% $z %}","End":true}}}}}}"#
    );
    assert_eq!(parse(processor.text()).expect("it stands alone").hash(), processor.hash());
    let references = definition.variable_references();
    assert_eq!((&references["A"], &references["C"]), (&vec!["n".to_owned(), "y".into()], &vec!["z".into()]));
}

#[test]
fn distributed_maps_in_distributed_maps() {
    let mut states = json!({"Deep": {"Type": "Succeed"}});
    let mut start = "Deep".to_owned();
    for depth in 0..20 {
        let name = format!("M{depth}");
        states = json!({name.as_str(): {"Type": "Map", "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": start, "States": states}}});
        start = name;
    }
    let definition = parsed(&json!({"StartAt": start, "States": states}));
    let mut inner = definition.processor("M19").expect("the outermost");
    for depth in (0..19).rev() {
        inner = inner.processor(&format!("M{depth}")).expect("one in another");
    }
    assert!(inner.state("Deep").is_some());
}

#[test]
fn variables_that_states_read() {
    let definition = parsed(&json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Pass", "Output": "{% ($local := $b; $map($a, function($v) { $v + $local })) & $string($count) %}", "Assign": {"x": "{% $a %}"}, "Next": "B"},
        "B": {"Type": "Succeed", "Output": "{% $states.input %}"}}}));
    let found: Vec<_> = definition.variable_references().iter().collect();
    assert_eq!(found, [(&"A".to_owned(), &vec!["a".to_owned(), "b".into(), "count".into()])]);
}
