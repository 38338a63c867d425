use super::{found, get, invalid, with_scope};
use crate::jsonpath::Path;
use crate::jsonpath::error::PathErrorKind;
use serde_json::{Value, json};

fn store() -> Value {
    json!({
        "detail-type": "Order", "a b": {"c": 1}, "nothing": null, "empty": [], "text": "hello", "number": 4,
        "${Name}": "templated", "list": [10, 20, 30, 40, 50], "nested": [[1, 2], [3], []],
        "books": [
            {"title": "A", "price": 8.95, "tags": ["x"]},
            {"title": "B", "price": 12, "isbn": "1", "tags": []},
            {"title": "C", "isbn": "2"},
        ],
        "deep": {"x": {"price": 1}, "y": [{"price": 2}]},
    })
}

#[test]
fn definite_paths_give_the_value() {
    let store = store();
    for (path, expected) in [
        ("$.detail-type", json!("Order")),
        ("$.${Name}", json!("templated")),
        ("$['a b'].c", json!(1)),
        ("$.['a b']['c']", json!(1)),
        ("$[\"a b\"]", json!({"c": 1})),
        ("$.nothing", Value::Null),
        ("$.list[0]", json!(10)),
        ("$.list[-1]", json!(50)),
        ("$.list[ 1 ]", json!(20)),
        ("$.books[1].title", json!("B")),
        ("$.books[0]['title','price']", json!({"title": "A", "price": 8.95})),
        ("$.books[2]['title','price']", json!({"title": "C"})),
        ("$$.Execution.Name", json!("run")),
        ("$$.Execution.Input['x']", json!(1)),
        ("$name", json!("Acme")),
        ("$list[1].a", json!(2)),
    ] {
        assert!(Path::parse(path).expect(path).is_definite(), "{path}");
        assert_eq!(found(path, &store), expected, "{path}");
    }
    assert_eq!(found("$", &store), store);
    assert_eq!(found("$", &Value::Null), Value::Null);
    assert_eq!(found("$.number ", &store), json!(4));
    assert_eq!(found("$[1]", &json!(["a", "b"])), json!("b"));
    assert_eq!(found("$.[0]", &json!(["a", "b"])), json!("a"));
}

#[test]
fn indefinite_paths_give_lists() {
    let store = store();
    for (path, expected) in [
        ("$.list[*]", json!([10, 20, 30, 40, 50])),
        ("$.list[1:3]", json!([20, 30])),
        ("$.list[1:]", json!([20, 30, 40, 50])),
        ("$.list[:2]", json!([10, 20])),
        ("$.list[-2:]", json!([40, 50])),
        ("$.list[:-3]", json!([10, 20])),
        ("$.list[1:-1]", json!([])),
        ("$.list[-1:1]", json!([50, 10])),
        ("$.list[7:]", json!([])),
        ("$.list[0,2,-1]", json!([10, 30, 50])),
        ("$.list[9,1]", json!([20])),
        ("$.books[*].isbn", json!(["1", "2"])),
        ("$.books[*].tags[0]", json!(["x"])),
        (
            "$.books[*]['title','isbn']",
            json!([{"title": "A"}, {"title": "B", "isbn": "1"}, {"title": "C", "isbn": "2"}]),
        ),
        ("$.books[0]['title','price'].x", json!([])),
        ("$..price", json!([8.95, 12, 1, 2])),
        ("$.deep..price", json!([1, 2])),
        ("$.deep.*", json!([{"price": 1}, [{"price": 2}]])),
        ("$.nested[*][*]", json!([1, 2, 3])),
        ("$.nested..[0]", json!([[1, 2], 1, 3])),
        ("$.number[*]", json!([])),
        ("$.absent[*].x", json!([])),
        ("$.absent..x", json!([])),
        ("$list[*].a", json!([1, 2])),
        ("$$.Execution.*.x", json!([1])),
    ] {
        assert!(!Path::parse(path).expect(path).is_definite(), "{path}");
        assert_eq!(found(path, &store), expected, "{path}");
    }
    // What AWS gave for these on an input without anything.
    for path in ["$[*]", "$.items[*]", "$.items[1:]", "$.items[:1]", "$.item.items[1:5].itemValue"] {
        assert_eq!(found(path, &json!({})), json!([]), "{path}");
    }
}

#[test]
fn causes_are_worded_as_aws_words_them() {
    let store = store();
    for (path, expected) in [
        ("$.NoSuchInputPath", "Invalid path '$.NoSuchInputPath' : No results for path: $['NoSuchInputPath']"),
        ("$.absent.b.c", "Invalid path '$.absent.b.c' : Missing property in path $['absent']"),
        ("$.deep.z", "Invalid path '$.deep.z' : No results for path: $['deep']['z']"),
        ("$.text.x", "Invalid path '$.text.x' : Property ['x'] not found in path $['text']"),
        ("$.list[9]", "Invalid path '$.list[9]' : No results for path: $['list'][9]"),
        ("$.list[9].x", "Invalid path '$.list[9].x' : No results for path: $['list'][9]['x']"),
        (
            "$.number[0]",
            "Invalid path '$.number[0]' : Filter: [0] can only be applied to arrays. Current context is: 4",
        ),
        (
            "$.deep[0]",
            "Invalid path '$.deep[0]' : Filter: [0] can only be applied to arrays. Current context is: \
             {x={price=1}, y=[{price=2}]}",
        ),
        ("$nobody.x", "Invalid path '$nobody.x' : The variable 'nobody' is not assigned"),
    ] {
        assert_eq!(invalid(path, &store), expected, "{path}");
    }
    assert_eq!(invalid("$.x", &Value::Null), "Unable to apply Path transformation to null or empty input.");
    let error = get("$.x", &json!({"a": 1})).expect_err("there is no x");
    with_scope(&json!({"a": 1}), |scope| {
        assert_eq!(
            error.specified_for("y.$", scope),
            r#"The JSONPath '$.x' specified for the field 'y.$' could not be found in the input '{"a":1}'"#
        );
        assert_eq!(error.unable_to_apply(scope.input), r#"Unable to apply step "x" to input {"a":1}"#);
    });
    let error = get("$$.No", &json!({"a": 1})).expect_err("the context has no such member");
    with_scope(&json!({"a": 1}), |scope| {
        assert_eq!(
            error.specified_for("y.$", scope),
            "The JSONPath '$$.No' specified for the field 'y.$' could not be found in the input \
             '{\"Execution\":{\"Name\":\"run\",\"Input\":{\"x\":1}}}'"
        );
    });
}

#[test]
fn missing_is_not_null() {
    let store = store();
    let optional = |path: &str| {
        let path = Path::parse(path).expect("a path");
        with_scope(&store, |scope| path.get_optional(scope)).expect("within the budget")
    };
    assert_eq!(optional("$.nothing"), Some(Value::Null));
    assert_eq!(optional("$.absent"), None);
    assert_eq!(optional("$.empty[0]"), None);
    assert_eq!(optional("$.text[0]"), None);
    assert_eq!(optional("$nobody"), None);
    let path = Path::parse("$.a").expect("a path");
    assert_eq!(with_scope(&Value::Null, |scope| path.get_optional(scope)), Ok(None));
    assert_eq!(optional("$.books[?(@.title == 'Z')]"), Some(json!([])));
}

#[test]
fn functions_end_paths() {
    let store = store();
    for (path, expected) in [
        ("$.list.length()", json!(5)),
        ("$.text.length()", json!(5)),
        ("$.books[*].length()", json!(3)),
        ("$.list.min()", json!(10.0)),
        ("$.list.max()", json!(50.0)),
        ("$.list.avg()", json!(30.0)),
        ("$.list.sum()", json!(150.0)),
        ("$.nested[0].stddev()", json!(0.5)),
        ("$.deep.keys()", json!(["x", "y"])),
        ("$.books[0].tags.append('y', 1)", json!(["x", "y", 1])),
        ("$.books[0].tags.concat('-', $.text)", json!("x-hello")),
        ("$.list.first()", json!(10)),
        ("$.list.last()", json!(50)),
        ("$.list.index(1)", json!(20)),
    ] {
        assert_eq!(found(path, &store), expected, "{path}");
    }
    assert!(matches!(get("$.empty.sum()", &store).expect_err("nothing").kind, PathErrorKind::Mismatch(_)));
    assert!(matches!(
        get("$.absent.length()", &store).expect_err("nothing").kind,
        PathErrorKind::Missing { .. }
    ));
    // A name that only looks like one.
    assert_eq!(found("$.f(x)", &json!({"f(x)": 1})), json!(1));
}

#[test]
fn paths_that_are_none() {
    for path in [
        "",
        "a",
        ".a",
        "@.a",
        "$.",
        "$..",
        "$...a",
        "$.a.",
        "$.a b",
        "$[",
        "$[]",
        "$['a'",
        "$['a]",
        "$['a',]",
        "$['a' 'b']",
        "$[a]",
        "$[1",
        "$[1,]",
        "$[1,'a']",
        "$[:]",
        "$[1:2:3]",
        "$[--1]",
        "$[99999999999999999999]",
        "$a b",
        "$1a",
        "$a-b",
        "$states.input",
        "$$a",
        "$[?]",
        "$[?()]",
        "$[?(@.a ==)]",
        "$[?(@.a",
        "$[?(@.a)",
        "$.a.length().b",
        "$.a.length(",
        "$[?(@.a =~ 'x')]",
        "$[?(@.a =~ /[/)]",
        "$[?(1)]",
        "$.a[?(@.b == 1]",
        "States.Format('{}', 1)",
        " $",
    ] {
        assert!(Path::parse(path).is_err(), "{path:?} is taken for a path");
    }
}

#[test]
fn what_a_path_reads() {
    assert_eq!(Path::parse("$abc_1.x").expect("a path").variable(), Some("abc_1"));
    assert_eq!(Path::parse("$.abc").expect("a path").variable(), None);
    assert_eq!(Path::parse("$$.abc").expect("a path").variable(), None);
    assert!(Path::parse("$").expect("a path").is_input());
    assert!(!Path::parse("$$").expect("a path").is_input());
    assert!(!Path::parse("$.a").expect("a path").is_input());
}
