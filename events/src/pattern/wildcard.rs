//! Texts with `*`.

use std::collections::BTreeSet;

/// What AWS answers to a wildcard that its matcher could not run in bounded time. Ours could; it refuses the same
/// ones, so that a pattern that is good here is good there.
const TOO_COMPLEX: &str = "Rule is too complex - try using fewer wildcard characters or fewer repeating character \
                           sequences after a wildcard character";

/// Places that an input can be at once, counted as AWS counts them, from which a wildcard is too complex. AWS does
/// not publish its bound; its recorded answers lie on both sides of this one.
const PLACES_MAX: usize = 9;

/// Sets of places looked at before a wildcard is held to be too complex unread.
const SETS_MAX: usize = 2_000;

/// A text in which each `*` stands for any characters, none included; `\*` and `\\` are the characters themselves.
#[derive(Debug, Clone)]
pub(super) struct Wildcard {
    /// What stands between the stars.
    segments: Vec<String>,
}

/// What is fixed of a text with `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fixed<'a> {
    /// All of it: there is no star.
    Whole(&'a str),
    /// How it begins and how it ends.
    Ends { first: &'a str, last: &'a str },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    Star,
}

impl Wildcard {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut segments = vec![String::new()];
        let mut tokens = vec![Token::Byte(b'"')];
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            // AWS counts positions in the quoted text.
            let position = at + 1;
            let literal = match (c, chars.peek().map(|(_, next)| *next)) {
                ('*', Some('*')) => return Err(format!("Consecutive wildcard characters at pos {position}")),
                ('*', _) => {
                    segments.push(String::new());
                    tokens.push(Token::Star);
                    continue;
                }
                ('\\', Some(next @ ('*' | '\\'))) => {
                    chars.next();
                    next
                }
                ('\\', _) => return Err(format!("Invalid escape character at pos {position}")),
                _ => c,
            };
            if let Some(segment) = segments.last_mut() {
                segment.push(literal);
            }
            let mut buffer = [0u8; 4];
            tokens.extend(literal.encode_utf8(&mut buffer).bytes().map(Token::Byte));
        }
        tokens.push(Token::Byte(b'"'));
        if is_too_complex(&tokens) {
            return Err(TOO_COMPLEX.to_owned());
        }
        Ok(Self { segments })
    }

    /// What every text that matches has in common.
    pub(super) fn fixed(&self) -> Fixed<'_> {
        match self.segments.as_slice() {
            [whole] => Fixed::Whole(whole),
            [first, .., last] => Fixed::Ends { first, last },
            [] => Fixed::Ends { first: "", last: "" },
        }
    }

    /// Takes each middle segment at its first place: with nothing but literals and stars, no later choice could do
    /// better, so nothing is ever tried twice.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (Some(first), Some(last)) = (self.segments.first(), self.segments.last()) else { return false };
        if self.segments.len() == 1 {
            return text == first;
        }
        let Some(rest) = text.strip_prefix(first.as_str()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
        for segment in &self.segments[1..self.segments.len() - 1] {
            let Some(at) = rest.find(segment.as_str()) else { return false };
            rest = &rest[at + segment.len()..];
        }
        true
    }
}

/// Whether some input could be at more than [`PLACES_MAX`] places of the text at once. A place is a byte that was
/// just read, or a star that just read one.
fn is_too_complex(tokens: &[Token]) -> bool {
    if !tokens.contains(&Token::Star) {
        return false;
    }
    let bytes: BTreeSet<u8> = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Byte(byte) => Some(*byte),
            Token::Star => None,
        })
        .collect();
    let mut seen: BTreeSet<Vec<usize>> = BTreeSet::new();
    let mut waiting = vec![vec![0]];
    while let Some(places) = waiting.pop() {
        for byte in &bytes {
            let next = read(tokens, &places, *byte);
            if next.len() > PLACES_MAX || seen.len() > SETS_MAX {
                return true;
            }
            if !next.is_empty() && seen.insert(next.clone()) {
                waiting.push(next);
            }
        }
    }
    false
}

/// The places after one more byte; place 0 is the opening quote.
fn read(tokens: &[Token], places: &[usize], byte: u8) -> Vec<usize> {
    let mut next = BTreeSet::new();
    for place in places {
        if tokens[*place] == Token::Star {
            next.insert(*place);
        }
        match tokens.get(place + 1) {
            Some(Token::Byte(known)) if *known == byte => {
                next.insert(place + 1);
            }
            Some(Token::Star) => {
                next.insert(place + 1);
                if tokens.get(place + 2) == Some(&Token::Byte(byte)) {
                    next.insert(place + 2);
                }
            }
            _ => {}
        }
    }
    next.into_iter().collect()
}
