//! What a refused commit comes to, of what DynamoDB says of each action.

use super::conditions;
use super::items::{self, Stored};
use super::write;
use aws_sdk_dynamodb::types::CancellationReason;
use tenantry_core::ports::Action;

/// What is said of one action.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reason {
    /// Nothing: it was not the reason.
    None,
    /// A condition did not hold; when the item as it was then expires, where that was asked for.
    Condition { expires_at: Option<i64> },
    /// Another transaction had the item.
    Conflict,
    /// Too many requests.
    Throttled,
    /// It can never succeed.
    Invalid(String),
}

/// What the commit comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// A condition of the action at this place does not hold.
    Failed(usize),
    /// Updates, by their places, met items that have expired: they must be sent as what they make of nothing.
    Anew(Vec<usize>),
    /// Others were in the way.
    Conflict,
    /// It can never succeed.
    Refused(String),
}

impl Reason {
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
    pub(super) fn of(reason: &CancellationReason) -> Self {
        match reason.code() {
            None | Some("None") => Reason::None,
            Some("ConditionalCheckFailed") => Reason::condition(reason.item()),
            Some("TransactionConflict") => Reason::Conflict,
            Some("ProvisionedThroughputExceeded" | "ThrottlingError" | "RequestLimitExceeded") => {
                Reason::Throttled
            }
            Some(code) => Reason::Invalid(format!("{code}: {}", reason.message().unwrap_or("no message"))),
        }
    }

    /// A condition that did not hold of this item.
    pub(super) fn condition(item: Option<&Stored>) -> Self {
        Reason::Condition { expires_at: item.and_then(items::expiry) }
    }
}

/// Whether the same may be sent again at once: some action was throttled, and of none before it more is known.
pub(super) fn is_throttled(reasons: &[Reason]) -> bool {
    let first = reasons.iter().find(|reason| !matches!(reason, Reason::None | Reason::Conflict));
    first == Some(&Reason::Throttled)
}

/// The verdict over actions of which those at `anew` were sent as what they make of nothing.
pub(super) fn verdict(actions: &[Action], anew: &[bool], reasons: &[Reason], now: i64) -> Verdict {
    let mut in_the_way = false;
    let mut expired = Vec::new();
    let mut invalid = None;
    for (place, (action, reason)) in actions.iter().zip(reasons).enumerate() {
        match reason {
            Reason::None => {}
            Reason::Conflict | Reason::Throttled => in_the_way = true,
            Reason::Invalid(why) => {
                invalid.get_or_insert_with(|| why.clone());
            }
            // Somebody was faster to begin it anew.
            Reason::Condition { .. } if anew.get(place) == Some(&true) => in_the_way = true,
            Reason::Condition { expires_at }
                if write::is_guarded(action)
                    && expires_at.is_some_and(|at| at <= now)
                    && conditions::hold_of_nothing(write::conditions_of(action)) =>
            {
                expired.push(place);
            }
            // What was in the way of an action before this one may hide a failure of it, which would be the first.
            Reason::Condition { .. } if in_the_way => return Verdict::Conflict,
            Reason::Condition { .. } => return Verdict::Failed(place),
        }
    }
    match (in_the_way, invalid) {
        (true, _) => Verdict::Conflict,
        (false, Some(why)) => Verdict::Refused(why),
        (false, None) if expired.is_empty() => Verdict::Conflict,
        (false, None) => Verdict::Anew(expired),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};
    use tenantry_core::keys::Key;
    use tenantry_core::ports::{Condition, Item};

    const NOW: i64 = 100;

    fn update(conditions: Vec<Condition>) -> Action {
        Action::Update {
            key: Key::slug("a"),
            set: Map::from_iter([("a".to_owned(), json!(1))]),
            add: [].into(),
            remove: vec![],
            indexes: [].into(),
            conditions,
        }
    }

    #[test]
    fn table_of_verdicts() {
        let put = || Action::create(Item::new(Key::slug("a"), Map::new()));
        let failed = |expires_at| Reason::Condition { expires_at };
        let three = || [put(), update(vec![]), put()];
        let plain = [false; 3];
        let table = [
            ([Reason::None, Reason::None, failed(None)], plain, Verdict::Failed(2)),
            ([failed(None), Reason::None, failed(None)], plain, Verdict::Failed(0)),
            ([failed(None), Reason::Conflict, Reason::None], plain, Verdict::Failed(0)),
            ([Reason::Conflict, Reason::None, failed(None)], plain, Verdict::Conflict),
            ([Reason::Throttled, Reason::None, failed(None)], plain, Verdict::Conflict),
            ([Reason::None, Reason::Conflict, Reason::None], plain, Verdict::Conflict),
            ([Reason::None, failed(Some(NOW)), Reason::None], plain, Verdict::Anew(vec![1])),
            ([Reason::None, failed(Some(NOW + 1)), Reason::None], plain, Verdict::Failed(1)),
            ([Reason::None, failed(Some(NOW)), failed(None)], plain, Verdict::Failed(2)),
            ([Reason::None, failed(Some(NOW)), Reason::Conflict], plain, Verdict::Conflict),
            ([Reason::None, failed(Some(NOW)), Reason::None], [false, true, false], Verdict::Conflict),
            ([failed(Some(NOW)), Reason::None, Reason::None], plain, Verdict::Failed(0)),
            ([Reason::Invalid("x".into()), Reason::None, failed(None)], plain, Verdict::Failed(2)),
            ([Reason::Invalid("x".into()), Reason::None, Reason::None], plain, Verdict::Refused("x".into())),
        ];
        for (reasons, anew, expected) in table {
            assert_eq!(verdict(&three(), &anew, &reasons, NOW), expected, "{reasons:?} {anew:?}");
        }
    }

    #[test]
    fn an_expired_item_that_should_exist_is_a_failure() {
        let action = update(vec![Condition::Exists]);
        let reasons = [Reason::Condition { expires_at: Some(NOW) }];
        assert_eq!(verdict(&[action], &[false], &reasons, NOW), Verdict::Failed(0));
    }

    #[test]
    fn throttled_is_what_nothing_worse_came_before() {
        let failed = Reason::Condition { expires_at: None };
        assert!(is_throttled(&[Reason::None, Reason::Conflict, Reason::Throttled, failed.clone()]));
        assert!(!is_throttled(&[failed, Reason::Throttled]));
        assert!(!is_throttled(&[Reason::None, Reason::Conflict]));
    }

    #[test]
    fn codes() {
        let of = |code: &str| Reason::of(&CancellationReason::builder().code(code).build());
        assert_eq!(of("None"), Reason::None);
        assert_eq!(of("ConditionalCheckFailed"), Reason::Condition { expires_at: None });
        assert_eq!(of("TransactionConflict"), Reason::Conflict);
        assert_eq!(of("ThrottlingError"), Reason::Throttled);
        assert_eq!(of("ProvisionedThroughputExceeded"), Reason::Throttled);
        assert_eq!(of("ValidationError"), Reason::Invalid("ValidationError: no message".to_owned()));
    }
}
