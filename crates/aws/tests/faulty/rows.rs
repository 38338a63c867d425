//! A table's rows in a form that two runs can be compared by: without ids, times, chance, and how often something was
//! tried.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tenantry_aws::Clients;

/// Attributes that no two runs have in common, or that tell how often something was tried.
const OWN: [&str; 5] = ["expiresAt", "keyMark", "place", "publication", "wrapped"];

/// What else a step's progress tells of its tries.
const OF_TRIES: [&str; 4] = ["deadlineAt", "lastError", "nextRetryAt", "try"];

/// Partitions that end in a shard, which follows from a tenant's id.
const SHARDED: [&str; 6] = ["ARCHIVE#", "DUE#", "OUTBOX#", "PLAN#", "REGION#", "STATUS#"];

/// The rows of a table, by their places.
pub(super) async fn rows(clients: &Clients, table: &str) -> BTreeMap<String, BTreeSet<String>> {
    let scan = clients.dynamodb().scan().table_name(table).consistent_read(true);
    let mut items = scan.into_paginator().items().send();
    let mut rows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    while let Some(item) = items.next().await {
        let item: BTreeMap<String, AttributeValue> = item.expect("an item").into_iter().collect();
        let text =
            |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        let (pk, sk) = (text("pk"), text("sk"));
        // The claims of the workers are the run's own.
        if pk.starts_with("LEASE#") || pk.starts_with("WORKER#") {
            continue;
        }
        let of_tries = |name: &&str| sk.starts_with("PROGRESS#") && OF_TRIES.contains(name);
        let shown = item.iter().filter(|(name, _)| !is_own(name) && !of_tries(&name.as_str()));
        let shown: BTreeMap<&String, Value> = shown.map(|(name, value)| (name, plain(value))).collect();
        let place = format!("{} {}", masked(&pk), masked(&sk));
        rows.entry(place).or_default().insert(masked(&json!(shown).to_string()));
    }
    rows
}

fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => unsharded(text).into(),
        AttributeValue::N(number) => json!({"number": number}),
        AttributeValue::Bool(is) => (*is).into(),
        AttributeValue::L(items) => items.iter().map(plain).collect(),
        AttributeValue::M(members) => {
            let members = members.iter().filter(|(name, _)| !is_own(name));
            let members: BTreeMap<_, _> = members.map(|(name, value)| (name, plain(value))).collect();
            json!(members)
        }
        AttributeValue::Null(_) => Value::Null,
        other => panic!("a type that nobody writes here: {other:?}"),
    }
}

fn is_own(name: &str) -> bool {
    name.starts_with("sealed") || OWN.contains(&name)
}

fn unsharded(text: &str) -> String {
    match text.rsplit_once('#') {
        Some((partition, _)) if SHARDED.iter().any(|known| text.starts_with(known)) => {
            format!("{partition}#_")
        }
        _ => text.to_owned(),
    }
}

/// The text with its ids, times, hashes and ports of loopback masked.
fn masked(text: &str) -> String {
    let text = unsharded(text);
    let (mut out, mut word) = (String::new(), String::new());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || "_-:.".contains(c) {
            word.push(c);
        } else {
            out.push_str(&masked_word(&word));
            word.clear();
            out.push(c);
        }
    }
    out + &masked_word(&word)
}

fn masked_word(word: &str) -> String {
    const ID_LENGTH: usize = 26;
    for kind in ["tnt_", "op_", "evt_", "msg_", "res_", "svc_", "sub_"] {
        if let Some(rest) = word.strip_prefix(kind).and_then(|rest| rest.get(ID_LENGTH..)) {
            return format!("{kind}_{rest}");
        }
    }
    let bytes = word.as_bytes();
    let is_time = bytes.len() == 24 && bytes[10] == b'T' && bytes[23] == b'Z';
    let is_hash = bytes.len() == 64 && bytes.iter().all(u8::is_ascii_hexdigit);
    match word.strip_prefix("127.0.0.1:") {
        Some(_) => "127.0.0.1:_".to_owned(),
        None if is_time => "_time_".to_owned(),
        None if is_hash => "_hash_".to_owned(),
        None => word.to_owned(),
    }
}
