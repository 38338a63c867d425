//! Numbers of a state, fixed or computed: TimeoutSeconds, HeartbeatSeconds, MaxConcurrency and their like.

use super::evaluate::{Given, Unevaluated, unexpected};
use super::run::Run;
use crate::definition::model::Amount;
use crate::jsonpath::{self, Path};
use crate::limits::SECONDS_MAX;
use crate::state::FrameId;
use serde_json::Value;

impl Run<'_> {
    pub(super) fn optional_amount(
        &self,
        id: FrameId,
        amount: Option<&Amount>,
        location: &str,
        least: u64,
    ) -> Result<Option<u64>, Unevaluated> {
        amount.map(|amount| self.amount(id, amount, location, least)).transpose()
    }

    /// A whole number of at least `least`. `location` is the field's name without `Path`.
    pub(super) fn amount(
        &self,
        id: FrameId,
        amount: &Amount,
        location: &str,
        least: u64,
    ) -> Result<u64, Unevaluated> {
        let expression = match amount {
            Amount::Fixed(fixed) => return Ok(*fixed),
            Amount::At(path) => return self.amount_at(id, path, location, least),
            Amount::Computed(expression) => expression,
        };
        let value = self.expression(id, expression, location, Given::default())?;
        if !value.is_number() {
            return Err(unexpected(expression, location, "number", &value));
        }
        whole(&value).filter(|number| in_range(*number, least)).and_then(|number| u64::try_from(number).ok()).ok_or_else(|| {
            let problem = format!(
                "The JSONata expression '{}' specified for the field '{location}' must give a whole number from {least} to {SECONDS_MAX}, but was: {value}",
                expression.source
            );
            Unevaluated::at(location, problem)
        })
    }

    fn amount_at(&self, id: FrameId, path: &Path, location: &str, least: u64) -> Result<u64, Unevaluated> {
        let value = self.number_at(id, path)?;
        let Some(number) = whole(&value) else {
            return Err(no_number(location, "integer", path, &value));
        };
        match u64::try_from(number) {
            Ok(number) if in_range(i128::from(number), least) => Ok(number),
            Err(_) if number < 0 && least == 0 => {
                Err(Unevaluated::runtime(format!("{location} cannot be negative.")))
            }
            _ => Err(Unevaluated::runtime(format!("{location} must be between {least} and {SECONDS_MAX}."))),
        }
    }

    /// A percentage.
    pub(super) fn percentage(
        &self,
        id: FrameId,
        amount: &Amount<f64>,
        location: &str,
    ) -> Result<f64, Unevaluated> {
        let (number, computed) = match amount {
            Amount::Fixed(fixed) => return Ok(*fixed),
            Amount::At(path) => {
                let value = self.number_at(id, path)?;
                let Some(number) = value.as_f64() else {
                    return Err(no_number(location, "float", path, &value));
                };
                (number, false)
            }
            Amount::Computed(expression) => {
                let value = self.expression(id, expression, location, Given::default())?;
                let Some(number) = value.as_f64() else {
                    return Err(unexpected(expression, location, "number", &value));
                };
                (number, true)
            }
        };
        if (0.0..=100.0).contains(&number) {
            return Ok(number);
        }
        let problem = format!("{location} must be between 0 and 100.");
        Err(if computed { Unevaluated::at(location, problem) } else { Unevaluated::runtime(problem) })
    }

    fn number_at(&self, id: FrameId, path: &Path) -> Result<Value, Unevaluated> {
        let input = self.selected_input(id)?;
        self.path(id, path, &input, Given::default())
            .map_err(|error| jsonpath::Failure::of_path(&error).into())
    }
}

fn in_range(number: i128, least: u64) -> bool {
    (i128::from(least)..=i128::from(SECONDS_MAX)).contains(&number)
}

/// A JSON number without a fraction, also where it is written with one: `3.0`.
pub(super) fn whole(value: &Value) -> Option<i128> {
    if let Some(number) = value.as_i64() {
        return Some(i128::from(number));
    }
    if let Some(number) = value.as_u64() {
        return Some(i128::from(number));
    }
    let number = value.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fraction was excluded, and the range is far below"
    )]
    (number.fract() == 0.0 && number.abs() < 1e18).then_some(number as i128)
}

fn no_number(location: &str, kind: &str, path: &Path, value: &Value) -> Unevaluated {
    let shown = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Unevaluated::runtime(format!(
        "The {location}Path field refers to value \"{shown}\" which is not a valid {kind}: {}",
        path.text()
    ))
}
