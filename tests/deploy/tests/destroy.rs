//! What was applied can be taken away, also after it was used, and nothing is left of it.

use tenantry_deploy::aws::Aws;
use tenantry_deploy::inventory;
use tenantry_deploy::prepared::subscriber;
use tenantry_deploy::report::Stage;
use tenantry_deploy::stack::Stack;
use tenantry_emulator::{Emulator, Options};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_planned_again_and_nothing_is_left_after_a_destroy() {
    let Some(stack) = Stack::start("a second plan, and a destroy", false) else { return };
    let prepared = stack.prepared;
    let control_plane = stack.control_plane().await;
    let created = control_plane
        .tenantry(&[
            "tenant",
            "create",
            "Used",
            "--plan",
            "pro",
            "--admin-email",
            "admin@example.com",
            "--wait",
        ])
        .await;
    assert_eq!(created["status"], "active", "{created:#}");

    let copy = prepared.working_copy();
    let (environment, variables) = (copy.environment(), prepared.variables());
    let stage = Stage::begin("terraform plan, after use");
    prepared
        .terraform
        .plan_has_no_changes(&environment, &variables)
        .unwrap_or_else(|failed| panic!("{failed}"));
    stage.end_with("no changes");
    let there = inventory::of(&stack.aws).await;
    let stage = Stage::begin("terraform destroy");
    let destroyed = prepared.terraform.destroy(&subscriber(&copy), &prepared.subscriber_variables());
    destroyed.unwrap_or_else(|failed| panic!("{failed}"));
    prepared.terraform.destroy(&environment, &variables).unwrap_or_else(|failed| panic!("{failed}"));
    let left = inventory::of(&stack.aws).await;

    // An account that nothing was ever applied to has a few things, too.
    let empty = Emulator::start(Options { region: stack.emulator.facts().region, ..Options::default() })
        .expect("another emulator");
    let in_every_account = inventory::of(&Aws::of(&empty)).await;
    let left: Vec<&String> = left.difference(&in_every_account).collect();
    assert!(left.is_empty(), "left after the destroy: {left:#?}");
    let there = there.difference(&in_every_account).count();
    assert!(there > 60, "the inventory saw {there} things before the destroy");
    stage.end_with(format_args!("{there} things gone, none left"));
}
