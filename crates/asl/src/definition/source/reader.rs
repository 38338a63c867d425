//! Reading JSON strictly, and stumbling over it as Jackson does.

use super::number::number;
use super::text::string;
use super::{DEPTH_MAX, Member, Node, NodeKind, NotJson, jackson_place};

/// Reads one JSON value and nothing after it.
pub(in crate::definition) fn read(text: &str) -> Result<Node, NotJson> {
    let mut reader = Reader { text, at: 0 };
    reader.skip_space();
    if reader.at == text.len() {
        return Err(NotJson::Empty);
    }
    let node = reader.value(DEPTH_MAX)?;
    reader.skip_space();
    match reader.peek_char() {
        None => Ok(node),
        Some(found) => Err(reader.behind(
            found,
            format!("Unexpected character ({}): there is more text after the definition", shown(found)),
        )),
    }
}

/// What all literals that may stand as a value are called.
pub(super) const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

/// What an object or array is called.
#[derive(Clone, Copy)]
struct Scope {
    name: &'static str,
    start: usize,
}

impl Reader<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn peek_char(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// A problem with the character at hand, located behind it.
    pub(super) fn behind(&self, found: char, message: impl Into<String>) -> NotJson {
        NotJson::Syntax { offset: self.at + found.len_utf8(), message: message.into() }
    }

    /// A problem at the end of the text.
    pub(super) fn at_end(&self, message: impl Into<String>) -> NotJson {
        NotJson::Syntax {
            offset: self.text.len(),
            message: format!("Unexpected end-of-input{}", message.into()),
        }
    }

    pub(super) fn unexpected(&self, found: char, wanted: &str) -> NotJson {
        self.behind(found, format!("Unexpected character ({}): {wanted}", shown(found)))
    }

    fn end_within(&self, scope: Scope) -> NotJson {
        let start = jackson_place(self.text, scope.start);
        self.at_end(format!(": expected close marker for {} (start marker at {start})", scope.name))
    }

    fn value(&mut self, depth: usize) -> Result<Node, NotJson> {
        let offset = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => NodeKind::String(string(self, "string value")?),
            Some(b'-' | b'0'..=b'9') => NodeKind::Number(number(self)?),
            Some(b't') => self.word("true", NodeKind::Bool(true))?,
            Some(b'f') => self.word("false", NodeKind::Bool(false))?,
            Some(b'n') => self.word("null", NodeKind::Null)?,
            _ => return Err(self.odd_value()),
        };
        Ok(Node { offset, kind })
    }

    fn odd_value(&self) -> NotJson {
        match self.peek_char() {
            Some(found) if found.is_alphabetic() || matches!(found, '_' | '$') => self.unknown_token(),
            Some(found) => self.unexpected(found, &format!("expected a valid value {VALUES}")),
            None => self.at_end(" within/between Object entries"),
        }
    }

    fn unknown_token(&self) -> NotJson {
        let rest = &self.text[self.at..];
        let length = rest
            .find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '$')))
            .unwrap_or(rest.len());
        let token: String = rest[..length].chars().take(256).collect();
        let more = if token.len() < length { "..." } else { "" };
        NotJson::Syntax {
            offset: self.at + length,
            message: format!("Unrecognized token '{token}{more}': was expecting {VALUES}"),
        }
    }

    fn word(&mut self, word: &str, kind: NodeKind) -> Result<NodeKind, NotJson> {
        let rest = &self.text[self.at..];
        let ends = |rest: &str| {
            !rest.chars().next().is_some_and(|next| next.is_alphanumeric() || matches!(next, '_' | '$'))
        };
        if !rest.strip_prefix(word).is_some_and(ends) {
            return Err(self.unknown_token());
        }
        self.at += word.len();
        Ok(kind)
    }

    fn array(&mut self, depth: usize) -> Result<NodeKind, NotJson> {
        let depth = depth.checked_sub(1).ok_or(NotJson::TooDeep { offset: self.at })?;
        let scope = Scope { name: "Array", start: self.at };
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(NodeKind::Array(items));
        }
        loop {
            if self.at == self.text.len() {
                return Err(self.end_within(scope));
            }
            items.push(self.value(depth)?);
            self.skip_space();
            match self.peek_char() {
                Some(',') => self.at += 1,
                Some(']') => break,
                Some('}') => return Err(self.mismatched('}', ']', scope)),
                Some(found) => {
                    return Err(self.unexpected(found, "was expecting comma to separate Array entries"));
                }
                None => return Err(self.end_within(scope)),
            }
            self.skip_space();
        }
        self.at += 1;
        Ok(NodeKind::Array(items))
    }

    fn object(&mut self, depth: usize) -> Result<NodeKind, NotJson> {
        let depth = depth.checked_sub(1).ok_or(NotJson::TooDeep { offset: self.at })?;
        let scope = Scope { name: "Object", start: self.at };
        self.at += 1;
        let mut members = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(NodeKind::Object(members));
        }
        loop {
            let name_offset = self.at;
            match self.peek_char() {
                Some('"') => {}
                Some(found) => {
                    return Err(self.unexpected(found, "was expecting double-quote to start field name"));
                }
                None => return Err(self.end_within(scope)),
            }
            let name = string(self, "name")?;
            self.skip_space();
            match self.peek_char() {
                Some(':') => self.at += 1,
                Some(found) => {
                    return Err(
                        self.unexpected(found, "was expecting a colon to separate field name and value")
                    );
                }
                None => return Err(self.at_end(" within/between Object entries")),
            }
            self.skip_space();
            members.push(Member { name, name_offset, value: self.value(depth)? });
            self.skip_space();
            match self.peek_char() {
                Some(',') => self.at += 1,
                Some('}') => break,
                Some(']') => return Err(self.mismatched(']', '}', scope)),
                Some(found) => {
                    return Err(self.unexpected(found, "was expecting comma to separate Object entries"));
                }
                None => return Err(self.end_within(scope)),
            }
            self.skip_space();
        }
        self.at += 1;
        Ok(NodeKind::Object(members))
    }

    fn mismatched(&self, found: char, wanted: char, scope: Scope) -> NotJson {
        let start = jackson_place(self.text, scope.start);
        let message = format!(
            "Unexpected close marker '{found}': expected '{wanted}' (for {} starting at {start})",
            scope.name
        );
        self.behind(found, message)
    }
}

/// A character as Jackson shows it.
pub(super) fn shown(letter: char) -> String {
    let code = u32::from(letter);
    match code {
        0..=31 => format!("(CTRL-CHAR, code {code})"),
        32..=255 => format!("'{letter}' (code {code})"),
        _ => format!("'{letter}' (code {code} / 0x{code:x})"),
    }
}
