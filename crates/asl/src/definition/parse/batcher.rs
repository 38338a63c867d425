//! A distributed Map's ItemBatcher.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html>

use super::Parser;
use super::fields::{At, Fields, Only, Table};
use super::values::Range;
use crate::definition::QueryLanguage;
use crate::definition::model::map::ItemBatcher;
use crate::limits::PAYLOAD_BYTES_MAX;

const BATCHER: Table = &[
    ("MaxItemsPerBatch", Only::Both),
    ("MaxItemsPerBatchPath", Only::JsonPath),
    ("MaxInputBytesPerBatch", Only::Both),
    ("MaxInputBytesPerBatchPath", Only::JsonPath),
    ("BatchInput", Only::Both),
    ("Comment", Only::Both),
];

impl Parser<'_> {
    pub(super) fn item_batcher(&mut self, at: At<'_>, language: QueryLanguage) -> Option<ItemBatcher> {
        let fields = Fields::open(self, at)?;
        fields.check(self, Some(language), &[BATCHER]);
        let bytes = Range::new(0, PAYLOAD_BYTES_MAX as u64);
        Some(ItemBatcher {
            max_items_per_batch: self.amount(&fields, "MaxItemsPerBatch", Range::from(0), language),
            max_input_bytes_per_batch: self.amount(&fields, "MaxInputBytesPerBatch", bytes, language),
            batch_input: fields.get("BatchInput").and_then(|at| self.computed(&at, language)),
        })
    }
}
