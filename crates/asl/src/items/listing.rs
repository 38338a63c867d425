//! Listings of objects as items.

use super::{ItemsError, Reading};
use md5::{Digest, Md5};
use serde_json::json;

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key within its bucket.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last written, in seconds since the Unix epoch.
    pub modified_at_s: i64,
}

/// Takes objects up as items, as `s3:listObjectsV2` gives them. The entity tag is opaque, as S3 says it is: it changes
/// with the length and the time of writing.
///
/// # Errors
/// Where there are too many.
pub fn listing(objects: &[Listed], into: &mut Reading) -> Result<(), ItemsError> {
    for object in objects {
        let told = format!("{}\n{}\n{}", object.key, object.bytes, object.modified_at_s);
        let tag = crate::hex::encode(&Md5::digest(told.as_bytes()));
        into.add(json!({
            "Etag": format!("\"{tag}\""),
            "Key": object.key,
            "LastModified": object.modified_at_s,
            "Size": object.bytes,
            "StorageClass": "STANDARD",
        }))?;
    }
    Ok(())
}
