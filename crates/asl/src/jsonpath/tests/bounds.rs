//! What hostile paths and templates may cost: they end, with a failure and not with a crash, and within the budget.

use super::{get, with_scope};
use crate::jsonpath::budget::{BYTES_MAX, Exhausted, STEPS_MAX};
use crate::jsonpath::error::PathErrorKind;
use crate::jsonpath::{Budget, Intrinsic, Path, PayloadTemplate};
use serde_json::{Value, json};

/// An object of lists of numbers, of about 200,000 bytes.
fn large() -> Value {
    json!({"a": vec![vec![1; 100]; 1000], "t": "x".repeat(10_000)})
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!({"a": inner}))
}

#[test]
fn scans_of_scans_end() {
    for path in ["$..*..*..*", "$..a..a..*..*..*", "$..*[*]..*[*]..*", "$.a[*][?(@ < $.a[*][*].sum())]"] {
        for input in [large(), deep(100)] {
            if let Err(error) = get(path, &input) {
                assert!(matches!(error.kind, PathErrorKind::Exhausted(_)), "{path}: {error:?}");
            }
        }
    }
    let scans = format!("${}", "..a".repeat(40));
    let error = get(&scans, &deep(100)).expect_err("more ways than can be gone");
    assert!(matches!(error.kind, PathErrorKind::Exhausted(_)), "{error:?}");
}

#[test]
fn what_is_spent_is_spent_by_the_whole_template() {
    let members: serde_json::Map<String, Value> =
        (0..100).map(|index| (format!("m{index}.$"), json!("$.a"))).collect();
    let template = PayloadTemplate::compile(&Value::Object(members)).expect("a template");
    let input = large();
    let budget = Budget::default();
    let failure = with_scope(&input, |scope| template.evaluate_within(scope, &budget)).expect_err("too much");
    assert_eq!(failure.error, "States.Runtime");
    assert!(failure.cause.contains(&format!("{BYTES_MAX} bytes")), "{}", failure.cause);
    // It stops at the copy that goes over, not after it.
    assert!(budget.bytes_used() < BYTES_MAX + 16 * 1024 * 1024);
    assert!(budget.steps_used() < STEPS_MAX);
}

#[test]
fn functions_that_grow_are_held() {
    let input = large();
    // Each level is many times as long as the one below.
    let grown = (0..9).fold("$.t".to_owned(), |inner, level| {
        let places = "{}".repeat(10 - level);
        let arguments = vec![inner; 10 - level].join(", ");
        format!("States.Format('{places}', {arguments})")
    });
    // Such a text is longer than a definition may be; one that fits grows by less, and is held all the same.
    assert!(grown.len() > 1024 * 1024);
    let copies = format!("States.Array({})", vec!["$.a"; 1000].join(","));
    let texts = format!("States.Format('{}', {})", "{}".repeat(9000), vec!["$.t"; 9000].join(","));
    for text in [copies, texts] {
        let intrinsic = Intrinsic::parse(&text).expect("a call");
        let failure = with_scope(&input, |scope| intrinsic.evaluate(scope)).expect_err("too much");
        assert_eq!(failure.error, "States.Runtime");
        assert!(failure.cause.contains(&format!("{BYTES_MAX} bytes")), "{}", failure.cause);
    }
}

#[test]
fn texts_of_any_length_are_parsed_without_recursion() {
    for text in [
        format!("${}", ".a".repeat(200_000)),
        format!("${}", "[0]".repeat(200_000)),
        format!("${}", "..a".repeat(200_000)),
        format!("$[{}]", vec!["'a'"; 100_000].join(",")),
        format!("$[{}]", vec!["1"; 100_000].join(",")),
        format!("${}", "[?(@.a)]".repeat(50_000)),
        format!("$[?({})]", vec!["@.a"; 100_000].join("&&")),
    ] {
        let path = Path::parse(&text).unwrap_or_else(|error| panic!("{}…: {error}", &text[..20]));
        let _ = with_scope(&deep(100), |scope| path.get(scope));
    }
    for text in [
        format!("${}", "[?(@".repeat(100_000)),
        format!("$[?({})]", "(".repeat(100_000)),
        format!("$[?({}@.a)]", "!".repeat(100_000)),
        format!("$.a{}", ".concat($.a".repeat(100_000)),
        format!("$.a.concat({}", "$.a.concat(".repeat(100_000)),
        format!("$[?(@.a in {})]", "[".repeat(100_000)),
        format!("$[?(@.a =~ /{}/)]", "(a{1000}){1000}".repeat(100)),
        "$[".repeat(100_000),
        "$['".repeat(100_000),
    ] {
        assert!(Path::parse(&text).is_err(), "{}…", &text[..20]);
    }
    assert!(Intrinsic::parse(&"States.Array(".repeat(100_000)).is_err());
    assert!(Intrinsic::parse(&format!("States.Array({})", "$[".repeat(100_000))).is_err());
}

#[test]
fn a_budget_counts_before_it_is_spent() {
    let budget = Budget::new(10, 1000);
    assert_eq!(budget.step(10), Ok(()));
    assert_eq!(budget.step(1), Err(Exhausted::Steps));
    assert_eq!(Budget::new(1000, 1000).copy(&json!(vec![1; 1000])), Err(Exhausted::Bytes));
    assert_eq!(Budget::new(10, 100_000).copy(&json!(vec![1; 1000])), Err(Exhausted::Steps));
    assert_eq!(Budget::new(u64::MAX, usize::MAX).bytes(usize::MAX), Ok(()));
}
