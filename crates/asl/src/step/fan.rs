//! Parallel and Map: starting children and gathering what they give.

use super::evaluate::{Given, Unevaluated, unexpected};
use super::history::{details, last_of, nothing, to_text};
use super::run::{Run, Work};
use crate::Template;
use crate::definition::model::{Io, Items, Kind, Map};
use crate::limits::{INLINE_MAP_CONCURRENCY_MAX, PAYLOAD_BYTES_MAX};
use crate::state::{Activity, Fan, Frame, FrameId, Payload, Variables};
use serde_json::{Value, json};
use std::sync::Arc;

impl<'a> Run<'a> {
    pub(super) fn start_branches(&mut self, id: FrameId, branches: &[Arc<str>]) {
        if self.probe.is_some() {
            return self.answer_fan(id);
        }
        let input = match self.handed_on(id, Given::default()) {
            Ok(input) => input,
            Err(problem) => return self.fail_evaluation(id, problem),
        };
        self.chain(id, "ParallelStateStarted", nothing());
        let event = self.frame(id).map_or(0, last_of);
        let length = branches.len() as u64;
        let first = self.reserve_frames(length);
        if let Some(frame) = self.frame_mut(id) {
            frame.activity = Activity::Fan(Fan {
                first,
                length,
                started: length,
                running: length,
                limit: length,
                output_bytes: 0,
            });
        }
        for (child, start) in (first..).zip(branches) {
            self.add_child(id, child, start, Arc::clone(&input), event);
        }
    }

    pub(super) fn start_map(&mut self, id: FrameId, map: &'a Map) {
        if self.probe.is_some() {
            return self.probe_map(id, map);
        }
        if let Some(distributed) = &map.distributed {
            return self.start_map_run(id, map, distributed);
        }
        let limit = self.optional_amount(id, map.max_concurrency.as_ref(), "MaxConcurrency", 0..=u64::MAX);
        let prepared = limit.and_then(|limit| {
            let limit = limit.filter(|limit| *limit > 0).unwrap_or(u64::MAX);
            Ok((self.items(id, map)?, limit.min(INLINE_MAP_CONCURRENCY_MAX)))
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
            frame.activity =
                Activity::Fan(Fan { first, length, started: 0, running: 0, limit, output_bytes: 0 });
        }
        let event = self.frame(id).map_or(0, last_of);
        self.fill(id, event);
    }

    /// The items of an inline Map: a list, whatever gives it.
    fn items(&self, id: FrameId, map: &Map) -> Result<Vec<Value>, Unevaluated> {
        let value = self.items_value(id, map)?;
        match (Arc::unwrap_or_clone(value), &map.items) {
            (Value::Array(items), _) => Ok(items),
            (other, items) => Err(self.no_items(id, items, &other)),
        }
    }

    /// What stands where the items should be.
    pub(super) fn items_value(&self, id: FrameId, map: &Map) -> Result<Payload, Unevaluated> {
        match &map.items {
            Items::Template(template) => self.template(id, template, "Items", Given::default()),
            Items::Input => self.selected_input(id),
            Items::At(path) => {
                let input = self.selected_input(id)?;
                self.path(id, path, &input, Given::default())
                    .map(Arc::new)
                    .map_err(|error| crate::jsonpath::Failure::of_reference(&error, &input).into())
            }
        }
    }

    /// What stands where the items should be is no list.
    pub(super) fn no_items(&self, id: FrameId, items: &Items, found: &Value) -> Unevaluated {
        let in_jsonata = matches!(self.state_of(id).map(|state| &state.io), Some(Io::Jsonata(_)));
        match items {
            Items::Template(Template::Expression(expression)) => {
                unexpected(expression, "Items", "array", found)
            }
            Items::Template(_) => Unevaluated::at("Items", "Items must be an array."),
            Items::Input if in_jsonata => {
                let shown = to_text(found).unwrap_or_default();
                Unevaluated::nowhere(format!("Map state input must be an array but was: {shown}"))
            }
            Items::Input => Unevaluated::runtime("Reference path \"$\" must point to array."),
            Items::At(path) => {
                // Of a path into the context object, what is told begins at the object itself.
                let text = path.text();
                let text = text.strip_prefix('$').filter(|rest| rest.starts_with('$')).unwrap_or(text);
                Unevaluated::runtime(format!("Reference path \"{text}\" must point to array."))
            }
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
            Some(selector) => {
                let given = Given { item: Some((index, item)), ..Given::default() };
                let selected = self.selected_input(id)?;
                self.computed(id, selector, "ItemSelector", &selected, given)?
            }
            None => Arc::new(item.clone()),
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
            variable_bytes: 0,
            retries: Vec::new(),
            items: None,
            activity: Activity::Ready,
        };
        self.put_frame(id, frame);
        self.queue.push_back(Work::Enter(id));
    }

    /// A branch or iteration reached its end.
    pub(super) fn child_succeeded(&mut self, id: FrameId, output: Payload, bytes: usize) {
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
        let Some(frame) = self.frame_mut(parent) else { return };
        frame.event = event;
        let Activity::Fan(fan) = &mut frame.activity else { return };
        fan.running = fan.running.saturating_sub(1);
        fan.output_bytes = fan.output_bytes.saturating_add(bytes as u64);
        let fits = fits(fan);
        if let Some(frame) = self.frame_mut(id) {
            // Nothing of it is needed any more but its output, and that only where all outputs fit.
            frame.input = Payload::default();
            frame.variables = Arc::default();
            frame.variable_bytes = 0;
            frame.activity = Activity::Succeeded { output: if fits { output } else { Payload::default() } };
        }
        self.fill(parent, next_event);
    }

    /// All children reached their ends: their outputs, in order, are the state's result.
    fn gather(&mut self, id: FrameId, fan: Fan) {
        if !fits(&fan) {
            let Some(failure) = self.frame(id).map(|frame| self.too_large(frame)) else { return };
            return self.fail(id, failure);
        }
        let outputs =
            (fan.first..fan.first + fan.length).map(|child| match self.frame(child).map(|f| &f.activity) {
                Some(Activity::Succeeded { output }) => (**output).clone(),
                _ => Value::Null,
            });
        let result: Payload = Arc::new(Value::Array(outputs.collect()));
        let Some(prefix) = self.state_of(id).map(|state| state.kind.event_prefix()) else { return };
        let succeeded = self.beside(id, format!("{prefix}StateSucceeded"), nothing());
        self.remove_children(id);
        self.succeed_after(id, result, succeeded);
    }
}

/// Whether the outputs so far, as one list, are a payload.
fn fits(fan: &Fan) -> bool {
    let commas_and_brackets = fan.length.max(1) + 1;
    fan.output_bytes.saturating_add(commas_and_brackets) <= PAYLOAD_BYTES_MAX as u64
}
