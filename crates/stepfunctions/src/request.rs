//! Reading a request: JSON's types first, then the constraints of the service's model, every broken one at once.
//!
//! The words are those of AWS's service framework: `2 validation errors detected: Value '…' at 'name' failed to satisfy
//! constraint: …; Value null at …`. What the model marks as sensitive is not repeated (`Value at 'input' failed …`).

use crate::ApiError;
use serde_json::{Map, Value};
use std::fmt::Display;

/// What the model says of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextRule {
    /// Fewest characters.
    min: usize,
    /// Most characters; with `bytes` most bytes of UTF-8.
    max: usize,
    /// Whether `max` counts bytes.
    bytes: bool,
    /// Whether the value must not be repeated.
    sensitive: bool,
    pattern: Option<Pattern>,
}

/// A pattern as the model writes it, and what it means.
#[derive(Debug, Clone, Copy)]
struct Pattern {
    text: &'static str,
    matches: fn(&str) -> bool,
}

impl TextRule {
    const fn length(min: usize, max: usize) -> Self {
        Self { min, max, bytes: false, sensitive: false, pattern: None }
    }

    const fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    const fn in_bytes(self) -> Self {
        Self { bytes: true, ..self }
    }

    const fn pattern(self, text: &'static str, matches: fn(&str) -> bool) -> Self {
        Self { pattern: Some(Pattern { text, matches }), ..self }
    }
}

pub(crate) const NAME: TextRule = TextRule::length(1, 80);
pub(crate) const ARN: TextRule = TextRule::length(1, 256);
pub(crate) const LONG_ARN: TextRule = TextRule::length(1, 2000);
pub(crate) const DEFINITION: TextRule =
    TextRule::length(1, tenantry_core::limits::DEFINITION_BYTES_MAX).sensitive().in_bytes();
pub(crate) const DATA: TextRule =
    TextRule::length(0, tenantry_core::limits::PAYLOAD_BYTES_MAX).sensitive().in_bytes();
pub(crate) const DESCRIPTION: TextRule = TextRule::length(0, 256).sensitive();
pub(crate) const ERROR: TextRule =
    TextRule::length(0, tenantry_core::limits::ERROR_NAME_LENGTH_MAX).sensitive();
pub(crate) const CAUSE: TextRule = TextRule::length(0, tenantry_core::limits::CAUSE_LENGTH_MAX).sensitive();
pub(crate) const PAGE_TOKEN: TextRule = TextRule::length(1, 1024);
pub(crate) const EXECUTIONS_PAGE_TOKEN: TextRule = TextRule::length(1, 3096);
pub(crate) const TASK_TOKEN: TextRule = TextRule::length(1, 2048).sensitive();
pub(crate) const REVISION_ID: TextRule = TextRule::length(0, 256);
pub(crate) const STATE_NAME: TextRule = TextRule::length(1, 80).sensitive();
pub(crate) const TAG_KEY: TextRule = TextRule::length(1, 128);
pub(crate) const TAG_VALUE: TextRule = TextRule::length(0, 256);
pub(crate) const KMS_KEY: TextRule = TextRule::length(1, 2048);
pub(crate) const TRACE_HEADER: TextRule = TextRule::length(0, 256).pattern(r"\p{ASCII}*", str::is_ascii);
pub(crate) const CLIENT_TOKEN: TextRule =
    TextRule::length(1, 64).pattern("[!-~]+", |text| text.bytes().all(|byte| (b'!'..=b'~').contains(&byte)));
pub(crate) const ALIAS_NAME: TextRule =
    TextRule::length(1, 80).pattern(r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$", is_alias_name);

/// Letters, digits and `_-.`, and not digits alone: those are versions.
fn is_alias_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && text.bytes().any(|byte| !byte.is_ascii_digit())
}

/// The members of a request, or of an object or a list in it, being read. Faults are collected until [`Ask::done`].
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    members: &'a Map<String, Value>,
    place: String,
    faults: Vec<String>,
}

/// Reads a body: one JSON object; nothing at all is an empty one.
pub(crate) fn parse(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ApiError::serialization("Unexpected token: the request must be a JSON object")),
        Err(error) => Err(ApiError::serialization(format!("The request is not valid JSON: {error}"))),
    }
}

impl<'a> Ask<'a> {
    pub(crate) fn new(members: &'a Map<String, Value>) -> Self {
        Self { members, place: String::new(), faults: Vec::new() }
    }

    /// Whether a member is there; `null` is the same as nothing.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.place)
    }

    fn fault(&mut self, value: Option<&str>, name: &str, constraint: &str) {
        let path = self.path(name);
        let subject = match value {
            Some(value) => format!("Value '{value}' at '{path}'"),
            None => format!("Value at '{path}'"),
        };
        self.faults.push(format!("{subject} failed to satisfy constraint: {constraint}"));
    }

    /// A text that may be left out.
    pub(crate) fn text(&mut self, name: &str, rule: TextRule) -> Result<Option<&'a str>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| mistyped(value, "a String"))?;
        self.check(name, text, rule);
        Ok(Some(text))
    }

    /// A text that must be there; empty where it is not, and then [`Ask::done`] refuses.
    pub(crate) fn required_text(&mut self, name: &str, rule: TextRule) -> Result<&'a str, ApiError> {
        match self.text(name, rule)? {
            Some(text) => Ok(text),
            None => {
                self.missing(name);
                Ok("")
            }
        }
    }

    fn missing(&mut self, name: &str) {
        let path = self.path(name);
        self.faults
            .push(format!("Value null at '{path}' failed to satisfy constraint: Member must not be null"));
    }

    fn check(&mut self, name: &str, text: &str, rule: TextRule) {
        let shown = (!rule.sensitive).then_some(text);
        let length = if rule.bytes { text.len() } else { text.chars().take(rule.max + 1).count() };
        if length < rule.min {
            self.fault(
                shown,
                name,
                &format!("Member must have length greater than or equal to {}", rule.min),
            );
        }
        if length > rule.max {
            let constraint = if rule.bytes {
                format!("Member must have size less than or equal to {} bytes in UTF-8 encoding", rule.max)
            } else {
                format!("Member must have length less than or equal to {}", rule.max)
            };
            self.fault(shown, name, &constraint);
        }
        if let Some(Pattern { text: pattern, matches }) = rule.pattern
            && !matches(text)
        {
            self.fault(shown, name, &format!("Member must satisfy regular expression pattern: {pattern}"));
        }
    }

    /// One of `values`, where it is there.
    pub(crate) fn choice(
        &mut self,
        name: &str,
        values: &[&'static str],
    ) -> Result<Option<&'a str>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| mistyped(value, "a String"))?;
        if !values.contains(&text) {
            let constraint = format!("Member must satisfy enum value set: [{}]", values.join(", "));
            self.fault(Some(text), name, &constraint);
        }
        Ok(Some(text))
    }

    /// A whole number within bounds, where it is there.
    pub(crate) fn integer(&mut self, name: &str, min: i64, max: i64) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => match number.as_i64() {
                Some(whole) => whole,
                // Java's narrowing of a JSON number that has a fraction or is too large.
                None => number.as_f64().map_or(0, |float| float as i64),
            },
            _ => return Err(mistyped(value, "an Integer")),
        };
        self.bounds(name, number, min, max);
        Ok(Some(number))
    }

    /// A number within bounds, where it is there.
    pub(crate) fn float(&mut self, name: &str, min: f64, max: f64) -> Result<Option<f64>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_f64().ok_or_else(|| mistyped(value, "a Float"))?;
        self.bounds(name, number, min, max);
        Ok(Some(number))
    }

    fn bounds<N: PartialOrd + Display>(&mut self, name: &str, number: N, min: N, max: N) {
        let mut must_be = |bound: String| {
            self.fault(Some(&number.to_string()), name, &format!("Member must have value {bound}"));
        };
        if number < min {
            must_be(format!("greater than or equal to {min}"));
        }
        if number > max {
            must_be(format!("less than or equal to {max}"));
        }
    }

    /// `true` or `false`, where it is there.
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| mistyped(value, "a Boolean"))
    }

    /// An object, read by `read`, where it is there.
    pub(crate) fn object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Ask<'a>) -> Result<T, ApiError>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let members = value.as_object().ok_or_else(unexpected_shape)?;
        let place = self.path(&format!("{name}."));
        self.within(members, place, read).map(Some)
    }

    /// A list of objects, each read by `read`, where it is there. A list of another length than `min` to `max` is shown
    /// whole by `show`.
    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        (min, max): (usize, usize),
        show: fn(&[T]) -> String,
        mut read: impl FnMut(&mut Ask<'a>) -> Result<T, ApiError>,
    ) -> Result<Option<Vec<T>>, ApiError> {
        let Some(items) = self.list(name)? else { return Ok(None) };
        let mut found = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let members = item.as_object().ok_or_else(unexpected_shape)?;
            let place = self.path(&format!("{name}.{}.member.", index + 1));
            found.push(self.within(members, place, &mut read)?);
        }
        self.count(name, found.len(), (min, max), || show(&found));
        Ok(Some(found))
    }

    /// A list of texts, where it is there.
    pub(crate) fn texts(&mut self, name: &str, rule: TextRule) -> Result<Option<Vec<&'a str>>, ApiError> {
        let Some(items) = self.list(name)? else { return Ok(None) };
        let mut found = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let text = item.as_str().ok_or_else(|| mistyped(item, "a String"))?;
            self.check(&format!("{name}.{}.member", index + 1), text, rule);
            found.push(text);
        }
        Ok(Some(found))
    }

    fn list(&self, name: &str) -> Result<Option<&'a Vec<Value>>, ApiError> {
        self.get(name).map(|value| value.as_array().ok_or_else(unexpected_shape)).transpose()
    }

    fn count(&mut self, name: &str, count: usize, (min, max): (usize, usize), show: impl FnOnce() -> String) {
        if count < min {
            self.fault(
                Some(&show()),
                name,
                &format!("Member must have length greater than or equal to {min}"),
            );
        } else if count > max {
            self.fault(Some(&show()), name, &format!("Member must have length less than or equal to {max}"));
        }
    }

    fn within<T>(
        &mut self,
        members: &'a Map<String, Value>,
        place: String,
        read: impl FnOnce(&mut Ask<'a>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut inner = Ask { members, place, faults: Vec::new() };
        let value = read(&mut inner)?;
        self.faults.append(&mut inner.faults);
        Ok(value)
    }

    /// Says that a member must be there.
    pub(crate) fn require(&mut self, name: &str) {
        if !self.has(name) {
            self.missing(name);
        }
    }

    /// Refuses where any constraint was broken.
    pub(crate) fn done(self) -> Result<(), ApiError> {
        match self.faults.len() {
            0 => Ok(()),
            1 => Err(ApiError::validation(format!("1 validation error detected: {}", self.faults[0]))),
            more => Err(ApiError::validation(format!(
                "{more} validation errors detected: {}",
                self.faults.join("; ")
            ))),
        }
    }
}

fn mistyped(value: &Value, wanted: &str) -> ApiError {
    let found = match value {
        Value::String(_) => "STRING_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Null | Value::Array(_) | Value::Object(_) => return unexpected_shape(),
    };
    ApiError::serialization(format!("{found} can not be converted to {wanted}"))
}

fn unexpected_shape() -> ApiError {
    ApiError::serialization("Start of structure or map found where not expected.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(request: Value, read: impl FnOnce(&mut Ask<'_>) -> Result<(), ApiError>) -> String {
        let members = request.as_object().unwrap().clone();
        let mut ask = Ask::new(&members);
        match read(&mut ask).and_then(|()| ask.done()) {
            Ok(()) => String::new(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn every_broken_constraint_is_told_at_once() {
        let message = refusal(json!({"name": "x".repeat(81), "maxResults": 1001}), |ask| {
            ask.required_text("name", NAME)?;
            ask.required_text("roleArn", ARN)?;
            ask.integer("maxResults", 0, 1000)?;
            Ok(())
        });
        let long = "x".repeat(81);
        assert_eq!(
            message,
            format!(
                "3 validation errors detected: Value '{long}' at 'name' failed to satisfy constraint: Member must \
                 have length less than or equal to 80; Value null at 'roleArn' failed to satisfy constraint: Member \
                 must not be null; Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value \
                 less than or equal to 1000"
            )
        );
    }

    #[test]
    fn sensitive_values_are_not_repeated() {
        let message =
            refusal(json!({"input": "é".repeat(131_073)}), |ask| ask.text("input", DATA).map(|_| ()));
        assert_eq!(
            message,
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have size less \
             than or equal to 262144 bytes in UTF-8 encoding"
        );
    }

    #[test]
    fn aliases_are_not_numbers_alone() {
        for (name, good) in [
            ("a", true),
            ("1a", true),
            ("1.2", true),
            ("-", true),
            ("123", false),
            ("a b", false),
            ("é", false),
            ("", false),
        ] {
            assert_eq!(is_alias_name(name), good, "{name}");
        }
    }

    #[test]
    fn members_of_other_types_are_refused() {
        for (request, message) in [
            (json!({"name": 1}), "NUMBER_VALUE can not be converted to a String"),
            (json!({"name": {}}), "Start of structure or map found where not expected."),
            (json!({"name": true}), "TRUE_VALUE can not be converted to a String"),
        ] {
            assert_eq!(refusal(request, |ask| ask.text("name", NAME).map(|_| ())), message);
        }
        assert_eq!(parse(b"[]").unwrap_err().code, "SerializationException");
        assert_eq!(parse(b"{").unwrap_err().code, "SerializationException");
        assert!(parse(b" ").unwrap().is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_body_is_read_or_refused(body: Vec<u8>) {
            let _ = parse(&body);
        }
    }
}
