//! EventBridge event patterns: every operator, with AWS's meaning and AWS's words for what is wrong.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>. Where that page is
//! silent, this follows what AWS's service answers: an event is flattened to its leaves, keys are joined by dots
//! (so `{"a.b": 1}` and `{"a": {"b": 1}}` are the same to a pattern), arrays are looked through, and leaves that
//! are taken from one array must come from one element of it.
//!
//! **Bounded:** a pattern has at most [`PATTERN_BYTES_MAX`] bytes and [`COMBINATIONS_MAX`] branches; matching never
//! backtracks, and walks only the parts of an event that the pattern names.

mod address;
mod index;
mod intervals;
mod leaves;
mod matcher;
mod number;
mod parse;
mod probe;
mod set;
mod wildcard;

#[cfg(test)]
mod tests;

pub use set::PatternSet;

use leaves::{Leaves, Membership};
use matcher::Matcher;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Largest pattern, in bytes of compact JSON (EventBridge's raised quota).
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
pub const PATTERN_BYTES_MAX: usize = 4_096;

/// Deepest nesting of a pattern.
pub const DEPTH_MAX: usize = 64;

/// Most branches that the `$or`s of a pattern multiply to.
pub const COMBINATIONS_MAX: usize = 1_000;

/// Most ways to choose array elements that are followed at once; an event that asks for more does not match. Only an
/// event that spells one path in several ways through different arrays comes near.
const CHOICES_MAX: usize = 65_536;

/// Why a pattern is refused, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Event pattern is not valid. Reason: {reason}")]
pub struct PatternError {
    reason: String,
}

impl PatternError {
    /// The error code that EventBridge gives it.
    pub const CODE: &'static str = "InvalidEventPatternException";

    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    /// The reason alone.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// An event that is not a JSON object cannot be matched at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Parameter Event is not valid.")]
pub struct EventError;

/// One branch: for each path (by its place in [`Pattern::paths`], ascending) what may stand there.
#[derive(Debug, Clone)]
struct Branch {
    conditions: Vec<(usize, Arc<[Matcher]>)>,
}

/// A pattern, ready to match.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Every path that a branch names, sorted, each once.
    paths: Vec<String>,
    /// It matches where one branch does.
    branches: Vec<Branch>,
}

impl std::str::FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let value = serde_json::from_str(text)
            .map_err(|error| PatternError::new(format!("the pattern is not JSON: {error}")))?;
        Self::parse(&value)
    }
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(pattern: &Value) -> Result<Self, PatternError> {
        let rules = parse::compile(pattern)?;
        let names: BTreeSet<&str> = rules.iter().flat_map(|rule| rule.keys().map(|name| &**name)).collect();
        let paths: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let place = |name: &str| {
            paths
                .binary_search_by(|path| path.as_str().cmp(name))
                .expect("every rule's path is among the paths")
        };
        let branches = rules
            .iter()
            .map(|rule| Branch {
                // The map is sorted as the paths are, so the places ascend.
                conditions: rule.iter().map(|(name, matchers)| (place(name), matchers.clone())).collect(),
            })
            .collect();
        Ok(Self { paths, branches })
    }

    /// Whether the event matches. Anything but a JSON object does not.
    pub fn matches(&self, event: &Value) -> bool {
        self.test(event).unwrap_or(false)
    }

    /// Whether the event matches; an event that is not a JSON object is an error, as it is to EventBridge's
    /// `TestEventPattern`.
    pub fn test(&self, event: &Value) -> Result<bool, EventError> {
        if !event.is_object() {
            return Err(EventError);
        }
        let leaves = leaves::collect(event, &self.paths);
        Ok(self.branches.iter().any(|branch| branch.matches(&leaves)))
    }
}

impl Branch {
    /// Goes through the paths in their order and keeps every way to choose array elements under which all paths so
    /// far are met. Absence is judged against the elements chosen by the paths before it, as AWS does.
    fn matches(&self, leaves: &[Leaves<'_>]) -> bool {
        let mut choices: BTreeSet<Membership> = BTreeSet::from([Membership::default()]);
        for (step, (path, matchers)) in self.conditions.iter().enumerate() {
            let there = &leaves[*path];
            let good = there.filtered(&|value| matchers.iter().any(|matcher| matcher.accepts(value)));
            let may_be_absent = matchers.iter().any(|matcher| matches!(matcher, Matcher::Absent));
            let later = &self.conditions[step + 1..];
            let matters_later = |array: u32| later.iter().any(|(path, _)| leaves[*path].has_array(array));
            let mut next = BTreeSet::new();
            for choice in &choices {
                if may_be_absent && !there.any_consistent(choice) {
                    next.insert(choice.restricted_to(&matters_later));
                }
                good.each_consistent(choice, &mut |chosen| {
                    next.insert(chosen.restricted_to(&matters_later));
                    next.len() <= CHOICES_MAX
                });
                if next.len() > CHOICES_MAX {
                    return false;
                }
            }
            if next.is_empty() {
                return false;
            }
            choices = next;
        }
        true
    }
}
