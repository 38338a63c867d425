use super::*;
use serde_json::json;

mod properties;

fn matches(pattern: Value, event: Value) -> bool {
    Pattern::parse(&pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).matches(&event)
}

fn reason(pattern: Value) -> String {
    match Pattern::parse(&pattern) {
        Ok(_) => panic!("{pattern} is accepted"),
        Err(error) => error.reason().to_owned(),
    }
}

/// Checks one alternative against values of the field `x` that it must accept and refuse.
fn check(alternative: Value, good: &[Value], bad: &[Value]) {
    let pattern = Pattern::parse(&json!({"x": [alternative]})).unwrap();
    for value in good {
        assert!(pattern.matches(&json!({"x": value})), "{alternative} must accept {value}");
    }
    for value in bad {
        assert!(!pattern.matches(&json!({"x": value})), "{alternative} must refuse {value}");
    }
    assert_eq!(
        pattern.matches(&json!({"y": 1})),
        alternative == json!({"exists": false}),
        "{alternative}: no field"
    );
}

#[test]
fn values() {
    check(
        json!("a"),
        &[json!("a"), json!(["b", "a"])],
        &[json!("A"), json!("ab"), json!(1), json!(null), json!([])],
    );
    check(json!(1), &[json!(1), json!(1.0), json!([2, 1])], &[json!("1"), json!(1.1), json!(true)]);
    check(json!(301.8), &[json!(301.8), json!(3.018e2)], &[json!(301)]);
    check(json!(true), &[json!(true)], &[json!(false), json!("true")]);
    check(
        json!(null),
        &[json!(null), json!([null])],
        &[json!("null"), json!(""), json!([]), json!({"y": null})],
    );
    check(json!({"exactly": "a"}), &[json!("a")], &[json!("b")]);
    check(
        json!({"exists": true}),
        &[json!(0), json!(null), json!(["a"])],
        &[json!([]), json!({}), json!({"y": 1})],
    );
    check(json!({"exists": false}), &[json!([]), json!({"y": 1})], &[json!(null), json!("a")]);
    // Whole numbers that a double cannot tell apart.
    check(
        json!(9_007_199_254_740_993_u64),
        &[json!(9_007_199_254_740_993_u64)],
        &[json!(9_007_199_254_740_992_u64)],
    );
}

#[test]
fn texts() {
    check(json!({"prefix": "ab"}), &[json!("ab"), json!("abc")], &[json!("Ab"), json!("xab"), json!(12)]);
    check(json!({"prefix": ""}), &[json!(""), json!("a")], &[json!(1), json!(null)]);
    check(json!({"suffix": ".png"}), &[json!(".png"), json!("a.png")], &[json!("a.PNG"), json!("png")]);
    check(
        json!({"prefix": {"equals-ignore-case": "aB"}}),
        &[json!("Abc"), json!("aBx")],
        &[json!("a"), json!("xab")],
    );
    check(json!({"suffix": {"equals-ignore-case": ".Png"}}), &[json!("a.pNG")], &[json!("a.pn")]);
    check(
        json!({"equals-ignore-case": "STRASSE"}),
        &[json!("strasse")],
        &[json!("strasse2"), json!("stras")],
    );
    check(json!({"equals-ignore-case": "ÅB"}), &[json!("åb")], &[json!("ab")]);
    check(
        json!({"wildcard": "a*c"}),
        &[json!("ac"), json!("abc"), json!("acc")],
        &[json!("a"), json!("cab")],
    );
    check(json!({"wildcard": "*"}), &[json!(""), json!("x")], &[json!(1)]);
    check(json!({"wildcard": "aa*aa"}), &[json!("aaaa"), json!("aaxaa")], &[json!("aaa")]);
    check(json!({"wildcard": "a\\*b\\\\*"}), &[json!("a*b\\"), json!("a*b\\x")], &[json!("axb\\")]);
}

#[test]
fn numbers() {
    check(json!({"numeric": ["=", 5]}), &[json!(5), json!(5.0)], &[json!("5"), json!(4.9)]);
    check(json!({"numeric": ["<", 5]}), &[json!(-1e9), json!(4.99)], &[json!(5)]);
    check(
        json!({"numeric": [">", 0, "<=", 5]}),
        &[json!(0.1), json!(5)],
        &[json!(0), json!(5.1), json!(null)],
    );
    check(json!({"numeric": [">=", -1.5, "<", 2]}), &[json!(-1.5), json!(1)], &[json!(2), json!(-2)]);
}

#[test]
fn addresses() {
    let v4 = json!({"cidr": "10.0.0.0/24"});
    check(
        v4,
        &[json!("10.0.0.0"), json!("10.0.0.255")],
        &[json!("10.0.1.0"), json!("::1"), json!("10.0.0"), json!(10)],
    );
    // AWS's range begins at the address that is written, not at the network's first.
    check(json!({"cidr": "10.0.0.9/24"}), &[json!("10.0.0.9")], &[json!("10.0.0.8")]);
    check(json!({"cidr": "0.0.0.0/0"}), &[json!("255.255.255.255")], &[json!("::1")]);
    let v6 = json!({"cidr": "2001:db8::/32"});
    check(v6, &[json!("2001:0DB8:ffff::1"), json!("2001:db8::")], &[json!("2001:db9::"), json!("10.0.0.1")]);
    // A text that is an address equals every way to write it.
    check(json!("::1"), &[json!("::1"), json!("0:0:0:0:0:0:0:1")], &[json!("::2")]);
}

#[test]
fn anything_but() {
    check(
        json!({"anything-but": "a"}),
        &[json!("b"), json!(1), json!(null), json!(["a", "b"])],
        &[json!("a"), json!(["a"])],
    );
    check(json!({"anything-but": 1}), &[json!("1"), json!(2)], &[json!(1), json!(1.0)]);
    check(json!({"anything-but": ["a", "b"]}), &[json!("c")], &[json!("a"), json!("b")]);
    check(json!({"anything-but": [1, 2]}), &[json!(3)], &[json!(1), json!(2)]);
    check(json!({"anything-but": {"prefix": "a"}}), &[json!("ba"), json!(1), json!(null)], &[json!("ab")]);
    check(json!({"anything-but": {"suffix": ["a", "b"]}}), &[json!("ac")], &[json!("xa"), json!("xb")]);
    check(
        json!({"anything-but": {"equals-ignore-case": ["A", "b"]}}),
        &[json!("c")],
        &[json!("a"), json!("B")],
    );
    check(
        json!({"anything-but": {"wildcard": ["a*", "*z"]}}),
        &[json!("b"), json!(3)],
        &[json!("a1"), json!("1z")],
    );
}

#[test]
fn paths() {
    let event = json!({"a": {"b": {"c": "x"}}, "d.e": "y", "f": [[{"g": "z"}]]});
    assert!(matches(json!({"a": {"b": {"c": ["x"]}}}), event.clone()));
    assert!(matches(json!({"a.b": {"c": ["x"]}}), event.clone()));
    assert!(matches(json!({"d": {"e": ["y"]}}), event.clone()));
    assert!(matches(json!({"f": {"g": ["z"]}}), event.clone()));
    assert!(!matches(json!({"a": {"b": ["x"]}}), event.clone()));
    assert!(!matches(json!({"A": {"b": {"c": ["x"]}}}), event));
    assert!(matches(json!({"": {"": ["x"]}}), json!({"": {"": "x"}})));
    assert!(!Pattern::parse(&json!({"a": ["x"]})).unwrap().matches(&json!(["a"])));
}

#[test]
fn leaves_of_one_array_come_from_one_element() {
    let pattern = json!({"a": {"x": [1], "y": [2]}});
    assert!(matches(pattern.clone(), json!({"a": [{"x": 0}, {"x": 1, "y": 2}]})));
    assert!(!matches(pattern.clone(), json!({"a": [{"x": 1}, {"y": 2}]})));
    assert!(matches(pattern, json!({"a": {"x": [0, 1], "y": [2, 0]}})));
    let deep = json!({"a": {"b": {"x": [1], "y": [2]}, "z": [3]}});
    assert!(matches(deep.clone(), json!({"a": [{"b": [{"x": 1}, {"x": 1, "y": 2}], "z": 3}]})));
    assert!(!matches(deep, json!({"a": [{"b": [{"x": 1, "y": 2}], "z": 0}, {"b": [], "z": 3}]})));
    // Absence is judged within the element that earlier paths chose.
    let absent = json!({"a": {"x": [1], "z": [{"exists": false}]}});
    assert!(matches(absent.clone(), json!({"a": [{"x": 1}, {"x": 2, "z": 3}]})));
    assert!(!matches(absent, json!({"a": [{"x": 1, "z": 3}]})));
}

#[test]
fn either_branch() {
    let pattern =
        json!({"s": ["t"], "$or": [{"a": [1]}, {"b": [2], "$or": [{"c": [3]}, {"d": {"e": [4]}}]}]});
    for (event, good) in [
        (json!({"s": "t", "a": 1}), true),
        (json!({"s": "u", "a": 1}), false),
        (json!({"s": "t", "b": 2}), false),
        (json!({"s": "t", "b": 2, "c": 3}), true),
        (json!({"s": "t", "b": 2, "d": {"e": 4}}), true),
        (json!({"s": "t", "c": 3}), false),
    ] {
        assert_eq!(matches(pattern.clone(), event.clone()), good, "{event}");
    }
    let ten = |name: &str| Value::from((0..11).map(|n| json!({name: [n]})).collect::<Vec<_>>());
    let reason = reason(json!({"$or": ten("a"), "x": {"$or": ten("b")}, "y": {"$or": ten("c")}}));
    assert!(reason.contains("1000 combinations"), "{reason}");
}

#[test]
fn what_is_wrong_is_said_in_the_words_of_aws() {
    for (pattern, words) in [
        (json!([]), "Filter is not an object"),
        (json!({}), "Empty objects are not allowed"),
        (json!({"a": {}}), "Empty objects are not allowed"),
        (json!({"a": []}), "Empty arrays are not allowed"),
        (json!({"a": 1}), "\"a\" must be an object or an array"),
        (json!({"a": [["b"]]}), "Match value must be String, number, true, false, or null"),
        (json!({"a": [{}]}), "Match expression name not found"),
        (json!({"a": [{"like": "b"}]}), "Unrecognized match type like"),
        (json!({"a": [{"prefix": "b", "suffix": "c"}]}), "Only one key allowed in match expression"),
        (json!({"a": [{"prefix": {"x": "b"}}]}), "Unsupported prefix pattern: x"),
        (
            json!({"a": [{"suffix": {"equals-ignore-case": 1}}]}),
            "equals-ignore-case match pattern must be a string",
        ),
        (json!({"a": [{"exists": 1}]}), "exists match pattern must be either true or false."),
        (json!({"a": [{"numeric": []}]}), "Invalid member in numeric match: ]"),
        (json!({"a": [{"numeric": ["~", 1]}]}), "Unrecognized numeric range operator: ~"),
        (json!({"a": [{"numeric": ["=", "1"]}]}), "Value of equals must be numeric"),
        (json!({"a": [{"numeric": [">", 1, 2]}]}), "Bad value in numeric range: 2"),
        (json!({"a": [{"numeric": ["<", 1, ">", 0]}]}), "Too many elements in numeric expression"),
        (json!({"a": [{"numeric": [">", 1, "<", 2, 3]}]}), "Too many terms in numeric range expression"),
        (json!({"a": [{"numeric": [">", 2, "<", 2]}]}), "Bottom must be less than top"),
        (json!({"a": [{"cidr": "1.2.3.4"}]}), "Malformed CIDR, one '/' required"),
        (json!({"a": [{"cidr": "1.2.3.4/-1"}]}), "Malformed CIDR, mask bits must not be negative"),
        (json!({"a": [{"cidr": "1.2.3.4/32"}]}), "IPv4 mask bits must be < 32"),
        (json!({"a": [{"cidr": "::/128"}]}), "IPv6 mask bits must be < 128"),
        (json!({"a": [{"wildcard": "a\\b"}]}), "Invalid escape character at pos 2"),
        (json!({"a": [{"wildcard": "a\\"}]}), "Invalid escape character at pos 2"),
        (json!({"a": [{"wildcard": "a**"}]}), "Consecutive wildcard characters at pos 2"),
        (json!({"a": [{"anything-but": {}}]}), "Anything-But expression name not found"),
        (json!({"a": [{"anything-but": {"numeric": 1}}]}), "Unsupported anything-but pattern: numeric"),
        (
            json!({"a": [{"anything-but": true}]}),
            "Value of anything-but must be an array or single string/number value.",
        ),
        (
            json!({"a": [{"anything-but": [null]}]}),
            "Inside anything but list, start|null|boolean is not supported.",
        ),
        (
            json!({"a": [{"anything-but": [1, "a"]}]}),
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        (
            json!({"a": [{"anything-but": {"equals-ignore-case": [1]}}]}),
            "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
        ),
        (json!({"$or": {}}), "It must be an Array followed with $or."),
        (json!({"$or": [1]}), "Only JSON object is allowed in array of $or relationship."),
        (json!({"$or": [{"a": [1]}]}), "There must have at least 2 Objects in $or relationship."),
        (
            json!({"$or": [{"prefix": "a"}, {"b": [1]}]}),
            "prefix is Ruler reserved fieldName which cannot be used inside $or.",
        ),
    ] {
        assert_eq!(reason(pattern.clone()), words, "{pattern}");
    }
    let error = "{".parse::<Pattern>().unwrap_err().to_string();
    assert!(error.starts_with("Event pattern is not valid. Reason: the pattern is not JSON: "), "{error}");
}

#[test]
fn size_and_depth_are_bounded() {
    let mut deep = json!({"a": ["b"]});
    for _ in 0..DEPTH_MAX {
        deep = json!({"a": deep});
    }
    assert!(reason(deep).contains("nested more than"));
    assert!(reason(json!({"a": ["x".repeat(PATTERN_BYTES_MAX)]})).contains("bytes"));
    for hard in ["*a*a*a*a*a*a*a*a*a*a*b".to_owned(), "*ab".repeat(500)] {
        assert!(reason(json!({"a": [{"wildcard": hard}]})).starts_with("Rule is too complex"));
    }
}

#[test]
fn cost_is_bounded() {
    // Each of these would take hours where choices or stars were tried one after the other.
    let elements: Vec<Value> = (0..10_000).map(|n| json!({"p": {"q": n, "r": n}, "s": n})).collect();
    let event = json!({"outer": [{"a": elements}]});
    assert!(matches(
        json!({"outer": {"a": {"p": {"q": [9_000], "r": [9_000]}, "s": [9_000]}}}),
        event.clone()
    ));
    let any = json!([{"exists": true}]);
    assert!(matches(json!({"outer": {"a": {"p": {"q": any, "r": any}, "s": [9_999]}}}), event));
    let many = json!({"a": vec![1; 2_000], "b": vec![1; 2_000], "c": vec![1; 2_000]});
    assert!(matches(json!({"a": [1], "b": [1], "c": [1]}), many));
    let long = "a".repeat(200_000);
    assert!(!matches(json!({"x": [{"wildcard": "*a*aaaab"}]}), json!({"x": long})));
}

#[test]
fn a_set_tries_only_what_can_match() {
    let mut set = PatternSet::new();
    for n in 0..500 {
        let tenant = format!("tnt_{n}");
        let pattern =
            json!({"source": ["tenantry"], "detail-type": ["A", "B"], "detail": {"tenantId": [tenant]}});
        set.insert(n, Pattern::parse(&pattern).unwrap());
    }
    set.insert(1_000, Pattern::parse(&json!({"detail-type": [{"prefix": "A"}]})).unwrap());
    let event = json!({"source": "tenantry", "detail-type": "A", "detail": {"tenantId": "tnt_7"}});
    assert_eq!(set.candidates(&event).len(), 2);
    assert_eq!(set.matches(&event), [&7, &1_000]);
    assert!(set.remove(&7) && !set.remove(&7));
    assert_eq!(set.matches(&event), [&1_000]);
    set.insert(1_000, Pattern::parse(&json!({"detail-type": ["Z"]})).unwrap());
    assert!(set.matches(&event).is_empty());
    assert_eq!((set.len(), set.is_empty()), (500, false));
}

#[test]
fn no_operator_is_tried_in_vain() {
    let mut set = PatternSet::new();
    let operators = |n: usize| {
        [
            json!([format!("text-{n}")]),
            json!([n]),
            json!([{"prefix": format!("begin-{n}-")}]),
            json!([{"prefix": {"equals-ignore-case": format!("Begin-{n}-i")}}]),
            json!([{"suffix": format!("-end-{n}")}]),
            json!([{"suffix": {"equals-ignore-case": format!("-End-{n}-i")}}]),
            json!([{"equals-ignore-case": format!("Folded-{n}")}]),
            json!([{"wildcard": format!("wild-{n}-*x")}]),
            json!([{"wildcard": format!("*-tame-{n}")}]),
            json!([{"numeric": [">=", n * 10 + 1_000_000, "<", n * 10 + 1_000_010]}]),
            json!([{"cidr": format!("10.{}.{}.0/24", n / 250, n % 250)}]),
            json!([{"cidr": format!("2001:db8:{n:x}::/48")}]),
        ]
    };
    for n in 0..200 {
        for (kind, matchers) in operators(n).into_iter().enumerate() {
            let pattern = json!({"source": [{"exists": true}], "detail": {"value": matchers}});
            set.insert((kind, n), Pattern::parse(&pattern).unwrap());
        }
    }
    let leaves = [
        json!("text-7"),
        json!(7),
        json!("begin-7-and more"),
        json!("BEGIN-7-I and more"),
        json!("it is the-end-7"),
        json!("it is the-END-7-I"),
        json!("FOLDED-7"),
        json!("wild-7-yx"),
        json!("it is-tame-7"),
        json!(1_000_075),
        json!("10.0.7.77"),
        json!("2001:db8:7::1"),
    ];
    for (kind, leaf) in leaves.into_iter().enumerate() {
        let event = json!({"source": "here", "detail": {"value": leaf}});
        assert_eq!(set.candidates(&event).len(), 1, "{event}");
        assert_eq!(set.matches(&event), [&(kind, 7)], "{event}");
    }
    for n in 0..200 {
        for kind in 0..12 {
            assert!(set.remove(&(kind, n)));
        }
    }
    assert!(set.is_empty());
    assert!(set.candidates(&json!({"source": "here", "detail": {"value": "text-7"}})).is_empty());
}
