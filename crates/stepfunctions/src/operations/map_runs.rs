//! Map Runs: DescribeMapRun, ListMapRuns, UpdateMapRun.

use crate::{ApiError, Endpoint, names};
use tenantry_core::Arn;

/// The machine, the label and the name in a Map Run's ARN.
///
/// # Errors
/// `InvalidArn`; `ResourceNotFound` for one of another realm.
pub(super) fn parts<'a>(endpoint: &Endpoint, arn: &'a str) -> Result<(&'a str, &'a str, &'a str), ApiError> {
    names::resource(arn, &["mapRun"])?;
    match Arn::parse(arn) {
        Some(Arn::MapRun { machine, label, uuid }) if endpoint.registry().realm().owns(arn) => {
            Ok((machine, label, uuid))
        }
        _ => Err(ApiError::no_resource(arn)),
    }
}
