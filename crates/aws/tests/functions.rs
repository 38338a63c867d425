//! What every function is allowed, held against what it does: each example is carried out over ports that write down
//! how they are used. `UPDATE_EXPECT=1` writes `terraform/generated/functions.json`, which Terraform and the tests of a
//! deployment read.

mod document;
mod examples;
mod recorder;
mod run;
mod seeds;

use examples::Example;
use futures::FutureExt as _;
use recorder::{Log, recorded};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use tenantry_app::Ports;
use tenantry_app::testing::Memory;
use tenantry_aws::functions::{self, Use};

/// A home in memory with the plans and cells of this build, and what AWS's home keeps in its table.
struct MemoryHome {
    memory: Memory,
    ports: Ports,
}

const TASK_TOKEN: &str = "a-task-token-of-these-tests";

impl seeds::Home for MemoryHome {
    async fn task_token(&self) -> String {
        self.memory.task_tokens.issue(TASK_TOKEN);
        TASK_TOKEN.to_owned()
    }
}

impl MemoryHome {
    fn new() -> Self {
        let memory = Memory::new();
        let catalogue = Arc::new(tenantry_definitions::catalogue().unwrap());
        let ports = recorder::as_on_aws(Ports { catalogue, ..memory.ports() });
        Self { memory, ports }
    }

    async fn prepare(&self, all: &[Example], given: &[String]) {
        let seeds = seeds::all();
        for text in given {
            match text.split_once('/') {
                Some(("rows", seed)) => {
                    for entry in seeds.get(seed).unwrap_or_else(|| panic!("there is no seed {seed}")) {
                        seeds::apply(&self.ports, self, entry).await;
                    }
                }
                Some(("run", function)) => {
                    let first = all.iter().find(|example| example.function == function).unwrap();
                    assert_eq!(first.name, "run", "the first example of {function}");
                    run::invoke(&self.ports, &Arc::default(), self, function, &first.event).await;
                }
                _ => panic!("nobody knows how to prepare {text}"),
            }
        }
    }

    /// What the last call of an example uses.
    async fn observe(&self, example: &Example) -> BTreeSet<Use> {
        let (ports, log): (Ports, Arc<Log>) = recorded(&self.ports);
        run::invoke(&ports, &log, self, example.function, &example.event).await;
        log.used()
    }
}

/// What each example uses, in the order of the examples.
async fn observed(all: &[Example]) -> BTreeMap<&'static str, Vec<(String, BTreeSet<Use>)>> {
    let mut seen: BTreeMap<&'static str, Vec<(String, BTreeSet<Use>)>> = BTreeMap::new();
    let mut failed = Vec::new();
    for example in all {
        let home = MemoryHome::new();
        let carried_out = async {
            home.prepare(all, &example.given).await;
            home.observe(example).await
        };
        // One that fails shows itself; the others are still to be looked at.
        match AssertUnwindSafe(carried_out).catch_unwind().await {
            Ok(used) => seen.entry(example.function).or_default().push((example.name.clone(), used)),
            Err(_) => failed.push(format!("{} {}", example.function, example.name)),
        }
    }
    assert!(failed.is_empty(), "these examples cannot be carried out: {}", failed.join(", "));
    seen
}

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../terraform/generated/functions.json")
}

#[tokio::test]
async fn functions_are_allowed_what_their_examples_use_and_terraform_reads_it() {
    let all = examples::all();
    let seen = observed(&all).await;
    let mut faults = Vec::new();
    for function in functions::all() {
        let nothing = Vec::new();
        let examples = seen.get(function.name).unwrap_or(&nothing);
        let used: BTreeSet<Use> = examples.iter().flat_map(|(_, used)| used.iter().copied()).collect();
        let allowed = functions::call_grants(&function);
        let needed: BTreeSet<functions::Grant> = used.iter().copied().flat_map(functions::grants).collect();
        for grant in needed.difference(&allowed) {
            faults.push(format!(
                "{} needs {} on {} and does not say so",
                function.name, grant.action, grant.resource
            ));
        }
        for grant in allowed.difference(&needed) {
            faults.push(format!(
                "no example of {} reaches {} on {}",
                function.name, grant.action, grant.resource
            ));
        }
        let declared: BTreeSet<Use> = function.uses.iter().copied().collect();
        assert_eq!(declared.len(), function.uses.len(), "{} names a use twice", function.name);
        // A use that is not there is no use; what a step says is held to the letter by its own crate.
        let missing: BTreeSet<Use> =
            used.difference(&declared).copied().filter(|used| !is_look(*used)).collect();
        if !missing.is_empty() {
            faults.push(format!("{} uses {missing:?} and does not say so", function.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    expect_test::expect_file![golden()].assert_eq(&document::text(&all, &seen));
}

/// A look at what is not there, or is known already: it costs a read at most, which is allowed or found missing above.
fn is_look(used: Use) -> bool {
    use tenantry_handlers::Access::{KeyExists, TableGet};
    matches!(used, Use::Port(KeyExists | TableGet))
}

#[test]
fn every_invocation_is_of_a_function_and_no_seed_is_without_use() {
    let all = examples::all();
    let names: BTreeSet<&str> = functions::all().iter().map(|function| function.name).collect();
    for example in &all {
        assert!(names.contains(example.function), "{}", example.function);
        let same =
            all.iter().filter(|other| (other.function, &other.name) == (example.function, &example.name));
        assert_eq!(same.count(), 1, "{} {}", example.function, example.name);
    }
    let used: BTreeSet<&str> = all
        .iter()
        .flat_map(|example| &example.given)
        .filter_map(|given| given.strip_prefix("rows/"))
        .collect();
    assert_eq!(used, seeds::all().into_keys().collect::<BTreeSet<_>>());
}
