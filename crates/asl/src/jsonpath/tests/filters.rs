use super::found;
use serde_json::{Value, json};

fn store() -> Value {
    json!({
        "limit": 10, "wanted": ["A", "C"],
        "books": [
            {"id": 1, "title": "A", "price": 8, "keep": true, "tags": ["x", "y"]},
            {"id": 2, "title": "B", "price": 12, "keep": false, "tags": []},
            {"id": 3, "title": "Cc", "price": "12", "tags": ["y"], "author": {"name": "Ann"}},
            {"id": 4, "title": null},
        ],
    })
}

fn ids(filter: &str) -> Value {
    found(&format!("$.books[?({filter})].id"), &store())
}

#[test]
fn operators() {
    for (filter, expected) in [
        ("@.title == 'A'", json!([1])),
        ("@.title == \"A\"", json!([1])),
        ("@.title==A", json!([1])),
        ("@.author.name == 'Ann'", json!([3])),
        ("@.price == 12", json!([2, 3])),
        ("@.price != 12", json!([1, 4])),
        ("@.price < 10", json!([1])),
        ("@.price <= 8", json!([1])),
        ("@.price > 8", json!([2])),
        ("@.price >= $.limit", json!([2])),
        ("'A' < @.title", json!([2, 3])),
        ("@.title == null", json!([4])),
        ("@.keep == true", json!([1])),
        ("@.keep", json!([1, 2])),
        ("!@.keep", json!([3, 4])),
        ("@['keep']", json!([1, 2])),
        ("@.title =~ /c+/i", json!([3])),
        ("@.title =~ /c/", json!([])),
        ("@.title in ['A', 'B']", json!([1, 2])),
        ("@.title in $.wanted", json!([1])),
        ("@.title nin ['A', 'B']", json!([3, 4])),
        ("@.tags subsetof ['y']", json!([2, 3])),
        ("@.tags anyof ['x']", json!([1])),
        ("@.tags noneof ['x']", json!([2, 3])),
        ("@.tags all ['x', 'y']", json!([1])),
        ("@.tags size 1", json!([3])),
        ("@.tags empty true", json!([2])),
        ("@.tags empty false", json!([1, 3])),
        ("@.tags contains 'y'", json!([1, 3])),
        ("@.title contains 'C'", json!([3])),
        ("@.tags.length() > 1", json!([1])),
        ("@.keep && @.price < 10", json!([1])),
        ("@.price < 10 || @.title == 'B'", json!([1, 2])),
        ("(@.price < 10 || @.keep) && @.title == 'B'", json!([2])),
        ("!(@.price < 10 || @.keep)", json!([3, 4])),
        ("@.tags[?(@ == 'x')] empty false", json!([1])),
    ] {
        assert_eq!(ids(filter), expected, "{filter}");
    }
}

#[test]
fn where_filters_apply() {
    assert_eq!(found("$[?(@ > 1)]", &json!([1, 2, 3])), json!([2, 3]));
    assert_eq!(found("$.a[?(@.b)]", &json!({"a": {"b": 1}})), json!([{"b": 1}]));
    assert_eq!(found("$.a[?(@.b)]", &json!({"a": 7})), json!([]));
    assert_eq!(found("$.list[?(@.keep)].x", &json!({})), json!([]));
    // Each is found once, though it is in a list that was found too.
    let tree = json!({"a": [{"p": 1}, {"p": 5}], "b": {"p": 5}});
    assert_eq!(found("$..[?(@.p == 5)]", &tree), json!([{"p": 5}, {"p": 5}]));
}
