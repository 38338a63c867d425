//! Task tokens in histories: who can read a history may not answer its tasks.
//!
//! Step Functions shows what a task was called with, token and all, as JSON text; a message's body in it may be JSON text
//! in JSON text. A token is known by the member that holds it, and by its looks.

use serde_json::Value;

/// What stands for a token.
pub(super) const SHOWN: &str = "[task token]";

/// What stands for a text in which a token may hide that cannot be told from the rest.
const UNREADABLE: &str = "[not shown: it may hold a task token]";

/// The member that holds a token, in small letters: of our messages, and of most of the world's.
const MEMBER: &str = "tasktoken";

/// Step Functions' tokens are Base64 of several hundred bytes and begin so; a shorter text is something else.
const LENGTH_MIN: usize = 128;
const BEGINNING: &str = "AQC";

/// Deeper text in text is not looked through, but hidden where it speaks of a token.
const TEXTS_DEEP_MAX: usize = 8;

/// Puts `[task token]` where a token stands.
pub(super) fn hide_tokens(value: &mut Value) {
    hide(value, 0);
}

fn hide(value: &mut Value, depth: usize) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::String(text) if name.eq_ignore_ascii_case(MEMBER) => {
                        *text = SHOWN.to_owned();
                    }
                    member => hide(member, depth),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, depth)),
        Value::String(text) => hide_in_text(text, depth),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn hide_in_text(text: &mut String, depth: usize) {
    if looks_like_one(text) {
        *text = SHOWN.to_owned();
        return;
    }
    if !may_hold_one(text) {
        return;
    }
    let parsed = if depth < TEXTS_DEEP_MAX { serde_json::from_str::<Value>(text).ok() } else { None };
    match parsed {
        Some(mut inner @ (Value::Object(_) | Value::Array(_) | Value::String(_))) => {
            let before = inner.clone();
            hide(&mut inner, depth + 1);
            if inner != before {
                *text = inner.to_string();
            }
        }
        Some(_) => {}
        // Neither JSON nor a whole token: text around one, or JSON that was cut off.
        None if holds_one(text) => *text = UNREADABLE.to_owned(),
        None => {}
    }
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=_-".contains(c)
}

fn looks_like_one(text: &str) -> bool {
    text.len() >= LENGTH_MIN && text.starts_with(BEGINNING) && text.chars().all(is_base64)
}

/// A cheap look: most texts hold none.
fn may_hold_one(text: &str) -> bool {
    let has =
        |word: &str| text.as_bytes().windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes()));
    has(MEMBER) || (text.len() >= LENGTH_MIN && text.contains(BEGINNING))
}

/// A text that is not JSON: whether it names a token's member, or a part of it looks like a token.
fn holds_one(text: &str) -> bool {
    let member = text.to_ascii_lowercase().contains(MEMBER);
    member || text.split(|c| !is_base64(c)).any(looks_like_one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn token() -> String {
        format!("AQCEAAAAKgAAAAMAAAAA{}==", "x9/Z+".repeat(60))
    }

    fn hidden(mut value: Value) -> Value {
        hide_tokens(&mut value);
        value
    }

    #[test]
    fn a_token_is_hidden_wherever_it_stands() {
        let message = json!({"action": "provision", "taskToken": "short"}).to_string();
        let parameters = json!({"QueueUrl": "u", "MessageBody": message, "MessageGroupId": "t"}).to_string();
        let shown = hidden(json!({"taskScheduledEventDetails": {"resource": "r", "parameters": parameters}}));
        let message = json!({"action": "provision", "taskToken": SHOWN}).to_string();
        let parameters = json!({"QueueUrl": "u", "MessageBody": message, "MessageGroupId": "t"}).to_string();
        assert_eq!(shown, json!({"taskScheduledEventDetails": {"resource": "r", "parameters": parameters}}));
    }

    #[test]
    fn a_token_is_known_by_its_looks_under_any_name() {
        let inner = json!({"answerWith": token(), "list": [token()]}).to_string();
        let shown = hidden(json!({"input": inner, "direct": token()}));
        assert_eq!(shown["direct"], SHOWN);
        assert_eq!(shown["input"], json!({"answerWith": SHOWN, "list": [SHOWN]}).to_string());
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        let whole = json!({"Payload": {"taskToken": "secret"}}).to_string();
        let cut = whole[..whole.len() - 3].to_owned();
        assert_eq!(hidden(json!({ "parameters": cut })), json!({ "parameters": UNREADABLE }));
        let around = format!("answer with {} at once", token());
        assert_eq!(hidden(json!(around)), json!(UNREADABLE));
        let mut deep = json!({"taskToken": "secret"}).to_string();
        for _ in 0..TEXTS_DEEP_MAX + 3 {
            deep = json!([deep]).to_string();
        }
        assert!(!hidden(json!(deep)).to_string().contains("secret"));
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for value in [
            json!({"input": "{ \"a\" : 1,\"b\":[ ] }", "n": 1.5, "z": null, "t": true}),
            json!({"cause": "the token bucket is empty", "output": "\"token\""}),
            json!({"input": "{ \"tokens\" : 3 }"}),
            json!("A".repeat(500)),
        ] {
            assert_eq!(hidden(value.clone()), value);
        }
    }

    proptest! {
        #[test]
        fn no_wrapping_lets_a_token_through(wraps in prop::collection::vec(0u8..3, 0..12), name in "[a-z]{1,8}") {
            let token = token();
            let mut value = json!({ name: &token });
            for wrap in wraps {
                value = match wrap {
                    0 => json!(value.to_string()),
                    1 => json!([value, "x"]),
                    _ => json!({"more": value.to_string()}),
                };
            }
            prop_assert!(!hidden(value).to_string().contains(&token[..60]));
        }
    }
}
