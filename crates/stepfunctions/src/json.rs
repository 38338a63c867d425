//! JSON inside of texts: inputs and outputs of executions and tasks.

use serde_json::Value;

/// Reads a text; where it is no JSON, tells why in the words of the parser that AWS's answers show, Jackson:
/// `com.fasterxml.jackson.core.JsonParseException: Unexpected character …\n at [Source: (String)"…"; line: 1, column: 2]`.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| match in_jacksons_words(text) {
        Some(words) => words,
        None => error.to_string(),
    })
}

/// Definitions are read in Jackson's words already.
fn in_jacksons_words(text: &str) -> Option<String> {
    let findings = tenantry_asl::validate(text);
    let words = &findings.iter().find(|finding| finding.code == "INVALID_JSON_DESCRIPTION")?.message;
    let exception = match words.starts_with("Unexpected end-of-input") {
        true => "com.fasterxml.jackson.core.io.JsonEOFException",
        false => "com.fasterxml.jackson.core.JsonParseException",
    };
    Some(format!("{exception}: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_json_is_told_as_jackson_tells_it() {
        assert_eq!(read(r#"{"a": [1]}"#), Ok(json!({"a": [1]})));
        for (text, start) in [
            (
                "hello",
                "com.fasterxml.jackson.core.JsonParseException: Unrecognized token 'hello': was expecting ",
            ),
            (
                "{",
                "com.fasterxml.jackson.core.io.JsonEOFException: Unexpected end-of-input: expected close marker for Object",
            ),
        ] {
            let words = read(text).unwrap_err();
            assert!(words.starts_with(start), "{words}");
            assert!(words.contains("[Source: (String)\""), "{words}");
        }
        // Nothing that Jackson would mind: the limit is ours.
        let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        assert!(read(&deep).unwrap_err().contains("recursion limit"), "{}", read(&deep).unwrap_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:0-9a-z\\\\ \n]{0,80}") {
            proptest::prop_assert_eq!(read(&text).is_ok(), serde_json::from_str::<Value>(&text).is_ok());
        }
    }
}
