use super::{compile, evaluate::JsonataEvaluator};
use crate::state::Variables;
use crate::{ContextObject, EvaluationError, Evaluator, Scope};
use serde_json::{Value, json};
use std::io::Write as _;
use std::sync::Arc;

/// 2026-01-01T00:00:00.000Z
const NOW_MS: i64 = 1_767_225_600_000;

fn evaluate_with(text: &str, input: &Value, seed: u64) -> Result<Option<Value>, EvaluationError> {
    let expression = compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let variables = Variables::from([
        ("name".to_owned(), Arc::new(json!("Acme"))),
        ("limits".to_owned(), Arc::new(json!({"seats": 5}))),
    ]);
    let context = ContextObject::new(|| json!({"Execution": {"Id": "e"}, "Map": {"Item": {"Index": 3}}}));
    let scope = Scope {
        input,
        result: None,
        error_output: None,
        context: &context,
        variables: &[&variables],
        now_ms: NOW_MS,
        seed,
    };
    JsonataEvaluator.evaluate(&expression, &scope)
}

fn evaluate(text: &str) -> Result<Option<Value>, EvaluationError> {
    let input = json!({
        "id": "t1", "count": 3, "big": 9_007_199_254_740_993_i64, "nothing": null, "empty": [], "one": [1],
        "list": [{"n": 1}, {"n": 2}, {"n": 3}], "text": "a-b-c", "nested": {"a": {"b": [10, 20]}},
    });
    evaluate_with(text, &input, 7)
}

#[test]
fn values() {
    let cases = [
        ("$states.input.id", json!("t1")),
        ("$states.input.count", json!(3)),
        ("$states.input.count + 1", json!(4)),
        ("$states.input.count / 2", json!(1.5)),
        // Untouched by floating point where nothing is computed.
        ("$states.input.big", json!(9_007_199_254_740_993_i64)),
        ("$states.input.nothing", json!(null)),
        ("$states.input.empty", json!([])),
        ("$states.input.one", json!([1])),
        ("$states.input.list.n", json!([1, 2, 3])),
        ("$states.input.list[n > 1].n", json!([2, 3])),
        ("$states.input.list[n > 2].n", json!(3)),
        ("$states.input.nested.a.b[1]", json!(20)),
        ("$states.context.Map.Item.Index", json!(3)),
        ("$states.context.Execution.Id & '-' & $name", json!("e-Acme")),
        ("$name", json!("Acme")),
        ("$limits.seats", json!(5)),
        ("{'a': $states.input.count, 'b': [$name]}", json!({"a": 3, "b": ["Acme"]})),
        ("$string($states.input.nested)", json!(r#"{"a":{"b":[10,20]}}"#)),
        ("$map($states.input.list, $string)", json!([r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#])),
        ("$states.input.list.$string(n)", json!(["1", "2", "3"])),
        ("$states.input.list.n.$string()", json!(["1", "2", "3"])),
        ("$join(['a','b'], '-')", json!("a-b")),
        ("['a','b'] ~> $join(',')", json!("a,b")),
        ("$replace($states.input.text, '-', '+')", json!("a+b+c")),
        ("$replace($states.input.text, '-', '+', 1)", json!("a+b-c")),
        ("$replace($states.input.text, /[a-c]/, function($m) { $uppercase($m.match) })", json!("A-B-C")),
        ("$states.input.text ~> $replace('-', '')", json!("abc")),
        ("$map(['x-y'], function($s) { $replace($s, '-', '_') })", json!("x_y")),
        ("($f := $replace(?, 'a', 'b'); $f('cat'))", json!("cbt")),
        ("$pad('x', 3) & '|'", json!("x  |")),
        ("$pad('x', -3, '#')", json!("##x")),
        ("$pad('xyz', 2)", json!("xyz")),
        ("$now()", json!("2026-01-01T00:00:00.000Z")),
        ("$now('[Y0001]')", json!("2026")),
        ("$millis()", json!(NOW_MS)),
        ("$fromMillis($millis())", json!("2026-01-01T00:00:00.000Z")),
        ("$partition([1,2,3,4,5], 2)", json!([[1, 2], [3, 4], [5]])),
        ("$range(1, 9, 4)", json!([1, 5, 9])),
        ("$range(3, 1, -1)", json!([3, 2, 1])),
        ("$hash('abc', 'MD5')", json!("900150983cd24fb0d6963f7d28e17f72")),
        ("$hash('abc', 'SHA-1')", json!("a9993e364706816aba3e25717850c26c9cd0d89d")),
        (
            "$hash('abc', 'SHA-256')",
            json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ),
        ("$parse('{\"a\": [1, null]}')", json!({"a": [1, null]})),
        ("$random(5) = $random(5)", json!(true)),
        ("$random() = $random()", json!(false)),
        ("$length($uuid())", json!(36)),
        ("$sort($shuffle([1..20])) = [1..20]", json!(true)),
        ("($sum := function($a, $b) { $a + $b }; $reduce([1..4], $sum))", json!(10)),
        ("($f := function($n) { $n = 0 ? 'done' : $f($n - 1) }; $f(1000))", json!("done")),
        ("1e3", json!(1000)),
        ("0.1 + 0.2", json!(0.1 + 0.2)),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluate(text), Ok(Some(expected)), "{text}");
    }
}

#[test]
fn undefined() {
    for text in [
        "$states.input.absent",
        "$absent",
        "$absent.x",
        "$states.input.nothing.x",
        "$states.result",
        "$states.errorOutput.Error",
    ] {
        assert_eq!(evaluate(text), Ok(None), "{text}");
    }
}

#[test]
fn what_is_no_json_is_told() {
    for text in ["function($x) { $x }", "$sum", "/a/", "{'f': $sum}", "1/0"] {
        assert_eq!(evaluate(text), Err(EvaluationError::Unsupported), "{text}");
    }
}

#[test]
fn what_throws_tells_why() {
    let cases = [
        ("$eval('1 + 1')", "T1006: Attempted to invoke a non-function"),
        ("$randomSeeded(1)", "T1006: Attempted to invoke a non-function"),
        ("$error('stop')", "D3137: stop"),
        ("$number('x')", "D3030"),
        ("$parse('{')", "D3000"),
        ("$partition([1], 0)", "D3000"),
        ("$range(1, 2000, 1)", "D3000"),
        ("$range(1, 2, 0)", "D3000"),
        ("$hash('a', 'CRC')", "D3000"),
        // The library panics here.
        ("$fromMillis(0, '[Y,1000]')", "must have at most 18 digits"),
    ];
    for (text, expected) in cases {
        match evaluate(text) {
            Err(EvaluationError::Threw(problem)) => assert!(problem.contains(expected), "{text}: {problem}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// Each of these would take gigabytes or minutes. They must fail before: the test itself would not survive otherwise.
#[test]
fn what_grows_without_end_fails() {
    let cases = [
        "$pad('x', 1e9)",
        "$pad('x', -1e300)",
        "$map([1], function() { $pad('x', 1e9) })",
        "($p := $pad; $p('x', 1e9))",
        "$reduce([1..60], function($a) { $a & $a }, 'aaaaaaaa')",
        "$reduce([1..60], function($a) { [$a, $a] }, 1)",
        "$reduce([1..60], function($a) { {'l': $a, 'r': $a} }, 1)",
        "$string($reduce([1..60], function($a) { [$a, $a] }, 1))",
        "($a := [1,1]; $b := [$a,$a,$a,$a,$a,$a,$a,$a]; $c := [$b,$b,$b,$b,$b,$b,$b,$b]; $d := [$c,$c,$c,$c,$c,$c,$c,$c]; $e := [$d,$d,$d,$d,$d,$d,$d,$d]; $f := [$e,$e,$e,$e,$e,$e,$e,$e]; $g := [$f,$f,$f,$f,$f,$f,$f,$f]; $h := [$g,$g,$g,$g,$g,$g,$g,$g]; $h = $h)",
        "($s := $pad('x', 1000000); $join($map([1..1000], function() { $s }), ''))",
        "($s := $pad('x', 1000000); $join($map([1..90000], function() { 'a' }), $s))",
        "($s := $pad('x', 1000000); $string($map([1..1000], function() { $s })))",
        "($s := $pad('x', 100000, 'x'); $replace($s, /x/, function($m) { $s }))",
        "$map(['a'], function($s) { $replace($pad('x', 100000, 'x'), 'x', $pad('y', 100000, 'y')) })",
        "[1..9000000]",
        "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
        "($f := function($n) { $f($n + 1) }; $f(0))",
        "$reduce([1..60], function($a) { $map([1, 2], function() { $a }) }, 1)",
    ];
    for text in cases {
        match evaluate(text) {
            Err(EvaluationError::Threw(_)) => {}
            other => panic!("{text}: {}", format!("{other:?}").chars().take(200).collect::<String>()),
        }
    }
}

#[test]
fn chance_follows_from_the_seed() {
    for text in ["$random()", "$uuid()", "$shuffle([1..50])"] {
        let once = |seed| evaluate_with(text, &json!({}), seed);
        assert_eq!(once(1), once(1), "{text}");
        assert_ne!(once(1), once(2), "{text}");
    }
    let uuid = evaluate_with("$uuid()", &json!({}), 3).ok().flatten().unwrap_or_default();
    let uuid = uuid.as_str().unwrap_or_default();
    assert_eq!(uuid.as_bytes()[14], b'4', "{uuid}");
    assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{uuid}");
}

#[test]
fn what_has_no_meaning_at_the_top_level_is_refused() {
    for text in [
        "$",
        "$$",
        "name",
        "name.first",
        "$.name",
        "*",
        "**.a",
        "1 + name",
        "[name]",
        "{'a': name}",
        "$sum(items)",
        "name ? 1 : 2",
        "items^(price)",
        "items{a: b}",
        "name & 'x'",
    ] {
        assert!(compile(text).is_err(), "{text}");
    }
    for text in [
        "$states.input[name = 'x']",
        "$states.input.(name)",
        "$states.input^(price)",
        "$map($x, function($v) { $v.name })",
        "$x.$",
        "$states.input{a: b}",
    ] {
        assert!(compile(text).is_ok(), "{text}");
    }
    for text in ["1 +", "$f(", "'open", ""] {
        assert!(compile(text).is_err(), "{text}");
    }
}

/// How many of the 1,625 cases of the official suite pass. It only ever grows. What is left cannot be written in Rust: two
/// texts that are half of a surrogate pair.
const SUITE_FLOOR: usize = 1_623;

#[test]
fn the_official_suite_passes() {
    let folder = option_env!("TENANTRY_CONFORMANCE").map_or_else(
        || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
        std::path::PathBuf::from,
    );
    let Ok(suite) = std::fs::read_to_string(folder.join("jsonata_suite_2.0.6.jsonl")) else {
        // Not by `eprintln!`, which the test harness swallows.
        let told = format!(
            "*** JSONATA SUITE NOT CHECKED: it is not in {} (set TENANTRY_CONFORMANCE) ***",
            folder.display()
        );
        writeln!(std::io::stderr(), "\n{told}\n").expect("standard error takes text");
        return;
    };
    let report = crate::testing::jsonata_suite::run(&suite);
    for failure in &report.failures {
        println!("{}: {}", failure.id, failure.why);
    }
    assert_eq!(report.cases, 1_625);
    assert!(
        report.passed >= SUITE_FLOOR,
        "{} pass, {SUITE_FLOOR} must: {:?}",
        report.passed,
        report.failures
    );
}
