//! The fields that make a state's input, output and variables.

use super::Parser;
use super::fields::Fields;
use super::template::Reads;
use crate::definition::QueryLanguage;
use crate::definition::model::{Io, JsonataIo, PathField, PathIo, ResultPath, Results};
use std::sync::Arc;

impl Parser<'_> {
    pub(super) fn io(&mut self, fields: &Fields<'_>, kind: &str, language: QueryLanguage) -> Io {
        match language {
            QueryLanguage::Jsonata => Io::Jsonata(self.jsonata_io(fields, kind)),
            QueryLanguage::JsonPath => Io::JsonPath(Box::new(self.path_io(fields, kind))),
        }
    }

    fn jsonata_io(&mut self, fields: &Fields<'_>, kind: &str) -> JsonataIo {
        let arguments = match kind {
            "Task" | "Parallel" => fields.get("Arguments").and_then(|at| self.template(&at, Reads::INPUT)),
            _ => None,
        };
        let results = match kind {
            "Fail" => Results::default(),
            "Task" | "Parallel" | "Map" => self.results(fields, Reads::RESULT),
            _ => self.results(fields, Reads::INPUT),
        };
        JsonataIo { arguments, results }
    }

    fn path_io(&mut self, fields: &Fields<'_>, kind: &str) -> PathIo {
        if kind == "Fail" {
            return PathIo::default();
        }
        let calls = matches!(kind, "Task" | "Parallel" | "Map");
        let has_result = calls || kind == "Pass";
        let mut io = PathIo::default();
        if let Some(at) = fields.get("InputPath") {
            io.input_path = self.path_field(&at);
        }
        // What a Map has of that name is its ItemSelector.
        if has_result && kind != "Map" {
            io.parameters = fields.get("Parameters").and_then(|at| self.payload_template(&at));
        }
        if kind == "Pass"
            && let Some(at) = fields.get("Result")
        {
            if at.as_str().is_some_and(|text| text.starts_with("$.") || text.starts_with("$$.")) {
                let message = "The Result of a Pass state is static: a path in it is plain text";
                self.warn(&at, "PASS_RESULT_IS_STATIC", message);
            }
            io.result = Some(Arc::new(at.node.to_value()));
        }
        if calls {
            io.result_selector = fields.get("ResultSelector").and_then(|at| self.payload_template(&at));
        }
        if has_result {
            io.result_path = fields.get("ResultPath").map_or(ResultPath::Whole, |at| self.result_path(&at));
        }
        io.output_path = fields.get("OutputPath").map_or(PathField::Whole, |at| self.path_field(&at));
        if kind != "Succeed" {
            io.assign = self.path_assign(fields);
        }
        io
    }
}
