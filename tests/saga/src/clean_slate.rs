//! What a run leaves in the store and at the services, in a form that two runs can be compared by.

use std::collections::BTreeMap;
use tenantry_core::ports::Item;

/// Rows that stay whatever happens: the tenant's record, its pointers, and what tells of its past.
const STAYS: &[&str] = &[
    "METADATA",
    "OPERATION#",
    "PROGRESS#",
    "AUDIT#",
    "EVENT#",
    "RELAY",
    "DATAKEY#records",
    "POINTER",
    "ANSWER",
    "SERVICE#",
    "LEASE",
    "STATE",
];

/// Ids with nothing but their kind, so that runs can be compared.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    'outer: while !rest.is_empty() {
        for prefix in ["tnt_", "op_", "evt_", "msg_", "res_", "sub_", "svc_"] {
            if rest.starts_with(prefix) && rest.len() >= prefix.len() + 26 {
                out.push_str(prefix);
                rest = &rest[prefix.len() + 26..];
                continue 'outer;
            }
        }
        let mut characters = rest.chars();
        out.extend(characters.next());
        rest = characters.as_str();
    }
    out
}

fn stays(item: &Item) -> bool {
    // A namespace's pointer is a claim, and must go; the other pointers are the record's own.
    if item.key.pk().starts_with("NAMESPACE#") {
        return false;
    }
    STAYS.iter().any(|prefix| item.key.sk().starts_with(prefix))
}

/// Everything that a clean slate has not: resources, claims, used capacity, keys, secrets, identities.
pub(crate) fn residue(
    items: &[Item],
    references: &[String],
    at_services: &BTreeMap<String, u32>,
) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for item in items {
        let used = item.attributes.get("usedUnits").and_then(serde_json::Value::as_u64);
        if stays(item) || used == Some(0) {
            continue;
        }
        let name = masked(&format!("{} {}", item.key.pk(), item.key.sk()));
        *found.entry(name).or_default() += used.unwrap_or(1);
    }
    for reference in references {
        // What the services and the subscriptions themselves need is not the tenant's.
        if reference.contains("tnt_") {
            *found.entry(masked(&format!("vault {reference}"))).or_default() += 1;
        }
    }
    for (service, held) in at_services {
        if *held > 0 {
            found.insert(format!("service {service}"), u64::from(*held));
        }
    }
    found
}
