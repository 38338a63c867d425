//! Batches of items. <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html>

use super::read::length;
use serde_json::{Map, Value};

/// A batch as it is filled: the input of one child execution.
#[derive(Debug)]
pub(crate) struct Batch {
    batch_input: Option<Value>,
    items: Vec<Value>,
    bytes: usize,
    items_max: usize,
    bytes_max: usize,
}

/// What came of offering an item.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It is in the batch.
    Taken,
    /// The batch is full without it.
    Full,
    /// It is too large for any batch.
    TooLarge,
}

impl Batch {
    /// An empty batch of at most so many items and bytes of JSON text; `BatchInput` counts, too.
    pub(crate) fn new(batch_input: Option<Value>, items_max: usize, bytes_max: usize) -> Self {
        let mut batch = Batch { batch_input, items: Vec::new(), bytes: 0, items_max, bytes_max };
        batch.bytes = length(&batch.value(Vec::new()));
        batch
    }

    pub(crate) fn offer(&mut self, item: Value) -> Offered {
        if self.items.len() >= self.items_max {
            return Offered::Full;
        }
        let comma = usize::from(!self.items.is_empty());
        let bytes = self.bytes + comma + length(&item);
        if bytes > self.bytes_max {
            return if self.items.is_empty() { Offered::TooLarge } else { Offered::Full };
        }
        self.bytes = bytes;
        self.items.push(item);
        Offered::Taken
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= self.items_max
    }

    /// The child's input: `{"BatchInput": …, "Items": […]}`.
    pub(crate) fn into_value(mut self) -> Value {
        let items = std::mem::take(&mut self.items);
        self.value(items)
    }

    fn value(&self, items: Vec<Value>) -> Value {
        let mut batch = Map::new();
        if let Some(input) = &self.batch_input {
            batch.insert("BatchInput".to_owned(), input.clone());
        }
        batch.insert("Items".to_owned(), Value::Array(items));
        Value::Object(batch)
    }
}
