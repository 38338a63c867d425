//! `tenantry workflow`: needs no server.

use super::output::{self, Format};
use super::{CliError, Exit};
use crate::workflows::{self, WorkflowFault};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::PathBuf;

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
    },
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
        Verb::Validate { files } => validate(&files),
    }
}

fn validate(files: &[PathBuf]) -> Result<Exit, CliError> {
    if files.is_empty() {
        let workflows = workflows::load_all().map_err(|faults| report(&faults))?;
        eprintln!("{} workflow(s) of this build are sound", workflows.len());
        return Ok(Exit::Success);
    }
    let mut faults = Vec::new();
    for file in files {
        let path = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|error| CliError::usage(format!("{path} cannot be read: {error}")))?;
        if let Err(found) = workflows::load_one("validated", &path, &text) {
            faults.extend(found);
        }
    }
    if faults.is_empty() {
        eprintln!("{} definition(s) are sound", files.len());
        return Ok(Exit::Success);
    }
    Err(report(&faults))
}

fn report(faults: &[WorkflowFault]) -> CliError {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    CliError::failure(format!("{} fault(s):\n  {}", faults.len(), lines.join("\n  ")))
}
