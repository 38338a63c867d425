//! How each workflow is begun: the one thing that the harness cannot read from a definition.

use tenantry_definitions::workflows::{self, Workflow};

/// A workflow and the way into it.
pub struct Scenario {
    /// The workflow, as the engine runs it.
    pub workflow: Workflow,
    /// The forward Task whose effect ends the operation.
    pub last_forward: &'static str,
}

/// One for each workflow of this build.
pub fn scenarios() -> Vec<Scenario> {
    let workflows = workflows::load_all().expect("workflows that can run");
    workflows
        .into_iter()
        .filter_map(|workflow| {
            let last_forward = match workflow.name.as_str() {
                "provision_tenant" => "ActivateTenant",
                _ => return None,
            };
            Some(Scenario { workflow, last_forward })
        })
        .collect()
}
