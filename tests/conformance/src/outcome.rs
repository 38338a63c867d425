//! What one case came to.

use crate::compare::Difference;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What of a case is measured, each on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// Status and output of an execution; the whole answer of a call; for others, what the file expects.
    Result,
    /// The types of the history's events, in order.
    Types,
    /// Every event's id, link and details.
    Details,
    /// The error's code.
    Code,
    /// The error's words.
    Words,
}

impl Aspect {
    /// In the order in which they are shown.
    pub const ALL: [Aspect; 5] =
        [Aspect::Result, Aspect::Types, Aspect::Details, Aspect::Code, Aspect::Words];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Aspect::Result => "result",
            Aspect::Types => "types",
            Aspect::Details => "details",
            Aspect::Code => "code",
            Aspect::Words => "words",
        }
    }
}

/// What was checked, each with the first difference where there is one.
pub type Checks = BTreeMap<Aspect, Result<(), Difference>>;

/// What a case came to.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It was not run, and why.
    Skipped(String),
    /// It was run.
    Run(Checks),
}

/// A case, and what it came to.
#[derive(Debug, Clone)]
pub struct CaseOutcome {
    /// Its name within its file.
    pub name: String,
    /// What kind of case, such as `execution`.
    pub kind: String,
    /// The file's category.
    pub category: String,
    /// Whether the figures that matter count it; what is excluded or out of scope is told apart.
    pub counts: bool,
    /// What it came to.
    pub verdict: Verdict,
    /// What was expected and what was found, whole, for reading.
    pub shown: Option<Value>,
}

impl CaseOutcome {
    /// The first failure, in the order of the aspects.
    pub fn failure(&self) -> Option<(Aspect, &Difference)> {
        let Verdict::Run(checks) = &self.verdict else { return None };
        checks.iter().find_map(|(aspect, check)| check.as_ref().err().map(|error| (*aspect, error)))
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        let mut told = json!({
            "name": self.name, "kind": self.kind, "category": self.category, "counts": self.counts,
        });
        match &self.verdict {
            Verdict::Skipped(reason) => told["skipped"] = json!(reason),
            Verdict::Run(checks) => {
                for (aspect, check) in checks {
                    told["checks"][aspect.name()] = match check {
                        Ok(()) => json!({"passed": true}),
                        Err(difference) => json!({
                            "passed": false, "at": difference.at,
                            "expected": difference.expected, "found": difference.found,
                        }),
                    };
                }
                // What failed is told whole, so that a reader of the report need not run it again.
                if let Some(shown) = self.shown.as_ref().filter(|_| self.failure().is_some()) {
                    told["shown"] = shown.clone();
                }
            }
        }
        told
    }
}
