//! A distributed Map's ResultWriter.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html>

use super::Parser;
use super::fields::{At, Fields, Only, Table};
use crate::definition::QueryLanguage;
use crate::definition::model::map::{OutputType, ResultWriter, WriterTransformation};

const WRITER: Table = &[
    ("Resource", Only::Both),
    ("Parameters", Only::JsonPath),
    ("Arguments", Only::Jsonata),
    ("WriterConfig", Only::Both),
    ("Comment", Only::Both),
];

const CONFIG: Table = &[("OutputType", Only::Both), ("Transformation", Only::Both)];

impl Parser<'_> {
    pub(super) fn result_writer(&mut self, at: At<'_>, language: QueryLanguage) -> Option<ResultWriter> {
        let fields = Fields::open(self, at)?;
        fields.check(self, Some(language), &[WRITER]);
        if !fields.has("WriterConfig") {
            fields.require(self, &["Resource"]);
        }
        let resource = match fields.get("Resource") {
            Some(at) => {
                let resource = self.string(&at)?;
                Some(self.storage_action(&at, resource, &["putObject"])?)
            }
            None => None,
        };
        let parameters = self.parameters(&fields, language);
        let config = fields.get("WriterConfig").and_then(|at| Fields::open(self, at));
        let mut output_type = OutputType::Json;
        let mut transformation = None;
        if let Some(config) = config {
            config.check(self, Some(language), &[CONFIG]);
            if config.get("OutputType").and_then(|at| self.one_of(&at, &["JSON", "JSONL"])) == Some(1) {
                output_type = OutputType::Jsonl;
            }
            transformation = config
                .get("Transformation")
                .and_then(|at| self.one_of(&at, &["NONE", "COMPACT", "FLATTEN"]))
                .map(|index| {
                    [WriterTransformation::None, WriterTransformation::Compact, WriterTransformation::Flatten]
                        [index]
                });
        }
        Some(ResultWriter { resource, parameters, output_type, transformation })
    }
}
