//! Values of the types that fields take, with AWS's words for what is not of the type.

use super::Parser;
use super::fields::{At, Fields};
use crate::definition::QueryLanguage;
use crate::definition::model::Amount;
use crate::definition::source::NodeKind;

/// The smallest and the greatest number that a field takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range<T> {
    pub(super) least: T,
    pub(super) most: Option<T>,
}

impl<T> Range<T> {
    pub(super) fn new(least: T, most: T) -> Self {
        Range { least, most: Some(most) }
    }

    pub(super) fn from(least: T) -> Self {
        Range { least, most: None }
    }
}

impl Parser<'_> {
    /// `Expected value of type …`.
    pub(super) fn expected(&mut self, at: &At<'_>, wanted: &str) {
        let found = at.node.type_name().to_lowercase();
        self.schema(at, format!("Expected value of type {wanted}")).hint(format!("this is of type {found}"));
    }

    pub(super) fn string<'a>(&mut self, at: &At<'a>) -> Option<&'a str> {
        let string = at.as_str();
        if string.is_none() {
            self.expected(at, "[STRING]");
        }
        string
    }

    pub(super) fn boolean(&mut self, at: &At<'_>) -> Option<bool> {
        match at.node.kind {
            NodeKind::Bool(bool) => Some(bool),
            _ => {
                self.expected(at, "[BOOLEAN]");
                None
            }
        }
    }

    pub(super) fn array<'a>(&mut self, at: &At<'a>) -> Option<Vec<At<'a>>> {
        let items = at.items();
        if items.is_none() {
            self.expected(at, "[ARRAY]");
        }
        items
    }

    /// An array of at least one item.
    pub(super) fn filled<'a>(&mut self, at: &At<'a>) -> Option<Vec<At<'a>>> {
        let items = self.array(at)?;
        if items.is_empty() {
            self.schema(at, "Value cannot be empty");
            return None;
        }
        Some(items)
    }

    /// One of a closed list of texts: its index.
    pub(super) fn one_of(&mut self, at: &At<'_>, known: &[&str]) -> Option<usize> {
        let text = self.string(at)?;
        let index = known.iter().position(|known| *known == text);
        if index.is_none() {
            self.schema(at, format!("Value should be one of the following: [{}]", known.join(", ")));
        }
        index
    }

    /// A whole number.
    pub(super) fn integer(&mut self, at: &At<'_>, range: Range<u64>) -> Option<u64> {
        let number = match &at.node.kind {
            NodeKind::Number(number) if number.is_u64() || number.is_i64() => number,
            _ => {
                self.expected(at, "Integer");
                return None;
            }
        };
        // What is no u64 is negative.
        match (number.as_u64(), range.most) {
            (Some(number), Some(most)) if number > most => {
                self.schema(at, format!("Maximum value is {most}"));
                None
            }
            (Some(number), _) if number >= range.least => Some(number),
            _ => {
                self.schema(at, format!("Minimum value is {}", range.least));
                None
            }
        }
    }

    /// A number with a fraction.
    pub(super) fn decimal(&mut self, at: &At<'_>, range: Range<f64>) -> Option<f64> {
        let number = match &at.node.kind {
            NodeKind::Number(number) => number.as_f64().filter(|number| number.is_finite()),
            _ => None,
        };
        let Some(number) = number else {
            self.expected(at, "[NUMBER]");
            return None;
        };
        if number < range.least {
            self.schema(at, format!("Minimum value is {:?}", range.least));
            return None;
        }
        if let Some(most) = range.most.filter(|most| number > *most) {
            self.schema(at, format!("Maximum value is {most:?}"));
            return None;
        }
        Some(number)
    }

    /// A whole number in any of its forms: fixed, an expression in JSONata, a path in JSONPath.
    pub(super) fn amount(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        range: Range<u64>,
        language: QueryLanguage,
    ) -> Option<Amount> {
        self.any_amount(fields, name, language, |parser, at| parser.integer(at, range))
    }

    /// A percentage in any of its forms.
    pub(super) fn percentage(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        language: QueryLanguage,
    ) -> Option<Amount<f64>> {
        self.any_amount(fields, name, language, |parser, at| parser.decimal(at, Range::new(0.0, 100.0)))
    }

    fn any_amount<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        language: QueryLanguage,
        fixed: impl FnOnce(&mut Self, &At<'_>) -> Option<T>,
    ) -> Option<Amount<T>> {
        let path_name = format!("{name}Path");
        fields.at_most_one(self, &[name, &path_name]);
        if let Some(at) = fields.get(name) {
            return match (at.as_str(), language) {
                (Some(text), QueryLanguage::Jsonata) if text.starts_with("{%") => {
                    self.expression(&at, super::template::Reads::INPUT).map(Amount::Computed)
                }
                _ => fixed(self, &at).map(Amount::Fixed),
            };
        }
        let at = fields.get(&path_name).filter(|_| language == QueryLanguage::JsonPath)?;
        self.reference_to_read(&at).map(Amount::At)
    }
}
