//! Reading items out of objects, within bounds.

use super::{Format, ITEMS_BYTES_MAX, ITEMS_MAX, ItemsError, ReaderRequest, csv, gzip, json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A dataset that was read: the answer of a [`crate::TaskKind::ReadItems`] task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Items {
    /// The items, in order.
    pub items: Vec<Value>,
    /// The members' names, where the items are an object's members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<String>>,
    /// Where they come from, such as `S3://bucket/key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Items {
    /// As a task's answer.
    pub fn into_value(self) -> Value {
        let mut answer = json!({"Items": self.items});
        if let Some(keys) = self.keys {
            answer["Keys"] = Value::from(keys);
        }
        if let Some(source) = self.source {
            answer["Source"] = Value::from(source);
        }
        answer
    }
}

/// Items as they are gathered from one object after another.
#[derive(Debug)]
pub struct Reading {
    items: Items,
    /// How many are wanted.
    most: usize,
    /// Whether more than that is too many, or only more than is wanted.
    limited: bool,
    bytes: usize,
}

impl Reading {
    /// Nothing yet.
    pub fn new(request: &ReaderRequest) -> Self {
        let wanted = request.max_items.filter(|most| *most > 0).and_then(|most| usize::try_from(most).ok());
        let limited = wanted.is_some_and(|most| most <= ITEMS_MAX);
        Reading {
            items: Items::default(),
            most: wanted.unwrap_or(usize::MAX).min(ITEMS_MAX),
            limited,
            bytes: 0,
        }
    }

    /// Whether as many as MaxItems were read: nothing more is wanted.
    pub fn is_full(&self) -> bool {
        self.limited && self.items.items.len() >= self.most
    }

    /// Reads an object's items in the request's format, unpacking gzip.
    ///
    /// # Errors
    /// In AWS's words where they are known, else saying what is wrong and where.
    pub fn read(&mut self, request: &ReaderRequest, bytes: &[u8]) -> Result<(), ItemsError> {
        self.read_as(request, request.input_type.unwrap_or(Format::Json), bytes)
    }

    pub(super) fn read_as(
        &mut self,
        request: &ReaderRequest,
        format: Format,
        bytes: &[u8],
    ) -> Result<(), ItemsError> {
        let bytes = gzip::unpacked(bytes)?;
        let text = || {
            std::str::from_utf8(&bytes)
                .map_err(|problem| ItemsError::new(format!("The object is not UTF-8 text: {problem}")))
        };
        match format {
            Format::Csv => csv::read(text()?, &request.headers, request.delimiter.0, self),
            Format::Json => json::read(text()?, request.items_pointer.as_deref(), self),
            Format::Jsonl => json::read_lines(text()?, self),
            Format::Manifest => Err(ItemsError::new("A manifest cannot list manifests.")),
            Format::Parquet => Err(ItemsError::new(
                "Parquet files cannot be read here: give the dataset as CSV, JSON or JSONL.",
            )),
        }
    }

    /// Takes one item up.
    ///
    /// # Errors
    /// Where there are too many, or they are too large together.
    pub fn add(&mut self, item: Value) -> Result<(), ItemsError> {
        if self.is_full() {
            return Ok(());
        }
        if self.items.items.len() >= self.most {
            return Err(ItemsError::too_many());
        }
        self.bytes += length(&item);
        if self.bytes > ITEMS_BYTES_MAX {
            return Err(ItemsError::too_large());
        }
        self.items.items.push(item);
        Ok(())
    }

    pub(super) fn add_member(&mut self, name: String, value: Value) -> Result<(), ItemsError> {
        if self.is_full() {
            return Ok(());
        }
        self.bytes += name.len();
        self.add(value)?;
        self.items.keys.get_or_insert_default().push(name);
        Ok(())
    }

    /// What was read. `source`: where from, such as `S3://bucket/key`.
    pub fn finish(self, source: String) -> Items {
        Items { source: Some(source), ..self.items }
    }
}

/// How long a value is as JSON text, without making the text.
pub(crate) fn length(value: &Value) -> usize {
    struct Count(usize);
    impl std::fmt::Write for Count {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting never fails.
    let _ = write!(count, "{value}");
    count.0
}
