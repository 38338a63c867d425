//! One action of a commit as DynamoDB is told it.

use super::conditions::{self, Parts};
use super::expression::Placeholders;
use super::items::{self, Stored};
use super::{names, values};
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tenantry_core::keys::Key;
use tenantry_core::ports::{Action, Condition, Index, IndexKey, Item};

/// An action with its expressions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Write {
    pub(super) kind: Kind,
    pub(super) condition: Option<String>,
    pub(super) placeholders: Placeholders,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Put(Stored),
    Update {
        key: Stored,
        expression: String,
        /// What was there is asked for where the condition fails, to see whether it has only expired.
        guarded: bool,
    },
    Delete(Stored),
    Check(Stored),
}

/// All that must hold for an action.
pub(super) fn conditions_of(action: &Action) -> &[Condition] {
    match action {
        Action::Put { conditions, .. }
        | Action::Update { conditions, .. }
        | Action::Delete { conditions, .. }
        | Action::Check { conditions, .. } => conditions,
    }
}

/// Whether an action must not meet an item that has expired: it would change what it should begin anew.
pub(super) fn is_guarded(action: &Action) -> bool {
    matches!(action, Action::Update { .. }) && conditions::hold_of_nothing(conditions_of(action))
}

impl Write {
    /// An action as of `now`, in seconds since the Unix epoch.
    pub(super) fn of(action: &Action, now: i64) -> Self {
        let mut placeholders = Placeholders::default();
        let mut parts = Parts::of(conditions_of(action), now, &mut placeholders);
        let kind = match action {
            Action::Put { item, .. } => Kind::Put(items::stored(item)),
            Action::Delete { key, .. } => Kind::Delete(items::key(key)),
            Action::Check { key, .. } => {
                parts = parts.or_anything(&mut placeholders);
                Kind::Check(items::key(key))
            }
            Action::Update { key, set, add, remove, indexes, .. } => {
                let guarded = is_guarded(action);
                if guarded {
                    parts.not_expired(now, &mut placeholders);
                }
                let change = Change { set, add, remove, indexes };
                let expression = change.expression(guarded, &mut placeholders);
                Kind::Update { key: items::key(key), expression, guarded }
            }
        };
        Self { kind, condition: parts.expression(), placeholders }
    }

    /// An update in place of an item that has expired: what it makes where there is nothing. `None`: no update.
    pub(super) fn anew(action: &Action, now: i64) -> Option<Self> {
        let Action::Update { key, set, add, indexes, .. } = action else { return None };
        let mut placeholders = Placeholders::default();
        let condition = Parts::expired(now, &mut placeholders).expression();
        let fresh = fresh(key, set, add, indexes);
        Some(Self { kind: Kind::Put(items::stored(&fresh)), condition, placeholders })
    }

    /// A member of a transaction.
    ///
    /// # Errors
    /// Where a required member is missing: a fault of the program.
    pub(super) fn member(self, table: &str) -> Result<TransactWriteItem, BuildError> {
        let member = TransactWriteItem::builder();
        let (names, values) = (self.placeholders.names(), self.placeholders.values());
        Ok(match self.kind {
            Kind::Put(item) => member.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(item))
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()?,
            ),
            Kind::Update { key, expression, guarded } => member.update(
                Update::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .update_expression(expression)
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .set_return_values_on_condition_check_failure(old(guarded))
                    .build()?,
            ),
            Kind::Delete(key) => member.delete(
                Delete::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()?,
            ),
            Kind::Check(key) => member.condition_check(
                ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .set_condition_expression(self.condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .build()?,
            ),
        }
        .build())
    }
}

/// Asks for the item as it was.
pub(super) fn old(wanted: bool) -> Option<ReturnValuesOnConditionCheckFailure> {
    wanted.then_some(ReturnValuesOnConditionCheckFailure::AllOld)
}

fn fresh(
    key: &Key,
    set: &Map<String, Value>,
    add: &BTreeMap<String, i64>,
    indexes: &BTreeMap<Index, Option<IndexKey>>,
) -> Item {
    let mut item = Item::new(key.clone(), set.clone());
    item.attributes.extend(add.iter().map(|(name, by)| (name.clone(), Value::from(*by))));
    let entered = indexes.iter().filter_map(|(index, place)| Some((*index, place.clone()?)));
    item.indexes = entered.collect();
    item
}

/// What an update changes.
struct Change<'a> {
    set: &'a Map<String, Value>,
    add: &'a BTreeMap<String, i64>,
    remove: &'a [String],
    indexes: &'a BTreeMap<Index, Option<IndexKey>>,
}

impl Change<'_> {
    /// The update expression. `makes`: whether the item may be missing, and must be there afterwards.
    fn expression(&self, makes: bool, placeholders: &mut Placeholders) -> String {
        let (mut set, mut add, mut remove) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in self.set {
            let name = placeholders.name(&names::stored(name));
            set.push(format!("{name} = {}", placeholders.value(values::to_attribute(value))));
        }
        for (name, by) in self.add {
            let name = placeholders.name(&names::stored(name));
            add.push(format!("{name} {}", placeholders.number(*by)));
        }
        for name in self.remove {
            remove.push(placeholders.name(&names::stored(name)));
        }
        for (index, place) in self.indexes {
            let (pk, sk) = names::index_keys(*index);
            let (pk, sk) = (placeholders.name(pk), placeholders.name(sk));
            match place {
                Some(place) => {
                    set.push(format!("{pk} = {}", placeholders.value(items::text(&place.pk))));
                    set.push(format!("{sk} = {}", placeholders.value(items::text(&place.sk))));
                }
                None => remove.extend([pk, sk]),
            }
        }
        // An update that only removes is not said to make an item; and one that changes nothing has no expression.
        if set.is_empty() && add.is_empty() && (makes || remove.is_empty()) {
            let name = placeholders.name(names::MADE);
            set.push(format!("{name} = {}", placeholders.value(AttributeValue::Bool(true))));
        }
        let clauses = [("SET", set), ("ADD", add), ("REMOVE", remove)];
        let written = clauses.iter().filter(|(_, parts)| !parts.is_empty());
        written.map(|(word, parts)| format!("{word} {}", parts.join(", "))).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn update(set: Value, add: &[(&str, i64)], remove: &[&str], conditions: Vec<Condition>) -> Action {
        let Value::Object(set) = set else { panic!("{set} is no object") };
        Action::Update {
            key: Key::slug("a"),
            set,
            add: add.iter().map(|(name, by)| ((*name).to_owned(), *by)).collect(),
            remove: remove.iter().map(|name| (*name).to_owned()).collect(),
            indexes: BTreeMap::new(),
            conditions,
        }
    }

    fn expression(action: &Action) -> String {
        let write = Write::of(action, 100);
        let Kind::Update { mut expression, .. } = write.kind else { panic!("{action:?} is no update") };
        for (placeholder, name) in write.placeholders.names().unwrap_or_default() {
            expression = expression.replace(&placeholder, &name);
        }
        for (placeholder, value) in write.placeholders.values().unwrap_or_default() {
            let value = values::from_attribute(value).unwrap().to_string();
            expression = expression.replace(&placeholder, &value);
        }
        expression
    }

    #[test]
    fn table_of_updates() {
        let exists = || vec![Condition::Exists];
        let table = [
            (update(json!({"status": 1, "pk": 2}), &[], &[], vec![]), "SET status = 1, =pk = 2"),
            (update(json!({"a": 1}), &[("n", -3)], &["b"], vec![]), "SET a = 1 ADD n -3 REMOVE b"),
            (update(json!({}), &[("n", 1)], &["b"], vec![]), "ADD n 1 REMOVE b"),
            (update(json!({}), &[], &["b"], exists()), "REMOVE b"),
            (update(json!({}), &[], &["b"], vec![]), "SET =made = true REMOVE b"),
            (update(json!({}), &[], &[], exists()), "SET =made = true"),
        ];
        for (action, expected) in table {
            assert_eq!(expression(&action), expected);
        }
    }

    #[test]
    fn only_what_may_meet_an_expired_item_is_guarded() {
        let guarded = |condition: Option<Condition>| {
            is_guarded(&update(json!({"a": 1}), &[], &[], condition.into_iter().collect()))
        };
        assert!(guarded(None));
        assert!(guarded(Some(Condition::NotExists)));
        assert!(guarded(Some(Condition::Differs("a".to_owned(), json!(1)))));
        assert!(!guarded(Some(Condition::Exists)));
        assert!(!guarded(Some(Condition::AtMost("a".to_owned(), 1))));
        assert!(!is_guarded(&Action::Delete { key: Key::slug("a"), conditions: vec![] }));
    }

    #[test]
    fn anew_is_what_an_update_makes_of_nothing() {
        let mut action = update(json!({"a": 1}), &[("n", 5)], &["b"], vec![]);
        if let Action::Update { indexes, .. } = &mut action {
            let place = IndexKey { pk: "P".to_owned(), sk: "s".to_owned() };
            *indexes = [(Index::One, None), (Index::Two, Some(place))].into();
        }
        let write = Write::anew(&action, 100).expect("an update");
        let Kind::Put(stored) = write.kind else { panic!("no put") };
        let mut expected =
            Item::new(Key::slug("a"), Map::new()).with_index(Index::Two, "P".to_owned(), "s".to_owned());
        expected.attributes = Map::from_iter([("a".to_owned(), json!(1)), ("n".to_owned(), json!(5))]);
        assert_eq!(items::item(stored).unwrap(), expected);
        assert!(write.condition.is_some_and(|condition| condition.contains("<=")));
        assert_eq!(Write::anew(&Action::put(expected), 100), None);
    }
}
