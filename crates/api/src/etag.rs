//! Entity tags: the record's revision. While a tenant is on its way, its status changes without its record; then a
//! hash of the status follows the revision, so that a tag never stands for two different answers.

use sha2::{Digest, Sha256};
use tenantry_app::usecases::views::{OperationView, TenantView};
use tenantry_core::{Error, ErrorCode, Result};

fn tag(revision: u64, moving: Option<String>) -> String {
    match moving {
        None => format!("\"{revision}\""),
        Some(text) => {
            let hash = Sha256::digest(text.as_bytes());
            format!("\"{revision}-{:02x}{:02x}{:02x}{:02x}\"", hash[0], hash[1], hash[2], hash[3])
        }
    }
}

/// The tag of a tenant.
pub(crate) fn of_tenant(tenant: &TenantView) -> String {
    let moving = tenant.status_detail.operation_id.as_ref().map(|_| format!("{:?}", tenant.status_detail));
    tag(tenant.revision, moving)
}

/// The tag of an operation.
pub(crate) fn of_operation(operation: &OperationView) -> String {
    let moving = operation.ended_at.is_none().then(|| format!("{operation:?}"));
    tag(operation.revision, moving)
}

/// The revision that an `If-Match` asks for; `None` for `*`.
pub(crate) fn revision(if_match: &str) -> Result<Option<u64>> {
    let text = if_match.trim();
    if text == "*" {
        return Ok(None);
    }
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let digits = inner.map(|inner| inner.split_once('-').map_or(inner, |(digits, _)| digits));
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(revision) => Ok(Some(revision)),
        None => Err(Error::new(
            ErrorCode::RevisionMismatch,
            "If-Match must be the ETag of one earlier answer, as it was given. Read the record again.",
        )
        .with_field("If-Match")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_takes_the_revision_of_both_forms() {
        assert_eq!(revision("\"7\"").unwrap(), Some(7));
        assert_eq!(revision(" \"7-0a1b2c3d\" ").unwrap(), Some(7));
        assert_eq!(revision("*").unwrap(), None);
        for bad in ["", "7", "\"x\"", "W/\"7\"", "\"7\", \"8\"", "\"\""] {
            assert!(revision(bad).is_err(), "{bad}");
        }
        assert_eq!(revision(&tag(9, Some("moving".into()))).unwrap(), Some(9));
    }
}
