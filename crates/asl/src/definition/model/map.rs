//! The Map state. <https://docs.aws.amazon.com/step-functions/latest/dg/state-map.html>

use super::{Amount, Computed};
use crate::jsonpath::Path;
use crate::{Expression, Template};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Map {
    /// The processor's first state. Where the Map is distributed, it is a state of the processor's own definition.
    pub(crate) processor: Arc<str>,
    pub(crate) items: Items,
    /// `ItemSelector`, or `Parameters` as it was called before.
    pub(crate) item_selector: Option<Computed>,
    /// `0`: no limit.
    pub(crate) max_concurrency: Option<Amount>,
    /// Set where `ProcessorConfig.Mode` is `DISTRIBUTED`.
    pub(crate) distributed: Option<Box<Distributed>>,
}

/// Where the items come from, where no ItemReader reads them.
#[derive(Debug)]
pub(crate) enum Items {
    /// The state's effective input.
    Input,
    /// `ItemsPath`.
    At(Path),
    /// `Items`, in JSONata.
    Template(Template),
}

/// What only a distributed Map has. What its child executions run is told by
/// [`crate::Definition::processor`].
#[derive(Debug)]
pub(crate) struct Distributed {
    pub(crate) execution_type: MachineType,
    pub(crate) label: Option<String>,
    pub(crate) item_reader: Option<ItemReader>,
    pub(crate) item_batcher: Option<ItemBatcher>,
    pub(crate) tolerated_failure_count: Option<Amount>,
    pub(crate) tolerated_failure_percentage: Option<Amount<f64>>,
    pub(crate) result_writer: Option<ResultWriter>,
}

/// The type of a state machine, or of a distributed Map's child executions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MachineType {
    /// Durable, up to a year, each step in its history.
    #[default]
    Standard,
    /// At most five minutes; no activities, no `.sync`, no `.waitForTaskToken`, no distributed Map.
    Express,
}

#[derive(Debug)]
pub(crate) struct ItemReader {
    /// As the definition names it.
    pub(crate) resource: String,
    /// `Parameters` or `Arguments`.
    pub(crate) parameters: Option<Computed>,
    pub(crate) config: ReaderConfig,
}

#[derive(Debug)]
pub(crate) struct ReaderConfig {
    /// `None` for listings.
    pub(crate) input_type: Option<InputType>,
    pub(crate) csv_headers: CsvHeaders,
    /// `,` where none is named.
    pub(crate) csv_delimiter: char,
    pub(crate) manifest_type: Option<ManifestType>,
    /// `MaxItems` or `MaxItemsPath`.
    pub(crate) max_items: Option<Amount>,
    /// `Transformation`: a listing's objects are read too (`LOAD_AND_FLATTEN`).
    pub(crate) load_and_flatten: bool,
    /// JSON pointer (RFC 6901) to the items within a JSON document.
    pub(crate) items_pointer: Option<Pointer>,
}

#[derive(Debug)]
pub(crate) enum Pointer {
    Fixed(String),
    Computed(Expression),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputType {
    Csv,
    Json,
    Jsonl,
    Manifest,
    Parquet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CsvHeaders {
    /// Also where nothing is said.
    FirstRow,
    Given(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ManifestType {
    S3Inventory,
    AthenaData,
}

#[derive(Debug)]
pub(crate) struct ItemBatcher {
    pub(crate) max_items_per_batch: Option<Amount>,
    pub(crate) max_input_bytes_per_batch: Option<Amount>,
    pub(crate) batch_input: Option<Computed>,
}

#[derive(Debug)]
pub(crate) struct ResultWriter {
    /// `None`: the results are the state's result, in the form that the configuration tells.
    pub(crate) resource: Option<String>,
    /// `Parameters` or `Arguments`.
    pub(crate) parameters: Option<Computed>,
    pub(crate) output_type: OutputType,
    /// `None` where nothing is said.
    pub(crate) transformation: Option<WriterTransformation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputType {
    Json,
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriterTransformation {
    None,
    Compact,
    Flatten,
}
