//! The context object, `$states.context`.

/// What `$states.context` shows; built only where an expression asks for it.
pub struct ContextObject<'a> {
    pub(crate) build: &'a dyn Fn() -> serde_json::Value,
}
