//! The items of a distributed Map: reading them from objects, batching them, and writing what became of them. Pure
//! functions over bytes; a runtime fetches and stores the bytes.
//!
//! Rules: <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>,
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html>,
//! <https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html>.

mod batch;
mod csv;
mod gzip;
mod json;
mod listing;
mod manifest;
mod read;
mod request;
mod results;
#[cfg(test)]
mod tests;

pub(crate) use batch::Batch;
pub(crate) use batch::Offered;
pub use listing::{Listed, listing};
pub use manifest::{Manifest, manifest};
pub(crate) use read::length;
pub use read::{Items, Reading};
pub use request::{Delimiter, Format, Headers, ManifestKind, ReaderRequest, Source};
pub(crate) use results::transformed;
pub use results::{
    ChildResult, ChildStatus, ResultFile, ResultFiles, ResultFormat, ResultTransformation, WriterRequest,
    outline, result_files,
};

/// Most items that one Map Run may have.
pub const ITEMS_MAX: usize = 100_000;

/// Most bytes, as JSON text, that the items of one Map Run may have together; the objects that they are read from may
/// have as many, each and unpacked.
pub const ITEMS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why items cannot be read: the cause of a `States.ItemReaderFailed`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ItemsError(pub String);

impl ItemsError {
    pub(crate) fn new(cause: impl Into<String>) -> Self {
        ItemsError(cause.into())
    }

    fn too_many() -> Self {
        ItemsError(format!(
            "The dataset has more than {ITEMS_MAX} items, which is the most that one Map Run may have here. Limit it with MaxItems, or split the dataset."
        ))
    }

    fn too_large() -> Self {
        ItemsError(format!(
            "The dataset has more than {} MiB, which is the most that one Map Run may read here. Limit it with MaxItems, or split the dataset.",
            ITEMS_BYTES_MAX / (1024 * 1024)
        ))
    }
}
