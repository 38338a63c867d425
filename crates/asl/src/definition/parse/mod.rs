//! From a definition's text to a [`Definition`], with everything that keeps it from running told at once.
//! <https://states-language.net/spec.html>

mod choice;
mod fan;
mod fields;
mod graph;
mod rules;
mod state;
mod template;
#[cfg(test)]
mod tests;

use super::model::State;
use super::source::{self, line_and_column};
use super::{Definition, QueryLanguage as Language, TaskInfo};
use crate::limits::{DEFINITION_BYTES_MAX, SECONDS_MAX};
use crate::{Diagnostic, Severity, hex};
use fields::{At, Fields};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Reads a definition.
///
/// # Errors
/// All that keeps it from running, each with its state, field, line and column; never empty. Warnings are left out:
/// [`validate`] gives those too.
pub fn parse(text: &str) -> Result<Definition, Vec<Diagnostic>> {
    let (definition, mut diagnostics) = read(text);
    match definition {
        Some(definition) => Ok(definition),
        None => {
            diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
            Err(diagnostics)
        }
    }
}

/// Everything that can be said about a definition, warnings too, in the order of the text.
pub fn validate(text: &str) -> Vec<Diagnostic> {
    read(text).1
}

/// What parsing gathers.
struct Parser<'a> {
    text: &'a str,
    /// Each with its offset in the text.
    findings: Vec<(usize, Diagnostic)>,
    states: HashMap<Arc<str>, State>,
    tasks: Vec<TaskInfo>,
    error_names: BTreeSet<String>,
}

/// What a machine's states inherit from what is around it.
#[derive(Clone)]
struct Surroundings {
    language: Language,
    /// The names of the states that it lies in.
    path: Vec<String>,
    /// Whether the state that it lies in is reachable only through a Catch.
    compensating: bool,
}

fn read(text: &str) -> (Option<Definition>, Vec<Diagnostic>) {
    let mut parser = Parser {
        text,
        findings: Vec::new(),
        states: HashMap::new(),
        tasks: Vec::new(),
        error_names: BTreeSet::new(),
    };
    let definition = parser.document();
    let mut findings = parser.findings;
    findings.sort_by_key(|(offset, _)| *offset);
    let diagnostics: Vec<Diagnostic> = findings.into_iter().map(|(_, diagnostic)| diagnostic).collect();
    let failed = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    (definition.filter(|_| !failed), diagnostics)
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Option<Definition> {
        if self.text.len() > DEFINITION_BYTES_MAX {
            let message = format!(
                "the definition has {} bytes; at most {DEFINITION_BYTES_MAX} are allowed",
                self.text.len()
            );
            self.find_at(0, Severity::Error, "DEFINITION_TOO_LARGE", message);
            return None;
        }
        let root = match source::read(self.text) {
            Ok(root) => root,
            Err(not_json) => {
                self.find_at(not_json.offset, Severity::Error, "INVALID_JSON_DESCRIPTION", not_json.problem);
                return None;
            }
        };
        let mut fields = Fields::open(self, At::root(&root))?;
        let comment = fields.string(self, "Comment");
        if let Some(version) = fields.take("Version")
            && version.as_str() != Some("1.0")
        {
            self.error(&version, "SCHEMA_VALIDATION_FAILED", "Version must be \"1.0\"");
        }
        let timeout_seconds = fields.whole_number(self, "TimeoutSeconds", 1, SECONDS_MAX);
        let language = self.language(&mut fields, Language::JsonPath, None);
        let surroundings = Surroundings { language, path: Vec::new(), compensating: false };
        let start_at = self.machine(&mut fields, &surroundings);
        fields.finish(self);
        let definition = Definition {
            text: self.text.to_owned(),
            hash: hex::encode(&Sha256::digest(self.text)),
            comment,
            timeout_seconds,
            query_language: language,
            start_at: start_at?,
            states: std::mem::take(&mut self.states),
            tasks: std::mem::take(&mut self.tasks),
            processors: std::collections::BTreeMap::new(),
            variable_references: std::collections::BTreeMap::new(),
            error_names: std::mem::take(&mut self.error_names).into_iter().collect(),
        };
        Some(definition)
    }

    /// StartAt and States; gives the first state's name.
    fn machine(&mut self, fields: &mut Fields<'_>, around: &Surroundings) -> Option<Arc<str>> {
        let start = fields.take("StartAt");
        let states = fields.take("States");
        let missing: Vec<&str> = [("StartAt", start.is_none()), ("States", states.is_none())]
            .into_iter()
            .filter_map(|(name, missing)| missing.then_some(name))
            .collect();
        if !missing.is_empty() {
            let message = format!("These fields are required: [{}]", missing.join(", "));
            self.error(fields.at(), "SCHEMA_VALIDATION_FAILED", message);
        }
        let start_name = start.as_ref().and_then(|start| self.name_of(start));
        let members = states.as_ref().and_then(|states| Fields::open(self, states.clone()))?;
        if members.is_empty() {
            self.error(members.at(), "SCHEMA_VALIDATION_FAILED", "States must hold at least one state");
            return None;
        }
        // The graph first: what is reachable only through a Catch is asked of each Task.
        let graph = graph::Graph::of(&members, start_name.as_deref());
        graph.check(self, start.as_ref(), &members);
        for state in members.all_states() {
            let compensating = around.compensating || graph.compensating(state.name());
            let around = Surroundings { compensating, ..around.clone() };
            self.state(state, &around);
        }
        start_name.map(Arc::from)
    }

    /// The field QueryLanguage, or what is inherited.
    fn language(&mut self, fields: &mut Fields<'_>, inherited: Language, state: Option<&str>) -> Language {
        let Some(field) = fields.take("QueryLanguage") else { return inherited };
        match field.as_str() {
            Some("JSONata") => Language::Jsonata,
            Some("JSONPath") if inherited == Language::Jsonata && state.is_some() => {
                let message =
                    "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
                self.error(&field, "SCHEMA_VALIDATION_FAILED", message);
                Language::Jsonata
            }
            Some("JSONPath") => Language::JsonPath,
            _ => {
                self.error(
                    &field,
                    "SCHEMA_VALIDATION_FAILED",
                    "QueryLanguage must be \"JSONata\" or \"JSONPath\"",
                );
                inherited
            }
        }
    }

    fn name_of(&mut self, at: &At<'_>) -> Option<String> {
        let name = at.as_str().map(str::to_owned);
        if name.is_none() {
            let message = format!("expected the name of a state, found {}", at.node.describe());
            self.error(at, "SCHEMA_VALIDATION_FAILED", message);
        }
        name
    }

    fn error(&mut self, at: &At<'_>, code: &'static str, message: impl Into<String>) {
        self.find(at, Severity::Error, code, message.into());
    }

    fn warn(&mut self, at: &At<'_>, code: &'static str, message: impl Into<String>) {
        self.find(at, Severity::Warning, code, message.into());
    }

    fn find(&mut self, at: &At<'_>, severity: Severity, code: &'static str, message: String) {
        let (line, column) = line_and_column(self.text, at.offset);
        let (state, field) = at.state_and_field();
        let location = at.pointer.clone();
        self.findings
            .push((at.offset, Diagnostic { severity, code, message, location, state, field, line, column }));
    }

    fn find_at(&mut self, offset: usize, severity: Severity, code: &'static str, message: impl Into<String>) {
        let (line, column) = line_and_column(self.text, offset);
        let (message, location) = (message.into(), String::new());
        let diagnostic =
            Diagnostic { severity, code, message, location, state: None, field: None, line, column };
        self.findings.push((offset, diagnostic));
    }
}
