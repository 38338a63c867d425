//! Expressions: names and values always by placeholders, so that neither a reserved word nor a dot can break one.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ExpressionAttributeNames.html>

use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

/// The placeholders of one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Placeholders {
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Placeholders {
    /// The placeholder of a stored name: one for each, however often it is asked for.
    pub(super) fn name(&mut self, name: &str) -> String {
        let known = self.names.iter().find(|(_, known)| *known == name);
        if let Some((placeholder, _)) = known {
            return placeholder.clone();
        }
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    /// The placeholder of a value: one for each that differs.
    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        let known = self.values.iter().find(|(_, known)| **known == value);
        if let Some((placeholder, _)) = known {
            return placeholder.clone();
        }
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// The placeholder of a whole number.
    pub(super) fn number(&mut self, number: i64) -> String {
        self.value(AttributeValue::N(number.to_string()))
    }

    /// For the request; `None` where there are none, which DynamoDB refuses to be given.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    /// As [`Placeholders::names`].
    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}
