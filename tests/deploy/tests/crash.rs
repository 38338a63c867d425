//! A step's process dies in the middle: the state machine tries again, and what it made is there once.

use serde_json::Value;
use tenantry_deploy::code;
use tenantry_deploy::report::Stage;
use tenantry_deploy::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_dies_is_tried_again() {
    let Some(stack) = Stack::start("the crash of a step", false) else { return };
    let control_plane = stack.control_plane().await;
    let stage = Stage::begin("a step's process dies, and is tried again");
    let folder = tempfile::tempdir().expect("a folder");
    let (zip, mark) = code::dies_once(&stack, folder.path());
    stack.deploy("create_secrets", &zip).await;

    let created = control_plane
        .tenantry(&[
            "tenant",
            "create",
            "Crashed",
            "--plan",
            "pro",
            "--admin-email",
            "admin@example.com",
            "--wait",
        ])
        .await;
    assert_eq!(created["status"], "active", "{created:#}");
    assert!(mark.is_dir(), "nothing died");

    let tenant = created["tenantId"].as_str().expect("an id");
    let operations = control_plane.pages(&format!("/v1/tenants/{tenant}/operations"), "cursor").await;
    let [operation] = operations.as_slice() else { panic!("one sign-up, one operation: {operations:#?}") };
    assert_eq!(
        (&operation["status"], &operation["attempt"]),
        (&"succeeded".into(), &1.into()),
        "{operation:#}"
    );
    let execution = operation["executionId"].as_str().expect("an id");
    let history = control_plane.tenantry(&["execution", "history", execution, "--limit", "1000"]).await;
    let failed: Vec<&Value> = history
        .as_array()
        .expect("a list")
        .iter()
        .filter(|event| event["type"].as_str().is_some_and(|name| name.ends_with("Failed")))
        .collect();
    assert_eq!(failed.len(), 1, "one death, one failed call: {failed:#?}");
    let resources = control_plane.tenantry(&["tenant", "resources", tenant]).await;
    let secrets = resources.as_array().expect("a list").iter().filter(|one| one["kind"] == "secret").count();
    assert_eq!(secrets, 1, "{resources:#}");
    stage.end();
}
