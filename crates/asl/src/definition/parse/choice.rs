//! The Choice state's rules.

use super::Parser;
use super::fields::{At, Fields};
use crate::definition::model::{Choice, Condition, Rule, RuleIo};
use crate::definition::source::NodeKind;
use std::sync::Arc;

impl Parser<'_> {
    pub(super) fn choice(&mut self, fields: &mut Fields<'_>) -> Option<Choice> {
        let default = fields.take("Default").and_then(|at| self.name_of(&at)).map(Arc::from);
        let Some(list) = fields.take("Choices") else {
            self.error(fields.at(), "SCHEMA_VALIDATION_FAILED", "These fields are required: [Choices]");
            return None;
        };
        let Some(items) = list.items().filter(|items| !items.is_empty()) else {
            self.error(&list, "SCHEMA_VALIDATION_FAILED", "Choices must be an array of one rule or more");
            return None;
        };
        let rules = items.into_iter().filter_map(|item| self.choice_rule(item)).collect();
        Some(Choice { rules, default })
    }

    fn choice_rule(&mut self, item: At<'_>) -> Option<Rule> {
        let mut fields = Fields::open(self, item)?;
        fields.take("Comment");
        let condition = match fields.take("Condition") {
            Some(at) => match at.node.kind {
                NodeKind::Bool(fixed) => Some(Condition::Fixed(fixed)),
                _ => self.expression(&at, "Condition").map(Condition::Computed),
            },
            None => {
                self.error(fields.at(), "SCHEMA_VALIDATION_FAILED", "These fields are required: [Condition]");
                None
            }
        };
        let next = match fields.take("Next") {
            Some(at) => self.name_of(&at).map(Arc::from),
            None => {
                self.error(fields.at(), "SCHEMA_VALIDATION_FAILED", "These fields are required: [Next]");
                None
            }
        };
        let results = self.results(&mut fields);
        fields.finish(self);
        Some(Rule { condition: condition?, next: next?, results: RuleIo::Jsonata(results) })
    }
}
