//! A state's data flow: from its raw input to what it works on, and from its result to its output and variables.
//!
//! In JSONPath: InputPath, Parameters, (the state's work), ResultSelector, ResultPath, OutputPath; Assign reads the
//! result as it came. In JSONata: Arguments, (the state's work), Assign and Output. Each stage's value can be observed
//! by a [`super::probe::Probe`].
//! <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html>

use super::evaluate::{Given, Unevaluated};
use super::probe::Stage;
use super::run::Run;
use crate::ContextObject;
use crate::Template;
use crate::definition::model::{Io, Kind, PathField, PathIo, PathOrIntrinsic, ResultPath, Results};
use crate::jsonpath::{self, Path, PayloadTemplate, ReferenceError, ReferencePath};
use crate::state::{FrameId, Payload, Variables};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What a state leaves behind: its output, and the variables that it assigns.
pub(super) type Outcome = (Payload, Vec<(String, Payload)>);

impl Run<'_> {
    pub(super) fn raw_input(&self, id: FrameId) -> Payload {
        self.frame(id).map(|frame| Arc::clone(&frame.input)).unwrap_or_default()
    }

    /// What a state works on: its raw input after InputPath, where it has one.
    pub(super) fn selected_input(&self, id: FrameId) -> Result<Payload, Unevaluated> {
        let raw = self.raw_input(id);
        match self.state_of(id).map(|state| &state.io) {
            Some(Io::JsonPath(io)) => {
                let selected = self.path_field(id, &io.input_path, &raw, Given::default())?;
                self.observe(Stage::AfterInputPath, &selected);
                Ok(selected)
            }
            _ => Ok(raw),
        }
    }

    /// What a Task or Parallel state hands on: Arguments, or InputPath and Parameters.
    pub(super) fn handed_on(&self, id: FrameId, given: Given<'_>) -> Result<Payload, Unevaluated> {
        let Some(state) = self.state_of(id) else { return Ok(self.raw_input(id)) };
        match &state.io {
            Io::Jsonata(io) => {
                let arguments = match &io.arguments {
                    Some(template) => self.template(id, template, "Arguments", given)?,
                    None => self.raw_input(id),
                };
                self.observe(Stage::AfterArguments, &arguments);
                Ok(arguments)
            }
            Io::JsonPath(io) => {
                let selected = self.selected_input(id)?;
                let parameters = match &io.parameters {
                    Some(template) => self.payload_template(id, template, &selected, given)?,
                    None => selected,
                };
                self.observe(Stage::AfterParameters, &parameters);
                Ok(parameters)
            }
        }
    }

    /// What a state without a task gives: a Pass state's Result or its input after Parameters, any other's input.
    pub(super) fn passed_on(&self, id: FrameId) -> Result<Payload, Unevaluated> {
        match self.state_of(id).map(|state| (&state.kind, &state.io)) {
            Some((Kind::Pass, Io::JsonPath(io))) => match &io.result {
                Some(result) => {
                    self.observe(Stage::Result, result);
                    Ok(Arc::clone(result))
                }
                None => self.handed_on(id, Given::default()),
            },
            _ => self.selected_input(id),
        }
    }

    /// Output and variables of a state that has its result.
    pub(super) fn outcome(&self, id: FrameId, io: &Io, result: &Payload) -> Result<Outcome, Unevaluated> {
        match io {
            Io::Jsonata(io) => {
                let given = Given { result: Some(result), ..Given::default() };
                self.results(id, &io.results, "", result, given)
            }
            Io::JsonPath(io) => self.path_outcome(id, io, result),
        }
    }

    /// Output and variables of a state that has no result of its own: Wait, Choice, Succeed, and Pass in JSONata.
    pub(super) fn outcome_of_input(&self, id: FrameId, io: &Io) -> Result<Outcome, Unevaluated> {
        match io {
            Io::Jsonata(io) => self.results(id, &io.results, "", &self.raw_input(id), Given::default()),
            Io::JsonPath(io) => {
                let selected = self.selected_input(id)?;
                let assigned = self.assigned_by_paths(id, io.assign.as_ref(), &selected)?;
                let output = self.path_field(id, &io.output_path, &selected, Given::default())?;
                Ok((output, assigned))
            }
        }
    }

    /// Output and variables of a Choice state in JSONPath that leaves by a rule: its own Assign stands for the state's.
    pub(super) fn outcome_of_rule(
        &self,
        id: FrameId,
        assign: Option<&PayloadTemplate>,
        selected: &Payload,
    ) -> Result<Outcome, Unevaluated> {
        let assigned = self.assigned_by_paths(id, assign, selected)?;
        let output = match self.state_of(id).map(|state| &state.io) {
            Some(Io::JsonPath(io)) => self.path_field(id, &io.output_path, selected, Given::default())?,
            _ => Arc::clone(selected),
        };
        Ok((output, assigned))
    }

    /// Output and Assign, in JSONata: both see the variables as they were.
    pub(super) fn results(
        &self,
        id: FrameId,
        results: &Results,
        prefix: &str,
        default: &Payload,
        given: Given<'_>,
    ) -> Result<Outcome, Unevaluated> {
        let assigned = self.assigned(id, &results.assign, prefix, given)?;
        let output = match &results.output {
            Some(template) => self.template(id, template, &format!("{prefix}Output"), given)?,
            None => Arc::clone(default),
        };
        Ok((output, assigned))
    }

    fn assigned(
        &self,
        id: FrameId,
        assign: &[(String, Template)],
        prefix: &str,
        given: Given<'_>,
    ) -> Result<Vec<(String, Payload)>, Unevaluated> {
        assign
            .iter()
            .map(|(name, template)| {
                let value = self.template(id, template, &format!("{prefix}Assign/{name}"), given)?;
                Ok((name.clone(), value))
            })
            .collect()
    }

    fn path_outcome(&self, id: FrameId, io: &PathIo, result: &Payload) -> Result<Outcome, Unevaluated> {
        let assigned = self.assigned_by_paths(id, io.assign.as_ref(), result)?;
        let selected = match &io.result_selector {
            Some(template) => self.payload_template(id, template, result, Given::default())?,
            None => Arc::clone(result),
        };
        self.observe(Stage::AfterResultSelector, &selected);
        let combined = self.combined(id, &io.result_path, selected)?;
        self.observe(Stage::AfterResultPath, &combined);
        let output = self.path_field(id, &io.output_path, &combined, Given::default())?;
        Ok((output, assigned))
    }

    /// ResultPath: the raw input with the result put in.
    pub(super) fn combined(
        &self,
        id: FrameId,
        result_path: &ResultPath,
        result: Payload,
    ) -> Result<Payload, Unevaluated> {
        match result_path {
            ResultPath::Whole => Ok(result),
            ResultPath::Discard => Ok(self.raw_input(id)),
            ResultPath::At(path) => {
                let input = self.raw_input(id);
                put(path, &input, &result).map(Arc::new)
            }
        }
    }

    /// Assign in JSONPath: an object whose members are the variables.
    pub(super) fn assigned_by_paths(
        &self,
        id: FrameId,
        assign: Option<&PayloadTemplate>,
        input: &Value,
    ) -> Result<Vec<(String, Payload)>, Unevaluated> {
        let Some(template) = assign else { return Ok(Vec::new()) };
        self.with_paths(id, input, Given::default(), |scope| Ok(template.evaluate_members(scope)?))
    }

    /// InputPath or OutputPath.
    pub(super) fn path_field(
        &self,
        id: FrameId,
        field: &PathField,
        input: &Payload,
        given: Given<'_>,
    ) -> Result<Payload, Unevaluated> {
        match field {
            PathField::Whole => Ok(Arc::clone(input)),
            PathField::Empty => Ok(Arc::new(Value::Object(Map::new()))),
            PathField::At(path) => self
                .path(id, path, input, given)
                .map(Arc::new)
                .map_err(|error| jsonpath::Failure::of_path(&error).into()),
        }
    }

    /// A path's value.
    pub(super) fn path(
        &self,
        id: FrameId,
        path: &Path,
        input: &Value,
        given: Given<'_>,
    ) -> Result<Value, jsonpath::PathError> {
        self.with_paths(id, input, given, |scope| path.get(scope))
    }

    /// A path's value; `None` where there is none.
    pub(super) fn optional_path(
        &self,
        id: FrameId,
        path: &Path,
        input: &Value,
    ) -> Result<Option<Value>, jsonpath::PathError> {
        self.with_paths(id, input, Given::default(), |scope| path.get_optional(scope))
    }

    /// The value of ErrorPath or CausePath.
    pub(super) fn path_or_intrinsic(
        &self,
        id: FrameId,
        field: &PathOrIntrinsic,
        name: &str,
        input: &Value,
    ) -> Result<Value, Unevaluated> {
        self.with_paths(id, input, Given::default(), |scope| match field {
            PathOrIntrinsic::Path(path) => {
                path.get(scope).map_err(|error| Unevaluated::runtime(error.specified_for(name, scope)))
            }
            PathOrIntrinsic::Intrinsic(intrinsic) => Ok(intrinsic.evaluate(scope)?),
        })
    }

    pub(super) fn payload_template(
        &self,
        id: FrameId,
        template: &PayloadTemplate,
        input: &Value,
        given: Given<'_>,
    ) -> Result<Payload, Unevaluated> {
        self.with_paths(id, input, given, |scope| Ok(template.evaluate(scope)?))
    }

    fn with_paths<T>(
        &self,
        id: FrameId,
        input: &Value,
        given: Given<'_>,
        use_it: impl FnOnce(&jsonpath::Scope<'_>) -> T,
    ) -> T {
        let context = ContextObject::new(|| self.context(id, given));
        let scopes: Vec<&Variables> = self.scopes(id);
        use_it(&jsonpath::Scope { input, context: &context, variables: &scopes, seed: self.next_seed() })
    }

    /// What the probe saw of a stage.
    pub(super) fn observed(&self, stage: Stage) -> Option<Payload> {
        self.probe.and_then(|probe| probe.noted(stage))
    }

    /// Lets the probe see a stage.
    pub(super) fn observe(&self, stage: Stage, value: &Payload) {
        if let Some(probe) = self.probe {
            probe.note(stage, value);
        }
    }
}

/// The input with a result put in.
pub(super) fn put(path: &ReferencePath, input: &Value, result: &Value) -> Result<Value, Unevaluated> {
    let mut combined = input.clone();
    match path.set(&mut combined, result.clone()) {
        Ok(()) => Ok(combined),
        Err(error) => Err(Unevaluated::Path { error: ReferenceError::NAME, problem: error.to_string() }),
    }
}
