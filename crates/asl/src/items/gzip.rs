//! Unpacking gzip.

use super::{ITEMS_BYTES_MAX, ItemsError};
use flate2::read::MultiGzDecoder;
use std::borrow::Cow;
use std::io::Read;

/// The bytes as they are, or unpacked where they are gzip by their first two bytes (RFC 1952). Both forms are bounded.
pub(super) fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ItemsError> {
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Err(ItemsError::new(
            "Zstandard files cannot be read here: give the dataset plain or packed by gzip.",
        ));
    }
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return if bytes.len() > ITEMS_BYTES_MAX {
            Err(ItemsError::too_large())
        } else {
            Ok(Cow::Borrowed(bytes))
        };
    }
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(ITEMS_BYTES_MAX as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|problem| ItemsError::new(format!("The object is no whole gzip file: {problem}")))?;
    if unpacked.len() > ITEMS_BYTES_MAX { Err(ItemsError::too_large()) } else { Ok(Cow::Owned(unpacked)) }
}
