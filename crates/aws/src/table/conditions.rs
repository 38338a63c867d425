//! Conditions as expressions. An item that has expired, and that DynamoDB has not yet deleted, counts as missing.

use super::expression::Placeholders;
use super::{names, values};
use aws_sdk_dynamodb::types::AttributeValue;
use tenantry_core::ports::Condition;

/// Whether the condition can hold only of an item that is there and has not expired.
pub(super) fn needs_life(condition: &Condition) -> bool {
    match condition {
        Condition::Exists | Condition::Equals(..) | Condition::AtMost(..) | Condition::AtLeast(..) => true,
        Condition::NotExists | Condition::Differs(..) | Condition::Missing(_) => false,
    }
}

/// The parts of a condition expression; all must hold.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<String>);

impl Parts {
    /// What must hold of the item as of `now`, in seconds since the Unix epoch.
    pub(super) fn of(conditions: &[Condition], now: i64, placeholders: &mut Placeholders) -> Self {
        let mut parts = Self::default();
        for condition in conditions {
            let part = part(condition, now, placeholders);
            parts.push(part);
            if needs_life(condition) {
                parts.not_expired(now, placeholders);
            }
        }
        parts
    }

    /// Also that the item has not expired; a missing one has not.
    pub(super) fn not_expired(&mut self, now: i64, placeholders: &mut Placeholders) {
        let (expires_at, now) = (placeholders.name(names::EXPIRES_AT), placeholders.number(now));
        self.push(format!("(attribute_not_exists({expires_at}) OR {expires_at} > {now})"));
    }

    /// That the item is there and has expired.
    pub(super) fn expired(now: i64, placeholders: &mut Placeholders) -> Self {
        Self(vec![is_expired(now, placeholders)])
    }

    /// What holds of everything, where an expression must stand.
    pub(super) fn or_anything(mut self, placeholders: &mut Placeholders) -> Self {
        if self.0.is_empty() {
            let pk = placeholders.name(names::PK);
            self.push(format!("(attribute_exists({pk}) OR attribute_not_exists({pk}))"));
        }
        self
    }

    /// Parentheses stand around each part that needs them and around nothing else: redundant ones are refused.
    pub(super) fn expression(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join(" AND "))
    }

    fn push(&mut self, part: String) {
        if !self.0.contains(&part) {
            self.0.push(part);
        }
    }
}

fn is_expired(now: i64, placeholders: &mut Placeholders) -> String {
    format!("{} <= {}", placeholders.name(names::EXPIRES_AT), placeholders.number(now))
}

fn part(condition: &Condition, now: i64, placeholders: &mut Placeholders) -> String {
    let mut compared = |name: &str, operator: &str, value: AttributeValue| {
        let name = placeholders.name(&names::stored(name));
        format!("{name} {operator} {}", placeholders.value(value))
    };
    let number = |bound: &i64| AttributeValue::N(bound.to_string());
    match condition {
        Condition::Equals(name, value) => compared(name, "=", values::to_attribute(value)),
        // Of another type than a number: neither holds.
        Condition::AtMost(name, bound) => compared(name, "<=", number(bound)),
        Condition::AtLeast(name, bound) => compared(name, ">=", number(bound)),
        Condition::Differs(name, value) => {
            let differs = compared(name, "<>", values::to_attribute(value));
            let name = placeholders.name(&names::stored(name));
            let expired = is_expired(now, placeholders);
            format!("(attribute_not_exists({name}) OR {differs} OR {expired})")
        }
        Condition::Exists => format!("attribute_exists({})", placeholders.name(names::PK)),
        Condition::NotExists => {
            let pk = placeholders.name(names::PK);
            format!("(attribute_not_exists({pk}) OR {})", is_expired(now, placeholders))
        }
        Condition::Missing(name) => {
            let name = placeholders.name(&names::stored(name));
            format!("(attribute_not_exists({name}) OR {})", is_expired(now, placeholders))
        }
    }
}

/// Whether all hold of an item that is missing.
pub(super) fn hold_of_nothing(conditions: &[Condition]) -> bool {
    !conditions.iter().any(needs_life)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expression(conditions: &[Condition]) -> String {
        let mut placeholders = Placeholders::default();
        let mut text = Parts::of(conditions, 100, &mut placeholders).expression().unwrap_or_default();
        for (placeholder, name) in placeholders.names().unwrap_or_default() {
            text = text.replace(&placeholder, &name);
        }
        for (placeholder, value) in placeholders.values().unwrap_or_default() {
            let value = values::from_attribute(value).unwrap().to_string();
            text = text.replace(&placeholder, &value);
        }
        text
    }

    #[test]
    fn table_of_expressions() {
        let alive = "(attribute_not_exists(expiresAt) OR expiresAt > 100)";
        let name = || "status".to_owned();
        let table = [
            (Condition::Exists, format!("attribute_exists(pk) AND {alive}")),
            (Condition::NotExists, "(attribute_not_exists(pk) OR expiresAt <= 100)".to_owned()),
            (Condition::Equals(name(), json!("x")), format!("status = \"x\" AND {alive}")),
            (
                Condition::Differs(name(), json!(null)),
                "(attribute_not_exists(status) OR status <> null OR expiresAt <= 100)".to_owned(),
            ),
            (Condition::AtMost(name(), 5), format!("status <= 5 AND {alive}")),
            (Condition::AtLeast("pk".to_owned(), 5), format!("=pk >= 5 AND {alive}")),
            (Condition::Missing(name()), "(attribute_not_exists(status) OR expiresAt <= 100)".to_owned()),
        ];
        for (condition, expected) in table {
            assert_eq!(expression(std::slice::from_ref(&condition)), expected, "{condition:?}");
        }
        let both = [Condition::Exists, Condition::AtMost(name(), 5), Condition::Exists];
        assert_eq!(expression(&both), format!("attribute_exists(pk) AND {alive} AND status <= 5"));
        assert_eq!(expression(&[]), "");
    }

    #[test]
    fn placeholders_are_shared() {
        let mut placeholders = Placeholders::default();
        let both = [Condition::AtMost("n".to_owned(), 100), Condition::AtLeast("n".to_owned(), 100)];
        let _ = Parts::of(&both, 100, &mut placeholders);
        assert_eq!(placeholders.names().map(|names| names.len()), Some(2));
        assert_eq!(placeholders.values().map(|values| values.len()), Some(1));
    }
}
