//! Every right that a function has is needed: without it, one invocation meets the refusal that names it.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use tenantry_deploy::aws::Invocation;
use tenantry_deploy::code;
use tenantry_deploy::contract::{Contract, Use};
use tenantry_deploy::policies::{EMULATORS_OWN, without};
use tenantry_deploy::report::{Stage, say};
use tenantry_deploy::seeds::Seeds;
use tenantry_deploy::stack::Stack;
use tenantry_scenarios::{all, run, until};

/// All of them are to take at most this long.
const SECONDS_MAX: f64 = 600.0;

/// A right that is used once in a deployment's life: the admin's token is made at the first call.
const AT_FIRST: &str = "secretsmanager:PutSecretValue";

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_with_permissions_and_each_one_is_missed_when_it_is_gone() {
    let Some(stack) = Stack::start("the functions' permissions", true) else { return };
    let contract = Contract::read();
    let seeds = Seeds::of(&stack).await;
    let mut tally = Tally::default();
    let world = World { stack: &stack, contract: &contract, seeds: &seeds, admin_token: "not made yet" };
    for function in contract.functions() {
        let case = Case::of(&world, function).await;
        for missing in case.uses().iter().filter(|one| one.action == AT_FIRST) {
            tally.take_away(&case, missing).await;
        }
    }
    world.empty_table().await;

    let control_plane = stack.control_plane().await;
    for scenario in all() {
        let stage = Stage::begin(format!("scenario {}, with permissions checked", scenario.name));
        run(&scenario, &control_plane).await;
        stage.end();
    }

    // From here on nothing happens but what is invoked here.
    stack.stop_schedules().await;
    stack.set_mappings(false).await;
    let world = World { admin_token: control_plane.token(), ..world };
    let (steps, others): (Vec<&str>, Vec<&str>) =
        contract.functions().into_iter().partition(|function| contract.is_step(function));
    for function in steps {
        tally.of_function(&Case::of(&world, function).await).await;
    }
    // An execution that an example starts is to stand still at its first step.
    world.hold_executions().await;
    for function in others {
        tally.of_function(&Case::of(&world, function).await).await;
    }
    tally.end();
}

/// What was tried, and what came out wrong.
struct Tally {
    began: Instant,
    count: u32,
    faults: Vec<String>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { began: Instant::now(), count: 0, faults: Vec::new() }
    }
}

impl Tally {
    /// Takes one right away, and looks for the refusal that names it.
    async fn take_away(&mut self, case: &Case<'_>, missing: &Use) {
        self.count += 1;
        let answered = case.invoke_without(missing).await;
        if !is_refusal(&answered, &missing.action) {
            let Use { action, symbol, reached_by, .. } = missing;
            let function = case.function;
            self.faults.push(format!(
                "{function} works without {action} on {symbol} (example {reached_by}): {answered:#?}"
            ));
        }
    }

    /// Every right of a function but those of the first call; and every example with all of them.
    async fn of_function(&mut self, case: &Case<'_>) {
        let (function, examples) = (case.function, case.world.contract.examples(case.function));
        for missing in case.uses() {
            let reached = examples.contains(&missing.reached_by.as_str());
            assert!(reached, "{function}: no example reaches {missing:?}");
            if missing.action != AT_FIRST {
                self.take_away(case, &missing).await;
            }
        }
        // With all of them nothing is refused: it was the missing one that was seen, and the list is complete.
        for example in examples {
            if let Some(refusal) = refused(&case.invoke(example).await) {
                self.faults
                    .push(format!("{function} is refused what it needs (example {example}): {refusal}"));
            }
        }
    }

    fn end(self) {
        let Self { began, count, faults } = self;
        let seconds = began.elapsed().as_secs_f64();
        say(format_args!(
            "{count} triples of function, action and resource taken away; with the scenarios {seconds:.1} s"
        ));
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
        assert!(count > 100, "only {count} triples");
        assert!(seconds < SECONDS_MAX, "it took {seconds:.0} s");
    }
}

/// The deployment, in which nothing happens by itself.
struct World<'a> {
    stack: &'a Stack,
    contract: &'a Contract,
    seeds: &'a Seeds<'a>,
    admin_token: &'a str,
}

/// The operation of all examples.
const OPERATION: &str = "op_01h455vb4pex5vsknk084sn02r";

/// What is new each time that an example is carried out.
struct Once {
    task_token: String,
    /// An execution is named after its operation, and a name is used once.
    operation: String,
}

impl Once {
    fn renamed(&self, value: &Value) -> Value {
        let text = value.to_string().replace(OPERATION, &self.operation);
        serde_json::from_str(&text).expect("JSON stays JSON")
    }
}

impl World<'_> {
    async fn once(&self) -> Once {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let operation = format!("{}{number:06}", &OPERATION[..OPERATION.len() - 6]);
        Once { task_token: self.seeds.task_token().await, operation }
    }

    async fn hold_executions(&self) {
        let folder = tempfile::tempdir().expect("a folder");
        self.stack.deploy("validate_tenant", &code::always_dies(self.stack, folder.path())).await;
    }

    async fn invoke(&self, function: &str, example: &str, once: &Once) -> Invocation {
        let meaning = |symbol: &str| match symbol {
            "region" => self.stack.output("/region").to_owned(),
            "adminToken" => self.admin_token.to_owned(),
            "taskToken" => once.task_token.clone(),
            "api" => "arn:aws:execute-api:eu-central-1:000000000000:api".to_owned(),
            symbol => self.stack.resources(symbol)[0].clone(),
        };
        let event = once.renamed(&self.contract.event(function, example, &meaning));
        // It remembers keys and tokens for a while.
        self.stack.forget(function).await;
        self.stack.aws.invoke(&self.stack.function(function), Some("live"), &event).await
    }

    async fn empty_table(&self) {
        let (aws, table) = (&self.stack.aws, self.stack.output("/table"));
        for row in self.stack.rows().await {
            let key = json!({"pk": row["pk"], "sk": row["sk"]});
            aws.must("dynamodb", "delete_item", json!({"TableName": table, "Key": key})).await;
        }
    }

    /// What an invocation has started would change the rows of the next one.
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

/// One function, and its role.
struct Case<'a> {
    world: &'a World<'a>,
    function: &'a str,
    role: String,
    policy: (String, Value),
}

impl<'a> Case<'a> {
    async fn of(world: &'a World<'a>, function: &'a str) -> Self {
        let stack = world.stack;
        let role = stack.output(&format!("/function_roles/{function}")).to_owned();
        let names =
            stack.aws.list("iam", "list_role_policies", json!({"RoleName": role}), "PolicyNames").await;
        let [name] = names.as_slice() else { panic!("{role} has the policies {names:?}") };
        let which = json!({"RoleName": role, "PolicyName": name});
        let document = stack.aws.must("iam", "get_role_policy", which).await["PolicyDocument"].take();
        let policy = (name.as_str().expect("a name").to_owned(), document);
        Self { world, function, role, policy }
    }

    /// Brings about what must be there before the example, in an empty table.
    async fn prepare(&self, example: &str, once: &Once) {
        let World { contract, seeds, .. } = self.world;
        self.world.stop_executions().await;
        self.world.empty_table().await;
        for given in contract.given(self.function, example) {
            match given.split_once('/') {
                Some(("rows", seed)) => {
                    for entry in contract.seed(seed) {
                        seeds.put(&once.renamed(entry), &once.task_token).await;
                    }
                }
                Some(("run", other)) => {
                    let answered = self.world.invoke(other, "run", once).await;
                    assert!(!answered.failed, "{} {example}: {given}: {answered:#?}", self.function);
                }
                _ => panic!("{} {example}: given {given}", self.function),
            }
        }
    }

    /// Invokes the example, with everything there that it needs but what its role lacks.
    async fn invoke(&self, example: &str) -> Invocation {
        let once = self.world.once().await;
        self.prepare(example, &once).await;
        self.world.invoke(self.function, example, &once).await
    }

    /// What the function does itself.
    fn uses(&self) -> Vec<Use> {
        self.world.contract.uses(self.function).into_iter().filter(|one| one.via == "call").collect()
    }

    /// The same without one right, by the example that reaches it; the preparation still has it.
    async fn invoke_without(&self, missing: &Use) -> Invocation {
        let example = missing.reached_by.as_str();
        let resources = self.world.stack.resources(&missing.symbol);
        let mut less = without(&self.policy.1, &missing.action, &resources);
        if missing.action == EMULATORS_OWN.0 {
            less = without(&less, EMULATORS_OWN.1, &resources);
        }
        assert_ne!(less, self.policy.1, "{}: the role has no {missing:?}", self.function);
        let once = self.world.once().await;
        self.prepare(example, &once).await;
        self.put_policy(&less).await;
        let answered = self.world.invoke(self.function, example, &once).await;
        self.put_policy(&self.policy.1).await;
        answered
    }

    async fn put_policy(&self, document: &Value) {
        let put = json!({
            "RoleName": self.role, "PolicyName": self.policy.0, "PolicyDocument": document.to_string()
        });
        self.world.stack.aws.must("iam", "put_role_policy", put).await;
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
    let action = action.to_lowercase();
    said.lines().any(|line| line.contains(REFUSED) && line.to_lowercase().contains(&action))
}
