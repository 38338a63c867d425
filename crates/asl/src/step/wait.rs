//! The Wait state. <https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html>

use super::amount::written;
use super::evaluate::{Given, Unevaluated, unexpected};
use super::history::last_of;
use super::run::Run;
use crate::definition::model::{Amount, Wait};
use crate::jsonpath::Path;
use crate::limits::SECONDS_MAX;
use crate::state::{Activity, FrameId};
use crate::{Template, TimerKey, time};
use serde_json::Value;

impl Run<'_> {
    pub(super) fn wait(&mut self, id: FrameId, wait: &Wait) {
        let until = match wait {
            Wait::Seconds(Amount::At(path)) => {
                self.seconds_at(id, path).map(|seconds| self.after_seconds(seconds))
            }
            Wait::Seconds(amount) => {
                self.amount(id, amount, "Seconds", 0..=SECONDS_MAX).map(|seconds| self.after_seconds(seconds))
            }
            Wait::Timestamp(template) => match self.template(id, template, "Timestamp", Given::default()) {
                Ok(value) => self.timestamp(id, template, &value),
                Err(problem) => Err(problem),
            },
            Wait::TimestampPath(path) => self.timestamp_at(id, path),
        };
        match until {
            // A test of the state does not wait.
            Ok(until) if until <= self.env.now_ms || self.probe.is_some() => self.succeed_with_input(id),
            Ok(until) => {
                if let Some(frame) = self.frame_mut(id) {
                    frame.event = last_of(frame);
                    frame.activity = Activity::Waiting;
                }
                self.set_timer(TimerKey::Frame(id), until);
            }
            Err(problem) => self.fail_evaluation(id, problem),
        }
    }

    fn seconds_at(&self, id: FrameId, path: &Path) -> Result<u64, Unevaluated> {
        let value = self.waited_for(id, path, "SecondsPath")?;
        let what = |problem: &str| {
            let text = path.text();
            Unevaluated::runtime(format!(
                "The SecondsPath parameter {problem}: {text} == {}",
                written(&value)
            ))
        };
        // Read as a number is written: a text of digits will do, and `1.0` is no long.
        let number: i64 = written(&value).parse().map_err(|_| what("cannot be parsed as a long value"))?;
        u64::try_from(number).map_err(|_| what("references a negative value"))
    }

    fn timestamp_at(&self, id: FrameId, path: &Path) -> Result<i64, Unevaluated> {
        let value = self.waited_for(id, path, "TimestampPath")?;
        value.as_str().and_then(time::parse).ok_or_else(|| {
            Unevaluated::runtime(format!(
                "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: {} == {}",
                path.text(),
                written(&value)
            ))
        })
    }

    fn waited_for(&self, id: FrameId, path: &Path, field: &str) -> Result<Value, Unevaluated> {
        let input = self.selected_input(id)?;
        match self.optional_path(id, path, &input) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(Unevaluated::runtime(format!(
                "The {field} parameter does not reference an input value: {}",
                path.text()
            ))),
            Err(error) => Err(Unevaluated::runtime(error.invalid_path())),
        }
    }

    fn timestamp(&mut self, id: FrameId, template: &Template, value: &Value) -> Result<i64, Unevaluated> {
        let Some(text) = value.as_str() else {
            return Err(match template {
                Template::Expression(expression) => unexpected(expression, "Timestamp", "string", value),
                _ => Unevaluated::at("Timestamp", "The Timestamp field is no string."),
            });
        };
        time::parse(text).ok_or_else(|| {
            // It was evaluated; what fails now comes after the entry.
            if let Some(frame) = self.frame_mut(id) {
                frame.event = last_of(frame);
            }
            let problem = format!(
                "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}"
            );
            Unevaluated::at("Timestamp", problem)
        })
    }
}
