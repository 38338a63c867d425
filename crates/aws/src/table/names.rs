//! What the table's own attributes are called (`schema/table.json`), and what becomes of an item's attribute that is
//! called the same.

use tenantry_core::ports::Index;

/// Partition key.
pub(super) const PK: &str = "pk";
/// Sort key.
pub(super) const SK: &str = "sk";
/// When the item expires, in seconds since the Unix epoch: the table's time to live.
pub(super) const EXPIRES_AT: &str = "expiresAt";
/// Set by an update that sets nothing else, so that it makes the item where it is missing. No item's own attribute ever
/// has this name.
pub(super) const MADE: &str = "=made";

/// What is put before a name that the table uses itself.
const MARK: char = '=';

/// The index's name.
pub(super) fn index(index: Index) -> &'static str {
    match index {
        Index::One => "index1",
        Index::Two => "index2",
        Index::Three => "index3",
    }
}

/// The index's partition and sort key.
pub(super) fn index_keys(index: Index) -> (&'static str, &'static str) {
    match index {
        Index::One => ("index1pk", "index1sk"),
        Index::Two => ("index2pk", "index2sk"),
        Index::Three => ("index3pk", "index3sk"),
    }
}

fn is_own(name: &str) -> bool {
    let of_index = |index: &Index| {
        let (pk, sk) = index_keys(*index);
        name == pk || name == sk
    };
    matches!(name, PK | SK | EXPIRES_AT) || Index::ALL.iter().any(of_index)
}

/// Whether a name cannot stand in a map as it is: DynamoDB has no empty ones.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
fn is_marked(name: &str) -> bool {
    name.is_empty() || name.starts_with(MARK)
}

/// The name under which an item's attribute is stored.
pub(super) fn stored(name: &str) -> String {
    if is_own(name) { format!("{MARK}{name}") } else { member(name) }
}

/// The attribute that is stored under a name; `None` for the table's own.
pub(super) fn attribute(stored: &str) -> Option<&str> {
    match stored.strip_prefix(MARK) {
        Some(name) => (is_own(name) || is_marked(name)).then_some(name),
        None => (!is_own(stored)).then_some(stored),
    }
}

/// The name under which a member of an object inside an attribute is stored.
pub(super) fn member(name: &str) -> String {
    if is_marked(name) { format!("{MARK}{name}") } else { name.to_owned() }
}

/// The member that is stored under a name.
pub(super) fn member_of(stored: &str) -> &str {
    stored.strip_prefix(MARK).unwrap_or(stored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn table_of_names() {
        let table = [
            ("status", "status"),
            ("pk", "=pk"),
            ("index3sk", "=index3sk"),
            ("expiresAt", "=expiresAt"),
            ("", "="),
            ("=", "=="),
            ("=pk", "==pk"),
            ("index4pk", "index4pk"),
            ("a.b#c", "a.b#c"),
        ];
        for (name, expected) in table {
            assert_eq!(stored(name), expected);
            assert_eq!(attribute(expected), Some(name));
        }
        for own in [PK, SK, EXPIRES_AT, MADE, "index1pk", "=other"] {
            assert_eq!(attribute(own), None, "{own}");
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in "=?(=|pk|sk|index[1-4][ps]k|expiresAt|.{0,8})") {
            let stored = stored(&name);
            prop_assert!(!stored.is_empty() && !is_own(&stored) && stored != MADE);
            prop_assert_eq!(attribute(&stored), Some(name.as_str()));
            let member = member(&name);
            prop_assert!(!member.is_empty());
            prop_assert_eq!(member_of(&member), name.as_str());
        }
    }

    #[test]
    fn the_names_are_those_of_the_schema() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../../../schema/table.json")).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let mut described: BTreeSet<String> = ["partitionKey", "sortKey", "timeToLive"]
            .iter()
            .map(|field| text(&schema[field]["name"]))
            .collect();
        let mut indexes = Vec::new();
        for described_index in schema["indexes"].as_array().unwrap() {
            indexes.push(text(&described_index["name"]));
            described.extend(["partitionKey", "sortKey"].map(|field| text(&described_index[field]["name"])));
        }
        let ours: BTreeSet<String> = Index::ALL
            .iter()
            .flat_map(|index| <[&str; 2]>::from(index_keys(*index)))
            .chain([PK, SK, EXPIRES_AT])
            .map(str::to_owned)
            .collect();
        assert_eq!(ours, described);
        assert_eq!(Index::ALL.map(index).to_vec(), indexes);
    }
}
