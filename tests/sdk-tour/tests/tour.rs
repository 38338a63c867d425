//! The same tour as with boto3, with the AWS SDK for Rust.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{
    ExecutionRedriveStatus, ExecutionStatus, InspectionLevel, MapRunStatus, MockInput,
    RoutingConfigurationListItem, StateMachineType, SyncExecutionStatus, Tag, TestExecutionStatus,
    ValidateStateMachineDefinitionResultCode,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tenantry_sdk_tour::{Server, client};

const ROLE: &str = "arn:aws:iam::000000000000:role/tour";
/// How long anything may take: generous, because it bounds a fault and measures nothing.
const PATIENCE: Duration = Duration::from_secs(60);

fn machine(name: &str, state: &Value) -> String {
    json!({"QueryLanguage": "JSONata", "StartAt": name, "States": {name: state}}).to_string()
}

fn passing(word: &str) -> String {
    machine("P", &json!({"Type": "Pass", "Output": {"word": word}, "End": true}))
}

fn arn_of(name: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:stateMachine:{name}")
}

async fn create(sfn: &Client, name: &str, definition: &str) -> String {
    let made = sfn.create_state_machine().name(name).definition(definition).role_arn(ROLE).send().await;
    made.expect("it is created").state_machine_arn
}

async fn start(sfn: &Client, arn: &str, input: &str) -> String {
    let started = sfn.start_execution().state_machine_arn(arn).input(input).send().await;
    started.expect("it starts").execution_arn
}

async fn ended(sfn: &Client, arn: &str) -> DescribeExecutionOutput {
    let began = Instant::now();
    loop {
        let found = sfn.describe_execution().execution_arn(arn).send().await.expect("it is described");
        if found.status != ExecutionStatus::Running {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{arn} does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a call that must be refused is refused with: its code and message.
fn refused<T: std::fmt::Debug, E>(answer: Result<T, SdkError<E>>) -> (String, String)
where
    E: ProvideErrorMetadata + std::fmt::Debug,
{
    let error = answer.expect_err("it is refused");
    let meta = error.as_service_error().expect("the service refuses").meta();
    (meta.code().unwrap_or_default().to_owned(), meta.message().unwrap_or_default().to_owned())
}

fn parsed(text: Option<&str>) -> Value {
    serde_json::from_str(text.expect("a text")).expect("JSON")
}

async fn machines(sfn: &Client) {
    let tag = Tag::builder().key("for").value("tour").build();
    let make = || sfn.create_state_machine().name("tour").role_arn(ROLE).definition(passing("one"));
    let made = make().tags(tag).send().await.expect("it is created");
    let again = make().send().await.expect("it is created once");
    assert_eq!(
        (again.state_machine_arn(), again.creation_date()),
        (made.state_machine_arn(), made.creation_date())
    );
    let other =
        sfn.create_state_machine().name("tour").role_arn(ROLE).definition(passing("other")).send().await;
    assert!(other.expect_err("the name is taken").into_service_error().is_state_machine_already_exists());
    let bad = sfn.create_state_machine().name("bad").role_arn(ROLE).definition("{}").send().await;
    assert!(bad.expect_err("it is no definition").into_service_error().is_invalid_definition());
    let arn = made.state_machine_arn();
    let tags = sfn.list_tags_for_resource().resource_arn(arn).send().await.expect("tags");
    assert_eq!(tags.tags()[0].key(), Some("for"));
    sfn.untag_resource().resource_arn(arn).tag_keys("for").send().await.expect("untagged");
    let changed = sfn.update_state_machine().state_machine_arn(arn).definition(passing("two")).send().await;
    let shown = sfn.describe_state_machine().state_machine_arn(arn).send().await.expect("described");
    assert_eq!(shown.revision_id(), changed.expect("updated").revision_id());
    assert_eq!((shown.definition(), shown.r#type()), (passing("two").as_str(), &StateMachineType::Standard));
    let mut names = Vec::new();
    let mut pages = sfn.list_state_machines().into_paginator().page_size(1).send();
    while let Some(page) = pages.next().await {
        names.extend(page.expect("a page").state_machines.into_iter().map(|item| item.name));
    }
    assert_eq!(names, ["provision_tenant", "tour"]);
    let found = sfn.validate_state_machine_definition().definition("{}").send().await.expect("validated");
    assert_eq!(found.result(), &ValidateStateMachineDefinitionResultCode::Fail);
}

async fn versions_and_aliases(sfn: &Client) {
    let arn = arn_of("tour");
    let version =
        sfn.publish_state_machine_version().state_machine_arn(&arn).send().await.expect("published");
    let version = version.state_machine_version_arn();
    let route =
        RoutingConfigurationListItem::builder().state_machine_version_arn(version).weight(100).build();
    let made = sfn
        .create_state_machine_alias()
        .name("live")
        .routing_configuration(route.expect("a route"))
        .send()
        .await;
    let alias = made.expect("made").state_machine_alias_arn;
    let found = ended(sfn, &start(sfn, &alias, "{}").await).await;
    assert_eq!(
        (found.state_machine_alias_arn(), found.state_machine_version_arn(), parsed(found.output())),
        (Some(alias.as_str()), Some(version), json!({"word": "two"}))
    );
    let busy = sfn.delete_state_machine_version().state_machine_version_arn(version).send().await;
    assert!(busy.expect_err("an alias needs it").into_service_error().is_conflict_exception());
    sfn.delete_state_machine_alias().state_machine_alias_arn(&alias).send().await.expect("deleted");
    sfn.delete_state_machine_version().state_machine_version_arn(version).send().await.expect("deleted");
    let gone = sfn.start_execution().state_machine_arn(&alias).send().await;
    assert!(gone.expect_err("it has gone").into_service_error().is_state_machine_does_not_exist());
}

async fn executions(sfn: &Client) {
    let arn =
        create(sfn, "waits", &machine("W", &json!({"Type": "Wait", "Seconds": 3600, "End": true}))).await;
    let begin = |input: &str| sfn.start_execution().state_machine_arn(&arn).name("one").input(input).send();
    let first = begin(r#"{"n": 1}"#).await.expect("it starts").execution_arn;
    assert_eq!(begin(r#"{"n":1}"#).await.expect("it runs already").execution_arn, first);
    assert!(begin("{}").await.expect_err("another input").into_service_error().is_execution_already_exists());
    assert!(begin("{").await.expect_err("no JSON").into_service_error().is_invalid_execution_input());
    let stopped =
        sfn.stop_execution().execution_arn(&first).error("Enough").cause("the tour goes on").send().await;
    let found = ended(sfn, &first).await;
    assert_eq!(
        (found.status(), found.error(), found.stop_date(), found.redrive_status()),
        (
            &ExecutionStatus::Aborted,
            Some("Enough"),
            Some(stopped.expect("stopped").stop_date()),
            Some(&ExecutionRedriveStatus::Redrivable)
        )
    );
    let mut types = Vec::new();
    let history = sfn.get_execution_history().execution_arn(&first).reverse_order(true);
    let mut pages = history.into_paginator().page_size(2).send();
    while let Some(page) = pages.next().await {
        types.extend(page.expect("a page").events.into_iter().map(|event| event.r#type.as_str().to_owned()));
    }
    assert_eq!(types, ["ExecutionAborted", "WaitStateEntered", "ExecutionStarted"]);
    let listed =
        sfn.list_executions().state_machine_arn(&arn).status_filter(ExecutionStatus::Aborted).send().await;
    assert_eq!(listed.expect("listed").executions()[0].execution_arn(), first);
    let missing = sfn.describe_execution().execution_arn(format!("{first}x")).send().await;
    assert!(missing.expect_err("it is not there").into_service_error().is_execution_does_not_exist());
}

async fn activities_and_redrive(sfn: &Client) {
    let made = sfn.create_activity().name("work").send().await.expect("made");
    let activity = made.activity_arn();
    let state = json!({"Type": "Task", "Resource": activity, "HeartbeatSeconds": 600, "End": true});
    let arn = create(sfn, "works", &machine("T", &state)).await;
    let execution = start(sfn, &arn, r#"{"n": 1}"#).await;
    let take = || sfn.get_activity_task().activity_arn(activity).worker_name("w").send();
    let task = take().await.expect("a task");
    assert_eq!(parsed(task.input()), json!({"n": 1}));
    let token = task.task_token().expect("a token");
    sfn.send_task_heartbeat().task_token(token).send().await.expect("alive");
    sfn.send_task_failure().task_token(token).error("Broken").cause("at first").send().await.expect("taken");
    let found = ended(sfn, &execution).await;
    assert_eq!(
        (found.status(), found.error(), found.cause()),
        (&ExecutionStatus::Failed, Some("Broken"), Some("at first"))
    );
    let late = sfn.send_task_success().task_token(token).output("{}").send().await;
    assert!(late.expect_err("it was answered").into_service_error().is_task_timed_out());
    let foreign = sfn.send_task_heartbeat().task_token("none").send().await;
    assert!(foreign.expect_err("it is none").into_service_error().is_invalid_token());
    sfn.redrive_execution().execution_arn(&execution).send().await.expect("redriven");
    let again = take().await.expect("a task again");
    let token = again.task_token().expect("a token");
    sfn.send_task_success().task_token(token).output(r#"{"n": 2}"#).send().await.expect("taken");
    let found = ended(sfn, &execution).await;
    assert_eq!((found.redrive_count(), parsed(found.output())), (Some(1), json!({"n": 2})));
    let done = sfn.redrive_execution().execution_arn(&execution).send().await;
    assert!(done.expect_err("it succeeded").into_service_error().is_execution_not_redrivable());
}

async fn express(sfn: &Client) {
    let made = sfn.create_state_machine().name("quick").role_arn(ROLE).definition(passing("now"));
    let arn = made.r#type(StateMachineType::Express).send().await.expect("made").state_machine_arn;
    // To the host `sync-localhost`, which is what is signed.
    let found = sfn.start_sync_execution().state_machine_arn(&arn).send().await.expect("it ends");
    assert_eq!(
        (found.status(), parsed(found.output())),
        (&SyncExecutionStatus::Succeeded, json!({"word": "now"}))
    );
    let unsupported = sfn.list_executions().state_machine_arn(&arn).send().await;
    assert!(
        unsupported.expect_err("none is listed").into_service_error().is_state_machine_type_not_supported()
    );
}

async fn map_runs(sfn: &Client) {
    let state = json!({
        "Type": "Map", "Label": "each", "Items": "{% $states.input %}", "End": true,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "E",
            "States": {"E": {"Type": "Pass", "Output": "{% $states.input * 2 %}", "End": true}},
        },
    });
    let arn = create(sfn, "maps", &machine("M", &state)).await;
    let execution = start(sfn, &arn, "[1, 2, 3]").await;
    assert_eq!(parsed(ended(sfn, &execution).await.output()), json!([2, 4, 6]));
    let runs = sfn.list_map_runs().execution_arn(&execution).send().await.expect("listed");
    let run = runs.map_runs()[0].map_run_arn();
    let shown = sfn.describe_map_run().map_run_arn(run).send().await.expect("described");
    let succeeded = shown.item_counts().expect("counts").succeeded();
    assert_eq!((shown.status(), succeeded), (&MapRunStatus::Succeeded, 3));
    let children = sfn.list_executions().map_run_arn(run).send().await.expect("listed");
    assert_eq!(children.executions().len(), 3);
}

async fn states_alone(sfn: &Client) {
    let state = json!({
        "Type": "Task", "QueryLanguage": "JSONata", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Arguments": {"FunctionName": "f"}, "Output": "{% $states.result.Payload.n + 1 %}",
    });
    let mock = MockInput::builder().result(r#"{"Payload": {"n": 41}, "StatusCode": 200}"#).build();
    let tested = sfn.test_state().definition(state.to_string()).mock(mock);
    let found = tested.inspection_level(InspectionLevel::Debug).send().await.expect("tested");
    assert_eq!((found.status(), found.output()), (Some(&TestExecutionStatus::Succeeded), Some("42")));
    assert!(found.inspection_data().is_some_and(|data| data.after_arguments().is_some()));
}

async fn strangers(server: &Server) {
    let (id, _) = server.access_key();
    let forged = client(server, &id, "x").list_activities().send().await;
    assert_eq!(refused(forged).0, "InvalidSignatureException");
    let (code, message) = refused(client(server, "AKIAOTHER", "x").list_activities().send().await);
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("UnrecognizedClientException", "The security token included in the request is invalid.")
    );
}

async fn deletion(sfn: &Client) {
    for name in ["tour", "waits", "works", "quick", "maps"] {
        sfn.delete_state_machine().state_machine_arn(arn_of(name)).send().await.expect("deleted");
    }
    let built_in = sfn.delete_state_machine().state_machine_arn(arn_of("provision_tenant")).send().await;
    assert_eq!(refused(built_in).0, "ValidationException");
    let began = Instant::now();
    while sfn.list_state_machines().send().await.expect("listed").state_machines().len() > 1 {
        assert!(began.elapsed() < PATIENCE, "they do not go");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_sdk_tours_the_protocol() {
    let server = tokio::task::spawn_blocking(Server::start).await.expect("it starts");
    let (id, secret) = server.access_key();
    let sfn = client(&server, &id, &secret);
    machines(&sfn).await;
    versions_and_aliases(&sfn).await;
    executions(&sfn).await;
    activities_and_redrive(&sfn).await;
    express(&sfn).await;
    map_runs(&sfn).await;
    states_alone(&sfn).await;
    strangers(&server).await;
    deletion(&sfn).await;
}
