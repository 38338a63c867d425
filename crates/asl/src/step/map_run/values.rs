//! Fields that only distributed Maps have.

use super::super::amount::out_of_range;
use super::super::evaluate::{Given, Unevaluated, unexpected};
use super::super::run::Run;
use crate::definition::model::map::{CsvHeaders, Distributed, InputType, ItemReader, ManifestType, Pointer};
use crate::definition::model::{Amount, Computed, Kind};
use crate::items::{Delimiter, Format, Headers, ManifestKind, ReaderRequest};
use crate::limits::PAYLOAD_BYTES_MAX;
use crate::state::{Batching, Dataset, FrameId, Payload};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A reader's request, with MaxItems as it was evaluated.
pub(super) struct Requested {
    pub(super) request: ReaderRequest,
    pub(super) max_items: Option<i128>,
}

impl<'a> Run<'a> {
    fn distributed(&self, id: FrameId) -> Option<&'a Distributed> {
        match &self.state_of(id)?.kind {
            Kind::Map(map) => map.distributed.as_deref(),
            _ => None,
        }
    }

    pub(in crate::step) fn tolerated_count(
        &self,
        id: FrameId,
        distributed: &Distributed,
    ) -> Result<Option<u64>, Unevaluated> {
        let Some(amount) = &distributed.tolerated_failure_count else { return Ok(None) };
        let count = self.whole_number(id, amount, "ToleratedFailureCount")?;
        match u64::try_from(count) {
            Ok(count) => Ok(Some(count)),
            Err(_) => Err(out_of_range(
                amount,
                "ToleratedFailureCount",
                "ToleratedFailureCount cannot be negative.".to_owned(),
            )),
        }
    }

    pub(in crate::step) fn tolerated_percentage(
        &self,
        id: FrameId,
        distributed: &Distributed,
    ) -> Result<Option<f64>, Unevaluated> {
        let percentage = distributed.tolerated_failure_percentage.as_ref();
        percentage.map(|amount| self.percentage(id, amount, "ToleratedFailurePercentage")).transpose()
    }

    pub(super) fn reader_request(&self, id: FrameId, reader: &ItemReader) -> Result<Requested, Unevaluated> {
        let config = &reader.config;
        let parameters = self.parameters(id, reader.parameters.as_ref(), "ItemReader")?;
        let max_items =
            config.max_items.as_ref().map(|amount| self.whole_number(id, amount, "MaxItems")).transpose()?;
        let items_pointer = match &config.items_pointer {
            None => None,
            Some(Pointer::Fixed(pointer)) => Some(pointer.clone()),
            Some(Pointer::Computed(expression)) => {
                let location = "ItemReader/ReaderConfig/ItemsPointer";
                match self.expression(id, expression, location, Given::default())? {
                    Value::String(pointer) => Some(pointer),
                    other => return Err(unexpected(expression, location, "string", &other)),
                }
            }
        };
        let request = ReaderRequest {
            resource: reader.resource.clone(),
            parameters,
            input_type: config.input_type.map(format),
            headers: match &config.csv_headers {
                CsvHeaders::FirstRow => Headers::FirstRow,
                CsvHeaders::Given(headers) => Headers::Given(headers.clone()),
            },
            delimiter: Delimiter(config.csv_delimiter),
            manifest: config.manifest_type.map(|kind| match kind {
                ManifestType::S3Inventory => ManifestKind::S3Inventory,
                ManifestType::AthenaData => ManifestKind::AthenaData,
            }),
            max_items: None,
            items_pointer,
            load_and_flatten: config.load_and_flatten,
        };
        Ok(Requested { request, max_items })
    }

    /// A reader's or writer's `Parameters` or `Arguments`.
    pub(super) fn parameters(
        &self,
        id: FrameId,
        parameters: Option<&Computed>,
        field: &str,
    ) -> Result<Map<String, Value>, Unevaluated> {
        let Some(parameters) = parameters else { return Ok(Map::new()) };
        let input = self.selected_input(id)?;
        let location = format!("{field}/Arguments");
        match Arc::unwrap_or_clone(self.computed(id, parameters, &location, &input, Given::default())?) {
            Value::Object(members) => Ok(members),
            other => {
                let problem = format!("The parameters of {field} must be an object but were: {other}");
                Err(match parameters {
                    Computed::Jsonata(_) => Unevaluated::at(&location, problem),
                    Computed::JsonPath(_) => Unevaluated::runtime(problem),
                })
            }
        }
    }

    /// ItemBatcher, evaluated; `None` where each item is a child's input.
    pub(in crate::step) fn batching(&self, id: FrameId) -> Result<Option<Batching>, Unevaluated> {
        let batcher = self.distributed(id).and_then(|distributed| distributed.item_batcher.as_ref());
        let Some(batcher) = batcher else { return Ok(None) };
        let limit = |amount: Option<&Amount>, location: &str| {
            let Some(amount) = amount else { return Ok(None) };
            match u64::try_from(self.whole_number(id, amount, location)?) {
                Ok(limit) if limit > 0 => Ok(Some(limit)),
                _ => Err(out_of_range(amount, location, format!("{location} must be positive."))),
            }
        };
        let most = PAYLOAD_BYTES_MAX as u64;
        let items_max = limit(batcher.max_items_per_batch.as_ref(), "MaxItemsPerBatch")?;
        let bytes_max = limit(batcher.max_input_bytes_per_batch.as_ref(), "MaxInputBytesPerBatch")?;
        let input = match &batcher.batch_input {
            Some(template) => {
                let input = self.selected_input(id)?;
                let location = "ItemBatcher/BatchInput";
                Some(self.computed(id, template, location, &input, Given::default())?)
            }
            None => None,
        };
        Ok(Some(Batching { items_max, bytes_max: bytes_max.unwrap_or(most).min(most), input }))
    }

    /// What one item becomes by the ItemSelector.
    pub(super) fn map_item_input(
        &self,
        id: FrameId,
        dataset: &Dataset,
        index: u64,
    ) -> Result<Payload, Unevaluated> {
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        let item = dataset.items.get(place).unwrap_or(&Value::Null);
        let selector = match self.state_of(id).map(|state| &state.kind) {
            Some(Kind::Map(map)) => map.item_selector.as_ref(),
            _ => None,
        };
        let Some(selector) = selector else { return Ok(Arc::new(item.clone())) };
        let key = dataset.keys.as_ref().and_then(|keys| keys.get(place));
        let given = Given {
            item: Some((index, item)),
            item_key: key.map(String::as_str),
            item_source: Some(&dataset.source),
            ..Given::default()
        };
        let input = self.selected_input(id)?;
        self.computed(id, selector, "ItemSelector", &input, given)
    }
}

fn format(input_type: InputType) -> Format {
    match input_type {
        InputType::Csv => Format::Csv,
        InputType::Json => Format::Json,
        InputType::Jsonl => Format::Jsonl,
        InputType::Manifest => Format::Manifest,
        InputType::Parquet => Format::Parquet,
    }
}
