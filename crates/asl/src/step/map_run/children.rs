//! A Map Run's children: starting them while there is room, and taking up how they ended.

use super::super::evaluate::{Unevaluated, too_large};
use super::super::run::Run;
use super::super::{Failure, history};
use crate::errors::{DATA_LIMIT_EXCEEDED, EXCEED_TOLERATED_FAILURE_THRESHOLD, TIMEOUT};
use crate::items::{Batch, ChildStatus, Offered, length};
use crate::limits::{MAP_RUN_BYTES_MAX, MAP_RUN_CONCURRENCY_MAX};
use crate::state::{Activity, Batching, Child, Dataset, FrameId, Head, MapRunId, Payload, Phase};
use crate::{Closed, TaskId, TaskKind, TimerKey};
use std::sync::Arc;

/// Most children that one step starts, and most bytes of their inputs; then others have their turn.
const STARTS_PER_STEP: u64 = 200;
const BYTES_PER_STEP: u64 = 2 * 1024 * 1024;

/// What starting a child came to.
enum Started {
    /// One was started, with an input of so many bytes.
    One(u64),
    /// There is none left.
    Nothing,
}

impl Run<'_> {
    /// Starts children while there is room; ends the Map Run where nothing of it runs or waits any more.
    pub(crate) fn fill_map_run(&mut self, id: FrameId, run: MapRunId) {
        let (mut starts, mut bytes) = (0, 0);
        while let Some(head) = self.map_run_head(run) {
            if head.phase != Phase::Running || !has_room(head) {
                return;
            }
            if starts >= STARTS_PER_STEP || bytes >= BYTES_PER_STEP {
                return self.set_timer(TimerKey::Frame(id), self.env.now_ms);
            }
            match self.start_map_child(id, run) {
                Ok(Started::One(more)) => {
                    starts += 1;
                    bytes += more;
                }
                Ok(Started::Nothing) => break,
                Err(failure) => return self.fail_map_run(id, run, failure),
            }
        }
        if self.map_run_head(run).is_some_and(|head| head.executions.running == 0) {
            self.finish_map_run(id, run);
        }
    }

    fn start_map_child(&mut self, id: FrameId, run: MapRunId) -> Result<Started, Failure> {
        if let Some(from) = self.map_run_head(run).and_then(|head| head.redrive_from) {
            if let Some(place) = self.next_to_redrive(run, from) {
                return Ok(self.restart_map_child(id, run, place));
            }
            if let Some(head) = self.map_run_head_mut(run) {
                head.redrive_from = None;
            }
        }
        let (Some(dataset), Some(next)) =
            (self.map_dataset(run), self.map_run_head(run).map(|h| h.next_item))
        else {
            return Ok(Started::Nothing);
        };
        if next >= dataset.items.len() as u64 {
            return Ok(Started::Nothing);
        }
        let made = match &dataset.batching {
            Some(batching) => self.batch_from(id, &dataset, batching, next),
            None => self.map_item_input(id, &dataset, next).map(|input| (input, 1)).map_err(Problem::Field),
        };
        let (input, items) = match made {
            Ok(made) => made,
            Err(Problem::Field(problem)) => return Err(self.evaluation_failed(id, problem)),
            Err(Problem::Failed(failure)) => return Err(failure),
        };
        let Some(bytes) = history::to_text(&input).map(|text| text.len() as u64) else {
            let state = self.frame(id).map_or_else(String::new, |frame| frame.state.to_string());
            return Err(too_large(&state));
        };
        self.put_new_child(id, run, input, items, bytes);
        if let Some(head) = self.map_run_head_mut(run) {
            head.next_item += items;
            head.items.pending = head.items.pending.saturating_sub(items);
            head.items.running += items;
            head.executions.running += 1;
            count_executions(head, dataset.batching.as_ref(), dataset.items.len() as u64);
        }
        Ok(Started::One(bytes))
    }

    /// As many items from there on as a batch takes.
    fn batch_from(
        &self,
        id: FrameId,
        dataset: &Dataset,
        batching: &Batching,
        first: u64,
    ) -> Result<(Payload, u64), Problem> {
        let most = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        let mut batch = Batch::new(
            batching.input.as_deref().cloned(),
            batching.items_max.map_or(usize::MAX, most),
            most(batching.bytes_max),
        );
        for index in first..dataset.items.len() as u64 {
            if batch.is_full() {
                break;
            }
            let item = self.map_item_input(id, dataset, index).map_err(Problem::Field)?;
            match batch.offer(Arc::unwrap_or_clone(item)) {
                Offered::Taken => {}
                Offered::Full => break,
                Offered::TooLarge => {
                    let cause = format!(
                        "The item at index {index} does not fit into a batch of at most {} bytes.",
                        batching.bytes_max
                    );
                    return Err(Problem::Failed(Failure::new(DATA_LIMIT_EXCEEDED, cause)));
                }
            }
        }
        let items = batch.len() as u64;
        Ok((Arc::new(batch.into_value()), items))
    }

    fn put_new_child(&mut self, id: FrameId, run: MapRunId, input: Payload, items: u64, bytes: u64) {
        let keeps = self.map_run_about(run).is_some_and(|about| about.keeps_inputs);
        let kept = keeps.then(|| Arc::clone(&input));
        let task = self.schedule_for_map_run(id, TaskKind::MapChild, String::new(), input);
        let child = Child {
            status: ChildStatus::Running,
            task,
            items,
            started_at_ms: self.env.now_ms,
            stopped_at_ms: None,
            input_bytes: bytes,
            redrive_count: 0,
            redriven_at_ms: None,
            input: kept,
            output: None,
            error: None,
            cause: None,
        };
        let Some(head) = self.map_run_head_mut(run) else { return };
        let place = head.next_child;
        head.next_child += 1;
        head.input_bytes += bytes;
        self.put_map_child(run, place, child);
    }

    /// A child that did not succeed before runs again.
    fn restart_map_child(&mut self, id: FrameId, run: MapRunId, place: u64) -> Started {
        let Some(child) = self.map_child(run, place).cloned() else { return Started::Nothing };
        let input = child.input.clone().unwrap_or_default();
        let task = self.schedule_for_map_run(id, TaskKind::MapChild, String::new(), input);
        if let Some(head) = self.map_run_head_mut(run) {
            head.redrive_from = Some(place + 1);
            head.input_bytes += child.input_bytes;
            head.items.pending_redrive = head.items.pending_redrive.saturating_sub(child.items);
            head.items.running += child.items;
            head.executions.pending_redrive = head.executions.pending_redrive.saturating_sub(1);
            head.executions.running += 1;
        }
        let bytes = child.input_bytes;
        let child = Child {
            status: ChildStatus::Running,
            task,
            stopped_at_ms: None,
            redrive_count: child.redrive_count + 1,
            redriven_at_ms: Some(self.env.now_ms),
            error: None,
            cause: None,
            ..child
        };
        self.put_map_child(run, place, child);
        Started::One(bytes)
    }

    /// A child execution ended.
    pub(crate) fn map_child_closed(&mut self, task: TaskId, closed: &Closed) {
        let Some((id, pending)) = self.task(task) else { return };
        let input = Arc::clone(&pending.arguments);
        let Some(Activity::MapRun { run }) = self.frame(id).map(|frame| frame.activity.clone()) else {
            return;
        };
        let Some(place) = self.map_child_of(run, task) else { return };
        self.settle_task(task);
        let (status, output, error, cause) = match closed {
            Closed::Succeeded { output } => {
                (ChildStatus::Succeeded, Some(Arc::new(output.clone())), None, None)
            }
            Closed::Failed { error, cause } => (ChildStatus::Failed, None, error.clone(), cause.clone()),
            Closed::TimedOut => (ChildStatus::TimedOut, None, Some(TIMEOUT.to_owned()), None),
            Closed::Aborted { error, cause } => (ChildStatus::Aborted, None, error.clone(), cause.clone()),
        };
        let bytes = output.as_deref().map_or(0, |output| length(output) as u64);
        self.end_map_child(run, place, status);
        if let Some(child) = self.map_child(run, place).cloned() {
            // One that did not succeed is shown with its input, and may be redriven.
            let input = match status {
                ChildStatus::Succeeded => child.input.clone(),
                _ => Some(child.input.clone().unwrap_or(input)),
            };
            self.put_map_child(run, place, Child { input, output, error, cause, ..child });
        }
        if let Some(head) = self.map_run_head_mut(run) {
            head.output_bytes += bytes;
        }
        self.judge_map_run(id, run);
    }

    /// Goes on with a Map Run, or fails it where more of it failed, or came back, than may.
    pub(super) fn judge_map_run(&mut self, id: FrameId, run: MapRunId) {
        let Some(head) = self.map_run_head(run) else { return };
        if head.phase != Phase::Running {
            return;
        }
        if exceeds(head) {
            let cause = "The specified tolerated failure threshold was exceeded";
            return self.fail_map_run(id, run, Failure::new(EXCEED_TOLERATED_FAILURE_THRESHOLD, cause));
        }
        if head.output_bytes > MAP_RUN_BYTES_MAX {
            let cause = format!(
                "The results of the Map Run have more than {} MiB, which is the most that can be gathered here. Let the children write what is large themselves, and give back where it is.",
                MAP_RUN_BYTES_MAX / (1024 * 1024)
            );
            return self.fail_map_run(id, run, Failure::new(DATA_LIMIT_EXCEEDED, cause));
        }
        self.fill_map_run(id, run);
    }

    /// Counts a child that ran as ended so.
    pub(super) fn end_map_child(&mut self, run: MapRunId, place: u64, status: ChildStatus) {
        let Some(child) =
            self.map_child(run, place).filter(|child| child.status == ChildStatus::Running).cloned()
        else {
            return;
        };
        if let Some(head) = self.map_run_head_mut(run) {
            head.input_bytes = head.input_bytes.saturating_sub(child.input_bytes);
            head.items.running = head.items.running.saturating_sub(child.items);
            *head.items.of(status) += child.items;
            head.executions.running = head.executions.running.saturating_sub(1);
            *head.executions.of(status) += 1;
        }
        let child = Child { status, stopped_at_ms: Some(self.env.now_ms), ..child };
        self.put_map_child(run, place, child);
    }
}

/// Why an item or a batch did not come to be.
enum Problem {
    Field(Unevaluated),
    Failed(Failure),
}

fn has_room(head: &Head) -> bool {
    let running = head.executions.running;
    let limit = if head.max_concurrency == 0 { u64::MAX } else { head.max_concurrency };
    running == 0 || running < limit.min(MAP_RUN_CONCURRENCY_MAX) && head.input_bytes < MAP_RUN_BYTES_MAX
}

/// Whether more failed than may. Where nothing is said, nothing may; where count and percentage are given, either may be
/// exceeded. <https://states-language.net/spec.html#failure-tolerance>
fn exceeds(head: &Head) -> bool {
    let failed = head.items.unsuccessful();
    #[expect(clippy::cast_precision_loss, reason = "at most 100,000 items")]
    let exceeds_percentage = |most: f64| failed as f64 * 100.0 > most * head.items.total as f64;
    match (head.tolerated_count, head.tolerated_percentage) {
        (None, None) => failed > 0,
        (count, percentage) => {
            count.is_some_and(|most| failed > most) || percentage.is_some_and(exceeds_percentage)
        }
    }
}

/// How many executions there will be: batches by bytes are known only as they are made.
pub(super) fn count_executions(head: &mut Head, batching: Option<&Batching>, items: u64) {
    let left = items.saturating_sub(head.next_item);
    head.executions.pending = match batching {
        None => left,
        Some(Batching { items_max: Some(most), .. }) => left.div_ceil(*most),
        Some(_) => u64::from(left > 0),
    };
    head.executions.total = head.next_child + head.executions.pending;
}
