//! A small durable store of documents: what the registry of state machines keeps.

use tenantry_core::BoxFuture;
use tenantry_core::ports::PortError;

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name, unique.
    pub key: String,
    /// What it holds; the store does not look into it.
    pub body: String,
}

/// Documents by their keys: few and small enough to be held in memory whole.
pub trait Documents: Send + Sync + 'static {
    /// All documents, in the order of their keys' bytes.
    fn all(&self) -> BoxFuture<'_, Result<Vec<Document>, PortError>>;

    /// Writes all of it or nothing; a body of `None` deletes. The call itself puts it in line: commits take effect in
    /// the order of the calls. Once `Ok`, it survives a crash.
    fn commit(&self, writes: Vec<(String, Option<String>)>) -> BoxFuture<'static, Result<(), PortError>>;
}
