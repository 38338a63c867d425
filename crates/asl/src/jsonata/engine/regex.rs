//! Regular expressions as JavaScript has them, on an engine that counts its backtracking.

use super::error::{Outcome, Thrown};
use super::meter::Meter;
use fancy_regex::{Regex, RegexBuilder};
use std::fmt::Write as _;
use std::ops::Range;

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 2_000;
/// Largest compiled form of one part.
const COMPILED_BYTES_MAX: usize = 256 * 1024;
/// Most backtracking of one search, where a pattern needs any.
const BACKTRACKING_MAX: usize = 20_000;
/// What one search with backtracking costs beforehand, in fuel.
const BACKTRACKING_FUEL: u64 = 1_000;

/// A pattern as written. It is compiled anew for each evaluation, because the compiled form can be large.
#[derive(Debug)]
pub(crate) struct Pattern {
    source: String,
    translated: String,
    /// It looks around or back, which takes backtracking.
    backtracks: bool,
}

/// Where a pattern matched, in bytes.
pub(crate) struct Match {
    pub(crate) span: Range<usize>,
    pub(crate) groups: Vec<Option<Range<usize>>>,
}

impl Pattern {
    /// # Errors
    /// The pattern is no regular expression, or too large.
    pub(crate) fn new(source: &str, flags: &str) -> Outcome<Self> {
        if source.len() > PATTERN_BYTES_MAX {
            return Err(Thrown::custom(format!(
                "The regular expression has more than {PATTERN_BYTES_MAX} bytes"
            )));
        }
        let flags: String = ['i', 'm'].into_iter().filter(|flag| flags.contains(*flag)).collect();
        let mut translated = String::with_capacity(source.len() + 8);
        if !flags.is_empty() {
            let _ = write!(translated, "(?{flags})");
        }
        let backtracks = translate(source, &mut translated);
        let pattern = Pattern { source: source.to_owned(), translated, backtracks };
        pattern.compile()?;
        Ok(pattern)
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn compile(&self) -> Outcome<Regex> {
        RegexBuilder::new(&self.translated)
            .backtrack_limit(BACKTRACKING_MAX)
            .delegate_size_limit(COMPILED_BYTES_MAX)
            .delegate_dfa_size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|_| Thrown::custom(format!("Invalid regular expression: /{}/", self.source)))
    }

    /// The first match from a byte on. Costs fuel for what may be read.
    pub(crate) fn find(
        &self,
        regex: &Regex,
        meter: &Meter,
        text: &str,
        from: usize,
    ) -> Outcome<Option<Match>> {
        let ahead = (text.len() - from) as u64;
        meter.spend(1 + ahead / 1024 + if self.backtracks { BACKTRACKING_FUEL } else { 0 })?;
        let captures = regex.captures_from_pos(text, from).map_err(|_| {
            Thrown::new("U1001").message("The regular expression backtracks too much: Check its repetitions")
        })?;
        let Some(captures) = captures else {
            meter.spend(ahead / 64)?;
            return Ok(None);
        };
        let range = |index: usize| captures.get(index).map(|group| group.start()..group.end());
        let span = range(0).unwrap_or(from..from);
        meter.spend((span.end - from) as u64 / 64)?;
        meter.spend_on(captures.len())?;
        Ok(Some(Match { span, groups: (1..captures.len()).map(range).collect() }))
    }
}

/// Writes a JavaScript pattern in the engine's syntax; whether it takes backtracking.
fn translate(source: &str, out: &mut String) -> bool {
    let mut backtracks = false;
    let mut chars = source.chars().peekable();
    let mut in_class = false;
    while let Some(char) = chars.next() {
        match char {
            '\\' => {
                let Some(escaped) = chars.next() else {
                    out.push('\\');
                    break;
                };
                match escaped {
                    // Digits and words are ASCII in JavaScript.
                    'd' if in_class => out.push_str("0-9"),
                    'd' => out.push_str("[0-9]"),
                    'D' => out.push_str("[^0-9]"),
                    'w' if in_class => out.push_str("A-Za-z0-9_"),
                    'w' => out.push_str("[A-Za-z0-9_]"),
                    'W' => out.push_str("[^A-Za-z0-9_]"),
                    's' if in_class => out.push_str("\\s\\u{feff}"),
                    's' => out.push_str("[\\s\\u{feff}]"),
                    'S' => out.push_str("[^\\s\\u{feff}]"),
                    'b' if in_class => out.push_str("\\x08"),
                    '0' if !matches!(chars.peek(), Some('0'..='9')) => out.push_str("\\x00"),
                    'c' if matches!(chars.peek(), Some(letter) if letter.is_ascii_alphabetic()) => {
                        let letter = chars.next().unwrap_or('@');
                        let _ = write!(out, "\\x{:02x}", letter as u32 % 32);
                    }
                    '1'..='9' | 'k' if !in_class => {
                        backtracks = true;
                        out.push('\\');
                        out.push(escaped);
                    }
                    'b' | 'B' | 'f' | 'n' | 'r' | 't' | 'v' | 'x' | 'u' | 'p' | 'P' => {
                        out.push('\\');
                        out.push(escaped);
                    }
                    // An escaped letter without a meaning is that letter.
                    other if other.is_ascii_alphanumeric() => out.push(other),
                    other if other.is_ascii() => {
                        out.push('\\');
                        out.push(other);
                    }
                    other => out.push(other),
                }
            }
            '[' if in_class => out.push_str("\\["),
            '[' => {
                out.push('[');
                in_class = true;
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                if chars.peek() == Some(&']') {
                    // Nothing, or anything.
                    chars.next();
                    in_class = false;
                    let anything = out.ends_with('^');
                    out.truncate(out.len() - if anything { 2 } else { 1 });
                    out.push_str(if anything { "[\\s\\S]" } else { "[^\\s\\S]" });
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // Operators on classes, which JavaScript does not have.
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(char);
            }
            '-' if in_class && chars.peek() == Some(&'-') => out.push_str("\\-"),
            '.' if !in_class => out.push_str("[^\\n\\r\\u{2028}\\u{2029}]"),
            '(' if !in_class => {
                out.push('(');
                if chars.peek() == Some(&'?') {
                    chars.next();
                    out.push('?');
                    match chars.peek() {
                        Some('=' | '!') => backtracks = true,
                        Some('<') => {
                            chars.next();
                            out.push('<');
                            backtracks |= matches!(chars.peek(), Some('=' | '!'));
                        }
                        _ => {}
                    }
                }
            }
            '{' if !in_class && !is_repetition(&chars.clone().collect::<String>()) => out.push_str("\\{"),
            other => out.push(other),
        }
    }
    backtracks
}

/// Whether a text goes on as `3}`, `3,}` or `3,5}` do.
fn is_repetition(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let first = digits(text);
    let rest = &text[first..];
    first > 0
        && (rest.starts_with('}')
            || rest.strip_prefix(',').is_some_and(|rest| rest[digits(rest)..].starts_with('}')))
}
