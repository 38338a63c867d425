//! A test of a Parallel or Map state: what is evaluated before the first branch or iteration, and the mocked answer.

use super::Failure;
use super::evaluate::{Given, Unevaluated};
use super::probe::{Answer, Stage};
use super::run::Run;
use crate::definition::model::map::{Distributed, Pointer};
use crate::definition::model::{Io, Map};
use crate::errors::EXCEED_TOLERATED_FAILURE_THRESHOLD;
use crate::items::{Batch, Offered};
use crate::state::{FrameId, Payload};
use serde_json::{Value, json};
use std::sync::Arc;

impl Run<'_> {
    pub(super) fn probe_map(&mut self, id: FrameId, map: &Map) {
        let length = match self.observe_map(id, map) {
            Ok(length) => length,
            Err(problem) => return self.fail_evaluation(id, problem),
        };
        let is_result = matches!(self.probe.and_then(|probe| probe.answer.as_ref()), Some(Answer::Result(_)));
        if map.distributed.is_some() && is_result && self.too_many_failed(length) {
            let cause = "The specified tolerated failure threshold was exceeded";
            return self.fail(id, Failure::new(EXCEED_TOLERATED_FAILURE_THRESHOLD, cause));
        }
        self.answer_fan(id);
    }

    /// Nothing runs inside: the answer was given with the test.
    pub(super) fn answer_fan(&mut self, id: FrameId) {
        match self.probe.and_then(|probe| probe.answer.as_ref()) {
            Some(Answer::Result(result)) => self.succeed(id, Arc::clone(result)),
            Some(Answer::Error { error, cause }) => {
                let failure = Failure { error: error.clone(), cause: cause.clone(), ..Failure::default() };
                self.fail(id, failure);
            }
            None => self.fail(id, Failure::default()),
        }
    }

    fn too_many_failed(&self, length: usize) -> bool {
        let Some(failed) = self.probe.and_then(|probe| probe.iterations_failed) else { return false };
        let count = self.observed(Stage::ToleratedFailureCount).and_then(|count| count.as_u64());
        let percentage = self.observed(Stage::ToleratedFailurePercentage).and_then(|p| p.as_f64());
        #[expect(clippy::cast_precision_loss, reason = "a share of what fits into a payload")]
        let share = if length == 0 { 0.0 } else { failed as f64 * 100.0 / length as f64 };
        count.is_some_and(|count| failed > count) || percentage.is_some_and(|percentage| share > percentage)
    }

    /// Evaluates what a Map state evaluates before its first iteration; how many items there are.
    fn observe_map(&self, id: FrameId, map: &Map) -> Result<usize, Unevaluated> {
        let distributed = map.distributed.as_deref();
        let read = distributed.and_then(|distributed| self.observe_reader(distributed));
        let has_reader = distributed.is_some_and(|distributed| distributed.item_reader.is_some());
        let items = match read {
            Some(items) => Some(items),
            None if has_reader => None,
            None => Some(self.items_value(id, map)?),
        };
        let mut length = 0;
        if let Some(value) = items {
            let Some(items) = value.as_array() else {
                return Err(self.no_items(id, &map.items, &value));
            };
            length = items.len();
            if !has_reader && matches!(self.state_of(id).map(|state| &state.io), Some(Io::JsonPath(_))) {
                self.observe(Stage::AfterItemsPath, &value);
            }
            let inputs = self.observe_selector(id, map, &value, items)?;
            self.observe_batches(id, map, &inputs)?;
        }
        let limit = self.optional_amount(id, map.max_concurrency.as_ref(), "MaxConcurrency", 0..=u64::MAX)?;
        self.observe(Stage::MaxConcurrency, &Arc::new(Value::from(limit.unwrap_or(0))));
        if let Some(distributed) = distributed {
            if let Some(count) = self.tolerated_count(id, distributed)? {
                self.observe(Stage::ToleratedFailureCount, &Arc::new(Value::from(count)));
            }
            if let Some(percentage) = self.tolerated_percentage(id, distributed)? {
                self.observe(Stage::ToleratedFailurePercentage, &Arc::new(Value::from(percentage)));
            }
        }
        Ok(length)
    }

    /// What the ItemReader is said to have read, from where its pointer points.
    fn observe_reader(&self, distributed: &Distributed) -> Option<Payload> {
        let data = self.probe?.reader_data.as_ref()?;
        let reader = distributed.item_reader.as_ref()?;
        match &reader.config.items_pointer {
            Some(Pointer::Fixed(pointer)) => {
                let items = Arc::new(data.pointer(pointer).cloned().unwrap_or_default());
                self.observe(Stage::AfterItemsPointer, &items);
                Some(items)
            }
            _ => Some(Arc::new(data.clone())),
        }
    }

    /// The iterations' inputs.
    fn observe_selector(
        &self,
        id: FrameId,
        map: &Map,
        whole: &Payload,
        items: &[Value],
    ) -> Result<Payload, Unevaluated> {
        let Some(selector) = &map.item_selector else { return Ok(Arc::clone(whole)) };
        let input = self.selected_input(id)?;
        let mut inputs = Vec::with_capacity(items.len());
        for (index, item) in (0..).zip(items) {
            let given = Given { item: Some((index, item)), ..Given::default() };
            let item = self.computed(id, selector, "ItemSelector", &input, given)?;
            inputs.push(Arc::unwrap_or_clone(item));
        }
        let inputs = Arc::new(Value::Array(inputs));
        self.observe(Stage::AfterItemSelector, &inputs);
        Ok(inputs)
    }

    fn observe_batches(&self, id: FrameId, map: &Map, inputs: &Payload) -> Result<(), Unevaluated> {
        if map.distributed.as_deref().is_none_or(|distributed| distributed.item_batcher.is_none()) {
            return Ok(());
        }
        let Some(batching) = self.batching(id)? else { return Ok(()) };
        let small = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let empty = || {
            let input = batching.input.as_deref().cloned();
            Batch::new(input, batching.items_max.map_or(usize::MAX, small), small(batching.bytes_max))
        };
        let (mut batches, mut batch) = (Vec::new(), empty());
        for item in inputs.as_array().into_iter().flatten() {
            if batch.offer(item.clone()) == Offered::Full {
                batches.push(std::mem::replace(&mut batch, empty()).into_value());
                batch.offer(item.clone());
            }
        }
        if batch.len() > 0 {
            batches.push(batch.into_value());
        }
        self.observe(Stage::AfterItemBatcher, &Arc::new(json!(batches)));
        Ok(())
    }
}
