//! Tokens of histories that were read, so that the next page of a long history begins where the last one ended.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// Histories whose tokens are remembered. A history has at most 25,000 events, and so 50 tokens.
const HISTORIES_MAX: usize = 256;

/// An execution's ARN, and whether its history is read from the end.
pub(super) type Way = (String, bool);

/// The tokens, by the last event before each.
#[derive(Default)]
pub(super) struct Places(Mutex<HashMap<Way, BTreeMap<u64, String>>>);

impl Places {
    /// The token of what follows the event that stands closest before everything after `after`.
    pub(super) fn before(&self, way: &Way, after: u64) -> Option<String> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = places.get(way)?;
        let place = if way.1 { tokens.range(after..).next() } else { tokens.range(..=after).next_back() };
        place.map(|(_, token)| token.clone())
    }

    /// `token` leads to what follows the event `last`.
    pub(super) fn remember(&self, way: &Way, last: u64, token: &str) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= HISTORIES_MAX && !places.contains_key(way) {
            places.clear();
        }
        places.entry(way.clone()).or_default().insert(last, token.to_owned());
    }

    pub(super) fn forget(&self, way: &Way) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_entered_at_the_closest_event_before_what_is_wanted() {
        let places = Places::default();
        let (forward, backward) = (("arn".to_owned(), false), ("arn".to_owned(), true));
        for last in [500, 1_000] {
            places.remember(&forward, last, &format!("f{last}"));
            places.remember(&backward, last, &format!("b{last}"));
        }
        let found = |way: &Way, after| places.before(way, after);
        for (after, token) in
            [(0, None), (499, None), (500, Some("f500")), (999, Some("f500")), (5_000, Some("f1000"))]
        {
            assert_eq!(found(&forward, after).as_deref(), token, "after {after}");
        }
        for (before, token) in [(1, Some("b500")), (500, Some("b500")), (501, Some("b1000")), (1_001, None)] {
            assert_eq!(found(&backward, before).as_deref(), token, "before {before}");
        }
        places.forget(&forward);
        assert_eq!(found(&forward, 5_000), None);
        assert!(found(&backward, 1).is_some());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let places = Places::default();
        for number in 0..=HISTORIES_MAX {
            places.remember(&(number.to_string(), false), 1, "t");
        }
        assert!(places.0.lock().unwrap().len() <= HISTORIES_MAX);
    }
}
