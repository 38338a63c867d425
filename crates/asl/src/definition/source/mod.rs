//! JSON with the place of each value, so that a finding can name its line and column.
//!
//! AWS reads definitions with the Java library Jackson and gives its words for what is no JSON; where they are known,
//! they are given here, with Jackson's own line and column (which points behind the character that it stumbled over).

mod number;
mod reader;
#[cfg(test)]
mod tests;
mod text;

pub(super) use reader::read;

use serde_json::{Map, Number, Value};

/// Deepest nesting of a definition.
pub(super) const DEPTH_MAX: usize = 120;

/// Most characters of a text that Jackson shows.
const SHOWN_LENGTH_MAX: usize = 500;

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) offset: usize,
    pub(super) kind: NodeKind,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) name_offset: usize,
    pub(super) value: Node,
}

/// Why a text is no JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotJson {
    /// There is nothing but white space.
    Empty,
    /// Jackson's words, without the place that it puts behind them.
    Syntax {
        /// Where reading stopped: behind the character that does not fit.
        offset: usize,
        message: String,
    },
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep { offset: usize },
}

impl Node {
    pub(super) fn to_value(&self) -> Value {
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Bool(bool) => Value::Bool(*bool),
            NodeKind::Number(number) => Value::Number(number.clone()),
            NodeKind::String(string) => Value::String(string.clone()),
            NodeKind::Array(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            NodeKind::Object(members) => Value::Object(
                members.iter().map(|m| (m.name.clone(), m.value.to_value())).collect::<Map<_, _>>(),
            ),
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::String(string) => Some(string),
            _ => None,
        }
    }

    /// The lengths of all paths within it, added up, in bytes: what naming each place once would take.
    pub(super) fn path_bytes(&self, above: usize) -> usize {
        let within = |length: usize, node: &Node| {
            let path = above.saturating_add(length + 1);
            path.saturating_add(node.path_bytes(path))
        };
        match &self.kind {
            NodeKind::Array(items) => {
                items.iter().fold(0, |sum: usize, item| sum.saturating_add(within(8, item)))
            }
            NodeKind::Object(members) => members
                .iter()
                .fold(0, |sum: usize, member| sum.saturating_add(within(member.name.len(), &member.value))),
            _ => 0,
        }
    }

    /// The value's type as AWS names it.
    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            NodeKind::Null => "NULL",
            NodeKind::Bool(_) => "BOOLEAN",
            NodeKind::Number(_) => "NUMBER",
            NodeKind::String(_) => "STRING",
            NodeKind::Array(_) => "ARRAY",
            NodeKind::Object(_) => "OBJECT",
        }
    }

    /// The last member of that name, which is the one that counts.
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        match &self.kind {
            NodeKind::Object(members) => members.iter().rev().find(|member| member.name == name),
            _ => None,
        }
    }
}

/// Where the lines of a text begin, so that places in it are found fast.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    /// The offset of each line's first byte; the first is 0.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Lines { text, starts: std::iter::once(0).chain(after).collect() }
    }

    /// Line and column of an offset, both from 1; the column in characters.
    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line)).copied().unwrap_or_default();
        (line, self.text.get(start..offset).map_or(0, |before| before.chars().count()) + 1)
    }
}

/// A place as Jackson writes it: `[Source: (String)"{…"; line: 1, column: 4]`.
pub(super) fn jackson_place(text: &str, offset: usize) -> String {
    let (line, column) = Lines::of(text).place(offset);
    let length = text.chars().count();
    let shown: String = text.chars().take(SHOWN_LENGTH_MAX).collect();
    let cut = match length.saturating_sub(SHOWN_LENGTH_MAX) {
        0 => String::new(),
        more => format!("[truncated {more} chars]"),
    };
    format!("[Source: (String)\"{shown}\"{cut}; line: {line}, column: {column}]")
}
