//! One state.

use super::fields::{Fields, Only, StateAt, Table};
use super::template::Reads;
use super::{Parser, Surroundings};
use crate::TaskInfo;
use crate::definition::QueryLanguage;
use crate::definition::model::{FailText, Kind, State, Task};
use crate::limits::STATE_NAME_LENGTH_MAX;
use std::sync::Arc;

/// The types, in the order in which AWS lists them.
const TYPES: &[&str] = &["Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"];

const EVERY: Table = &[("Type", Only::Both), ("Comment", Only::Both), ("QueryLanguage", Only::Both)];

const TRANSITION: Table = &[("Next", Only::Both), ("End", Only::Both)];

const FILTERS: Table =
    &[("InputPath", Only::JsonPath), ("OutputPath", Only::JsonPath), ("Output", Only::Jsonata)];

const ASSIGN: Table = &[("Assign", Only::Both)];

const RESULT: Table = &[("ResultPath", Only::JsonPath), ("Parameters", Only::JsonPath)];

const ARGUMENTS: Table = &[("Arguments", Only::Jsonata)];

const RULES: Table = &[("ResultSelector", Only::JsonPath), ("Retry", Only::Both), ("Catch", Only::Both)];

/// Which fields each type has.
fn tables(kind: &str) -> Vec<Table> {
    let own: &[Table] = match kind {
        "Task" => &[TRANSITION, FILTERS, ASSIGN, RESULT, ARGUMENTS, RULES, super::task::TASK],
        "Wait" => &[TRANSITION, FILTERS, ASSIGN, super::wait::WAIT],
        "Pass" => &[TRANSITION, FILTERS, ASSIGN, RESULT, &[("Result", Only::JsonPath)]],
        "Succeed" => &[FILTERS],
        "Fail" => &[&[
            ("Error", Only::Both),
            ("Cause", Only::Both),
            ("ErrorPath", Only::JsonPath),
            ("CausePath", Only::JsonPath),
        ]],
        "Choice" => &[FILTERS, ASSIGN, super::choice::CHOICE],
        "Parallel" => &[TRANSITION, FILTERS, ASSIGN, RESULT, ARGUMENTS, RULES, &[("Branches", Only::Both)]],
        _ => &[TRANSITION, FILTERS, ASSIGN, RESULT, RULES, super::map::MAP],
    };
    [EVERY].into_iter().chain(own.iter().copied()).collect()
}

impl Parser<'_> {
    pub(super) fn state(&mut self, state: StateAt<'_>, around: &Surroundings) {
        let StateAt { name, at } = state;
        self.check_state_name(name, &at);
        let Some(fields) = Fields::open(self, at) else { return };
        self.reading.push(Default::default());
        let model = self.state_model(name, &fields, around);
        let read = self.reading.pop().unwrap_or_default();
        if !read.is_empty() {
            self.variable_references.insert(name.to_owned(), read.into_iter().collect());
        }
        if let Some(model) = model
            && self.processors_around == 0
        {
            self.states.insert(Arc::clone(&model.name), Box::new(model));
        }
    }

    fn state_model(&mut self, name: &str, fields: &Fields<'_>, around: &Surroundings) -> Option<State> {
        fields.require(self, &["Type"]);
        let kind_at = fields.get("Type")?;
        let kind_name = self.string(&kind_at)?;
        if !TYPES.contains(&kind_name) {
            let message = format!("The field 'Type' should have one of these values: [{}]", TYPES.join(", "));
            self.schema(&kind_at, message);
            return None;
        }
        let language = self.state_language(fields, kind_name);
        if let Some(at) = fields.get("Comment") {
            self.string(&at);
        }
        let mut path = around.path.clone();
        path.push(name.to_owned());
        let inside = Surroundings { path: path.clone(), ..around.clone() };
        let kind = match kind_name {
            "Task" => self.task(fields, &inside, language).map(|task| Kind::Task(Box::new(task))),
            "Pass" => Some(Kind::Pass),
            "Choice" => self.choice(fields, language).map(Kind::Choice),
            "Wait" => self.wait(fields, language).map(Kind::Wait),
            "Succeed" => Some(Kind::Succeed),
            "Fail" => Some(self.fail(fields, language)),
            "Parallel" => self.parallel(fields, &inside),
            _ => self.map(name, fields, &inside, language).map(|map| Kind::Map(Box::new(map))),
        };
        let (retry, catch) = match kind_name {
            "Task" | "Parallel" | "Map" => (self.retry(fields), self.catch(fields, language)),
            _ => (Vec::new(), Vec::new()),
        };
        let io = self.io(fields, kind_name, language);
        let next = match kind_name {
            "Choice" | "Succeed" | "Fail" => None,
            _ => self.transition(fields),
        };
        let kind = kind?;
        if let Kind::Task(task) = &kind {
            let catch_targets = catch.iter().map(|rule| rule.next.to_string()).collect();
            self.tasks.push(TaskInfo {
                path,
                name: name.to_owned(),
                resource: task.resource.arn.clone(),
                function: function_of(task, fields),
                catch_targets,
                compensating: around.compensating,
                nested: !around.path.is_empty(),
                waits_for_token: task.resource.waits_for_token,
            });
        }
        Some(State { name: Arc::from(name), kind, next, io, retry, catch })
    }

    /// The state's own language, with what is said about it and about fields that are not its own.
    fn state_language(&mut self, fields: &Fields<'_>, kind: &str) -> QueryLanguage {
        let field = fields.get("QueryLanguage");
        let language = field.as_ref().map_or(self.machine_language, |at| self.query_language(at));
        let downgraded =
            language == QueryLanguage::JsonPath && self.machine_language == QueryLanguage::Jsonata;
        if downgraded {
            let shown_at = fields.name_offset("QueryLanguage");
            let message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
            let severity = crate::Severity::Error;
            let code = "SCHEMA_VALIDATION_FAILED";
            self.find(&fields.at, shown_at, severity, code, message.to_owned());
        }
        // AWS says no more about the languages of a state that is in the wrong one.
        fields.check(self, (!downgraded).then_some(language), &tables(kind));
        language
    }

    fn check_state_name(&mut self, name: &str, at: &super::fields::At<'_>) {
        if name.is_empty() {
            self.error(at, "INVALID_STATE_NAME", "Invalid State name: the name is empty");
        } else if name.chars().count() > STATE_NAME_LENGTH_MAX {
            let message = format!(
                "Invalid State name: State '{name}' exceeds the {STATE_NAME_LENGTH_MAX}-character limit allowed by the service"
            );
            self.error(at, "INVALID_STATE_NAME", message);
        }
        if !self.state_names.insert(name.to_owned()) {
            let finding =
                self.graph_error(at, "DUPLICATE_STATE_NAME", format!("Duplicate State name: {name}"));
            finding.hint("names are unique in the whole definition, whatever lies in what");
        }
    }

    /// Next or End.
    fn transition(&mut self, fields: &Fields<'_>) -> Option<Arc<str>> {
        let next = fields.get("Next");
        let end = fields.get("End");
        let ends = end.is_some_and(|at| self.boolean(&at) == Some(true));
        match (next, ends) {
            (Some(at), false) => self.string(&at).map(Arc::from),
            (None, true) => None,
            (Some(_), true) => {
                fields.at_most_one(self, &["Next", "End"]);
                None
            }
            (None, false) => {
                let message = "This object should have only one of the following fields: [Next, End]";
                self.schema(&fields.at, message).hint("name the next state, or say \"End\": true");
                None
            }
        }
    }

    fn parallel(&mut self, fields: &Fields<'_>, inside: &Surroundings) -> Option<Kind> {
        fields.require(self, &["Branches"]);
        let branches = fields.get("Branches")?;
        let branches: Vec<Option<Arc<str>>> = self
            .filled(&branches)?
            .into_iter()
            .map(|branch| {
                let fields = Fields::open(self, branch)?;
                self.inner_machine(&fields, &[], inside)
            })
            .collect();
        let branches: Option<Vec<Arc<str>>> = branches.into_iter().collect();
        Some(Kind::Parallel { branches: branches? })
    }

    fn fail(&mut self, fields: &Fields<'_>, language: QueryLanguage) -> Kind {
        let mut text = |name: &str, path_name: &str| {
            fields.at_most_one(self, &[name, path_name]);
            if let Some(at) = fields.get(name) {
                self.string(&at)?;
                return self.text_template(&at, language, Reads::INPUT).map(FailText::Template);
            }
            let at = fields.get(path_name).filter(|_| language == QueryLanguage::JsonPath)?;
            self.path_or_intrinsic(&at).map(FailText::At)
        };
        let (error, cause) = (text("Error", "ErrorPath"), text("Cause", "CausePath"));
        Kind::Fail { error, cause }
    }
}

/// The function that a Lambda task calls, where it is fixed.
fn function_of(task: &Task, fields: &Fields<'_>) -> Option<String> {
    if task.resource.service != "lambda" {
        return None;
    }
    let arguments = fields.get("Arguments").or_else(|| fields.get("Parameters"))?;
    let name = arguments.node.member("FunctionName")?.value.as_str()?;
    (!name.starts_with("{%")).then(|| name.to_owned())
}
