//! State machines and task tokens on AWS: the contract suite on the emulator, tenants' lists, and what the emulator
//! lacks against canned answers.

mod answers;

use crate::canned::Aws;
use crate::support::fresh_name;
use aws_sdk_sfn::types::RoutingConfigurationListItem;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tenantry_app::testing::{ManualClock, MemoryTable};
use tenantry_aws::task_tokens::AwsTaskTokens;
use tenantry_aws::workflows::AwsWorkflows;
use tenantry_contract::{PASSING, StateMachines, WAITING, workflow_definition};
use tenantry_core::keys::Key;
use tenantry_core::model::{Operation, OperationKind, OperationPhase};
use tenantry_core::ports::{
    Action, Commit, ExecutionFilter, ExecutionStatus, Item, Table, TaskTokens, Workflows,
};
use tenantry_core::{BoxFuture, ExecutionId, OperationId, TenantId, Timestamp};
use tenantry_events::ledger::operation_pointer_item;

/// Machines of their own on the emulator, behind the alias `live`.
struct Deployed {
    aws: Aws,
    table: Arc<MemoryTable>,
    workflows: AwsWorkflows,
    queue_url: String,
}

/// Deploys `machines`: each a workflow's name and the definition of [`workflow_definition`] that it has.
async fn deploy(aws: Aws, machines: &[(&str, &str)]) -> Deployed {
    let prefix = fresh_name("machines");
    let queue = aws.clients.sqs().create_queue().queue_name(&prefix).send().await.unwrap();
    let queue_url = queue.queue_url.unwrap();
    for (workflow, definition) in machines {
        let sfn = aws.clients.sfn();
        let made = sfn
            .create_state_machine()
            .name(format!("{prefix}-{workflow}"))
            .role_arn(format!("arn:aws:iam::{}:role/machines", aws.account))
            .definition(workflow_definition(definition, &queue_url))
            .publish(true)
            .send()
            .await
            .unwrap();
        let version = made.state_machine_version_arn.unwrap();
        let route = RoutingConfigurationListItem::builder().state_machine_version_arn(version).weight(100);
        let alias = sfn.create_state_machine_alias().name("live");
        alias.routing_configuration(route.build().unwrap()).send().await.unwrap();
    }
    let table = Arc::new(MemoryTable::new(Arc::new(ManualClock::new())));
    let base = format!("arn:aws:states:{}:{}:stateMachine:{prefix}-", aws.region, aws.account);
    let names = machines.iter().map(|(workflow, _)| (*workflow).to_owned());
    let workflows =
        AwsWorkflows::new(aws.clients.clone(), aws.calls.clone(), table.clone(), &base, names).unwrap();
    Deployed { aws, table, workflows, queue_url }
}

impl StateMachines for Deployed {
    fn workflows(&self) -> Arc<dyn Workflows> {
        Arc::new(self.workflows.clone())
    }

    fn task_tokens(&self) -> Arc<dyn TaskTokens> {
        Arc::new(AwsTaskTokens::new(self.aws.clients.clone(), self.aws.calls.clone()))
    }

    fn message(&self) -> BoxFuture<'_, Value> {
        Box::pin(async {
            let sqs = self.aws.clients.sqs();
            for _ in 0..60 {
                let receive = sqs.receive_message().queue_url(&self.queue_url).wait_time_seconds(1);
                if let Some(message) = receive.send().await.unwrap().messages.unwrap_or_default().pop() {
                    let receipt = message.receipt_handle.unwrap();
                    sqs.delete_message()
                        .queue_url(&self.queue_url)
                        .receipt_handle(receipt)
                        .send()
                        .await
                        .unwrap();
                    return serde_json::from_str(&message.body.unwrap()).unwrap();
                }
            }
            panic!("no message came");
        })
    }

    fn is_whole(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflows() {
    let Some(aws) = Aws::shared("the state machines' contract on AWS") else { return };
    tenantry_contract::workflows_suite(|| deploy(aws.clone(), &[(PASSING, PASSING), (WAITING, WAITING)]))
        .await;
}

fn operation(tenant: &TenantId, number: u128, attempt: u64) -> Operation {
    let at = Timestamp::from_millis(1_767_225_600_000);
    Operation {
        operation_id: OperationId::from_uuid(uuid::Uuid::from_u128(number)),
        tenant_id: tenant.clone(),
        kind: OperationKind::Provision,
        phase: OperationPhase::Running,
        attempt,
        generation: attempt,
        requested_by: "admin".into(),
        created_at: at,
        updated_at: at,
        ended_at: None,
        error: None,
        attempt_end: None,
        revision: 1,
    }
}

async fn keep(table: &MemoryTable, operation: &Operation) {
    let row = Item::of(Key::operation(&operation.tenant_id, &operation.operation_id), operation);
    let actions = vec![Action::put(row), Action::put(operation_pointer_item(operation))];
    table.commit(Commit::of(actions)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_executions_are_its_operations_attempts() {
    let Some(aws) = Aws::shared("lists of a tenant's executions on AWS") else { return };
    let workflow = OperationKind::Provision.workflow();
    let home = deploy(aws, &[(workflow, PASSING), ("other", PASSING)]).await;
    let [one, two] = [1, 2].map(|number| TenantId::from_uuid(uuid::Uuid::from_u128(number)));
    // The third attempt of the second operation was not started yet.
    let operations = [(&one, 10, 2), (&one, 11, 3), (&two, 12, 1)];
    let mut expected = Vec::new();
    for (tenant, number, attempts) in operations {
        let operation = operation(tenant, number, attempts);
        keep(&home.table, &operation).await;
        for attempt in 1..=attempts.min(2) {
            let name = format!("{}-{attempt}", operation.operation_id);
            let id = ExecutionId::new(workflow, &name).unwrap();
            home.workflows.start(&id, json!({ "tenantId": tenant })).await.unwrap();
            ended(&home.workflows, &id).await;
            expected.push((tenant.clone(), id));
        }
    }
    let by_hand = ExecutionId::new("other", "by-hand").unwrap();
    home.workflows.start(&by_hand, json!({})).await.unwrap();
    ended(&home.workflows, &by_hand).await;

    let newest_of_one: Vec<_> =
        expected.iter().rev().filter(|(tenant, _)| *tenant == one).map(|(_, id)| id.clone()).collect();
    for limit in [1, 2, 3, 50] {
        let filter = ExecutionFilter { tenant_id: Some(one.clone()), ..ExecutionFilter::default() };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = home.workflows.list(filter.clone(), after, limit).await.unwrap();
            assert!(page.items.iter().all(|summary| summary.tenant_id.as_ref() == Some(&one)));
            found.extend(page.items.into_iter().map(|summary| summary.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, newest_of_one, "{limit} at a time");
    }

    let of_one = |change: fn(&mut ExecutionFilter)| {
        let mut filter = ExecutionFilter { tenant_id: Some(one.clone()), ..ExecutionFilter::default() };
        change(&mut filter);
        home.workflows.list(filter, None, 50)
    };
    assert!(of_one(|filter| filter.status = Some(ExecutionStatus::Failed)).await.unwrap().items.is_empty());
    assert!(of_one(|filter| filter.workflow = Some("other".into())).await.unwrap().items.is_empty());
    assert_eq!(
        of_one(|filter| filter.status = Some(ExecutionStatus::Succeeded)).await.unwrap().items.len(),
        4
    );
    assert!(home.workflows.list(ExecutionFilter::default(), Some("nonsense".into()), 5).await.is_err());

    // A list of all tells each one's tenant by its operation.
    let page = home.workflows.list(ExecutionFilter::default(), None, 50).await.unwrap();
    for summary in &page.items {
        let owner = expected.iter().find(|(_, id)| *id == summary.id).map(|(tenant, _)| tenant);
        assert_eq!(summary.tenant_id.as_ref(), owner, "{}", summary.id);
    }
    assert_eq!(page.items.len(), expected.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hash_is_of_the_definition_as_it_was_deployed() {
    let Some(aws) = Aws::shared("hashes of definitions on AWS") else { return };
    let home = deploy(aws, &[(PASSING, PASSING)]).await;
    let id = ExecutionId::new(PASSING, "hashed").unwrap();
    home.workflows.start(&id, json!({"tenantId": "tnt_00000000000000000000000001"})).await.unwrap();
    let found = home.workflows.describe(&id).await.unwrap();
    let text = workflow_definition(PASSING, &home.queue_url);
    let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found.definition_hash, hash);
    assert_eq!(found.summary.tenant_id.unwrap().as_str(), "tnt_00000000000000000000000001");
}

async fn ended(workflows: &AwsWorkflows, id: &ExecutionId) {
    for _ in 0..1_000 {
        if workflows.describe(id).await.unwrap().summary.status != ExecutionStatus::Running {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{id} does not end");
}
