//! Sealing at rest: XChaCha20-Poly1305 under random nonces, the same in both homes.
//!
//! A sealed text is one byte of format, 24 bytes of nonce, then the ciphertext with its tag
//! (<https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha>: with 192 bits, random nonces never meet).
//!
//! **Invariants.** A key's bytes are wiped when they are dropped, and shown nowhere. What was sealed for a list of parts
//! opens for that list alone.

mod cache;

pub use cache::{Epoch, KeyCache};

use chacha20poly1305::{AeadInOut as _, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use tenantry_core::TenantId;
use tenantry_core::ports::{Ids, KeyPurpose};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// Length of a key.
pub const KEY_BYTES: usize = 32;

/// How many bytes a sealed text is longer than the plain one.
pub const OVERHEAD_BYTES: usize = 1 + NONCE_BYTES + TAG_BYTES;

/// A key's raw bytes, wiped when dropped.
pub type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// Raw bytes as a key's; `None` where they are not [`KEY_BYTES`] long.
pub fn key_bytes(bytes: &[u8]) -> Option<KeyBytes> {
    bytes.try_into().ok().map(Zeroizing::new)
}

/// The sealed text was altered, or sealed for something else, or under another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed text was altered, or sealed for something else or under another key")]
pub struct Unopenable;

/// A key that seals and opens. `Debug` shows nothing of it; its bytes are wiped when it is dropped.
#[derive(Clone)]
pub struct SealingKey(XChaCha20Poly1305);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[key]")
    }
}

/// The parts of what a text is sealed for, so joined that no two lists of parts make the same bytes.
fn associated(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// What a tenant's text is sealed for: the same list in both homes.
pub fn tenant_parts<'a>(tenant: &'a TenantId, purpose: KeyPurpose, context: &'a str) -> [&'a str; 3] {
    [tenant.as_str(), purpose.as_str(), context]
}

impl SealingKey {
    /// The key of these bytes.
    pub fn new(bytes: &KeyBytes) -> Self {
        Self(XChaCha20Poly1305::new((&**bytes).into()))
    }

    /// A new key's bytes.
    pub fn generate(ids: &dyn Ids) -> KeyBytes {
        let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
        ids.fill(&mut *bytes);
        bytes
    }

    /// Seals `plain` for `parts`, which must be given again to open it.
    ///
    /// # Panics
    /// Never: the cipher refuses texts above 256 GiB alone.
    pub fn seal(&self, ids: &dyn Ids, parts: &[&str], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0u8; NONCE_BYTES];
        ids.fill(&mut nonce);
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD_BYTES);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&nonce);
        let start = sealed.len();
        sealed.extend_from_slice(plain);
        let tag = self
            .0
            .encrypt_inout_detached(&XNonce::from(nonce), &associated(parts), (&mut sealed[start..]).into())
            .expect("a text of memory's size is shorter than the cipher's 256 GiB");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// Opens what [`SealingKey::seal`] made for the same `parts`.
    ///
    /// # Errors
    /// [`Unopenable`].
    pub fn open(&self, parts: &[&str], sealed: &[u8]) -> Result<Vec<u8>, Unopenable> {
        let (format, rest) = sealed.split_first().ok_or(Unopenable)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Unopenable)?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(Unopenable)?;
        if *format != FORMAT {
            return Err(Unopenable);
        }
        let mut plain = text.to_vec();
        self.0
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &associated(parts),
                plain.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| Unopenable)?;
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tenantry_system::SystemIds;

    /// "kept", sealed for a tenant's place when the format was made.
    const SEALED_ONCE: &str =
        "01029216f2cfbe4066097cb834fe24614cfa37c8e508c30a8f28ce22c19a8033406152401dfb744b504c2da990";

    fn key() -> (SystemIds, SealingKey) {
        let ids = SystemIds::new().unwrap();
        let bytes = SealingKey::generate(&ids);
        (ids, SealingKey::new(&bytes))
    }

    #[test]
    fn opens_only_what_it_was_sealed_for() {
        let (ids, key) = key();
        let sealed = key.seal(&ids, &["a", "bc"], b"text");
        assert_eq!(key.open(&["a", "bc"], &sealed).unwrap(), b"text");
        for parts in [&["ab", "c"][..], &["a"], &["a", "bc", ""], &[], &["bc", "a"]] {
            assert_eq!(key.open(parts, &sealed), Err(Unopenable), "{parts:?}");
        }
        assert_eq!(self::key().1.open(&["a", "bc"], &sealed), Err(Unopenable));
    }

    #[test]
    fn two_seals_of_one_text_differ() {
        let (ids, key) = key();
        assert_ne!(key.seal(&ids, &[], b"text"), key.seal(&ids, &[], b"text"));
    }

    #[test]
    fn only_bytes_of_a_keys_length_are_a_key() {
        for length in [0, 31, 33] {
            assert!(key_bytes(&vec![1; length]).is_none(), "{length}");
        }
        assert_eq!(*key_bytes(&[7; 32]).unwrap(), [7; 32]);
    }

    /// What one version sealed, every later one must open.
    #[test]
    fn the_format_stays() {
        let key = SealingKey::new(&Zeroizing::new(std::array::from_fn(|n| n as u8)));
        let sealed: Vec<u8> = SEALED_ONCE
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        assert_eq!(key.open(&["tenant", "records", "place"], &sealed).unwrap(), b"kept");
    }

    proptest! {
        #[test]
        fn any_change_is_found(plain: Vec<u8>, at: prop::sample::Index, bit in 0u8..8, cut: prop::sample::Index) {
            let (ids, key) = key();
            let sealed = key.seal(&ids, &["p"], &plain);
            prop_assert_eq!(sealed.len(), plain.len() + OVERHEAD_BYTES);
            prop_assert_eq!(key.open(&["p"], &sealed).unwrap(), plain);
            let mut altered = sealed.clone();
            altered[at.index(sealed.len())] ^= 1 << bit;
            prop_assert_eq!(key.open(&["p"], &altered), Err(Unopenable));
            prop_assert_eq!(key.open(&["p"], &sealed[..cut.index(sealed.len())]), Err(Unopenable));
        }
    }
}
