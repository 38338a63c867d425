//! Templates: JSON with expressions in its strings.

use super::Parser;
use super::fields::{At, Fields, whole_number};
use crate::definition::model::{Amount, Results};
use crate::definition::source::NodeKind;
use crate::jsonata::{self, CompileError, RESERVED};
use crate::limits::VARIABLE_NAME_LENGTH_MAX;
use crate::{Expression, Template};
use std::sync::Arc;

impl Parser<'_> {
    /// A field that takes any template.
    pub(super) fn template(&mut self, at: &At<'_>) -> Option<Template> {
        match &at.node.kind {
            NodeKind::String(string) => match self.expression_in(at, string) {
                Text::Plain => Some(Template::Literal(Arc::new(at.node.to_value()))),
                Text::Expression(expression) => Some(Template::Expression(Box::new(expression))),
                Text::Bad => None,
            },
            NodeKind::Array(_) => {
                let items = at.items().unwrap_or_default();
                let items: Option<Vec<Template>> = items.iter().map(|item| self.template(item)).collect();
                items.map(|items| folded(at, items, Template::Array, |item| item))
            }
            NodeKind::Object(_) => {
                let fields = Fields::open(self, at.clone())?;
                let members: Option<Vec<(String, Template)>> = fields
                    .all()
                    .map(|(name, value)| Some((name.to_owned(), self.template(&value)?)))
                    .collect();
                members.map(|members| folded(at, members, Template::Object, |(_, value)| value))
            }
            _ => Some(Template::Literal(Arc::new(at.node.to_value()))),
        }
    }

    /// A field that must be an expression.
    pub(super) fn expression(&mut self, at: &At<'_>, name: &str) -> Option<Expression> {
        let text = at.as_str().map_or(Text::Plain, |string| self.expression_in(at, string));
        match text {
            Text::Expression(expression) => Some(expression),
            Text::Plain => {
                let message = format!("{name} must be a JSONata expression: \"{{% … %}}\"");
                self.error(at, "SCHEMA_VALIDATION_FAILED", message);
                None
            }
            Text::Bad => None,
        }
    }

    /// A whole number, or an expression for one.
    pub(super) fn amount(
        &mut self,
        fields: &mut Fields<'_>,
        name: &str,
        least: u64,
        most: u64,
    ) -> Option<Amount> {
        let at = fields.take(name)?;
        match &at.node.kind {
            NodeKind::String(_) => self.expression(&at, name).map(Amount::Computed),
            _ => whole_number(self, &at, name, least, most).map(Amount::Fixed),
        }
    }

    /// Output and Assign.
    pub(super) fn results(&mut self, fields: &mut Fields<'_>) -> Results {
        let output = fields.take("Output").and_then(|at| self.template(&at));
        Results { output, assign: self.assign(fields) }
    }

    pub(super) fn assign(&mut self, fields: &mut Fields<'_>) -> Vec<(String, Template)> {
        let Some(at) = fields.take("Assign") else { return Vec::new() };
        let Some(variables) = Fields::open(self, at) else { return Vec::new() };
        let mut assign = Vec::new();
        for (name, value) in variables.all() {
            self.check_variable(name, &value);
            if let Some(template) = self.template(&value) {
                assign.push((name.to_owned(), template));
            }
        }
        assign
    }

    /// <https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html>
    fn check_variable(&mut self, name: &str, at: &At<'_>) {
        let mut letters = name.chars();
        let well_formed = letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_alphanumeric() || letter == '_');
        if !well_formed || name.chars().count() > VARIABLE_NAME_LENGTH_MAX {
            let message = format!(
                "'{name}' is no name for a variable: a letter or '_' first, then letters, digits and '_', at most {VARIABLE_NAME_LENGTH_MAX}"
            );
            self.error(at, "INVALID_VARIABLE_NAME", message);
        } else if name == "states" {
            self.error(at, "INVALID_VARIABLE_NAME", "'states' is reserved: it is what $states stands for");
        } else if RESERVED.contains(&name) {
            let message = format!("'{name}' is reserved: expressions call the function ${name}");
            self.error(at, "INVALID_VARIABLE_NAME", message);
        }
    }

    fn expression_in(&mut self, at: &At<'_>, string: &str) -> Text {
        let inner = match (string.strip_prefix("{%"), string.strip_suffix("%}")) {
            (Some(_), Some(_)) if string.len() >= 4 => &string[2..string.len() - 2],
            (Some(_), None) | (None, Some(_)) => {
                let message = "an expression must be the whole string, from \"{%\" to \"%}\", with nothing before or after";
                self.error(at, "INVALID_JSONATA_DELIMITERS", message);
                return Text::Bad;
            }
            _ => {
                // Step Functions takes it for plain text; it is hardly ever meant.
                if string.trim_start().starts_with("{%") || string.trim_end().ends_with("%}") {
                    let message = "this is plain text, because of the spaces around: an expression must be the whole string";
                    self.warn(at, "INVALID_JSONATA_DELIMITERS", message);
                }
                return Text::Plain;
            }
        };
        match jsonata::compile(inner) {
            Ok(expression) => Text::Expression(expression),
            Err(error) => {
                let code = match error {
                    CompileError::Syntax { .. } => "INVALID_JSONATA_EXPRESSION",
                    CompileError::TopLevel { .. } => "JSONATA_TOP_LEVEL_REFERENCE",
                    CompileError::Reserved { .. } => "JSONATA_RESERVED_NAME",
                };
                self.error(at, code, error.to_string());
                Text::Bad
            }
        }
    }
}

enum Text {
    Plain,
    Expression(Expression),
    Bad,
}

/// A container of nothing but literals is a literal itself: then it is shared, never built.
fn folded<T>(
    at: &At<'_>,
    parts: Vec<T>,
    container: impl Fn(Vec<T>) -> Template,
    template: impl Fn(&T) -> &Template,
) -> Template {
    if parts.iter().all(|part| matches!(template(part), Template::Literal(_))) {
        Template::Literal(Arc::new(at.node.to_value()))
    } else {
        container(parts)
    }
}
