//! The drain of the dead-letter queues.

use super::event::BatchAnswer;
use super::invocation::{Invocation, Invoke, answer};
use crate::AwsHome;
use lambda_runtime::Diagnostic;
use serde_json::value::RawValue;
use tenantry_core::BoxFuture;

/// The drain's function.
pub(super) struct DeadLettersFunction {}

impl DeadLettersFunction {
    pub(super) fn new(_: &AwsHome) -> Self {
        Self {}
    }
}

impl Invoke for DeadLettersFunction {
    fn invoke<'a>(
        &'a self,
        _: &'a RawValue,
        _: &'a Invocation,
    ) -> BoxFuture<'a, Result<Box<RawValue>, Diagnostic>> {
        Box::pin(async move { answer(&BatchAnswer::default()) })
    }
}
