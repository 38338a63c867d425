//! ValidateStateMachineDefinition.
//! <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html>

use super::{Request, definitions, put};
use crate::ApiError;
use crate::registry::Kind;
use crate::request::{self, Ask};
use serde_json::{Map, Value, json};
use tenantry_asl::{Diagnostic, Severity};

/// Findings that are told at most.
const FINDINGS_MAX: i64 = 100;

pub(super) fn validate(request: &Request) -> Result<Value, ApiError> {
    let mut ask = Ask::new(request);
    let definition = ask.required_text("definition", request::DEFINITION)?;
    let kind = Kind::parse(ask.choice("type", Kind::WORDS)?.unwrap_or_default());
    let severity = ask.choice("severity", &["ERROR", "WARNING"])?;
    let max = ask.integer("maxResults", 0, FINDINGS_MAX)?.filter(|max| *max > 0).unwrap_or(FINDINGS_MAX);
    ask.done()?;

    let mut findings = definitions::validate(definition, kind);
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    if severity != Some("WARNING") {
        findings.retain(|finding| finding.severity == Severity::Error);
    }
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let truncated = findings.len() > max;
    findings.truncate(max);
    Ok(json!({
        "result": if failed { "FAIL" } else { "OK" },
        "diagnostics": findings.iter().map(shown).collect::<Vec<_>>(),
        "truncated": truncated,
    }))
}

fn shown(finding: &Diagnostic) -> Value {
    let mut answer = Map::new();
    put(&mut answer, "severity", Some(json!(finding.severity)));
    put(&mut answer, "code", Some(finding.code));
    put(&mut answer, "message", Some(finding.message.as_str()));
    put(&mut answer, "location", Some(finding.location.as_str()).filter(|location| !location.is_empty()));
    Value::Object(answer)
}
