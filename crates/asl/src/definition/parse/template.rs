//! Templates: JSON with expressions in its strings, or with paths in its `.$` members.

use super::Parser;
use super::fields::{At, Fields};
use crate::definition::QueryLanguage;
use crate::definition::model::{Computed, Results};
use crate::definition::source::NodeKind;
use crate::jsonata::{self, CompileError};
use crate::jsonpath::PayloadTemplate;
use crate::{Expression, Template};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which members of `$states` an expression may read besides `input` and `context`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reads {
    result: bool,
    error_output: bool,
}

impl Reads {
    pub(super) const INPUT: Reads = Reads { result: false, error_output: false };
    pub(super) const RESULT: Reads = Reads { result: true, error_output: false };
    pub(super) const ERROR_OUTPUT: Reads = Reads { result: false, error_output: true };

    fn allows(self, member: &str) -> bool {
        match member {
            "input" | "context" => true,
            "result" => self.result,
            "errorOutput" => self.error_output,
            _ => false,
        }
    }
}

impl Parser<'_> {
    /// A JSONata field that takes any template.
    pub(super) fn template(&mut self, at: &At<'_>, reads: Reads) -> Option<Template> {
        match &at.node.kind {
            NodeKind::String(string) => match self.expression_in(at, string, reads) {
                Text::Plain => Some(Template::Literal(Arc::new(at.node.to_value()))),
                Text::Expression(expression) => Some(Template::Expression(expression)),
                Text::Bad => None,
            },
            NodeKind::Array(_) => {
                let items: Vec<_> = at.items()?.iter().map(|item| self.template(item, reads)).collect();
                let items: Option<Vec<Template>> = items.into_iter().collect();
                items.map(|items| folded(at, items, Template::Array, |item| item))
            }
            NodeKind::Object(_) => {
                let fields = Fields::open(self, at.clone())?;
                let members: Vec<_> = fields
                    .all()
                    .map(|(name, value)| Some((name.to_owned(), self.template(&value, reads)?)))
                    .collect();
                let members: Option<Vec<(String, Template)>> = members.into_iter().collect();
                members.map(|members| folded(at, members, Template::Object, |(_, value)| value))
            }
            _ => Some(Template::Literal(Arc::new(at.node.to_value()))),
        }
    }

    /// A field that takes a text: an expression in JSONata, as it stands in JSONPath.
    pub(super) fn text_template(
        &mut self,
        at: &At<'_>,
        language: QueryLanguage,
        reads: Reads,
    ) -> Option<Template> {
        match language {
            QueryLanguage::Jsonata => self.template(at, reads),
            QueryLanguage::JsonPath => Some(Template::Literal(Arc::new(at.node.to_value()))),
        }
    }

    /// A field that takes a template in either language.
    pub(super) fn computed(&mut self, at: &At<'_>, language: QueryLanguage) -> Option<Computed> {
        match language {
            QueryLanguage::Jsonata => self.template(at, Reads::INPUT).map(Computed::Jsonata),
            QueryLanguage::JsonPath => self.payload_template(at).map(Computed::JsonPath),
        }
    }

    /// A field that must be an expression.
    pub(super) fn expression(&mut self, at: &At<'_>, reads: Reads) -> Option<Expression> {
        let text = at.as_str().map_or(Text::Plain, |string| self.expression_in(at, string, reads));
        match text {
            Text::Expression(expression) => Some(*expression),
            Text::Plain => {
                self.schema(at, DELIMITERS);
                None
            }
            Text::Bad => None,
        }
    }

    /// Output and Assign, in JSONata.
    pub(super) fn results(&mut self, fields: &Fields<'_>, reads: Reads) -> Results {
        let output = fields.get("Output").and_then(|at| self.template(&at, reads));
        let mut assign = Vec::new();
        let variables = fields.get("Assign").and_then(|at| Fields::open(self, at));
        for (name, value) in variables.iter().flat_map(Fields::all) {
            self.check_variable(name, &value);
            if let Some(template) = self.template(&value, reads) {
                assign.push((name.to_owned(), template));
            }
        }
        Results { output, assign }
    }

    /// Assign, in JSONPath.
    pub(super) fn path_assign(&mut self, fields: &Fields<'_>) -> Option<PayloadTemplate> {
        let variables = fields.get("Assign").and_then(|at| Fields::open(self, at))?;
        for (name, value) in variables.all() {
            self.check_variable(name.strip_suffix(".$").unwrap_or(name), &value);
        }
        self.payload_template(&variables.at)
    }

    /// A payload template: members whose names end in `.$` are paths or calls of intrinsic functions.
    pub(super) fn payload_template(&mut self, at: &At<'_>) -> Option<PayloadTemplate> {
        let mut members = BTreeMap::new();
        self.payload_members(at, String::new(), &mut members);
        match PayloadTemplate::compile(&at.node.to_value()) {
            Ok(template) => {
                self.reads(template.variables());
                Some(template)
            }
            Err(problems) => {
                for problem in problems {
                    let member = members.get(&(problem.pointer.clone(), problem.field.clone()));
                    let message = match member {
                        Some(member) if member.value.as_str().is_none() => {
                            let found = member.value.node.type_name();
                            let article = if found.starts_with(['A', 'O']) { "an" } else { "a" };
                            format!(
                                "The value for the field '{}' must be a STRING that contains a JSONPath but was {article} {found}",
                                problem.field
                            )
                        }
                        _ => problem.message,
                    };
                    let shown_at = member.map_or(at.offset(), |member| member.name_offset);
                    let finding =
                        self.find(at, shown_at, crate::Severity::Error, "SCHEMA_VALIDATION_FAILED", message);
                    finding.location.push_str(&problem.pointer);
                    if let Some(member) = member {
                        finding.field = member.value.state_and_field().1;
                    }
                }
                None
            }
        }
    }

    /// The `.$` members of a payload template by their object's place in it; a warning for each that seems to lack its
    /// `.$`.
    fn payload_members<'a>(
        &mut self,
        at: &At<'a>,
        pointer: String,
        found: &mut BTreeMap<(String, String), Dynamic<'a>>,
    ) {
        match &at.node.kind {
            NodeKind::Array(_) => {
                for (index, item) in at.items().into_iter().flatten().enumerate() {
                    self.payload_members(&item, format!("{pointer}[{index}]"), found);
                }
            }
            NodeKind::Object(members) => {
                let names: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
                for member in members {
                    let value = at.child(&member.name, &member.value);
                    if let Some(name) = member.name.strip_suffix(".$") {
                        if names.contains(name) {
                            let message = format!(
                                "The fields '{name}' and '{name}.$' are one field once it is computed"
                            );
                            self.schema(&value, message).hint("keep one of them");
                        }
                        let dynamic = Dynamic { value, name_offset: member.name_offset };
                        found.insert((pointer.clone(), member.name.clone()), dynamic);
                        continue;
                    }
                    if value.as_str().is_some_and(seems_computed) {
                        let message = format!(
                            "The value of the field '{}' appears to be a JSONPath or an intrinsic function, but the name does not end with '.$'",
                            member.name
                        );
                        self.warn(&value, "NO_DOLLAR", message);
                    }
                    self.payload_members(&value, format!("{pointer}/{}", member.name), found);
                }
            }
            _ => {}
        }
    }

    fn expression_in(&mut self, at: &At<'_>, string: &str, reads: Reads) -> Text {
        let inner = match (string.strip_prefix("{%"), string.strip_suffix("%}")) {
            (Some(_), Some(_)) if string.len() >= 4 => &string[2..string.len() - 2],
            (Some(_), _) | (_, Some(_)) => {
                self.schema(at, DELIMITERS)
                    .hint("an expression is the whole string, with nothing before or after it");
                return Text::Bad;
            }
            _ => {
                // Step Functions takes it for plain text; it is hardly ever meant.
                if string.trim_start().starts_with("{%") || string.trim_end().ends_with("%}") {
                    let message = "This is plain text, because of the spaces around: an expression must be the whole string";
                    self.warn(at, "JSONATA_WITH_SPACES_AROUND", message);
                }
                return Text::Plain;
            }
        };
        if inner.trim().is_empty() {
            self.error(at, "INVALID_JSONATA_EXPRESSION", "Unexpected end of expression");
            return Text::Bad;
        }
        match jsonata::compile(inner) {
            Ok(expression) => {
                self.reads(expression.variables.iter().map(String::as_str));
                let unknown: Vec<&String> =
                    expression.needs.states.keys().filter(|member| !reads.allows(member)).collect();
                for member in &unknown {
                    let message = format!("Field '$states.{member}' does not exist.");
                    let finding = self.error(at, "UNSUPPORTED_JSONATA_EXPRESSION", message);
                    finding.hint(match member.as_str() {
                        "result" => "$states.result is there in Output and Assign of a Task, Map or Parallel",
                        "errorOutput" => "$states.errorOutput is there in Output and Assign of a Catch rule",
                        _ => "$states has the members input, context, result and errorOutput",
                    });
                }
                if unknown.is_empty() { Text::Expression(Box::new(expression)) } else { Text::Bad }
            }
            Err(error) => {
                let hint = error.to_string();
                match error {
                    CompileError::Syntax { problem, .. } => {
                        self.error(at, "INVALID_JSONATA_EXPRESSION", without_code(&problem)).hint(hint);
                    }
                    CompileError::TopLevel { references, .. } => {
                        for reference in references {
                            let level = if reference == "$$" { "" } else { " at the top level" };
                            let message = format!("Reference to '{reference}'{level} is not supported.");
                            self.error(at, "UNSUPPORTED_JSONATA_EXPRESSION", message).hint(hint.as_str());
                        }
                    }
                }
                Text::Bad
            }
        }
    }
}

const DELIMITERS: &str = "JSONata string must start with {% and end with %}";

/// A member of a payload template that is computed.
struct Dynamic<'a> {
    value: At<'a>,
    name_offset: usize,
}

enum Text {
    Plain,
    Expression(Box<Expression>),
    Bad,
}

/// Whether a text looks like a path or the call of an intrinsic function.
fn seems_computed(text: &str) -> bool {
    text.starts_with("$.") || text.starts_with("$$.") || (text.starts_with("States.") && text.ends_with(')'))
}

/// A message of JSONata's without its code, such as `S0201: `.
fn without_code(message: &str) -> String {
    let code = message.split_once(": ").filter(|(code, _)| {
        code.len() == 5
            && code.starts_with(|letter: char| letter.is_ascii_uppercase())
            && code[1..].bytes().all(|digit| digit.is_ascii_digit())
    });
    code.map_or(message, |(_, rest)| rest).to_owned()
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
