//! Definitions as others wrote them: those that AWS took or refused, real-life ones, and the fixtures of two linters.
//!
//! The recordings are no part of this repository. They are read from the folder that `TENANTRY_CONFORMANCE` names, or
//! from `../shared/conformance` beside the checkout; where they are absent, the tests say so.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use tenantry_asl::{Diagnostic, MachineType, parse, parse_as, parse_state};

/// The lines of a file of recordings.
fn lines(name: &str) -> Option<Vec<Value>> {
    let folder = option_env!("TENANTRY_CONFORMANCE").map(PathBuf::from);
    let folder = folder
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"));
    let file = folder.join(name);
    let Ok(text) = fs::read_to_string(&file) else {
        // Not by `eprintln!`, which the test harness swallows.
        let told = format!(
            "*** DEFINITIONS NOT CHECKED: there is no {} (set TENANTRY_CONFORMANCE) ***",
            file.display()
        );
        writeln!(std::io::stderr(), "\n{told}\n").expect("standard error takes text");
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a recording is JSON")).collect())
}

fn machine_type(of: &Value) -> MachineType {
    let express = of["type"] == "EXPRESS" || of["machine_type"] == "EXPRESS";
    if express { MachineType::Express } else { MachineType::Standard }
}

/// Every definition of a case that AWS took.
fn taken(case: &Value) -> Vec<(String, MachineType)> {
    let mut found = Vec::new();
    let mut add = |of: &Value| {
        if let Some(text) = of["definition"].as_str() {
            found.push((text.to_owned(), machine_type(of)));
        }
    };
    add(case);
    case["other_machines"].as_array().into_iter().flatten().for_each(&mut add);
    case["prior_calls"].as_array().into_iter().flatten().for_each(|call| add(&call["kwargs"]));
    found
}

#[test]
fn what_aws_took_is_taken() {
    let Some(cases) = lines("asl_cases.jsonl") else { return };
    let mut count = 0;
    for case in &cases {
        for (text, kind) in taken(case) {
            count += 1;
            if let Err(found) = parse_as(&text, kind) {
                panic!("{}: {}\n{text}", case["name"], Diagnostic::invalid_definition(&found));
            }
        }
    }
    assert!(count > 1_000, "only {count} definitions were found");
}

#[test]
fn what_aws_refused_is_refused_in_its_words() {
    let Some(cases) = lines("asl_cases.jsonl") else { return };
    let mut count = 0;
    for case in &cases {
        let Some(text) = case["args"]["definition"].as_str() else { continue };
        let lone = case["kind"] == "test-state" && tenantry_asl::is_lone_state(text);
        let parsed = if lone { parse_state(text) } else { parse_as(text, machine_type(&case["args"])) };
        let expected = &case["expected"];
        let said = [&expected["Error"]["Message"], &expected["exception_value"]].map(Value::as_str);
        let refused = said.into_iter().flatten().find_map(|said| {
            said.find("Invalid State Machine Definition: ").map(|from| said[from..].to_owned())
        });
        match (refused, parsed) {
            (Some(refused), Err(found)) => {
                count += 1;
                assert_eq!(Diagnostic::invalid_definition(&found), refused, "{}", case["name"]);
            }
            (Some(refused), Ok(_)) => panic!("{}: taken, but AWS said: {refused}", case["name"]),
            (None, Err(found)) if expected["result"] == "FAIL" => {
                count += 1;
                let ours: Vec<Value> = found
                    .iter()
                    .map(|finding| {
                        let mut shown = serde_json::json!({"code": finding.code, "message": finding.message, "severity": "ERROR"});
                        if !finding.location.is_empty() {
                            shown["location"] = Value::from(finding.location.as_str());
                        }
                        shown
                    })
                    .collect();
                assert_eq!(Value::from(ours), expected["diagnostics"], "{}", case["name"]);
            }
            (None, Err(found)) => {
                panic!("{}: {}\n{text}", case["name"], Diagnostic::invalid_definition(&found));
            }
            (None, Ok(_)) => assert_ne!(expected["result"], "FAIL", "{}: taken", case["name"]),
        }
    }
    assert!(count >= 20, "only {count} refusals were found");
}

#[test]
fn variable_references_are_as_recorded() {
    let Some(cases) = lines("asl_cases.jsonl") else { return };
    let mut count = 0;
    for case in &cases {
        let described = case["kind"] == "api:describe_state_machine"
            || case["kind"] == "api:describe_state_machine_for_execution";
        let Some((text, kind)) = taken(case).into_iter().next().filter(|_| described) else { continue };
        let definition = parse_as(&text, kind).expect("AWS took it");
        let expected: BTreeMap<String, Vec<String>> = match &case["expected"]["variableReferences"] {
            Value::Null => BTreeMap::new(),
            references => serde_json::from_value(references.clone()).expect("names by state"),
        };
        count += 1;
        assert_eq!(definition.variable_references(), &expected, "{}", case["name"]);
    }
    assert!(count >= 36, "only {count} descriptions were found");
}

#[test]
fn real_life_definitions_load_or_lack_what_deployment_fills_in() {
    let Some(samples) = lines("sample_definitions.jsonl") else { return };
    let mut refused = 0;
    for sample in &samples {
        let text =
            sample["definition"].as_str().map_or_else(|| sample["definition"].to_string(), str::to_owned);
        let Err(found) = parse(&text) else { continue };
        refused += 1;
        let root: Value = serde_json::from_str(&text).expect("a sample is JSON");
        for finding in found {
            // `${Name}` is replaced before AWS sees the definition; as it stands it is no ARN to AWS either.
            assert_eq!(finding.message, "Value is not a valid resource ARN", "{}", sample["name"]);
            let resource = at(&root, &finding.location).and_then(Value::as_str).unwrap_or_default();
            assert!(resource.starts_with("${"), "{}: {resource}", sample["name"]);
        }
    }
    assert!(refused <= 10, "{refused} of {} are refused", samples.len());
}

/// The value at a location such as `/States/A/Branches[0]/States/B`; names of states may hold anything but `/`.
fn at<'v>(root: &'v Value, location: &str) -> Option<&'v Value> {
    location.split('/').skip(1).try_fold(root, |value, part| {
        let (name, index) = match part.strip_suffix(']').and_then(|part| part.rsplit_once('[')) {
            Some((name, index)) => (name, index.parse::<usize>().ok()),
            None => (part, None),
        };
        match index {
            Some(index) => value.get(name)?.get(index),
            None => value.get(name),
        }
    })
}

/// Where we, as AWS, are of another opinion than the linters: the words that the reason shows in; none where a linter
/// finds fault with what AWS takes.
const OTHER_OPINIONS: &[(&str, &str)] = &[
    // Linters take any text for a resource; AWS takes an ARN of what it can call.
    ("valid-cfn-definition-substitutions", "not a valid resource ARN"),
    ("valid-task-credentials", "is not recognized"),
    ("valid-task-parameters", "is not recognized"),
    ("valid-task-timeout-jsonata", "is not recognized"),
    ("backoff-with-jitter-on-retry", "not a valid resource ARN"),
    ("backoff-with-backoffrate-integer", "not a valid resource ARN"),
    ("backoff-with-backoffrate-decimal", "not a valid resource ARN"),
    ("task-with-credentials", "not a valid resource ARN"),
    ("task-with-dynamic-timeouts", "not a valid resource ARN"),
    ("task-with-parameters", "not a valid resource ARN"),
    ("task-with-resultpath", "not a valid resource ARN"),
    ("task-with-resultselector", "not a valid resource ARN"),
    ("states-array-intrinsic-functions", "not a valid resource ARN"),
    ("states-array-invocation", "not a valid resource ARN"),
    ("states-encoding-decoding-intrinsic-functions", "not a valid resource ARN"),
    ("states-format-invocation", "not a valid resource ARN"),
    ("states-hash-intrinsic-functions", "not a valid resource ARN"),
    ("states-json-intrinsic-functions", "not a valid resource ARN"),
    ("states-jsontostring-invocation", "not a valid resource ARN"),
    ("states-math-intrinsic-functions", "not a valid resource ARN"),
    ("states-string-intrinsic-functions", "not a valid resource ARN"),
    ("states-stringtojson-invocation", "not a valid resource ARN"),
    ("states-uuid-intrinsic-functions", "not a valid resource ARN"),
    // CloudFormation's functions are gone before AWS sees the definition.
    ("valid-task-intrisic-function", "Expected value of type [STRING]"),
    // A name with a hyphen is no variable's.
    ("valid-assign.asl", "Invalid variable name 'top-level'"),
    // Measured on AWS: no JSONPath in a machine that is in JSONata, in a Map's processor neither.
    ("valid-map-with-item-batcher-jsonata", "'QueryLanguage' can not be 'JSONPath'"),
    // Jayway JsonPath, which AWS reads paths with, has no script expressions.
    ("valid-path-array-context", "Value must be a valid JSONPath"),
    // AWS asks for `{%` and `%}` at the ends, not for what is between them and the expression.
    ("invalid-json-surround-syntax-extra-spaces", ""),
    ("invalid-jsonata-surround-syntax-no-spaces", ""),
    // The types of an intrinsic function's arguments are told when it is called.
    ("invalid-math-add", ""),
];

#[test]
fn linters_agree_but_where_a_reason_is_known() {
    let Some(fixtures) = lines("asl_validation_fixtures.jsonl") else { return };
    let reasons: BTreeMap<&str, &str> = OTHER_OPINIONS.iter().copied().collect();
    let mut differing = BTreeSet::new();
    for fixture in &fixtures {
        let name = fixture["name"].as_str().expect("a fixture has a name");
        let text =
            fixture["definition"].as_str().map_or_else(|| fixture["definition"].to_string(), str::to_owned);
        let said = parse(&text).err().map(|found| Diagnostic::invalid_definition(&found));
        if said.is_none() == (fixture["valid"] == true) {
            continue;
        }
        differing.insert(name);
        let Some(reason) = reasons.get(name) else { panic!("{name}: {said:?}\n{text}") };
        assert_eq!(said.is_none(), reason.is_empty(), "{name}: {said:?}");
        assert!(said.is_none_or(|said| said.contains(reason)), "{name}: not for the reason known");
    }
    let known: BTreeSet<&str> = reasons.into_keys().collect();
    assert_eq!(differing, known, "a reason that is needed no more");
}
