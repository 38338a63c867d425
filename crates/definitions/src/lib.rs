//! What this build runs and sells, the same in both homes: the workflows of `workflows/`, rendered and parsed, and the
//! plans and cells of `schema/`.

pub mod workflows;

use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tenantry_asl::RetryRules;
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

/// [`retry_bound`] of the workflows of this build, from their text alone: for a home that runs no workflow itself, and
/// so can do without the interpreter. The text is read when it is first asked for.
pub fn built_in_retry_bound() -> RetryBound {
    let read: OnceLock<Vec<(&str, RetryRules)>> = OnceLock::new();
    Arc::new(move |workflow, state, error, retries| {
        let rules = read.get_or_init(|| {
            let read = |(name, _, text): &(&'static str, &str, &str)| (*name, RetryRules::read(text));
            workflows::SOURCES.iter().map(read).collect()
        });
        let (_, rules) = rules.iter().find(|(name, _)| *name == workflow)?;
        rules.bound_seconds(state, error, retries).map(Duration::from_secs_f64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_read_the_rules_say_the_same() {
        let workflows = workflows::load(None).unwrap();
        let (parsed, text) = (retry_bound(&workflows), built_in_retry_bound());
        let mut compared = 0;
        for workflow in &workflows {
            let names = workflow.definition.error_names().iter().map(String::as_str);
            let names: Vec<&str> =
                names.chain(["States.Timeout", "States.Runtime", "Anything.Else"]).collect();
            for task in workflow.definition.tasks() {
                for (name, retries) in
                    names.iter().flat_map(|name| (0..12).map(move |retries| (*name, retries)))
                {
                    let one = parsed(&workflow.name, &task.name, name, retries);
                    assert_eq!(one, text(&workflow.name, &task.name, name, retries), "{} {name}", task.name);
                    compared += usize::from(one.is_some());
                }
            }
        }
        assert!(compared > 100, "only {compared} retries were compared");
        assert_eq!(text("no_workflow", "CreateKey", "Store.Unavailable", 0), None);
    }
}
