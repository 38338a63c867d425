//! Redriving a Map Run, and changing its limits while it runs.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html>

use super::super::history::details;
use super::super::run::Run;
use super::children::count_executions;
use crate::definition::model::Kind;
use crate::items::ChildStatus;
use crate::state::{Activity, Child, FrameId, MapRunId, MapRunStatus, Phase, map_run_arn};
use serde_json::json;

impl Run<'_> {
    /// The Map Run goes on: children that did not succeed are redriven, those that never started are started. Where it
    /// failed to read its items, it reads them again; where it failed to write its results, it writes them again.
    pub(crate) fn redrive_map_run(&mut self, id: FrameId, run: MapRunId) {
        let (Some(about), Some(start)) = (self.map_run_about(run), self.start.clone()) else { return };
        self.wait_for_redrive(run);
        let now_ms = self.env.now_ms;
        let Some(head) = self.map_run_head_mut(run) else { return };
        head.status = MapRunStatus::Running;
        head.phase = Phase::Running;
        head.stopped_at_ms = None;
        head.redrive_count += 1;
        head.redriven_at_ms = Some(now_ms);
        head.redrive_from = Some(0);
        head.items.results_written = 0;
        head.executions.results_written = 0;
        let redriven = json!({
            "mapRunArn": map_run_arn(&start.identity, &about.label, &about.uuid),
            "redriveCount": head.redrive_count,
        });
        let details = details("mapRunRedrivenEventDetails", redriven);
        let event = self.record(about.started_event, "MapRunRedriven", details);
        if let Some(frame) = self.frame_mut(id) {
            frame.event = event;
        }
        if self.map_dataset(run).is_some() {
            return self.fill_map_run(id, run);
        }
        let reader = match self.state_of(id).map(|state| &state.kind) {
            Some(Kind::Map(map)) => map.distributed.as_deref().and_then(|d| d.item_reader.as_ref()),
            _ => None,
        };
        match reader {
            Some(reader) => self.read_map_items(id, run, reader),
            None => self.fill_map_run(id, run),
        }
    }

    /// Children that failed wait for their turn.
    fn wait_for_redrive(&mut self, run: MapRunId) {
        for place in self.map_children(run) {
            let Some(child) = self.map_child(run, place).cloned() else { continue };
            if !matches!(child.status, ChildStatus::Failed | ChildStatus::TimedOut | ChildStatus::Aborted) {
                continue;
            }
            if let Some(head) = self.map_run_head_mut(run) {
                let items = head.items.of(child.status);
                *items = items.saturating_sub(child.items);
                head.items.pending_redrive += child.items;
                let executions = head.executions.of(child.status);
                *executions = executions.saturating_sub(1);
                head.executions.pending_redrive += 1;
            }
            self.put_map_child(run, place, Child { status: ChildStatus::Pending, ..child });
        }
        let dataset = self.map_dataset(run);
        if let (Some(dataset), Some(head)) = (dataset, self.map_run_head_mut(run)) {
            count_executions(head, dataset.batching.as_ref(), dataset.items.len() as u64);
        }
    }

    /// `UpdateMapRun`: other limits, from now on.
    pub(crate) fn update_map_run(
        &mut self,
        map_run: &str,
        max_concurrency: Option<u64>,
        tolerated_count: Option<u64>,
        tolerated_percentage: Option<f64>,
    ) {
        let Some(run) = self.base.map_run_named(map_run) else { return };
        let Some(about) = self.map_run_about(run) else { return };
        let percentage_is_right = tolerated_percentage.is_none_or(|most| (0.0..=100.0).contains(&most));
        if self.map_run_head(run).is_none_or(|head| head.status != MapRunStatus::Running)
            || !percentage_is_right
        {
            return;
        }
        let Some(head) = self.map_run_head_mut(run) else { return };
        head.max_concurrency = max_concurrency.unwrap_or(head.max_concurrency);
        head.tolerated_count = tolerated_count.or(head.tolerated_count);
        head.tolerated_percentage = tolerated_percentage.or(head.tolerated_percentage);
        let stands_in =
            |activity: &Activity| matches!(activity, Activity::MapRun { run: its } if *its == run);
        if self.frame(about.frame).is_some_and(|frame| stands_in(&frame.activity)) {
            self.judge_map_run(about.frame, run);
        }
    }
}
