//! Every right that a function has is needed: without it, one invocation meets the refusal that names it.

use serde_json::{Value, json};
use std::time::Instant;
use tenantry_deploy::aws::Invocation;
use tenantry_deploy::contract::{Contract, Use};
use tenantry_deploy::policies::without;
use tenantry_deploy::report::{Stage, say};
use tenantry_deploy::stack::{Row, Stack};
use tenantry_scenarios::{all, run, until};

/// All of them are to take at most this long.
const SECONDS_MAX: f64 = 600.0;

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_with_permissions_and_each_one_is_missed_when_it_is_gone() {
    let Some(stack) = Stack::start("the functions' permissions", true) else { return };
    let control_plane = stack.control_plane().await;
    for scenario in all() {
        let stage = Stage::begin(format!("scenario {}, with permissions checked", scenario.name));
        run(&scenario, &control_plane).await;
        stage.end();
    }

    // From here on nothing happens but what is invoked here.
    stack.stop_schedules().await;
    stack.set_mappings(false).await;
    let contract = Contract::read();
    let (began, mut count, mut faults) = (Instant::now(), 0, Vec::new());
    for function in contract.functions() {
        let case = Case::of(&stack, &contract, function).await;
        let uses: Vec<Use> = contract.uses(function).into_iter().filter(|one| one.via == "call").collect();
        for example in contract.examples(function) {
            let before = case.prepare(example).await;
            let reached = uses.iter().filter(|one| one.reached_by == example);
            for missing in reached {
                count += 1;
                let answered = case.invoke_without(missing, example, &before).await;
                if !is_refusal(&answered, &missing.action) {
                    faults.push(format!(
                        "{function} works without {} on {} (example {example}): {answered:#?}",
                        missing.action, missing.symbol
                    ));
                }
            }
            // With all of them nothing is refused: it was the missing one that was seen, and the list is complete.
            let answered = case.invoke(example, &before).await;
            if let Some(refusal) = refused(&answered) {
                faults.push(format!("{function} is refused what it needs (example {example}): {refusal}"));
            }
        }
        let unreached: Vec<&Use> = uses
            .iter()
            .filter(|one| !contract.examples(function).contains(&one.reached_by.as_str()))
            .collect();
        assert!(unreached.is_empty(), "{function}: no example reaches {unreached:#?}");
    }
    let seconds = began.elapsed().as_secs_f64();
    say(format_args!("{count} triples of function, action and resource taken away, in {seconds:.1} s"));
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(count > 100, "only {count} triples");
    assert!(seconds < SECONDS_MAX, "it took {seconds:.0} s");
}

/// One function, its role, and what its examples need.
struct Case<'a> {
    stack: &'a Stack,
    contract: &'a Contract,
    function: &'a str,
    role: String,
    policy: (String, Value),
}

impl<'a> Case<'a> {
    async fn of(stack: &'a Stack, contract: &'a Contract, function: &'a str) -> Self {
        let role = stack.output(&format!("/function_roles/{function}")).to_owned();
        let names =
            stack.aws.list("iam", "list_role_policies", json!({"RoleName": role}), "PolicyNames").await;
        let [name] = names.as_slice() else { panic!("{role} has the policies {names:?}") };
        let which = json!({"RoleName": role, "PolicyName": name});
        let document = stack.aws.must("iam", "get_role_policy", which).await["PolicyDocument"].take();
        let policy = (name.as_str().expect("a name").to_owned(), document);
        Self { stack, contract, function, role, policy }
    }

    /// Brings about what must be there before the example, and answers the table's rows of then.
    async fn prepare(&self, example: &str) -> Vec<Row> {
        self.fill(&[]).await;
        for given in self.contract.given(self.function, example) {
            match given.split_once('/') {
                Some(("rows", seed)) => {
                    for row in self.contract.seed(seed) {
                        let put = json!({"TableName": self.stack.output("/table"), "Item": row});
                        self.stack.aws.must("dynamodb", "put_item", put).await;
                    }
                }
                Some(("run", other)) => {
                    let event = self.contract.event(other, "run", self.stack);
                    let answered =
                        self.stack.aws.invoke(&self.stack.function(other), Some("live"), &event).await;
                    assert!(!answered.failed, "{} {example}: {given}: {answered:#?}", self.function);
                }
                _ => panic!("{} {example}: given {given}", self.function),
            }
        }
        self.stack.rows().await
    }

    /// Empties the table, and puts these rows into it.
    async fn fill(&self, rows: &[Row]) {
        let (aws, table) = (&self.stack.aws, self.stack.output("/table"));
        for row in self.stack.rows().await {
            let key = json!({"pk": row["pk"], "sk": row["sk"]});
            aws.must("dynamodb", "delete_item", json!({"TableName": table, "Key": key})).await;
        }
        for row in rows {
            aws.must("dynamodb", "put_item", json!({"TableName": table, "Item": row})).await;
        }
    }

    /// Invokes the example on those rows, in a process that remembers nothing.
    async fn invoke(&self, example: &str, before: &[Row]) -> Invocation {
        self.fill(before).await;
        self.stack.forget(self.function).await;
        let event = self.contract.event(self.function, example, self.stack);
        let answered = self.stack.aws.invoke(&self.stack.function(self.function), Some("live"), &event).await;
        self.stop_executions().await;
        answered
    }

    async fn invoke_without(&self, missing: &Use, example: &str, before: &[Row]) -> Invocation {
        let less = without(&self.policy.1, &missing.action, &self.stack.resources(&missing.symbol));
        assert_ne!(less, self.policy.1, "{}: the role has no {missing:?}", self.function);
        self.put_policy(&less).await;
        let answered = self.invoke(example, before).await;
        self.put_policy(&self.policy.1).await;
        answered
    }

    async fn put_policy(&self, document: &Value) {
        let put = json!({
            "RoleName": self.role, "PolicyName": self.policy.0, "PolicyDocument": document.to_string()
        });
        self.stack.aws.must("iam", "put_role_policy", put).await;
    }

    /// What an invocation has started goes on by itself, and would change the rows of the next one.
    async fn stop_executions(&self) {
        let machines = self.stack.prepared.outputs["state_machines"].as_object().expect("state machines");
        for alias in machines.values() {
            let arn = alias.as_str().expect("an ARN").trim_end_matches(":live");
            let which = json!({"stateMachineArn": arn, "statusFilter": "RUNNING"});
            until("executions to end", || async {
                let running = self
                    .stack
                    .aws
                    .list("stepfunctions", "list_executions", which.clone(), "executions")
                    .await;
                for execution in &running {
                    let stop = json!({"executionArn": execution["executionArn"]});
                    // It may have ended meanwhile.
                    let _ = self.stack.aws.call("stepfunctions", "stop_execution", stop).await;
                }
                running.is_empty().then_some(())
            })
            .await;
        }
    }
}

/// AWS's words for a missing right.
const REFUSED: &str = "not authorized to perform";

/// The line in which something was refused, in the answer or in the log.
fn refused(answered: &Invocation) -> Option<String> {
    let said = format!("{}\n{}", answered.payload, answered.log);
    said.lines().find(|line| line.contains(REFUSED)).map(str::to_owned)
}

fn is_refusal(answered: &Invocation, action: &str) -> bool {
    let said = format!("{}\n{}", answered.payload, answered.log);
    said.lines().any(|line| line.contains(REFUSED) && line.contains(action))
}
