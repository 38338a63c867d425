//! Transitions of the pure interpreter a second: no journal, no clock, one thread.
//! `cargo bench -p tenantry-asl --bench transitions`; `-- heavy` for those machines alone whose names hold the word.
//!
//! A transition is one state entered and left. Each execution is stepped from its start to its end, with every change
//! folded in, as the runtime does.

use serde_json::{Value, json};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tenantry_asl::{
    Definition, Env, Event, ExecutionState, Identity, JsonataEvaluator, TimerKey, parse, step,
};

const SHARE: Duration = Duration::from_secs(3);

struct Case {
    name: &'static str,
    definition: Value,
    input: Value,
    /// States entered in one execution.
    states: u64,
}

fn chain(language: &str, state: &dyn Fn(usize) -> Value, states: usize) -> Value {
    let members = (0..states).map(|n| {
        let mut state = state(n);
        match n + 1 {
            next if next < states => state["Next"] = Value::from(format!("S{next}")),
            _ => state["End"] = Value::from(true),
        }
        (format!("S{n}"), state)
    });
    json!({"QueryLanguage": language, "StartAt": "S0", "States": members.collect::<serde_json::Map<_, _>>()})
}

fn choices(language: &str, rule: &Value, states: usize) -> Value {
    let mut members = serde_json::Map::new();
    for n in 0..states {
        let mut rule = rule.clone();
        rule["Next"] = Value::from(if n + 1 < states { format!("S{}", n + 1) } else { "End".to_owned() });
        members.insert(format!("S{n}"), json!({"Type": "Choice", "Choices": [rule]}));
    }
    members.insert("End".to_owned(), json!({"Type": "Succeed"}));
    json!({"QueryLanguage": language, "StartAt": "S0", "States": members})
}

fn map(language: &str) -> Value {
    json!({"QueryLanguage": language, "StartAt": "M", "States": {"M": {
        "Type": "Map", "End": true,
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}},
    }}})
}

fn cases() -> Vec<Case> {
    let input = json!({"tenant": {"id": "tnt_1", "plan": "pro", "seats": 5}, "items": [1, 2, 3, 4]});
    let heavy = "{% ( $total := $sum($states.input.orders.(price * quantity)); \
                 $by := $states.input.orders{category: $sum($.(price * quantity))}; \
                 {'total': $total, 'by': $by, 'top': $states.input.orders^(>price)[[0..4]].name, \
                  'names': $join($map($states.input.orders, function($o) { $uppercase($o.name) }), ', ')} ) %}";
    let orders: Vec<Value> = (0..50)
        .map(|n| json!({"name": format!("order {n}"), "price": n * 7 % 13, "quantity": n % 5, "category": format!("c{}", n % 4)}))
        .collect();
    vec![
        Case {
            name: "Pass, JSONata",
            definition: chain(
                "JSONata",
                &|_| json!({"Type": "Pass", "Output": {"tenant": "{% $states.input.tenant %}"}}),
                50,
            ),
            input: input.clone(),
            states: 50,
        },
        Case {
            name: "Pass, JSONPath",
            definition: chain(
                "JSONPath",
                &|_| json!({"Type": "Pass", "Parameters": {"tenant.$": "$.tenant"}}),
                50,
            ),
            input: input.clone(),
            states: 50,
        },
        Case {
            name: "Choice, JSONata",
            definition: choices(
                "JSONata",
                &json!({"Condition": "{% $states.input.tenant.plan = 'pro' %}"}),
                50,
            ),
            input: input.clone(),
            states: 51,
        },
        Case {
            name: "Choice, JSONPath",
            definition: choices("JSONPath", &json!({"Variable": "$.tenant.plan", "StringEquals": "pro"}), 50),
            input,
            states: 51,
        },
        Case {
            name: "Map of 1,000, JSONata",
            definition: map("JSONata"),
            input: Value::from((0..1_000).collect::<Vec<_>>()),
            states: 1_001,
        },
        Case {
            name: "Map of 1,000, JSONPath",
            definition: map("JSONPath"),
            input: Value::from((0..1_000).collect::<Vec<_>>()),
            states: 1_001,
        },
        Case {
            name: "JSONata-heavy state",
            definition: chain("JSONata", &|_| json!({"Type": "Pass", "Output": heavy}), 1),
            input: json!({"orders": orders}),
            states: 1,
        },
    ]
}

fn run(definition: &Definition, input: &Value) {
    let mut state = ExecutionState::default();
    let identity = Identity { execution_name: "bench".to_owned(), ..Identity::default() };
    let mut event = Event::Started { input: input.clone(), identity };
    for seed in 0.. {
        let env = Env { now_ms: 1_700_000_000_000, seed, evaluator: &JsonataEvaluator };
        let transition = step(definition, &state, &event, &env);
        state.apply(&transition.change);
        black_box(&transition.history);
        // A long step asks to be called again at once.
        match state.timers().first() {
            Some(timer) if state.closed().is_none() && matches!(timer.key, TimerKey::Frame(_)) => {
                event = Event::TimerFired { timer: timer.key };
            }
            _ => break,
        }
    }
    let closed = state.closed().expect("the bench's own machines end");
    assert!(matches!(closed, tenantry_asl::Closed::Succeeded { .. }), "{closed:?}");
}

fn main() {
    println!("{:<24} {:>16} {:>16}", "machine", "transitions/s", "us a transition");
    let word = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    for case in cases().into_iter().filter(|case| case.name.contains(&word)) {
        let definition = parse(&case.definition.to_string()).expect("the bench's own definitions are good");
        let began = Instant::now();
        let mut transitions = 0u64;
        while began.elapsed() < SHARE {
            run(&definition, &case.input);
            transitions += case.states;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let rate = transitions as f64 / began.elapsed().as_secs_f64();
        println!("{:<24} {rate:>16.0} {:>16.2}", case.name, 1e6 / rate);
    }
}
