//! The official JSONata suite.

use crate::compare::Difference;
use crate::outcome::{Aspect, CaseOutcome, Checks, Verdict};
use serde_json::Value;
use tenantry_asl::testing::jsonata_suite;

/// Runs the case of a line; the line itself, because some lines hold half of a surrogate pair, which no text here can.
pub(crate) fn run(line: &str, case: &Value) -> CaseOutcome {
    let check = jsonata_suite::run_line(line);
    let check = check.map_err(|failure| Difference::new(case["expect"].to_string(), failure.why));
    CaseOutcome {
        name: case["id"].as_str().unwrap_or_default().to_owned(),
        kind: "JSONata".to_owned(),
        category: case["group"].as_str().unwrap_or_default().to_owned(),
        counts: true,
        verdict: Verdict::Run(Checks::from([(Aspect::Result, check)])),
        shown: Some(case.clone()),
    }
}
