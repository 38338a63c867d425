//! Names and values that a store may trip over.

use super::{Subject, attributes, failed_at, item};
use serde_json::{Map, Value, json};
use tenantry_core::keys::Key;
use tenantry_core::ports::{Action, Condition, Index};

/// The names of a store's own columns, what its expressions are written in, and what merely looks odd.
const NAMES: [&str; 26] = [
    "pk",
    "sk",
    "pk1",
    "sk1",
    "index1pk",
    "index1sk",
    "index3sk",
    "expiresAt",
    "expires_at",
    "document",
    "=pk",
    "=",
    "==",
    "",
    " ",
    "size",
    "status",
    "SET",
    "and",
    "a.b",
    "a[0]",
    "#n0",
    ":v0",
    "$.a",
    "\"'`",
    "\u{1}🦀",
];

pub(super) async fn names_are_free(subject: &Subject) {
    let key = Key::slug("item");
    let all: Map<String, Value> = NAMES.iter().map(|name| ((*name).to_owned(), json!(1))).collect();
    let mut whole = item(key.clone(), Value::Object(all.clone())).with_index(
        Index::One,
        "ONE".to_owned(),
        "1".to_owned(),
    );
    whole.attributes.insert("inner".to_owned(), Value::Object(all));
    subject.put(whole.clone()).await;
    assert_eq!(subject.get(&key).await, Some(whole.clone()));
    for name in NAMES {
        let owned = || name.to_owned();
        let update = |set: Value, by: i64, remove: bool, conditions| Action::Update {
            key: key.clone(),
            set: attributes(set),
            add: if by == 0 { [].into() } else { [(owned(), by)].into() },
            remove: if remove { vec![owned()] } else { vec![] },
            indexes: [].into(),
            conditions,
        };
        let steps = [
            update(json!({}), 2, false, vec![Condition::Equals(owned(), json!(1))]),
            update(
                json!({name: "x"}),
                0,
                false,
                vec![Condition::AtMost(owned(), 3), Condition::AtLeast(owned(), 3)],
            ),
            update(json!({}), 0, true, vec![Condition::Differs(owned(), json!(3))]),
            update(json!({name: 1}), 0, false, vec![Condition::Missing(owned())]),
        ];
        for step in steps {
            let answer = subject.commit(vec![step.clone()]).await;
            assert!(answer.is_ok(), "{step:?}: {answer:?}");
        }
        assert_eq!(subject.get(&key).await.as_ref(), Some(&whole), "{name:?}");
    }
}

/// Equal by value: a number may come back in another form.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (a, b) => a == b,
    }
}

pub(super) async fn numbers_keep_their_value(subject: &Subject) {
    // Those that a JSON text gives again to the last bit, however it is read.
    let numbers = json!([
        0,
        -0.0,
        1,
        -1,
        i64::MAX,
        i64::MIN,
        u64::MAX,
        0.1,
        -0.1,
        5.0,
        1.5,
        1e15,
        1e16,
        1e20,
        1e21,
        1e22,
        1e37,
        1e38,
        0.000_001,
        0.000_000_1,
        1e125,
        1e126,
        1e300,
        -1e300,
        f64::MAX,
        1e-300,
        f64::MIN_POSITIVE,
        5e-324,
        9_007_199_254_740_993_u64
    ]);
    let key = Key::slug("item");
    subject.put(item(key.clone(), json!({"all": numbers}))).await;
    let found = subject.value(&key).await;
    assert!(is_same(&found["all"], &numbers), "{found}");
    for number in numbers.as_array().expect("a list") {
        let only = item(key.clone(), json!({"n": number}));
        subject.put(only).await;
        let found = subject.value(&key).await;
        assert!(is_same(&found["n"], number), "{number} came back as {found}");
        let same = Action::Check {
            key: key.clone(),
            conditions: vec![Condition::Equals("n".to_owned(), number.clone())],
        };
        subject.commit(vec![same]).await.unwrap_or_else(|error| panic!("{number}: {error}"));
    }
}

pub(super) async fn equality_is_by_value(subject: &Subject) {
    let key = Key::slug("item");
    let stored = json!({"whole": 5.0, "half": 2.5, "list": [1, 2.0], "object": {"a": 1.0, "b": {"c": []}}});
    subject.put(item(key.clone(), stored)).await;
    let table = [
        ("whole", json!(5), true),
        ("whole", json!("5"), false),
        ("half", json!(2.5), true),
        ("half", json!(2), false),
        ("list", json!([1.0, 2]), true),
        ("list", json!([2, 1]), false),
        ("list", json!([1]), false),
        ("object", json!({"b": {"c": []}, "a": 1}), true),
        ("object", json!({"b": {"c": {}}, "a": 1}), false),
    ];
    for (name, value, expected) in table {
        let check = |condition| vec![Action::Check { key: key.clone(), conditions: vec![condition] }];
        let equals = subject.commit(check(Condition::Equals(name.to_owned(), value.clone()))).await;
        let differs = subject.commit(check(Condition::Differs(name.to_owned(), value.clone()))).await;
        assert_eq!(
            (failed_at(&equals), failed_at(&differs)),
            if expected { (None, Some(0)) } else { (Some(0), None) }
        );
    }
}

pub(super) async fn whatever_is_empty_or_deep_comes_back(subject: &Subject) {
    let deep = |levels: usize, core: Value| {
        (0..levels)
            .fold(core, |value, level| if level % 2 == 0 { json!([value, 1]) } else { json!({"a": value}) })
    };
    let key = Key::slug("item");
    let values = [
        json!(""),
        json!([]),
        json!({}),
        json!([[], {}, "", null]),
        json!({"": {"": [""]}, "=": null, "==": 1}),
        json!("\u{0}\u{1F980}\u{FFFF}"),
        json!("x".repeat(100_000)),
        deep(30, json!(1)),
        deep(31, json!(1)),
        deep(32, json!({"": []})),
        deep(33, json!("core")),
        deep(60, json!([1e300, "core"])),
    ];
    for value in values {
        let whole = item(key.clone(), json!({"v": value}));
        subject.put(whole.clone()).await;
        assert_eq!(subject.get(&key).await, Some(whole));
        let equals = Condition::Equals("v".to_owned(), value.clone());
        subject.commit(vec![Action::Check { key: key.clone(), conditions: vec![equals] }]).await.unwrap();
        let update = Action::Update {
            key: key.clone(),
            set: attributes(json!({"w": value})),
            add: [].into(),
            remove: vec!["v".to_owned()],
            indexes: [].into(),
            conditions: vec![],
        };
        subject.commit(vec![update]).await.unwrap();
        assert_eq!(subject.value(&key).await, json!({"w": value}));
    }
    let empty = item(key.clone(), json!({}));
    subject.put(empty.clone()).await;
    assert_eq!(subject.get(&key).await, Some(empty));
}
