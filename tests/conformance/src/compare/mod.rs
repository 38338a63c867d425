//! How a recorded answer and ours are compared.
//!
//! Tokens stand for any text ([`text`]); times, request ids and what the case masks are ignored; text that holds JSON
//! and the JSON itself are the same, because the recorder parsed some texts; the metadata of HTTP is ignored.

mod history;
pub mod text;

pub use history::{HistoryCheck, Unordered};

use serde_json::Value;
use std::collections::BTreeSet;
use text::Bindings;

/// Texts by which the recorder replaced what differs from run to run.
const IGNORED_TEXTS: &[&str] =
    &["timestamp", "date", "datetime", "creation-date", "RequestId", "x-amzn-RequestId", "X-Amzn-Trace-Id"];

/// Members that are not compared.
const IGNORED_MEMBERS: &[&str] =
    &["ResponseMetadata", "SdkHttpMetadata", "SdkResponseMetadata", "RequestId", "X-Amzn-Trace-Id"];

/// Members whose values are measurements of AWS's own machines: they must be there, and be numbers.
const MEASURED_MEMBERS: &[&str] = &["billedDurationInMilliseconds"];

/// The first thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: a JSON pointer, with words before it.
    pub at: String,
    /// What was recorded.
    pub expected: String,
    /// What we answered.
    pub found: String,
}

impl Difference {
    /// A difference at the top.
    pub fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { at: String::new(), expected: expected.into(), found: found.into() }
    }

    /// The same, further in.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        self.at.insert_str(0, place);
        self
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, expected, found } = self;
        let at = if at.is_empty() { "at the top" } else { at };
        write!(f, "{at}: expected {}, found {}", cut(expected, 160), cut(found, 260))
    }
}

/// Long values are cut for reading.
fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((at, _)) => format!("{}… ({} bytes)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}

/// One case's comparison: what it masks, and what its tokens stand for so far.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    masked: BTreeSet<String>,
    added: BTreeSet<String>,
    links_of_map_runs_drift: bool,
    bindings: Bindings,
}

impl Comparison {
    /// `masks`: `[[JSONPath, literal]]` as recorded. A value that the recorder replaced by such a literal is ignored.
    pub fn new(masks: &Value) -> Self {
        let masks = masks.as_array().into_iter().flatten().filter_map(Value::as_array);
        let literals = masks.filter_map(|mask| match &mask[..] {
            // Two members of which the first is a JSONPath, or a key's name and its replacement.
            [path, literal] if path.as_str().is_some_and(|path| path.starts_with('$')) => literal.as_str(),
            [kind, _, literal] if kind == "key_value" => literal.as_str(),
            _ => None,
        });
        Self { masked: literals.map(str::to_owned).collect(), ..Self::default() }
    }

    /// Members that may be ours alone: AWS added them after the recording.
    #[must_use]
    pub fn without_added<'a>(mut self, members: impl IntoIterator<Item = &'a str>) -> Self {
        self.added = members.into_iter().map(str::to_owned).collect();
        self
    }

    /// Since the end of 2024 AWS's `MapStateExited` points at `MapRunStarted`, before at `MapRunSucceeded`: in an older
    /// recording it points elsewhere than today.
    #[must_use]
    pub fn before_map_runs_link_changed(mut self) -> Self {
        self.links_of_map_runs_drift = true;
        self
    }

    fn ignores(&self, text: &str) -> bool {
        IGNORED_TEXTS.contains(&text) || self.masked.contains(text)
    }

    /// Compares; what the tokens stand for is kept where the values are the same.
    ///
    /// # Errors
    /// The first difference.
    pub fn value(&mut self, wanted: &Value, got: &Value) -> Result<(), Difference> {
        let mut trial = self.clone();
        trial.compare(wanted, got)?;
        *self = trial;
        Ok(())
    }

    fn compare(&mut self, wanted: &Value, got: &Value) -> Result<(), Difference> {
        match (wanted, got) {
            (Value::String(text), _) if self.ignores(text) => Ok(()),
            (Value::String(a), Value::String(b)) => self.texts(a, b),
            (Value::String(a), other) if text::is_token(a) => {
                let same = text::matches(a, &other.to_string(), &mut self.bindings);
                same.then_some(()).ok_or_else(|| differs(wanted, got))
            }
            (Value::Object(_) | Value::Array(_), Value::String(text)) => {
                match serde_json::from_str::<Value>(text) {
                    Ok(parsed @ (Value::Object(_) | Value::Array(_))) => self.compare(wanted, &parsed),
                    _ => Err(differs(wanted, got)),
                }
            }
            (Value::Object(a), Value::Object(b)) => {
                for (name, wanted) in a {
                    if IGNORED_MEMBERS.contains(&name.as_str()) {
                        continue;
                    }
                    let place = format!("/{name}");
                    let Some(got) = b.get(name) else {
                        return Err(Difference::new(wanted.to_string(), "nothing").within(&place));
                    };
                    if MEASURED_MEMBERS.contains(&name.as_str()) && wanted.is_number() && got.is_number() {
                        continue;
                    }
                    self.compare(wanted, got).map_err(|difference| difference.within(&place))?;
                }
                let more = b.iter().find(|(name, _)| {
                    !a.contains_key(name.as_str())
                        && !IGNORED_MEMBERS.contains(&name.as_str())
                        && !self.added.contains(name.as_str())
                });
                more.map_or(Ok(()), |(name, got)| {
                    Err(Difference::new("nothing", got.to_string()).within(&format!("/{name}")))
                })
            }
            (Value::Array(a), Value::Array(b)) => {
                for (index, (wanted, got)) in a.iter().zip(b).enumerate() {
                    self.compare(wanted, got)
                        .map_err(|difference| difference.within(&format!("/{index}")))?;
                }
                let told = |count: usize| format!("{count} items");
                (a.len() == b.len())
                    .then_some(())
                    .ok_or_else(|| Difference::new(told(a.len()), format!("{}: {got}", told(b.len()))))
            }
            (Value::Number(a), Value::Number(b)) => {
                let whole = a.as_i64().zip(b.as_i64()).map(|(a, b)| a == b);
                let same = whole.unwrap_or_else(|| a.as_f64() == b.as_f64());
                same.then_some(()).ok_or_else(|| differs(wanted, got))
            }
            (a, b) if a == b => Ok(()),
            _ => Err(differs(wanted, got)),
        }
    }

    fn texts(&mut self, wanted: &str, got: &str) -> Result<(), Difference> {
        if text::matches(wanted, got, &mut self.bindings) {
            return Ok(());
        }
        // The recorder wrote JSON within texts anew, with other spaces.
        let json = |text: &str| serde_json::from_str::<Value>(text).ok();
        match (json(wanted), json(got)) {
            (Some(Value::String(masked)), _) if self.ignores(&masked) => Ok(()),
            (Some(a @ (Value::Object(_) | Value::Array(_))), Some(b)) => self.compare(&a, &b),
            _ => Err(Difference::new(format!("{wanted:?}"), format!("{got:?}"))),
        }
    }
}

fn differs(wanted: &Value, got: &Value) -> Difference {
    Difference::new(wanted.to_string(), got.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(wanted: &Value, got: &Value) -> Result<(), Difference> {
        Comparison::default().value(wanted, got)
    }

    #[test]
    fn what_the_recorder_parsed_is_parsed() {
        assert_eq!(check(&json!({"a": {"b": 1}}), &json!({"a": "{\"b\":1}"})), Ok(()));
        assert_eq!(check(&json!("{\"a\": 1}"), &json!("{\"a\":1}")), Ok(()));
        assert!(check(&json!({"a": 1}), &json!("no")).is_err());
        assert!(check(&json!("1"), &json!(1)).is_err());
    }

    #[test]
    fn metadata_times_and_masks_are_ignored() {
        let masks = json!([["$..TaskToken", "task_token"], ["key_value", "RoleArn", "role-arn"], ["sqs"]]);
        let mut comparison = Comparison::new(&masks);
        let wanted =
            json!({"TaskToken": "task_token", "at": "datetime", "r": "role-arn", "ResponseMetadata": {}});
        assert_eq!(comparison.value(&wanted, &json!({"TaskToken": {}, "at": 7.5, "r": "x"})), Ok(()));
        assert!(comparison.value(&json!("sqs"), &json!("other")).is_err());
        assert_eq!(check(&json!({"a": 1}), &json!({"a": 1, "SdkHttpMetadata": {}})), Ok(()));
        assert_eq!(check(&json!("\"date\""), &json!("\"2024-11-06T09:42:03Z\"")), Ok(()));
    }

    #[test]
    fn a_difference_tells_where_what_and_what_instead() {
        let difference = check(&json!({"a": [1, {"b": 2}]}), &json!({"a": [1, {"b": 3}]})).unwrap_err();
        assert_eq!(difference.to_string(), "/a/1/b: expected 2, found 3");
        assert_eq!(check(&json!({"a": 1}), &json!({})).unwrap_err().found, "nothing");
        assert_eq!(check(&json!({}), &json!({"a": 1})).unwrap_err().expected, "nothing");
        assert!(check(&json!([1]), &json!([1, 2])).is_err());
        assert!(check(&json!([1, 2]), &json!([1])).is_err());
    }

    #[test]
    fn numbers_are_compared_by_value_and_whole_ones_exactly() {
        assert_eq!(check(&json!(1), &json!(1.0)), Ok(()));
        assert!(check(&json!(9_007_199_254_740_993_i64), &json!(9_007_199_254_740_992_i64)).is_err());
        assert!(check(&json!(0.1), &json!(0.2)).is_err());
    }

    #[test]
    fn tokens_bind_across_a_value_and_only_where_it_matched() {
        let mut comparison = Comparison::default();
        assert!(comparison.value(&json!({"a": "<t:1>", "b": 1}), &json!({"a": "x", "b": 2})).is_err());
        assert_eq!(comparison.value(&json!({"a": "<t:1>"}), &json!({"a": "y"})), Ok(()));
        assert!(comparison.value(&json!("<t:1>"), &json!("z")).is_err());
    }
}
