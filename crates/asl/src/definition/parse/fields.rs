//! Walking a document with the place in hand.

use super::Parser;
use crate::definition::source::{Member, Node, NodeKind};
use std::collections::BTreeSet;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    /// JSON pointer (RFC 6901).
    pub(super) pointer: String,
    /// Where in the text a finding points.
    pub(super) offset: usize,
    /// The innermost state's name, and the pointer's length up to it.
    state: Option<(&'a str, usize)>,
}

impl<'a> At<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        At { node, pointer: String::new(), offset: node.offset, state: None }
    }

    pub(super) fn as_str(&self) -> Option<&'a str> {
        match &self.node.kind {
            NodeKind::String(string) => Some(string),
            _ => None,
        }
    }

    pub(super) fn child(&self, name: &str, node: &'a Node) -> At<'a> {
        let pointer = format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"));
        At { node, pointer, offset: node.offset, state: self.state }
    }

    pub(super) fn items(&self) -> Option<Vec<At<'a>>> {
        match &self.node.kind {
            NodeKind::Array(items) => Some(
                items.iter().enumerate().map(|(index, item)| self.child(&index.to_string(), item)).collect(),
            ),
            _ => None,
        }
    }

    /// The innermost state's name, and the path from it; what lies right below `States` is the state itself.
    pub(super) fn state_and_field(&self) -> (Option<String>, Option<String>) {
        let (state, from) = self.state.map_or((None, 0), |(name, length)| (Some(name.to_owned()), length));
        let field = self.pointer[from..].trim_start_matches('/').replace("~1", "/").replace("~0", "~");
        (state, (!field.is_empty()).then_some(field))
    }
}

/// A state's name and its place.
#[derive(Debug, Clone)]
pub(super) struct StateAt<'a> {
    name: &'a str,
    pub(super) at: At<'a>,
}

impl<'a> StateAt<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.name
    }
}

/// An object's fields, taken one by one; what is left at the end is unknown.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    at: At<'a>,
    members: &'a [Member],
    taken: BTreeSet<&'a str>,
}

impl<'a> Fields<'a> {
    /// The fields of an object; a finding where it is none, and for each name that stands there twice.
    pub(super) fn open(parser: &mut Parser<'_>, at: At<'a>) -> Option<Self> {
        let NodeKind::Object(members) = &at.node.kind else {
            let message = if at.pointer.is_empty() {
                "Definition must be a valid JSON object".to_owned()
            } else {
                format!("expected an object, found {}", at.node.describe())
            };
            parser.error(&at, "SCHEMA_VALIDATION_FAILED", message);
            return None;
        };
        duplicates(parser, &at, members);
        Some(Fields { at, members, taken: BTreeSet::new() })
    }

    pub(super) fn at(&self) -> &At<'a> {
        &self.at
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }

    pub(super) fn peek(&self, name: &str) -> Option<At<'a>> {
        let member = self.members.iter().find(|member| member.name == name)?;
        Some(self.at.child(&member.name, &member.value))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<At<'a>> {
        let member = self.members.iter().find(|member| member.name == name)?;
        self.taken.insert(&member.name);
        Some(self.at.child(&member.name, &member.value))
    }

    /// All members, where the names are free.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a str, At<'a>)> {
        self.members.iter().map(|member| (member.name.as_str(), self.at.child(&member.name, &member.value)))
    }

    /// All members of `States`.
    pub(super) fn all_states(&self) -> Vec<StateAt<'a>> {
        self.all()
            .map(|(name, mut at)| {
                at.state = Some((name, at.pointer.len()));
                StateAt { name, at }
            })
            .collect()
    }

    /// A finding for every field that nobody took.
    pub(super) fn finish(self, parser: &mut Parser<'_>) {
        for member in self.members {
            if !self.taken.contains(member.name.as_str()) {
                let mut at = self.at.child(&member.name, &member.value);
                at.offset = member.name_offset;
                let message = format!("the field '{}' is not supported here", member.name);
                parser.error(&at, "SCHEMA_VALIDATION_FAILED", message);
            }
        }
    }

    pub(super) fn string(&mut self, parser: &mut Parser<'_>, name: &str) -> Option<String> {
        let at = self.take(name)?;
        let string = at.as_str().map(str::to_owned);
        if string.is_none() {
            let message = format!("{name} must be a string, not {}", at.node.describe());
            parser.error(&at, "SCHEMA_VALIDATION_FAILED", message);
        }
        string
    }

    /// A whole number within bounds.
    pub(super) fn whole_number(
        &mut self,
        parser: &mut Parser<'_>,
        name: &str,
        least: u64,
        most: u64,
    ) -> Option<u64> {
        let at = self.take(name)?;
        whole_number(parser, &at, name, least, most)
    }
}

pub(super) fn whole_number(
    parser: &mut Parser<'_>,
    at: &At<'_>,
    name: &str,
    least: u64,
    most: u64,
) -> Option<u64> {
    let number = match &at.node.kind {
        NodeKind::Number(number) => number.as_u64().filter(|number| (least..=most).contains(number)),
        _ => None,
    };
    if number.is_none() {
        let message = format!("{name} must be a whole number from {least} to {most}");
        parser.error(at, "SCHEMA_VALIDATION_FAILED", message);
    }
    number
}

/// A finding for each name that stands twice, in this object and in every value below that is not looked into later.
fn duplicates(parser: &mut Parser<'_>, at: &At<'_>, members: &[Member]) {
    let mut seen = BTreeSet::new();
    for member in members {
        if !seen.insert(&member.name) {
            let mut place = at.clone();
            place.offset = member.name_offset;
            place.pointer = format!("{}/{}", at.pointer, member.name);
            let message = format!("the field '{}' stands here twice", member.name);
            parser.error(&place, "DUPLICATE_FIELD", message);
        }
    }
}
