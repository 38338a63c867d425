//! Recorded executions and API calls of Step Functions.

mod case;
mod execution;

pub(crate) use case::Case;

use crate::outcome::{CaseOutcome, Verdict};
use serde_json::Value;

/// Runs one case, whatever its kind.
pub(crate) fn run(case: &Value) -> CaseOutcome {
    let case = Case(case);
    let (counts, verdict, shown) = match case.why_not_run() {
        Some(reason) => (false, Verdict::Skipped(reason), None),
        None => {
            let (verdict, shown) = match case.kind() {
                "execution" => execution::run(case),
                other => (Verdict::Skipped(format!("{other} is not driven yet")), Value::Null),
            };
            (case.in_scope(), verdict, Some(shown))
        }
    };
    CaseOutcome {
        name: case.name().to_owned(),
        kind: case.kind().to_owned(),
        category: case.category().to_owned(),
        counts,
        verdict,
        shown,
    }
}
