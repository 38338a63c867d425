//! The Choice state. <https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html>

use super::Failure;
use super::evaluate::{Given, Unevaluated, unexpected};
use super::run::Run;
use crate::definition::model::choice::{Comparison, Is, Operand, Operator, Test};
use crate::definition::model::{Choice, Condition, RuleIo};
use crate::errors::RUNTIME;
use crate::jsonpath::Path;
use crate::state::{FrameId, Payload};
use crate::time;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

impl<'a> Run<'a> {
    pub(super) fn choose(&mut self, id: FrameId, choice: &'a Choice) {
        let input = match self.selected_input(id) {
            Ok(input) => input,
            Err(problem) => return self.fail_evaluation(id, problem),
        };
        for (index, rule) in choice.rules.iter().enumerate() {
            match self.meets(id, &rule.condition, index, &input) {
                Ok(true) => {
                    let outcome = match &rule.results {
                        RuleIo::Jsonata(results) => {
                            let prefix = format!("Choices[{index}]/");
                            let default = self.raw_input(id);
                            self.results(id, results, &prefix, &default, Given::default())
                        }
                        RuleIo::JsonPath(assign) => self.outcome_of_rule(id, assign.as_ref(), &input),
                    };
                    return self.leave(id, outcome, Some(&rule.next));
                }
                Ok(false) => {}
                Err(problem) => return self.fail_evaluation(id, problem),
            }
        }
        match &choice.default {
            Some(default) => {
                let Some(state) = self.state_of(id) else { return };
                let outcome = self.outcome_of_input(id, &state.io);
                self.leave(id, outcome, Some(default));
            }
            None => {
                let Some((state, entered)) =
                    self.frame(id).map(|frame| (Arc::clone(&frame.state), frame.entered_event))
                else {
                    return;
                };
                let problem =
                    "Failed to transition out of the state. The state does not point to a next state.";
                let cause = self.in_state(&state, entered, problem);
                let failure = Failure { ends_execution: true, ..Failure::new(RUNTIME, cause) };
                self.fail(id, failure);
            }
        }
    }

    fn meets(
        &self,
        id: FrameId,
        condition: &Condition,
        index: usize,
        input: &Payload,
    ) -> Result<bool, Unevaluated> {
        match condition {
            Condition::Fixed(met) => Ok(*met),
            Condition::Computed(expression) => {
                let location = format!("Choices[{index}]/Condition");
                let value = self.expression(id, expression, &location, Given::default())?;
                value.as_bool().ok_or_else(|| unexpected(expression, &location, "boolean", &value))
            }
            Condition::Test(test) => self.test(id, test, input),
        }
    }

    /// Nested as deep as the definition at most, which its parser bounds.
    fn test(&self, id: FrameId, test: &Test, input: &Payload) -> Result<bool, Unevaluated> {
        match test {
            Test::And(tests) => {
                for test in tests {
                    if !self.test(id, test, input)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Test::Or(tests) => {
                for test in tests {
                    if self.test(id, test, input)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Test::Not(test) => Ok(!self.test(id, test, input)?),
            Test::Compare(comparison) => self.compare(id, comparison, input),
        }
    }

    /// A value of another type than the operator's meets nothing, whatever the operator.
    fn compare(&self, id: FrameId, comparison: &Comparison, input: &Payload) -> Result<bool, Unevaluated> {
        if let Operator::Is(Is::Present, expected) = comparison.operator {
            let present = self
                .optional_path(id, &comparison.variable, input)
                .map_err(|error| Unevaluated::runtime(error.invalid_path()))?
                .is_some();
            return Ok(present == expected);
        }
        let value = self.referenced(id, &comparison.variable, input)?;
        Ok(match &comparison.operator {
            Operator::Text(relation, operand) => {
                let operand =
                    self.operand(id, operand, input, |text| Cow::Owned(Value::from(text.as_str())))?;
                match (value.as_str(), operand.as_str()) {
                    (Some(a), Some(b)) => relation.holds(text_order(a, b)),
                    _ => false,
                }
            }
            Operator::Numeric(relation, operand) => {
                let operand =
                    self.operand(id, operand, input, |number| Cow::Owned(Value::Number(number.clone())))?;
                number_order(&value, &operand).is_some_and(|order| relation.holds(order))
            }
            Operator::Timestamp(relation, operand) => {
                let operand =
                    self.operand(id, operand, input, |text| Cow::Owned(Value::from(text.as_str())))?;
                match (time_of(&value), time_of(&operand)) {
                    (Some(a), Some(b)) => relation.holds(a.cmp(&b)),
                    _ => false,
                }
            }
            Operator::Boolean(operand) => {
                let operand = self.operand(id, operand, input, |flag| Cow::Owned(Value::Bool(*flag)))?;
                matches!((&value, &*operand), (Value::Bool(a), Value::Bool(b)) if a == b)
            }
            Operator::Matches(pattern) => value.as_str().is_some_and(|text| pattern.matches(text)),
            Operator::Is(is, expected) => {
                let holds = match is {
                    Is::Null => value.is_null(),
                    Is::Present => true,
                    Is::Numeric => value.is_number(),
                    Is::Text => value.is_string(),
                    Is::Boolean => value.is_boolean(),
                    Is::Timestamp => time_of(&value).is_some(),
                };
                holds == *expected
            }
        })
    }

    fn operand<'b, T>(
        &self,
        id: FrameId,
        operand: &'b Operand<T>,
        input: &Payload,
        fixed: impl FnOnce(&'b T) -> Cow<'b, Value>,
    ) -> Result<Cow<'b, Value>, Unevaluated> {
        match operand {
            Operand::Fixed(value) => Ok(fixed(value)),
            Operand::At(path) => self.referenced(id, path, input).map(Cow::Owned),
        }
    }

    /// What a rule's path names; that nothing is there ends the execution.
    fn referenced(&self, id: FrameId, path: &Path, input: &Payload) -> Result<Value, Unevaluated> {
        match self.optional_path(id, path, input) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(Unevaluated::runtime(format!(
                "Invalid path '{}': The choice state's condition path references an invalid value.",
                path.text()
            ))),
            Err(error) => Err(Unevaluated::runtime(error.invalid_path())),
        }
    }
}

/// By UTF-16 code units, as Java orders texts.
fn text_order(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

fn number_order(a: &Value, b: &Value) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return Some(a.cmp(&b));
    }
    a.as_f64()?.partial_cmp(&b.as_f64()?)
}

fn time_of(value: &Value) -> Option<i64> {
    value.as_str().and_then(time::parse)
}
