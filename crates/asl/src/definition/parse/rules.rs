//! Retry and Catch.

use super::Parser;
use super::fields::{At, Fields};
use crate::definition::model::CatchIo;
use crate::definition::retry::{Catcher, Retrier};
use crate::definition::source::NodeKind;
use crate::errors::ALL;
use crate::limits::SECONDS_MAX;
use std::sync::Arc;

impl Parser<'_> {
    pub(super) fn retry(&mut self, fields: &mut Fields<'_>) -> Vec<Retrier> {
        self.rules(fields, "Retry", |parser, errors, rule| {
            let interval_seconds = rule.whole_number(parser, "IntervalSeconds", 1, SECONDS_MAX).unwrap_or(1);
            let max_attempts = rule.whole_number(parser, "MaxAttempts", 0, SECONDS_MAX).unwrap_or(3);
            let max_delay = rule.peek("MaxDelaySeconds");
            let max_delay_seconds = rule.whole_number(parser, "MaxDelaySeconds", 1, 31_622_400);
            if let (Some(at), Some(most)) = (max_delay, max_delay_seconds)
                && most <= interval_seconds
            {
                let message = "MaxDelaySeconds must be greater than IntervalSeconds";
                parser.error(&at, "SCHEMA_VALIDATION_FAILED", message);
            }
            let backoff_rate = rule.take("BackoffRate").map_or(2.0, |at| parser.backoff_rate(&at));
            let full_jitter = rule.take("JitterStrategy").is_some_and(|at| match at.as_str() {
                Some("FULL") => true,
                Some("NONE") => false,
                _ => {
                    parser.error(
                        &at,
                        "SCHEMA_VALIDATION_FAILED",
                        "JitterStrategy must be \"FULL\" or \"NONE\"",
                    );
                    false
                }
            });
            Some(Retrier {
                errors,
                interval_seconds,
                max_attempts,
                backoff_rate,
                max_delay_seconds,
                full_jitter,
            })
        })
    }

    pub(super) fn catch(&mut self, fields: &mut Fields<'_>) -> Vec<Catcher> {
        self.rules(fields, "Catch", |parser, errors, rule| {
            let next = match rule.take("Next") {
                Some(at) => parser.name_of(&at).map(Arc::from),
                None => {
                    parser.error(rule.at(), "SCHEMA_VALIDATION_FAILED", "These fields are required: [Next]");
                    None
                }
            };
            let results = parser.results(rule);
            Some(Catcher { errors, next: next?, io: CatchIo::Jsonata(results) })
        })
    }

    fn backoff_rate(&mut self, at: &At<'_>) -> f64 {
        let rate = match &at.node.kind {
            NodeKind::Number(number) => number.as_f64().filter(|rate| *rate >= 1.0 && rate.is_finite()),
            _ => None,
        };
        rate.unwrap_or_else(|| {
            self.error(at, "SCHEMA_VALIDATION_FAILED", "BackoffRate must be a number of at least 1.0");
            1.0
        })
    }

    /// What the rules of both fields have in common.
    fn rules<T>(
        &mut self,
        fields: &mut Fields<'_>,
        name: &str,
        mut read: impl FnMut(&mut Self, Vec<String>, &mut Fields<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(list) = fields.take(name) else { return Vec::new() };
        let Some(items) = list.items() else {
            let message = format!("{name} must be an array of rules, not {}", list.node.describe());
            self.error(&list, "SCHEMA_VALIDATION_FAILED", message);
            return Vec::new();
        };
        let last = items.len().saturating_sub(1);
        let mut rules = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let Some(mut rule) = Fields::open(self, item) else { continue };
            rule.take("Comment");
            let errors = self.error_equals(&mut rule, index == last);
            rules.extend(read(self, errors, &mut rule));
            rule.finish(self);
        }
        rules
    }

    fn error_equals(&mut self, rule: &mut Fields<'_>, last: bool) -> Vec<String> {
        let Some(at) = rule.take("ErrorEquals") else {
            self.error(rule.at(), "SCHEMA_VALIDATION_FAILED", "These fields are required: [ErrorEquals]");
            return Vec::new();
        };
        let names: Option<Vec<String>> =
            at.items().and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        let Some(names) = names.filter(|names| !names.is_empty()) else {
            let message = "ErrorEquals must be an array of one error name or more";
            self.error(&at, "SCHEMA_VALIDATION_FAILED", message);
            return Vec::new();
        };
        if names.iter().any(|name| name == ALL) {
            if names.len() > 1 {
                self.error(&at, "STATES_ALL_NOT_ALONE", "States.ALL must be the only error name of its rule");
            }
            if !last {
                self.error(&at, "STATES_ALL_NOT_LAST", "the rule with States.ALL must be the last one");
            }
        }
        self.error_names.extend(names.iter().cloned());
        names
    }
}
