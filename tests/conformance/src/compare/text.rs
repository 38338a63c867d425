//! Texts in which the recorder put tokens: `<word>` and `<word:N>` stand for any text, and equal tokens for equal ones.

use std::collections::BTreeMap;

/// What each token stands for, as far as it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings(BTreeMap<String, String>);

/// How many positions one comparison of texts may try: enough for every honest text, and an end for the others.
const TRIES_MAX: u32 = 200_000;

#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Token(&'a str),
}

fn parts(wanted: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut text_from, mut at) = (0, 0);
    while let Some(open) = wanted[at..].find('<').map(|offset| at + offset) {
        at = open + 1;
        if let Some(length) = token_length(&wanted[open..]) {
            if text_from < open {
                parts.push(Part::Text(&wanted[text_from..open]));
            }
            at = open + length;
            parts.push(Part::Token(&wanted[open..at]));
            text_from = at;
        }
    }
    if text_from < wanted.len() {
        parts.push(Part::Text(&wanted[text_from..]));
    }
    parts
}

/// How long the token is that the text begins with: `<word>`, `<word:N>`, or one that was replaced once more
/// (`<<word>:N>`).
fn token_length(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('<')?;
    let inner = token_length(inside).unwrap_or(0);
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || b"-_:.".contains(b);
    let word = inside.bytes().skip(inner).take_while(is_word).count();
    let closed = inside.as_bytes().get(inner + word) == Some(&b'>');
    (closed && word > 0).then_some(inner + word + 2)
}

/// Whether the text is one token and nothing else.
pub(super) fn is_token(wanted: &str) -> bool {
    matches!(parts(wanted)[..], [Part::Token(_)])
}

/// Whether `got` is the wanted text; what its tokens stand for is added to `bindings` where it is.
pub fn matches(wanted: &str, got: &str, bindings: &mut Bindings) -> bool {
    if wanted == got {
        return true;
    }
    let parts = parts(wanted);
    let mut tries = TRIES_MAX;
    let mut bound = bindings.clone();
    if parts.iter().any(|part| matches!(part, Part::Token(_))) {
        let matched = rest(&parts, got, &mut bound, &mut tries);
        if matched {
            *bindings = bound;
        }
        return matched;
    }
    same_but_for_suffixes(wanted, got)
}

fn rest(parts: &[Part<'_>], got: &str, bindings: &mut Bindings, tries: &mut u32) -> bool {
    let Some((first, after)) = parts.split_first() else { return got.is_empty() };
    if *tries == 0 {
        return false;
    }
    *tries -= 1;
    match first {
        Part::Text(text) => got.strip_prefix(text).is_some_and(|got| rest(after, got, bindings, tries)),
        Part::Token(token) => {
            if let Some(known) = bindings.0.get(*token).cloned() {
                return got.strip_prefix(known.as_str()).is_some_and(|got| rest(after, got, bindings, tries));
            }
            let mut ends: Vec<usize> = (0..=got.len()).filter(|at| got.is_char_boundary(*at)).collect();
            if after.is_empty() {
                ends = vec![got.len()];
            }
            for end in ends {
                bindings.0.insert((*token).to_owned(), got[..end].to_owned());
                if rest(after, &got[end..], bindings, tries) {
                    return true;
                }
            }
            bindings.0.remove(*token);
            false
        }
    }
}

/// The recorder renamed random suffixes of names (eight hexadecimal digits) to `uidNNNN` in what was sent, and left them
/// within longer texts of what came back.
fn same_but_for_suffixes(wanted: &str, got: &str) -> bool {
    let (mut wanted, mut got) = (wanted, got);
    let mut renamed = false;
    while let Some(at) = got.find("uid") {
        let digits = got[at + 3..].bytes().take(4).filter(u8::is_ascii_digit).count();
        if digits != 4 {
            return false;
        }
        let Some(after) = wanted.strip_prefix(&got[..at]) else { return false };
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if after.len() < 8 || !after.bytes().take(8).all(is_hex) {
            return false;
        }
        (wanted, got, renamed) = (&after[8..], &got[at + 7..], true);
    }
    renamed && wanted == got
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &str, got: &str) -> bool {
        matches(wanted, got, &mut Bindings::default())
    }

    #[test]
    fn tokens_stand_for_any_text() {
        assert!(check("a", "a"));
        assert!(!check("a", "b"));
        assert!(check("<uuid:1>", "anything at all"));
        assert!(check("id <uuid:1>; end", "id 7; end"));
        assert!(!check("id <uuid:1>; end", "id 7; enx"));
        assert!(check("<a><b>", "xy"));
        assert!(check("x<a>", "x"));
        assert!(check("<class 'int'>", "<class 'int'>"));
        assert!(!check("<class 'int'>", "<class 'str'>"));
        assert!(check("über <word> ü", "über ä ü"));
        assert!(check("<<word>:1>", "x"));
        assert!(!check("<<word>:1>!", "x"));
    }

    #[test]
    fn equal_tokens_stand_for_equal_texts() {
        assert!(check("<u:1>/<u:1>", "7/7"));
        assert!(!check("<u:1>/<u:1>", "7/8"));
        assert!(check("<u:1>/<u:2>", "7/8"));
        let mut bindings = Bindings::default();
        assert!(matches("<u:1>", "7", &mut bindings));
        assert!(!matches("<u:1>", "8", &mut bindings));
        assert!(matches("<u:1>", "7", &mut bindings));
    }

    #[test]
    fn what_did_not_match_binds_nothing() {
        let mut bindings = Bindings::default();
        assert!(!matches("<u:1> x", "7 y", &mut bindings));
        assert_eq!(bindings, Bindings::default());
    }

    #[test]
    fn random_suffixes_that_the_recorder_left_are_the_renamed_ones() {
        assert!(check("no queue-fa484d45: unknown", "no queue-uid0002: unknown"));
        assert!(!check("no queue-fa484d45: unknown", "no queue-uid0002: other"));
        assert!(!check("no queue-fa484dxx: unknown", "no queue-uid0002: unknown"));
    }

    #[test]
    fn hostile_texts_come_to_an_end() {
        let wanted = "<a><b><c><d><e><f>!".to_owned();
        assert!(!check(&wanted, &"x".repeat(2_000)));
    }
}
