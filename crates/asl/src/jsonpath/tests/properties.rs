use super::with_scope;
use crate::jsonpath::error::PathErrorKind;
use crate::jsonpath::{Intrinsic, Path, PayloadTemplate, ReferencePath};
use proptest::prelude::*;
use serde_json::{Value, json};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5_i64..6).prop_map(Value::from),
        "[abc]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Parts of paths, well-formed and not, so that whole paths of all kinds come about.
fn path_like() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        ".a",
        ".b",
        ".c",
        "['a']",
        "['a','b']",
        "[0]",
        "[-1]",
        "[1:]",
        "[:2]",
        "[0:2]",
        "[-2:]",
        "[0,1]",
        "[*]",
        ".*",
        "..a",
        "..*",
        "..[0]",
        "[?(@.a)]",
        "[?(@.a == 1)]",
        "[?(@ > 1 || !@.b)]",
        "[?(@.a in $.c)]",
        "..[?(@.a)]",
        ".length()",
        ".sum()",
        ".keys()",
        ".append(1)",
        "[?(@.a =~ /a.*/)]",
        "[",
        "]",
        ".",
        "(",
        "'",
        "$",
        "@",
        " ",
        "\\",
        "é",
    ]);
    (prop::sample::select(vec!["$", "$", "$", "$$", "$name", "$list", ""]), prop::collection::vec(part, 0..6))
        .prop_map(|(root, parts)| format!("{root}{}", parts.concat()))
}

fn reference() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![".a", ".b", "['c']", "['x y']", "[0]", "[1]", "[-1]"]);
    prop::collection::vec(part, 0..5).prop_map(|parts| format!("${}", parts.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_parsing_panic(text in any::<String>()) {
        let _ = Path::parse(&text);
        let _ = Path::parse(&format!("${text}"));
        let _ = Path::parse(&format!("$[?({text})]"));
        let _ = Intrinsic::parse(&text);
        let _ = Intrinsic::parse(&format!("States.Format({text})"));
    }

    #[test]
    fn paths_of_all_kinds_are_total(text in path_like(), input in value()) {
        // A function makes one value of a list, and may fail.
        let calls = text.trim_end().ends_with(')');
        if let Ok(path) = Path::parse(&text) {
            prop_assert_eq!(path.text(), &text);
            let result = with_scope(&input, |scope| path.get(scope));
            if let Ok(value) = &result
                && !path.is_definite()
                && !calls
            {
                prop_assert!(value.is_array(), "{} gives {}", text, value);
            }
            if let Err(error) = &result && !calls {
                let unassigned = matches!(error.kind, PathErrorKind::Variable(_) | PathErrorKind::Null);
                prop_assert!(path.is_definite() || unassigned, "{} fails: {:?}", text, error);
            }
        }
    }

    #[test]
    fn what_was_set_is_found(text in reference(), target in value(), put in value()) {
        let path = ReferencePath::parse(&text).expect("a reference path");
        let mut changed = target.clone();
        match path.set(&mut changed, put.clone()) {
            // Of a null nothing is read, not even where it was put.
            Ok(()) if changed.is_null() => prop_assert_eq!(put, Value::Null),
            Ok(()) => {
                let found = with_scope(&changed, |scope| path.as_path().get(scope));
                prop_assert_eq!(found, Ok(put));
            }
            Err(_) => prop_assert_eq!(changed, target),
        }
    }

    #[test]
    fn slices_are_those_of_a_naive_model(
        items in prop::collection::vec(0_i64..100, 0..12),
        from in prop::option::of(-15_i64..15),
        to in prop::option::of(-15_i64..15),
    ) {
        prop_assume!(from.is_some() || to.is_some());
        let number = |number: Option<i64>| number.map_or(String::new(), |number| number.to_string());
        let path = Path::parse(&format!("$[{}:{}]", number(from), number(to))).expect("a slice");
        let found = with_scope(&json!(items), |scope| path.get(scope)).expect("a list");
        let length = i64::try_from(items.len()).expect("few");
        let at = |index: i64| if index < 0 { index + length } else { index };
        let expected: Vec<i64> = match (from, to) {
            (Some(from), None) => (0..length).filter(|index| *index >= at(from)).collect(),
            (None, Some(to)) => (0..length).filter(|index| *index < at(to)).collect(),
            (Some(from), Some(to)) => (from..to).map(at).collect(),
            (None, None) => unreachable!("assumed"),
        };
        let expected: Vec<i64> =
            expected.into_iter().filter_map(|index| items.get(usize::try_from(index).ok()?).copied()).collect();
        prop_assert_eq!(found, json!(expected));
    }

    #[test]
    fn a_scan_finds_every_member_of_that_name(input in value()) {
        fn count(value: &Value) -> usize {
            match value {
                Value::Array(items) => items.iter().map(count).sum(),
                Value::Object(members) => {
                    usize::from(members.contains_key("a")) + members.values().map(count).sum::<usize>()
                }
                _ => 0,
            }
        }
        let path = Path::parse("$..a").expect("a path");
        prop_assume!(!input.is_null());
        let found = with_scope(&input, |scope| path.get(scope)).expect("a list");
        prop_assert_eq!(found.as_array().map(Vec::len), Some(count(&input)));
    }

    #[test]
    fn text_and_json_and_back(input in value()) {
        let intrinsic = Intrinsic::parse("States.StringToJson(States.JsonToString($))").expect("a call");
        prop_assert_eq!(with_scope(&input, |scope| intrinsic.evaluate(scope)), Ok(input));
    }

    #[test]
    fn partitions_hold_every_element_once(items in prop::collection::vec(0..9, 0..30), size in 1..40_usize) {
        let intrinsic = Intrinsic::parse(&format!("States.ArrayPartition($, {size})")).expect("a call");
        let found = with_scope(&json!(items), |scope| intrinsic.evaluate(scope)).expect("partitions");
        let expected: Vec<Value> = items.chunks(size).map(|chunk| json!(chunk)).collect();
        prop_assert_eq!(found, Value::Array(expected));
    }

    #[test]
    fn a_template_without_dynamic_members_is_its_own_value(template in value(), input in value()) {
        let compiled = PayloadTemplate::compile(&template).expect("nothing dynamic");
        prop_assert!(compiled.literal().is_some());
        let evaluated = with_scope(&input, |scope| compiled.evaluate(scope)).expect("nothing to fail");
        prop_assert_eq!(&*evaluated, &template);
    }

    #[test]
    fn a_dynamic_member_is_what_its_path_gives(input in value(), path in path_like()) {
        let Ok(parsed) = Path::parse(&path) else { return Ok(()) };
        let template = PayloadTemplate::compile(&json!({"in": [{"m.$": path}]})).expect("a template");
        let evaluated = with_scope(&input, |scope| template.evaluate(scope));
        if !input.is_null() && let Ok(value) = with_scope(&input, |scope| parsed.get(scope)) {
            prop_assert_eq!(evaluated.map(|payload| (*payload).clone()), Ok(json!({"in": [{"m": value}]})));
        }
    }
}
