//! Whether a mocked result has the shape of the service's own answer.
//! <https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html>
//!
//! The services' answers are theirs to document; what [`services`] does not know is taken as it is.

mod services;

use crate::definition::model::{Resource, WaitsFor};
use serde_json::Value;

/// The shape of a value.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// A text of at least so many characters; blobs and times are texts, too.
    Text(usize),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    Number,
    Flag,
    /// An object with members of any name.
    Map,
    List(&'static Shape),
    Object(&'static [Member]),
    Any,
}

/// A member of an object: its name, whether it must be there, its shape.
type Member = (&'static str, bool, Shape);

/// Holds a result against what the resource answers. `strict`: members that must be there must be there.
///
/// # Errors
/// What is wrong, in Step Functions' words.
pub(super) fn check(resource: &Resource, result: &Value, strict: bool) -> Result<(), String> {
    let answered = match resource.waits_for {
        // A token is answered with anything, and so is a job whose output is shown as JSON.
        WaitsFor::Token | WaitsFor::JobAsJson => return Ok(()),
        WaitsFor::Response | WaitsFor::Job => &resource.api,
    };
    let service = resource.service.strip_prefix("aws-sdk:").unwrap_or(&resource.service);
    let Some(members) = services::answer(service, answered) else { return Ok(()) };
    match result {
        Value::Object(_) => check_shape("", &Shape::Object(members), result, strict),
        _ => Err("The result must be an object".to_owned()),
    }
}

/// As deep as the shapes are nested.
fn check_shape(field: &str, shape: &Shape, value: &Value, strict: bool) -> Result<(), String> {
    let must_be = |what: &str| Err(format!("Field '{field}' must be {what}"));
    match (shape, value) {
        (Shape::Text(least), Value::String(text)) if text.chars().count() < *least => {
            Err(format!("Field '{field}' is smaller than the minimum length"))
        }
        (Shape::OneOf(known), Value::String(text)) if !known.contains(&text.as_str()) => {
            Err(format!("Field '{field}' is not an expected value"))
        }
        (Shape::Text(_) | Shape::OneOf(_), Value::String(_))
        | (Shape::Number, Value::Number(_))
        | (Shape::Flag, Value::Bool(_))
        | (Shape::Map, Value::Object(_))
        | (Shape::Any, _) => Ok(()),
        (Shape::List(item), Value::Array(items)) => {
            items.iter().try_for_each(|value| check_shape(field, item, value, strict))
        }
        (Shape::Object(members), Value::Object(object)) => {
            for (name, required, shape) in *members {
                match object.get(*name) {
                    Some(value) => check_shape(name, shape, value, strict)?,
                    None if *required && strict => {
                        return Err(format!("Required field '{name}' is missing"));
                    }
                    None => {}
                }
            }
            Ok(())
        }
        (Shape::Text(_) | Shape::OneOf(_), _) => must_be("a string"),
        (Shape::Number, _) => must_be("a number"),
        (Shape::Flag, _) => must_be("a boolean"),
        (Shape::List(_), _) => must_be("an array"),
        (Shape::Map | Shape::Object(_), _) => must_be("an object"),
    }
}
