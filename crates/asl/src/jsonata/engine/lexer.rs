//! From text to tokens.

use super::ast::Name;
use super::error::{Outcome, Thrown};
use super::regex::Pattern;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(super) enum Token {
    Name(Name),
    Variable(Name),
    Operator(&'static str),
    String(Name),
    Number(f64),
    Bool(bool),
    Null,
    Regex(Arc<Pattern>),
    End,
}

impl Token {
    /// As messages show it.
    pub(super) fn shown(&self) -> String {
        match self {
            Token::Name(text) | Token::Variable(text) | Token::String(text) => text.to_string(),
            Token::Operator(symbol) => (*symbol).to_owned(),
            Token::Number(number) => super::text::number(*number),
            Token::Bool(bool) => bool.to_string(),
            Token::Null => "null".to_owned(),
            Token::Regex(pattern) => pattern.source().to_owned(),
            Token::End => "(end)".to_owned(),
        }
    }

    pub(super) fn is(&self, symbol: &str) -> bool {
        matches!(self, Token::Operator(own) if *own == symbol)
    }
}

const DOUBLE: &[&str] = &["..", ":=", "!=", ">=", "<=", "**", "~>"];
const SINGLE: &[&str] = &[
    ".", "[", "]", "{", "}", "(", ")", ",", "@", "#", ";", ":", "?", "+", "-", "*", "/", "%", "|", "=", "<",
    ">", "^", "&", "!", "~",
];

pub(super) struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b)
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Lexer { source, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// `infix`: a slash divides here; elsewhere it opens a regular expression.
    pub(super) fn next(&mut self, infix: bool) -> Outcome<Token> {
        self.skip()?;
        let rest = self.rest();
        let Some(&first) = rest.as_bytes().first() else { return Ok(Token::End) };
        if first == b'/' && !infix {
            self.at += 1;
            return self.regex();
        }
        let symbol = DOUBLE.iter().chain(SINGLE).find(|symbol| rest.starts_with(**symbol));
        if let Some(symbol) = symbol {
            self.at += symbol.len();
            return Ok(Token::Operator(symbol));
        }
        match first {
            b'"' | b'\'' => self.string(char::from(first)),
            b'`' => {
                let end = rest[1..].find('`').ok_or_else(|| Thrown::new("S0105"))?;
                self.at += end + 2;
                Ok(Token::Name(rest[1..=end].into()))
            }
            b'0'..=b'9' => self.number(),
            _ => Ok(self.name()),
        }
    }

    fn skip(&mut self) -> Outcome<()> {
        loop {
            let rest = self.rest();
            let spaces = rest.bytes().take_while(|byte| is_space(*byte)).count();
            self.at += spaces;
            let Some(comment) = rest[spaces..].strip_prefix("/*") else { return Ok(()) };
            let length = comment.find("*/").ok_or_else(|| Thrown::new("S0106"))?;
            self.at += length + 4;
        }
    }

    fn string(&mut self, quote: char) -> Outcome<Token> {
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, char)) = chars.next() {
            if char == quote {
                self.at += at + 1;
                return Ok(Token::String(text.into()));
            }
            if char != '\\' {
                text.push(char);
                continue;
            }
            let Some((at, escaped)) = chars.next() else { break };
            match escaped {
                '"' | '\\' | '/' => text.push(escaped),
                'b' => text.push('\u{8}'),
                'f' => text.push('\u{c}'),
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'u' => {
                    let (char, length) =
                        escape(&self.rest()[at + 1..]).ok_or_else(|| Thrown::new("S0104"))?;
                    text.push(char);
                    for _ in 0..length {
                        chars.next();
                    }
                }
                other => return Err(Thrown::new("S0103").token(other)),
            }
        }
        Err(Thrown::new("S0101"))
    }

    fn number(&mut self) -> Outcome<Token> {
        let bytes = self.rest().as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = if bytes[0] == b'0' { 1 } else { digits(0) };
        if bytes.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            end += if fraction > 0 { 1 + fraction } else { 0 };
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits((end + 1 + sign).min(bytes.len()));
            end += if exponent > 0 { 1 + sign + exponent } else { 0 };
        }
        let text = &self.rest()[..end];
        let number: f64 = text.parse().unwrap_or(f64::INFINITY);
        if !number.is_finite() {
            return Err(Thrown::new("S0102").token(text));
        }
        self.at += end;
        Ok(Token::Number(number))
    }

    fn name(&mut self) -> Token {
        let rest = self.rest();
        let ends = |char: char| {
            char.is_ascii()
                && (is_space(char as u8) || SINGLE.iter().any(|symbol| symbol.as_bytes()[0] == char as u8))
        };
        let end = rest.find(ends).unwrap_or(rest.len());
        self.at += end;
        let name = &rest[..end];
        match name.strip_prefix('$') {
            Some(variable) => Token::Variable(variable.into()),
            None => match name {
                "or" => Token::Operator("or"),
                "in" => Token::Operator("in"),
                "and" => Token::Operator("and"),
                "true" => Token::Bool(true),
                "false" => Token::Bool(false),
                "null" => Token::Null,
                name => Token::Name(name.into()),
            },
        }
    }

    /// After the opening slash. A slash inside brackets does not close.
    fn regex(&mut self) -> Outcome<Token> {
        let bytes = self.rest().as_bytes();
        let (mut depth, mut escaped) = (0_i64, false);
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'/' if !escaped && depth == 0 => {
                    if at == 0 {
                        return Err(Thrown::new("S0301"));
                    }
                    let pattern = &self.rest()[..at];
                    let flags = bytes[at + 1..].iter().take_while(|flag| matches!(flag, b'i' | b'm')).count();
                    let flags = &self.rest()[at + 1..at + 1 + flags];
                    self.at += at + 1 + flags.len();
                    return Ok(Token::Regex(Arc::new(Pattern::new(pattern, flags)?)));
                }
                b'(' | b'[' | b'{' if !escaped => depth += 1,
                b')' | b']' | b'}' if !escaped => depth -= 1,
                _ => {}
            }
            escaped = *byte == b'\\' && !escaped;
        }
        Err(Thrown::new("S0302"))
    }
}

/// What four hex digits stand for, or eight in two halves, and how many characters were read. A half without its other
/// is the replacement character, because no Rust text can hold it.
fn escape(text: &str) -> Option<(char, usize)> {
    let unit = |text: &str| {
        let digits = text.get(..4)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    };
    let high = unit(text)?;
    if (0xd800..0xdc00).contains(&high)
        && let Some(low) = text.get(4..).and_then(|rest| rest.strip_prefix("\\u")).and_then(unit)
        && (0xdc00..0xe000).contains(&low)
    {
        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return Some((char::from_u32(code)?, 10));
    }
    Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 4))
}
