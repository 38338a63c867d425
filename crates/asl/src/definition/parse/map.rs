//! The Map state.

use super::fields::{At, Fields, Only, Table};
use super::template::Reads;
use super::values::Range;
use super::{Parser, Surroundings};
use crate::definition::model::map::{Distributed, Items, MachineType};
use crate::definition::model::{Computed, Map};
use crate::definition::source::NodeKind;
use crate::definition::{Definition, QueryLanguage};
use std::sync::Arc;

pub(super) const MAP: Table = &[
    ("ItemProcessor", Only::Both),
    ("Iterator", Only::Both),
    ("ItemsPath", Only::JsonPath),
    ("Items", Only::Jsonata),
    ("ItemSelector", Only::Both),
    ("ItemReader", Only::Both),
    ("ItemBatcher", Only::Both),
    ("ResultWriter", Only::Both),
    ("MaxConcurrency", Only::Both),
    ("MaxConcurrencyPath", Only::JsonPath),
    ("ToleratedFailureCount", Only::Both),
    ("ToleratedFailureCountPath", Only::JsonPath),
    ("ToleratedFailurePercentage", Only::Both),
    ("ToleratedFailurePercentagePath", Only::JsonPath),
    ("Label", Only::Both),
];

/// What means nothing to a Map whose iterations run inline.
const DISTRIBUTED_ONLY: &[&str] = &[
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
    "Label",
];

/// Longest label, in characters.
const LABEL_LENGTH_MAX: usize = 40;

/// What a label may not hold, besides white space and control characters: it becomes part of an ARN.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html#map-state-distributed-additional-fields>
const LABEL_EXCLUDES: &str = "?*<>{}[]:;,\\|^~$#%&`\"";

/// Where a Map's iterations run.
pub(super) enum Processor {
    Inline(Arc<str>),
    Distributed(MachineType, Option<Arc<Definition>>),
}

impl Parser<'_> {
    pub(super) fn map(
        &mut self,
        name: &str,
        fields: &Fields<'_>,
        inside: &Surroundings,
        language: QueryLanguage,
    ) -> Option<Map> {
        let one_processor = fields.exactly_one(self, &["ItemProcessor", "Iterator"]);
        let items = self.items(fields, language);
        let item_selector = self.item_selector(fields, language);
        let max_concurrency = self.amount(fields, "MaxConcurrency", Range::from(0), language);
        let item_reader = fields.get("ItemReader").and_then(|at| self.item_reader(at, language));
        let item_batcher = fields.get("ItemBatcher").and_then(|at| self.item_batcher(at, language));
        let result_writer = fields.get("ResultWriter").and_then(|at| self.result_writer(at, language));
        let tolerated_failure_count = self.amount(fields, "ToleratedFailureCount", Range::from(0), language);
        let tolerated_failure_percentage = self.percentage(fields, "ToleratedFailurePercentage", language);
        let label = fields.get("Label").and_then(|at| self.label(&at));
        let processor = fields
            .get("ItemProcessor")
            .or_else(|| fields.get("Iterator"))
            .and_then(|at| self.processor(at, inside));
        if !one_processor {
            return None;
        }
        let (processor, distributed) = match processor? {
            Processor::Inline(start) => {
                self.warn_of_inline(fields);
                (start, None)
            }
            Processor::Distributed(execution_type, definition) => {
                let definition = definition?;
                self.processors.insert(Arc::from(name), Arc::clone(&definition));
                let start = Arc::clone(&definition.start_at);
                let distributed = Distributed {
                    execution_type,
                    label,
                    item_reader,
                    item_batcher,
                    tolerated_failure_count,
                    tolerated_failure_percentage,
                    result_writer,
                };
                (start, Some(Box::new(distributed)))
            }
        };
        Some(Map { processor, items: items?, item_selector, max_concurrency, distributed })
    }

    fn items(&mut self, fields: &Fields<'_>, language: QueryLanguage) -> Option<Items> {
        match language {
            QueryLanguage::JsonPath => match fields.get("ItemsPath") {
                Some(at) => self.reference_to_read(&at).map(Items::At),
                None => Some(Items::Input),
            },
            QueryLanguage::Jsonata => {
                let Some(at) = fields.get("Items") else { return Some(Items::Input) };
                match &at.node.kind {
                    NodeKind::String(_) => {
                        let expression = self.expression(&at, Reads::INPUT)?;
                        Some(Items::Template(crate::Template::Expression(Box::new(expression))))
                    }
                    NodeKind::Array(_) | NodeKind::Object(_) => {
                        self.template(&at, Reads::INPUT).map(Items::Template)
                    }
                    _ => {
                        self.expected(&at, "[ARRAY, OBJECT, STRING]");
                        None
                    }
                }
            }
        }
    }

    fn item_selector(&mut self, fields: &Fields<'_>, language: QueryLanguage) -> Option<Computed> {
        fields.at_most_one(self, &["ItemSelector", "Parameters"]);
        let old = fields.get("Parameters").filter(|_| language == QueryLanguage::JsonPath);
        let at = fields.get("ItemSelector").or(old)?;
        self.computed(&at, language)
    }

    fn label(&mut self, at: &At<'_>) -> Option<String> {
        let label = self.string(at)?;
        if label.is_empty() {
            self.schema(at, "Value cannot be empty");
            return None;
        }
        if label.contains(|letter: char| {
            letter.is_whitespace() || letter.is_control() || LABEL_EXCLUDES.contains(letter)
        }) {
            let message = format!("Invalid Label name: Label '{label}' contains invalid characters");
            self.error(at, "INVALID_LABEL_NAME", message).hint(
                "a label has no white space, no control characters and none of ?*<>{}[]:;,\\|^~$#%&`\"",
            );
            return None;
        }
        if label.chars().count() > LABEL_LENGTH_MAX {
            let message = format!(
                "Invalid Label name: Label '{label}' exceeds the {LABEL_LENGTH_MAX}-character limit allowed by the service"
            );
            self.error(at, "INVALID_LABEL_NAME", message);
            return None;
        }
        if !self.labels.insert(label.to_owned()) {
            let message = format!("Duplicate Label name: {label}");
            self.error(at, "DUPLICATE_LABEL_NAME", message);
        }
        Some(label.to_owned())
    }

    fn warn_of_inline(&mut self, fields: &Fields<'_>) {
        for name in DISTRIBUTED_ONLY {
            if let Some(at) = fields.get(name) {
                let message = format!(
                    "{name} means nothing here: the Map runs inline, because ProcessorConfig.Mode is not DISTRIBUTED"
                );
                self.warn(&at, "DISTRIBUTED_MAP_ONLY", message);
            }
        }
    }
}
