//! What stands for the types of `crate::jsonpath` until they are there.

/// A JSONPath.
#[derive(Debug)]
pub(crate) struct Path(pub(crate) String);

/// Where `ResultPath` puts a result.
#[derive(Debug)]
pub(crate) struct ReferencePath(pub(crate) String);

/// A call of an intrinsic function.
#[derive(Debug)]
pub(crate) struct Intrinsic(pub(crate) String);

/// JSON in which members whose names end in `.$` are computed.
#[derive(Debug)]
pub(crate) struct PayloadTemplate(pub(crate) serde_json::Value);
