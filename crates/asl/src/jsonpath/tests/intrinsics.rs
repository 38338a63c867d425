use super::{call, with_scope};
use crate::jsonpath::Intrinsic;
use serde_json::{Value, json};

fn input() -> Value {
    json!({
        "text": "a-b-c", "number": 4, "real": 1.5, "none": null, "yes": true, "object": {"a": 1, "b": [1, "x", null]},
        "list": [1, 2, 2, 3], "template": "Hello, {}!", "json": "{\"k\": [1, 2]}", "empty": [],
        "quoted,": {"it's": 1},
    })
}

#[test]
fn values() {
    let input = input();
    for (text, expected) in [
        ("States.Format('Hi {} and {}', $.text, $.number)", json!("Hi a-b-c and 4")),
        ("States.Format('{}{}{}', $.none, $.yes, $.real)", json!("nulltrue1.5")),
        ("States.Format('{}', $.object)", json!("{a=1, b=[1, x, null]}")),
        (
            "States.Format('{} {} {} {}', 10000000.0, 1.5e-7, 123456.5, 12345678901)",
            json!("1.0E7 1.5E-7 123456.5 12345678901"),
        ),
        ("States.JsonToString(States.Array(1e10, 0.25, 'ü'))", json!("[1.0E10,0.25,\"ü\"]")),
        ("States.Hash(States.Array(1, 'a'), 'MD5')", json!("fd4105d9312f0888af6ee470373c2c0d")),
        ("States.Format($.template, 'you')", json!("Hello, you!")),
        ("States.Format('it\\'s \\{\\} \\\\ {}', 1)", json!("it's {} \\ 1")),
        ("States.Format('plain')", json!("plain")),
        ("States.Format('a{b}c{')", json!("a{b}c{")),
        ("States.StringToJson($.json)", json!({"k": [1, 2]})),
        ("States.StringToJson('{\"a\": \"b\"}')", json!({"a": "b"})),
        ("States.StringToJson('')", Value::Null),
        ("States.StringToJson('  ')", Value::Null),
        ("States.StringToJson('-0')", json!(0)),
        ("States.StringToJson('1 2')", json!(1)),
        ("States.JsonToString($.object)", json!("{\"a\":1,\"b\":[1,\"x\",null]}")),
        ("States.JsonToString('x')", json!("\"x\"")),
        ("States.Array()", json!([])),
        (
            "States.Array(1, 'a', $.none, true, -2.5, States.Array($name))",
            json!([1, "a", null, true, -2.5, ["Acme"]]),
        ),
        ("States.ArrayPartition($.list, 3)", json!([[1, 2, 2], [3]])),
        ("States.ArrayPartition($.list, 1.5)", json!([[1, 2], [2, 3]])),
        ("States.ArrayPartition($.empty, 2)", json!([])),
        ("States.ArrayContains($.list, 3)", json!(true)),
        ("States.ArrayContains($.list, 3.0)", json!(true)),
        ("States.ArrayContains($.list, '3')", json!(false)),
        ("States.ArrayContains($.object.b, null)", json!(true)),
        ("States.ArrayRange(1, 9, 2)", json!([1, 3, 5, 7, 9])),
        ("States.ArrayRange(5, 1, -2)", json!([5, 3, 1])),
        ("States.ArrayRange(5, 1, 2)", json!([])),
        ("States.ArrayRange(1, 2, -5)", json!([])),
        ("States.ArrayRange(3, 3, -5)", json!([3])),
        ("States.ArrayLength(States.ArrayRange(1, 1000, 1))", json!(1000)),
        ("States.ArrayGetItem($.list, 3)", json!(3)),
        ("States.ArrayLength($.list)", json!(4)),
        ("States.ArrayLength($.nothing[*].x)", json!(0)),
        ("States.ArrayUnique($.list)", json!([1, 2, 3])),
        ("States.Base64Encode('Data to encode')", json!("RGF0YSB0byBlbmNvZGU=")),
        ("States.Base64Decode('RGVjb2RlZCBkYXRh')", json!("Decoded data")),
        ("States.Hash('input data', 'SHA-1')", json!("aaff4a450a104cd177d28d18d74485e8cae074b7")),
        ("States.Hash('', 'MD5')", json!("d41d8cd98f00b204e9800998ecf8427e")),
        (
            "States.JsonMerge($.object, States.StringToJson('{\"a\":2,\"c\":3}'), false)",
            json!({"a": 2, "b": [1, "x", null], "c": 3}),
        ),
        ("States.MathAdd($.number, -1)", json!(3)),
        ("States.MathAdd(1.5, 0)", json!(2)),
        ("States.MathAdd(-1.5, 0)", json!(-1)),
        ("States.StringSplit('1,2;3,', ',;')", json!(["1", "2", "3"])),
        ("States.StringSplit('', ',')", json!([])),
        ("States.StringSplit('abc', '')", json!(["abc"])),
        ("States.StringSplit('Hello\nWorld', '\n')", json!(["Hello", "World"])),
        ("States.ArrayGetItem( States.StringSplit($.text , '-') , 1 )", json!("b")),
        ("States.Format('{}', $['quoted,']['it\\'s'])", json!("1")),
        ("States.ArrayLength($.list[?(@ == 2 || @ == 3)])", json!(3)),
        ("States.Format('{}', $$.Execution.Name)", json!("run")),
    ] {
        assert_eq!(call(text, &input), Ok(expected), "{text}");
    }
}

#[test]
fn failures_name_the_whole_call() {
    let input = json!({"other": 1, "list": [1]});
    let runtime = |call: &str, path: &str| {
        format!(
            "States.Runtime: The function '{call}' had the following error: The JsonPath argument for the field \
             '{path}' could not be found in the input '{{\"other\":1,\"list\":[1]}}'"
        )
    };
    for (text, path) in [
        ("States.Format('{}',$.nope)", "$.nope"),
        ("States.Format('{} {}', $.other, $.a.b)", "$.a.b"),
        ("States.Format('{}', States.Format('{}', $.nope))", "$.nope"),
        ("States.Format('{}', $.list[5])", "$.list[5]"),
        ("States.Format('{}', $.list[5].x)", "$.list[5].x"),
        ("States.Format('{}', $$.Nope.Deep)", "$.Nope.Deep"),
    ] {
        assert_eq!(call(text, &input), Err(runtime(text, path)));
    }
    assert_eq!(
        call("States.Format('{}', $.other[0])", &input),
        Err("States.Runtime: The function 'States.Format('{}', $.other[0])' had the following error: Filter: [0] can \
             only be applied to arrays. Current context is: 1"
            .to_owned())
    );
}

#[test]
fn what_functions_refuse() {
    let input = input();
    let long = json!({"long": "x".repeat(10_001), "fits": "x".repeat(10_000), "deep": "[".repeat(101) + &"]".repeat(101)});
    for (text, input) in [
        ("States.Format('{} {}', 1)", &input),
        ("States.Format('{}', 1, 2)", &input),
        ("States.Format($.number)", &input),
        ("States.Format('{', 1)", &input),
        ("States.StringToJson('{')", &input),
        ("States.StringToJson($.number)", &input),
        ("States.StringToJson($.deep)", &long),
        ("States.ArrayPartition($.list, 0)", &input),
        ("States.ArrayPartition($.list, -1)", &input),
        ("States.ArrayPartition($.text, 1)", &input),
        ("States.ArrayContains($.text, 'a')", &input),
        ("States.ArrayRange(1, 2, 0)", &input),
        ("States.ArrayRange(1, 1001, 1)", &input),
        ("States.ArrayRange(1, 9999999999, 1)", &input),
        ("States.ArrayGetItem($.list, 4)", &input),
        ("States.ArrayGetItem($.list, -1)", &input),
        ("States.ArrayLength($.text)", &input),
        ("States.ArrayUnique($.text)", &input),
        ("States.Base64Encode($.long)", &long),
        ("States.Base64Encode($.number)", &input),
        ("States.Base64Decode('!')", &input),
        ("States.Hash($.long, 'MD5')", &long),
        ("States.Hash('x', 'SHA-3')", &input),
        ("States.JsonMerge($.object, $.object, true)", &input),
        ("States.JsonMerge($.object, $.list, false)", &input),
        ("States.MathRandom(2, 1)", &input),
        ("States.MathAdd('1', 1)", &input),
        ("States.StringSplit($.number, ',')", &input),
    ] {
        let error = call(text, input).expect_err(text);
        let begins = format!("States.IntrinsicFailure: The function '{text}' had the following error: ");
        assert!(error.starts_with(&begins), "{error}");
    }
    assert!(call("States.Base64Encode($.fits)", &long).is_ok());
}

#[test]
fn chance_grows_from_the_seed() {
    let input = json!({});
    assert_eq!(call("States.UUID()", &input), call("States.UUID()", &input));
    let two = call("States.Array(States.UUID(), States.UUID())", &input).expect("two");
    assert_ne!(two[0], two[1]);
    assert_eq!(two[0].as_str().map(|uuid| (uuid.len(), &uuid[14..15])), Some((36, "4")));
    for text in ["States.MathRandom(-3, 4)", "States.MathRandom(-3, 4, 5)", "States.MathRandom(-3.4, 3.6)"] {
        let value = call(text, &input).expect(text).as_i64().expect("an integer");
        assert!((-3..4).contains(&value), "{text} gives {value}");
    }
    // A seed of the call's own gives the same number whatever the scope's is.
    let random = |seed: u64| {
        let intrinsic = Intrinsic::parse("States.MathRandom(0, 1000000, 3)").expect("a call");
        with_scope(&input, |scope| {
            let scope = crate::jsonpath::Scope { seed, ..*scope };
            intrinsic.evaluate(&scope)
        })
    };
    assert_eq!(random(1), random(2));
}

#[test]
fn calls_that_are_none() {
    let nested = |depth: usize| format!("{}1{}", "States.Array(".repeat(depth), ")".repeat(depth));
    assert!(Intrinsic::parse(&nested(10)).is_ok());
    for text in [
        "",
        "Format('a')",
        "States.",
        "States.Nope()",
        "States.format('a')",
        "States.UUID",
        "States.UUID(",
        "States.UUID(1)",
        "States.Format()",
        "States.Format('a'",
        "States.Format('a)",
        "States.Format(\"a\")",
        "States.Format('a',)",
        "States.Format(,'a')",
        "States.Format('a' 'b')",
        "States.Format(a)",
        "States.Format('a').b",
        "States.Array($.)",
        "States.Array(1e999)",
        "States.Array([1])",
        "States.Array($.a b)",
        "States.Format('\\n')",
        "States.Format('\\\"')",
        "States.StringToJson('{\"text\":\"An \\\"escaped double quote\\\" here\"}')",
        &nested(11),
        "xStates.UUID()",
        "States.Hash('a')",
        "States.MathRandom(1)",
        "States.MathRandom(1, 2, 3, 4)",
    ] {
        assert!(Intrinsic::parse(text).is_err(), "{text:?} is taken for a call");
    }
}
