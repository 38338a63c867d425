//! The Choice state.

use super::Parser;
use super::fields::{At, Fields, Only, Table};
use super::template::Reads;
use crate::definition::QueryLanguage;
use crate::definition::model::choice::{Comparison, Is, Operand, Operator, Pattern, Relation, Test};
use crate::definition::model::{Choice, Condition, Rule, RuleIo};
use crate::definition::source::NodeKind;
use crate::jsonpath::Path;
use std::sync::Arc;

pub(super) const CHOICE: Table = &[("Choices", Only::Both), ("Default", Only::Both)];

/// What a rule may have besides its test.
const RULE: Table =
    &[("Next", Only::Both), ("Assign", Only::Both), ("Output", Only::Jsonata), ("Condition", Only::Jsonata)];

const TEST: Table = &[
    ("Comment", Only::Both),
    ("And", Only::JsonPath),
    ("Or", Only::JsonPath),
    ("Not", Only::JsonPath),
    ("Variable", Only::JsonPath),
];

const SELECTORS: &[&str] = &["And", "Or", "Not", "Variable", "Condition"];

/// The comparison operators, and what each compares. <https://states-language.net/spec.html#data-test-expressions>
const OPERATORS: Table = &[
    ("StringEquals", Only::JsonPath),
    ("StringEqualsPath", Only::JsonPath),
    ("StringLessThan", Only::JsonPath),
    ("StringLessThanPath", Only::JsonPath),
    ("StringGreaterThan", Only::JsonPath),
    ("StringGreaterThanPath", Only::JsonPath),
    ("StringLessThanEquals", Only::JsonPath),
    ("StringLessThanEqualsPath", Only::JsonPath),
    ("StringGreaterThanEquals", Only::JsonPath),
    ("StringGreaterThanEqualsPath", Only::JsonPath),
    ("StringMatches", Only::JsonPath),
    ("NumericEquals", Only::JsonPath),
    ("NumericEqualsPath", Only::JsonPath),
    ("NumericLessThan", Only::JsonPath),
    ("NumericLessThanPath", Only::JsonPath),
    ("NumericGreaterThan", Only::JsonPath),
    ("NumericGreaterThanPath", Only::JsonPath),
    ("NumericLessThanEquals", Only::JsonPath),
    ("NumericLessThanEqualsPath", Only::JsonPath),
    ("NumericGreaterThanEquals", Only::JsonPath),
    ("NumericGreaterThanEqualsPath", Only::JsonPath),
    ("BooleanEquals", Only::JsonPath),
    ("BooleanEqualsPath", Only::JsonPath),
    ("TimestampEquals", Only::JsonPath),
    ("TimestampEqualsPath", Only::JsonPath),
    ("TimestampLessThan", Only::JsonPath),
    ("TimestampLessThanPath", Only::JsonPath),
    ("TimestampGreaterThan", Only::JsonPath),
    ("TimestampGreaterThanPath", Only::JsonPath),
    ("TimestampLessThanEquals", Only::JsonPath),
    ("TimestampLessThanEqualsPath", Only::JsonPath),
    ("TimestampGreaterThanEquals", Only::JsonPath),
    ("TimestampGreaterThanEqualsPath", Only::JsonPath),
    ("IsNull", Only::JsonPath),
    ("IsPresent", Only::JsonPath),
    ("IsNumeric", Only::JsonPath),
    ("IsString", Only::JsonPath),
    ("IsBoolean", Only::JsonPath),
    ("IsTimestamp", Only::JsonPath),
];

impl Parser<'_> {
    pub(super) fn choice(&mut self, fields: &Fields<'_>, language: QueryLanguage) -> Option<Choice> {
        fields.require(self, &["Choices"]);
        let default = fields.get("Default").and_then(|at| self.string(&at).map(Arc::from));
        let items = fields.get("Choices").and_then(|list| self.filled(&list))?;
        let rules = items.into_iter().filter_map(|item| self.rule(item, language)).collect();
        Some(Choice { rules, default })
    }

    fn rule(&mut self, item: At<'_>, language: QueryLanguage) -> Option<Rule> {
        let fields = Fields::open(self, item)?;
        fields.check(self, Some(language), &[RULE, TEST, OPERATORS]);
        fields.require(self, &["Next"]);
        let condition = match language {
            QueryLanguage::Jsonata => self.condition(&fields),
            QueryLanguage::JsonPath => self.test(&fields).map(Condition::Test),
        };
        let next = fields.get("Next").and_then(|at| self.string(&at).map(Arc::from));
        let results = match language {
            QueryLanguage::Jsonata => RuleIo::Jsonata(self.results(&fields, Reads::INPUT)),
            QueryLanguage::JsonPath => RuleIo::JsonPath(self.path_assign(&fields)),
        };
        Some(Rule { condition: condition?, next: next?, results })
    }

    fn condition(&mut self, fields: &Fields<'_>) -> Option<Condition> {
        if !self.one_selector(fields) {
            return None;
        }
        let at = fields.get("Condition")?;
        match at.node.kind {
            NodeKind::Bool(fixed) => Some(Condition::Fixed(fixed)),
            NodeKind::String(_) => self.expression(&at, Reads::INPUT).map(Condition::Computed),
            _ => {
                self.expected(&at, "[STRING, BOOLEAN]");
                None
            }
        }
    }

    fn one_selector(&mut self, fields: &Fields<'_>) -> bool {
        if SELECTORS.iter().filter(|name| fields.has(name)).count() == 1 {
            return true;
        }
        let message =
            format!("The object must have only one of the following fields, [{}]", SELECTORS.join(", "));
        self.schema(&fields.at, message);
        false
    }

    fn test(&mut self, fields: &Fields<'_>) -> Option<Test> {
        if !self.one_selector(fields) {
            return None;
        }
        if let Some(at) = fields.get("And") {
            return self.tests(&at).map(Test::And);
        }
        if let Some(at) = fields.get("Or") {
            return self.tests(&at).map(Test::Or);
        }
        if let Some(at) = fields.get("Not") {
            return self.nested_test(at).map(|test| Test::Not(Box::new(test)));
        }
        if fields.has("Condition") {
            // What it is doing here was told already.
            return None;
        }
        let variable = fields.get("Variable").and_then(|at| self.reference_of_choice(&at));
        let present: Vec<&'static str> =
            OPERATORS.iter().map(|(name, _)| *name).filter(|name| fields.has(name)).collect();
        let name = match present[..] {
            [name] => name,
            [] => {
                let all: Vec<&str> = OPERATORS.iter().map(|(name, _)| *name).collect();
                fields.exactly_one(self, &all);
                return None;
            }
            _ => {
                fields.at_most_one(self, &present);
                return None;
            }
        };
        let operator = self.operator(name, &fields.get(name)?);
        Some(Test::Compare(Box::new(Comparison { variable: variable?, operator: operator? })))
    }

    fn tests(&mut self, at: &At<'_>) -> Option<Vec<Test>> {
        let tests: Vec<_> = self.filled(at)?.into_iter().map(|item| self.nested_test(item)).collect();
        tests.into_iter().collect()
    }

    fn nested_test(&mut self, item: At<'_>) -> Option<Test> {
        let fields = Fields::open(self, item)?;
        fields.check(self, None, &[TEST, OPERATORS]);
        self.test(&fields)
    }

    fn operator(&mut self, name: &str, at: &At<'_>) -> Option<Operator> {
        let is = |is: Is, parser: &mut Self| parser.boolean(at).map(|expected| Operator::Is(is, expected));
        match name {
            "IsNull" => return is(Is::Null, self),
            "IsPresent" => return is(Is::Present, self),
            "IsNumeric" => return is(Is::Numeric, self),
            "IsString" => return is(Is::Text, self),
            "IsBoolean" => return is(Is::Boolean, self),
            "IsTimestamp" => return is(Is::Timestamp, self),
            "StringMatches" => return self.string(at).map(|text| Operator::Matches(Pattern::parse(text))),
            _ => {}
        }
        let (operator, by_path) = match name.strip_suffix("Path") {
            Some(operator) => (operator, true),
            None => (name, false),
        };
        let path = if by_path { Some(self.reference_of_choice(at)?) } else { None };
        if let Some(relation) = operator.strip_prefix("String") {
            return Some(Operator::Text(relation_of(relation)?, self.text_operand(at, path)?));
        }
        if let Some(relation) = operator.strip_prefix("Numeric") {
            let operand = match (path, &at.node.kind) {
                (Some(path), _) => Operand::At(path),
                (None, NodeKind::Number(number)) => Operand::Fixed(number.clone()),
                _ => {
                    self.expected(at, "[NUMBER]");
                    return None;
                }
            };
            return Some(Operator::Numeric(relation_of(relation)?, operand));
        }
        if let Some(relation) = operator.strip_prefix("Timestamp") {
            let operand = self.text_operand(at, path)?;
            if let Operand::Fixed(text) = &operand
                && crate::time::parse(text).is_none()
            {
                self.schema(at, "String does not match RFC3339 timestamp");
                return None;
            }
            return Some(Operator::Timestamp(relation_of(relation)?, operand));
        }
        Some(Operator::Boolean(match path {
            Some(path) => Operand::At(path),
            None => Operand::Fixed(self.boolean(at)?),
        }))
    }

    fn text_operand(&mut self, at: &At<'_>, path: Option<Path>) -> Option<Operand<String>> {
        match path {
            Some(path) => Some(Operand::At(path)),
            None => self.string(at).map(|text| Operand::Fixed(text.to_owned())),
        }
    }
}

fn relation_of(name: &str) -> Option<Relation> {
    Some(match name {
        "Equals" => Relation::Equal,
        "LessThan" => Relation::Less,
        "LessThanEquals" => Relation::LessOrEqual,
        "GreaterThan" => Relation::Greater,
        "GreaterThanEquals" => Relation::GreaterOrEqual,
        _ => return None,
    })
}
