//! Event rows that can be compared between homes.

use regex::{Captures, Regex};
use serde_json::Value;
use std::collections::HashMap;

/// Every event of the archive.
pub(crate) async fn archive(of: &crate::ControlPlane) -> Vec<Value> {
    let items = of.pages("/v1/events", "after").await;
    items.into_iter().map(|mut item| item["event"].take()).collect()
}

/// The events of `tenants`, ordered by tenant (in the order of their sign-up) and sequence.
pub(crate) fn of_tenants(events: Vec<Value>, tenants: &[String]) -> Vec<Value> {
    let place = |event: &Value| tenants.iter().position(|tenant| event["tenantId"] == **tenant);
    let mut rows: Vec<(usize, u64, Value)> = events
        .into_iter()
        .filter_map(|event| Some((place(&event)?, event["sequence"].as_u64().expect("a sequence"), event)))
        .collect();
    rows.sort_by_key(|(tenant, sequence, _)| (*tenant, *sequence));
    rows.into_iter().map(|(_, _, event)| event).collect()
}

/// The rows with every id renamed by the order of its first sight (`tnt_1`), wherever it stands, also within longer
/// texts, and with every time as `[time]`: what is left is what two homes must have in common. Renaming keeps which
/// ids are the same.
///
/// # Panics
/// Never: the patterns are whole.
pub fn masked(rows: &[Value]) -> Vec<Value> {
    // TypeIDs: a prefix and 26 characters of Crockford's base 32.
    let id = Regex::new(r"\b([a-z]{2,4})_[0-7][0-9a-hjkmnp-tv-z]{25}\b").expect("a pattern");
    let time = Regex::new(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").expect("a pattern");
    let mut names: HashMap<String, String> = HashMap::new();
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut rename = |text: &str| {
        let renamed = id.replace_all(text, |found: &Captures<'_>| {
            let prefix = &found[1];
            let name = names.entry(found[0].to_owned()).or_insert_with(|| {
                let count = counts.entry(prefix.to_owned()).or_default();
                *count += 1;
                format!("{prefix}_{count}")
            });
            name.clone()
        });
        time.replace_all(&renamed, "[time]").into_owned()
    };
    rows.iter().map(|row| mask(row, &mut rename)).collect()
}

fn mask(value: &Value, rename: &mut impl FnMut(&str) -> String) -> Value {
    match value {
        Value::String(text) => rename(text).into(),
        Value::Array(items) => items.iter().map(|item| mask(item, rename)).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), mask(value, rename))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_keep_their_likeness_and_times_vanish() {
        let (one, other) = ("tnt_01h455vb4pex5vsknk084sn02q", "tnt_01h455vb4pex5vsknk084sn02r");
        let rows = [
            json!({"tenantId": one, "at": "2026-03-01T12:00:01.250Z", "n": 1}),
            json!({"tenantId": other, "of": format!("provision_tenant~{one}-1"), "other": "snake_case tnt_short"}),
            json!({"tenantId": one}),
        ];
        assert_eq!(
            masked(&rows),
            [
                json!({"tenantId": "tnt_1", "at": "[time]", "n": 1}),
                json!({"tenantId": "tnt_2", "of": "provision_tenant~tnt_1-1", "other": "snake_case tnt_short"}),
                json!({"tenantId": "tnt_1"}),
            ]
        );
    }
}
