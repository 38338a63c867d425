//! Canonical bodies, and what a lost race leaves behind.

use crate::testing::Memory;
use crate::usecases::{
    Answer, App, Idempotency, NewTenant, Once, Principal, Registered, Settings, canonical_hash,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tenantry_core::ErrorCode;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The same value with every object's fields the other way round.
fn turned(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.iter().rev().map(|(name, value)| (name.clone(), turned(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(turned).collect()),
        leaf => leaf.clone(),
    }
}

proptest! {
    #[test]
    fn the_order_of_fields_is_no_difference(value in any_json()) {
        prop_assert_eq!(canonical_hash(&turned(&value)), canonical_hash(&value));
    }

    #[test]
    fn every_other_difference_is_one(a in any_json(), b in any_json()) {
        prop_assert_eq!(canonical_hash(&a) == canonical_hash(&b), a == b);
    }
}

#[test]
fn the_canonical_form_is_fixed() {
    // SHA-256 of `{"a":[1,"x"],"b":{"c":null}}`: rows outlive this version.
    let hash = canonical_hash(&json!({"b": {"c": null}, "a": [1, "x"]}));
    assert_eq!(hash, "dbc2bd6885edefe4702fe028ee9b2df226e6c7cede1fe397b01c24945b57fa9f");
}

fn request() -> NewTenant {
    NewTenant {
        name: "Acme".into(),
        plan: "pro".into(),
        admin_email: "root@acme.example".into(),
        slug: None,
        region: None,
        isolation: None,
        external_id: None,
        metadata: BTreeMap::new(),
    }
}

fn render(registered: &Registered) -> Answer {
    Answer {
        status: 202,
        location: None,
        etag: None,
        body: registered.tenant.tenant_id.to_string(),
        replayed: false,
    }
}

#[tokio::test]
async fn losers_of_a_race_leave_nothing_behind() {
    let memory = Memory::new();
    let app = App::new(memory.ports(), Settings::default());
    let body = json!({});
    let key = Idempotency::new(&Principal::Admin, "POST", "/v1/tenants", "k", &body).unwrap();
    let one = || async {
        let once = Once { idempotency: Some(&key), render };
        app.register_tenant(&Principal::Admin, once, &request()).await.unwrap().body
    };
    let answers = futures::future::join_all((0..64).map(|_| one())).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(memory.data_keys.tenants(), [answers[0].parse().unwrap()], "the losers' keys are destroyed");
    assert_eq!(memory.table.commits(), 1);
}

#[tokio::test]
async fn names_that_collide_get_suffixes_until_one_is_free() {
    let memory = Memory::new();
    let app = App::new(memory.ports(), Settings::default());
    let one = || async {
        let once = Once { idempotency: None, render };
        app.register_tenant(&Principal::Admin, once, &request()).await.map(|answer| answer.status)
    };
    let answers = futures::future::join_all((0..40).map(|_| one())).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|status| *status == 202)), "{answers:?}");
    let taken = NewTenant { slug: Some("acme".into()), ..request() };
    let once = Once { idempotency: None, render };
    let refused = app.register_tenant(&Principal::Admin, once, &taken).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::SlugTaken);
    assert!(refused.existing().is_some_and(|address| address.starts_with("/v1/tenants/tnt_")));
}
