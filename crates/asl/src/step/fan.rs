//! Parallel and Map: starting children and gathering what they give.

use super::evaluate::{Given, Unevaluated, unexpected};
use super::history::{details, last_of, nothing};
use super::run::{Run, Work};
use crate::Template;
use crate::definition::model::{Computed, Items, Kind, Map};
use crate::limits::INLINE_MAP_CONCURRENCY_MAX;
use crate::state::{Activity, Fan, Frame, FrameId, Payload, Variables};
use serde_json::{Value, json};
use std::sync::Arc;

impl Run<'_> {
    pub(super) fn start_branches(
        &mut self,
        id: FrameId,
        branches: &[Arc<str>],
        arguments: Option<&Template>,
    ) {
        let input = match arguments {
            Some(template) => self.template(id, template, "Arguments", Given::default()),
            None => Ok(self.frame(id).map(|frame| Arc::clone(&frame.input)).unwrap_or_default()),
        };
        let input = match input {
            Ok(input) => input,
            Err(problem) => return self.fail_evaluation(id, problem),
        };
        self.chain(id, "ParallelStateStarted", nothing());
        let event = self.frame(id).map_or(0, last_of);
        let length = branches.len() as u64;
        let first = self.reserve_frames(length);
        if let Some(frame) = self.frame_mut(id) {
            frame.activity =
                Activity::Fan(Fan { first, length, started: length, running: length, limit: length });
        }
        for (child, start) in (first..).zip(branches) {
            self.add_child(id, child, start, Arc::clone(&input), event);
        }
    }

    pub(super) fn start_map(&mut self, id: FrameId, map: &Map) {
        let prepared = self.items(id, map).and_then(|items| {
            let limit =
                map.max_concurrency.as_ref().map(|amount| self.amount(id, amount, "MaxConcurrency", 0));
            let limit = limit.transpose()?.filter(|limit| *limit > 0).unwrap_or(u64::MAX);
            Ok((items, limit.min(INLINE_MAP_CONCURRENCY_MAX)))
        });
        let (items, limit) = match prepared {
            Ok(prepared) => prepared,
            Err(problem) => return self.fail_evaluation(id, problem),
        };
        let length = items.len() as u64;
        self.chain(id, "MapStateStarted", details("mapStateStartedEventDetails", json!({"length": length})));
        let first = self.reserve_frames(length);
        if let Some(frame) = self.frame_mut(id) {
            frame.items = Some(Arc::new(items));
            frame.activity = Activity::Fan(Fan { first, length, started: 0, running: 0, limit });
        }
        let event = self.frame(id).map_or(0, last_of);
        self.fill(id, event);
    }

    fn items(&self, id: FrameId, map: &Map) -> Result<Vec<Value>, Unevaluated> {
        let Items::Template(template) = &map.items else {
            let input = self.frame(id).map(|frame| Arc::clone(&frame.input)).unwrap_or_default();
            return match &*input {
                Value::Array(items) => Ok(items.clone()),
                other => {
                    let shown = super::history::to_text(other).unwrap_or_default();
                    let problem = format!("Map state input must be an array but was: {shown}");
                    Err(Unevaluated { location: None, problem })
                }
            };
        };
        let value = self.template(id, template, "Items", Given::default())?;
        match (Arc::unwrap_or_clone(value), template) {
            (Value::Array(items), _) => Ok(items),
            (other, Template::Expression(expression)) => {
                Err(unexpected(expression, "Items", "array", &other))
            }
            (_, _) => Err(Unevaluated::at("Items", "Items must be an array.")),
        }
    }

    /// Starts iterations while there is room; ends the state where nothing of it runs any more.
    pub(super) fn fill(&mut self, id: FrameId, event: u64) {
        if let Some(Kind::Map(map)) = self.state_of(id).map(|state| &state.kind) {
            while let Some(fan) = self.fan(id) {
                if fan.started == fan.length || fan.running >= fan.limit {
                    break;
                }
                if let Err(problem) = self.start_iteration(id, map, fan, event) {
                    return self.fail_evaluation(id, problem);
                }
            }
        }
        if let Some(fan) = self.fan(id)
            && fan.running == 0
        {
            self.gather(id, fan);
        }
    }

    fn fan(&self, id: FrameId) -> Option<Fan> {
        match self.frame(id)?.activity {
            Activity::Fan(fan) => Some(fan),
            _ => None,
        }
    }

    fn start_iteration(&mut self, id: FrameId, map: &Map, fan: Fan, event: u64) -> Result<(), Unevaluated> {
        let Some((items, name)) = self
            .frame(id)
            .and_then(|frame| Some((Arc::clone(frame.items.as_ref()?), frame.state.to_string())))
        else {
            return Ok(());
        };
        let index = fan.started;
        let item = usize::try_from(index).ok().and_then(|index| items.get(index)).unwrap_or(&Value::Null);
        let input = match &map.item_selector {
            Some(Computed::Jsonata(template)) => {
                let given = Given { item: Some((index, item)), ..Given::default() };
                self.template(id, template, "ItemSelector", given)?
            }
            _ => Arc::new(item.clone()),
        };
        let started = json!({"index": index, "name": name});
        let started =
            self.record(event, "MapIterationStarted", details("mapIterationStartedEventDetails", started));
        if let Some(frame) = self.frame_mut(id)
            && let Activity::Fan(fan) = &mut frame.activity
        {
            fan.started += 1;
            fan.running += 1;
        }
        self.add_child(id, fan.first + index, &map.processor, input, started);
        Ok(())
    }

    fn add_child(&mut self, parent: FrameId, id: FrameId, start: &Arc<str>, input: Payload, event: u64) {
        let frame = Frame {
            parent: Some(parent),
            state: Arc::clone(start),
            input,
            variables: Arc::new(Variables::new()),
            event,
            entered_event: 0,
            entered_at_ms: self.env.now_ms,
            retries: Vec::new(),
            items: None,
            activity: Activity::Ready,
        };
        self.put_frame(id, frame);
        self.queue.push_back(Work::Enter(id));
    }

    /// A branch or iteration reached its end.
    pub(super) fn child_succeeded(&mut self, id: FrameId, output: Payload) {
        let Some(parent) = self.frame(id).and_then(|frame| frame.parent) else { return };
        let mut event = self.frame(id).map_or(0, last_of);
        let next_event = event;
        let iteration = self.iteration(parent, id);
        if let Some((index, name)) = &iteration {
            let succeeded = json!({"index": index, "name": name});
            event = self.beside(
                id,
                "MapIterationSucceeded",
                details("mapIterationSucceededEventDetails", succeeded),
            );
        }
        if let Some(frame) = self.frame_mut(id) {
            // Nothing of it is needed any more but this.
            frame.input = Payload::default();
            frame.activity = Activity::Succeeded { output };
        }
        let Some(frame) = self.frame_mut(parent) else { return };
        frame.event = event;
        let Activity::Fan(fan) = &mut frame.activity else { return };
        fan.running = fan.running.saturating_sub(1);
        self.fill(parent, next_event);
    }

    /// All children reached their ends: their outputs, in order, are the state's result.
    fn gather(&mut self, id: FrameId, fan: Fan) {
        let outputs =
            (fan.first..fan.first + fan.length).map(|child| match self.frame(child).map(|f| &f.activity) {
                Some(Activity::Succeeded { output }) => (**output).clone(),
                _ => Value::Null,
            });
        let result: Payload = Arc::new(Value::Array(outputs.collect()));
        let Some(prefix) = self.state_of(id).map(|state| state.kind.event_prefix()) else { return };
        self.beside(id, format!("{prefix}StateSucceeded"), nothing());
        self.remove_children(id);
        self.succeed(id, result);
    }
}
