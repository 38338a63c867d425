mod bounds;
mod filters;
mod intrinsics;
mod paths;
mod properties;
mod recorded;
mod references;
mod templates;

use super::{Intrinsic, Path, PathError, Scope};
use crate::ContextObject;
use crate::state::Variables;
use serde_json::{Value, json};
use std::sync::Arc;

/// Calls with a scope over `input`, in which `$$` has an execution and `$name` and `$list` are set.
fn with_scope<T>(input: &Value, call: impl FnOnce(&Scope<'_>) -> T) -> T {
    let outer = Variables::from([
        ("name".to_owned(), Arc::new(json!("outer"))),
        ("list".to_owned(), Arc::new(json!([{"a": 1}, {"a": 2}]))),
    ]);
    let inner = Variables::from([("name".to_owned(), Arc::new(json!("Acme")))]);
    let context = ContextObject::new(|| json!({"Execution": {"Name": "run", "Input": {"x": 1}}}));
    call(&Scope { input, context: &context, variables: &[&inner, &outer], seed: 7 })
}

fn get(path: &str, input: &Value) -> Result<Value, PathError> {
    let path = Path::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    with_scope(input, |scope| path.get(scope))
}

fn found(path: &str, input: &Value) -> Value {
    get(path, input).unwrap_or_else(|error| panic!("{path}: {error:?}"))
}

fn invalid(path: &str, input: &Value) -> String {
    match get(path, input) {
        Ok(value) => panic!("{path} gives {value}"),
        Err(error) => error.invalid_path(),
    }
}

fn call(text: &str, input: &Value) -> Result<Value, String> {
    let intrinsic = Intrinsic::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    with_scope(input, |scope| intrinsic.evaluate(scope))
        .map_err(|failure| format!("{}: {}", failure.error, failure.cause))
}
