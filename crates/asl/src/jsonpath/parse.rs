//! Parsing paths.

use super::error::PathSyntax;
use super::filter;
use super::function::Function;
use super::path::{Root, Token};
use crate::limits::VARIABLE_NAME_LENGTH_MAX;

/// How deep filters and functions may stand within each other.
const NESTING_DEPTH_MAX: usize = 8;

/// A text and a place in it.
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    /// In bytes.
    pub(super) at: usize,
    /// How many filters and functions this text stands within.
    pub(super) depth: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, depth: usize) -> Self {
        Cursor { text, at: 0, depth }
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Goes past `expected` where it stands here.
    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let here = self.rest().starts_with(expected);
        if here {
            self.at += expected.len();
        }
        here
    }

    pub(super) fn expect(&mut self, expected: &str) -> Result<(), PathSyntax> {
        if self.eat(expected) { Ok(()) } else { Err(self.error(format!("'{expected}' expected"))) }
    }

    pub(super) fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(' ').len();
    }

    /// Goes past what `wanted` takes, and gives it.
    pub(super) fn take_while(&mut self, mut wanted: impl FnMut(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    pub(super) fn error(&self, message: impl Into<String>) -> PathSyntax {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        PathSyntax { message: message.into(), position: before.chars().count() }
    }

    /// A text in quotes, which stand here; `\` makes the next character stand for itself.
    pub(super) fn quoted(&mut self) -> Result<String, PathSyntax> {
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.error("the text is not closed")),
                Some('\\') => match self.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some(escaped) => text.push(escaped),
                    None => return Err(self.error("the text is not closed")),
                },
                end if end == quote => return Ok(text),
                Some(other) => text.push(other),
            }
        }
    }

    /// Goes past a path, which begins here, up to a character outside of its brackets, quotes and parentheses that
    /// `ends` takes; gives its text.
    pub(super) fn path_text(&mut self, ends: impl Fn(char) -> bool) -> &'t str {
        let begin = self.at;
        let (mut brackets, mut parentheses) = (0_usize, 0_usize);
        while let Some(here) = self.peek() {
            if brackets == 0 && parentheses == 0 && ends(here) {
                break;
            }
            match here {
                '[' => brackets += 1,
                ']' => brackets = brackets.saturating_sub(1),
                '(' => parentheses += 1,
                ')' if parentheses == 0 && brackets == 0 => break,
                ')' => parentheses = parentheses.saturating_sub(1),
                '\'' | '"' if brackets > 0 || parentheses > 0 => {
                    if self.quoted().is_err() {
                        break;
                    }
                    continue;
                }
                _ => {}
            }
            self.next();
        }
        &self.text[begin..self.at]
    }
}

/// A whole path: `$…`, `$$…`, `$name…`.
pub(super) fn path(text: &str) -> Result<(Root, Vec<Token>), PathSyntax> {
    nested_path(text.trim_end_matches(' '), 0)
}

/// A whole path that stands within that many filters and functions.
pub(super) fn nested_path(text: &str, depth: usize) -> Result<(Root, Vec<Token>), PathSyntax> {
    let mut cursor = Cursor::new(text, depth);
    let root = root(&mut cursor)?;
    Ok((root, tokens(&mut cursor)?))
}

fn root(cursor: &mut Cursor<'_>) -> Result<Root, PathSyntax> {
    if !cursor.eat("$") {
        return Err(cursor.error("a path begins with '$'"));
    }
    if cursor.eat("$") {
        return Ok(Root::Context);
    }
    let name = cursor.take_while(|c| c != '.' && c != '[');
    if name.is_empty() {
        return Ok(Root::Input);
    }
    if !is_variable_name(name) {
        return Err(cursor.error(format!("'{name}' is no name of a variable")));
    }
    Ok(Root::Variable(name.to_owned()))
}

/// A letter or an underscore, then letters, digits and underscores.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html>
fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && name.chars().count() <= VARIABLE_NAME_LENGTH_MAX
        && name != "states"
}

/// What follows a path's root, to the end of the text.
pub(super) fn tokens(cursor: &mut Cursor<'_>) -> Result<Vec<Token>, PathSyntax> {
    if cursor.depth > NESTING_DEPTH_MAX {
        return Err(cursor.error("too many filters and functions within each other"));
    }
    let mut tokens = Vec::new();
    while let Some(here) = cursor.peek() {
        if matches!(tokens.last(), Some(Token::Function(_))) {
            return Err(cursor.error("nothing may follow a function"));
        }
        match here {
            '.' => {
                cursor.next();
                if cursor.eat(".") {
                    tokens.push(Token::Scan);
                }
                match cursor.peek() {
                    None => return Err(cursor.error("a path does not end with '.'")),
                    Some('.') => return Err(cursor.error("one '.' too many")),
                    Some('[') => tokens.push(bracket(cursor)?),
                    Some(_) => tokens.push(name(cursor)?),
                }
            }
            '[' => tokens.push(bracket(cursor)?),
            _ => return Err(cursor.error("'.' or '[' expected")),
        }
    }
    Ok(tokens)
}

/// `*`, a member's name, or a function.
fn name(cursor: &mut Cursor<'_>) -> Result<Token, PathSyntax> {
    let name = cursor.take_while(|c| !matches!(c, '.' | '[' | ' ' | '('));
    match cursor.peek() {
        Some(' ') => Err(cursor.error("a name with a blank is written ['in quotes']")),
        Some('(') => {
            let call = cursor.path_text(|c| matches!(c, '.' | '['));
            // Any other name with parentheses is just a name.
            match Function::parse(name, call, cursor)? {
                Some(function) => Ok(Token::Function(function)),
                None => Ok(Token::Property(format!("{name}{call}"))),
            }
        }
        _ if name == "*" => Ok(Token::Wildcard),
        _ if name.is_empty() => Err(cursor.error("a name expected")),
        _ => Ok(Token::Property(name.to_owned())),
    }
}

/// `['a']`, `['a','b']`, `[0]`, `[0,1]`, `[1:2]`, `[*]`, `[?(…)]`.
fn bracket(cursor: &mut Cursor<'_>) -> Result<Token, PathSyntax> {
    cursor.expect("[")?;
    cursor.blanks();
    let token = match cursor.peek() {
        Some('\'' | '"') => names(cursor)?,
        Some('*') => {
            cursor.next();
            Token::Wildcard
        }
        Some('?') => {
            cursor.next();
            cursor.blanks();
            Token::Filter(Box::new(filter::parse(cursor)?))
        }
        _ => numbers(cursor)?,
    };
    cursor.blanks();
    cursor.expect("]")?;
    Ok(token)
}

fn names(cursor: &mut Cursor<'_>) -> Result<Token, PathSyntax> {
    let first = cursor.quoted()?;
    let mut names = vec![first];
    cursor.blanks();
    while cursor.eat(",") {
        cursor.blanks();
        if !matches!(cursor.peek(), Some('\'' | '"')) {
            return Err(cursor.error("a name in quotes expected"));
        }
        names.push(cursor.quoted()?);
        cursor.blanks();
    }
    Ok(match <[String; 1]>::try_from(names) {
        Ok([name]) => Token::Property(name),
        Err(names) => Token::Properties(names),
    })
}

fn numbers(cursor: &mut Cursor<'_>) -> Result<Token, PathSyntax> {
    let first = number(cursor)?;
    cursor.blanks();
    if cursor.eat(":") {
        cursor.blanks();
        let last = number(cursor)?;
        if first.is_none() && last.is_none() {
            return Err(cursor.error("a slice has a number before or after ':'"));
        }
        return Ok(Token::Slice(first, last));
    }
    let Some(first) = first else { return Err(cursor.error("a name in quotes, a number or '*' expected")) };
    let mut numbers = vec![first];
    while cursor.eat(",") {
        cursor.blanks();
        numbers.push(number(cursor)?.ok_or_else(|| cursor.error("a number expected"))?);
        cursor.blanks();
    }
    Ok(if let [index] = numbers[..] { Token::Index(index) } else { Token::Indices(numbers) })
}

fn number(cursor: &mut Cursor<'_>) -> Result<Option<i64>, PathSyntax> {
    let digits = cursor.take_while(|c| c == '-' || c.is_ascii_digit());
    if digits.is_empty() {
        return Ok(None);
    }
    digits.parse().map(Some).map_err(|_| cursor.error(format!("'{digits}' is no index")))
}
