//! Opaque cursors, bound to their query.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tenantry_core::{Error, ErrorCode, Result};

/// Bytes of the seal. It tells mistakes, not attackers: a cursor opens nothing that its holder could not list anyway.
const SEAL_BYTES: usize = 8;

fn seal(query: &str, place: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update((query.len() as u64).to_be_bytes());
    hash.update(query);
    hash.update(place);
    hash.finalize().into()
}

/// The cursor that goes on after `place` in `query`: address and filters, without the limit.
pub(super) fn encode(query: &str, place: &str) -> String {
    let mut bytes = seal(query, place)[..SEAL_BYTES].to_vec();
    bytes.extend_from_slice(place.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor of `query` names. [`ErrorCode::InvalidCursor`] where it is malformed or another query's.
pub(super) fn decode(query: &str, cursor: &str) -> Result<String> {
    let place = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| {
        let (found, place) = bytes.split_at_checked(SEAL_BYTES)?;
        let place = std::str::from_utf8(place).ok()?;
        (seal(query, place)[..SEAL_BYTES] == *found).then(|| place.to_owned())
    });
    place.ok_or_else(|| {
        Error::new(
            ErrorCode::InvalidCursor,
            "The cursor is malformed or was given for another address or other filters. Take nextCursor as it is, \
             with the same filters; or start again without a cursor.",
        )
        .with_field("cursor")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_belongs_to_its_query(a in ".{0,30}", b in ".{0,30}", place in ".{0,40}") {
            let cursor = encode(&a, &place);
            prop_assert_eq!(decode(&a, &cursor).unwrap(), place);
            prop_assert_eq!(decode(&b, &cursor).is_ok(), a == b);
        }

        #[test]
        fn garbage_is_no_cursor(text in ".{0,60}") {
            let refused = decode("tenants", &text).map_err(|error| error.code());
            prop_assert_eq!(refused, Err(ErrorCode::InvalidCursor));
        }
    }

    #[test]
    fn query_and_place_are_kept_apart() {
        let cursor = encode("ab", "c");
        assert!(decode("a", &cursor).is_err());
        assert!(decode("ab", &format!("{cursor}x")).is_err());
    }
}
