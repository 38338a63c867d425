//! How a Map Run ends: with its results, with a failure, or cut off.

use super::super::Failure;
use super::super::history::{details, error_and_cause, nothing};
use super::super::run::Run;
use crate::definition::model::Kind;
use crate::definition::model::map::{OutputType, ResultWriter, WriterTransformation};
use crate::errors::RESULT_WRITER_FAILED;
use crate::items::{ChildStatus, ResultFormat, ResultTransformation, WriterRequest, transformed};
use crate::state::{Activity, Child, Failed, FrameId, MapRunId, MapRunStatus, Phase, map_run_arn, result_of};
use crate::{TaskKind, TimerKey};
use serde_json::Value;
use std::sync::Arc;

/// What results are where they are the state's result and nothing is said: outputs alone.
const OF_RESULTS: WriterTransformation = WriterTransformation::Compact;

impl<'a> Run<'a> {
    fn result_writer(&self, id: FrameId) -> Option<&'a ResultWriter> {
        match &self.state_of(id)?.kind {
            Kind::Map(map) => map.distributed.as_deref()?.result_writer.as_ref(),
            _ => None,
        }
    }

    /// Results are counted as written whether the state gives them back or a writer writes them.
    fn count_results(&mut self, run: MapRunId) {
        if let Some(head) = self.map_run_head_mut(run) {
            head.items.results_written = head.items.total;
            head.executions.results_written = head.executions.total;
        }
    }

    /// Every child has ended: the results are written, or they are the state's result.
    pub(super) fn finish_map_run(&mut self, id: FrameId, run: MapRunId) {
        self.count_results(run);
        let writer = self.result_writer(id);
        match writer.and_then(|writer| Some((writer, writer.resource.as_ref()?))) {
            Some((writer, resource)) => self.write_map_results(id, run, writer, resource, None),
            None => {
                let transformation = writer.and_then(|writer| writer.transformation);
                let result = self.gathered(run, transformation_of(transformation.or(Some(OF_RESULTS))));
                self.map_run_succeeded(id, run, result);
            }
        }
    }

    /// The outputs, in the order of the items; of children that failed, what is known of them.
    fn gathered(&self, run: MapRunId, transformation: ResultTransformation) -> Value {
        let Some(identity) = self.start.as_ref().map(|start| &start.identity) else { return Value::Null };
        let Some(about) = self.map_run_about(run) else { return Value::Null };
        let mut values = Vec::new();
        for place in self.map_children(run) {
            let Some(child) = self.map_child(run, place) else { continue };
            let result = result_of(&about, identity, place, child);
            values.extend(transformed(transformation, &result));
        }
        Value::Array(values)
    }

    fn map_run_succeeded(&mut self, id: FrameId, run: MapRunId, result: Value) {
        self.close_map_run(run, MapRunStatus::Succeeded);
        let started = self.frame(id).map_or(0, super::super::history::last_of);
        let succeeded = self.chain(id, "MapRunSucceeded", nothing());
        let beside = self.record(succeeded, "MapStateSucceeded", nothing());
        // Since November 2024 `MapStateExited` points at `MapRunStarted`; before it pointed at `MapRunSucceeded`. Recorded
        // executions show both.
        if let Some(frame) = self.frame_mut(id) {
            frame.event = started;
        }
        self.empty_map_run(run);
        self.succeed_after(id, Arc::new(result), beside);
    }

    fn write_map_results(
        &mut self,
        id: FrameId,
        run: MapRunId,
        writer: &ResultWriter,
        resource: &str,
        failure: Option<Failed>,
    ) {
        let parameters = match self.parameters(id, writer.parameters.as_ref(), "ResultWriter") {
            Ok(parameters) => parameters,
            Err(problem) => {
                let evaluation = self.evaluation_failed(id, problem);
                let failure = failure.map_or(evaluation, |failed| Failure::new(&failed.error, failed.cause));
                return self.map_run_failed(id, run, failure);
            }
        };
        let (Some(about), Some(head), Some(start)) =
            (self.map_run_about(run), self.map_run_head(run), self.start.as_ref())
        else {
            return;
        };
        let redrives = head.redrive_count;
        let request = WriterRequest {
            resource: resource.to_owned(),
            parameters,
            format: match writer.output_type {
                OutputType::Json => ResultFormat::Json,
                OutputType::Jsonl => ResultFormat::Jsonl,
            },
            transformation: transformation_of(writer.transformation),
            map_run_arn: map_run_arn(&start.identity, &about.label, &about.uuid),
            folder: match redrives {
                0 => about.uuid.clone(),
                redrives => format!("{}/Redrive-{redrives}", about.uuid),
            },
        };
        let arguments = Arc::new(serde_json::to_value(&request).unwrap_or_default());
        let task = self.schedule_for_map_run(id, TaskKind::WriteResults, resource.to_owned(), arguments);
        if let Some(head) = self.map_run_head_mut(run) {
            head.phase = Phase::Writing { task, failure };
        }
    }

    /// The runtime wrote the results, or could not.
    pub(super) fn map_results_written(
        &mut self,
        id: FrameId,
        run: MapRunId,
        answer: Result<&Value, Failure>,
    ) {
        let phase = self.map_run_head(run).map(|head| head.phase.clone());
        let Some(Phase::Writing { failure, .. }) = phase else { return };
        match (failure, answer) {
            (Some(failed), _) => self.map_run_failed(id, run, Failure::new(&failed.error, failed.cause)),
            (None, Ok(result)) => self.map_run_succeeded(id, run, result.clone()),
            (None, Err(failure)) => {
                let cause = failure.cause.or(failure.error).unwrap_or_default();
                self.map_run_failed(id, run, Failure::new(RESULT_WRITER_FAILED, cause));
            }
        }
    }

    /// A Map Run cannot go on: its children are cut off; what they came to is written where that is wanted.
    pub(super) fn fail_map_run(&mut self, id: FrameId, run: MapRunId, failure: Failure) {
        let began = self.map_dataset(run).is_some();
        self.cut_off_map_children(id, run);
        self.count_results(run);
        let writer = self.result_writer(id);
        match writer.and_then(|writer| Some((writer, writer.resource.as_ref()?))) {
            Some((writer, resource)) if began && !failure.ends_execution => {
                let failed = Failed {
                    error: failure.error.unwrap_or_default(),
                    cause: failure.cause.unwrap_or_default(),
                };
                self.write_map_results(id, run, writer, resource, Some(failed));
            }
            _ => self.map_run_failed(id, run, failure),
        }
    }

    fn map_run_failed(&mut self, id: FrameId, run: MapRunId, failure: Failure) {
        self.close_map_run(run, MapRunStatus::Failed);
        let members = error_and_cause(failure.error.as_deref(), failure.cause.as_deref());
        self.chain(id, "MapRunFailed", details("mapRunFailedEventDetails", Value::Object(members)));
        if failure.ends_execution {
            self.chain(id, "MapStateFailed", nothing());
        }
        self.fail(id, failure);
    }

    fn close_map_run(&mut self, run: MapRunId, status: MapRunStatus) {
        let now_ms = self.env.now_ms;
        if let Some(head) = self.map_run_head_mut(run) {
            head.status = status;
            head.phase = Phase::Done;
            head.stopped_at_ms = Some(now_ms);
        }
    }

    /// Stops all that runs for a Map Run. Inputs of children that may never have begun are kept, for a redrive.
    fn cut_off_map_children(&mut self, id: FrameId, run: MapRunId) {
        self.clear_timer(TimerKey::Frame(id));
        if let Some(Phase::Reading { task } | Phase::Writing { task, .. }) =
            self.map_run_head(run).map(|head| head.phase.clone())
        {
            self.abandon_task(task);
        }
        for place in self.map_children(run) {
            let Some(child) = self.map_child(run, place) else { continue };
            if child.status != ChildStatus::Running {
                continue;
            }
            let task = child.task;
            let input = self.task(task).map(|(_, pending)| Arc::clone(&pending.arguments));
            self.abandon_task(task);
            self.end_map_child(run, place, ChildStatus::Aborted);
            if let Some(child) = self.map_child(run, place).cloned() {
                self.put_map_child(run, place, Child { input: child.input.clone().or(input), ..child });
            }
        }
    }

    /// Cuts off the Map Run that a frame stands in, where it runs; whether it did.
    pub(crate) fn abort_map_run(&mut self, id: FrameId) -> bool {
        let Some(Activity::MapRun { run }) = self.frame(id).map(|frame| frame.activity.clone()) else {
            return false;
        };
        if self.map_run_head(run).is_none_or(|head| head.status != MapRunStatus::Running) {
            return false;
        }
        self.cut_off_map_children(id, run);
        self.close_map_run(run, MapRunStatus::Aborted);
        true
    }

    /// The execution ends: no Map Run goes on.
    pub(crate) fn abort_map_runs(&mut self) {
        for run in self.map_run_ids() {
            let runs = self.map_run_head(run).is_some_and(|head| head.status == MapRunStatus::Running);
            if let Some(about) = self.map_run_about(run).filter(|_| runs) {
                self.abort_map_run(about.frame);
            }
        }
    }

    /// The Map state starts anew, or is left: no redrive will want its last run.
    pub(crate) fn forget_map_run(&mut self, id: FrameId) {
        let Some(Activity::MapRun { run }) = self.frame(id).map(|frame| frame.activity.clone()) else {
            return;
        };
        self.abort_map_run(id);
        self.empty_map_run(run);
        if let Some(frame) = self.frame_mut(id) {
            frame.activity = Activity::Aborted;
        }
    }
}

/// Where results are written and nothing is said: with all that is known of the executions.
fn transformation_of(transformation: Option<WriterTransformation>) -> ResultTransformation {
    match transformation {
        None | Some(WriterTransformation::None) => ResultTransformation::None,
        Some(WriterTransformation::Compact) => ResultTransformation::Compact,
        Some(WriterTransformation::Flatten) => ResultTransformation::Flatten,
    }
}
