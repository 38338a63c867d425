//! What Jackson says, and where.

use super::{NotJson, jackson_place, read};
use proptest::prelude::*;
use serde_json::Value;

fn problem(text: &str) -> (String, usize) {
    match read(text) {
        Err(NotJson::Syntax { offset, message }) => (message, offset),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_is_no_json_is_told_in_jacksons_words() {
    let values = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    let cases: Vec<(&str, String, usize)> = vec![
        ("not a definition", format!("Unrecognized token 'not': was expecting {values}"), 3),
        ("nul", format!("Unrecognized token 'nul': was expecting {values}"), 3),
        ("truely", format!("Unrecognized token 'truely': was expecting {values}"), 6),
        ("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name".into(), 2),
        ("{\"a\": 1,}", "Unexpected character ('}' (code 125)): was expecting double-quote to start field name".into(), 9),
        ("{\"a\" 1}", "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value".into(), 6),
        ("{\"a\": 1 \"b\": 2}", "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries".into(), 9),
        ("[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries".into(), 4),
        ("[1,]", format!("Unexpected character (']' (code 93)): expected a valid value {values}"), 4),
        ("{\"a\": }", format!("Unexpected character ('}}' (code 125)): expected a valid value {values}"), 7),
        ("{\"a\": €}", format!("Unexpected character ('€' (code 8364 / 0x20ac)): expected a valid value {values}"), 9),
        ("{\"a\": 1]", "Unexpected close marker ']': expected '}' (for Object starting at [Source: (String)\"{\"a\": 1]\"; line: 1, column: 1])".into(), 8),
        ("{", "Unexpected end-of-input: expected close marker for Object (start marker at [Source: (String)\"{\"; line: 1, column: 1])".into(), 1),
        ("{\"a\": \"b", "Unexpected end-of-input: was expecting closing quote for a string value".into(), 8),
        ("{\"a", "Unexpected end-of-input in field name".into(), 3),
        ("[\"\u{1}\"]", "Illegal unquoted character ((CTRL-CHAR, code 1)): has to be escaped using backslash to be included in string value".into(), 3),
        ("[\"\\x\"]", "Unrecognized character escape 'x' (code 120)".into(), 4),
        ("[01]", "Invalid numeric value: Leading zeroes not allowed".into(), 2),
        ("[-a]", "Unexpected character ('a' (code 97)) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value".into(), 3),
        ("[1.]", "Unexpected character (']' (code 93)) in numeric value: Decimal point not followed by a digit".into(), 4),
    ];
    for (text, message, offset) in cases {
        assert_eq!(problem(text), (message, offset), "{text}");
    }
    assert!(matches!(read(" \n "), Err(NotJson::Empty)));
    assert!(matches!(read(&"[".repeat(100_000)), Err(NotJson::TooDeep { offset: 120 })));
}

#[test]
fn a_long_text_is_shown_in_part() {
    let text = "x".repeat(620);
    let place = jackson_place(&text, 3);
    assert!(place.ends_with("\"[truncated 120 chars]; line: 1, column: 4]"), "{place}");
    assert_eq!(jackson_place("a\nbc", 3), "[Source: (String)\"a\nbc\"; line: 2, column: 2]");
}

proptest! {
    #[test]
    fn reads_what_serde_json_reads_and_nothing_else(text in "[\\[\\]{}\",:0-9a-z\\\\ .eE+-]{0,40}") {
        let ours = read(&text).map(|node| node.to_value());
        let theirs: Result<Value, _> = serde_json::from_str(&text);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{ours:?} {theirs:?}"),
        }
    }

    #[test]
    fn never_panics(text in any::<String>()) {
        let _ = read(&text);
    }
}
