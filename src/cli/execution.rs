//! `tenantry execution`.

use super::client::encode;
use super::output::{self, Format};
use super::{CliError, Client, Exit};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List executions, newest first.
    List(List),
    /// Show an execution.
    Show {
        /// The execution's id: `<workflow>~<name>`.
        execution: String,
    },
    /// Show an execution's history.
    History {
        /// The execution's id.
        execution: String,
        /// Newest first.
        #[arg(long)]
        reverse: bool,
        /// At most so many events.
        #[arg(long, default_value_t = 1000)]
        limit: usize,
    },
    /// Follow an execution until it ends.
    Watch {
        /// The execution's id.
        execution: String,
        /// Exit with 0 where it succeeded and 1 where it did not.
        #[arg(long)]
        exit_status: bool,
        /// Give up after so many seconds, with exit code 124.
        #[arg(long)]
        timeout_seconds: Option<u64>,
    },
    /// Let an execution that failed go on from where it stood.
    Redrive {
        /// The execution's id.
        execution: String,
    },
    /// Stop a running execution.
    Stop {
        /// The execution's id.
        execution: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only this workflow.
    #[arg(long)]
    workflow: Option<String>,
    /// Only this status: running, succeeded, failed, timed_out or aborted.
    #[arg(long)]
    status: Option<String>,
    /// Only this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// Where the lines of a followed execution go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    /// They are what was asked for.
    Stdout,
    /// They go along with something else.
    Stderr,
}

/// How soon it is looked again after something happened; half as long again each time that nothing did, because on AWS
/// each look is paid for.
const POLL_FIRST: Duration = Duration::from_millis(150);
const POLL_MAX: Duration = Duration::from_secs(2);
/// How long a followed server may be away, such as for a restart.
const PATIENCE: Duration = Duration::from_secs(30);
const EVENT_COLUMNS: [output::Column; 4] =
    [("id", "/id"), ("at", "/timestamp"), ("type", "/type"), ("state", "/state")];

pub(super) async fn run(verb: Verb, client: &Client, format: Format) -> Result<Exit, CliError> {
    match verb {
        Verb::List(list) => {
            let filters = [("workflow", list.workflow), ("status", list.status), ("tenant", list.tenant)];
            let query: Vec<(&str, String)> =
                filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let items = client.pages("/v1/executions", &query, list.limit).await?;
            let columns = [
                ("execution", "/executionId"),
                ("status", "/status"),
                ("tenant", "/tenantId"),
                ("started", "/startedAt"),
                ("ended", "/endedAt"),
            ];
            output::list(&items, &columns, format);
        }
        Verb::Show { execution } => output::one(&client.get(&path(&execution, ""), &[]).await?, format),
        Verb::History { execution, reverse, limit } => {
            let query = [("order", "desc".to_owned())];
            let query: &[(&str, String)] = if reverse { &query } else { &[] };
            let items = client.pages(&path(&execution, "/history"), query, limit).await?;
            let items: Vec<Value> =
                if format == Format::Table { items.into_iter().map(with_state).collect() } else { items };
            output::list(&items, &EVENT_COLUMNS, format);
        }
        Verb::Watch { execution, exit_status, timeout_seconds } => {
            let timeout = timeout_seconds.map(Duration::from_secs);
            let exit = follow(client, &execution, timeout, To::Stdout, format).await?;
            return Ok(if exit_status || exit == Exit::Timeout { exit } else { Exit::Success });
        }
        Verb::Redrive { execution } => {
            output::one(&client.post(&path(&execution, "/redrive"), &json!({}), None).await?, format);
        }
        Verb::Stop { execution, reason } => {
            let body = json!({ "error": "Stopped", "cause": reason });
            output::one(&client.post(&path(&execution, "/stop"), &body, None).await?, format);
        }
    }
    Ok(Exit::Success)
}

fn path(execution: &str, rest: &str) -> String {
    format!("/v1/executions/{}{rest}", encode(execution))
}

/// Adds the state's name to an event where its details hold one.
fn with_state(mut event: Value) -> Value {
    let state = event
        .get("details")
        .and_then(Value::as_object)
        .and_then(|details| details.values().find_map(|member| member.get("name")))
        .cloned();
    if let (Some(members), Some(state)) = (event.as_object_mut(), state) {
        members.insert("state".to_owned(), state);
    }
    event
}

fn event_line(event: &Value) -> String {
    let event = with_state(event.clone());
    let [id, at, kind, state] = EVENT_COLUMNS.map(|(_, pointer)| output::cell(event.pointer(pointer)));
    let why = event
        .get("details")
        .and_then(Value::as_object)
        .and_then(|details| details.values().find_map(|member| member.get("error").and_then(Value::as_str)));
    let state = if state == "-" { String::new() } else { format!("  {state}") };
    let why = why.map(|error| format!("  {error}")).unwrap_or_default();
    format!("{at}  {id:>4}  {kind}{state}{why}")
}

/// Follows an execution to its end, a line per history event. A server that goes away is waited for: that is no end of
/// the execution.
pub(super) async fn follow(
    client: &Client,
    execution: &str,
    timeout: Option<Duration>,
    to: To,
    format: Format,
) -> Result<Exit, CliError> {
    let say = |text: &str| match to {
        To::Stdout => output::line(text),
        To::Stderr => eprintln!("{text}"),
    };
    let began = Instant::now();
    let mut away_since: Option<Instant> = None;
    let mut last = 0;
    let mut pause = POLL_FIRST;
    loop {
        match poll(client, execution, last).await {
            Ok((events, status)) => {
                if away_since.take().is_some() {
                    eprintln!("the control plane is back");
                }
                for event in &events {
                    match format {
                        Format::Table => say(&event_line(event)),
                        Format::Json | Format::Jsonl => say(&event.to_string()),
                    }
                }
                let idle = events.is_empty();
                last = events.last().and_then(|event| event["id"].as_u64()).unwrap_or(last);
                if idle && status != "running" {
                    eprintln!("{execution} {status}");
                    return Ok(if status == "succeeded" { Exit::Success } else { Exit::Failure });
                }
                if !idle {
                    pause = POLL_FIRST;
                    continue;
                }
            }
            Err(error) if error.transient && to_be_waited_for(&mut away_since, &error) => {}
            // What was only just accepted is queued, and has no execution yet.
            Err(error) if error.exit == Exit::NotFound && to == To::Stderr && began.elapsed() < PATIENCE => {}
            Err(error) => return Err(error),
        }
        if timeout.is_some_and(|timeout| began.elapsed() >= timeout) {
            eprintln!("{execution} is still running after {} s", began.elapsed().as_secs());
            return Ok(Exit::Timeout);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(POLL_MAX);
    }
}

fn to_be_waited_for(away_since: &mut Option<Instant>, error: &CliError) -> bool {
    let since = *away_since.get_or_insert_with(|| {
        eprintln!("{} Waiting for it.", error.message);
        Instant::now()
    });
    since.elapsed() < PATIENCE
}

/// The events after that one, and the status as it was *before* they were read: an ended execution whose next read
/// brings nothing is fully shown.
async fn poll(client: &Client, execution: &str, last: u64) -> Result<(Vec<Value>, String), CliError> {
    let described = client.get(&path(execution, ""), &[]).await?;
    let status = described.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((history_after(client, execution, last).await?, status))
}

/// A page of an execution's history after the event with that id; 0 for all.
pub(crate) async fn history_after(
    client: &Client,
    execution: &str,
    last: u64,
) -> Result<Vec<Value>, CliError> {
    let mut query = vec![("limit", "200".to_owned())];
    if last > 0 {
        query.push(("after", last.to_string()));
    }
    let mut page = client.get(&path(execution, "/history"), &query).await?;
    match page.get_mut("items").map(Value::take) {
        Some(Value::Array(events)) => Ok(events),
        _ => Ok(Vec::new()),
    }
}
