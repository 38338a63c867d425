//! The Retry rules of a definition and nothing else, for who wants to know how long a retry may pause: neither the
//! parser nor the expressions' language comes along.

use super::retry::{Retrier, takes};
use serde_json::Value;
use std::collections::HashMap;

/// The Retry rules of every state, also of those within a Map or Parallel, by the state's name.
#[derive(Debug, Default)]
pub struct RetryRules {
    states: HashMap<String, Vec<Retrier>>,
}

impl RetryRules {
    /// Reads the rules of a definition that is valid; of what is not, it reads what it can.
    pub fn read(definition: &str) -> Self {
        let mut rules = Self::default();
        rules.add(&serde_json::from_str(definition).unwrap_or_default());
        rules
    }

    fn add(&mut self, machine: &Value) {
        for (name, state) in machine.get("States").and_then(Value::as_object).into_iter().flatten() {
            let retriers = state.get("Retry").and_then(Value::as_array).into_iter().flatten().map(retrier);
            self.states.insert(name.clone(), retriers.collect());
            let branches = state.get("Branches").and_then(Value::as_array).into_iter().flatten();
            branches
                .chain(state.get("ItemProcessor"))
                .chain(state.get("Iterator"))
                .for_each(|part| self.add(part));
        }
    }

    /// As [`super::Definition::retry_bound_seconds`].
    pub fn bound_seconds(&self, state: &str, error: &str, retry_count: u64) -> Option<f64> {
        let retrier = self.states.get(state)?.iter().find(|rule| takes(&rule.errors, error))?;
        (retry_count < retrier.max_attempts).then(|| retrier.pause_seconds(retry_count))
    }
}

/// A rule with the defaults of the language.
fn retrier(rule: &Value) -> Retrier {
    let names = rule.get("ErrorEquals").and_then(Value::as_array).into_iter().flatten();
    let number = |name: &str| rule.get(name).and_then(Value::as_u64);
    Retrier {
        errors: names.filter_map(Value::as_str).map(str::to_owned).collect(),
        interval_seconds: number("IntervalSeconds").unwrap_or(1),
        max_attempts: number("MaxAttempts").unwrap_or(3),
        backoff_rate: rule.get("BackoffRate").and_then(Value::as_f64).unwrap_or(2.0),
        max_delay_seconds: number("MaxDelaySeconds"),
        full_jitter: rule.get("JitterStrategy").and_then(Value::as_str) == Some("FULL"),
    }
}
