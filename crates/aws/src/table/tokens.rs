//! When request tokens were first used, so that a commit that is repeated is the same request to the byte: expressions
//! hold the time, and DynamoDB refuses a token that comes with another request.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tenantry_core::Timestamp;

/// How long DynamoDB remembers a token.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
const LIFE: Duration = Duration::from_secs(600);

/// Tokens of one process that are remembered; the oldest are forgotten first.
const TOKENS_MAX: usize = 100_000;

/// The tokens of this process.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    first: HashMap<String, Timestamp>,
    order: VecDeque<String>,
}

impl Tokens {
    /// When the token was first used; now, where it was not, or too long ago.
    pub(super) fn first_use(&self, token: &str, now: Timestamp) -> Timestamp {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.forget(now);
        if let Some(first) = known.first.get(token) {
            return *first;
        }
        known.first.insert(token.to_owned(), now);
        known.order.push_back(token.to_owned());
        now
    }
}

impl Known {
    fn forget(&mut self, now: Timestamp) {
        while let Some(oldest) = self.order.front() {
            let is_old = self.first.get(oldest).is_none_or(|first| now.saturating_since(*first) >= LIFE);
            if !is_old && self.order.len() < TOKENS_MAX {
                return;
            }
            self.first.remove(oldest);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_keeps_its_time_for_ten_minutes() {
        let tokens = Tokens::default();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        assert_eq!(tokens.first_use("a", at(0)), at(0));
        assert_eq!(tokens.first_use("b", at(5)), at(5));
        assert_eq!(tokens.first_use("a", at(599)), at(0));
        assert_eq!(tokens.first_use("a", at(600)), at(600));
        assert_eq!(tokens.first_use("b", at(604)), at(5));
        assert_eq!(tokens.first_use("b", at(605)), at(605));
        assert_eq!(tokens.first_use("a", at(606)), at(600));
    }

    #[test]
    fn tokens_are_bounded() {
        let tokens = Tokens::default();
        let now = Timestamp::from_millis(0);
        for number in 0..TOKENS_MAX + 10 {
            tokens.first_use(&number.to_string(), now);
        }
        assert_eq!(tokens.known.lock().unwrap().first.len(), TOKENS_MAX);
    }
}
