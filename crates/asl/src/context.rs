//! The context object, `$states.context`.

use serde_json::Value;
use std::cell::OnceCell;
use std::rc::Rc;

/// What `$states.context` shows; made only where an expression asks for it, and then once.
/// <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>
pub struct ContextObject<'a> {
    make: Box<dyn Fn() -> Value + 'a>,
    made: OnceCell<Rc<Value>>,
}

impl<'a> ContextObject<'a> {
    /// A context object that is made by that function, when it is first read.
    pub fn new(make: impl Fn() -> Value + 'a) -> Self {
        ContextObject { make: Box::new(make), made: OnceCell::new() }
    }

    /// The object.
    pub fn value(&self) -> Rc<Value> {
        Rc::clone(self.made.get_or_init(|| Rc::new((self.make)())))
    }
}
