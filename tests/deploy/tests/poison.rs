//! Messages that nobody can handle: they become dead letters, are listed, and come back when they are redriven.

use serde_json::{Value, json};
use tenantry_deploy::code;
use tenantry_deploy::report::Stage;
use tenantry_deploy::stack::Stack;
use tenantry_scenarios::{ControlPlane, until};

async fn letters(control_plane: &ControlPlane) -> Vec<Value> {
    let listed = control_plane.tenantry(&["queue", "dead-letters", "operations"]).await;
    listed.as_array().expect("a list").clone()
}

async fn a_letter(control_plane: &ControlPlane, what: &str, died_after: &str) -> Value {
    until(what, || async {
        let found = letters(control_plane).await;
        found.into_iter().find(|letter| letter["diedAt"].as_str() > Some(died_after))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_message_is_a_dead_letter_and_its_redrive_brings_it_back_under_its_id() {
    let Some(stack) = Stack::start("a poison message and its redrive", false) else { return };
    let control_plane = stack.control_plane().await;
    let stage = Stage::begin("a poison message, listed and redriven");
    let queue = stack.output("/queues/operations");
    stack
        .aws
        .must(
            "sqs",
            "send_message",
            json!({"QueueUrl": queue, "MessageBody": "poison", "MessageGroupId": "poison"}),
        )
        .await;
    let first = a_letter(&control_plane, "the poison message to be a dead letter", "").await;
    assert_eq!(
        (&first["reason"]["code"], &first["body"]),
        (&json!("malformed"), &json!("[not JSON]")),
        "{first:#}"
    );

    let id = first["messageId"].as_str().expect("an id");
    let redriven = control_plane.tenantry(&["queue", "redrive", "operations", "--message", id]).await;
    assert_eq!(redriven["redriven"], 1, "{redriven:#}");
    let died_at = first["diedAt"].as_str().expect("a time");
    let second = a_letter(&control_plane, "the redriven message to die again", died_at).await;
    assert_eq!(second["messageId"], first["messageId"], "one message, one id, also across its redrive");
    assert_eq!(letters(&control_plane).await.len(), 1);
    control_plane.tenantry(&["queue", "purge", "operations", id]).await;
    assert_eq!(letters(&control_plane).await, Vec::<Value>::new());
    stage.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sqs_gives_up_lies_with_the_dead_letters_and_a_redrive_finishes_the_sign_up() {
    let Some(stack) = Stack::start("a message that SQS gives up, and its redrive", false) else { return };
    let control_plane = stack.control_plane().await;
    let stage = Stage::begin("a message through SQS's own dead letter queue, redriven");
    // Nothing but the redrive is to send the operation again.
    stack.stop_schedules().await;
    let folder = tempfile::tempdir().expect("a folder");
    stack.deploy("operations", &code::always_dies(&stack, folder.path())).await;
    let queue = stack.output("/queues/operations");
    let attributes = json!({"QueueUrl": queue, "AttributeNames": ["RedrivePolicy"]});
    let found = stack.aws.must("sqs", "get_queue_attributes", attributes).await;
    let policy = found["Attributes"]["RedrivePolicy"].as_str().expect("a redrive policy");
    let mut policy: Value = serde_json::from_str(policy).expect("JSON");
    // As it stands, SQS gives up after hours.
    policy["maxReceiveCount"] = 2.into();
    let sooner = json!({"RedrivePolicy": policy.to_string(), "VisibilityTimeout": "1"});
    stack.aws.must("sqs", "set_queue_attributes", json!({"QueueUrl": queue, "Attributes": sooner})).await;

    let created = control_plane
        .tenantry(&["tenant", "create", "Given Up", "--plan", "pro", "--admin-email", "admin@example.com"])
        .await;
    let tenant = created["tenant"]["tenantId"].as_str().expect("an id");
    let letter = a_letter(&control_plane, "SQS to give up, and the dead letter to be written down", "").await;
    assert_eq!(letter["reason"]["code"], "max_receives", "{letter:#}");
    assert_eq!(
        (&letter["group"], &letter["body"]["tenantId"]),
        (&json!(tenant), &json!(tenant)),
        "{letter:#}"
    );
    let shown = control_plane.tenantry(&["tenant", "show", tenant]).await;
    assert_eq!(shown["status"], "registered", "{shown:#}");

    stack.deploy("operations", &code::real(&stack)).await;
    let redriven = control_plane.tenantry(&["queue", "redrive", "operations"]).await;
    assert_eq!(redriven["redriven"], 1, "{redriven:#}");
    until("the tenant to be active", || async {
        let shown = control_plane.tenantry(&["tenant", "show", tenant]).await;
        (shown["status"] == "active").then_some(())
    })
    .await;
    assert_eq!(letters(&control_plane).await, Vec::<Value>::new());
    stage.end();
}
