//! The checked-in OpenAPI document is the one that the code makes, and every operation of it is whole.

use serde_json::Value;
use std::collections::BTreeSet;

/// Every operation: method, path and the operation itself.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((method.clone(), path.clone(), operation.clone()));
        }
    }
    found
}

#[test]
fn the_checked_in_document_is_that_of_the_code() {
    expect_test::expect_file!["../../../schema/openapi.json"].assert_eq(&tenantry_api::openapi_document());
}

#[test]
fn every_operation_is_whole() {
    let document: Value = serde_json::from_str(&tenantry_api::openapi_document()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let operations = operations(&document);
    assert!(operations.len() >= 35, "{}", operations.len());
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations {
        let place = format!("{method} {path}");
        let id = operation["operationId"].as_str().expect(&place);
        assert!(ids.insert(id.to_owned()), "{id} stands twice");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{place}");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{place}");
        assert_eq!(operation["security"], serde_json::json!([{"bearer": []}]), "{place}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{place}");
        let mut needed = vec!["400", "401", "403", "500", "503"];
        if path.contains('{') {
            needed.push("404");
        }
        if method != "get" {
            needed.extend(["413", "415", "422"]);
        }
        for status in needed {
            let media = &responses.get(status).unwrap_or_else(|| panic!("{place} lacks {status}"))["content"];
            let problem = &media["application/problem+json"]["schema"]["$ref"];
            assert_eq!(problem, "#/components/schemas/Problem", "{place} {status}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].as_str().is_some(), "{place} {parameter}");
        }
    }
}

/// Every reference leads to a schema.
#[test]
fn every_reference_leads_somewhere() {
    fn collect(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    found.insert(reference.trim_start_matches("#/components/schemas/").to_owned());
                }
                fields.values().for_each(|value| collect(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let document: Value = serde_json::from_str(&tenantry_api::openapi_document()).unwrap();
    let mut referred = BTreeSet::new();
    collect(&document, &mut referred);
    let schemas: BTreeSet<String> =
        document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    let lost: Vec<&String> = referred.difference(&schemas).collect();
    assert!(lost.is_empty() && !referred.is_empty(), "{lost:?}");
}
