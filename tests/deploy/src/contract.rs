//! `terraform/generated/functions.json`: what each function may do, and an invocation that does it.

use crate::build;
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

    /// Whether a function is a step of a workflow.
    pub fn is_step(&self, function: &str) -> bool {
        self.0["functions"][function]["kind"] == "step"
    }

    /// The payload of an example, with `meaning` in the place of each `${…}`.
    ///
    /// # Panics
    /// Where there is no such example.
    pub fn event(&self, function: &str, example: &str, meaning: &dyn Fn(&str) -> String) -> Value {
        let mut event = self.0["functions"][function]["examples"][example]["event"].clone();
        assert!(!event.is_null(), "{function} has no example {example}");
        fill(&mut event, meaning);
        event
    }

    /// The entries of a seed.
    ///
    /// # Panics
    /// Where there is no such seed.
    pub fn seed(&self, name: &str) -> &[Value] {
        self.0["seeds"][name].as_array().unwrap_or_else(|| panic!("no seed {name}"))
    }
}

fn fill(value: &mut Value, meaning: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => {
            while let Some((before, rest)) = text.split_once("${") {
                let (symbol, after) = rest.split_once('}').unwrap_or_else(|| panic!("{text}: no end"));
                *text = format!("{before}{}{after}", meaning(symbol));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, meaning)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, meaning)),
        _ => {}
    }
}
