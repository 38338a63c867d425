//! Walking a document with the place in hand.

use super::Parser;
use crate::definition::QueryLanguage;
use crate::definition::source::{Member, Node, NodeKind};

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    /// The place as AWS writes it: `/States/Check/Choices[0]`; empty for the whole definition.
    pub(super) location: String,
    /// The innermost state's name, and the location's length up to it.
    state: Option<(&'a str, usize)>,
}

impl<'a> At<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        At { node, location: String::new(), state: None }
    }

    /// A state that stands for itself, without a machine around it.
    pub(super) fn lone_state(name: &'a str, node: &'a Node) -> Self {
        let location = format!("/States/{name}");
        let state = Some((name, location.len()));
        At { node, location, state }
    }

    pub(super) fn offset(&self) -> usize {
        self.node.offset
    }

    pub(super) fn as_str(&self) -> Option<&'a str> {
        match &self.node.kind {
            NodeKind::String(string) => Some(string),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.node.kind, NodeKind::Null)
    }

    pub(super) fn child(&self, name: &str, node: &'a Node) -> At<'a> {
        At { node, location: format!("{}/{name}", self.location), state: self.state }
    }

    /// A member of an object; the last of that name.
    pub(super) fn member(&self, name: &str) -> Option<At<'a>> {
        self.node.member(name).map(|member| self.child(name, &member.value))
    }

    pub(super) fn items(&self) -> Option<Vec<At<'a>>> {
        match &self.node.kind {
            NodeKind::Array(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, node)| At {
                        node,
                        location: format!("{}[{index}]", self.location),
                        state: self.state,
                    })
                    .collect(),
            ),
            _ => None,
        }
    }

    /// The innermost state's name, and the path from it; what lies right below `States` is the state itself.
    pub(super) fn state_and_field(&self) -> (Option<String>, Option<String>) {
        let (state, from) = self.state.map_or((None, 0), |(name, length)| (Some(name.to_owned()), length));
        let field = self.location.get(from..).unwrap_or_default().trim_start_matches('/');
        (state, (!field.is_empty()).then(|| field.to_owned()))
    }
}

/// A state's name and its place.
#[derive(Debug, Clone)]
pub(super) struct StateAt<'a> {
    pub(super) name: &'a str,
    pub(super) at: At<'a>,
}

/// The states of a `States` field, in the order of the text.
pub(super) fn states_of<'a>(at: &At<'a>) -> Vec<StateAt<'a>> {
    let NodeKind::Object(members) = &at.node.kind else { return Vec::new() };
    members
        .iter()
        .map(|member| {
            let mut state = at.child(&member.name, &member.value);
            state.state = Some((&member.name, state.location.len()));
            StateAt { name: &member.name, at: state }
        })
        .collect()
}

/// Which query language a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Only {
    Both,
    JsonPath,
    Jsonata,
}

/// The fields that an object may have.
pub(super) type Table = &'static [(&'static str, Only)];

/// An object whose fields have names of the language's.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    pub(super) at: At<'a>,
    members: &'a [Member],
}

impl<'a> Fields<'a> {
    /// The fields of an object; a finding where it is none.
    pub(super) fn open(parser: &mut Parser<'_>, at: At<'a>) -> Option<Self> {
        match &at.node.kind {
            NodeKind::Object(members) => Some(Fields { at, members }),
            _ => {
                parser.expected(&at, "[OBJECT]");
                None
            }
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.at.node.member(name).is_some()
    }

    pub(super) fn get(&self, name: &str) -> Option<At<'a>> {
        self.at.member(name)
    }

    /// All members, where the names are free.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a str, At<'a>)> + use<'a, '_> {
        self.members.iter().map(|member| (member.name.as_str(), self.at.child(&member.name, &member.value)))
    }

    /// A finding for every field that has no place here: because nothing of that name has, or because the other query
    /// language has it. `language` is `None` where the state's language is in dispute.
    pub(super) fn check(&self, parser: &mut Parser<'_>, language: Option<QueryLanguage>, tables: &[Table]) {
        for member in self.members {
            let name = member.name.as_str();
            let only = tables.iter().flat_map(|table| table.iter()).find(|(known, _)| *known == name);
            let (set, other) = match (only, language) {
                (None, _) => {
                    let finding = parser.error_of(
                        &self.at,
                        member,
                        "SCHEMA_VALIDATION_FAILED",
                        format!("Field '{name}' is not supported"),
                    );
                    if let Some(meant) = meant(name, tables) {
                        finding.hint(format!("did you mean '{meant}'?"));
                    }
                    continue;
                }
                (Some((_, Only::JsonPath)), Some(QueryLanguage::Jsonata)) => ("JSONata", "JSONPath"),
                (Some((_, Only::Jsonata)), Some(QueryLanguage::JsonPath)) => ("JSONPath", "JSONata"),
                _ => continue,
            };
            let message = format!(
                "The QueryLanguage is set to '{set}', but field '{name}' is only supported for the '{other}' QueryLanguage"
            );
            parser.error_of(&self.at, member, "SCHEMA_VALIDATION_FAILED", message);
        }
    }

    /// A finding where one of these is missing.
    pub(super) fn require(&self, parser: &mut Parser<'_>, names: &[&str]) {
        let missing: Vec<&str> = names.iter().filter(|name| !self.has(name)).copied().collect();
        if !missing.is_empty() {
            let message = format!("These fields are required: [{}]", missing.join(", "));
            parser.error(&self.at, "SCHEMA_VALIDATION_FAILED", message);
        }
    }

    /// A finding where more than one of these is there.
    pub(super) fn at_most_one(&self, parser: &mut Parser<'_>, names: &[&str]) -> bool {
        if names.iter().filter(|name| self.has(name)).count() <= 1 {
            return true;
        }
        let message = format!("There should only be one of the following fields: [{}]", names.join(", "));
        parser.error(&self.at, "SCHEMA_VALIDATION_FAILED", message);
        false
    }

    /// A finding where not exactly one of these is there.
    pub(super) fn exactly_one(&self, parser: &mut Parser<'_>, names: &[&str]) -> bool {
        if names.iter().any(|name| self.has(name)) {
            return self.at_most_one(parser, names);
        }
        let message =
            format!("This object should have only one of the following fields: [{}]", names.join(", "));
        parser.error(&self.at, "SCHEMA_VALIDATION_FAILED", message);
        false
    }

    /// The offset of a field's name.
    pub(super) fn name_offset(&self, name: &str) -> usize {
        self.at.node.member(name).map_or(self.at.offset(), |member| member.name_offset)
    }
}

/// The field that differs in nothing but capital letters.
fn meant(name: &str, tables: &[Table]) -> Option<&'static str> {
    tables
        .iter()
        .flat_map(|table| table.iter())
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(known, _)| *known)
}
