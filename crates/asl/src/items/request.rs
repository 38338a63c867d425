//! What an ItemReader asks for.

use super::ItemsError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a reader reads: an evaluated `ItemReader`. It is the `arguments` of a [`crate::TaskKind::ReadItems`] task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReaderRequest {
    /// `Resource`, such as `arn:aws:states:::s3:getObject`.
    pub resource: String,
    /// `Parameters` or `Arguments`, evaluated.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// `InputType`; `None` for a plain listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_type: Option<Format>,
    /// `CSVHeaderLocation` and `CSVHeaders`.
    #[serde(default)]
    pub headers: Headers,
    /// `CSVDelimiter`.
    #[serde(default)]
    pub delimiter: Delimiter,
    /// `ManifestType`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<ManifestKind>,
    /// `MaxItems`; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
    /// `ItemsPointer`, a JSON pointer (RFC 6901).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items_pointer: Option<String>,
    /// `Transformation` is `LOAD_AND_FLATTEN`: the listed objects' own items, not the listing.
    #[serde(default)]
    pub load_and_flatten: bool,
}

/// `InputType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Format {
    /// Text with delimiters.
    Csv,
    /// A JSON array.
    Json,
    /// A JSON value a line.
    Jsonl,
    /// An S3 inventory's manifest.
    Manifest,
    /// Apache Parquet.
    Parquet,
}

/// `CSVHeaderLocation`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Headers {
    /// The first row.
    #[default]
    FirstRow,
    /// `CSVHeaders`.
    Given(Vec<String>),
}

/// `CSVDelimiter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Delimiter(pub char);

impl Default for Delimiter {
    fn default() -> Self {
        Delimiter(',')
    }
}

/// `ManifestType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ManifestKind {
    /// A JSON document that names the files of an inventory and their columns.
    S3Inventory,
    /// A list of the `s3://` addresses of a query's data files.
    AthenaData,
}

/// Where the items lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One object, or one that lists others.
    Object {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// Every object whose key begins with the prefix.
    Listing {
        /// The bucket.
        bucket: String,
        /// The prefix; may be empty.
        prefix: String,
        /// `StartAfter`: keys up to this one are left out.
        start_after: Option<String>,
    },
}

impl ReaderRequest {
    /// Reads a task's arguments back.
    ///
    /// # Errors
    /// Where they are not such a request.
    pub fn from_value(arguments: &Value) -> Result<Self, ItemsError> {
        ReaderRequest::deserialize(arguments)
            .map_err(|problem| ItemsError::new(format!("The ItemReader's request is malformed: {problem}")))
    }

    /// Where the items lie.
    ///
    /// # Errors
    /// Where the resource is none that reads items, or the parameters do not name a bucket and, for an object, its key.
    pub fn source(&self) -> Result<Source, ItemsError> {
        let action = self.resource.rsplit(':').next().unwrap_or_default();
        match action {
            "getObject" => Ok(Source::Object { bucket: self.text("Bucket")?, key: self.text("Key")? }),
            "listObjectsV2" => Ok(Source::Listing {
                bucket: self.text("Bucket")?,
                prefix: self.optional_text("Prefix")?.unwrap_or_default(),
                start_after: self.optional_text("StartAfter")?,
            }),
            _ => Err(ItemsError::new(format!(
                "The ItemReader's Resource '{}' cannot be read: s3:getObject and s3:listObjectsV2 can.",
                self.resource
            ))),
        }
    }

    fn text(&self, name: &str) -> Result<String, ItemsError> {
        match self.optional_text(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(ItemsError::new(format!("The ItemReader's parameters have no {name}."))),
        }
    }

    fn optional_text(&self, name: &str) -> Result<Option<String>, ItemsError> {
        match self.parameters.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(ItemsError::new(format!(
                "The ItemReader's parameter {name} must be a string but was: {other}"
            ))),
        }
    }
}
