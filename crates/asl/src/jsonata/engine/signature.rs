//! Signatures of functions, such as `<s-nn?:s>`: what arguments are taken, and what stands in for missing ones.
//! <https://docs.jsonata.org/programming#function-signatures>

use super::error::{Outcome, Thrown};
use super::meter::Meter;
use super::value::{List, Value};
use std::rc::Rc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature(Vec<Parameter>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parameter {
    /// The symbols that it takes; `m`, missing, is always among them unless it is a function.
    accepts: &'static str,
    choice: String,
    times: Times,
    /// The context stands in where it is missing.
    context: bool,
    is_array: bool,
    /// The symbols of what an array holds.
    inner: Option<String>,
    is_function: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Optional,
    Many,
}

impl Parameter {
    fn takes(&self, symbol: char) -> bool {
        self.accepts.contains(symbol) || self.choice.contains(symbol)
    }
}

const ANY: &str = "asnblfom";
const JSON: &str = "asnblom";

impl Signature {
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let chars: Vec<char> = text.chars().collect();
        let mut at = 1;
        while let Some(&symbol) = chars.get(at) {
            let mut push = |accepts: &'static str, choice: String| {
                parameters.push(Parameter {
                    accepts,
                    choice,
                    times: Times::Once,
                    context: false,
                    is_array: symbol == 'a',
                    inner: None,
                    is_function: symbol == 'f',
                });
            };
            match symbol {
                ':' => break,
                's' => push("sm", String::new()),
                'n' => push("nm", String::new()),
                'b' => push("bm", String::new()),
                'l' => push("lm", String::new()),
                'o' => push("om", String::new()),
                'a' | 'x' => push(ANY, String::new()),
                'j' => push(JSON, String::new()),
                'f' => push("f", String::new()),
                '(' => {
                    let end = closing(&chars, at, '(', ')');
                    let choice: String = chars[at + 1..end].iter().collect();
                    if choice.contains('<') {
                        return Err(Thrown::new("S0402").text(&choice));
                    }
                    push("m", choice);
                    at = end;
                }
                '-' | '?' | '+' => {
                    if let Some(last) = parameters.last_mut() {
                        last.context |= symbol == '-';
                        last.times = if symbol == '+' { Times::Many } else { Times::Optional };
                    }
                }
                '<' => {
                    let end = closing(&chars, at, '<', '>');
                    match parameters.last_mut() {
                        Some(last) if last.is_array || last.is_function => {
                            last.inner = Some(chars[at + 1..end].iter().collect());
                        }
                        last => {
                            let kind = last.map_or("undefined", |last| &last.accepts[..1]);
                            return Err(Thrown::new("S0401").text(kind));
                        }
                    }
                    at = end;
                }
                _ => {}
            }
            at += 1;
        }
        Ok(Signature(parameters))
    }

    /// The arguments as the function gets them: the context put in, single values wrapped where an array is wanted.
    pub(crate) fn validate(
        &self,
        meter: &Rc<Meter>,
        arguments: Vec<Value>,
        context: &Value,
    ) -> Outcome<Vec<Value>> {
        if self.takes_each(&arguments) {
            let parameters = self.0.iter().enumerate();
            return parameters
                .zip(arguments)
                .map(
                    |((at, parameter), argument)| {
                        if parameter.is_array { parameter.array(meter, argument, at) } else { Ok(argument) }
                    },
                )
                .collect();
        }
        let symbols: Vec<char> = arguments.iter().map(symbol).collect();
        let Some(taken) = self.assign(&symbols) else { return Err(self.mismatch(&symbols)) };
        let mut valid = Vec::with_capacity(arguments.len().max(self.0.len()));
        let mut arguments = arguments.into_iter();
        let mut at = 0;
        for (parameter, taken) in self.0.iter().zip(taken) {
            if taken == 0 {
                if parameter.context {
                    if !parameter.takes(symbol(context)) {
                        return Err(Thrown::new("T0411").value(context).index(at + 1));
                    }
                    valid.push(context.clone());
                } else {
                    valid.push(arguments.next().unwrap_or_default());
                    at += 1;
                }
                continue;
            }
            for _ in 0..taken {
                let argument = arguments.next().unwrap_or_default();
                valid.push(if parameter.is_array { parameter.array(meter, argument, at)? } else { argument });
                at += 1;
            }
        }
        Ok(valid)
    }

    /// Whether each parameter takes the argument in its place, and there are no others.
    fn takes_each(&self, arguments: &[Value]) -> bool {
        self.0.len() == arguments.len()
            && self.0.iter().zip(arguments).all(|(parameter, argument)| {
                parameter.times != Times::Many && parameter.takes(symbol(argument))
            })
    }

    /// How many arguments each parameter takes, the first as many as they can.
    fn assign(&self, symbols: &[char]) -> Option<Vec<usize>> {
        fn fit(parameters: &[Parameter], symbols: &[char], taken: &mut Vec<usize>) -> bool {
            let Some((parameter, rest)) = parameters.split_first() else { return symbols.is_empty() };
            let fitting = symbols.iter().take_while(|symbol| parameter.takes(**symbol)).count();
            let (least, most) = match parameter.times {
                Times::Once => (1, 1),
                Times::Optional => (0, 1),
                Times::Many => (1, usize::MAX),
            };
            for count in (least..=fitting.min(most)).rev() {
                taken.push(count);
                if fit(rest, &symbols[count..], taken) {
                    return true;
                }
                taken.pop();
            }
            false
        }
        let mut taken = Vec::with_capacity(self.0.len());
        fit(&self.0, symbols, &mut taken).then_some(taken)
    }

    /// Finds the first argument that does not fit.
    fn mismatch(&self, symbols: &[char]) -> Thrown {
        let mut good = 0;
        for index in 0..self.0.len() {
            // The longest beginning that the parameters so far take.
            let head = Signature(self.0[..=index].to_vec());
            match (0..=symbols.len()).rev().find(|length| head.assign(&symbols[..*length]).is_some()) {
                Some(length) => good = length,
                None => return Thrown::new("T0410").index(good + 1),
            }
        }
        Thrown::new("T0410").index(good + 1)
    }
}

impl Parameter {
    fn array(&self, meter: &Rc<Meter>, argument: Value, at: usize) -> Outcome {
        let Some(wanted) = self.inner.as_deref().and_then(|inner| inner.chars().next()) else {
            return wrapped(meter, argument);
        };
        let fits = match &argument {
            Value::Undefined => true,
            Value::Array(items, _) if items.is_range() => wanted == 'n',
            Value::Array(items, _) => {
                meter.spend_on(items.len())?;
                items.iter().all(|item| symbol(&item) == wanted)
            }
            other => symbol(other) == wanted && self.inner.as_deref().is_some_and(|inner| inner.len() == 1),
        };
        if fits {
            return wrapped(meter, argument);
        }
        let kind = match wanted {
            'a' => "arrays",
            'b' => "booleans",
            'f' => "functions",
            'n' => "numbers",
            'o' => "objects",
            's' => "strings",
            _ => "values",
        };
        Err(Thrown::new("T0412").value(&argument).index(at + 1).kind(kind))
    }
}

fn wrapped(meter: &Rc<Meter>, argument: Value) -> Outcome {
    match argument {
        Value::Undefined | Value::Array(..) => Ok(argument),
        other => List::of(meter, [other])?.array(),
    }
}

fn symbol(value: &Value) -> char {
    match value {
        Value::Undefined => 'm',
        Value::Null => 'l',
        Value::Bool(_) => 'b',
        Value::Number(_) => 'n',
        Value::String(_) => 's',
        Value::Array(..) => 'a',
        Value::Object(_) | Value::Tuple(_) => 'o',
        Value::Function(_) => 'f',
    }
}

/// Where the bracket at `start` closes; the end of the text where it does not.
fn closing(chars: &[char], start: usize, open: char, close: char) -> usize {
    let mut depth = 1;
    for (at, char) in chars.iter().enumerate().skip(start + 1) {
        if *char == close {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        } else if *char == open {
            depth += 1;
        }
    }
    chars.len()
}
