//! JSON with the place of each value, so that a finding can name its line and column, and with duplicate keys told.

use serde_json::{Map, Number, Value};

/// Deepest nesting of a definition.
const DEPTH_MAX: usize = 120;

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
pub(super) struct NotJson {
    pub(super) offset: usize,
    pub(super) problem: String,
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

    /// What kind of value it is, for messages.
    pub(super) fn describe(&self) -> &'static str {
        match self.kind {
            NodeKind::Null => "null",
            NodeKind::Bool(_) => "a boolean",
            NodeKind::Number(_) => "a number",
            NodeKind::String(_) => "a string",
            NodeKind::Array(_) => "an array",
            NodeKind::Object(_) => "an object",
        }
    }
}

/// Line and column of an offset, both from 1; the column in characters.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Reads one JSON value and nothing after it.
pub(super) fn read(text: &str) -> Result<Node, NotJson> {
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(DEPTH_MAX)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.problem("there is more text after the end of the JSON document"));
    }
    Ok(node)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn problem(&self, problem: impl Into<String>) -> NotJson {
        NotJson { offset: self.at, problem: problem.into() }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn unexpected(&self, wanted: &str) -> NotJson {
        match self.text[self.at..].chars().next() {
            Some(found) => self.problem(format!("expected {wanted}, found '{found}'")),
            None => self.problem(format!("expected {wanted}, found the end of the text")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, NotJson> {
        self.skip_space();
        let offset = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => NodeKind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", NodeKind::Bool(true))?,
            Some(b'f') => self.word("false", NodeKind::Bool(false))?,
            Some(b'n') => self.word("null", NodeKind::Null)?,
            _ => return Err(self.unexpected("a JSON value")),
        };
        Ok(Node { offset, kind })
    }

    fn word(&mut self, word: &str, kind: NodeKind) -> Result<NodeKind, NotJson> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.unexpected("a JSON value"));
        }
        self.at += word.len();
        Ok(kind)
    }

    fn number(&mut self) -> Result<NodeKind, NotJson> {
        let rest = &self.text[self.at..];
        let length =
            rest.bytes().take_while(|b| matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')).count();
        let number =
            serde_json::from_str(&rest[..length]).map_err(|_| self.problem("this is no JSON number"))?;
        self.at += length;
        Ok(NodeKind::Number(number))
    }

    fn string(&mut self) -> Result<String, NotJson> {
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        loop {
            match bytes.get(end) {
                None => return Err(self.problem("this string has no closing quote")),
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
            }
        }
        let quoted = &self.text[self.at..=end];
        let string = serde_json::from_str(quoted).map_err(|error| NotJson {
            offset: self.at,
            problem: format!("this is no JSON string: {error}"),
        })?;
        self.at = end + 1;
        Ok(string)
    }

    fn array(&mut self, depth: usize) -> Result<NodeKind, NotJson> {
        let depth = depth.checked_sub(1).ok_or_else(|| self.problem("the document is nested too deep"))?;
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(NodeKind::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.unexpected("',' or ']'")),
            }
        }
        self.at += 1;
        Ok(NodeKind::Array(items))
    }

    fn object(&mut self, depth: usize) -> Result<NodeKind, NotJson> {
        let depth = depth.checked_sub(1).ok_or_else(|| self.problem("the document is nested too deep"))?;
        self.at += 1;
        let mut members = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(NodeKind::Object(members));
        }
        loop {
            self.skip_space();
            let name_offset = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a field name in double quotes"));
            }
            let name = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("':'"));
            }
            self.at += 1;
            members.push(Member { name, name_offset, value: self.value(depth)? });
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.unexpected("',' or '}'")),
            }
        }
        self.at += 1;
        Ok(NodeKind::Object(members))
    }
}
