//! Distributed Maps: Map Runs, whose children are executions of their own.
//!
//! The parent's frame holds the Map Run's number ([`Activity::MapRun`]); the runtime carries out three kinds of task for
//! it: it reads the items, runs the children, writes the results. None of them is told of in the history, as on AWS:
//! there a Map Run is started, and then it succeeds, fails or is cut off.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html>

mod children;
mod draft;
mod ends;
mod label;
mod redrive;
mod values;

pub(crate) use draft::{MapRunDraft, changes};

use super::Failure;
use super::evaluate::Unevaluated;
use super::history::{details, last_of};
use super::run::Run;
use crate::definition::model::Map;
use crate::definition::model::map::{Distributed, ItemReader, MachineType};
use crate::errors::ITEM_READER_FAILED;
use crate::items::{Items, ReaderRequest};
use crate::state::{
    About, Activity, Dataset, FrameId, Head, MapRunCounts, MapRunId, MapRunStatus, Phase, map_run_arn,
    uuid_of,
};
use crate::{PendingTask, TaskId, TaskKind};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What a Map Run is started with.
struct Settings {
    max_concurrency: u64,
    tolerated_count: Option<u64>,
    tolerated_percentage: Option<f64>,
}

impl<'a> Run<'a> {
    /// Starts a distributed Map's run.
    pub(super) fn start_map_run(&mut self, id: FrameId, map: &'a Map, distributed: &'a Distributed) {
        let limit = self.optional_amount(id, map.max_concurrency.as_ref(), "MaxConcurrency", 0..=u64::MAX);
        let prepared =
            limit.and_then(|limit| Ok((self.map_run_items(id, map, distributed)?, limit.unwrap_or(0))));
        let (items, max_concurrency) = match prepared {
            Ok(prepared) => prepared,
            Err(problem) => return self.fail_evaluation(id, problem),
        };
        let length = items.as_ref().map_or(0, |items| items.items.len());
        self.chain(id, "MapStateStarted", details("mapStateStartedEventDetails", json!({"length": length})));
        let tolerated = self.tolerated_count(id, distributed).and_then(|tolerated_count| {
            let tolerated_percentage = self.tolerated_percentage(id, distributed)?;
            Ok(Settings { max_concurrency, tolerated_count, tolerated_percentage })
        });
        let settings = match tolerated {
            Ok(settings) => settings,
            Err(problem) => return self.fail_evaluation(id, problem),
        };
        let Some(run) = self.open_map_run(id, distributed, &settings) else { return };
        match (&distributed.item_reader, items) {
            (Some(reader), _) => self.read_map_items(id, run, reader),
            (None, items) => self.begin_map_run(id, run, items.unwrap_or_default()),
        }
    }

    /// The items that the state's input or its definition gives; `None` where a reader reads them.
    fn map_run_items(
        &self,
        id: FrameId,
        map: &Map,
        distributed: &Distributed,
    ) -> Result<Option<Items>, Unevaluated> {
        if distributed.item_reader.is_some() {
            return Ok(None);
        }
        match Arc::unwrap_or_clone(self.items_value(id, map)?) {
            Value::Array(items) => Ok(Some(Items { items, ..Items::default() })),
            // <https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html>: an object will do.
            Value::Object(members) => {
                let (keys, items) = members.into_iter().unzip();
                Ok(Some(Items { items, keys: Some(keys), source: None }))
            }
            other => Err(self.no_items(id, &map.items, &other)),
        }
    }

    /// Records that the Map Run starts.
    fn open_map_run(
        &mut self,
        id: FrameId,
        distributed: &Distributed,
        settings: &Settings,
    ) -> Option<MapRunId> {
        let identity = &self.start.as_ref()?.identity;
        let frame = self.frame(id)?;
        let label = self.definition.map_label(&frame.state)?;
        let seed = self.next_seed().to_string();
        let uuid = uuid_of(&["map run", &identity.execution_id, &seed, &self.last_event.to_string()]);
        let arn = map_run_arn(identity, &label, &uuid);
        let express = distributed.execution_type == MachineType::Express;
        let writes = distributed.result_writer.as_ref();
        let about = About {
            uuid,
            label,
            frame: id,
            state: Arc::clone(&frame.state),
            started_at_ms: self.env.now_ms,
            started_event: last_of(frame),
            express,
            keeps_inputs: express || writes.is_some(),
        };
        let head = Head {
            status: MapRunStatus::Running,
            phase: Phase::Running,
            stopped_at_ms: None,
            max_concurrency: settings.max_concurrency,
            tolerated_count: settings.tolerated_count,
            tolerated_percentage: settings.tolerated_percentage,
            redrive_count: 0,
            redriven_at_ms: None,
            next_item: 0,
            next_child: 0,
            redrive_from: None,
            input_bytes: 0,
            output_bytes: 0,
            items: MapRunCounts::default(),
            executions: MapRunCounts::default(),
        };
        let run = self.put_map_run(about, head);
        self.chain(id, "MapRunStarted", details("mapRunStartedEventDetails", json!({"mapRunArn": arn})));
        if let Some(frame) = self.frame_mut(id) {
            frame.activity = Activity::MapRun { run };
        }
        Some(run)
    }

    /// Asks the runtime for the items.
    fn read_map_items(&mut self, id: FrameId, run: MapRunId, reader: &ItemReader) {
        let request = match self.reader_request(id, reader) {
            Ok(request) => request,
            Err(problem) => {
                let failure = self.evaluation_failed(id, problem);
                return self.fail_map_run(id, run, failure);
            }
        };
        if request.max_items.is_some_and(|most| most < 0) {
            let failure = Failure::new(ITEM_READER_FAILED, "field MaxItems must be positive");
            return self.fail_map_run(id, run, failure);
        }
        let request = ReaderRequest {
            max_items: request.max_items.and_then(|most| u64::try_from(most).ok()),
            ..request.request
        };
        let arguments = serde_json::to_value(&request).unwrap_or_default();
        let task =
            self.schedule_for_map_run(id, TaskKind::ReadItems, reader.resource.clone(), Arc::new(arguments));
        if let Some(head) = self.map_run_head_mut(run) {
            head.phase = Phase::Reading { task };
        }
    }

    fn schedule_for_map_run(
        &mut self,
        id: FrameId,
        kind: TaskKind,
        resource: String,
        arguments: Arc<Value>,
    ) -> TaskId {
        let task = self.next_task_id();
        let state = self.frame(id).map_or_else(String::new, |frame| frame.state.to_string());
        let retry_count = self.frame(id).map_or(0, |frame| frame.retry_count());
        self.schedule(
            id,
            PendingTask {
                id: task,
                kind,
                state,
                resource,
                arguments,
                waits_for_token: false,
                submitted: false,
                retry_count,
                timeout_seconds: None,
                heartbeat_seconds: None,
            },
        );
        task
    }

    /// The runtime read the items.
    fn map_items_read(&mut self, id: FrameId, run: MapRunId, answer: &Value) {
        match Items::deserialize(answer) {
            Ok(items) => self.begin_map_run(id, run, items),
            Err(problem) => {
                let cause = format!("The items that were read are malformed: {problem}");
                self.fail_map_run(id, run, Failure::new(ITEM_READER_FAILED, cause));
            }
        }
    }

    /// Takes the items up and starts children.
    fn begin_map_run(&mut self, id: FrameId, run: MapRunId, items: Items) {
        let batching = match self.batching(id) {
            Ok(batching) => batching,
            Err(problem) => {
                let failure = self.evaluation_failed(id, problem);
                return self.fail_map_run(id, run, failure);
            }
        };
        let total = items.items.len() as u64;
        let dataset = Dataset {
            items: items.items,
            keys: items.keys,
            source: items.source.unwrap_or_else(|| "STATE_DATA".to_owned()),
            batching,
        };
        self.set_map_dataset(run, Arc::new(dataset));
        if let Some(head) = self.map_run_head_mut(run) {
            head.phase = Phase::Running;
            head.items = MapRunCounts { pending: total, total, ..MapRunCounts::default() };
        }
        self.fill_map_run(id, run);
    }

    /// A task of a Map Run's own was answered; whether it was one.
    pub(super) fn map_run_answered(&mut self, task: TaskId, answer: Result<&Value, Failure>) -> bool {
        let Some((id, pending)) = self.task(task) else { return false };
        let kind = pending.kind;
        let Some(Activity::MapRun { run }) = self.frame(id).map(|frame| frame.activity.clone()) else {
            return false;
        };
        if kind == TaskKind::MapChild {
            let closed = match answer {
                Ok(output) => crate::Closed::Succeeded { output: output.clone() },
                Err(Failure { error, cause, .. }) => crate::Closed::Failed { error, cause },
            };
            self.map_child_closed(task, &closed);
            return true;
        }
        self.settle_task(task);
        match (kind, answer) {
            (TaskKind::ReadItems, Ok(answer)) => self.map_items_read(id, run, answer),
            (TaskKind::ReadItems, Err(failure)) => {
                let cause = failure.cause.or(failure.error).unwrap_or_default();
                self.fail_map_run(id, run, Failure::new(ITEM_READER_FAILED, cause));
            }
            (_, answer) => self.map_results_written(id, run, answer),
        }
        true
    }
}
