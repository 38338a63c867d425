//! The variables that states read, and the names that variables may have.

use super::Parser;
use super::fields::At;
use crate::limits::VARIABLE_NAME_LENGTH_MAX;

impl Parser<'_> {
    /// The state at hand reads these variables.
    pub(super) fn reads<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        if let Some(reading) = self.reading.last_mut() {
            reading.extend(names.into_iter().map(str::to_owned));
        }
    }

    /// <https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html>
    pub(super) fn check_variable(&mut self, name: &str, at: &At<'_>) {
        const CODE: &str = "INVALID_VARIABLE_NAME";
        let mut letters = name.chars();
        let well_formed = letters.next().is_some_and(char::is_alphabetic)
            && letters.all(|letter| letter.is_alphanumeric() || letter == '_');
        if name == "states" {
            let message = "Cannot assign to reserved variable '$states'.";
            self.error(at, "RESERVED_VARIABLE_NAME", message);
        } else if !well_formed {
            let message =
                format!("Invalid variable name '{name}': the variable name contains invalid characters.");
            self.error(at, CODE, message).hint("a letter first, then letters, digits and '_'");
        } else if name.chars().count() > VARIABLE_NAME_LENGTH_MAX {
            let message = format!(
                "Invalid variable name '{name}': the variable name exceeds the {VARIABLE_NAME_LENGTH_MAX}-character limit."
            );
            self.error(at, CODE, message);
        }
    }
}
