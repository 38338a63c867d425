//! The workflows: read from `workflows/`, rendered, parsed. Both homes interpret the *rendered* text; Terraform's
//! `templatefile` renders the same files on AWS, and this loader knows exactly what both understand.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use tenantry_asl::Definition;

/// Every workflow of this build: its name, the file's path in the repository, and its text.
pub const SOURCES: &[(&str, &str, &str)] = &[(
    "provision_tenant",
    "workflows/provision_tenant.asl.json",
    include_str!("../../../workflows/provision_tenant.asl.json"),
)];

/// The name under which workflows know the queue to the product services.
pub const INTEGRATIONS_QUEUE: &str = "integrations_queue_url";

/// Why a workflow cannot be used. Always names the file; where it can, the place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowFault {
    /// The file's path in the repository.
    pub file: String,
    /// Line and column, from 1.
    pub place: Option<(usize, usize)>,
    /// What is wrong; for a definition, with the state and the field.
    pub message: String,
}

impl fmt::Display for WorkflowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for WorkflowFault {}

/// A workflow that can run.
#[derive(Clone)]
pub struct Workflow {
    /// Its name.
    pub name: String,
    /// The rendered text.
    pub text: String,
    /// What the text means.
    pub definition: Arc<Definition>,
}

/// The closed list of names that a workflow may ask for, with what they stand for on one machine: a step is called by
/// its own name, the queue likewise.
pub fn local_names() -> BTreeMap<String, String> {
    let mut names: BTreeMap<String, String> =
        tenantry_handlers::REGISTRY.iter().map(|step| (step.name.to_owned(), step.name.to_owned())).collect();
    names.insert(INTEGRATIONS_QUEUE.to_owned(), "integrations".to_owned());
    names
}

/// Replaces `${name}` by what `names` says and `$${` by `${`. Anything else that Terraform's `templatefile` would take
/// for a directive (`%{`, or `${` with more than a name in it) is refused with its line and column.
/// <https://developer.hashicorp.com/terraform/language/expressions/strings>
pub fn render(text: &str, names: &BTreeMap<String, String>) -> Result<String, (usize, usize, String)> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let fault = |rest: &str, message: String| {
        let offset = text.len() - rest.len();
        let before = &text[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column, message)
    };
    while let Some(at) = rest.find(['$', '%']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(tail) = rest.strip_prefix("$${") {
            out.push_str("${");
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix("${") {
            let end = tail.find('}').ok_or_else(|| fault(rest, "`${` without its `}`".to_owned()))?;
            let name = &tail[..end];
            let value = names.get(name).ok_or_else(|| {
                let known: Vec<&str> = names.keys().map(String::as_str).collect();
                let message = format!("`${{{name}}}` is not a known name; known are {}", known.join(", "));
                fault(rest, message)
            })?;
            out.push_str(value);
            rest = &tail[end + 1..];
        } else if rest.starts_with("%{") {
            let message = "`%{` is a directive to Terraform; put a space between `%` and `{`".to_owned();
            return Err(fault(rest, message));
        } else {
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// A diagnostic's text begins with its place, which stands behind the file's name already.
fn without_place(text: &str, line: usize, column: usize) -> String {
    text.strip_prefix(&format!("line {line}, column {column}: ")).unwrap_or(text).to_owned()
}

/// The tasks that call a function by a fixed name which is no step: state and name.
pub fn unknown_steps(definition: &Definition) -> Vec<(String, String)> {
    let unknown = definition.tasks().into_iter().filter_map(|task| {
        let function = task.function?;
        tenantry_handlers::registry::find(&function).is_none().then_some((task.name, function))
    });
    unknown.collect()
}

/// Renders and parses one workflow.
pub fn load_one(name: &str, file: &str, text: &str) -> Result<Workflow, Vec<WorkflowFault>> {
    let text = render(text, &local_names()).map_err(|(line, column, message)| {
        vec![WorkflowFault { file: file.to_owned(), place: Some((line, column)), message }]
    })?;
    let definition = tenantry_asl::parse(&text).map_err(|diagnostics| {
        diagnostics
            .iter()
            .map(|diagnostic| WorkflowFault {
                file: file.to_owned(),
                place: Some((diagnostic.line, diagnostic.column)),
                message: without_place(&diagnostic.to_string(), diagnostic.line, diagnostic.column),
            })
            .collect::<Vec<_>>()
    })?;
    let unknown: Vec<WorkflowFault> = unknown_steps(&definition)
        .into_iter()
        .map(|(state, function)| {
            let message = format!("state {state}: field Arguments.FunctionName: there is no step {function}");
            WorkflowFault { file: file.to_owned(), place: None, message }
        })
        .collect();
    if unknown.is_empty() {
        Ok(Workflow { name: name.to_owned(), text, definition: Arc::new(definition) })
    } else {
        Err(unknown)
    }
}

/// Renders and parses every workflow of this build.
pub fn load_all() -> Result<Vec<Workflow>, Vec<WorkflowFault>> {
    load(None)
}

/// Renders and parses every workflow of this build, with those of a folder in place of the ones of the same name and
/// beside them.
pub fn load(folder: Option<&Path>) -> Result<Vec<Workflow>, Vec<WorkflowFault>> {
    let mut sources: BTreeMap<String, (String, String)> = SOURCES
        .iter()
        .map(|(name, file, text)| ((*name).to_owned(), ((*file).to_owned(), (*text).to_owned())))
        .collect();
    if let Some(folder) = folder {
        sources.extend(read_folder(folder)?);
    }
    let mut workflows = Vec::new();
    let mut faults = Vec::new();
    for (name, (file, text)) in &sources {
        match load_one(name, file, text) {
            Ok(workflow) => workflows.push(workflow),
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok(workflows) } else { Err(faults) }
}

type Sources = BTreeMap<String, (String, String)>;

fn read_folder(folder: &Path) -> Result<Sources, Vec<WorkflowFault>> {
    let fault = |path: &Path, error: std::io::Error| {
        let message = format!("cannot be read: {error}");
        vec![WorkflowFault { file: path.display().to_string(), place: None, message }]
    };
    let mut sources = Sources::new();
    for entry in std::fs::read_dir(folder).map_err(|error| fault(folder, error))? {
        let path = entry.map_err(|error| fault(folder, error))?.path();
        let name =
            path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".asl.json"));
        if let Some(name) = name {
            let text = std::fs::read_to_string(&path).map_err(|error| fault(&path, error))?;
            sources.insert(name.to_owned(), (path.display().to_string(), text));
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> BTreeMap<String, String> {
        BTreeMap::from([("step".to_owned(), "arn:step".to_owned())])
    }

    #[test]
    fn renders_names_and_escapes_alone() {
        for (text, expected) in [
            ("", ""),
            ("a ${step} b", "a arn:step b"),
            ("${step}${step}", "arn:steparn:step"),
            ("$${step}", "${step}"),
            ("{% $states.input %} 100% $5", "{% $states.input %} 100% $5"),
            ("ü ${step}", "ü arn:step"),
        ] {
            assert_eq!(render(text, &names()).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest_with_its_place() {
        for (text, line, column) in [
            ("x\n ü${other}", 2, 3),
            ("%{ if true }", 1, 1),
            ("${step", 1, 1),
            ("${ step }", 1, 1),
            ("\n\n%%{", 3, 2),
        ] {
            let (l, c, message) = render(text, &names()).unwrap_err();
            assert_eq!((l, c), (line, column), "{text}: {message}");
        }
    }
}
