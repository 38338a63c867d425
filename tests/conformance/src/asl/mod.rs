//! Recorded executions and API calls of Step Functions, driven through the protocol.

mod answer;
mod calls;
mod case;
mod execution;
mod flow;
mod references;

pub(crate) use case::Case;

use crate::compare::Difference;
use crate::outcome::{Aspect, CaseOutcome, Checks, Verdict};
use crate::stage::Stage;
use serde_json::{Value, json};

/// Runs one case, whatever its kind.
pub(crate) fn run(case: &Value) -> CaseOutcome {
    let case = Case(case);
    let (counts, verdict, shown) = match case.why_not_run() {
        Some(reason) => (false, Verdict::Skipped(reason), None),
        None => {
            let (verdict, shown) = drive(case).unwrap_or_else(|problem| fail(case, &problem));
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

fn drive(case: Case<'_>) -> Result<(Verdict, Value), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let stage = Stage::open(case.get("lambdas")).await?;
        // What has an operation of its own is a call; the rest is about an execution.
        if case.get("op").is_string() {
            calls::run(&stage, case).await
        } else {
            execution::run(&stage, case).await
        }
    })
}

/// A case that did not come to an answer fails in all that it would have been measured in.
fn fail(case: Case<'_>, problem: &str) -> (Verdict, Value) {
    let check = || Err(Difference::new("an answer", problem));
    let mut checks = Checks::from([(Aspect::Result, check())]);
    if case.expected()["events"].is_array() {
        checks.insert(Aspect::Types, check());
        checks.insert(Aspect::Details, check());
    }
    (Verdict::Run(checks), json!({"expected": case.expected(), "found": problem}))
}
