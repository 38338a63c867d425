//! What this build runs and sells, the same in both homes: the workflows of `workflows/`, rendered and parsed, and the
//! plans and cells of `schema/`.

pub mod workflows;

use std::sync::Arc;
use std::time::Duration;
use tenantry_core::model::{Catalogue, CatalogueError};
use tenantry_handlers::RetryBound;
use workflows::Workflow;

/// What is sold and where it runs: `schema/plans` and `schema/cells.json`, built in.
///
/// # Errors
/// [`CatalogueError`]: a plan or a cell that could never be sold or placed.
pub fn catalogue() -> Result<Catalogue, CatalogueError> {
    let plans = [
        include_str!("../../../schema/plans/free.json"),
        include_str!("../../../schema/plans/pro.json"),
        include_str!("../../../schema/plans/enterprise.json"),
    ];
    Catalogue::from_json(include_str!("../../../schema/cells.json"), &plans)
}

/// What the definitions say of a pause before a retry, for the status.
pub fn retry_bound(workflows: &[Workflow]) -> RetryBound {
    let definitions: Vec<_> =
        workflows.iter().map(|workflow| (workflow.name.clone(), Arc::clone(&workflow.definition))).collect();
    Arc::new(move |workflow, state, error, retries| {
        let (_, definition) = definitions.iter().find(|(name, _)| name == workflow)?;
        definition.retry_bound_seconds(state, error, retries).map(Duration::from_secs_f64)
    })
}
