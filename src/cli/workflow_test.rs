//! `tenantry workflow test`: a definition run to its end with mocks; no server, no cloud.

use super::output::{self, Format};
use super::{CliError, Exit};
use crate::dry_run::mocks::{Answer, Mocks};
use crate::dry_run::{DryRun, Ended, Unmocked, dry_run};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tenantry_asl::test_state::{
    FieldValidationMode, InspectionLevel, Mock, MockErrorOutput, Realm, Request, StateConfiguration, Status,
    Tested, identity, test_state,
};
use tenantry_asl::{Closed, Env, JsonataEvaluator};
use tenantry_core::Timestamp;
use tenantry_definitions::workflows;

#[derive(Debug, Args)]
pub(super) struct Test {
    /// The definition, in Amazon States Language.
    file: PathBuf,
    /// The input: JSON, or @FILE.
    #[arg(long, default_value = "{}", value_name = "JSON|@FILE")]
    input: String,
    /// What tasks answer, by state: {"State": {"Return": …}}, or the mock configuration of Step Functions Local.
    #[arg(long, value_name = "FILE")]
    mocks: Option<PathBuf>,
    /// Which state machine of the mock configuration.
    #[arg(long, requires = "mocks")]
    machine: Option<String>,
    /// Which test case of the mock configuration.
    #[arg(long, requires = "mocks")]
    case: Option<String>,
    /// Test this state alone, at any depth: its data flow, its retries, where it leads. A file that holds one state
    /// without a machine around it is tested so, too.
    #[arg(long)]
    state: Option<String>,
    /// With one state: the variables that are assigned before it.
    #[arg(long, value_name = "JSON|@FILE")]
    variables: Option<String>,
    /// With one state: the whole context object.
    #[arg(long, value_name = "JSON|@FILE")]
    context: Option<String>,
    /// With one state: how often its Retry rule was used.
    #[arg(long, default_value_t = 0)]
    retries: u64,
    /// When it begins. Waits and retries pass at once, and move this clock.
    #[arg(long, default_value = "2026-01-01T00:00:00Z", value_name = "TIMESTAMP")]
    at: String,
    /// What jitter, $random and $uuid grow from: the same seed gives the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(test: &Test, format: Format) -> Result<Exit, CliError> {
    let text = read(&test.file)?;
    if test.state.is_some() || tenantry_asl::is_lone_state(&text) {
        return one_state(test, &text, format);
    }
    let definition = super::workflow::sound(&test.file, &text)?;
    let input = json_or_file("--input", &test.input)?;
    let mocks = mocks(test)?;
    let start_ms = start_ms(test)?;
    let name = test.file.file_name().and_then(|name| name.to_str()).unwrap_or("workflow");
    let name = name.split('.').next().unwrap_or(name);
    let run =
        DryRun { name, definition: Arc::new(definition), input, mocks: &mocks, start_ms, seed: test.seed };
    let ended = dry_run(&run).map_err(|unmocked| CliError::failure(unmocked.to_string()))?;
    report(&ended, start_ms, format)
}

fn mocks(test: &Test) -> Result<Mocks, CliError> {
    let Some(file) = &test.mocks else { return Ok(Mocks::default()) };
    let value = parsed(&file.display().to_string(), &read(file)?)?;
    Mocks::read(&value, test.machine.as_deref(), test.case.as_deref())
        .map_err(|fault| CliError::usage(format!("{}: {fault}", file.display())))
}

fn start_ms(test: &Test) -> Result<i64, CliError> {
    let start = Timestamp::parse(&test.at).ok_or_else(|| {
        CliError::usage(format!("--at {} is no timestamp of the form 2026-01-01T00:00:00Z", test.at))
    })?;
    Ok(start.as_millis())
}

/// `TestState` from the command line: the stages of the data flow, then how it ended.
fn one_state(test: &Test, text: &str, format: Format) -> Result<Exit, CliError> {
    let mocks = mocks(test)?;
    let text_of = |flag: &str, given: Option<&String>| {
        given.map(|given| json_or_file(flag, given).map(|value| value.to_string())).transpose()
    };
    let definition =
        workflows::render(text, &workflows::local_names()).map_err(|(line, column, message)| {
            CliError::failure(format!("{}:{line}:{column}: {message}", test.file.display()))
        })?;
    let mut request = Request {
        definition,
        input: Some(json_or_file("--input", &test.input)?.to_string()),
        inspection_level: InspectionLevel::Debug,
        variables: text_of("--variables", test.variables.as_ref())?,
        context: text_of("--context", test.context.as_ref())?,
        state_name: test.state.clone(),
        ..Request::default()
    };
    let state = test.state.as_deref().unwrap_or(tenantry_asl::LONE_STATE_NAME);
    request.mock = mocks.answer(state, test.retries).map(|answer| match answer {
        Answer::Return(result) => Mock {
            result: Some(result.to_string()),
            field_validation_mode: FieldValidationMode::None,
            ..Mock::default()
        },
        Answer::Throw { error, cause } => Mock {
            error_output: Some(MockErrorOutput { error: Some(error.clone()), cause: cause.clone() }),
            ..Mock::default()
        },
    });
    if request.mock.is_some() {
        // Nothing can have been retried that nothing answers for.
        request.state_configuration = Some(StateConfiguration {
            retrier_retry_count: Some(test.retries),
            ..StateConfiguration::default()
        });
    }
    let realm = tenantry_core::arn::Realm::default();
    let realm = Realm { partition: &realm.partition, region: &realm.region, account: &realm.account };
    let env = Env { now_ms: start_ms(test)?, seed: test.seed, evaluator: &JsonataEvaluator };
    let tested = test_state(&request, &identity(realm, None, test.seed), None, &env)
        .map_err(|refusal| CliError::failure(refusal.to_string()))?;
    match tested {
        Tested::Ended(report) => {
            let shown = serde_json::to_value(&report)
                .map_err(|error| CliError::failure(format!("the report is no JSON: {error}")))?;
            output::one(&shown, format);
            Ok(if report.status == Status::Failed { Exit::Failure } else { Exit::Success })
        }
        Tested::Needs(task) => {
            let unmocked = Unmocked { state: state.to_owned(), resource: task.resource };
            Err(CliError::failure(unmocked.to_string()))
        }
    }
}

fn report(ended: &Ended, start_ms: i64, format: Format) -> Result<Exit, CliError> {
    let events: Vec<Value> = ended.history.iter().map(|shown| event(shown, start_ms)).collect();
    let (status, output) = match &ended.closed {
        Some(Closed::Succeeded { output }) => ("succeeded", output.clone()),
        Some(Closed::Failed { error, cause }) => ("failed", json!({"error": error, "cause": cause})),
        Some(Closed::Aborted { error, cause }) => ("aborted", json!({"error": error, "cause": cause})),
        Some(Closed::TimedOut) => ("timed_out", Value::Null),
        None => ("waiting", Value::Null),
    };
    match format {
        Format::Table => {
            output::list(
                &events,
                &[
                    ("id", "/id"),
                    ("after", "/seconds"),
                    ("event", "/type"),
                    ("state", "/state"),
                    ("data", "/data"),
                ],
                format,
            );
            output::line("");
            output::one(
                &json!({"status": status, "output": output.to_string(), "seconds": seconds(ended.took_ms), "children": ended.children}),
                format,
            );
        }
        Format::Json => output::one(
            &json!({"status": status, "output": output, "seconds": seconds(ended.took_ms), "children": ended.children, "events": events}),
            format,
        ),
        Format::Jsonl => output::list(&events, &[], format),
    }
    match &ended.closed {
        Some(Closed::Succeeded { .. }) => Ok(Exit::Success),
        Some(_) => Ok(Exit::Failure),
        None => Err(CliError::failure(
            "The execution waits for something that nothing will bring: a task was handed over and no mock answers it."
                .to_owned(),
        )),
    }
}

fn seconds(millis: i64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "shown, not computed with")]
    let seconds = millis as f64 / 1000.0;
    json!(seconds)
}

/// One event with what a person looks for first.
fn event(event: &tenantry_asl::HistoryEvent, start_ms: i64) -> Value {
    let details = event.details.as_object().and_then(|details| details.values().next());
    let member =
        |names: &[&str]| names.iter().find_map(|name| details?.get(*name)).cloned().unwrap_or(Value::Null);
    json!({
        "id": event.id,
        "previousEventId": event.previous_id,
        "seconds": seconds(event.timestamp_ms - start_ms),
        "type": event.event_type,
        "state": member(&["name", "state", "resource"]),
        "data": member(&["cause", "error", "output", "input", "parameters"]),
        "details": event.details,
    })
}

fn read(file: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(file)
        .map_err(|error| CliError::usage(format!("{} cannot be read: {error}", file.display())))
}

fn parsed(what: &str, text: &str) -> Result<Value, CliError> {
    serde_json::from_str(text).map_err(|error| CliError::usage(format!("{what} is not JSON: {error}")))
}

/// JSON from the command line, or from the file that follows an `@`.
pub(super) fn json_or_file(flag: &str, text: &str) -> Result<Value, CliError> {
    match text.strip_prefix('@') {
        Some(file) => parsed(file, &read(Path::new(file))?),
        None => parsed(flag, text),
    }
}
