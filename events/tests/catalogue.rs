//! Every type of event has a schema and an example, and code, schema, example and table say the same.

use jsonschema::{Registry, Validator};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tenantry_events::catalogue::ENVELOPE_SCHEMA;
use tenantry_events::envelope::SPEC_VERSION;
use tenantry_events::{Envelope, EventType};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn validator(event_type: EventType) -> Validator {
    let envelope = json(ENVELOPE_SCHEMA);
    let address = envelope["$id"].as_str().unwrap().to_owned();
    let registry = Registry::new().add(address, envelope).unwrap().prepare().unwrap();
    let schema = json(event_type.schema());
    jsonschema::options().with_registry(&registry).should_validate_formats(true).build(&schema).unwrap()
}

fn files(name: &str, ending: &str) -> BTreeSet<String> {
    std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|file| {
            file.strip_suffix(ending)
                .unwrap_or_else(|| panic!("{name}/{file} does not end in {ending}"))
                .to_owned()
        })
        .collect()
}

#[test]
fn the_files_are_those_of_the_catalogue() {
    let types: BTreeSet<String> = EventType::ALL.iter().map(|known| known.as_str().to_owned()).collect();
    assert_eq!(files("examples", ".json"), types);
    let mut schemas = files("schemas", ".schema.json");
    assert!(schemas.remove("Envelope"));
    assert_eq!(schemas, types);
}

#[test]
fn schemas_are_schemas_and_name_their_type() {
    for event_type in EventType::ALL {
        let schema = json(event_type.schema());
        assert!(jsonschema::meta::is_valid(&schema), "{event_type:?}");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["title"], event_type.as_str());
        assert_eq!(schema["description"], event_type.summary());
        assert_eq!(schema["properties"]["type"], json!({"const": event_type.as_str()}));
        let file = format!("{}.schema.json", event_type.as_str());
        assert!(schema["$id"].as_str().unwrap().ends_with(&file));
    }
    assert_eq!(json(ENVELOPE_SCHEMA)["properties"]["specVersion"], json!({"const": SPEC_VERSION}));
}

#[test]
fn examples_are_valid_typed_and_complete() {
    for event_type in EventType::ALL {
        let example = json(event_type.example());
        let validator = validator(*event_type);
        let errors: Vec<String> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{event_type:?}: {errors:?}");

        let envelope: Envelope = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(envelope.known_type(), Some(*event_type));
        // What the code writes is what the example shows: no field more, none less.
        assert_eq!(serde_json::to_value(&envelope).unwrap(), example);
        assert_eq!(envelope.typed().unwrap().to_json().unwrap(), example["data"], "{event_type:?}");
        // And the schema tells of each of them.
        let told = json(event_type.schema())["properties"]["data"]["properties"].clone();
        let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(fields(&told), fields(&example["data"]), "{event_type:?}");
        assert_eq!(fields(&json(ENVELOPE_SCHEMA)["properties"]), fields(&example));
    }
}

/// A schema that accepts everything would pass the test above.
#[test]
fn schemas_refuse_what_is_not_the_type() {
    for event_type in EventType::ALL {
        let validator = validator(*event_type);
        let example = json(event_type.example());
        let required: Vec<Value> =
            json(event_type.schema())["properties"]["data"]["required"].as_array().unwrap().clone();
        assert!(!required.is_empty());
        for field in required {
            let mut event = example.clone();
            event["data"].as_object_mut().unwrap().remove(field.as_str().unwrap());
            assert!(!validator.is_valid(&event), "{event_type:?} without data.{field}");
        }
        for field in example.as_object().unwrap().keys() {
            let mut event = example.clone();
            event.as_object_mut().unwrap().remove(field);
            assert!(!validator.is_valid(&event), "{event_type:?} without {field}");
        }
        for (field, value) in [
            ("sequence", json!(0)),
            ("type", json!("TenantPainted")),
            ("tenantId", json!("acme")),
            ("occurredAt", json!("yesterday")),
            ("eventId", json!("evt_01H455VB4PEX5VSKNK084SN02Q")),
        ] {
            let mut event = example.clone();
            event[field] = value;
            assert!(!validator.is_valid(&event), "{event_type:?}: {field} {}", event[field]);
        }
    }
}

#[test]
fn an_envelope_has_no_unknown_field_and_a_consumer_leaves_one_aside() {
    let mut event = json(EventType::TenantRegistered.example());
    event["colour"] = json!("red");
    assert!(serde_json::from_value::<Envelope>(event.clone()).is_err());
    assert_eq!(Envelope::read(event).unwrap().sequence, 1);
}

#[test]
fn the_readme_has_the_catalogue() {
    let rows: String = EventType::ALL
        .iter()
        .map(|known| {
            let name = known.as_str();
            format!(
                "| `{name}` | {} | [schema](schemas/{name}.schema.json), [example](examples/{name}.json) |\n",
                known.summary()
            )
        })
        .collect();
    let readme = std::fs::read_to_string(folder("README.md")).unwrap();
    assert!(readme.contains(&rows), "events/README.md must hold these lines:\n{rows}");
}
