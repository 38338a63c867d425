//! Functions that match texts, by other texts, by regular expressions, or by functions that act like those.

use super::super::error::{Outcome, Thrown};
use super::super::eval::Evaluation;
use super::super::function::Function;
use super::super::regex::{Match, Pattern};
use super::super::text::TextBuilder;
use super::super::value::{List, Value};
use super::{Run, argument};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

pub(super) const FUNCTIONS: &[(&str, &str, usize, Run)] = &[
    ("contains", "<s-(sf):b>", 2, contains),
    ("split", "<s-(sf)n?:a<s>>", 3, split),
    ("match", "<s-f<s:o>n?:a<o>>", 3, matches),
    ("replace", "<s-(sf)(sf)n?:s>", 4, replace),
];

/// One match, however it was found.
struct Found {
    /// Where in the text, in bytes.
    span: Range<usize>,
    groups: Vec<Option<String>>,
    /// Where it starts, in UTF-16 units, as expressions see it.
    index: f64,
    object: Option<Value>,
}

/// The matches in a text, one after the other.
struct Matches<'a> {
    evaluation: &'a Evaluation,
    value: &'a Value,
    text: &'a str,
    kind: Matcher,
    /// How far UTF-16 units were counted: bytes and units.
    counted: (usize, usize),
}

enum Matcher {
    Regex {
        pattern: Arc<Pattern>,
        from: usize,
        is_first: bool,
    },
    /// Calls this next; nothing once there are no more.
    Function {
        next: Value,
        is_first: bool,
    },
}

impl<'a> Matches<'a> {
    fn new(evaluation: &'a Evaluation, value: &'a Value, matcher: &Value) -> Outcome<Self> {
        let text = value.as_str().unwrap_or_default();
        let kind = match matcher {
            Value::Function(function) => match &**function {
                Function::Regex(pattern) => {
                    Matcher::Regex { pattern: Arc::clone(pattern), from: 0, is_first: true }
                }
                _ => Matcher::Function { next: matcher.clone(), is_first: true },
            },
            _ => return Err(Thrown::new("T1006")),
        };
        Ok(Matches { evaluation, value, text, kind, counted: (0, 0) })
    }

    fn units(&mut self, byte: usize) -> f64 {
        let (from, units) = if byte >= self.counted.0 { self.counted } else { (0, 0) };
        let more: usize = self.text[from..byte].chars().map(char::len_utf16).sum();
        self.counted = (byte, units + more);
        #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
        let index = self.counted.1 as f64;
        index
    }

    fn next(&mut self) -> Outcome<Option<Found>> {
        match &mut self.kind {
            Matcher::Regex { pattern, from, is_first } => {
                if !*is_first && *from >= self.text.len() {
                    return Ok(None);
                }
                let regex = self.evaluation.regex(pattern)?;
                let Some(found) = pattern.find(&regex, &self.evaluation.meter, self.text, *from)? else {
                    return Ok(None);
                };
                if !*is_first && found.span.is_empty() {
                    return Err(Thrown::new("D1004"));
                }
                *is_first = false;
                *from = found.span.end;
                let Match { span, groups } = found;
                let bytes: usize = groups.iter().flatten().map(ExactSizeIterator::len).sum();
                let _room = self.evaluation.meter.reserve(bytes + groups.len() * 32)?;
                let groups = groups.into_iter().map(|group| Some(self.text[group?].to_owned())).collect();
                let index = self.units(span.start);
                Ok(Some(Found { span, groups, index, object: None }))
            }
            Matcher::Function { next, is_first } => {
                if next.is_undefined() {
                    return Ok(None);
                }
                let arguments = if *is_first { vec![self.value.clone()] } else { Vec::new() };
                *is_first = false;
                let result = self.evaluation.apply(next, arguments, &Value::Null)?;
                *next = Value::Undefined;
                let Value::Object(object) = &result else {
                    return match result {
                        Value::Undefined | Value::Null | Value::Bool(false) => Ok(None),
                        _ => Err(Thrown::new("T1010")),
                    };
                };
                let (start, end) = (object.get("start"), object.get("end"));
                let is_match = matches!(start, Value::Number(_))
                    || matches!(end, Value::Number(_))
                    || object.get("groups").is_array()
                    || object.get("next").is_function();
                if !is_match {
                    return Err(Thrown::new("T1010"));
                }
                *next = object.get("next");
                let index = start.as_number().unwrap_or(0.0);
                let from = byte_at(self.text, index);
                let matched = object.get("match");
                let to = from + matched.as_str().map_or(0, str::len);
                let to = (to.min(self.text.len())..=self.text.len())
                    .find(|at| self.text.is_char_boundary(*at))
                    .unwrap_or(self.text.len());
                let groups = match object.get("groups") {
                    Value::Array(array, _) => {
                        array.iter().map(|group| group.as_str().map(str::to_owned)).collect()
                    }
                    _ => Vec::new(),
                };
                Ok(Some(Found { span: from..to, groups, index, object: Some(result) }))
            }
        }
    }
}

/// The byte at which a UTF-16 unit starts.
fn byte_at(text: &str, unit: f64) -> usize {
    let mut units = 0.0;
    for (at, char) in text.char_indices() {
        if units >= unit {
            return at;
        }
        units += if char.len_utf16() == 2 { 2.0 } else { 1.0 };
    }
    text.len()
}

fn limit(arguments: &[Value], index: usize, code: &'static str) -> Outcome<Option<f64>> {
    match argument(arguments, index) {
        value @ Value::Number(limit) if *limit < 0.0 => Err(Thrown::new(code).value(value)),
        value => Ok(value.as_number()),
    }
}

/// Whether `count` is still below a limit.
fn within(count: u32, limit: Option<f64>) -> bool {
    limit.is_none_or(|limit| f64::from(count) < limit)
}

fn contains(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let value = argument(arguments, 0);
    let Some(text) = value.as_str() else { return Ok(Value::Undefined) };
    evaluation.meter.spend_on_text(text.len())?;
    match argument(arguments, 1) {
        Value::String(part) => Ok(Value::Bool(text.contains(part.as_str()))),
        matcher => Ok(Value::Bool(Matches::new(evaluation, value, matcher)?.next()?.is_some())),
    }
}

fn split(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let value = argument(arguments, 0);
    let Some(text) = value.as_str() else { return Ok(Value::Undefined) };
    let limit = limit(arguments, 2, "D3020")?;
    evaluation.meter.spend_on_text(text.len())?;
    let mut parts = evaluation.list()?;
    let mut count = 0;
    if let Value::String(separator) = argument(arguments, 1) {
        let limit = limit.map(f64::floor);
        if separator.as_str().is_empty() {
            for char in text.chars() {
                if !within(count, limit) {
                    break;
                }
                parts.push(evaluation.text(&*char.encode_utf8(&mut [0; 4]))?)?;
                count += 1;
            }
            return parts.array();
        }
        for part in text.split(separator.as_str()) {
            if !within(count, limit) {
                break;
            }
            parts.push(evaluation.text(part)?)?;
            count += 1;
        }
        return parts.array();
    }
    let mut matches = Matches::new(evaluation, value, argument(arguments, 1))?;
    let mut from = 0;
    if limit.is_some_and(|limit| limit <= 0.0) {
        return parts.array();
    }
    let mut found = matches.next()?;
    while let Some(own) = found.filter(|_| within(count, limit)) {
        parts.push(evaluation.text(&text[from.min(own.span.start)..own.span.start])?)?;
        from = own.span.end;
        count += 1;
        found = matches.next()?;
    }
    if within(count, limit) {
        parts.push(evaluation.text(&text[from..])?)?;
    }
    parts.array()
}

fn matches(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let value = argument(arguments, 0);
    let Some(text) = value.as_str() else { return Ok(Value::Undefined) };
    let limit = limit(arguments, 2, "D3040")?;
    let mut list = evaluation.list()?;
    let mut count = 0;
    let mut matches = Matches::new(evaluation, value, argument(arguments, 1))?;
    while within(count, limit) {
        let Some(found) = matches.next()? else { break };
        let mut object = evaluation.object()?;
        object.set("match".into(), evaluation.text(&text[found.span.clone()])?)?;
        object.set("index".into(), Value::Number(found.index))?;
        object.set("groups".into(), groups(evaluation, &found.groups)?)?;
        list.push(object.finish()?)?;
        count += 1;
    }
    list.sequence()
}

fn groups(evaluation: &Evaluation, groups: &[Option<String>]) -> Outcome {
    let mut list = List::with_capacity(&evaluation.meter, groups.len())?;
    for group in groups {
        list.push(match group {
            Some(group) => evaluation.text(group.as_str())?,
            None => Value::Undefined,
        })?;
    }
    list.array()
}

fn replace(evaluation: &Evaluation, arguments: &[Value], _: &Value) -> Outcome {
    let value = argument(arguments, 0);
    let Some(text) = value.as_str() else { return Ok(Value::Undefined) };
    let (pattern, replacement) = (argument(arguments, 1), argument(arguments, 2));
    if pattern.as_str() == Some("") {
        return Err(Thrown::new("D3010").value(pattern));
    }
    let limit = limit(arguments, 3, "D3011")?;
    evaluation.meter.spend_on_text(text.len())?;
    if limit.is_some_and(|limit| limit <= 0.0) {
        return Ok(value.clone());
    }
    let mut replaced = TextBuilder::new(&evaluation.meter)?;
    let (mut from, mut count) = (0, 0);
    if let Some(pattern) = pattern.as_str() {
        let Some(replacement) = replacement.as_str() else {
            return Err(Thrown::new("D3012").value(replacement));
        };
        for (at, found) in text.match_indices(pattern) {
            if !within(count, limit) {
                break;
            }
            evaluation.meter.spend(1)?;
            replaced.push(&text[from..at])?;
            replaced.push(replacement)?;
            from = at + found.len();
            count += 1;
        }
        replaced.push(&text[from..])?;
        return replaced.finish();
    }
    let mut matches = Matches::new(evaluation, value, pattern)?;
    while within(count, limit) {
        let Some(found) = matches.next()? else { break };
        replaced.push(&text[from.min(found.span.start)..found.span.start])?;
        match replacement.as_str() {
            Some(template) => substitute(template, &text[found.span.clone()], &found.groups, &mut replaced)?,
            None => {
                let object = match &found.object {
                    Some(object) => object.clone(),
                    None => found_object(evaluation, &matches, &found)?,
                };
                let result = evaluation.apply(replacement, vec![object], &Value::Null)?;
                match result.as_str() {
                    Some(result) => replaced.push(result)?,
                    None => return Err(Thrown::new("D3012").value(&result)),
                }
            }
        }
        from = found.span.end;
        count += 1;
    }
    replaced.push(&text[from..])?;
    replaced.finish()
}

/// Writes a replacement in which `$0` is the match, `$1` and so on its groups and `$$` a dollar.
fn substitute(
    template: &str,
    matched: &str,
    groups: &[Option<String>],
    out: &mut TextBuilder,
) -> Outcome<()> {
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push(&rest[..at])?;
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push("$")?;
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix('0') {
            out.push(matched)?;
            rest = after;
            continue;
        }
        let written = rest.bytes().take_while(u8::is_ascii_digit).count();
        // As many digits as the number of groups has; one less where that would be no group.
        let most = groups.len().max(1).to_string().len().min(written);
        let number = |digits: usize| rest[..digits].parse::<usize>().ok();
        let digits = if most > 1 && number(most).is_some_and(|number| number > groups.len()) {
            most - 1
        } else {
            most
        };
        match number(digits) {
            Some(index) => {
                if let Some(Some(group)) = groups.get(index.wrapping_sub(1)) {
                    out.push(group)?;
                }
                rest = &rest[index.to_string().len().min(digits)..];
            }
            None => out.push("$")?,
        }
    }
    out.push(rest)
}

fn found_object(evaluation: &Evaluation, matches: &Matches<'_>, found: &Found) -> Outcome {
    let next = match &matches.kind {
        Matcher::Regex { pattern, from, .. } => {
            Function::next_match(&evaluation.meter, pattern, matches.value, *from)?
        }
        Matcher::Function { next, .. } => next.clone(),
    };
    let text = &matches.text[found.span.clone()];
    #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
    let length = text.chars().map(char::len_utf16).sum::<usize>() as f64;
    let mut object = evaluation.object()?;
    object.set(Rc::from("match"), evaluation.text(text)?)?;
    object.set(Rc::from("start"), Value::Number(found.index))?;
    object.set(Rc::from("end"), Value::Number(found.index + length))?;
    object.set(Rc::from("groups"), groups(evaluation, &found.groups)?)?;
    object.set(Rc::from("next"), next)?;
    object.finish()
}

impl Evaluation {
    /// What a regular expression gives when it is called like a function.
    pub(in super::super) fn match_object(&self, pattern: &Arc<Pattern>, value: &Value, from: f64) -> Outcome {
        let Some(text) = value.as_str() else { return Ok(Value::Undefined) };
        self.meter.spend_on_text(text.len())?;
        let from = if from > 0.0 { byte_at(text, from.floor()) } else { 0 };
        self.object_from(pattern, value, from, true)
    }

    pub(in super::super) fn next_match_object(
        &self,
        pattern: &Arc<Pattern>,
        value: &Value,
        from: usize,
    ) -> Outcome {
        self.object_from(pattern, value, from, false)
    }

    fn object_from(&self, pattern: &Arc<Pattern>, value: &Value, from: usize, is_first: bool) -> Outcome {
        let regex = Value::Function(Rc::new(Function::Regex(Arc::clone(pattern))));
        let mut matches = Matches::new(self, value, &regex)?;
        matches.kind = Matcher::Regex { pattern: Arc::clone(pattern), from, is_first };
        match matches.next()? {
            Some(found) => found_object(self, &matches, &found),
            None => Ok(Value::Undefined),
        }
    }
}
