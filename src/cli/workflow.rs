//! `tenantry workflow`: needs no server.

use super::output::{self, Format};
use super::{CliError, Exit, workflow_test};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tenantry_definitions::workflows::{self, WorkflowFault};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the workflows of this build.
    List,
    /// Print a workflow as it runs on this machine: rendered.
    Show {
        /// The workflow's name.
        workflow: String,
    },
    /// Check definitions: the files named, or those of this build.
    Validate {
        /// Files in Amazon States Language.
        files: Vec<PathBuf>,
        /// What kind of state machine they are for.
        #[arg(long = "type", value_enum, default_value_t = MachineType::Standard)]
        machine_type: MachineType,
    },
    /// Run a definition, or one state of it, with mocks. Needs no server; time passes at once.
    Test(Box<workflow_test::Test>),
}

/// Step Functions' kinds of state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum MachineType {
    /// Runs up to a year; each step once.
    Standard,
    /// Runs up to five minutes.
    Express,
}

impl From<MachineType> for tenantry_asl::MachineType {
    fn from(kind: MachineType) -> Self {
        match kind {
            MachineType::Standard => Self::Standard,
            MachineType::Express => Self::Express,
        }
    }
}

pub(super) fn run(verb: Verb, format: Format) -> Result<Exit, CliError> {
    match verb {
        Verb::List => {
            let workflows = workflows::load_all().map_err(|faults| report(&faults))?;
            let items: Vec<Value> = workflows
                .iter()
                .map(|workflow| {
                    let definition = &workflow.definition;
                    json!({
                        "name": workflow.name,
                        "tasks": definition.tasks().len(),
                        "hash": definition.hash(),
                        "comment": definition.comment(),
                    })
                })
                .collect();
            let columns = [("workflow", "/name"), ("tasks", "/tasks"), ("comment", "/comment")];
            output::list(&items, &columns, format);
            Ok(Exit::Success)
        }
        Verb::Show { workflow } => {
            let workflows = workflows::load_all().map_err(|faults| report(&faults))?;
            let found = workflows.iter().find(|known| known.name == workflow).ok_or_else(|| {
                let known: Vec<&str> = workflows.iter().map(|workflow| workflow.name.as_str()).collect();
                CliError::not_found(format!(
                    "There is no workflow {workflow}; known are {}.",
                    known.join(", ")
                ))
            })?;
            output::line(found.text.trim_end());
            Ok(Exit::Success)
        }
        Verb::Validate { files, machine_type } => validate(&files, machine_type.into(), format),
        Verb::Test(test) => workflow_test::run(&test, format),
    }
}

fn validate(files: &[PathBuf], kind: tenantry_asl::MachineType, format: Format) -> Result<Exit, CliError> {
    if files.is_empty() {
        let workflows = workflows::load_all().map_err(|faults| report(&faults))?;
        eprintln!("{} workflow(s) of this build are sound", workflows.len());
        return Ok(Exit::Success);
    }
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file)
            .map_err(|error| CliError::usage(format!("{} cannot be read: {error}", file.display())))?;
        found.extend(findings(file, &text, kind));
    }
    let errors = found.iter().filter(|finding| finding.is_error).count();
    match format {
        Format::Table => found.iter().for_each(|finding| output::line(&finding.to_string())),
        Format::Json | Format::Jsonl => {
            let items: Vec<Value> = found.iter().map(Finding::to_json).collect();
            output::list(&items, &[], format);
        }
    }
    if errors > 0 {
        return Err(CliError::failure(format!("{errors} error(s) in {} definition(s)", files.len())));
    }
    eprintln!("{} definition(s) are sound", files.len());
    Ok(Exit::Success)
}

/// What is said about a place in a file.
struct Finding {
    file: String,
    line: usize,
    column: usize,
    is_error: bool,
    /// Step Functions' code; `RENDERING` for a `${…}` that cannot be filled in.
    code: String,
    message: String,
    /// Where in the document.
    location: String,
    /// What to do.
    hint: Option<String>,
}

impl Finding {
    fn to_json(&self) -> Value {
        json!({
            "file": self.file, "line": self.line, "column": self.column,
            "severity": if self.is_error { "ERROR" } else { "WARNING" },
            "code": self.code, "message": self.message, "location": self.location, "hint": self.hint,
        })
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Finding { file, line, column, code, message, location, .. } = self;
        let severity = if self.is_error { "error" } else { "warning" };
        write!(f, "{file}:{line}:{column}: {severity}: {code}: {message}")?;
        if !location.is_empty() {
            write!(f, " at {location}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n    {hint}"),
            None => Ok(()),
        }
    }
}

/// All that can be said about a definition: in the words of AWS where AWS says it.
fn findings(file: &Path, text: &str, kind: tenantry_asl::MachineType) -> Vec<Finding> {
    let file = file.display().to_string();
    let rendered = match workflows::render(text, &workflows::local_names()) {
        Ok(rendered) => rendered,
        Err((line, column, message)) => {
            let (code, location, hint) = ("RENDERING".to_owned(), String::new(), None);
            return vec![Finding { file, line, column, is_error: true, code, message, location, hint }];
        }
    };
    let diagnostics = tenantry_asl::validate_as(&rendered, kind);
    let mut found: Vec<Finding> = diagnostics
        .into_iter()
        .map(|diagnostic| Finding {
            file: file.clone(),
            line: diagnostic.line,
            column: diagnostic.column,
            is_error: diagnostic.severity == tenantry_asl::Severity::Error,
            code: diagnostic.code.to_owned(),
            message: diagnostic.message,
            location: diagnostic.location,
            hint: diagnostic.hint,
        })
        .collect();
    if let Ok(definition) = tenantry_asl::parse_as(&rendered, kind) {
        found.extend(workflows::unknown_steps(&definition).into_iter().map(|(state, step)| Finding {
            file: file.clone(),
            line: 1,
            column: 1,
            is_error: false,
            code: "UNKNOWN_STEP".to_owned(),
            message: format!("the state '{state}' calls the function {step}, which is no step of this build"),
            location: String::new(),
            hint: Some(
                "`tenantry serve` would fail the task with Lambda.ResourceNotFoundException".to_owned(),
            ),
        }));
    }
    found
}

/// The definition in a file, rendered, or everything that keeps it from running.
pub(super) fn sound(file: &Path, text: &str) -> Result<tenantry_asl::Definition, CliError> {
    let kind = tenantry_asl::MachineType::Standard;
    let fault = || {
        let lines: Vec<String> =
            findings(file, text, kind).iter().filter(|f| f.is_error).map(ToString::to_string).collect();
        CliError::failure(format!("{} error(s):\n  {}", lines.len(), lines.join("\n  ")))
    };
    let rendered = workflows::render(text, &workflows::local_names()).map_err(|_| fault())?;
    tenantry_asl::parse_as(&rendered, kind).map_err(|_| fault())
}

fn report(faults: &[WorkflowFault]) -> CliError {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    CliError::failure(format!("{} fault(s):\n  {}", faults.len(), lines.join("\n  ")))
}
