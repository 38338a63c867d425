//! Retry and Catch.

use super::Parser;
use super::fields::{At, Fields, Only, Table};
use super::template::Reads;
use super::values::Range;
use crate::definition::QueryLanguage;
use crate::definition::model::{CatchIo, ResultPath};
use crate::definition::retry::{Catcher, Retrier};
use crate::errors::ALL;
use crate::limits::SECONDS_MAX;
use std::sync::Arc;

const RETRY: Table = &[
    ("ErrorEquals", Only::Both),
    ("IntervalSeconds", Only::Both),
    ("MaxAttempts", Only::Both),
    ("BackoffRate", Only::Both),
    ("MaxDelaySeconds", Only::Both),
    ("JitterStrategy", Only::Both),
    ("Comment", Only::Both),
];

const CATCH: Table = &[
    ("ErrorEquals", Only::Both),
    ("Next", Only::Both),
    ("ResultPath", Only::JsonPath),
    ("Output", Only::Jsonata),
    ("Assign", Only::Both),
    ("Comment", Only::Both),
];

/// Greatest MaxDelaySeconds: 366 days.
const MAX_DELAY_SECONDS_MAX: u64 = 31_622_400;

impl Parser<'_> {
    pub(super) fn retry(&mut self, fields: &Fields<'_>) -> Vec<Retrier> {
        self.rules(fields, "Retry", |parser, rule, last| {
            rule.check(parser, None, &[RETRY]);
            rule.require(parser, &["ErrorEquals"]);
            let errors = parser.error_equals(rule, last);
            let mut number = |name: &str, range: Range<u64>| {
                rule.get(name).and_then(|at| parser.integer(&at, range))
            };
            let interval_seconds = number("IntervalSeconds", Range::new(0, SECONDS_MAX)).unwrap_or(1);
            let max_attempts = number("MaxAttempts", Range::new(0, SECONDS_MAX)).unwrap_or(3);
            let max_delay_seconds = number("MaxDelaySeconds", Range::new(1, MAX_DELAY_SECONDS_MAX));
            let backoff_rate = rule.get("BackoffRate").and_then(|at| parser.decimal(&at, Range::from(1.0)));
            if let Some(most) = max_delay_seconds.filter(|most| *most <= interval_seconds)
                && let Some(at) = rule.get("MaxDelaySeconds")
            {
                let message = format!(
                    "MaxDelaySeconds ({most}) is not greater than IntervalSeconds ({interval_seconds}): every retry pauses equally long"
                );
                parser.warn(&at, "MAX_DELAY_NOT_ABOVE_INTERVAL", message);
            }
            let jitter = rule.get("JitterStrategy").and_then(|at| parser.one_of(&at, &["NONE", "FULL"]));
            Some(Retrier {
                errors,
                interval_seconds,
                max_attempts,
                backoff_rate: backoff_rate.unwrap_or(2.0),
                max_delay_seconds,
                full_jitter: jitter == Some(1),
            })
        })
    }

    pub(super) fn catch(&mut self, fields: &Fields<'_>, language: QueryLanguage) -> Vec<Catcher> {
        self.rules(fields, "Catch", |parser, rule, last| {
            rule.check(parser, Some(language), &[CATCH]);
            rule.require(parser, &["ErrorEquals", "Next"]);
            let errors = parser.error_equals(rule, last);
            let next = rule.get("Next").and_then(|at| parser.string(&at).map(Arc::from));
            let io = match language {
                QueryLanguage::Jsonata => CatchIo::Jsonata(parser.results(rule, Reads::ERROR_OUTPUT)),
                QueryLanguage::JsonPath => CatchIo::JsonPath {
                    result_path: rule
                        .get("ResultPath")
                        .map_or(ResultPath::Whole, |at| parser.result_path(&at)),
                    assign: parser.path_assign(rule),
                },
            };
            Some(Catcher { errors, next: next?, io })
        })
    }

    /// What the rules of both fields have in common.
    fn rules<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        mut read: impl FnMut(&mut Self, &Fields<'_>, bool) -> Option<T>,
    ) -> Vec<T> {
        let Some(items) = fields.get(name).and_then(|list| self.array(&list)) else { return Vec::new() };
        let last = items.len().saturating_sub(1);
        let mut rules = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            if let Some(rule) = Fields::open(self, item) {
                rules.extend(read(self, &rule, index == last));
            }
        }
        rules
    }

    fn error_equals(&mut self, rule: &Fields<'_>, last: bool) -> Vec<String> {
        let Some(at) = rule.get("ErrorEquals") else { return Vec::new() };
        let Some(items) = self.filled(&at) else { return Vec::new() };
        let names: Vec<String> =
            items.iter().filter_map(|item| self.string(item).map(str::to_owned)).collect();
        self.check_catch_all(&at, &names, last);
        self.error_names.extend(names.iter().cloned());
        names
    }

    fn check_catch_all(&mut self, at: &At<'_>, names: &[String], last: bool) {
        if names.iter().any(|name| name == ALL) && (names.len() > 1 || !last) {
            self.schema(at, "States.ALL must appear alone and at end of list")
                .hint("States.ALL is the only name of its rule, and its rule the last one");
        }
    }
}
