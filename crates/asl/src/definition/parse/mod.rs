//! From a definition's text to a [`Definition`], with everything that keeps it from running told at once, in AWS's words.
//!
//! AWS looks at a definition in stages: is it JSON, does each object have the fields that it must and may have (the
//! *schema*), and only then do the states hang together. Findings come in that order, and those of the schema in the
//! order of the text, each object before what lies in it.
//! <https://states-language.net/spec.html>

mod batcher;
mod choice;
mod duplicates;
mod fields;
mod graph;
mod integrations;
mod io;
mod machine;
mod map;
mod paths;
mod processor;
mod reader;
mod resource;
mod rules;
mod state;
mod task;
mod template;
#[cfg(test)]
mod tests;
mod values;
mod variables;
mod wait;
mod writer;

use super::model::State;
use super::source::{self, Lines, Member, Node, NotJson, jackson_place};
use super::{Definition, MachineType, QueryLanguage, TaskInfo};
use crate::limits::DEFINITION_BYTES_MAX;
use crate::{Diagnostic, Severity, hex};
use fields::At;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The name of a state that is parsed without a machine around it, as AWS calls it in locations.
pub const LONE_STATE_NAME: &str = "StateName";

/// Reads a definition for a Standard machine.
///
/// # Errors
/// All that keeps it from running, each with its state, field, line and column; never empty. Warnings are left out:
/// [`validate`] gives those too.
pub fn parse(text: &str) -> Result<Definition, Vec<Diagnostic>> {
    parse_as(text, MachineType::Standard)
}

/// Reads a definition for a machine of that type.
///
/// # Errors
/// As [`parse`].
pub fn parse_as(text: &str, machine_type: MachineType) -> Result<Definition, Vec<Diagnostic>> {
    only_errors(read(text, machine_type, |parser, root| parser.document(root)))
}

/// Reads one state that stands for itself, as `TestState` takes it. It is named [`LONE_STATE_NAME`], and is all that the
/// definition holds; where it leads to is not looked at.
///
/// # Errors
/// As [`parse`].
pub fn parse_state(text: &str) -> Result<Definition, Vec<Diagnostic>> {
    only_errors(read(text, MachineType::Standard, |parser, root| parser.lone_state(root)))
}

/// Everything that can be said about a definition, warnings too: first of the schema in the order of the text, then of
/// how the states hang together.
pub fn validate(text: &str) -> Vec<Diagnostic> {
    validate_as(text, MachineType::Standard)
}

/// As [`validate`], for a machine of that type.
pub fn validate_as(text: &str, machine_type: MachineType) -> Vec<Diagnostic> {
    read(text, machine_type, |parser, root| parser.document(root)).1
}

/// Whether a JSON text is a state that stands for itself: it has a `Type`, or it has no `States`.
pub fn is_lone_state(text: &str) -> bool {
    source::read(text).is_ok_and(|root| root.member("Type").is_some() && root.member("States").is_none())
}

fn only_errors(
    (definition, mut diagnostics): (Option<Definition>, Vec<Diagnostic>),
) -> Result<Definition, Vec<Diagnostic>> {
    definition.ok_or_else(|| {
        diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
        diagnostics
    })
}

/// Most errors that are told of one definition, and most warnings: whoever has so many does not read them.
const FINDINGS_MAX: usize = 1_000;

/// Most bytes that naming each place of a definition once may take: names that are long and stand far above much else
/// would make more of a small text than memory holds.
const PATH_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What parsing gathers.
struct Parser<'a> {
    text: &'a str,
    lines: Lines<'a>,
    /// How many findings of each severity are told.
    told: (usize, usize),
    /// Takes what is found beyond that.
    untold: Option<Diagnostic>,
    /// Of the schema, each with the offset of the object or value that AWS locates it at.
    findings: Vec<(usize, Diagnostic)>,
    /// Of how states hang together, in AWS's order.
    graph_findings: Vec<Diagnostic>,
    comment: Option<String>,
    timeout_seconds: Option<u64>,
    machine_language: QueryLanguage,
    states: HashMap<Arc<str>, Box<State>>,
    processors: BTreeMap<Arc<str>, Arc<Definition>>,
    tasks: Vec<TaskInfo>,
    error_names: BTreeSet<String>,
    /// The names of all states seen, at every depth.
    state_names: BTreeSet<String>,
    /// The labels of all distributed Maps seen.
    labels: BTreeSet<String>,
    /// The variables that the states under way read, the innermost last.
    reading: Vec<BTreeSet<String>>,
    variable_references: BTreeMap<String, Vec<String>>,
    /// How many processors of distributed Maps the place at hand lies in: their states belong to another definition.
    processors_around: usize,
}

/// What a machine's states inherit from what is around it.
#[derive(Clone)]
struct Surroundings {
    machine_type: MachineType,
    /// The names of the states that it lies in.
    path: Vec<String>,
    /// Whether the state that it lies in is reachable only through a Catch.
    compensating: bool,
}

fn read(
    text: &str,
    machine_type: MachineType,
    walk: impl FnOnce(&mut Parser<'_>, Root<'_>) -> Option<Arc<str>>,
) -> (Option<Definition>, Vec<Diagnostic>) {
    let mut parser = Parser {
        text,
        lines: Lines::of(text),
        told: (0, 0),
        untold: None,
        findings: Vec::new(),
        graph_findings: Vec::new(),
        comment: None,
        timeout_seconds: None,
        machine_language: QueryLanguage::JsonPath,
        states: HashMap::new(),
        processors: BTreeMap::new(),
        tasks: Vec::new(),
        error_names: BTreeSet::new(),
        state_names: BTreeSet::new(),
        labels: BTreeSet::new(),
        reading: Vec::new(),
        variable_references: BTreeMap::new(),
        processors_around: 0,
    };
    let root = match parser.json() {
        Ok(root) => root,
        Err(diagnostic) => return (None, vec![*diagnostic]),
    };
    parser.duplicates(&At::root(&root));
    let start_at = walk(&mut parser, Root { node: &root, machine_type });
    let mut findings = std::mem::take(&mut parser.findings);
    findings.sort_by_key(|(offset, _)| *offset);
    let mut diagnostics: Vec<Diagnostic> = findings.into_iter().map(|(_, diagnostic)| diagnostic).collect();
    let broken = |diagnostics: &[Diagnostic]| diagnostics.iter().any(|d| d.severity == Severity::Error);
    if !diagnostics.iter().any(|finding| finding.code == "SCHEMA_VALIDATION_FAILED") {
        diagnostics.append(&mut parser.graph_findings);
    }
    let Some(start_at) = start_at.filter(|_| !broken(&diagnostics)) else { return (None, diagnostics) };
    let definition = Definition {
        text: text.to_owned(),
        hash: hex::encode(&Sha256::digest(text)),
        comment: parser.comment,
        timeout_seconds: parser.timeout_seconds,
        query_language: parser.machine_language,
        start_at,
        states: parser.states,
        processors: parser.processors,
        tasks: parser.tasks,
        error_names: parser.error_names.into_iter().collect(),
        variable_references: parser.variable_references,
    };
    (Some(definition), diagnostics)
}

/// The whole document.
#[derive(Clone, Copy)]
struct Root<'a> {
    node: &'a Node,
    machine_type: MachineType,
}

impl Parser<'_> {
    fn json(&self) -> Result<Node, Box<Diagnostic>> {
        if self.text.len() > DEFINITION_BYTES_MAX {
            let message = format!(
                "the definition has {} bytes; at most {DEFINITION_BYTES_MAX} are allowed",
                self.text.len()
            );
            return Err(Box::new(self.of_text("DEFINITION_TOO_LARGE", message, "", 0)));
        }
        let root = source::read(self.text).map_err(|not_json| match not_json {
            NotJson::Empty => {
                self.of_text("SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object", "", 0)
            }
            NotJson::Syntax { offset, message } => {
                let place = jackson_place(self.text, offset);
                let message = format!("{message}\n at {place}");
                let found_at = self.text[..offset].char_indices().next_back().map_or(0, |(at, _)| at);
                self.of_text("INVALID_JSON_DESCRIPTION", message, &place, found_at)
            }
            NotJson::TooDeep { offset } => {
                let message = format!("The definition is nested deeper than {} levels", source::DEPTH_MAX);
                self.of_text("TOO_DEEPLY_NESTED", message, "", offset)
            }
        });
        let root = root.map_err(Box::new)?;
        if root.path_bytes(0) > PATH_BYTES_MAX {
            let message = "The names in the definition are too long for how much lies below them";
            return Err(Box::new(self.of_text("DEFINITION_TOO_LARGE", message, "", 0)));
        }
        match root.kind {
            source::NodeKind::Object(_) => Ok(root),
            _ => Err(Box::new(self.of_text(
                "SCHEMA_VALIDATION_FAILED",
                "Definition must be a valid JSON object",
                "",
                root.offset,
            ))),
        }
    }

    fn of_text(
        &self,
        code: &'static str,
        message: impl Into<String>,
        location: &str,
        offset: usize,
    ) -> Diagnostic {
        let (line, column) = self.lines.place(offset);
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            location: location.to_owned(),
            hint: None,
            state: None,
            field: None,
            line,
            column,
        }
    }

    fn schema(&mut self, at: &At<'_>, message: impl Into<String>) -> &mut Diagnostic {
        self.error(at, "SCHEMA_VALIDATION_FAILED", message)
    }

    fn error(&mut self, at: &At<'_>, code: &'static str, message: impl Into<String>) -> &mut Diagnostic {
        self.find(at, at.offset(), Severity::Error, code, message.into())
    }

    /// A finding that AWS locates at an object, about one of its members.
    fn error_of(
        &mut self,
        at: &At<'_>,
        member: &Member,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let (_, field) = at.child(&member.name, &member.value).state_and_field();
        let finding = self.find(at, member.name_offset, Severity::Error, code, message.into());
        finding.field = field;
        finding
    }

    fn warn(&mut self, at: &At<'_>, code: &'static str, message: impl Into<String>) -> &mut Diagnostic {
        self.find(at, at.offset(), Severity::Warning, code, message.into())
    }

    /// A finding that AWS locates at `at`; `shown_at` is where we point in the text.
    fn find(
        &mut self,
        at: &At<'_>,
        shown_at: usize,
        severity: Severity,
        code: &'static str,
        message: String,
    ) -> &mut Diagnostic {
        let room = self.room(severity);
        let diagnostic = self.diagnostic(at, shown_at, severity, code, message);
        if !room {
            return self.untold.insert(diagnostic);
        }
        self.findings.push((at.offset(), diagnostic));
        let last = self.findings.len() - 1;
        &mut self.findings[last].1
    }

    /// Whether one more finding is told.
    fn room(&mut self, severity: Severity) -> bool {
        let told = match severity {
            Severity::Error => &mut self.told.0,
            Severity::Warning => &mut self.told.1,
        };
        *told += 1;
        *told <= FINDINGS_MAX
    }

    fn graph_error(
        &mut self,
        at: &At<'_>,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let diagnostic = self.diagnostic(at, at.offset(), Severity::Error, code, message.into());
        // Of these as many as of the schema: they are told only where the schema holds.
        if self.graph_findings.len() >= FINDINGS_MAX {
            return self.untold.insert(diagnostic);
        }
        self.graph_findings.push(diagnostic);
        let last = self.graph_findings.len() - 1;
        &mut self.graph_findings[last]
    }

    fn diagnostic(
        &self,
        at: &At<'_>,
        shown_at: usize,
        severity: Severity,
        code: &'static str,
        message: String,
    ) -> Diagnostic {
        let (line, column) = self.lines.place(shown_at);
        let (state, field) = at.state_and_field();
        let location = if at.location.is_empty() { "/".to_owned() } else { at.location.clone() };
        Diagnostic { severity, code, message, location, hint: None, state, field, line, column }
    }
}
