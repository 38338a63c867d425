//! Definitions in requests: parsed for their machine's type, refused in AWS's words.

use crate::ApiError;
use crate::registry::Kind;
use std::sync::Arc;
use tenantry_asl::{Definition, Diagnostic, MachineType};

/// Parses a definition of a machine of this kind.
///
/// # Errors
/// `InvalidDefinition`, with everything that is wrong with it.
pub(super) fn parse(text: &str, kind: Kind) -> Result<Arc<Definition>, ApiError> {
    tenantry_asl::parse_as(text, machine_type(kind)).map(Arc::new).map_err(|findings| refusal(&findings))
}

pub(super) fn refusal(findings: &[Diagnostic]) -> ApiError {
    let findings: Vec<_> = findings.iter().map(worded).collect();
    ApiError::invalid_definition(findings.join(", "))
}

/// `CODE: message at location`.
fn worded(finding: &Diagnostic) -> String {
    let Diagnostic { code, message, location, .. } = finding;
    // Where AWS knows no place, it says so.
    let location = if location.is_empty() { "null" } else { location };
    format!("{code}: {message} at {location}")
}

/// Everything that is to be said of a definition of a machine of this kind.
pub(super) fn validate(text: &str, kind: Kind) -> Vec<Diagnostic> {
    tenantry_asl::validate_as(text, machine_type(kind))
}

fn machine_type(kind: Kind) -> MachineType {
    match kind {
        Kind::Standard => MachineType::Standard,
        Kind::Express => MachineType::Express,
    }
}
