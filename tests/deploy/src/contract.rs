//! `terraform/generated/functions.json`: what each function may do, and an invocation that does it.

use crate::build;
use crate::stack::Stack;
use serde_json::Value;

/// The file.
#[derive(Debug)]
pub struct Contract(Value);

/// One thing that a function may do: an action on what a symbol stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Such as `dynamodb:GetItem`.
    pub action: String,
    /// Such as `table/index/index1`.
    pub symbol: String,
    /// `call`: the function's own; `mapping`, `runtime`: Lambda's, with the function's role.
    pub via: String,
    /// The example that reaches it, where it is the function's own.
    pub reached_by: String,
}

impl Contract {
    /// Reads it.
    ///
    /// # Panics
    /// Where it is not there or no JSON.
    pub fn read() -> Self {
        let text = std::fs::read_to_string(build::root().join("terraform/generated/functions.json"));
        Self(serde_json::from_str(&text.expect("functions.json")).expect("JSON"))
    }

    /// The functions' names, in the file's order.
    ///
    /// # Panics
    /// Where there are none.
    pub fn functions(&self) -> Vec<&str> {
        self.0["functions"].as_object().expect("functions").keys().map(String::as_str).collect()
    }

    /// What a function may do.
    ///
    /// # Panics
    /// Where a statement is not as the file's own comment says.
    pub fn uses(&self, function: &str) -> Vec<Use> {
        let mut uses = Vec::new();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for statement in self.0["functions"][function]["statements"].as_array().expect("statements") {
            for action in statement["actions"].as_array().expect("actions") {
                for symbol in statement["resources"].as_array().expect("resources") {
                    uses.push(Use {
                        action: text(action),
                        symbol: text(symbol),
                        via: text(&statement["via"]),
                        reached_by: text(&statement["reachedBy"]),
                    });
                }
            }
        }
        uses
    }

    /// The names of a function's examples.
    pub fn examples(&self, function: &str) -> Vec<&str> {
        let examples = self.0["functions"][function]["examples"].as_object();
        examples.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }

    /// What must be there before an example, in order: `rows/<seed>` and `run/<function>`.
    ///
    /// # Panics
    /// Where it does not say.
    pub fn given(&self, function: &str, example: &str) -> Vec<&str> {
        let given = self.0["functions"][function]["examples"][example]["given"].as_array();
        given.expect("a list").iter().map(|one| one.as_str().expect("a text")).collect()
    }

    /// The payload of an example, for this stack.
    ///
    /// # Panics
    /// Where it names what the stack has not.
    pub fn event(&self, function: &str, example: &str, stack: &Stack) -> Value {
        let mut event = self.0["functions"][function]["examples"][example]["event"].clone();
        assert!(!event.is_null(), "{function} has no example {example}");
        fill(&mut event, stack);
        event
    }

    /// The rows of a seed, as DynamoDB takes them.
    ///
    /// # Panics
    /// Where there is no such seed.
    pub fn seed(&self, name: &str) -> &[Value] {
        self.0["seeds"][name].as_array().unwrap_or_else(|| panic!("no seed {name}"))
    }
}

/// Puts ARNs in the place of symbols.
fn fill(value: &mut Value, stack: &Stack) {
    match value {
        Value::String(text) => {
            while let Some((before, rest)) = text.split_once("${") {
                let (symbol, after) = rest.split_once('}').unwrap_or_else(|| panic!("{text}: no end"));
                let meant = match symbol {
                    "region" => stack.output("/region").to_owned(),
                    symbol => stack.resources(symbol)[0].clone(),
                };
                *text = format!("{before}{meant}{after}");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, stack)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, stack)),
        _ => {}
    }
}
