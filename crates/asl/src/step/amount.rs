//! Numbers of a state, fixed or computed: TimeoutSeconds, HeartbeatSeconds, MaxConcurrency and their like.

use super::evaluate::{Given, Unevaluated, unexpected};
use super::run::Run;
use crate::definition::model::Amount;
use crate::jsonpath::{self, Path};
use crate::state::FrameId;
use serde_json::Value;
use std::ops::RangeInclusive;
use std::str::FromStr;

impl Run<'_> {
    pub(super) fn optional_amount(
        &self,
        id: FrameId,
        amount: Option<&Amount>,
        location: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, Unevaluated> {
        amount.map(|amount| self.amount(id, amount, location, range)).transpose()
    }

    /// A whole number within a range. `location` is the field's name without `Path`.
    pub(super) fn amount(
        &self,
        id: FrameId,
        amount: &Amount,
        location: &str,
        range: RangeInclusive<u64>,
    ) -> Result<u64, Unevaluated> {
        let number = self.whole_number(id, amount, location)?;
        u64::try_from(number).ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            out_of_range(
                amount,
                location,
                if number < 0 && *least == 0 {
                    format!("Expected non-negative integer for {location}, got '{number}' instead.")
                } else {
                    format!("{location} must be between {least} and {most}.")
                },
            )
        })
    }

    /// A whole number, of whatever size.
    pub(super) fn whole_number(
        &self,
        id: FrameId,
        amount: &Amount,
        location: &str,
    ) -> Result<i128, Unevaluated> {
        match amount {
            Amount::Fixed(fixed) => Ok(i128::from(*fixed)),
            Amount::At(path) => self.number_at(id, path, location, "integer"),
            Amount::Computed(expression) => {
                let value = self.expression(id, expression, location, Given::default())?;
                let expected = if value.is_number() { "integer" } else { "number" };
                whole(&value).ok_or_else(|| unexpected(expression, location, expected, &value))
            }
        }
    }

    /// A percentage.
    pub(super) fn percentage(
        &self,
        id: FrameId,
        amount: &Amount<f64>,
        location: &str,
    ) -> Result<f64, Unevaluated> {
        let number = match amount {
            Amount::Fixed(fixed) => return Ok(*fixed),
            Amount::At(path) => self.number_at(id, path, location, "float")?,
            Amount::Computed(expression) => {
                let value = self.expression(id, expression, location, Given::default())?;
                value.as_f64().ok_or_else(|| unexpected(expression, location, "number", &value))?
            }
        };
        if (0.0..=100.0).contains(&number) {
            return Ok(number);
        }
        Err(out_of_range(amount, location, format!("{location} must be between 0 and 100.")))
    }

    /// What a path leads to, read as a number is written: a text of digits will do, and a whole number has no fraction,
    /// not even `.0`. Recorded executions show both.
    fn number_at<T: FromStr>(
        &self,
        id: FrameId,
        path: &Path,
        location: &str,
        kind: &str,
    ) -> Result<T, Unevaluated> {
        let input = self.selected_input(id)?;
        let value = self
            .path(id, path, &input, Given::default())
            .map_err(|error| Unevaluated::from(jsonpath::Failure::of_path(&error)))?;
        let text = written(&value);
        text.parse().map_err(|_| {
            Unevaluated::runtime(format!(
                "The {location}Path field refers to value \"{text}\" which is not a valid {kind}: {}",
                path.text()
            ))
        })
    }
}

/// A number that is not within its field's range.
pub(super) fn out_of_range<T>(amount: &Amount<T>, location: &str, problem: String) -> Unevaluated {
    match amount {
        Amount::Computed(_) => Unevaluated::at(location, problem),
        Amount::Fixed(_) | Amount::At(_) => Unevaluated::runtime(problem),
    }
}

/// A text as it is, anything else as JSON.
pub(super) fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A JSON number without a fraction, also where it is written with one: in JSONata every number may be.
fn whole(value: &Value) -> Option<i128> {
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
