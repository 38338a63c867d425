//! The Choice state. <https://states-language.net/spec.html#choice-state>

use super::RuleIo;
use crate::Expression;
use crate::jsonpath::Path;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) rules: Vec<Rule>,
    pub(crate) default: Option<Arc<str>>,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) condition: Condition,
    pub(crate) next: Arc<str>,
    pub(crate) results: RuleIo,
}

#[derive(Debug)]
pub(crate) enum Condition {
    /// JSONata.
    Fixed(bool),
    /// JSONata.
    Computed(Expression),
    /// JSONPath.
    Test(Test),
}

/// A test of the input, in JSONPath.
#[derive(Debug)]
pub(crate) enum Test {
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    Compare(Box<Comparison>),
}

#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) variable: Path,
    pub(crate) operator: Operator,
}

#[derive(Debug)]
pub(crate) enum Operator {
    /// `StringEquals`, `StringLessThan`, …
    Text(Relation, Operand<String>),
    /// `NumericEquals`, …
    Numeric(Relation, Operand<serde_json::Number>),
    /// `TimestampEquals`, …; the operand as it stands in the definition, checked to be a time.
    Timestamp(Relation, Operand<String>),
    /// `BooleanEquals`.
    Boolean(Operand<bool>),
    /// `StringMatches`.
    Matches(Pattern),
    /// `IsNull` and its like, with what is expected.
    Is(Is, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    /// Whether two values in this order stand in the relation.
    pub(crate) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Relation::Equal => order.is_eq(),
            Relation::Less => order.is_lt(),
            Relation::LessOrEqual => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// What the variable is compared with.
#[derive(Debug)]
pub(crate) enum Operand<T> {
    Fixed(T),
    /// The operator's `…Path` form.
    At(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    Null,
    Present,
    Numeric,
    Text,
    Boolean,
    Timestamp,
}

/// `StringMatches`: `*` stands for any text, `\\*` for an asterisk, `\\\\` for a backslash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The literal texts between the asterisks; never empty.
    pub(crate) parts: Vec<String>,
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = vec![String::new()];
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match (letter, parts.last_mut()) {
                ('*', _) => parts.push(String::new()),
                ('\\', Some(part)) => part.push(letters.next().unwrap_or('\\')),
                (letter, Some(part)) => part.push(letter),
                (_, None) => {}
            }
        }
        Pattern { parts }
    }

    /// Whether the whole text matches; in time proportional to both lengths.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            let Some(at) = text.find(part.as_str()) else { return false };
            text = &text[at + part.len()..];
        }
        text.ends_with(last.as_str())
    }
}
