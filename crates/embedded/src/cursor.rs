//! Opaque cursors of lists, bound to what they page through.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Bytes of the seal. It tells mistakes, not attackers: a cursor opens nothing that its holder could not list anyway.
const SEAL_BYTES: usize = 8;

/// Why a text is no cursor of this list.
pub(crate) const FOREIGN: &str = "the cursor is malformed, or was given for another list or other filters";

fn seal(list: &str, place: &str) -> [u8; SEAL_BYTES] {
    let mut hash = Sha256::new();
    hash.update((list.len() as u64).to_be_bytes());
    hash.update(list);
    hash.update(place);
    let hash: [u8; 32] = hash.finalize().into();
    std::array::from_fn(|n| hash[n])
}

/// The cursor that goes on after `place` in `list`, which names the list and its filters.
pub(crate) fn encode(list: &str, place: &str) -> String {
    let mut bytes = seal(list, place).to_vec();
    bytes.extend_from_slice(place.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor of `list` names; `None` where it is malformed or another list's.
pub(crate) fn decode(list: &str, cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (found, place) = bytes.split_at_checked(SEAL_BYTES)?;
    let place = std::str::from_utf8(place).ok()?;
    (seal(list, place) == found).then(|| place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_belongs_to_its_list(a in ".{0,30}", b in ".{0,30}", place in ".{0,40}", noise in ".{0,60}") {
            let cursor = encode(&a, &place);
            prop_assert_eq!(decode(&a, &cursor), Some(place));
            prop_assert_eq!(decode(&b, &cursor).is_some(), a == b);
            prop_assert_eq!(decode(&a, &noise), None);
        }
    }
}
