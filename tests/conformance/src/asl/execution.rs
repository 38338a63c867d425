//! A recorded execution: run, and compared in status, output and history.

use super::Case;
use crate::compare::{Comparison, Difference};
use crate::outcome::{Aspect, Checks, Verdict};
use crate::pure::Pure;
use crate::world::World;
use serde_json::{Value, json};
use tenantry_asl::{Closed, Identity};

/// What an execution came to, as `DescribeExecution` and `GetExecutionHistory` tell it.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) status: String,
    /// JSON text.
    pub(super) output: Option<String>,
    pub(super) error: Option<String>,
    pub(super) cause: Option<String>,
    pub(super) events: Vec<Value>,
}

pub(super) fn run(case: Case<'_>) -> (Verdict, Value) {
    match observe(case) {
        Ok(observed) => {
            let shown = json!({
                "expected": case.expected(),
                "found": {
                    "status": observed.status, "output": observed.output, "error": observed.error,
                    "cause": observed.cause, "events": observed.events,
                },
            });
            (Verdict::Run(compare(case, &observed)), shown)
        }
        Err(problem) => {
            let check = || Err(Difference::new("an execution", problem.clone()));
            let mut checks = Checks::from([(Aspect::Result, check())]);
            if case.expected()["events"].is_array() {
                checks.insert(Aspect::Types, check());
                checks.insert(Aspect::Details, check());
            }
            (Verdict::Run(checks), json!({"expected": case.expected(), "found": problem}))
        }
    }
}

fn compare(case: Case<'_>, observed: &Observed) -> Checks {
    let expected = case.expected();
    let mut comparison = Comparison::new(case.get("masks"));
    let mut checks = Checks::new();
    checks.insert(Aspect::Result, result(expected, observed, &mut comparison));
    if let Some(events) = expected["events"].as_array() {
        // The history binds tokens anew: a difference in the result is none of its own.
        let check = comparison.history(events, &observed.events, &case.unordered());
        checks.insert(Aspect::Types, check.types);
        checks.insert(Aspect::Details, check.details);
    }
    checks
}

fn result(expected: &Value, observed: &Observed, comparison: &mut Comparison) -> Result<(), Difference> {
    if expected["status"] != observed.status.as_str() {
        let why = [&observed.error, &observed.cause].map(|text| text.as_deref().unwrap_or_default());
        let found = format!("{} {} {}", observed.status, why[0], why[1]);
        return Err(Difference::new(expected["status"].to_string(), found.trim_end()).within("status"));
    }
    if let Some(wanted) = expected.get("output_json") {
        let output = observed.output.as_deref().unwrap_or("null");
        let output = serde_json::from_str(output).unwrap_or(Value::Null);
        comparison.value(wanted, &output).map_err(|difference| difference.within("output "))?;
    }
    for (name, found) in [("error", &observed.error), ("cause", &observed.cause)] {
        let found = found.as_deref().map_or(Value::Null, Value::from);
        let wanted = expected.get(name).unwrap_or(&Value::Null);
        comparison.value(wanted, &found).map_err(|difference| difference.within(&format!("{name} ")))?;
    }
    Ok(())
}

fn observe(case: Case<'_>) -> Result<Observed, String> {
    let definition = tenantry_asl::parse(case.definition()).map_err(|diagnostics| {
        let told: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        format!("the definition is refused: {}", told.join("; "))
    })?;
    let input = serde_json::from_str(&case.input()).map_err(|error| format!("the input: {error}"))?;
    let mut world = World::new(case.get("lambdas"));
    for call in case.get("other_calls").as_array().into_iter().flatten() {
        if let (Some("create_queue"), Some(name)) =
            (call["op"].as_str(), call["kwargs"]["QueueName"].as_str())
        {
            world.create_queue(name);
        }
    }
    let last = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
    let identity = Identity {
        execution_id: case.execution_arn().to_owned(),
        execution_name: last(case.execution_arn()),
        role_arn: super::case::ROLE_ARN.to_owned(),
        state_machine_id: case.state_machine_arn().to_owned(),
        state_machine_name: last(case.state_machine_arn()),
        ..Identity::default()
    };
    let mut pure = Pure::new(&definition, 1_767_225_600_000);
    pure.run(input, identity, |task| world.call(&task.resource, &task.arguments))?;
    let mut observed = Observed {
        status: "RUNNING".to_owned(),
        output: None,
        error: None,
        cause: None,
        events: pure.events(),
    };
    observed.status = match pure.closed() {
        None => return Err("it does not end".to_owned()),
        Some(Closed::Succeeded { output }) => {
            observed.output = Some(output.to_string());
            "SUCCEEDED"
        }
        Some(Closed::Failed { error, cause }) => {
            (observed.error, observed.cause) = (error.clone(), cause.clone());
            "FAILED"
        }
        Some(Closed::TimedOut) => "TIMED_OUT",
        Some(Closed::Aborted { error, cause }) => {
            (observed.error, observed.cause) = (error.clone(), cause.clone());
            "ABORTED"
        }
    }
    .to_owned();
    Ok(observed)
}
