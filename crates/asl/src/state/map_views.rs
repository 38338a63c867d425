//! What a runtime and an API may know of Map Runs.

use super::map_run::{About, Child, MapRun, MapRunCounts, MapRunStatus};
use super::{ExecutionState, MapRunId};
use crate::items::{ChildResult, ChildStatus};
use crate::{Identity, TaskId};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How many children run at once on AWS where nothing is said.
const CONCURRENCY: u64 = 10_000;

/// A Map Run as `DescribeMapRun` tells of it.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeMapRun.html>
#[derive(Debug, Clone, PartialEq)]
pub struct MapRunView {
    /// `mapRunArn`.
    pub arn: String,
    /// What its children run: `…:stateMachine:<machine>/<label>`.
    pub state_machine_arn: String,
    /// The Map state's label.
    pub label: String,
    /// Its own name, the last part of its ARN.
    pub uuid: String,
    /// The Map state.
    pub state: String,
    /// Whether its children are Express executions.
    pub express: bool,
    /// How it stands.
    pub status: MapRunStatus,
    /// `startDate`, in milliseconds since the Unix epoch.
    pub started_at_ms: i64,
    /// `stopDate`.
    pub stopped_at_ms: Option<i64>,
    /// `maxConcurrency`: 10,000 where there is no limit, as AWS shows it.
    pub max_concurrency: u64,
    /// `toleratedFailureCount`.
    pub tolerated_failure_count: u64,
    /// `toleratedFailurePercentage`.
    pub tolerated_failure_percentage: f64,
    /// `itemCounts`.
    pub items: MapRunCounts,
    /// `executionCounts`.
    pub executions: MapRunCounts,
    /// `redriveCount`.
    pub redrive_count: u64,
    /// `redriveDate`.
    pub redriven_at_ms: Option<i64>,
}

/// A child execution that a [`crate::TaskKind::MapChild`] task stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapChild {
    /// Its place in its Map Run, from 0.
    pub index: u64,
    /// The Map state, whose processor it runs ([`crate::Definition::processor`]).
    pub state: String,
    /// Who it is.
    pub identity: Identity,
    /// Whether it is an Express execution.
    pub express: bool,
    /// Whether it ran before and did not succeed: it is redriven. Where it was never started after all, it is started
    /// with the task's arguments.
    pub redrive: bool,
}

impl ExecutionState {
    /// The Map Runs, oldest first; also those that have ended.
    pub fn map_runs(&self) -> Vec<MapRunView> {
        let Some(start) = &self.start else { return Vec::new() };
        self.map_runs.values().map(|run| run.view(&start.identity)).collect()
    }

    /// The child execution that a pending task stands for; `None` where the task is none of a Map Run's children.
    pub fn map_child(&self, task: TaskId) -> Option<MapChild> {
        let run = self.map_run_of(task)?;
        let place = *run.running.get(&task)?;
        let child = run.children.get(&place)?;
        Some(MapChild {
            index: place,
            state: run.about.state.to_string(),
            identity: child_identity(&run.about, &self.start.as_ref()?.identity, place, child),
            express: run.about.express,
            redrive: child.redrive_count > 0,
        })
    }

    /// What is to be written for a pending [`crate::TaskKind::WriteResults`] task: the children in the order of their
    /// items, then the items that no child was started for.
    pub fn map_results(&self, task: TaskId) -> Vec<ChildResult<'_>> {
        let results = self.map_run_of(task).zip(self.start.as_ref());
        results.map(|(run, start)| run.results(&start.identity).collect()).unwrap_or_default()
    }

    fn map_run_of(&self, task: TaskId) -> Option<&MapRun> {
        let frame = self.frames.get(&self.tasks.get(&task)?.frame)?;
        match frame.activity {
            super::Activity::MapRun { run } => self.map_runs.get(&run),
            _ => None,
        }
    }

    /// The number of the Map Run of that ARN or, without the rest of it, of that name.
    pub(crate) fn map_run_named(&self, arn: &str) -> Option<MapRunId> {
        let uuid = arn.rsplit(':').next()?;
        self.map_runs.iter().find(|(_, run)| run.about.uuid == uuid).map(|(&id, _)| id)
    }
}

impl MapRun {
    fn view(&self, identity: &Identity) -> MapRunView {
        let (about, head) = (&self.about, &self.head);
        MapRunView {
            arn: map_run_arn(identity, &about.label, &about.uuid),
            state_machine_arn: child_machine(identity, &about.label).0,
            label: about.label.clone(),
            uuid: about.uuid.clone(),
            state: about.state.to_string(),
            express: about.express,
            status: head.status,
            started_at_ms: about.started_at_ms,
            stopped_at_ms: head.stopped_at_ms,
            max_concurrency: if head.max_concurrency == 0 { CONCURRENCY } else { head.max_concurrency },
            tolerated_failure_count: head.tolerated_count.unwrap_or(0),
            tolerated_failure_percentage: head.tolerated_percentage.unwrap_or(0.0),
            items: head.items,
            executions: head.executions,
            redrive_count: head.redrive_count,
            redriven_at_ms: head.redriven_at_ms,
        }
    }

    /// Children by place, then a result without anything but its input for each item that has no child.
    fn results<'r>(&'r self, parent: &'r Identity) -> impl Iterator<Item = ChildResult<'r>> {
        let started =
            self.children.iter().map(|(&place, child)| result_of(&self.about, parent, place, child));
        let items = self.dataset.as_ref().map_or(&[][..], |dataset| &dataset.items);
        let waiting = usize::try_from(self.head.next_item).unwrap_or(usize::MAX);
        let pending = items.iter().skip(waiting).map(|item| ChildResult {
            status: ChildStatus::Pending,
            execution_arn: String::new(),
            name: String::new(),
            state_machine_arn: String::new(),
            input: Some(item),
            output: None,
            error: None,
            cause: None,
            started_at_ms: 0,
            stopped_at_ms: 0,
            redrive_count: 0,
            redriven_at_ms: None,
            express: self.about.express,
        });
        started.chain(pending)
    }
}

/// What is known of a child that was started.
pub(crate) fn result_of<'r>(
    about: &About,
    parent: &Identity,
    place: u64,
    child: &'r Child,
) -> ChildResult<'r> {
    let identity = child_identity(about, parent, place, child);
    let input: Option<&Value> = child.input.as_deref();
    ChildResult {
        status: child.status,
        execution_arn: identity.execution_id,
        name: identity.execution_name,
        state_machine_arn: identity.state_machine_id,
        input,
        output: child.output.as_deref(),
        error: child.error.as_deref(),
        cause: child.cause.as_deref(),
        started_at_ms: child.started_at_ms,
        stopped_at_ms: child.stopped_at_ms.unwrap_or(child.started_at_ms),
        redrive_count: child.redrive_count,
        redriven_at_ms: child.redriven_at_ms,
        express: about.express,
    }
}

/// Who a child execution is. An Express child that is redriven starts anew, under another name.
fn child_identity(about: &About, parent: &Identity, place: u64, child: &Child) -> Identity {
    let restarts = if about.express { child.redrive_count } else { 0 };
    let own = uuid_of(&["map child", &about.uuid, &place.to_string(), &restarts.to_string()]);
    let prefix = map_child_name_prefix(&about.uuid);
    let name = format!("{prefix}{}", &own[prefix.len()..]);
    let (state_machine_id, state_machine_name) = child_machine(parent, &about.label);
    let realm = realm_of(&parent.state_machine_id);
    let execution_id = if about.express {
        let uuid = uuid_of(&["express map child", &name]);
        format!("{realm}:express:{state_machine_name}:{name}:{uuid}")
    } else {
        format!("{realm}:execution:{state_machine_name}:{name}")
    };
    Identity {
        execution_id,
        execution_name: name,
        role_arn: parent.role_arn.clone(),
        state_machine_id,
        state_machine_name,
        map_run_arn: Some(map_run_arn(parent, &about.label, &about.uuid)),
        ..Identity::default()
    }
}

/// What the names of a Map Run's children begin with, so that they can be listed; they are UUIDs. `map_run_uuid`: the
/// last part of its ARN.
pub fn map_child_name_prefix(map_run_uuid: &str) -> String {
    let mut prefix = uuid_of(&["map children", map_run_uuid]);
    // Up to the last hyphen but one.
    prefix.truncate(19);
    prefix
}

/// A Map Run's ARN: `…:mapRun:<machine>/<label>:<uuid>`.
pub(crate) fn map_run_arn(parent: &Identity, label: &str, uuid: &str) -> String {
    format!("{}:mapRun:{}/{label}:{uuid}", realm_of(&parent.state_machine_id), machine_of(parent))
}

/// ARN and name of what a Map Run's children run.
fn child_machine(parent: &Identity, label: &str) -> (String, String) {
    let name = format!("{}/{label}", machine_of(parent));
    (format!("{}:stateMachine:{name}", realm_of(&parent.state_machine_id)), name)
}

/// The machine's name. A child's own Maps hang on the whole machine, as labels are unique in all of it.
fn machine_of(parent: &Identity) -> &str {
    parent.state_machine_name.split('/').next().unwrap_or_default()
}

/// `arn:<partition>:states:<region>:<account>`.
fn realm_of(arn: &str) -> &str {
    arn.match_indices(':').nth(4).map_or(arn, |(end, _)| &arn[..end])
}

/// A UUID (version 8, RFC 9562) that follows from these texts.
pub(crate) fn uuid_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = crate::hex::encode(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
