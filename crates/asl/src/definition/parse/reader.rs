//! A distributed Map's ItemReader.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>

use super::Parser;
use super::fields::{At, Fields, Only, Table};
use super::template::Reads;
use super::values::Range;
use crate::definition::QueryLanguage;
use crate::definition::model::map::{CsvHeaders, InputType, ItemReader, ManifestType, Pointer, ReaderConfig};
use crate::definition::model::{Amount, Computed};

const READER: Table = &[
    ("Resource", Only::Both),
    ("Parameters", Only::JsonPath),
    ("Arguments", Only::Jsonata),
    ("ReaderConfig", Only::Both),
    ("Comment", Only::Both),
];

const CONFIG: Table = &[
    ("InputType", Only::Both),
    ("Transformation", Only::Both),
    ("ManifestType", Only::Both),
    ("MaxItems", Only::Both),
    ("MaxItemsPath", Only::JsonPath),
];

const CSV: Table =
    &[("CSVHeaderLocation", Only::Both), ("CSVHeaders", Only::Both), ("CSVDelimiter", Only::Both)];

const JSON: Table = &[("ItemsPointer", Only::Both)];

/// Most items that a reader may be told to read.
const MAX_ITEMS_MAX: u64 = 100_000_000;

const DELIMITERS: &[(&str, char)] =
    &[("COMMA", ','), ("PIPE", '|'), ("SEMICOLON", ';'), ("SPACE", ' '), ("TAB", '\t')];

impl Parser<'_> {
    pub(super) fn item_reader(&mut self, at: At<'_>, language: QueryLanguage) -> Option<ItemReader> {
        let fields = Fields::open(self, at)?;
        fields.check(self, Some(language), &[READER]);
        fields.require(self, &["Resource"]);
        let resource = fields.get("Resource").and_then(|at| {
            let resource = self.string(&at)?;
            self.storage_action(&at, resource, &["getObject", "listObjectsV2"])
        });
        let parameters = self.parameters(&fields, language);
        let config = match fields.get("ReaderConfig") {
            Some(at) => self.reader_config(at, language),
            None => Some(no_config()),
        };
        Some(ItemReader { resource: resource?, parameters, config: config? })
    }

    /// `arn:…:states:::s3:<action>` with one of these actions.
    pub(super) fn storage_action(&mut self, at: &At<'_>, resource: &str, actions: &[&str]) -> Option<String> {
        let known = resource
            .strip_prefix("arn:")
            .and_then(|rest| rest.split_once(":states:::s3:"))
            .is_some_and(|(partition, action)| !partition.contains(':') && actions.contains(&action));
        if !known {
            self.schema(at, "The field 'Resource' does not match any of the allowed values")
                .hint(format!("use arn:aws:states:::s3: with one of {}", actions.join(", ")));
            return None;
        }
        Some(resource.to_owned())
    }

    /// `Parameters` in JSONPath, `Arguments` in JSONata.
    pub(super) fn parameters(&mut self, fields: &Fields<'_>, language: QueryLanguage) -> Option<Computed> {
        let at = match language {
            QueryLanguage::JsonPath => fields.get("Parameters"),
            QueryLanguage::Jsonata => fields.get("Arguments"),
        }?;
        self.computed(&at, language)
    }

    fn reader_config(&mut self, at: At<'_>, language: QueryLanguage) -> Option<ReaderConfig> {
        let fields = Fields::open(self, at)?;
        let input_type = fields
            .get("InputType")
            .and_then(|at| self.one_of(&at, &["CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"]))
            .map(|index| {
                [InputType::Csv, InputType::Json, InputType::Jsonl, InputType::Manifest, InputType::Parquet]
                    [index]
            });
        let none: Table = &[];
        // A listing's objects may be of any type.
        let (csv, json) = match input_type {
            Some(InputType::Csv) => (CSV, none),
            Some(InputType::Json) => (none, JSON),
            Some(InputType::Jsonl | InputType::Parquet) => (none, none),
            Some(InputType::Manifest) | None => (CSV, JSON),
        };
        fields.check(self, Some(language), &[CONFIG, csv, json]);
        let manifest_type = fields
            .get("ManifestType")
            .and_then(|at| self.one_of(&at, &["S3_INVENTORY", "ATHENA_DATA"]))
            .map(|index| [ManifestType::S3Inventory, ManifestType::AthenaData][index]);
        let load_and_flatten =
            fields.get("Transformation").and_then(|at| self.one_of(&at, &["NONE", "LOAD_AND_FLATTEN"]))
                == Some(1);
        let csv_headers = self.csv_headers(&fields, input_type);
        let delimiters: Vec<&str> = DELIMITERS.iter().map(|(name, _)| *name).collect();
        let csv_delimiter = fields
            .get("CSVDelimiter")
            .and_then(|at| self.one_of(&at, &delimiters))
            .map_or(',', |index| DELIMITERS[index].1);
        let max_items: Option<Amount> =
            self.amount(&fields, "MaxItems", Range::new(0, MAX_ITEMS_MAX), language);
        let items_pointer = fields.get("ItemsPointer").and_then(|at| self.items_pointer(&at, language));
        Some(ReaderConfig {
            input_type,
            csv_headers,
            csv_delimiter,
            manifest_type,
            max_items,
            load_and_flatten,
            items_pointer,
        })
    }

    fn csv_headers(&mut self, fields: &Fields<'_>, input_type: Option<InputType>) -> CsvHeaders {
        let Some(at) = fields.get("CSVHeaderLocation") else {
            if input_type == Some(InputType::Csv) {
                self.schema(&fields.at, "The field 'CSVHeaderLocation' is required");
            }
            return CsvHeaders::FirstRow;
        };
        match self.one_of(&at, &["FIRST_ROW", "GIVEN"]) {
            Some(1) => {
                fields.require(self, &["CSVHeaders"]);
                let headers = fields.get("CSVHeaders").and_then(|at| self.array(&at)).unwrap_or_default();
                CsvHeaders::Given(
                    headers.iter().filter_map(|header| self.string(header).map(str::to_owned)).collect(),
                )
            }
            _ => CsvHeaders::FirstRow,
        }
    }

    fn items_pointer(&mut self, at: &At<'_>, language: QueryLanguage) -> Option<Pointer> {
        let text = self.string(at)?;
        if language == QueryLanguage::Jsonata && text.starts_with("{%") {
            return self.expression(at, Reads::INPUT).map(Pointer::Computed);
        }
        if !text.is_empty() && !text.starts_with('/') {
            self.schema(at, "Value must be a valid JSONPointer").hint("a JSON pointer begins with '/'");
            return None;
        }
        Some(Pointer::Fixed(text.to_owned()))
    }
}

fn no_config() -> ReaderConfig {
    ReaderConfig {
        input_type: None,
        csv_headers: CsvHeaders::FirstRow,
        csv_delimiter: ',',
        manifest_type: None,
        max_items: None,
        load_and_flatten: false,
        items_pointer: None,
    }
}
