//! Against slow and simple models of the same rules.

use crate::pattern::{Pattern, PatternSet};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Whether `text` fits `pattern`, star by star, trying everything.
fn glob(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        Some((c, rest)) => text.split_first().is_some_and(|(t, text)| t == c && glob(rest, text)),
    }
}

type Chain = Vec<(usize, usize)>;

fn flatten(
    value: &Value,
    path: &str,
    chain: &Chain,
    arrays: &mut usize,
    out: &mut Vec<(String, Value, Chain)>,
) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(field, &path, chain, arrays, out);
            }
        }
        Value::Array(elements) => {
            let array = *arrays;
            *arrays += 1;
            for (index, element) in elements.iter().enumerate() {
                let mut chain = chain.clone();
                chain.push((array, index));
                flatten(element, path, &chain, arrays, out);
            }
        }
        leaf => out.push((path.to_owned(), leaf.clone(), chain.clone())),
    }
}

fn agree(a: &Chain, b: &Chain) -> bool {
    a.iter().all(|(array, index)| b.iter().all(|(other, at)| array != other || index == at))
}

/// Whether one leaf per path can be chosen so that all agree, trying every combination.
fn brute(
    conditions: &[(String, Vec<Value>)],
    leaves: &[(String, Value, Chain)],
    chosen: &mut Vec<Chain>,
) -> bool {
    let Some(((path, values), rest)) = conditions.split_first() else { return true };
    leaves.iter().any(|(at, value, chain)| {
        if at != path || !values.contains(value) || !chosen.iter().all(|other| agree(other, chain)) {
            return false;
        }
        chosen.push(chain.clone());
        let found = brute(rest, leaves, chosen);
        chosen.pop();
        found
    })
}

fn event() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![(0..3u8).prop_map(Value::from), Just(Value::Null), "[xy]".prop_map(Value::from)];
    let tree = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[ab]|a\\.b", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[ab]", tree, 1..3)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

fn conditions() -> impl Strategy<Value = Vec<(String, Vec<Value>)>> {
    let value = prop_oneof![(0..3u8).prop_map(Value::from), Just(Value::Null), "[xy]".prop_map(Value::from)];
    prop::collection::btree_map("[ab](\\.[ab]){0,3}", prop::collection::vec(value, 1..4), 1..4)
        .prop_map(|conditions| conditions.into_iter().collect())
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[aAbBéİßK]{0,3}".prop_map(Value::from),
        (-2i64..3).prop_map(Value::from),
        prop::sample::select(vec![0.5, -0.0, 1.0, 1e300, 9_007_199_254_740_993.0]).prop_map(Value::from),
        prop::sample::select(vec![u64::MAX, 9_007_199_254_740_993, 9_007_199_254_740_992])
            .prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        prop::sample::select(vec![
            "10.0.0.1",
            "10.0.1.0",
            "::1",
            "::ffff:a00:1",
            "2001:db8::1",
            "0:0:0:0:0:0:0:1"
        ])
        .prop_map(Value::from),
    ]
}

fn operator() -> impl Strategy<Value = Value> {
    let text = || "[aAbBéİßK]{1,2}";
    let number = || {
        prop::sample::select(vec![json!(-1), json!(0), json!(0.5), json!(2), json!(9_007_199_254_740_992u64)])
    };
    prop_oneof![
        leaf(),
        text().prop_map(|text| json!({"prefix": text})),
        text().prop_map(|text| json!({"suffix": text})),
        text().prop_map(|text| json!({"prefix": {"equals-ignore-case": text}})),
        text().prop_map(|text| json!({"suffix": {"equals-ignore-case": text}})),
        text().prop_map(|text| json!({"equals-ignore-case": text})),
        text().prop_map(|text| json!({"wildcard": format!("{text}*")})),
        text().prop_map(|text| json!({"wildcard": format!("*{text}")})),
        text().prop_map(|text| json!({"wildcard": text})),
        text().prop_map(|text| json!({"anything-but": [text]})),
        any::<bool>().prop_map(|there| json!({"exists": there})),
        number().prop_map(|n| json!({"numeric": [">=", n]})),
        number().prop_map(|n| json!({"numeric": ["<", n]})),
        number().prop_map(|n| json!({"numeric": ["=", n]})),
        prop::sample::select(vec!["10.0.0.0/24", "10.0.0.1/30", "::/64", "2001:db8::/32"])
            .prop_map(|cidr| json!({"cidr": cidr})),
    ]
}

fn as_pattern(conditions: &[(String, Vec<Value>)]) -> Value {
    Value::Object(conditions.iter().map(|(path, values)| (path.clone(), json!(values))).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn wildcards_are_as_if_everything_were_tried(pattern in "[ab]{0,2}(\\*[ab]{1,2}){0,3}\\*?", text in "[ab]{0,9}") {
        let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        let ours = Pattern::parse(&json!({"x": [{"wildcard": pattern}]}));
        // The rare one with many repeats is refused as too complex.
        prop_assume!(ours.is_ok());
        prop_assert_eq!(ours.unwrap().matches(&json!({"x": text})), glob(&p, &t));
    }

    #[test]
    fn arrays_are_as_if_everything_were_tried(event in event(), conditions in conditions()) {
        let mut leaves = Vec::new();
        flatten(&event, "", &Vec::new(), &mut 0, &mut leaves);
        let ours = Pattern::parse(&as_pattern(&conditions)).unwrap();
        prop_assert_eq!(ours.matches(&event), brute(&conditions, &leaves, &mut Vec::new()), "{} {}", event, as_pattern(&conditions));
    }

    #[test]
    fn every_leaf_is_found_by_its_own_path_and_value(event in event()) {
        let mut leaves = Vec::new();
        flatten(&event, "", &Vec::new(), &mut 0, &mut leaves);
        for (path, value, _) in leaves {
            let same = Pattern::parse(&json!({path.clone(): [value.clone()]})).unwrap();
            let present = Pattern::parse(&json!({path.clone(): [{"exists": true}]})).unwrap();
            let absent = Pattern::parse(&json!({path: [{"exists": false}]})).unwrap();
            prop_assert!(same.matches(&event) && present.matches(&event) && !absent.matches(&event));
        }
    }

    #[test]
    fn a_set_answers_as_its_patterns_do(event in event(), all in prop::collection::vec(conditions(), 0..12)) {
        let patterns: Vec<Pattern> = all.iter().map(|c| Pattern::parse(&as_pattern(c)).unwrap()).collect();
        let mut set = PatternSet::new();
        for (key, pattern) in patterns.iter().enumerate() {
            set.insert(key, pattern.clone());
        }
        let wanted: Vec<usize> = (0..patterns.len()).filter(|key| patterns[*key].matches(&event)).collect();
        let answered: Vec<usize> = set.matches(&event).into_iter().copied().collect();
        prop_assert_eq!(&answered, &wanted);
        for key in wanted {
            set.remove(&key);
        }
        prop_assert!(set.matches(&event).is_empty());
    }

    #[test]
    fn a_set_of_operators_answers_as_its_patterns_do(
        leaves in prop::collection::vec(leaf(), 1..4),
        all in prop::collection::vec(prop::collection::vec(operator(), 1..3), 0..12),
    ) {
        let event = json!({"a": leaves, "b": leaves[0]});
        let mut set = PatternSet::new();
        let mut patterns = Vec::new();
        for (key, operators) in all.iter().enumerate() {
            let pattern = match key % 3 {
                0 => json!({"a": operators}),
                1 => json!({"a": operators, "b": [{"exists": true}]}),
                _ => json!({"$or": [{"a": operators}, {"b": operators}]}),
            };
            let pattern = Pattern::parse(&pattern).unwrap();
            patterns.push(pattern.clone());
            set.insert(key, pattern);
        }
        let wanted: Vec<usize> = (0..patterns.len()).filter(|key| patterns[*key].matches(&event)).collect();
        let answered: Vec<usize> = set.matches(&event).into_iter().copied().collect();
        prop_assert_eq!(&answered, &wanted);
        for key in 0..patterns.len() {
            set.remove(&key);
        }
        prop_assert!(set.candidates(&event).is_empty());
    }

    #[test]
    fn no_pattern_and_no_event_make_it_panic(pattern in "\\PC{0,40}", event in event()) {
        if let Ok(pattern) = pattern.parse::<Pattern>() {
            pattern.matches(&event);
        }
        for operator in ["wildcard", "prefix", "cidr", "exactly", "suffix", "equals-ignore-case"] {
            if let Ok(parsed) = Pattern::parse(&json!({"a": [{operator: pattern.clone()}]})) {
                parsed.matches(&event);
            }
        }
    }
}
