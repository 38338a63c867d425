//! Items as DynamoDB holds them.

use super::{PORT, names, values};
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::{BTreeMap, HashMap};
use tenantry_core::keys::Key;
use tenantry_core::ports::{Index, IndexKey, Item, PortError};

/// An item, or a part of one.
pub(super) type Stored = HashMap<String, AttributeValue>;

pub(super) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// The primary key.
pub(super) fn key(key: &Key) -> Stored {
    HashMap::from([(names::PK.to_owned(), text(key.pk())), (names::SK.to_owned(), text(key.sk()))])
}

/// The whole item.
pub(super) fn stored(item: &Item) -> Stored {
    let mut stored = key(&item.key);
    for (index, place) in &item.indexes {
        let (pk, sk) = names::index_keys(*index);
        stored.insert(pk.to_owned(), text(&place.pk));
        stored.insert(sk.to_owned(), text(&place.sk));
    }
    if let Some(seconds) = item.expires_at_seconds {
        stored.insert(names::EXPIRES_AT.to_owned(), AttributeValue::N(seconds.to_string()));
    }
    for (name, value) in &item.attributes {
        stored.insert(names::stored(name), values::to_attribute(value));
    }
    stored
}

/// The item that is stored.
pub(super) fn item(mut stored: Stored) -> Result<Item, PortError> {
    let mut take = |name: &str| match stored.remove(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    };
    let key = match (take(names::PK), take(names::SK)) {
        (Some(pk), Some(sk)) => Key::from_stored(pk, sk),
        _ => return Err(damaged("an item without its key".to_owned())),
    };
    let mut indexes = BTreeMap::new();
    for index in Index::ALL {
        let (pk, sk) = names::index_keys(index);
        if let (Some(pk), Some(sk)) = (take(pk), take(sk)) {
            indexes.insert(index, IndexKey { pk, sk });
        }
    }
    let expires_at_seconds = expiry(&stored);
    let attributes = values::sorted(stored, names::attribute)
        .map_err(|why| damaged(format!("{} {}: {why}", key.pk(), key.sk())))?;
    Ok(Item { key, indexes, expires_at_seconds, attributes })
}

/// When it expires.
pub(super) fn expiry(stored: &Stored) -> Option<i64> {
    match stored.get(names::EXPIRES_AT) {
        Some(AttributeValue::N(text)) => text.parse().ok(),
        _ => None,
    }
}

fn damaged(message: String) -> PortError {
    PortError::Damaged { port: PORT, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, json};

    proptest! {
        #[test]
        fn every_item_comes_back(
            places in prop::collection::btree_map(prop::sample::select(Index::ALL.to_vec()), ("[a-z]{1,3}", ".{1,3}"), 0..4),
            expires_at_seconds in prop::option::of(any::<i64>()),
            attributes in prop::collection::btree_map("(pk|sk|index1pk|index2sk|expiresAt|size|=|=made|.{0,5})", ".{0,5}", 0..8),
        ) {
            let written = Item {
                key: Key::slug("a"),
                indexes: places.into_iter().map(|(index, (pk, sk))| (index, IndexKey { pk, sk })).collect(),
                expires_at_seconds,
                attributes: attributes.into_iter().map(|(name, value)| (name, value.into())).collect(),
            };
            prop_assert_eq!(item(stored(&written)).unwrap(), written);
        }
    }

    #[test]
    fn what_the_table_keeps_for_itself_is_no_attribute() {
        let mut stored = stored(&Item::new(Key::slug("a"), Map::from_iter([("a".to_owned(), json!(1))])));
        stored.insert(names::MADE.to_owned(), AttributeValue::Bool(true));
        assert_eq!(item(stored).unwrap().attributes.len(), 1);
    }

    #[test]
    fn an_item_without_a_key_is_damaged() {
        let without = HashMap::from([(names::PK.to_owned(), text("a"))]);
        assert!(matches!(item(without), Err(PortError::Damaged { .. })));
    }
}
