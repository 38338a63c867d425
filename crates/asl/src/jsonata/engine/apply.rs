//! Calls: lambdas, functions of the language, partial application, `~>` and the transform operator.

use super::ast::{Call, Kind, Node, Transform};
use super::error::{Outcome, Thrown};
use super::eval::{Evaluation, Items};
use super::function::{Closure, Frame, Function};
use super::object::Members;
use super::value::{List, Value};
use std::rc::Rc;

/// The name that a procedure is called by.
fn procedure_name(procedure: &Node) -> Option<&str> {
    match &procedure.kind {
        Kind::Variable(name) => Some(name),
        Kind::Path(path) => match path.steps.first().map(|step| &step.kind) {
            Some(Kind::Name(name)) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

/// In JavaScript's words: JSONata has none of its own for it.
fn no_members(value: &Value, name: &str) -> Thrown {
    let (kind, shown) = match value {
        Value::Bool(bool) => ("boolean", bool.to_string()),
        Value::Number(number) => ("number", super::text::number(*number)),
        Value::String(text) => ("string", text.as_str().chars().take(200).collect()),
        _ => return Thrown::custom(format!("Cannot set properties of null (setting '{name}')")),
    };
    Thrown::custom(format!("Cannot create property '{name}' on {kind} '{shown}'"))
}

impl Evaluation {
    fn procedure(
        &self,
        call: &Call,
        forgotten_dollar: &'static str,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Outcome {
        let procedure = self.evaluate(&call.procedure, input, frame)?;
        if procedure.is_undefined()
            && matches!(call.procedure.kind, Kind::Path(_))
            && let Some(name) = procedure_name(&call.procedure)
            && !self.lookup(name, frame).is_undefined()
        {
            return Err(Thrown::new(forgotten_dollar).token(name));
        }
        Ok(procedure)
    }

    /// `piped`: what `~>` puts before the other arguments.
    pub(super) fn call(
        &self,
        call: &Call,
        piped: Option<Value>,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Outcome {
        let procedure = self.procedure(call, "T1005", input, frame)?;
        let mut arguments: Vec<Value> = Vec::with_capacity(call.arguments.len() + 1);
        arguments.extend(piped);
        for argument in &call.arguments {
            arguments.push(self.evaluate(argument, input, frame)?);
        }
        let name = procedure_name(&call.procedure);
        let result = self
            .apply_named(name, &procedure, arguments, input)
            .and_then(|result| self.settled(result, input));
        result.map_err(|error| match name {
            Some(name) => error.called(name),
            None => error,
        })
    }

    /// Applies a function; `context` stands in for arguments that its signature lets it.
    pub(super) fn apply(&self, procedure: &Value, arguments: Vec<Value>, context: &Value) -> Outcome {
        let result = self.apply_named(None, procedure, arguments, context)?;
        self.settled(result, context)
    }

    /// As [`Evaluation::apply_once`]; an error tells the name of the call, or else that of a function of the language.
    fn apply_named(
        &self,
        name: Option<&str>,
        procedure: &Value,
        arguments: Vec<Value>,
        context: &Value,
    ) -> Outcome {
        self.apply_once(procedure, arguments, context).map_err(|error| {
            let own = match procedure {
                Value::Function(function) => match &**function {
                    Function::Builtin(builtin) => Some(builtin.name()),
                    _ => None,
                },
                _ => None,
            };
            match name.or(own) {
                Some(name) => error.called(name),
                None => error,
            }
        })
    }

    fn settled(&self, mut result: Value, context: &Value) -> Outcome {
        // The loop that tail calls come back to.
        while let Value::Function(function) = &result
            && let Some(thunk) = function.as_thunk()
            && let Kind::Call(call) = &thunk.lambda.body.kind
        {
            self.meter.spend(1)?;
            let procedure = self.evaluate(&call.procedure, &thunk.input, &thunk.frame)?;
            let mut arguments = Vec::with_capacity(call.arguments.len());
            for argument in &call.arguments {
                arguments.push(self.evaluate(argument, &thunk.input, &thunk.frame)?);
            }
            result = self.apply_named(procedure_name(&call.procedure), &procedure, arguments, context)?;
        }
        Ok(result)
    }

    fn apply_once(&self, procedure: &Value, arguments: Vec<Value>, context: &Value) -> Outcome {
        let Value::Function(function) = procedure else { return Err(Thrown::new("T1006")) };
        let arguments = match &**function {
            Function::Lambda(closure) => match &closure.lambda.signature {
                Some(signature) => signature.validate(&self.meter, arguments, context)?,
                None => arguments,
            },
            Function::Builtin(builtin) => builtin.signature().validate(&self.meter, arguments, context)?,
            Function::Transform { .. } => {
                if !matches!(arguments.as_slice(), [Value::Object(_) | Value::Array(..) | Value::Undefined]) {
                    return Err(Thrown::new("T0410").index(1));
                }
                arguments
            }
            _ => arguments,
        };
        self.apply_valid(function, arguments, context)
    }

    /// With arguments that no signature looks at any more.
    fn apply_valid(&self, function: &Rc<Function>, arguments: Vec<Value>, context: &Value) -> Outcome {
        match &**function {
            Function::Lambda(closure) => self.enter_closure(closure, arguments),
            Function::Builtin(builtin) => builtin.run(self, &arguments, context),
            Function::Partial { function, arguments: given, .. } => {
                let Value::Function(function) = function else { return Err(Thrown::new("T1006")) };
                let mut rest = arguments.into_iter();
                let all = given
                    .iter()
                    .map(|argument| match argument {
                        Some(argument) => argument.clone(),
                        None => rest.next().unwrap_or_default(),
                    })
                    .collect();
                self.apply_deeper(function, all, context)
            }
            Function::Chain { first, second, .. } => {
                let between = self.apply(first, arguments, &Value::Null)?;
                self.apply(second, vec![between], &Value::Null)
            }
            Function::Transform { transform, frame, .. } => {
                self.transformed(transform, arguments.first().unwrap_or(&Value::Undefined), frame)
            }
            Function::Regex(pattern) => {
                let text = arguments.first().cloned().unwrap_or_default();
                let from = arguments.get(1).and_then(Value::as_number).unwrap_or(0.0);
                self.match_object(pattern, &text, from)
            }
            Function::NextMatch { pattern, text, from, .. } => self.next_match_object(pattern, text, *from),
        }
    }

    /// Partial functions of partial functions nest without a node being evaluated in between.
    fn apply_deeper(&self, function: &Rc<Function>, arguments: Vec<Value>, context: &Value) -> Outcome {
        self.meter.spend(1)?;
        self.meter.enter()?;
        let result = self.apply_valid(function, arguments, context);
        self.meter.leave();
        result
    }

    fn enter_closure(&self, closure: &Closure, arguments: Vec<Value>) -> Outcome {
        let frame = Frame::inner(&self.meter, &closure.frame)?;
        let mut arguments = arguments.into_iter();
        for name in &closure.lambda.parameters {
            self.bind_in(&frame, name, arguments.next().unwrap_or_default())?;
        }
        self.evaluate(&closure.lambda.body, &closure.input, &frame)
    }

    pub(super) fn partial(&self, call: &Call, input: &Value, frame: &Rc<Frame>) -> Outcome {
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            arguments.push(match argument.kind {
                Kind::Placeholder => None,
                _ => Some(self.evaluate(argument, input, frame)?),
            });
        }
        let procedure = self.procedure(call, "T1007", input, frame)?;
        if !procedure.is_function() {
            let name = procedure_name(&call.procedure).unwrap_or_default();
            return Err(Thrown::new("T1008").token(name));
        }
        Function::partial(&self.meter, procedure, arguments)
    }

    pub(super) fn apply_operator(
        &self,
        left: &Node,
        right: &Node,
        input: &Value,
        frame: &Rc<Frame>,
    ) -> Outcome {
        let value = self.evaluate(left, input, frame)?;
        if let Kind::Call(call) = &right.kind {
            // As if the value were the call's first argument; what is noted on the call's node holds on.
            return self.call(call, Some(value), input, frame);
        }
        let function = self.evaluate(right, input, frame)?;
        if !function.is_function() {
            return Err(Thrown::new("T2006").value(&function));
        }
        if value.is_function() {
            return Function::chain(&self.meter, value, function);
        }
        self.apply(&function, vec![value], &Value::Null)
    }

    fn transformed(&self, transform: &Transform, value: &Value, frame: &Rc<Frame>) -> Outcome {
        if value.is_undefined() {
            return Ok(Value::Undefined);
        }
        let clone = self.lookup("clone", frame);
        if !clone.is_function() {
            return Err(Thrown::new("T2013"));
        }
        let result = self.apply(&clone, vec![value.clone()], &Value::Null)?;
        let matches = self.evaluate(&transform.pattern, &result, frame)?;
        if matches.is_undefined() {
            return Ok(result);
        }
        for found in Items::of(&matches).iter() {
            let update = self.evaluate(&transform.update, &found, frame)?;
            match &update {
                Value::Undefined => {}
                Value::Object(update) => {
                    for (name, value) in (0..update.len()).filter_map(|at| update.entry(at)) {
                        // A copy, so that nothing ever holds itself.
                        let value = self.deep_copy(&value)?;
                        match &found {
                            Value::Object(found) => found.change(|members| members.set(name, value))?,
                            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                                return Err(no_members(&found, &name));
                            }
                            _ => {}
                        }
                    }
                }
                other => return Err(Thrown::new("T2011").value(other)),
            }
            let Some(delete) = &transform.delete else { continue };
            let deletions = self.evaluate(delete, &found, frame)?;
            if deletions.is_undefined() {
                continue;
            }
            let names = Items::of(&deletions);
            if names.iter().any(|name| name.as_str().is_none()) {
                return Err(Thrown::new("T2012").value(&deletions));
            }
            for name in names.iter() {
                if let (Value::Object(found), Some(name)) = (&found, name.as_str()) {
                    found.change(|members| members.remove(name))?;
                }
            }
        }
        Ok(result)
    }

    /// A value of its own, down to every object; functions go, as they do from JSON.
    pub(super) fn deep_copy(&self, value: &Value) -> Outcome {
        self.meter.spend(1)?;
        match value {
            Value::Array(array, flags) => {
                if array.is_range() {
                    return Ok(value.clone());
                }
                let mut list = List::with_capacity(&self.meter, array.len())?;
                for item in array.iter() {
                    list.push(self.deep_copy(&item)?)?;
                }
                list.finish(*flags)
            }
            Value::Object(object) => {
                let mut members = Members::new(&self.meter)?;
                for (name, member) in (0..object.len()).filter_map(|at| object.entry(at)) {
                    members.set(name, self.deep_copy(&member)?)?;
                }
                members.finish()
            }
            other => Ok(other.clone()),
        }
    }
}
