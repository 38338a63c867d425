//! Parallel and Map: states that hold machines.

use super::fields::{At, Fields};
use super::{Language, Parser, Surroundings};
use crate::definition::model::{Computed, Items, Kind, Map};
use crate::definition::source::NodeKind;
use std::sync::Arc;

impl Parser<'_> {
    pub(super) fn parallel(&mut self, fields: &mut Fields<'_>, inside: &Surroundings) -> Option<Kind> {
        let Some(list) = fields.take("Branches") else {
            self.error(fields.at(), "SCHEMA_VALIDATION_FAILED", "These fields are required: [Branches]");
            return None;
        };
        let Some(items) = list.items().filter(|items| !items.is_empty()) else {
            self.error(&list, "SCHEMA_VALIDATION_FAILED", "Branches must be an array of one machine or more");
            return None;
        };
        let branches: Option<Vec<Arc<str>>> = items
            .into_iter()
            .map(|item| self.inner_machine(item, inside, |_, _| {}))
            .collect::<Vec<_>>()
            .into_iter()
            .collect();
        Some(Kind::Parallel { branches: branches? })
    }

    pub(super) fn map(&mut self, fields: &mut Fields<'_>, inside: &Surroundings) -> Option<Kind> {
        let items = fields.take("Items").and_then(|at| match &at.node.kind {
            NodeKind::Array(_) | NodeKind::Object(_) | NodeKind::String(_) => self.template(&at),
            _ => {
                let message = "Items must be an array, an object or a JSONata expression";
                self.error(&at, "SCHEMA_VALIDATION_FAILED", message);
                None
            }
        });
        let items = items.map_or(Items::Input, Items::Template);
        let item_selector =
            fields.take("ItemSelector").and_then(|at| self.template(&at)).map(Computed::Jsonata);
        let max_concurrency = self.amount(fields, "MaxConcurrency", 0, u64::from(u32::MAX));
        for name in [
            "ItemReader",
            "ItemBatcher",
            "ResultWriter",
            "ToleratedFailureCount",
            "ToleratedFailurePercentage",
            "Label",
        ] {
            if let Some(at) = fields.take(name) {
                self.error(
                    &at,
                    "UNSUPPORTED_FIELD",
                    format!("{name} belongs to a distributed Map, which is not supported yet"),
                );
            }
        }
        let Some(processor) = fields.take("ItemProcessor") else {
            self.error(fields.at(), "SCHEMA_VALIDATION_FAILED", "These fields are required: [ItemProcessor]");
            return None;
        };
        let processor = self.inner_machine(processor, inside, |parser, fields| {
            if let Some(at) = fields.take("ProcessorConfig") {
                parser.processor_config(at);
            }
        });
        Some(Kind::Map(Box::new(Map {
            processor: processor?,
            items,
            item_selector,
            max_concurrency,
            distributed: None,
        })))
    }

    fn processor_config(&mut self, at: At<'_>) {
        let Some(mut fields) = Fields::open(self, at) else { return };
        match fields.take("Mode") {
            Some(at) if at.as_str() == Some("DISTRIBUTED") => {
                fields.take("ExecutionType");
                self.error(
                    &at,
                    "UNSUPPORTED_FIELD",
                    "a distributed Map is not supported yet: use \"INLINE\"",
                );
            }
            Some(at) if at.as_str() != Some("INLINE") => {
                self.error(&at, "SCHEMA_VALIDATION_FAILED", "Mode must be \"INLINE\" or \"DISTRIBUTED\"");
            }
            _ => {}
        }
        fields.finish(self);
    }

    fn inner_machine(
        &mut self,
        at: At<'_>,
        inside: &Surroundings,
        own: impl FnOnce(&mut Self, &mut Fields<'_>),
    ) -> Option<Arc<str>> {
        let mut fields = Fields::open(self, at)?;
        fields.take("Comment");
        if let Some(at) = fields.peek("QueryLanguage")
            && inside.language == Language::Jsonata
            && at.as_str() == Some("JSONPath")
        {
            let message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
            self.error(&at, "SCHEMA_VALIDATION_FAILED", message);
        }
        fields.take("QueryLanguage");
        own(self, &mut fields);
        let start = self.machine(&mut fields, inside);
        fields.finish(self);
        start
    }
}
