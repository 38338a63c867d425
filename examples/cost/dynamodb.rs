//! DynamoDB's units.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>

use serde_json::Value;
use tenantry_core::ports::{Index, Item};

/// Bytes of a write unit.
const WRITE_BYTES: f64 = 1024.0;
/// Bytes of a read unit.
const READ_BYTES: f64 = 4096.0;
/// What DynamoDB adds to each stored item and index entry.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
pub const STORED_OVERHEAD_BYTES: f64 = 100.0;

/// A value's size: texts in UTF-8, numbers two digits a byte and one more, lists and maps three bytes and one for each
/// member.
fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => number.to_string().len().div_ceil(2) + 1,
        Value::String(text) => text.len(),
        Value::Array(items) => 3 + items.iter().map(|item| 1 + value_bytes(item)).sum::<usize>(),
        Value::Object(fields) => {
            3 + fields.iter().map(|(name, value)| 1 + name.len() + value_bytes(value)).sum::<usize>()
        }
    }
}

/// An item's size: names and values.
pub fn item_bytes(item: &Item) -> f64 {
    let keys = "pk".len() + item.key.pk().len() + "sk".len() + item.key.sk().len();
    let indexes: usize =
        item.indexes.values().map(|place| 2 * "index1pk".len() + place.pk.len() + place.sk.len()).sum();
    let expiry = item.expires_at_seconds.map_or(0, |_| "expiresAt".len() + 6);
    let attributes: usize = item.attributes.iter().map(|(name, value)| name.len() + value_bytes(value)).sum();
    (keys + indexes + expiry + attributes) as f64
}

/// What the item and its index entries take on the disk.
pub fn stored_bytes(item: &Item) -> f64 {
    (item_bytes(item) + STORED_OVERHEAD_BYTES) * (1 + item.indexes.len()) as f64
}

/// Units of a write of so many bytes, the larger of before and after; a missing item counts as one unit.
pub fn write_units(bytes: f64, transactional: bool) -> f64 {
    (bytes / WRITE_BYTES).ceil().max(1.0) * if transactional { 2.0 } else { 1.0 }
}

/// Units of a strongly consistent read of so many bytes.
pub fn consistent_read_units(bytes: f64) -> f64 {
    (bytes / READ_BYTES).ceil().max(1.0)
}

/// Units of a read of an index, which is eventually consistent.
pub fn index_read_units(bytes: f64) -> f64 {
    consistent_read_units(bytes) / 2.0
}

/// Units of the entries in the three indexes, which hold whole items: a new place is a write, a left one a deletion, a
/// changed item at its place a write, nothing changed nothing. They are written after the transaction, at the plain
/// price.
pub fn index_write_units(before: Option<&Item>, after: Option<&Item>) -> f64 {
    let units = |item: &Item| write_units(item_bytes(item), false);
    Index::ALL
        .into_iter()
        .map(|index| {
            let place = |item: Option<&Item>| item.and_then(|item| item.indexes.get(&index)).cloned();
            match (before.zip(place(before)), after.zip(place(after))) {
                (None, None) => 0.0,
                (None, Some((item, _))) | (Some((item, _)), None) => units(item),
                (Some((old, was)), Some((new, is))) if was == is => {
                    if old == new {
                        0.0
                    } else {
                        units(old).max(units(new))
                    }
                }
                (Some((old, _)), Some((new, _))) => units(old) + units(new),
            }
        })
        .sum()
}
