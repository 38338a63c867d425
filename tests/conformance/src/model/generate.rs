//! Machines by chance: every state may stand anywhere, all of them end, and each is a valid definition.
//!
//! Every state takes and gives an object with a number `n` and a list `items`. What a machine comes to does not depend
//! on the order in which concurrent branches run: within them tasks fail no more often than they are retried. Tasks that
//! fail for good stand at the top alone.

use super::chance::Chance;
use serde_json::{Map, Value, json};

/// A generated machine.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its definition.
    pub definition: Value,
    /// The input that it is to be started with.
    pub input: Value,
    /// Whether chance shows in what it comes to, and not only in when.
    pub shows_chance: bool,
}

const LAMBDA: &str = "arn:aws:states:::lambda:invoke";
const WAITING: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
const DEPTH_MAX: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Jsonata,
    JsonPath,
}

struct Generator {
    chance: Chance,
    /// The definition's own language; with JSONPath at the top, single states may be JSONata.
    top: Language,
    states: usize,
    shows_chance: bool,
    /// Variables that are assigned wherever the next state is reached.
    variables: Vec<String>,
}

/// The machine of that number.
pub fn machine(seed: u64) -> Machine {
    let mut chance = Chance::new(seed);
    let top = if chance.percent(50) { Language::Jsonata } else { Language::JsonPath };
    let mut generator = Generator { chance, top, states: 0, shows_chance: false, variables: Vec::new() };
    let mut definition = generator.scope(0);
    if top == Language::Jsonata {
        definition["QueryLanguage"] = json!("JSONata");
    }
    let items: Vec<usize> = (0..generator.chance.below(4)).collect();
    let input = json!({"n": generator.chance.below(10), "items": items});
    Machine { definition, input, shows_chance: generator.shows_chance }
}

impl Generator {
    /// States in a row, each of which leads to a later one.
    fn scope(&mut self, depth: usize) -> Value {
        let outer = self.variables.len();
        let count = 1 + self.chance.below(if depth == 0 { 5 } else { 3 });
        let names: Vec<String> = (0..count)
            .map(|_| {
                self.states += 1;
                format!("S{}", self.states)
            })
            .collect();
        let mut states = Map::new();
        for (index, name) in names.iter().enumerate() {
            let state = self.state(depth, index == 0, name, &names[index + 1..]);
            states.insert(name.clone(), state);
        }
        self.variables.truncate(outer);
        json!({"StartAt": names[0], "States": states})
    }

    fn state(&mut self, depth: usize, first: bool, name: &str, later: &[String]) -> Value {
        let mut language = self.top;
        let kind = self.chance.below(12);
        let is_leaf = kind <= 7 || depth >= DEPTH_MAX;
        if self.top == Language::JsonPath && is_leaf && self.chance.percent(25) {
            language = Language::Jsonata;
        }
        let mut state = match kind {
            2..=4 => self.task(language, depth, later),
            5 => waiting(language),
            6 => json!({"Type": "Wait", "Seconds": 1 + self.chance.below(30)}),
            7 if !first && !later.is_empty() => self.choice(language, later),
            8 | 9 if depth < DEPTH_MAX => self.parallel(language, depth),
            10 | 11 if depth < DEPTH_MAX => self.map(language, depth),
            _ => self.pass(language),
        };
        if depth == 0 && later.is_empty() && !first && self.chance.percent(10) {
            state = json!({"Type": "Fail", "Error": "Told.To", "Cause": "it was told to"});
        } else if state["Type"] != "Choice" {
            match later.first() {
                Some(next) => state["Next"] = json!(next),
                None => state["End"] = json!(true),
            }
        }
        if first && state["Catch"].is_null() {
            // What the first state assigns is assigned wherever a later state of this scope is reached.
            self.assign(&mut state, language, name);
        }
        if self.top == Language::JsonPath {
            state["QueryLanguage"] =
                json!(if language == Language::Jsonata { "JSONata" } else { "JSONPath" });
        }
        state
    }

    fn number(&mut self, language: Language) -> String {
        let variable = (!self.variables.is_empty() && self.chance.percent(50))
            .then(|| self.chance.one_of(&self.variables).clone());
        match (language, variable) {
            (Language::Jsonata, Some(name)) => format!("${name}"),
            (Language::Jsonata, None) => "$states.input.n".to_owned(),
            (Language::JsonPath, Some(name)) => format!("${name}"),
            (Language::JsonPath, None) => "$.n".to_owned(),
        }
    }

    fn assign(&mut self, state: &mut Value, language: Language, name: &str) {
        let variable = format!("v{name}");
        state["Assign"] = match language {
            Language::Jsonata if self.chance.percent(15) => {
                self.shows_chance = true;
                json!({(variable.clone()): "{% $floor($random() * 1000) %}"})
            }
            Language::Jsonata => json!({(variable.clone()): "{% $states.context.Execution.Input.n + 1 %}"}),
            Language::JsonPath => json!({(format!("{variable}.$")): "$$.Execution.Input.n"}),
        };
        self.variables.push(variable);
    }

    fn pass(&mut self, language: Language) -> Value {
        let number = self.number(language);
        let more = self.chance.below(5);
        match language {
            Language::Jsonata => json!({
                "Type": "Pass",
                "Output": {"n": format!("{{% {number} + {more} %}}"), "items": "{% $states.input.items %}"},
            }),
            Language::JsonPath => json!({
                "Type": "Pass",
                "Parameters": {"n.$": format!("States.MathAdd({number}, {more})"), "items.$": "$.items"},
            }),
        }
    }

    fn choice(&mut self, language: Language, later: &[String]) -> Value {
        let bound = self.chance.below(10);
        let next = self.chance.one_of(later).clone();
        let rule = match language {
            Language::Jsonata => {
                json!({"Condition": format!("{{% $states.input.n > {bound} %}}"), "Next": next})
            }
            Language::JsonPath => json!({"Variable": "$.n", "NumericGreaterThan": bound, "Next": next}),
        };
        json!({"Type": "Choice", "Choices": [rule], "Default": later[0]})
    }

    fn task(&mut self, language: Language, depth: usize, later: &[String]) -> Value {
        let breaks = depth == 0 && self.chance.percent(20);
        let functions = if breaks { &["broken", "broken", "silent"] } else { &["steady", "steady", "flaky"] };
        let function = *self.chance.one_of(functions);
        let number = self.number(language);
        let mut task = match language {
            Language::Jsonata => json!({
                "Type": "Task", "Resource": LAMBDA,
                "Arguments": {"FunctionName": function, "Payload": {
                    "n": format!("{{% {number} %}}"), "retryCount": "{% $states.context.State.RetryCount %}"}},
                "Output": {"n": "{% $states.result.Payload.n %}", "items": "{% $states.input.items %}"},
            }),
            Language::JsonPath => json!({
                "Type": "Task", "Resource": LAMBDA,
                "Parameters": {"FunctionName": function, "Payload": {
                    "n.$": number, "retryCount.$": "$$.State.RetryCount"}},
                "ResultSelector": {"n.$": "$.Payload.n"},
                "ResultPath": "$.answer",
            }),
        };
        if function == "silent" {
            task["TimeoutSeconds"] = json!(2 + self.chance.below(20));
        }
        if function == "flaky" || self.chance.percent(20) {
            let mut rule = json!({"ErrorEquals": ["Flaky"], "IntervalSeconds": 1 + self.chance.below(3),
                "MaxAttempts": 2 + self.chance.below(2), "BackoffRate": 1.5});
            if self.chance.percent(50) {
                rule["JitterStrategy"] = json!("FULL");
            }
            if self.chance.percent(30) {
                rule["MaxDelaySeconds"] = json!(2 + self.chance.below(5));
                rule["IntervalSeconds"] = json!(1);
            }
            task["Retry"] = json!([rule]);
        }
        if let (true, Some(next)) = (breaks || self.chance.percent(10), later.last())
            && self.chance.percent(70)
        {
            let mut rule = json!({"ErrorEquals": ["States.ALL"], "Next": next});
            match language {
                Language::Jsonata => rule["Output"] = json!("{% $states.input %}"),
                Language::JsonPath => rule["ResultPath"] = json!("$.error"),
            }
            task["Catch"] = json!([rule]);
        }
        task
    }

    fn parallel(&mut self, language: Language, depth: usize) -> Value {
        let branches: Vec<Value> = (0..1 + self.chance.below(3)).map(|_| self.scope(depth + 1)).collect();
        match language {
            Language::Jsonata => json!({
                "Type": "Parallel", "Branches": branches,
                "Output": {"n": "{% $sum($states.result.n) %}", "items": "{% $states.input.items %}"},
            }),
            Language::JsonPath => json!({
                "Type": "Parallel", "Branches": branches,
                "ResultSelector": {"all.$": "$[*].n"}, "ResultPath": "$.branches",
            }),
        }
    }

    fn map(&mut self, language: Language, depth: usize) -> Value {
        let processor = self.scope(depth + 1);
        let concurrency = self.chance.below(3);
        match language {
            Language::Jsonata => json!({
                "Type": "Map", "Items": "{% $states.input.items %}", "MaxConcurrency": concurrency,
                "ItemSelector": {"n": "{% $states.context.Map.Item.Value %}", "items": [7, 8]},
                "ItemProcessor": processor,
                "Output": {"n": "{% $count($states.result) %}", "items": "{% $states.input.items %}"},
            }),
            Language::JsonPath => json!({
                "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": concurrency,
                "ItemSelector": {"n.$": "$$.Map.Item.Value", "items": [7, 8]},
                "ItemProcessor": processor,
                "ResultPath": "$.mapped",
            }),
        }
    }
}

/// A task that waits for its token.
fn waiting(language: Language) -> Value {
    match language {
        Language::Jsonata => json!({
            "Type": "Task", "Resource": WAITING, "TimeoutSeconds": 9_000,
            "Arguments": {"QueueUrl": "queue", "MessageBody": {
                "n": "{% $states.input.n %}", "token": "{% $states.context.Task.Token %}"}},
            "Output": {"n": "{% $states.result.n %}", "items": "{% $states.input.items %}"},
        }),
        Language::JsonPath => json!({
            "Type": "Task", "Resource": WAITING, "TimeoutSeconds": 9_000,
            "Parameters": {"QueueUrl": "queue", "MessageBody": {
                "n.$": "$.n", "token.$": "$$.Task.Token"}},
            "ResultPath": "$.token",
        }),
    }
}
