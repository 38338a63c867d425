//! A Map's processor: a machine within, or a definition of its own where the Map is distributed.

use super::fields::{At, Fields, Only, Table};
use super::map::Processor;
use super::{Parser, Surroundings};
use crate::definition::model::map::MachineType;
use crate::definition::source::Node;
use crate::definition::{Definition, QueryLanguage};
use serde_json::{Map, Value};
use std::sync::Arc;

const PROCESSOR: Table = &[("ProcessorConfig", Only::Both)];
const INLINE: Table = &[("Mode", Only::Both)];
const DISTRIBUTED: Table = &[("Mode", Only::Both), ("ExecutionType", Only::Both)];

impl Parser<'_> {
    pub(super) fn processor(&mut self, at: At<'_>, inside: &Surroundings) -> Option<Processor> {
        let fields = Fields::open(self, at)?;
        let distributed = match fields.get("ProcessorConfig") {
            Some(config) => self.processor_config(config, inside),
            None => None,
        };
        let Some(execution_type) = distributed else {
            return self.inner_machine(&fields, PROCESSOR, inside).map(Processor::Inline);
        };
        let inside = Surroundings { machine_type: execution_type, ..inside.clone() };
        let told = self.graph_findings.len();
        // Its states belong to its own definition; here they are looked at, and their names are taken.
        self.processors_around += 1;
        let start = self.inner_machine(&fields, PROCESSOR, &inside);
        self.processors_around -= 1;
        start?;
        let sound = self.graph_findings.len() == told
            && self.findings.iter().all(|(_, finding)| finding.severity != crate::Severity::Error);
        let definition = if sound && self.processors_around == 0 {
            let text = standalone(fields.at.node, self.machine_language);
            self.own_definition(&fields.at, &text, execution_type)
        } else {
            None
        };
        Some(Processor::Distributed(execution_type, definition))
    }

    /// The type of a distributed Map's child executions; `None` where the Map runs inline.
    fn processor_config(&mut self, at: At<'_>, inside: &Surroundings) -> Option<MachineType> {
        let fields = Fields::open(self, at)?;
        let mode = fields.get("Mode").and_then(|at| self.one_of(&at, &["INLINE", "DISTRIBUTED"]));
        let distributed = mode == Some(1);
        fields.check(self, None, &[if distributed { DISTRIBUTED } else { INLINE }]);
        if !distributed {
            return None;
        }
        if inside.machine_type == MachineType::Express
            && let Some(at) = fields.get("Mode")
        {
            let message =
                "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines";
            self.schema(&at, message);
        }
        fields.require(self, &["ExecutionType"]);
        let execution_type =
            fields.get("ExecutionType").and_then(|at| self.one_of(&at, &["STANDARD", "EXPRESS"]));
        Some(if execution_type == Some(1) { MachineType::Express } else { MachineType::Standard })
    }

    fn own_definition(
        &mut self,
        at: &At<'_>,
        text: &str,
        execution_type: MachineType,
    ) -> Option<Arc<Definition>> {
        match super::parse_as(text, execution_type) {
            Ok(definition) => Some(Arc::new(definition)),
            // What holds within a machine but not for one that stands alone: it must end somewhere.
            Err(findings) => {
                for finding in findings {
                    let told = self.findings.iter().any(|(_, known)| known.message == finding.message)
                        || self.graph_findings.iter().any(|known| known.message == finding.message);
                    if !told {
                        self.graph_error(at, finding.code, finding.message)
                            .hint("the processor of a distributed Map is a machine of its own");
                    }
                }
                None
            }
        }
    }
}

/// The processor as a definition: what is told of how it runs goes away, what it inherits is written in.
fn standalone(processor: &Node, language: QueryLanguage) -> String {
    let mut definition = Map::new();
    let language = match language {
        QueryLanguage::JsonPath => "JSONPath",
        QueryLanguage::Jsonata => "JSONata",
    };
    definition.insert("QueryLanguage".to_owned(), Value::from(language));
    if let Value::Object(members) = processor.to_value() {
        definition.extend(members.into_iter().filter(|(name, _)| name != "ProcessorConfig"));
    }
    Value::Object(definition).to_string()
}
